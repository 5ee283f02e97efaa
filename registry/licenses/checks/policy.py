"""What the team's own policy says to the terms that really apply."""

from __future__ import annotations

from collections.abc import Iterator

from registry.licenses.atoms import IMPOSING, Kind
from registry.licenses.drafts import Draft, along, route, term_of
from registry.licenses.propagate import Held
from registry.licenses.table import Terms
from registry.licenses.words import term_text
from registry.licenses.world import Case
from registry.model.edges import Relation

_EU = frozenset(
    "AT BE BG HR CY CZ DK EE FI FR DE GR HU IE IT LV LT LU MT NL PL PT RO SK SI ES SE".split()  # noqa: SIM905
)
_SAME_PLACE = {"GB": "UK", "EL": "GR"}


def check(case: Case) -> Iterator[Draft]:
    """All findings of the policy, on effective terms: what binds a base binds whoever runs the adapter."""
    policy = case.world.policy
    if policy.use == "commercial":
        for held in case.reaching(Kind.NC):
            yield _draft(case, held, "policy-commercial", "commercial", "the policy is commercial use")
    yield from _thresholds(case)
    places = territories(policy.territory)
    for held in case.reaching(Kind.TERRITORY):
        if held.atom.detail in places:
            why = f"the policy acts in {held.atom.detail}"
            yield _draft(case, held, "policy-territory", "territory_excluded", why)
    yield from _lists(case)
    if policy.require_reviewed:
        yield from _unreviewed(case)


def territories(places: tuple[str, ...]) -> frozenset[str]:
    """The places of a policy as the table names them: member states count as the EU."""
    found = {_SAME_PLACE.get(place.upper(), place.upper()) for place in places}
    return frozenset(found | ({"EU"} if found & _EU else set()))


def _thresholds(case: Case) -> Iterator[Draft]:
    policy = case.world.policy
    numbers = (
        (Kind.REVENUE, policy.annual_revenue_usd, "revenue_limit_usd", "USD of revenue"),
        (Kind.USERS, policy.monthly_active_users, "mau_limit", "monthly users"),
    )
    for kind, number, fact, unit in numbers:
        for held in case.reaching(kind):
            if policy.use == "research" and _of_business(case.world.terms(held.atom.license), kind):
                continue
            if number is not None and number >= int(held.atom.detail):
                yield _draft(case, held, "policy-threshold", fact, f"the policy says {number:,} {unit}")


def _of_business(terms: Terms, kind: Kind) -> bool:
    """Whether a limit is on commercial use only: revenue always, users where the license says so."""
    return kind is Kind.REVENUE or "commercial" in (terms.value("mau_effect") or "")


def _draft(case: Case, held: Held, code: str, fact: str, why: str) -> Draft:
    terms = case.world.terms(held.atom.license)
    return Draft(
        code,
        f"{terms.id} of {route(along(held))}: {term_text(terms, fact)}; {why}",
        _elsewhere(terms),
        along(held),
        term_of(terms, fact),
        f"terms that fit the policy ({why})",
        terms.sure(fact),
    )


def _elsewhere(terms: Terms) -> str:
    asked = terms.value("registration")
    return (f"{asked}, or " if asked else "get a separate license, or ") + "use another model (--suggest)"


def _governing(case: Case) -> Iterator[tuple[Terms, Held]]:
    """The licenses that bind who uses it: its own, and those above that impose anything."""
    imposing = {held.atom.license: held for held in reversed(case.reaching(*IMPOSING))}
    for held in case.reaching(Kind.LICENSE):
        if (
            any(edge.relation is Relation.DISTILLED for edge in held.edges())
            and held.atom.license not in imposing
        ):
            continue
        if held.length == 0 or held.atom.license in imposing:
            yield case.world.terms(held.atom.license), held


def _among(terms: Terms, ids: tuple[str, ...]) -> bool:
    return bool({terms.id, terms.family, terms.group} & set(ids))


def _lists(case: Case) -> Iterator[Draft]:
    policy = case.world.policy
    for terms, held in _governing(case):
        denied = _among(terms, policy.deny)
        if denied or (policy.allow and not _among(terms, policy.allow)):
            why = "is on the policy's deny list" if denied else "is not on the policy's allow list"
            yield Draft(
                "policy-denied",
                f"{terms.id} of {route(along(held))} {why}",
                "use another model (--suggest), or change the policy",
                along(held),
                expected="a license the policy allows",
                evidence=terms.evidence,
            )
    if policy.allow:
        for held in _open(case):
            yield Draft(
                "policy-denied",
                f"the license of {route(along(held)) if held.length else 'this model'} cannot be told, "
                "so it is not on the policy's allow list",
                "find out the license and record it, or use another model (--suggest)",
                along(held),
                expected="a license the policy allows",
            )


def _open(case: Case) -> list[Held]:
    return case.reaching(Kind.UNKNOWN, Kind.UNLICENSED, Kind.GAP)


def _unreviewed(case: Case) -> Iterator[Draft]:
    for terms, held in _governing(case):
        if terms.evidence == "recalled":
            yield Draft(
                "policy-unreviewed",
                f"the facts about {terms.id} of {route(along(held))} are from memory, its text unread",
                f"have the text of {terms.name} read, or use another model (--suggest)",
                along(held),
                expected="facts read from the text",
                evidence=terms.evidence,
            )
    for held in _open(case):
        where = route(along(held)) if held.length else "this model"
        yield Draft(
            "policy-unreviewed",
            f"the license of {where} cannot be told, so nobody has reviewed it",
            "find out the license and record it, or use another model (--suggest)",
            along(held),
            expected="a license somebody has read",
        )
