"""No traceback reaches a user: everything that goes wrong outside ends in a line, a code, and no loss."""

from __future__ import annotations

import json
import os
import sqlite3
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from registry.catalog.catalog import Catalog
from registry.demo.hub import RecordedHub, Reply
from tests.hubs import by_id, recorded, safetensors

HubFactory = Callable[..., RecordedHub]
RunCli = Callable[..., Any]

BOMB = "---\na: &a [x]\n" + "".join(f"b{n}: &b{n} [*a,*a,*a,*a,*a,*a,*a]\n" for n in range(30)) + "---\n"
TOKEN = "hf_" + "s3cr3t" * 6


def no_trace(result: Any) -> None:
    assert "Traceback" not in result.err + result.out
    assert 'File "' not in result.err + result.out


def answering(reply: Reply) -> Callable[[object], Reply]:
    return lambda request: reply


def test_no_network(run_cli: RunCli) -> None:
    result = run_cli(
        "add", "a/b", REGISTRY_TIMEOUT="2", REGISTRY_MAX_WAIT="0", HF_ENDPOINT="http://127.0.0.1:9"
    )
    assert result.code == 3
    assert result.out == ""
    assert "a/b" in result.err
    no_trace(result)


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (Reply.error(401, "Invalid credentials"), "not-visible|unauthorized"),
        (Reply.error(403, "Forbidden"), "gated|unauthorized|not-visible|source"),
        (Reply.error(404, "Not found"), "not-visible"),
        (Reply.error(429, "Too Many Requests"), "rate-limited"),
        (Reply.error(500, "Internal"), "server-fault"),
        (Reply.error(503, "Unavailable"), "server-fault"),
        (Reply(200, {}, b"<html>hello</html>"), "bad-answer"),
        (Reply(200, {"Content-Type": "application/json"}, b'{"id": "a/b", "tags": ['), "bad-answer"),
        (
            Reply(200, {"Content-Type": "application/json"}, b'{"id": "a/b"' + b" " * 1000, cut=20),
            "bad-answer|unreachable",
        ),
        (Reply(200, {"Content-Type": "application/json"}, b"[]"), "bad-answer"),
        (Reply(200, {"Content-Type": "application/json"}, b"[" * 100_000), "bad-answer"),
        (Reply(200, {}, b"", raw=b"\x00\x01 nonsense\r\n\r\n"), "unreachable|bad-answer"),
    ],
    ids=["401", "403", "404", "429", "500", "503", "html", "truncated", "cut", "list", "deep", "no-http"],
)
def test_answers_that_are_none(hub_factory: HubFactory, run_cli: RunCli, reply: Reply, code: str) -> None:
    hub = hub_factory({}, fault=answering(reply))
    result = run_cli("add", "a/b", "--json", hub=hub, REGISTRY_TIMEOUT="3", REGISTRY_MAX_WAIT="0")
    no_trace(result)
    assert result.code == 3
    document = json.loads(result.out)
    assert document["complete"] is False
    (model,) = document["models"]
    assert model["state"] == "failed"
    assert model["error"]["code"] in code.split("|")
    assert model["error"]["message"]


def test_a_server_that_hangs(hub_factory: HubFactory, run_cli: RunCli) -> None:
    hub = hub_factory({}, fault=answering(Reply(200, {}, b"{}", delay=20.0)))
    result = run_cli("add", "a/b", hub=hub, REGISTRY_TIMEOUT="0.3", REGISTRY_MAX_WAIT="0")
    no_trace(result)
    assert result.code == 3
    assert "a/b" in result.err


def test_what_succeeded_is_kept_and_shown(hub_factory: HubFactory, run_cli: RunCli) -> None:
    hub = hub_factory(by_id(recorded("lab/good"), recorded("lab/gated", restricted="private")))
    result = run_cli("add", "lab/good", "lab/absent", hub=hub)
    no_trace(result)
    assert result.code == 3
    assert "lab/good" in result.out
    assert "lab/absent" in result.err
    assert "1 added, 1 failed" in result.err
    assert "lab/good" in run_cli("list", "-q").out


