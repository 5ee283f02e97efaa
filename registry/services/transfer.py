"""Bulk files into the catalog."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

from registry.catalog.catalog import BulkWriter, Catalog
from registry.errors import DamagedFile, SourceError, UsageError
from registry.model.bulk import BulkTally
from registry.sources.addresses import is_address, shown_address
from registry.sources.bulk import content_of, day_of, read_bulk
from registry.sources.dumps import BadLine, Piece

KEPT = 1_000
"""Bad lines remembered word for word; the rest is counted."""
_AT_ONCE = 500


class Watcher(Protocol):
    """Who is told how far an import is."""

    def counted(self, count: int) -> None:
        """So many models are kept."""

    def loaded(self, done: int, size: int | None) -> None:
        """So many bytes of a file are brought from its address, of so many if that is known."""


@dataclass(slots=True)
class ImportReport(BulkTally):
    """What an import did. skipped: rows an import broken off had kept; removed: models; bad: the first rows
    or lines that gave no model, with their file; earlier: files of which an import broken off had left out
    more; broken: files that could not be read to their end, and why; withheld: why nothing was recorded as
    removed although that was asked."""

    skipped: int = 0
    removed: int = 0
    bad: list[tuple[str, BadLine]] = field(default_factory=list)
    earlier: list[str] = field(default_factory=list)
    broken: list[tuple[str, SourceError]] = field(default_factory=list)
    withheld: str | None = None

    @property
    def complete(self) -> bool:
        """Whether all that stands in the files is in."""
        return not (self.left_out or self.earlier or self.broken)


@dataclass(frozen=True, slots=True)
class Asked:
    """How to take files. at: when the Hub said so, for all that does not tell itself; `None` for the day of
    the folder, else now. complete: the files list all models there were then."""

    now: Callable[[], datetime]
    at: datetime | None = None
    complete: bool = False


def import_files(
    catalog: Catalog, files: Iterable[str | Path], asked: Asked, watcher: Watcher | None = None
) -> ImportReport:
    """Keep every model of Parquet and JSON files, by path or address, the oldest file first.

    A row that cannot be read is left out and reported, and so is the rest of a file that breaks off; all else
    goes in. What was broken off goes on where it was. With `complete`, models that an earlier complete list
    had are recorded as removed, unless anything of these lists is missing. Raises `DamagedFile` before
    anything is kept when a file is not there, and what is wrong with the only file when nothing came of it.
    """
    now = asked.now()
    work = _Import(catalog, asked, now, watcher)
    for file in in_order(files, asked.at, now):
        work.take(file)
    report = work.report
    if len(report.broken) == 1 and not (report.read or report.skipped or report.left_out):
        raise report.broken[0][1]
    report.adopted = catalog.adopt_case_variants()
    if asked.complete:
        work.note_vanished()
    return report


def import_documents(
    catalog: Catalog, path: Path, now: Callable[[], datetime], progress: Callable[[int], None]
) -> ImportReport:
    """`import_files` of one file, where nobody watches."""
    report = import_files(catalog, [path], Asked(now))
    progress(report.read)
    return report


@dataclass(frozen=True, slots=True)
class ImportedFile:
    """One file to import. at: the time it is of, where that is known."""

    name: str
    at: datetime | None

    @property
    def is_address(self) -> bool:
        return is_address(self.name)

    @property
    def shown(self) -> str:
        return shown_address(self.name) if self.is_address else self.name


def in_order(files: Iterable[str | Path], at: datetime | None, now: datetime) -> list[ImportedFile]:
    """The oldest file first; those that tell no time are the newest. Raises `DamagedFile` or `UsageError`
    when one is not there, or of a day to come."""
    found = [_checked(str(name), at, now) for name in files]
    return sorted(found, key=lambda file: file.at or datetime.max.replace(tzinfo=UTC))


def _checked(name: str, at: datetime | None, now: datetime) -> ImportedFile:
    path = Path(unquote(urlsplit(name).path) if is_address(name) else name)
    file = ImportedFile(name, at or day_of(path))
    if not file.is_address:
        if not path.exists():
            raise DamagedFile(f"cannot read {name}: No such file or directory")
        if path.is_dir():
            raise DamagedFile(f"cannot read {name}: it is a folder", hint="name the files in it")
        if not path.is_file():
            raise DamagedFile(
                f"cannot read {name}: it can be read only once", hint="write it into a file and import that"
            )
    if file.at is not None and file.at > now:
        raise UsageError(
            f"{file.shown} lies in a folder of {file.at:%Y-%m-%d}, which has not come yet",
            hint="say with --observed-at when the Hub answered so",
        )
    return file


class _Import:
    """Files being imported, one after the other."""

    def __init__(self, catalog: Catalog, asked: Asked, now: datetime, watcher: Watcher | None) -> None:
        self.report = ImportReport()
        self._catalog = catalog
        self._asked = asked
        self._now = now
        self._watcher = watcher
        self._writer = BulkWriter()
        self._lists: dict[datetime | None, _List] = {}

    def take(self, file: ImportedFile) -> None:
        """Keep what stands in one file."""
        try:
            with _at_hand(file, self._watcher) as path, _without_collector():
                self._keep(file.shown, path, file.at)
        except SourceError as error:
            self.report.broken.append((file.shown, error))

    def note_vanished(self) -> None:
        """Record as removed what earlier complete lists had and these have not."""
        lists = self._lists.values()
        self.report.withheld = _doubt(self.report, list(lists))
        if self.report.withheld is None:
            for at in sorted(one.at for one in lists):
                while count := self._catalog.note_vanished(at, _AT_ONCE):
                    self.report.removed += count

    def _keep(self, name: str, path: Path, at: datetime | None) -> None:
        catalog, report = self._catalog, self.report
        state = catalog.begin_import(content_of(path), at or self._now, exactly=at is not None)
        one = self._lists.setdefault(at, _List(state.observed_at))
        # Parts of a list without a date are of one time, but one that was broken off keeps its own: what
        # none of them has was last seen before all of them.
        one.at = min(one.at, state.observed_at)
        one.models += state.rows
        report.skipped += state.rows
        if not state.sound:
            report.earlier.append(name)
        pieces = read_bulk(path, at=state.observed_at, start=state.rows)
        # A server works while we read on. A file we write ourselves, and two pieces are twice the memory.
        for piece in _ahead(pieces) if "://" in catalog.location else pieces:
            kept = catalog.keep_imported(piece.batches, self._writer, state, piece.until, not piece.bad)
            for each in kept:
                report.count(each)
            one.models += piece.models
            one.mixed |= any(batch.observed_at != state.observed_at for batch in piece.batches)
            report.read += piece.models
            report.left_out += len(piece.bad)
            report.bad += [(name, line) for line in piece.bad[: max(0, KEPT - len(report.bad))]]
            del piece
            if self._watcher is not None:
                self._watcher.counted(report.read)
            gc.collect(0)
        one.whole &= catalog.finish_import(state, complete=self._asked.complete)


@dataclass(slots=True)
class _List:
    """A list of models, in one file or several. at: the time of its oldest part; models: how many it has;
    mixed: some are of another time; whole: nothing of it was left out, now or before."""

    at: datetime
    models: int = 0
    mixed: bool = False
    whole: bool = True


def _doubt(report: ImportReport, lists: Sequence[_List]) -> str | None:
    """Why lists said to be complete may not be."""
    if not report.complete or not all(one.whole for one in lists):
        return "something was left out"
    if not all(one.models for one in lists):
        return "a list without any model is hardly complete"
    if any(one.mixed for one in lists):
        return "not all lines are of one time"
    return None


def _ahead(pieces: Iterator[Piece]) -> Iterator[Piece]:
    """The same pieces; while one is worked on the next is being read."""
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, pieces, None)
        while (piece := coming.result()) is not None:
            coming = pool.submit(next, pieces, None)
            yield piece
            del piece


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
def _at_hand(file: ImportedFile, watcher: Watcher | None) -> Iterator[Path]:
    """A file here, or one behind an address for as long as it is read."""
    if not file.is_address:
        yield Path(file.name)
        return
    from registry.sources.fetching import fetched

    with fetched(file.name, watcher.loaded if watcher else None) as path:
        try:
            yield path
        except DamagedFile as error:
            raise DamagedFile(error.message.replace(str(path), file.shown), hint=error.hint) from None
