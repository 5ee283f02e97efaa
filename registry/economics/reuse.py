"""What reuse changes, as plain formulas: fine-tuning, adapters, prompts, shared bases, prices that fall.

Numbers in, numbers out, no tables and no ranges. Each formula names where it comes from; arguments outside
its meaning raise `ValueError`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil, isfinite, prod

FULL_PASSES = 6
"""FLOP per parameter and token of training: 2 forward, 2 for the gradient of the activations, 2 for that of
the weights (Kaplan et al. 2020, arXiv 2001.08361, section 2.1)."""

ADAPTER_PASSES = 4
"""The same when the base is frozen: no gradient of its weights is worked out (follows from the above; Hu et
al. 2021, arXiv 2106.09685, train so)."""

MARK = 0.85
"""The share of cost avoided at which the article sees an industry tip."""

MILLION = 1_000_000


# --- arithmetic of training on top of a base -------------------------------------------------------


def full_finetune_flop(parameters: float, tokens: float, epochs: float = 1) -> float:
    """FLOP of training all weights: 6 N D e, with D tokens counted once and e passes over them."""
    return FULL_PASSES * _positive(parameters) * _positive(tokens) * _positive(epochs)


def adapter_flop(parameters: float, tokens: float, epochs: float = 1) -> float:
    """FLOP of training a low-rank adapter on a frozen base: about 4 N D e, a third less than in full.

    N are the parameters of the *base*: every token still runs through all of it, forward and back, so the
    tiny share of trainable parameters says nothing about the arithmetic. A quantized base (QLoRA, Dettmers
    et al. 2023, arXiv 2305.14314) is unpacked before it is multiplied, which takes time and no FLOP counted
    here.
    """
    return ADAPTER_PASSES * _positive(parameters) * _positive(tokens) * _positive(epochs)


def utilisation(flop: float, chips: float, hours: float, peak: float) -> float:
    """The share of the peak arithmetic a run made use of: C / (chips x s x P)."""
    return _positive(flop) / (_positive(chips) * _positive(hours) * 3600 * _positive(peak))


# --- keeping and serving ---------------------------------------------------------------------------


def as_copies(count: int, copy: float) -> float:
    """What `count` full fine-tunes take: each is a copy of the base's size."""
    return _whole(count) * _not_negative(copy)


def as_adapters(count: int, base: float, adapter: float) -> float:
    """What the same number of adapters takes: the base once, and each adapter."""
    return _not_negative(base) + _whole(count) * _not_negative(adapter)


def inference_flop(parameters: float, tokens: float = 1) -> float:
    """FLOP of reading or writing tokens: 2 N each, N the parameters active per token (Kaplan et al. 2020);
    attention over a long context comes on top."""
    return 2 * _positive(parameters) * _positive(tokens)


def token_cost(tokens: float, usd_per_mtok: float) -> float:
    """USD of so many tokens at a price per million."""
    return _not_negative(tokens) * _not_negative(usd_per_mtok) / MILLION


def break_even_calls(finetune_cost: float, extra_tokens: float, usd_per_mtok_in: float) -> float:
    """The number of calls at which examples in every prompt have cost as much as a fine-tune: F / (E p).

    F USD once; E further prompt tokens in each call at p USD per million. Below it the prompt is cheaper.
    Cached prefixes cost less and move it up.
    """
    return _positive(finetune_cost) / token_cost(_positive(extra_tokens), _positive(usd_per_mtok_in))


def combined_reduction(shares: Iterable[float]) -> float:
    """The share saved by several measures that act on the same quantity one after the other:
    1 - (1 - s1)(1 - s2)... They multiply and never add: 50 %, 50 % and 40 % are 85 %, not 140 %."""
    given = list(shares)
    for share in given:
        if not 0 <= share < 1:
            raise ValueError(f"not a share from 0 to below 1: {share}")
    # At least the largest of them, whatever the rounding of a difference from 1 takes away.
    return max(1 - prod(1 - share for share in given), *given, 0.0)


