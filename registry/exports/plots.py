"""Trends as pictures: in a terminal, and as SVG or PNG that come out the same, byte for byte, every time."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from math import ceil, floor, log10
from typing import TYPE_CHECKING, Any

from registry.economics.rates import MEASURED, Rates
from registry.economics.trends import Origin, Sample
from registry.exports.trends import ReportLike, SeriesLike, TrendLike

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CREDIT = "Data on AI models: Epoch AI, epoch.ai/data/ai-models, CC BY 4.0"

PANEL = (8.0, 4.6)
"""Width and height of one picture, in inches."""
RESOLUTION = 150
HEAD, FOOT = 0.25, 0.45
"""Room above the first picture and below the last, in inches."""

COLORS = {Origin.TABLE: "#4477aa", Origin.CATALOG: "#ee7733"}
"""Told apart by those who do not see red or green (Paul Tol's schemes)."""
MARKS = {Origin.TABLE: "o", Origin.CATALOG: "D"}
STROKES = {Sample.ALL: "-", Sample.FRONTIER: "--"}
CLAIM_COLOR = "#cc3311"
GREY = "#777777"

DOTS = {Origin.TABLE: ".", Origin.CATALOG: "o"}
LINES = {Sample.ALL: "━", Sample.FRONTIER: "╌"}
WIDEST = 100
ROWS_PER_DECADE = 2
STEPS = 120
"""Points along a line."""
MOST_SHAPES = 5000
"""Points drawn one by one in an SVG; more become a picture within it, or no viewer could open it."""

_PREFIXES = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "K"), (1.0, ""))
TITLES = {"size": "Size of models", "cost": "Cost of training"}
WORDS = {Sample.ALL: "all models", Sample.FRONTIER: "the frontier"}


def in_terminal(series: SeriesLike, width: int | None) -> str:
    """A plot of characters, `width` columns wide at most; "" where there is nothing to draw."""
    if not series.points:
        return ""
    import plotext

    low, high, first, last = _frame(series)
    decades = range(floor(low), ceil(high) + 1)
    figure = plotext.figure
    plotext.terminal.limit(False, False)
    figure.clear()
    columns = min(width or WIDEST, WIDEST)
    figure.plot_size(columns, ROWS_PER_DECADE * (len(decades) - 1) + 4)
    figure.legend(False)
    for origin in (Origin.TABLE, Origin.CATALOG):
        points = [point for point in series.points if point.origin is origin]
        if points:
            logs = [log10(point.value) for point in points]
            figure.draw(figure.signal([point.year for point in points], logs, marker=DOTS[origin]))
    for trend in _plain_lines(series):
        at = _between(trend)
        logs = [log10(trend.growth.line.at(year)) for year in at] if trend.growth else []
        figure.draw(figure.signal(at, logs, marker=LINES[trend.sample]))
    figure.ruler("y").lim(decades[0], decades[-1])
    figure.ruler("y").ticks(list(decades), [_amount(10.0**exponent) for exponent in decades])
    ticks = _years(first, last)
    figure.ruler("x").ticks(ticks, [str(year) for year in ticks])
    drawn: str = figure.build().string(colorless=True)
    figure.clear()
    lines = [line.rstrip() for line in drawn.rstrip().splitlines()]
    return "\n".join([_heading(series), *lines, *_legend(series, columns)]) + "\n"


