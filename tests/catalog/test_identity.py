from __future__ import annotations

import pytest

from registry.catalog.catalog import Catalog
from registry.model.edges import Edge, Origin, Relation
from registry.model.refs import SourceName
from registry.model.snapshot import TrainingFact
from tests.catalog.makers import ask_sql, claim, day, file, hub_id, license_claim, pairs, sha, snap


def edge(derivative: str, base: str, resolved_from: str | None = None) -> Edge:
    return Edge(derivative, base, Relation.FINETUNE, (Origin.CARD,), resolved_from)


def test_a_rename_is_known_by_the_hub_id(catalog: Catalog) -> None:
    catalog.save(snap("gpt2", hub_id=hub_id(1), licenses=(license_claim("mit"),)))
    catalog.save(snap("o/child", claims=(claim("gpt2"),)))
    report = catalog.save(snap("openai/gpt2", 1, hub_id=hub_id(1), licenses=(license_claim("mit"),)))
    assert (report.repo_id, report.created, report.changes) == ("openai/gpt2", False, ())
    assert catalog.find("gpt2") == "openai/gpt2"
    assert catalog.aliases("openai/gpt2") == catalog.aliases("gpt2") == ["gpt2"]
    assert catalog.edges_up("o/child") == [edge("o/child", "openai/gpt2", "gpt2")]
    assert len(catalog.history("openai/gpt2")) == 1
    assert catalog.check() == []


def test_a_rename_takes_in_what_was_only_named(catalog: Catalog) -> None:
    catalog.save(snap("old/m", hub_id=hub_id(1)))
    catalog.save(snap("o/one", claims=(claim("old/m"),)))
    catalog.save(snap("o/two", claims=(claim("new/m"),)))
    catalog.save(snap("new/m", 1, hub_id=hub_id(1)))
    assert catalog.edges_down("new/m") == [edge("o/one", "new/m", "old/m"), edge("o/two", "new/m")]
    assert catalog.find("old/m") == "new/m"
    assert set(catalog.briefs(["old/m", "new/m"])) == {"new/m"}
    assert catalog.check() == []


def test_a_renamed_base_is_no_change_of_its_derivatives(catalog: Catalog) -> None:
    catalog.save(snap("old/m", hub_id=hub_id(1)))
    catalog.save(snap("o/child", claims=(claim("old/m"),)))
    catalog.save(snap("new/m", 1, hub_id=hub_id(1)))
    assert catalog.save(snap("o/child", 2, claims=(claim("new/m"),))).changes == ()
    assert [entry.changes for entry in catalog.history("o/child")] == [(), ()]


def test_an_old_look_does_not_take_a_name_back(catalog: Catalog) -> None:
    catalog.save(snap("new/m", 5, hub_id=hub_id(1)))
    report = catalog.save(snap("old/m", 1, hub_id=hub_id(1)))
    assert report.repo_id == "new/m"
    assert catalog.aliases("new/m") == ["old/m"]
    assert len(catalog.history("new/m")) == 1
    catalog.save(snap("o/child", claims=(claim("older/m"),)))
    assert catalog.save(snap("older/m", 0, hub_id=hub_id(1))).repo_id == "new/m"
    assert catalog.aliases("new/m") == ["old/m", "older/m"]
    assert pairs(catalog, "o/child") == [("new/m", "finetune")]
    assert catalog.check() == []


def test_a_name_taken_by_another_repository(catalog: Catalog) -> None:
    catalog.save(snap("o/a", hub_id=hub_id(1)))
    catalog.save(snap("o/b", hub_id=hub_id(2)))
    report = catalog.save(snap("o/b", 1, hub_id=hub_id(1), commit_sha=sha("a9")))
    assert report.repo_id == "o/b"
    assert set(catalog.briefs(["o/a", "o/b"])) == {"o/a", "o/b"}, "nothing observed was lost"
    assert [entry.commit_sha for entry in catalog.history("o/b")] == [sha("c1"), sha("a9")]
    assert catalog.check() == []


