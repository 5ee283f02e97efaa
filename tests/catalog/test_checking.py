"""Each check is proved by breaking what it looks for behind the catalog's back."""

from __future__ import annotations

from pathlib import Path

import pytest

from registry.catalog.catalog import Catalog
from registry.catalog.codes import ORIGIN, RELATION
from registry.catalog.tables import snapshots
from registry.model.edges import Origin, Relation
from registry.model.snapshot import RawAnswer
from tests.catalog.makers import claim, count, file, license_claim, run_sql, sha, snap


@pytest.fixture
def whole(catalog: Catalog) -> Catalog:
    catalog.save_many(
        [
            snap(
                "o/a",
                claims=(claim("o/base"), claim("o/base", origin=Origin.HUB)),
                parameters=count(F16=5, I8=6),
                files=(file("x", 10, "w"), file("y", 20)),
                raw=(RawAnswer("model", b"{}"),),
                tags=("t",),
                config={"model_type": "bert"},
                aliases=("o/alias",),
            ),
            snap("o/b", files=(file("z", 10, "w"),)),
        ]
    )
    catalog.save(snap("o/b", 1, commit_sha=sha("c2"), licenses=(license_claim("mit"),)))
    assert catalog.check() == []
    return catalog


A, B, BASE = (f"(SELECT id FROM models WHERE repo_id = '{name}')" for name in ("o/a", "o/b", "o/base"))
A_TREE = f"(SELECT min(id) FROM trees WHERE model_id = {A})"
LOOK = ", ".join(column.name for column in snapshots.c if column.name not in ("model_id", "number"))
MERGE = RELATION.number("merge")


@pytest.mark.parametrize(
    ("broken_by", "code", "models"),
    [
        ("UPDATE models SET shown = 7 WHERE repo_id = 'o/a'", "dangling-reference", ("o/a",)),
        ("UPDATE edge_claims SET base_id = 99", "dangling-reference", ("o/a",)),
        ("UPDATE models SET shown = NULL WHERE repo_id = 'o/a'", "no-shown-snapshot", ("o/a",)),
        ("UPDATE models SET tracked = TRUE", "tracked-without-snapshot", ("o/base",)),
        ("UPDATE aliases SET name = 'o/b'", "alias-of-a-model", ("o/b", "o/a")),
        ("UPDATE edge_claims SET current = FALSE", "edge-without-claim", ("o/a", "o/base")),
        ("DELETE FROM edge_claims", "edge-without-claim", ("o/a", "o/base")),
        ("DELETE FROM edges", "claim-without-edge", ("o/a", "o/base")),
        (f"UPDATE edges SET relation = {MERGE}", "edge-differs", ("o/a", "o/base")),
        (f"UPDATE edge_claims SET origin = {ORIGIN.number('card')}", "duplicate-claim", ("o/a",)),
        (
            f"INSERT INTO snapshots SELECT model_id, 1, {LOOK} FROM snapshots WHERE model_id = {A}",
            "duplicate-snapshot",
            ("o/a",),
        ),
        ("UPDATE snapshots SET parameters = 12 WHERE parameters = 11", "parameter-sum", ("o/a",)),
        ("UPDATE parameter_counts SET elements = 7 WHERE dtype = 'I8'", "parameter-sum", ("o/a",)),
        ("DELETE FROM parameter_counts", "parameter-sum", ("o/a",)),
        ("DELETE FROM files WHERE path = 'y'", "file-sum", ("o/a",)),
        ("UPDATE files SET size = NULL WHERE path = 'y'", "file-sum", ("o/a",)),
        ("UPDATE trees SET logical_bytes = 31 WHERE logical_bytes = 30", "file-sum", ("o/a",)),
        ("UPDATE blobs SET size = 11", "content-size", ("o/a",)),
        (
            f"UPDATE snapshots SET tree_id = {A_TREE} WHERE model_id = {B}",
            "foreign-files",
            ("o/b",),
        ),
    ],
)
def test_what_is_broken_is_found(
    whole: Catalog, catalog_url: str, broken_by: str, code: str, models: tuple[str, ...]
) -> None:
    run_sql(catalog_url, broken_by)
    problems = whole.check()
    found = [problem for problem in problems if problem.code == code]
    assert found, problems
    assert found[0].models == models
    assert found[0].mend is not None
    assert models[0] in found[0].mend


