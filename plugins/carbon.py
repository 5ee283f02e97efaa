"""What training a base anew would have emitted, against what was made on top of it."""

from __future__ import annotations

from collections.abc import Sequence

from registry.contract import PluginHost, ReuseCase
from registry.economics.reached import ADOPTER, own_step, reached, tells_training
from registry.model.estimate import Estimate, Saving, difference

KIND = "carbon"
INSTEAD = "base trained from scratch then"

RUN = "electricity of the final run at its place and time; making the hardware and failed runs are left out"
UNTOLD = "what making this model itself emitted is not told, and not subtracted"
ONCE = "what making this model emitted is subtracted once, from the saving against its nearest base"


class CarbonSavings:
    """kg of CO2 equivalent, against every base a model goes back to."""

    name = KIND
    summary = "emissions of training the base again"

    def savings(self, case: ReuseCase) -> Sequence[Saving]:
        """One saving for each base whose emissions can be told."""
        emitted = [
            (one.repo_id, told)
            for one in reached(case)
            if tells_training(one.subject.training)
            and (told := case.economy.training(one.subject.training).co2e_kg) is not None
            and told.low > 0
        ]
        if not emitted:
            return ()
        step = own_step(case.model, case.economy)
        own = None if step is None else step.estimate.co2e_kg
        nearest, *rest = emitted
        model = case.model.brief.repo_id
        return [_saving(model, *nearest, own), *(_further(model, *one) for one in rest)]


def register(host: PluginHost) -> None:
    host.add_savings_model(CarbonSavings())


def _saving(model: str, base: str, first: Estimate, own: Estimate | None) -> Saving:
    return Saving(
        model=model,
        kind=KIND,
        counterfactuals=((INSTEAD, first),),
        own_cost=own,
        saved=first if own is None else difference(first, own, "emissions of the base - own"),
        ratio=None if own is None or own.mid <= 0 else first.mid / own.mid,
        assumptions=(ADOPTER, RUN, UNTOLD) if own is None else (ADOPTER, RUN),
        sources=first.sources,
        base=base,
        upper_bound=True,
    )


def _further(model: str, base: str, first: Estimate) -> Saving:
    return Saving(
        model=model,
        kind=KIND,
        counterfactuals=((INSTEAD, first),),
        own_cost=Estimate(0, 0, 0, first.unit, ONCE),
        saved=first,
        ratio=None,
        assumptions=(ADOPTER, RUN, ONCE),
        sources=first.sources,
        base=base,
        upper_bound=True,
    )
