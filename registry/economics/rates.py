"""How fast training gets cheaper: the rates others measured, beside the one that is claimed.

The rows are in `data/rates.toml`. A fall is a share per year in per cent; a growth a factor per year. What
falls differs from row to row (hardware for the dollar, arithmetic for a given quality, both), so that the
rows are compared with the claim and never with each other.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Any

from registry.economics.reuse import (
    combined_reduction,
    decline_by_halving,
    decline_by_magnitude,
    decline_per_year,
)
from registry.economics.trends import INTERVAL, PER_YEAR, Growth
from registry.model.estimate import EXACT, Estimate, exact

FALL = "%/year"
POINT = "a point: its source tells no range"
MEASURED = "measured"
"""How sure a rate of our own is."""
WAYS = frozenset({"orders_per_year", "halving_months", "fell", "percent", "growth", "together"})


@dataclass(frozen=True, slots=True)
class Rate:
    """One measured rate. by: who measured, in short. measures: what falls or grows. value: in `%/year` for a
    fall, `x/year` for a growth. how_sure: `checked`, `secondary`, `measured` here."""

    id: str
    by: str
    measures: str
    value: Estimate
    year: int | None
    source: str
    how_sure: str
    note: str | None = None

    @property
    def falls(self) -> bool:
        return self.value.unit == FALL

    @property
    def has_range(self) -> bool:
        return self.value.low < self.value.high

    def compare(self, claim: float) -> str:
        """Where a claimed fall in per cent a year lies: `inside` the range, or `below` or `above` what was
        measured; `-` beside a cost that grows, where no fall is right."""
        if not self.falls:
            return "-"
        if claim < self.value.low:
            return "below"
        return "above" if claim > self.value.high else "inside"


@dataclass(frozen=True, slots=True)
class Rates:
    """claim: the fall that is claimed, in per cent a year, and where it is from. measured: in the order of
    the data file."""

    claim: float
    claim_text: str
    claim_source: str
    checked: str
    measured: tuple[Rate, ...]

    def joined_by(self, *more: Rate | None) -> Rates:
        """With further rates behind; `None` is skipped."""
        return replace(self, measured=(*self.measured, *(rate for rate in more if rate is not None)))


@cache
def load_rates() -> Rates:
    """The rates the package ships."""
    return read_rates(files("registry.economics").joinpath("data/rates.toml").read_text(encoding="utf-8"))


def read_rates(text: str) -> Rates:
    """Rates from TOML in the shape of the shipped file. Raises `ValueError` naming the row at fault."""
    content = tomllib.loads(text)
    found: dict[str, Rate] = {}
    for row in content["rate"]:
        if row["id"] in found:
            raise ValueError(f"the rate {row['id']!r} is told twice")
        found[row["id"]] = _rate(row, found)
    claim = content["claim"]
    return Rates(
        claim["percent"], claim["text"], claim["source"], str(content["checked"]), tuple(found.values())
    )


def measured_fall(id: str, measures: str, rising: Growth | None, source: str) -> Rate | None:  # noqa: A002
    """A rate of our own, from a line through something that falls (a growth below 1); `None` without one."""
    if rising is None:
        return None
    low, mid, high = (
        100 * (1 - factor) for factor in (rising.per_year.high, rising.per_year.mid, rising.per_year.low)
    )
    formula = f"1 - growth; growth is {rising.per_year.formula}"
    value = Estimate(low, mid, high, FALL, formula, sources=(source,), interval=INTERVAL)
    note = f"{rising.models} models, {rising.first.year}-{rising.last.year}"
    return Rate(id, "measured here", measures, value, rising.last.year, source, MEASURED, note)


def _rate(row: Mapping[str, Any], known: Mapping[str, Rate]) -> Rate:
    told = sorted(WAYS & row.keys())
    if len(told) != 1:
        raise ValueError(f"the rate {row['id']!r} must be told in one of {', '.join(sorted(WAYS))}")
    value = _value(told[0], row[told[0]], row, known)
    return Rate(
        row["id"],
        row["by"],
        row["measures"],
        value,
        row["year"],
        row["source"],
        row["how_sure"],
        row.get("note"),
    )


def _value(way: str, told: Any, row: Mapping[str, Any], known: Mapping[str, Rate]) -> Estimate:
    source = row["source"]
    if way == "growth":
        return _ranged(told["low"], told["mid"], told["high"], PER_YEAR, "as stated", row)
    if way == "together":
        parts = [known[name].value for name in told]
        low, mid, high = (
            100 * combined_reduction(getattr(part, end) / 100 for part in parts)
            for end in ("low", "mid", "high")
        )
        asking = {"interval": next((part.interval for part in parts if part.low < part.high), POINT)}
        return _ranged(low, mid, high, FALL, "1 - (1 - a)(1 - b)", {**row, **asking})
    if way == "halving_months" and isinstance(told, Mapping):
        # The longer it takes to halve, the slower it falls.
        slow, usual, fast = (100 * decline_by_halving(told[end]) for end in ("high", "mid", "low"))
        return _ranged(slow, usual, fast, FALL, "1 - 2^(-12 / months)", row)
    if way == "halving_months":
        share, formula = decline_by_halving(told), "1 - 2^(-12 / months)"
    elif way == "orders_per_year":
        share, formula = decline_by_magnitude(told), "1 - 10^(-orders)"
    elif way == "fell":
        share = decline_per_year(told["from"], told["to"], told["years"])
        formula = "1 - (to / from)^(1 / years)"
    else:
        share, formula = told / 100, "as stated"
    return replace(exact(100 * share, FALL, formula, source), interval=POINT)


def _ranged(low: float, mid: float, high: float, unit: str, formula: str, row: Mapping[str, Any]) -> Estimate:
    interval = row.get("interval", EXACT)
    return Estimate(low, mid, high, unit, formula, sources=(row["source"],), interval=interval)
