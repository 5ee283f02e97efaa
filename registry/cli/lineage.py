"""`lineage`, `why` and `impact`: where models come from and what became of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import click

from registry.cli.names import Name, known_model
from registry.cli.options import DOCUMENT, ROWS, Whole, answers, command
from registry.cli.output import Answer, Output
from registry.cli.session import Session
from registry.cli.tables import Column, table, words
from registry.errors import UsageError
from registry.model.edges import Relation
from registry.model.refs import ModelRef

if TYPE_CHECKING:
    from rich.console import RenderableType

    from registry.contract import LineageView
    from registry.lineage.graph import Impact
    from registry.model.records import KeptClaim
    from registry.services.trace import Why

GRAPHS = ("dot", "mermaid")
DRAWN = 60
"""Derivatives a tree shows when nobody says how many; other formats give all."""


@command(
    "lineage",
    "registry lineage linagora/Labess-7b-chat",
    "registry lineage inceptionai/jais-adapted-7b --up 0 --down 1 --limit 20",
    "registry lineage linagora/Labess-7b-chat -f mermaid",
    "registry lineage linagora/Labess-7b-chat -f dot -o lineage.dot",
)
@click.argument("ref", type=Name())
@click.option("--up", type=Whole(0), metavar="N", help="Generations of bases; default all.")
@click.option("--down", type=Whole(0), metavar="N", help="Generations of derivatives; default all.")
@click.option("--limit", type=Whole(1), metavar="N", help="Derivatives at most, nearest first.")
@answers(*ROWS, *GRAPHS, extensible=True)
def lineage(
    session: Session, out: Output, *, ref: ModelRef, up: int | None, down: int | None, limit: int | None
) -> None:
    """Draw what a model was made from and what was made of it.

    Each line is relation, name, parameters, license and size; `-` is unknown. The table shows the 60
    nearest derivatives unless --limit says otherwise. jsonl and csv give the edges.
    """
    from registry.cli.trees import lineage_tree
    from registry.exports import shapes
    from registry.services import trace

    catalog = session.catalog()
    repo_id = known_model(catalog, ref)
    if limit is None and out.is_table:
        limit = DRAWN
    view = trace.lineage(catalog, repo_id, up=up, down=down, limit=limit)
    out.give(
        Answer(
            table=lambda width: lineage_tree(view, width),
            document=lambda: shapes.lineage(view),
            rows=lambda: shapes.lineage(view)["edges"],
            names=lambda: (node.repo_id for node in view.nodes),
            text=lambda: _exporter(session, out.format)(view),
        )
    )


def _exporter(session: Session, name: str) -> Callable[[LineageView], str]:
    if name == "dot":
        from registry.exports.dot import to_dot

        return to_dot
    if name == "mermaid":
        from registry.exports.mermaid import to_mermaid

        return to_mermaid
    return session.app.host.exporters[name].export


@command(
    "why",
    "registry why linagora/Labess-7b-chat meta-llama/Llama-2-7b",
    "registry why linagora/Labess-7b-chat meta-llama/Llama-2-7b --json",
)
@click.argument("derivative", type=Name())
@click.argument("base", type=Name())
@answers(*DOCUMENT, quiet=None)
def why(session: Session, out: Output, *, derivative: ModelRef, base: ModelRef) -> None:
    """Give every path from a model to a base, with the evidence.

    Under each step stands who claims it, in which words, and at which commit.
    """
    from registry.exports import shapes
    from registry.services import trace

    catalog = session.catalog()
    model, target = known_model(catalog, derivative), known_model(catalog, base)
    if model == target:
        raise UsageError(f"{model} is one model, not two")
    found = trace.why(catalog, model, target)
    out.give(Answer(table=lambda _: _paths(found), document=lambda: shapes.why(found)))
    if out.is_table:
        if not found.paths:
            session.note(f"Nothing says that {model} was made from {target}.")
        elif found.cut:
            session.note(f"Only the {len(found.paths)} shortest paths are shown; there are more.")


def _paths(found: Why) -> RenderableType | None:
    from rich.console import Group
    from rich.text import Text

    if not found.paths:
        return None
    parts: list[RenderableType] = []
    for number, path in enumerate(found.paths, 1):
        if len(found.paths) > 1:
            parts += [Text()] if parts else []
            parts.append(Text(f"Path {number} of {len(found.paths)}", style="dim"))
        parts.append(words(path[0].derivative, "bold"))
        for edge in path:
            step = Text(f"  {edge.relation.value} of ", style="cyan")
            step.append_text(words(edge.base, "not cyan bold"))
            parts += [step, _claims(found.claims.get((edge.derivative, edge.base), ()))]
    return Group(*parts)


def _claims(claims: Sequence[KeptClaim]) -> RenderableType:
    from rich.table import Table

    grid = Table.grid(padding=(0, 2, 0, 0), pad_edge=False)
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for kept in claims:
        grid.add_row(words(f"    {kept.claim.origin.value}"), words(_said(kept)))
    return grid


def _said(kept: KeptClaim) -> str:
    """What was claimed, where it stands, and when it was read."""
    claim = kept.claim
    told = repr(claim.declared)
    if claim.denied:
        told = f"not {told}"
    elif claim.relation is not Relation.UNKNOWN:
        told += f" as {claim.relation.value}"
    told += f" ({claim.detail})" if claim.detail else ""
    told += f", at {kept.revision[:12]}" if kept.revision else ""
    told += f", {'read' if kept.current else 'no longer said, last read'} {kept.observed_at:%Y-%m-%d}"
    return told + (f": {claim.note}" if claim.note else "")


@command(
    "impact",
    "registry impact inceptionai/jais-adapted-7b",
    "registry impact inceptionai/jais-adapted-7b -f csv",
    "registry impact inceptionai/jais-adapted-7b -q",
)
@click.argument("base", type=Name())
@answers(*ROWS)
def impact(session: Session, out: Output, *, base: ModelRef) -> None:
    """List everything that was made from a model.

    Directly or not, nearest first: DEPTH is how many steps away, VIA the last model on the way.
    """
    from registry.exports import shapes
    from registry.services import trace

    catalog = session.catalog()
    found = trace.impact(catalog, known_model(catalog, base))

    def drawn(width: int | None) -> RenderableType | None:
        if not found.derivatives:
            return None
        columns = [
            Column("MODEL", least=30),
            Column("DEPTH", right=True),
            Column("RELATION", rank=1),
            Column("VIA", least=20),
        ]
        rows = [[one.repo_id, one.depth, one.relation.value, one.via] for one in found.derivatives]
        return table(columns, rows, width)

    out.give(
        Answer(
            table=drawn,
            document=lambda: shapes.impact(found),
            rows=lambda: shapes.impact(found)["derivatives"],
            names=lambda: (one.repo_id for one in found.derivatives),
        )
    )
    if out.is_table:
        session.note(_counted(found))
        for problem in found.problems:
            session.note(f"{problem.code}: {problem.message}")


def _counted(found: Impact) -> str:
    if not found.derivatives:
        return f"Nothing in the catalog was made from {found.base}."
    told = ", ".join(f"{count:,} {relation}" for relation, count in found.counts.items())
    total = len(found.derivatives)
    return f"{total:,} derivative{'' if total == 1 else 's'}: {told}."
