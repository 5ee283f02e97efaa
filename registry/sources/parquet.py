"""Bulk files in columns: the public dumps of the Hub's models (`hub-stats`, its weekly copies) as Parquet.

Their columns vary from copy to copy, so those known are taken where they are, and each only as what its type
can hold. Lists of file names without sizes are not read. A row that follows a pattern is read by it
(`patterns.py`); any other becomes a document and is read like one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from functools import partial
from itertools import chain, repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any

from registry.errors import BadAnswer, DamagedFile
from registry.model.bulk import Batch, Listed, listed
from registry.model.snapshot import ModelSnapshot
from registry.sources.columns import Columns, Told
from registry.sources.documents import read_document
from registry.sources.dumps import BadLine, Piece
from registry.sources.patterns import Patterns
from registry.sources.values import shown

if TYPE_CHECKING:
    import pyarrow as pa

ROWS = 25_000
"""Rows kept in one transaction; fewer where they are long."""
MOST = 64_000_000
"""Bytes of rows read at once; a row that is longer is left out."""
_STEP = 100
"""Rows decoded at once: a few bytes of a file can stand for gigabytes of text, and only decoding tells."""

COLUMNS = (
    *("_id", "id", "sha", "private", "gated", "disabled", "createdAt", "lastModified", "downloads", "likes"),
    *("pipeline_tag", "library_name", "tags", "cardData", "config", "safetensors", "gguf", "baseModels"),
    "usedStorage",
)


def read_parquet(path: Path, *, at: datetime, start: int = 0) -> Iterator[Piece]:
    """Read a file piece by piece from row `start` (from 0) on. at: when the Hub said so.

    Raises `DamagedFile` when it cannot be read; pieces before the break have been yielded by then.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    patterns = Patterns()
    try:
        with pq.ParquetFile(path, buffer_size=1 << 20, pre_buffer=False) as file:
            names = [name for name in COLUMNS if name in file.schema_arrow.names]
            if "id" not in names:
                raise DamagedFile(f"cannot read {path}: it has no column id, so these are no models")
            before = 0
            for table in _tables(file, names, start):
                if before < start:
                    before = start
                rows = table.num_rows
                yield _piece(table, before, at, patterns)
                before += rows
    except (OSError, pa.ArrowException, EOFError) as error:
        said = " ".join(str(error).split())[:200] or type(error).__name__
        raise DamagedFile(
            f"cannot read {path}: {said}", hint="it may not have come whole: get it again"
        ) from None


def _tables(file: Any, names: list[str], start: int) -> Iterator[pa.RecordBatch]:
    """The rows from `start` on, whole groups before it left unread."""
    metadata = file.metadata
    first, before = 0, 0
    while first < metadata.num_row_groups and before + metadata.row_group(first).num_rows <= start:
        before += metadata.row_group(first).num_rows
        first += 1
    groups = list(range(first, metadata.num_row_groups))
    if not groups:
        return
    held: list[pa.RecordBatch] = []
    rows = size = 0
    for step in file.iter_batches(min(_STEP, ROWS), row_groups=groups, columns=names, use_threads=False):
        left_out = min(max(0, start - before), step.num_rows)
        before += step.num_rows
        if left_out == step.num_rows:
            continue
        for part in _fitting(step.slice(left_out)):
            if held and size + part.nbytes > MOST:
                yield _together(held)
                rows = size = 0
            held.append(part)
            rows += part.num_rows
            size += part.nbytes
            if rows >= ROWS:
                yield _together(held)
                rows = size = 0
    if held:
        yield _together(held)


def _fitting(step: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """The rows in parts small enough to be read, or of one row."""
    if step.nbytes <= MOST or step.num_rows == 1:
        yield step
        return
    half = step.num_rows // 2
    yield from _fitting(step.slice(0, half))
    yield from _fitting(step.slice(half))


def _together(held: list[pa.RecordBatch]) -> pa.RecordBatch:
    """All that is held in one, and nothing held any more."""
    import pyarrow as pa

    whole = pa.concat_batches(held)
    held.clear()
    return whole


def _piece(table: pa.RecordBatch, before: int, at: datetime, patterns: Patterns) -> Piece:
    if table.num_rows == 1 and table.nbytes > MOST:
        return Piece((), before + 1, (BadLine(before + 1, f"longer than {MOST:,} bytes"),))
    columns = Columns(table)
    rows: list[Listed] = []
    numbers: list[int] = []
    bad: list[BadLine] = []
    read = _reader(columns, at)
    wholes: dict[int, ModelSnapshot] = {}
    find, marked_of = patterns.find, patterns.marked
    for number, told in enumerate(_told(columns, table.num_rows)):
        try:
            if told is not None:
                text, bases, stated, facts, imprint = told
                marked = marked_of(text, bases)
                pattern = None if marked is None else find(marked, bases, stated, partial(read, number))
                if pattern is not None:
                    rows.append(Listed._make((*facts, bases, stated, pattern, imprint)))
                    numbers.append(number)
                    continue
            snapshot = read(number)
        except BadAnswer as error:
            bad.append(BadLine(before + number + 1, error.message))
            continue
        wholes[len(rows)] = snapshot
        rows.append(listed(snapshot))
        numbers.append(number)

    def whole(place: int) -> ModelSnapshot:
        return wholes.get(place) or read(numbers[place])

    return Piece((Batch(at, rows, whole),), before + table.num_rows, tuple(bad))


def _told(columns: Columns, size: int) -> Iterable[Told | None]:
    """What each row says, or that only reading it alone tells, as one of them is no text."""
    rows = columns.rows()
    try:
        return chain([next(rows)], rows) if size else ()
    except UnicodeDecodeError:
        return repeat(None, size)


def _reader(columns: Columns, at: datetime) -> Callable[[int], ModelSnapshot]:
    def read(number: int) -> ModelSnapshot:
        try:
            return read_document(columns.document(number), observed_at=at)
        except (ValueError, OverflowError, RecursionError) as error:
            # A value Arrow holds and Python does not, such as a time in the year 300,000.
            raise BadAnswer(f"the row cannot be read: {shown(str(error))}") from None

    return read
