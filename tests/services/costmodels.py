"""A cost model that is easy to foresee, for tests: 6ND without a range, a dollar for every 1e18 FLOP."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from registry.model.estimate import Basis, exact
from registry.model.training import TrainingEstimate, TrainingInputs


@dataclass
class Plain:
    """breaks_on: a model it raises `ZeroDivisionError` for."""

    name: str = "plain"
    summary: str = "6ND at a dollar for 1e18 FLOP"
    breaks_on: str | None = None

    def training(self, inputs: TrainingInputs, at: date | None = None) -> TrainingEstimate:
        if inputs.model is not None and inputs.model == self.breaks_on:
            raise ZeroDivisionError("no such luck")
        n, d = inputs.parameters, inputs.training_tokens
        flop = exact(6 * n * d, "FLOP", "6 N D") if n and d else None
        rental = exact(flop.mid / 1e18, "USD", "FLOP / 1e18") if flop else None
        return TrainingEstimate(
            model=inputs.model,
            at=at,
            route="6nd" if flop else None,
            flop=flop,
            chip_hours=None,
            cost={Basis.RENTAL: rental, Basis.AMORTISED: None, Basis.PURCHASE: None},
            energy_kwh=None,
            co2e_kg=None,
            routes={"6nd": flop} if flop else {},
            missing=() if flop else ("no parameters or no tokens",),
        )
