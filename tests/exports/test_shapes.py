"""The keys other programs rely on."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from registry.errors import NotInCatalog
from registry.exports import shapes
from registry.exports.rows import to_json
from registry.licenses.declared import DeclaredLicense
from registry.lineage.graph import impact, view
from registry.model.edges import Claim, Edge, Origin, Relation
from registry.model.evidence import Alternative, EdgeEvidence, EvidenceState, KeptEvidence
from registry.model.records import HistoryEntry, KeptClaim, ModelBrief, Problem
from registry.model.refs import SourceName
from registry.model.snapshot import (
    Change,
    Gate,
    ModelFile,
    ModelSnapshot,
    Note,
    ParameterCount,
    TrainingFact,
)

SEEN = datetime(2026, 8, 22, tzinfo=UTC)
EDGE = Edge("org/m", "org/b", Relation.ADAPTER, (Origin.HUB, Origin.CARD), "b")
CLAIM = KeptClaim("org/m", Claim(Origin.HUB, "b", "org/b", Relation.ADAPTER), "org/b", True, "abc", SEEN)


@dataclass(frozen=True)
class Storage:
    files: int = 2
    unsized_files: int = 1
    logical_bytes: int = 30
    unique_bytes: int = 20
    weight_bytes: int = 10
    hub_used_bytes: int | None = None


@dataclass(frozen=True)
class Description:
    brief: ModelBrief
    snapshot: ModelSnapshot | None = None
    aliases: Sequence[str] = ()
    license: DeclaredLicense = field(default_factory=DeclaredLicense)
    bases: Sequence[Edge] = ()
    children: Mapping[str, int] = field(default_factory=dict)
    storage: Storage | None = None
    facts: Sequence[tuple[datetime, TrainingFact]] = ()
    unresolved: Sequence[KeptClaim] = ()


@dataclass(frozen=True)
class Why:
    paths: Sequence[Sequence[Edge]]
    claims: Mapping[tuple[str, str], Sequence[KeptClaim]]
    cut: bool = False
    evidence: Mapping[tuple[str, str], KeptEvidence] = field(default_factory=dict)


@pytest.fixture
def brief() -> ModelBrief:
    return ModelBrief(
        "org/m",
        SourceName.HUB,
        True,
        gated=Gate.AUTO,
        license="mit",
        parameters=7,
        commit_sha="abc",
        observed_at=SEEN,
    )


def printed(shape: object) -> object:
    return json.loads(to_json(shape))


def test_show_has_the_keys_of_the_contract(brief: ModelBrief) -> None:
    snapshot = ModelSnapshot(
        "org/m",
        SourceName.HUB,
        SEEN,
        tags=("x",),
        parameters=ParameterCount({"BF16": 7}, served_total=7, logical=7),
        notes=(Note("odd-card", "why"),),
    )
    description = Description(
        brief,
        snapshot,
        aliases=("m",),
        license=DeclaredLicense(("MIT",), "mit", "MIT", None, "card"),
        bases=(EDGE,),
        children={"finetune": 3},
        storage=Storage(),
        facts=[(SEEN, TrainingFact("epochs", 3, "paper"))],
        unresolved=[CLAIM],
    )
    shown = printed(shapes.show(description))
    assert isinstance(shown, dict)
    contract = (
        "repo_id source commit_sha observed_at tracked gated removed library task tags parameters license "
        "bases derivatives storage aliases"
    )
    assert set(contract.split()) <= set(shown)
    assert shown["observed_at"] == "2026-08-22T00:00:00Z"
    assert shown["gated"] == "auto"
    assert shown["parameters"] == {
        "logical": 7,
        "stored": 7,
        "by_dtype": {"BF16": 7},
        "origin": "hub",
        "served_total": 7,
        "rule": None,
        "contradiction": None,
    }
    assert shown["license"] == {
        "declared": ["MIT"],
        "expression": "MIT",
        "id": "mit",
        "family": None,
        "origin": "card",
        "evidence_level": None,
    }
    assert shown["bases"] == [
        {"repo_id": "org/b", "relation": "adapter", "origins": ["hub", "card"], "resolved_from": "b"}
    ]
    assert shown["derivatives"] == {"finetune": 3}
    assert shown["storage"]["unique_bytes"] == 20
    assert shown["facts"][0]["source"] == "paper"
    assert shown["notes"] == [{"code": "odd-card", "message": "why"}]
    assert shown["unresolved"][0]["declared"] == "b"


def test_what_nobody_told_is_null(brief: ModelBrief) -> None:
    shown = shapes.show(Description(brief))
    assert shown["parameters"] is None
    assert shown["storage"] is None
    assert shown["private"] is None
    assert shown["tags"] == []
    assert shown["license"]["id"] is None
    known = set(shapes.show(Description(brief, ModelSnapshot("org/m", SourceName.HUB, SEEN))))
    assert set(shown) == known


def test_a_row_of_the_list(brief: ModelBrief) -> None:
    row = printed(shapes.brief(brief))
    assert isinstance(row, dict)
    assert row["repo_id"] == "org/m"
    assert row["downloads"] is None
    assert set(row) == set(ModelBrief.__slots__)


def test_lineage(brief: ModelBrief) -> None:
    shape = printed(shapes.lineage(view("org/m", [EDGE], [], {"org/m": brief})))
    assert isinstance(shape, dict)
    assert shape["root"] == "org/m"
    assert shape["nodes"] == [
        {
            "repo_id": "org/b",
            "tracked": False,
            "removed": False,
            "license": None,
            "parameters": None,
            "depth": -1,
        },
        {
            "repo_id": "org/m",
            "tracked": True,
            "removed": False,
            "license": "mit",
            "parameters": 7,
            "depth": 0,
        },
    ]
    assert shape["edges"] == [
        {
            "derivative": "org/m",
            "base": "org/b",
            "relation": "adapter",
            "origins": ["hub", "card"],
            "state": "declared",
        }
    ]
    assert shape["problems"][0]["code"] == "dangling-base"
    assert shape["problems"][0]["models"] == ["org/b"]


def test_why_gives_the_evidence() -> None:
    shape = printed(shapes.why(Why([[EDGE]], {("org/m", "org/b"): [CLAIM]})))
    assert isinstance(shape, dict)
    ((step,),) = shape["paths"]
    assert (step["derivative"], step["base"], step["relation"]) == ("org/m", "org/b", "adapter")
    assert step["claims"] == [
        {
            "origin": "hub",
            "declared": "b",
            "relation": "adapter",
            "detail": None,
            "note": None,
            "denied": False,
            "current": True,
            "revision": "abc",
            "observed_at": "2026-08-22T00:00:00Z",
        }
    ]
    bare = shapes.why(Why([[EDGE]], {}))["paths"][0][0]
    assert (bare["claims"], bare["state"], bare["evidence"]) == ([], "declared", None)


def test_why_gives_what_the_weights_say() -> None:
    told = EdgeEvidence(
        "org/m",
        "org/b",
        EvidenceState.CONFIRMED_FAMILY,
        "related; nearer: org/c",
        "sfp1/1",
        score=0.9,
        alternatives=(Alternative("org/c", 1.0, 0.004),),
    )
    kept = KeptEvidence(told, SEEN, "abc", None, "SS", 1000)
    shape = printed(shapes.why(Why([[EDGE]], {}, evidence={("org/m", "org/b"): kept})))
    assert isinstance(shape, dict)
    assert shape["paths"][0][0]["evidence"] == {
        "state": "confirmed_family",
        "relation": "unknown",
        "directed": True,
        "reason": "related; nearer: org/c",
        "score": 0.9,
        "equal": None,
        "relative_distance": None,
        "blocks": 0,
        "values": 0,
        "weight": None,
        "rounding": None,
        "alternatives": [{"model": "org/c", "score": 1.0, "relative_distance": 0.004}],
        "derivative_commit": "abc",
        "base_commit": None,
        "tiers": "SS",
        "bytes_read": 1000,
        "method": "sfp1/1",
        "judged_at": "2026-08-22T00:00:00Z",
    }


def test_impact() -> None:
    assert printed(shapes.impact(impact([EDGE], "org/b"))) == {
        "base": "org/b",
        "derivatives": [{"repo_id": "org/m", "depth": 1, "via": "org/b", "relation": "adapter"}],
        "counts": {"adapter": 1},
        "problems": [],
    }


def test_history_files_and_errors() -> None:
    entry = HistoryEntry(SourceName.HUB, SEEN, SEEN, "abc", (Change("license", None, "mit"),))
    assert shapes.history_entry(entry)["changes"] == [{"field": "license", "before": None, "after": "mit"}]
    assert shapes.file(ModelFile("a", 1, "ff"))["sha256"] == "ff"
    assert shapes.error(NotInCatalog("no org/m", hint="add it")) == {
        "code": "not-in-catalog",
        "message": "no org/m",
        "hint": "add it",
    }
    assert shapes.problem(Problem("cycle", "a, b", ("a", "b")))["models"] == ["a", "b"]
