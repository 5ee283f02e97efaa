"""Which contents are kept more than once, across repositories and revisions.

Sums are kept in Python while rows stream by in the order of an index: no listing is ever whole in memory,
and no sum of sizes, which strangers tell, can leave the range of a column.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from heapq import nsmallest
from itertools import groupby
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    LargeBinary,
    Row,
    Select,
    case,
    func,
    select,
    type_coerce,
)

from registry.catalog.names import chunks
from registry.catalog.scope import chosen
from registry.catalog.tables import SHOWN, blobs, files, models, snapshots, trees
from registry.model.copies import Duplication, FileCopy, ListedBytes, SharedContent

STREAMED = 5_000
"""Rows fetched at a time."""

_LAST = datetime.max.replace(tzinfo=UTC)

_CURRENT = func.coalesce(snapshots.c.tree_id == trees.c.id, False).label("current")
# A host keeps the files of every commit; what has no commit, as a folder, keeps what is there now.
_KEPT = trees.c.commit_sha.is_not(None) | _CURRENT
# A list whose sizes add up to nothing known takes no part in any sum.
_SIZE = case((trees.c.logical_bytes.is_not(None), files.c.size)).label("size")
_COPY = (
    type_coerce(blobs.c.sha256, LargeBinary).label("digest"),
    _SIZE,
    _CURRENT,
    snapshots.c.created_at,
    models.c.repo_id,
    trees.c.commit_sha,
    files.c.path,
)
"""One place of a content; `_order` says which of them counts as the original."""


def duplication(
    connection: Connection, names: Iterable[str] | None, *, least: int, limit: int | None
) -> Duplication:
    """What the models of those names (`None`: every tracked one) keep twice.

    least: `largest` leaves out contents of fewer bytes; limit: and those beyond so many. Sums leave out none.
    """
    scope = chosen(connection, names)
    lists = _Lists()
    for row in _streamed(connection, _all_lists(scope)):
        lists.add(row)
    tally = _Tally()
    copies = _streamed(connection, _all_copies(scope, everything=names is None))
    ranked = (rank for rank in tally.ranks(copies) if rank.size is None or rank.size >= least)
    largest = sorted(ranked, key=_Rank.key) if limit is None else nsmallest(limit, ranked, key=_Rank.key)
    return Duplication(
        models=lists.models,
        unlisted=lists.models - lists.current.lists,
        current=lists.current.record(),
        earlier=lists.earlier.record(),
        contents=tally.contents,
        unsized_contents=tally.unsized,
        copied_bytes=tally.copied,
        repeated_bytes=tally.repeated,
        largest=tuple(rank.digest.hex() for rank in largest),
        copied_by_model=dict(sorted(tally.by_model.items())),
    )


def shared_contents(
    connection: Connection, hashes: Iterable[str], names: Iterable[str] | None
) -> dict[str, SharedContent]:
    """Where the models of those names keep contents, by sha256; in as few places as one."""
    scope = chosen(connection, names)
    found: dict[str, SharedContent] = {}
    for piece in chunks(dict.fromkeys(hashes)):
        rows = connection.execute(_places(scope).where(blobs.c.sha256.in_(piece)))
        for digest, places in groupby(sorted(rows, key=lambda row: (row.digest, _order(row))), _digest):
            found[digest.hex()] = _shared(digest.hex(), list(places))
    return found


def kept_elsewhere(connection: Connection, names: Iterable[str]) -> tuple[int, int]:
    """How many contents of those models other tracked ones keep too, and their bytes where known."""
    scope = chosen(connection, names)
    other_files, other_trees, others = files.alias(), trees.alias(), models.alias()
    inside = select(models.c.id).where(scope)
    outside = (
        select(other_files.c.blob_id)
        .join(other_trees, other_trees.c.id == other_files.c.tree_id)
        .join(others, others.c.id == other_trees.c.model_id)
        .where(other_files.c.blob_id == files.c.blob_id, others.c.tracked, others.c.id.not_in(inside))
    )
    rows = connection.execute(
        select(files.c.blob_id, func.min(files.c.size))
        .join(trees, trees.c.id == files.c.tree_id)
        .join(models, models.c.id == trees.c.model_id)
        .where(scope, files.c.blob_id.is_not(None), outside.exists())
        .group_by(files.c.blob_id)
    ).all()
    return len(rows), sum(size or 0 for _, size in rows)


# --- statements ----------------------------------------------------------------------------------


def _streamed(connection: Connection, query: Select[Any]) -> Iterator[Row[Any]]:
    yield from connection.execute(query.execution_options(yield_per=STREAMED))


def _all_lists(scope: ColumnElement[bool]) -> Select[Any]:
    """Every file list of the models in scope; a model without any has one row all the same."""
    return (
        select(
            models.c.id,
            trees.c.id.label("tree_id"),
            trees.c.files,
            trees.c.logical_bytes,
            trees.c.unsized_files,
            trees.c.complete,
            _CURRENT,
        )
        .select_from(models)
        .join(snapshots, SHOWN, isouter=True)
        .join(trees, (trees.c.model_id == models.c.id) & _KEPT, isouter=True)
        .where(scope)
        .order_by(models.c.id)
    )


def _places(scope: ColumnElement[bool]) -> Select[Any]:
    return (
        select(*_COPY)
        .select_from(files)
        .join(blobs, blobs.c.id == files.c.blob_id)
        .join(trees, trees.c.id == files.c.tree_id)
        .join(models, models.c.id == trees.c.model_id)
        .join(snapshots, SHOWN, isouter=True)
        .where(scope, _KEPT)
    )


def _all_copies(scope: ColumnElement[bool], *, everything: bool) -> Select[Any]:
    """Every place of every content, content by content. everything: most of the catalog is in scope, so
    that it pays to ask the index first which contents have several places at all."""
    query = _places(scope).order_by(files.c.blob_id)
    if not everything:
        return query
    several = (
        select(files.c.blob_id)
        .where(files.c.blob_id.is_not(None))
        .group_by(files.c.blob_id)
        .having(func.count() > 1)
    )
    return query.where(files.c.blob_id.in_(several))


# --- counting ------------------------------------------------------------------------------------


def _digest(row: Row[Any]) -> bytes:
    return bytes(row.digest)


def _order(row: Row[Any]) -> tuple[object, ...]:
    """Which place of a content counts as the original: one of known size in a current list, of the model
    that is oldest as far as its host tells. Total, and the same in whatever order models were added."""
    return (
        row.size is None,
        not row.current,
        row.created_at or _LAST,
        row.repo_id,
        row.commit_sha or "",
        row.path,
    )


def _shared(sha256: str, places: Sequence[Row[Any]]) -> SharedContent:
    """places: in order, the original first."""
    copies = [FileCopy(row.repo_id, row.path, row.commit_sha, row.current, row.size) for row in places]
    return SharedContent(
        sha256,
        places[0].size,
        sum(copy.size or 0 for copy in copies[1:] if copy.current),
        sum(copy.size or 0 for copy in copies[1:] if not copy.current),
        tuple(copies),
    )


@dataclass(slots=True)
class _Sum:
    """File lists added up."""

    lists: int = 0
    files: int = 0
    logical: int = 0
    unsized: int = 0
    partial: int = 0

    def add(self, row: Row[Any]) -> None:
        self.lists += 1
        self.files += row.files
        self.logical += row.logical_bytes or 0
        self.unsized += row.files if row.logical_bytes is None else row.unsized_files
        self.partial += not row.complete

    def record(self) -> ListedBytes:
        return ListedBytes(self.lists, self.files, self.logical, self.unsized, self.partial)


@dataclass(slots=True)
class _Lists:
    """The file lists of models, rows of `_all_lists`."""

    models: int = 0
    current: _Sum = field(default_factory=_Sum)
    earlier: _Sum = field(default_factory=_Sum)
    last: int | None = None

    def add(self, row: Row[Any]) -> None:
        if row.id != self.last:
            self.models += 1
            self.last = row.id
        if row.tree_id is not None:
            (self.current if row.current else self.earlier).add(row)


@dataclass(frozen=True, slots=True)
class _Rank:
    """A shared content on its way into the list of the largest."""

    digest: bytes
    size: int | None
    copied: int
    repeated: int

    def key(self) -> tuple[bool, int, int, bytes]:
        """Most bytes first, unknown ones last, then by hash."""
        return self.size is None, -self.copied, -self.repeated, self.digest


@dataclass(slots=True)
class _Tally:
    """Sums over all shared contents."""

    contents: int = 0
    unsized: int = 0
    copied: int = 0
    repeated: int = 0
    by_model: Counter[str] = field(default_factory=Counter)

    def ranks(self, rows: Iterable[Row[Any]]) -> Iterator[_Rank]:
        """Count the contents in `rows`, which come content by content, and give those that waste bytes or
        whose bytes nobody knows."""
        for digest, places in groupby(rows, _digest):
            rank = self._count(digest, places)
            if rank is not None:
                yield rank

    def _count(self, digest: bytes, places: Iterator[Row[Any]]) -> _Rank | None:
        first = next(places)
        order, copied, repeated, single = _order(first), 0, 0, True
        for row in places:
            single, other = False, row
            if (place := _order(row)) < order:
                first, other, order = row, first, place
            if other.size is not None and other.current:
                copied += other.size
                self.by_model[other.repo_id] += other.size
            elif other.size is not None:
                repeated += other.size
        if single:
            return None
        self.contents += 1
        self.unsized += first.size is None
        self.copied += copied
        self.repeated += repeated
        if first.size is not None and not copied and not repeated:
            return None
        return _Rank(digest, first.size, copied, repeated)
