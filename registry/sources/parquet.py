"""Bulk files in columns: the public dumps of the Hub's models (`hub-stats`, its weekly copies) as Parquet.

Their columns vary from copy to copy, so those known are taken where they are, and each only as what its type
can hold. Lists of file names without sizes are not read. A row that follows a pattern is read by it
(`patterns.py`); any other becomes a document and is read like one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from registry.errors import BadAnswer, DamagedFile
from registry.model.bulk import Batch
from registry.model.snapshot import ModelSnapshot
from registry.sources.columns import Columns, row_of
from registry.sources.documents import read_document
from registry.sources.dumps import BadLine, Piece
from registry.sources.gathering import gather
from registry.sources.patterns import MAX_TEXT, UNFIT, Known, Patterns
from registry.sources.plain import MARKS, is_plain_name, mark
from registry.sources.recent import Recent
from registry.sources.values import shown

if TYPE_CHECKING:
    import pyarrow as pa

ROWS = 20_000
"""Rows kept in one transaction; fewer where they are long."""
MOST = 64_000_000
"""Bytes of rows read at once; a row that is longer is left out."""
_STEP = 100
"""Rows decoded at once: a few bytes of a file can stand for gigabytes of text, and only decoding tells."""
MAX_TEXTS = 10_000
"""Texts remembered at a time."""

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

    memory = _Memory()
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
                yield _piece(table, before, at, memory)
                pa.default_memory_pool().release_unused()
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


def _piece(table: pa.RecordBatch, before: int, at: datetime, memory: _Memory) -> Piece:
    if table.num_rows == 1 and table.nbytes > MOST:
        return Piece((), before + 1, (BadLine(before + 1, f"longer than {MOST:,} bytes"),))
    try:
        columns = Columns(table)
    except UnicodeDecodeError as error:
        return _around_no_text(table, before, at, memory, error)
    read = _reader(columns, at)
    known = memory.known(columns, read)
    found = gather(columns.facts, columns.bases, [one.license for one in known], known, read)
    bad = tuple(BadLine(before + number + 1, reason) for number, reason in found.bad)
    return Piece((Batch(at, found.rows, found.whole),), before + table.num_rows, bad)


def _around_no_text(
    table: pa.RecordBatch, before: int, at: datetime, memory: _Memory, error: UnicodeDecodeError
) -> Piece:
    """A piece with a text in it that is none: it costs its row alone."""
    if table.num_rows == 1:
        reason = f"the row cannot be read: {shown(str(error))}"
        return Piece((), before + 1, (BadLine(before + 1, reason),))
    half = table.num_rows // 2
    first = _piece(table.slice(0, half), before, at, memory)
    second = _piece(table.slice(half), before + half, at, memory)
    return Piece(first.batches + second.batches, second.until, first.bad + second.bad)


class _Memory:
    """What is known of rows, by their texts with a mark for every base."""

    def __init__(self) -> None:
        self._patterns = Patterns()
        self._texts: Recent[str, Known] = Recent(MAX_TEXTS)

    def known(self, columns: Columns, read: Callable[[int], ModelSnapshot]) -> list[Known]:
        """What is known of each row, or of all that say the same."""
        texts = _marked(columns)
        found = self._texts.those(texts)
        for number in [number for number, known in enumerate(found) if known is None]:
            found[number] = self._learn(texts[number], columns.bases[number], partial(read, number))
        return found  # type: ignore[return-value]

    def _learn(self, text: str | None, bases: tuple[str, ...], read: Callable[[], ModelSnapshot]) -> Known:
        if text is None or len(text) > MAX_TEXT:
            return UNFIT
        known = self._texts.get(text)
        if known is None:
            try:
                known = self._patterns.learn(row_of(text), bases, read)
            except BadAnswer:
                return UNFIT  # It will say so again.
            self._texts.put(text, known)
        return known


def _marked(columns: Columns) -> list[str | None]:
    """The texts of rows with a mark for every base, `None` where that cannot be."""
    marked = [
        text if not bases else text.replace(bases[0], MARKS[0]) if len(bases) == 1 else mark(text, bases)
        for text, bases in zip(columns.texts, columns.bases, strict=True)
    ]
    odd = {name for name in {*chain.from_iterable(columns.bases)} if not is_plain_name(name)}
    if odd or not columns.fit.all():
        rows = zip(marked, columns.fit.tolist(), columns.bases, strict=True)
        return [text if fit and odd.isdisjoint(bases) else None for text, fit, bases in rows]
    return marked


def _reader(columns: Columns, at: datetime) -> Callable[[int], ModelSnapshot]:
    def read(number: int) -> ModelSnapshot:
        try:
            return read_document(columns.document(number), observed_at=at)
        except (ValueError, OverflowError, RecursionError) as error:
            # A value Arrow holds and Python does not, such as a time in the year 300,000.
            raise BadAnswer(f"the row cannot be read: {shown(str(error))}") from None

    return read
