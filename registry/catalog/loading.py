"""Rows by the thousand, past SQLAlchemy's own handling of each: tuples to the driver, COPY to a server.

Values come as columns hold them (`types.py`), because no type converts them on this way.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.exc import DBAPIError, IntegrityError

Row = tuple[Any, ...]


def insert_rows(connection: Connection, table: Table, columns: Sequence[str], rows: list[Row]) -> None:
    """Insert tuples with values for those columns; the rest is NULL."""
    if not rows:
        return
    names = ", ".join(f'"{name}"' for name in columns)
    if connection.dialect.name == "sqlite":
        marks = ", ".join("?" * len(columns))
        connection.exec_driver_sql(f"INSERT INTO {table.name} ({names}) VALUES ({marks})", rows)  # noqa: S608
    else:
        _copy(connection, f"COPY {table.name} ({names}) FROM STDIN", rows)


def update_rows(connection: Connection, table: Table, columns: Sequence[str], rows: list[Row]) -> None:
    """Set those columns in the rows of the ids that stand last in each tuple."""
    if not rows:
        return
    if connection.dialect.name == "sqlite":
        settings = ", ".join(f"{name} = ?" for name in columns)
        connection.exec_driver_sql(f"UPDATE {table.name} SET {settings} WHERE id = ?", rows)  # noqa: S608
        return
    names = ", ".join((*columns, "id"))
    staged = f"staged_{table.name}"
    connection.exec_driver_sql(
        f"CREATE TEMP TABLE {staged} ON COMMIT DROP AS SELECT {names} FROM {table.name} LIMIT 0"  # noqa: S608
    )
    _copy(connection, f"COPY {staged} ({names}) FROM STDIN", rows)
    settings = ", ".join(f"{name} = {staged}.{name}" for name in columns)
    connection.exec_driver_sql(
        f"UPDATE {table.name} SET {settings} FROM {staged} WHERE {table.name}.id = {staged}.id"  # noqa: S608
    )
    connection.exec_driver_sql(f"DROP TABLE {staged}")


def plain_rows(connection: Connection, query: str, values: Row = ()) -> list[Row]:
    """The answer to a query as tuples."""
    answer = connection.exec_driver_sql(query, values)
    assert answer.cursor is not None
    return list(answer.cursor.fetchall())


def rows_of(connection: Connection, query: str, values: Iterable[object]) -> list[Row]:
    """The answer to a query that says `IN (:values)` for any number of texts or numbers."""
    if connection.dialect.name == "sqlite":
        one = query.replace("IN (:values)", "IN (SELECT value FROM json_each(?))")
        return plain_rows(connection, one, (json.dumps(list(values)),))
    return plain_rows(connection, query.replace("IN (:values)", "= ANY(%s)"), (list(values),))


def next_id(connection: Connection, table: Table) -> int:
    """The first number that no row of the table has had; taken by whoever writes it."""
    return int(connection.exec_driver_sql(f"SELECT coalesce(max(id), 0) + 1 FROM {table.name}").scalar_one())  # noqa: S608


def settle_ids(connection: Connection, table: Table) -> None:
    """Let the server number on from rows that brought their own numbers."""
    if connection.dialect.name != "sqlite":
        connection.exec_driver_sql(
            f"SELECT setval(pg_get_serial_sequence('{table.name}', 'id'), max(id)) FROM {table.name}"  # noqa: S608
        )


def _copy(connection: Connection, statement: str, rows: Iterable[Row]) -> None:
    driver = connection.connection.driver_connection
    assert driver is not None
    try:
        with driver.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)
    except Exception as error:
        # SQLAlchemy does not see what happens here, and translates nothing.
        if isinstance(error, connection.dialect.loaded_dbapi.IntegrityError):
            raise IntegrityError(statement, None, error) from None
        if isinstance(error, connection.dialect.loaded_dbapi.Error):
            raise DBAPIError(statement, None, error) from None
        raise
