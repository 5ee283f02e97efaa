"""Records out of a file of strangers: CSV, JSON or JSON lines, told apart by how it begins.

One record is in memory at a time, and none is larger than `LARGEST`. What cannot be read costs its record
alone where the format lets us find the next one; a JSON list that breaks off is refused from there on.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import BufferedReader, TextIOWrapper
from pathlib import Path
from typing import Any, TextIO

from registry.errors import DamagedFile, UsageError

LARGEST = 1_000_000
"""Characters of one record."""

MOST_COLUMNS = 1_000

PIECE = 1 << 16
"""Characters read from a file of JSON at a time."""

_BLANK = " \t\r\n"
_NEXT = re.compile(r"[ \t\r\n,]*")


@dataclass(frozen=True, slots=True)
class Record:
    """One record. place: where it stands, in words; values: a mapping from a column's name in lower case
    with `_` for blanks, or whatever else a file of JSON has in that place."""

    place: str
    values: object


@dataclass(frozen=True, slots=True)
class Broken:
    """A record that cannot be read, and why. values: what could be told of it, to name it by."""

    place: str
    reason: str
    values: Mapping[str, Any] = field(default_factory=dict)


def read_records(
    path: Path, *, check_header: Callable[[Sequence[str]], None]
) -> Generator[Record | Broken, None, None]:
    """The records of a file. check_header: told the columns of a CSV, to refuse them by raising.

    Raises `UsageError` for a file that cannot be opened, `DamagedFile` for one that is none of the three.
    """
    try:
        with path.open("rb") as opened:
            begins = _beginning(opened)
            with TextIOWrapper(opened, encoding="utf-8-sig", errors="surrogateescape", newline="") as page:
                if begins == "[" or (begins == "{" and path.suffix.lower() == ".json"):
                    yield from _from_json(path, page)
                elif begins == "{":
                    yield from _from_lines(page)
                else:
                    yield from _from_csv(path, page, check_header)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from None


def column_name(text: str) -> str:
    """`Training hardware` as `training_hardware`."""
    return "_".join(text.strip().lower().split())


def _beginning(opened: BufferedReader) -> str:
    """The first character that means something."""
    head = opened.peek(4096)[:4096]
    if b"\0" in head:
        return "\0"
    return head.removeprefix(b"\xef\xbb\xbf").lstrip(_BLANK.encode()).decode("latin-1")[:1]


# --- CSV -----------------------------------------------------------------------------------------


class _TooLong(Exception):
    """A record beyond `LARGEST`."""


class _Lines:
    """The lines of a page, as many of them as one record may have."""

    def __init__(self, page: TextIO) -> None:
        self._page = page
        self._left = LARGEST
        self.number = 0

    def start(self) -> None:
        """A new record begins with the next line."""
        self._left = LARGEST

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._page.readline(LARGEST)
        if not line:
            raise StopIteration
        self.number += 1
        self._left -= len(line)
        if len(line) == LARGEST and not line.endswith(("\n", "\r")):
            while line and not line.endswith(("\n", "\r")):
                line = self._page.readline(LARGEST)
        if self._left <= 0:
            raise _TooLong
        return line


def _from_csv(
    path: Path, page: TextIO, check_header: Callable[[Sequence[str]], None]
) -> Iterator[Record | Broken]:
    lines = _Lines(page)
    reader = csv.reader(lines, strict=True)
    try:
        header = [column_name(name) for name in next(reader, [])]
    except (csv.Error, _TooLong):
        header = []
    if not header or any("\0" in name or not name.isprintable() for name in header):
        raise DamagedFile(
            f"{path.name} is no CSV, JSON or JSON lines", hint="CSV needs a header line; columns as in --help"
        )
    check_header(header)
    while True:
        lines.start()
        first = lines.number + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Broken(f"line {first}", f"is no CSV: {error}")
            continue
        except _TooLong:
            yield Broken(f"line {first}", f"is longer than {LARGEST:,} characters")
            continue
        if cells:
            yield _row(f"line {first}", header, cells)


def _row(place: str, header: Sequence[str], cells: Sequence[str]) -> Record | Broken:
    if len(cells) > len(header):
        told = {name: cell for name, cell in zip(header, cells, strict=False) if _is_text(cell)}
        return Broken(place, f"has {len(cells):,} cells under {len(header):,} columns", told)
    if not all(map(_is_text, cells)):
        return Broken(place, "is not UTF-8")
    return Record(place, dict(zip(header, cells, strict=False)))


# --- JSON ----------------------------------------------------------------------------------------


def _from_lines(page: TextIO) -> Iterator[Record | Broken]:
    """JSON lines: a line that is no JSON costs itself alone; blank lines mean nothing."""
    lines = _Lines(page)
    decoder = _decoder()
    while True:
        lines.start()
        place = f"line {lines.number + 1}"
        try:
            line = next(lines).strip(_BLANK)
        except StopIteration:
            return
        except _TooLong:
            yield Broken(place, f"is longer than {LARGEST:,} characters")
            continue
        if not line:
            continue
        try:
            value, end = decoder.raw_decode(line)
        except _UNREADABLE as error:
            yield Broken(place, f"is no JSON: {_told(error)}")
            continue
        yield _checked(place, value) if end == len(line) else Broken(place, "has more than one JSON value")


def _from_json(path: Path, page: TextIO) -> Iterator[Record | Broken]:
    """A list of records, or records one behind the other, read piece by piece."""
    decoder = _decoder()
    number, text, at, ended = 0, page.read(PIECE).lstrip(_BLANK), 0, False
    is_list = text.startswith("[")
    text = text.removeprefix("[")
    while True:
        at = _NEXT.match(text, at).end()  # type: ignore[union-attr]
        place = f"record {number + 1}"
        if is_list and text.startswith("]", at):
            return
        try:
            value, end = decoder.raw_decode(text, at) if at < len(text) else (None, at)
        except RecursionError:
            raise DamagedFile(f"{path.name} {place}: is nested too deep") from None
        except ValueError as error:
            _require_hope(path, place, len(text) - at, error, ended=ended)
            value, end = None, at
        if end < len(text) and end > at:
            number += 1
            yield _checked(place, value)
            at = end
        elif not ended:
            # More may come: a record, or the rest of one that was cut where the piece ended.
            piece = page.read(PIECE)
            text, at, ended = text[at:] + piece, 0, not piece
        else:
            if end > at:
                number += 1
                yield _checked(place, value)
            if is_list:
                raise DamagedFile(f"{path.name} breaks off after record {number:,}: the list is not closed")
            return


def _require_hope(path: Path, place: str, length: int, error: ValueError, *, ended: bool) -> None:
    """Whether more of the file can make a record of what is none yet."""
    if length > LARGEST:
        raise DamagedFile(f"{path.name} {place}: is longer than {LARGEST:,} characters") from None
    if ended:
        raise DamagedFile(f"{path.name} {place}: is no JSON: {_told(error)}") from None


_UNREADABLE = (ValueError, RecursionError)


def _told(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "nested too deep"
    return error.msg.lower() if isinstance(error, json.JSONDecodeError) else str(error)


def _decoder() -> json.JSONDecoder:
    return json.JSONDecoder(object_pairs_hook=_object, parse_constant=_Unspeakable, parse_int=_number)


class _Unspeakable(str):
    """`NaN` and `Infinity`, which JSON does not have: kept as text, so that their column can be named."""

    __slots__ = ()


class _Twice(dict[str, Any]):
    """An object that has a key twice."""

    __slots__ = ("key",)
    key: str


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    seen: set[str] = set()
    twice = _Twice(found)
    twice.key = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
    return twice


def _number(digits: str) -> int | float:
    """A whole number; one with hundreds of digits is as good as infinite."""
    return int(digits) if len(digits) <= 400 else float("inf")


def _checked(place: str, value: object) -> Record | Broken:
    """A record under the names of its columns, unless it is not fit to be read."""
    if isinstance(value, _Twice):
        return Broken(place, f"has the key {value.key[:40]!r} twice")
    if not isinstance(value, Mapping):
        return Record(place, value)
    if len(value) > MOST_COLUMNS:
        return Broken(place, f"has more than {MOST_COLUMNS:,} columns")
    if any(isinstance(cell, str) and not _is_text(cell) for cell in value.values()):
        return Broken(place, "is not UTF-8")
    return Record(place, {column_name(str(name)): cell for name, cell in value.items()})


def _is_text(cell: str) -> bool:
    """Whether every byte of it was UTF-8."""
    return cell.isascii() or not any("\ud800" <= char <= "\udfff" for char in cell)
