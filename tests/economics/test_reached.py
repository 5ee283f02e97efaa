from __future__ import annotations

import pytest

from registry.economics.reached import own_step, reached, tells_training
from registry.model.edges import Relation
from registry.model.training import TrainingInputs
from tests.plugins.makers import FLOP_PER_HOUR, FakeEconomy, case, subject


def test_the_bases_put_to_use_nearest_first() -> None:
    some = case(
        subject("me/m"),
        (subject("lab/a"), Relation.FINETUNE),
        (subject("lab/b"), Relation.UNKNOWN),
        further=((subject("lab/root"), Relation.MERGE),),
    )
    found = reached(some)
    assert [(one.repo_id, one.relation, one.direct) for one in found] == [
        ("lab/a", Relation.FINETUNE, True),
        ("lab/root", Relation.MERGE, False),
    ]


def test_nothing_lies_behind_a_base_that_was_not_put_to_use() -> None:
    some = case(
        subject("me/m"),
        (subject("lab/b"), Relation.UNKNOWN),
        further=((subject("lab/root"), Relation.MERGE),),
    )
    assert reached(some) == []


def test_what_may_be_in_the_figures_of_a_nearer_base_is_not_counted_again() -> None:
    whole = {"base_model": "lab/root", "training_flop": 1e24}
    root = (subject("lab/root"), Relation.FINETUNE)
    direct = case(subject("me/m"), (subject("lab/chat", **whole), Relation.FINETUNE), further=(root,))
    assert [one.repo_id for one in reached(direct)] == ["lab/chat"]
    middle = (subject("lab/chat", **whole), Relation.FINETUNE)
    further = case(subject("me/m"), (subject("lab/dpo"), Relation.FINETUNE), further=(middle, root))
    assert [one.repo_id for one in reached(further)] == ["lab/dpo", "lab/chat"]
    both = subject("lab/chat", **whole, finetune_flop=1e20)
    known = case(subject("me/m"), (both, Relation.FINETUNE), further=(root,))
    assert [one.repo_id for one in reached(known)] == ["lab/chat"]
    step = subject("lab/chat", base_model="lab/root", finetune_flop=1e20)
    alone = case(subject("me/m"), (step, Relation.FINETUNE), further=(root,))
    assert [one.repo_id for one in reached(alone)] == ["lab/chat", "lab/root"]


@pytest.mark.parametrize("name", ["chip_hours", "training_tokens", "training_flop", "training_cost"])
def test_what_tells_of_a_run(name: str) -> None:
    assert tells_training(TrainingInputs(**{name: 10}))  # type: ignore[arg-type]


def test_a_size_does_not() -> None:
    assert not tells_training(TrainingInputs(model="m", parameters=7e9, base_model="lab/base"))


def test_the_own_step() -> None:
    assert own_step(subject("me/m", parameters=7), FakeEconomy()) is None
    timed = own_step(subject("me/m", hardware_quantity=8, training_hours=3, chip_hours=24), FakeEconomy())
    assert timed is not None
    assert timed.timed
    counted = own_step(subject("me/m", training_tokens=1e6, training_hours=3), FakeEconomy())
    assert counted is not None
    assert not counted.timed


def test_the_step_alone_counts_and_not_the_base_with_it() -> None:
    step = own_step(subject("me/m", training_flop=1e24, finetune_flop=1e20), FakeEconomy())
    assert step is not None
    assert step.estimate.flop is not None
    assert step.estimate.flop.mid == 1e20


def test_a_step_that_cannot_be_meant_tells_nothing() -> None:
    """Epoch's table has steps of one FLOP: the FLOP of the run then are those of step and base."""
    told = {"base_model": "lab/root", "training_flop": 1e24, "finetune_flop": 1.0}
    assert own_step(subject("me/m", parameters=7_000_000_000, **told), FakeEconomy()) is None
    chat = (subject("lab/chat", **told), Relation.FINETUNE)
    some = case(subject("me/m"), chat, further=((subject("lab/root"), Relation.FINETUNE),))
    assert [one.repo_id for one in reached(some)] == ["lab/chat"]


def test_what_may_hold_the_base_is_not_the_own_step() -> None:
    whole = {"base_model": "lab/root", "training_flop": 1e24, "training_tokens": 1e12}
    assert own_step(subject("me/m", **whole), FakeEconomy()) is None
    timed = own_step(subject("me/m", **whole, chip_hours=10.0), FakeEconomy())
    assert timed is not None
    assert timed.estimate.flop is not None
    assert timed.estimate.flop.mid == 10 * FLOP_PER_HOUR
