from __future__ import annotations

import pytest

from registry.catalog.catalog import Catalog
from registry.errors import NotInCatalog
from registry.model.edges import Claim, Origin, Relation
from registry.model.refs import SourceName
from registry.model.snapshot import RawAnswer, TrainingFact
from tests.catalog.makers import claim, count, day, file, hub_id, license_claim, pairs, snap

EMPTY = {
    "models": 0,
    "tracked": 0,
    "referenced": 0,
    "removed": 0,
    "aliases": 0,
    "snapshots": 0,
    "edges": 0,
    "claims": 0,
    "unresolved_claims": 0,
    "files": 0,
    "blobs": 0,
    "facts": 0,
    "raw_answers": 0,
    "fingerprints": 0,
    "evidence": 0,
}


def counts(catalog: Catalog) -> dict[str, int]:
    return {name: number for name, number in catalog.stats().items() if name != "bytes"}


def test_a_model_goes_with_all_it_brought(catalog: Catalog) -> None:
    catalog.save(
        snap(
            "o/m",
            aliases=("o/old",),
            claims=(claim("o/base"), claim("data:set", Relation.TRAINED_ON), claim("o/m")),
            files=(file("a", 1, "a"),),
            parameters=count(F16=1),
            licenses=(license_claim("mit"),),
            tags=("t",),
            raw=(RawAnswer("model", b"{}"),),
            facts=(TrainingFact("epochs", 1, "x"),),
        )
    )
    assert catalog.remove("o/m") is True
    assert counts(catalog) == EMPTY
    assert catalog.check() == []


def test_a_base_stays_as_referenced_and_goes_with_its_last_derivative(catalog: Catalog) -> None:
    catalog.save(snap("o/base", licenses=(license_claim("mit"),), claims=(claim("o/root"),)))
    catalog.save_many([snap("o/one", claims=(claim("o/base"),)), snap("o/two", claims=(claim("o/base"),))])
    assert catalog.remove("o/base") is False
    brief = catalog.briefs(["o/base"])["o/base"]
    assert (brief.tracked, brief.license) == (False, "mit"), "what is known stays"
    assert len(catalog.edges_up("o/one")) == 2, "the way to the root stays"
    assert catalog.remove("o/base") is False
    assert catalog.remove("o/one") is True
    assert catalog.find("o/base") == "o/base"
    assert catalog.remove("o/two") is True
    assert counts(catalog) == EMPTY


def test_tracked_bases_stay(catalog: Catalog) -> None:
    catalog.save_many([snap("o/base"), snap("o/m", claims=(claim("o/base"),))])
    assert catalog.remove("o/m") is True
    assert catalog.tracked_after("", 10_000) == ["o/base"]
    assert catalog.edges_down("o/base") == []


def test_what_was_said_by_hand_of_a_base_keeps_it(catalog: Catalog) -> None:
    catalog.save(snap("o/m", claims=(claim("o/base"), claim("o/other"))))
    catalog.add_facts("o/base", [TrainingFact("epochs", 1, "mail")], observed_at=day(0))
    link = Claim(Origin.MANUAL, "o/root", "o/root", Relation.FINETUNE)
    catalog.add_claim("o/other", link, observed_at=day(0))
    assert catalog.remove("o/m") is True
    assert set(catalog.briefs(["o/base", "o/other", "o/root"])) == {"o/base", "o/other", "o/root"}
    assert pairs(catalog, "o/other") == [("o/root", "finetune")]
    assert catalog.check() == []


def test_two_that_descend_from_each_other(catalog: Catalog) -> None:
    catalog.save_many([snap("o/x", claims=(claim("o/y"),)), snap("o/y", claims=(claim("o/x"),))])
    assert catalog.remove("o/x") is False
    assert catalog.remove("o/y") is False
    assert catalog.tracked_after("", 10_000) == []
    assert catalog.check() == []


def test_shared_contents_stay_with_the_other_model(catalog: Catalog) -> None:
    catalog.save_many(
        [snap("o/a", files=(file("x", 1, "w"), file("y", 1, "v"))), snap("o/b", files=(file("z", 1, "w"),))]
    )
    catalog.remove("o/a")
    assert catalog.stats()["blobs"] == 1
    shown = catalog.snapshot("o/b")
    assert shown is not None
    assert shown.files == (file("z", 1, "w"),)


def test_a_model_can_be_added_again(catalog: Catalog) -> None:
    once = snap("o/m", hub_id=hub_id(1), claims=(claim("paper:o/x"),))
    catalog.save(once)
    catalog.remove("o/m")
    assert catalog.save(once).created
    assert catalog.snapshot("o/m") == once
    assert catalog.briefs(["paper:o/x"])["paper:o/x"].source is SourceName.PAPER


def test_removing_what_is_not_there(catalog: Catalog) -> None:
    with pytest.raises(NotInCatalog, match="o/m is not in the catalog"):
        catalog.remove("o/m")
