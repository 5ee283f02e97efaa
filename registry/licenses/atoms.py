"""The small facts that travel along lineage: one thing a license forbids, asks or limits, each on its own.

A license is never passed on as a whole, because every edge lets through something else. What a model's own
statements leave open travels too, so that nothing below an unknown is ever called compliant.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from registry.licenses.table import Terms
from registry.model.edges import Relation


class Kind(StrEnum):
    """What an atom says. `LICENSE` only that this license stands somewhere above."""

    LICENSE = "license"
    NC = "nc"
    ND = "nd"
    SHARE_ALIKE = "sa"
    VENDOR = "vendor"
    PREFIX = "prefix"
    DISPLAY = "display"
    NOTICE = "notice"
    USERS = "limit-users"
    REVENUE = "limit-revenue"
    TERRITORY = "limit-territory"
    FIELD = "limit-field"
    OUTPUT = "output"
    NONCOMPETE = "noncompete"
    UNLICENSED = "unlicensed"
    UNKNOWN = "unknown"
    GAP = "gap"
    UNKNOWN_TEACHER = "unknown-teacher"


OPEN = frozenset({Kind.UNLICENSED, Kind.UNKNOWN, Kind.GAP})
"""What is not known of a model whose weights are used."""

IMPOSING = frozenset(
    {Kind.NC, Kind.ND, Kind.SHARE_ALIKE, Kind.VENDOR, Kind.USERS, Kind.REVENUE, Kind.TERRITORY, Kind.FIELD}
)
"""Atoms that restrict somebody, as against notices and names."""

MULTIMODAL_TASKS = frozenset(
    {
        "any-to-any",
        "audio-text-to-text",
        "document-question-answering",
        "image-text-to-image",
        "image-text-to-text",
        "image-text-to-video",
        "image-to-text",
        "video-text-to-text",
        "visual-document-retrieval",
        "visual-question-answering",
    }
)
_ONLY_MULTIMODAL = "multimodal models only"


@dataclass(frozen=True, slots=True, order=True)
class Atom:
    """One fact of one license. detail: scope, prefix, number, place or rule, `""` where there is none; the
    model itself for what is not known of one, whose license is then `""`.

    adapter: it reached this model only as the base an adapter runs on, so that it binds use, and the label
    one level less. adapted: a change of the weights lies on the way, not format shifts alone.
    """

    kind: Kind
    license: str
    detail: str = ""
    adapter: bool = False
    adapted: bool = False


def atoms_of(terms: Terms, *, multimodal: bool) -> Iterator[Atom]:
    """What one license puts on the model that carries it."""
    if terms.unknown:
        return
    yield Atom(Kind.LICENSE, terms.id)
    if terms.value("commercial") == "no":
        yield Atom(Kind.NC, terms.id)
    if terms.value("derivatives") == "no-share":
        yield Atom(Kind.ND, terms.id)
    scope = terms.value("share_alike")
    if scope not in ("none", "data"):
        yield Atom(Kind.SHARE_ALIKE, terms.id, scope)
    if _flows_down(terms):
        yield Atom(Kind.VENDOR, terms.id)
    if terms.value("name_prefix"):
        yield Atom(Kind.PREFIX, terms.id, terms.value("name_prefix"))
    if terms.value("display"):
        yield Atom(Kind.DISPLAY, terms.id, terms.value("display"))
    if terms.value("notices"):
        yield Atom(Kind.NOTICE, terms.id)
    if terms.value("output_rule") != "none":
        yield Atom(Kind.OUTPUT, terms.id, terms.value("output_rule"))
    yield from _limits(terms, multimodal)


def _flows_down(terms: Terms) -> bool:
    """Whether derivatives must carry this very agreement or its restrictions."""
    if terms.family in ("data", "terms-of-service"):
        return False
    if terms.value("flowdown"):
        return True
    # "Derivatives stay under these terms", where share-alike does not say so already.
    return bool(terms.value("derivative_terms") == "same-license" and terms.value("share_alike") == "none")


def _limits(terms: Terms, multimodal: bool) -> Iterator[Atom]:
    if terms.value("mau_limit") is not None:
        yield Atom(Kind.USERS, terms.id, str(terms.value("mau_limit")))
    if terms.value("revenue_limit_usd") is not None:
        yield Atom(Kind.REVENUE, terms.id, str(terms.value("revenue_limit_usd")))
    for place in terms.value("territory_excluded"):
        if multimodal or _ONLY_MULTIMODAL not in place:
            yield Atom(Kind.TERRITORY, terms.id, place.partition(" ")[0])
    if terms.family != "data":
        for limit in terms.value("field_limits"):
            yield Atom(Kind.FIELD, terms.id, limit)


def is_multimodal(task: str | None, name: str) -> bool:
    """Whether a model takes or makes more than one kind of data: by its task, without one by its name."""
    if task is not None:
        return task in MULTIMODAL_TASKS
    return bool({"vision", "multimodal", "vlm", "vl"} & set(name.casefold().replace("_", "-").split("-")))


def burden(terms: Terms) -> frozenset[tuple[str, str]]:
    """What a license restricts, to compare two that are offered as a choice."""
    found = {
        (atom.kind.value, "" if atom.kind in (Kind.NC, Kind.ND) else f"{atom.license} {atom.detail}")
        for atom in atoms_of(terms, multimodal=True)
        if atom.kind in IMPOSING
    }
    if terms.value("commercial") == "unknown":
        found.add((Kind.UNKNOWN.value, terms.id))
    return frozenset(found)


def passed(atom: Atom, relation: Relation, terms: Terms | None) -> Atom | None:
    """The atom as it arrives over an edge of this relation, `None` when the edge holds it back.

    terms: the license the atom is of, `None` when it is of none we know.
    """
    if relation is Relation.QUANTIZED:
        return atom
    if relation is Relation.TRAINED_ON:
        return None
    if relation is Relation.DISTILLED:
        return _through_outputs(atom, terms)
    if atom.kind is Kind.NONCOMPETE:
        return None  # It is the one who trains on outputs that promised not to.
    if relation is Relation.ADAPTER:
        alone = not (terms and terms.adapters_are_derivatives)
        return replace(atom, adapter=atom.adapter or alone, adapted=True)
    return replace(atom, adapter=False, adapted=True)


def _through_outputs(atom: Atom, terms: Terms | None) -> Atom | None:
    if atom.kind in OPEN or atom.kind is Kind.UNKNOWN_TEACHER:
        return Atom(Kind.UNKNOWN_TEACHER, "", atom.detail)
    if terms is None or atom.kind is Kind.NONCOMPETE:
        return None
    rule = terms.value("output_rule")
    if atom.kind is Kind.OUTPUT:
        if rule.startswith("noncompete"):
            return Atom(Kind.NONCOMPETE, atom.license, atom.detail, adapted=True)
        return replace(atom, adapter=False, adapted=True) if terms.value("output_is_derivative") else None
    passes = (
        terms.value("output_is_derivative")
        or atom.kind is Kind.LICENSE
        or (atom.kind is Kind.NC and rule == "nc-outputs")
        or (atom.kind is Kind.PREFIX and rule == "name+display")
        or (atom.kind is Kind.DISPLAY and rule in ("display", "name+display"))
    )
    return replace(atom, adapter=False, adapted=True) if passes else None
