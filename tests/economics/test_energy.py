from __future__ import annotations

from dataclasses import replace

import pytest

from registry.economics.chips import Chip, load_chips
from registry.economics.defaults import load_defaults
from registry.economics.energy import Grid, co2e, energy
from registry.model.estimate import Estimate, exact


def chip(name: str) -> Chip:
    found = load_chips().find(name)
    assert found is not None
    return found


HOURS = exact(1000.0, "chip-hour", "told")


def test_energy_is_of_server_and_data_centre() -> None:
    kwh = energy(HOURS, chip("A100 80GB"), load_defaults())
    assert kwh is not None
    assert kwh.mid == pytest.approx(1000 * 0.4 * 2.03 * 0.75 * 1.25)
    assert kwh.low < kwh.mid < kwh.high
    assert kwh.unit == "kWh"
    assert any("pue" in text for text in kwh.assumptions)


def test_a_tpu_has_its_own_load_server_and_data_centre() -> None:
    kwh = energy(HOURS, chip("TPU v4"), load_defaults())
    assert kwh is not None
    assert kwh.mid == pytest.approx(1000 * 0.34 * 1.56 * 0.43 * 1.1)


def test_a_chip_of_unknown_power_has_no_energy() -> None:
    assert energy(HOURS, replace(chip("H100"), tdp=None), load_defaults()) is None


@pytest.mark.parametrize("country", ["FRA", "FR", "fr", " France "])
def test_a_country_by_code_or_name(country: str) -> None:
    intensity = Grid.load().intensity(country, 2023)
    assert intensity is not None
    assert intensity.mid == pytest.approx(0.056039)
    assert intensity.assumptions == ()
    assert "CC BY 4.0" in intensity.sources[0]


def test_another_year_is_told() -> None:
    intensity = Grid.load().intensity("USA", 2019)
    assert intensity is not None
    assert intensity.assumptions == ("grid of United States in 2023 taken for 2019",)
    assert Grid.load().intensity("USA", 2019) is intensity
    undated = Grid.load().intensity("USA")
    assert undated is not None
    assert undated.assumptions == ()


@pytest.mark.parametrize("country", ["", "XX", "Atlantis", "US of A", "x" * 10_000])
def test_an_unknown_country_is_none(country: str) -> None:
    assert Grid.load().intensity(country, 2023) is None


def test_suggestions() -> None:
    assert Grid.load().suggest("Germny") == ("Germany (DEU)",)
    assert Grid.load().suggest("123456") == ()


def test_no_grid_emits_nothing() -> None:
    rows = Grid.load().rows
    assert len(rows) > 200
    assert all(row.intensity > 0 for row in rows)
    assert len({row.iso2 for row in rows}) == len({row.iso3 for row in rows}) == len(rows)


def test_co2e_multiplies() -> None:
    kwh = Estimate(80.0, 100.0, 120.0, "kWh", "told", None, (), (), "somehow")
    intensity = Grid.load().intensity("FRA", 2023)
    assert intensity is not None
    kilograms = co2e(kwh, intensity)
    assert kilograms.mid == pytest.approx(5.6039)
    assert kilograms.unit == "kgCO2e"
    assert kilograms.high / kilograms.mid > kwh.high / kwh.mid
