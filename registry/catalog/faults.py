"""A database's error, translated into ours at the border: by its code wherever it has one."""

from __future__ import annotations

import errno
import os
import re
import shlex
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, NoSuchModuleError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from registry.catalog.location import Location
from registry.errors import (
    CatalogDamaged,
    CatalogError,
    CatalogLocked,
    CatalogReadOnly,
    CatalogUnreachable,
    DiskFull,
    NoCatalog,
)

_LOCK_HINT = "another program is writing to it; try again when it is done"
_DAMAGE_HINT = "restore a backup, or move the file away and add the models again"
_AGAIN_HINT = "what was kept stays; run it again when the server is back"
_SERVER_HINT = "check that the server runs and that host and port are right"
_RIGHTS_HINT = "ask the owner of the catalog for the rights (docs/postgresql.md tells which)"

_FAILED = re.compile(r"^connection (?:failed|is bad)(?:: connection to .*? failed)?: ")
_FATAL = re.compile(r"FATAL:\s+(.*)")
_NO_DATABASE = re.compile(r'database ".*" does not exist')
_UNCONNECTED = ("failed to resolve", "connection timeout", "invalid")
_REFUSALS = (
    (re.compile("password"), "give the right one in the URL, in PGPASSWORD or in ~/.pgpass"),
    (re.compile(r"role .* does not exist"), "check the user, or ask for a role"),
    (re.compile("permission denied|not permitted"), _RIGHTS_HINT),
    (re.compile(r"pg_hba\.conf"), "ask for this host and user to be let in; ?sslmode=require may be needed"),
    (re.compile("SSL|certificate"), "choose another ?sslmode=, or ask for the server's certificates"),
    (re.compile("too many|slots"), "wait until others are done, or ask for more connections"),
    (re.compile("starting up|shutting down|recovery|terminat"), "try again in a moment"),
    (re.compile("invalid|unrecognized|requires a value"), "check what follows the ? in the URL"),
)
"""What a server or the driver says when a connection does not come about, and the next step."""

RETRIED = frozenset({"40001", "40P01"})
"""SQLSTATEs that mean: nothing was wrong, somebody else was first; run the transaction again."""


@contextmanager
def faults(location: Location, *, reading: bool = False) -> Iterator[None]:
    """Raise what the database says about `location` as a `CatalogError` (or `NoCatalog`)."""
    try:
        yield
    except _of_databases() as error:
        raise translated(error, location, reading=reading) from None
    except PoolTimeout:
        raise CatalogLocked(f"{location.shown} is busy in too many places at once") from None
    except (ModuleNotFoundError, NoSuchModuleError):
        raise CatalogError(
            f"PostgreSQL needs a driver to reach {location.shown}",
            hint="pip install 'model-reuse-registry[postgres]'",
        ) from None


def translated(error: Exception, location: Location, *, reading: bool = False) -> CatalogError | NoCatalog:
    """The `RegistryError` that says what a database's `error` means for the catalog at `location`."""
    original = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(original, sqlite3.Error):
        return _from_sqlite(original, location)
    dropped = isinstance(error, DBAPIError) and error.connection_invalidated
    return _from_postgres(original, location, dropped=dropped, reading=reading)


def no_schema(location: Location, searched: str, user: str) -> CatalogReadOnly:
    """The error of a role that finds no schema where it looks for one; why, the server does not tell."""
    said = f"the schema {searched} is not there, or {user} may not use it"
    return CatalogReadOnly(f"{location.shown} cannot be read: {said}", hint=_RIGHTS_HINT)


def sqlstate(error: Exception) -> str | None:
    """PostgreSQL's five-character code, `None` when there was no answer from a server."""
    original = error.orig if isinstance(error, DBAPIError) else error
    state = getattr(original, "sqlstate", None)
    return state if isinstance(state, str) else None


def _of_databases() -> tuple[type[Exception], ...]:
    """The errors of SQLAlchemy, and those of drivers, which are used past it here and there."""
    driver = sys.modules.get("psycopg")
    return (DBAPIError, sqlite3.Error, *(() if driver is None else (driver.Error,)))


