"""Trends as JSON, as rows and in the words of a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from registry.economics.rates import Rate, Rates
from registry.economics.trends import Growth, Origin, Point, Sample
from registry.exports.estimates import shape
from registry.exports.shapes import Shape


class TrendLike(Protocol):
    """One line through points, or why there is none; `services.trend` makes it."""

    @property
    def origin(self) -> Origin: ...
    @property
    def sample(self) -> Sample: ...
    @property
    def points(self) -> Sequence[Point]: ...
    @property
    def growth(self) -> Growth | None: ...
    @property
    def missing(self) -> str | None: ...


class SeriesLike(Protocol):
    """One quantity over time, with the lines through it."""

    @property
    def topic(self) -> str: ...
    @property
    def quantity(self) -> str: ...
    @property
    def unit(self) -> str: ...
    @property
    def points(self) -> Sequence[Point]: ...
    @property
    def trends(self) -> Sequence[TrendLike]: ...
    @property
    def left_out(self) -> Sequence[tuple[Origin, int]]: ...
    @property
    def basis(self) -> str | None: ...
    @property
    def priced(self) -> str | None: ...


class ReportLike(Protocol):
    """All that was asked for."""

    @property
    def since(self) -> int: ...
    @property
    def series(self) -> Sequence[SeriesLike]: ...
    @property
    def rates(self) -> Rates | None: ...
    @property
    def notes(self) -> Sequence[str]: ...
    @property
    def sources(self) -> Sequence[str]: ...


def document(report: ReportLike, *, points: bool) -> Shape:
    """Everything; a key for each topic asked for. points: also every model behind the lines."""
    found: Shape = {"since": report.since}
    for series in report.series:
        found[series.topic] = _series(series, points=points)
    if report.rates is not None:
        found["rates"] = _rates(report.rates)
    return found | {"notes": list(report.notes), "sources": list(report.sources)}


def rows(report: ReportLike) -> Iterator[Shape]:
    """A row for each line and for each rate, all with the same keys."""
    for series in report.series:
        for trend in series.trends:
            yield _trend_row(series, trend)
    if report.rates is not None:
        for rate in report.rates.measured:
            yield _rate_row(rate, report.rates.claim)


def point_rows(report: ReportLike) -> Iterator[Shape]:
    """A row for each model drawn."""
    for series in report.series:
        leading = _leading(series)
        for point in series.points:
            yield {"topic": series.topic, **_point(point, leading), "unit": series.unit}


def interval(growth: Growth | None, *, digits: int = 2) -> str:
    """`1.81 - 2.09`; `-` without a line."""
    if growth is None:
        return "-"
    return f"{growth.per_year.low:.{digits}f} - {growth.per_year.high:.{digits}f}"


def years(growth: Growth | None) -> str:
    """`2010 - 2026`."""
    return "-" if growth is None else f"{growth.first.year} - {growth.last.year}"


def rate_text(rate: Rate) -> str:
    """`64.6 (44.8 - 81.1) %`; a growth as `x2.4 (2.0 - 2.9)`."""
    value = rate.value
    told = f"{value.mid:.1f}"
    if rate.has_range:
        told += f" ({value.low:.1f} - {value.high:.1f})"
    return f"{told} %" if rate.falls else f"x{told}"


def claim_is(rate: Rate, claim: float) -> str:
    """Where the claimed fall lies: `inside`, or `4.5 above` or `below` what was measured, in points."""
    where = rate.compare(claim)
    if where == "above":
        return f"{claim - rate.value.high:.1f} above"
    return f"{rate.value.low - claim:.1f} below" if where == "below" else where


def _series(series: SeriesLike, *, points: bool) -> Shape:
    found: Shape = {
        "quantity": series.quantity,
        "unit": series.unit,
        "basis": series.basis,
        "priced": series.priced,
        "models": len(series.points),
        "left_out": {str(origin): count for origin, count in series.left_out},
        "trends": [_trend(trend) for trend in series.trends],
    }
    if points:
        leading = _leading(series)
        found["points"] = [_point(point, leading) for point in series.points]
    return found


def _trend(trend: TrendLike) -> Shape:
    growth = trend.growth
    return {
        "origin": trend.origin,
        "sample": trend.sample,
        "models": len(trend.points),
        "first": growth.first if growth else None,
        "last": growth.last if growth else None,
        "growth_per_year": shape(growth.per_year) if growth else None,
        "scatter_dex": growth.line.scatter if growth else None,
        "missing": trend.missing,
    }


def _rates(rates: Rates) -> Shape:
    return {
        "claim": {"percent": rates.claim, "text": rates.claim_text, "source": rates.claim_source},
        "checked": rates.checked,
        "measured": [
            {
                "id": rate.id,
                "measures": rate.measures,
                "value": shape(rate.value),
                "year": rate.year,
                "claim_lies": rate.compare(rates.claim) if rate.falls else None,
                "claim_inside": _inside(rate, rates.claim),
                "source": rate.source,
                "how_sure": rate.how_sure,
                "note": rate.note,
            }
            for rate in rates.measured
        ],
    }


def _inside(rate: Rate, claim: float) -> bool | None:
    """Whether the claim lies in the range measured; `None` where a source tells no range, or of a growth."""
    return rate.compare(claim) == "inside" if rate.falls and rate.has_range else None


def _trend_row(series: SeriesLike, trend: TrendLike) -> Shape:
    growth = trend.growth
    value = growth.per_year if growth else None
    return {
        "topic": series.topic,
        "what": series.quantity,
        "origin": trend.origin,
        "sample": trend.sample,
        "models": len(trend.points),
        "first": growth.first if growth else None,
        "last": growth.last if growth else None,
        "low": value.low if value else None,
        "mid": value.mid if value else None,
        "high": value.high if value else None,
        "unit": value.unit if value else None,
        "interval": value.interval if value else None,
        "basis": series.basis,
        "claim_lies": None,
        "source": "; ".join(value.sources) if value else None,
        "note": trend.missing,
    }


def _rate_row(rate: Rate, claim: float) -> Shape:
    return {
        "topic": "rates",
        "what": rate.measures,
        "origin": rate.id,
        "sample": None,
        "models": None,
        "first": None,
        "last": rate.year,
        "low": rate.value.low if rate.has_range else None,
        "mid": rate.value.mid,
        "high": rate.value.high if rate.has_range else None,
        "unit": rate.value.unit,
        "interval": rate.value.interval,
        "basis": None,
        "claim_lies": rate.compare(claim) if rate.falls else None,
        "source": rate.source,
        "note": rate.note,
    }


def _leading(series: SeriesLike) -> frozenset[Point]:
    return frozenset(
        point for trend in series.trends if trend.sample is Sample.FRONTIER for point in trend.points
    )


def _point(point: Point, leading: frozenset[Point]) -> Shape:
    return {
        "model": point.model,
        "day": point.day,
        "value": point.value,
        "origin": point.origin,
        "frontier": point in leading,
    }
