"""Estimates as JSON, as rows and in the units people read."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

import pytest

from registry.exports.estimates import answered, answered_row, human, money, quantities, shape, training
from registry.exports.rows import to_csv, to_jsonl
from registry.model.estimate import Basis, Estimate, exact
from registry.model.training import TrainingEstimate

RENT = Estimate(1.0, 2.0, 3.0, "USD", "hours x price", "rental", interval="80 %", priced="2022-04-15")
FOUND = TrainingEstimate(
    model="lab/x",
    at=date(2022, 4, 15),
    route="6nd",
    flop=exact(4.2e22, "FLOP", "6 N D"),
    chip_hours=None,
    cost={Basis.RENTAL: RENT, Basis.AMORTISED: None, Basis.PURCHASE: None},
    energy_kwh=None,
    co2e_kg=None,
    routes={"6nd": exact(4.2e22, "FLOP", "6 N D")},
    assumptions=("a",),
    sources=("s",),
    missing=("no hardware",),
)


@dataclass
class One:
    model: str | None
    estimate: TrainingEstimate | None
    error: str | None = None


def test_a_range_says_what_it_counts() -> None:
    assert shape(None) is None
    assert shape(exact(5, "kWh", "told")) == {
        "low": 5,
        "mid": 5,
        "high": 5,
        "unit": "kWh",
        "interval": "exact",
        "formula": "told",
        "money_year": None,
    }


def test_money_has_a_currency_a_basis_and_a_day() -> None:
    told = shape(RENT)
    assert told is not None
    assert (told["currency"], told["basis"], told["priced"]) == ("USD", "rental", "2022-04-15")
    yearly = shape(exact(5, "USD/year", "x"))
    assert yearly is not None
    assert yearly["currency"] == "USD"


def test_money_tells_the_year_it_is_of() -> None:
    told = shape(replace(RENT, money_year=2025))
    assert told is not None
    assert (told["money_year"], told["priced"]) == (2025, "2022-04-15")


def test_the_keys_other_programs_rely_on() -> None:
    told = training(FOUND)
    assert list(told)[:6] == ["model", "at", "route", "flop", "chip_hours", "cost"]
    assert set(told["cost"]) == {"rental", "amortised", "purchase"}
    assert told["cost"]["amortised"] is None
    assert told["cost"]["rental"]["mid"] == 2.0
    assert told["routes"]["6nd"]["mid"] == 4.2e22
    assert (told["energy_kwh"], told["co2e_kg"], told["error"]) == (None, None, None)
    assert (told["assumptions"], told["sources"], told["missing"]) == (["a"], ["s"], ["no hardware"])


def test_a_row_that_cannot_be_used_has_the_same_keys() -> None:
    bad = answered(One("lab/y", None, "params=0 is not above 0"))
    assert set(bad) == set(training(FOUND))
    assert bad["model"] == "lab/y"
    assert bad["cost"] == {"rental": None, "amortised": None, "purchase": None}
    assert bad["error"] == "params=0 is not above 0"
    assert '"flop": null' in to_jsonl([bad])


def test_flat_rows_have_one_value_to_a_cell() -> None:
    rows = [answered_row(One("lab/x", FOUND)), answered_row(One(None, None, "bad"))]
    assert list(rows[0]) == list(rows[1])
    assert (rows[0]["rental_usd_low"], rows[0]["rental_usd"], rows[0]["rental_usd_high"]) == (1.0, 2.0, 3.0)
    assert rows[0]["purchase_usd"] is None
    assert rows[1]["flop"] is None
    assert len(to_csv(rows).splitlines()) == 3


def test_every_quantity_has_a_word() -> None:
    assert [name for name, _ in quantities(FOUND)] == [
        "arithmetic",
        "chip-hours",
        "cost, rental",
        "cost, amortised",
        "cost, purchase",
        "energy",
        "CO2e",
    ]


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (None, "USD", "-"),
        (3.143e23, "FLOP", "3.14e23"),
        (0.5, "FLOP", "5.00e-01"),
        (1_082_990, "chip-hour", "1.08M"),
        (999.6, "chip-hour", "1.00K"),
        (24.0, "chip-hour", "24.0"),
        (0.004, "chip-hour", "0.004"),
        (0, "chip-hour", "0"),
        (433_196, "kWh", "433 MWh"),
        (999.7, "kWh", "1.00 MWh"),
        (1_287_000, "kWh", "1.29 GWh"),
        (3.05, "kWh", "3.05 kWh"),
        (0.25, "kWh", "250 Wh"),
        (24_690, "kgCO2e", "24.7 t"),
        (13.4, "kgCO2e", "13.4 kg"),
        (4_672_619, "USD", "$4.67M"),
        (-180.0, "USD", "-$180"),
        (94.32, "USD", "$94.32"),
        (99.96, "USD", "$100"),
        (0, "USD", "$0.00"),
        (0.0021, "USD", "$0.002"),
        (2e18, "USD", "$2,000,000T"),
    ],
)
def test_figures_for_people(value: float | None, unit: str, text: str) -> None:
    assert human(value, unit) == text


def test_thousand_dollars_are_in_thousands() -> None:
    assert (money(999), money(1000), money(40_000)) == ("$999", "$1.00K", "$40.0K")
