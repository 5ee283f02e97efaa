"""Questions to the lineage of a whole catalog: circles, generations, families and the largest of them.

All of it goes level by level over flat arrays; what is left in or between circles after peeling is small
and walked model by model. A model that names itself as its base is no circle of several: that edge alone
is passed over, and told by `LineageGraph.loops`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from registry.lineage.csr import RELATIONS, Flags, LineageGraph, Numbers, Rows, distinct
from registry.lineage.walks import components


@dataclass(frozen=True, slots=True)
class Reach:
    """What descends from one model. depth: steps to the farthest. relations: derivatives by their relation
    to the base they are nearest through, of several the one with the least number."""

    derivatives: int
    depth: int
    relations: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Cycles:
    """Groups of two or more models that all descend from one another, by number, ascending.

    home: for each model the least member of its group, itself when it is in none.
    """

    groups: tuple[tuple[int, ...], ...]
    home: Numbers


def find_cycles(graph: LineageGraph) -> Cycles:
    """The strongly connected components with more than one model."""
    straight = ~graph.loops
    down = graph.down if straight.all() else graph.down.kept(straight)
    # What descends from no circle falls to peeling from the roots, what leads to none to peeling from the
    # leaves; circles and the ways between them stay.
    inner = ~_peeled(down, np.ones(down.size, bool))
    if inner.any():
        inner &= ~_peeled(down.turned(), inner)
    home = np.arange(graph.size, dtype=np.int32)
    groups = []
    members: dict[int, list[int]] = {}
    for node, room in components(_within(down, inner)).items():
        members.setdefault(room, []).append(node)
    for group in members.values():
        if len(group) > 1:
            groups.append(tuple(sorted(group)))
            home[group] = min(group)
    return Cycles(tuple(sorted(groups)), home)


def _peeled(rows: Rows, among: Flags) -> Flags:
    """Which of the nodes `among` go when those without a way in are taken off again and again."""
    gone = np.zeros(rows.size, bool)
    for level in _layers(rows, among):
        gone[level] = True
    return gone


def _layers(rows: Rows, among: Flags) -> list[Numbers]:
    """Those nodes by the length of the longest way to them; what lies on or behind a circle is in none."""
    inside = among[rows.targets] & np.repeat(among, rows.degrees)
    waiting = np.bincount(rows.targets[inside], minlength=rows.size)
    layers: list[Numbers] = []
    level: Numbers = np.flatnonzero(among & (waiting == 0))
    while len(level):
        layers.append(level)
        found = rows.of(level[rows.starts[level + 1] > rows.starts[level]])
        found = found[among[found]]
        np.subtract.at(waiting, found, 1)
        level = distinct(found[waiting[found] == 0])
    return layers


def _within(rows: Rows, among: Flags) -> dict[int, list[int]]:
    """The neighbours of each of the nodes `among` as far as they are themselves."""
    found: dict[int, list[int]] = {}
    for node in np.flatnonzero(among):
        targets = rows.of(np.array([node]))
        found[int(node)] = targets[among[targets]].tolist()
    return found


class Generations:
    """How long the longest chain of derivatives down to each model is.

    Edges inside a circle are left out: along them a chain would have no end.
    """

    def __init__(self, graph: LineageGraph, cycles: Cycles) -> None:
        home = cycles.home
        sources = graph.down.sources()
        down = graph.down.kept(home[sources] != home[graph.down.targets])
        self._up = down.turned()
        self.depth: NDArray[np.int32] = np.zeros(graph.size, np.int32)
        for number, level in enumerate(_layers(down, np.ones(down.size, bool))):
            self.depth[level] = number
        self._ends = (down.degrees == 0) & (self.depth > 0)

    def ends(self, count: int) -> Numbers:
        """The models the `count` longest chains end in, and all that tie with the last of them."""
        ends = np.flatnonzero(self._ends)
        return _largest(ends, self.depth[ends], count)

    def chain(self, end: int) -> list[int]:
        """The longest chain that ends in a model, root first; where several are, along least numbers."""
        chain = [end]
        while self.depth[chain[-1]]:
            bases = self._up.of(np.array(chain[-1:]))
            chain.append(int(bases[self.depth[bases] == self.depth[chain[-1]] - 1][0]))
        return chain[::-1]


class Families:
    """What descends from whom, counted. A circle with everything below it descends from each of its members.

    For most models the sum over their derivatives is the count; only where ways join again below a model
    does it count some twice and has to be walked.
    """

    def __init__(self, graph: LineageGraph, cycles: Cycles) -> None:
        self.graph = graph
        self._home = cycles.home
        size = np.bincount(cycles.home, minlength=graph.size)
        sources, targets = cycles.home[graph.down.sources()], cycles.home[graph.down.targets]
        between = sources != targets
        down = Rows.between(graph.size, sources[between], targets[between])
        self._seen = np.zeros(graph.size, bool)
        self._has_base = np.bincount(down.targets, minlength=graph.size) > 0
        self._most, self._joined = _sums(down, size)
        self._most += size - 1

    def roots(self) -> Numbers:
        """The models without a base that others were made from; of a circle nothing leads to, the least."""
        numbers = np.arange(self.graph.size)
        return np.flatnonzero((self._home == numbers) & ~self._has_base & (self._most > 0))

    def bases(self) -> Numbers:
        """The models others were made from."""
        return np.flatnonzero(self._most[self._home] > 0)

    def largest(self, among: Numbers, count: int | None = None) -> tuple[Numbers, Numbers]:
        """Those of the models `among` with the most descendants, all that tie with the last of `count`, and
        how many each has, most first. `None`: every one of them."""
        bound = self._most[self._home[among]]
        order = np.argsort(-bound, kind="stable")
        among, bound = among[order], bound[order]
        wanted = len(among) if count is None else min(count, len(among))
        exact = np.where(self._joined[self._home[among]], -1, bound).astype(np.int64)
        done = 0
        least = -1
        # Nobody has more descendants than the bound; once it falls below the last wanted, the rest is out.
        while done < len(among) and (done < wanted or bound[done] >= least):
            step = min(done + max(16, wanted - done), len(among))
            for place in np.flatnonzero(exact[done:step] < 0) + done:
                exact[place] = len(self.graph.descendants(int(among[place])))
            done = step
            if 0 < wanted < done:
                least = int(np.partition(exact[:done], done - wanted)[done - wanted])
        chosen = np.flatnonzero(exact[:done] >= least)
        chosen = chosen[np.argsort(-exact[chosen], kind="stable")]
        return among[chosen], exact[chosen]

    def reach(self, start: int) -> Reach:
        """What descends from one model."""
        down, seen = self.graph.down, self._seen
        counts = np.zeros(len(RELATIONS), np.int64)
        levels: list[Numbers] = [np.array([start])]
        seen[start] = True
        while len(levels[-1]):
            places = down.places(levels[-1])
            places = places[~seen[down.targets[places]]]
            level, first = np.unique(down.targets[places], return_index=True)
            seen[level] = True
            levels.append(level)
            counts += np.bincount(self.graph.relations[places[first]], minlength=len(RELATIONS))
        for level in levels:
            seen[level] = False
        told = {str(relation): int(found) for relation, found in zip(RELATIONS, counts, strict=True) if found}
        return Reach(int(counts.sum()), len(levels) - 2, dict(sorted(told.items())))


def most_derivatives(graph: LineageGraph, count: int) -> Numbers:
    """The models with the most direct derivatives, and all that tie with the last of `count`."""
    degrees = direct_derivatives(graph)
    bases = np.flatnonzero(degrees)
    return _largest(bases, degrees[bases], count)


def direct_derivatives(graph: LineageGraph) -> Numbers:
    """How many direct derivatives each model has, itself never counted."""
    return graph.down.degrees - np.bincount(graph.down.targets[graph.loops], minlength=graph.size)


def _largest(nodes: Numbers, worth: Numbers, count: int) -> Numbers:
    """The nodes of greatest worth, most first, and all that tie with the last of `count`."""
    if count < len(nodes):
        least = np.partition(worth, len(worth) - count)[len(worth) - count]
        nodes, worth = nodes[worth >= least], worth[worth >= least]
    return nodes[np.argsort(-worth.astype(np.int64), kind="stable")]


def _sums(down: Rows, size: Numbers) -> tuple[NDArray[np.float64], Flags]:
    """For each node of a graph without circles: the sizes of all nodes below it summed over all ways down,
    which may be astronomic, and whether any two ways join."""
    total = np.zeros(down.size)
    joined = np.zeros(down.size, bool)
    up = down.turned()
    several = up.degrees > 1
    with np.errstate(over="ignore"):
        for level in reversed(_layers(down, np.ones(down.size, bool))):
            bases, counts = up.of(level), up.degrees[level]
            np.add.at(total, bases, np.repeat(total[level] + size[level], counts))
            joined[bases[np.repeat(joined[level] | several[level], counts)]] = True
    return total, joined
