"""How far our results lie from what was true, as measured on one half of Epoch AI's table.

`tests/benchmarks/estimates.py --fit` works the numbers out anew; they stand in `data/defaults.toml` with how
many runs each is from. The same file has the lines fitted through year and FLOP. What was fitted never saw
the other half, on which the intervals must hold the truth in 70 to 90 % of the cases.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from types import MappingProxyType

from registry.economics.defaults import read_toml
from registry.model.estimate import Estimate

_FURTHEST = 50.0
"""Powers of ten that a line is followed to."""

YEARS_BEYOND = 3
"""Years that a line, or a trend of prices, is followed beyond what it was fitted on."""


@dataclass(frozen=True, slots=True)
class Spread:
    """An 80 % interval in factors of ten about a result: truth lies from 10^low to 10^high times it.

    low is at most 0, high at least 0. runs: how many it was measured on; 0: set by hand.
    """

    name: str
    low: float
    high: float
    runs: int
    meaning: str
    told: str = field(init=False, repr=False, compare=False)
    """The meaning of the interval, in words."""

    def __post_init__(self) -> None:
        if not self.low <= 0 <= self.high:
            raise ValueError(f"{self.name}: not an interval about the estimate: {self.low} - {self.high}")
        measured = f"held the truth of 80 % of {self.runs} known runs" if self.runs else "set by judgement"
        object.__setattr__(self, "told", f"80 %: {measured} ({self.meaning})")

    def around(
        self,
        mid: float,
        unit: str,
        formula: str,
        *,
        basis: str | None = None,
        assumptions: tuple[str, ...] = (),
        sources: tuple[str, ...] = (),
        priced: str | None = None,
    ) -> Estimate:
        """`mid` with this interval."""
        low, high = mid * 10**self.low, mid * 10**self.high
        return Estimate(low, mid, high, unit, formula, basis, assumptions, sources, self.told, priced)


@dataclass(frozen=True, slots=True)
class Line:
    """log10 of a result = intercept + year x (year - 2020) + flop x log10 FLOP, fitted on `runs` runs
    that came out in the years from `first` to `last`."""

    name: str
    intercept: float
    year: float
    flop: float
    runs: int
    meaning: str
    first: int
    last: int

    def reaches(self, year: int) -> bool:
        """Whether the year is near those it was fitted on."""
        return self.first - YEARS_BEYOND <= year <= self.last + YEARS_BEYOND

    def at(self, year: float, log_flop: float = 0.0) -> float:
        """The result itself, for a year (with its fraction) and log10 FLOP."""
        exponent = self.intercept + self.year * (year - 2020) + self.flop * log_flop
        return float(10 ** min(max(exponent, -_FURTHEST), _FURTHEST))


@cache
def load_spreads() -> Mapping[str, Spread]:
    """The intervals by name. Read once."""
    return MappingProxyType(
        {
            name: Spread(name, float(row["low"]), float(row["high"]), int(row["runs"]), row["meaning"])
            for name, row in read_toml()["spread"].items()
        }
    )


@cache
def load_lines() -> Mapping[str, Line]:
    """The fitted lines by name. Read once."""
    return MappingProxyType(
        {
            name: Line(
                name,
                float(row["intercept"]),
                float(row["year"]),
                float(row["flop"]),
                int(row["runs"]),
                row["meaning"],
                int(row["first"]),
                int(row["last"]),
            )
            for name, row in read_toml()["fit"].items()
        }
    )
