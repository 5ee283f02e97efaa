"""Ways to the FLOP of a training run.

`reported`: somebody told, of all that making the model took. `hardware`: chips x hours x peak x utilisation.
`step`: somebody told, of the step on top of a base alone. `6nd`: 6 x parameters x tokens x epochs, with the
parameters that work on each token (Kaplan et al. 2020). `year`: a line through the runs of Epoch AI's table.
The first that the facts allow is taken; the others are told beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from math import log10

from registry.economics.chips import Chip
from registry.economics.defaults import Defaults
from registry.economics.spreads import Line, Spread
from registry.economics.trends import in_years
from registry.model.estimate import Estimate, exact
from registry.model.training import TrainingInputs

REPORTED, HARDWARE, STEP, SIX, YEAR = "reported", "hardware", "step", "6nd", "year"
ORDER = (REPORTED, HARDWARE, STEP, SIX, YEAR)

YEAR_SIZED = "flop.year_parameters"
"""The line of the route `year` where parameters are told."""

BY_SIX = "that is 6ND"
"""How the source of FLOP says that they were worked out as 6ND."""

MOST = 1e30
"""FLOP beyond which the facts they follow from cannot be meant: 20,000 times the largest run of 2025."""

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
        STEP: _step(inputs),
        SIX: _six(inputs, known),
        YEAR: _year(inputs, known),
    }
    return {name: one for name, one in found.items() if one is not None and one.mid >= 1}


def taken(inputs: TrainingInputs, routes: Mapping[str, Estimate]) -> str | None:
    """The route whose FLOP are answered. Tokens told of a fine-tune are often its base's, so that its step
    goes first; FLOP of a step on top of nothing that anybody named may be of trials beside the run."""
    order = ORDER if inputs.base_model is not None else (REPORTED, HARDWARE, SIX, STEP, YEAR)
    return next((name for name in order if name in routes), None)


def unusable(inputs: TrainingInputs, chip: Chip | None, known: Knowledge) -> list[str]:
    """Why ways are not open whose facts are told."""
    told = []
    if (six := _counted(inputs, known)) is not None and six > MOST:
        told.append(f"6ND is {six:.2g} FLOP, absurd: check tokens and epochs")
    if (flop := _worked(inputs, chip, known)) is not None and flop > MOST:
        told.append(f"chips x hours are {flop:.2g} FLOP, absurd: check chips and hours")
    if inputs.published is not None and not (line := _line(inputs, known)).reaches(inputs.published.year):
        told.append(
            f"no FLOP from the year: runs of {line.first} to {line.last} are known, none near "
            f"{inputs.published.year}"
        )
    return told


def step_flop(inputs: TrainingInputs) -> float | None:
    """The FLOP told of a step on top of a base; `None` also where the figure cannot be meant (below one
    pass of one token through the model, which Epoch's table has some of)."""
    least = 6 * (inputs.active_parameters or inputs.parameters or 1e6)
    if inputs.finetune_flop is None or inputs.finetune_flop < least:
        return None
    return inputs.finetune_flop


def of_step(inputs: TrainingInputs) -> TrainingInputs:
    """The facts of the step on top of the base alone: FLOP of the whole, which hold the base's, left out.

    Its estimate goes by the chips and hours, the step's own FLOP or its tokens. Without a base nothing
    changes.
    """
    if inputs.training_flop is None or not has_base(inputs) or _is_step(inputs):
        return inputs
    return replace(inputs, training_flop=None, flop_method=None)


def has_base(inputs: TrainingInputs) -> bool:
    """Whether it was made from another model, as far as anybody told."""
    return inputs.base_model is not None or step_flop(inputs) is not None


def suspicions(inputs: TrainingInputs, routes: Mapping[str, Estimate], known: Knowledge) -> list[str]:
    """What a reader must know before comparing the routes."""
    notes = []
    whole, six, hardware = routes.get(REPORTED), routes.get(SIX), routes.get(HARDWARE)
    if whole and six and (circle := _circle(inputs, whole.mid / six.mid)) is not None:
        notes.append(circle)
    # Chips, hours and tokens told of a fine-tune are those of the step.
    told_name = REPORTED if step_flop(inputs) is None else STEP
    told = routes.get(told_name)
    limit = known.defaults.value("suspect_factor")
    pairs = (
        (HARDWARE, hardware, SIX, six),
        (told_name, told, HARDWARE, hardware),
        (told_name, told, SIX, six),
    )
    for one, first, other, second in pairs:
        if first and second and not 1 / limit <= first.mid / second.mid <= limit:
            factor = max(first.mid / second.mid, second.mid / first.mid)
            notes.append(
                f"suspect: {one} and {other} differ by a factor of {factor:.2g} (more than {limit:g}): check "
                "the unit of the tokens, the epochs, and whether a base model is counted in"
            )
    return notes


def _circle(inputs: TrainingInputs, ratio: float) -> str | None:
    """Whether the FLOP told are 6ND themselves: known, or only to be feared. `None`: neither."""
    method = (inputs.flop_method or "").casefold()
    source = inputs.told.get("training_flop", "")
    agrees = abs(log10(ratio)) < _SAME
    by_six = "operation counting" in method or SIX in method or BY_SIX in source
    if by_six and (agrees or not has_base(inputs)):
        return "the FLOP reported were themselves made by 6ND: comparing the two is circular"
    if agrees:
        return f"reported agrees with 6ND to {max(abs(ratio - 1), 0.001):.1%}: it may have been made by it"
    return None


def on_base(inputs: TrainingInputs) -> list[str]:
    """How the base model was treated; nothing without one."""
    if not has_base(inputs):
        return []
    base = inputs.base_model or "a base model"
    timed = chip_hours_told(inputs) is not None
    if inputs.training_flop is None or _is_step(inputs):
        if timed:
            return [f"the chips and hours told are taken as of the step on top of {base} alone"]
        known = step_flop(inputs) is not None
        return [
            f"the step on top of {base} alone; making the base is not counted"
            if known
            else f"the step on top of {base} alone, as far as its tokens are told"
        ]
    notes = []
    if step_flop(inputs) is not None:
        notes.append(f"the FLOP told count its base {base}; the step alone stands in routes.step")
    else:
        notes.append(f"the FLOP told may count its base {base}: read them as an upper bound")
    if timed:
        notes.append(
            f"chip-hours, costs and energy are of the chips and hours told: of the step on top of {base}"
        )
    return notes


# --- the ways --------------------------------------------------------------------------------------


def _reported(inputs: TrainingInputs) -> Estimate | None:
    if inputs.training_flop is None:
        return None
    what = "the run"
    if step_flop(inputs) is not None and not _is_step(inputs):
        what = f"all steps, its base {inputs.base_model} among them" if inputs.base_model else "all steps"
    return _told(inputs, "training_flop", inputs.training_flop, f"FLOP of {what}, as told")


def _step(inputs: TrainingInputs) -> Estimate | None:
    step = step_flop(inputs)
    if step is None:
        return None
    return _told(inputs, "finetune_flop", step, "FLOP of the step on top of the base, as told")


def _is_step(inputs: TrainingInputs) -> bool:
    """Whether the FLOP told of the whole are no more than those of the step."""
    step, whole = step_flop(inputs), inputs.training_flop
    return step is not None and whole is not None and whole <= step * 10**_SAME


def _told(inputs: TrainingInputs, name: str, value: float, formula: str) -> Estimate:
    source = inputs.told.get(name)
    return exact(value, "FLOP", formula, *((source,) if source else ()))


def _hardware(inputs: TrainingInputs, chip: Chip | None, known: Knowledge) -> Estimate | None:
    flop = _worked(inputs, chip, known)
    if chip is None or flop is None or flop > MOST:
        return None
    peak, precision = chip.training_peak(inputs.precision)
    default = known.defaults["mfu"]
    spread = known.spreads["flop.hardware" if inputs.utilisation is None else "flop.hardware.mfu"]
    return spread.around(
        flop,
        "FLOP",
        "chip-hours x 3600 x peak x MFU",
        assumptions=(
            f"peak of {chip.name}: {peak:.4g} FLOP/s ({precision}, dense)",
            *(() if inputs.utilisation is not None else (default.told,)),
        ),
        sources=_sources(inputs, _CHIPS_AND_HOURS, chip.source),
    )


def _worked(inputs: TrainingInputs, chip: Chip | None, known: Knowledge) -> float | None:
    """FLOP of chips and hours."""
    hours = chip_hours_told(inputs)
    if chip is None or hours is None:
        return None
    used = inputs.utilisation if inputs.utilisation is not None else known.defaults.value("mfu")
    return hours * 3600 * chip.training_peak(inputs.precision)[0] * used


def _counted(inputs: TrainingInputs, known: Knowledge) -> float | None:
    """6 x N x D x e."""
    parameters = inputs.active_parameters or inputs.parameters
    if parameters is None or inputs.training_tokens is None:
        return None
    epochs = inputs.epochs if inputs.epochs is not None else known.defaults.value("epochs")
    return known.defaults.value("flop_per_parameter_token") * parameters * inputs.training_tokens * epochs


def _six(inputs: TrainingInputs, known: Knowledge) -> Estimate | None:
    flop = _counted(inputs, known)
    if flop is None or flop > MOST:
        return None
    factor, passes = known.defaults["flop_per_parameter_token"], known.defaults["epochs"]
    assumptions = []
    if inputs.epochs is None:
        assumptions.append(passes.told)
    if inputs.active_parameters is not None:
        assumptions.append("of the mixture of experts, the parameters that work on each token")
    if not _is_language(inputs):
        assumptions.append(f"6ND counts tokens of text; for {inputs.domain} it is a rough guide")
    return known.spreads[_six_class(inputs)].around(
        flop,
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
    line = _line(inputs, known)
    if not line.reaches(inputs.published.year):
        return None
    parameters = inputs.active_parameters or inputs.parameters
    mid = line.at(in_years(inputs.published), log10(parameters) if parameters else 0.0)
    return known.spreads[line.name].around(
        mid,
        "FLOP",
        year_formula(line),
        assumptions=("a run like those in Epoch AI's table, which are larger than most",),
        sources=("Epoch AI, Data on AI Models (CC BY 4.0)",),
    )


def year_formula(line: Line) -> str:
    """How a result of a line says where it is from."""
    return f"line through {line.runs} runs: {line.meaning}"


def _line(inputs: TrainingInputs, known: Knowledge) -> Line:
    sized = inputs.active_parameters or inputs.parameters
    return known.lines["flop.year" if sized is None else YEAR_SIZED]


def _sources(inputs: TrainingInputs, names: tuple[str, ...], *more: str) -> tuple[str, ...]:
    told = (inputs.told[name] for name in names if name in inputs.told)
    return tuple(dict.fromkeys((*told, *more)))
