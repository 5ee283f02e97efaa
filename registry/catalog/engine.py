"""Connections and transactions, the same on SQLite and PostgreSQL.

One writer at a time on both: SQLite by `BEGIN IMMEDIATE`, PostgreSQL by an advisory lock held to the end
of the transaction. Whoever writes sees all that was written before, so two writers cannot both add what
only one of them should, and none ever waits in a circle.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import sleep
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, event, text
from sqlalchemy.pool import QueuePool

from registry.catalog.faults import RETRIED, faults, no_schema, sqlstate
from registry.catalog.location import Location

T = TypeVar("T")

BUSY_TIMEOUT = 30.0
"""Seconds to wait for another writer. A save takes milliseconds; an import commits every few seconds."""

_CONNECTING = {
    "connect_timeout": "10",
    # A server that vanished without a word is noticed within a minute, not after hours.
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "60000",
    "fallback_application_name": "registry",
}
"""What connections to a server are made with unless the URL says otherwise."""

_SESSION = """
    SELECT set_config(name, wanted, false), current_schema(), current_setting('search_path'), current_user
    FROM pg_settings
    JOIN (VALUES ('TimeZone', 'UTC'), ('jit', 'off'), ('plan_cache_mode', 'force_custom_plan'))
        AS ours (ours, wanted) ON ours = name
"""
"""Times are stored and asked for in UTC: years near 1 would leave the calendar in other zones. To compile a
plan takes longer than any of ours runs, and one made while a table was small must not outlive that."""

_ATTEMPTS = 6
_WRITES = "registry_writes"
_UNCHECKED = "registry_unchecked"
_CHECKED = "registry_checked"
_LOCK_CLASS = 0x6D7272


class Database:
    """A place with a catalog in it. Work is a function of a connection, run inside one transaction."""

    def __init__(self, location: Location, engine: Engine, busy_timeout: float) -> None:
        self.location = location
        self._engine = engine
        self._busy_timeout = busy_timeout

    @property
    def shown(self) -> str:
        return self.location.shown

    @property
    def on_server(self) -> bool:
        return self.location.on_server

    def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` on one unchanging view of the catalog."""
        with faults(self.location, reading=True), self._engine.connect() as connection:
            if self.on_server:
                connection = connection.execution_options(
                    isolation_level="REPEATABLE READ", postgresql_readonly=True
                )
            with connection.begin():
                return work(connection)

    def write(self, work: Callable[[Connection], T], *, unchecked: bool = False) -> T:
        """Run `work` as the only writer; all of it is kept, or nothing. May run it again when the server
        says another transaction was in the way, so it must not have effects elsewhere.

        unchecked: SQLite neither looks whether rows refer to rows that are there, nor deletes with a row what
        belongs to it. For work that knows what it refers to and deletes nothing.
        """
        with faults(self.location):
            for attempt in range(1, _ATTEMPTS):
                try:
                    return self._write_once(work, unchecked)
                except Exception as error:
                    if sqlstate(error) not in RETRIED:
                        raise
                sleep(0.05 * attempt)
            return self._write_once(work, unchecked)

    @contextmanager
    def raw(self) -> Iterator[Any]:
        """A driver's connection outside any transaction, for the few things that demand it."""
        with faults(self.location), self._engine.connect() as connection:
            yield connection.connection.dbapi_connection

    def close(self) -> None:
        self._engine.dispose()

    def _write_once(self, work: Callable[[Connection], T], unchecked: bool) -> T:
        with self._engine.connect() as connection:
            connection = connection.execution_options(**{_WRITES: True, _UNCHECKED: unchecked})
            with connection.begin():
                if self.on_server:
                    wait_for_writers(connection, self._busy_timeout)
                return work(connection)


def is_unchecked(connection: Connection) -> bool:
    """Whether references are not looked after in this transaction (`Database.write`)."""
    asked = connection.get_execution_options().get(_UNCHECKED, False)
    return bool(asked) and connection.dialect.name == "sqlite"


def wait_for_writers(connection: Connection, seconds: float) -> None:
    """On PostgreSQL: be the only writer of this schema until the transaction ends."""
    connection.execute(text(f"SET LOCAL lock_timeout = {max(1, int(seconds * 1000))}"))
    connection.execute(
        text(f"SELECT pg_advisory_xact_lock({_LOCK_CLASS}, hashtext(coalesce(current_schema(), '')))")
    )


def connect(
    location: Location,
    *,
    create: bool = False,
    foreign_keys: bool = True,
    busy_timeout: float = BUSY_TIMEOUT,
) -> Database:
    """Prepare connections to `location`; nothing is opened yet. create: an SQLite file may be made."""
    with faults(location):
        if location.url is not None:
            engine = _server(location, location.url)
        else:
            assert location.path is not None
            engine = _file(location.path, create, foreign_keys, busy_timeout)
    return Database(location, engine, busy_timeout)


def _server(location: Location, url: URL) -> Engine:
    told = {name: value for name, value in _CONNECTING.items() if name not in url.query}
    engine = create_engine(url, pool_pre_ping=True, hide_parameters=True, connect_args=told)

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: object) -> None:
        _, schema, searched, user = connection.execute(_SESSION).fetchone()
        connection.commit()
        if schema is None:
            raise no_schema(location, searched, user)

    return engine


def _file(path: Path, create: bool, foreign_keys: bool, busy_timeout: float) -> Engine:
    uri = _uri(path, create)

    def opened() -> sqlite3.Connection:
        # Autocommit at the driver: it would otherwise end transactions of its own accord around DDL.
        connection = sqlite3.connect(
            uri, uri=True, timeout=busy_timeout, isolation_level=None, check_same_thread=False
        )
        connection.execute(f"PRAGMA foreign_keys = {'ON' if foreign_keys else 'OFF'}")
        # With a write-ahead log a killed process loses nothing it committed; only a power cut may.
        connection.execute("PRAGMA synchronous = NORMAL")
        return connection

    engine = create_engine(
        URL.create("sqlite", database=str(path)), creator=opened, poolclass=QueuePool, hide_parameters=True
    )

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get(_WRITES, False)
        checked = foreign_keys and not is_unchecked(connection)
        # Can be chosen between transactions alone, and stays for those that follow on this connection.
        if checked != connection.info.get(_CHECKED, foreign_keys):
            connection.exec_driver_sql(f"PRAGMA foreign_keys = {'ON' if checked else 'OFF'}")
            connection.info[_CHECKED] = checked
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _uri(path: Path, create: bool) -> str:
    uri = path.absolute().as_uri()
    if create:
        return f"{uri}?mode=rwc"
    log = Path(f"{path}-wal")
    if path.is_file() and not os.access(path.parent, os.W_OK) and not log.exists():
        # Even a reader of a write-ahead log needs files beside it. Where none can be made nobody can be
        # writing either, and the file may be read as it stands.
        return f"{uri}?mode=ro&immutable=1"
    return f"{uri}?mode=rw"
