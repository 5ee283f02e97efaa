"""How a model was trained, as far as anybody told, and what that lets us work out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from math import isfinite
from types import MappingProxyType

from registry.model.estimate import Basis, Estimate

BOUNDS: Mapping[str, float] = MappingProxyType(
    {
        "parameters": 1e16,
        "active_parameters": 1e16,
        "training_tokens": 1e21,
        "epochs": 1e7,
        "training_flop": 1e32,
        "finetune_flop": 1e32,
        "hardware_quantity": 1e8,
        "training_hours": 1e6,
        "chip_hours": 1e12,
        "utilisation": 1.0,
        "power": 1e11,
        "training_energy": 1e13,
        "training_cost": 1e13,
    }
)
"""The largest value of each quantity that can be meant; beyond lies a slip of the unit. All are above 0."""

MORE_ACTIVE = "is more than all parameters"
"""What is wrong with active parameters that a model does not have."""


def absurdity(name: str, value: float) -> str | None:
    """Why a quantity cannot be, in words that follow its name and value; `None` when it can."""
    if not isfinite(value):
        return "is not a finite number"
    if value <= 0:
        return "is not above 0"
    if value > BOUNDS.get(name, float("inf")):
        return f"is more than {BOUNDS[name]:g}, which nothing reaches"
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingInputs:
    """What is known of one training run; everything may be unknown.

    parameters: all trained weights; active_parameters: those used per token in a mixture of experts.
    training_tokens: size of the training set, counted once; epochs: passes over it. training_flop: of the
    whole run, as reported or worked out by somebody else. hardware: chip as the hardware table names it;
    hardware_quantity: chips at once; training_hours: wall clock; chip_hours: both multiplied.
    utilisation: of the peak arithmetic (MFU), 0 to 1. power: watts of the whole cluster. training_energy:
    kWh. training_cost: USD as reported. country: ISO 3166. precision: `fp32`, `fp16`, `bf16`, `fp8`.
    base_model, finetune_flop: what it was trained on top of, and the FLOP of that step alone.
    flop_method: how `training_flop` were found, in the words of who tells; `Operation counting` is 6ND.
    told: the source of each field known, by its name.
    """

    model: str | None = None
    published: date | None = None
    domain: str | None = None
    parameters: float | None = None
    active_parameters: float | None = None
    training_tokens: float | None = None
    epochs: float | None = None
    training_flop: float | None = None
    hardware: str | None = None
    hardware_quantity: float | None = None
    training_hours: float | None = None
    chip_hours: float | None = None
    utilisation: float | None = None
    power: float | None = None
    training_energy: float | None = None
    training_cost: float | None = None
    country: str | None = None
    precision: str | None = None
    base_model: str | None = None
    finetune_flop: float | None = None
    flop_method: str | None = None
    told: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        for name in BOUNDS:
            value = getattr(self, name)
            reason = None if value is None else absurdity(name, value)
            if reason:
                raise ValueError(f"{name}={value:g} {reason}")
        active, every = self.active_parameters, self.parameters
        if active is not None and every is not None and active > every:
            raise ValueError(f"active_parameters={active:g} {MORE_ACTIVE} ({every:g})")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingEstimate:
    """What making a model took. Whatever cannot be told is `None`, with the reason in `missing`.

    flop: what making the model took, with its base where the figure told has it in (a note says so).
    chip_hours, energy_kwh, co2e_kg: of the run; cost: in USD on each basis, at `at`.
    route: the name of the way taken to the FLOP, among `routes`, which has every way there is:
    `reported` (given), `hardware` (chips, time, peak, utilisation), `step` (given, of the step on top of a
    base alone), `6nd` (parameters and tokens), `year`.
    notes: what the reader must know, such as that a comparison would be circular.
    """

    model: str | None
    at: date | None
    route: str | None
    flop: Estimate | None
    chip_hours: Estimate | None
    cost: Mapping[Basis, Estimate | None]
    energy_kwh: Estimate | None
    co2e_kg: Estimate | None
    routes: Mapping[str, Estimate]
    assumptions: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