def picture(report: ReportLike, format: str) -> bytes:  # noqa: A002
    """All of a report as `svg` or `png`, one panel below the other. Raises `ValueError` where there is
    nothing to draw."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    shown = [series for series in report.series if series.points]
    panels = len(shown) + (report.rates is not None)
    if not panels:
        raise ValueError("nothing to draw")
    settings: Any = {"svg.hashsalt": "registry", "svg.fonttype": "path", "font.family": "DejaVu Sans"}
    with rc_context(settings | {"font.size": 9, "text.parse_math": False}):
        figure = Figure(figsize=(PANEL[0], PANEL[1] * panels + HEAD + FOOT), layout="constrained")
        FigureCanvasAgg(figure)
        # Each panel a figure of its own, or the widest labels would make room in all of them.
        places = [part.subplots() for part in figure.subfigures(panels, 1, squeeze=False)[:, 0]]
        for place, series in zip(places, shown, strict=False):
            _draw_series(place, series)
        if report.rates is not None:
            _draw_rates(places[-1], report.rates)
        _sign(figure, report)
        page = BytesIO()
        # No date and no version of the library: the same facts give the same bytes.
        silent: dict[str, Any] = {"Date": None, "Creator": None} if format == "svg" else {"Software": None}
        figure.savefig(page, format=format, dpi=RESOLUTION, metadata=silent)
    return page.getvalue()


def _draw_series(axes: Axes, series: SeriesLike) -> None:
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    for origin in (Origin.TABLE, Origin.CATALOG):
        points = [point for point in series.points if point.origin is origin]
        if points:
            axes.scatter(
                [point.year for point in points],
                [point.value for point in points],
                s=14,
                marker=MARKS[origin],
                color=COLORS[origin],
                alpha=0.45,
                linewidths=0,
                rasterized=len(points) > MOST_SHAPES,
                label=f"{origin}: {len(points):,} models",
            )
    for trend in _lines(series):
        _draw_line(axes, trend)
    for trend in series.trends:
        if trend.missing and trend.sample is Sample.ALL:
            axes.plot([], [], " ", label=f"{trend.origin}: {trend.missing}")
    low, high, first, last = _frame(series)
    axes.set_yscale("log")
    axes.set_ylim(10 ** (low - 0.2), 10 ** (high + 0.2))
    axes.yaxis.set_major_locator(FixedLocator([10.0**exponent for exponent in range(-30, 40)]))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _amount(value)))
    axes.xaxis.set_major_locator(FixedLocator(_years(first, last)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0f}"))
    axes.set_xlabel("date of publication (year)")
    axes.set_ylabel(_axis(series))
    axes.set_title(_heading(series), loc="left", fontweight="bold", fontsize=11)
    axes.grid(visible=True, color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="upper left", bbox_to_anchor=(-0.01, -0.13), ncols=2, frameon=False, fontsize=8)


def _draw_line(axes: Axes, trend: TrendLike) -> None:
    if trend.growth is None:
        return
    at, line = _between(trend), trend.growth.line
    color = COLORS[trend.origin]
    band = [line.band(year) for year in at]
    axes.fill_between(
        at, [low for low, _ in band], [high for _, high in band], color=color, alpha=0.18, linewidth=0
    )
    per_year = trend.growth.per_year
    axes.plot(
        at,
        [line.at(year) for year in at],
        STROKES[trend.sample],
        color=color,
        linewidth=1.8,
        label=f"{trend.origin}, {WORDS[trend.sample]}: ×{per_year.mid:.2f} a year "
        f"({per_year.low:.2f} to {per_year.high:.2f})",
    )


def _draw_rates(axes: Axes, rates: Rates) -> None:
    """What falls each year, one below the other, and the claim as a line through all. Costs that grow are
    no falls and are told in words."""
    falls = [rate for rate in rates.measured if rate.falls]
    for place, rate in enumerate(falls):
        value = rate.value
        color = COLORS[Origin.CATALOG if rate.how_sure == MEASURED else Origin.TABLE]
        if rate.has_range:
            axes.plot([value.low, value.high], [place, place], color=color, linewidth=2.4, alpha=0.6)
        axes.plot([value.mid], [place], "o", color=color, markersize=6)
        axes.annotate(
            f"{value.mid:.1f}",
            (value.mid, place),
            (0, 6),
            textcoords="offset points",
            ha="center",
            fontsize=8,
        )
    axes.axvline(rates.claim, color=CLAIM_COLOR, linewidth=1.4)
    axes.annotate(
        f"claimed: {rates.claim:g} %",
        (rates.claim, len(falls) - 0.35),
        (4, 0),
        textcoords="offset points",
        color=CLAIM_COLOR,
        fontsize=8,
        va="center",
    )
    axes.set_yticks(range(len(falls)), [f"{rate.measures}\n{rate.by}" for rate in falls])
    axes.set_ylim(len(falls) - 0.1, -0.8)
    axes.set_xlim(0, 100)
    axes.set_xlabel("fall per year (%)")
    axes.set_title("How fast training gets cheaper", loc="left", fontweight="bold", fontsize=11)
    axes.grid(visible=True, axis="x", color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _sign(figure: Figure, report: ReportLike) -> None:
    """Who the data are from, and what the band is."""
    told = []
    if any(trend.growth for series in report.series for trend in series.trends):
        told.append("Lines: least squares on log10; bands: 90 % confidence interval of the line.")
    if report.sources:
        told.append(f"{CREDIT}.")
    figure.supxlabel("\n".join(told), fontsize=7, color=GREY, x=0.01, ha="left")


def _heading(series: SeriesLike) -> str:
    basis = f", {series.basis}" if series.basis else ""
    return f"{TITLES[series.topic]}{basis}, since {floor(_frame(series)[2])}"


def _axis(series: SeriesLike) -> str:
    return f"{series.unit} of {series.priced}" if series.priced else series.unit


def _legend(series: SeriesLike, width: int) -> list[str]:
    """What the characters of the plot stand for, on as many lines as it takes."""
    origins = [origin for origin in DOTS if any(point.origin is origin for point in series.points)]
    marks = [f"{_axis(series)};", *(f"{DOTS[origin]} {origin}" for origin in origins)]
    marks += [f"{LINES[trend.sample]} {trend.origin}, {trend.sample}" for trend in _plain_lines(series)]
    lines = [f"    {marks[0]}"]
    for mark in marks[1:]:
        if len(lines[-1]) + len(mark) + 2 <= width:
            lines[-1] += f"  {mark}"
        else:
            lines.append(f"    {mark}")
    return lines


def _lines(series: SeriesLike) -> Sequence[TrendLike]:
    """The lines there are, those of the table first as its points are."""
    found = [trend for trend in series.trends if trend.growth is not None]
    return sorted(found, key=lambda trend: trend.origin is Origin.CATALOG)


def _plain_lines(series: SeriesLike) -> Sequence[TrendLike]:
    """Those of one origin: without colours more could not be told apart."""
    found = _lines(series)
    return [trend for trend in found if trend.origin is found[0].origin]


def _between(trend: TrendLike) -> list[float]:
    """Moments from the first point of a line to its last."""
    if trend.growth is None:
        return []
    days = [point.year for point in trend.points]
    first, last = min(days), max(days)
    return [first + (last - first) * step / STEPS for step in range(STEPS + 1)]


def _frame(series: SeriesLike) -> tuple[float, float, float, float]:
    """The smallest and largest power of ten, the first and last moment."""
    logs = [log10(point.value) for point in series.points]
    at = [point.year for point in series.points]
    return min(logs), max(logs), min(at), max(at)


def _years(first: float, last: float) -> list[int]:
    """Round years for an axis, at most nine."""
    span = max(1, ceil(last) - floor(first))
    step = next(step for step in (1, 2, 5, 10, 20, 50, 100, 1000) if span / step <= 8)
    start = ceil(first / step) * step
    return list(range(start, floor(last) + 1, step)) or [floor(first)]


def _amount(value: float) -> str:
    """`10M`, `1T`, `0.01`: powers of ten as an axis names them."""
    for step, prefix in _PREFIXES:
        if value >= step * 0.9999:
            return f"{value / step:.0f}{prefix}" if value < 1e15 else f"{value:.0e}"
    return f"{value:.0e}" if value < 1e-4 else f"{value:g}"
