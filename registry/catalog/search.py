"""Finding models by what is known of them, all in the database."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, false, func, not_, or_, select

from registry.catalog.clean import MAX_NAME, clean_text
from registry.catalog.codes import GATE, SOURCE
from registry.catalog.reading import brief_of, brief_query, escape_like
from registry.catalog.tables import edges, models, snapshots, traits, trees
from registry.errors import UsageError
from registry.model.filters import Filter, Operator, Period
from registry.model.records import ModelBrief

_DERIVATIVES = select(func.count()).where(edges.c.base_id == models.c.id).scalar_subquery()
"""Direct ones, looked up in the index on bases."""

_COLUMNS: dict[str, ColumnElement[Any]] = {
    "name": models.c.repo_id,
    "params": snapshots.c.parameters,
    "license": traits.c.license,
    "task": traits.c.task,
    "library": traits.c.library,
    "gated": GATE.spelled(traits.c.gated),
    "source": SOURCE.spelled(models.c.source),
    "downloads": models.c.downloads,
    "likes": models.c.likes,
    "size": trees.c.logical_bytes,
    "derivatives": _DERIVATIVES,
    "created": snapshots.c.created_at,
    "modified": snapshots.c.last_modified,
}

SORTS: tuple[str, ...] = ("repo_id", *_COLUMNS)
"""What a search can be sorted by; ties and unknown values are ordered by name."""


def search(
    connection: Connection,
    filters: Sequence[Filter],
    *,
    sort: str = "repo_id",
    descending: bool = False,
    limit: int | None = None,
    text: str | None = None,
    include_referenced: bool = False,
) -> list[ModelBrief]:
    """The models all filters hold for. Unknown values sort last in either direction."""
    if sort not in SORTS:
        raise UsageError(f"cannot sort by {sort!r}", hint=f"known are {', '.join(SORTS)}")
    query = brief_query()
    if not include_referenced:
        query = query.where(models.c.tracked)
    if text:
        query = query.where(_contains(models.c.repo_id, text))
    for one in filters:
        query = query.where(_condition(one))
    column = _COLUMNS.get(sort, models.c.repo_id)
    first = column.desc() if descending else column.asc()
    query = query.order_by(first.nulls_last(), models.c.repo_id)
    if limit is not None:
        query = query.limit(max(0, limit))
    return [brief_of(row) for row in connection.execute(query)]


def _condition(one: Filter) -> ColumnElement[bool]:
    column, op, value = _COLUMNS[one.field], one.op, one.value
    if op is Operator.UNEQUAL and value is None:
        return column.is_not(None)
    if op is Operator.UNEQUAL:
        return or_(column.is_(None), not_(_equals(one.field, column, value)))
    if op is Operator.EQUAL:
        return _equals(one.field, column, value)
    if op is Operator.CONTAINS:
        return _contains(column, str(value))
    if isinstance(value, Period):
        return _ordered(column, op, value.start, value.end)
    return _compared(column, op, value)


def _equals(field: str, column: ColumnElement[Any], value: object) -> ColumnElement[bool]:
    if value is None:
        return column.is_(None)
    if isinstance(value, Period):
        return and_(column.is_not(None), column >= value.start, column < value.end)
    if isinstance(value, tuple):
        return and_(column.is_not(None), column.in_(value))
    if not isinstance(value, str):
        return and_(column.is_not(None), column == value)
    value = clean_text(value)
    if field == "license" and len(value) <= MAX_NAME:
        # Several licenses that apply together are joined by AND; each counts.
        padded = " and " + func.lower(column) + " and "
        return and_(
            column.is_not(None), padded.like(f"% and {escape_like(value.lower())} and %", escape="\\")
        )
    return and_(column.is_not(None), func.lower(column) == value.lower())


def _contains(column: ColumnElement[Any], text: str) -> ColumnElement[bool]:
    if len(text) > MAX_NAME:
        # Databases bound the length of a pattern, and nothing looked through here is that long.
        return false()
    pattern = f"%{escape_like(clean_text(text).lower())}%"
    return and_(column.is_not(None), func.lower(column).like(pattern, escape="\\"))


def _ordered(column: ColumnElement[Any], op: Operator, start: datetime, end: datetime) -> ColumnElement[bool]:
    """After a period means after all of it."""
    if op is Operator.GREATER:
        return column >= end
    if op is Operator.AT_LEAST:
        return column >= start
    return column < start if op is Operator.LESS else column < end


def _compared(column: ColumnElement[Any], op: Operator, value: object) -> ColumnElement[bool]:
    if op is Operator.GREATER:
        return column > value
    if op is Operator.AT_LEAST:
        return column >= value
    return column < value if op is Operator.LESS else column <= value
