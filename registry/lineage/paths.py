"""Every way a model descends from a base, shortest first, found one at a time.

A merge of merges can have more paths than anyone will ever read, so they are produced lazily and the
work per path stays small even where models descend from one another in circles: a step is taken only
when the base can still be reached from there without meeting a model twice, and the length of the best
such way is known exactly. A walk therefore never runs into a dead end.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise

from registry.lineage.walks import components, reach
from registry.model.edges import Edge

PATH_LIMIT = 100
"""How many paths are worth listing unless somebody asks for more."""

_GOAL = -1


@dataclass(frozen=True, slots=True)
class FoundPaths:
    """Paths from a derivative up to a base. cut: there are more than were asked for."""

    paths: tuple[tuple[Edge, ...], ...]
    cut: bool


@dataclass(frozen=True, slots=True)
class _Step:
    """The end of a walk, linked to what came before; `length` in edges."""

    node: int
    before: _Step | None
    length: int


@dataclass(frozen=True, slots=True)
class _Maze:
    """The part of the graph that lies between start and goal, by number; the goal has no way out.

    remaining: edges from a node to the goal. room: a node's strongly connected component; a walk that
    leaves one never comes back.
    """

    ways: Mapping[int, Sequence[int]]
    remaining: Mapping[int, int]
    room: Mapping[int, int]
    crowded: frozenset[int]

    def way_out(self, node: int, met: frozenset[int] | set[int]) -> int | None:
        """Edges from `node` to the goal without touching `met` (all of the same room), if there is a way."""
        if self.room[node] not in self.crowded:
            return self.remaining[node]
        here = {node: 0}
        queue = deque([node])
        best: int | None = None
        while queue:
            at = queue.popleft()
            for other in self.ways.get(at, ()):
                if self.room[other] != self.room[node]:
                    total = here[at] + 1 + self.remaining[other]
                    best = total if best is None else min(best, total)
                elif other not in here and other not in met:
                    here[other] = here[at] + 1
                    queue.append(other)
        return best


def paths(
    edges: Iterable[Edge], derivative: str, base: str, limit: int = PATH_LIMIT
) -> tuple[tuple[Edge, ...], ...]:
    """The first `limit` paths of `walk_paths`."""
    return find_paths(edges, derivative, base, limit).paths


def find_paths(edges: Iterable[Edge], derivative: str, base: str, limit: int = PATH_LIMIT) -> FoundPaths:
    """The first `limit` paths of `walk_paths`, and whether there are more."""
    found = tuple(islice(walk_paths(edges, derivative, base), limit + 1))
    return FoundPaths(found[:limit], len(found) > limit)


def walk_paths(edges: Iterable[Edge], derivative: str, base: str) -> Iterator[tuple[Edge, ...]]:
    """Every path from `derivative` up to `base` that meets no model twice, shortest first.

    The order depends on the set of edges alone. From a model to itself the paths are the cycles through
    it. Stop reading whenever there are enough.
    """
    by_pair = {(edge.derivative, edge.base): edge for edge in edges}
    names = sorted({name for pair in by_pair for name in pair} | {derivative, base})
    number = {name: index for index, name in enumerate(names)}
    ways: defaultdict[int, list[int]] = defaultdict(list)
    for child, parent in sorted(by_pair):
        if parent == base:
            ways[number[child]].append(_GOAL)
        elif parent not in (child, derivative):
            ways[number[child]].append(number[parent])
    for walk in _walks(_maze(ways, number[derivative]), number[derivative]):
        stops = [*(names[node] for node in walk), base]
        yield tuple(by_pair[pair] for pair in pairwise(stops))


def _maze(ways: Mapping[int, Sequence[int]], start: int) -> _Maze:
    backwards: defaultdict[int, list[int]] = defaultdict(list)
    for node, others in ways.items():
        for other in others:
            backwards[other].append(node)
    remaining = reach(_GOAL, backwards)
    ahead = reach(start, ways)
    useful = {
        node: [other for other in ways.get(node, ()) if other in remaining]
        for node in ahead
        if node in remaining
    }
    room = components(useful)
    sizes: defaultdict[int, int] = defaultdict(int)
    for home in room.values():
        sizes[home] += 1
    return _Maze(useful, remaining, room, frozenset(home for home, size in sizes.items() if size > 1))


def _walks(maze: _Maze, start: int) -> Iterator[list[int]]:
    """Walks to the goal (left out) by length. `waiting` holds, for each total length, the walks that can
    be completed in exactly that many edges; the last one put there is carried on first."""
    if start not in maze.remaining:
        return
    waiting: defaultdict[int, list[_Step]] = defaultdict(list)
    total = maze.remaining[start]
    waiting[total].append(_Step(start, None, 0))
    while waiting:
        while waiting[total]:
            step = waiting[total].pop()
            if step.node == _GOAL:
                yield _trail(step)
                continue
            met = _met(maze, step)
            # Backwards, because the last one in is the first one out.
            for other in reversed(maze.ways[step.node]):
                if other in met:
                    continue
                rest = maze.way_out(other, met if maze.room[other] == maze.room[step.node] else set())
                if rest is not None:
                    waiting[step.length + 1 + rest].append(_Step(other, step, step.length + 1))
        del waiting[total]
        total = min(waiting, default=0)


def _met(maze: _Maze, step: _Step) -> set[int]:
    """The nodes of this walk that could be met again: those in the room it is in now."""
    home = maze.room[step.node]
    met: set[int] = set()
    at: _Step | None = step
    while at is not None and maze.room[at.node] == home:
        met.add(at.node)
        at = at.before
    return met


def _trail(step: _Step) -> list[int]:
    nodes: list[int] = []
    at = step.before
    while at is not None:
        nodes.append(at.node)
        at = at.before
    nodes.reverse()
    return nodes
