"""What the weights say about an edge: never proof of a lineage, always a measurement with its figures."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from registry.model.edges import Relation


class EvidenceState(StrEnum):
    """The eight states of an edge.

    identical: the same numbers. confirmed: the declared base is the one the weights point to.
    confirmed_family: related, but a nearer one is there, or which of several cannot be told. inconclusive:
    too little in common to tell. contradicted: no trace in the sampled weights. not_comparable: nothing that
    could be compared. found: related and not declared. declared: not measured yet.
    """

    IDENTICAL = "identical"
    CONFIRMED = "confirmed"
    CONFIRMED_FAMILY = "confirmed_family"
    INCONCLUSIVE = "inconclusive"
    CONTRADICTED = "contradicted"
    NOT_COMPARABLE = "not_comparable"
    FOUND = "found"
    DECLARED = "declared"


@dataclass(frozen=True, slots=True)
class Alternative:
    """Another model that might be the base, and how near it is. relative_distance: length of the difference
    over that of the weights, `None` where nothing is comparable."""

    model: str
    score: float
    relative_distance: float | None


@dataclass(frozen=True, slots=True)
class EdgeEvidence:
    """The evidence for one edge, recomputed and never edited.

    reason: the verdict in words. method: version of the engine and of the sampling scheme. relation: what the
    weights say about how it was made. score: mean of the better half of the correlations, up to 1. equal:
    share of equal values. blocks, values: how much was compared. directed: whether dates, formats or branches
    tell derivative from base. weight: the base's share in a merge; rounding: that merge's misfit over
    rounding noise. alternatives: the nearest other candidates, nearest first.
    """

    derivative: str
    base: str
    state: EvidenceState
    reason: str
    method: str
    relation: Relation = Relation.UNKNOWN
    score: float | None = None
    equal: float | None = None
    relative_distance: float | None = None
    blocks: int = 0
    values: int = 0
    directed: bool = True
    weight: float | None = None
    rounding: float | None = None
    alternatives: tuple[Alternative, ...] = ()

    def __post_init__(self) -> None:
        if self.derivative == self.base:
            raise ValueError(f"{self.base!r} cannot be evidence of itself")


@dataclass(frozen=True, slots=True)
class FingerprintRecord:
    """Where a kept fingerprint comes from and what it cost.

    commit_sha: of the files read, `None` where the source knows no commits. tier: `H`, `L`, `S` or `X`.
    requests, bytes_read: of the samples; head_requests, head_bytes: of the heads of the files before them.
    """

    repo_id: str
    commit_sha: str | None
    tier: str
    scheme: str
    read_at: datetime
    requests: int = 0
    bytes_read: int = 0
    head_requests: int = 0
    head_bytes: int = 0


@dataclass(frozen=True, slots=True)
class KeptEvidence:
    """Evidence as the catalog holds it, with what it was worked out from.

    derivative_commit, base_commit: of the fingerprints compared, `None` where there was none or its source
    knows no commits. tiers: of both, as in `SS`. bytes_read: of both, samples and heads.
    """

    evidence: EdgeEvidence
    judged_at: datetime
    derivative_commit: str | None = None
    base_commit: str | None = None
    tiers: str | None = None
    bytes_read: int | None = None
