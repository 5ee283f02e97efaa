"""Imports of bulk files: history from one to the next, what vanished, going on, files of every kind."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from registry.catalog.catalog import Catalog
from registry.errors import DamagedFile, DiskFull
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
    return import_files(catalog, files, Asked(lambda: NOW, at, complete), lambda _: None)


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

    def stop(count: int) -> None:
        if count >= 20:
            raise Broken

    times = iter([NOW - timedelta(days=1), NOW, NOW])
    with pytest.raises(Broken):
        import_files(catalog, [path], Asked(lambda: next(times)), stop)
    assert len(catalog.tracked()) == 20
    report = import_files(catalog, [path], Asked(lambda: next(times)), lambda _: None)
    assert (report.skipped, report.read, report.added) == (20, 25, 25)
    assert {brief.observed_at for brief in catalog.search()} == {NOW - timedelta(days=1)}
    again = import_files(catalog, [path], Asked(lambda: next(times)), lambda _: None)
    assert (again.skipped, again.read, again.added, again.changed) == (0, 45, 0, 0)
    assert catalog.check() == []


def test_what_stands_before_the_damage_is_kept(
    catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "LINES", 10)
    text = "".join(f"{json.dumps(model(number))}\n" for number in range(400)).encode()
    (tmp_path / "x.jsonl.gz").write_bytes(gzip.compress(text)[:-30])
    with pytest.raises(DamagedFile, match=r"x\.jsonl\.gz"):
        taken(catalog, tmp_path / "x.jsonl.gz")
    assert len(catalog.tracked()) > 300
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
        assert len(catalog.tracked()) == 150
        assert taken(catalog, path).skipped == 150
        assert len(catalog.tracked()) == 400
        assert catalog.check() == []
