"""Bulk files of any kind, read in pieces fit for one transaction each: documents line by line or columns."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import blake2b
from itertools import groupby
from pathlib import Path

from registry.errors import DamagedFile
from registry.model.bulk import Batch, listed
from registry.model.snapshot import ModelSnapshot
from registry.sources.dumps import BadLine, Piece, read_from

LINES = 2_000
"""Documents per transaction, which bring their raw answers along."""
_BYTES = 32_000_000
_SAMPLE = 65_536
_MAGIC = b"PAR1"


def read_bulk(path: Path, *, at: datetime, start: int = 0) -> Iterator[Piece]:
    """Read a bulk file, Parquet or JSON lines, from behind row or line `start` on.

    at: when the Hub said so, for all that does not tell itself. Raises `DamagedFile` when it cannot be
    read; what stands before the break has been yielded by then.
    """
    if is_parquet(path):
        from registry.sources.parquet import read_parquet

        yield from read_parquet(path, at=at, start=start)
    elif path.suffix == ".parquet":
        raise DamagedFile(f"cannot read {path}: it is no Parquet file")
    else:
        yield from _read_lines(path, at, start)


def is_parquet(path: Path) -> bool:
    """Told by content: such a file begins with `PAR1`; JSON and gzip never do."""
    try:
        with path.open("rb") as file:
            return file.read(len(_MAGIC)) == _MAGIC
    except OSError:
        return False


def content_of(path: Path) -> str:
    """What tells a file from any other, whatever its name: its size and its two ends."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            mark = blake2b(digest_size=16)
            for place in (0, max(0, size - _SAMPLE)):
                file.seek(place)
                mark.update(file.read(_SAMPLE))
    except OSError as error:
        raise DamagedFile(f"cannot read {path}: {error.strerror}") from None
    return f"{size}:{mark.hexdigest()}"


def day_of(path: Path) -> datetime | None:
    """The day of a weekly snapshot, `<YYYY-MM-DD>/models.parquet`: the folder it lies in."""
    try:
        return datetime.strptime(path.absolute().parent.name, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        return None


def _read_lines(path: Path, at: datetime, start: int) -> Iterator[Piece]:
    told: list[ModelSnapshot] = []
    bad: list[BadLine] = []
    size, until = 0, start
    broken: DamagedFile | None = None
    lines = read_from(path, now=lambda: at, start=start)
    while True:
        try:
            until, found = next(lines)
        except StopIteration:
            break
        except DamagedFile as error:
            broken = error
            break
        if isinstance(found, BadLine):
            bad.append(found)
        else:
            told.append(found)
            size += sum(len(answer.data) for answer in found.raw)
        if len(told) + len(bad) >= LINES or size >= _BYTES:
            yield _piece(told, bad, until)
            told, bad, size = [], [], 0
    if told or bad:
        yield _piece(told, bad, until)
    if broken is not None:
        raise broken


def _piece(told: list[ModelSnapshot], bad: list[BadLine], until: int) -> Piece:
    batches = []
    for when, same in groupby(told, key=lambda one: one.observed_at):
        some = list(same)
        batches.append(Batch(when, [listed(one) for one in some], some.__getitem__))
    return Piece(tuple(batches), until, tuple(bad))
