"""A smaller model taught by a larger one, instead of the larger one: bytes, dollars, arithmetic per token."""

from __future__ import annotations

from collections.abc import Sequence

from registry.contract import PluginHost, ReuseCase, Subject
from registry.economics.copies import Comparison
from registry.economics.reuse import combined_reduction, inference_flop, reduction
from registry.model.edges import Relation
from registry.model.estimate import Saving

KIND = "distillation"
OF_USE = "FLOP/token"

ENOUGH = "the distilled model does the job its teacher would have done"
FILES = Comparison(KIND, "a copy of the teacher", "the distilled model", (ENOUGH,))
ANSWERS = Comparison(
    KIND,
    "a token from the teacher",
    "a token from the distilled model",
    (ENOUGH, "2 FLOP per active parameter and token; attention over a long context comes on top"),
)


class DistillationSavings:
    """Bytes, dollars and FLOP each on their own; what acts on the same quantity multiplies."""

    name = KIND
    summary = "a distilled model instead of its teacher: storage, and arithmetic of use"

    def savings(self, case: ReuseCase) -> Sequence[Saving]:
        """Per base reached by a distilled edge: files, a year's storage, FLOP per token, as far as known."""
        found: list[Saving] = []
        for base, relation in case.bases:
            if relation is Relation.DISTILLED:
                found += FILES.kept(case.model, base, case.economy, *_factors(case.model, base))
                found += _answered(case.model, base)
        return found


def register(host: PluginHost) -> None:
    host.add_savings_model(DistillationSavings())


def active(model: Subject) -> float | None:
    """The parameters a token runs through: fewer than all in a mixture of experts."""
    told = model.training
    return told.active_parameters or told.parameters or model.brief.parameters


def _answered(model: Subject, base: Subject) -> list[Saving]:
    own, whole = active(model), active(base)
    if own is None or whole is None or own >= whole:
        return []
    return [ANSWERS.counted(model, base, (inference_flop(whole), inference_flop(own)), OF_USE)]


def _factors(model: Subject, base: Subject) -> tuple[str, ...]:
    """The fewer bytes taken apart into fewer parameters and fewer bytes for each, where both are known."""
    own, whole = _width(model), _width(base)
    if own is None or whole is None:
        return ()
    fewer, narrower = reduction(whole[0], own[0]), reduction(whole[1], own[1])
    if not (fewer > 0 and narrower > 0.01):
        return ()
    together = combined_reduction((fewer, narrower))
    told = f"{fewer:.0%} fewer parameters, {narrower:.0%} fewer bytes for each"
    return (f"{told}: {together:.0%} together, as factors",)


def _width(model: Subject) -> tuple[float, float] | None:
    """Parameters, and bytes for each."""
    parameters = model.brief.parameters or model.training.parameters
    if not parameters or not model.weight_bytes:
        return None
    return parameters, model.weight_bytes / parameters