def test_a_repository_made_anew_under_its_name(catalog: Catalog) -> None:
    catalog.save(snap("o/m", hub_id=hub_id(1)))
    catalog.save(snap("o/m", 1, hub_id=hub_id(2)))
    catalog.save(snap("o/m", 0.5, hub_id=hub_id(1)))
    shown = catalog.snapshot("o/m")
    assert shown is not None
    assert shown.hub_id == hub_id(2)
    assert catalog.check() == []


def test_an_alias_told_by_the_source(catalog: Catalog) -> None:
    catalog.save(snap("o/child", claims=(claim("t5-small"),)))
    catalog.save(snap("google-t5/t5-small", aliases=("t5-small",)))
    assert catalog.find("t5-small") == "google-t5/t5-small"
    assert catalog.edges_up("o/child") == [edge("o/child", "google-t5/t5-small", "t5-small")]
    catalog.save(snap("o/later", claims=(claim("t5-small"),)))
    assert pairs(catalog, "o/later") == [("google-t5/t5-small", "finetune")]
    assert catalog.check() == []


def test_an_observed_model_becomes_an_alias_with_all_that_is_known(catalog: Catalog) -> None:
    first = snap("old/m", licenses=(license_claim("mit"),), files=(file("a"),), claims=(claim("o/base"),))
    catalog.save(first)
    catalog.add_facts("old/m", [TrainingFact("epochs", 2, "mail")], observed_at=day(1))
    catalog.save(snap("o/child", claims=(claim("old/m"),)))
    catalog.save(
        snap("new/m", 2, hub_id=hub_id(1), aliases=("old/m",), files=(file("a"),), commit_sha=sha("c2"))
    )
    assert [entry.first_seen for entry in catalog.history("new/m")] == [day(0), day(2)]
    assert [fact.name for _, fact in catalog.facts("new/m")] == ["epochs"]
    assert pairs(catalog, "o/child") == [("new/m", "finetune")]
    assert pairs(catalog, "new/m") == [], "the newest look names no base"
    assert catalog.tracked_after("", 10_000) == ["new/m", "o/child"]
    assert catalog.check() == []


def test_two_looks_at_one_commit_under_two_names_share_their_files(
    catalog: Catalog, catalog_url: str
) -> None:
    catalog.save(snap("old/m", files=(file("a"),)))
    catalog.save(snap("new/m", 1, files=(file("a"),), licenses=(license_claim("mit"),)))
    catalog.save(snap("new/m", 2, files=(file("a"),), licenses=(license_claim("mit"),), aliases=("old/m",)))
    assert ask_sql(catalog_url, "SELECT count(*) FROM trees") == [(1,)]
    assert [entry.first_seen for entry in catalog.history("new/m")] == [day(0), day(1)]
    assert catalog.check() == []


def test_an_alias_that_is_another_repository_is_not_merged(catalog: Catalog) -> None:
    catalog.save(snap("o/b", hub_id=hub_id(2)))
    catalog.save(snap("o/a", hub_id=hub_id(1), aliases=("o/b",)))
    assert catalog.find("o/b") == "o/b"
    assert catalog.aliases("o/a") == []


def test_a_paper_takes_no_repository_its_name(catalog: Catalog) -> None:
    catalog.save(snap("o/m"))
    paper = snap("paper:o/m", source=SourceName.PAPER, commit_sha=None, aliases=("o/m", "o/stub"))
    catalog.save(snap("o/child", claims=(claim("o/stub"),)))
    catalog.save(paper)
    assert catalog.find("o/m") == "o/m"
    assert catalog.find("o/stub") == "paper:o/m"
    assert pairs(catalog, "o/child") == [("paper:o/m", "finetune")]


def test_an_alias_can_come_to_mean_another_model(catalog: Catalog) -> None:
    catalog.save(snap("o/a", hub_id=hub_id(1), aliases=("nick",)))
    catalog.save(snap("o/child", claims=(claim("nick"),)))
    catalog.save(snap("o/b", 1, hub_id=hub_id(2), aliases=("nick",)))
    assert catalog.find("nick") == "o/b"
    assert pairs(catalog, "o/child") == [("o/b", "finetune")]
    assert catalog.check() == []


