"""JSON, JSON lines and CSV. The same facts give the same bytes, and no reader is surprised by them."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from datetime import UTC, date, datetime
from enum import Enum

import msgspec

from registry.exports.text import clean, is_unsafe

MAX_DEPTH = 64
"""Nothing of ours is nested deeper; what a stranger nested deeper is given by the name of its type."""

LAZY_DEPTH = 4
"""How deep a long list may lie: `runs`, its one run, `results` of a SARIF log."""

LONG_LIST = 1000
"""Items from which on a list is written one by one."""

_SINGLE = frozenset({type(None), str, int, bool})
"""Types whose values are JSON as they are. Subclasses, such as enums, are looked at."""


class Plain(dict[str, object]):
    """A record whose maker vouches that all in it is JSON already: text, finite numbers, lists and dicts of
    these. Of very many records, looking at each value again would take longer than writing them."""


_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def to_json(document: object) -> str:
    """One indented document, ending in a line feed."""
    return _guarded(_indented(plain(document))) + "\n"


def json_pieces(document: object) -> Iterator[str]:
    """The text of `to_json` a piece at a time. An iterator among the values near the top (`LAZY_DEPTH`) is
    written as it goes, so that a long list is never held twice."""
    yield from (_guarded(piece) for piece in _pieces(document, 0))
    yield "\n"


def _pieces(value: object, level: int) -> Iterator[str]:
    inner = "  " * (level + 1)
    if not _flows(value, level):
        text = _indented(plain(value, level))
        yield text.replace("\n", "\n" + "  " * level) if level else text
    elif isinstance(value, Mapping):
        yield "{"
        for number, (key, item) in enumerate(value.items()):
            yield f"{',' if number else ''}\n{inner}{json.dumps(_key(key), ensure_ascii=False)}: "
            yield from _pieces(item, level + 1)
        yield f"\n{'  ' * level}}}"
    elif isinstance(value, Iterable):
        number = -1
        for number, item in enumerate(value):
            yield f"{',' if number else '['}\n{inner}"
            yield from _pieces(item, level + 1)
        yield f"\n{'  ' * level}]" if number >= 0 else "[]"


def _flows(value: object, level: int) -> bool:
    """Whether a value is better written piece by piece: it is, or holds near the top, an iterator, a long
    list, or a mapping that works out its values when asked."""
    if type(value) in _SINGLE or type(value) is Plain or level >= LAZY_DEPTH:
        return False
    if isinstance(value, list):
        return len(value) > LONG_LIST or any(_flows(item, level + 1) for item in value)
    if type(value) is dict:
        return any(_flows(item, level + 1) for item in value.values())
    return isinstance(value, Iterator) or (isinstance(value, Mapping) and bool(value))


def _indented(value: object) -> str:
    """JSON of a plain value as `json.dumps` indents it by two, which it does in Python and slowly."""
    try:
        if type(value) is Plain:
            return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
        return msgspec.json.format(json.dumps(value, ensure_ascii=False, allow_nan=False), indent=2)
    except UnicodeEncodeError:
        # A lone surrogate: no UTF-8, but still to be escaped.
        return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)


def to_jsonl(rows: Iterable[object]) -> str:
    """One document per line."""
    return "".join(_guarded(_in_one_line(plain(row))) + "\n" for row in rows)


def _in_one_line(value: object) -> str:
    if type(value) is Plain:
        try:
            return msgspec.json.format(msgspec.json.encode(value), indent=0).decode()
        except UnicodeEncodeError:
            # A lone surrogate, as above.
            pass
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def to_csv(rows: Sequence[Mapping[str, object]]) -> str:
    """RFC 4180 with a header of all keys, in the order they first appear. Unknown is an empty cell, lists
    are joined by `; `, times are UTC. Text a spreadsheet would run as a formula gets a leading `'`."""
    header = list(dict.fromkeys(key for row in rows for key in row))
    return csv_text(header, ([row.get(key) for key in header] for row in rows)) if header else ""


def csv_pieces(rows: Iterator[Mapping[str, object]]) -> Iterator[str]:
    """The text of `to_csv`, a row at a time, for rows that all have the keys of the first."""
    header: list[str] = []
    for row in rows:
        if not header:
            header = list(row)
            yield csv_text(header, [])
        yield _csv_line(row.get(key) for key in header)


def _csv_line(values: Iterable[object]) -> str:
    page = io.StringIO()
    csv.writer(page, lineterminator="\r\n").writerow([_cell(value) for value in values])
    return page.getvalue()


def csv_text(header: Sequence[str], rows: Iterable[Iterable[object]]) -> str:
    """The same for rows that are already in columns."""
    page = io.StringIO()
    writer = csv.writer(page, lineterminator="\r\n")
    writer.writerow([_cell(name) for name in header])
    writer.writerows([_cell(value) for value in row] for row in rows)
    return page.getvalue()


def plain(value: object, depth: int = 0) -> object:
    """A value in JSON's own types: times as ISO 8601 in UTC, enums by value, sets sorted, no NaN."""
    # Our own shapes are dicts, lists and floats: those need no look at what else they might be.
    kind = type(value)
    if kind in _SINGLE or kind is Plain:
        return value
    if kind is float:
        return value if math.isfinite(value) else None  # type: ignore[arg-type]
    if kind is dict and depth < MAX_DEPTH:
        return {
            _key(key): item if type(item) in _SINGLE else plain(item, depth + 1)
            for key, item in value.items()  # type: ignore[attr-defined]
        }
    if kind is list and depth < MAX_DEPTH:
        return [item if type(item) in _SINGLE else plain(item, depth + 1) for item in value]  # type: ignore[attr-defined]
    if isinstance(value, Enum):
        return plain(value.value, depth)
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, datetime):
        return utc(value)
    if isinstance(value, date):
        return value.isoformat()
    if depth >= MAX_DEPTH:
        return clean(type(value).__name__)
    if isinstance(value, Mapping):
        return {_key(key): plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, Set):
        return [plain(item, depth + 1) for item in sorted(value, key=str)]
    if isinstance(value, Iterable) and not isinstance(value, bytes | bytearray):
        return [plain(item, depth + 1) for item in value]
    return str(value)


