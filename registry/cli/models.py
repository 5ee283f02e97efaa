"""`list`, `show` and `remove`: the models of the catalog, one or many."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from registry.cli.names import Name, NameOrStdin, known_model, parse_refs
from registry.cli.options import DOCUMENT, ROWS, Whole, acts, answers, command
from registry.cli.output import Answer, Output
from registry.cli.session import Session, is_terminal
from registry.cli.tables import Column, table, words
from registry.errors import UsageError
from registry.model.refs import ModelRef
from registry.model.units import format_bytes, format_count

if TYPE_CHECKING:
    from rich.console import RenderableType

    from registry.model.records import ModelBrief
    from registry.services.describe import Description

LARGEST_FIRST = frozenset({"params", "downloads", "likes", "size", "created", "modified"})
"""Fields that sort from the top unless `:asc` is said."""


@command(
    "list",
    "registry list",
    "registry list bloom --sort params --limit 5",
    "registry list -F 'params>7B' -F 'license~apache' -f csv",
    "registry ls -q --referenced",
)
@click.argument("text", required=False)
@click.option(
    "-F",
    "--filter",
    "filters",
    multiple=True,
    metavar="FIELD OP VALUE",
    help="Keep models for which it holds: 'params>7B', 'license=mit', 'name~bloom'. Repeat to narrow.",
)
@click.option("--sort", default="name", metavar="FIELD", help="Sort by FIELD; FIELD:asc or FIELD:desc.")
@click.option("--limit", type=Whole(1), metavar="N", help="Print the first N.")
@click.option("--referenced", is_flag=True, help="Also those so far only named as a base.")
@answers(*ROWS)
def list_models(
    session: Session,
    out: Output,
    *,
    text: str | None,
    filters: Sequence[str],
    sort: str,
    limit: int | None,
    referenced: bool,
) -> None:
    """List models, filtered and sorted.

    TEXT keeps models whose name contains it. Fields of filters and --sort: name, params, license, task,
    library, gated, source, downloads, likes, size, created, modified; operators: = != > >= < <= and ~
    (contains).
    """
    from registry.exports import shapes
    from registry.model.filters import parse_filter

    parsed = [parse_filter(filter_) for filter_ in filters]
    field, descending = parse_sort(sort)
    briefs = session.catalog().search(
        parsed, sort=field, descending=descending, limit=limit, text=text, include_referenced=referenced
    )
    out.give(
        Answer(
            table=lambda width: _listing(briefs, width),
            document=lambda: {"models": [shapes.brief(brief) for brief in briefs]},
            rows=lambda: [shapes.brief(brief) for brief in briefs],
            names=lambda: (brief.repo_id for brief in briefs),
        )
    )
    if not briefs and out.is_table:
        session.note("No model matches." if text or filters else "The catalog is empty: `registry add REF`.")


def parse_sort(text: str) -> tuple[str, bool]:
    """A field and whether it descends: names from a to z, quantities and dates from the top."""
    field, colon, order = text.partition(":")
    if colon and order not in ("asc", "desc"):
        raise UsageError(f"{order!r} is no order", hint=f"write {field}:asc or {field}:desc")
    return field, order == "desc" if colon else field in LARGEST_FIRST


def _listing(briefs: Sequence[ModelBrief], width: int | None) -> RenderableType | None:
    from rich.text import Text

    if not briefs:
        return None
    columns = [
        Column("MODEL", least=30),
        Column("PARAMS", right=True),
        Column("LICENSE", least=10),
        Column("TASK", rank=2, least=10),
        Column("SIZE", right=True, rank=1),
        Column("DOWNLOADS", right=True, rank=3),
        Column("STATE", rank=0),
    ]
    states = [_state(brief) for brief in briefs]
    if not any(states):
        columns.pop()
    rows = [
        [
            brief.repo_id,
            format_count(brief.parameters),
            brief.license,
            brief.task,
            format_bytes(brief.logical_bytes),
            format_count(brief.downloads),
            *([words(state) if state else Text()] if any(states) else []),
        ]
        for brief, state in zip(briefs, states, strict=True)
    ]
    return table(columns, rows, width)


def _state(brief: ModelBrief) -> str:
    """What sets a model apart: removed by its host, only referenced, gated."""
    told = ["removed"] if brief.removed else [] if brief.tracked else ["referenced"]
    if brief.gated not in (None, "none"):
        told.append(f"gated {brief.gated}")
    return ", ".join(told)


@command(
    "show",
    "registry show bigscience/bloom",
    "registry show bigscience/bloom --history",
    "registry show bigscience/bloom --files",
    "registry show bigscience/bloom --json",
)
@click.argument("ref", type=Name())
@click.option("--history", is_flag=True, help="What was seen when, and what changed.")
@click.option("--files", is_flag=True, help="The files of the commit, with sizes and hashes.")
@answers(*DOCUMENT)
def show(session: Session, out: Output, *, ref: ModelRef, history: bool, files: bool) -> None:
    """Show everything known about one model.

    `-` is unknown: no source told it.
    """
    from registry.cli import sheet
    from registry.exports import shapes
    from registry.services.describe import describe

    catalog = session.catalog()
    description = describe(catalog, known_model(catalog, ref))
    repo_id = description.brief.repo_id
    past = catalog.history(repo_id) if history else []

    def document() -> dict[str, object]:
        whole = dict(shapes.show(description))
        if history:
            whole["history"] = [shapes.history_entry(entry) for entry in past]
        if files:
            listed = description.snapshot.files if description.snapshot else None
            whole["files"] = None if listed is None else [shapes.file(file) for file in listed]
        return whole

    def drawn(width: int | None) -> RenderableType | None:
        if history:
            return sheet.history(past, width)
        return sheet.files(description, width) if files else sheet.sheet(description)

    out.give(Answer(table=drawn, document=document, names=lambda: [repo_id]))
    if out.is_table:
        for hint in _hints(description):
            session.note(hint)


def _hints(description: Description) -> list[str]:
    """Next steps that this model calls for."""
    repo_id = description.brief.repo_id
    if not description.brief.tracked:
        return [f"Only named as a base so far: `registry add {repo_id}` reads it."]
    if description.unresolved:
        way = f"`registry link {repo_id} BASE --relation R --note TEXT`"
        return [f"A base could not be told: {way} records it."]
    return []


@command(
    "remove",
    "registry remove my-org/my-model --yes",
)
@click.argument("refs", nargs=-1, required=True, metavar="REF...", type=NameOrStdin())
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@acts
def remove(session: Session, *, refs: Sequence[str], yes: bool) -> None:
    """Take models out of the catalog.

    A model that is somebody's base stays known by name, so that no lineage is torn.
    """
    catalog = session.catalog()
    doomed = [known_model(catalog, ref) for ref in parse_refs(refs)]
    if not yes:
        if not is_terminal(sys.stdin):
            raise UsageError("removing needs a yes", hint="add --yes")
        click.confirm(f"Remove {', '.join(map(_plain, doomed))} with their history?", abort=True, err=True)
    for repo_id in doomed:
        gone = catalog.remove(repo_id)
        session.note(f"Removed {repo_id}" + ("." if gone else "; its name stays as a base of others."))


def _plain(name: str) -> str:
    return words(name).plain
