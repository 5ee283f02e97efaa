"""Models, bases and an economy to put before the savings plugins, all made up."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from registry.contract import ReuseCase, Subject, TokenPrice
from registry.economics.defaults import load_defaults
from registry.model.edges import Relation
from registry.model.estimate import Basis, Estimate
from registry.model.records import ModelBrief
from registry.model.refs import SourceName
from registry.model.training import TrainingEstimate, TrainingInputs

TODAY = date(2026, 11, 1)
STORAGE = 0.25
"""USD per gigabyte and year."""
PER_HOUR: Mapping[Basis, float] = {Basis.RENTAL: 1.5, Basis.AMORTISED: 0.5}
"""USD per chip-hour; nothing is known of buying hardware."""
FLOP_PER_HOUR = 4e17


class FakeEconomy:
    """Chip-hours at a fixed price, half to double; a gigabyte at a fixed price, exactly. A cost model too."""

    name = "fake"
    summary = "chip-hours at a fixed price"

    def __init__(self, tokens: Mapping[str, TokenPrice] | None = None, **replaced: float) -> None:
        self._tokens = tokens or {}
        self._defaults = load_defaults().replaced(replaced)
        self.asked = 0

    @property
    def today(self) -> date:
        return TODAY

    def training(self, inputs: TrainingInputs, at: date | None = None) -> TrainingEstimate:
        self.asked += 1
        hours = inputs.chip_hours
        flop = inputs.training_flop or inputs.finetune_flop
        return TrainingEstimate(
            model=inputs.model,
            at=inputs.published,
            route=None if hours is None else "hardware",
            flop=_about(flop or (hours and hours * FLOP_PER_HOUR), "FLOP"),
            chip_hours=_about(hours, "chip-hour"),
            cost={
                b: _about(hours and hours * PER_HOUR[b], "USD", b) if b in PER_HOUR else None for b in Basis
            },
            energy_kwh=_about(hours and hours * 0.4, "kWh"),
            co2e_kg=_about(hours and hours * 0.1, "kgCO2e"),
            routes={},
        )

    def storage(self, size: int) -> Estimate:
        value = size / 1e9 * STORAGE
        told = ("a made-up price",)
        return Estimate(
            value, value, value, "USD/year", "size x price", None, told, told, priced="2026-01-01"
        )

    def tokens(self, name: str) -> TokenPrice | None:
        return self._tokens.get(name)

    def assumed(self, name: str) -> Estimate:
        return self._defaults.range(name)


def _about(value: float | None, unit: str, basis: Basis | None = None) -> Estimate | None:
    if value is None:
        return None
    return Estimate(
        value / 2, value, value * 2, unit, "made up", basis, sources=("made up",), interval="half to double"
    )


def subject(
    repo_id: str,
    weights: int | None = None,
    *,
    parameters: int | None = None,
    task: str | None = None,
    **training: Any,
) -> Subject:
    """A model. training: what is known of its run; `published` is 2022-11-01 unless said otherwise."""
    facts: dict[str, Any] = {"published": date(2022, 11, 1), "domain": "Language"} | training
    return Subject(
        brief=ModelBrief(repo_id, SourceName.HUB, tracked=True, parameters=parameters, task=task),
        training=TrainingInputs(model=repo_id, parameters=parameters, **facts),
        weight_bytes=weights,
        weights_told=None if weights is None else "files",
    )


def case(
    model: Subject,
    *bases: tuple[Subject, Relation],
    economy: FakeEconomy | None = None,
    further: tuple[tuple[Subject, Relation], ...] = (),
    derivatives: Mapping[str, Mapping[Relation, int]] | None = None,
) -> ReuseCase:
    return ReuseCase(model, bases, economy or FakeEconomy(), derivatives or {}, further)
