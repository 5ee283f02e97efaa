"""What is assumed where a fact is not told: each value with its range, unit, meaning and source.

They are data (`data/defaults.toml`), and a user may replace any of them.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from math import isfinite
from types import MappingProxyType
from typing import Any

from registry.errors import BadSettings
from registry.model.estimate import Estimate

OWN = "replaced by the user"
RANGE = "the range it is seen in"
_FURTHEST = 1000.0
"""A replacement further than this factor outside the range is taken for a slip of the unit."""

ELECTRICITY = "electricity_"
PRICE_INDEX = "price_index_"
_FITTED = frozenset({"spread", "fit"})
"""Tables of the file that hold what was fitted; `spreads.py` reads them."""


@dataclass(frozen=True, slots=True)
class Default:
    """One assumption. value lies within low and high; unit `share` is a part of a whole, 0 to 1."""

    name: str
    value: float
    low: float
    high: float
    unit: str
    source: str
    meaning: str
    told: str = field(init=False, repr=False, compare=False)
    """The assumption in one line."""

    def __post_init__(self) -> None:
        told = f"{self.name} {self.value:g} {self.unit} ({self.source})"
        object.__setattr__(self, "told", told)
        if not 0 < self.low <= self.value <= self.high or not isfinite(self.high):
            raise ValueError(f"{self.name}: not a range above 0: {self.low} - {self.value} - {self.high}")


class Defaults(Mapping[str, Default]):
    """The assumptions by name, in the order of the file."""

    def __init__(self, table: Mapping[str, Default]) -> None:
        self._table = dict(table)
        self._ranges: dict[str, Estimate] = {}
        self._series = {prefix: _years(prefix, self._table) for prefix in (ELECTRICITY, PRICE_INDEX)}

    def __getitem__(self, name: str) -> Default:
        return self._table[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._table)

    def __len__(self) -> int:
        return len(self._table)

    def value(self, name: str) -> float:
        """Raises `KeyError` for a name that is not there."""
        return self._table[name].value

    def range(self, name: str) -> Estimate:
        """The value with its range, to put into a `product`. Raises `KeyError`."""
        known = self._ranges.get(name)
        if known is None:
            one = self._table[name]
            known = Estimate(
                one.low, one.value, one.high, one.unit, name, None, (one.told,), (one.source,), RANGE
            )
            self._ranges[name] = known
        return known

    def electricity(self, year: int) -> Default:
        """The price of a kWh in a year; of the nearest year known, outside those."""
        return self._in_year(ELECTRICITY, year)

    def price_level(self, year: int) -> Default:
        """The level of prices in a year; of the nearest year known, outside those."""
        return self._in_year(PRICE_INDEX, year)

    def _in_year(self, prefix: str, year: int) -> Default:
        first, last = self._series[prefix]
        return self._table[f"{prefix}{min(max(year, first), last)}"]

    def replaced(self, values: Mapping[str, float]) -> Defaults:
        """With some values of the user's own, which then have no range.

        Raises `BadSettings` for a name that is not there and for a value that cannot be meant.
        """
        table = dict(self._table)
        for name, value in values.items():
            if name not in table:
                raise BadSettings(f"no default is called {name!r}", hint=_nearest(name, table))
            table[name] = _own(table[name], value)
        return Defaults(table)


def _own(default: Default, value: float) -> Default:
    reason = None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not isfinite(value):
        reason = "is not a finite number"
    elif value <= 0:
        reason = "is not above 0"
    elif default.unit == "share" and value >= 1:
        reason = "is not a share below 1"
    elif not default.low / _FURTHEST <= value <= default.high * _FURTHEST:
        reason = "is out of any range"
    if reason:
        raise BadSettings(
            f"{default.name}={value} {reason}",
            hint=f"{default.meaning}: {default.low:g} to {default.high:g} {default.unit}",
        )
    return replace(default, value=value, low=value, high=value, source=OWN)


def _years(prefix: str, table: Mapping[str, Default]) -> tuple[int, int]:
    """First and last year of a series of values."""
    years = [int(name.removeprefix(prefix)) for name in table if name.startswith(prefix)]
    return min(years), max(years)


def _nearest(name: str, table: Mapping[str, Default]) -> str:
    close = get_close_matches(name, table, n=3, cutoff=0.5)
    return f"did you mean {' or '.join(close)}?" if close else f"there are {', '.join(sorted(table))}"


@cache
def read_toml() -> Mapping[str, Any]:
    """The data file, as it stands. Read once."""
    text = files("registry.economics").joinpath("data/defaults.toml").read_text(encoding="utf-8")
    return MappingProxyType(tomllib.loads(text))


@cache
def load_defaults() -> Defaults:
    """The shipped assumptions. Read once."""
    return Defaults(
        {
            name: Default(
                name,
                float(row["value"]),
                float(row["low"]),
                float(row["high"]),
                row["unit"],
                row["source"],
                row["meaning"],
            )
            for name, row in read_toml().items()
            if name not in _FITTED
        }
    )
