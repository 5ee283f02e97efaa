"""Walks over edges that always end: no recursion, every model visited once, cycles or not."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import TypeVar

from registry.model.edges import Edge

Node = TypeVar("Node", bound=Hashable)
Neighbours = Mapping[Node, Sequence[Node]]
"""For each node the nodes one step away; a node without any may be missing."""


def bases_of(edges: Iterable[Edge]) -> dict[str, list[str]]:
    """For each derivative its bases, sorted, each once."""
    return _gathered((edge.derivative, edge.base) for edge in edges)


def derivatives_of(edges: Iterable[Edge]) -> dict[str, list[str]]:
    """For each base its derivatives, sorted, each once."""
    return _gathered((edge.base, edge.derivative) for edge in edges)


def reach(start: Node, neighbours: Neighbours[Node], depth: int | None = None) -> dict[Node, int]:
    """Everything reachable from `start` (itself at 0) with its shortest distance, nearest first.

    depth: how many steps to go, `None` for as far as it goes.
    """
    distance = {start: 0}
    queue = deque([start])
    while queue:
        node = queue.popleft()
        step = distance[node] + 1
        if depth is not None and step > depth:
            break
        for other in neighbours.get(node, ()):
            if other not in distance:
                distance[other] = step
                queue.append(other)
    return distance


def components(neighbours: Neighbours[Node]) -> dict[Node, int]:
    """The strongly connected component of each node, as a number: two nodes share one exactly when each
    can be reached from the other. Tarjan's algorithm (1972) with its call stack kept by hand."""
    order: dict[Node, int] = {}
    lowest: dict[Node, int] = {}
    component: dict[Node, int] = {}
    open_nodes: list[Node] = []
    found = 0
    for root in neighbours:
        if root in order:
            continue
        order[root] = lowest[root] = len(order)
        open_nodes.append(root)
        calls = [(root, iter(neighbours.get(root, ())))]
        while calls:
            node, rest = calls[-1]
            for other in rest:
                if other not in order:
                    order[other] = lowest[other] = len(order)
                    open_nodes.append(other)
                    calls.append((other, iter(neighbours.get(other, ()))))
                    break
                if other not in component:
                    lowest[node] = min(lowest[node], order[other])
            else:
                calls.pop()
                if calls:
                    caller = calls[-1][0]
                    lowest[caller] = min(lowest[caller], lowest[node])
                if lowest[node] == order[node]:
                    _close(node, open_nodes, component, found)
                    found += 1
    return component


def cycles(edges: Iterable[Edge]) -> list[tuple[str, ...]]:
    """Groups of two or more models that all descend from one another, each group and the list sorted."""
    groups: defaultdict[int, list[str]] = defaultdict(list)
    for node, number in components(bases_of(edges)).items():
        groups[number].append(node)
    return sorted(tuple(sorted(group)) for group in groups.values() if len(group) > 1)


def _close(node: Node, open_nodes: list[Node], component: dict[Node, int], number: int) -> None:
    while True:
        member = open_nodes.pop()
        component[member] = number
        if member == node:
            return


def _gathered(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    groups: defaultdict[str, set[str]] = defaultdict(set)
    for key, value in pairs:
        groups[key].add(value)
    return {key: sorted(groups[key]) for key in sorted(groups)}
