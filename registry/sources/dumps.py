"""Bulk files of Hub model documents, one JSON object per line, optionally gzipped.

A line is the document itself or `{"api": {...}, "card": "...", "snapshot": "YYYYMMDD"}`. Files are read as
a stream; a line that cannot be used is yielded as what was wrong with it and the rest goes on.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BufferedReader
from pathlib import Path

from registry.errors import BadAnswer, DamagedFile
from registry.model.bulk import Batch
from registry.model.snapshot import ModelSnapshot, RawAnswer
from registry.sources.documents import read_document
from registry.sources.values import shown

MAX_LINE = 32_000_000
"""Bytes of one line; the biggest document seen on the Hub has 1.7 MB, its card 600 kB."""


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that gave no model: its number from 1, and why."""

    number: int
    reason: str


@dataclass(frozen=True, slots=True)
class Piece:
    """What stands in a file up to row or line `until`: models, each batch seen at one time, and what gave
    none."""

    batches: tuple[Batch, ...]
    until: int
    bad: tuple[BadLine, ...]

    @property
    def models(self) -> int:
        return sum(len(batch.rows) for batch in self.batches)


def read_documents(path: Path, *, now: Callable[[], datetime]) -> Iterator[ModelSnapshot | BadLine]:
    """Read a `.jsonl` or `.jsonl.gz` file line by line, in its order; blank lines are passed over.

    now: the time of observation for lines without a `snapshot` date. Raises `DamagedFile` when the file
    cannot be opened or its compression is broken; lines before the break have been yielded by then.
    """
    return (found for _, found in read_from(path, now=now))


def read_from(
    path: Path, *, now: Callable[[], datetime], start: int = 0
) -> Iterator[tuple[int, ModelSnapshot | BadLine]]:
    """The same with the number of each line, from behind line `start` on."""
    try:
        with _open(path) as file:
            for number, line in _lines(file):
                if number <= start:
                    continue
                if line is None:
                    yield number, BadLine(number, f"longer than {MAX_LINE:,} bytes")
                elif not line.isspace():
                    yield number, _read_line(number, line, now)
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise DamagedFile(f"cannot read {path}: {reason}") from None


def _open(path: Path) -> gzip.GzipFile | BufferedReader:
    """Told by content, not by name: a gzip file begins with 1f 8b, JSON never does."""
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    if path.suffix == ".gz" and not packed and path.stat().st_size:
        raise DamagedFile(f"cannot read {path}: not gzip data")
    return gzip.open(path, "rb") if packed else path.open("rb")


def _lines(file: gzip.GzipFile | BufferedReader) -> Iterator[tuple[int, bytes | None]]:
    """Every line with its number; `None` for one that is too long, which is passed over piece by piece."""
    number = 0
    while line := file.readline(MAX_LINE + 1):
        number += 1
        if len(line) <= MAX_LINE:
            yield number, line
            continue
        while not line.endswith(b"\n") and (line := file.readline(MAX_LINE)):
            pass
        yield number, None


def _read_line(number: int, line: bytes, now: Callable[[], datetime]) -> ModelSnapshot | BadLine:
    try:
        content = json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8"))
    except UnicodeDecodeError:
        return BadLine(number, "not UTF-8 text")
    except (ValueError, RecursionError) as error:
        return BadLine(number, f"not JSON: {error}")
    if not isinstance(content, dict):
        return BadLine(number, "not a JSON object")
    if "api" not in content:
        return _read(number, content, None, now(), line.strip())
    document, card, day = content["api"], content.get("card"), content.get("snapshot")
    if not isinstance(document, Mapping):
        return BadLine(number, f"api is {shown(document)}, not an object")
    if card is not None and not isinstance(card, str):
        return BadLine(number, f"card is {shown(card)}, not a text")
    observed_at = now() if day is None else _day(day)
    if observed_at is None:
        return BadLine(number, f"snapshot is {shown(day)}, not a date YYYYMMDD")
    try:
        body = json.dumps(document, separators=(",", ":")).encode()
    except RecursionError:
        return BadLine(number, "nested too deeply")
    return _read(number, document, card, observed_at, body)


def _read(
    number: int, document: Mapping[str, object], card: str | None, observed_at: datetime, body: bytes
) -> ModelSnapshot | BadLine:
    raw = [RawAnswer("model", body)]
    if card is not None:
        raw.append(RawAnswer("card", card.encode("utf-8", "replace")))
    try:
        return read_document(document, observed_at=observed_at, card=card, raw=tuple(raw))
    except BadAnswer as error:
        return BadLine(number, error.message)


def _day(value: object) -> datetime | None:
    """`20250422` or `2025-04-22`, as text or number, at midnight UTC."""
    text = str(value).replace("-", "") if isinstance(value, str | int) and not isinstance(value, bool) else ""
    try:
        return datetime.strptime(text, "%Y%m%d").replace(tzinfo=UTC)
    except ValueError:
        return None
