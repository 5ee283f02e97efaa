"""Names, display lines, notices: what must be shown when something built on a model is passed on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase

from registry.licenses.atoms import Kind
from registry.licenses.drafts import Draft, along, route, term_of
from registry.licenses.propagate import Held
from registry.licenses.world import Case
from registry.model.edges import Relation

_LICENSE_FILE = re.compile(
    r"(?:.*[_. -])?(?:un)?licen[cs]es?(?:[_. -].*)?|copying(?:\..*)?|.*agreement.*|.*terms.*", re.IGNORECASE
)
_NOTICE_FILE = re.compile(r"(?:.*[_. -])?notices?(?:[_. -].*)?", re.IGNORECASE)


def check(case: Case) -> Iterator[Draft]:
    """All findings about names and notices."""
    for held in case.inherited(Kind.PREFIX):
        if not _licensor(case, held) and not _first(held, Relation.QUANTIZED):
            yield from _name(case, held)
    for held in case.inherited(Kind.DISPLAY):
        if not _licensor(case, held):
            yield from _display(case, held)
    yield from _notices(case)


def letters(text: str) -> str:
    """A name as the rule compares it: lower case, letters and digits only."""
    return "".join(char for char in text.casefold() if char.isalnum())


def _licensor(case: Case, held: Held) -> bool:
    return case.model.organisation in case.world.terms(held.atom.license).orgs


def _first(held: Held, relation: Relation) -> bool:
    return held.edge is not None and held.edge.relation is relation


def _name(case: Case, held: Held) -> Iterator[Draft]:
    prefix = held.atom.detail
    if letters(case.model.name).startswith(letters(prefix)):
        return
    source = case.world.terms(held.atom.license)
    outputs = any(edge.relation is Relation.DISTILLED for edge in held.edges())
    fact = "output_rule" if outputs and source.value("output_rule") == "name+display" else "name_prefix"
    yield Draft(
        "name-rule",
        f"the name must begin with {prefix!r}, says {source.id} of {route(along(held))}",
        f"rename it, for example {_renamed(case.model.name, prefix)}",
        along(held),
        term_of(source, fact),
        f"a name that begins with {prefix!r}",
        source.sure(fact),
        lowered=held.atom.adapter,
    )


def _renamed(name: str, prefix: str) -> str:
    return f"{prefix.replace(' ', '-')}-{name}"


def _display(case: Case, held: Held) -> Iterator[Draft]:
    source = case.world.terms(held.atom.license)
    if source.display_names and not any(
        fnmatchcase(held.root.casefold(), one) for one in source.display_names
    ):
        return
    text = " ".join(case.model.annotated("card_text")).casefold()
    lines = [line.partition(" (")[0].strip() for line in held.atom.detail.split("|")]
    if any(line.casefold() in text for line in lines):
        return
    seen = "its card does not" if text else "whether its card does was not recorded"
    yield Draft(
        "display-rule",
        f"{source.id} of {route(along(held))} asks to show {' or '.join(map(repr, lines))}; {seen}",
        f"write {lines[0]!r} in the card",
        along(held),
        term_of(source, "display"),
        f"{lines[0]!r} where it can be seen",
        source.sure("display"),
    )


def _notices(case: Case) -> Iterator[Draft]:
    """Only when the list of files is known: nobody can miss what was never looked for."""
    if case.model.files is None:
        return
    names = [path.rpartition("/")[2] for path in case.model.files]
    for held in case.inherited(Kind.NOTICE):
        source = case.world.terms(held.atom.license)
        if held.atom.adapter or case.model.organisation in source.orgs:
            continue
        asked = source.value("notices")
        missing = []
        if "license-copy" in asked and not any(_LICENSE_FILE.fullmatch(name) for name in names):
            missing.append("a copy of the license")
        if (
            source.value("notice_text")
            and "notice-file" in asked
            and not any(map(_NOTICE_FILE.fullmatch, names))
        ):
            missing.append("the notice file")
        if missing:
            line = source.value("notice_text")
            yield Draft(
                "notice-missing",
                f"{source.id} of {route(along(held))} asks for {' and '.join(missing)}: not among its files",
                f"add {' and '.join(missing)}" + (f" with the line '{line}'" if line else ""),
                along(held),
                term_of(source, "notices"),
                " and ".join(missing),
                source.sure("notices"),
            )
