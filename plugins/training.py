"""Training a base from scratch, then, today and as small as would do, against what was made on top of it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from registry.contract import Economy, PluginHost, ReuseCase, Subject
from registry.economics.reached import ADOPTER, OwnStep, Reached, own_step, reached, tells_training
from registry.economics.trends import DAYS_PER_YEAR
from registry.model.estimate import EXACT, Basis, Estimate, Saving, difference, product

KIND = "training"
THEN = "base trained from scratch then"
TODAY = "base trained from scratch today"
ADEQUATE = "smallest adequate base, today"

HARDWARE_TREND = "hardware_trend"
"""Default: orders of magnitude by which arithmetic per dollar grows each year."""
HALVING = "algorithmic_halving_months"
"""Default: months in which the arithmetic for equal ability halves."""

REMEMBERED = 4096
"""Bases whose counterfactuals are kept: in a catalog few bases have most of the derivatives."""

UNTOLD = "what making this model itself took is not told, and not subtracted"
ONCE = "what making this model took is subtracted once, from the saving against its nearest base"
LEFT_OUT = "what training {} took is not told, and not counted beside it"
TREND = "today: the same arithmetic on hardware that does more per dollar each year"
METHODS = (
    "smallest adequate: as able a base by today's methods, which need less arithmetic each year; measured on "
    "language models of 2012 to 2023 and carried on from there (Ho et al. 2024)"
)
SLACK = "the fine-tune's cost follows from its FLOP; fine-tunes leave hardware idle, so it may be much higher"

Named = tuple[tuple[str, Estimate], ...]


@dataclass(frozen=True, slots=True)
class Instead:
    """What would have been done instead of reusing one base, in one unit and basis. assumptions: those of
    the counterfactuals and ours; sources: of the first."""

    counterfactuals: Named
    assumptions: tuple[str, ...]

    @property
    def first(self) -> Estimate:
        return self.counterfactuals[0][1]


class TrainingSavings:
    """FLOP and dollars on each basis, which never meet, against every base a model goes back to."""

    name = KIND
    summary = "training the base from scratch then, today, or as small as would do"

    def __init__(self) -> None:
        self._known: OrderedDict[int, tuple[Subject, Economy, tuple[Instead, ...]]] = OrderedDict()

    def savings(self, case: ReuseCase) -> Sequence[Saving]:
        """One saving for each base, unit and basis of which the training is known."""
        priced = [
            (one, instead) for one in reached(case) for instead in self._instead(case.economy, one.subject)
        ]
        if not priced:
            return ()
        nearest = priced[0][0]
        step = own_step(case.model, case.economy)
        model = case.model.brief.repo_id
        counted = {one.repo_id for one, _ in priced}
        left_out = [one.repo_id for one in reached(case) if one.repo_id not in counted]
        told = (LEFT_OUT.format(", ".join(left_out)),) if left_out else ()
        return [_saving(model, one, instead, step, one is nearest, told) for one, instead in priced]

    def _instead(self, economy: Economy, base: Subject) -> tuple[Instead, ...]:
        """The counterfactuals of a base, worked out once for all its derivatives."""
        kept = self._known.get(id(base))
        if kept is not None and kept[0] is base and kept[1] is economy:
            self._known.move_to_end(id(base))
            return kept[2]
        found = _counterfactuals(economy, base)
        self._known[id(base)] = (base, economy, found)
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return found


def register(host: PluginHost) -> None:
    host.add_savings_model(TrainingSavings())


def _counterfactuals(economy: Economy, base: Subject) -> tuple[Instead, ...]:
    if not tells_training(base.training):
        # A size and a year would give a number too, and nothing would be known of this base.
        return ()
    then = economy.training(base.training)
    years = _years(then.at or base.training.published, economy.today)
    cheaper = None if years is None else _cheaper(economy.assumed(HARDWARE_TREND), years)
    leaner = None if years is None or not _language(base) else _leaner(economy.assumed(HALVING), years)
    told_of_base = tuple(f"{base.brief.repo_id}: {note}" for note in then.notes)
    found = []
    if then.flop is not None and then.flop.low > 0:
        named: Named = ((THEN, then.flop),)
        if leaner is not None:
            named += ((ADEQUATE, _times(then.flop, leaner)),)
        found.append(Instead(named, told_of_base + _assumptions(leaner=leaner is not None)))
    for basis in Basis:
        cost = then.cost.get(basis)
        if cost is None or cost.low <= 0:
            continue
        named = ((THEN, cost),)
        if cheaper is not None:
            named += ((TODAY, _times(cost, cheaper)),)
            if leaner is not None:
                named += ((ADEQUATE, _times(cost, cheaper, leaner)),)
        told = _assumptions(cheaper=cheaper is not None, leaner=leaner is not None)
        found.append(Instead(named, told_of_base + told))
    return tuple(found)


def _saving(
    model: str,
    base: Reached,
    instead: Instead,
    step: OwnStep | None,
    nearest: bool,
    told: tuple[str, ...],
) -> Saving:
    first = instead.first
    own: Estimate | None
    if not nearest:
        own, saved, told = Estimate(0, 0, 0, first.unit, ONCE, first.basis), first, (*told, ONCE)
    elif (own := _own(step, first)) is None:
        saved, told = first, (*told, UNTOLD)
    else:
        saved = difference(first, own, f"{first.formula}, less the own cost")
        if step is not None and not step.timed and first.unit != "FLOP":
            told = (*told, SLACK)
    return Saving(
        model=model,
        kind=KIND,
        counterfactuals=instead.counterfactuals,
        own_cost=own,
        saved=saved,
        ratio=first.mid / own.mid if own is not None and own.mid > 0 else None,
        assumptions=(*instead.assumptions, *told),
        sources=saved.sources,
        base=base.repo_id,
        upper_bound=True,
    )


def _own(step: OwnStep | None, like: Estimate) -> Estimate | None:
    if step is None:
        return None
    return step.estimate.flop if like.basis is None else step.estimate.cost.get(Basis(like.basis))


def _assumptions(*, cheaper: bool = False, leaner: bool = False) -> tuple[str, ...]:
    return (ADOPTER, *((TREND,) if cheaper else ()), *((METHODS,) if leaner else ()))


def _years(then: date | None, today: date) -> float | None:
    """Years gone by; `None` where the day is unknown or today is not later."""
    if then is None or then >= today:
        return None
    return (today - then).days / DAYS_PER_YEAR


def _cheaper(orders: Estimate, years: float) -> Estimate:
    """How dear the same arithmetic is after some years."""
    low, mid, high = (10 ** (-rate * years) for rate in (orders.high, orders.mid, orders.low))
    formula = f"10^(-{orders.mid:g} x {years:.1f} years)"
    return Estimate(low, mid, high, "x", formula, sources=orders.sources, interval=orders.interval)


def _leaner(months: Estimate, years: float) -> Estimate:
    """How much arithmetic equal ability takes after some years."""
    low, mid, high = (2 ** (-12 * years / one) for one in (months.low, months.mid, months.high))
    formula = f"2^(-12 x {years:.1f} years / {months.mid:g} months)"
    return Estimate(low, mid, high, "x", formula, sources=months.sources, interval=months.interval)


def _times(cost: Estimate, *factors: Estimate) -> Estimate:
    formula = " x ".join(("the same then", *(one.formula for one in factors)))
    interval = cost.interval if cost.interval != EXACT else factors[0].interval
    return product(cost.unit, formula, interval, cost, *factors, basis=cost.basis)


def _language(base: Subject) -> bool:
    """Whether it is a language model: by the domain told of its training, else by what it was trained on."""
    domain = base.training.domain
    return base.training.training_tokens is not None if domain is None else "language" in domain.lower()
