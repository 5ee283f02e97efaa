"""What is known of how a model was made: who wins, and what is left out."""

from __future__ import annotations

from datetime import UTC, date, datetime
from time import perf_counter

import pytest

from registry.economics.table import TrainingTable, read_table
from registry.model.edges import Edge, Origin, Relation
from registry.model.records import Holding, ModelBrief, Sizes
from registry.model.refs import SourceName
from registry.model.snapshot import TrainingFact
from registry.services.facts import inputs_of, subject_of, with_table

ROW = (
    "model,date,organization,domain,parameters,active_parameters,tokens,epochs,flop,compute_method,hardware,"
    "quantity,hours,mfu,power,cost_2023usd,base_model,finetune_flop,open_weights,confidence,snapshot\n"
    "B 7B,2023-05-01,Lab,Language,7000000000,,1e12,1,4.2e22,Operation counting,NVIDIA A100,64,100,0.4,,9e5,,,"
    "Yes,Likely,s1\n"
)
TABLE = TrainingTable(read_table(ROW), {"lab/b": "B 7B"})
EMPTY = TrainingTable((), {})
CREATED = datetime(2024, 3, 2, tzinfo=UTC)


def holding(
    *facts: TrainingFact, repo_id: str = "lab/x", bases: tuple[Edge, ...] = (), **more: object
) -> Holding:
    brief = ModelBrief(repo_id, SourceName.HUB, True, **({"created_at": CREATED} | more))  # type: ignore[arg-type]
    return Holding(brief, facts=facts, bases=bases)


def fact(name: str, value: float | str, origin: str = "manual", note: str | None = None) -> TrainingFact:
    return TrainingFact(name, value, f"{origin} of {name}", origin, note)


def edge(base: str, relation: Relation) -> Edge:
    return Edge("lab/x", base, relation, (Origin.HUB,))


def test_people_win_over_papers_these_over_files_and_all_over_the_table() -> None:
    told = holding(
        fact("training_tokens", 3e12),
        fact("training_tokens", 2e12, "paper"),
        fact("epochs", 2, "paper"),
        repo_id="lab/b",
        parameters=6_900_000_000,
    )
    found = inputs_of(told, TABLE)
    assert (found.training_tokens, found.told["training_tokens"]) == (3e12, "manual of training_tokens")
    assert (found.epochs, found.told["epochs"]) == (2, "paper of epochs")
    assert (found.parameters, found.told["parameters"]) == (6_900_000_000, "hub: its count of parameters")
    assert (found.hardware, found.hardware_quantity) == ("NVIDIA A100", 64)
    assert found.told["hardware"].startswith("Epoch AI")
    assert found.published == date(2023, 5, 1)
    assert found.domain == "Language"


def test_the_newest_word_by_hand_counts() -> None:
    found = inputs_of(holding(fact("epochs", 1), fact("epochs", 3), fact("epochs", 9, "paper")), EMPTY)
    assert found.epochs == 3


def test_a_table_is_joined_by_alias_alone() -> None:
    assert inputs_of(holding(repo_id="lab/B"), TABLE).training_tokens is None
    assert inputs_of(holding(repo_id="lab/b"), TABLE).training_tokens == 1e12
    assert inputs_of(holding(repo_id="lab/b"), EMPTY).training_tokens is None


def test_flop_counted_from_other_numbers_are_not_mixed_with_those_told() -> None:
    assert inputs_of(holding(repo_id="lab/b"), TABLE).training_flop == 4.2e22
    assert inputs_of(holding(fact("training_tokens", 1e12), repo_id="lab/b"), TABLE).training_flop == 4.2e22
    assert inputs_of(holding(fact("training_tokens", 2e12), repo_id="lab/b"), TABLE).training_flop is None
    assert "that is 6ND" in inputs_of(holding(repo_id="lab/b"), TABLE).told["training_flop"]


def test_an_estimate_of_others_is_no_cost_told() -> None:
    assert inputs_of(holding(repo_id="lab/b"), TABLE).training_cost is None
    assert inputs_of(holding(fact("training_cost", 5e5), repo_id="lab/b"), TABLE).training_cost == 5e5


@pytest.mark.parametrize("value", [0, -1, float("inf"), float("nan"), 1e30, "many"])
def test_values_that_cannot_be_are_left_out(value: float | str) -> None:
    found = inputs_of(holding(fact("epochs", value), fact("published", "soon")), EMPTY)
    assert (found.epochs, found.published) == (None, None)
    assert "epochs" not in found.told


