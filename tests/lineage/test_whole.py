"""The engine of whole-graph questions against naive answers."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.lineage.csr import RELATIONS, LineageGraph, Rows, distinct
from registry.lineage.whole import (
    Families,
    Generations,
    direct_derivatives,
    find_cycles,
    most_derivatives,
)

few = settings(max_examples=50, deadline=None)

Edges = dict[tuple[int, int], int]
"""(base, derivative) to the code of a relation."""


@st.composite
def lineages(draw: st.DrawFn) -> Edges:
    """Small graphs with gaps between ids, circles, loops and merges."""
    ids = draw(st.lists(st.integers(1, 40), min_size=1, max_size=12, unique=True))
    pairs = st.tuples(st.sampled_from(ids), st.sampled_from(ids))
    return draw(st.dictionaries(pairs, st.integers(0, len(RELATIONS) - 1), max_size=24))


def made(edges: Edges, version: int = 1) -> LineageGraph:
    bases, derivatives = (np.array([pair[side] for pair in edges], np.int64) for side in (0, 1))
    return LineageGraph.of(version, bases, derivatives, np.array([*edges.values()], np.uint8))


def below(edges: Edges, start: int) -> dict[int, int]:
    """Descendants and how far they are; the start itself never counts."""
    found, level, steps = {start: 0}, {start}, 0
    while level:
        steps += 1
        level = {derivative for base, derivative in edges if base in level} - found.keys()
        found |= dict.fromkeys(level, steps)
    del found[start]
    return found


def circles(edges: Edges) -> set[tuple[int, ...]]:
    nodes = {node for pair in edges for node in pair}
    return {
        group
        for node in nodes
        if len(group := tuple(sorted({node, *(o for o in below(edges, node) if node in below(edges, o))})))
        > 1
    }


def longest(edges: Edges) -> dict[int, int]:
    """The longest way down to each model without edges inside a circle."""
    home = {node: group for group in circles(edges) for node in group}
    straight = [(b, d) for b, d in edges if b != d and (b not in home or home[b] != home.get(d))]
    depth = {node: 0 for pair in edges for node in pair}
    for _ in depth:
        for base, derivative in straight:
            depth[derivative] = max(depth[derivative], depth[base] + 1)
    return depth


@few
@given(lineages())
def test_the_arrays_hold_just_the_edges(edges: Edges) -> None:
    graph = made(edges)
    assert graph.is_sound()
    assert graph.ids.tolist() == sorted({node for pair in edges for node in pair})
    pairs = zip(graph.ids[graph.down.sources()].tolist(), graph.ids[graph.down.targets].tolist(), strict=True)
    assert dict(zip(pairs, graph.relations.tolist(), strict=True)) == edges
    up = zip(graph.ids[graph.up.sources()].tolist(), graph.ids[graph.up.targets].tolist(), strict=True)
    assert sorted(up) == sorted((derivative, base) for base, derivative in edges)


@few
@given(lineages())
def test_descendants_by_level(edges: Edges) -> None:
    graph = made(edges)
    for model_id in graph.ids.tolist():
        number = graph.number(model_id)
        assert number is not None
        steps = {
            int(one): depth for depth, level in enumerate(graph.levels(number), 1) for one in graph.ids[level]
        }
        assert steps == below(edges, model_id)
        assert sorted(graph.ids[graph.descendants(number)].tolist()) == sorted(steps)


@few
@given(lineages())
def test_cycles(edges: Edges) -> None:
    graph = made(edges)
    found = find_cycles(graph)
    groups = [tuple(graph.ids[list(group)].tolist()) for group in found.groups]
    assert groups == sorted(circles(edges))
    for number, home in enumerate(found.home.tolist()):
        assert home == next((group[0] for group in found.groups if number in group), number)


@few
@given(lineages(), st.integers(1, 20))
def test_the_longest_chains(edges: Edges, count: int) -> None:
    graph = made(edges)
    generations = Generations(graph, find_cycles(graph))
    depth = longest(edges)
    assert dict(zip(graph.ids.tolist(), generations.depth.tolist(), strict=True)) == depth
    ends = generations.ends(count).tolist()
    steps = [int(generations.depth[end]) for end in ends]
    assert steps == sorted(steps, reverse=True)
    for end in ends:
        chain = [int(graph.ids[number]) for number in generations.chain(end)]
        assert len(chain) == depth[chain[-1]] + 1
        assert all(pair in edges for pair in pairwise(chain))
        assert len(set(chain)) == len(chain)
    if max(depth.values(), default=0):
        assert steps[0] == max(depth.values())
    if len(ends) > count:
        assert steps[-1] == steps[count - 1], "only what ties with the last is given beyond the count"


@few
@given(lineages(), st.integers(1, 20))
def test_families_and_bases(edges: Edges, count: int) -> None:
    graph = made(edges)
    kin = Families(graph, find_cycles(graph))
    home = {node: group for group in circles(edges) for node in group}
    foreign = {d for b, d in edges if b != d and (b not in home or home[b] != home.get(d))}
    foreign |= {node for node in home if foreign.intersection(home[node])}
    sizes = {node: len(below(edges, node)) for pair in edges for node in pair}
    roots = {
        node for node in sizes if node not in foreign and sizes[node] and home.get(node, (node,))[0] == node
    }
    assert set(graph.ids[kin.roots()].tolist()) == roots
    assert set(graph.ids[kin.bases()].tolist()) == {node for node in sizes if sizes[node]}
    for among in (kin.roots(), kin.bases()):
        every, counts = kin.largest(among)
        assert dict(zip(graph.ids[every].tolist(), counts.tolist(), strict=True)) == {
            int(node): sizes[int(node)] for node in graph.ids[among]
        }
        most, some = kin.largest(among, count)
        assert some.tolist() == [worth for worth in counts.tolist() if worth >= some[-1]]
        assert len(most) >= min(count, len(among))
        assert len(most) <= count or some[-1] == some[count - 1]


@few
@given(lineages())
def test_what_one_model_reaches(edges: Edges) -> None:
    graph = made(edges)
    kin = Families(graph, find_cycles(graph))
    for number in range(graph.size):
        steps = below(edges, int(graph.ids[number]))
        reach = kin.reach(number)
        assert (reach.derivatives, reach.depth) == (len(steps), max(steps.values(), default=0))
        counts = dict.fromkeys((str(relation) for relation in RELATIONS), 0)
        near = {int(graph.ids[number]): 0, **steps}
        for node, depth in steps.items():
            via = min(
                base for base, derivative in edges if derivative == node and near.get(base) == depth - 1
            )
            counts[str(RELATIONS[edges[via, node]])] += 1
        assert dict(reach.relations) == {name: found for name, found in sorted(counts.items()) if found}


@few
@given(lineages(), st.integers(1, 20))
def test_direct_derivatives(edges: Edges, count: int) -> None:
    graph = made(edges)
    direct = {node: len({d for b, d in edges if b == node != d}) for pair in edges for node in pair}
    assert dict(zip(graph.ids.tolist(), direct_derivatives(graph).tolist(), strict=True)) == direct
    most = [direct[int(node)] for node in graph.ids[most_derivatives(graph, count)]]
    ranked = sorted((worth for worth in direct.values() if worth), reverse=True)
    assert most[:count] == ranked[:count]


def test_merges_of_merges_count_nobody_twice() -> None:
    """Every layer doubles the ways down: a count summed over all of them would end in infinity."""
    layers = 1200
    edges = {}
    for layer in range(layers):
        top, left, right, low = (3 * layer + step for step in (1, 2, 3, 4))
        edges |= dict.fromkeys([(top, left), (top, right), (left, low), (right, low)], 2)
    graph = made(edges)
    kin = Families(graph, find_cycles(graph))
    roots, counts = kin.largest(kin.roots(), 1)
    assert (graph.ids[roots].tolist(), counts.tolist()) == ([1], [3 * layers])
    assert Generations(graph, find_cycles(graph)).depth.max() == 2 * layers


@pytest.mark.parametrize("far", [1, 10**9], ids=["dense", "sparse"])
def test_ids_may_have_gaps(far: int) -> None:
    graph = made({(7, 3 * far + 9): 1, (3 * far + 9, 2 * far + 8): 0})
    assert graph.ids.tolist() == sorted([7, 3 * far + 9, 2 * far + 8])
    root = graph.number(7)
    assert root is not None
    assert graph.ids[graph.descendants(root)].tolist() == [3 * far + 9, 2 * far + 8]
    assert graph.number(8) is None
    assert graph.number(10**12) is None


def test_nothing_at_all() -> None:
    graph = made({})
    assert (graph.size, graph.is_sound()) == (0, True)
    kin = Families(graph, find_cycles(graph))
    assert len(kin.largest(kin.roots(), 5)[0]) == 0
    assert len(Generations(graph, find_cycles(graph)).ends(3)) == 0


@pytest.mark.parametrize(
    ("starts", "targets", "relations"),
    [([0, 1], [0], [0]), ([0, 1, 1], [2], [0]), ([0, 1, 1], [-1], [0]), ([0, 2, 1], [1], [0])],
)
def test_unsound_arrays(starts: list[int], targets: list[int], relations: list[int]) -> None:
    down = Rows(np.array(starts, np.int32), np.array(targets, np.int32))
    assert not LineageGraph(1, np.array([4, 9]), down, np.array(relations, np.uint8)).is_sound()
    sound = Rows(np.array([0, 1, 1], np.int32), np.array([1], np.int32))
    assert LineageGraph(1, np.array([4, 9]), sound, np.array([5], np.uint8)).is_sound()
    assert not LineageGraph(1, np.array([9, 4]), sound, np.array([5], np.uint8)).is_sound()
    assert not LineageGraph(1, np.array([4, 9]), sound, np.array([6], np.uint8)).is_sound()


def test_distinct() -> None:
    assert distinct(np.array([3, 1, 3, 2, 1])).tolist() == [1, 2, 3]
    assert distinct(np.array([], np.int32)).tolist() == []
