"""The shipped table of training runs, and the repositories it speaks of."""

from __future__ import annotations

import csv
import re
from collections import Counter
from importlib.resources import files
from pathlib import Path

import pytest

from registry.economics.table import CREDIT, TrainingTable, read_aliases, read_table
from registry.model.facts import NAMES
from registry.model.refs import ModelRef
from tests.make_training_table import TARGET, trimmed

DATA = files("registry.economics") / "data"
TABLE = TrainingTable.load()


def aliases() -> list[dict[str, str]]:
    return list(csv.DictReader((DATA / "aliases.csv").read_text(encoding="utf-8").splitlines()))


def test_every_alias_points_to_a_row_once() -> None:
    pairs = [(row["model"], row["repo_id"]) for row in aliases()]
    assert len(pairs) > 150
    assert [pair for pair, times in Counter(pairs).items() if times > 1] == []
    assert [model for model, _ in pairs if TABLE.row(model) is None] == []


def test_no_repository_is_two_models() -> None:
    folded = Counter(row["repo_id"].casefold() for row in aliases())
    assert [repo_id for repo_id, times in folded.items() if times > 1] == []
    with pytest.raises(ValueError, match="a/b is two models"):
        read_aliases("model,repo_id\nA,a/b\nB,a/b\n")


def test_every_alias_is_a_reference_and_was_reviewed() -> None:
    for row in aliases():
        assert ModelRef.parse(row["repo_id"]).repo_id == row["repo_id"]
        assert row["review"]
        assert row["how_sure"] in (
            "id seen in recorded Hub data",
            "id of our papers",
            "general knowledge",
        )
        assert row["checked"].startswith("20")


def test_sizes_in_names_agree_with_the_rows() -> None:
    """Where the id of a repository tells a size, that of its row is near."""
    odd = []
    for row in aliases():
        known = TABLE.row(row["model"])
        size = known.numbers.get("parameters") if known else None
        told = [
            float(number.replace("_", ".")) * (1e9 if unit == "b" else 1e6)
            for number, unit in re.findall(
                r"(?<![a-z0-9._])(\d+(?:[._]\d+)?)([bm])\b", row["repo_id"].lower()
            )
        ]
        if told and size and not any(0.7 < one / size < 1.4 for one in told):
            odd.append(row["repo_id"])
    # Llama 4 is named by its active parameters.
    assert odd == ["meta-llama/Llama-4-Scout-17B-16E"]


def test_a_model_has_the_facts_of_its_row() -> None:
    facts = {fact.name: fact for fact in TABLE.facts_of("bigscience/bloom")}
    assert facts["parameters"].value == 176_247_271_424
    assert facts["training_tokens"].value == 379_000_000_000
    assert facts["hardware"].value == "NVIDIA A100 SXM4 80 GB"
    assert facts["published"].value == "2022-07-11"
    assert {fact.origin for fact in facts.values()} == {"table"}
    assert all(fact.source.startswith(CREDIT) and "notable-2026-07" in fact.source for fact in facts.values())
    assert facts["training_flop"].note == "by hardware"
    assert "2023 USD" in (facts["training_cost"].note or "")
    assert set(facts) <= set(NAMES)


def test_names_are_never_guessed() -> None:
    for near in ("bigscience/BLOOM", "bigscience/bloom-560m", "someone/bloom", "BLOOM-176B", ""):
        assert TABLE.facts_of(near) == ()


def test_circular_flop_are_told() -> None:
    counted = next(row for row in TABLE if row.model == "Gemma 2 9B")
    assert counted.counted
    note = next(fact.note for fact in counted.facts() if fact.name == "training_flop")
    assert note is not None
    assert "that is 6ND" in note
    assert sum(row.counted for row in TABLE) == 324


def test_an_empty_cell_is_unknown() -> None:
    header = (DATA / "training.csv").read_text(encoding="utf-8").splitlines()[0]
    empty = dict.fromkeys(header.split(","), "") | {"model": "X", "date": "2020-01-01", "snapshot": "s"}
    (row,) = read_table(f"{header}\n{','.join(empty[name] for name in header.split(','))}\n")
    assert row.numbers == {}
    assert (row.hardware, row.organization, row.open_weights, row.compute_method) == (None,) * 4
    assert [fact.name for fact in row.facts()] == ["published"]
    assert not row.counted


@pytest.mark.shared
def test_the_table_is_what_the_source_trims_to(shared: Path) -> None:
    assert TARGET.read_text(encoding="utf-8") == trimmed(shared / "economics" / "train.csv")


def test_every_file_of_data_is_recorded() -> None:
    readme = (DATA / "README.md").read_text(encoding="utf-8")
    names = [file.name for file in DATA.iterdir() if file.name.endswith((".csv", ".toml"))]
    assert [name for name in names if f"`{name}`" not in readme] == []
    for credit in (
        "Epoch AI",
        "2405.21015",
        "Our World in Data",
        "Ember",
        "codecarbon",
        "litellm",
        "CC BY 4.0",
    ):
        assert credit in readme
