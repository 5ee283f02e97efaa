"""What a disk, a power cut, an impatient user or a damaged file do to an import, through the command."""

from __future__ import annotations

import json
import os
import pty
import random
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import UTC, datetime
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from registry.catalog.catalog import Catalog
from registry.services.transfer import Asked, import_files
from registry.sources import parquet
from tests.acceptance.command import finish, registry
from tests.acceptance.contents import contents, differences
from tests.catalog.makers import ask_sql
from tests.cli.test_faults import FILE_LIMITED

RunCli = Callable[..., Any]
AT = ("--observed-at", "2026-10-01")
WHOLE = "The catalog is whole.\n"


def rows(size: int) -> list[dict[str, Any]]:
    return [
        {
            "_id": f"{number:024x}",
            "id": f"o/m{number}",
            "downloads": number,
            "tags": [f"base_model:o/m{number // 2}", f"base_model:finetune:o/m{number // 2}", "license:mit"],
            "cardData": json.dumps({"license": "mit", "base_model": f"o/m{number // 2}"}),
        }
        for number in range(size)
    ]


def dump(size: int, path: str = "models.parquet", **options: Any) -> Path:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows(size)), path, **options)
    return Path(path)


SMALL_PIECES = "from registry.sources import parquet; parquet.ROWS = 500\n"
COMMAND = "from registry.cli.main import main; main()"


