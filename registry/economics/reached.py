"""What one model was built on, seen as work it did not have to do: the bases it reached, and its own step."""

from __future__ import annotations

from dataclasses import dataclass

from registry.contract import Economy, ReuseCase, Subject
from registry.economics.routes import chip_hours_told, of_step, step_flop
from registry.model.edges import Relation
from registry.model.training import TrainingEstimate, TrainingInputs

REUSE = frozenset(
    {Relation.FINETUNE, Relation.ADAPTER, Relation.MERGE, Relation.QUANTIZED, Relation.DISTILLED}
)
"""The relations that say a base was put to use. `unknown` says nothing, a dataset is no base."""

ADOPTER = (
    "a base counts once for each model made from it, as if each had trained its own: at most this was saved"
)
"""What every saving against the making of a base assumes."""

_TELLING = (
    "training_flop",
    "finetune_flop",
    "training_tokens",
    "chip_hours",
    "training_hours",
    "hardware_quantity",
    "training_energy",
    "training_cost",
)


@dataclass(frozen=True, slots=True)
class Reached:
    """A base a model goes back to. relation: how the model, or one on the way to it, was made from the
    base. direct: without a model in between."""

    subject: Subject
    relation: Relation
    direct: bool

    @property
    def repo_id(self) -> str:
        return self.subject.brief.repo_id


def reached(case: ReuseCase) -> list[Reached]:
    """Every base the case put to use, each once, the nearest first. What lies behind a base whose figures may
    hold its own base already is left out: nothing is counted twice."""
    found = [Reached(subject, relation, True) for subject, relation in case.bases if relation in REUSE]
    if not found or any(may_hold_its_base(one.subject.training) for one in found):
        return found
    for subject, relation in case.further:
        found.append(Reached(subject, relation, False))
        if may_hold_its_base(subject.training):
            break
    return found


def may_hold_its_base(inputs: TrainingInputs) -> bool:
    """Whether the FLOP told of a model that was made from another are, or may be, those of both."""
    return of_step(inputs) is not inputs


def tells_training(inputs: TrainingInputs) -> bool:
    """Whether anything is known of the run itself; a size and a date are of the model, not of the run."""
    return any(getattr(inputs, name) is not None for name in _TELLING)


@dataclass(frozen=True, slots=True)
class OwnStep:
    """What making one model on top of its bases took, as far as anybody told. timed: by the clock; else
    time and cost follow from its arithmetic."""

    estimate: TrainingEstimate
    timed: bool


def own_step(model: Subject, economy: Economy) -> OwnStep | None:
    """The step from the bases to the model itself; `None` when nothing is told of it alone."""
    inputs = model.training
    if not tells_training(inputs):
        return None
    if may_hold_its_base(inputs):
        # What was spent in all would take the base's own cost off what reusing it saved.
        if step_flop(inputs) is None and chip_hours_told(inputs) is None:
            return None
        inputs = of_step(inputs)
    timed = inputs.chip_hours is not None or None not in (inputs.hardware_quantity, inputs.training_hours)
    return OwnStep(economy.training(inputs), timed)
