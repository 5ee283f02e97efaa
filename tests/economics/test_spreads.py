from __future__ import annotations

import pytest

from registry.economics.spreads import Line, Spread, load_lines, load_spreads


def test_every_interval_says_what_it_was_measured_on() -> None:
    for name, spread in load_spreads().items():
        assert spread.name == name
        assert spread.runs > 0
        assert f"80 % of {spread.runs} known runs" in spread.told
        assert spread.meaning in spread.told


def test_less_knowledge_is_a_wider_interval() -> None:
    spreads = load_spreads()

    def width(name: str) -> float:
        return spreads[name].high - spreads[name].low

    assert width("flop.hardware.mfu") < width("flop.hardware") < width("flop.year_parameters")
    assert width("flop.6nd.experts") < width("flop.6nd.large") < width("flop.6nd.small")
    assert width("flop.year_parameters") < width("flop.year")
    ways = (
        "cost.amortised.hours",
        "cost.amortised.flop",
        "cost.line.flop",
        "cost.year_parameters",
        "cost.year",
    )
    amortised = [width(way) for way in ways]
    assert amortised == sorted(amortised)


def test_around_scales_the_estimate() -> None:
    found = Spread("x", -1.0, 0.5, 9, "things").around(100.0, "USD", "because", basis="rental", priced="2020")
    assert found.low == pytest.approx(10)
    assert found.high == pytest.approx(100 * 10**0.5)
    assert (found.mid, found.unit, found.basis, found.priced) == (100.0, "USD", "rental", "2020")
    assert found.interval == "80 %: held the truth of 80 % of 9 known runs (things)"


def test_one_set_by_hand_says_so() -> None:
    assert Spread("x", 0.0, 0.0, 0, "things").told == "80 %: set by judgement (things)"


@pytest.mark.parametrize(("low", "high"), [(0.1, 0.2), (-0.2, -0.1), (float("nan"), 0.0)])
def test_an_interval_lies_about_the_estimate(low: float, high: float) -> None:
    with pytest.raises(ValueError, match="not an interval"):
        Spread("x", low, high, 1, "things")


def test_lines_follow_what_they_were_fitted_on() -> None:
    lines = load_lines()
    assert 1e20 < lines["flop.year"].at(2020) < 1e22
    assert 1e22 < lines["flop.year_parameters"].at(2023, 10) < 1e24
    assert 1e6 < lines["cost.year_flop"].at(2020, 24) < 1e7
    assert lines["cost.year_flop"].year < 0  # the same FLOP become cheaper


def test_a_line_ends_somewhere() -> None:
    line = Line("x", 20.0, 0.4, 0.0, 1, "", 2012, 2024)
    assert [line.reaches(year) for year in (2008, 2009, 2027, 2028)] == [False, True, True, False]
    assert line.at(9999) == 1e50
    assert line.at(1) == 1e-50
