"""Who was made from whom, within one family.

In order: copies are one model; what a format or a mask made is nobody's parent but its own kind's; merges are
found by their fit; the rest is the cheapest tree over log distances, rooted where dates or the middle of the
family say. Dates decide direction where they are known; two lone models without dates stay undirected.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import log

import numpy as np

from registry.weights.arborescence import cheapest_tree
from registry.weights.compare import EQUAL, Samples, covered_share, is_copy
from registry.weights.kinship import Kinship, nearest_first
from registry.weights.layout import Slot
from registry.weights.merges import fit_merge
from registry.weights.ties import fit_ties

MARGIN = 0.08
"""Nats by which a relative must be nearer than an ancestor to be the parent: siblings drift alike."""
CARRIED = 0.75
"""Share of the parent's own change a child must have taken over: children 0.82 to 1.3, siblings to 0.7."""
_WHOLE = (0.8, 1.4)
"""The same for a merge and its children, who stand between this and the parents of the merge."""
_FLOOR = 3e-6
"""Added to squared distances, so that a copied block counts much and not without bounds."""
_MASKED = 0.2
_ROOT = ""
_VIRTUAL = 1e4
_FEW_BLOCKS = 4
_NEAR_MIDDLE = 0.35
"""Nats of mean distance within which members count as the middle of a family."""
_SAME_NORM = 1e-4


class Kind(StrEnum):
    """How a model came about, as far as its weights tell."""

    ROOT = "root"
    COPY = "copy"
    DERIVED = "derived"
    MERGE = "merge"
    STACKED = "stacked"
    QUANTIZED = "quantized"
    PERMUTED = "permuted"


@dataclass(frozen=True, slots=True)
class Descent:
    """The parents of a model. weights: of a merge, one per parent. directed: whether dates, formats or
    branches tell parent from child. rounding: of a merge, misfit over rounding noise."""

    kind: Kind
    parents: tuple[str, ...] = ()
    weights: tuple[float, ...] = ()
    directed: bool = True
    rounding: float | None = None


@dataclass(frozen=True, slots=True)
class _Form:
    """What kind of file it is; parent and child share it, or the parent has the family's usual one."""

    architecture: str
    depth: int
    masked: bool
    head: bool


