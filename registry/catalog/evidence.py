"""What the weights say of edges, as it is kept; and the door to fingerprints.

Evidence never makes a claim of its own. A relation that was found and that nobody declared is an edge all the
same: `found.py` tells those who work out edges.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from math import isfinite
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Row, delete, insert, or_, select, update

from registry.catalog import prints
from registry.catalog.claims import recompute_edges
from registry.catalog.engine import Database
from registry.catalog.evidence_tables import edge_evidence
from registry.catalog.names import chunks, find_ids, names_of
from registry.catalog.tables import models
from registry.model.evidence import (
    Alternative,
    EdgeEvidence,
    FingerprintRecord,
    KeptEvidence,
)

if TYPE_CHECKING:
    from registry.weights.fingerprint import Fingerprint
    from registry.weights.search import Relative

_derivatives = models.alias("derivatives")
_bases = models.alias("bases")


class EvidenceShelf:
    """Fingerprints and evidence of one catalog. Every method is one transaction, as those of `Catalog`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def keep_fingerprint(self, record: FingerprintRecord, fingerprint: Fingerprint) -> None:
        """Keep a fingerprint, in place of an earlier one of the same commit, scheme and tier. Raises
        `NotInCatalog`."""
        self._database.write(lambda c: prints.keep_fingerprint(c, record, fingerprint))

    def records(self, repo_ids: Iterable[str]) -> dict[str, FingerprintRecord]:
        """The fingerprint that speaks for each model, by present name: of the commit shown, else the newest.
        Models without one are missing."""
        names = list(repo_ids)
        return self._database.read(lambda c: prints.records(c, names))

    def fingerprints(self, repo_ids: Iterable[str]) -> dict[str, tuple[FingerprintRecord, Fingerprint]]:
        """The same with the samples, sorted by name. Raises `CatalogDamaged`."""
        names = list(repo_ids)
        return self._database.read(lambda c: prints.fingerprints_of(c, names))

    def names(self, limit: int) -> list[str]:
        """The first `limit` models with a fingerprint, in the order of their names."""
        return self._database.read(lambda c: prints.fingerprinted(c, limit))

    def relatives(self, repo_id: str, fingerprint: Fingerprint, limit: int = 20) -> list[Relative]:
        """The nearest relatives of a fingerprint among all other models, nearest first: a list to compare,
        no verdict."""
        return self._database.read(lambda c: prints.relatives(c, repo_id, fingerprint, limit))

    def keep(self, judged: Mapping[str, Sequence[KeptEvidence]]) -> None:
        """Make this all the evidence about the edges of those derivatives; edges found are drawn, those no
        longer found taken back."""
        if judged:
            self._database.write(lambda c: keep_evidence(c, judged))

    def about(self, repo_ids: Iterable[str]) -> list[KeptEvidence]:
        """The evidence about the edges of derivatives, sorted by derivative and base."""
        names = list(repo_ids)
        return self._database.read(lambda c: evidence_about(c, names))


def keep_evidence(connection: Connection, judged: Mapping[str, Sequence[KeptEvidence]]) -> None:
    """Replace all evidence about the edges of some derivatives. Models gone meanwhile are left out."""
    told = [kept.evidence for some in judged.values() for kept in some]
    named = {*judged, *(one.base for one in told), *(a.model for one in told for a in one.alternatives)}
    ids = find_ids(connection, named)
    derivative_ids = [ids[name] for name in judged if name in ids]
    for piece in chunks(derivative_ids):
        connection.execute(delete(edge_evidence).where(edge_evidence.c.derivative_id.in_(piece)))
    rows: dict[tuple[int, int], dict[str, Any]] = {}
    for name, some in judged.items():
        for kept in some:
            pair = ids.get(name), ids.get(kept.evidence.base)
            if pair[0] is not None and pair[1] is not None and pair[0] != pair[1]:
                rows.setdefault((pair[0], pair[1]), _row(pair[0], pair[1], kept, ids))
    for piece_of_rows in chunks(rows.values()):
        connection.execute(insert(edge_evidence), piece_of_rows)
    recompute_edges(connection, derivative_ids)


