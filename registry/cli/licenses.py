"""`licenses`: what the audit knows about licenses, in plain words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from registry.cli.options import ROWS, answers, command
from registry.cli.output import Answer, Output
from registry.cli.session import Session
from registry.cli.tables import Column, table, words
from registry.errors import UsageError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem
    from rich.console import RenderableType

    from registry.licenses.explain import Explanation, Statement
    from registry.licenses.table import LicenseTable, Terms

SHORT = (
    ("notices", "notices"),
    ("flowdown", "pass terms on"),
    ("share_alike", "share alike"),
    ("name_prefix", "name"),
    ("display", "display"),
    ("use_policy", "use policy"),
    ("output_rule", "outputs"),
    ("output_is_derivative", "models trained on outputs"),
    ("territory_excluded", "territory"),
    ("field_limits", "field of use"),
    ("mau_limit", "user limit"),
    ("revenue_limit_usd", "revenue limit"),
)
"""Conditions in a word or two, for the list."""


class LicenseName(click.ParamType[str]):
    """A license id, completed from the table."""

    name = "id"

    def shell_complete(
        self,
        ctx: click.Context,  # noqa: ARG002 - the base's
        param: click.Parameter,  # noqa: ARG002 - the base's
        incomplete: str,
    ) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem

        from registry.licenses.table import load_table

        return [CompletionItem(id_) for id_ in load_table().ids() if id_.startswith(incomplete)]


@command(
    "licenses",
    "registry licenses",
    "registry licenses bigscience-bloom-rail-1.0",
    "registry licenses llama3.1 --json",
)
@click.argument("license_", metavar="[ID]", required=False, type=LicenseName())
@answers(*ROWS, quiet="Print ids only, one per line.")
def licenses(session: Session, out: Output, *, license_: str | None) -> None:
    """Say in plain words what a license asks.

    ID is an id of the Hub, a name in use or an SPDX id; without one, all are listed. Every fact has its
    clause and how sure we are. Engineering data, not legal advice.
    """
    from registry.licenses.table import load_table

    known = load_table()
    if license_ is None:
        _list(out, [known.terms[id_] for id_ in known.ids()])
    else:
        _show(out, known, _found(known, license_))
    if out.is_table:
        session.note("Engineering data, not legal advice.")


def _found(known: LicenseTable, text: str) -> Explanation:
    from registry.licenses.explain import explain

    explanation = explain(text, known)
    if explanation is not None:
        return explanation
    shared = [one.id for one in known.candidates(text)]
    if shared:
        raise UsageError(f"{text!r} is the name of several texts", hint=f"one of {', '.join(shared)}")
    near = known.nearest(text)
    hint = f"did you mean {' or '.join(near)}?" if near else "`registry licenses` lists all that are known"
    raise UsageError(f"no license is known as {text[:80]!r}", hint=hint)


def _list(out: Output, all_terms: Sequence[Terms]) -> None:
    def drawn(width: int | None) -> RenderableType:
        columns = [
            Column("LICENSE", least=20),
            Column("FAMILY", rank=1),
            Column("SPDX", rank=2, least=14),
            Column("COMMERCIAL"),
            Column("CONDITIONS", least=30, wrap=True),
        ]
        rows = [
            [one.id, one.family, one.expression, one.value("commercial"), conditions(one)]
            for one in all_terms
        ]
        return table(columns, rows, width)

    def records() -> list[dict[str, object]]:
        return [
            {
                "id": one.id,
                "name": one.name,
                "family": one.family,
                "expression": one.expression,
                "commercial": one.value("commercial"),
                "conditions": conditions(one),
                "evidence_level": one.evidence,
            }
            for one in all_terms
        ]

    out.give(
        Answer(
            table=drawn,
            document=lambda: {"licenses": records()},
            rows=records,
            names=lambda: (one.id for one in all_terms),
        )
    )


def conditions(terms: Terms) -> str:
    """What a license asks, in a few words."""
    told = ["derivatives not shared"] if terms.value("derivatives") == "no-share" else []
    told += [word for name, word in SHORT if terms.value(name) and terms.value(name) != "none"]
    return ", ".join(told)


def _show(out: Output, known: LicenseTable, one: Explanation) -> None:
    def records() -> list[dict[str, object]]:
        return [_record(statement) for statement in _statements(one)]

    def document() -> dict[str, object]:
        return {
            "id": one.id,
            "name": one.name,
            "expression": one.expression,
            "family": one.family,
            "ambiguous": one.ambiguous,
            "aliases": list(one.aliases),
            "says": records(),
            "remarks": dict(one.remarks),
            "note": one.note,
            "evidence_level": one.evidence,
            "source": one.source,
            "links": list(one.links),
            "table": known.source,
            "notice": known.disclaimer,
        }

    out.give(Answer(table=lambda _: _sheet(one), document=document, rows=records, names=lambda: [one.id]))


def _record(one: Statement) -> dict[str, object]:
    return {
        "fact": one.fact,
        "text": one.text,
        "clause": one.clause,
        "evidence_level": one.evidence,
    }


def _statements(one: Explanation) -> tuple[Statement, ...]:
    return (*one.grants, *one.conditions, *one.limits, *one.outputs, *one.other)


def _sheet(one: Explanation) -> RenderableType:
    from rich.console import Group
    from rich.table import Table

    grid = Table.grid(padding=(0, 2, 0, 0), pad_edge=False)
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    about = [("name", one.name), ("spdx", one.expression), ("family", one.family)]
    about += [("also called", ", ".join(one.aliases))] if one.aliases else []
    for label, value in about:
        grid.add_row(words(f"  {label}"), words(value))
    for said in _statements(one):
        text = words(said.text)
        if said.clause:
            text.append_text(words(f"  [{said.clause}]", "dim"))
        if said.evidence == "recalled":
            text.append_text(words("  (recalled)", "yellow"))
        grid.add_row(words(f"  {said.title}"), text)
    rest = [*one.remarks, *([("note", one.note)] if one.note else [])]
    rest += [("how sure", f"{one.evidence}: {one.evidence_meaning}"), ("source", one.source)]
    rest += [("text", link) for link in one.links]
    for label, value in rest:
        grid.add_row(words(f"  {label.replace('_', ' ')}"), words(value))
    return Group(words(one.id, "bold"), grid)
