"""Format twins of many models: compared one repository at a time, and never counted where their content is
already counted as a copy of another's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from heapq import nsmallest
from typing import TypeVar

from registry.catalog.catalog import Catalog
from registry.model.copies import WeightFiles
from registry.weights.twins import Certainty, Derived, Twins, WeightSet, find_twins

SPARE = 1000
"""Findings kept beyond what will be listed before the smallest are let go."""


@dataclass(frozen=True, slots=True)
class SetOfWeights:
    """Weights in one format. path: the file, or a pattern for all shards. size: in bytes, if known."""

    format: str
    path: str
    files: int
    size: int | None


@dataclass(frozen=True, slots=True)
class TwinCopy:
    """A set that says what another says. wasted_bytes: those that count, without the files whose content
    is a copy of another's and counted there; 0 where the certainty is too low to count."""

    weights: SetOfWeights
    certainty: Certainty
    reasons: tuple[str, ...]
    wasted_bytes: int


@dataclass(frozen=True, slots=True)
class TwinGroup:
    """The same weights in several formats in one repository, as far as can be inferred."""

    repo_id: str
    commit_sha: str | None
    kept: SetOfWeights
    others: tuple[TwinCopy, ...]

    @property
    def wasted_bytes(self) -> int:
        return sum(one.wasted_bytes for one in self.others)

    @property
    def size(self) -> int:
        """Bytes of all that stands beside the kept set, counted or not."""
        return sum(one.weights.size or 0 for one in self.others)

    @property
    def order(self) -> tuple[int, int, str, str]:
        """The most waste first."""
        return -self.wasted_bytes, -self.size, self.repo_id, self.kept.path


@dataclass(frozen=True, slots=True)
class DerivedSet:
    """Weights made from others of the same repository, in another precision or frame: no copy of them."""

    repo_id: str
    weights: SetOfWeights
    source: SetOfWeights
    reason: str

    @property
    def size(self) -> int:
        return self.weights.size or 0

    @property
    def order(self) -> tuple[int, int, str, str]:
        """The largest first."""
        return -self.size, 0, self.repo_id, self.weights.path


Finding = TypeVar("Finding", TwinGroup, DerivedSet)


class TwinTally:
    """The twins of page after page of models. least: findings of fewer bytes are not listed; limit: nor
    more than so many of a kind. Sums leave out none.

    groups, derived_sets, undecided: how many there are; by_model: bytes that count, by `repo_id`;
    possible: bytes of twins too unsure to count.
    """

    def __init__(self, least: int, limit: int | None) -> None:
        self._least, self._limit = least, limit
        self._twins: list[TwinGroup] = []
        self._derived: list[DerivedSet] = []
        self.by_model: Counter[str] = Counter()
        self.groups = self.derived_sets = self.undecided = self.possible = 0

    def add(self, catalog: Catalog, page: Sequence[str], names: Sequence[str] | None) -> None:
        """Compare the weights of a page of models; names: all that were asked about."""
        readings = [(one, find_twins(one.files, one.by_dtype)) for one in catalog.weight_files(page)]
        twins = [(one, pair) for one, reading in readings for pair in reading.twins]
        first = _firsts(catalog, (pair for _, pair in twins), names)
        for one, pair in twins:
            self._count(_group(one, pair, first))
        for one, reading in readings:
            self.derived_sets += len(reading.derived)
            self._derived += [_derived(one.repo_id, each) for each in reading.derived]
            self.undecided += len(reading.undecided)
        if self._limit is not None and len(self._twins) + len(self._derived) > 2 * self._limit + SPARE:
            self._twins, self._derived = list(self.twins), list(self.derived)

    @property
    def twins(self) -> tuple[TwinGroup, ...]:
        """The groups to list, the most waste first."""
        return tuple(self._largest(self._twins, lambda one: one.order))

    @property
    def derived(self) -> tuple[DerivedSet, ...]:
        """The derived sets to list, the largest first."""
        return tuple(self._largest(self._derived, lambda one: one.order))

    def _count(self, group: TwinGroup) -> None:
        self.groups += 1
        self._twins.append(group)
        self.possible += sum(one.weights.size or 0 for one in group.others if not one.certainty.counts)
        if group.wasted_bytes:
            self.by_model[group.repo_id] += group.wasted_bytes

    def _largest(
        self, found: Iterable[Finding], order: Callable[[Finding], tuple[int, int, str, str]]
    ) -> list[Finding]:
        listed = (one for one in found if one.size >= self._least)
        return sorted(listed, key=order) if self._limit is None else nsmallest(self._limit, listed, key=order)


def _firsts(
    catalog: Catalog, pairs: Iterable[Twins], names: Sequence[str] | None
) -> dict[str, tuple[str, str]]:
    """Where the content of each file of a twin counts as the original: model and path, by sha256."""
    hashes = {
        file.sha256
        for pair in pairs
        for twin in pair.others
        for file in twin.weights.files
        if file.sha256 is not None
    }
    found = catalog.shared_contents(sorted(hashes), names)
    return {sha256: (one.copies[0].repo_id, one.copies[0].path) for sha256, one in found.items()}


def _group(listed: WeightFiles, pair: Twins, first: Mapping[str, tuple[str, str]]) -> TwinGroup:
    others = []
    for twin in pair.others:
        own = (
            file.size or 0
            for file in twin.weights.files
            if file.sha256 is None or first.get(file.sha256) == (listed.repo_id, file.path)
        )
        wasted = sum(own) if twin.certainty.counts else 0
        others.append(TwinCopy(_set(twin.weights), twin.certainty, twin.reasons, wasted))
    return TwinGroup(listed.repo_id, listed.commit_sha, _set(pair.kept), tuple(others))


def _derived(repo_id: str, one: Derived) -> DerivedSet:
    return DerivedSet(repo_id, _set(one.weights), _set(one.source), one.reason)


def _set(one: WeightSet) -> SetOfWeights:
    return SetOfWeights(one.format, one.shown, len(one.files), one.size)
