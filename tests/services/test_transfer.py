"""Imports of bulk files: history from one to the next, what vanished, going on, files of every kind."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from registry.catalog.catalog import Catalog
from registry.errors import DamagedFile, DiskFull, UsageError
from registry.services.transfer import Asked, ImportReport, import_files
from registry.sources import bulk, parquet

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    with Catalog.open(str(tmp_path / "catalog.db"), create=True) as opened:
        yield opened


def model(number: int, *bases: str, license_id: str = "mit", **facts: Any) -> dict[str, Any]:
    tags = ["transformers", f"license:{license_id}", "region:us"]
    tags += [tag for base in bases for tag in (f"base_model:{base}", f"base_model:finetune:{base}")]
    card = {"license": license_id} | ({"base_model": list(bases)} if bases else {})
    return {
        "_id": f"{number:024x}",
        "id": f"o/m{number}",
        "downloads": number,
        "library_name": "transformers",
        "tags": tags,
        "cardData": json.dumps(card),
    } | facts


def dump(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    path.parent.mkdir(exist_ok=True, parents=True)
    pq.write_table(pa.Table.from_pylist(list(rows)), path)
    return path


def taken(
    catalog: Catalog, *files: Path | str, complete: bool = False, at: datetime | None = None
) -> ImportReport:
    return import_files(catalog, files, Asked(lambda: NOW, at, complete))


def test_a_later_dump_becomes_history(catalog: Catalog, tmp_path: Path) -> None:
    first = [model(0), model(1, "o/m0"), model(2, "o/m1"), model(3)]
    then = [model(0), model(1, "o/m0", license_id="apache-2.0"), model(3, downloads=99), model(4, "o/m3")]
    before = dump(tmp_path / "2026-09-28" / "models.parquet", first)
    after = dump(tmp_path / "2026-10-05" / "models.parquet", then)
    assert taken(catalog, before, complete=True).added == 4
    report = taken(catalog, after, complete=True)
    assert (report.read, report.added, report.changed, report.removed) == (4, 1, 1, 1)
    assert report.changes == {"license": 1}
    assert [
        [(change.field, change.before, change.after) for change in entry.changes]
        for entry in catalog.history("o/m1")
    ] == [[], [("license", "mit", "apache-2.0")]]
    gone = catalog.history("o/m2")[-1]
    assert (gone.first_seen, [change.field for change in gone.changes]) == (
        datetime(2026, 10, 5, tzinfo=UTC),
        ["removed"],
    )
    assert catalog.briefs(["o/m3"])["o/m3"].downloads == 99
    assert len(catalog.history("o/m3")) == 1
    assert catalog.check() == []
    assert taken(catalog, after, complete=True).removed == 0


def test_nothing_vanishes_unless_lists_were_complete(catalog: Catalog, tmp_path: Path) -> None:
    whole = dump(tmp_path / "1.parquet", [model(number) for number in range(4)])
    part = dump(tmp_path / "2.parquet", [model(0)])
    days = [NOW - timedelta(days=9 - number) for number in range(4)]
    taken(catalog, whole, at=days[0])
    assert taken(catalog, part, at=days[1], complete=True).removed == 0
    assert taken(catalog, whole, at=days[2], complete=True).removed == 0
    odd = dump(tmp_path / "3.parquet", [model(0), model(1) | {"id": "not an id"}])
    report = taken(catalog, odd, at=days[3], complete=True)
    assert (report.left_out, report.removed) == (1, 0)
    assert [(line.number, line.reason) for _, line in report.bad] == [
        (2, "the model document has no usable id but 'not an id'")
    ]


def test_the_time_is_asked_for_or_told_by_the_folder_or_now(catalog: Catalog, tmp_path: Path) -> None:
    dated = dump(tmp_path / "2026-10-05" / "models.parquet", [model(1)])
    taken(catalog, dated)
    taken(catalog, dump(tmp_path / "other.parquet", [model(2)]))
    seen = {name: brief.observed_at for name, brief in catalog.briefs(["o/m1", "o/m2"]).items()}
    assert seen == {"o/m1": datetime(2026, 10, 5, tzinfo=UTC), "o/m2": NOW}


class Watching:
    """Watches and says nothing."""

    def counted(self, count: int) -> None:
        pass

    def loaded(self, done: int, size: int | None) -> None:
        pass


@pytest.mark.parametrize("name", ["x.parquet", "x.jsonl", "x.jsonl.gz"])
def test_an_import_broken_off_goes_on_where_it_was(
    catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(parquet, "ROWS", 10)
    monkeypatch.setattr(bulk, "LINES", 10)
    rows = [model(number, f"o/m{number // 2}") for number in range(45)]
    path = tmp_path / name
    if name == "x.parquet":
        dump(path, rows)
    else:
        text = "".join(f"{json.dumps(row)}\n" for row in rows).encode()
        path.write_bytes(gzip.compress(text) if name.endswith(".gz") else text)

    class Broken(Exception):
        pass

    class Stop(Watching):
        def counted(self, count: int) -> None:
            if count >= 20:
                raise Broken

    times = iter([NOW - timedelta(days=1), NOW, NOW])
    with pytest.raises(Broken):
        import_files(catalog, [path], Asked(lambda: next(times)), Stop())
    assert len(catalog.tracked_after("", 10_000)) == 20
    report = import_files(catalog, [path], Asked(lambda: next(times)))
    assert (report.skipped, report.read, report.added) == (20, 25, 25)
    assert {brief.observed_at for brief in catalog.search()} == {NOW - timedelta(days=1)}
    again = import_files(catalog, [path], Asked(lambda: next(times)))
    assert (again.skipped, again.read, again.added, again.changed) == (0, 45, 0, 0)
    assert catalog.check() == []


def test_what_stands_before_the_damage_is_kept(
    catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "LINES", 10)
    text = "".join(f"{json.dumps(model(number))}\n" for number in range(400)).encode()
    (tmp_path / "x.jsonl.gz").write_bytes(gzip.compress(text)[:-30])
    report = taken(catalog, tmp_path / "x.jsonl.gz")
    ((file, error),) = report.broken
    assert "x.jsonl.gz" in file
    assert "x.jsonl.gz" in error.message
    assert not report.complete
    assert report.read == len(catalog.tracked_after("", 10_000)) > 300
    assert catalog.check() == []


def test_a_full_disk_leaves_the_last_batch_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "ROWS", 50)
    path = dump(tmp_path / "x.parquet", [model(number, "o/m0") for number in range(400)])
    place = str(tmp_path / "small.db")
    with Catalog.open(place, create=True) as catalog:
        original = bulk.read_bulk

        def limited(*args: Any, **rest: Any) -> Any:
            for number, piece in enumerate(original(*args, **rest)):
                if number == 3:
                    with catalog._database.raw() as connection:
                        pages = connection.execute("PRAGMA page_count").fetchone()[0]
                        connection.execute(f"PRAGMA max_page_count = {pages}")
                yield piece

        monkeypatch.setattr("registry.services.transfer.read_bulk", limited)
        with pytest.raises(DiskFull, match="no room is left"):
            taken(catalog, path)
    monkeypatch.undo()
    monkeypatch.setattr(parquet, "ROWS", 50)
    with Catalog.open(place) as catalog:
        assert catalog.check() == []
        assert len(catalog.tracked_after("", 10_000)) == 150
        assert taken(catalog, path).skipped == 150
        assert len(catalog.tracked_after("", 10_000)) == 400
        assert catalog.check() == []


# --- several files, and lists that say they are complete -----------------------------------------------


def clock(step: timedelta = timedelta(minutes=1)) -> Callable[[], datetime]:
    """A clock that goes on whenever it is looked at."""
    times = iter(NOW - timedelta(days=1) + number * step for number in range(100))
    return lambda: next(times)


def test_parts_of_a_complete_list_do_not_remove_each_other(
    catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "ROWS", 10)
    parts = [
        dump(tmp_path / f"{part}.parquet", [model(20 * part + number) for number in range(20)])
        for part in range(3)
    ]
    now = clock()
    assert import_files(catalog, parts, Asked(now, complete=True)).removed == 0

    class Stop(Watching):
        def counted(self, count: int) -> None:
            if count == 30:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_files(catalog, parts, Asked(now, complete=True), Stop())
    report = import_files(catalog, parts, Asked(now, complete=True))
    assert (report.skipped, report.read, report.removed, report.withheld) == (10, 50, 0, None)
    assert not any(brief.removed for brief in catalog.search())
    less = import_files(catalog, parts[:2], Asked(now, complete=True))
    assert less.removed == 20
    assert catalog.check() == []


def test_the_oldest_file_is_read_first(catalog: Catalog, tmp_path: Path) -> None:
    days = {"2026-10-05": "apache-2.0", "2026-09-28": "mit", "2026-10-12": "gpl-3.0"}
    files = [
        dump(tmp_path / day / "models.parquet", [model(1, license_id=days[day]), model(2 + number)])
        for number, day in enumerate(days)
    ]
    report = taken(catalog, *files, complete=True)
    assert (report.added, report.changed, report.removed) == (4, 2, 2)
    licenses = [
        [change.after for change in entry.changes if change.field == "license"]
        for entry in catalog.history("o/m1")
    ]
    assert licenses == [[], ["apache-2.0"], ["gpl-3.0"]]
    assert {brief.repo_id for brief in catalog.search() if brief.removed} == {"o/m2", "o/m3"}


def test_an_older_list_after_a_newer_one_changes_only_the_past(catalog: Catalog, tmp_path: Path) -> None:
    newer = dump(tmp_path / "2026-10-05" / "x.parquet", [model(1, license_id="mit", downloads=9)])
    older = dump(tmp_path / "2026-09-28" / "x.parquet", [model(1, license_id="gpl-3.0", downloads=1)])
    taken(catalog, newer)
    taken(catalog, older)
    brief = catalog.briefs(["o/m1"])["o/m1"]
    assert (brief.license, brief.downloads) == ("mit", 9)
    assert [entry.first_seen.day for entry in catalog.history("o/m1")] == [28, 5]
    assert catalog.check() == []


def test_a_damaged_file_does_not_keep_others_out_and_removes_nothing(
    catalog: Catalog, tmp_path: Path
) -> None:
    files = [dump(tmp_path / f"{part}.parquet", [model(part)]) for part in range(3)]
    day = NOW - timedelta(days=7)
    taken(catalog, *files, complete=True, at=day)
    files[1].write_bytes(files[1].read_bytes()[:-9])
    report = taken(catalog, *files, complete=True)
    assert [file for file, _ in report.broken] == [str(files[1])]
    assert (report.read, report.removed, report.withheld) == (2, 0, "something was left out")
    assert not any(brief.removed for brief in catalog.search())


def test_what_was_left_out_before_a_stop_is_not_forgotten(
    catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "ROWS", 10)
    rows = [model(number) for number in range(30)]
    before = dump(tmp_path / "2026-10-05" / "x.parquet", rows)
    after = dump(tmp_path / "2026-10-12" / "x.parquet", [*rows[:4], model(99) | {"id": "!"}, *rows[5:]])
    taken(catalog, before, complete=True)

    class Stop(Watching):
        def counted(self, count: int) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_files(catalog, [after], Asked(lambda: NOW, complete=True), Stop())
    report = taken(catalog, after, complete=True)
    assert (report.skipped, report.left_out, report.earlier) == (10, 0, [str(after)])
    assert (report.complete, report.removed) == (False, 0)
    again = taken(catalog, after, complete=True)
    assert (again.left_out, again.removed) == (1, 0)
    assert not catalog.briefs(["o/m4"])["o/m4"].removed


@pytest.mark.parametrize("name", ["x.jsonl", "x.parquet"])
def test_an_empty_list_is_not_complete(catalog: Catalog, tmp_path: Path, name: str) -> None:
    taken(catalog, dump(tmp_path / "1.parquet", [model(1)]), complete=True, at=NOW - timedelta(days=1))
    path = tmp_path / name
    if name == "x.jsonl":
        path.touch()
    else:
        pq.write_table(pa.Table.from_pylist([model(1)]).slice(0, 0), path)
    report = taken(catalog, path, complete=True)
    assert (report.read, report.removed) == (0, 0)
    assert report.withheld is not None


def test_a_list_of_several_times_is_not_complete(catalog: Catalog, tmp_path: Path) -> None:
    first = dump(tmp_path / "1.parquet", [model(number) for number in range(3)])
    taken(catalog, first, complete=True, at=NOW - timedelta(days=60))
    lines = [{"api": model(number), "snapshot": "20261101"} for number in range(3)]
    path = tmp_path / "x.jsonl"
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
    report = taken(catalog, path, complete=True)
    assert (report.removed, report.withheld) == (0, "not all lines are of one time")
    on_the_day = taken(catalog, path, complete=True, at=datetime(2026, 11, 1, tzinfo=UTC))
    assert (on_the_day.removed, on_the_day.withheld) == (0, None)
    assert not any(brief.removed for brief in catalog.search())


def test_files_that_cannot_be_are_told_before_anything_is_kept(catalog: Catalog, tmp_path: Path) -> None:
    good = dump(tmp_path / "1.parquet", [model(1)])
    for odd, said in ((tmp_path / "nowhere", "No such file"), (tmp_path, "a folder")):
        with pytest.raises(DamagedFile, match=said):
            taken(catalog, good, odd)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DamagedFile, match="only once"):
        taken(catalog, good, tmp_path / "pipe")
    with pytest.raises(UsageError, match="2026-11-30, which has not come yet"):
        taken(catalog, good, dump(tmp_path / "2026-11-30" / "x.parquet", [model(1)]))
    assert catalog.tracked_after("", 10_000) == []


def test_a_file_behind_an_address_is_dated_by_its_folder_and_named_in_errors(
    catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dump(tmp_path / "2026-10-05" / "x.parquet", [model(1)])
    (tmp_path / "torn.parquet").write_bytes(b"PAR1" + bytes(40))
    monkeypatch.chdir(tmp_path)
    handler = partial(Quiet, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        host = f"http://127.0.0.1:{server.server_port}"
        report = taken(catalog, f"{host}/2026-10-05/x.parquet?sig=secret", f"{host}/torn.parquet?sig=secret")
        server.shutdown()
    assert catalog.briefs(["o/m1"])["o/m1"].observed_at == datetime(2026, 10, 5, tzinfo=UTC)
    ((file, error),) = report.broken
    assert file == f"{host}/torn.parquet"
    assert error.message.startswith(f"cannot read {host}/torn.parquet: ")


class Quiet(SimpleHTTPRequestHandler):
    """A plain host of files, which knows no ranges."""

    def log_message(self, *_: object) -> None:
        pass