def reduction(before: float, after: float) -> float:
    """The share by which something shrank; negative when it grew."""
    return 1 - _not_negative(after) / _positive(before)


# --- one base, many models -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tipping:
    """The costs of a base and `reuses` models made from it, against training every one from scratch.

    total: base and adaptations together; average: per model, the base being one of them; marginal: of the
    next one; avoided: the share of the cost from scratch that was not spent.
    """

    reuses: int
    total: float
    average: float
    marginal: float
    avoided: float

    @property
    def passed(self) -> bool:
        """Whether the article's mark is reached."""
        return self.avoided >= MARK


def tipping(cost_base: float, cost_adapt: float, reuses: int) -> Tipping:
    """How cost per model falls as a base is reused: (B + k A) / (k + 1), against B for each of the k + 1.

    The base is a model too, trained once in any case. The average starts at B and approaches A; the share
    avoided, k (B - A) / ((k + 1) B), approaches 1 - A/B.
    """
    whole, step, count = _positive(cost_base), _not_negative(cost_adapt), _whole(reuses)
    total = whole + count * step
    scratch = (count + 1) * whole
    return Tipping(count, total, total / (count + 1), step, 1 - total / scratch)


def reuses_to_pass(cost_base: float, cost_adapt: float, mark: float = MARK) -> int | None:
    """The number of reuses from which the share avoided is at least `mark`: m / (1 - A/B - m), rounded up;
    `None` when a million are not enough."""
    most = 1 - _not_negative(cost_adapt) / _positive(cost_base)
    if most - mark < 1 / MILLION:
        return None
    least = ceil(mark / (most - mark))
    # A division that came out a rounding error short is one reuse short.
    return least if tipping(cost_base, cost_adapt, least).avoided >= mark else least + 1


def share_of(part: float, whole: float) -> float:
    """The share a part has in the whole: 600 USD of 124,248 are 0.5 %."""
    return _not_negative(part) / _positive(whole)


# --- experts ---------------------------------------------------------------------------------------


def expert_cost(*steps: float) -> float:
    """What one more human expert costs: each step of the training is paid again for each person."""
    return sum(_not_negative(step) for step in steps)


def expert_ratio(person: float, copy: float) -> float:
    """How many times what one more copy of a model costs, one more human expert costs."""
    return _not_negative(person) / _positive(copy)


# --- over the years --------------------------------------------------------------------------------


def decline_per_year(before: float, after: float, years: float) -> float:
    """The share by which something fell each year: 1 - (after / before)^(1 / years)."""
    return 1 - math.pow(_positive(after) / _positive(before), 1 / _positive(years))


def decline_by_halving(months: float) -> float:
    """The share by which something falls each year that halves in so many months: 1 - 2^(-12 / months)."""
    return 1 - math.pow(2, -12 / _positive(months))


def decline_by_magnitude(orders_per_year: float) -> float:
    """The same for a fall told in factors of ten: 1 - 10^(-orders)."""
    return 1 - math.pow(10, -orders_per_year)


def after_decline(before: float, per_year: float, years: float) -> float:
    """What is left after some years of falling by a share each year."""
    if not 0 <= per_year < 1:
        raise ValueError(f"not a share from 0 to below 1: {per_year}")
    return _not_negative(before) * math.pow(1 - per_year, _not_negative(years))


def growth_per_year(before: float, after: float, years: float) -> float:
    """The factor by which something grew each year: (after / before)^(1 / years)."""
    return math.pow(_positive(after) / _positive(before), 1 / _positive(years))


def _positive(value: float) -> float:
    if not (isfinite(value) and value > 0):
        raise ValueError(f"not above 0: {value}")
    return value


def _not_negative(value: float) -> float:
    if not (isfinite(value) and value >= 0):
        raise ValueError(f"below 0: {value}")
    return value


def _whole(value: int) -> int:
    if value < 0:
        raise ValueError(f"not a count: {value}")
    return value
