"""Who belongs together: families of models that share an origin, and strangers that were merged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cached_property
from itertools import combinations

import numpy as np

from registry.weights.compare import Pair, Samples, compare
from registry.weights.fingerprint import Fingerprint
from registry.weights.merges import CANDIDATES, Merge, combine, fit_merge
from registry.weights.permuted import CHANCE, Rows, row_distance, whole_rows

FAMILY = 0.3
"""Score above which two models share an origin. Strangers stay below 0.21, relatives above 0.55."""
UNRELATED = 0.15
"""Score below which two models have nothing in common, where at least so many blocks were compared:"""
LEAST_BLOCKS = 8
_SIDE = 48


class Kinship:
    """Models compared with each other, every pair once and only when asked for.

    dates: when each was first published, as far as known.
    """

    def __init__(
        self, models: Mapping[str, Fingerprint], dates: Mapping[str, datetime] | None = None
    ) -> None:
        self.samples: dict[str, Samples] = {
            name: Samples(models[name]) for name in sorted(models) if not models[name].adapter
        }
        self.dates: Mapping[str, datetime] = dict(dates or {})
        self._pairs: dict[tuple[str, str], Pair] = {}
        self._rows: dict[str, Rows] = {}

    def pair(self, one: str, other: str) -> Pair:
        """The comparison of two models, seen from the first."""
        if one > other:
            return self.pair(other, one).turned()
        if (one, other) not in self._pairs:
            self._pairs[one, other] = compare(self.samples[one], self.samples[other])
        return self._pairs[one, other]

    def score(self, one: str, other: str) -> float:
        return 1.0 if one == other else self.pair(*sorted((one, other))).score

    def row_distance(self, one: str, other: str) -> float | None:
        """How far apart the sorted rows of two models lie, `None` where there are too few."""
        for name in (one, other):
            if name not in self._rows:
                self._rows[name] = whole_rows(self.samples[name])
        return row_distance(self.samples[one], self.samples[other], self._rows[one], self._rows[other])

    def carried_over(self, name: str, parent: str, ancestor: str) -> tuple[float, float] | None:
        """How much of what a parent changed of its ancestor a model has taken over, and its standard error:
        about 1 for a child, the cosine of both changes times the ratio of their lengths for a sibling, 0 for
        the ancestor itself. `None` when parent and ancestor do not differ."""
        samples = [self.samples[n] for n in (parent, ancestor)]
        system = combine(self.samples[name], samples)
        if system is None:
            return None
        change, own = system.parents[0] - system.parents[1], system.child - system.parents[1]
        # Not `@`: for so short vectors BLAS takes longer to start its threads than to multiply.
        length = float(np.einsum("i,i->", change, change))
        if length == 0:
            return None
        left = system.child - system.parents[0]
        share = float(np.einsum("i,i->", own, change)) / length
        return share, (float(np.einsum("i,i->", left, left)) / length / len(left)) ** 0.5

    def may_precede(self, older: str, newer: str) -> bool:
        """Whether dates allow one model to be made from another; they do where one is unknown."""
        before, after = self.dates.get(older), self.dates.get(newer)
        return before is None or after is None or before <= after

    def age(self, name: str) -> tuple[bool, str, str]:
        """A key that sorts the oldest first, what has no date last, by name where nothing else tells."""
        return name not in self.dates, str(self.dates.get(name, "")), name

    @cached_property
    def shuffled(self) -> Mapping[str, str]:
        """Models without a relative by their values, and the one each is a permuted copy of."""
        found = {}
        for name in self.samples:
            others = [other for other in self.samples if other != name]
            if any(self.score(name, other) > FAMILY + 0.2 for other in others):
                continue
            near = [
                (distance, self.age(other), other)
                for other in others
                if (distance := self.row_distance(name, other)) is not None and distance < CHANCE
            ]
            if near:
                found[name] = min(near)[2]
        return found

    @cached_property
    def joints(self) -> frozenset[str]:
        """Models that resemble two which have nothing in common: merges of strangers and what came of them.
        They would make one family of two."""
        names = list(self.samples)
        linked, strangers = (np.zeros((len(names), len(names)), bool) for _ in range(2))
        for a, b in combinations(range(len(names)), 2):
            pair = self.pair(names[a], names[b])
            linked[a, b] = linked[b, a] = pair.score > FAMILY
            strangers[a, b] = strangers[b, a] = pair.score < UNRELATED and pair.blocks >= LEAST_BLOCKS
        return frozenset(
            name for name, row in zip(names, linked, strict=True) if strangers[np.ix_(row, row)].any()
        )

    @cached_property
    def bridges(self) -> Mapping[str, Merge]:
        """The joints that are explained: merges of models from families that have nothing in common."""
        found = {}
        for name in sorted(self.joints):
            near = [o for o in self.samples if self.linked(name, o) and o not in self.joints]
            groups = self._components(near)
            if len(groups) < 2:
                continue
            chosen = [
                other
                for group in groups
                for other in sorted(group, key=lambda o: (-round(self.score(name, o), 4), self.age(o)))[
                    :_SIDE
                ]
                if self._alike(name, other) and self.may_precede(other, name)
            ]
            candidates = {other: self.samples[other] for other in chosen}
            if (merge := fit_merge(self.samples[name], candidates, groups=groups)) is not None:
                found[name] = merge
        return found

    @cached_property
    def families(self) -> tuple[frozenset[str], ...]:
        """Groups of relatives. A merge of two families is put with the parent of greater weight, any other
        joint with its nearest relative, a shuffled copy with its source."""
        groups = self._components([name for name in self.samples if name not in self.joints])
        for name, merge in self.bridges.items():
            heaviest = max(zip(merge.weights, merge.parents, strict=True))[1]
            _put(name, heaviest, groups)
        left = [name for name in sorted(self.joints) if name not in self.bridges]
        while left:
            placed = [other for group in groups for other in group]
            score, name, nearest = max(
                ((self.score(name, other), name, other) for name in left for other in placed),
                default=(0.0, left[0], ""),
            )
            if score > FAMILY:
                _put(name, nearest, groups)
            else:
                groups.append({name})
            left.remove(name)
        for name, source in self.shuffled.items():
            home = next(group for group in groups if source in group)
            own = next(group for group in groups if name in group)
            if home is not own:
                groups = [g for g in groups if g is not home and g is not own] + [home | own]
        return tuple(sorted((frozenset(group) for group in groups), key=min))

    def family_of(self, name: str) -> frozenset[str]:
        return next(family for family in self.families if name in family)

    def related(self, one: str, other: str) -> bool:
        """Whether two models share an origin, in part at least."""
        if self.family_of(one) == self.family_of(other):
            return True
        for merged, stranger in ((one, other), (other, one)):
            merge = self.bridges.get(merged)
            if merge and any(stranger in self.family_of(parent) for parent in merge.parents):
                return True
        return bool({one, other} & self.joints) and self.linked(one, other)

    def linked(self, one: str, other: str) -> bool:
        return one != other and self.score(one, other) > FAMILY

    def _nearest(self, name: str, others: Iterable[str]) -> list[str]:
        """Those with the highest scores; of near equals the oldest come first."""
        return sorted(others, key=lambda o: (-round(self.score(name, o), 4), self.age(o)))[:_SIDE]

    def _alike(self, one: str, other: str) -> bool:
        a, b = self.samples[one].source, self.samples[other].source
        return (a.architecture, a.depth) == (b.architecture, b.depth) and not self.samples[other].lossy

    def _components(self, names: Iterable[str]) -> list[set[str]]:
        left, groups = sorted(names), []
        while left:
            group, queue = {left[0]}, [left[0]]
            while queue:
                name = queue.pop()
                reached = [other for other in left if other not in group and self.linked(name, other)]
                group.update(reached)
                queue.extend(reached)
            groups.append(group)
            left = [name for name in left if name not in group]
        return groups


def _put(name: str, beside: str, groups: list[set[str]]) -> None:
    next(group for group in groups if beside in group).add(name)


def nearest_first(kinship: Kinship, name: str, others: Iterable[str]) -> list[str]:
    """The nearest relatives, at most as many as a merge is fitted from."""

    def distance(other: str) -> float:
        return kinship.pair(name, other).relative_distance or 9.0

    return sorted(others, key=lambda other: (distance(other), other))[:CANDIDATES]
