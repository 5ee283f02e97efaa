from __future__ import annotations

import sqlite3
import warnings
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Select, select, text
from sqlalchemy.dialects.sqlite import dialect as sqlite_dialect

from registry.catalog import schema
from registry.catalog.catalog import Catalog
from registry.catalog.columns import metadata
from registry.catalog.engine import connect
from registry.catalog.location import parse_location
from registry.catalog.names import alike
from registry.catalog.tables import models
from registry.errors import (
    CatalogDamaged,
    CatalogError,
    CatalogOutdated,
    CatalogTooNew,
    NoCatalog,
    UsageError,
)
from tests.catalog.makers import ask_sql, claim, run_sql, snap

NEXT = """
import sqlalchemy as sa
from alembic import op
revision, down_revision, branch_labels, depends_on = "next", "{head}", None, None

def upgrade():
    with op.batch_alter_table("aliases") as batch:
        batch.add_column(sa.Column("colour", sa.Text(), nullable=False, server_default="grey"))
        batch.create_check_constraint("colour", "colour IN ('grey', 'green')")
    {then}
"""


def test_the_known_revisions_are_those_of_the_scripts() -> None:
    scripts = ScriptDirectory.from_config(schema.alembic_config())
    assert [script.revision for script in scripts.walk_revisions()][::-1] == list(schema.REVISIONS)


def test_the_migrations_make_the_tables(catalog: Catalog, catalog_url: str) -> None:
    database = connect(parse_location(catalog_url))
    try:
        with warnings.catch_warnings():
            # Indexes on lower() cannot be reflected on SQLite; the next test asks for them.
            warnings.filterwarnings("ignore", message=".*expression-based index")
            differences = database.read(lambda c: compare_metadata(MigrationContext.configure(c), metadata))
    finally:
        database.close()
    assert differences == []


def test_names_are_found_by_index_whatever_their_case(tmp_path: Path) -> None:
    path = str(tmp_path / "catalog.db")
    Catalog.open(path, create=True).close()
    ((*_, plan),) = ask_sql(path, "EXPLAIN QUERY PLAN SELECT 1 FROM aliases WHERE lower(name) = 'x'")
    assert "ix_aliases_lower_name" in plan
    asked = select(models.c.id).where(alike(models.c.repo_id, "O/name"))
    database = connect(parse_location(path))
    with closing(database):
        explained = text(f"EXPLAIN QUERY PLAN {shown(asked)}")
        plans = database.read(lambda c: [row[-1] for row in c.execute(explained)])
    assert not [plan for plan in plans if plan.startswith("SCAN")], plans


def shown(query: Select[Any]) -> str:
    return str(query.compile(dialect=sqlite_dialect(), compile_kwargs={"literal_binds": True}))


def test_there_is_no_catalog_until_it_is_made(catalog_url: str) -> None:
    with pytest.raises(NoCatalog, match="there is no catalog at") as caught:
        Catalog.open(catalog_url)
    assert caught.value.hint is not None
    with pytest.raises(NoCatalog):
        Catalog.migrate(catalog_url)
    Catalog.open(catalog_url, create=True).close()
    with Catalog.open(catalog_url) as catalog:
        assert catalog.search() == []


def test_making_it_again_keeps_what_is_there(catalog_url: str) -> None:
    with Catalog.open(catalog_url, create=True) as catalog:
        catalog.save(snap("o/m"))
    with Catalog.open(catalog_url, create=True) as catalog:
        assert catalog.tracked_after("", 10_000) == ["o/m"]


