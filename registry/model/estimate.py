"""Ranges instead of bare numbers, and the few ways in which they may be put together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from math import exp, isfinite, log, sqrt

EXACT = "exact"
"""The interval of a figure that was counted, or follows from counted ones by arithmetic."""


class Basis(StrEnum):
    """What a cost of training counts. Never added up or compared across.

    rental: chip-hours at what a cloud asks. amortised: the wear of owned hardware during the run, and its
    energy. purchase: buying all of the hardware.
    """

    RENTAL = "rental"
    AMORTISED = "amortised"
    PURCHASE = "purchase"


@dataclass(frozen=True, slots=True)
class Estimate:
    """A low-mid-high range in one unit, with the formula, its inputs and their sources.

    unit: `byte`, `FLOP`, `chip-hour`, `kWh`, `kgCO2e`, or a currency such as `USD`, `USD/year`.
    basis: for the cost of training a `Basis`, else `None`. interval: what the range means, in words;
    `EXACT` figures have three equal values. priced: the date of the prices used, ISO 8601.
    money_year: of a currency the year whose money it is, where that is not just the day of the price.
    """

    low: float
    mid: float
    high: float
    unit: str
    formula: str
    basis: str | None = None
    assumptions: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    interval: str = EXACT
    priced: str | None = None
    money_year: int | None = None

    def __post_init__(self) -> None:
        if not self.low <= self.mid <= self.high or not (isfinite(self.low) and isfinite(self.high)):
            raise ValueError(f"not a range: {self.low} - {self.mid} - {self.high}")

    def scaled(self, factor: float, unit: str, formula: str) -> Estimate:
        """The range times an exact factor of 0 or more, in another unit."""
        if not factor >= 0:
            raise ValueError(f"not a factor: {factor}")
        low, mid, high = self.low * factor, self.mid * factor, self.high * factor
        return replace(self, low=low, mid=mid, high=high, unit=unit, formula=formula)


def exact(value: float, unit: str, formula: str, *sources: str) -> Estimate:
    """A figure without a range."""
    return Estimate(value, value, value, unit, formula, sources=sources)


def product(
    unit: str, formula: str, interval: str, *factors: Estimate | float, basis: str | None = None
) -> Estimate:
    """Factors whose errors are independent: the logarithms of the spreads add in quadrature.

    Every factor must be above 0; its three values are read as `mid` over and times an error. Assumptions
    and sources are those of all factors, each once.
    """
    ranges = [factor for factor in factors if isinstance(factor, Estimate)]
    if any((one.low if isinstance(one, Estimate) else one) <= 0 for one in factors):
        raise ValueError(f"{formula}: a factor is not above 0")
    mid = exp(sum(log(one.mid if isinstance(one, Estimate) else one) for one in factors))
    down = exp(sqrt(sum(log(one.mid / one.low) ** 2 for one in ranges)))
    up = exp(sqrt(sum(log(one.high / one.mid) ** 2 for one in ranges)))
    return Estimate(
        mid / down,
        mid,
        mid * up,
        unit,
        formula,
        basis,
        _all(one.assumptions for one in ranges),
        _all(one.sources for one in ranges),
        interval,
        max((one.priced for one in ranges if one.priced), default=None),
        _one_year(ranges),
    )


def difference(whole: Estimate, part: Estimate, formula: str) -> Estimate:
    """`whole - part`, at worst and at best. Raises `ValueError` across units or bases."""
    _require_same((whole, part))
    return Estimate(
        whole.low - part.high,
        whole.mid - part.mid,
        whole.high - part.low,
        whole.unit,
        formula,
        whole.basis or part.basis,
        _all((whole.assumptions, part.assumptions)),
        _all((whole.sources, part.sources)),
        whole.interval if whole.interval != EXACT else part.interval,
        max((one.priced for one in (whole, part) if one.priced), default=None),
    )


def total(estimates: Iterable[Estimate], formula: str) -> Estimate:
    """The sum; lows and highs add up as if all erred the same way, so the range is never too narrow.
    Raises `ValueError` across units or bases, and for nothing at all."""
    parts = list(estimates)
    _require_same(parts)
    first = parts[0]
    return Estimate(
        sum(one.low for one in parts),
        sum(one.mid for one in parts),
        sum(one.high for one in parts),
        first.unit,
        formula,
        first.basis,
        _all(one.assumptions for one in parts),
        _all(one.sources for one in parts),
        next((one.interval for one in parts if one.interval != EXACT), EXACT),
        max((one.priced for one in parts if one.priced), default=None),
        _one_year(parts),
    )


@dataclass(frozen=True, slots=True)
class Saving:
    """What a reuse saved: a counterfactual minus what the reuse itself cost, in the same unit and basis.

    kind: the strategy that worked it out. base: the model reused, `None` where the reuse is not of one.
    counterfactuals: what would have been done instead, by name; `saved` is against the first.
    own_cost: `None` when nobody knows; `saved` is then all of the counterfactual, and an upper bound.
    `ratio` is the first counterfactual over the own cost, `None` when that is 0 or unknown.
    upper_bound: what was saved is at most this: the own cost is unknown, or what would have been done
    instead might not have been. adds_up: a sum over models means something.
    """

    model: str
    kind: str
    counterfactuals: tuple[tuple[str, Estimate], ...]
    own_cost: Estimate | None
    saved: Estimate
    ratio: float | None
    assumptions: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    base: str | None = None
    upper_bound: bool = False
    adds_up: bool = True

    def __post_init__(self) -> None:
        if not self.counterfactuals:
            raise ValueError("a saving needs a counterfactual")
        parts = (self.counterfactuals[0][1], self.saved, self.own_cost)
        _require_same(one for one in parts if one is not None)


def _require_same(parts: Iterable[Estimate]) -> None:
    kinds = {(one.unit, one.basis) for one in parts}
    if len(kinds) != 1:
        told = ", ".join(sorted(f"{unit} ({basis or 'no basis'})" for unit, basis in kinds)) or "nothing"
        raise ValueError(f"these do not add up: {told}")


def _one_year(parts: Iterable[Estimate]) -> int | None:
    """The year of the money of all that have one; `None` where they differ."""
    years = {one.money_year for one in parts if one.money_year is not None}
    return years.pop() if len(years) == 1 else None


def _all(groups: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one for group in groups for one in group))
