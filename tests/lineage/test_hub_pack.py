"""The walks on real lineage: 16,428 rows sampled from the Hub, with the counts published beside them."""

from __future__ import annotations

import csv
import gzip
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest

from registry.lineage.graph import impact, view
from registry.lineage.paths import find_paths
from registry.lineage.problems import find_problems
from registry.lineage.resolve import resolve
from registry.lineage.walks import bases_of, cycles, derivatives_of, reach
from registry.model.edges import Claim, Edge, Origin, Relation

FILE = Path(__file__).parents[3] / "shared" / "hub" / "edges.csv.gz"
ORIGINS = {"card": Origin.CARD, "tag": Origin.HUB, "graph": Origin.HUB, "table": Origin.HUB}

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not FILE.exists(), reason="the larger recorded data is not beside the checkout"),
]


@pytest.fixture(scope="module")
def rows() -> list[Mapping[str, str]]:
    with gzip.open(FILE, "rt", encoding="utf-8", newline="") as lines:
        # The leaderboard's table names the model itself or `Removed` as a base: its rows are no lineage.
        return [row for row in csv.DictReader(lines) if row["how"] != "leaderboard"]


@pytest.fixture(scope="module")
def graph(rows: list[Mapping[str, str]]) -> list[Edge]:
    claims: dict[str, list[Claim]] = {}
    for row in rows:
        relation = Relation(row["relation"]) if row["relation"] else Relation.UNKNOWN
        claim = Claim(ORIGINS[row["how"]], row["parent"], row["parent"], relation)
        claims.setdefault(row["child"], []).append(claim)
    return [edge for child, made in claims.items() for edge in resolve(child, made)]


def test_one_edge_per_pair(rows: list[Mapping[str, str]], graph: list[Edge]) -> None:
    assert len(rows) == 16_428
    assert len(graph) == len({(row["child"], row["parent"]) for row in rows}) == 15_227
    assert len({edge.base for edge in graph}) == 3_836


def test_self_loops_and_no_longer_cycle(graph: list[Edge]) -> None:
    codes = Counter(problem.code for problem in find_problems(graph, {}))
    assert codes["self-loop"] == 18
    assert codes["cycle"] == 0
    assert cycles(graph) == []


def test_deepest_chain(graph: list[Edge]) -> None:
    """Without cycles, the longest chain: each model one more than its deepest base."""
    bases = bases_of(edge for edge in graph if edge.derivative != edge.base)
    height: dict[str, int] = {}
    todo = list(bases)
    while todo:
        missing = [base for base in bases.get(todo[-1], ()) if base not in height]
        if missing:
            todo += missing
            continue
        name = todo.pop()
        height[name] = 1 + max((height[base] for base in bases.get(name, ())), default=-1)
    assert max(height.values()) == 14
    deepest = "VortexHunter23/LeoPARD-Coder-0.8.1-4bit"
    assert height[deepest] == 14
    found = find_paths(graph, deepest, "agentica-org/DeepCoder-14B-Preview")
    assert 14 in {len(path) for path in found.paths}


def test_most_parents(graph: list[Edge]) -> None:
    bases = bases_of(graph)
    most = max(bases, key=lambda name: len(bases[name]))
    assert (most, len(bases[most])) == ("PJMixers-Archive/LLaMa-3-CursedStock-v1.6-8B", 52)
    # More than one parent, a model naming itself left out.
    assert sum(len(set(bases[name]) - {name}) > 1 for name in bases) == 315


def test_every_walk_ends_and_agrees(graph: list[Edge]) -> None:
    up, down = bases_of(graph), derivatives_of(graph)
    for name in sorted(up):
        assert reach(name, up)[name] == 0
    for base in sorted(down, key=lambda name: -len(down[name]))[:20]:
        found = impact(graph, base)
        assert {one.repo_id for one in found.derivatives} | {base} == set(reach(base, down))
        seen = view(base, graph, graph, {}, limit=50)
        assert sum(depth > 0 for depth in seen.depth.values()) <= 50
