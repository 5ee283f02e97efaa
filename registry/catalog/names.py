"""From names to models: exact names first, then aliases; unknown ones become `referenced` on request."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Row,
    Table,
    and_,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite

from registry.catalog.clean import clean_text
from registry.catalog.codes import AliasKind
from registry.catalog.tables import aliases, models
from registry.model.refs import SourceName

T = TypeVar("T")

_VARIED = 4

CHUNK = 500
"""Names or ids per statement; databases bound the number of parameters."""


def alike(column: Column[str], name: str) -> ColumnElement[bool]:
    """Names that differ from `name` by letter case alone. Asked for each way to write the first letters,
    the index on names leaves little to compare."""
    starts = [""]
    for letter in name[:_VARIED]:
        if not letter.isascii():
            break
        starts = [start + case for start in starts for case in sorted({letter.lower(), letter.upper()})]
    ranges = [
        and_(column >= start, column < start[:-1] + chr(ord(start[-1]) + 1)) for start in starts if start
    ]
    same = func.lower(column) == func.lower(name)
    return and_(or_(*ranges), same) if ranges else same


def chunks(things: Iterable[T]) -> Iterator[list[T]]:
    """`things` in lists of at most `CHUNK`."""
    rest = iter(things)
    while piece := list(islice(rest, CHUNK)):
        yield piece


def source_of(name: str) -> SourceName:
    """Where a model of that catalog name lives, told by its prefix."""
    prefix, colon, _ = name.partition(":")
    return SourceName(prefix) if colon and prefix in SourceName.__members__.values() else SourceName.HUB


def add_missing(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert the rows whose key is not there yet."""
    if rows:
        dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
        connection.execute(dialect.insert(table).on_conflict_do_nothing(), list(rows))


# Statements asked for every model saved are put together once.
_BY_NAME = select(models).where(models.c.repo_id == bindparam("name"))
_BY_ID = select(models).where(models.c.id == bindparam("id"))
_BY_HUB_ID = select(models).where(models.c.hub_id == bindparam("hub_id"))
_ALIAS = select(aliases).where(aliases.c.name == bindparam("name"))
_NAMED = select(models.c.repo_id, models.c.id).where(models.c.repo_id.in_(bindparam("names", expanding=True)))
_ALIASED = select(aliases.c.name, aliases.c.model_id).where(
    aliases.c.name.in_(bindparam("names", expanding=True))
)


def insert_row(connection: Connection, table: Table, values: Mapping[str, Any]) -> int:
    """Insert one row; returns its id."""
    key = connection.execute(insert(table).values(**values)).inserted_primary_key
    assert key is not None
    return int(key[0])


def by_name(connection: Connection, name: str) -> Row[Any] | None:
    """The model whose present name that is."""
    return connection.execute(_BY_NAME, {"name": clean_text(name)}).one_or_none()


def by_id(connection: Connection, model_id: int) -> Row[Any]:
    return connection.execute(_BY_ID, {"id": model_id}).one()


def by_hub_id(connection: Connection, hub_id: str) -> Row[Any] | None:
    return connection.execute(_BY_HUB_ID, {"hub_id": hub_id}).one_or_none()


def alias_of(connection: Connection, name: str) -> Row[Any] | None:
    return connection.execute(_ALIAS, {"name": name}).one_or_none()


def put_alias(connection: Connection, name: str, model_id: int, kind: AliasKind, at: datetime | None) -> None:
    """Make `name` mean that model, whatever it meant before."""
    connection.execute(delete(aliases).where(aliases.c.name == name))
    connection.execute(insert(aliases).values(name=name, model_id=model_id, kind=kind, observed_at=at))


def find_ids(connection: Connection, names: Iterable[str]) -> dict[str, int]:
    """The models those names mean, exactly or as an alias; names that mean none are missing."""
    asked = {name: clean_text(name) for name in names}
    wanted = sorted(set(asked.values()))
    found: dict[str, int] = {}
    for piece in chunks(wanted):
        rows = connection.execute(_NAMED, {"names": piece})
        found.update((name, model_id) for name, model_id in rows)
    for piece in chunks(name for name in wanted if name not in found):
        rows = connection.execute(_ALIASED, {"names": piece})
        found.update((name, model_id) for name, model_id in rows)
    return {name: found[clean] for name, clean in asked.items() if clean in found}


def find_or_add(connection: Connection, names: Iterable[str]) -> dict[str, int]:
    """As `find_ids`; names that mean no model yet become models that are so far only referenced."""
    wanted = set(names)
    found = find_ids(connection, wanted)
    missing = sorted(wanted - found.keys())
    if missing:
        add_missing(connection, models, [new_model(name) for name in missing])
        found |= find_ids(connection, missing)
    return found


def new_model(name: str) -> dict[str, object]:
    """The row of a model of which only the name is known."""
    return {"repo_id": name, "source": source_of(name), "tracked": False, "removed": False}


def names_of(connection: Connection, model_ids: Iterable[int]) -> dict[int, str]:
    """The present names of models."""
    found: dict[int, str] = {}
    for piece in chunks(sorted(set(model_ids))):
        rows = connection.execute(select(models.c.id, models.c.repo_id).where(models.c.id.in_(piece)))
        found.update((model_id, name) for model_id, name in rows)
    return found
