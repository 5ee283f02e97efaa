"""An import killed at ten random moments, from its first statement to its last: the same import run again
ends in the catalog that an undisturbed one makes, table by table."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from registry.catalog.catalog import Catalog
from registry.services.transfer import Asked, ImportReport, import_files
from registry.sources import parquet
from tests.acceptance.contents import contents, differences
from tests.catalog.makers import ask_sql

SIZE = 12_000
KILLS = 10
AT = datetime(2026, 10, 1, tzinfo=UTC)
BROKEN = 7_777
"""A row without a usable name."""


@pytest.fixture(scope="module")
def dump(tmp_path_factory: pytest.TempPathFactory) -> Path:
    def rows() -> Iterator[dict[str, object]]:
        for number in range(SIZE):
            base = f"o/m{(number * 7) % SIZE}" if number % 3 else f"gone/b{number % 50}"
            yield {
                "_id": f"{number:024x}",
                "id": f"o/m{number}" if number != BROKEN else "no name",
                "downloads": number,
                "library_name": "transformers",
                "tags": [f"base_model:{base}", f"base_model:finetune:{base}", f"license:l{number % 9}"],
                "cardData": json.dumps({"license": f"l{number % 9}", "base_model": base, "datasets": ["d"]}),
                "baseModels": {"models": [{"id": base}], "relation": "finetune"},
                "safetensors": {"parameters": {"BF16": number + 1}, "total": number + 1},
            }

    path = tmp_path_factory.mktemp("dump") / "models.parquet"
    pq.write_table(pa.Table.from_pylist(list(rows())), path, row_group_size=4_000)
    return path


def run(location: str, dump: str) -> ImportReport:
    """The import, in many small transactions."""
    parquet.ROWS = 500
    with Catalog.open(location) as catalog:
        return import_files(catalog, [dump], Asked(lambda: AT, AT, complete=True))


def in_child(location: str, dump: str, begun: Any) -> None:
    os.close(2)  # What a connection says when its process ends is nobody's to read.
    begun.set()
    run(location, dump)


@pytest.fixture(scope="module")
def undisturbed(dump: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], float]:
    """What the catalog holds then, and the seconds that took."""
    path = str(tmp_path_factory.mktemp("undisturbed") / "catalog.db")
    Catalog.open(path, create=True).close()
    before = parquet.ROWS
    began = time.monotonic()
    try:
        run(path, str(dump))
    finally:
        parquet.ROWS = before
    took = time.monotonic() - began
    return contents(path), took


def test_killed_at_any_moment(
    dump: Path, catalog_url: str, undisturbed: tuple[dict[str, Any], float]
) -> None:
    expected, seconds = undisturbed
    chance = random.Random(11)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    Catalog.open(catalog_url, create=True).close()
    for number in range(KILLS):
        before = rows_in(catalog_url)
        begun = context.Event()
        child = context.Process(target=in_child, args=(catalog_url, str(dump), begun))
        child.start()
        assert begun.wait(60)
        # Every other time not before a piece is in: the import comes to its end on a busy machine, too.
        while number % 2 and child.is_alive() and rows_in(catalog_url) == before:
            time.sleep(0.01)
        time.sleep(chance.random() * seconds / 8)
        child.kill()
        child.join()
        assert child.exitcode in (0, -signal.SIGKILL)
    assert rows_in(catalog_url) > 0, "some was kept"
    with Catalog.open(catalog_url) as catalog:
        assert catalog.check() == []
        report = import_files(catalog, [dump], Asked(lambda: AT, AT, complete=True))
        assert catalog.check() == []
    assert not report.complete, "the row left out is told, even if that was before a kill"
    found = contents(catalog_url)
    found["imports"] = sorted(set(found["imports"]), key=repr)  # More than one when it was finished early.
    assert differences(expected, found) == ""


def rows_in(location: str) -> int:
    ((rows,),) = ask_sql(location, "SELECT coalesce(max(rows), 0) FROM imports")
    return int(rows)
