"""Energy of a run, and what the grid emitted for it.

kWh = chip-hours x TDP x server factor x load x PUE; kgCO2e = kWh x intensity of the country's grid. The PUE
stands inside the kWh, once. Intensities (`data/grid.csv`) are of Ember and Our World in Data (CC BY 4.0).
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib.resources import files

from registry.economics.chips import Chip
from registry.economics.defaults import Defaults, load_defaults
from registry.model.estimate import EXACT, Estimate, product

GRID_RANGE = "regions and hours within a country differ by about as much"
POWER_RANGE = "load, server and data centre each in the range they are seen in"


@dataclass(frozen=True, slots=True)
class GridRow:
    """Grams of CO2e per kWh of a country in a year."""

    iso3: str
    iso2: str
    country: str
    intensity: float
    year: int
    source: str


class Grid:
    """Carbon intensity by country: one year of each."""

    def __init__(self, rows: Iterable[GridRow], defaults: Defaults | None = None) -> None:
        self.rows = tuple(rows)
        self._defaults = defaults if defaults is not None else load_defaults()
        self._by_code = {code: row for row in self.rows for code in (row.iso3, row.iso2)}
        self._by_name = {row.country.casefold(): row for row in self.rows}
        self._memory: dict[tuple[str, int | None], Estimate] = {}

    @classmethod
    def load(cls) -> Grid:
        """The shipped table. Read once."""
        return _load()

    def find(self, country: str) -> GridRow | None:
        """By ISO 3166 code of two or three letters, or by the English name in the table."""
        text = country.strip()
        return self._by_code.get(text.upper()) or self._by_name.get(text.casefold())

    def intensity(self, country: str, year: int | None = None) -> Estimate | None:
        """kgCO2e per kWh; `None` for a country the table does not have."""
        row = self.find(country)
        if row is None:
            return None
        key = (row.iso3, year)
        known = self._memory.get(key)
        if known is None:
            known = self._memory[key] = self._intensity(row, year)
        return known

    def suggest(self, country: str) -> tuple[str, ...]:
        """Names nearest to one that is not known."""
        near = get_close_matches(country.strip()[:100].casefold(), self._by_name, n=3, cutoff=0.6)
        return tuple(f"{self._by_name[name].country} ({self._by_name[name].iso3})" for name in near)

    def _intensity(self, row: GridRow, year: int | None) -> Estimate:
        spread = self._defaults["grid_spread"]
        mid = row.intensity / 1000
        aside = () if year in (None, row.year) else (f"grid of {row.country} in {row.year} taken for {year}",)
        return Estimate(
            mid * spread.low,
            mid * spread.value,
            mid * spread.high,
            "kgCO2e/kWh",
            f"grid of {row.country}, {row.year}",
            None,
            aside,
            (row.source,),
            GRID_RANGE,
        )


def energy(chip_hours: Estimate, chip: Chip, defaults: Defaults) -> Estimate | None:
    """kWh of chips, their servers and the data centre; `None` where the chip's power is not known."""
    if chip.tdp is None:
        return None
    return product(
        "kWh",
        "chip-hours x TDP x server_power x load x PUE",
        POWER_RANGE,
        chip_hours,
        chip.tdp / 1000,
        *power_factors(chip, defaults),
    )


def power_factors(chip: Chip, defaults: Defaults) -> tuple[Estimate, Estimate, Estimate]:
    """From the power of a chip to what its data centre draws: server, load, PUE."""
    name = f"server_power_{chip.family}"
    tpu = chip.family == "TPU"
    return (
        defaults.range(name if name in defaults else "server_power"),
        defaults.range("load_tpu" if tpu else "load_gpu"),
        defaults.range("pue_hyperscaler" if tpu else "pue"),
    )


def co2e(kwh: Estimate, intensity: Estimate) -> Estimate:
    """kgCO2e for that much from that grid."""
    interval = intensity.interval if kwh.interval == EXACT else kwh.interval
    return product("kgCO2e", "kWh x grid intensity", interval, kwh, intensity)


@cache
def _load() -> Grid:
    text = files("registry.economics").joinpath("data/grid.csv").read_text(encoding="utf-8")
    return Grid(
        GridRow(
            row["iso3"], row["iso2"], row["country"], float(row["g_per_kwh"]), int(row["year"]), row["source"]
        )
        for row in csv.DictReader(text.splitlines())
    )
