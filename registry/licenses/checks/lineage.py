"""What came down the lineage and is not kept: dropped, replaced, broken."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from registry.licenses.atoms import Atom, Kind, atoms_of, burden
from registry.licenses.drafts import Draft, along, route, term_of
from registry.licenses.findings import Severity, Term
from registry.licenses.propagate import Held
from registry.licenses.table import Terms
from registry.licenses.words import term_text
from registry.licenses.world import WEIGHTS, Case
from registry.model.edges import Relation

_LIMITS = (Kind.USERS, Kind.REVENUE, Kind.TERRITORY, Kind.FIELD)
_STRICTER = (Kind.NC, Kind.ND, Kind.SHARE_ALIKE, Kind.VENDOR)


def check(case: Case) -> Iterator[Draft]:
    """All findings about what the bases of one model ask. Nothing is said to be dropped by a declaration
    that cannot be understood: that is a finding of its own."""
    for held in case.inherited(Kind.ND):
        if held.atom.adapted:
            yield _weighed(case, held, _derivative_shared(case, held))
    if not case.declaration.known:
        return
    ids = {held.atom.license for held in case.inherited(Kind.NC, Kind.ND, Kind.SHARE_ALIKE, Kind.VENDOR)}
    for id_ in sorted(ids):
        yield from _kept(case, case.world.terms(id_))
    yield from _foreign(case)
    yield from _added(case)


def _held(case: Case, kind: Kind, terms: Terms) -> Held | None:
    return next((held for held in case.inherited(kind) if held.atom.license == terms.id), None)


def _kept(case: Case, source: Terms) -> Iterator[Draft]:
    """Whether the declaration keeps what one license above asks."""
    if any(_is(one, source) for one in case.declared):
        return
    nc, sa = _held(case, Kind.NC, source), _held(case, Kind.SHARE_ALIKE, source)
    nc_gone = nc is not None and not any(one.value("commercial") == "no" for one in case.declared)
    if nc is not None and nc_gone:
        yield _weighed(case, nc, _nc_dropped(case, nc, source))
    if sa is not None and not _shared_alike(case, sa, source):
        yield _weighed(case, sa, _share_alike_broken(case, sa, source))
        return
    vendor = _held(case, Kind.VENDOR, source) or _verbatim(case, source)
    if vendor is None or nc_gone:
        return
    stand_in = next((one for one in case.declared if _stands_in(case, one, source)), None)
    if stand_in is not None:
        yield _substituted(vendor, stand_in, source)
    else:
        yield _weighed(case, vendor, _restriction_dropped(case, vendor, source))


def _is(declared: Terms, source: Terms) -> bool:
    """Whether a declared license is this one, or a family that may mean it."""
    if declared.id == source.id or declared.covers(source.id):
        return True
    return declared.expression is not None and declared.expression == source.expression


def _verbatim(case: Case, source: Terms) -> Held | None:
    """A no-derivatives license on a mere format copy: the copy stays under it."""
    held = _held(case, Kind.ND, source)
    return held if held is not None and not held.atom.adapted else None


def _shared_alike(case: Case, held: Held, source: Terms) -> bool:
    if held.atom.adapter and held.atom.detail in ("file", "library"):
        return True  # An adapter is a file of its own.
    return any(one.id in source.accepts for one in case.declared)


def _stands_in(case: Case, declared: Terms, source: Terms) -> bool:
    """Whether another license of the same group carries every limit of the source that binds here."""
    if source.group is None or declared.group != source.group:
        return False
    offered = {atom.kind for atom in atoms_of(declared, multimodal=True)}
    asked = {held.atom.kind for held in case.inherited(Kind.NC, *_LIMITS) if held.atom.license == source.id}
    return asked <= offered


def _weighed(case: Case, held: Held, draft: Draft) -> Draft:
    """The draft at the weight it deserves: an adapter's label one level lower, the right holder's a note."""
    source = case.world.terms(held.atom.license)
    organisation = case.model.organisation
    root = case.world.models.get(held.root)
    if organisation and (organisation in source.orgs or (root and root.organisation == organisation)):
        own = f"{draft.message}; {case.model.repo_id.partition('/')[0]} may relicense what is its own"
        return replace(draft, message=own, severity=Severity.NOTE)
    if held.atom.adapter:
        return replace(draft, lowered=True)
    return draft


def _derivative_shared(case: Case, held: Held) -> Draft:
    source = case.world.terms(held.atom.license)
    return Draft(
        "nd-violated",
        f"shares a derivative of {route(along(held))}, whose {source.id} does not let derivatives be shared",
        f"ask {held.root} for permission, or do not publish the changed weights",
        along(held),
        term_of(source, "derivatives"),
        "derivatives stay private; pure format copies may be shared",
        source.sure("derivatives"),
    )


def _nc_dropped(case: Case, held: Held, source: Terms) -> Draft:
    return Draft(
        "nc-dropped",
        f"{_label(case)} allows commercial use; {source.id} of {route(along(held))} does not",
        _fix(source),
        along(held),
        term_of(source, "commercial"),
        f"license: {source.id}, or another non-commercial license it allows",
        source.sure("commercial"),
    )


def _share_alike_broken(case: Case, held: Held, source: Terms) -> Draft:
    others = [id_ for id_ in source.accepts if case.world.table.get(id_)]
    return Draft(
        "share-alike-broken",
        f"{_label(case)} replaces {source.id} of {route(along(held))}, which is share-alike",
        f"license: {source.id}",
        along(held),
        term_of(source, "share_alike"),
        f"license: {source.id}" + (f" or {', '.join(others)} ({source.accepts_clause})" if others else ""),
        source.sure("share_alike"),
    )


def _restriction_dropped(case: Case, held: Held, source: Terms) -> Draft:
    fact = "derivatives" if held.atom.kind is Kind.ND else "flowdown"
    if fact == "flowdown" and not source.value("flowdown"):
        fact = "derivative_terms"
    term = term_of(source, fact)
    if fact == "derivative_terms":
        term = replace(term, text=term_text(source, "flowdown"))
    return Draft(
        "restriction-dropped",
        f"{_label(case)} drops terms of {source.id}, which comes from {route(along(held))}",
        _fix(source),
        along(held),
        term,
        f"{source.name}: {term.text}",
        source.sure(fact),
    )


def _substituted(held: Held, stand_in: Terms, source: Terms) -> Draft:
    return Draft(
        "license-substituted",
        f"{stand_in.id} stands in for {source.id} of {route(along(held))}; both carry similar restrictions",
        _fix(source),
        along(held),
        term_of(source, "flowdown"),
        f"license: {source.id}",
        source.sure("flowdown"),
    )


def _label(case: Case) -> str:
    return " AND ".join(case.declaration.declared)


def _fix(source: Terms) -> str:
    label = (
        f"license: {source.id}"
        if source.hub
        else f"license: other, license_name: {source.id}, with license_link"
    )
    parts = [label]
    if "license-copy" in source.value("notices") or "agreement" in source.value("flowdown"):
        parts.append("add the text of the license")
    if source.value("notice_text"):
        parts.append(f"add the notice line '{source.value('notice_text')}'")
    return "; ".join(parts)


def _foreign(case: Case) -> Iterator[Draft]:
    """A vendor's license on a model that nothing of that vendor reaches, as far as all above is known."""
    bases = [edge for edge in case.model.bases if edge.relation is not Relation.TRAINED_ON]
    if not bases or case.inherited(Kind.GAP, Kind.UNKNOWN, Kind.UNLICENSED, Kind.UNKNOWN_TEACHER):
        return
    above = {held.atom.license for held in case.inherited(Kind.LICENSE)}
    past = _once_above(case)
    for id_ in case.declaration.label:
        terms = case.world.terms(id_)
        if not terms.vendor or id_ in above | past or case.model.organisation in terms.orgs:
            continue
        versions = [case.world.terms(other) for other in sorted(above)]
        version = [other.id for other in versions if other.group is not None and other.group == terms.group]
        if version and not any(_stands_in(case, terms, case.world.terms(other)) for other in version):
            continue  # Another version that carries less was told as a drop already.
        right = f"; above it stands {', '.join(version)}" if version else ""
        yield Draft(
            "license-foreign",
            f"{terms.name} is for models of {', '.join(sorted(terms.orgs))}, and none is above it{right}",
            f"license: {(version or sorted(above) or ['the one of its base'])[0]}, or name the missing base",
            (min(bases, key=lambda edge: (edge.base, edge.relation)),),
            None,
            f"a model under {id_} among its bases",
            terms.evidence,
        )


