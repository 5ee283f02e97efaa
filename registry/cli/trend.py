"""`trend`: how models and their costs grew, and how fast training gets cheaper."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from registry.cli.options import ROWS, Whole, answers, command
from registry.cli.output import Answer, Output
from registry.cli.session import Session
from registry.cli.tables import LAST, Column, Fitted, table, words
from registry.errors import NoCatalog, UsageError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from registry.catalog.catalog import Catalog
    from registry.economics.rates import Rates
    from registry.exports.trends import ReportLike, SeriesLike

TOPICS = ("size", "cost", "rates")
ORIGINS = ("catalog", "table")
EARLIEST, LATEST = 1940, 2100


@command(
    "trend",
    "registry trend",
    "registry trend size --from table --domain language --since 2018",
    "registry trend -f svg -o trend.svg",
    "registry trend rates --json",
)
@click.argument("topic", required=False, type=click.Choice(TOPICS))
@click.option(
    "-F",
    "--filter",
    "filters",
    multiple=True,
    metavar="FIELD OP VALUE",
    help="Keep models of the catalog for which it holds, as in `registry list`. Repeat to narrow.",
)
@click.option("--from", "origin", type=click.Choice(ORIGINS), help="Only the catalog, or only the table.")
@click.option("--domain", metavar="TEXT", help="Only models about TEXT, for example language or vision.")
@click.option(
    "--since",
    type=Whole(EARLIEST, LATEST),
    metavar="YEAR",
    help="Leave out models of earlier years. Default: 2010.",
)
@click.option(
    "--points", is_flag=True, help="Also give the models drawn, in json; in jsonl and csv only them."
)
@answers(*ROWS, "svg", "png", quiet=None)
def trend(
    session: Session,
    out: Output,
    *,
    topic: str | None,
    filters: Sequence[str],
    origin: str | None,
    domain: str | None,
    since: int | None,
    points: bool,
) -> None:
    """Show how models and their costs grew over the years.

    size: parameters of models over time, from the catalog and from the table of training runs by Epoch
    AI. cost: what training them cost, hardware written off and energy, from the table. rates: how fast
    training gets cheaper, as others measured it, beside the 45 % a year that is claimed. Without a topic
    all three.

    Growth is the slope of a least-squares line through the logarithms, with its 90 % confidence interval;
    the frontier are models that were among the ten largest on the day they appeared.
    """
    from registry.economics.table import TrainingTable
    from registry.economics.trends import Origin
    from registry.exports import trends as shapes
    from registry.model.filters import parse_filter
    from registry.services import trend as service

    asked = service.Asked(
        topics=(topic,) if topic else TOPICS,
        origins=(Origin(origin),) if origin else tuple(Origin),
        since=service.SINCE if since is None else since,
        filters=[parse_filter(one) for one in filters],
        domain=domain,
    )
    wanted = "size" in asked.topics and Origin.CATALOG in asked.origins
    catalog = _catalog(session, needed=bool(origin or filters)) if wanted else None
    report = service.trend(catalog, TrainingTable.load(), asked)
    if out.format in ("svg", "png"):
        _require_something(report)
    out.give(
        Answer(
            table=lambda width: _drawn(report, width),
            document=lambda: shapes.document(report, points=points),
            rows=lambda: shapes.point_rows(report) if points else shapes.rows(report),
            text=lambda: _picture(report, "svg").decode("utf-8"),
            data=lambda: _picture(report, "png"),
        )
    )
    if out.is_table:
        for note in (*report.notes, *(f"Data: {source}." for source in report.sources)):
            session.note(note)


def _catalog(session: Session, *, needed: bool) -> Catalog | None:
    """The catalog; where there is none, the table has to do unless the catalog was asked for."""
    try:
        return session.catalog()
    except NoCatalog:
        if needed or session.chosen("catalog"):
            raise
        session.note("There is no catalog here: the table alone.")
        return None


def _picture(report: ReportLike, format: str) -> bytes:  # noqa: A002
    from registry.exports.plots import picture

    return picture(report, format)


def _require_something(report: ReportLike) -> None:
    """Raises `UsageError` where a picture would be empty."""
    if report.rates is None and not any(series.points for series in report.series):
        missing = [trend.missing for series in report.series for trend in series.trends if trend.missing]
        raise UsageError(
            f"there is nothing to draw: {missing[0] if missing else 'no models'}",
            hint="widen --since, --domain or --filter",
        )


def _drawn(report: ReportLike, width: int | None) -> RenderableType:
    """Each topic in turn: its plot, its lines in numbers; the rates with where the claim lies."""
    from rich.console import Group
    from rich.text import Text

    parts: list[RenderableType] = []
    left_out = 0
    for series in report.series:
        parts += _series(series, width)
        parts.append(Text())
    if report.rates is not None:
        laid_out = _rates(report.rates, width)
        left_out = laid_out.left_out
        parts += [words("Fall of the cost of training, per year", "bold"), laid_out.grid]
        parts += [Text(), words(_verdict(report.rates))]
    return Fitted(Group(*parts), left_out)


def _series(series: SeriesLike, width: int | None) -> list[RenderableType]:
    from rich.text import Text

    from registry.exports.plots import WORDS, in_terminal
    from registry.exports.trends import interval, years

    columns = [
        Column("LINE THROUGH", least=20),
        Column("MODELS", right=True, rank=LAST, least=6),
        Column("YEARS", rank=2, least=11),
        Column("GROWTH A YEAR", right=True, least=8),
        Column("90 % INTERVAL", right=True, rank=LAST, least=11),
    ]
    rows = [
        [
            f"{trend.origin}, {WORDS[trend.sample]}",
            f"{len(trend.points):,}",
            years(trend.growth),
            f"x{trend.growth.per_year.mid:.2f}" if trend.growth else "-",
            interval(trend.growth),
        ]
        for trend in series.trends
    ]
    plot = in_terminal(series, width)
    parts: list[RenderableType] = [Text(plot, no_wrap=True)] if plot else []
    if rows:
        parts.append(table(columns, rows, width).grid)
    for trend, row in zip(series.trends, rows, strict=True):
        if trend.missing:
            parts.append(words(f"{row[0]}: {trend.missing}.", "yellow"))
    return parts


def _rates(rates: Rates, width: int | None) -> Fitted:
    from registry.exports.trends import claim_is, rate_text

    columns = [
        Column("WHAT FALLS", least=24, wrap=True),
        Column("PER YEAR", right=True, least=20),
        Column(f"{rates.claim:g} % IS", least=10),
        Column("BY", rank=LAST, least=16, wrap=True),
        Column("HOW SURE", rank=2, least=9),
        Column("NOTE", rank=3, least=20, wrap=True),
    ]
    rows = [
        [rate.measures, rate_text(rate), claim_is(rate, rates.claim), rate.by, rate.how_sure, rate.note]
        for rate in rates.measured
    ]
    return table(columns, rows, width)


def _verdict(rates: Rates) -> str:
    """What the rates say about the claim, in a sentence."""
    falls = [rate for rate in rates.measured if rate.falls]
    inside = [rate.by for rate in falls if rate.compare(rates.claim) == "inside"]
    more = sum(1 for rate in falls if rate.compare(rates.claim) == "above")
    less = sum(1 for rate in falls if rate.compare(rates.claim) == "below")
    within = f"inside the range of {' and '.join(inside)}" if inside else "inside no range measured"
    return (
        f"{rates.claim:g} % a year is {within}, more than {more} of the others found and less than {less}. "
        f"Its source: {rates.claim_source}."
    )
