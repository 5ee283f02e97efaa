"""How models and their costs grew: points from the catalog and the shipped table, and lines through them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from registry.catalog.catalog import Catalog
from registry.economics.rates import Rate, Rates, load_rates, measured_fall
from registry.economics.table import CREDIT, TrainingTable
from registry.economics.trends import LEAST, Growth, Origin, Point, Sample, frontier, growth
from registry.model.edges import Relation
from registry.model.filters import Filter
from registry.model.records import Holding
from registry.services.facts import created_on, inputs_of
from registry.services.holdings import pages

SIZE, COST, RATES = "size", "cost", "rates"
TOPICS = (SIZE, COST, RATES)

SINCE = 2010
"""The first year shown unless another is asked for: what came before grew at another pace (Sevilla et al.
2022, arXiv 2202.05924, let the era of deep learning begin there)."""

PARTS_AND_COPIES = frozenset({Relation.ADAPTER, Relation.MERGE, Relation.QUANTIZED})
"""Relations of what was not trained whole."""

TABLE_SOURCE = f"{CREDIT} (CC BY 4.0)"


@dataclass(frozen=True, slots=True)
class Trend:
    """One line. growth: `None` where there is none to draw, and then `missing` says why. points: what the
    line goes through."""

    origin: Origin
    sample: Sample
    points: tuple[Point, ...]
    growth: Growth | None
    missing: str | None = None


@dataclass(frozen=True, slots=True)
class Series:
    """One quantity over time. topic: `size` or `cost`; points: every one since the first year; left_out:
    models of which the date or the quantity is unknown, per origin. basis: of a cost; priced: the year
    whose money it is in."""

    topic: str
    quantity: str
    unit: str
    points: tuple[Point, ...]
    trends: tuple[Trend, ...]
    left_out: tuple[tuple[Origin, int], ...] = ()
    basis: str | None = None
    priced: str | None = None


@dataclass(frozen=True, slots=True)
class TrendReport:
    """What was asked for of sizes, costs and rates. since: the first year."""

    since: int
    series: tuple[Series, ...]
    rates: Rates | None
    notes: tuple[str, ...]
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """topics: of `TOPICS`, in that order. origins: where points are taken from. filters: on models of the
    catalog; domain: on what models are about, wherever they are from."""

    topics: Sequence[str] = TOPICS
    origins: Sequence[Origin] = tuple(Origin)
    since: int = SINCE
    filters: Sequence[Filter] = ()
    domain: str | None = None


def trend(catalog: Catalog | None, table: TrainingTable, asked: Asked) -> TrendReport:
    """The trends asked for. catalog: `None` where there is none; its part is then missing."""
    series: list[Series] = []
    notes: list[str] = []
    if SIZE in asked.topics:
        series.append(_sizes(catalog, table, asked))
        notes += _about_sizes(asked, series[-1])
    if COST in asked.topics:
        series.append(_costs(table, asked))
        if Origin.CATALOG in asked.origins:
            notes.append("Costs are the table's alone: those told in catalogs are of different bases.")
    rates = _rates(table, asked) if RATES in asked.topics else None
    from_table = Origin.TABLE in asked.origins or rates is not None
    return TrendReport(asked.since, tuple(series), rates, tuple(notes), (TABLE_SOURCE,) if from_table else ())


def catalog_points(
    catalog: Catalog, table: TrainingTable, filters: Sequence[Filter] = (), domain: str | None = None
) -> tuple[list[Point], int]:
    """A point for each model trained whole, and how many have no date or size. Adapters, merges and
    quantized copies are no further models of that size and count for nothing here."""
    points: list[Point] = []
    left_out = 0
    for holding in _holdings(catalog, filters):
        if any(edge.relation in PARTS_AND_COPIES for edge in holding.bases):
            continue
        inputs = inputs_of(holding, table)
        if not _is_about(inputs.domain, domain):
            continue
        day = inputs.published or created_on(holding.brief)
        size = inputs.parameters or holding.brief.parameters
        if day is None or not size:
            left_out += 1
            continue
        points.append(Point(holding.brief.repo_id, day, size, Origin.CATALOG))
    return points, left_out


def table_points(table: TrainingTable, fact: str, domain: str | None = None) -> tuple[list[Point], int]:
    """A point for each model of the table of which that fact is known, and how many there are without."""
    points: list[Point] = []
    left_out = 0
    for row in table:
        if not _is_about(row.domain, domain):
            continue
        value = row.numbers.get(fact)
        if value:
            points.append(Point(row.model, row.published, value, Origin.TABLE))
        else:
            left_out += 1
    return points, left_out


def trends_of(points: Iterable[Point], since: int, what: str, *sources: str) -> Iterator[Trend]:
    """The lines through points of one origin since that year: through all, and through the frontier, for
    which what came before counts too. what: the quantity, in words."""
    every = sorted(points, key=lambda point: (point.day, point.model))
    if not every:
        return
    for sample in Sample:
        chosen = every if sample is Sample.ALL else frontier(every)
        shown = tuple(point for point in chosen if point.day.year >= since)
        line = growth(shown, *sources)
        yield Trend(every[0].origin, sample, shown, line, None if line else _too_few(shown, since, what))


def _sizes(catalog: Catalog | None, table: TrainingTable, asked: Asked) -> Series:
    found: dict[Origin, tuple[list[Point], int]] = {}
    if Origin.CATALOG in asked.origins and catalog is not None:
        found[Origin.CATALOG] = catalog_points(catalog, table, asked.filters, asked.domain)
    if Origin.TABLE in asked.origins:
        found[Origin.TABLE] = table_points(table, "parameters", asked.domain)
    return _series(SIZE, "parameters", "parameters", found, asked.since, "a size")


def _costs(table: TrainingTable, asked: Asked) -> Series:
    found: dict[Origin, tuple[list[Point], int]] = {}
    if Origin.TABLE in asked.origins:
        found[Origin.TABLE] = table_points(table, "training_cost", asked.domain)
    return _series(
        COST, "cost of training", "USD", found, asked.since, "a cost", basis="amortised", priced="2023"
    )


def _series(
    topic: str,
    quantity: str,
    unit: str,
    found: dict[Origin, tuple[list[Point], int]],
    since: int,
    what: str,
    *,
    basis: str | None = None,
    priced: str | None = None,
) -> Series:
    shown: list[Point] = []
    trends: list[Trend] = []
    for origin, (points, _) in found.items():
        shown += (point for point in points if point.day.year >= since)
        trends += trends_of(points, since, what, *((TABLE_SOURCE,) if origin is Origin.TABLE else ()))
        if not points:
            trends.append(Trend(origin, Sample.ALL, (), None, _too_few((), since, what)))
    return Series(
        topic,
        quantity,
        unit,
        tuple(sorted(shown, key=lambda point: (point.day, point.model, point.origin))),
        tuple(trends),
        tuple((origin, left_out) for origin, (_, left_out) in found.items()),
        basis,
        priced,
    )


def _rates(table: TrainingTable, asked: Asked) -> Rates:
    """The rates of the literature and, measured here, what a unit of arithmetic costs in the table."""
    return load_rates().joined_by(_own_rate(table, asked.since))


def _own_rate(table: TrainingTable, since: int) -> Rate | None:
    per_flop = [
        Point(row.model, row.published, cost / flop, Origin.TABLE)
        for row in table
        if (cost := row.numbers.get("training_cost")) and (flop := row.numbers.get("training_flop"))
    ]
    shown = [point for point in per_flop if point.day.year >= since]
    return measured_fall(
        "table", "USD per FLOP of training, amortised", growth(shown, TABLE_SOURCE), TABLE_SOURCE
    )


def _about_sizes(asked: Asked, sizes: Series) -> list[str]:
    notes = []
    left_out = dict(sizes.left_out)
    if Origin.CATALOG in left_out:
        notes.append("Of the catalog, models trained whole: no adapters, merges or quantized copies.")
    if missing := left_out.get(Origin.CATALOG):
        notes.append(f"{missing:,} more of the catalog have no date or no size.")
    if asked.filters and Origin.TABLE in left_out:
        notes.append("Filters are for the catalog; the table is whole.")
    return notes


def _too_few(points: Sequence[Point], since: int, what: str) -> str:
    if len(points) < LEAST:
        return f"fewer than {LEAST} models with a date and {what} since {since}"
    return "all models are of the same day"


def _is_about(domain: str | None, wanted: str | None) -> bool:
    return wanted is None or (domain is not None and wanted.casefold() in domain.casefold())


def _holdings(catalog: Catalog, filters: Sequence[Filter]) -> Iterator[Holding]:
    """Models somebody added for which the filters hold."""
    names = [brief.repo_id for brief in catalog.search(filters)] if filters else None
    return chain.from_iterable(pages(catalog, names))