def _once_above(case: Case) -> set[str]:
    """Licenses that models above had at another time: what was right when it was made is not foreign."""
    above = {step.model for held in case.above.values() for step in held.way()[1:]}
    return {
        id_
        for name in above
        if name in case.world.models
        for since, _ in case.world.models[name].license_history
        for id_ in case.world.declaration(name, since).own
    }


def _added(case: Case) -> Iterator[Draft]:
    """Restrictions nobody above asks for: allowed unless a license above forbids to add any."""
    reaching = {held.atom.kind for held in case.inherited(*_STRICTER)}
    above = {held.atom.license for held in case.inherited(Kind.LICENSE)}
    if not any(edge.relation in WEIGHTS for edge in case.model.bases) or not above:
        return
    new = [one for one in case.declared if one.id not in above and _asks(one)]
    forbidding = _forbidding(case, new)
    if forbidding is not None:
        held, one = forbidding
        source = case.world.terms(held.atom.license)
        draft = Draft(
            "added-restriction-forbidden",
            f"{one.id} adds restrictions to {source.id} of {route(along(held))}, which forbids that",
            f"license: {source.id} alone",
            along(held),
            Term(source.id, source.no_further_restrictions, "no further restrictions may be added"),
            "the license without additions",
            source.evidence,
        )
        yield _weighed(case, held, draft)
        return
    added = [one for one in new if not {atom.kind for atom in _asks(one)} <= reaching]
    if added:
        yield Draft(
            "added-restriction",
            f"{' AND '.join(one.id for one in added)} restricts more than what its bases ask for",
            "nothing to mend if meant: the bases allow it",
            evidence=added[0].evidence,
        )


def _asks(terms: Terms) -> list[Atom]:
    return [atom for atom in atoms_of(terms, multimodal=True) if atom.kind in _STRICTER]


def _forbidding(case: Case, new: list[Terms]) -> tuple[Held, Terms] | None:
    """A license above that is kept, or copied as it is, and lets nobody add what a new one asks."""
    for held in case.inherited(Kind.LICENSE):
        source = case.world.terms(held.atom.license)
        if source.no_further_restrictions is None or held.edge is None:
            continue
        if any(edge.relation is Relation.DISTILLED for edge in held.edges()) or held.atom.adapter:
            continue
        alike = source.value("share_alike") != "none"
        kept = any(_is(one, source) or one.id in source.accepts for one in case.declared)
        if (alike and not kept) or (not alike and held.atom.adapted):
            continue  # Broken share-alike is told elsewhere; adaptations of the rest may be under more.
        for one in new:
            stricter = one.id not in source.accepts and not _is(one, source)
            if stricter and not burden(one) <= burden(source):
                return held, one
    return None
