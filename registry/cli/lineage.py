"""`lineage`, `why` and `impact`: where models come from and what became of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import click

from registry.cli.names import Name, known_model
from registry.cli.options import DOCUMENT, ROWS, Whole, answers, command
from registry.cli.output import Answer, Output
from registry.cli.session import Session
from registry.cli.tables import LAST, WEIGHED, Column, table, words
from registry.errors import UsageError
from registry.model.edges import Relation
from registry.model.refs import ModelRef, SourceName

if TYPE_CHECKING:
    from rich.console import RenderableType

    from registry.contract import LineageView
    from registry.lineage.graph import Impact
    from registry.model.evidence import KeptEvidence
    from registry.model.records import KeptClaim
    from registry.services.trace import Why

STEPS = {
    Relation.FINETUNE: "finetune of",
    Relation.ADAPTER: "adapter of",
    Relation.MERGE: "merge of",
    Relation.QUANTIZED: "quantized from",
    Relation.DISTILLED: "distilled from",
    Relation.UNKNOWN: "made from",
    Relation.TRAINED_ON: "trained on",
}
"""A step from a model to what it was made from, in words."""

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

    Each line is relation, name, what is known of parameters, license and size, and what the weights say
    of the step where `verify` asked them. The table shows the 60 nearest derivatives unless --limit says
    otherwise. jsonl and csv give the edges.
    """
    if out.quiet and ref.revision is None:
        from registry.catalog.quick import names_around

        names = names_around(session.settings().settings.catalog, ref.repo_id, up=up, down=down, limit=limit)
        if names is not None:
            out.give(Answer.of_names(names))
            return
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
    if out.is_table and not view.edges and up != 0 and down != 0:
        session.note(_alone(view))


def _alone(view: LineageView) -> str:
    """What it means that nothing is drawn around a model."""
    (brief,) = (node for node in view.nodes if node.repo_id == view.root)
    if brief.source is SourceName.DATA:
        return f"No model in the catalog was trained on {view.root}."
    if brief.observed_at is None:
        return f"{view.root} has not been read, and nothing here was made from it."
    return f"No base of {view.root} is declared, and nothing here was made from it."


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

    Under each step stands who claims it, in which words, and at which commit; and what the weights say of
    it, where `verify` asked them.
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
            made = "trained on" if ModelRef.parse(target).source is SourceName.DATA else "made from"
            said = "No edge stands, though it is claimed," if found.claims else "Nothing says"
            session.note(f"{said} that {model} was {made} {target}.")
        elif found.cut:
            session.note(f"Only the {len(found.paths)} shortest paths are shown; there are more.")


def _paths(found: Why) -> RenderableType | None:
    from rich.console import Group
    from rich.text import Text

    if not found.paths:
        # No edge is left, but somebody claimed one: an edge cut by hand, say.
        claims = found.claims.get((found.derivative, found.base))
        return _claims(claims) if claims else None
    parts: list[RenderableType] = []
    for number, path in enumerate(found.paths, 1):
        if len(found.paths) > 1:
            parts += [Text()] if parts else []
            parts.append(Text(f"Path {number} of {len(found.paths)}", style="dim"))
        parts.append(words(path[0].derivative, "bold"))
        for edge in path:
            step = Text(f"  {STEPS[edge.relation]} ", style="cyan")
            step.append_text(words(edge.base, "not cyan bold"))
            pair = edge.derivative, edge.base
            parts += [step, _claims(found.claims.get(pair, ()), found.evidence.get(pair))]
    return Group(*parts)


def _claims(claims: Sequence[KeptClaim], weighed: KeptEvidence | None = None) -> RenderableType:
    from rich.table import Table

    grid = Table.grid(padding=(0, 2, 0, 0), pad_edge=False)
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for kept in claims:
        grid.add_row(words(f"    {kept.claim.origin.value}"), words(_said(kept)))
    if weighed is not None:
        style = WEIGHED.get(weighed.evidence.state, "")
        grid.add_row(words("    weights"), words(_weighed(weighed), style))
    return grid


