"""Claims as they are kept, and the edges they add up to.

A claim is never deleted while its model is in the catalog: one its source no longer makes only stops
being current. Edges are derived: they can be worked out again from the current claims at any time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, delete, func, insert, or_, select, union_all, update

from registry.catalog.found import found_claims
from registry.catalog.graphs import bump_lineage
from registry.catalog.names import chunks, find_or_add, names_of
from registry.catalog.tables import claims_apart, edge_claims, edges, models
from registry.lineage.resolve import resolve
from registry.model.edges import Claim, Edge
from registry.model.refs import SourceName

_bases = models.alias("bases")
_derivatives = models.alias("derivatives")

# Statements asked for every model saved are put together once.
_TOLD = (
    select(edge_claims, _bases.c.repo_id.label("base"))
    .join(_bases, _bases.c.id == edge_claims.c.base_id, isouter=True)
    .where(
        edge_claims.c.derivative_id == bindparam("model_id"),
        edge_claims.c.told_by.is_not_distinct_from(bindparam("by")),
    )
    .order_by(edge_claims.c.current, edge_claims.c.position)
)
_EDGES = select(edges).where(edges.c.derivative_id.in_(bindparam("ids", expanding=True)))
_CURRENT = (
    select(edge_claims, _bases.c.repo_id.label("base"), _derivatives.c.repo_id.label("derivative"))
    .join(_derivatives, _derivatives.c.id == edge_claims.c.derivative_id)
    .join(_bases, _bases.c.id == edge_claims.c.base_id, isouter=True)
    .where(edge_claims.c.derivative_id.in_(bindparam("ids", expanding=True)), edge_claims.c.current)
    .order_by(edge_claims.c.derivative_id, edge_claims.c.position)
)

_NEXT = select(func.coalesce(func.max(edge_claims.c.position) + 1, 0)).where(
    edge_claims.c.derivative_id == bindparam("model_id")
)

_EdgeRows = dict[tuple[int, int], dict[str, object]]
_Key = tuple[str, str, str | None, str, bool]


@dataclass(frozen=True, slots=True)
class Telling:
    """Who told claims, and of which state of the model. by: `None` for a claim made by hand."""

    by: SourceName | None
    revision: str | None
    at: datetime


def claim_of(row: Row[Any]) -> Claim:
    """A claim as it was made: its base by the name used then. row: of `edge_claims`, and `base`, the present
    name of the model it means."""
    declared = row.base if row.declared is None else row.declared
    base = None
    if row.base_id is not None:
        base = row.named if row.named is not None else declared
    return Claim(
        origin=row.origin,
        declared=declared,
        base=base,
        relation=row.relation,
        detail=row.detail,
        note=row.note,
        denied=row.denied,
    )


def current_claims(connection: Connection, model_id: int, by: SourceName | None) -> list[Claim]:
    """What a source says now of the bases of a model, in the order it was first said."""
    return [claim_of(row) for row in _rows(connection, model_id, by) if row.current]


def keep_claims(
    connection: Connection, model_id: int, telling: Telling, claims: Sequence[Claim], *, current: bool = True
) -> None:
    """Make `claims` all that a source says of a model now; with `current=False` they are only recorded, as
    something it said in the past. Bases not known yet become referenced models."""
    meant = bases_meant(connection, claims)
    kept = {_key(claim_of(row)): row for row in _rows(connection, model_id, telling.by)}
    told = {_key(claim): claim for claim in reversed(claims)}
    fresh = []
    for key in dict.fromkeys(_key(claim) for claim in claims):
        row = kept.get(key)
        if row is None:
            fresh.append(claim_values(told[key], meant, telling) | {"current": current})
        elif current:
            _renew(connection, row, _values(told[key], meant), telling)
    add_claims(connection, model_id, fresh)
    if current:
        gone = [row.position for key, row in kept.items() if row.current and key not in told]
        retire(connection, model_id, gone)


def add_claims(connection: Connection, model_id: int, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write claims about a model behind those it has."""
    if rows:
        first = next_position(connection, model_id)
        connection.execute(
            insert(edge_claims),
            [
                {**row, "derivative_id": model_id, "position": number}
                for number, row in enumerate(rows, first)
            ],
        )


def next_position(connection: Connection, model_id: int) -> int:
    """The first free place among the claims about a model."""
    return int(connection.execute(_NEXT, {"model_id": model_id}).scalar_one())


Meant = Mapping[str, tuple[int, str]]
"""What the names of bases mean: the id of a model and its present name."""


def bases_meant(connection: Connection, claims: Iterable[Claim]) -> Meant:
    """The bases of claims; those not known yet become referenced models."""
    ids = find_or_add(connection, (claim.base for claim in claims if claim.base is not None))
    present = names_of(connection, ids.values())
    return {name: (model_id, present[model_id]) for name, model_id in ids.items()}


def claim_values(claim: Claim, meant: Meant, telling: Telling) -> dict[str, Any]:
    """The row of a claim that is made now, but for whose it is and its place."""
    return _values(claim, meant) | {
        "told_by": telling.by,
        "current": True,
        "revision": telling.revision,
        "observed_at": telling.at,
    }


