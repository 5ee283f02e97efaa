"""Ways to the FLOP of a training run.

`reported`: somebody told. `hardware`: chips x hours x peak x utilisation. `6nd`: 6 x parameters x tokens x
epochs, with the parameters that work on each token (Kaplan et al. 2020). `year`: a line through the runs of
Epoch AI's table. The first that the facts allow is taken; the others are told beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from math import log10

from registry.economics.chips import Chip
from registry.economics.defaults import Defaults
from registry.economics.spreads import Line, Spread
from registry.model.estimate import Estimate, exact
from registry.model.training import TrainingInputs

REPORTED, HARDWARE, SIX, YEAR = "reported", "hardware", "6nd", "year"
ORDER = (REPORTED, HARDWARE, SIX, YEAR)
WITH_BASE = "with_base"
"""Beside the routes: what was reported for a step together with the base under it."""

_SAME = 0.005
"""Two FLOP figures this close, in dex, are one worked out from the other."""
_FEWEST_HOURS = 1e-6
_LARGE_TOKENS = 1e10
_MODERN = date(2020, 1, 1)
_CHIPS_AND_HOURS = ("chip_hours", "hardware", "hardware_quantity", "training_hours")


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What every estimate rests on besides the facts of the run."""

    defaults: Defaults
    spreads: Mapping[str, Spread]
    lines: Mapping[str, Line]


def decimal_year(day: date) -> float:
    return day.year + (day.timetuple().tm_yday - 1) / 365.25


def chip_hours_told(inputs: TrainingInputs) -> float | None:
    """Chip-hours as told, or chips times hours; `None` below what a run can be."""
    told = inputs.chip_hours
    if told is None and inputs.hardware_quantity is not None and inputs.training_hours is not None:
        told = inputs.hardware_quantity * inputs.training_hours
    return told if told is not None and told >= _FEWEST_HOURS else None


def flop_routes(inputs: TrainingInputs, chip: Chip | None, known: Knowledge) -> dict[str, Estimate]:
    """Every way the facts allow, best first. Less than one FLOP is none."""
    found = {
        REPORTED: _reported(inputs),
        HARDWARE: _hardware(inputs, chip, known),
        SIX: _six(inputs, known),
        YEAR: _year(inputs, known),
        WITH_BASE: _with_base(inputs),
    }
    return {name: one for name, one in found.items() if one is not None and one.mid >= 1}


def step_flop(inputs: TrainingInputs) -> float | None:
    """The FLOP told of a step on top of a base; `None` also where the figure cannot be meant (below one
    pass of one token through the model, which Epoch's table has some of)."""
    least = 6 * (inputs.active_parameters or inputs.parameters or 1e6)
    if inputs.finetune_flop is None or inputs.finetune_flop < least:
        return None
    return inputs.finetune_flop


def suspicions(routes: Mapping[str, Estimate], known: Knowledge) -> list[str]:
    """What a reader must know before comparing the routes."""
    notes = []
    reported, six, hardware = routes.get(REPORTED), routes.get(SIX), routes.get(HARDWARE)
    if reported and six and abs(log10(reported.mid / six.mid)) < _SAME:
        notes.append("the FLOP reported were themselves made by 6ND: comparing the two is circular")
    limit = known.defaults.value("suspect_factor")
    pairs = (
        (HARDWARE, hardware, SIX, six),
        (REPORTED, reported, HARDWARE, hardware),
        (REPORTED, reported, SIX, six),
    )
    for one, first, other, second in pairs:
        if first and second and not 1 / limit <= first.mid / second.mid <= limit:
            factor = max(first.mid / second.mid, second.mid / first.mid)
            notes.append(
                f"suspect: {one} and {other} differ by a factor of {factor:.2g} (more than {limit:g}): check "
                "the unit of the tokens, the epochs, and whether a base model is counted in"
            )
    return notes


def on_base(inputs: TrainingInputs) -> str | None:
    """How the base model was treated; `None` without one."""
    if inputs.base_model is None:
        return None
    if step_flop(inputs) is not None:
        return f"the step on top of {inputs.base_model} alone; making the base is not counted"
    if chip_hours_told(inputs) is not None:
        return f"the chips and hours told are taken as of the step on top of {inputs.base_model} alone"
    if inputs.training_flop is not None:
        return f"the FLOP told may include those of {inputs.base_model}: read the figures as an upper bound"
    return f"the step on top of {inputs.base_model} alone, as far as its tokens are told"


# --- the ways --------------------------------------------------------------------------------------


