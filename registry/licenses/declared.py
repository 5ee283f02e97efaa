"""What license a model declares, read from its raw statements and never guessed.

The Hub keeps `license` as the uploader wrote it, in lower case and unchecked. An id from the Hub's own
list or a valid SPDX expression is understood; `other` stands for its `license_name`; free text is kept
word for word and resolves to nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from registry.model.snapshot import LicenseClaim, LicenseField

UNKNOWN = "unknown"
OTHER = "other"

_ORIGINS = ("manual", "card", "hub", "files", "paper")
_NO_NAME = frozenset({"", "-", "?", "custom", "license", "n/a", "na", "nil", "none", "null", OTHER, UNKNOWN})
_MAX_NAME = 100
_MAX_EXPRESSION = 200
_EXPRESSION = re.compile(r"[A-Za-z0-9.+() -]+")
_LICENSE_REF = re.compile(r"LicenseRef-[A-Za-z0-9.-]+")
_OPERATORS = frozenset({"and", "or", "with"})


@dataclass(frozen=True, slots=True)
class DeclaredLicense:
    """What a model declares, as far as it can be told.

    declared: the raw texts it rests on. id: Hub id or custom name in lower case, several joined by ` AND `
    in alphabetical order because all of them apply. expression: SPDX normal form, with `LicenseRef-` for
    a text outside the SPDX list; `None` where an id names no exact text. origin: whose word it is.
    family, evidence_level: not told here.
    """

    declared: tuple[str, ...] = ()
    id: str | None = None
    expression: str | None = None
    family: str | None = None
    origin: str | None = None
    evidence_level: str | None = None


@dataclass(frozen=True, slots=True)
class _Reading:
    """One value as understood; `id` is `None` when it is not."""

    id: str | None
    expression: str | None


@cache
def hub_licenses() -> Mapping[str, str | None]:
    """Every license id of the Hub with its SPDX expression, `None` where it names no exact text."""
    table = json.loads(files("registry.licenses").joinpath("data/licenses.json").read_text("utf-8"))
    rows = sorted(table["licenses"], key=lambda row: row["id"])
    return {row["id"]: row["expression"] for row in rows if row["hub"]}


def resolve_declared(claims: Sequence[LicenseClaim]) -> DeclaredLicense:
    """Read the license statements of one model.

    The card's values win over the Hub's tags, which are a copy of them. If one of several values cannot
    be understood, neither can the whole: its id and expression are then `None`.
    """
    origin, values = _strongest(claims, LicenseField.LICENSE)
    name_origin, names = _strongest(claims, LicenseField.NAME, prefer=origin)
    names = [name for name in names if _is_name(name)]
    if not values and not names:
        return DeclaredLicense()
    readings: list[_Reading] = []
    raw = list(values)
    for value in values or [OTHER]:
        if value.strip().casefold() == OTHER and names:
            readings += [_read(name) if _known(name) else _custom(name) for name in names]
            raw += names
        else:
            readings.append(_read(value))
    return DeclaredLicense(
        declared=tuple(dict.fromkeys(raw)),
        id=_joined([reading.id for reading in readings]),
        expression=_joined([reading.expression for reading in readings]),
        origin=origin or name_origin,
    )


def _strongest(
    claims: Iterable[LicenseClaim], field: LicenseField, prefer: str | None = None
) -> tuple[str | None, list[str]]:
    """The origin whose word counts for this field, and its values that say anything, in order."""
    by_origin: dict[str, list[str]] = {}
    for claim in claims:
        if claim.field is field and claim.value.strip():
            by_origin.setdefault(claim.origin, []).append(claim.value)
    if not by_origin:
        return None, []
    order = {origin: rank for rank, origin in enumerate(_ORIGINS)}
    origin = min(by_origin, key=lambda name: (name != prefer, order.get(name, len(order)), name))
    return origin, by_origin[origin]


def _read(value: str) -> _Reading:
    text = value.strip().casefold()
    known = hub_licenses()
    if text in known:
        return _Reading(text, known[text])
    expression = _spdx(value.strip())
    return _Reading(text if expression else None, expression)


def _known(name: str) -> bool:
    return _read(name).id is not None


def _custom(name: str) -> _Reading:
    """A name somebody gave to a license outside every list."""
    text = " ".join(name.casefold().split())
    slug = re.sub(r"[^a-z0-9.-]+", "-", text).strip("-.")
    return _Reading(text, f"LicenseRef-{slug}" if slug else None)


def _is_name(text: str) -> bool:
    text = text.strip()
    if len(text) > _MAX_NAME or not text.isprintable() or "://" in text:
        return False
    return text.casefold() not in _NO_NAME


def _spdx(text: str) -> str | None:
    """The normal form of a valid SPDX expression; `None` for anything else, prose above all."""
    if _LICENSE_REF.fullmatch(text):
        return text
    if len(text) > _MAX_EXPRESSION or not _EXPRESSION.fullmatch(text):
        return None
    words = [word for word in re.split(r"[() ]+", text.casefold()) if word and word not in _OPERATORS]
    if any(word in hub_licenses() and hub_licenses()[word] is None for word in words):
        # `gpl` alone is no exact license to the Hub, and is none inside an expression either.
        return None
    return _normal_form(text)


def _normal_form(text: str) -> str | None:
    parsed = _parsed(text)
    return None if parsed is None else str(parsed)


def parse_expression(text: str) -> Any:
    """A valid SPDX expression as the simplified tree of `license_expression`; `None` for anything else.

    Families such as `gpl`, prose, and texts longer than any real expression are none.
    """
    text = text.strip() if len(text) <= 2 * _MAX_EXPRESSION else ""
    return None if _spdx(text) is None else _parsed(text)


def _parsed(text: str) -> Any:
    try:
        parsed = _spdx_licensing().parse(text, validate=True, strict=True)
        return None if parsed is None else parsed.simplify()
    except Exception:  # noqa: BLE001
        # Beside its own errors this parser lets slip an IndexError on `() or ()` and assertions on worse.
        return None


@cache
def _spdx_licensing() -> Any:
    # Imported here because it takes a tenth of a second, and almost every model names a Hub id.
    from license_expression import get_spdx_licensing  # type: ignore[import-untyped]  # it ships no types

    return get_spdx_licensing()


def _joined(parts: Iterable[str | None]) -> str | None:
    """All parts joined by ` AND `, each once, sorted; `None` as soon as one of them is unknown."""
    known: set[str] = set()
    for part in parts:
        if part is None:
            return None
        known.add(part)
    if len(known) == 1:
        return known.pop()
    return " AND ".join(f"({part})" if " or " in part.casefold() else part for part in sorted(known))
