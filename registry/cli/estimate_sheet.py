"""What making models took, for people: one on a page, several in a table, and what is assumed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING

from registry.cli.tables import LAST, Column, table, words
from registry.exports.estimates import human, quantities
from registry.model.estimate import Basis, Estimate
from registry.services.estimate import GIVEN

if TYPE_CHECKING:
    from rich.console import RenderableType

    from registry.cli.tables import Fitted
    from registry.economics.defaults import Defaults
    from registry.model.training import TrainingEstimate, TrainingInputs
    from registry.services.estimate import Answered

LABEL = 18
FIGURE = 7
_ROUTES: Mapping[str, str] = {
    "reported": "as reported or worked out by others",
    "hardware": "chips x hours x peak x utilisation",
    "step": "as told of the step on top of its base",
    "6nd": "6 x parameters x tokens x epochs",
    "year": "from the year alone",
}
_UNITS: Mapping[str, str] = {"power": "W", "training_energy": "kWh", "training_cost": "USD"}
HUGE = 1e6
"""From here on a fact is told in three digits."""

Line = tuple[str, ...]
"""A text; with a label before it; with a source behind it."""


def page(one: Answered) -> RenderableType:
    """One model. Lines wrap at the end of a terminal, nothing is cut."""
    from rich.console import Group
    from rich.text import Text

    found = one.estimate
    if found is None:
        return words(f"{one.model or 'this model'}: {one.error}")
    title = words(one.model or "the facts given", "bold")
    known = any(figure is not None for _, figure in quantities(found))
    parts: list[RenderableType] = [
        title,
        Text(),
        _figures(found) if known else words("  Nothing can be told."),
    ]
    for heading, lines in _sections(one.inputs, found):
        if lines:
            parts += [Text(), Text(heading, style="bold"), _lines(lines)]
    return Group(*parts)


def several(answers: Sequence[Answered], width: int | None) -> Fitted | None:
    """One line a model: the middle of each range; `-f csv` has the ends."""
    if not answers:
        return None
    columns = [
        Column("MODEL", least=20),
        Column("FLOP", right=True),
        Column("CHIP-HOURS", right=True, rank=LAST),
        Column("RENTAL", right=True),
        Column("AMORTISED", right=True, rank=2),
        Column("PURCHASE", right=True, rank=4),
        Column("ENERGY", right=True, rank=3),
        Column("CO2E", right=True, rank=LAST),
        Column("ROUTE", rank=5),
    ]
    return table(columns, [_row(one) for one in answers], width)


def assumptions(defaults: Defaults, width: int | None) -> Fitted:
    """Every default, with what it means."""
    columns = [
        Column("DEFAULT", least=16),
        Column("VALUE", right=True),
        Column("RANGE", right=True, rank=3),
        Column("UNIT", rank=2),
        Column("MEANING", least=30, wrap=True),
        Column("SOURCE", rank=4, least=20, wrap=True),
    ]
    rows = [
        [one.name, f"{one.value:g}", f"{one.low:g} - {one.high:g}", one.unit, one.meaning, one.source]
        for one in defaults.values()
    ]
    return table(columns, rows, width)


def _row(one: Answered) -> list[str | None]:
    found = one.estimate
    name = one.model or f"row {one.number}"
    if found is None:
        return [name, *([None] * 8)]
    return [
        name,
        _mid(found.flop),
        _mid(found.chip_hours),
        *(_mid(found.cost.get(basis)) for basis in (Basis.RENTAL, Basis.AMORTISED, Basis.PURCHASE)),
        _mid(found.energy_kwh),
        _mid(found.co2e_kg),
        found.route,
    ]


def _mid(one: Estimate | None) -> str | None:
    return human(one.mid, one.unit) if one is not None else None


def _figures(found: TrainingEstimate) -> RenderableType:
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 1, 0, 0), pad_edge=False)
    grid.add_column(style="dim", no_wrap=True, min_width=LABEL - 1)
    for _ in range(3):
        grid.add_column(justify="right", no_wrap=True, min_width=FIGURE)
    grid.add_column(overflow="fold")
    grid.add_row(*(Text(head, style="bold") for head in ("", "LOW", "MID", "HIGH", "")))
    for name, one in quantities(found):
        ends = (None, None, None) if one is None else (one.low, one.mid, one.high)
        unit = one.unit if one is not None else ""
        grid.add_row(words(f"  {name}"), *(words(human(end, unit)) for end in ends), Text(_aside(one)))
    return grid


def _aside(one: Estimate | None) -> str:
    """What stands behind a line: the unit a figure leaves out, the day of a price."""
    if one is None:
        return ""
    if one.priced and one.money_year:
        return f"{one.unit} of {one.money_year}, at prices of {one.priced}"
    if one.priced:
        return f"{one.unit}, prices of {one.priced}"
    return one.unit if one.unit in ("FLOP", "USD") else ""


def _sections(inputs: TrainingInputs | None, found: TrainingEstimate) -> list[tuple[str, list[Line]]]:
    sources = _sources(inputs, found)
    routes: list[Line] = [
        (f"{name}{' *' if name == found.route else ''}", _range(one), _ROUTES.get(name, one.formula))
        for name, one in found.routes.items()
    ]
    return [
        ("Facts", _facts(inputs, sources) if inputs is not None else []),
        ("Ways to the FLOP (* taken)", routes),
        ("Assumed", [(text,) for text in found.assumptions]),
        ("Not known", [(text,) for text in found.missing]),
        ("Mind", [(text,) for text in found.notes]),
        ("What the ranges mean", [(text,) for text in _meanings(found)]),
        ("Sources", [(f"[{number}]", text) for number, text in enumerate(sources, 1)]),
    ]


def _facts(inputs: TrainingInputs, sources: Sequence[str]) -> list[Line]:
    """What was known, each with the number of who told it."""
    lines: list[Line] = []
    for name in (field.name for field in fields(inputs)):
        value = getattr(inputs, name)
        if name in inputs.told and value is not None:
            told = inputs.told[name]
            by = told if told == GIVEN else f"[{sources.index(told) + 1}]"
            lines.append((name.replace("_", " "), _value(name, value), by))
    return lines


def _value(name: str, value: object) -> str:
    if not isinstance(value, int | float):
        return str(value)
    if name.endswith("flop"):
        return human(value, "FLOP")
    unit = f" {_UNITS[name]}" if name in _UNITS else ""
    return f"{human(value, '') if value >= HUGE else f'{value:,.6g}'}{unit}"


def _sources(inputs: TrainingInputs | None, found: TrainingEstimate) -> list[str]:
    """Who told anything, each once: of the facts first."""
    told = inputs.told.values() if inputs is not None else ()
    return [text for text in dict.fromkeys((*told, *found.sources)) if text != GIVEN]


def _range(one: Estimate) -> str:
    low, mid, high = (human(end, one.unit) for end in (one.low, one.mid, one.high))
    return mid if low == high else f"{mid} ({low} - {high})"


def _meanings(found: TrainingEstimate) -> list[str]:
    """What the ranges mean, each once, with what it is said of."""
    said: dict[str, list[str]] = {}
    for name, one in quantities(found):
        if one is not None:
            said.setdefault(one.interval, []).append(name.removeprefix("cost, "))
    return [f"{', '.join(names)}: {meaning}" for meaning, names in said.items()]


def _lines(lines: Sequence[Line]) -> RenderableType:
    """Lines of equal make, in columns that fold."""
    from rich.padding import Padding
    from rich.table import Table

    grid = Table.grid(padding=(0, 2, 0, 0), pad_edge=False)
    if len(lines[0]) > 1:
        grid.add_column(style="dim", no_wrap=True, min_width=0 if lines[0][0] == "[1]" else LABEL - 2)
        grid.add_column(overflow="fold")
    if len(lines[0]) != 2:
        grid.add_column(overflow="fold", style="dim" if len(lines[0]) > 1 else "")
    for line in lines:
        grid.add_row(*map(words, line))
    return Padding(grid, (0, 0, 0, 2))
