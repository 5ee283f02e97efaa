"""The guests of emissions, prompts and experts."""

from __future__ import annotations

import pytest
from registry_plugins.carbon import ONCE, UNTOLD, CarbonSavings
from registry_plugins.expertise import BASE, ExpertiseSavings
from registry_plugins.prompting import PromptingSavings

from registry.contract import TokenPrice
from registry.errors import BadSettings
from registry.model.edges import Relation
from tests.plugins.makers import STORAGE, FakeEconomy, case, subject

ROOT = subject("lab/root", chip_hours=100_000)


class TestCarbon:
    def test_emissions_of_the_base_less_the_own(self) -> None:
        (one,) = CarbonSavings().savings(case(subject("me/m", chip_hours=24), (ROOT, Relation.FINETUNE)))
        assert one.saved.unit == "kgCO2e"
        assert one.saved.mid == pytest.approx(10_000 - 2.4)
        assert one.ratio == pytest.approx(100_000 / 24)
        assert one.upper_bound

    def test_unknown_is_not_zero(self) -> None:
        (one,) = CarbonSavings().savings(case(subject("me/m"), (ROOT, Relation.FINETUNE)))
        assert one.own_cost is None
        assert UNTOLD in one.assumptions
        assert not CarbonSavings().savings(case(subject("me/m"), (subject("lab/x"), Relation.FINETUNE)))
        assert not CarbonSavings().savings(case(subject("me/m")))

    def test_the_own_emissions_are_subtracted_once(self) -> None:
        middle = subject("lab/middle", chip_hours=100)
        some = case(
            subject("me/m", chip_hours=1), (middle, Relation.MERGE), further=((ROOT, Relation.FINETUNE),)
        )
        first, second = CarbonSavings().savings(some)
        assert (first.base, second.base) == ("lab/middle", "lab/root")
        assert second.own_cost is not None
        assert second.own_cost.mid == 0
        assert ONCE in second.assumptions


class TestPrompting:
    PRICE = TokenPrice("gpt-3", 20, 20, "2022-11", "a price list")

    def test_at_one_call_the_ratio_is_the_break_even_number(self) -> None:
        economy = FakeEconomy({"paper:openai/gpt-3": self.PRICE})
        (one,) = PromptingSavings().savings(case(subject("paper:openai/gpt-3"), economy=economy))
        assert one.ratio == pytest.approx(30_000)
        assert one.saved.mid == pytest.approx(600 - 0.02)
        assert one.saved.priced == "2022-11"
        assert not one.adds_up
        assert any("30,000 calls" in text for text in one.assumptions)

    def test_assumptions_of_the_user(self) -> None:
        economy = FakeEconomy(
            {"m": TokenPrice("m", 0.15, 0.6, "2026", "x")}, prompt_calls=1000, finetune_cost=100
        )
        (one,) = PromptingSavings().savings(case(subject("m"), economy=economy))
        assert one.ratio == pytest.approx(100 / 0.15)
        assert one.own_cost is not None
        assert one.own_cost.mid == pytest.approx(0.15)

    def test_no_price_no_saving(self) -> None:
        assert not PromptingSavings().savings(case(subject("me/m")))
        free = FakeEconomy({"me/m": TokenPrice("m", 0, 0, "2026", "x")})
        assert not PromptingSavings().savings(case(subject("me/m"), economy=free))


class TestExpertise:
    def test_the_lawyer_and_bloom(self) -> None:
        bloom = subject("bigscience/bloom", 704_000_000_000, task="text-generation")
        (one,) = ExpertiseSavings().savings(case(bloom))
        assert one.counterfactuals[0][1].mid == 600_000
        assert one.counterfactuals[0][0].endswith("8 years")
        assert one.own_cost is not None
        assert one.own_cost.unit == "USD"
        assert one.own_cost.mid == pytest.approx(704 * STORAGE)
        assert not one.adds_up

    def test_an_adapter_answers_with_its_base(self) -> None:
        lora = subject("me/lora", 10**9, task="text-generation")
        base = subject("lab/base", 9 * 10**9)
        (one,) = ExpertiseSavings().savings(case(lora, (base, Relation.ADAPTER)))
        assert one.own_cost is not None
        assert one.own_cost.mid == pytest.approx(10 * STORAGE)
        assert BASE in one.assumptions
        unknown = subject("lab/base")
        assert not ExpertiseSavings().savings(case(lora, (unknown, Relation.ADAPTER)))

    @pytest.mark.parametrize(
        ("size", "task"), [(None, "text-generation"), (10, "image-classification"), (10, None)]
    )
    def test_only_models_that_write_and_whose_size_is_known(self, size: int | None, task: str | None) -> None:
        assert not ExpertiseSavings().savings(case(subject("me/m", size, task=task)))

    def test_weights_of_no_bytes_have_no_ratio(self) -> None:
        (one,) = ExpertiseSavings().savings(case(subject("me/m", 0, task="text-generation")))
        assert one.ratio is None

    def test_a_default_nobody_has(self) -> None:
        with pytest.raises((BadSettings, KeyError)):
            FakeEconomy().assumed("nothing")
