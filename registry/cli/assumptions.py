"""What estimates rest on as options: defaults a user replaces, and whose cost model works them out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from math import isfinite
from typing import TYPE_CHECKING, Any, TypeVar

import click

from registry.cli.session import Session
from registry.errors import UsageError

if TYPE_CHECKING:
    from registry.contract import CostModel
    from registry.economics.defaults import Defaults
    from registry.economics.price_table import PriceTable

AnyFunction = TypeVar("AnyFunction", bound=Callable[..., Any])

HOUSE = "house"
"""The name of our own cost model."""

LONGEST = 60
"""Characters of what was written that are quoted back."""


def assume_option(function: AnyFunction) -> AnyFunction:
    """`--assume NAME=VALUE`, as often as one likes, given to the command as `assumed`."""
    return click.option(
        "--assume",
        "assumed",
        multiple=True,
        metavar="NAME=VALUE",
        help="Replace a default (`registry estimate --defaults` lists them). Repeat for more.",
    )(function)


def parse_assumed(texts: Sequence[str]) -> dict[str, float]:
    """The values by name. Raises `UsageError` for what is no pair, no number, or told twice."""
    values: dict[str, float] = {}
    for text in texts:
        name, equals, told = (part.strip() for part in text.partition("="))
        shown = text.strip()[:LONGEST]
        hint = "for example --assume finetune_cost=100"
        if not equals or not name:
            raise UsageError(f"--assume {shown!r} is not NAME=VALUE", hint=hint)
        try:
            value = float(told)
        except ValueError:
            raise UsageError(f"--assume {shown!r}: {told[:LONGEST]!r} is not a number", hint=hint) from None
        if not isfinite(value):
            raise UsageError(f"--assume {shown!r}: {told} is not a finite number", hint=hint)
        if values.get(name, value) != value:
            raise UsageError(f"--assume gives {name} twice", hint="say it once")
        values[name] = value
    return values


def require_priced(at: datetime | None) -> None:
    """Refuse a day of which nobody knows the prices."""
    from registry.economics.quantities import unpriced

    if at is not None and (reason := unpriced(at.date())):
        raise UsageError(f"--at {at.date().isoformat()} {reason}", hint="for example --at 2024-06-01")


def cost_model_option(function: AnyFunction) -> AnyFunction:
    """`--cost-model NAME`, given to the command as `cost_model`."""
    return click.option("--cost-model", metavar="NAME", help="The cost model of a plugin in place of ours.")(
        function
    )


def find_cost_model(session: Session, name: str | None, defaults: Defaults, prices: PriceTable) -> CostModel:
    """The cost model of that name, ours by default. Raises `UsageError` naming those there are."""
    if name is None or name == HOUSE:
        from registry.economics.chip_prices import ChipPrices
        from registry.economics.training import HouseCostModel

        return HouseCostModel(defaults, prices=ChipPrices.load(prices.chips))
    known = session.guests().cost_models
    if name not in known:
        there = ", ".join((HOUSE, *sorted(known)))
        raise UsageError(f"there is no cost model {name!r}", hint=f"there are: {there}")
    return known[name]
