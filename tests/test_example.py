"""`catalog.db.example` is whole, small, of the newest schema, and what its script makes."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest

from registry.catalog.catalog import Catalog
from registry.demo.bundle import load_bundle
from registry.sources.papers import PaperSource
from tests.conftest import RunCli
from tests.readme import EXAMPLE


@pytest.fixture
def example() -> Path:
    """A copy: opening a catalog may leave files beside it."""
    return Path(shutil.copyfile(EXAMPLE, "catalog.db"))


def test_it_is_small() -> None:
    assert EXAMPLE.stat().st_size <= 3_000_000
    assert not EXAMPLE.with_name(EXAMPLE.name + "-wal").exists()


def test_it_is_whole_and_of_the_newest_schema(example: Path, run_cli: RunCli) -> None:
    report = Catalog.migrate(str(example))
    assert report.before == report.after
    assert run_cli("catalog", "check").code == 0


def test_it_holds_the_recording_and_the_papers(example: Path) -> None:
    with Catalog.open(str(example)) as catalog:
        tracked = set(catalog.tracked_after("", 10_000))
        assert set(load_bundle().models) <= tracked
        assert set(PaperSource().ids()) <= tracked
        assert catalog.find("bert-base-uncased") == "google-bert/bert-base-uncased"
        bloom = catalog.snapshot("bigscience/bloom")
        assert bloom is not None
        assert bloom.files is not None
        assert sum(file.size is not None for file in bloom.files) == 261
        assert len(tracked) > 100


def test_it_holds_no_prose(example: Path) -> None:
    with Catalog.open(str(example)) as catalog:
        for repo_id in catalog.tracked_after("", 10_000):
            for kind in ("model", "card"):
                raw = catalog.raw(repo_id, kind) or b""
                assert b'"chat_template":' not in raw
                assert b'"widgetData":' not in raw


@pytest.mark.shared
def test_the_script_makes_the_same_catalog(shared: Path, tmp_path: Path, example: Path) -> None:
    from tests import make_example

    again = tmp_path / "again.db"
    make_example.main(shared / "hub", again)
    assert _content(again) == _content(example)


def _content(path: Path) -> list[str]:
    with sqlite3.connect(path) as connection:
        lines = list(connection.iterdump())
    connection.close()
    return lines
