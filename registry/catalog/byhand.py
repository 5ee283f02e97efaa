"""What people record themselves: claims about descent and training facts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, select

from registry.catalog.claims import (
    Telling,
    add_claims,
    bases_meant,
    claim_values,
    recompute_edges,
    retire,
)
from registry.catalog.clean import clean_claims, clean_facts
from registry.catalog.facts import keep_facts
from registry.catalog.names import find_ids, find_or_add, source_of
from registry.catalog.tables import edge_claims
from registry.errors import NotInCatalog, UsageError
from registry.model.edges import Claim
from registry.model.refs import SourceName
from registry.model.snapshot import TrainingFact


def add_claim(connection: Connection, derivative: str, claim: Claim, at: datetime) -> None:
    """Record a claim made by hand; it takes the place of an earlier one about the same pair."""
    (claim,) = clean_claims([claim])
    if claim.base is None:
        raise UsageError("a claim made by hand must name a base")
    derivative_id = _known(connection, derivative)
    meant = bases_meant(connection, [claim])
    earlier = connection.execute(
        select(edge_claims.c.position).where(
            edge_claims.c.derivative_id == derivative_id,
            edge_claims.c.base_id == meant[claim.base][0],
            edge_claims.c.told_by.is_(None),
            edge_claims.c.current,
        )
    ).scalars()
    retire(connection, derivative_id, list(earlier))
    add_claims(connection, derivative_id, [claim_values(claim, meant, Telling(None, None, at))])
    recompute_edges(connection, [derivative_id])


def add_facts(connection: Connection, name: str, facts: Sequence[TrainingFact], at: datetime) -> None:
    """Record facts told by hand beside what is known already. No source tells about datasets, so that one
    only named by its user is referenced from then on."""
    is_dataset = source_of(name) is SourceName.DATA
    model_id = find_or_add(connection, [name])[name] if is_dataset else _known(connection, name)
    keep_facts(connection, model_id, None, clean_facts(facts), at)


def _known(connection: Connection, name: str) -> int:
    ids = find_ids(connection, [name])
    if name not in ids:
        raise NotInCatalog(f"{name} is not in the catalog", hint=f"add it with: registry add {name}")
    return ids[name]
