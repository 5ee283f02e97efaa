"""Pictures: what is on them, and that they come out the same."""

from __future__ import annotations

import os
import re
import struct
import subprocess
import sys
from datetime import date, timedelta
from xml.etree import ElementTree

import pytest

from registry.economics.trends import Origin, Point
from registry.exports import plots
from registry.exports.plots import CREDIT, _amount, _years, in_terminal, picture
from tests.exports.trends import Report, Series, cost, empty, points, report, size

BOTH = size(points(40), points(12, Origin.CATALOG, 2020))
ALL = report(BOTH, cost(points(30)), rates=True)


@pytest.fixture(scope="module")
def svg() -> str:
    return picture(ALL, "svg").decode()


def words_of(svg: str) -> set[str]:
    """The texts of an SVG, which are outlines with their words in a comment."""
    return {found.strip() for found in re.findall(r"<!-- (.*?) -->", svg, re.DOTALL)}


def test_an_svg_says_what_it_shows(svg: str) -> None:
    ElementTree.fromstring(svg)
    words = words_of(svg)
    assert {"Size of models, since 2015", "Cost of training, amortised, since 2015"} <= words
    assert {"How fast training gets cheaper", "fall per year (%)", "claimed: 45 %"} <= words
    assert {"parameters", "USD of 2023", "date of publication (year)"} <= words
    assert {"table: 40 models", "catalog: 12 models"} <= words
    assert any(word.startswith("table, all models: ×") for word in words)
    assert any(word.startswith("catalog, the frontier: ×") for word in words)
    assert any(CREDIT in word for word in words)
    assert {"1M", "10M", "100M"} <= words
    assert "64.6" in words


def test_the_data_owner_is_named_only_where_the_data_are_used() -> None:
    own = Report(2010, (size(points(9, Origin.CATALOG)),), None, (), ())
    assert not any("Epoch" in word for word in words_of(picture(own, "svg").decode()))


@pytest.mark.parametrize("kind", ["svg", "png"])
def test_the_same_facts_give_the_same_bytes(kind: str) -> None:
    assert picture(report(BOTH), kind) == picture(report(BOTH), kind)


def test_no_date_and_no_version_is_told(svg: str) -> None:
    assert "dc:date" not in svg
    assert "atplotlib" not in svg.partition("<g ")[0]
    png = picture(report(BOTH), "png")
    assert b"tEXt" not in png
    assert b"matplotlib" not in png


def test_another_process_draws_the_same_bytes(svg: str) -> None:
    script = (
        "import sys; from tests.exports.test_plots import ALL; from registry.exports.plots import picture;"
        "sys.stdout.buffer.write(picture(ALL, 'svg'))"
    )
    env = {**os.environ, "PYTHONHASHSEED": "1", "TZ": "Asia/Tokyo", "LC_ALL": "C"}
    root = plots.__file__.rpartition("registry")[0]
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, cwd=root, env=env)
    assert done.stdout.decode() == svg


def test_a_png_has_a_panel_for_each_part() -> None:
    one, three = picture(report(BOTH), "png"), picture(ALL, "png")
    assert one[:8] == three[:8] == b"\x89PNG\r\n\x1a\n"
    (width, height), (same, taller) = struct.unpack(">II", one[16:24]), struct.unpack(">II", three[16:24])
    assert width == same == 1200
    assert taller > 2.5 * height


def test_points_without_a_line_are_drawn_with_the_reason() -> None:
    words = words_of(picture(report(size(points(3))), "svg").decode())
    assert {"table: 3 models", "table: too few"} <= words


def test_nothing_cannot_be_drawn() -> None:
    with pytest.raises(ValueError, match="nothing to draw"):
        picture(report(empty()), "svg")
    assert in_terminal(empty(), 80) == ""


def test_an_empty_part_leaves_no_panel() -> None:
    assert "Size of models" not in " ".join(words_of(picture(report(empty(), rates=True), "svg").decode()))


def test_very_many_points_become_a_picture_within(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plots, "MOST_SHAPES", 20)
    drawn = picture(report(size(points(40))), "svg").decode()
    assert "data:image/png;base64" in drawn
    assert drawn == picture(report(size(points(40))), "svg").decode()


def test_names_of_strangers_are_no_mathematics() -> None:
    broken = Series("size", "parameters", "$x_{", points(9), size(points(9)).trends)
    assert "$x_{" in words_of(picture(report(broken), "svg").decode())


# --- in a terminal ------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [40, 57, 80, 300, None])
def test_a_plot_fits_its_terminal(width: int | None) -> None:
    drawn = in_terminal(BOTH, width).splitlines()
    assert max(map(len, drawn)) <= min(width or plots.WIDEST, plots.WIDEST)
    assert all(line == line.rstrip() for line in drawn)
    legend = " ".join(line.strip() for line in drawn[-4:])
    assert {"table", "catalog", "frontier"} <= set(legend.split())


def test_a_plot_has_no_escapes_and_says_what_it_shows() -> None:
    drawn = in_terminal(BOTH, 80)
    assert "\x1b" not in drawn
    first, *middle, last = drawn.splitlines()
    assert first == "Size of models, since 2015"
    assert last == "    parameters;  . table  o catalog  ━ table, all  ╌ table, frontier"
    body = "\n".join(middle)
    assert {"1M", "10M", "100M"} <= set(re.findall(r"^ *(\d+[KMBT]?)┤", body, re.MULTILINE))
    assert all(mark in body for mark in (".", "o", "━", "╌", "2016", "2024"))


def test_plots_do_not_leak_into_each_other() -> None:
    first = in_terminal(BOTH, 80)
    in_terminal(cost(points(30)), 60)
    assert in_terminal(BOTH, 80) == first


def test_the_lines_of_the_catalog_are_drawn_where_there_is_no_table() -> None:
    assert "━ catalog, all" in in_terminal(size(points(12, Origin.CATALOG)), 80)


def test_one_point_and_extremes_can_be_drawn() -> None:
    lonely = Point("a", date(2024, 5, 5), 1.0, Origin.TABLE)
    far = (lonely, Point("b", date(2024, 5, 5) + timedelta(days=36500), 1e16, Origin.TABLE))
    for some in ((lonely,), far):
        series = Series("size", "parameters", "parameters", some, ())
        assert "Size of models" in in_terminal(series, 80)
        assert picture(report(series), "png")


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (1e3, "1K"),
        (1e9, "1B"),
        (1e12, "1T"),
        (1e14, "100T"),
        (1e16, "1e+16"),
        (1.0, "1"),
        (0.01, "0.01"),
        (1e-9, "1e-09"),
    ],
)
def test_amounts_on_an_axis(value: float, told: str) -> None:
    assert _amount(value) == told


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        (2010.2, 2026.5, [2015, 2020, 2025]),
        (2018.1, 2024.9, [2019, 2020, 2021, 2022, 2023, 2024]),
        (2024.3, 2024.6, [2024]),
        (1950.0, 2026.0, [1950, 1960, 1970, 1980, 1990, 2000, 2010, 2020]),
    ],
)
def test_years_on_an_axis(first: float, last: float, expected: list[int]) -> None:
    assert _years(first, last) == expected
