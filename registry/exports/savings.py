"""Savings as JSON, as flat rows and as Markdown. Sizes are bytes, money says its currency and basis."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import isfinite
from typing import Any, Protocol

from registry.economics.reuse import MARK, Tipping
from registry.economics.tally import ASSUMED, Tip, Total, told_in_short
from registry.exports.estimates import cells, human, money, shape
from registry.exports.markdown import code, text
from registry.exports.rows import Plain
from registry.model.estimate import Estimate, Saving
from registry.model.units import format_bytes

Shape = dict[str, Any]

SHOWN = 200
"""Savings told one by one in Markdown: a comment on GitHub holds 65,536 characters."""

BASES = 20
"""Bases told of in a table for people, the most reused first."""

_BYTES = ("byte", "byte of memory")
_WHAT: Mapping[str, str] = {
    "byte": "bytes",
    "byte of memory": "memory",
    "USD/year": "a year",
    "kgCO2e": "CO2e",
    "FLOP/token": "FLOP/token",
}


class FailureLike(Protocol):
    """A strategy that broke; `services.saving` makes it."""

    @property
    def strategy(self) -> str: ...
    @property
    def model(self) -> str: ...
    @property
    def reason(self) -> str: ...


class SilenceLike(Protocol):
    """Why nothing is told of some models."""

    @property
    def code(self) -> str: ...
    @property
    def message(self) -> str: ...
    @property
    def hint(self) -> str: ...
    @property
    def models(self) -> int: ...
    @property
    def examples(self) -> Sequence[str]: ...


class ReckoningLike(Protocol):
    """What came of asking about every model, known once all were asked."""

    @property
    def models(self) -> int: ...
    @property
    def complete(self) -> bool: ...
    @property
    def failures(self) -> Sequence[FailureLike]: ...
    def totals(self) -> Sequence[Total]: ...
    def tips(self) -> Sequence[Tip]: ...
    def silences(self) -> Sequence[SilenceLike]: ...


class SavingsDocument(Mapping[str, object]):
    """All savings as one JSON document. `savings` is an iterator, and what stands behind it is only known at
    its end: each is made when it is asked for, in this order."""

    KEYS = ("savings", "totals", "tipping", "unknown", "failures", "models", "complete")

    def __init__(self, savings: Iterable[Saving], reckoning: ReckoningLike) -> None:
        self._savings, self._reckoning = savings, reckoning

    def __iter__(self) -> Iterator[str]:
        return iter(self.KEYS)

    def __len__(self) -> int:
        return len(self.KEYS)

    def __getitem__(self, key: str) -> object:
        found = self._reckoning
        if key == "savings":
            return map(saving, self._savings)
        if key == "totals":
            return [total(one) for one in found.totals()]
        if key == "tipping":
            return map(tip, found.tips())
        if key == "unknown":
            return [silence(one) for one in found.silences()]
        if key == "failures":
            return [failure(one) for one in found.failures]
        return {"models": found.models, "complete": found.complete}[key]


def amount(one: Estimate) -> Shape:
    """A range that always says currency and basis, `None` where it is no money or has none."""
    return {"currency": None, "basis": one.basis, "priced": one.priced} | (shape(one) or {})


def saving(one: Saving) -> Plain:
    """One saving whole."""
    instead = [{"name": name, "estimate": amount(each)} for name, each in one.counterfactuals]
    # Where the own cost is unknown, what was saved is the whole of the counterfactual.
    saved = instead[0]["estimate"] if one.saved is one.counterfactuals[0][1] else amount(one.saved)
    return Plain(
        model=one.model,
        kind=one.kind,
        base=one.base,
        counterfactuals=instead,
        own_cost=None if one.own_cost is None else amount(one.own_cost),
        saved=saved,
        ratio=_ratio(one),
        upper_bound=one.upper_bound,
        adds_up=one.adds_up,
        assumptions=[str(text) for text in one.assumptions],
        sources=[str(text) for text in one.sources],
    )


def saving_row(one: Saving) -> Shape:
    """The same for a table: one value to a cell, and the first counterfactual, which `saved` is against."""
    (name, first), *others = one.counterfactuals
    return {
        "model": one.model,
        "kind": one.kind,
        "base": one.base,
        "unit": one.saved.unit,
        "basis": one.saved.basis,
        "instead_of": name,
        **cells("instead", first),
        **cells("own_cost", one.own_cost),
        **cells("saved", one.saved),
        "ratio": _ratio(one),
        "upper_bound": one.upper_bound,
        "adds_up": one.adds_up,
        "priced": one.saved.priced,
        "other_counterfactuals": [f"{other}: {each.mid:.6g}" for other, each in others],
        "assumptions": list(one.assumptions),
        "sources": list(one.sources),
    }


def _ratio(one: Saving) -> float | None:
    """A ratio beyond all numbers is unknown."""
    return one.ratio if one.ratio is not None and isfinite(one.ratio) else None


def total(one: Total) -> Plain:
    """A sum within one kind, unit and basis. own_cost_unknown: of how many savings it is not subtracted."""
    return Plain(
        {
            "kind": one.kind,
            "unit": one.saved.unit,
            "basis": one.saved.basis,
            "saved": amount(one.saved),
            "savings": one.savings,
            "models": one.models,
            "own_cost_unknown": one.untold,
            "upper_bound": one.upper_bound,
        }
    )


def tip(one: Tip) -> Plain:
    """What a model made from one base costs, and from how many reuses on the mark is passed."""
    return Plain(
        {
            "base": one.base,
            "unit": one.cost.unit,
            "basis": one.cost.basis,
            "derivatives": one.reuses,
            "cost": amount(one.cost),
            "adapting": None if one.adapting is None else amount(one.adapting),
            "adapting_told": one.how,
            "adapting_models": one.told,
            "now": _point(one.now, known=one.adapting is not None),
            "avoided": {"low": one.avoided_low, "mid": one.now.avoided, "high": one.avoided_high},
            "mark": MARK,
            "passed": one.passed,
            "passed_at": one.passed_at,
            "curve": [_point(point, known=one.adapting is not None) for point in one.curve()],
        }
    )


def silence(one: SilenceLike) -> Shape:
    """Why nothing is told of so many models, and the next step."""
    return {
        "code": one.code,
        "message": one.message,
        "hint": one.hint,
        "models": one.models,
        "examples": list(one.examples),
    }


def failure(one: FailureLike) -> Shape:
    return {"strategy": one.strategy, "model": one.model, "reason": one.reason}


def _point(point: Tipping, *, known: bool) -> Shape:
    """known: what adapting costs is; else the average leaves it out and the share is at most so large."""
    return {
        "reuses": point.reuses,
        "average": point.average,
        "marginal": point.marginal if known else None,
        "avoided": point.avoided,
    }


# --- for people ------------------------------------------------------------------------------------


def figure(value: float | None, unit: str) -> str:
    """A figure in the unit people read it in; `-` for unknown."""
    if value is None:
        return "-"
    if unit in _BYTES:
        sign = "-" if value < 0 else ""
        return sign + format_bytes(round(abs(value)))
    if unit.startswith("USD"):
        return f"-{money(-value)}" if value < 0 else money(value)
    if unit == "FLOP/token":
        return f"{value:.2e}".replace("e+", "e")
    return human(value, unit)


def span(one: Estimate) -> str:
    """The range of a figure, `""` where no digit shows it."""
    low, high = figure(one.low, one.unit), figure(one.high, one.unit)
    return "" if low == high else f"{low} - {high}"


def basis_of(one: Estimate) -> str:
    """What a figure counts, in a word or two: `rental`, `FLOP`, `bytes`, `a year`."""
    return one.basis or _WHAT.get(one.unit, one.unit)


def times(ratio: float | None) -> str:
    """How many times the own cost: `3,434`, `1.5`; `-` for unknown."""
    if ratio is None:
        return "-"
    return f"{ratio:,.0f}" if ratio >= 100 else f"{ratio:.3g}"


def avoided(one: Tip) -> str:
    """The share of cost avoided; `at most` where what adapting cost is unknown."""
    share = f"{100 * one.now.avoided:.1f} %"
    return share if one.adapting is not None else f"<= {share}"


def mark(one: Tip) -> str:
    """Whether the article's mark is passed, or what it takes; `~` where that rests on what is assumed."""
    sign = "~" if one.how == ASSUMED else ""
    if one.passed:
        return f"{sign}passed"
    if one.passed_at is not None:
        return f"{sign}at {one.passed_at:,}"
    return "-" if one.adapting is None else "never"


