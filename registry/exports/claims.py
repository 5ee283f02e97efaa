"""The recomputed figures of the case for reuse, as JSON, rows, Markdown and words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import isclose

from registry.economics.claims import Given, Reproduced
from registry.exports.markdown import text as escaped
from registry.exports.shapes import Shape
from registry.model.units import format_count

PRECISION = 6
"""Significant digits of a deviation in machine formats: more would be noise of the arithmetic."""


def document(claims: Sequence[Reproduced], counts: Mapping[str, int]) -> Shape:
    """Everything about every figure."""
    return {
        "rows": [row(one) | {"inputs": [_input(given) for given in one.given]} for one in claims],
        "counts": {verdict.replace(" ", "_"): count for verdict, count in counts.items()},
    }


def row(one: Reproduced) -> Shape:
    """One figure, flat. deviation_pct and tolerance_pct are in per cent of the seed."""
    claim = one.claim
    return {
        "id": claim.id,
        "text": claim.text,
        "seed": claim.seed,
        "reproduced": one.value,
        "unit": claim.unit,
        "deviation_pct": None if one.deviation is None else _rounded(one.deviation),
        "tolerance_pct": claim.tolerance,
        "verdict": one.verdict,
        "label": claim.label,
        "function": claim.formula.name,
        "formula": claim.formula.text,
        "inputs": [input_text(given) for given in one.given],
        "source": claim.source,
        "note": claim.note,
        "why": claim.why,
    }


def input_text(given: Given) -> str:
    """`chips = 256 TPU v3 cores`."""
    shown = given.shown if isinstance(given.shown, str) else f"{given.shown:.12g}"
    return f"{given.name} = {shown}{f' {given.unit}' if given.unit else ''}"


def figure(value: float | None) -> str:
    """A number as a table shows it: `180.96`, `43,008`, `4.67M`, `3.14e+23`; `-` for none."""
    if value is None:
        return "-"
    size = abs(value)
    if size and (size >= 1e15 or size < 1e-3):
        return f"{value:.3g}"
    if size >= 1e6:
        return format_count(round(value))
    if size >= 1000 or isclose(value, round(value)):
        return f"{value:,.0f}"
    return f"{value:.2f}" if size >= 1 else f"{value:.4g}"


def deviation(one: Reproduced) -> str:
    """`+0.5 %`; `0 %` where there is none to speak of, `-` without a figure to compare with."""
    if one.deviation is None:
        return "-"
    return (
        "0 %" if abs(one.deviation) < 0.005 else f"{one.deviation:+.{1 if abs(one.deviation) >= 1 else 2}f} %"
    )


def summary(counts: Mapping[str, int]) -> str:
    """`59 figures: 46 pass, 6 differ, 7 have none to compare with.`"""
    passed, differs, bare = counts["pass"], counts["differs"], counts["no seed"]
    total = passed + differs + bare
    return (
        f"{total} figure{'' if total == 1 else 's'}: {passed} pass, {differs} differ, "
        f"{bare} {'has' if bare == 1 else 'have'} none to compare with."
    )


def to_markdown(claims: Sequence[Reproduced], counts: Mapping[str, int]) -> Iterator[str]:
    """A table, and below it why some figures differ."""
    yield f"{summary(counts)}\n\n"
    titles = ("figure", "told", "recomputed", "unit", "off by", "verdict", "label", "formula", "source")
    yield f"| {' | '.join(titles)} |\n|{' --- |' * len(titles)}\n"
    for one in claims:
        claim = one.claim
        cells = (
            claim.text,
            figure(claim.seed),
            figure(one.value),
            claim.unit,
            deviation(one),
            str(one.verdict),
            str(claim.label),
            claim.formula.text,
            claim.source,
        )
        yield f"| {' | '.join(escaped(cell) for cell in cells)} |\n"
    explained = [one.claim for one in claims if one.claim.why]
    if explained:
        yield "\n"
    for claim in explained:
        yield f"- **{escaped(claim.text)}**: {escaped(claim.why or '')}\n"


def _input(given: Given) -> Shape:
    return {
        "name": given.name,
        "value": given.shown,
        "unit": given.unit,
        "source": given.source,
        "note": given.note,
    }


def _rounded(value: float) -> float:
    # What floating point leaves of an exact match reads as one.
    return 0.0 if abs(value) < 1e-9 else float(f"{value:.{PRECISION}g}")
