from __future__ import annotations

from datetime import date

import pytest

from registry.contract import TokenPrice
from registry.economics import economy as economies
from registry.economics.defaults import load_defaults
from registry.economics.economy import HouseEconomy
from registry.economics.storage import StoragePrice, Tier, yearly
from registry.errors import BadSettings, DamagedFile
from registry.model.training import TrainingEstimate, TrainingInputs
from tests.plugins.makers import TODAY, FakeEconomy

PRICE = StoragePrice(
    id="shelf",
    provider="me",
    name="Shelf",
    usd_per_month=0.02,
    unit="GB",
    day="2026-01",
    source="my own",
    how_sure="checked",
    tiers=(Tier(1000, 0.01),),
)
GPT = TokenPrice("gpt-3", 20, 20, "2022", "a list")


def economy(**more: object) -> HouseEconomy:
    return HouseEconomy(FakeEconomy(), PRICE, {"gpt-3": GPT}, TODAY, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [0, 1, 10**9, 5 * 10**12, 705 * 10**9])
def test_storage_is_what_the_price_makes_of_it(size: int) -> None:
    mine, plain = economy().storage(size), yearly(size, PRICE)
    assert mine == plain
    assert mine.unit == "USD/year"


def test_the_same_inputs_are_asked_about_once() -> None:
    model = FakeEconomy()
    one = HouseEconomy(model, PRICE, {}, TODAY)
    inputs = TrainingInputs(model="lab/m", chip_hours=10)
    assert one.training(inputs) is one.training(inputs)
    assert one.training(inputs, date(2020, 1, 1)) is not None
    assert model.asked == 2


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(economies, "REMEMBERED", 2)
    model = FakeEconomy()
    one = HouseEconomy(model, PRICE, {}, TODAY)
    first, *others = [TrainingInputs(chip_hours=10 + number) for number in range(3)]
    for inputs in (first, *others, first):
        assert one.training(inputs).chip_hours is not None
    assert model.asked == 4


def test_names_of_token_prices() -> None:
    one = economy()
    assert one.tokens("gpt-3") is GPT
    assert one.tokens("paper:openai/gpt-3") is GPT
    assert one.tokens("somebody/gpt-3") is None, "a repository of the Hub is nobody's product"


def test_a_price_of_tokens_assumed_for_all() -> None:
    found = economy(any_tokens=0.15).tokens("somebody/gpt-3")
    assert found is not None
    assert (found.input, found.source) == (0.15, "assumed by the user")
    for absurd in (0, -1, 1e9):
        with pytest.raises(BadSettings, match="no price"):
            economy(any_tokens=absurd)


def test_defaults_and_what_replaces_them() -> None:
    assert economy().assumed("finetune_cost").mid == 600
    replaced = economy(defaults=load_defaults().replaced({"finetune_cost": 50})).assumed("finetune_cost")
    assert (replaced.low, replaced.mid, replaced.high) == (50, 50, 50)
    with pytest.raises(BadSettings, match="finetune_price"):
        economy().assumed("finetune_price")
    assert economy().today == TODAY
    assert economy().storage_price is PRICE


class Broken:
    name = "wobbly"
    summary = "breaks"

    def __init__(self, error: Exception) -> None:
        self.error = error

    def training(self, inputs: TrainingInputs, at: date | None = None) -> TrainingEstimate:
        raise self.error


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ZeroDivisionError("by zero"), "ZeroDivisionError: by zero"),
        (DamagedFile("its table broke"), "its table broke"),
    ],
)
def test_a_cost_model_that_breaks_knows_nothing_and_is_named(error: Exception, said: str) -> None:
    one = HouseEconomy(Broken(error), PRICE, {}, TODAY)
    found = one.training(TrainingInputs(model="lab/m"))
    assert found.flop is None
    assert set(found.cost.values()) == {None}
    assert one.broke is not None
    assert (one.broke.cost_model, one.broke.model, one.broke.reason) == ("wobbly", "lab/m", said)
    one.training(TrainingInputs(model="lab/other"))
    assert one.broke.model == "lab/m"
