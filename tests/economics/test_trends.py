"""Lines through logarithms, their intervals, and who is at the frontier."""

from __future__ import annotations

from datetime import date, timedelta
from math import log10

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.economics.trends import (
    LEAST,
    PER_YEAR,
    Origin,
    Point,
    frontier,
    growth,
    in_years,
    student_quantile,
)

START = date(2018, 1, 1)


def points(*values: float, step: int = 100) -> list[Point]:
    """One point every `step` days."""
    return [
        Point(f"m{number}", START + timedelta(days=number * step), value, Origin.TABLE)
        for number, value in enumerate(values)
    ]


def exact_growth(factor: float, count: int = 8) -> list[Point]:
    first = in_years(START)
    days = [START + timedelta(days=97 * number) for number in range(count)]
    return [
        Point(f"m{number}", day, 1e6 * factor ** (in_years(day) - first), Origin.TABLE)
        for number, day in enumerate(days)
    ]


@pytest.mark.parametrize("factor", [0.5, 1.0, 2.0, 10.66])
def test_an_exact_growth_is_found_without_error(factor: float) -> None:
    found = growth(exact_growth(factor), "a source")
    assert found is not None
    per_year = found.per_year
    assert per_year.mid == pytest.approx(factor)
    assert per_year.low == pytest.approx(factor, rel=1e-6)
    assert per_year.high == pytest.approx(factor, rel=1e-6)
    assert (per_year.unit, per_year.sources) == (PER_YEAR, ("a source",))
    assert found.models == 8
    assert found.line.at(in_years(found.first)) == pytest.approx(1e6, rel=1e-6)


def test_the_line_and_its_interval_are_those_of_the_textbook() -> None:
    some = points(1e6, 5e6, 2e6, 4e7, 9e6, 3e8, 1e8, step=200)
    found = growth(some)
    assert found is not None
    years = np.array([point.year for point in some])
    logs = np.array([log10(point.value) for point in some])
    (slope, _), covariance = np.polyfit(years, logs, 1, cov=True)
    reach = 2.0150484 * float(np.sqrt(covariance[0, 0]))  # Student, 5 degrees of freedom, 90 %
    assert found.per_year.mid == pytest.approx(10**slope)
    assert found.per_year.low == pytest.approx(10 ** (slope - reach), rel=1e-5)
    assert found.per_year.high == pytest.approx(10 ** (slope + reach), rel=1e-5)


def test_the_band_is_narrowest_in_the_middle_and_holds_the_line() -> None:
    found = growth(points(1e6, 5e6, 2e6, 4e7, 9e6, 3e8, 1e8))
    assert found is not None
    line = found.line

    def width(year: float) -> float:
        low, high = line.band(year)
        assert low < line.at(year) < high
        return high / low

    assert width(line.middle) < width(line.middle - 1)
    assert width(line.middle) < width(line.middle + 1)
    assert width(line.middle + 2) == pytest.approx(width(line.middle - 2))


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    random = np.random.default_rng(7)
    covered = 0
    for _ in range(400):
        noisy = [
            Point(point.model, point.day, point.value * 10 ** random.normal(0, 0.6), Origin.TABLE)
            for point in exact_growth(2.0, 12)
        ]
        found = growth(noisy)
        assert found is not None
        covered += found.per_year.low <= 2.0 <= found.per_year.high
    assert 0.86 <= covered / 400 <= 0.94


@pytest.mark.parametrize("count", range(LEAST))
def test_too_few_models_have_no_line(count: int) -> None:
    assert growth(points(*[1e6] * count)) is None


def test_models_of_one_day_have_no_line() -> None:
    assert growth(points(*[1e6, 2e6, 3e6, 4e6, 5e6, 6e6], step=0)) is None


def test_days_apart_do_not_overflow() -> None:
    found = growth(points(1.0, 1e12, 1.0, 1e12, 1e15, 1e18, step=1))
    assert found is not None
    assert 0 < found.per_year.low <= found.per_year.mid <= found.per_year.high < float("inf")


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_a_point_is_above_zero(value: float) -> None:
    with pytest.raises(ValueError, match="a/b"):
        Point("a/b", START, value, Origin.CATALOG)


def test_the_frontier_are_the_largest_of_their_day() -> None:
    some = points(5, 3, 4, 6, 1, 7, 2, 7)
    assert [point.value for point in frontier(some, leaders=2)] == [5, 3, 4, 6, 7, 7]
    assert [point.value for point in frontier(some, leaders=1)] == [5, 6, 7]


def test_copies_of_a_size_do_not_crowd_the_frontier() -> None:
    assert len(frontier(points(*[7e10] * 50), leaders=10)) == 10


def test_of_one_day_the_largest_come_first() -> None:
    assert [point.value for point in frontier(points(1, 2, 3, step=0), leaders=1)] == [3]


@given(st.lists(st.floats(1, 1e15), max_size=60), st.integers(1, 12))
def test_the_frontier_keeps_order_and_every_record(values: list[float], leaders: int) -> None:
    found = frontier(points(*values), leaders)
    assert [point.day for point in found] == sorted(point.day for point in found)
    assert len(found) >= min(leaders, len(values))
    record = 0.0
    for point in points(*values):
        if point.value > record:
            record = point.value
            assert point in found


@pytest.mark.parametrize(
    ("freedom", "expected"),
    [
        (1, 6.313752),
        (2, 2.919986),
        (3, 2.353363),
        (4, 2.131847),
        (10, 1.812461),
        (30, 1.697261),
        (120, 1.657651),
        (1000, 1.646379),
        (1001, 1.646378),
        (10**6, 1.644855),
    ],
)
def test_students_quantiles_are_those_of_the_tables(freedom: int, expected: float) -> None:
    assert student_quantile(freedom) == pytest.approx(expected, abs=1e-6)


def test_another_confidence() -> None:
    assert student_quantile(5, 0.95) == pytest.approx(2.570582, abs=1e-6)


@pytest.mark.parametrize(("freedom", "confidence"), [(0, 0.9), (5, 0.0), (5, 1.0)])
def test_there_is_no_such_quantile(freedom: int, confidence: float) -> None:
    with pytest.raises(ValueError, match="no quantile"):
        student_quantile(freedom, confidence)