def test_a_snapshot_under_an_alias_is_of_the_model(catalog: Catalog) -> None:
    catalog.save(snap("openai/gpt2", hub_id=hub_id(1), aliases=("gpt2",)))
    report = catalog.save(snap("gpt2", 1, source=SourceName.PAPER, commit_sha=None))
    assert (report.repo_id, report.created) == ("openai/gpt2", False)


def test_a_new_repository_under_a_former_name(catalog: Catalog) -> None:
    catalog.save(snap("o/old", hub_id=hub_id(1)))
    catalog.save(snap("o/new", 1, hub_id=hub_id(1)))
    catalog.save(snap("o/child", claims=(claim("o/old"),)))
    assert pairs(catalog, "o/child") == [("o/new", "finetune")]
    assert catalog.save(snap("o/old", 2, hub_id=hub_id(2))).created
    assert catalog.aliases("o/new") == []
    assert pairs(catalog, "o/child") == [("o/old", "finetune")]
    assert catalog.check() == []


def test_case_variants_are_adopted_when_only_one_is_real(catalog: Catalog) -> None:
    catalog.save(snap("Qwen/Qwen2.5"))
    catalog.save(snap("o/child", claims=(claim("qwen/qwen2.5"),)))
    assert pairs(catalog, "o/child") == [("qwen/qwen2.5", "finetune")], "never by letter case alone"
    assert catalog.adopt_case_variants() == 1
    assert catalog.edges_up("o/child") == [edge("o/child", "Qwen/Qwen2.5", "qwen/qwen2.5")]
    assert catalog.aliases("Qwen/Qwen2.5") == ["qwen/qwen2.5"]
    assert catalog.adopt_case_variants() == 0
    catalog.save(snap("o/other", claims=(claim("qwen/qwen2.5"),)))
    assert pairs(catalog, "o/other") == [("Qwen/Qwen2.5", "finetune")]
    assert catalog.check() == []


def test_an_ambiguous_case_variant_is_left_alone(catalog: Catalog) -> None:
    catalog.save_many([snap("o/M"), snap("O/m"), snap("o/child", claims=(claim("o/m"),))])
    assert catalog.adopt_case_variants() == 0
    assert catalog.find("o/m") == "o/m"


def test_observed_models_are_never_merged_by_letter_case(catalog: Catalog) -> None:
    catalog.save_many([snap("EleutherAI/gpt-j-6B"), snap("EleutherAI/gpt-j-6b")])
    assert catalog.adopt_case_variants() == 0
    assert catalog.tracked_after("", 10_000) == ["EleutherAI/gpt-j-6B", "EleutherAI/gpt-j-6b"]


def test_a_case_alias_ends_when_its_name_turns_out_to_be_a_repository(catalog: Catalog) -> None:
    catalog.save_many([snap("O/M", hub_id=hub_id(1)), snap("o/child", claims=(claim("o/m"), claim("O/M")))])
    catalog.adopt_case_variants()
    assert pairs(catalog, "o/child") == [("O/M", "finetune")]
    assert catalog.save(snap("o/m", 1)).created
    assert pairs(catalog, "o/child") == [("O/M", "finetune"), ("o/m", "finetune")]
    assert catalog.aliases("O/M") == []
    assert catalog.check() == []


@pytest.mark.parametrize("name", ["paper:org/gpt", "data:squad", "local:/srv/m", "org/x", "weird:name"])
def test_the_source_of_a_base_is_told_by_its_name(catalog: Catalog, name: str) -> None:
    catalog.save(snap("o/m", claims=(claim(name),)))
    prefix = name.partition(":")[0]
    expected = prefix if prefix in ("paper", "data", "local") else "hub"
    assert catalog.briefs([name])[name].source == expected
