"""Bulk files into the catalog."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from registry.catalog.catalog import BulkWriter, Catalog
from registry.sources.bulk import content_of, day_of, read_bulk
from registry.sources.dumps import BadLine

KEPT = 1_000
"""Bad lines remembered word for word; the rest is counted."""
_AT_ONCE = 500


@dataclass(slots=True)
class ImportReport:
    """What an import did. read: models in the files; skipped: rows an import broken off had kept; added,
    changed, removed: models; changes: how many models changed in which way; bad: the first rows or lines that
    gave no model, with their file; left_out: how many there are of them."""

    read: int = 0
    skipped: int = 0
    added: int = 0
    changed: int = 0
    removed: int = 0
    adopted: int = 0
    left_out: int = 0
    changes: Counter[str] = field(default_factory=Counter)
    bad: list[tuple[str, BadLine]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Asked:
    """How to take files. at: when the Hub said so, for all that does not tell itself; `None` for the day of
    the folder, else now. complete: the files list all models there were then."""

    now: Callable[[], datetime]
    at: datetime | None = None
    complete: bool = False


def import_files(
    catalog: Catalog, files: Iterable[str | Path], asked: Asked, progress: Callable[[int], None]
) -> ImportReport:
    """Keep every model of Parquet and JSON files, by path or address; `progress` is told the count.

    A row that cannot be read is left out and reported; the rest goes in. What was broken off goes on where it
    was. With `complete`, models that an earlier complete list had are recorded as removed, unless
    something was left out.
    """
    report = ImportReport()
    writer = BulkWriter()
    times: set[datetime] = set()
    for name in files:
        with _at_hand(name) as path, _without_collector():
            times.add(_import(catalog, str(name), path, asked, writer, report, progress))
    report.adopted = catalog.adopt_case_variants()
    if asked.complete and not report.left_out:
        for at in sorted(times):
            while count := catalog.note_vanished(at, _AT_ONCE):
                report.removed += count
    return report


def import_documents(
    catalog: Catalog, path: Path, now: Callable[[], datetime], progress: Callable[[int], None]
) -> ImportReport:
    """`import_files` of one file."""
    return import_files(catalog, [path], Asked(now), progress)


def _import(
    catalog: Catalog,
    name: str,
    path: Path,
    asked: Asked,
    writer: BulkWriter,
    report: ImportReport,
    progress: Callable[[int], None],
) -> datetime:
    dated = asked.at or day_of(path)
    state = catalog.begin_import(content_of(path), dated or asked.now(), exactly=dated is not None)
    report.skipped += state.rows
    sound = True
    for piece in read_bulk(path, at=state.observed_at, start=state.rows):
        for kept in catalog.keep_imported(piece.batches, writer, state, piece.until):
            report.added += kept.added
            report.changed += kept.changed
            report.changes.update(dict(kept.changes))
        report.read += piece.models
        report.left_out += len(piece.bad)
        report.bad += [(name, line) for line in piece.bad[: max(0, KEPT - len(report.bad))]]
        sound = sound and not piece.bad
        # Two pieces at a time would be twice the memory.
        del piece
        progress(report.read)
        gc.collect(0)
    catalog.finish_import(state, complete=asked.complete and sound)
    return state.observed_at


@contextmanager
def _without_collector() -> Iterator[None]:
    """Rows by the million are no cycles, but each makes Python look for some: a tenth of the time. What else
    there is of cycles is looked for once for each piece."""
    active = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if active:
            gc.enable()


@contextmanager
def _at_hand(name: str | Path) -> Iterator[Path]:
    """A file here, or one behind an address for as long as it is read."""
    from registry.sources.fetching import fetched, is_address

    if isinstance(name, str) and is_address(name):
        with fetched(name) as path:
            yield path
    else:
        yield Path(name)