def test_a_count_nothing_reaches_is_none() -> None:
    """A host may tell any number a column holds."""
    found = inputs_of(holding(parameters=2**63 - 1), EMPTY)
    assert (found.parameters, dict(found.told)) == (None, {})


def test_more_active_parameters_than_there_are_tell_neither() -> None:
    inputs = inputs_of(holding(fact("parameters", 7e9), fact("active_parameters", 9e9)), EMPTY)
    assert (inputs.parameters, inputs.active_parameters) == (None, None)
    assert "parameters" not in inputs.told


def test_facts_that_say_nothing_of_training_are_ignored() -> None:
    found = inputs_of(holding(fact("text_license", "mit"), fact("precision", "bf16")), EMPTY)
    assert found.precision == "bf16"
    assert set(found.told) == {"precision"}


def test_a_day_of_creation_dates_prices_and_no_run() -> None:
    assert inputs_of(holding(parameters=10), EMPTY).published is None
    assert inputs_of(holding(fact("training_tokens", 1e9)), EMPTY).published == CREATED.date()
    began = holding(fact("training_tokens", 1e9), created_at=datetime(2022, 3, 2, 23, tzinfo=UTC))
    assert inputs_of(began, EMPTY).published is None
    assert inputs_of(holding(fact("published", "2020-01-02")), EMPTY).published == date(2020, 1, 2)


def test_a_step_on_a_base_is_not_a_run_of_its_day() -> None:
    bases = (
        edge("lab/z", Relation.MERGE),
        edge("lab/base", Relation.FINETUNE),
        edge("d", Relation.TRAINED_ON),
    )
    tuned = inputs_of(holding(fact("published", "2024-01-01"), bases=bases, parameters=7), EMPTY)
    assert (tuned.base_model, tuned.published, tuned.parameters) == ("lab/base", None, 7)
    told = inputs_of(holding(fact("published", "2024-01-01"), fact("training_tokens", 9), bases=bases), EMPTY)
    assert told.published == date(2024, 1, 1)


@pytest.mark.parametrize("relation", [Relation.ADAPTER, Relation.MERGE, Relation.QUANTIZED])
def test_the_size_of_what_was_not_trained_whole_says_nothing(relation: Relation) -> None:
    bases = (edge("lab/base", relation),)
    assert inputs_of(holding(bases=bases, parameters=7), EMPTY).parameters is None
    assert inputs_of(holding(fact("parameters", 9), bases=bases, parameters=7), EMPTY).parameters == 9


def test_what_a_model_is_about_follows_from_its_task() -> None:
    assert inputs_of(holding(task="text-generation"), EMPTY).domain == "Language"
    assert inputs_of(holding(task="image-classification"), EMPTY).domain == "Vision"
    assert inputs_of(holding(task="juggling"), EMPTY).domain is None


def test_weights_are_those_of_files_or_of_numbers() -> None:
    sizes = Sizes(2, 0, 300, 300, 200, 100)
    brief = holding().brief
    assert subject_of(Holding(brief, sizes), EMPTY).weight_bytes == 100
    assert subject_of(Holding(brief, sizes), EMPTY).weights_told == "files"
    partial = Sizes(2, 1, 300, 300, 200, 100)
    counted = subject_of(Holding(brief, partial, by_dtype={"BF16": 10, "U8": 3}), EMPTY)
    assert (counted.weight_bytes, counted.weights_told) == (23, "dtypes")
    assert subject_of(Holding(brief, partial), EMPTY).weight_bytes is None
    assert subject_of(Holding(brief, by_dtype={"BF16": 10, "ODD": 3}), EMPTY).weight_bytes is None
    assert subject_of(Holding(brief), EMPTY).weights_told is None


def test_what_the_table_says_stands_behind_what_is_kept() -> None:
    kept = [(CREATED, fact("epochs", 2))]
    assert with_table("lab/x", kept, TABLE) == tuple(kept)
    joined = with_table("lab/b", kept, TABLE)
    assert joined[0] == kept[0]
    assert {one.name for when, one in joined if when is None} >= {
        "parameters",
        "training_tokens",
        "training_cost",
    }


def test_a_model_without_facts_takes_a_moment() -> None:
    one = holding(parameters=7)
    started = perf_counter()
    for _ in range(1000):
        subject_of(one, TABLE)
    assert perf_counter() - started < 0.2, "50 microseconds each, with room for a busy machine"
