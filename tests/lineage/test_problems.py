"""Defects are told by code, with the models they concern."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from registry.lineage.problems import find_problems
from registry.model.edges import Claim, Origin, Relation
from registry.model.records import KeptClaim, ModelBrief
from registry.model.refs import SourceName
from tests.lineage.graphs import edge, edges

SEEN = datetime(2026, 8, 22, tzinfo=UTC)


def known(*names: str) -> dict[str, ModelBrief]:
    return {name: ModelBrief(name, SourceName.HUB, True, observed_at=SEEN) for name in names}


def kept(claim: Claim, derivative: str = "org/d", *, current: bool = True) -> KeptClaim:
    return KeptClaim(derivative, claim, claim.base, current, "abc", SEEN)


def test_sound_lineage_has_none() -> None:
    assert find_problems(edges([("a", "b"), ("b", "c")]), known("a", "b", "c")) == ()


def test_self_loop() -> None:
    (problem,) = find_problems(edges([("a", "a")]), known("a"))
    assert (problem.code, problem.models) == ("self-loop", ("a",))
    assert problem.mend == "registry unlink a a --note 'not its own base'"


def test_cycle_names_its_models() -> None:
    ring = [(f"r{n}", f"r{(n + 1) % 9}") for n in range(9)]
    (problem,) = find_problems(edges(ring), known(*(f"r{n}" for n in range(9))))
    assert problem.code == "cycle"
    assert problem.models == tuple(f"r{n}" for n in range(9))
    assert "r5 and 3 more" in problem.message


def test_dangling_bases() -> None:
    briefs = known("a", "gone", "local")
    briefs["gone"] = replace(briefs["gone"], removed=True)
    briefs["named"] = ModelBrief("named", SourceName.HUB, False)
    links = edges([("a", "gone"), ("a", "named"), ("a", "local:/tmp/x y")])
    links += [edge("a", "data:squad", Relation.TRAINED_ON), edge("a", "data:odd")]
    problems = find_problems(links, briefs)
    assert [(problem.code, problem.models) for problem in problems] == [
        ("dangling-base", ("gone",)),
        ("dangling-base", ("local:/tmp/x y",)),
        ("dangling-base", ("named",)),
    ]
    assert problems[0].mend is None
    assert problems[1].mend == "registry add 'local:/tmp/x y'"


def test_a_base_seen_and_given_up_again_does_not_dangle() -> None:
    briefs = known("a", "b")
    briefs["b"] = replace(briefs["b"], tracked=False)
    assert find_problems(edges([("a", "b")]), briefs) == ()


def test_case_variants_are_said_not_merged() -> None:
    names = ("org/gpt-j-6B", "org/gpt-j-6b", "x")
    (problem,) = find_problems(edges([("x", names[0]), ("x", names[1])]), known(*names))
    assert (problem.code, problem.models) == ("case-variant", names[:2])


def test_unresolved_bases_once_per_text() -> None:
    path = Claim(Origin.CARD, "C:\\Models\\Apriel", None, detail="local path")
    claims = [
        kept(path),
        kept(replace(path, origin=Origin.HUB)),
        kept(Claim(Origin.CARD, "x" * 500, None)),
        kept(Claim(Origin.CARD, "", None, Relation.MERGE)),
        kept(Claim(Origin.CARD, "past", None), current=False),
        kept(Claim(Origin.MANUAL, "denied", None, denied=True)),
    ]
    long, short = find_problems((), {}, claims)[::-1]
    assert short.code == long.code == "unresolved-base"
    assert "(hub, card)" in short.message
    assert short.message.endswith("local path")
    assert short.mend == "registry link org/d BASE --relation RELATION --note WHY"
    assert len(long.message) < 200


def test_relation_conflict() -> None:
    said = Claim(Origin.HUB, "b", "b", Relation.FINETUNE)
    other = replace(said, origin=Origin.ADAPTER_CONFIG, relation=Relation.ADAPTER)
    silent = replace(said, origin=Origin.CARD, relation=Relation.UNKNOWN)
    assert find_problems((), {}, [kept(said), kept(silent)]) == ()
    assert find_problems((), {}, [kept(said), kept(other, "org/e")]) == ()
    (problem,) = find_problems((), {}, [kept(said), kept(other), kept(silent)])
    assert (problem.code, problem.models) == ("relation-conflict", ("org/d", "b"))
    assert "adapter (adapter_config) and finetune (hub)" in problem.message
