"""What an audit found, as the formats of this room see it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from itertools import groupby
from typing import Protocol

SEVERITIES = ("error", "warning", "note")
"""Worst first."""

NOTICE = "Engineering data, not legal advice."


class LinkLike(Protocol):
    """One model of a chain; `relation` is how it was made from the next one."""

    @property
    def model(self) -> str: ...
    @property
    def relation(self) -> str | None: ...
    @property
    def license(self) -> str | None: ...


class TermLike(Protocol):
    """What a license says, in our words, and where."""

    @property
    def license(self) -> str: ...
    @property
    def clause(self) -> str | None: ...
    @property
    def text(self) -> str: ...


class WaiverLike(Protocol):
    """An exception somebody answers for."""

    @property
    def reason(self) -> str: ...
    @property
    def owner(self) -> str | None: ...
    @property
    def expiry(self) -> date | None: ...


class FindingLike(Protocol):
    """One finding of `registry.licenses.audit`."""

    @property
    def model(self) -> str: ...
    @property
    def code(self) -> str: ...
    @property
    def severity(self) -> str: ...
    @property
    def message(self) -> str: ...
    @property
    def declared(self) -> str | None: ...
    @property
    def chain(self) -> Sequence[LinkLike]: ...
    @property
    def term(self) -> TermLike | None: ...
    @property
    def expected(self) -> str | None: ...
    @property
    def fix(self) -> str: ...
    @property
    def evidence_level(self) -> str | None: ...
    @property
    def edge_evidence(self) -> str | None: ...
    @property
    def waived(self) -> WaiverLike | None: ...
    @property
    def chain_hash(self) -> str: ...
    @property
    def check(self) -> str | None: ...
    @property
    def fingerprint(self) -> str: ...


class SuggestionLike(Protocol):
    """A model that passes where another failed."""

    @property
    def repo_id(self) -> str: ...
    @property
    def license(self) -> str | None: ...
    @property
    def why(self) -> str: ...


class RuleLike(Protocol):
    """What a finding code means."""

    @property
    def code(self) -> str: ...
    @property
    def severity(self) -> str: ...
    @property
    def summary(self) -> str: ...
    @property
    def fix(self) -> str: ...


class AuditLike(Protocol):
    """A whole audit; `services.audit` makes it. findings: by model, worst first, waived ones too."""

    @property
    def findings(self) -> Sequence[FindingLike]: ...
    @property
    def models(self) -> int: ...
    @property
    def unjudged(self) -> Sequence[str]: ...
    @property
    def complete(self) -> bool: ...
    @property
    def problems(self) -> Sequence[str]: ...
    @property
    def policy_origin(self) -> str: ...
    @property
    def policy_digest(self) -> str: ...
    @property
    def as_of(self) -> datetime | None: ...
    @property
    def suggestions(self) -> Mapping[str, Sequence[SuggestionLike]]: ...


def counted(findings: Iterable[FindingLike]) -> dict[str, int]:
    """Findings by severity, worst first, and those waived, which count under no severity."""
    counts = dict.fromkeys((*SEVERITIES, "waived"), 0)
    for finding in findings:
        counts["waived" if finding.waived else finding.severity] += 1
    return counts


def by_model(findings: Sequence[FindingLike]) -> list[tuple[str, list[FindingLike]]]:
    """Findings of one model after the other, in the order they are in."""
    return [(model, list(group)) for model, group in groupby(findings, key=lambda finding: finding.model)]


def chain_text(finding: FindingLike) -> str:
    """The way from the model to where the term comes from, as one line."""
    parts: list[str] = []
    for number, link in enumerate(finding.chain):
        parts.append(f"{link.model} ({link.license or 'no license known'})" if number else link.model)
        if number < len(finding.chain) - 1:
            parts.append(f"-{link.relation or 'unknown'}->")
    return " ".join(parts)


def term_text(term: TermLike) -> str:
    """A term with its license, and where the text says so."""
    return f"{term.license}: {term.text}{f' [{term.clause}]' if term.clause else ''}"


def told(counts: Mapping[str, int]) -> str:
    """`2 errors, 1 warning`; what is zero is left out, `no findings` when all are."""
    parts = [
        f"{counts[name]:,} {name}{'' if counts[name] == 1 else 's'}" for name in SEVERITIES if counts[name]
    ]
    if counts["waived"]:
        parts.append(f"{counts['waived']:,} waived")
    return ", ".join(parts) or "no findings"
