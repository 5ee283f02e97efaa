"""Trends as JSON and rows."""

from __future__ import annotations

import json
from datetime import date

import pytest

from registry.economics.rates import load_rates
from registry.economics.trends import Origin
from registry.exports.rows import to_csv, to_json
from registry.exports.trends import claim_is, document, interval, point_rows, rate_text, rows, years
from tests.exports.trends import cost, empty, points, report, size


def test_the_document_has_a_key_for_each_topic() -> None:
    found = json.loads(
        to_json(document(report(size(points(40)), cost(points(30)), rates=True), points=False))
    )
    assert list(found) == ["since", "size", "cost", "rates", "notes", "sources"]
    assert found["size"]["left_out"] == {"table": 2}
    assert "points" not in found["size"]
    first = found["size"]["trends"][0]
    assert (first["origin"], first["sample"], first["models"], first["missing"]) == ("table", "all", 40, None)
    assert (first["first"], first["last"]) == ("2015-01-01", "2024-09-19")
    growth = first["growth_per_year"]
    assert growth["low"] < growth["mid"] < growth["high"]
    assert growth["unit"] == "x/year"
    assert "90 %" in growth["interval"]
    assert (found["cost"]["basis"], found["cost"]["priced"], found["cost"]["unit"]) == (
        "amortised",
        "2023",
        "USD",
    )


def test_without_a_line_the_reason_is_told() -> None:
    found = json.loads(to_json(document(report(empty()), points=False)))
    (trend,) = found["size"]["trends"]
    assert (trend["growth_per_year"], trend["first"], trend["missing"]) == (None, None, "too few")
    (row,) = rows(report(empty()))
    assert (row["mid"], row["note"]) == (None, "too few")


def test_points_are_given_when_asked_for() -> None:
    found = document(report(size(points(4), points(3, Origin.CATALOG))), points=True)
    assert len(found["size"]["points"]) == 7
    assert found["size"]["points"][0] == {
        "model": "table-0",
        "day": date(2015, 1, 1),
        "value": 1e6,
        "origin": "table",
        "frontier": True,
    }
    given = list(point_rows(report(size(points(40)))))
    assert len(given) == 40
    assert 0 < sum(row["frontier"] for row in given) < 40
    assert {row["topic"] for row in given} == {"size"}


def test_where_the_claim_lies_is_told_of_every_fall() -> None:
    found = document(report(rates=True), points=False)["rates"]
    assert found["claim"]["percent"] == 45
    by_id = {one["id"]: one for one in found["measured"]}
    assert [by_id[name]["claim_inside"] for name in ("algorithms", "together", "hardware", "frontier")] == [
        True,
        False,
        None,
        None,
    ]
    assert [by_id[name]["claim_lies"] for name in ("algorithms", "together", "hardware", "frontier")] == [
        "inside",
        "below",
        "above",
        None,
    ]


def test_rows_have_the_same_keys() -> None:
    found = list(rows(report(size(points(40)), cost(points(30)), rates=True)))
    assert len({tuple(row) for row in found}) == 1
    assert len(to_csv(found).splitlines()) == len(found) + 1
    point, ranged = (
        next(row for row in found if row["origin"] == name) for name in ("hardware", "algorithms")
    )
    assert (point["low"], point["high"]) == (None, None)
    assert ranged["low"] < ranged["mid"] < ranged["high"]


def test_words() -> None:
    growth = size(points(40)).trends[0].growth
    assert growth is not None
    assert years(growth) == "2015 - 2024"
    assert interval(growth) == f"{growth.per_year.low:.2f} - {growth.per_year.high:.2f}"
    assert (years(None), interval(None)) == ("-", "-")


@pytest.mark.parametrize(
    ("name", "told", "lies"),
    [
        ("hardware", "27.6 %", "17.4 above"),
        ("algorithms", "64.6 (44.8 - 81.1) %", "inside"),
        ("together", "74.4 (60.0 - 86.3) %", "15.0 below"),
        ("frontier", "x2.4 (2.0 - 2.9)", "-"),
    ],
)
def test_rates_in_words(name: str, told: str, lies: str) -> None:
    (rate,) = (one for one in load_rates().measured if one.id == name)
    assert (rate_text(rate), claim_is(rate, 45)) == (told, lies)
