"""What a view shows around a model, and what descends from it."""

from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st

from registry.lineage.graph import Derived, impact, stub, view
from registry.model.edges import Claim, Origin, Relation
from registry.model.records import KeptClaim
from registry.model.refs import SourceName
from tests.lineage.graphs import Pairs, chain, closure, edge, edges, pairs
from tests.lineage.test_problems import SEEN, known


def test_depth_is_negative_towards_bases() -> None:
    up, down = edges([("m", "b"), ("b", "root")]), edges([("q", "m"), ("g", "q"), ("g", "m")])
    seen = view("m", up, down, known("m", "b", "root", "q", "g"))
    assert dict(seen.depth) == {"root": -2, "b": -1, "m": 0, "g": 1, "q": 1}
    assert [node.repo_id for node in seen.nodes] == ["root", "b", "m", "g", "q"]
    assert [(e.derivative, e.base) for e in seen.edges] == [
        ("b", "root"),
        ("g", "m"),
        ("g", "q"),
        ("m", "b"),
        ("q", "m"),
    ]
    assert seen.problems == ()


def test_generations_can_be_limited() -> None:
    seen = view("m2", chain(2)[::-1] + chain(5), chain(5), {}, up=1, down=1)
    assert dict(seen.depth) == {"m3": -1, "m2": 0, "m1": 1}
    assert len(seen.edges) == 2


def test_the_nearest_derivatives_are_kept_and_the_cut_is_said() -> None:
    down = edges([("a1", "m"), ("a2", "m"), ("b1", "a1")])
    briefs = known("a1", "a2", "b1", "m")
    seen = view("m", [], down, briefs, limit=2)
    assert dict(seen.depth) == {"m": 0, "a1": 1, "a2": 1}
    assert [problem.code for problem in seen.problems] == ["cut"]
    assert view("m", [], down, briefs, limit=3).problems == ()
    assert [problem.code for problem in view("m", [], down, briefs, more=True).problems] == ["cut"]


def test_a_lonely_model_is_a_view_of_itself() -> None:
    seen = view("data:squad", [], [], {})
    assert seen.nodes == (stub("data:squad"),)
    assert seen.nodes[0].source is SourceName.DATA
    assert seen.edges == ()


def test_stubs_know_their_source() -> None:
    assert stub("org/x").source is SourceName.HUB
    assert stub("paper:openai/gpt-3").source is SourceName.PAPER
    assert not stub("org/x").tracked


def test_cycles_end_and_are_reported() -> None:
    ring = edges([("a", "b"), ("b", "c"), ("c", "a"), ("a", "a")])
    seen = view("a", ring, ring, known("a", "b", "c"))
    assert dict(seen.depth) == {"a": 0, "b": -1, "c": 1}
    assert len(seen.edges) == 4
    assert [problem.code for problem in seen.problems] == ["cycle", "self-loop"]


def test_claims_of_models_out_of_view_are_ignored() -> None:
    claim = Claim(Origin.CARD, "/tmp/x", None)
    claims = [KeptClaim(name, claim, None, True, None, SEEN) for name in ("m", "elsewhere")]
    (problem,) = view("m", [], [], known("m"), claims=claims).problems
    assert problem.models == ("m",)


@given(pairs, st.sampled_from("abcdefg"))
def test_a_view_holds_what_is_reachable_and_nothing_else(links: Pairs, root: str) -> None:
    graph = edges(links)
    reachable = closure(links)
    above = {base for derivative, base in reachable if derivative == root}
    below = {derivative for derivative, base in reachable if base == root}
    seen = view(root, graph, graph, {})
    assert set(seen.depth) == {root} | above | below
    assert seen.depth[root] == 0
    for name, depth in seen.depth.items():
        if name != root:
            assert name in (above if depth < 0 else below)
    assert {(e.derivative, e.base) for e in seen.edges} == {
        pair for pair in links if set(pair) <= set(seen.depth)
    }


def test_impact_tells_depth_way_and_relation() -> None:
    graph = [
        edge("a", "base", Relation.ADAPTER),
        edge("b", "base", Relation.QUANTIZED),
        edge("c", "b", Relation.MERGE),
        edge("c", "a", Relation.MERGE),
        edge("base", "c", Relation.MERGE),
    ]
    found = impact(graph, "base")
    assert found.derivatives == (
        Derived("a", 1, "base", Relation.ADAPTER),
        Derived("b", 1, "base", Relation.QUANTIZED),
        Derived("c", 2, "a", Relation.MERGE),
    )
    assert found.counts == {"adapter": 1, "merge": 1, "quantized": 1}
    assert [problem.code for problem in found.problems] == ["cycle"]


def test_impact_of_a_leaf_is_nothing() -> None:
    found = impact([], "leaf", {})
    assert (found.derivatives, dict(found.counts), found.problems) == ((), {}, ())


@given(pairs, st.sampled_from("abcdefg"))
def test_impact_is_everything_below(links: Pairs, base: str) -> None:
    found = impact(edges(links), base)
    below = {derivative for derivative, upper in closure(links) if upper == base} - {base}
    assert {one.repo_id for one in found.derivatives} == below
    assert sum(found.counts.values()) == len(below)
    depth = {base: 0} | {one.repo_id: one.depth for one in found.derivatives}
    for one in found.derivatives:
        assert (one.repo_id, one.via) in links
        assert depth[one.via] == one.depth - 1


def test_a_hundred_thousand_models_take_seconds() -> None:
    """Processor time, so that a busy machine does not fail it; the bound is some twenty times the need."""
    wide = [edge(f"w{number}", f"m{number % 1000}") for number in range(50_000)]
    began = time.process_time()
    seen = view("m0", chain(50_000), wide, {})
    found = impact([*chain(50_000), *wide], "m50000")
    assert len(seen.nodes) == 50_001 + 50
    assert len(found.derivatives) == 100_000
    assert time.process_time() - began < 60
