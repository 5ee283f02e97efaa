"""Estimate: what making models took, for models of the catalog and for files of facts, one at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import chain
from pathlib import Path
from types import MappingProxyType
from typing import Any

from registry.catalog.catalog import Catalog
from registry.contract import CostModel
from registry.economics.records import BadRow, read_rows
from registry.economics.table import TrainingTable
from registry.errors import RegistryError, UsageError
from registry.model.training import TrainingEstimate, TrainingInputs
from registry.services.facts import COUNTED_FROM, inputs_of
from registry.services.holdings import pages

GIVEN = "given"
"""The source of a fact that stands on the command line."""


@dataclass(frozen=True, slots=True)
class Answered:
    """One model and what making it took. number: its place in the file or among the models, from 1.

    estimate: `None` when its facts cannot be used, with the reason in `error`. inputs: what was known.
    """

    number: int
    model: str | None
    inputs: TrainingInputs | None = None
    estimate: TrainingEstimate | None = None
    error: str | None = None


def estimate_models(
    catalog: Catalog,
    repo_ids: Sequence[str] | None,
    cost_model: CostModel,
    table: TrainingTable,
    *,
    at: date | None = None,
    given: Mapping[str, Any] | None = None,
) -> Iterator[Answered]:
    """Models by their present names in the order given, or every tracked one in the order of names.

    at: the day of the prices, of the model's own time when `None`. given: facts to take instead of what
    is known.
    """
    for number, holding in enumerate(chain.from_iterable(pages(catalog, repo_ids)), 1):
        inputs = with_facts(inputs_of(holding, table), given or {})
        yield _answered(number, inputs, cost_model, at)


def estimate_rows(path: Path, cost_model: CostModel, *, at: date | None = None) -> Iterator[Answered]:
    """The rows of a file, one answer each, in their order. Raises `DamagedFile` as `read_rows` does."""
    for number, row in enumerate(read_rows(path), 1):
        if isinstance(row, BadRow):
            yield Answered(number, row.model, error=row.reason)
        else:
            yield _answered(number, row, cost_model, at)


def estimate_facts(inputs: TrainingInputs, cost_model: CostModel, *, at: date | None = None) -> Answered:
    """One run of which somebody told the facts."""
    return _answered(1, inputs, cost_model, at)


def with_facts(inputs: TrainingInputs, given: Mapping[str, Any]) -> TrainingInputs:
    """The inputs with some facts replaced. FLOP worked out from what is replaced go with it.

    Raises `UsageError` for facts that contradict what is known."""
    if not given:
        return inputs
    changed = dict(given)
    if not COUNTED_FROM.isdisjoint(given) and "training_flop" not in given:
        changed["training_flop"] = None
    told = {name: source for name, source in inputs.told.items() if changed.get(name, source) is not None}
    try:
        return replace(inputs, **changed, told=MappingProxyType(told | dict.fromkeys(given, GIVEN)))
    except ValueError as error:
        raise UsageError(
            f"{inputs.model}: {error}", hint="give both, --parameters and --active-parameters"
        ) from None


def _answered(number: int, inputs: TrainingInputs, cost_model: CostModel, at: date | None) -> Answered:
    try:
        return Answered(number, inputs.model, inputs, cost_model.training(inputs, at))
    except RegistryError as error:
        return Answered(number, inputs.model, inputs, error=error.message)
    except Exception as error:  # noqa: BLE001 - a stranger's cost model costs the rows it breaks on, no more
        kind = type(error).__name__
        return Answered(
            number, inputs.model, inputs, error=f"the cost model {cost_model.name} broke ({kind}: {error})"
        )