@pytest.mark.parametrize(
    "card",
    [
        "---\nbase_model: [unclosed\n---\n",
        BOMB,
        "---\nself: 1\nlicense: [1, {2: 3}]\nbase_model: {a: b}\ntags: 7\n---\n",
        "\x00\xff",
    ],
    ids=["broken", "bomb", "odd", "binary"],
)
def test_a_malformed_card_costs_the_card(hub_factory: HubFactory, run_cli: RunCli, card: str) -> None:
    model = recorded(
        "lab/odd", files={"README.md": card.encode(errors="replace")}, cardData=None, model_index=7
    )
    result = run_cli("add", "lab/odd", hub=hub_factory(by_id(model)))
    no_trace(result)
    assert result.code == 0
    assert run_cli("show", "lab/odd").code == 0


@pytest.mark.parametrize(
    "head",
    [struct.pack("<Q", 2**63), struct.pack("<Q", 10) + b"{", b"\x01", struct.pack("<Q", 4) + b"nope"],
    ids=["huge", "short", "tiny", "text"],
)
def test_a_malformed_header_costs_the_header(hub_factory: HubFactory, run_cli: RunCli, head: bytes) -> None:
    model = recorded("lab/bad-header", files={"README.md": b"", "model.safetensors": head})
    result = run_cli("add", "lab/bad-header", "--headers", hub=hub_factory(by_id(model)))
    no_trace(result)
    assert result.code == 0
    assert "lab/bad-header" in result.out


def test_a_good_header_is_read(hub_factory: HubFactory, run_cli: RunCli) -> None:
    weights = safetensors({"w": ("F32", [2, 3], bytes(24))})
    model = recorded("lab/good-header", files={"README.md": b"", "model.safetensors": weights})
    run_cli("add", "lab/good-header", "--headers", hub=hub_factory(by_id(model)))
    document = json.loads(run_cli("show", "lab/good-header", "--json").out)
    assert document["parameters"]["stored"] == 6


def test_no_catalog(run_cli: RunCli) -> None:
    result = run_cli("list")
    assert (result.code, result.out) == (2, "")
    assert "catalog" in result.err
    assert "Hint: `registry add REF` creates it" in result.err
    elsewhere = run_cli("list", "--catalog", "no pe.db")
    assert "Hint: `registry --catalog 'no pe.db' add REF` creates it" in elsewhere.err


def test_a_file_that_is_no_catalog(run_cli: RunCli) -> None:
    Path("notes.txt").write_text("not a database, just words " * 100)
    result = run_cli("--catalog", "notes.txt", "list")
    no_trace(result)
    assert (result.code, result.out) == (3, "")


def test_a_corrupt_catalog(run_cli: RunCli, filled: Path) -> None:
    pages = bytearray(filled.read_bytes())
    pages[4096:] = os.urandom(len(pages) - 4096)
    filled.write_bytes(pages)
    result = run_cli("list")
    no_trace(result)
    assert (result.code, result.out) == (3, "")
    assert "Error: " in result.err


def test_a_catalog_that_is_too_new(run_cli: RunCli, filled: Path) -> None:
    with sqlite3.connect(filled) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999_from_the_future'")
    connection.close()
    result = run_cli("list", "--json")
    no_trace(result)
    assert (result.code, result.out) == (3, "")
    assert json.loads(result.err)["error"]["code"] == "catalog-too-new"


def test_a_locked_catalog(run_cli: RunCli, filled: Path, hub_factory: HubFactory, monkeypatch: Any) -> None:
    monkeypatch.setitem(Catalog.open.__kwdefaults__, "busy_timeout", 0.2)
    holder = sqlite3.connect(filled, isolation_level=None)
    try:
        holder.execute("BEGIN EXCLUSIVE")
        hub = hub_factory(by_id(recorded("lab/new")))
        result = run_cli("add", "lab/new", "--json", hub=hub)
    finally:
        holder.close()
    no_trace(result)
    assert result.code == 3
    assert json.loads(result.err.splitlines()[-1])["error"]["code"] == "catalog-locked"


