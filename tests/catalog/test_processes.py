"""Several processes on one catalog, and one that is killed in the middle of its work."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import Connection

from registry.catalog import house, reading, walking
from registry.catalog.catalog import Catalog
from registry.catalog.search import search
from tests.catalog.worker import SIZE, family

ROOT = Path(__file__).parents[2]


def start(*args: str) -> subprocess.Popen[str]:
    """A worker that waits to be told to begin."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.catalog.worker", *args],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def begin(*workers: subprocess.Popen[str]) -> None:
    for worker in workers:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("go\n")
        worker.stdin.flush()


def finish(*workers: subprocess.Popen[str]) -> None:
    for worker in workers:
        _, errors = worker.communicate(timeout=120)
        assert (worker.returncode, errors) == (0, "")


def content_of(catalog: Catalog) -> list[object]:
    """All that a catalog tells, without the ids that depend on who came first."""
    return catalog._database.read(_content)


def _content(connection: Connection) -> list[object]:
    names = [brief.repo_id for brief in search(connection, [], sort="repo_id", include_referenced=True)]
    told: list[object] = [reading.briefs(connection, names)]
    for name in names:
        told += [reading.snapshot(connection, name, files=True), reading.aliases_of(connection, name)]
        told += [house.history(connection, name), walking.edges_up(connection, name, None)]
        told += [sorted(reading.claims(connection, name, None), key=repr)]
    return [*told, {name: n for name, n in house.stats(connection).items() if name != "bytes"}]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> list[object]:
    """What one process that saves the family in order leaves behind."""
    path = tmp_path_factory.mktemp("undisturbed") / "catalog.db"
    with Catalog.open(str(path), create=True) as catalog:
        for snapshot in family():
            catalog.save(snapshot)
        assert catalog.check() == []
        return content_of(catalog)


def test_two_writers_lose_nothing(catalog: Catalog, catalog_url: str, undisturbed: list[object]) -> None:
    same = [start("save", catalog_url) for _ in range(2)]
    begin(*same)
    finish(*same)
    assert len(catalog.tracked_after("", 10_000)) == SIZE
    assert catalog.check() == []
    for snapshot in family():
        catalog.save(snapshot)
    assert content_of(catalog) == undisturbed


def test_two_writers_with_half_the_work_each(
    catalog: Catalog, catalog_url: str, undisturbed: list[object]
) -> None:
    halves = [start("save", catalog_url, str(first), "2") for first in range(2)]
    begin(*halves)
    finish(*halves)
    assert catalog.check() == []
    assert content_of(catalog) == undisturbed


@pytest.mark.parametrize("saved", [1, 60, 160])
def test_a_killed_writer_leaves_a_whole_catalog(
    catalog: Catalog, catalog_url: str, undisturbed: list[object], saved: int
) -> None:
    worker = start("save", catalog_url)
    begin(worker)
    assert worker.stdout is not None
    for _ in range(saved):
        worker.stdout.readline()
    worker.kill()
    worker.communicate()
    assert worker.returncode == -signal.SIGKILL
    assert catalog.check() == []
    assert len(catalog.tracked_after("", 10_000)) >= min(saved, SIZE)
    again = start("save", catalog_url)
    begin(again)
    finish(again)
    assert catalog.check() == []
    assert content_of(catalog) == undisturbed


def test_many_make_the_same_catalog_at_once(catalog_url: str) -> None:
    makers = [start("create", catalog_url) for _ in range(4)]
    begin(*makers)
    finish(*makers)
    with Catalog.open(catalog_url) as catalog:
        assert catalog.check() == []
