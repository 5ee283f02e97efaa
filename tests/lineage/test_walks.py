"""Walks reach what can be reached, once, and end."""

from __future__ import annotations

import sys

from hypothesis import given
from hypothesis import strategies as st

from registry.lineage.walks import bases_of, components, cycles, derivatives_of, reach
from tests.lineage.graphs import Pairs, chain, closure, edges, pairs


def test_neighbours_are_sorted_and_unique() -> None:
    graph = edges([("x", "b"), ("x", "a"), ("x", "b"), ("w", "a")])
    assert bases_of(graph) == {"w": ["a"], "x": ["a", "b"]}
    assert derivatives_of(graph) == {"a": ["w", "x"], "b": ["x"]}


def test_depth_is_respected() -> None:
    neighbours = bases_of(chain(5))
    assert reach("m0", neighbours, 2) == {"m0": 0, "m1": 1, "m2": 2}
    assert reach("m0", neighbours, 0) == {"m0": 0}
    assert reach("nobody", neighbours) == {"nobody": 0}


def test_a_chain_deeper_than_the_stack() -> None:
    length = 100 * sys.getrecursionlimit()
    graph = chain(length)
    assert reach("m0", bases_of(graph))[f"m{length}"] == length
    assert cycles(graph) == []


@given(pairs, st.sampled_from("abcdefg"), st.none() | st.integers(0, 4))
def test_reach_is_shortest(links: Pairs, start: str, depth: int | None) -> None:
    expected = {start: 0}
    frontier, step = {start}, 0
    while frontier and (depth is None or step < depth):
        step += 1
        frontier = {base for node, base in links if node in frontier} - expected.keys()
        expected |= dict.fromkeys(frontier, step)
    assert reach(start, bases_of(edges(links)), depth) == expected


@given(pairs)
def test_components_are_mutual_reach(links: Pairs) -> None:
    numbers = components(bases_of(edges(links)))
    reachable = closure(links)
    assert set(numbers) == {name for pair in links for name in pair}
    for a in numbers:
        for b in numbers:
            mutual = a == b or ((a, b) in reachable and (b, a) in reachable)
            assert (numbers[a] == numbers[b]) == mutual


def test_cycles_leave_self_loops_out() -> None:
    assert cycles(edges([("a", "a"), ("a", "b"), ("d", "c"), ("c", "d"), ("c", "a")])) == [("c", "d")]