def _weighed(kept: KeptEvidence) -> str:
    """What the weights say, from how much, at which commits, and when that was worked out."""
    one = kept.evidence
    told = [f"{one.state.value.replace('_', ' ')}: {one.reason}"]
    if one.score is not None:
        told.append(f"score {one.score:.3f} over {one.blocks} blocks")
    commits = [commit[:12] for commit in (kept.derivative_commit, kept.base_commit) if commit]
    told += [f"at {' and '.join(commits)}"] if commits else []
    return ", ".join([*told, f"{one.method}, {kept.judged_at:%Y-%m-%d}"])


def _said(kept: KeptClaim) -> str:
    """What was claimed, where it stands, and when it was read."""
    claim = kept.claim
    told = [f"not {claim.declared!r}" if claim.denied else repr(claim.declared)] if claim.declared else []
    if claim.relation is not Relation.UNKNOWN and not claim.denied:
        told.append(f"as {claim.relation.value}" if told else claim.relation.value)
    # The origin stands in front already: `inferred: no sign of ...`, `inferred from ...`.
    detail = (claim.detail or "").removeprefix(claim.origin.value).lstrip(": ")
    told += [f"({detail})"] if detail else []
    return ", ".join([" ".join(told), *_when(kept)]) + (f": {claim.note}" if claim.note else "")


def _when(kept: KeptClaim) -> list[str]:
    at = [f"at {kept.revision[:12]}"] if kept.revision else []
    return [*at, f"{'read' if kept.current else 'no longer said, last read'} {kept.observed_at:%Y-%m-%d}"]


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
    if out.quiet:
        out.give(Answer.of_names(_below(session, base)))
        return
    from registry.exports import shapes
    from registry.services import trace

    catalog = session.catalog()
    found = trace.impact(catalog, known_model(catalog, base), judged=out.format in DOCUMENT)

    def drawn(width: int | None) -> RenderableType | None:
        if not found.derivatives:
            return None
        columns = [
            Column("MODEL", least=30),
            Column("DEPTH", right=True),
            Column("RELATION", rank=LAST, least=10),
            Column("VIA", rank=2, least=20),
        ]
        rows = [[one.repo_id, one.depth, one.relation.value, one.via] for one in found.derivatives]
        return table(columns, rows, width)

    out.give(
        Answer(
            table=drawn,
            document=lambda: shapes.impact(found),
            rows=lambda: shapes.impact(found)["derivatives"],
        )
    )
    if out.is_table:
        session.note(_counted(found))
        for problem in found.problems:
            session.note(f"{problem.code}: {problem.message}")


def _below(session: Session, base: ModelRef) -> list[str]:
    """The names of everything made from a model, nearest first."""
    from registry.catalog.quick import names_below

    names = names_below(session.settings().settings.catalog, base.repo_id) if base.revision is None else None
    if names is None:
        catalog = session.catalog()
        names = [one.repo_id for one in catalog.descendants(known_model(catalog, base))]
    return names


def _counted(found: Impact) -> str:
    """How many there are; models trained on a dataset are no derivatives of it."""
    if not found.derivatives:
        if ModelRef.parse(found.base).source is SourceName.DATA:
            return f"No model in the catalog was trained on {found.base}."
        return f"Nothing in the catalog was made from {found.base}."
    counts = dict(found.counts)
    trained = counts.pop(Relation.TRAINED_ON.value, 0)
    total = sum(counts.values())
    told = [f"{trained:,} model{'' if trained == 1 else 's'} trained on it"] if trained else []
    if total:
        each = ", ".join(f"{count:,} {relation}" for relation, count in counts.items())
        told.append(
            f"{total:,} derivative{'' if total == 1 else 's'}{' of these' if trained else ''}: {each}"
        )
    return "; ".join(told) + "."
