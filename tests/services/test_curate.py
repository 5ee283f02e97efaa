from __future__ import annotations

from pathlib import Path

import pytest

from registry.catalog.catalog import Catalog
from registry.errors import BadReference, BadSettings, UsageError
from registry.model.edges import Relation
from registry.model.refs import ModelRef
from registry.services.curate import annotate, link, parse_fact, unknown_hardware, unlink
from tests.services.fakes import NOW, snapshot


def filled(tmp_path: Path) -> Catalog:
    catalog = Catalog.open(str(tmp_path / "c.db"), create=True)
    catalog.save(snapshot("a/child", "a/base"))
    return catalog


def test_an_edge_drawn_by_hand_stands_and_can_be_cut(tmp_path: Path) -> None:
    other = ModelRef.parse("a/other")
    with filled(tmp_path) as catalog:
        link(catalog, "a/child", other, Relation.MERGE, "told by its author", NOW)
        edges = {edge.base: edge for edge in catalog.edges_up("a/child")}
        assert edges["a/other"].relation is Relation.MERGE
        assert [origin.value for origin in edges["a/other"].origins] == ["manual"]
        unlink(catalog, "a/child", other, "a misunderstanding", NOW)
        assert [edge.base for edge in catalog.edges_up("a/child")] == ["a/base"]


def test_a_cut_outlives_a_refresh_and_keeps_the_claim(tmp_path: Path) -> None:
    with filled(tmp_path) as catalog:
        unlink(catalog, "a/child", ModelRef.parse("a/base"), "weights differ", NOW)
        catalog.save(snapshot("a/child", "a/base", sha="2" * 40))
        assert catalog.edges_up("a/child") == []
        notes = {(kept.claim.origin.value, kept.claim.denied) for kept in catalog.claims("a/child", "a/base")}
        assert {("manual", True), ("hub", False)} <= notes


def test_an_edge_by_hand_needs_a_note_and_two_models(tmp_path: Path) -> None:
    with filled(tmp_path) as catalog:
        with pytest.raises(UsageError, match="note"):
            link(catalog, "a/child", ModelRef.parse("a/base"), Relation.MERGE, " ", NOW)
        with pytest.raises(UsageError, match="its own base"):
            link(catalog, "a/child", ModelRef.parse("a/child"), Relation.MERGE, "x", NOW)
        with pytest.raises(UsageError, match="is a dataset"):
            link(catalog, "a/child", ModelRef.parse("data:a/x"), Relation.FINETUNE, "x", NOW)
        with pytest.raises(UsageError, match="is a model"):
            link(catalog, "a/child", ModelRef.parse("a/x"), Relation.TRAINED_ON, "x", NOW)


def test_facts_are_kept_with_their_source(tmp_path: Path) -> None:
    fact = parse_fact("training_tokens=366e9", "https://arxiv.org/abs/2211.05100")
    assert (fact.name, fact.value) == ("training_tokens", 366 * 10**9)
    assert parse_fact("training_tokens=366B", "x").value == fact.value
    assert parse_fact("published=2022-07-11", "x").value == "2022-07-11"
    with filled(tmp_path) as catalog:
        annotate(catalog, "a/child", [fact, parse_fact("hardware = NVIDIA A100 80GB", "paper")], NOW)
        assert {(kept.name, kept.value) for _, kept in catalog.facts("a/child")} == {
            ("training_tokens", 366 * 10**9),
            ("hardware", "NVIDIA A100 80GB"),
        }


def test_facts_are_kept_in_one_form() -> None:
    assert parse_fact("utilisation=0.38", "x").value == 0.38
    assert parse_fact("precision=BF16", "x").value == "bf16"
    assert parse_fact("training_cost=$4.6M", "x").value == 4_600_000
    assert parse_fact("published=2022-07-11T10:00", "x").value == "2022-07-11"
    assert parse_fact("training_country=FR", "x").value == "FR"
    assert parse_fact("training_country=FRA", "x").value == "FRA"


def test_hardware_nobody_knows_is_kept_and_told() -> None:
    facts = [
        parse_fact(f"hardware={name}", "x") for name in ("NVIDIA A100 80GB", "NVIDIA A100 SXM5", "abacus")
    ]
    told = dict(unknown_hardware([*facts, parse_fact("epochs=1", "x")]))
    assert list(told) == ["NVIDIA A100 SXM5", "abacus"]
    assert all(name.startswith("NVIDIA") for name in told["NVIDIA A100 SXM5"])


def test_a_hint_shows_how_the_fact_is_written() -> None:
    for text, hint in (("utilisation=2", "0.38"), ("training_flop=x", "366e9"), ("precision=x", "bf16")):
        with pytest.raises(BadSettings) as refused:
            parse_fact(text, "x")
        assert hint in (refused.value.hint or "")


def test_outputs_of_a_model_are_an_edge(tmp_path: Path) -> None:
    with filled(tmp_path) as catalog:
        annotate(catalog, "a/child", [parse_fact("outputs_of=paper:openai/chatgpt", "its card")], NOW)
        edges = {edge.base: edge.relation for edge in catalog.edges_up("a/child", 1)}
        assert edges["paper:openai/chatgpt"] is Relation.DISTILLED


@pytest.mark.parametrize(
    ("text", "source", "words"),
    [
        ("training_tokens", "x", "not name=value"),
        ("training_tokens=", "x", "not name=value"),
        ("training_tokens=many", "x", "is not a number"),
        ("training_tokens=-1", "x", "training_tokens=-1 is not above 0"),
        ("training_tokens=0", "x", "is not above 0"),
        ("training_tokens=inf", "x", "is not a finite number"),
        ("training_tokens=nan", "x", "is not a finite number"),
        ("training_tokens=1e400", "x", "is not a finite number"),
        ("training_tokens=1e30", "x", "is more than 1e\\+21, which nothing reaches"),
        ("utilisation=38", "x", "is more than 1, which nothing reaches"),
        ("precision=half", "x", "is not one of fp64"),
        ("published=1453-05-29", "x", "before anything was trained"),
        ("training_cost=100 EUR", "x", "unknown currency EUR"),
        ("training_country=XQ", "x", "unknown country"),
        ("published=yesterday", "x", "not a date"),
        ("training_country=Narnia", "x", "not an ISO 3166 code"),
        ("tokens=3", "x", "unknown fact 'tokens'"),
        ("training_tokens=3", " ", "needs a source"),
    ],
)
def test_a_bad_fact_is_named(text: str, source: str, words: str) -> None:
    with pytest.raises(BadSettings, match=words):
        parse_fact(text, source)


def test_the_teacher_must_be_a_reference() -> None:
    with pytest.raises(BadReference):
        parse_fact("outputs_of=a b", "x")