def under_way(*args: str, program: str = COMMAND, **options: Any) -> Any:
    """The command, which keeps 500 models in a transaction."""
    return subprocess.Popen(
        [sys.executable, "-c", SMALL_PIECES + program, *args],
        stdin=subprocess.DEVNULL,
        **({"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | options),
    )


# --- an impatient user ---------------------------------------------------------------------------------


def test_ctrl_c_keeps_what_was_saved_and_the_next_run_goes_on(run_cli: RunCli) -> None:
    dump(12_000)
    running = under_way("import", "models.parquet", *AT)
    deadline = time.monotonic() + 60
    while kept() == 0 and running.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    running.send_signal(signal.SIGINT)
    done = finish(running)
    assert (done.code, done.out) == (130, ""), done
    assert done.err.endswith("Interrupted. What was saved stays; run the command again to go on.\n")
    saved = kept()
    assert 0 < saved < 12_000
    assert run_cli("catalog", "check").out == WHOLE
    again = run_cli("import", "models.parquet", *AT)
    assert again.code == 0
    assert again.out == f"{12_000 - saved:,} documents: {12_000 - saved:,} added, 0 changed, 0 unchanged\n"
    assert again.err == f"Went on behind {saved:,} rows that were in already.\n"
    assert run_cli("list", "-q").out.count("\n") == 12_000


def kept() -> int:
    if not Path("catalog.db").exists():
        return 0
    with suppress(sqlite3.Error), closing(sqlite3.connect("file:catalog.db?mode=ro", uri=True)) as connection:
        return int(connection.execute("SELECT coalesce(max(rows), 0) FROM imports").fetchone()[0])
    return 0


# --- what a disk refuses -------------------------------------------------------------------------------


@pytest.mark.parametrize("more", [50_000, 600_000, 1_200_000])
def test_no_room_keeps_the_last_batch_and_goes_on_when_there_is_some(run_cli: RunCli, more: int) -> None:
    dump(5_000)
    assert run_cli("catalog", "init").code == 0
    limit = str(Path("catalog.db").stat().st_size + more)
    done = finish(under_way(limit, "import", "models.parquet", *AT, "--json", program=FILE_LIMITED))
    assert (done.code, done.out) == (3, "")
    error = json.loads(done.err.splitlines()[-1])["error"]
    assert error["code"] in ("disk-full", "catalog")
    assert "catalog.db" in error["message"]
    assert error["hint"]
    assert run_cli("catalog", "check").out == WHOLE
    saved = kept()
    assert run_cli("list", "-q").out.count("\n") == saved < 5_000
    again = run_cli("import", "models.parquet", *AT)
    assert (again.code, again.out.split()[0]) == (0, f"{5_000 - saved:,}")
    assert run_cli("list", "-q").out.count("\n") == 5_000
    assert run_cli("catalog", "check").out == WHOLE


# --- what a power cut leaves ---------------------------------------------------------------------------


def test_a_log_cut_anywhere_holds_the_last_whole_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log of transactions loses its end, or has noise in it, as after a power cut."""
    monkeypatch.setattr(parquet, "ROWS", 50)
    path = dump(1_000)
    source = tmp_path / "source.db"
    at = datetime(2026, 10, 1, tzinfo=UTC)
    with Catalog.open(str(source), create=True) as catalog, closing(sqlite3.connect(source)) as reader:
        # A reader that stays keeps the log from being emptied into the file.
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM models").fetchone()
        import_files(catalog, [path], Asked(lambda: at, at))
        whole = contents(str(source))
        state = {name: Path(f"{source}{name}").read_bytes() for name in ("", "-wal")}
    assert len(state["-wal"]) > 500_000
    chance = random.Random(3)
    saved = set()
    for number in range(10):
        copy = tmp_path / f"{number}.db"
        copy.write_bytes(state[""])
        log = bytearray(state["-wal"])
        place = chance.randrange(len(log))
        if number % 2:
            del log[place:]
        else:
            log[place : place + 300] = chance.randbytes(300)
        Path(f"{copy}-wal").write_bytes(log)
        with Catalog.open(str(copy)) as catalog:
            assert catalog.check() == []
            count = len(catalog.tracked_after("", 100_000))
            state_of = ask_sql(str(copy), "SELECT coalesce(max(rows), 0) FROM imports")
            assert [(count,)] == state_of, "models and how far the file came are of one moment"
            assert count % 50 == 0
            saved.add(count)
            report = import_files(catalog, [path], Asked(lambda: at, at))
            assert (report.skipped, report.read) in ((count, 1_000 - count), (0, 1_000))
            assert catalog.check() == []
        assert differences(whole, once(contents(str(copy)))) == ""
    assert len(saved) > 3


def once(found: dict[str, list[tuple[object, ...]]]) -> dict[str, list[tuple[object, ...]]]:
    """A file imported again after it was finished is listed again."""
    return found | {"imports": sorted(set(found["imports"]), key=repr)}


# --- damaged files -------------------------------------------------------------------------------------


def test_a_damaged_file_is_named_and_the_rest_goes_in(run_cli: RunCli) -> None:
    content = dump(300).read_bytes()
    footer = int.from_bytes(content[-8:-4], "little")
    (Path("torn.parquet")).write_bytes(content[: len(content) // 2])
    Path("footless.parquet").write_bytes(content[: -footer - 8])
    Path("text.parquet").write_text("<html>not found</html>")
    Path("empty.parquet").touch()
    pq.write_table(pa.table({"name": ["o/m"]}), "other.parquet")
    Path("torn.jsonl.gz").write_bytes(b"\x1f\x8b" + bytes(20))
    names = ["torn", "footless", "text", "empty", "other"]
    files = [*(f"{name}.parquet" for name in names), "torn.jsonl.gz"]
    for file in files:
        alone = run_cli("import", file)
        assert (alone.code, alone.out) == (3, "")
        assert f"cannot read {file}: " in alone.err
    done = run_cli("import", *files, "models.parquet", "--json", "--complete")
    answer = json.loads(done.out)
    assert (done.code, answer["read"], answer["added"], answer["complete"]) == (3, 300, 300, False)
    assert [one["file"] for one in answer["broken"]] == files
    assert {one["error"]["code"] for one in answer["broken"]} == {"damaged-file"}
    assert "Nothing was recorded as removed: something was left out.\n" in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize("compression", ["none", "zstd"])
def test_flipped_bits_never_show_a_traceback(run_cli: RunCli, compression: str) -> None:
    content = dump(400, compression=compression, row_group_size=100).read_bytes()
    chance = random.Random(7)
    for number in range(12):
        odd = bytearray(content)
        for _ in range(chance.choice((1, 5, 40))):
            odd[chance.randrange(4, len(odd) - 8)] ^= 1 << chance.randrange(8)
        Path("odd.parquet").write_bytes(odd)
        done = run_cli("import", "odd.parquet", "--catalog", f"{number}.db")
        assert done.code in (0, 3), done.err
        if done.code == 3:
            assert "odd.parquet" in done.err or "Left out row" in done.err
    assert run_cli("catalog", "check", "--catalog", "0.db").code in (0, 2)


def test_a_name_that_is_no_text_costs_its_row(run_cli: RunCli) -> None:
    ids = pa.array([b"o/m0", b"o/\xff\xfe", b"o/m2"], pa.binary())
    pq.write_table(pa.table({"id": ids.view(pa.string())}), "x.parquet")
    done = run_cli("import", "x.parquet")
    assert (done.code, run_cli("list", "-q").out.split()) == (3, ["o/m0", "o/m2"])
    assert "Left out row 2: " in done.err
    assert "; 1 row left out" in done.out


def test_a_few_bytes_that_stand_for_gigabytes() -> None:
    """600 names of a million letters each, all the same: memory follows what is read at once."""
    names = pa.DictionaryArray.from_arrays(pa.array([0] * 600, pa.int32()), ["o/" + "x" * 1_000_000])
    pq.write_table(pa.table({"id": names}), "x.parquet", compression="zstd", store_schema=False)
    assert Path("x.parquet").stat().st_size < 10_000
    program = (
        "import re, sys; from registry.cli.main import run; code = run(sys.argv[1:])\n"
        "print(re.search(r'VmHWM:\\s+(\\d+) kB', open('/proc/self/status').read())[1]); sys.exit(code)"
    )
    done = finish(under_way("import", "x.parquet", program=program))
    *_, peak = done.out.split()
    assert (done.code, done.out.split()[0]) == (3, "0")
    assert int(peak) < 900_000


# --- what a terminal shows -----------------------------------------------------------------------------


def on_terminal(*args: str) -> str:
    """What a terminal of 80 columns is told on stderr."""
    ours, theirs = pty.openpty()
    environ = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "80"}
    running = under_way(*args, stdout=subprocess.DEVNULL, stderr=theirs, text=False, env=environ)
    os.close(theirs)
    seen = b""
    with suppress(OSError):  # Linux tells the end of a terminal by an error.
        while part := os.read(ours, 4096):
            seen += part
    assert running.wait(timeout=60) == 0
    os.close(ours)
    return re.sub(r"\x1b\[[0-9;]*m", "", seen.decode())


class Quiet(SimpleHTTPRequestHandler):
    """A plain host of files, which knows no ranges, and is slow."""

    def copyfile(self, source: Any, outputfile: Any) -> None:
        while part := source.read(40_000):
            outputfile.write(part)
            time.sleep(0.1)

    def log_message(self, *_: object) -> None:
        pass


def test_progress_moves_on_a_terminal_and_not_in_a_pipe() -> None:
    dump(4_000, "2026-10-04/models.parquet")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=".")) as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/2026-10-04/models.parquet"
        seen = on_terminal("import", address, "--catalog", "1.db")
        piped = registry("import", address, "--catalog", "1.db")
        server.shutdown()
    assert "Importing" in seen
    assert re.search(r"loading \d+(\.\d+)? kB, .*B/s", seen)
    assert re.search(r"4,000 .*0:00:\d\d .*[\d,]+/s", seen)
    assert "Importing" not in seen[seen.rindex("\x1b[2K") :], "the moving line goes"
    assert (piped.code, piped.err) == (0, "")
    assert piped.out == "4,000 documents: 0 added, 0 changed, 4,000 unchanged\n"
    observed = json.loads(registry("show", "o/m1", "--json", "--catalog", "1.db").out)["observed_at"]
    assert observed == "2026-10-04T00:00:00Z"
