"""Merges whose parents' licenses cannot both be kept."""

from __future__ import annotations

from collections.abc import Iterator

from registry.licenses.atoms import Atom, Kind
from registry.licenses.drafts import Draft, along, route, term_of
from registry.licenses.propagate import Held, arriving
from registry.licenses.world import Case
from registry.model.edges import Edge, Relation

_KINDS = (Kind.SHARE_ALIKE, Kind.VENDOR, Kind.NC)
_STRONG = ("derivative", "network")


def check(case: Case) -> Iterator[Draft]:
    """Share-alike terms of one parent against other share-alike, vendor or non-commercial terms of another.

    A clash that one parent alone already carries was made above and is told there.
    """
    parents = {
        edge.base: _arriving(case, edge)
        for edge in sorted(case.model.bases, key=lambda edge: edge.base)
        if edge.relation in (Relation.MERGE, Relation.UNKNOWN)
    }
    seen: set[frozenset[str]] = set()
    for mine, theirs in ((a, b) for a in parents for b in parents if a != b):
        for alike in _strong(parents[mine]):
            for other in parents[theirs].values():
                pair = frozenset({alike.atom.license, other.atom.license})
                if pair in seen or not _clash(case, alike.atom, other.atom):
                    continue
                if any(_carries(held, pair) for held in parents.values()):
                    continue
                seen.add(pair)
                yield _draft(case, alike, other)


def _arriving(case: Case, edge: Edge) -> dict[Atom, Held]:
    found = arriving((edge,), case.world.held, case.world.table)
    return {atom: found[atom] for atom in sorted(found) if atom.kind in _KINDS}


def _strong(atoms: dict[Atom, Held]) -> list[Held]:
    return [h for h in atoms.values() if h.atom.kind is Kind.SHARE_ALIKE and h.atom.detail in _STRONG]


def _carries(atoms: dict[Atom, Held], pair: frozenset[str]) -> bool:
    return pair <= {held.atom.license for held in atoms.values()}


def _clash(case: Case, alike: Atom, other: Atom) -> bool:
    if alike.license == other.license:
        return False
    one, two = case.world.terms(alike.license), case.world.terms(other.license)
    if two.id in one.accepts or one.id in two.accepts or one.covers(two.id) or two.covers(one.id):
        return False
    if other.kind is Kind.SHARE_ALIKE:
        return other.detail in _STRONG
    # Share-alike that is itself non-commercial (BY-NC-SA) can live with a non-commercial neighbour.
    return other.kind is Kind.VENDOR or one.value("commercial") != "no"


def _draft(case: Case, alike: Held, other: Held) -> Draft:
    one, two = case.world.terms(alike.atom.license), case.world.terms(other.atom.license)
    return Draft(
        "merge-incompatible",
        f"no license keeps both {one.id} of {route(along(alike))} and {two.id} of {route(along(other))}",
        f"leave one of them out, or ask {alike.root} or {other.root} for another license",
        along(alike),
        term_of(one, "share_alike"),
        "parents whose terms can be kept together",
        one.sure("share_alike"),
    )
