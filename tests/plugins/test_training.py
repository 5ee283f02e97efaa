from __future__ import annotations

from datetime import date

import pytest
from registry_plugins.training import ADEQUATE, SLACK, THEN, TODAY, UNTOLD, TrainingSavings

from registry.contract import ReuseCase
from registry.model.edges import Relation
from registry.model.estimate import Saving
from tests.plugins.makers import FakeEconomy, case, subject

BASE = subject("meta/llama-7b", chip_hours=82_432)


def by_basis(some: ReuseCase) -> dict[str | None, Saving]:
    return {one.saved.basis: one for one in TrainingSavings().savings(some)}


def test_alpaca_avoided_more_than_99_per_cent() -> None:
    alpaca = subject("stanford/alpaca-7b", chip_hours=8 * 3)
    rental = by_basis(case(alpaca, (BASE, Relation.FINETUNE)))["rental"]
    assert rental.counterfactuals[0][1].mid == pytest.approx(123_648)
    assert rental.own_cost is not None
    assert rental.own_cost.mid == pytest.approx(36)
    assert rental.saved.mid == pytest.approx(123_612)
    assert rental.ratio == pytest.approx(82_432 / 24)
    assert rental.base == "meta/llama-7b"
    assert rental.upper_bound
    assert rental.adds_up


def test_one_saving_for_each_basis_that_is_known_and_for_the_arithmetic() -> None:
    found = by_basis(case(subject("me/tuned"), (BASE, Relation.FINETUNE)))
    assert set(found) == {None, "rental", "amortised"}
    assert found[None].saved.unit == "FLOP"


def test_what_the_fine_tune_took_is_unknown_and_not_zero() -> None:
    for one in by_basis(case(subject("me/tuned"), (BASE, Relation.FINETUNE))).values():
        assert one.own_cost is None
        assert one.ratio is None
        assert UNTOLD in one.assumptions


def test_counterfactuals_then_today_and_the_smallest_adequate() -> None:
    found = by_basis(case(subject("me/tuned"), (BASE, Relation.FINETUNE)))
    named = dict(found["rental"].counterfactuals)
    assert list(named) == [THEN, TODAY, ADEQUATE]
    years = (date(2026, 11, 1) - date(2022, 11, 1)).days / 365.25
    assert named[TODAY].mid == pytest.approx(named[THEN].mid * 10 ** (-0.14 * years))
    assert named[ADEQUATE].mid == pytest.approx(named[TODAY].mid * 2 ** (-12 * years / 8))
    assert [named[name].basis for name in named] == ["rental"] * 3
    assert named[ADEQUATE].high / named[ADEQUATE].low > named[THEN].high / named[THEN].low
    assert [name for name, _ in found[None].counterfactuals] == [THEN, ADEQUATE]


@pytest.mark.parametrize("published", [None, date(2026, 11, 1), date(2027, 1, 1)])
def test_without_years_gone_by_there_is_only_then(published: date | None) -> None:
    base = subject("lab/base", chip_hours=100, published=published)
    for one in by_basis(case(subject("me/tuned"), (base, Relation.FINETUNE))).values():
        assert [name for name, _ in one.counterfactuals] == [THEN]


def test_progress_of_language_models_says_nothing_of_others() -> None:
    base = subject("lab/vision", chip_hours=100, domain="Vision")
    found = by_basis(case(subject("me/tuned"), (base, Relation.FINETUNE)))
    assert [name for name, _ in found["rental"].counterfactuals] == [THEN, TODAY]
    untold = subject("lab/tokens", chip_hours=100, domain=None, training_tokens=1e12)
    found = by_basis(case(subject("me/tuned"), (untold, Relation.FINETUNE)))
    assert ADEQUATE in dict(found["rental"].counterfactuals)


def test_a_default_replaced_by_the_user() -> None:
    economy = FakeEconomy(hardware_trend=0.3)
    named = dict(
        by_basis(case(subject("me/m"), (BASE, Relation.FINETUNE), economy=economy))["rental"].counterfactuals
    )
    assert named[TODAY].mid < named[THEN].mid * 10 ** (-0.3 * 3.9)


def test_every_base_on_the_way_is_counted_and_the_own_step_once() -> None:
    chat = subject("lab/chat", chip_hours=1000)
    some = case(
        subject("me/tuned", chip_hours=10), (chat, Relation.FINETUNE), further=((BASE, Relation.FINETUNE),)
    )
    rental = [one for one in TrainingSavings().savings(some) if one.saved.basis == "rental"]
    assert [(one.base, one.own_cost.mid if one.own_cost else None) for one in rental] == [
        ("lab/chat", pytest.approx(15)),
        ("meta/llama-7b", 0),
    ]
    assert sum(one.saved.mid for one in rental) == pytest.approx(1.5 * (1000 + 82_432 - 10))


def test_the_own_step_is_set_against_the_nearest_base_that_is_known() -> None:
    some = case(
        subject("me/tuned", chip_hours=10),
        (subject("lab/chat"), Relation.FINETUNE),
        further=((BASE, Relation.FINETUNE),),
    )
    (rental,) = [one for one in TrainingSavings().savings(some) if one.saved.basis == "rental"]
    assert rental.own_cost is not None
    assert rental.own_cost.mid == pytest.approx(15)
    assert "what training lab/chat took is not told, and not counted beside it" in rental.assumptions


@pytest.mark.parametrize("relation", [Relation.UNKNOWN, Relation.TRAINED_ON])
def test_a_base_that_was_not_put_to_use(relation: Relation) -> None:
    assert not TrainingSavings().savings(case(subject("me/m"), (BASE, relation)))


@pytest.mark.parametrize("relation", ["finetune", "adapter", "merge", "quantized", "distilled"])
def test_every_way_of_reuse_counts(relation: str) -> None:
    assert TrainingSavings().savings(case(subject("me/m"), (BASE, Relation(relation))))


def test_a_size_and_a_date_are_no_knowledge_of_the_training() -> None:
    base = subject("lab/base", parameters=7_000_000_000)
    assert not TrainingSavings().savings(case(subject("me/m"), (base, Relation.FINETUNE)))


def test_a_cost_that_follows_from_arithmetic_is_said_to_be_low() -> None:
    tuned = subject("me/tuned", training_tokens=1e6, training_flop=1e18)
    found = by_basis(case(tuned, (BASE, Relation.FINETUNE)))
    assert SLACK not in found[None].assumptions
    timed = subject("me/timed", hardware_quantity=8, training_hours=3, chip_hours=24)
    assert all(
        SLACK not in one.assumptions for one in by_basis(case(timed, (BASE, Relation.FINETUNE))).values()
    )


def test_a_base_is_worked_out_once_for_all_its_derivatives() -> None:
    economy, strategy = FakeEconomy(), TrainingSavings()
    found = [
        strategy.savings(case(subject(f"me/{number}"), (BASE, Relation.FINETUNE), economy=economy))
        for number in range(10)
    ]
    assert economy.asked == 1
    assert found[0][0].saved is found[9][0].saved


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("registry_plugins.training.REMEMBERED", 2)
    economy, strategy = FakeEconomy(), TrainingSavings()
    bases = [subject(f"lab/{number}", chip_hours=10 + number) for number in range(3)]
    for base in (*bases, bases[0]):
        (one, *_) = strategy.savings(case(subject("me/m"), (base, Relation.FINETUNE), economy=economy))
        assert one.base == base.brief.repo_id
    assert economy.asked == 4