def utc(moment: datetime) -> str:
    """`2026-08-22T10:00:00Z`. A time without a zone is refused: nobody could tell what it means."""
    if moment.tzinfo is None:
        raise ValueError(f"a time without a zone: {moment}")
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _key(key: object) -> str:
    if type(key) is str:
        return key
    return str(key.value) if isinstance(key, Enum) else str(key)


def _cell(value: object) -> object:
    if value is None:
        return ""
    if type(value) is float and math.isfinite(value):
        return value
    ready = plain(value)
    if ready is None:
        return ""
    if isinstance(ready, bool):
        return "true" if ready else "false"
    if isinstance(ready, int | float):
        return ready
    if isinstance(ready, list) and all(isinstance(item, str | int | float) for item in ready):
        ready = "; ".join(str(item) for item in ready)
    elif not isinstance(ready, str):
        ready = json.dumps(ready, ensure_ascii=False, allow_nan=False)
    text = clean(ready)
    return f"'{text}" if text.lstrip().startswith(_FORMULA) else text


def _guarded(document: str) -> str:
    """JSON may hold any character as it stands; what a terminal acts on, or cannot show, is escaped."""
    if document.isascii() and "\x7f" not in document:
        return document
    return "".join(_escaped(char) if char != "\n" and is_unsafe(char) else char for char in document)


def _escaped(char: str) -> str:
    code = ord(char)
    if code < 0x10000:
        return f"\\u{code:04x}"
    # RFC 8259, section 7: beyond the first 65,536 characters as a surrogate pair.
    return f"\\u{0xD7C0 + (code >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"
