from __future__ import annotations

import os
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from registry.contract import Source, Want
from registry.errors import BadReference, BadSettings, NoSuchRevision, NotVisible
from registry.model.edges import Origin, Relation
from registry.model.facts import NAMES
from registry.model.refs import ModelRef, SourceName
from registry.model.snapshot import ModelSnapshot
from registry.sources import papers
from registry.sources.papers import PaperSource, read_papers


@pytest.fixture(scope="module")
def source() -> PaperSource:
    return PaperSource()


def fetch(source: Source, name: str) -> ModelSnapshot:
    return source.fetch(ModelRef.parse(name), Want())


def bases(snapshot: ModelSnapshot) -> dict[str | None, Relation]:
    return {claim.base: claim.relation for claim in snapshot.claims}


# --- what is shipped ----------------------------------------------------------------------------------


def test_the_famous_models_are_there(source: PaperSource) -> None:
    assert source.ids() == sorted(
        [
            "EleutherAI/gpt-j-6b",
            "EleutherAI/gpt-neo-2.7B",
            "EleutherAI/pythia-12b",
            "bigscience/bloom",
            "databricks/dolly-v1-6b",
            "databricks/dolly-v2-12b",
            "openai-community/gpt2",
            "openai-community/gpt2-xl",
            "paper:bloomberg/bloomberggpt",
            "paper:google/palm",
            "paper:meta/llama-65b",
            "paper:meta/llama-7b",
            "paper:openai/chatgpt",
            "paper:openai/gpt-3",
            "paper:openai/text-davinci-003",
            "paper:stanford/alpaca-7b",
        ]
    )


def test_descent_as_published(source: PaperSource) -> None:
    assert bases(fetch(source, "paper:stanford/alpaca-7b")) == {
        "paper:meta/llama-7b": Relation.FINETUNE,
        "paper:openai/text-davinci-003": Relation.DISTILLED,
        "data:tatsu-lab/alpaca": Relation.TRAINED_ON,
    }
    assert bases(fetch(source, "paper:openai/chatgpt")) == {"paper:openai/gpt-3": Relation.FINETUNE}
    assert "EleutherAI/gpt-j-6b" in bases(fetch(source, "paper:databricks/dolly-v1-6b"))
    assert "EleutherAI/pythia-12b" in bases(fetch(source, "databricks/dolly-v2-12b"))


def test_every_row_and_fact_names_its_source(source: PaperSource) -> None:
    for repo_id in source.ids():
        row = source.model(repo_id)
        assert row is not None
        assert "https://" in row.source
        snapshot = row.snapshot
        assert snapshot.source is SourceName.PAPER
        assert snapshot.observed_at.tzinfo is UTC
        for claim in snapshot.claims:
            assert claim.origin is Origin.PAPER
            assert "https://" in (claim.detail or "")
        for fact in snapshot.facts:
            assert fact.name in NAMES
            assert fact.origin == "paper"
            assert "https://" in fact.source
        names = [fact.name for fact in snapshot.facts]
        assert len(set(names)) == len(names)
        assert "published" in names


def test_every_base_is_a_row_or_a_hub_model(source: PaperSource) -> None:
    for repo_id in source.ids():
        for base in bases(fetch(source, repo_id)):
            assert base is not None
            assert base in source.ids() or base.startswith("data:")


def test_facts_agree_with_each_other(source: PaperSource) -> None:
    palm = {fact.name: fact.value for fact in fetch(source, "paper:google/palm").facts}
    assert palm["chip_hours"] == 6144 * 1200 + 3072 * 336
    gpt3 = {fact.name: fact.value for fact in fetch(source, "paper:openai/gpt-3").facts}
    assert float(gpt3["training_flop"]) == pytest.approx(
        6 * float(gpt3["parameters"]) * float(gpt3["training_tokens"]), rel=0.01
    )
    bloom = fetch(source, "bigscience/bloom")
    assert bloom.parameters is not None
    assert (bloom.parameters.logical, bloom.parameters.origin) == (176_247_271_424, "paper")


def test_a_model_on_the_hub_takes_its_hub_id(source: PaperSource) -> None:
    snapshot = fetch(source, "paper:openai/gpt-2")
    assert snapshot.repo_id == "openai-community/gpt2"
    assert snapshot.aliases == ("paper:openai/gpt-2", "gpt2")
    for name in ("openai-community/gpt2", "gpt2", "paper:OpenAI/GPT-2"):
        assert fetch(source, name) is snapshot
    assert fetch(source, "paper:openai/gpt-3").aliases == ()


