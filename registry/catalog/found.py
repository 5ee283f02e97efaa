"""Relations that weights showed and nobody declared, for those who work out edges."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, select

from registry.catalog.evidence_tables import edge_evidence
from registry.catalog.tables import models
from registry.model.edges import Claim, Origin
from registry.model.evidence import EvidenceState

_derivatives = models.alias("derivatives")
_bases = models.alias("bases")

# Asked for every model saved, therefore put together once.
_FOUND = (
    select(
        edge_evidence.c.derivative_id,
        edge_evidence.c.base_id,
        edge_evidence.c.relation,
        _derivatives.c.repo_id.label("derivative"),
        _bases.c.repo_id.label("base"),
    )
    .join(_derivatives, _derivatives.c.id == edge_evidence.c.derivative_id)
    .join(_bases, _bases.c.id == edge_evidence.c.base_id)
    .where(
        edge_evidence.c.derivative_id.in_(bindparam("ids", expanding=True)),
        edge_evidence.c.state == EvidenceState.FOUND,
        edge_evidence.c.directed,
    )
)


def found_claims(connection: Connection, derivative_ids: Sequence[int]) -> list[tuple[int, str, int, Claim]]:
    """What weights told and nobody declared, as claims: the id and name of the derivative, the id of the
    base, the claim. A relation whose direction nobody knows is no edge."""
    return [
        (
            row.derivative_id,
            row.derivative,
            row.base_id,
            Claim(Origin.WEIGHTS, row.base, row.base, row.relation),
        )
        for row in connection.execute(_FOUND, {"ids": derivative_ids})
    ]


def found_bases(connection: Connection, derivative_id: int) -> set[int]:
    """The models that one was compared with as its bases."""
    query = select(edge_evidence.c.base_id).where(edge_evidence.c.derivative_id == derivative_id)
    return set(connection.execute(query).scalars())


def found_derivatives(connection: Connection, base_id: int) -> set[int]:
    """The models that were compared with one as their base."""
    query = select(edge_evidence.c.derivative_id).where(edge_evidence.c.base_id == base_id)
    return set(connection.execute(query).scalars())
