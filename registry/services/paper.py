"""Recompute the figures the case for reuse rests on, from what the product itself knows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from registry.economics.claims import Found, Input, Place, Reproduced, Verdict, load_claims, recompute
from registry.economics.price_table import PriceTable, shipped_prices
from registry.economics.table import TrainingTable
from registry.model.facts import NAMES

if TYPE_CHECKING:
    from registry.sources.papers import PaperSource

PRECISION = "bf16"
"""In which models are trained; chips without it have the same peak for fp16."""


@dataclass(frozen=True, slots=True)
class PaperReport:
    """The claims asked for, worked out, and how many there are of each verdict."""

    claims: tuple[Reproduced, ...]

    @property
    def counts(self) -> dict[str, int]:
        found = Counter(one.verdict for one in self.claims)
        return {str(verdict): found[verdict] for verdict in Verdict}


class Knowledge:
    """Where the inputs of claims are looked up: published models, the table of training runs, prices and
    chips, all as shipped."""

    def __init__(self, papers: PaperSource, table: TrainingTable, prices: PriceTable) -> None:
        self._papers, self._table, self._prices = papers, table, prices
        self._places: Mapping[Place, Callable[[Input], Found]] = {
            Place.PAPER: self._paper,
            Place.ROW: self._row,
            Place.STORAGE: self._storage,
            Place.TOKENS: self._tokens,
            Place.CHIP: self._chip,
        }

    @classmethod
    def shipped(cls) -> Knowledge:
        from registry.sources.papers import PaperSource

        return cls(PaperSource(), TrainingTable.load(), shipped_prices())

    def look_up(self, one: Input) -> Found:
        """What is told of an input. Raises `LookupError` when nothing is."""
        return self._places[one.place](one)

    def _paper(self, one: Input) -> Found:
        model = self._papers.model(one.key)
        facts = model.snapshot.facts if model else ()
        for fact in facts:
            if fact.name == one.fact:
                return Found(fact.value, fact.value, _unit(fact.name), fact.source)
        raise LookupError(f"no publication tells {one.fact} of {one.key}")

    def _row(self, one: Input) -> Found:
        row = self._table.row(one.key)
        number = row.numbers.get(one.fact) if row and one.fact else None
        if row is None or number is None:
            raise LookupError(f"the table of training runs has no {one.fact} of {one.key}")
        return Found(number, number, _unit(one.fact), row.source)

    def _storage(self, one: Input) -> Found:
        price = self._prices.storage[one.key]
        shown = f"{price.id}: {price.usd_per_month:g}"
        return Found(price, shown, f"USD per {price.per}", f"{price.source} ({price.day})")

    def _tokens(self, one: Input) -> Found:
        price = self._prices.tokens[one.key]
        shown = f"{price.id}: {price.input:g} / {price.output:g}"
        return Found(price, shown, "USD per million tokens in / out", f"{price.source} ({price.day})")

    def _chip(self, one: Input) -> Found:
        from registry.economics.chips import load_chips

        chip = load_chips().find(one.key)
        peak = chip.peak.get(PRECISION) if chip else None
        if chip is None or peak is None:
            raise LookupError(f"no peak arithmetic is known of {one.key}")
        return Found(peak, peak, f"FLOP/s, {PRECISION}", chip.source)


def paper(text: str | None = None, knowledge: Knowledge | None = None) -> PaperReport:
    """The claims with `text` in their id or wording (`None`: all), worked out. One whose id it is, is meant
    alone."""
    every = recompute(load_claims(), (knowledge or Knowledge.shipped()).look_up)
    if text is None:
        return PaperReport(every)
    named = tuple(one for one in every if one.claim.id.casefold() == text.casefold())
    wanted = text.casefold()
    return PaperReport(
        named
        or tuple(
            one for one in every if wanted in one.claim.id.casefold() or wanted in one.claim.text.casefold()
        )
    )


def _unit(fact: str | None) -> str | None:
    kind = NAMES.get(fact or "")
    return kind.unit if kind else None
