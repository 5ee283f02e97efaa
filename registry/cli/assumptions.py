"""`--assume NAME=VALUE`: defaults a user replaces, as they are written on the command line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isfinite
from typing import Any, TypeVar

import click

from registry.errors import UsageError

AnyFunction = TypeVar("AnyFunction", bound=Callable[..., Any])

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
