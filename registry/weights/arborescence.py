"""The cheapest tree in which every node has one parent: Chu and Liu 1965, Edmonds 1967."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TypeVar

Node = TypeVar("Node", bound=Hashable)


def cheapest_tree(costs: Mapping[Node, Mapping[Node, float]], root: Node) -> dict[Node, Node]:
    """Parent of every node but the root. costs: `costs[child][parent]`, absent where it may not be; every
    child needs at least the root. Of equal costs the parent listed first is taken.
    """
    return dict(_solve({node: dict(row) for node, row in costs.items() if node != root}, root))


def _solve(costs: dict[Node, dict[Node, float]], root: Node) -> dict[Node, Node]:
    nearest = {node: min(row, key=row.__getitem__) for node, row in costs.items()}
    circle = _circle(nearest, root)
    if circle is None:
        return nearest
    # The circle becomes one node, named by its first member; edges remember which end they really have.
    members, joint = set(circle), circle[0]
    inward: dict[Node, tuple[float, Node]] = {}
    shrunk: dict[Node, dict[Node, float]] = {joint: {}}
    outward: dict[Node, Node] = {}
    for node, row in costs.items():
        if node in members:
            for parent, cost in row.items():
                if parent in members:
                    continue
                extra = cost - row[nearest[node]]
                if parent not in inward or extra < inward[parent][0]:
                    inward[parent] = (extra, node)
            continue
        kept = {parent: cost for parent, cost in row.items() if parent not in members}
        inner = [parent for parent in row if parent in members]
        if inner:
            outward[node] = min(inner, key=row.__getitem__)
            kept[joint] = row[outward[node]]
        shrunk[node] = kept
    shrunk[joint] = {parent: cost for parent, (cost, _) in inward.items()}
    tree = _solve(shrunk, root)
    solved = {node: outward[node] if parent == joint else parent for node, parent in tree.items()}
    entry = tree[joint]
    opened = inward[entry][1]
    solved.update({node: nearest[node] for node in circle if node != opened})
    if joint != opened:
        solved[joint] = nearest[joint]
    solved[opened] = entry
    return solved


def _circle(nearest: Mapping[Node, Node], root: Node) -> list[Node] | None:
    done: set[Node] = {root}
    for start in nearest:
        trail: list[Node] = []
        node = start
        while node not in done and node not in trail:
            trail.append(node)
            node = nearest[node]
        if node in trail:
            return trail[trail.index(node) :]
        done.update(trail)
    return None
