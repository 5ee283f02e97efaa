"""The rates of the literature, worked out from what their sources tell."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from registry.economics.rates import FALL, POINT, Rates, load_rates, measured_fall, read_rates
from registry.economics.trends import PER_YEAR, Origin, Point, growth

HEAD = """
checked = 2026-01-01
[claim]
percent = 45
text = "falls"
source = "somebody"
"""


def row(told: str, name: str = "a") -> str:
    return (
        f'[[rate]]\nid = "{name}"\nby = "B"\nmeasures = "m"\nyear = 2024\nsource = "s"\n'
        f'how_sure = "checked"\n{told}\n'
    )


@pytest.fixture(scope="module")
def rates() -> Rates:
    return load_rates()


@pytest.mark.parametrize(
    ("name", "mid", "lies"),
    [
        ("hardware", 27.6, "above"),
        ("rental", 31.9, "above"),
        ("openai", 40.5, "above"),
        ("algorithms", 64.6, "inside"),
        ("together", 74.4, "below"),
        ("sunyan", 47.5, "below"),
        ("ark", 68.7, "below"),
        ("ark-2024", 75.0, "below"),
        ("frontier", 2.4, "-"),
    ],
)
def test_the_rates_and_where_the_claim_lies(rates: Rates, name: str, mid: float, lies: str) -> None:
    (found,) = (rate for rate in rates.measured if rate.id == name)
    assert round(found.value.mid, 1) == mid
    assert found.compare(rates.claim) == lies


def test_every_rate_has_a_source_and_says_how_sure(rates: Rates) -> None:
    assert rates.claim == 45
    for rate in rates.measured:
        assert rate.source
        assert rate.how_sure in ("checked", "secondary")
        assert rate.value.unit == (FALL if rate.falls else PER_YEAR)
        assert rate.has_range or rate.value.interval == POINT


def test_the_longer_it_takes_to_halve_the_slower_it_falls() -> None:
    (rate,) = read_rates(HEAD + row("halving_months = { low = 6, mid = 12, high = 24 }")).measured
    assert rate.value.low == pytest.approx(100 * (1 - 2**-0.5))
    assert rate.value.mid == pytest.approx(50)
    assert rate.value.high == pytest.approx(75)


def test_rates_together_multiply() -> None:
    text = HEAD + row("percent = 50") + row("percent = 40", "b") + row('together = ["a", "b"]', "c")
    assert read_rates(text).measured[-1].value.mid == pytest.approx(70)


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ("", "must be told in one of"),
        ("percent = 1\norders_per_year = 1", "must be told in one of"),
    ],
)
def test_a_rate_is_told_in_one_way(told: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        read_rates(HEAD + row(told))


def test_a_rate_is_told_once() -> None:
    with pytest.raises(ValueError, match="twice"):
        read_rates(HEAD + row("percent = 1") + row("percent = 2"))


def test_a_fall_of_our_own() -> None:
    points = [
        Point(f"m{n}", date(2020, 1, 1) + timedelta(days=365 * n), 1e-9 * 0.5**n, Origin.TABLE)
        for n in range(6)
    ]
    rate = measured_fall("own", "USD per FLOP", growth(points), "the table")
    assert rate is not None
    assert rate.value.mid == pytest.approx(50, abs=0.1)
    assert rate.value.low <= rate.value.mid <= rate.value.high
    assert (rate.how_sure, rate.note) == ("measured", "6 models, 2020-2024")
    assert measured_fall("own", "USD per FLOP", None, "the table") is None


def test_rates_are_joined_behind(rates: Rates) -> None:
    (first, *_) = rates.measured
    assert rates.joined_by(None, first).measured == (*rates.measured, first)
