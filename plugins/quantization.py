"""A quantized copy instead of the base it was made from: fewer bytes to keep, to send and to hold."""

from __future__ import annotations

from collections.abc import Sequence

from registry.contract import PluginHost, ReuseCase, Subject
from registry.economics.copies import MEMORY, Comparison
from registry.economics.reuse import combined_reduction, reduction
from registry.model.edges import Relation
from registry.model.estimate import Saving

KIND = "quantization"

FILES = Comparison(
    KIND,
    instead="a copy of the base",
    own="the quantized copy",
    assumptions=(
        "who keeps the quantized copy does not keep the base beside it",
        "the arithmetic stays the same: weights are unpacked before they are multiplied",
    ),
)
HELD = Comparison(
    KIND,
    instead="the base in memory",
    own="the quantized copy in memory",
    assumptions=("weights take in memory what they take as files",),
)


class QuantizationSavings:
    """Bytes and dollars kept apart; arithmetic is not saved."""

    name = KIND
    summary = "a quantized copy instead of the base: storage and memory"

    def savings(self, case: ReuseCase) -> Sequence[Saving]:
        """Per base reached by a quantized edge: files, a year's storage and memory, when both are known."""
        found: list[Saving] = []
        for base, relation in case.bases:
            if relation is not Relation.QUANTIZED:
                continue
            kept = FILES.kept(case.model, base, case.economy, *_with_distillation(case, base))
            if kept and case.model.weight_bytes is not None and base.weight_bytes is not None:
                sizes = (base.weight_bytes, case.model.weight_bytes)
                kept.append(HELD.counted(case.model, base, sizes, MEMORY))
            found += kept
        return found


def register(host: PluginHost) -> None:
    host.add_savings_model(QuantizationSavings())


def _with_distillation(case: ReuseCase, base: Subject) -> tuple[str, ...]:
    """What both steps come to where the base was distilled from something larger: factors, no sum."""
    own, middle = case.model.weight_bytes, base.weight_bytes
    teachers = [one for one, relation in case.further if relation is Relation.DISTILLED]
    if len(case.bases) != 1 or len(teachers) != 1 or not own or not middle:
        return ()
    whole = teachers[0].weight_bytes
    if not whole or not whole > middle > own:
        return ()
    steps = reduction(whole, middle), reduction(middle, own)
    told = f"distilled from {teachers[0].brief.repo_id} before: {steps[0]:.0%} and {steps[1]:.0%} fewer bytes"
    return (f"{told} are {combined_reduction(steps):.0%} together, as factors",)
