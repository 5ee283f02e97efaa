"""Faults the other tests leave out, through the command: a line, a code, no loss."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import signal
import sqlite3
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from registry.cli.main import run
from registry.demo.hub import RecordedHub, Reply, Request
from tests.acceptance.command import Done, finish, registry, start
from tests.acceptance.family import family, names
from tests.cli.test_faults import FILE_LIMITED
from tests.hubs import by_id, recorded

HubFactory = Callable[..., RecordedHub]
RunCli = Callable[..., Any]

NOBODY = 65534


@pytest.fixture
def stocked(hub_factory: HubFactory, run_cli: RunCli) -> Path:
    """A catalog with a few models in it."""
    hub = hub_factory(family(4))
    assert run_cli("add", *names(4), HF_ENDPOINT=hub.endpoint).code == 0
    return Path("catalog.db")


def error_of(done: Any) -> dict[str, str | None]:
    """The one line of JSON an error is with `--json`."""
    error: dict[str, str | None] = json.loads(done.err.splitlines()[-1])["error"]
    return error


# --- what is asked for ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "ref",
    ["", "a/b/c", "no spaces/please", "../../etc/passwd", "a/b@", "hub:", "ftp:a/b", "a" * 300, "\x1b[31m/x"],
)
def test_a_bad_reference(ref: str, run_cli: RunCli) -> None:
    done = run_cli("add", "--json", "--", ref)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(("Error: ", '{"error": '))
    assert "\x1b" not in done.err
    assert not Path("catalog.db").exists(), "nothing is made for a command that cannot be carried out"


def test_a_bad_reference_among_good_ones_on_stdin(hub_factory: HubFactory, run_cli: RunCli) -> None:
    done = run_cli("add", "-", stdin="lab/one\nnot a model\n", HF_ENDPOINT=hub_factory({}).endpoint)
    assert (done.code, done.out) == (2, "")
    assert "not a model" in done.err


def test_a_revision_that_is_not_there(hub_factory: HubFactory, run_cli: RunCli) -> None:
    hub = hub_factory(by_id(recorded("lab/one")))
    done = run_cli("add", "lab/one@v9", "--json", HF_ENDPOINT=hub.endpoint)
    (model,) = json.loads(done.out)["models"]
    assert (done.code, model["error"]["code"]) == (3, "no-such-revision")


# --- what a host answers -------------------------------------------------------------------------


@pytest.mark.parametrize("status", [502, 504, 520])
def test_more_servers_that_fail(hub_factory: HubFactory, status: int, run_cli: RunCli) -> None:
    hub = hub_factory({}, fault=lambda request: Reply(status, {}, b"<html>"))
    done = run_cli("add", "lab/one", "--json", HF_ENDPOINT=hub.endpoint, REGISTRY_MAX_WAIT="0")
    (model,) = json.loads(done.out)["models"]
    assert (done.code, model["error"]["code"]) == (3, "server-fault")


def test_a_token_that_is_refused(hub_factory: HubFactory) -> None:
    hub = hub_factory(
        {}, fault=lambda request: Reply.error(401, "Invalid credentials in Authorization header")
    )
    done = registry("add", "lab/one", HF_ENDPOINT=hub.endpoint, HF_TOKEN="hf_" + "x" * 34)
    assert done.code == 3
    assert "refused the token (401)" in done.err
    assert "hf auth login" in done.err


def test_a_server_that_falls_silent_within_an_answer(hub_factory: HubFactory) -> None:
    body = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n{"
    hub = hub_factory({}, fault=lambda request: Reply(raw=body))
    done = registry("add", "lab/one", HF_ENDPOINT=hub.endpoint, REGISTRY_TIMEOUT="0.5", REGISTRY_MAX_WAIT="0")
    assert done.code == 3
    assert "Failed: " in done.err
    assert "lab/one" in done.err


@pytest.mark.parametrize("promised", [2**63, 2**64 - 1, 25_000_001, 0])
def test_a_header_that_promises_too_much_is_noted(
    hub_factory: HubFactory, promised: int, run_cli: RunCli
) -> None:
    files = {"README.md": b"", "model.safetensors": struct.pack("<Q", promised) + b'{"w":'}
    hub = hub_factory(by_id(recorded("lab/bad", files=files)))
    done = run_cli("add", "lab/bad", "--headers", HF_ENDPOINT=hub.endpoint)
    assert done.code == 0
    shown = json.loads(run_cli("show", "lab/bad", "--json").out)
    assert shown["parameters"] is None
    assert [note["code"] for note in shown["notes"] if "header" in note["code"]]


# --- what a disk refuses -------------------------------------------------------------------------


def limited(size: int, *args: str, **environ: str) -> Done:
    """The command where no file may grow beyond `size` bytes."""
    done = subprocess.run(
        [sys.executable, "-c", FILE_LIMITED, str(size), *args],
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr + done.stdout
    return Done(done.returncode, done.stdout, done.stderr)


def test_no_room_while_adding_keeps_what_was_stored(
    stocked: Path, hub_factory: HubFactory, run_cli: RunCli
) -> None:
    hub = hub_factory(family(60))
    room = stocked.stat().st_size + 60_000
    done = limited(room, "add", "--json", *names(60), HF_ENDPOINT=hub.endpoint)
    assert done.code == 3
    assert error_of(done)["code"] in ("disk-full", "catalog", "output")
    assert run_cli("catalog", "check").out == "The catalog is whole.\n"
    kept = run_cli("list", "-q").out.split()
    assert set(names(4)) <= set(kept) < set(names(60))
    assert run_cli("add", *names(60), HF_ENDPOINT=hub.endpoint).code == 0
    assert sorted(run_cli("list", "-q").out.split()) == sorted(names(60))


def test_no_room_for_a_new_catalog(hub_factory: HubFactory, run_cli: RunCli) -> None:
    hub = hub_factory(family(1))
    done = limited(20_000, "add", *names(1), "--json", HF_ENDPOINT=hub.endpoint)
    assert (done.code, done.out) == (3, "")
    assert error_of(done)["message"]
    assert run_cli("add", *names(1), HF_ENDPOINT=hub.endpoint).code == 0, "what is left is no hindrance"


def test_no_room_for_the_output(run_cli: RunCli, hub_factory: HubFactory) -> None:
    long = recorded("lab/long", tags=[f"{number:060}" for number in range(2000)])
    assert run_cli("add", "lab/long", HF_ENDPOINT=hub_factory(by_id(long)).endpoint).code == 0
    Path("model.json").write_text("what was there\n", encoding="utf-8")
    done = limited(60_000, "show", "lab/long", "--json", "-o", "model.json")
    assert (done.code, error_of(done)["code"]) == (3, "output")
    assert "cannot write model.json: File too large" in str(error_of(done)["message"])
    assert Path("model.json").read_text(encoding="utf-8") == "what was there\n"
    assert not [path for path in Path().iterdir() if path.name.startswith(".model.json")]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=700k", "tmpfs", str(folder)]
    tool = shutil.which("mount")
    if (
        os.geteuid() != 0
        or tool is None
        or subprocess.run(mount, capture_output=True, check=False).returncode
    ):
        pytest.skip("mounting a small disk needs root")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk(small_disk: Path, stocked: Path, hub_factory: HubFactory, run_cli: RunCli) -> None:
    hub = hub_factory(family(60))
    path = str(small_disk / "catalog.db")
    done = run_cli("add", "--json", *names(60), "--catalog", path, HF_ENDPOINT=hub.endpoint)
    assert done.code == 3
    assert error_of(done)["code"] == "disk-full"
    assert run_cli("catalog", "check", "--catalog", path).code == 0
    with (small_disk / "filler").open("wb", buffering=0) as filler, contextlib.suppress(OSError):
        while filler.write(bytes(4096)):
            pass
    wrote = run_cli("list", "--json", "-o", str(small_disk / "models.json"), "--catalog", str(stocked))
    assert (wrote.code, error_of(wrote)["code"]) == (3, "output")
    assert "No space left on device" in str(error_of(wrote)["message"])


def as_nobody(folder: Path, *commands: list[str]) -> list[list[Any]]:
    """Code and output of commands run in `folder` by a user whom permissions bind: in a child of ours."""
    readable, writable = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            if os.geteuid() == 0:
                os.setgroups([])
                os.setgid(NOBODY)
                os.setuid(NOBODY)
            os.chdir(folder)
            os.write(writable, json.dumps([run_captured(command) for command in commands]).encode())
        finally:
            os._exit(0)
    os.close(writable)
    with os.fdopen(readable) as pipe:
        told: list[list[Any]] = json.loads(pipe.read())
    os.waitpid(child, 0)
    return told


def run_captured(command: list[str]) -> list[Any]:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run(command, environ={"REGISTRY_CONFIG": "no-such-file.toml"})
    return [code, out.getvalue(), err.getvalue()]


def test_a_read_only_disk(run_cli: RunCli) -> None:
    """No Hub here: its threads and a fork do not go together."""
    Path("models.jsonl").write_text(json.dumps(recorded("lab/old").document), encoding="utf-8")
    Path("more.jsonl").write_text(json.dumps(recorded("lab/new").document), encoding="utf-8")
    folder = Path(tempfile.mkdtemp(prefix="registry-shelf-"))
    path = str(folder / "catalog.db")
    try:
        assert run_cli("import", "models.jsonl", "--catalog", path).code == 0
        shutil.copy("more.jsonl", folder)
        (folder / "catalog.db").chmod(0o444)
        folder.chmod(0o555)
        # Once as ourselves: whatever is imported late must be in memory before the user changes.
        for command in (f"list --catalog {path} -o x.txt", "list -o no/x.txt", "nothing --json"):
            run_cli(*command.split())
        listed, added, made, wrote = as_nobody(
            folder,
            ["list", "-q"],
            ["import", "more.jsonl", "--json"],
            ["catalog", "init", "--catalog", "new.db"],
            ["list", "-o", "models.txt"],
        )
    finally:
        folder.chmod(0o755)
        shutil.rmtree(folder)
    assert listed == [0, "lab/old\n", ""]
    assert added[:2] == [3, ""]
    assert json.loads(added[2])["error"]["code"] == "catalog-read-only"
    assert made[:2] == [3, ""]
    assert wrote[:2] == [3, ""], wrote
    assert "Permission denied" in wrote[2]
    assert "Traceback" not in repr((added, made, wrote))


# --- what became of the catalog ------------------------------------------------------------------


@pytest.mark.parametrize("args", [["list"], ["add", "a/b"], ["catalog", "check"], ["refresh", "--all"]])
@pytest.mark.parametrize("kept", [10, 5000])
def test_a_torn_catalog(stocked: Path, args: list[str], kept: int, run_cli: RunCli) -> None:
    stocked.write_bytes(stocked.read_bytes()[:kept])
    done = run_cli(*args, "--json")
    assert done.code in (1, 3)
    if done.code == 3:
        assert (done.out, error_of(done)["code"]) == ("", "catalog-damaged")
    assert len(stocked.read_bytes()) == kept, "what is left is not touched"


@pytest.mark.parametrize(
    "args", [["show", "a/b"], ["add", "a/b"], ["catalog", "migrate"], ["catalog", "init"]]
)
def test_a_catalog_from_the_future_is_left_alone(stocked: Path, args: list[str], run_cli: RunCli) -> None:
    with closing(sqlite3.connect(stocked)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999_from_the_future'")
    before = stocked.read_bytes()
    done = run_cli(*args)
    assert (done.code, done.out) == (3, "")
    assert "newer" in done.err
    assert stocked.read_bytes() == before


# --- Ctrl-C --------------------------------------------------------------------------------------


def test_ctrl_c_in_the_middle_keeps_what_was_read(hub_factory: HubFactory) -> None:
    def silent_in_the_end(request: Request) -> Reply | None:
        return Reply(200, {}, b"{}", delay=30.0) if request.number > 60 else None

    hub = hub_factory(family(60), fault=silent_in_the_end)
    running = start("add", "-", stdin="\n".join(names(60)), environ={"HF_ENDPOINT": hub.endpoint})
    deadline = time.monotonic() + 60
    while hub._received < 66 and time.monotonic() < deadline:
        time.sleep(0.005)
    time.sleep(0.2)
    began = time.monotonic()
    running.send_signal(signal.SIGINT)
    done = finish(running)
    assert time.monotonic() - began < 8
    assert (done.code, done.out) == (130, "")
    assert "Interrupted." in done.err
    assert registry("catalog", "check").code == 0
    kept = len(registry("list", "-q").out.split())
    assert 0 < kept < 60
    hub.fault = None
    assert registry("add", "-", stdin="\n".join(names(60)), HF_ENDPOINT=hub.endpoint).code == 0
    assert len(registry("list", "-q").out.split()) == 60
