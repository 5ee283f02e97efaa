"""Ranges instead of bare numbers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Estimate:
    """A low-mid-high range in one unit, with the formula, its inputs and their sources.

    unit: `byte`, `FLOP`, `USD`, ... basis: for money `rental`, `amortised` or `purchase`, else `None`.
    An exact figure has three equal values.
    """

    low: float
    mid: float
    high: float
    unit: str
    formula: str
    basis: str | None = None
    assumptions: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.low <= self.mid <= self.high:
            raise ValueError(f"not a range: {self.low} - {self.mid} - {self.high}")


@dataclass(frozen=True, slots=True)
class Saving:
    """What a reuse saved: a counterfactual minus what the reuse itself cost, in the same unit.

    kind: the strategy that worked it out. `ratio` is the counterfactual over the own cost, `None` when
    the own cost is 0.
    """

    model: str
    kind: str
    counterfactuals: tuple[tuple[str, Estimate], ...]
    own_cost: Estimate
    saved: Estimate
    ratio: float | None
    assumptions: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