class Family:
    """One family of a `Kinship`, with the descent of every member."""

    def __init__(self, kinship: Kinship, members: Sequence[str]) -> None:
        self._kin = kinship
        self._members = sorted(members, key=kinship.age)
        dense = [name for name in self._members if not self._sample(name).lossy]
        self.classes = self._classes(dense)
        self._heads = [name for name in dense if self.classes[name] == name and name not in kinship.shuffled]
        self._forms = {name: self._form(name) for name in self._heads}
        counts = Counter(self._forms.values())
        self._usual = max(counts, key=lambda form: (counts[form], str(form))) if counts else None
        self._offsets = self._role_offsets()
        self._near = self._log_distances()
        self.descents: dict[str, Descent] = {}
        self.root = self._find_root()
        self._find_copies(dense)
        self._find_merges()
        self.root = self._find_root()
        self._find_children_of_merges()
        self._grow()
        self._prefer_ancestors()
        self._adopt_by_merges()
        self._find_stacks()
        for name in self._members:
            if self._sample(name).lossy:
                self.descents[name] = self._source_of(name)

    def distance(self, one: str, other: str) -> float:
        """Mean log distance over common blocks, each less what is usual for its role in the family."""
        return self._near.get((one, other), 99.0)

    # --- preparation -----------------------------------------------------------------------------

    def _sample(self, name: str) -> Samples:
        return self._kin.samples[name]

    def _form(self, name: str) -> _Form:
        samples = self._sample(name)
        source = samples.source
        return _Form(
            source.architecture, source.depth, samples.zero_share > _MASKED, Slot("head") in samples.index
        )

    def _classes(self, dense: Sequence[str]) -> dict[str, str]:
        """The representative of every model's class of copies: the oldest; without dates the one in the
        usual precision with all its parts."""
        wide = {name: any(block.dtype != "BF16" for block in self._sample(name).blocks) for name in dense}
        known = all(name in self._kin.dates for name in dense)
        order = (
            list(dense) if known else sorted(dense, key=lambda n: (wide[n], -len(self._sample(n).blocks), n))
        )
        found: dict[str, str] = {}
        for name in order:
            same = (
                head
                for head in found.values()
                if is_copy(self._kin.pair(name, head), self._sample(name), self._sample(head))
            )
            found[name] = next(same, name)
        return found

    def _role_offsets(self) -> dict[str, float]:
        logs: dict[str, list[float]] = {}
        for i, one in enumerate(self._heads):
            for other in self._heads[i + 1 :]:
                pair = self._kin.pair(one, other)
                for slot, distance in zip(pair.left, pair.distance.tolist(), strict=True):
                    logs.setdefault(slot.role, []).append(log(distance + _FLOOR))
        return {role: float(np.median(values)) for role, values in logs.items()}

    def _log_distances(self) -> dict[tuple[str, str], float]:
        found = {}
        for i, one in enumerate(self._heads):
            for other in self._heads[i + 1 :]:
                pair = self._kin.pair(one, other)
                if not pair.blocks:
                    continue
                usual = np.array([self._offsets[slot.role] for slot in pair.left])
                mean = float((np.log(pair.distance + _FLOOR) - usual).mean())
                found[one, other] = found[other, one] = mean + 12 * (pair.blocks < _FEW_BLOCKS)
        return found

    def _find_root(self) -> str | None:
        """The oldest; without dates, the middle of the usual kind, of near equals the least trained, then the
        one most copied from."""
        pool = [
            name
            for name in self._heads
            if self._forms[name] == self._usual and not self._forms[name].masked and not self._is_merge(name)
        ]
        if not pool:
            return self._heads[0] if self._heads else None
        if all(name in self._kin.dates for name in pool):
            return pool[0]
        mean = {n: float(np.mean([self.distance(n, o) for o in pool if o != n] or [0])) for n in pool}
        near = [name for name in pool if mean[name] < min(mean.values()) + _NEAR_MIDDLE]
        ages = {name: self._output_norm(name) for name in near}
        youngest = min((age for age in ages.values() if age is not None), default=None)
        if youngest is not None and all(age is not None for age in ages.values()):
            near = [n for n in near if (age := ages[n]) is not None and age < youngest + _SAME_NORM]

        def copied(name: str) -> float:
            return float(
                np.mean([self._kin.pair(name, other).equal for other in pool if other != name] or [0])
            )

        return max(near, key=lambda name: (copied(name), -mean[name]))

    def _output_norm(self, name: str) -> float | None:
        """Mean log squared norm of the sampled rows of an output head of its own, `None` without one.

        It grows while a model trains, because every step pushes the rows of the words that were not seen
        away: a hint of age where no date is known, and no more than that.
        """
        samples = self._sample(name)
        rows = [i for slot, i in samples.index.items() if slot.role in ("head", "head.2")]
        norms = [float((samples.values[i].astype(np.float64) ** 2).sum()) for i in rows]
        return float(np.mean(np.log(norms))) if norms and min(norms) > 0 else None

    # --- steps -----------------------------------------------------------------------------------

    def _find_copies(self, dense: Sequence[str]) -> None:
        for name in dense:
            if self.classes[name] != name:
                self.descents[name] = Descent(Kind.COPY, (self.classes[name],))
            elif name in self._kin.shuffled:
                self.descents[name] = Descent(Kind.PERMUTED, (self._kin.shuffled[name],))

    def _find_merges(self) -> None:
        found = {name: merge for name, merge in self._kin.bridges.items() if name in self._heads}
        for name in self._heads:
            if name in found or self._forms[name].masked:
                continue
            others = [
                other
                for other in self._heads
                if other != name
                and other not in self._kin.bridges
                and self._forms[other] == self._forms[name]
                and self._kin.may_precede(other, name)
            ]
            near = nearest_first(self._kin, name, others)
            if self.root in others and self.root not in near:
                near.append(self.root)
            candidates = {other: self._sample(other) for other in near}
            merge = fit_merge(self._sample(name), candidates, base=self.root) or fit_ties(
                self._sample(name), candidates, [self.root] if self.root in candidates else []
            )
            if merge is not None:
                found[name] = merge
        # Two that explain each other: the better fit stands.
        for name in sorted(found, key=lambda name: found[name].rounding, reverse=True):
            if any(p in found and name in found[p].parents for p in found[name].parents):
                del found[name]
        for name, merge in found.items():
            self.descents[name] = Descent(Kind.MERGE, merge.parents, merge.weights, True, merge.rounding)

    def _find_children_of_merges(self) -> None:
        """What descends from a merge lies nearest to it or to another such, and took over all that the merge
        changed of each of its parents. They are found before the tree is grown: a merge and its children lie
        nearer to the parents of the merge than those lie to their own."""
        for merge in [name for name in self._heads if self._is_merge(name)]:
            line, parents = {merge}, self.descents[merge].parents
            grown = True
            while grown:
                grown = False
                for name in self._heads:
                    if name in self.descents or name == self.root:
                        continue
                    options = [o for o in self._heads if o != name and self._allowed(o, name)]
                    nearest = min(options, key=lambda o: (self.distance(o, name), o), default=None)
                    if nearest in line and all(self._carries(name, merge, parent) for parent in parents):
                        self.descents[name] = Descent(Kind.DERIVED, (nearest,))
                        line.add(name)
                        grown = True

    def _is_merge(self, name: str) -> bool:
        descent = self.descents.get(name)
        return descent is not None and descent.kind is Kind.MERGE

    def _carries(self, name: str, merge: str, parent: str) -> bool:
        taken = self._kin.carried_over(name, merge, parent)
        return taken is None or _WHOLE[0] <= taken[0] <= _WHOLE[1]

    def _allowed(self, parent: str, child: str) -> bool:
        if not self._kin.may_precede(parent, child):
            return False
        mine, theirs = self._forms[child], self._forms[parent]
        if theirs in (mine, self._usual):
            return True
        if (mine.architecture, mine.depth) != (theirs.architecture, theirs.depth) or not theirs.masked:
            return False
        usual = [
            self.distance(other, child)
            for other in self._heads
            if self._forms[other] == self._usual and other != child
        ]
        return self.distance(parent, child) < min(usual, default=0.0) - 1

    def _grow(self) -> None:
        """The tree over everything that is no merge."""
        nodes = [name for name in self._heads if name not in self.descents]
        costs: dict[str, dict[str, float]] = {}
        for child in nodes:
            row = {
                parent: self.distance(parent, child) + 30
                for parent in nodes
                if parent != child and self._allowed(parent, child)
            }
            row[_ROOT] = _VIRTUAL * (1 if child == self.root else 2)
            costs[child] = row
        directed = len(nodes) > 2 or all(name in self._kin.dates for name in nodes)
        for child, parent in cheapest_tree(costs, _ROOT).items():
            if parent == _ROOT:
                self.descents[child] = Descent(Kind.ROOT)
            else:
                self.descents[child] = Descent(Kind.DERIVED, (parent,), directed=directed)

    def _parent(self, name: str) -> str | None:
        descent = self.descents.get(name)
        return descent.parents[0] if descent and descent.kind is Kind.DERIVED else None

    def _prefer_ancestors(self) -> None:
        """Near ties go to the ancestor: a sibling is no parent because it drifted a little the same way."""
        for _ in range(3):
            for name in self._heads:
                parent = self._parent(name)
                above = self._parent(parent) if parent else None
                if parent is None or above is None or above == name or not self._allowed(above, name):
                    continue
                nearer = self.distance(name, above) - self.distance(name, parent)
                if nearer < MARGIN or not self._took_over(name, parent, above):
                    self.descents[name] = Descent(
                        Kind.DERIVED, (above,), directed=self.descents[name].directed
                    )

    def _adopt_by_merges(self) -> None:
        """What came after a merge by its date and stands clearly nearer to it than to the parent the tree
        gave it is a child of the merge. Without dates that may as well be one of its ancestors."""
        dates = self._kin.dates
        for merge in [name for name in self._heads if self._is_merge(name) and name in dates]:
            for name in self._heads:
                parent = self._parent(name)
                if parent is None or name not in dates or not self._allowed(merge, name):
                    continue
                nearer = self.distance(name, merge) < self.distance(name, parent) - MARGIN
                if nearer and all(self._carries(name, merge, p) for p in self.descents[merge].parents):
                    self.descents[name] = Descent(Kind.DERIVED, (merge,))

    def _took_over(self, name: str, parent: str, ancestor: str) -> bool:
        """Whether a model has what its parent changed; two errors are granted, so that only a share that is
        surely low denies it."""
        taken = self._kin.carried_over(name, parent, ancestor)
        return taken is None or taken[0] + 2 * taken[1] >= CARRIED

    def _find_stacks(self) -> None:
        """Layers copied from two models: each explains blocks exactly that the other does not."""
        for name in self._heads:
            if self._parent(name) is None or self._forms[name] == self._usual:
                continue
            copied = {
                other: {
                    slot
                    for slot, equal in zip(pair.left, pair.equality.tolist(), strict=True)
                    if equal > EQUAL
                }
                for other in self._heads
                if other != name and self._kin.may_precede(other, name)
                for pair in (self._kin.pair(name, other),)
            }
            if not copied:
                continue
            first = max(copied, key=lambda other: (len(copied[other]), other))
            second = max(copied, key=lambda other: (len(copied[other] - copied[first]), other))
            parts = [copied[first], copied[second] - copied[first], copied[first] - copied[second]]
            if all(len(part) >= _FEW_BLOCKS for part in parts):
                self.descents[name] = Descent(Kind.STACKED, (first, second))

    def _above(self, name: str) -> set[str]:
        """All ancestors found so far."""
        found: set[str] = set()
        queue = [name]
        while queue:
            descent = self.descents.get(queue.pop())
            more = set(descent.parents) - found if descent else set()
            found |= more
            queue += more
        return found

    def _source_of(self, name: str) -> Descent:
        """The dense model a quantized file was made from: the one whose values round to it, then the one
        that shares most of what was left alone, then the nearest; of equals the ancestor, then the oldest."""
        own = self._sample(name)
        options = [other for other in self._heads if self._kin.may_precede(other, name)]

        def rank(other: str) -> tuple[float, float, float, int, tuple[bool, str, str]]:
            pair = self._kin.pair(name, other)
            covered = covered_share(own, self._sample(other))
            distance = pair.relative_distance
            return (
                0.0 if covered is None else -covered,
                -pair.equal,
                9.0 if distance is None else distance,
                len(self._above(other)),
                self._kin.age(other),
            )

        if not options:
            return Descent(Kind.ROOT)
        return Descent(Kind.QUANTIZED, (min(options, key=rank),))
