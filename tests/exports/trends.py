"""A report of trends, as the exports of this room see one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from registry.economics.rates import Rates, load_rates
from registry.economics.trends import Growth, Origin, Point, Sample, frontier, growth

SOURCE = "Epoch AI (CC BY 4.0)"


@dataclass(frozen=True)
class Trend:
    origin: Origin
    sample: Sample
    points: tuple[Point, ...]
    growth: Growth | None
    missing: str | None = None


@dataclass(frozen=True)
class Series:
    topic: str
    quantity: str
    unit: str
    points: tuple[Point, ...]
    trends: tuple[Trend, ...]
    left_out: tuple[tuple[Origin, int], ...] = ()
    basis: str | None = None
    priced: str | None = None


@dataclass(frozen=True)
class Report:
    since: int
    series: tuple[Series, ...]
    rates: Rates | None
    notes: tuple[str, ...] = ("A note.",)
    sources: tuple[str, ...] = (SOURCE,)


def points(count: int, origin: Origin = Origin.TABLE, first: int = 2015) -> tuple[Point, ...]:
    """Models a quarter apart that double each year, with some scatter."""
    return tuple(
        Point(
            f"{origin}-{number}",
            date(first, 1, 1) + timedelta(days=91 * number),
            1e6 * 2 ** (number / 4) * (1 + number % 3),
            origin,
        )
        for number in range(count)
    )


def trends(some: Sequence[Point]) -> tuple[Trend, ...]:
    return tuple(
        Trend(some[0].origin, sample, tuple(chosen), line, None if line else "too few")
        for sample, chosen in ((Sample.ALL, some), (Sample.FRONTIER, frontier(some, 3)))
        for line in [growth(chosen, SOURCE)]
    )


def size(*groups: tuple[Point, ...]) -> Series:
    every = tuple(point for group in groups for point in group)
    lines = tuple(trend for group in groups for trend in trends(group))
    return Series("size", "parameters", "parameters", every, lines, ((Origin.TABLE, 2),))


def cost(some: tuple[Point, ...]) -> Series:
    return Series("cost", "cost of training", "USD", some, trends(some), (), "amortised", "2023")


def empty() -> Series:
    return Series(
        "size", "parameters", "parameters", (), (Trend(Origin.TABLE, Sample.ALL, (), None, "too few"),)
    )


def report(*series: Series, rates: bool = False) -> Report:
    return Report(2010, series, load_rates() if rates else None)
