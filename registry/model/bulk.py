"""Models by the million: what most of them say alike is said once, and each adds the little of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import NamedTuple

from registry.model.snapshot import ModelSnapshot


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Pattern:
    """What many models say alike, by the example of one of them.

    bases: the names in its claims and tags that every model fills in for itself, sorted. license: the
    license its card and the Hub's tag state and nothing else, which every model fills in for itself, too;
    `None` where it is no such blank. Everything else of `snapshot` holds for all of them, but for what
    `Listed` tells of each. like: a pattern that differs in library and task alone.
    """

    snapshot: ModelSnapshot
    bases: tuple[str, ...] = ()
    license: str | None = None
    like: Pattern | None = None


class Listed(NamedTuple):
    """One model of a list. Times are whole seconds since 1970.

    elements: stored numbers per dtype of the pattern, in its order; together they are the logical count and
    the host's total. `None`: the pattern's own count holds. bases, license: what fills its blanks.
    imprint: eight bytes that differ when anything differs that means something, except what this tuple
    itself tells.
    """

    repo_id: str
    hub_id: str | None
    commit_sha: str | None
    created_at: int | None
    last_modified: int | None
    downloads: int | None
    likes: int | None
    used_storage: int | None
    elements: tuple[int, ...] | None
    bases: tuple[str, ...]
    license: str | None
    pattern: Pattern
    imprint: bytes


def listed(snapshot: ModelSnapshot) -> Listed:
    """A snapshot like no other, as a row of a list."""
    still = replace(
        snapshot,
        observed_at=_EPOCH,
        hub_id=None,
        created_at=None,
        last_modified=None,
        downloads=None,
        likes=None,
        used_storage=None,
    )
    return Listed(
        repo_id=snapshot.repo_id,
        hub_id=snapshot.hub_id,
        commit_sha=snapshot.commit_sha,
        created_at=_seconds(snapshot.created_at),
        last_modified=_seconds(snapshot.last_modified),
        downloads=snapshot.downloads,
        likes=snapshot.likes,
        used_storage=snapshot.used_storage,
        elements=None,
        bases=(),
        license=None,
        pattern=Pattern(snapshot),
        imprint=blake2b(repr(still).encode("utf-8", "surrogatepass"), digest_size=8).digest(),
    )


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)


def _seconds(time: datetime | None) -> int | None:
    return None if time is None else (time - _EPOCH) // _SECOND


@dataclass(frozen=True, slots=True)
class Batch:
    """Models of the Hub as one list told them at one time. whole: the snapshot of the row of that number,
    with all there is to know of it."""

    observed_at: datetime
    rows: Sequence[Listed]
    whole: Callable[[int], ModelSnapshot]


@dataclass(frozen=True, slots=True)
class ImportState:
    """How far the import of a bulk file has come: its number, its time, how many rows are in, and whether
    none of them was left out."""

    number: int
    observed_at: datetime
    rows: int
    sound: bool


@dataclass(frozen=True, slots=True)
class BulkReport:
    """What keeping a batch did to models. changes: how many changed in which way."""

    added: int
    changed: int
    same: int
    changes: tuple[tuple[str, int], ...] = ()


@dataclass(slots=True)
class BulkTally:
    """What a run of batches did so far. read: models told of; added, changed: models; adopted: names that
    differ from a model's by case alone and were joined to it; left_out: rows that gave no model; changes: how
    many models changed in which way."""

    read: int = 0
    added: int = 0
    changed: int = 0
    adopted: int = 0
    left_out: int = 0
    changes: Counter[str] = field(default_factory=Counter)

    @property
    def same(self) -> int:
        return self.read - self.added - self.changed

    def count(self, kept: BulkReport) -> None:
        """Add what keeping a batch did."""
        self.added += kept.added
        self.changed += kept.changed
        self.changes.update(dict(kept.changes))