def test_an_empty_file_is_no_catalog_yet(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    path.touch()
    with pytest.raises(NoCatalog):
        Catalog.open(str(path))
    with Catalog.open(str(path), create=True) as catalog:
        assert catalog.check() == []


def test_a_newer_catalog_is_refused_politely(catalog: Catalog, catalog_url: str) -> None:
    run_sql(catalog_url, "UPDATE alembic_version SET version_num = '9999'")
    for open_it in (
        lambda: Catalog.open(catalog_url),
        lambda: Catalog.open(catalog_url, create=True),
        lambda: Catalog.open(catalog_url, migrate=True),
        lambda: Catalog.migrate(catalog_url),
    ):
        with pytest.raises(CatalogTooNew, match=r"newer version of this program \(schema 9999") as caught:
            open_it()
        assert "upgrade" in str(caught.value.hint)


@pytest.fixture
def newer_program(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """As if this program knew one revision more; returns the script of that revision."""
    head = schema.REVISIONS[-1]
    config = schema.alembic_config()
    built_in = Path(config.get_main_option("script_location") or "") / "versions"
    folder = tmp_path / "versions"
    folder.mkdir()
    script = folder / "next.py"
    script.write_text(NEXT.format(head=head, then=""))

    def with_next() -> Config:
        config.set_main_option("version_locations", f"{built_in}\n{folder}")
        return config

    monkeypatch.setattr(schema, "alembic_config", with_next)
    monkeypatch.setattr(schema, "REVISIONS", (*schema.REVISIONS, "next"))
    return script


def test_an_older_catalog_is_migrated_after_a_copy(
    catalog: Catalog, catalog_url: str, newer_program: Path
) -> None:
    catalog.save_many([snap("o/m", claims=(claim("o/b"),), aliases=("o/once",)), snap("o/n")])
    old = schema.REVISIONS[-2]
    with pytest.raises(CatalogOutdated, match=f"older schema {old}, needed is next") as caught:
        Catalog.open(catalog_url)
    assert "registry catalog migrate" in str(caught.value.hint)
    report = Catalog.migrate(catalog_url)
    assert (report.before, report.after) == (old, "next")
    assert ask_sql(catalog_url, "SELECT DISTINCT colour FROM aliases") == [("grey",)]
    if "://" not in catalog_url:
        indexes = ask_sql(
            catalog_url, "SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
        )
        assert ("ix_aliases_lower_name",) in indexes, "rebuilding a table must not lose an index"
    with Catalog.open(catalog_url) as migrated:
        assert migrated.check() == []
        assert len(migrated.edges_up("o/m")) == 1
    if "://" in catalog_url:
        assert report.backup is None
        return
    assert report.backup == Path(f"{catalog_url}.{old}.bak")
    assert ask_sql(str(report.backup), "SELECT version_num FROM alembic_version") == [(old,)]
    assert ask_sql(str(report.backup), "SELECT count(*) FROM models") == [(3,)]


def test_migrating_twice_or_while_opening(catalog: Catalog, catalog_url: str, newer_program: Path) -> None:
    Catalog.open(catalog_url, migrate=True).close()
    report = Catalog.migrate(catalog_url)
    assert (report.before, report.after, report.backup) == ("next", "next", None)


def test_copies_do_not_replace_each_other(tmp_path: Path, newer_program: Path) -> None:
    path = tmp_path / "catalog.db"
    old = schema.REVISIONS[-2]
    (tmp_path / f"catalog.db.{old}.bak").write_text("precious")
    location = parse_location(str(path))
    database = connect(location, create=True)
    database.write(lambda c: schema.upgrade(c, old))
    database.close()
    assert Catalog.migrate(str(path)).backup == tmp_path / f"catalog.db.{old}.2.bak"
    assert (tmp_path / f"catalog.db.{old}.bak").read_text() == "precious"


def test_a_migration_that_fails_changes_nothing(
    catalog: Catalog, catalog_url: str, newer_program: Path
) -> None:
    catalog.save(snap("o/m"))
    newer_program.write_text(NEXT.format(head=schema.REVISIONS[-2], then="op.execute('SELECT nonsense')"))
    with pytest.raises(CatalogError):
        Catalog.migrate(catalog_url)
    assert ask_sql(catalog_url, "SELECT version_num FROM alembic_version") == [(schema.REVISIONS[-2],)]
    with pytest.raises(CatalogError):
        ask_sql(catalog_url, "SELECT colour FROM aliases")
    assert catalog.tracked_after("", 10_000) == ["o/m"]


def test_a_migration_that_breaks_references_changes_nothing(tmp_path: Path, newer_program: Path) -> None:
    path = tmp_path / "catalog.db"
    database = connect(parse_location(str(path)), create=True)
    database.write(lambda c: schema.upgrade(c, schema.REVISIONS[-2]))
    database.close()
    run_sql(
        str(path), "INSERT INTO models (id, repo_id, source, tracked, removed) VALUES (1, 'o/m', 0, 0, 0)"
    )
    run_sql(str(path), "INSERT INTO aliases (name, model_id, kind) VALUES ('a', 1, 0)")
    newer_program.write_text(NEXT.format(head=schema.REVISIONS[-2], then="op.execute('DELETE FROM models')"))
    with pytest.raises(CatalogError, match="would break 1 references; nothing was changed"):
        Catalog.migrate(str(path))
    assert ask_sql(str(path), "SELECT count(*) FROM models") == [(1,)]


def test_another_database_is_no_catalog(tmp_path: Path) -> None:
    path = tmp_path / "music.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE songs (name TEXT)")
    for options in ({}, {"create": True}, {"migrate": True}):
        with pytest.raises(CatalogDamaged, match="is a database, but not a catalog"):
            Catalog.open(str(path), **options)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("songs",)]


