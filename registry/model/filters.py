"""Filters on models as a user writes them: `params>7B`, `license=apache-2.0`, `name~bloom`.

Unknown is a value of its own: it is neither greater nor less than anything, it differs from everything,
and `task=` (nothing after the sign) asks for it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from registry.errors import UsageError
from registry.model.refs import SourceName
from registry.model.snapshot import Gate
from registry.model.units import parse_count


class Operator(StrEnum):
    EQUAL = "="
    UNEQUAL = "!="
    GREATER = ">"
    AT_LEAST = ">="
    LESS = "<"
    AT_MOST = "<="
    CONTAINS = "~"


@dataclass(frozen=True, slots=True)
class Period:
    """What a date means: from `start` to just before `end`. A whole day, month or year, or one instant."""

    start: datetime
    end: datetime


Value = int | str | Period | tuple[str, ...] | None
"""A count in its plain unit, a text, a period, any of several texts, or `None` for unknown."""


@dataclass(frozen=True, slots=True)
class Filter:
    """One condition. value: of the type its field has."""

    field: str
    op: Operator
    value: Value


TEXTS = ("name", "license", "task", "library")
CHOICES = ("gated", "source")
COUNTS = ("params", "downloads", "likes", "size", "derivatives")
TIMES = ("created", "modified")
FIELDS = (*TEXTS, *CHOICES, *COUNTS, *TIMES)

_FORM = re.compile(r"\s*([A-Za-z_]+)\s*(!=|>=|<=|=|>|<|~)\s*(.*?)\s*", re.DOTALL)
_DATE = re.compile(r"(\d{4})(?:-(\d{1,2})(?:-(\d{1,2}))?)?")
_EXAMPLES = "for example params>7B, license=apache-2.0, name~bloom, created>=2024-06"
_MAX_COUNT = 2**63 - 1


def parse_filter(text: str) -> Filter:
    """Read a filter. Raises `UsageError` naming the known fields or what does not fit."""
    match = _FORM.fullmatch(text)
    if match is None:
        raise UsageError(f"{_shown(text)} is not a filter", hint=_EXAMPLES)
    name, op, value = match[1].lower(), Operator(match[2]), match[3]
    if name not in FIELDS:
        raise UsageError(f"no filter is named {_shown(name)}", hint=f"known are {', '.join(FIELDS)}")
    if name in TEXTS:
        if op in (Operator.GREATER, Operator.AT_LEAST, Operator.LESS, Operator.AT_MOST):
            raise UsageError(f"{name} has no order", hint=f"use {name}=, {name}!= or {name}~")
        if op is Operator.CONTAINS and not value:
            raise UsageError(f"{text.strip()} needs a text after ~")
        return Filter(name, op, value or None)
    if name in CHOICES:
        if op not in (Operator.EQUAL, Operator.UNEQUAL):
            raise UsageError(f"{name} only knows = and !=")
        return Filter(name, op, _choice(name, value))
    if op is Operator.CONTAINS:
        raise UsageError(f"{name} has no text to search", hint=f"use {name}> or {name}<")
    if not value:
        if op not in (Operator.EQUAL, Operator.UNEQUAL):
            raise UsageError(f"{text.strip()} needs a value", hint=_EXAMPLES)
        return Filter(name, op, None)
    return Filter(name, op, _count(name, value) if name in COUNTS else _period(name, value))


def _choice(name: str, value: str) -> Value:
    value = value.lower()
    if not value:
        return None
    if name == "gated" and value in ("yes", "true"):
        return (str(Gate.AUTO), str(Gate.MANUAL))
    if name == "gated" and value in ("no", "false"):
        return (str(Gate.NONE),)
    known = list(Gate if name == "gated" else SourceName)
    if value not in known:
        extra = ["yes", "no"] if name == "gated" else []
        raise UsageError(f"{name} is never {_shown(value)}", hint=f"known are {', '.join([*known, *extra])}")
    return (value,)


def _count(name: str, value: str) -> int:
    count = parse_count(value)
    if count is None or abs(count) > _MAX_COUNT:
        raise UsageError(f"{name} needs a number, not {_shown(value)}", hint="for example 7B, 300M or 1.5GB")
    return count


def _period(name: str, value: str) -> Period:
    match = _DATE.fullmatch(value)
    try:
        if match is None:
            moment = datetime.fromisoformat(value)
            moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
            return Period(moment, moment + timedelta(microseconds=1))
        year, month, day = (int(part) if part else None for part in match.groups())
        assert year is not None
        start = datetime(year, month or 1, day or 1, tzinfo=UTC)
        if day is not None:
            return Period(start, start + timedelta(days=1))
        if month is not None:
            return Period(start, datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC))
        return Period(start, datetime(year + 1, 1, 1, tzinfo=UTC))
    except (ValueError, OverflowError):
        raise UsageError(
            f"{name} needs a date, not {_shown(value)}", hint="for example 2024, 2024-06 or 2024-06-30"
        ) from None


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "...")
