"""`add` and `refresh`: read models, keep them, and tell what came of each."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from registry.cli.errors import INCOMPLETE
from registry.cli.names import NameOrStdin, known_model, parse_refs
from registry.cli.options import ROWS, Whole, answers, command
from registry.cli.output import Answer, Output
from registry.cli.session import Session
from registry.cli.tables import Column, size, table, words
from registry.errors import UsageError
from registry.model.units import format_count

if TYPE_CHECKING:
    from rich.console import RenderableType

    from registry.catalog.catalog import Catalog
    from registry.model.records import ModelBrief
    from registry.services.ingest import AddOptions, IngestReport, Outcome
    from registry.services.prints import Reading

STATES = {"added": "green", "changed": "yellow", "unchanged": "dim", "known": "dim", "failed": "red"}


@command(
    "add",
    "registry add bigscience/bloom",
    "registry add inceptionai/jais-adapted-7b-chat --depth 0 --derivatives 3 --json",
    "registry add local:model --hash",
    "registry list bloom -q | registry add -",
)
@click.argument("refs", nargs=-1, required=True, metavar="REF...", type=NameOrStdin())
@click.option("--depth", type=Whole(0), metavar="N", help="Follow bases N generations; default all.")
@click.option(
    "--derivatives",
    type=Whole(0, 1000),
    default=0,
    metavar="N",
    help="Also add the N most downloaded derivatives per relation.",
)
@click.option("--headers", is_flag=True, help="Read the safetensors headers of every shard.")
@click.option("--deep", is_flag=True, help="Read config files that name bases; the Hub counts downloads.")
@click.option("--hash", "hashes", is_flag=True, help="Read local files as a whole for their hashes.")
@click.option("--fingerprint", is_flag=True, help="Read a few kilobytes of the weights, for `verify`.")
@click.option("--jobs", type=Whole(1, 64), metavar="N", help="Models read at a time; default 8.")
@answers(*ROWS)
def add(
    session: Session,
    out: Output,
    *,
    refs: Sequence[str],
    depth: int | None,
    derivatives: int,
    headers: bool,
    deep: bool,
    hashes: bool,
    fingerprint: bool,
    jobs: int | None,
) -> int:
    """Read models and what they were made from into the catalog.

    REF is org/name[@revision], local:PATH for a folder, a weight file or a snapshot in the Hub's cache on
    this disk, paper:org/name for a model known from a publication, or - for a list on stdin. Bases are
    followed to the roots. What is already in the catalog is not read again (its state is "known"), unless
    it is local; what cannot be read is listed with the reason, the rest is kept, and the exit code is 3.
    """
    from registry.cli.progress import Progress
    from registry.services import ingest

    wanted = parse_refs(refs)
    session.choose(jobs=jobs)
    catalog = session.catalog_to_add_to()
    options = _options(
        session, headers=headers, deep=deep, hashes=hashes, depth=depth, derivatives=derivatives
    )
    with Progress(session, "Reading") as progress:
        report = ingest.add(catalog, session.app.source_for, wanted, options, progress)
    return _tell(
        session, out, catalog, report, _fingerprints(session, catalog, report) if fingerprint else ()
    )


@command(
    "refresh",
    "registry refresh bigscience/bloom",
    "registry refresh --stale 30d",
    "registry refresh --all --json",
)
@click.argument("refs", nargs=-1, metavar="[REF...]", type=NameOrStdin())
@click.option("--all", "everything", is_flag=True, help="Every model that is read one by one.")
@click.option("--stale", metavar="AGE", help="Those not read for so long: 30d, 12h, 2w.")
@click.option("--headers", is_flag=True, help="Read the safetensors headers of every shard.")
@click.option("--deep", is_flag=True, help="Read config files that name bases; the Hub counts downloads.")
@click.option("--hash", "hashes", is_flag=True, help="Read local files as a whole for their hashes.")
@click.option("--jobs", type=Whole(1, 64), metavar="N", help="Models read at a time; default 8.")
@answers(*ROWS)
def refresh(
    session: Session,
    out: Output,
    *,
    refs: Sequence[str],
    everything: bool,
    stale: str | None,
    headers: bool,
    deep: bool,
    hashes: bool,
    jobs: int | None,
) -> int:
    """Read models again and tell what changed.

    A new commit, license, base, gate or size is kept beside what was there before; `registry show REF
    --history` prints both. A model its host no longer shows is marked removed, not forgotten. --all and
    --stale leave out what is known from lists and bulk files alone: `registry crawl --since last` and newer
    files keep those current.
    """
    from registry.cli.progress import Progress
    from registry.services.refresh import refresh as read_again

    if sum((bool(refs), everything, stale is not None)) != 1:
        raise UsageError("say which models: REF..., --all or --stale AGE", hint="one of the three")
    wanted = parse_refs(refs)
    before = session.app.now() - parse_age(stale) if stale is not None else None
    session.choose(jobs=jobs)
    catalog = session.catalog()
    due = [known_model(catalog, ref) for ref in wanted] or catalog.due(stale_before=before)
    options = _options(session, headers=headers, deep=deep, hashes=hashes, depth=None, derivatives=0)
    with Progress(session, "Reading") as progress:
        report = read_again(catalog, session.app.source_for, due, options, progress, session.app.now)
    return _tell(session, out, catalog, report)


def parse_age(text: str) -> timedelta:
    """Read `30d`, `12h`, `2w`, `90m`."""
    match = re.fullmatch(r"(\d{1,5})([mhdw])", text.strip())
    if match is None:
        raise UsageError(f"{text!r} is not an age", hint="write 90m, 12h, 30d or 2w")
    unit = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}[match[2]]
    return timedelta(**{unit: int(match[1])})


def _options(
    session: Session, *, headers: bool, deep: bool, hashes: bool, depth: int | None, derivatives: int
) -> AddOptions:
    from registry.contract import Want
    from registry.services.ingest import AddOptions

    want = Want(headers=headers, deep=deep, hashes=hashes)
    return AddOptions(want=want, depth=depth, derivatives=derivatives, jobs=session.app.settings.jobs)


def _fingerprints(session: Session, catalog: Catalog, report: IngestReport) -> list[Reading]:
    """Read the fingerprints of what was added; a base without weights that can be read is no failure."""
    from registry.cli.verify import read_weights
    from registry.services.verify import unreadable

    kept = {one.repo_id: one.asked for one in report.outcomes if one.repo_id is not None}
    names = [name for name, asked in kept.items() if asked or unreadable(catalog, name) is None]
    return read_weights(session, catalog, names)


def _tell(
    session: Session,
    out: Output,
    catalog: Catalog,
    report: IngestReport,
    readings: Sequence[Reading] = (),
) -> int:
    from registry.exports import evidence

    kept = [outcome.repo_id for outcome in report.outcomes if outcome.repo_id is not None]
    briefs = catalog.briefs(kept)
    bases = {name: [edge.base for edge in catalog.edges_up(name, 1)] for name in briefs}

    complete = report.complete and all(one.error is None for one in readings)

    def records() -> list[dict[str, object]]:
        return [_record(outcome, briefs, bases) for outcome in report.outcomes]

    out.give(
        Answer(
            table=lambda width: _drawn(report, briefs, bases, width),
            document=lambda: {
                "complete": complete,
                "models": records(),
                "fingerprints": [evidence.reading(one) for one in readings],
            },
            rows=records,
            names=lambda: dict.fromkeys(kept),
        )
    )
    for outcome in report.failed:
        session.note(_failure(outcome))
    for hint in dict.fromkeys(o.error.hint for o in report.failed if o.error and o.error.hint):
        session.note(f"Hint: {hint}")
    if readings:
        from registry.cli.verify import tell_failures

        tell_failures(session, readings)
    if out.is_table:
        session.note(_summary(report))
    return 0 if complete else INCOMPLETE


def _drawn(
    report: IngestReport,
    briefs: Mapping[str, ModelBrief],
    bases: Mapping[str, Sequence[str]],
    width: int | None,
) -> RenderableType | None:
    shown = [outcome for outcome in report.outcomes if outcome.repo_id is not None]
    if not shown:
        return None
    changing = any(outcome.changes for outcome in shown)
    columns = [
        Column("MODEL", least=30),
        Column("STATE"),
        Column("PARAMS", right=True),
        Column("LICENSE", least=10),
        Column("SIZE", right=True, rank=3),
        Column("CHANGES", wrap=True, least=30) if changing else Column("MADE FROM", rank=2),
    ]
    rows: list[list[Any]] = []
    for outcome in shown:
        brief = briefs.get(outcome.repo_id or "")
        last = [_changes(outcome)] if changing else [_listed(bases.get(outcome.repo_id or "", ()))]
        rows.append(
            [
                outcome.repo_id,
                words(outcome.state, STATES.get(outcome.state, "")),
                format_count(brief.parameters if brief else None),
                brief.license if brief else None,
                size(brief) if brief else None,
                *last,
            ]
        )
    return table(columns, rows, width)


def _changes(outcome: Outcome) -> str | None:
    told = [f"{c.field}: {c.before or '-'} -> {c.after or '-'}" for c in outcome.changes]
    return "; ".join(told) or None


def _listed(bases: Sequence[str]) -> str | None:
    """Models first; datasets are counted, they are seldom why somebody looks."""
    models = [base for base in bases if not base.startswith("data:")]
    datasets = len(bases) - len(models)
    counted = [f"{datasets} dataset{'s' if datasets > 1 else ''}"] if datasets else []
    return ", ".join(models + counted) or None


def _failure(outcome: Outcome) -> str:
    """One line about a model that could not be read, naming it once."""
    message = outcome.error.message if outcome.error else "unknown"
    return f"Failed: {message}" if outcome.ref in message else f"Failed: {outcome.ref}: {message}"


def _summary(report: IngestReport) -> str:
    """How many models came to which state, in the words of the table."""
    counts = Counter(outcome.state for outcome in report.outcomes)
    if not counts:
        return "Nothing to do."
    told = ", ".join(f"{counts[state]} {state}" for state in STATES if counts[state])
    again = "; `registry refresh` reads again what is known" if set(counts) == {"known"} else ""
    return f"{_models(len(report.outcomes))}: {told}{again}."


def _models(count: int) -> str:
    return f"{count} model{'' if count == 1 else 's'}"


def _record(
    outcome: Outcome, briefs: Mapping[str, ModelBrief], bases: Mapping[str, Sequence[str]]
) -> dict[str, object]:
    from registry.exports import shapes

    brief = briefs.get(outcome.repo_id or "")
    return {
        "ref": outcome.ref,
        "repo_id": outcome.repo_id,
        "state": outcome.state,
        "asked": outcome.asked,
        "license": brief.license if brief else None,
        "parameters": brief.parameters if brief else None,
        "logical_bytes": brief.logical_bytes if brief else None,
        "unsized_files": brief.unsized_files if brief else None,
        "bases": list(bases.get(outcome.repo_id or "", ())),
        "changes": [shapes.change(change) for change in outcome.changes],
        "error": shapes.error(outcome.error) if outcome.error else None,
    }