def to_markdown(savings: Iterable[Saving], reckoning: ReckoningLike) -> Iterator[str]:
    """The whole text a piece at a time, each ending in a line feed."""
    yield "### What reuse saved\n\n"
    yield from _savings_table(savings)
    totals = reckoning.totals()
    if totals:
        yield "\n#### In sum\n\n| strategy | counts | models | saved | low - high |\n|---|---|--:|--:|---|\n"
        for one in totals:
            bound = "at most " if one.upper_bound else ""
            saved = figure(one.saved.mid, one.saved.unit)
            yield _row(one.kind, basis_of(one.saved), f"{one.models:,}", f"{bound}{saved}", span(one.saved))
    tips = told_in_short(list(reckoning.tips()))
    if tips:
        yield "\n#### Cost per model as a base is reused\n\n"
        yield "| base | models made from it | counts | cost of the base | per model | avoided | 85 % mark |\n"
        yield "|---|--:|---|--:|--:|--:|---|\n"
        for each in tips[:BASES]:
            unit = each.cost.unit
            cost, average = figure(each.cost.mid, unit), figure(each.now.average, unit)
            count = f"{each.reuses:,}"
            yield _row(each.base, count, basis_of(each.cost), cost, average, avoided(each), mark(each))
    for broken in reckoning.failures:
        where = f"{code(broken.strategy)} broke on {code(broken.model)}"
        yield f"\n**Incomplete:** {where}: {text(broken.reason)}\n"
    for silent in reckoning.silences()[:BASES]:
        yield f"\n{silent.models:,} without a saving: {text(silent.message)}; {_hint(silent.hint)}.\n"


