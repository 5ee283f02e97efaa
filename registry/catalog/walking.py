"""Walks along edges inside the database, both ways, on integer ids; cycles end them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Column, Connection, Row, func, select, text

from registry.catalog.claims import claim_of
from registry.catalog.clean import clean_text
from registry.catalog.codes import RELATION
from registry.catalog.evidence_tables import edge_evidence
from registry.catalog.graphs import listed, listing
from registry.catalog.names import by_name, find_ids
from registry.catalog.tables import edge_claims, edges, models
from registry.lineage.graph import Derived
from registry.model.edges import Edge, Relation
from registry.model.records import KeptClaim

_derivatives = models.alias("derivatives")
_bases = models.alias("bases")


def edges_up(connection: Connection, repo_id: str, depth: int | None) -> list[Edge]:
    """Every edge on a way towards bases, at most `depth` steps long, sorted."""
    return _walk(connection, repo_id, edges.c.derivative_id, edges.c.base_id, depth, None)


def edges_down(connection: Connection, repo_id: str, depth: int | None, limit: int | None) -> list[Edge]:
    """Every edge on a way towards derivatives, sorted; with `limit` the nearest so many."""
    return _walk(connection, repo_id, edges.c.base_id, edges.c.derivative_id, depth, limit)


_DESCENT = text(
    """
    WITH RECURSIVE reach(model_id, base_id, relation) AS (
        SELECT id, CAST(NULL AS bigint), CAST(NULL AS smallint) FROM models WHERE repo_id = :repo_id
        UNION
        SELECT derivative_id, edges.base_id, edges.relation FROM reach JOIN edges ON edges.base_id = model_id
    )
    SELECT model_id, reach.base_id, reach.relation, repo_id FROM reach JOIN models ON id = model_id
    """
)
"""Every edge on a way down once, and the model itself. Circles end because no row comes twice."""


def descendants(connection: Connection, repo_id: str) -> list[Derived]:
    """Everything made from a model, directly or not, nearest first, then by name."""
    plan_by_index(connection)
    names: dict[int, str] = {}
    made: defaultdict[int | None, list[tuple[int, int]]] = defaultdict(list)
    for derivative, base, relation, name in connection.execute(
        _DESCENT, {"repo_id": clean_text(repo_id)}
    ).all():
        names[derivative] = name
        made[base].append((derivative, relation))
    found: list[Derived] = []
    level = {start for start, _ in made[None]}
    seen, depth = set(level), 0
    relations = [Relation(word) for word in RELATION.words]
    while level:
        depth += 1
        nearest: dict[int, tuple[str, int]] = {}
        # Backwards, so that the base with the first of the names has the last word.
        for base in sorted(level & made.keys(), key=names.__getitem__, reverse=True):
            via = names[base]
            for derivative, relation in made[base]:
                if derivative not in seen:
                    nearest[derivative] = (via, relation)
        level = set(nearest)
        seen |= level
        for derivative in sorted(nearest, key=names.__getitem__):
            via, relation = nearest[derivative]
            found.append(Derived(names[derivative], depth, via, relations[relation]))
    return found


def children_counts(connection: Connection, repo_id: str) -> dict[str, int]:
    """How many direct derivatives a model has, by relation."""
    rows = connection.execute(
        select(edges.c.relation, func.count().label("derivatives"))
        .join(models, models.c.id == edges.c.base_id)
        .where(models.c.repo_id == clean_text(repo_id))
        .group_by(edges.c.relation)
    )
    return dict(sorted((str(row.relation), row.derivatives) for row in rows))


def claims_about(connection: Connection, repo_ids: Iterable[str]) -> list[KeptClaim]:
    """Every claim about some models, past and unresolved ones too, each model's in the order first seen."""
    plan_by_index(connection)
    ids = listing(connection, find_ids(connection, repo_ids).values())
    rows = connection.execute(
        select(edge_claims, _derivatives.c.repo_id.label("derivative"), _bases.c.repo_id.label("base"))
        .join(_derivatives, _derivatives.c.id == edge_claims.c.derivative_id)
        .join(_bases, _bases.c.id == edge_claims.c.base_id, isouter=True)
        .where(text(listed(connection, "edge_claims.derivative_id", "ids")))
        .order_by(_derivatives.c.repo_id, *edge_claims.primary_key.columns),
        {"ids": ids},
    )
    return [
        KeptClaim(row.derivative, claim_of(row), row.base, row.current, row.revision, row.observed_at)
        for row in rows
    ]


def plan_by_index(connection: Connection) -> None:
    """PostgreSQL guesses the size of a recursion wrong by orders of magnitude, and that of any answer as long
    as it has no statistics of a table; then it reads whole tables every round. Inside this transaction it
    follows the indexes, which is right wherever some models of many are asked about."""
    if connection.dialect.name == "postgresql":
        settings = ("enable_seqscan", "enable_hashjoin", "enable_mergejoin")
        told = ", ".join(f"set_config('{setting}', 'off', true)" for setting in settings)
        connection.execute(text(f"SELECT {told}"))


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
    """Rows of `named_edges` as edges."""
    return [Edge(*tuple(row)[:6]) for row in rows]


def _everything(
    connection: Connection, start: int, near: Column[int], far: Column[int]
) -> Iterable[Row[Any]]:
    """One recursive query. UNION on ids alone: pairs with a depth would multiply where ways join."""
    reach = select(models.c.id).where(models.c.id == start).cte("reach", recursive=True)
    reach = reach.union(select(far).join(reach, near == reach.c.id))
    return connection.execute(named_edges().join(reach, near == reach.c.id)).all()


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
        query = named_edges().where(text(listed(connection, f"edges.{near.name}", "level")))
        rows = list(connection.execute(query, {"level": listing(connection, level)}).all())
        rows.sort(key=lambda row: (row.derivative, row.base))
        found += rows
        level = sorted({row.base_id if far is edges.c.base_id else row.derivative_id for row in rows} - seen)
        seen.update(level)
        depth = None if depth is None else depth - 1
    return found if limit is None else found[:limit]


def named_edges() -> Any:
    """Edges with the names at both ends, and with what weights say of them where they were asked."""
    weighed = (edge_evidence.c.derivative_id == edges.c.derivative_id) & (
        edge_evidence.c.base_id == edges.c.base_id
    )
    return (
        select(
            _derivatives.c.repo_id.label("derivative"),
            _bases.c.repo_id.label("base"),
            edges.c.relation,
            edges.c.origins,
            edges.c.resolved_from,
            func.coalesce(edge_evidence.c.state, edges.c.state).label("state"),
            edges.c.derivative_id,
            edges.c.base_id,
        )
        .select_from(edges)
        .join(_derivatives, _derivatives.c.id == edges.c.derivative_id)
        .join(_bases, _bases.c.id == edges.c.base_id)
        .join(edge_evidence, weighed, isouter=True)
    )
