"""Claims in, edges out: what all origins together say a model was made from.

Every claim is kept by whoever calls; an edge is only our reading of them, and reading the same claims
again, in any order, gives the same edges.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from registry.model.edges import Claim, Edge, Origin, Relation
from registry.model.refs import SourceName

STRENGTH: tuple[Origin, ...] = (
    Origin.MANUAL,
    Origin.WEIGHTS,
    Origin.ADAPTER_CONFIG,
    Origin.MERGEKIT,
    Origin.HUB,
    Origin.CARD,
    Origin.GGUF,
    Origin.CONFIG,
    Origin.PAPER,
    Origin.INFERRED,
)
"""Whose word about the relation counts, strongest first."""

# One origin can say two things of one pair (two typed tags). `finetune` is what the Hub assumes when
# nobody says better, so every other relation tells more than it does.
_TELLING: tuple[Relation, ...] = (
    Relation.QUANTIZED,
    Relation.MERGE,
    Relation.ADAPTER,
    Relation.DISTILLED,
    Relation.FINETUNE,
    Relation.TRAINED_ON,
    Relation.UNKNOWN,
)
_RANK = {origin: rank for rank, origin in enumerate(STRENGTH)}
_TOLD = {relation: rank for rank, relation in enumerate(_TELLING)}
_DATA = f"{SourceName.DATA}:"


def resolve(derivative: str, claims: Iterable[Claim]) -> list[Edge]:
    """The edges all claims about `derivative` add up to: one per base, sorted by base.

    `claim.base` must already be the base's current name; claims without one are left out. A denial made
    by hand removes its pair unless another claim made by hand affirms it. What was only inferred supports
    an edge but never makes one.
    """
    by_base: defaultdict[str, list[Claim]] = defaultdict(list)
    for claim in claims:
        if claim.base is not None:
            by_base[claim.base].append(claim)
    edges = (_edge(derivative, base, by_base[base]) for base in sorted(by_base))
    return [edge for edge in edges if edge is not None]


def stated_relation(base: str, claims: Iterable[Claim]) -> Relation:
    """The relation to `base` by its strongest claim that states one; `UNKNOWN` when none does.

    Whatever points to a dataset was trained on it.
    """
    if base.startswith(_DATA):
        return Relation.TRAINED_ON
    stated = [claim for claim in claims if claim.relation is not Relation.UNKNOWN and not claim.denied]
    return min(stated, key=_strength).relation if stated else Relation.UNKNOWN


def _edge(derivative: str, base: str, claims: Sequence[Claim]) -> Edge | None:
    support = sorted((claim for claim in claims if not claim.denied), key=_strength)
    by_hand = bool(support) and support[0].origin is Origin.MANUAL
    refused = any(claim.denied and claim.origin is Origin.MANUAL for claim in claims)
    if refused and not by_hand:
        return None
    if all(claim.origin is Origin.INFERRED for claim in support):
        return None
    return Edge(
        derivative=derivative,
        base=base,
        relation=stated_relation(base, support),
        origins=tuple(dict.fromkeys(claim.origin for claim in support)),
        resolved_from=_other_text(base, support),
    )


def _other_text(base: str, support: Iterable[Claim]) -> str | None:
    """The first text, strongest origin first, that is not the base's name (`squad` is, for `data:squad`)."""
    prefix, _, bare = base.partition(":")
    names = {"", base, bare if prefix in SourceName.__members__.values() else base}
    return next((claim.declared for claim in support if claim.declared not in names), None)


def _strength(claim: Claim) -> tuple[int, int, str]:
    return _RANK[claim.origin], _TOLD[claim.relation], claim.declared