def _from_sqlite(error: sqlite3.Error, location: Location) -> CatalogError | NoCatalog:
    name = location.shown
    # Extended codes (a cause in the upper bits) reduce to the primary one.
    code = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
    match code:
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return CatalogLocked(f"{name} is locked", hint=_LOCK_HINT)
        case sqlite3.SQLITE_NOTADB:
            return CatalogDamaged(f"{name} is not a catalog, or a broken one", hint=_DAMAGE_HINT)
        case sqlite3.SQLITE_CORRUPT:
            return CatalogDamaged(f"{name} is damaged: {error}", hint=_DAMAGE_HINT)
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM | sqlite3.SQLITE_AUTH:
            return CatalogReadOnly(f"{name} cannot be written", hint=_write_hint(location))
        case sqlite3.SQLITE_FULL:
            return DiskFull(f"no room is left to write {name}", hint="free some space and run it again")
        case sqlite3.SQLITE_CANTOPEN:
            return _unopened(location)
        case sqlite3.SQLITE_IOERR:
            return CatalogError(f"reading or writing {name} failed: {error}", hint="check the disk")
        case _:
            return CatalogError(f"{name}: {location.scrub(str(error))}")


def _unopened(location: Location) -> CatalogError | NoCatalog:
    name, path = location.shown, location.path
    if path is None or path.is_dir():
        return CatalogError(f"{name} is a directory, not a catalog")
    folder = path.absolute().parent
    if not folder.is_dir():
        return NoCatalog(f"the folder {folder} does not exist", hint="create it, or choose another --catalog")
    if not path.exists() and os.access(folder, os.W_OK):
        return NoCatalog(
            f"there is no catalog at {name}",
            hint=f"create it with: registry --catalog {shlex.quote(name)} catalog init",
        )
    if path.exists() and not os.access(path, os.R_OK):
        return CatalogReadOnly(f"{name} cannot be read: {os.strerror(errno.EACCES)}")
    return CatalogReadOnly(f"{name} cannot be opened for writing", hint=_write_hint(location))


def _write_hint(location: Location) -> str:
    if location.on_server:
        return "ask the owner of the catalog for the rights to write, or choose another --catalog"
    return "check the rights of the file and of its folder, or copy it and name the copy with --catalog"


def _from_postgres(
    error: BaseException | None, location: Location, *, dropped: bool, reading: bool
) -> CatalogError | NoCatalog:
    name = location.shown
    state = getattr(error, "sqlstate", None) or ""
    said = location.scrub(str(error).partition("\n")[0])
    if not state and not dropped and (refusal := _refusal(said, location)):
        return refusal
    match state[:2], state:
        case _, "55P03":
            return CatalogLocked(f"{name} is locked", hint=_LOCK_HINT)
        case _, "40001" | "40P01":
            return CatalogLocked(f"{name} is too busy: {said}", hint=_LOCK_HINT)
        case _, "57014":
            hint = "try again; if it keeps happening, ask for a longer statement_timeout"
            return CatalogError(f"{name} gave up: {said}", hint=hint)
        case _, "42501" if reading:
            return CatalogReadOnly(f"{name} cannot be read: {said}", hint=_RIGHTS_HINT)
        case _, "42501" | "25006":
            return CatalogReadOnly(f"{name} cannot be written: {said}", hint=_write_hint(location))
        case _, "53100":
            return DiskFull(f"no room is left to write {name}", hint="free some space on the server")
        case ("XX", _):
            return CatalogDamaged(f"{name} is damaged: {said}", hint="restore a backup")
        case ("08" | "53" | "57" | "", _):
            return CatalogUnreachable(f"{name} cannot be reached any more: {said}", hint=_AGAIN_HINT)
    if dropped:
        return CatalogUnreachable(f"{name} cannot be reached any more: {said}", hint=_AGAIN_HINT)
    return CatalogError(f"{name}: {said}")


def _refusal(said: str, location: Location) -> CatalogError | NoCatalog | None:
    """Why a connection did not come about: then the driver has words and no code."""
    name = location.shown
    reason = _FAILED.sub("", said)
    if fatal := _FATAL.search(reason):
        reason = fatal[1]
        if _NO_DATABASE.fullmatch(reason):
            return NoCatalog(f"there is no database at {name}", hint="create it with createdb")
    elif reason == said and not said.startswith(_UNCONNECTED):
        return None
    hint = next((hint for pattern, hint in _REFUSALS if pattern.search(reason)), _SERVER_HINT)
    verb = "refused the connection" if fatal else "cannot be reached"
    return CatalogUnreachable(f"{name} {verb}: {reason}", hint=hint)
