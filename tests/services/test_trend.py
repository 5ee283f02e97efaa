"""Where the points of trends come from, and what is left out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from registry.catalog.catalog import Catalog
from registry.economics.table import TableRow, TrainingTable
from registry.economics.trends import Origin, Sample
from registry.model.edges import Relation
from registry.model.filters import parse_filter
from registry.model.snapshot import ParameterCount, TrainingFact
from registry.services.holdings import PAGE
from registry.services.trend import (
    Asked,
    Series,
    TrendReport,
    catalog_points,
    table_points,
    trend,
)
from tests.services.fakes import NOW, snapshot

EMPTY = TrainingTable([], {})


def counted(number: int) -> ParameterCount:
    return ParameterCount(by_dtype={"F32": number}, served_total=number)


def made(year: int, month: int = 6) -> datetime:
    return datetime(year, month, 1, tzinfo=UTC)


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    """Six models a year apart that grow fourfold, and what is none of them."""
    with Catalog.open(str(tmp_path / "c.db"), create=True) as opened:
        for number in range(6):
            opened.save(
                snapshot(
                    f"lab/model-{number}",
                    created_at=made(2019 + number),
                    parameters=counted(10**8 * 4**number),
                    task="text-generation" if number % 2 else "image-classification",
                )
            )
        for name, relation in (
            ("adapter", Relation.ADAPTER),
            ("merge", Relation.MERGE),
            ("quantized", Relation.QUANTIZED),
        ):
            opened.save(
                snapshot(
                    f"guest/{name}",
                    "lab/model-5",
                    relation=relation,
                    created_at=made(2024),
                    parameters=counted(5),
                )
            )
        opened.save(snapshot("lab/undated", parameters=counted(7)))
        opened.save(snapshot("lab/unsized", created_at=made(2023)))
        yield opened


def row(model: str, day: date, domain: str | None = "Language", **numbers: float) -> TableRow:
    return TableRow(model, day, None, domain, numbers, None, None, None, None, "Confident", "edition")


@pytest.fixture
def table() -> TrainingTable:
    """Eight models half a year apart, twice as large and twice as dear each time, twice as fast per dollar
    every year; one without anything."""
    rows = [
        row(
            f"T{number}",
            date(2018, 1, 1) + timedelta(days=round(365.25 * number / 2)),
            "Vision" if number == 7 else "Language",
            parameters=1e8 * 2**number,
            training_cost=1e3 * 2**number,
            training_flop=1e18 * 2 ** (1.5 * number),
        )
        for number in range(8)
    ]
    return TrainingTable([*rows, row("bare", date(2020, 1, 1), None)], {})


def only(report: TrendReport, topic: str) -> Series:
    (series,) = (one for one in report.series if one.topic == topic)
    return series


def test_models_trained_whole_are_points(catalog: Catalog) -> None:
    points, left_out = catalog_points(catalog, EMPTY)
    assert [point.model for point in points] == [f"lab/model-{number}" for number in range(6)]
    assert points[2].day == date(2021, 6, 1)
    assert points[2].value == 16 * 10**8
    assert left_out == 2


def test_filters_and_domains_narrow(catalog: Catalog) -> None:
    points, _ = catalog_points(catalog, EMPTY, [parse_filter("params>1B")])
    assert [point.model for point in points] == ["lab/model-2", "lab/model-3", "lab/model-4", "lab/model-5"]
    points, left_out = catalog_points(catalog, EMPTY, domain="LANGUAGE")
    assert [point.model for point in points] == ["lab/model-1", "lab/model-3", "lab/model-5"]
    assert left_out == 0


def test_what_people_and_the_table_tell_wins(catalog: Catalog) -> None:
    catalog.add_facts(
        "lab/undated", [TrainingFact("published", "2017-03-02", "a paper", "manual")], observed_at=NOW
    )
    table = TrainingTable([row("T", date(2015, 5, 5), parameters=9.0)], {"lab/unsized": "T"})
    found = {point.model: point for point in catalog_points(catalog, table)[0]}
    assert found["lab/undated"].day == date(2017, 3, 2)
    assert (found["lab/unsized"].day, found["lab/unsized"].value) == (date(2015, 5, 5), 9)


def test_the_hubs_first_day_is_no_date(catalog: Catalog) -> None:
    catalog.save(
        snapshot("lab/old", created_at=datetime(2022, 3, 2, 23, 29, 4, tzinfo=UTC), parameters=counted(10**9))
    )
    assert "lab/old" not in {point.model for point in catalog_points(catalog, EMPTY)[0]}


def test_a_large_catalog_is_read_page_by_page(tmp_path: Path) -> None:
    with Catalog.open(str(tmp_path / "large.db"), create=True) as catalog:
        catalog.save_many(
            snapshot(f"lab/m{number:04}", created_at=made(2023), parameters=counted(10**6))
            for number in range(PAGE + 3)
        )
        assert len(catalog_points(catalog, EMPTY)[0]) == PAGE + 3
        assert len(catalog_points(catalog, EMPTY, [parse_filter("name~lab")])[0]) == PAGE + 3


def test_the_table_alone(table: TrainingTable) -> None:
    report = trend(None, table, Asked())
    size, cost = report.series
    assert [trend.origin for trend in size.trends] == [Origin.TABLE, Origin.TABLE]
    assert size.left_out == ((Origin.TABLE, 1),)
    for series in (size, cost):
        growth = series.trends[0].growth
        assert growth is not None
        assert growth.per_year.mid == pytest.approx(4, rel=0.01)
    assert (cost.basis, cost.priced, cost.unit) == ("amortised", "2023", "USD")
    assert report.sources
    assert not any("whole" in note for note in report.notes)


def test_what_arithmetic_costs_is_measured_in_the_table(table: TrainingTable) -> None:
    report = trend(None, table, Asked(topics=("rates",)))
    assert report.rates is not None
    own = report.rates.measured[-1]
    assert (own.id, own.how_sure) == ("table", "measured")
    assert own.value.mid == pytest.approx(50, abs=0.5)
    assert report.series == ()


def test_without_a_table_there_is_no_rate_of_our_own() -> None:
    report = trend(None, EMPTY, Asked(topics=("rates",)))
    assert report.rates is not None
    assert "table" not in {rate.id for rate in report.rates.measured}


def test_the_catalog_alone(catalog: Catalog, table: TrainingTable) -> None:
    report = trend(catalog, table, Asked(topics=("size", "cost"), origins=(Origin.CATALOG,)))
    size, cost = report.series
    assert {trend.origin for trend in size.trends} == {Origin.CATALOG}
    growth = size.trends[0].growth
    assert growth is not None
    assert growth.per_year.mid == pytest.approx(4, rel=0.01)
    assert cost.points == ()
    assert any("different bases" in note for note in report.notes)
    assert any("2 more of the catalog" in note for note in report.notes)
    assert report.sources == ()


def test_both_are_drawn_and_never_fitted_together(catalog: Catalog, table: TrainingTable) -> None:
    size = only(trend(catalog, table, Asked()), "size")
    assert len(size.points) == 6 + 8
    assert [(one.origin, one.sample) for one in size.trends] == [
        (origin, sample) for origin in (Origin.CATALOG, Origin.TABLE) for sample in Sample
    ]
    assert all(point.origin is one.origin for one in size.trends for point in one.points)
    days = [point.day for point in size.points]
    assert days == sorted(days)


def test_the_first_year_leaves_out_what_came_before(catalog: Catalog, table: TrainingTable) -> None:
    size = only(trend(catalog, table, Asked(since=2023)), "size")
    assert [point.model for point in size.points] == ["lab/model-4", "lab/model-5"]
    assert {one.missing for one in size.trends} == {"fewer than 5 models with a date and a size since 2023"}


def test_the_frontier_knows_what_came_before(table: TrainingTable) -> None:
    late = [row(f"late{n}", date(2022, 1, 1) + timedelta(days=n), parameters=10.0) for n in range(20)]
    early = [row(f"early{n}", date(2017, 1, 1), parameters=1e12) for n in range(10)]
    size = only(trend(None, TrainingTable([*early, *late], {}), Asked(topics=("size",), since=2022)), "size")
    everyone, leaders = size.trends
    assert (len(everyone.points), len(leaders.points)) == (20, 0)


def test_models_of_one_day_have_no_trend() -> None:
    same = [row(f"m{n}", date(2022, 1, 1), parameters=10.0 + n) for n in range(6)]
    size = only(trend(None, TrainingTable(same, {}), Asked(topics=("size",))), "size")
    assert size.trends[0].missing == "all models are of the same day"


def test_a_domain_of_the_table(table: TrainingTable) -> None:
    assert len(table_points(table, "parameters", "vision")[0]) == 1
    assert table_points(table, "parameters", "biology") == ([], 0)
    size = only(trend(None, table, Asked(topics=("size",), domain="biology")), "size")
    (missing,) = size.trends
    assert missing.missing == "fewer than 5 models with a date and a size since 2010"


def test_filters_say_that_the_table_is_whole(catalog: Catalog, table: TrainingTable) -> None:
    report = trend(catalog, table, Asked(filters=[parse_filter("params>1B")]))
    assert "Filters are for the catalog; the table is whole." in report.notes


def test_the_shipped_table() -> None:
    report = trend(None, TrainingTable.load(), Asked())
    size, cost = report.series
    every, leaders = (one.growth for one in size.trends)
    assert every is not None
    assert leaders is not None
    assert 1.7 < every.per_year.low < every.per_year.mid < every.per_year.high < 2.3
    assert leaders.per_year.mid > every.per_year.mid
    dear = cost.trends[1].growth
    assert dear is not None
    assert dear.per_year.low < 2.9, "overlaps what Cottier et al. measured, 2.0 to 2.9"
    assert report.rates is not None
    own = report.rates.measured[-1].value
    assert own.low < 27.6 < own.high, "agrees with what hardware alone brings"
