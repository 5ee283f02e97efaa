from __future__ import annotations

from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from registry.weights.arborescence import cheapest_tree

ROOT = 0


def cost(tree: dict[int, int], costs: dict[int, dict[int, float]]) -> float:
    return sum(costs[child][parent] for child, parent in tree.items())


def is_tree(tree: dict[int, int]) -> bool:
    for start in tree:
        seen, node = set(), start
        while node != ROOT:
            if node in seen:
                return False
            seen.add(node)
            node = tree[node]
    return True


@settings(max_examples=300)
@given(st.data())
def test_it_is_the_cheapest_of_all_trees(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 5))
    costs: dict[int, dict[int, float]] = {}
    for child in range(1, count + 1):
        others = [p for p in range(1, count + 1) if p != child]
        parents = [ROOT, *data.draw(st.lists(st.sampled_from(others), unique=True))] if others else [ROOT]
        costs[child] = {parent: float(data.draw(st.integers(0, 20))) for parent in parents}
    tree = cheapest_tree(costs, ROOT)
    assert set(tree) == set(costs)
    assert is_tree(tree)
    every = (dict(zip(costs, parents, strict=True)) for parents in product(*costs.values()))
    assert cost(tree, costs) == min(cost(t, costs) for t in every if is_tree(t))


def test_a_circle_is_opened_where_it_is_cheapest() -> None:
    costs = {1: {2: 1.0, ROOT: 10.0}, 2: {1: 1.0, ROOT: 8.0}}
    assert cheapest_tree(costs, ROOT) == {1: 2, 2: ROOT}
