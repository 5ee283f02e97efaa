"""What a model says about itself: present, understood, named, free of contradictions."""

from __future__ import annotations

from collections.abc import Iterator

from registry.licenses.drafts import Draft
from registry.licenses.findings import Severity
from registry.licenses.signals import State
from registry.licenses.words import listed
from registry.licenses.world import Case

_FIELDS = {
    "license_name": "its license_name",
    "license_link": "its license_link",
    "license_file": "its license file",
    "text": "the text it carries",
    "card": "its card's text",
    "tag": "its tag",
}


def check(case: Case) -> Iterator[Draft]:
    """All findings about the statements of one model."""
    if not case.model.known:
        return
    yield from _label(case)
    yield from _conflicts(case)
    for terms in case.declared:
        if terms.ambiguous:
            yield Draft(
                "ambiguous-family",
                f"{terms.id!r} is a family of licenses and names no exact text",
                f"name the exact license instead of {terms.id!r}",
                expected="the id of one license",
                evidence=terms.evidence,
            )


def _label(case: Case) -> Iterator[Draft]:
    declaration = case.declaration
    if declaration.state is State.MISSING:
        carried = f"; its text is {listed(list(declaration.text))}" if declaration.text else ""
        yield Draft(
            "missing-license",
            f"no license is declared, so no rights are granted{carried}",
            _name_it(case),
            expected="a license",
        )
    if declaration.unnamed:
        told = declaration.resolved_by == "license_link"
        yield Draft(
            "other-unnamed",
            "'other' is declared without a license_name" + (", though its text can be told" if told else ""),
            "add license_name and license_link",
            expected="the name of the license",
            severity=Severity.NOTE if told else None,
        )
    elif declaration.state is State.UNKNOWN and not declaration.text:
        shown = declaration.shown or "its license"
        yield Draft(
            "unknown-license",
            f"{shown!r} is no license we have facts about, so what it asks cannot be told",
            f"{_name_it(case)}, or record what its text is",
            expected="a license id of the Hub's list, an SPDX expression, or a known license_name",
        )
    if declaration.unlinked:
        yield Draft(
            "license-link-missing",
            "a license of its own is named, with neither a link nor a file to read it in",
            "add license_link, or the text as a file",
            expected="the text of the license",
        )


def _name_it(case: Case) -> str:
    if case.declaration.text:
        return f"declare license: {case.declaration.text[0]}"
    return "declare the license in the card"


def _conflicts(case: Case) -> Iterator[Draft]:
    conflicts = case.declaration.conflicts
    if not conflicts:
        return
    said = [f"{_FIELDS.get(s.field, s.field)} says {listed(list(s.licenses or ()))}" for s in conflicts]
    label = listed(list(case.declaration.label))
    yield Draft(
        "metadata-conflict",
        f"declares {label}, but {listed(sorted(set(said)))}",
        "make license, license_name, license_link and the license file say the same",
        expected="one statement",
    )
