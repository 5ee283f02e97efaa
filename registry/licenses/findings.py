"""What the audit answers: findings with their chain, clause and fix."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from registry.licenses.waivers import Waiver


class Severity(StrEnum):
    """How much a finding weighs. `OFF` exists in policies only and silences a code."""

    OFF = "off"
    NOTE = "note"
    WARNING = "warning"
    ERROR = "error"

    @property
    def rank(self) -> int:
        """0 for off up to 3 for error; compare these, not the words."""
        return ("off", "note", "warning", "error").index(self.value)

    def lowered(self) -> Severity:
        """One level lower, a note at least."""
        return {Severity.ERROR: Severity.WARNING, Severity.OFF: Severity.OFF}.get(self, Severity.NOTE)


@dataclass(frozen=True, slots=True)
class ChainLink:
    """One model on the way from the judged model down to where the term comes from.

    relation: how this model was made from the next one, `None` for the last. license: what it declares,
    as understood, `None` when it declares nothing.
    """

    model: str
    relation: str | None
    license: str | None


@dataclass(frozen=True, slots=True)
class Term:
    """A license's term in our words. clause: where it stands in the text, `None` when not recorded."""

    license: str
    clause: str | None
    text: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing the audit has to say about one model.

    declared: what the model declares, as shown to people. chain: from the model to the root of the term,
    only the model itself when the finding is about its own statements. expected: what the term asks for.
    fix: what to do. evidence_level: how sure the fact is (`text`, `cross-checked`, `excerpt`, `recalled`).
    edge_evidence: what the weakest edge of the chain rests on: who claims it (`card`, `hub`, `weights` ...),
    `contradicted` where the weights show no trace of it, `None` without an edge.
    waived: the waiver in force for it. chain_hash: what a waiver is pinned to; it changes with any model,
    relation or license of the chain. check: the guest that found it. fingerprint: stable name of the
    finding across runs and wordings.
    """

    model: str
    code: str
    severity: Severity
    message: str
    declared: str | None
    chain: tuple[ChainLink, ...]
    term: Term | None
    expected: str | None
    fix: str
    evidence_level: str | None
    edge_evidence: str | None
    waived: Waiver | None
    chain_hash: str
    check: str | None
    fingerprint: str


@dataclass(frozen=True, slots=True)
class AuditResult:
    """The findings in a total order (model, then the gravest first, then code and chain).

    models: how many were judged. unjudged: targets of which nothing can be vouched for, because their own
    license or one above them is missing, unknown or was never looked at; sorted. complete: every target and
    every ancestor was looked at and every check ran. failed_checks: guests that broke.
    lapsed: waivers of the policy that expired or whose chain has changed, in the order of the policy.
    """

    findings: tuple[Finding, ...]
    models: int
    unjudged: tuple[str, ...]
    complete: bool
    policy_digest: str
    failed_checks: tuple[str, ...] = ()
    lapsed: tuple[Waiver, ...] = ()

    def counted(self, fail_on: Severity | None) -> tuple[Finding, ...]:
        """The findings at or above `fail_on` that no waiver covers; none for `None` (never)."""
        if fail_on is None:
            return ()
        return tuple(f for f in self.findings if f.waived is None and f.severity.rank >= fail_on.rank)


def chain_hash(code: str, chain: Sequence[ChainLink]) -> str:
    """16 hex digits over the code and every model, relation and license of the chain."""
    return _digest([code, *([link.model, link.relation, link.license] for link in chain)])[:16]


def fingerprint(model: str, code: str, license: str | None, root: str | None, check: str | None) -> str:  # noqa: A002
    """A name for the finding that outlives rewording and re-routing of the chain."""
    return _digest([model, code, license, root, check])[:32]


def _digest(parts: object) -> str:
    return hashlib.sha256(json.dumps(parts, ensure_ascii=True).encode()).hexdigest()