def _row(derivative_id: int, base_id: int, kept: KeptEvidence, ids: Mapping[str, int]) -> dict[str, Any]:
    one = kept.evidence
    alternatives = [
        [ids[a.model], _finite(a.score), _finite(a.relative_distance)]
        for a in one.alternatives
        if a.model in ids
    ]
    return {
        "derivative_id": derivative_id,
        "base_id": base_id,
        "state": one.state,
        "relation": one.relation,
        "directed": one.directed,
        "reason": one.reason,
        "score": _finite(one.score),
        "equal": _finite(one.equal),
        "relative_distance": _finite(one.relative_distance),
        "blocks": one.blocks,
        "compared": one.values,
        "weight": _finite(one.weight),
        "rounding": _finite(one.rounding),
        "alternatives": json.dumps(alternatives),
        "derivative_commit": kept.derivative_commit,
        "base_commit": kept.base_commit,
        "tiers": kept.tiers,
        "bytes_read": kept.bytes_read,
        "method": one.method,
        "judged_at": kept.judged_at,
    }


def _finite(number: float | None) -> float | None:
    return float(number) if number is not None and isfinite(number) else None


def evidence_about(connection: Connection, names: Iterable[str]) -> list[KeptEvidence]:
    """The evidence about the edges of derivatives, sorted by derivative and base."""
    found: list[Row[Any]] = []
    for piece in chunks(sorted(set(find_ids(connection, names).values()))):
        found += connection.execute(
            select(edge_evidence, _derivatives.c.repo_id.label("derivative"), _bases.c.repo_id.label("base"))
            .join(_derivatives, _derivatives.c.id == edge_evidence.c.derivative_id)
            .join(_bases, _bases.c.id == edge_evidence.c.base_id)
            .where(edge_evidence.c.derivative_id.in_(piece))
        ).all()
    others = {row[0] for one in found for row in json.loads(one.alternatives)}
    present = names_of(connection, others)
    return [_kept(row, present) for row in sorted(found, key=lambda row: (row.derivative, row.base))]


def _kept(row: Row[Any], names: Mapping[int, str]) -> KeptEvidence:
    alternatives = tuple(
        Alternative(names[number], score, distance)
        for number, score, distance in json.loads(row.alternatives)
        if number in names
    )
    evidence = EdgeEvidence(
        derivative=row.derivative,
        base=row.base,
        state=row.state,
        reason=row.reason,
        method=row.method,
        relation=row.relation,
        score=row.score,
        equal=row.equal,
        relative_distance=row.relative_distance,
        blocks=row.blocks,
        values=row.compared,
        directed=row.directed,
        weight=row.weight,
        rounding=row.rounding,
        alternatives=alternatives,
    )
    return KeptEvidence(
        evidence, row.judged_at, row.derivative_commit, row.base_commit, row.tiers, row.bytes_read
    )


# --- house ---------------------------------------------------------------------------------------


def move_evidence(connection: Connection, old_id: int, into_id: int) -> None:
    """Give what is known of one model to another it turned out to be; where both have some, the survivor's
    stands."""
    prints.move_fingerprints(connection, old_id, into_id)
    here, there = edge_evidence.c.derivative_id, edge_evidence.c.base_id
    connection.execute(delete(edge_evidence).where(here.in_([old_id, into_id]), there.in_([old_id, into_id])))
    for mine, other in ((here, there), (there, here)):
        held = edge_evidence.alias("held")
        taken = select(held.c[other.name]).where(held.c[mine.name] == into_id)
        connection.execute(delete(edge_evidence).where(mine == old_id, other.in_(taken)))
        connection.execute(update(edge_evidence).where(mine == old_id).values({mine.name: into_id}))


def misfits(connection: Connection) -> Iterable[tuple[str, str]]:
    """Models whose evidence cannot be read, and what is wrong with it."""
    itself = edge_evidence.c.derivative_id == edge_evidence.c.base_id
    query = (
        select(models.c.repo_id, edge_evidence)
        .join(models, models.c.id == edge_evidence.c.derivative_id)
        .where(or_(edge_evidence.c.alternatives != "[]", itself))
        .order_by(models.c.repo_id)
    )
    for row in connection.execute(query):
        if row.derivative_id == row.base_id:
            yield row.repo_id, "is said to be made from itself"
            continue
        try:
            rows = json.loads(row.alternatives)
            sound = all(len(one) == 3 and isinstance(one[0], int) for one in rows)
        except (ValueError, TypeError):
            sound = False
        if not sound:
            yield row.repo_id, "has evidence whose other candidates cannot be read"
