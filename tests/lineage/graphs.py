"""Small graphs for the tests of this room, and slow but obvious answers to check against."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from hypothesis import strategies as st

from registry.model.edges import Edge, Origin, Relation

Pairs = Iterable[tuple[str, str]]

pairs = st.lists(st.tuples(st.sampled_from("abcdefg"), st.sampled_from("abcdefg")), max_size=24)


def edge(derivative: str, base: str, relation: Relation = Relation.FINETUNE) -> Edge:
    return Edge(derivative, base, relation, (Origin.HUB,))


def edges(of: Pairs) -> list[Edge]:
    return [edge(derivative, base) for derivative, base in of]


def chain(length: int) -> list[Edge]:
    """`m0` from `m1` from ... `m{length}`."""
    return [edge(f"m{step}", f"m{step + 1}") for step in range(length)]


def closure(of: Pairs) -> set[tuple[str, str]]:
    """All pairs (x, y) with y reachable from x in one step or more, by saturation."""
    known = set(of)
    while True:
        more = known | {(a, d) for a, b in known for c, d in known if b == c}
        if more == known:
            return known
        known = more


def simple_paths(of: Pairs, start: str, goal: str) -> Iterator[tuple[str, ...]]:
    """Every path that meets no node twice, by trying everything; from a node to itself every cycle."""
    links = sorted(set(of))

    def on(trail: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        for derivative, base in links:
            if derivative != trail[-1]:
                continue
            if base == goal:
                yield (*trail, base)
            elif base not in trail:
                yield from on((*trail, base))

    return on((start,))
