"""Rows by the thousand, past SQLAlchemy's own handling of each: tuples to the driver, COPY to a server.

Values come as columns hold them (`types.py`, `codes.py`), because no type converts them on this way.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.exc import DBAPIError, IntegrityError

Row = tuple[Any, ...]
Fixed = Mapping[str, int]
"""Columns that are the same in all rows: numbers and flags."""


def insert_columns(
    connection: Connection, table: Table, columns: Mapping[str, Sequence[Any]], fixed: Fixed
) -> None:
    """Insert rows given column by column; the rest is NULL."""
    told = {name: values for name, values in columns.items() if values.count(None) < len(values)}
    if told:
        insert_rows(connection, table, tuple(told), zip(*told.values(), strict=True), fixed)


def insert_rows(
    connection: Connection, table: Table, columns: Sequence[str], rows: Iterable[Row], fixed: Fixed
) -> None:
    """Insert tuples with values for those columns; the rest is NULL."""
    if isinstance(rows, list) and not rows:
        return
    names = ", ".join(f'"{name}"' for name in (*columns, *fixed))
    if connection.dialect.name == "sqlite":
        values = ", ".join([*("?" * len(columns)), *(str(int(value)) for value in fixed.values())])
        statement = f"INSERT INTO {table.name} ({names}) VALUES ({values})"  # noqa: S608
        with _driver(connection, statement) as driver:
            driver.executemany(statement, rows)
    else:
        _copy(connection, f"COPY {table.name} ({names}) FROM STDIN", rows, list(fixed.values()))


def update_rows(
    connection: Connection, table: Table, columns: Sequence[str], rows: list[Row], keys: Sequence[str]
) -> None:
    """Set those columns in the rows whose keys stand last in each tuple."""
    if not rows:
        return
    if connection.dialect.name == "sqlite":
        settings = ", ".join(f"{name} = ?" for name in columns)
        which = " AND ".join(f"{name} = ?" for name in keys)
        connection.exec_driver_sql(f"UPDATE {table.name} SET {settings} WHERE {which}", rows)  # noqa: S608
        return
    names = ", ".join((*columns, *keys))
    staged = f"staged_{table.name}"
    connection.exec_driver_sql(
        f"CREATE TEMP TABLE {staged} ON COMMIT DROP AS SELECT {names} FROM {table.name} LIMIT 0"  # noqa: S608
    )
    _copy(connection, f"COPY {staged} ({names}) FROM STDIN", rows, [])
    settings = ", ".join(f"{name} = {staged}.{name}" for name in columns)
    which = " AND ".join(f"{table.name}.{name} = {staged}.{name}" for name in keys)
    connection.exec_driver_sql(f"UPDATE {table.name} SET {settings} FROM {staged} WHERE {which}")  # noqa: S608
    connection.exec_driver_sql(f"DROP TABLE {staged}")


def update_all(connection: Connection, table: Table, settings: Fixed, key: str, keys: Sequence[int]) -> None:
    """Set columns to the same in all rows of those keys. Keys that follow each other are one range to
    SQLite."""
    if not keys:
        return
    keys = sorted(keys)
    said = ", ".join(f"{name} = {value}" for name, value in settings.items())
    query = f"UPDATE {table.name} SET {said} WHERE {key}"  # noqa: S608
    if connection.dialect.name == "sqlite":
        breaks = [one for one in pairwise(keys) if one[1] != one[0] + 1]
        starts = [keys[0], *(after for _, after in breaks)]
        ends = [*(before for before, _ in breaks), keys[-1]]
        connection.exec_driver_sql(f"{query} BETWEEN ? AND ?", list(zip(starts, ends, strict=True)))
    else:
        connection.exec_driver_sql(f"{query} = ANY(%s)", (list(keys),))


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


def _copy(connection: Connection, statement: str, rows: Iterable[Row], fixed: Sequence[object]) -> None:
    """COPY tuples, each with the same values behind it."""
    columns = [_texts(column) for column in zip(*rows, strict=True)]
    if not columns:
        return
    ending = "".join(f"\t{value}" for value in fixed) + "\n"
    lines = ending.join(map("\t".join, zip(*columns, strict=True))) + ending
    with _driver(connection, statement) as driver, driver.cursor() as cursor, cursor.copy(statement) as copy:
        for start in range(0, len(lines), _PIECE):
            copy.write(lines[start : start + _PIECE])


@contextmanager
def _driver(connection: Connection, statement: str) -> Iterator[Any]:
    """The driver's connection. SQLAlchemy does not see what happens there, and translates nothing."""
    driver = connection.connection.driver_connection
    try:
        yield driver
    except Exception as error:
        if isinstance(error, connection.dialect.loaded_dbapi.IntegrityError):
            raise IntegrityError(statement, None, error) from None
        if isinstance(error, connection.dialect.loaded_dbapi.Error):
            raise DBAPIError(statement, None, error) from None
        raise


_PIECE = 1 << 18
"""Letters sent at a time."""

_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def _texts(column: Sequence[Any]) -> Iterable[str]:
    """Values as COPY reads them."""
    kinds = set(map(type, column))
    if kinds <= {int, bool}:
        return map(str, column)
    if kinds == {str}:
        joined = "".join(column)
        return column if joined.translate(_ESCAPES) == joined else [one.translate(_ESCAPES) for one in column]
    return [_text(value) for value in column]


def _text(value: object) -> str:
    if value is None:
        return "\\N"
    if isinstance(value, bytes):
        return "\\\\x" + value.hex()
    return str(value).translate(_ESCAPES)
