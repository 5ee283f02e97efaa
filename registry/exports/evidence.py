"""The JSON shapes of what weights say: verdicts, fingerprints, relatives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from registry.errors import RegistryError
from registry.exports import shapes
from registry.model.edges import Origin, Relation
from registry.model.evidence import FingerprintRecord, KeptEvidence

Shape = dict[str, Any]


class VerdictLike(Protocol):
    """The verdict on one edge; `services.verify` makes it."""

    @property
    def kept(self) -> KeptEvidence: ...
    @property
    def declared(self) -> Relation | None: ...
    @property
    def origins(self) -> Sequence[Origin]: ...


class ReportLike(Protocol):
    """All verdicts of one run."""

    @property
    def verdicts(self) -> Sequence[VerdictLike]: ...
    @property
    def models(self) -> int: ...
    @property
    def missing(self) -> Sequence[str]: ...

    def counts(self) -> Mapping[str, int]: ...


class ReadingLike(Protocol):
    """What became of reading one fingerprint; `services.prints` makes it."""

    @property
    def repo_id(self) -> str: ...
    @property
    def state(self) -> str: ...
    @property
    def record(self) -> FingerprintRecord | None: ...
    @property
    def error(self) -> RegistryError | None: ...


class FoundLike(Protocol):
    """One relative of a model; `services.verify` makes it."""

    @property
    def model(self) -> str: ...
    @property
    def repo_id(self) -> str: ...
    @property
    def shared(self) -> int: ...
    @property
    def similarity(self) -> float: ...
    @property
    def score(self) -> float: ...
    @property
    def equal(self) -> float: ...
    @property
    def relative_distance(self) -> float | None: ...
    @property
    def blocks(self) -> int: ...


def report(told: ReportLike, readings: Sequence[ReadingLike], *, complete: bool) -> Shape:
    """A whole run. Where it is not complete, nothing missing is confirmed."""
    return {
        "complete": complete,
        "models": told.models,
        "edges": [verdict(one) for one in told.verdicts],
        "counts": dict(told.counts()),
        "missing": list(told.missing),
        "fingerprints": [reading(one) for one in readings],
    }


def verdict(one: VerdictLike) -> Shape:
    """One edge, with what was claimed of it."""
    evidence = one.kept.evidence
    ends = {"derivative": evidence.derivative, "base": evidence.base}
    claimed = {"declared": one.declared, "origins": list(one.origins)}
    return ends | shapes.evidence(one.kept) | claimed


def verdict_row(one: VerdictLike) -> Shape:
    """The same for a table: one value to a cell."""
    whole = verdict(one)
    nearest = [
        alternative["model"]
        if alternative["relative_distance"] is None
        else f"{alternative['model']} ({alternative['relative_distance']:.4f})"
        for alternative in whole["alternatives"]
    ]
    return whole | {"alternatives": "; ".join(nearest), "origins": ",".join(one.origins)}


def reading(one: ReadingLike) -> Shape:
    """What became of one fingerprint, and what it cost."""
    record = one.record
    return {
        "repo_id": one.repo_id,
        "state": one.state,
        "commit_sha": record.commit_sha if record else None,
        "tier": record.tier if record else None,
        "scheme": record.scheme if record else None,
        "requests": record.requests if record else None,
        "bytes_read": record.bytes_read if record else None,
        "head_requests": record.head_requests if record else None,
        "head_bytes": record.head_bytes if record else None,
        "read_at": record.read_at if record else None,
        "error": shapes.error(one.error) if one.error else None,
    }


def found(one: FoundLike) -> Shape:
    """One relative of a model."""
    return {
        "model": one.model,
        "repo_id": one.repo_id,
        "score": one.score,
        "equal": one.equal,
        "relative_distance": one.relative_distance,
        "blocks": one.blocks,
        "shared": one.shared,
        "similarity": one.similarity,
    }
