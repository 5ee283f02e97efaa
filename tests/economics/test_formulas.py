"""The functions claims are worked out with, against arithmetic by hand."""

from __future__ import annotations

from datetime import date

import pytest

from registry.contract import TokenPrice
from registry.economics.formulas import FORMULAS
from registry.economics.price_table import shipped_prices

S3 = shipped_prices().storage["s3-standard"]
TOKENS = TokenPrice("t", 2.0, 6.0, "2024-01-01", "a list")


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("fact", {"told": 3}, 3),
        (
            "storage.yearly",
            {"parameters": 2**30, "dtype": "fp32", "price": S3},
            4 * S3.usd_per_month * 12,
        ),
        (
            "storage.yearly",
            {"parameters": 1e9, "dtype": "bf16", "price": S3, "per": "GB"},
            2 * S3.usd_per_month * 12,
        ),
        ("storage.size", {"parameters": 2**30, "dtype": "bf16", "per": "GiB"}, 2),
        ("storage.transfer", {"parameters": 1e9, "dtype": "fp32", "link": "8Gbit/s"}, 4 / 3600),
        ("training.flop", {"parameters": 1e9, "tokens": 2e10}, 1.2e20),
        ("training.chip_years", {"flop": 3600 * 8760e12, "chip_flops": 2e12, "utilisation": 0.5}, 1),
        (
            "training.chip_hours_of_phases",
            {"chips": 8, "hours": 10, "chips_later": 4, "hours_later": 5},
            100,
        ),
        ("training.rental", {"chips": 8, "hours": 3, "usd_per_chip_hour": 2}, 48),
        (
            "training.rental_of_hours",
            {"chip_hours": 100_000, "usd_per_chip_hour": 2, "discount": 0.25},
            150_000,
        ),
        (
            "training.rental_of_flop",
            {"flop": 3.6e18, "chip_flops": 2e12, "utilisation": 0.5, "usd_per_chip_hour": 2},
            2000,
        ),
        (
            "training.machine_rental",
            {"chips": 8, "hours": 2, "usd_per_hour": 20, "surcharge_per_hour": 5},
            50,
        ),
        (
            "training.utilisation",
            {
                "parameters": 1e9,
                "examples": 100,
                "tokens_each": 10,
                "epochs": 3,
                "chips": 1,
                "hours": 1,
                "chip_flops": 5e9,
            },
            1,
        ),
        ("reuse.token_cost", {"tokens": 2e6, "price": TOKENS}, 4),
        (
            "reuse.generated_data_cost",
            {
                "pairs": 1000,
                "new_per_request": 10,
                "kept": 0.5,
                "prompt_tokens": 600,
                "example_tokens": 400,
                "tokens_per_pair": 100,
                "price": TOKENS,
            },
            200 * (1000 * 2 + 1000 * 6) / 1e6,
        ),
        ("reuse.share_of_training", {"own": 1, "chip_hours": 9, "usd_per_chip_hour": 1}, 0.1),
        ("reuse.expert_cost", {"one": 2, "other": 3}, 5),
        ("reuse.combined_reduction", {"a": 0.5, "b": 0.5}, 0.75),
        ("energy.kwh", {"chip_hours": 1000, "watts": 400}, 400),
        ("energy.mwh", {"chip_hours": 1000, "watts": 400, "pue": 1.5}, 0.6),
        ("energy.co2e", {"kwh": 1000, "grams_per_kwh": 500}, 0.5),
        ("energy.co2e_of_mwh", {"mwh": 1, "grams_per_kwh": 500}, 0.5),
        (
            "energy.co2e_in_all",
            {"dynamic": 1, "idle_kwh": 1000, "grams_per_kwh": 500, "embodied": 2},
            3.5,
        ),
        ("arithmetic.sum", {"a": 1, "b": 2, "c": 3}, 6),
        ("arithmetic.midpoint", {"low": 1, "high": 3}, 2),
        ("arithmetic.share", {"whole": 10, "a": 1, "b": 2}, 0.3),
        ("arithmetic.at_prices_of", {"amount": 10, "index_now": 300, "index_then": 100}, 30),
        (
            "arithmetic.real_reduction",
            {"before": 10, "after": 15, "index_now": 300, "index_then": 100},
            0.5,
        ),
        ("arithmetic.cents_each", {"usd": 1, "among": 50}, 2),
        ("arithmetic.left_after_halvings", {"years": 4, "halving_years": 2}, 0.25),
        (
            "arithmetic.days_between",
            {"first": date(2024, 2, 28), "last": date(2024, 3, 1)},
            2,
        ),
    ],
)
def test_formula(name: str, given: dict[str, object], expected: float) -> None:
    assert FORMULAS[name].call(**given) == pytest.approx(expected)


def test_every_formula_says_what_it_does() -> None:
    assert all(one.text and one.name == name for name, one in FORMULAS.items())


def test_what_cannot_be_estimated_is_refused() -> None:
    with pytest.raises(ValueError, match=r"0|above"):
        FORMULAS["training.rental"].call(chips=0, hours=1, usd_per_chip_hour=1)
    with pytest.raises(ValueError, match="do not allow"):
        FORMULAS["energy.kwh"].call(chip_hours=1, watts=None)
