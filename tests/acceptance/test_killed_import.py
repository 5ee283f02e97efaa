"""Killed again and again while importing a dump: the same command ends where an undisturbed one ends."""

from __future__ import annotations

import json
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.acceptance.command import finish, registry, start
from tests.catalog.makers import ask_sql

SIZE = 80_000
AT = ("--observed-at", "2026-10-01")

CONTENT = (
    """
    SELECT m.repo_id, m.hub_id, m.tracked, m.removed, m.seen_at, m.downloads, s.observed_at, s.last_seen_at,
        t.library, t.license, t.license_by, s.tags, s.parameters, s.imprint
    FROM models AS m LEFT JOIN snapshots AS s ON s.model_id = m.id AND s.number = m.shown
        LEFT JOIN traits AS t ON t.id = s.traits_id
    ORDER BY m.repo_id
    """,
    """
    SELECT d.repo_id, b.repo_id, e.relation, e.origins, e.resolved_from
    FROM edges AS e JOIN models AS d ON d.id = e.derivative_id JOIN models AS b ON b.id = e.base_id
    ORDER BY d.repo_id, b.repo_id
    """,
    """
    SELECT d.repo_id, c.position, b.repo_id, c.origin, c.relation, c.declared, c.detail, c.current
    FROM edge_claims AS c JOIN models AS d ON d.id = c.derivative_id LEFT JOIN models AS b ON b.id = c.base_id
    ORDER BY d.repo_id, c.position
    """,
    "SELECT count(*) FROM snapshots",
    "SELECT count(*), sum(elements) FROM parameter_counts",
)


def content(location: str) -> list[object]:
    """Every row by the names of models, whatever their numbers."""
    return [
        [tuple(bytes(value) if isinstance(value, memoryview) else value for value in row) for row in rows]
        for rows in (ask_sql(location, query) for query in CONTENT)
    ]


@pytest.fixture(scope="module")
def dump(tmp_path_factory: pytest.TempPathFactory) -> Path:
    def rows() -> Iterator[dict[str, object]]:
        for number in range(SIZE):
            base = f"o/m{(number * 7) % SIZE}"
            yield {
                "_id": f"{number:024x}",
                "id": f"o/m{number}",
                "downloads": number,
                "library_name": "transformers",
                "tags": ["transformers", f"base_model:{base}", f"base_model:finetune:{base}", "license:mit"],
                "cardData": json.dumps({"license": "mit", "base_model": base}),
                "baseModels": {"models": [{"id": base}], "relation": "finetune"},
                "safetensors": {"parameters": {"BF16": number + 1}, "total": number + 1},
            }

    path = tmp_path_factory.mktemp("dump") / "models.parquet"
    pq.write_table(pa.Table.from_pylist(list(rows())), path)
    return path


@pytest.fixture(scope="module")
def undisturbed(dump: Path, tmp_path_factory: pytest.TempPathFactory) -> list[object]:
    path = str(tmp_path_factory.mktemp("undisturbed") / "catalog.db")
    done = registry("import", str(dump), *AT, "--catalog", path)
    assert done.code == 0, done.err
    return content(path)


@pytest.mark.parametrize(
    ("catalog_url", "kills"),
    [("sqlite", 4), pytest.param("postgres", 2, marks=pytest.mark.postgres)],
    indirect=["catalog_url"],
)
def test_a_killed_import_is_finished_by_the_next(
    dump: Path, catalog_url: str, undisturbed: list[object], kills: int
) -> None:
    chance = random.Random(5)
    environ = {"REGISTRY_CATALOG": catalog_url}
    assert registry("catalog", "init", **environ).code == 0
    for _ in range(kills):
        running = start("import", str(dump), *AT, environ=environ)
        before = kept(catalog_url)
        deadline = time.monotonic() + 60
        while kept(catalog_url) == before and running.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(chance.random() * 0.5)
        running.kill()
        running.communicate()
        assert running.returncode in (0, -signal.SIGKILL)
    done = finish(start("import", str(dump), *AT, environ=environ))
    assert done.code == 0, done.err
    assert content(catalog_url) == undisturbed
    checked = registry("catalog", "check", **environ)
    assert (checked.code, checked.out) == (0, "The catalog is whole.\n"), checked


def kept(location: str) -> int:
    ((rows,),) = ask_sql(location, "SELECT coalesce(max(rows), 0) FROM imports")
    return int(rows)
