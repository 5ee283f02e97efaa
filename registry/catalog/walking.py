"""Walks along edges inside the database, both ways, on integer ids; cycles end them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Column, Connection, Row, func, select, text

from registry.catalog.clean import clean_text
from registry.catalog.names import by_name, chunks
from registry.catalog.tables import edges, models
from registry.model.edges import Edge, Origin, Relation

_derivatives = models.alias("derivatives")
_bases = models.alias("bases")


def edges_up(connection: Connection, repo_id: str, depth: int | None) -> list[Edge]:
    """Every edge on a way towards bases, at most `depth` steps long, sorted."""
    return _walk(connection, repo_id, edges.c.derivative_id, edges.c.base_id, depth, None)


def edges_down(connection: Connection, repo_id: str, depth: int | None, limit: int | None) -> list[Edge]:
    """Every edge on a way towards derivatives, sorted; with `limit` the nearest so many."""
    return _walk(connection, repo_id, edges.c.base_id, edges.c.derivative_id, depth, limit)


def children_counts(connection: Connection, repo_id: str) -> dict[str, int]:
    """How many direct derivatives a model has, by relation."""
    rows = connection.execute(
        select(edges.c.relation, func.count().label("derivatives"))
        .join(models, models.c.id == edges.c.base_id)
        .where(models.c.repo_id == clean_text(repo_id))
        .group_by(edges.c.relation)
        .order_by(edges.c.relation)
    )
    return {row.relation: row.derivatives for row in rows}


def plan_by_index(connection: Connection) -> None:
    """PostgreSQL guesses the size of a recursion wrong by orders of magnitude, and then reads whole tables
    every round and compiles the plan besides. Inside this transaction it follows the indexes."""
    if connection.dialect.name == "postgresql":
        for setting in ("jit", "enable_hashjoin", "enable_mergejoin"):
            connection.execute(text(f"SET LOCAL {setting} = off"))


def _walk(
    connection: Connection,
    repo_id: str,
    near: Column[int],
    far: Column[int],
    depth: int | None,
    limit: int | None,
) -> list[Edge]:
    start = by_name(connection, repo_id)
    if start is None or (limit is not None and limit <= 0):
        return []
    plan_by_index(connection)
    if depth is None and limit is None:
        rows = _everything(connection, start.id, near, far)
    else:
        rows = _by_levels(connection, start.id, near, far, depth, limit)
    return sorted(edges_of(rows), key=lambda edge: (edge.derivative, edge.base))


def edges_of(rows: Iterable[Row[Any]]) -> list[Edge]:
    """Rows of `named_edges` as edges. Few relations and origins there are; each is made once."""
    relations = {str(relation): relation for relation in Relation}
    origins: dict[str, tuple[Origin, ...]] = {}
    found = []
    for row in rows:
        derivative, base, relation, told, resolved_from, state, *_ = tuple(row)
        if told not in origins:
            origins[told] = tuple(Origin(origin) for origin in told.split(",") if origin)
        found.append(Edge(derivative, base, relations[relation], origins[told], resolved_from, state))
    return found


def _everything(
    connection: Connection, start: int, near: Column[int], far: Column[int]
) -> Iterable[Row[Any]]:
    """One recursive query. UNION on ids alone: pairs with a depth would multiply where ways join."""
    reach = select(models.c.id).where(models.c.id == start).cte("reach", recursive=True)
    reach = reach.union(select(far).join(reach, near == reach.c.id))
    return connection.execute(named_edges().join(reach, near == reach.c.id))


def _by_levels(
    connection: Connection,
    start: int,
    near: Column[int],
    far: Column[int],
    depth: int | None,
    limit: int | None,
) -> Iterable[Row[Any]]:
    """Level by level, for a walk that ends early."""
    found: list[Row[Any]] = []
    seen, level = {start}, [start]
    while level and (depth is None or depth > 0) and (limit is None or len(found) < limit):
        rows = [
            row for piece in chunks(level) for row in connection.execute(named_edges().where(near.in_(piece)))
        ]
        rows.sort(key=lambda row: (row.derivative, row.base))
        found += rows
        level = sorted({row.base_id if far is edges.c.base_id else row.derivative_id for row in rows} - seen)
        seen.update(level)
        depth = None if depth is None else depth - 1
    return found if limit is None else found[:limit]


def named_edges() -> Any:
    """Edges with the names at both ends."""
    return (
        select(
            _derivatives.c.repo_id.label("derivative"),
            _bases.c.repo_id.label("base"),
            edges.c.relation,
            edges.c.origins,
            edges.c.resolved_from,
            edges.c.state,
            edges.c.derivative_id,
            edges.c.base_id,
        )
        .select_from(edges)
        .join(_derivatives, _derivatives.c.id == edges.c.derivative_id)
        .join(_bases, _bases.c.id == edges.c.base_id)
    )
