"""Facts about one training run as options of a command."""

from __future__ import annotations

from collections.abc import Mapping
from functools import wraps
from typing import Any

import click

from registry.errors import UsageError

FACTS = {
    "parameters": ("--parameters", "Trained weights: 7B."),
    "active_parameters": ("--active-parameters", "Weights used per token, of a mixture of experts: 37B."),
    "training_tokens": ("--tokens", "Tokens of the training set: 1T."),
    "epochs": ("--epochs", "Passes over it: 3."),
    "training_flop": ("--flop", "Arithmetic of the run, where it is known: 3.14e23."),
    "hardware": ("--hardware", "The chip: 'A100 80GB'."),
    "hardware_quantity": ("--chips", "Chips used at once: 384."),
    "training_hours": ("--hours", "Hours of the run by the clock: 2808."),
    "chip_hours": ("--chip-hours", "Chips times hours: 1.08M."),
    "utilisation": ("--utilisation", "Share of the peak that was used, 0 to 1: 0.4."),
    "precision": ("--precision", "Number format of the training: bf16."),
    "country": ("--country", "Where it was trained: FR."),
    "published": ("--published", "When it came out: 2022-07-11."),
}
"""The facts that have an option, by name."""


class FactValue(click.ParamType[Any]):
    """A fact as people write it, read the way files of facts are."""

    name = "value"

    def __init__(self, fact: str) -> None:
        self.fact = fact

    def convert(
        self,
        value: Any,
        param: click.Parameter | None,
        ctx: click.Context | None,  # noqa: ARG002 - the base's
    ) -> Any:
        from registry.economics.records import read_fact

        try:
            return read_fact(self.fact, param.opts[0] if param else self.fact, str(value))
        except ValueError as error:
            raise UsageError(str(error), hint=_hint(self.fact)) from None


def _hint(fact: str) -> str:
    return f"for example {FACTS[fact][0]} {FACTS[fact][1].rpartition(': ')[2].rstrip('.')}"


def fact_options(function: Any) -> Any:
    """One option for each fact. What cannot be is refused before the command runs, `--at` with it."""

    @wraps(function)
    def checked(*arguments: Any, **options: Any) -> Any:
        _require_possible(options)
        return function(*arguments, **options)

    command: Any = checked
    for name, (option, text) in reversed(FACTS.items()):
        command = click.option(option, name, type=FactValue(name), metavar="VALUE", help=text)(command)
    return command


def _require_possible(given: Mapping[str, Any]) -> None:
    """Refuse facts that contradict each other."""
    from registry.model.training import MORE_ACTIVE

    active, every = given.get("active_parameters"), given.get("parameters")
    if active is not None and every is not None and active > every:
        raise UsageError(
            f"--active-parameters={active:g} {MORE_ACTIVE} ({every:g})",
            hint="active ones are those used per token, a part of --parameters",
        )


def require_known(given: Mapping[str, Any]) -> None:
    """Refuse a chip or a country that no table has: typed here it is a slip, in a file it is a fact."""
    from registry.economics.chips import load_chips
    from registry.economics.energy import Grid

    hardware, country = given.get("hardware"), given.get("country")
    if hardware is not None and load_chips().find(hardware) is None:
        near = ", ".join(load_chips().suggest(hardware))
        raise UsageError(
            f"unknown hardware {hardware!r}",
            hint=f"the nearest known are {near}" if near else "for example 'A100 80GB' or 'TPU v4'",
        )
    if country is not None and Grid.load().find(country) is None:
        near = ", ".join(Grid.load().suggest(country))
        raise UsageError(
            f"unknown country {country!r}",
            hint=f"did you mean {near}?" if near else "an ISO 3166 code: FR or FRA",
        )