def _savings_table(savings: Iterable[Saving]) -> Iterator[str]:
    head = "| model | strategy | base | counts | instead | own cost | saved | low - high | times |\n"
    shown = 0
    for one in savings:
        shown += 1
        if shown > SHOWN:
            continue
        if shown == 1:
            yield head + "|---|---|---|---|--:|--:|--:|---|--:|\n"
        first, unit = one.counterfactuals[0][1], one.saved.unit
        own = figure(one.own_cost.mid if one.own_cost else None, unit)
        bound = "at most " if one.upper_bound else ""
        saved = bound + figure(one.saved.mid, unit)
        counts, instead = basis_of(first), figure(first.mid, unit)
        yield _row(
            one.model,
            one.kind,
            one.base or "",
            counts,
            instead,
            own,
            saved,
            span(one.saved),
            times(one.ratio),
        )
    if shown > SHOWN:
        yield f"\n{shown - SHOWN:,} more savings; `-f json` or `-f csv` gives all of them.\n"


def _row(*cells: str) -> str:
    return "".join(f"| {text(cell)} " for cell in cells) + "|\n"


def _hint(hint: str) -> str:
    """A hint with its command between backticks."""
    before, tick, rest = hint.partition("`")
    command, closing, after = rest.partition("`")
    if not (tick and closing):
        return text(hint)
    return f"{text(before)}{code(command)}{text(after)}"
