"""Examples in the prompt instead of a fine-tune: cheaper up to a number of calls, at a dated price."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from registry.contract import PluginHost, ReuseCase, TokenPrice
from registry.economics.reuse import break_even_calls, token_cost
from registry.model.estimate import Saving, difference

KIND = "prompting"
INSTEAD = "a fine-tune"

EXTRA = "prompt_tokens"
"""Default: further tokens in the prompt of each call that stand in for a fine-tune."""
FINETUNE = "finetune_cost"
"""Default: USD of the fine-tune that would do the same."""
CALLS = "prompt_calls"
"""Default: calls made."""


class PromptingSavings:
    """A model that is asked through an API and taught by its prompt. At one call the ratio is the number of
    calls at which a fine-tune would have cost the same."""

    name = KIND
    summary = "examples in the prompt instead of a fine-tune, up to the break-even number of calls"

    def savings(self, case: ReuseCase) -> Sequence[Saving]:
        """One saving when the price of the model's tokens is known, or assumed for all."""
        price = case.economy.tokens(case.model.brief.repo_id)
        if price is None or price.input <= 0:
            return ()
        return (_saving(case, price),)


def register(host: PluginHost) -> None:
    host.add_savings_model(PromptingSavings())


def _saving(case: ReuseCase, price: TokenPrice) -> Saving:
    economy = case.economy
    extra, instead, calls = economy.assumed(EXTRA), economy.assumed(FINETUNE), economy.assumed(CALLS).mid
    fine_tune = instead.scaled(1, "USD", "as stated")
    per_token = token_cost(1, price.input) * calls
    overhead = replace(
        extra.scaled(per_token, "USD", "extra tokens x price x calls"),
        sources=(*extra.sources, price.source),
        priced=price.day,
    )
    even = break_even_calls(instead.mid, extra.mid, price.input)
    return Saving(
        model=case.model.brief.repo_id,
        kind=KIND,
        counterfactuals=((INSTEAD, fine_tune),),
        own_cost=overhead,
        saved=difference(fine_tune, overhead, "fine-tune - extra tokens x price x calls"),
        ratio=instead.mid / overhead.mid,
        assumptions=(
            f"{extra.mid:,.0f} further prompt tokens a call, {calls:,.0f} call{'' if calls == 1 else 's'}",
            f"{price.input:g} USD per million tokens read ({price.id}, {price.day})",
            f"a fine-tune of {instead.mid:,.0f} USD has paid for itself after {even:,.0f} calls",
            "a prefix that is cached costs less and moves that number up",
        ),
        sources=tuple(dict.fromkeys((*instead.sources, *overhead.sources))),
        upper_bound=True,
        adds_up=False,
    )
