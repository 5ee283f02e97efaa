"""Savings put together: sums within one kind, unit and basis, and what each base costs per model as it is
reused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from registry.economics.reached import REUSE
from registry.economics.reuse import MARK, Tipping, reuses_to_pass, tipping
from registry.model.edges import Relation
from registry.model.estimate import EXACT, Basis, Estimate, Saving

TRAINING = "training"
"""The kind of savings whose counterfactual is the cost of a base."""

CURVE = (0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
"""Numbers of reuses at which the cost per model is told."""

TOLD = "told"
ASSUMED = "assumed"

Key = tuple[str, str, str | None]


@dataclass(frozen=True, slots=True)
class Total:
    """The savings of one kind, unit and basis over `models` models. untold: of how many savings the own cost
    is unknown and was not subtracted. upper_bound: at most so much was saved."""

    kind: str
    saved: Estimate
    savings: int
    models: int
    untold: int
    upper_bound: bool


@dataclass(frozen=True, slots=True)
class Tip:
    """One base, what was made from it, and what a model costs as that goes on.

    cost: of the base; adapting: mean of what making its derivatives took, `None` where nothing is known of
    it; how: `told` by so many derivatives (`told`), or `assumed`. reuses: direct derivatives in the catalog.
    now: at that number, with `adapting` as 0 where it is unknown. avoided_low, avoided_high: at worst and at
    best. passed: whether the mark is, `None` where that hangs on what is unknown. passed_at: reuses from
    which it is.
    """

    base: str
    cost: Estimate
    adapting: Estimate | None
    how: str | None
    told: int
    reuses: int
    now: Tipping
    avoided_low: float
    avoided_high: float
    passed: bool | None
    passed_at: int | None

    def curve(self) -> list[Tipping]:
        """Average, marginal and avoided cost from no reuse to a thousand."""
        step = 0.0 if self.adapting is None else self.adapting.mid
        return [tipping(self.cost.mid, step, count) for count in CURVE]


@dataclass(slots=True)
class _Sum:
    """A sum as it grows. last: the model added last; the savings of a model come together."""

    savings: int = 0
    models: int = 0
    untold: int = 0
    low: float = 0.0
    mid: float = 0.0
    high: float = 0.0
    upper: bool = False
    interval: str = EXACT
    priced: str | None = None
    last: str | None = None

    def add(self, model: str, amount: Estimate) -> None:
        self.savings += 1
        self.low += amount.low
        self.mid += amount.mid
        self.high += amount.high
        if self.interval == EXACT:
            self.interval = amount.interval
        if amount.priced is not None and (self.priced is None or amount.priced > self.priced):
            self.priced = amount.priced
        if model != self.last:
            self.models += 1
            self.last = model

    def estimate(self, unit: str, basis: str | None, formula: str) -> Estimate:
        return Estimate(
            self.low, self.mid, self.high, unit, formula, basis, interval=self.interval, priced=self.priced
        )


@dataclass(slots=True)
class _Reused:
    """One base in one unit and basis: its cost, and what making its derivatives took."""

    cost: Estimate
    steps: _Sum = field(default_factory=_Sum)


class Tally:
    """Adds up as savings come, in memory that follows the kinds and the bases, never the models."""

    def __init__(self) -> None:
        self._sums: dict[Key, _Sum] = {}
        self._bases: dict[str, dict[tuple[str, str | None], _Reused]] = {}
        self._counts: dict[str, int] = {}

    def add(self, saving: Saving, derivatives: Mapping[str, Mapping[Relation, int]]) -> None:
        """Take in one saving; those of a model must come one after the other. derivatives: of its bases, as
        the case has them."""
        saved, own = saving.saved, saving.own_cost
        if saving.adds_up:
            key = (saving.kind, saved.unit, saved.basis)
            found = self._sums.get(key)
            if found is None:
                found = self._sums[key] = _Sum()
            found.add(saving.model, saved)
            found.upper |= saving.upper_bound
            found.untold += own is None
        base = saving.base
        if base is None or saving.kind != TRAINING or saving.counterfactuals[0][1].mid <= 0:
            return
        if base not in self._counts:
            counted = derivatives.get(base, {})
            self._counts[base] = sum(count for relation, count in counted.items() if relation in REUSE)
        by_unit = self._bases.setdefault(base, {})
        reused = by_unit.get((saved.unit, saved.basis))
        if reused is None:
            reused = by_unit[saved.unit, saved.basis] = _Reused(saving.counterfactuals[0][1])
        if own is not None and own.mid > 0:
            reused.steps.add(saving.model, own)

    def totals(self) -> list[Total]:
        """The sums, sorted by kind, unit and basis."""
        return [
            Total(
                kind=kind,
                saved=found.estimate(unit, basis, f"sum of {found.savings:,} savings"),
                savings=found.savings,
                models=found.models,
                untold=found.untold,
                upper_bound=found.upper,
            )
            for (kind, unit, basis), found in sorted(
                self._sums.items(), key=lambda item: (item[0][0], item[0][1], item[0][2] or "")
            )
        ]

    def tips(self, assumed: Estimate) -> list[Tip]:
        """The bases in every unit and basis, the most reused first. assumed: what a fine-tune is taken to
        cost in USD where nothing is told of any and hardware was rented."""
        found = [
            self._tip(base, reused, assumed)
            for base, by_unit in self._bases.items()
            for reused in by_unit.values()
        ]
        return sorted(found, key=lambda tip: (-tip.reuses, tip.base, _rank(tip.cost), tip.cost.unit))

    def _tip(self, base: str, reused: _Reused, assumed: Estimate) -> Tip:
        cost, told, count = reused.cost, reused.steps.savings, self._counts[base]
        step: Estimate | None = None
        if told:
            formula = f"mean of {told:,} derivatives that tell"
            whole = reused.steps.estimate(cost.unit, cost.basis, formula)
            step = whole.scaled(1 / told, cost.unit, formula)
        elif cost.basis == Basis.RENTAL and cost.unit == assumed.unit and assumed.mid < cost.mid:
            # Nobody fine-tunes at the price of the base: then the example is not one for this base.
            step = assumed
        now = tipping(cost.mid, step.mid if step else 0.0, count)
        worst = tipping(max(cost.low, 0.0) or cost.mid, step.high if step else 0.0, count)
        best = tipping(cost.high, step.low if step else 0.0, count)
        return Tip(
            base=base,
            cost=cost,
            adapting=step,
            how=None if step is None else TOLD if told else ASSUMED,
            told=told,
            reuses=count,
            now=now,
            avoided_low=worst.avoided,
            avoided_high=best.avoided,
            passed=now.passed if step is not None else (None if now.passed else False),
            passed_at=None if step is None else reuses_to_pass(cost.mid, step.mid, MARK),
        )


_PREFERRED: tuple[str | None, ...] = (Basis.RENTAL, Basis.AMORTISED, Basis.PURCHASE, None)


def _rank(cost: Estimate) -> int:
    return _PREFERRED.index(cost.basis) if cost.basis in _PREFERRED else len(_PREFERRED)


def told_in_short(tips: list[Tip]) -> list[Tip]:
    """One line for each base: in USD of rented hardware where that is known, else on the next basis, else in
    FLOP."""
    short: dict[str, Tip] = {}
    for tip in tips:
        short.setdefault(tip.base, tip)
    return list(short.values())
