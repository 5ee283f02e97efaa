from __future__ import annotations

import pytest

from registry.catalog.catalog import Catalog
from registry.errors import NotInCatalog, UsageError
from registry.model.edges import Claim, Edge, Origin, Relation
from registry.model.snapshot import TrainingFact
from tests.catalog.makers import claim, day, pairs, sha, snap


def manual(base: str | None, relation: Relation = Relation.MERGE, *, denied: bool = False) -> Claim:
    return Claim(Origin.MANUAL, base or "", base, relation, note="I was there", denied=denied)


def test_all_claims_for_a_pair_are_one_edge(catalog: Catalog) -> None:
    catalog.save(
        snap(
            "o/m",
            claims=(
                claim("o/b", Relation.UNKNOWN, origin=Origin.CONFIG),
                claim("o/b", Relation.UNKNOWN),
                claim("o/b", Relation.QUANTIZED, origin=Origin.HUB),
            ),
        )
    )
    origins = (Origin.HUB, Origin.CARD, Origin.CONFIG)
    assert catalog.edges_up("o/m") == [Edge("o/m", "o/b", Relation.QUANTIZED, origins)]
    assert catalog.children_counts("o/b") == {"quantized": 1}


def test_claims_are_kept_word_for_word(catalog: Catalog) -> None:
    told = (
        claim("o/b", declared="https://huggingface.co/o/b", detail="base_model[0]"),
        claim(None, Relation.UNKNOWN, declared="C:\\Models\\x", detail="local path"),
        claim(None, Relation.MERGE, declared=""),
    )
    catalog.save(snap("o/m", claims=told))
    kept = catalog.claims("o/m")
    assert tuple(one.claim for one in kept) == told
    assert [one.base for one in kept] == ["o/b", None, None]
    assert {(one.derivative, one.current, one.revision, one.observed_at) for one in kept} == {
        ("o/m", True, sha("c1"), day(0))
    }
    assert [one.claim for one in catalog.claims("o/m", "o/b")] == [told[0]]
    assert catalog.claims("o/m", "o/unheard-of") == []
    assert catalog.claims("o/unheard-of") == []


def test_past_claims_stay(catalog: Catalog) -> None:
    catalog.save(snap("o/m", claims=(claim("o/a"),)))
    catalog.save(snap("o/m", 1, commit_sha=sha("c2"), claims=(claim("o/b"),)))
    assert [(one.base, one.current) for one in catalog.claims("o/m")] == [("o/a", False), ("o/b", True)]
    assert pairs(catalog, "o/m") == [("o/b", "finetune")]
    catalog.save(snap("o/m", 2, commit_sha=sha("c3"), claims=(claim("o/a"),)))
    first = catalog.claims("o/m", "o/a")[0]
    assert (first.current, first.revision, first.observed_at) == (True, sha("c3"), day(2))
    assert catalog.check() == []


def test_a_link_by_hand_outlives_refreshes(catalog: Catalog) -> None:
    catalog.save(snap("o/m"))
    catalog.add_claim("o/m", manual("o/secret"), observed_at=day(1))
    assert pairs(catalog, "o/m") == [("o/secret", "merge")]
    catalog.save(snap("o/m", 2, commit_sha=sha("c2"), claims=(claim("o/a"),)))
    assert pairs(catalog, "o/m") == [("o/a", "finetune"), ("o/secret", "merge")]
    assert catalog.briefs(["o/secret"])["o/secret"].tracked is False


def test_an_unlink_by_hand_outlives_refreshes(catalog: Catalog) -> None:
    catalog.save(snap("o/m", claims=(claim("o/wrong"),)))
    catalog.add_claim("o/m", manual("o/wrong", Relation.UNKNOWN, denied=True), observed_at=day(1))
    assert pairs(catalog, "o/m") == []
    report = catalog.save(snap("o/m", 2, commit_sha=sha("c2"), claims=(claim("o/wrong"),)))
    assert (report.bases, pairs(catalog, "o/m")) == ((), [])
    assert catalog.check() == []


def test_the_last_word_by_hand_counts(catalog: Catalog) -> None:
    catalog.save(snap("o/m"))
    catalog.add_claim("o/m", manual("o/b"), observed_at=day(1))
    catalog.add_claim("o/m", manual("o/b", Relation.UNKNOWN, denied=True), observed_at=day(2))
    assert pairs(catalog, "o/m") == []
    catalog.add_claim("o/m", manual("o/b", Relation.ADAPTER), observed_at=day(3))
    assert pairs(catalog, "o/m") == [("o/b", "adapter")]
    assert [(one.current, one.claim.note) for one in catalog.claims("o/m", "o/b")] == [
        (False, "I was there"),
        (False, "I was there"),
        (True, "I was there"),
    ]
    assert catalog.check() == []


def test_claims_by_hand_may_use_aliases(catalog: Catalog) -> None:
    catalog.save(snap("openai/gpt2", aliases=("gpt2",)))
    catalog.save(snap("new/m", aliases=("old/m",)))
    catalog.add_claim("old/m", manual("gpt2"), observed_at=day(1))
    assert pairs(catalog, "new/m") == [("openai/gpt2", "merge")]


def test_nothing_can_be_said_of_an_unknown_model(catalog: Catalog) -> None:
    with pytest.raises(NotInCatalog, match="o/m is not in the catalog"):
        catalog.add_claim("o/m", manual("o/b"), observed_at=day(0))
    with pytest.raises(NotInCatalog):
        catalog.add_facts("o/m", [TrainingFact("epochs", 1, "x")], observed_at=day(0))
    assert catalog.stats()["models"] == 0, "a refused claim leaves no stub"


def test_a_claim_by_hand_needs_a_base(catalog: Catalog) -> None:
    catalog.save(snap("o/m"))
    with pytest.raises(UsageError):
        catalog.add_claim("o/m", manual(None), observed_at=day(0))


def test_an_inferred_claim_makes_no_edge(catalog: Catalog) -> None:
    catalog.save(snap("o/m", claims=(claim("o/b", origin=Origin.INFERRED),)))
    assert pairs(catalog, "o/m") == []
    assert len(catalog.claims("o/m", "o/b")) == 1
    assert catalog.check() == []


def test_a_model_may_claim_itself(catalog: Catalog) -> None:
    report = catalog.save(snap("o/m", claims=(claim("o/m"),)))
    assert report.bases == ("o/m",)
    assert pairs(catalog, "o/m") == [("o/m", "finetune")]
