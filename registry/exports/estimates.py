"""Ranges and estimates as JSON, as rows of a table, and in the units people read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from registry.model.estimate import Basis, Estimate
from registry.model.training import TrainingEstimate

Shape = dict[str, Any]

QUANTITIES = ("flop", "chip_hours", "energy_kwh", "co2e_kg")
"""The quantities of an estimate besides its costs."""

_CURRENCY_LETTERS = 3
_UNITS: Mapping[str, tuple[tuple[float, str], ...]] = {
    "kWh": ((1e6, "GWh"), (1e3, "MWh"), (1, "kWh"), (1e-3, "Wh")),
    "kgCO2e": ((1e6, "kt"), (1e3, "t"), (1, "kg"), (1e-3, "g")),
    "count": ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "K"), (1, "")),
}


class AnsweredLike(Protocol):
    """One model and what making it took; `services.estimate` makes it."""

    @property
    def model(self) -> str | None: ...
    @property
    def estimate(self) -> TrainingEstimate | None: ...
    @property
    def error(self) -> str | None: ...


def shape(one: Estimate | None) -> Shape | None:
    """A range. unit and formula say what it counts; a money has a currency and the day of its prices.
    money_year: the year whose money it is; `None` for what is no money, or in that of its day."""
    if one is None:
        return None
    found: Shape = {
        "low": one.low,
        "mid": one.mid,
        "high": one.high,
        "unit": one.unit,
        "interval": one.interval,
        "formula": one.formula,
        "money_year": one.money_year,
    }
    currency = one.unit.partition("/")[0]
    if len(currency) == _CURRENCY_LETTERS and currency.isupper():
        found |= {"currency": currency, "basis": one.basis, "priced": one.priced}
    return found


def training(one: TrainingEstimate | None, model: str | None = None, error: str | None = None) -> Shape:
    """What making a model took; all `None` where its facts cannot be used, with the reason in `error`."""
    return {
        "model": one.model if one is not None else model,
        "at": one.at if one is not None else None,
        "route": one.route if one is not None else None,
        **{name: shape(getattr(one, name, None)) for name in QUANTITIES[:2]},
        "cost": {basis.value: shape(one.cost.get(basis)) if one is not None else None for basis in Basis},
        **{name: shape(getattr(one, name, None)) for name in QUANTITIES[2:]},
        "routes": {name: shape(route) for name, route in one.routes.items()} if one is not None else {},
        "assumptions": list(one.assumptions) if one is not None else [],
        "sources": list(one.sources) if one is not None else [],
        "missing": list(one.missing) if one is not None else [],
        "notes": list(one.notes) if one is not None else [],
        "error": error,
    }


def answered(one: AnsweredLike) -> Shape:
    """The same of one answer."""
    return training(one.estimate, one.model, one.error)


def answered_row(one: AnsweredLike) -> Shape:
    """The same for a table: one value to a cell."""
    found = one.estimate
    row: Shape = {"model": one.model, "route": found.route if found else None}
    for name in QUANTITIES[:2]:
        row |= cells(name, getattr(found, name, None))
    for basis in Basis:
        row |= cells(f"{basis.value}_usd", found.cost.get(basis) if found else None)
    for name in QUANTITIES[2:]:
        row |= cells(name, getattr(found, name, None))
    return row | {
        "missing": list(found.missing) if found else [],
        "notes": list(found.notes) if found else [],
        "error": one.error,
    }


def cells(name: str, one: Estimate | None) -> Shape:
    """A range as three cells of a row."""
    return {
        f"{name}_low": one.low if one else None,
        name: one.mid if one else None,
        f"{name}_high": one.high if one else None,
    }


def quantities(one: TrainingEstimate) -> Iterator[tuple[str, Estimate | None]]:
    """Everything estimated, by the words people use."""
    yield "arithmetic", one.flop
    yield "chip-hours", one.chip_hours
    for basis in Basis:
        yield f"cost, {basis.value}", one.cost.get(basis)
    yield "energy", one.energy_kwh
    yield "CO2e", one.co2e_kg


def human(value: float | None, unit: str) -> str:
    """A figure with three digits in the unit of its size: `3.14e23`, `1.08M`, `$4.67M`, `433 MWh`, `24.7 t`;
    `-` for unknown."""
    if value is None:
        return "-"
    if unit == "FLOP":
        return f"{value:.2e}".replace("e+", "e")
    if unit in ("kWh", "kgCO2e"):
        return " ".join(_scaled(value, unit))
    if unit == "USD":
        return f"-{money(-value)}" if value < 0 else money(value)
    return "".join(_scaled(value, "count"))


def money(value: float) -> str:
    """US dollars: `$4.67M`, `$94.30`, `$0.002`; what is below 100 to the cent."""
    if value >= 1000:
        return f"${''.join(_scaled(value, 'count'))}"
    if value >= 0.01 or value == 0:
        return f"${value:.0f}" if value >= 99.95 else f"${value:.2f}"
    return f"${value:.1g}"


def _scaled(value: float, kind: str) -> tuple[str, str]:
    """Three digits and the unit they are of."""
    for step, unit in _UNITS[kind]:
        # 999.6 of a unit would print as 1000 of it: hand it to the next unit up.
        if abs(value) >= step * 0.9995:
            return _digits(value / step), unit
    return (f"{value:.1g}" if value else "0"), _UNITS[kind][-1][1]


def _digits(number: float) -> str:
    if abs(number) >= 99.95:
        return f"{number:,.0f}"
    return f"{number:.1f}" if abs(number) >= 9.995 else f"{number:.2f}"
