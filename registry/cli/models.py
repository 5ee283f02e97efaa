"""`list`, `show` and `remove`: the models of the catalog, one or many."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping, Sequence, Set
from typing import TYPE_CHECKING, Any

import click

from registry.cli.names import Name, NameOrStdin, known_model, parse_refs
from registry.cli.options import ROWS, Whole, acts, answers, command
from registry.cli.output import Answer, Output
from registry.cli.session import Session, is_terminal
from registry.cli.tables import LAST, Column, size, table, words
from registry.errors import UsageError
from registry.model.refs import ModelRef, SourceName
from registry.model.units import format_count

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem
    from rich.console import RenderableType

    from registry.model.records import ModelBrief
    from registry.services.describe import Description

LARGEST_FIRST = frozenset({"params", "downloads", "likes", "size", "created", "modified", "derivatives"})
"""Fields that sort from the top unless `:asc` is said."""


class SortField(click.ParamType[str]):
    """A field to sort by, with its order behind a colon; what it means is the command's to say."""

    name = "field"

    def shell_complete(
        self,
        ctx: click.Context,  # noqa: ARG002 - the base's
        param: click.Parameter,  # noqa: ARG002 - the base's
        incomplete: str,
    ) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem

        from registry.model.filters import FIELDS

        field, colon, _ = incomplete.partition(":")
        offers = [f"{field}:asc", f"{field}:desc"] if colon else sorted(FIELDS)
        return [CompletionItem(offer) for offer in offers if offer.startswith(incomplete)]


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
@click.option(
    "--sort",
    default="name",
    type=SortField(),
    metavar="FIELD",
    help="Sort by FIELD; FIELD:asc or FIELD:desc.",
)
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
    library, gated, source, downloads, likes, size, derivatives (direct ones), created, modified;
    operators: = != > >= < <= and ~ (contains). What is filtered or sorted by has a column of its own.
    SIZE ends in + where files of unknown size come on top.
    """
    from registry.exports import shapes
    from registry.model.filters import parse_filter

    parsed = [parse_filter(filter_) for filter_ in filters]
    field, descending = parse_sort(sort)
    catalog = session.catalog()
    briefs = catalog.search(
        parsed, sort=field, descending=descending, limit=limit, text=text, include_referenced=referenced
    )
    asked = {field, *(one.field for one in parsed)}
    made: dict[str, int] = {}
    if DERIVATIVES in asked and not out.quiet:
        counts = catalog.derivative_counts(brief.repo_id for brief in briefs)
        made = {brief.repo_id: sum(counts.get(brief.repo_id, {}).values()) for brief in briefs}

    def records() -> list[dict[str, Any]]:
        more = [{DERIVATIVES: made[brief.repo_id]} if made else {} for brief in briefs]
        return [shapes.brief(brief) | extra for brief, extra in zip(briefs, more, strict=True)]

    out.give(
        Answer(
            table=lambda width: _listing(briefs, asked, made, width),
            document=lambda: {"models": records()},
            rows=records,
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


def _listing(
    briefs: Sequence[ModelBrief], asked: Set[str], made: Mapping[str, int], width: int | None
) -> RenderableType | None:
    """The table; fields `asked` for in a filter or by sorting have a column that is never left out."""
    from rich.text import Text

    if not briefs:
        return None
    fields = [*USUAL, *(field for field in UNUSUAL if field in asked)]
    columns = [Column("MODEL", least=30)]
    columns += [_column(field, asked) for field in fields]
    rows: list[list[Any]] = [
        [brief.repo_id, *(_cell(brief, field, made) for field in fields)] for brief in briefs
    ]
    states = [_state(brief) for brief in briefs]
    if any(states):
        columns.append(Column("STATE", rank=LAST))
        for row, state in zip(rows, states, strict=True):
            row.append(words(state) if state else Text())
    return table(columns, rows, width)


USUAL = {"params": LAST, "license": LAST, "task": 3, "size": 2, "downloads": 4}
"""The columns a list has, by field, with the rank in which they leave a narrow terminal."""

DERIVATIVES = "derivatives"
"""The one field that is no fact of a model itself: looked up where somebody asks for it."""

UNUSUAL = ("library", "likes", "created", "modified", DERIVATIVES)
"""Fields with a column where somebody asks for them."""


def _column(field: str, asked: Set[str]) -> Column:
    texts = ("license", "task", "library")
    rank = 0 if field in asked else USUAL[field]
    return Column(field.upper(), right=field not in texts, rank=rank, least=10 if field in texts else 12)


def _cell(brief: ModelBrief, field: str, made: Mapping[str, int]) -> str | None:
    match field:
        case "derivatives":
            return f"{made[brief.repo_id]:,}"
        case "params":
            return format_count(brief.parameters)
        case "size":
            return size(brief)
        case "downloads" | "likes":
            return format_count(getattr(brief, field))
        case "created" | "modified":
            moment = brief.created_at if field == "created" else brief.last_modified
            return f"{moment:%Y-%m-%d}" if moment else None
        case _:
            value = getattr(brief, field)
            return None if value is None else str(value)


def _state(brief: ModelBrief) -> str:
    """What sets a model apart: removed by its host, taken out, only referenced, gated."""
    told = ["removed"] if brief.removed else []
    if not brief.tracked:
        told.append("referenced" if brief.observed_at is None else "not tracked")
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
@answers(*ROWS, quiet="Print the name only; with --files the paths.")
def show(session: Session, out: Output, *, ref: ModelRef, history: bool, files: bool) -> None:
    """Show everything known about one model.

    `-` is unknown: no source told it. With --history or --files, jsonl and csv give a row each.
    """
    from registry.cli import sheet
    from registry.exports import shapes
    from registry.services.describe import describe

    if history and files and out.format != "json":
        raise UsageError("--history and --files are two lists", hint="give one of them, or both with --json")
    catalog = session.catalog()
    description = describe(catalog, known_model(catalog, ref))
    repo_id = description.brief.repo_id
    past = catalog.history(repo_id) if history else []
    listed = description.snapshot.files if description.snapshot else None

    def document() -> dict[str, Any]:
        whole = dict(shapes.show(description))
        if history:
            whole["history"] = [shapes.history_entry(entry) for entry in past]
        if files:
            whole["files"] = None if listed is None else [shapes.file(file) for file in listed]
        return whole

    def drawn(width: int | None) -> RenderableType | None:
        if history:
            return sheet.history(description, past, width)
        return sheet.files(description, width) if files else sheet.sheet(description)

    out.give(
        Answer(
            table=drawn,
            document=document,
            rows=lambda: (
                document()["history" if history else "files"] or () if history or files else [document()]
            ),
            names=lambda: (file.path for file in listed or ()) if files else [repo_id],
        )
    )
    if files and listed is None and not out.is_table:
        session.note(f"No file list of {repo_id} was read.")
    if out.is_table:
        for hint in _hints(description):
            session.note(hint)


def _hints(description: Description) -> list[str]:
    """Next steps that this model calls for."""
    brief, repo_id = description.brief, description.brief.repo_id
    if not brief.tracked:
        if brief.source is SourceName.DATA or brief.removed:
            return []  # No source reads these, or reads them any more.
        what = "reads it" if brief.observed_at is None else "tracks it again"
        return [f"`registry add {shlex.quote(repo_id)}` {what}."]
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
