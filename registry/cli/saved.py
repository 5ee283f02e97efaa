"""How savings look to a person: model by model, then in sum, then what reuse does to the cost per model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import TYPE_CHECKING

from registry.cli.tables import LAST, Column, Fitted, table, words
from registry.economics.tally import ASSUMED, told_in_short
from registry.exports.savings import BASES, avoided, basis_of, figure, mark, span, times

if TYPE_CHECKING:
    from rich.console import RenderableType

    from registry.economics.tally import Tip, Total
    from registry.model.estimate import Saving
    from registry.services.saving import Reckoner, Silence

Found = tuple[str, tuple["Saving", ...]]

MOST = 25
"""Models of a whole catalog told one by one; of more only the sums are."""

REASONS = 5
"""Reasons for silence told to a person."""

_SAVINGS = (
    Column("INSTEAD OF", wrap=True, least=22),
    Column("COUNTS", least=9),
    Column("COST", right=True, least=8),
    Column("OWN", right=True, least=8),
    Column("SAVED", right=True, least=8),
    Column("LOW - HIGH", rank=LAST + 1, least=15),
    Column("TIMES", right=True, rank=LAST, least=5),
)
_TOTALS = (
    Column("IN SUM"),
    Column("COUNTS"),
    Column("MODELS", right=True, least=6),
    Column("SAVED", right=True, least=7),
    Column("LOW - HIGH", rank=LAST + 1, least=15),
    Column("", rank=LAST, least=7),
)
_TIPS = (
    Column("BASE, REUSED"),
    Column("REUSES", right=True, least=6),
    Column("COUNTS", rank=LAST + 2, least=6),
    Column("BASE COST", right=True, least=9),
    Column("PER MODEL", right=True, least=9),
    Column("NEXT ONE", right=True, rank=LAST + 1, least=8),
    Column("AVOIDED", right=True, least=9),
    Column("85 % MARK", least=9),
)


def page(
    found: Iterator[Found], reckoner: Reckoner, width: int | None, *, everything: bool
) -> RenderableType:
    """All of it. Of many models only the sums are told, without ever holding all."""
    from rich.console import Group
    from rich.text import Text

    with_savings = ((name, some) for name, some in found if some)
    shown = list(islice(with_savings, MOST + 1)) if everything else list(with_savings)
    few = not everything or len(shown) <= MOST
    if not few:
        for _ in with_savings:
            pass
    parts: list[RenderableType] = []
    left_out = 0
    for name, some in shown if few else ():
        fitted = _model(some, width)
        left_out = max(left_out, fitted.left_out)
        parts += [words(name, "bold"), fitted.grid, Text()]
    if few:
        parts += _notes(chain.from_iterable(some for _, some in shown))
    for fitted in _sums(reckoner, width):
        left_out = max(left_out, fitted.left_out)
        parts += [fitted.grid, Text()]
    parts += map(words, _closing(reckoner, few=few))
    return Fitted(Group(*parts), left_out)


def _model(savings: Sequence[Saving], width: int | None) -> Fitted:
    rows: list[list[object]] = []
    last: tuple[str, str | None] | None = None
    for one in savings:
        if (one.kind, one.base) != last:
            last = one.kind, one.base
            rows.append([words(one.kind if one.base is None else f"{one.kind}: {one.base}", "cyan")])
        rows += _lines(one)
    blank = words(" ")
    return table(_SAVINGS, [[*row, *[blank] * (len(_SAVINGS) - len(row))] for row in rows], width)


def _lines(one: Saving) -> Iterator[list[object]]:
    unit = one.saved.unit
    (name, first), *others = one.counterfactuals
    own = figure(one.own_cost.mid if one.own_cost else None, unit)
    saved = figure(one.saved.mid, unit)
    yield [name, basis_of(first), figure(first.mid, unit), own, saved, span(one.saved), times(one.ratio)]
    for other, estimate in others:
        yield [words(other, "dim"), basis_of(estimate), figure(estimate.mid, estimate.unit)]


def _sums(reckoner: Reckoner, width: int | None) -> Iterator[Fitted]:
    totals = reckoner.totals()
    if reckoner.models > 1 or any(one.savings > 1 for one in totals):
        yield table(_TOTALS, [_total(one) for one in totals], width)
    tips = told_in_short(reckoner.tips())[:BASES]
    if tips:
        yield table(_TIPS, [_tip(one) for one in tips], width)


def _total(one: Total) -> list[object]:
    unit = one.saved.unit
    bound = "at most" if one.upper_bound else ""
    saved = figure(one.saved.mid, unit)
    return [one.kind, basis_of(one.saved), f"{one.models:,}", saved, span(one.saved), bound]


def _tip(one: Tip) -> list[object]:
    unit, step = one.cost.unit, one.adapting
    following = "-" if step is None else figure(step.mid, unit)
    if one.how == ASSUMED:
        following = f"~{following}"
    cost, average = figure(one.cost.mid, unit), figure(one.now.average, unit)
    count = f"{one.reuses:,}"
    return [one.base, count, basis_of(one.cost), cost, average, following, avoided(one), mark(one)]


def _notes(savings: Iterator[Saving]) -> list[RenderableType]:
    """What the savings shown assume, each once."""
    from rich.padding import Padding
    from rich.text import Text

    told = dict.fromkeys(text for one in savings for text in one.assumptions)
    if not told:
        return []
    return [words("Assumed:"), *(Padding(words(f"- {text}", "dim"), (0, 0, 0, 2)) for text in told), Text()]


def _closing(reckoner: Reckoner, *, few: bool) -> Iterator[str]:
    models, savings = reckoner.models, reckoner.savings
    yield f"{models:,} model{'' if models == 1 else 's'} asked about, {savings:,} savings."
    tips = told_in_short(reckoner.tips())[:BASES]
    if tips:
        yield "REUSES are the models made directly from a base, as far as the catalog knows them."
    if any(one.how == ASSUMED for one in tips):
        yield "~: no derivative tells what it took; the default finetune_cost stands in (--assume)."
    if any(one.adapting is None for one in tips):
        yield "<=: what adapting the base took is unknown and left out."
    if not few:
        yield "-f csv and -f json give each of them."
    silences = reckoner.silences()
    for one in silences[:REASONS]:
        yield _silence(one)
    if len(silences) > REASONS:
        rest = sum(one.models for one in silences[REASONS:])
        yield f"{rest:,} more models without a saving; -f json says why."
    if not reckoner.complete:
        yield "Incomplete: what a strategy left out is not there, and not 0."


def _silence(one: Silence) -> str:
    if one.models == 1:
        return f"{one.examples[0]}: {one.message}; {one.hint}."
    return f"{one.models:,} models, such as {one.examples[0]}: {one.message}; {one.hint}."