def test_derivatives(source: PaperSource) -> None:
    def made_from(name: str, relation: Relation, limit: int = 10) -> list[str]:
        return list(source.derivatives(ModelRef.parse(name), relation, limit))

    assert made_from("paper:openai/gpt-3", Relation.FINETUNE) == ["paper:openai/chatgpt"]
    assert made_from("paper:openai/text-davinci-003", Relation.DISTILLED) == ["paper:stanford/alpaca-7b"]
    assert made_from("paper:eleutherai/gpt-j-6b", Relation.FINETUNE) == ["databricks/dolly-v1-6b"]
    assert made_from("data:tatsu-lab/alpaca", Relation.TRAINED_ON, 1) == ["databricks/dolly-v1-6b"]
    assert made_from("org/unknown", Relation.FINETUNE) == []
    assert made_from("paper:openai/gpt-3", Relation.FINETUNE, 0) == []
    source.close()


def test_what_is_not_published_is_said_so(source: PaperSource) -> None:
    with pytest.raises(NotVisible, match="paper:openai/gpt-9 is not among") as caught:
        fetch(source, "paper:openai/gpt-9")
    assert caught.value.hint
    with pytest.raises(NoSuchRevision, match="no revision 'v1'"):
        fetch(source, "paper:openai/gpt-3@v1")
    with pytest.raises(BadReference):
        fetch(source, "data:tatsu-lab/alpaca")


# --- a user's own models ------------------------------------------------------------------------------

OWN = """
checked = 2026-01-02

[[model]]
id = "acme/coder"
name = "Coder"
published = 2026-01-01
license = "other"
license_name = "acme"
license_link = "https://acme.example/license"
source = "internal report 7"
aliases = ["acme-coder"]

[[model.base]]
ref = "bigscience/bloom"
relation = "finetune"
source = "internal report 7, page 2"

[[model.base]]
ref = "paper:openai/gpt-3"
relation = "distilled"
source = "internal report 7, page 3"

[[model.dataset]]
ref = "data:acme/code"
source = "internal report 7, page 4"

[[model.fact]]
name = "training_cost"
value = 12.5
source = "invoice 3"
note = "without tax"

[[model.fact]]
name = "hardware"
value = "NVIDIA A100"
source = "invoice 3"
"""


def test_a_users_file_adds_models(tmp_path: Path) -> None:
    path = tmp_path / "papers.toml"
    path.write_text(OWN, encoding="utf-8")
    source = PaperSource([path])
    snapshot = fetch(source, "paper:acme/coder")
    assert snapshot.observed_at == datetime(2026, 1, 2, tzinfo=UTC)
    assert list(bases(snapshot)) == ["bigscience/bloom", "paper:openai/gpt-3", "data:acme/code"]
    assert [(str(claim.field), claim.value) for claim in snapshot.licenses] == [
        ("license", "other"),
        ("license_name", "acme"),
        ("license_link", "https://acme.example/license"),
    ]
    assert {(fact.name, fact.value, fact.source, fact.note) for fact in snapshot.facts} == {
        ("training_cost", 12.5, "invoice 3", "without tax"),
        ("hardware", "NVIDIA A100", "invoice 3", None),
        ("published", "2026-01-01", "internal report 7", None),
    }
    assert snapshot.parameters is None
    assert source.model("acme-coder") is not None
    assert source.derivatives(ModelRef.parse("bigscience/bloom"), Relation.FINETUNE, 5) == [
        "paper:acme/coder"
    ]


def test_without_a_date_the_files_own_counts(tmp_path: Path) -> None:
    path = tmp_path / "papers.toml"
    path.write_text('[[model]]\nid = "a/b"\nsource = "x"\n', encoding="utf-8")
    os.utime(path, (86400 * 365, 86400 * 365))
    source = PaperSource([path])
    row = source.model("paper:a/b")
    assert row is not None
    assert (row.snapshot.observed_at, row.name, row.notes) == (datetime(1971, 1, 1, tzinfo=UTC), "a/b", None)
    with pytest.raises(BadSettings, match="'checked' is missing"):
        read_papers("mine.toml", b"")