@pytest.mark.postgres
def test_a_catalog_beside_other_tables_on_a_server(postgres_url: str) -> None:
    run_sql(postgres_url, "CREATE TABLE songs (name TEXT)")
    with pytest.raises(NoCatalog):
        Catalog.open(postgres_url)
    with Catalog.open(postgres_url, create=True) as catalog:
        assert catalog.check() == []


# --- backup --------------------------------------------------------------------------------------


def test_a_backup_is_whole_while_others_write(tmp_path: Path) -> None:
    folder = tmp_path / "here"
    folder.mkdir()
    path, copy = str(folder / "catalog.db"), folder / "copy.db"
    with Catalog.open(path, create=True) as catalog:
        catalog.save(snap("o/m", claims=(claim("o/b"),)))
        with closing(sqlite3.connect(path, isolation_level=None)) as writer:
            writer.execute("BEGIN IMMEDIATE")
            writer.execute("DELETE FROM edges")
            catalog.backup(copy)
            writer.execute("ROLLBACK")
    with Catalog.open(str(copy)) as copied:
        assert copied.check() == []
        assert len(copied.edges_up("o/m")) == 1
    assert sorted(one.name for one in folder.iterdir()) == ["catalog.db", "copy.db"]


def test_a_backup_overwrites_nothing(tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    copy.write_text("precious")
    with Catalog.open(str(tmp_path / "catalog.db"), create=True) as catalog:
        with pytest.raises(UsageError, match="exists and is not overwritten"):
            catalog.backup(copy)
        with pytest.raises(CatalogError, match="cannot write"):
            catalog.backup(tmp_path / "nowhere" / "copy.db")
    assert copy.read_text() == "precious"


def test_a_backup_that_fails_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    with Catalog.open(str(path), create=True) as catalog:
        path.write_bytes(b"not a database at all" * 500)
        with pytest.raises(CatalogDamaged):
            catalog.backup(tmp_path / "copy.db")
    assert not (tmp_path / "copy.db").exists()
    assert not (tmp_path / "copy.db.partial").exists()


@pytest.mark.postgres
def test_a_server_is_backed_up_by_its_own_tool(postgres_url: str, tmp_path: Path) -> None:
    with (
        Catalog.open(postgres_url, create=True) as catalog,
        pytest.raises(UsageError, match="PostgreSQL") as caught,
    ):
        catalog.backup(tmp_path / "copy.db")
    assert caught.value.hint == "use pg_dump"
