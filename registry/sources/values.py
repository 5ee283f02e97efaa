"""Reading odd values: foreign fields of any type become one of ours, or a note that costs that field only."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime

from registry.model.snapshot import Note

MAX_NOTES = 50
MAX_JSON = 32_000_000
"""Bytes of a JSON text we are willing to decode; the biggest Hub document seen has 1.7 MB."""

_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?)?\s*(Z|UTC|[+-]\d\d:?\d\d)?", re.IGNORECASE
)
_MIGRATION = frozenset({"2022-03-02T23:29:04+00:00", "2022-03-02T23:29:05+00:00"})


class Notes:
    """Collects notes, one per code and sentence, and stops before a hostile answer floods the catalog."""

    def __init__(self) -> None:
        self._notes: dict[Note, None] = {}

    def add(self, code: str, message: str) -> None:
        if len(self._notes) < MAX_NOTES:
            self._notes.setdefault(Note(code, clean(message)))

    def odd(self, field: str, value: object) -> None:
        """Say that a field had a value we cannot use. `None` is absence, not an oddity."""
        if value is not None:
            self.add("odd-field", f"{field} is {shown(value)}")

    def extend(self, notes: tuple[Note, ...]) -> None:
        for note in notes:
            self.add(note.code, note.message)

    def all(self) -> tuple[Note, ...]:
        return tuple(self._notes)


def shown(value: object) -> str:
    """A foreign value in a sentence: short, printable, and with its type where that is the point."""
    if isinstance(value, Mapping):
        return f"a mapping of {len(value)}"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    if isinstance(value, int) and abs(value) >= 2**64:
        return "a number beyond 64 bits"
    text = str(value) if not isinstance(value, str) else repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def clean(text: str) -> str:
    """The text with what no database can hold (NUL, lone surrogates) replaced; all else verbatim."""
    if "\0" in text:
        text = text.replace("\0", "\ufffd")
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def as_text(value: object) -> str:
    """A value word for word: a text as it stands, anything else as JSON, or described where that fails."""
    if isinstance(value, str):
        return clean(value)
    try:
        return clean(json.dumps(value, ensure_ascii=False, default=str))
    except (ValueError, RecursionError):
        return shown(value)


def read_text(field: str, value: object, notes: Notes, *, limit: int = 1000) -> str | None:
    """A text that is not empty; the first of a list of texts counts, with a note."""
    if isinstance(value, list) and value and isinstance(value[0], str):
        notes.odd(field, value)
        value = value[0]
    if not isinstance(value, str) or len(value) > limit:
        notes.odd(field, value)
        return None
    return clean(value.strip()) or None


def read_flag(field: str, value: object, notes: Notes) -> bool | None:
    if isinstance(value, bool):
        return value
    notes.odd(field, value)
    return None


def read_count(field: str, value: object, notes: Notes) -> int | None:
    """A number of things: an integer, or a float without a fraction, from 0 to 2**63 - 1."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63:
        return value
    notes.odd(field, value)
    return None


def read_time(field: str, value: object, notes: Notes) -> datetime | None:
    """A moment in UTC. Forms seen: `...000Z`, `... 00:00:00+00:00`, a date alone, an offset; else UTC."""
    if isinstance(value, datetime):
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    match = _TIME.fullmatch(value.strip()) if isinstance(value, str) and len(value) < 50 else None
    if match is None:
        notes.odd(field, value)
        return None
    day, clock, fraction, zone = match.groups()
    offset = "+00:00" if zone is None or zone.upper() in ("Z", "UTC") else zone
    try:
        text = f"{day}T{clock or '00:00:00'}.{(fraction or '0')[:6]:0<6}{offset}"
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        notes.odd(field, value)
        return None


def read_creation(field: str, value: object, notes: Notes) -> datetime | None:
    """A creation time, `None` for 2022-03-02T23:29:04/05: the Hub stamped every older repository with it
    when it began to record creation times, so it says nothing about the model."""
    moment = read_time(field, value, notes)
    return None if moment is None or moment.replace(microsecond=0).isoformat() in _MIGRATION else moment


def read_mapping(field: str, value: object, notes: Notes) -> dict[str, object]:
    """A mapping with text keys, also when it comes as JSON text (bulk files keep `cardData` so)."""
    if isinstance(value, str):
        value = read_json(field, value.encode("utf-8", "replace"), notes)
    if isinstance(value, Mapping):
        return {key: item for key, item in value.items() if isinstance(key, str)}
    notes.odd(field, value)
    return {}


def read_json(name: str, data: bytes, notes: Notes) -> object:
    """Decode JSON from a file or field; `None` and a note when it is too big, too deep or no JSON."""
    if len(data) > MAX_JSON:
        notes.add("too-large", f"{name} has {len(data):,} bytes; not read")
        return None
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        notes.add("not-json", f"{name} is not readable JSON")
        return None