@pytest.mark.skipif(os.geteuid() == 0, reason="permissions mean nothing to root")
def test_a_read_only_folder(run_cli: RunCli, tmp_path: Path) -> None:
    folder = tmp_path / "sealed"
    folder.mkdir(mode=0o500)
    result = run_cli("--catalog", str(folder / "catalog.db"), "catalog", "init")
    no_trace(result)
    assert result.code == 3


def test_a_catalog_in_no_folder(run_cli: RunCli) -> None:
    result = run_cli("--catalog", "nowhere/catalog.db", "catalog", "init")
    no_trace(result)
    assert result.code in (2, 3)
    assert result.err.startswith("Error: ")


FILE_LIMITED = """
import resource, signal, sys
from registry.cli.main import run
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), hard))
code = run(sys.argv[2:])
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
sys.exit(code)
"""


def test_no_room_for_the_catalog(filled: Path, hub_factory: HubFactory) -> None:
    """A file that may not grow stands in for a disk without room."""
    models = by_id(*(recorded(f"lab/more-{number}") for number in range(40)))
    hub = hub_factory(models)
    done = subprocess.run(
        [sys.executable, "-c", FILE_LIMITED, str(filled.stat().st_size + 4096), "add", *models],
        env={**os.environ, "HF_ENDPOINT": hub.endpoint},
        capture_output=True,
        text=True,
    )
    assert "Traceback" not in done.stderr
    assert done.returncode == 3
    assert "Error: " in done.stderr


def test_output_that_cannot_be_written(run_cli: RunCli, filled: Path) -> None:
    result = run_cli("list", "-o", "nowhere/models.txt")
    assert (result.code, result.out) == (3, "")
    assert "cannot write nowhere/models.txt" in result.err


def test_a_postgres_that_is_not_there(run_cli: RunCli) -> None:
    pytest.importorskip("psycopg")
    location = "postgresql://ann:s3cret@127.0.0.1:9/models"
    result = run_cli("--catalog", location, "list")
    no_trace(result)
    assert result.code == 3
    assert "s3cret" not in result.err


def test_the_token_is_nowhere(hub_factory: HubFactory, run_cli: RunCli) -> None:
    hub = hub_factory(by_id(recorded("lab/open"), recorded("lab/gated", restricted="gated")))
    seen = ""
    for args in (
        ["add", "lab/open", "lab/gated", "lab/absent"],
        ["show", "lab/open", "--json"],
        ["config", "--origin"],
        ["plugins"],
    ):
        result = run_cli(*args, hub=hub, HF_TOKEN=TOKEN, REGISTRY_DEBUG="1")
        seen += result.out + result.err
    assert TOKEN not in seen
    assert TOKEN.encode() not in b"".join(path.read_bytes() for path in Path().glob("catalog.db*"))


HOSTILE = "\x1b]0;owned\x07\x1b[31m\x9b2J=HYPERLINK(1)"


def test_a_hostile_card_cannot_steer_the_terminal_or_a_spreadsheet(
    hub_factory: HubFactory, run_cli: RunCli
) -> None:
    card = {"license": f"=cmd|'/c calc'!A1{HOSTILE}", "base_model": HOSTILE, "license_name": f"+1{HOSTILE}"}
    model = recorded(
        "lab/hostile", card=card, license=None, pipeline_tag=f"@SUM(A1){HOSTILE}", library_name="-2+3"
    )
    run_cli("add", "lab/hostile", hub=hub_factory(by_id(model)))
    for args in (
        ["show", "lab/hostile"],
        ["list"],
        ["list", "-f", "csv"],
        ["lineage", "lab/hostile"],
        ["lineage", "lab/hostile", "-f", "dot"],
        ["lineage", "lab/hostile", "-f", "mermaid"],
    ):
        result = run_cli(*args)
        assert result.code == 0
        assert not {"\x1b", "\x07", "\x9b"} & set(result.out + result.err), args
    cells = [cell for line in run_cli("list", "-f", "csv").out.splitlines() for cell in line.split(",")]
    assert not [cell for cell in cells if cell.strip('"').startswith(("=", "+", "@", "-"))]
