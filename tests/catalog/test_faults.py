"""Databases that are locked, full, read-only, broken or gone."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from threading import Timer
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from sqlalchemy import event

from registry.catalog import engine
from registry.catalog.catalog import Catalog
from registry.errors import (
    CatalogDamaged,
    CatalogError,
    CatalogLocked,
    CatalogReadOnly,
    CatalogUnreachable,
    DiskFull,
    NoCatalog,
    RegistryError,
)
from tests.catalog.conftest import SERVER
from tests.catalog.makers import run_sql, snap

NOBODY = 65534


# --- locked --------------------------------------------------------------------------------------


def test_a_locked_file(tmp_path: Path) -> None:
    path = str(tmp_path / "catalog.db")
    Catalog.open(path, create=True).close()
    with (
        Catalog.open(path, busy_timeout=0.2) as catalog,
        closing(sqlite3.connect(path, isolation_level=None)) as other,
    ):
        other.execute("BEGIN IMMEDIATE")
        begun = time.monotonic()
        with pytest.raises(CatalogLocked, match="is locked") as caught:
            catalog.save(snap("o/m"))
        assert 0.1 < time.monotonic() - begun < 5
        assert "try again" in str(caught.value.hint)
        assert catalog.tracked_after("", 10_000) == [], "readers need not wait"
        other.execute("ROLLBACK")
        catalog.save(snap("o/m"))
        assert catalog.tracked_after("", 10_000) == ["o/m"]


def test_a_file_that_is_locked_while_a_catalog_is_made_in_it(tmp_path: Path) -> None:
    path = str(tmp_path / "catalog.db")
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(CatalogLocked):
            Catalog.open(path, create=True, busy_timeout=0.1)
        other.execute("ROLLBACK")
        other.execute("BEGIN IMMEDIATE")
        Timer(0.3, other.execute, ["ROLLBACK"]).start()
        Catalog.open(path, create=True, busy_timeout=10).close()


@pytest.mark.postgres
def test_a_locked_server(postgres_url: str) -> None:
    Catalog.open(postgres_url, create=True).close()
    holder = engine.connect(engine.Location("x", url=engine_url(postgres_url)))
    with Catalog.open(postgres_url, busy_timeout=0.2) as catalog:

        def hold(connection: object) -> None:
            with pytest.raises(CatalogLocked, match="is locked"):
                catalog.save(snap("o/m"))
            assert catalog.tracked_after("", 10_000) == []

        holder.write(hold)
        catalog.save(snap("o/m"))
        assert catalog.tracked_after("", 10_000) == ["o/m"]
    holder.close()


def engine_url(text: str):  # type: ignore[no-untyped-def]
    from registry.catalog.location import parse_location

    return parse_location(text).url


@pytest.mark.postgres
def test_a_transaction_in_the_way_is_run_again(postgres_url: str) -> None:
    from sqlalchemy import text

    with Catalog.open(postgres_url, create=True) as catalog:
        tries = []

        def unlucky(connection):  # type: ignore[no-untyped-def]
            tries.append(1)
            if len(tries) < 3:
                connection.execute(text("DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '40P01'; END $$"))
            return "done"

        assert catalog._database.write(unlucky) == "done"
        assert len(tries) == 3
        tries[:] = [0] * -100

        def hopeless(connection):  # type: ignore[no-untyped-def]
            connection.execute(text("DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '40001'; END $$"))

        with pytest.raises(CatalogLocked, match="too busy"):
            catalog._database.write(hopeless)


# --- full ----------------------------------------------------------------------------------------


def limit_pages(catalog: Catalog, pages: int) -> None:
    """Let the file grow no further than that, for connections made from now on."""
    catalog._database._engine.dispose()

    @event.listens_for(catalog._database._engine, "connect")
    def _limit(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute(f"PRAGMA max_page_count = {pages}")


def fill(catalog: Catalog) -> None:
    """Save models, one by one, as long as there is room."""
    for n in range(500):
        catalog.save(snap(f"o/{n}", tags=(os.urandom(3000).hex(),)))


def test_a_full_file(tmp_path: Path) -> None:
    path = str(tmp_path / "catalog.db")
    with Catalog.open(path, create=True) as catalog:
        catalog.save(snap("o/first"))
        limit_pages(catalog, 60)
        with pytest.raises(DiskFull, match="no room is left"):
            fill(catalog)
        saved = catalog.tracked_after("", 10_000)
        assert catalog.check() == []
        assert catalog.find("o/first") == "o/first"
        with pytest.raises(DiskFull):
            catalog.save_many(snap(f"p/{n}", tags=(os.urandom(3000).hex(),)) for n in range(500))
        assert catalog.tracked_after("", 10_000) == saved, "all or nothing"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", str(folder)]
    if (
        os.geteuid() != 0
        or not shutil.which("mount")
        or subprocess.run(mount, capture_output=True).returncode
    ):
        pytest.skip("mounting a small disk needs root")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk(small_disk: Path) -> None:
    path = str(small_disk / "catalog.db")
    with Catalog.open(path, create=True) as catalog:
        with pytest.raises(DiskFull, match="no room is left") as caught:
            fill(catalog)
        assert "free some space" in str(caught.value.hint)
        assert catalog.check() == []
        assert catalog.find("o/0") == "o/0"
        with pytest.raises(CatalogError):
            catalog.backup(small_disk / "copy.db")
        assert not (small_disk / "copy.db").exists()
    (small_disk / "second.db").write_bytes(b"")
    with pytest.raises(DiskFull):
        Catalog.open(str(small_disk / "second.db"), create=True)


# --- read-only -----------------------------------------------------------------------------------


def probe(path: Path, *steps: str) -> list[str]:
    """Open and use a catalog as a user whom permissions bind, in a child of this process."""
    readable, writable = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            if os.geteuid() == 0:
                os.setgroups([])
                os.setgid(NOBODY)
                os.setuid(NOBODY)
            os.write(writable, "\n".join(use(path, steps)).encode())
        except BaseException:  # noqa: BLE001 - told to the parent, which fails on it
            os.write(writable, traceback.format_exc().encode())
        finally:
            os._exit(0)
    os.close(writable)
    with os.fdopen(readable) as pipe:
        told = pipe.read()
    os.waitpid(child, 0)
    return told.splitlines()


def use(path: Path, steps: Sequence[str]) -> Iterator[str]:
    try:
        with Catalog.open(str(path), create="create" in steps) as catalog:
            yield f"read {catalog.tracked_after('', 10_000)} check {catalog.check()}"
            if "save" in steps:
                catalog.save(snap("o/new"))
                yield "saved"
    except RegistryError as error:
        yield f"{error.code}: {error.message}"


@pytest.fixture
def shelf() -> Iterator[Path]:
    """A folder others may enter, with a catalog."""
    folder = Path(tempfile.mkdtemp(prefix="registry-shelf-"))
    folder.chmod(0o755)
    with Catalog.open(str(folder / "catalog.db"), create=True) as catalog:
        catalog.save(snap("o/m"))
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


READ = "read ['o/m'] check []"


def test_a_read_only_file_in_a_read_only_folder(shelf: Path) -> None:
    (shelf / "catalog.db").chmod(0o444)
    shelf.chmod(0o555)
    read, refused = probe(shelf / "catalog.db", "save")
    assert read == READ
    assert refused.startswith("catalog-read-only:")
    assert "cannot be written" in refused


def test_a_read_only_file_in_a_writable_folder(shelf: Path) -> None:
    (shelf / "catalog.db").chmod(0o444)
    shelf.chmod(0o777)
    read, refused = probe(shelf / "catalog.db", "save")
    assert read == READ
    assert refused.startswith("catalog-read-only:")


def test_a_writable_file_in_a_read_only_folder(shelf: Path) -> None:
    (shelf / "catalog.db").chmod(0o666)
    shelf.chmod(0o555)
    read, refused = probe(shelf / "catalog.db", "save")
    assert read == READ
    assert refused.startswith("catalog-read-only:")


def test_a_read_only_file_somebody_is_writing_to(shelf: Path) -> None:
    path = shelf / "catalog.db"
    with closing(sqlite3.connect(path)) as writer:
        writer.execute("UPDATE models SET likes = 1")
        writer.commit()
        assert (shelf / "catalog.db-wal").exists()
        for one in shelf.iterdir():
            one.chmod(0o444)
        shelf.chmod(0o555)
        (told,) = probe(path, "save")[-1:]
    assert told.startswith("catalog-read-only:")


def test_a_catalog_in_a_read_only_folder_cannot_be_made(shelf: Path) -> None:
    shelf.chmod(0o555)
    (refused,) = probe(shelf / "new.db", "create")
    assert refused.startswith("catalog-read-only:")


def test_an_unreadable_file(shelf: Path) -> None:
    (shelf / "catalog.db").chmod(0o000)
    (refused,) = probe(shelf / "catalog.db")
    assert refused.startswith("catalog-read-only:")
    assert "cannot be read" in refused


@pytest.mark.postgres
def test_a_read_only_server(postgres_url: str) -> None:
    Catalog.open(postgres_url, create=True).close()
    reader = f"reader_{uuid4().hex}"
    grant = f"GRANT USAGE ON SCHEMA {{0}} TO {reader}; GRANT SELECT ON ALL TABLES IN SCHEMA {{0}} TO {reader}"
    run_sql(postgres_url, f"CREATE ROLE {reader} LOGIN", grant.format(postgres_url.rpartition("%3D")[2]))
    try:
        with Catalog.open(postgres_url.replace("registry@", f"{reader}@")) as catalog:
            assert catalog.tracked_after("", 10_000) == []
            with pytest.raises(CatalogReadOnly, match="cannot be written"):
                catalog.save(snap("o/m"))
    finally:
        run_sql(postgres_url, f"DROP OWNED BY {reader}", f"DROP ROLE {reader}")


# --- broken --------------------------------------------------------------------------------------


def test_garbage_is_no_catalog(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    path.write_bytes(b"PK\x03\x04 not a database" * 400)
    for options in ({}, {"create": True}, {"migrate": True}):
        with pytest.raises(CatalogDamaged, match="is not a catalog, or a broken one"):
            Catalog.open(str(path), **options)


@pytest.mark.parametrize("kept", [100, 4096, 5000, 20_000, 60_000])
def test_a_truncated_file(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "catalog.db"
    with Catalog.open(str(path), create=True) as catalog:
        catalog.save_many(snap(f"o/{n}") for n in range(100))
    path.write_bytes(path.read_bytes()[:kept])

    def use() -> None:
        with Catalog.open(str(path)) as catalog:
            assert catalog.check()[-1].code == "damaged"
            catalog.save(snap("o/m"))
            raise CatalogDamaged("told by check() alone")

    with pytest.raises(CatalogDamaged):
        use()


def test_a_folder_is_no_catalog(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="is a directory"):
        Catalog.open(str(tmp_path))


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    for create in (False, True):
        with pytest.raises(NoCatalog, match="does not exist"):
            Catalog.open(str(tmp_path / "no" / "catalog.db"), create=create)


def test_names_with_special_characters(tmp_path: Path) -> None:
    folder = tmp_path / "a b?c#d%20é"
    folder.mkdir()
    path = str(folder / "cat?mode=ro#1%.db")
    with Catalog.open(path, create=True) as catalog:
        catalog.save(snap("o/m"))
        assert catalog.location == path
    assert [one.name for one in folder.iterdir()] == ["cat?mode=ro#1%.db"]


# --- gone ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:s3cr%2Ft@127.0.0.1:9/registry",
        "postgres://me:s3cr%2Ft@127.0.0.1:9/registry",
        "postgresql+psycopg://me@127.0.0.1:9/registry?password=s3cr%2Ft",
    ],
)
def test_no_server_and_no_password_in_what_is_said(url: str) -> None:
    pytest.importorskip("psycopg")
    with pytest.raises(CatalogUnreachable) as caught:
        Catalog.open(url)
    said = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + str(caught.value.hint)
    assert "127.0.0.1:9" in caught.value.message
    for form in ("s3cr/t", "s3cr%2Ft", "s3cr"):
        assert form not in said


@pytest.mark.postgres
def test_the_password_is_hidden_where_all_is_well(postgres_url: str) -> None:
    url = postgres_url.replace("registry@", "registry:s3cret@")
    with Catalog.open(url, create=True) as catalog:
        assert "s3cret" not in catalog.location + repr(catalog) + repr(catalog._database.location)
        assert "***" in catalog.location
        run_sql(postgres_url, "DROP TABLE files, trees CASCADE")
        with pytest.raises(CatalogError) as caught:
            catalog.stats()
    assert "s3cret" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.postgres
def test_no_such_database_or_user(postgres_url: str) -> None:
    parts = urlsplit(os.environ[SERVER])
    with pytest.raises(NoCatalog, match="there is no database at"):
        Catalog.open(f"postgresql://{parts.netloc}/no_such_database")
    with pytest.raises(CatalogUnreachable, match="refused the connection"):
        Catalog.open(f"postgresql://stranger@{parts.netloc.rpartition('@')[2]}/postgres")


@pytest.mark.postgres
def test_a_connection_the_server_ended(postgres_url: str) -> None:
    from sqlalchemy import text

    with Catalog.open(postgres_url, create=True) as catalog:
        catalog.save(snap("o/m"))

        def end(connection):  # type: ignore[no-untyped-def]
            connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

        with pytest.raises(CatalogUnreachable, match="cannot be reached"):
            catalog._database.write(end)
        assert catalog.tracked_after("", 10_000) == ["o/m"], "the next question is asked on a new connection"


def test_a_driver_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(CatalogError, match="needs a driver") as caught:
        Catalog.open("postgresql://me:s3cret@127.0.0.1:9/registry")
    assert "postgres]" in str(caught.value.hint)
    assert "s3cret" not in caught.value.message