def retire(connection: Connection, model_id: int, positions: Sequence[int]) -> None:
    """Mark claims about a model as no longer made."""
    for piece in chunks(positions):
        which = (edge_claims.c.derivative_id == model_id) & edge_claims.c.position.in_(piece)
        connection.execute(update(edge_claims).where(which).values(current=False))


def spell_name(connection: Connection, model_id: int, name: str) -> None:
    """Write the present name of a model into the claims that leave it to be looked up, because it is about
    to mean something else."""
    change_claims(connection, model_id, {"declared": name}, edge_claims.c.declared.is_(None))


def claiming(connection: Connection, base_id: int) -> set[int]:
    """The models with a claim, past or current, that names this base: its derivatives, and those whose claim
    need not make an edge."""
    by_edge = select(edges.c.derivative_id).where(edges.c.base_id == base_id)
    apart = select(edge_claims.c.derivative_id).where(edge_claims.c.base_id == base_id, claims_apart)
    return set(connection.execute(union_all(by_edge, apart)).scalars())


def change_claims(connection: Connection, base_id: int, values: Mapping[str, Any], *which: Any) -> None:
    """Change the claims that name this base, all or those for which conditions hold."""
    for piece in chunks(sorted(claiming(connection, base_id))):
        of_base = edge_claims.c.derivative_id.in_(piece) & (edge_claims.c.base_id == base_id)
        connection.execute(update(edge_claims).where(of_base, *which).values(**values))


def recompute_edges(connection: Connection, derivative_ids: Iterable[int]) -> None:
    """Work out the edges of models from their current claims and write what differs."""
    for piece in chunks(sorted(set(derivative_ids))):
        present, wanted = edges_and_wanted(connection, piece)
        stale = [pair for pair, row in present.items() if wanted.get(pair) != row]
        for some in chunks(sorted(stale)):
            pairs = (and_(edges.c.derivative_id == one, edges.c.base_id == other) for one, other in some)
            connection.execute(delete(edges).where(or_(*pairs)))
        fresh = [row for pair, row in sorted(wanted.items()) if present.get(pair) != row]
        if fresh:
            connection.execute(insert(edges), fresh)
        if stale or fresh:
            bump_lineage(connection)


def edges_and_wanted(connection: Connection, derivative_ids: Sequence[int]) -> tuple[_EdgeRows, _EdgeRows]:
    """The edges of up to `CHUNK` models as they are, and as their current claims want them."""
    rows = connection.execute(_EDGES, {"ids": derivative_ids})
    present = {(row.derivative_id, row.base_id): row._asdict() for row in rows}
    return present, _wanted_edges(connection, derivative_ids)


def edge_row(edge: Edge, derivative_id: int, base_id: int) -> dict[str, object]:
    return {
        "derivative_id": derivative_id,
        "base_id": base_id,
        "relation": edge.relation,
        "origins": edge.origins,
        "resolved_from": edge.resolved_from,
        "state": edge.state,
    }


def _wanted_edges(connection: Connection, derivative_ids: Sequence[int]) -> _EdgeRows:
    rows = connection.execute(_CURRENT, {"ids": derivative_ids})
    said: defaultdict[tuple[int, str], list[Claim]] = defaultdict(list)
    base_ids: dict[str, int] = {}
    for row in rows:
        said[row.derivative_id, row.derivative].append(replace(claim_of(row), base=row.base))
        if row.base is not None:
            base_ids[row.base] = row.base_id
    for derivative_id, name, base_id, claim in found_claims(connection, derivative_ids):
        said[derivative_id, name].append(claim)
        base_ids[claim.declared] = base_id
    return {
        (derivative_id, base_ids[edge.base]): edge_row(edge, derivative_id, base_ids[edge.base])
        for (derivative_id, name), claims in said.items()
        for edge in resolve(name, claims)
    }


def _rows(connection: Connection, model_id: int, by: SourceName | None) -> Sequence[Row[Any]]:
    return connection.execute(_TOLD, {"model_id": model_id, "by": by}).all()


def _key(claim: Claim) -> _Key:
    """What makes two claims the same: not where in a list the base stands."""
    return claim.origin, claim.declared, claim.base, claim.relation, claim.denied


def _values(claim: Claim, meant: Meant) -> dict[str, Any]:
    base_id, present = (None, None) if claim.base is None else meant[claim.base]
    return {
        "base_id": base_id,
        "origin": claim.origin,
        "relation": claim.relation,
        "declared": None if claim.declared == claim.base == present else claim.declared,
        "named": None if claim.base == claim.declared else claim.base,
        "detail": claim.detail,
        "note": claim.note,
        "denied": claim.denied,
    }


def _renew(connection: Connection, row: Row[Any], values: dict[str, Any], telling: Telling) -> None:
    """A claim made before: keep when it was first made; one made again after a pause counts from now."""
    if not row.current:
        values = values | {"current": True, "revision": telling.revision, "observed_at": telling.at}
    known = row._asdict()
    differing = {name: value for name, value in values.items() if known[name] != value}
    if differing:
        which = (edge_claims.c.derivative_id == row.derivative_id) & (edge_claims.c.position == row.position)
        connection.execute(update(edge_claims).where(which).values(**differing))
