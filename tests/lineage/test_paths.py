"""Every way up, shortest first, and never more work than was asked for."""

from __future__ import annotations

from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.lineage.paths import find_paths, paths, walk_paths
from registry.model.edges import Edge
from tests.lineage.graphs import Pairs, chain, edge, edges, pairs, simple_paths


def names(path: tuple[Edge, ...]) -> tuple[str, ...]:
    return (path[0].derivative, *(step.base for step in path))


@given(pairs, st.sampled_from("abcdefg"), st.sampled_from("abcdefg"), st.randoms(use_true_random=False))
def test_all_simple_paths_by_length(links: Pairs, start: str, goal: str, random: object) -> None:
    graph = edges(links)
    found = [names(path) for path in walk_paths(graph, start, goal)]
    assert sorted(found) == sorted(simple_paths(links, start, goal))
    assert [len(path) for path in found] == sorted(len(path) for path in found)
    random.shuffle(graph)  # type: ignore[attr-defined]
    assert [names(path) for path in walk_paths(graph, start, goal)] == found


def test_edges_are_the_ones_given() -> None:
    up, over = edge("a", "b"), edge("b", "c")
    assert paths([over, up], "a", "c") == ((up, over),)


def test_no_way_is_no_path() -> None:
    assert paths(chain(3), "m3", "m0") == ()
    assert paths([], "a", "b") == ()
    assert not find_paths(chain(3), "m0", "elsewhere").cut


def test_the_cut_is_said() -> None:
    graph = edges([("a", "x"), ("a", "y"), ("x", "b"), ("y", "b"), ("a", "b")])
    assert [names(path) for path in paths(graph, "a", "b", 1)] == [("a", "b")]
    assert find_paths(graph, "a", "b", 2).cut
    assert not find_paths(graph, "a", "b", 3).cut


def test_ways_to_itself_are_its_cycles() -> None:
    graph = edges([("a", "a"), ("a", "b"), ("b", "a"), ("b", "c")])
    assert [names(path) for path in paths(graph, "a", "a")] == [("a", "a"), ("a", "b", "a")]


def test_exploding_merges_stay_lazy() -> None:
    """Sixty layers of two: more paths than could ever be counted."""
    rungs = [(f"{level}/{i}", f"{level + 1}/{j}") for level in range(60) for i in "ab" for j in "ab"]
    graph = edges([*rungs, ("60/a", "root"), ("60/b", "root")])
    found = find_paths(graph, "0/a", "root", 50)
    assert len({names(path) for path in found.paths}) == 50
    assert found.cut


def test_a_crowd_where_everybody_descends_from_everybody() -> None:
    crowd = [f"k{number:02}" for number in range(24)]
    graph = edges([(a, b) for a in crowd for b in crowd])
    found = list(islice(walk_paths(graph, "k00", "k23"), 200))
    assert [len(path) for path in found[:23]] == [1] + [2] * 22
    assert all(len(set(names(path))) == len(names(path)) for path in found)


def test_blind_alleys_inside_a_circle_are_never_entered() -> None:
    """Without looking ahead the walk would try every order of the crowd before it gave up."""
    crowd = [f"k{number:02}" for number in range(30)]
    links = [(a, b) for a in crowd for b in crowd] + [("start", "gate"), ("gate", "goal")]
    links += [("gate", crowd[0]), (crowd[-1], "gate")]
    assert [names(path) for path in paths(edges(links), "start", "goal")] == [("start", "gate", "goal")]


@pytest.mark.parametrize("length", [100_000])
def test_a_chain_deeper_than_the_stack(length: int) -> None:
    (path,) = paths(chain(length), "m0", f"m{length}")
    assert len(path) == length
