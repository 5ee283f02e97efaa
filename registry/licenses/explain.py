"""One license in plain words: what it grants, asks and limits, where it says so, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass

from registry.licenses.table import LicenseTable, Terms
from registry.licenses.words import term_text

_GRANTS = ("commercial", "derivatives", "redistribution", "hosting")
_CONDITIONS = (
    "notices",
    "flowdown",
    "share_alike",
    "derivative_terms",
    "name_prefix",
    "display",
    "registration",
)
_LIMITS = ("mau_limit", "revenue_limit_usd", "territory_excluded", "field_limits", "use_policy")
_OUTPUTS = ("output_rule", "output_is_derivative")
_OTHER = ("patent", "revocable")
_TITLES = {
    "commercial": "commercial use",
    "mau_limit": "user limit",
    "revenue_limit_usd": "revenue limit",
    "territory_excluded": "territory",
    "field_limits": "field of use",
    "output_rule": "outputs",
    "output_is_derivative": "models trained on outputs",
    "flowdown": "passed on downstream",
    "share_alike": "share-alike",
    "name_prefix": "name",
}


@dataclass(frozen=True, slots=True)
class Statement:
    """One fact. text: in plain words; clause: where the text says so, `None` for a default or an unrecorded
    one; evidence: how sure we are."""

    fact: str
    title: str
    text: str
    clause: str | None
    evidence: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """A license as shown to people. aliases: names it goes by; remarks: further clauses by topic."""

    id: str
    name: str
    hub: bool
    expression: str | None
    family: str
    ambiguous: bool
    grants: tuple[Statement, ...]
    conditions: tuple[Statement, ...]
    limits: tuple[Statement, ...]
    outputs: tuple[Statement, ...]
    other: tuple[Statement, ...]
    remarks: tuple[tuple[str, str], ...]
    aliases: tuple[str, ...]
    links: tuple[str, ...]
    note: str | None
    evidence: str
    evidence_meaning: str
    source: str


_MEANING = {
    "text": "the operative clauses were read",
    "cross-checked": "a standard license; independent sources agree on it",
    "excerpt": "part of the text was read",
    "recalled": "from memory: have the text read before you rely on it",
}


def explain(text: str, table: LicenseTable) -> Explanation | None:
    """Explain a license by id, alias, SPDX id or link; `None` when there is none by that name."""
    terms = table.lookup(text)
    if terms is None:
        return None
    return Explanation(
        id=terms.id,
        name=terms.name,
        hub=terms.hub,
        expression=terms.expression,
        family=terms.family,
        ambiguous=terms.ambiguous or terms.unknown,
        grants=tuple(_statement(terms, fact) for fact in _GRANTS),
        conditions=_said(terms, _CONDITIONS),
        limits=_said(terms, _LIMITS),
        outputs=_said(terms, _OUTPUTS),
        other=_said(terms, _OTHER),
        remarks=tuple(sorted(terms.remarks.items())),
        aliases=terms.aliases,
        links=tuple(f"https://{link}" for link in terms.links),
        note=terms.note,
        evidence=terms.evidence,
        evidence_meaning=_MEANING[terms.evidence],
        source=terms.source,
    )


def _said(terms: Terms, facts: tuple[str, ...]) -> tuple[Statement, ...]:
    """Only what differs from a plain permissive license."""
    return tuple(_statement(terms, fact) for fact in facts if fact in terms.facts)


def _statement(terms: Terms, fact: str) -> Statement:
    title = _TITLES.get(fact, fact.replace("_", " "))
    return Statement(fact, title, term_text(terms, fact), terms.clause(fact), terms.sure(fact))