HEAD = 'checked = 2026-01-02\n[[model]]\nid = "a/b"\nsource = "x"\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("model = [", "mine.toml: "),
        ("colour = 1", "unknown key 'colour'"),
        ("checked = 'today'", "the file: checked must be a date"),
        ("model = 3", "the file: model must be written as [[...model]]"),
        ("[[model]]\nsource = 'x'", "model number 1: id is missing"),
        ("[[model]]\nid = 3", "model number 1: id must be a text"),
        ("[[model]]\nid = 'gpt'\nsource = 'x'", "model 'gpt': id must have the form org/name"),
        ("[[model]]\nid = 'a/b'", "model 'a/b': source is missing"),
        (HEAD + "hub = 'a b'", "model 'a/b': hub must be a Hub id"),
        (HEAD + "aliases = 'x'", "model 'a/b': aliases must be a list of texts"),
        (HEAD + "published = '2020'", "model 'a/b': published must be a date"),
        (HEAD + "licence = 'mit'", "model 'a/b': licence is no known key"),
        (HEAD + "license = 3", "model 'a/b': license must be a text"),
        (HEAD + "[[model.base]]\nref = 'c/d'", "model 'a/b', base 'c/d': relation is missing"),
        (HEAD + "[[model.base]]\nref = 'c/d'\nrelation = 'child'", "base 'c/d': relation must be one of"),
        (HEAD + "[[model.base]]\nref = 'c/d'\nrelation = 'trained_on'", "relation must be one of"),
        (HEAD + "[[model.base]]\nref = 'c/d'\nrelation = 'merge'", "base 'c/d': source is missing"),
        (HEAD + "[[model.base]]\nref = 'c d'", "base 'c d': ref is no reference"),
        (HEAD + "[[model.base]]\nref = 'c/d@main'", "ref must not name a revision"),
        (HEAD + "[[model.base]]\nref = 'local:/x'", "ref must be a Hub id or paper:org/name"),
        (HEAD + "[[model.dataset]]\nref = 'c/d'", "dataset 'c/d': source is missing"),
        (HEAD + "[[model.fact]]\nname = 'colour'", "fact 'colour': name 'colour' is no fact we know"),
        (
            HEAD + "[[model.fact]]\nname = 'epochs'\nvalue = 'two'",
            "fact 'epochs': value of epochs must be a number",
        ),
        (HEAD + "[[model.fact]]\nname = 'epochs'\nvalue = true", "value of epochs must be a number"),
        (HEAD + "[[model.fact]]\nname = 'hardware'\nvalue = 3", "value of hardware must be a text"),
        (HEAD + "[[model.fact]]\nname = 'epochs'\nvalue = -1", "out of range"),
        (HEAD + "[[model.fact]]\nname = 'epochs'\nvalue = nan", "out of range"),
        (HEAD + "[[model.fact]]\nname = 'epochs'\nvalue = 1", "fact 'epochs': source is missing"),
        (
            HEAD + "[[model.fact]]\nname = 'epochs'\nvalue = 1\nsource = 'x'\n" * 2,
            "fact has the same name twice",
        ),
    ],
)
def test_a_faulty_file_is_refused_by_file_model_and_key(text: str, said: str) -> None:
    with pytest.raises(BadSettings) as caught:
        read_papers("mine.toml", text.encode(), checked=date(2026, 1, 1))
    assert caught.value.message.startswith("mine.toml")
    assert said in caught.value.message
    assert "\n" not in caught.value.message


def test_a_fact_may_be_a_date() -> None:
    text = HEAD + "published = 2020-01-03T00:00:00Z\n"
    text += "[[model.fact]]\nname = 'published'\nvalue = 2020-01-02\nsource = 'x'"
    (model,) = read_papers("mine.toml", text.encode())
    assert [(fact.name, fact.value) for fact in model.snapshot.facts] == [("published", "2020-01-02")]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[[model]]\nid = "openai/gpt-3"\nsource = "x"\n', "'paper:openai/gpt-3' is described twice"),
        ('[[model]]\nid = "a/b"\nsource = "x"\naliases = ["gpt2"]\n', "'gpt2' names both"),
    ],
)
def test_two_rows_of_one_name_contradict(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BadSettings, match=r"mine\.toml") as caught:
        PaperSource([path])
    assert said in caught.value.message


def test_unreadable_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "mine.toml"
    with pytest.raises(BadSettings, match=r"cannot read .*No such file"):
        PaperSource([path])
    path.write_bytes(b"name = '\xff'")
    with pytest.raises(BadSettings, match="not UTF-8"):
        PaperSource([path])
    monkeypatch.setattr(papers, "MAX_FILE", 5)
    with pytest.raises(BadSettings, match="larger than 5 bytes"):
        PaperSource([path])
