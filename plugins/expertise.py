"""One more expert: a person is trained anew each time, a model is copied."""

from __future__ import annotations

from collections.abc import Sequence

from registry.contract import PluginHost, ReuseCase
from registry.model.edges import Relation
from registry.model.estimate import Saving, difference, total

KIND = "expertise"
INSTEAD = "one more lawyer, trained for {years:g} years"

STEPS = ("expert_schooling", "expert_practice")
"""Defaults: USD of each step of a person's training."""
YEARS = "expert_years"

TASKS = frozenset({"text-generation", "text2text-generation"})

ONE = "one copy for one year against one person; nobody would have trained a person for each copy there is"
EQUAL = "that a copy of this model does a lawyer's work is the article's picture, and not a finding"
BASE = "an adapter answers only with its base, which is kept with it"


class ExpertiseSavings:
    """The article's picture: 600,000 USD and eight years for one more lawyer, a year's storage for one more
    copy of a model. Never added up over models."""

    name = KIND
    summary = "one more expert: a person trained anew against a model copied"

    def savings(self, case: ReuseCase) -> Sequence[Saving]:
        """One saving for a model that writes text and whose weights are known."""
        size = case.model.weight_bytes
        bases = [base for base, relation in case.bases if relation is Relation.ADAPTER]
        if size is None or case.model.brief.task not in TASKS:
            return ()
        for base in bases:
            if base.weight_bytes is None:
                return ()
            size += base.weight_bytes
        return (_saving(case, size, adapter=bool(bases)),)


def register(host: PluginHost) -> None:
    host.add_savings_model(ExpertiseSavings())


def _saving(case: ReuseCase, size: int, *, adapter: bool) -> Saving:
    steps = [case.economy.assumed(name) for name in STEPS]
    formula = " + ".join(f"{step.mid:,.0f}" for step in steps)
    person = total((step.scaled(1, "USD", step.formula) for step in steps), formula)
    copy = case.economy.storage(size).scaled(1, "USD", "one copy kept for one year")
    years = case.economy.assumed(YEARS).mid
    return Saving(
        model=case.model.brief.repo_id,
        kind=KIND,
        counterfactuals=((INSTEAD.format(years=years), person),),
        own_cost=copy,
        saved=difference(person, copy, "person - copy"),
        ratio=person.mid / copy.mid if copy.mid else None,
        assumptions=(ONE, EQUAL, *((BASE,) if adapter else ()), *copy.assumptions),
        sources=tuple(dict.fromkeys((*person.sources, *copy.sources))),
        upper_bound=True,
        adds_up=False,
    )
