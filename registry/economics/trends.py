"""How a quantity grows over the years: a straight line through its logarithms, with an honest interval.

Each model is a point in time. The line is ordinary least squares on log10 of the value against the date; its
slope is the growth per year. The interval is Student's for that slope, which takes the models to be
independent of each other; those that copy one another make it narrower than it should be.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from heapq import heappush, heappushpop
from math import atan, cos, isfinite, log10, pi, sin, sqrt
from statistics import NormalDist, fmean

from registry.model.estimate import Estimate

LEAST = 5
"""Models below which no line is drawn."""

LEADERS = 10
"""A model is at the frontier when it is among so many largest on the day it appears (Cottier et al. 2024,
arXiv 2405.21015, section 2.1)."""

CONFIDENCE = 0.90

DAYS_PER_YEAR = 365.25

PER_YEAR = "x/year"
"""The unit of growth: 2 is a doubling each year."""

INTERVAL = "90 % confidence interval of the slope, Student's t with n - 2 degrees of freedom"
FORMULA = "10^slope of a least-squares line through log10(value) over the date in years"


class Origin(StrEnum):
    """Where a point is from; the two are never fitted together, for many models are in both."""

    CATALOG = "catalog"
    TABLE = "table"


class Sample(StrEnum):
    """Which models a line goes through: all of them, or those at the frontier on the day they appeared."""

    ALL = "all"
    FRONTIER = "frontier"


@dataclass(frozen=True, slots=True)
class Point:
    """A model, the day it appeared, and a quantity above 0."""

    model: str
    day: date
    value: float
    origin: Origin

    def __post_init__(self) -> None:
        if not (isfinite(self.value) and self.value > 0):
            raise ValueError(f"{self.model}: not above 0: {self.value}")

    @property
    def year(self) -> float:
        return in_years(self.day)


@dataclass(frozen=True, slots=True)
class Line:
    """log10(value) = level + slope x (year - middle). error: the standard error of the slope; scatter: the
    standard deviation of points about the line, both in powers of ten; spread: the sum of the squared
    distances of the dates from `middle`; quantile: Student's, for the interval."""

    middle: float
    level: float
    slope: float
    error: float
    scatter: float
    spread: float
    quantile: float
    models: int

    def at(self, year: float) -> float:
        """The value on the line."""
        return _power(self.level + self.slope * (year - self.middle))

    def band(self, year: float) -> tuple[float, float]:
        """Between which values the line runs at that time, with the confidence of the slope. Single models
        lie further from it."""
        half = self.quantile * self.scatter * sqrt(1 / self.models + (year - self.middle) ** 2 / self.spread)
        centre = self.level + self.slope * (year - self.middle)
        return _power(centre - half), _power(centre + half)


@dataclass(frozen=True, slots=True)
class Growth:
    """What a line through models says. per_year: the factor by which the quantity grows."""

    first: date
    last: date
    per_year: Estimate
    line: Line

    @property
    def models(self) -> int:
        return self.line.models


def in_years(day: date) -> float:
    """A day as a number of years: 2020-07-01 is about 2020.5."""
    return day.year + (day.timetuple().tm_yday - 1) / DAYS_PER_YEAR


def growth(points: Iterable[Point], *sources: str) -> Growth | None:
    """The growth through all of `points`; `None` for fewer than `LEAST` or all of one day."""
    ordered = sorted(points, key=lambda point: point.day)
    if len(ordered) < LEAST or ordered[0].day == ordered[-1].day:
        return None
    line = _least_squares([point.year for point in ordered], [log10(point.value) for point in ordered])
    reach = line.quantile * line.error
    per_year = Estimate(
        _power(line.slope - reach),
        _power(line.slope),
        _power(line.slope + reach),
        PER_YEAR,
        FORMULA,
        sources=sources,
        interval=INTERVAL,
    )
    return Growth(ordered[0].day, ordered[-1].day, per_year, line)


def frontier(points: Iterable[Point], leaders: int = LEADERS) -> list[Point]:
    """The points that were among the `leaders` largest up to their day, oldest first. Those of one day are
    compared with each other too; the first `leaders` of all are at the frontier, for want of others."""
    largest: list[float] = []
    found: list[Point] = []
    for point in sorted(points, key=lambda one: (one.day, -one.value, one.model)):
        if len(largest) < leaders:
            heappush(largest, point.value)
        elif point.value > largest[0]:
            heappushpop(largest, point.value)
        else:
            continue
        found.append(point)
    return found


def student_quantile(freedom: int, confidence: float = CONFIDENCE) -> float:
    """How many standard errors to either side hold `confidence` of Student's distribution.

    By bisection of the closed form of its two-sided probability (Abramowitz & Stegun 1964, 26.7.3 and
    26.7.4); beyond 1,000 degrees of freedom by the first terms of its expansion around the normal
    distribution (26.7.5), which errs by less than 10^-8 there.
    """
    if freedom < 1 or not 0 < confidence < 1:
        raise ValueError(f"no quantile for {freedom} degrees of freedom at {confidence}")
    if freedom > 1000:
        z = NormalDist().inv_cdf((1 + confidence) / 2)
        second = (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
        return z + (z**3 + z) / (4 * freedom) + second
    low, high = 0.0, 1.0
    while _within(high, freedom) < confidence:
        high *= 2
    while (half := (low + high) / 2) not in (low, high):
        low, high = (half, high) if _within(half, freedom) < confidence else (low, half)
    return half


def _within(t: float, freedom: int) -> float:
    """The probability that Student's t lies between -t and t."""
    angle = atan(t / sqrt(freedom))
    square = cos(angle) ** 2
    if freedom % 2:
        term, total = cos(angle), 0.0
        for step in range(1, (freedom - 1) // 2 + 1):
            total += term
            term *= square * 2 * step / (2 * step + 1)
        return 2 / pi * (angle + sin(angle) * total)
    term, total = 1.0, 0.0
    for step in range(1, freedom // 2 + 1):
        total += term
        term *= square * (2 * step - 1) / (2 * step)
    return sin(angle) * total


def _least_squares(years: Sequence[float], logs: Sequence[float]) -> Line:
    count = len(years)
    middle, level = fmean(years), fmean(logs)
    spread = sum((year - middle) ** 2 for year in years)
    slope = sum((year - middle) * (log - level) for year, log in zip(years, logs, strict=True)) / spread
    off = sum((log - level - slope * (year - middle)) ** 2 for year, log in zip(years, logs, strict=True))
    scatter = sqrt(off / (count - 2))
    error = scatter / sqrt(spread)
    return Line(middle, level, slope, error, scatter, spread, student_quantile(count - 2), count)


def _power(exponent: float) -> float:
    """10^exponent within what a float holds; lines through dates days apart may be that steep."""
    return float(10 ** min(300.0, max(-300.0, exponent)))
