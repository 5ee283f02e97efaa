"""Which revision a catalog is at, making a new one, and bringing an old one up to date."""

from __future__ import annotations

import shlex
import warnings
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Text, column, inspect, select, table
from sqlalchemy.schema import CreateIndex

from registry.catalog.backup import copy_file
from registry.catalog.engine import BUSY_TIMEOUT, Database, connect
from registry.catalog.location import Location
from registry.catalog.revisions import REVISIONS
from registry.catalog.tables import aliases_by_folded_name
from registry.errors import (
    CatalogDamaged,
    CatalogError,
    CatalogLocked,
    CatalogOutdated,
    CatalogTooNew,
    NoCatalog,
)

if TYPE_CHECKING:
    from alembic.config import Config

_VERSIONS = "alembic_version"
_MIGRATE_HINT = "run: registry catalog migrate"


@dataclass(frozen=True, slots=True)
class MigrationReport:
    """before, after: revisions, `before` is `None` for a catalog just made. backup: the copy made first."""

    location: str
    before: str | None
    after: str
    backup: Path | None = None


def revision(connection: Connection) -> str | None:
    """The revision of the catalog behind `connection`, `None` when there is nothing at all.

    Raises `CatalogDamaged` for a database that holds something else.
    """
    tables = inspect(connection).get_table_names()
    if _VERSIONS in tables:
        versions = select(column("version_num", Text)).select_from(table(_VERSIONS))
        found = connection.execute(versions).scalars().all()
        if len(found) == 1:
            return found[0]
    # A PostgreSQL schema may hold other people's tables beside ours; a file is ours or it is not.
    if tables and (connection.dialect.name == "sqlite" or _VERSIONS in tables):
        raise CatalogDamaged("this is a database, but not a catalog")
    return None


def require_current(database: Database) -> None:
    """Raise unless the catalog is there and at the newest revision this program knows."""
    found = _revision_of(database)
    if found is None:
        raise NoCatalog(
            f"there is no catalog at {database.shown}",
            hint=f"create it with: registry --catalog {shlex.quote(database.shown)} catalog init",
        )
    if found not in REVISIONS:
        raise CatalogTooNew(
            f"{database.shown} was written by a newer version of this program (schema {found}, "
            f"known up to {REVISIONS[-1]})",
            hint="upgrade: pip install --upgrade model-reuse-registry",
        )
    if found != REVISIONS[-1]:
        raise CatalogOutdated(
            f"{database.shown} has the older schema {found}, needed is {REVISIONS[-1]}", hint=_MIGRATE_HINT
        )


def create(location: Location, *, busy_timeout: float = BUSY_TIMEOUT) -> MigrationReport:
    """Make an empty catalog unless one is there. Safe to run from several processes at once."""
    database = connect(location, create=True, busy_timeout=busy_timeout)
    try:
        before = _revision_of(database)
        if before is not None:
            return MigrationReport(location.shown, before, before)
        if not location.on_server:
            _use_log(database, busy_timeout)
        return database.write(lambda connection: _create(connection, location))
    finally:
        database.close()


def migrate(location: Location, *, busy_timeout: float = BUSY_TIMEOUT) -> MigrationReport:
    """Bring a catalog to the newest revision, after a backup copy of a file; nothing to do is fine."""
    # Alembic rebuilds SQLite tables by copying them, which foreign keys would see as deletion.
    database = connect(location, foreign_keys=False, busy_timeout=busy_timeout)
    try:
        before = _revision_of(database)
        if before is None or before not in REVISIONS:
            require_current(database)
        if before == REVISIONS[-1]:
            return MigrationReport(location.shown, before, before)
        return database.write(lambda connection: _migrate(connection, location))
    finally:
        database.close()


def upgrade(connection: Connection, target: str) -> None:
    """Run the migration scripts up to `target` inside the transaction of `connection`."""
    from alembic import command

    config = alembic_config()
    config.attributes["connection"] = connection
    with warnings.catch_warnings():
        # SQLite cannot tell SQLAlchemy of an index on an expression, so a table Alembic rebuilds loses it.
        warnings.filterwarnings("ignore", message="Skipped unsupported reflection of expression-based index")
        command.upgrade(config, target)
    connection.execute(CreateIndex(aliases_by_folded_name, if_not_exists=True))


def alembic_config() -> Config:
    """Alembic's settings, made here so that nobody needs an `alembic.ini`."""
    from alembic.config import Config

    config = Config()
    folder = str(Path(__file__).parent / "migrations")
    config.set_main_option("script_location", folder.replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    return config


def _revision_of(database: Database) -> str | None:
    path = database.location.path
    if path is not None and path.is_file() and path.stat().st_size == 0:
        return None
    try:
        return database.read(revision)
    except CatalogDamaged as error:
        if error.hint is not None:
            raise
        raise CatalogDamaged(
            f"{database.shown} is a database, but not a catalog", hint="choose another --catalog"
        ) from None


def _use_log(database: Database, busy_timeout: float) -> None:
    """Switch a new file to the write-ahead log, so that readers and a writer do not wait for each other."""
    deadline = monotonic() + busy_timeout
    while True:
        try:
            with database.raw() as connection:
                connection.execute("PRAGMA journal_mode = WAL")
            return
        except CatalogLocked:
            # Alone among statements this one does not wait when another process uses the file.
            if monotonic() > deadline:
                raise
        sleep(0.02)


def _create(connection: Connection, location: Location) -> MigrationReport:
    before = revision(connection)
    if before is not None:
        return MigrationReport(location.shown, before, before)
    upgrade(connection, REVISIONS[-1])
    return MigrationReport(location.shown, None, REVISIONS[-1])


def _migrate(connection: Connection, location: Location) -> MigrationReport:
    before = revision(connection)
    assert before is not None
    if before == REVISIONS[-1]:
        # Another process did it while we waited.
        return MigrationReport(location.shown, before, before)
    kept = None
    if location.path is not None:
        kept = _free_name(location.path, before)
        copy_file(location, location.path, kept)
    upgrade(connection, REVISIONS[-1])
    if connection.dialect.name == "sqlite":
        broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
        if broken:
            raise CatalogError(
                f"migrating {location.shown} would break {len(broken)} references; nothing was changed",
                hint="run: registry catalog check",
            )
    return MigrationReport(location.shown, before, REVISIONS[-1], kept)


def _free_name(path: Path, before: str) -> Path:
    """Where the copy goes: `catalog.db.0001.bak`, or the first such name that is free."""
    number = 1
    target = path.with_name(f"{path.name}.{before}.bak")
    while target.exists():
        number += 1
        target = path.with_name(f"{path.name}.{before}.{number}.bak")
    return target
