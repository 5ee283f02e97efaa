"""Every row of a catalog, told by names instead of numbers, so that two catalogs can be compared."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from registry.catalog.columns import metadata
from registry.catalog.engine import connect
from registry.catalog.location import parse_location

_DERIVED = frozenset({"lineage_graphs"})
"""Tables made from others whenever they are asked for."""


def contents(location: str) -> dict[str, list[tuple[object, ...]]]:
    """All tables, each as sorted rows without numbers of its own; a number of another row is its name."""
    database = connect(parse_location(location))
    try:
        return database.read(_all)
    finally:
        database.close()


def differences(one: dict[str, list[tuple[object, ...]]], other: dict[str, list[tuple[object, ...]]]) -> str:
    """The tables that differ, with a few rows of each; empty when there are none."""
    told = []
    for table in one.keys() | other.keys():
        mine, theirs = one.get(table, []), other.get(table, [])
        if mine != theirs:
            only = [sorted(set(a) - set(b), key=repr)[:3] for a, b in ((mine, theirs), (theirs, mine))]
            told.append(
                f"{table}: {len(mine)} rows and {len(theirs)}; only in one {only[0]}, other {only[1]}"
            )
    return "\n".join(told)


def _all(connection: Any) -> dict[str, list[tuple[object, ...]]]:
    found: dict[str, list[tuple[object, ...]]] = {}
    names: dict[str, dict[object, object]] = {}
    for table in metadata.sorted_tables:
        if table.name in _DERIVED:
            continue
        targets = [_target(column) for column in table.columns]
        own = [column.name == "id" and column.primary_key for column in table.columns]
        rows = [tuple(map(_plain, row)) for row in connection.execute(select(table))]
        told = []
        for row in rows:
            values = tuple(
                value if target is None or target not in names else names[target].get(value, value)
                for value, target, mine in zip(row, targets, own, strict=True)
                if not mine
            )
            told.append(values)
            if any(own):
                names.setdefault(f"{table.name}.id", {})[row[own.index(True)]] = _name(table.name, values)
        found[table.name] = told
    return {table: sorted(rows, key=repr) for table, rows in found.items()}


def _name(table: str, values: tuple[object, ...]) -> object:
    """What tells a row from others of its table: a model's name, all that is said of anything else."""
    return values[0] if table == "models" else (table, *values[:6])


def _target(column: Any) -> str | None:
    """What a number refers to. Looks are numbered by model; of a claim's base the catalog keeps no key."""
    if column.name in ("model_id", "base_id"):
        return "models.id"
    return next((key.target_fullname for key in column.foreign_keys), None)


def _plain(value: object) -> object:
    return bytes(value) if isinstance(value, memoryview) else value