def _reported(inputs: TrainingInputs) -> Estimate | None:
    step = step_flop(inputs)
    if inputs.base_model is not None and step is not None:
        return _told(inputs, "finetune_flop", step, "FLOP of the step on top of the base, as told")
    if inputs.training_flop is not None:
        return _told(inputs, "training_flop", inputs.training_flop, "FLOP of the run, as told")
    if step is not None:
        return _told(inputs, "finetune_flop", step, "FLOP of the step, as told")
    return None


def _with_base(inputs: TrainingInputs) -> Estimate | None:
    if inputs.base_model is None or step_flop(inputs) is None or inputs.training_flop is None:
        return None
    return _told(inputs, "training_flop", inputs.training_flop, "FLOP of the step and its base, as told")


def _told(inputs: TrainingInputs, name: str, value: float, formula: str) -> Estimate:
    source = inputs.told.get(name)
    return exact(value, "FLOP", formula, *((source,) if source else ()))


def _hardware(inputs: TrainingInputs, chip: Chip | None, known: Knowledge) -> Estimate | None:
    hours = chip_hours_told(inputs)
    if chip is None or hours is None:
        return None
    peak, precision = chip.training_peak(inputs.precision)
    default = known.defaults["mfu"]
    used = inputs.utilisation if inputs.utilisation is not None else default.value
    spread = known.spreads["flop.hardware" if inputs.utilisation is None else "flop.hardware.mfu"]
    return spread.around(
        hours * 3600 * peak * used,
        "FLOP",
        "chip-hours x 3600 x peak x MFU",
        assumptions=(
            f"peak of {chip.name}: {peak:.4g} FLOP/s ({precision}, dense)",
            *(() if inputs.utilisation is not None else (default.told,)),
        ),
        sources=_sources(inputs, _CHIPS_AND_HOURS, chip.source),
    )


def _six(inputs: TrainingInputs, known: Knowledge) -> Estimate | None:
    parameters = inputs.active_parameters or inputs.parameters
    if parameters is None or inputs.training_tokens is None:
        return None
    factor, passes = known.defaults["flop_per_parameter_token"], known.defaults["epochs"]
    epochs = inputs.epochs if inputs.epochs is not None else passes.value
    assumptions = []
    if inputs.epochs is None:
        assumptions.append(passes.told)
    if inputs.active_parameters is not None:
        assumptions.append("of the mixture of experts, the parameters that work on each token")
    if not _is_language(inputs):
        assumptions.append(f"6ND counts tokens of text; for {inputs.domain} it is a rough guide")
    return known.spreads[_six_class(inputs)].around(
        factor.value * parameters * inputs.training_tokens * epochs,
        "FLOP",
        f"{factor.value:g} x parameters x tokens x epochs",
        assumptions=tuple(assumptions),
        sources=_sources(
            inputs, ("parameters", "active_parameters", "training_tokens", "epochs"), factor.source
        ),
    )


def _six_class(inputs: TrainingInputs) -> str:
    """Which runs this one is like: how far 6ND lies off differs between these by factors of ten."""
    if inputs.active_parameters is not None:
        return "flop.6nd.experts"
    if not _is_language(inputs):
        return "flop.6nd.other"
    large = (inputs.training_tokens or 0) >= _LARGE_TOKENS
    modern = inputs.published is None or inputs.published >= _MODERN
    return "flop.6nd.large" if large and modern else "flop.6nd.small"


def _is_language(inputs: TrainingInputs) -> bool:
    return inputs.domain is None or "language" in inputs.domain.casefold()


def _year(inputs: TrainingInputs, known: Knowledge) -> Estimate | None:
    """From the day it was published and, where told, the number of parameters."""
    if inputs.published is None:
        return None
    parameters = inputs.active_parameters or inputs.parameters
    name = "flop.year" if parameters is None else "flop.year_parameters"
    line = known.lines[name]
    mid = line.at(decimal_year(inputs.published), log10(parameters) if parameters else 0.0)
    return known.spreads[name].around(
        mid,
        "FLOP",
        f"line through {line.runs} runs: {line.meaning}",
        assumptions=("a run like those in Epoch AI's table, which are larger than most",),
        sources=("Epoch AI, Data on AI Models (CC BY 4.0)",),
    )


def _sources(inputs: TrainingInputs, names: tuple[str, ...], *more: str) -> tuple[str, ...]:
    told = (inputs.told[name] for name in names if name in inputs.told)
    return tuple(dict.fromkeys((*told, *more)))