def test_a_snapshot_seen_last_before_first(whole: Catalog, catalog_url: str) -> None:
    whole.save(snap("o/a", 3, commit_sha=sha("c9")))
    run_sql(catalog_url, "UPDATE snapshots SET last_seen_at = (SELECT min(observed_at) FROM snapshots)")
    assert {problem.code for problem in whole.check()} == {"time-order"}


@pytest.mark.parametrize(
    ("table", "column"), [("raw_answers", "data"), ("details", "data"), ("snapshots", "tags")]
)
def test_an_answer_that_cannot_be_unpacked(whole: Catalog, catalog_url: str, table: str, column: str) -> None:
    junk = "'junk'::bytea" if "://" in catalog_url else "CAST('junk' AS BLOB)"
    run_sql(catalog_url, f"UPDATE {table} SET {column} = {junk} WHERE {column} IS NOT NULL")
    (problem,) = whole.check()
    assert (problem.code, problem.models) == ("damaged-answer", ("o/a",))


@pytest.mark.parametrize(
    ("broken_by", "code"),
    [
        ("UPDATE models SET shown = 7 WHERE repo_id = 'o/b'", "dangling-reference"),
        ("UPDATE models SET shown = NULL WHERE repo_id = 'o/a'", "no-shown-snapshot"),
        ("DELETE FROM edges", "claim-without-edge"),
        (f"UPDATE edges SET relation = {MERGE}", "edge-differs"),
        (f"INSERT INTO edges SELECT {B}, {BASE}, {MERGE}, 2, NULL, 0", "edge-without-claim"),
        ("UPDATE aliases SET name = 'o/b'", "alias-of-a-model"),
    ],
)
def test_refreshing_mends_what_it_says_it_mends(
    whole: Catalog, catalog_url: str, broken_by: str, code: str
) -> None:
    a, b = whole.snapshot("o/a"), whole.snapshot("o/b")
    assert a is not None
    assert b is not None
    run_sql(catalog_url, broken_by)
    assert code in {problem.code for problem in whole.check()}
    whole.save_many([a, b])
    assert whole.check() == []


def test_a_reference_to_nothing(tmp_path: Path) -> None:
    path = str(tmp_path / "catalog.db")
    with Catalog.open(path, create=True) as catalog:
        catalog.save(snap("o/a", files=(file("x", 1, "w"),)))
        run_sql(path, "DELETE FROM blobs")
        problems = catalog.check()
    assert [problem.code for problem in problems] == ["dangling-reference"]
    assert "files" in problems[0].message


def test_values_out_of_their_set(tmp_path: Path) -> None:
    path = str(tmp_path / "catalog.db")
    with Catalog.open(path, create=True) as catalog:
        catalog.save(snap("o/a", claims=(claim("o/b", Relation.MERGE),)))
        run_sql(path, "PRAGMA ignore_check_constraints = ON", "UPDATE models SET source = 9 WHERE tracked")
        problems = catalog.check()
    assert [problem.code for problem in problems] == ["damaged"]
    assert "CHECK constraint failed in models" in problems[0].message


def test_a_file_with_damaged_pages(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    with Catalog.open(str(path), create=True) as catalog:
        catalog.save_many(snap(f"o/{n}", claims=(claim("o/base"),)) for n in range(50))
    data = bytearray(path.read_bytes())
    data[4096 * 2 : 4096 * 12] = b"\xff" * 4096 * 10
    path.write_bytes(data)
    with Catalog.open(str(path)) as catalog:
        problems = catalog.check()
    assert problems
    assert problems[-1].code == "damaged"
    assert "backup" in str(problems[-1].mend)


def test_at_most_a_hundred_of_a_kind(catalog: Catalog, catalog_url: str) -> None:
    catalog.save_many(snap(f"o/{n}", claims=(claim("o/base"),)) for n in range(120))
    run_sql(catalog_url, "DELETE FROM edges")
    assert len(catalog.check()) == 100
