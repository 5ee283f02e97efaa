"""`paper`: the figures the case for reuse rests on, worked out again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from registry.cli.options import ROWS, answers, command
from registry.cli.output import Answer, Output
from registry.cli.session import Session
from registry.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from registry.economics.claims import Reproduced

FOUND = 1
NEVER = "never"
STYLES = {"pass": "green", "differs": "yellow", "no seed": "dim"}
LABELS = (
    "model: every input has its own source · inferred: an input was chosen to meet the figure · "
    "exact: arithmetic on the text · check: a figure of somebody else · fact: told against its source"
)


@command(
    "paper",
    "registry paper",
    "registry paper bloom",
    "registry paper gpt2_flop",
    "registry paper -f markdown -o figures.md",
)
@click.argument("text", required=False)
@click.option(
    "--fail-on",
    type=click.Choice(["differs", NEVER]),
    default=NEVER,
    help="End with 1 when a figure differs. Default: never.",
)
@answers(*ROWS, "markdown", quiet="Print ids only, one per line.")
def paper(session: Session, out: Output, *, text: str | None, fail_on: str) -> int:
    """Recompute the figures the case for reuse rests on.

    Each is worked out from its inputs by the functions behind `cost`, `estimate` and `savings`, and
    compared with what was told. TEXT keeps figures whose id or wording contains it; a single one is
    shown with its inputs.

    A figure passes when it is met within its tolerance. The label tells what that is worth: where an input
    was chosen so that the figure is met (inferred), a pass proves consistency and no more.
    """
    from registry.economics.claims import Verdict
    from registry.exports import claims as shapes
    from registry.services.paper import paper as recompute

    report = recompute(text)
    if not report.claims:
        raise UsageError(f"no figure is about {text!r}", hint="`registry paper` lists them all")
    out.give(
        Answer(
            table=lambda width: _drawn(report.claims, width),
            document=lambda: shapes.document(report.claims, report.counts),
            rows=lambda: [shapes.row(one) for one in report.claims],
            names=lambda: (one.claim.id for one in report.claims),
            text=lambda: shapes.to_markdown(report.claims, report.counts),
        )
    )
    if out.is_table and len(report.claims) > 1:
        session.note(shapes.summary(report.counts))
        session.note(f"Next: `registry paper {report.claims[0].claim.id}` shows one with its inputs.")
    return FOUND if fail_on == "differs" and report.counts[Verdict.DIFFERS] else 0


def _drawn(claims: Sequence[Reproduced], width: int | None) -> RenderableType:
    return _sheet(claims[0]) if len(claims) == 1 else _listing(claims, width)


def _listing(claims: Sequence[Reproduced], width: int | None) -> RenderableType:
    """The table, and why some differ."""
    from rich.console import Group
    from rich.text import Text

    from registry.cli.tables import LAST, Column, Fitted, table, words
    from registry.exports.claims import deviation, figure

    columns = [
        Column("FIGURE", least=24, wrap=True),
        Column("TOLD", right=True, least=8),
        Column("COMES TO", right=True, least=8),
        Column("UNIT", rank=3, least=10),
        Column("OFF BY", right=True, rank=LAST, least=7),
        Column("VERDICT", rank=LAST, least=7),
        Column("LABEL", rank=LAST, least=8),
        Column("ID", rank=2, least=19),
    ]
    rows = [
        [
            one.claim.text,
            figure(one.claim.seed),
            figure(one.value),
            one.claim.unit,
            deviation(one),
            words(one.verdict, STYLES[one.verdict]),
            str(one.claim.label),
            one.claim.id,
        ]
        for one in claims
    ]
    laid_out = table(columns, rows, width)
    why = [
        words(one.claim.text, "bold").append_text(words(f": {one.claim.why}", "not bold"))
        for one in claims
        if one.claim.why
    ]
    below = [Text(), words("Why some differ", "bold underline"), *why, Text()] if why else [Text()]
    return Fitted(Group(laid_out.grid, *below, words(LABELS, "dim")), laid_out.left_out)


def _sheet(one: Reproduced) -> RenderableType:
    """One figure with everything that goes into it."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    from registry.cli.tables import words
    from registry.exports.claims import deviation, figure, input_text

    claim = one.claim
    pairs = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    pairs.add_column(style="bold", no_wrap=True)
    pairs.add_column(overflow="fold")
    told = f"{figure(claim.seed)} {claim.unit}" if claim.seed is not None else "-"
    verdict = words(one.verdict, STYLES[one.verdict])
    if one.deviation is not None:
        verdict.append_text(words(f"  {deviation(one)}, tolerance {claim.tolerance:g} %", "default"))
    lines: list[tuple[str, str | Text | None]] = [
        ("told", told),
        ("recomputed", f"{figure(one.value)} {claim.unit}"),
        ("verdict", verdict),
        ("label", str(claim.label)),
        ("formula", f"{claim.formula.text}  ({claim.formula.name})"),
    ]
    for number, given in enumerate(one.given):
        noted = f"  {given.note}" if given.note else ""
        lines.append(("" if number else "inputs", f"{input_text(given)}{noted}"))
        if given.source != claim.source:
            lines.append(("", words(f"  {given.source}", "dim")))
    lines += [("source", claim.source), ("note", claim.note), ("why", claim.why)]
    for name, value in lines:
        if value is not None:
            pairs.add_row(name, value if isinstance(value, Text) else words(value))
    return Group(words(claim.text, "bold").append_text(words(f"  {claim.id}", "not bold dim")), pairs)
