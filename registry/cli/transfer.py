"""`import`: bulk files into the catalog."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import click

from registry.cli.errors import INCOMPLETE
from registry.cli.options import DOCUMENT, Moment, answers, command
from registry.cli.output import Answer, Output
from registry.cli.session import Session
from registry.cli.tables import words
from registry.cli.tally import SHOWN, in_words
from registry.errors import UsageError

if TYPE_CHECKING:
    from registry.services.transfer import ImportReport


@command(
    "import",
    "registry import models.jsonl.gz",
    "registry import models.jsonl --json",
    "registry import models.jsonl --observed-at 2023-11-05",
)
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option(
    "--observed-at",
    type=Moment(),
    metavar="TIME",
    help="When the Hub answered so, for what does not say: a date, or ISO 8601. "
    "Default: the folder's name if that is a date, else now.",
)
@click.option(
    "--complete",
    is_flag=True,
    help="The files list all models of that time: record as removed what an earlier such list had.",
)
@answers(*DOCUMENT, quiet=None)
def import_file(
    session: Session, out: Output, *, files: tuple[str, ...], observed_at: datetime | None, complete: bool
) -> int:
    """Read bulk files of Hub models into the catalog.

    FILE, by path or https address, is .parquet in the columns of the public dumps (hub-stats), or .jsonl[.gz]
    with one model per line: the document the Hub answers with, or {"api": document, "card": "text"}. Files of
    several dates build a history, the oldest first. What cannot be read is left out and told, the rest goes
    in, and the exit code is 3. An import broken off goes on where it was when it is run again.
    """
    from registry.cli.progress import Progress
    from registry.services.transfer import Asked, import_files, in_order

    now = session.app.now()
    if observed_at is not None and observed_at > now:
        raise UsageError(f"{observed_at:%Y-%m-%d %H:%M} UTC has not come yet")
    asked = Asked(lambda: now, observed_at, complete)
    in_order(files, observed_at, now)  # No catalog is made for what is not there.
    catalog = session.catalog_to_add_to()
    with Progress(session, "Importing") as progress:
        report = import_files(catalog, files, asked, progress)
    told = in_words(report, "document", _units(report), removed=report.removed)
    out.give(Answer(table=lambda _: words(told), document=lambda: _document(report)))
    if report.skipped:
        session.note(f"Went on behind {report.skipped:,} rows that were in already.")
    if out.is_table:
        _tell_bad(session, report, several=len(files) > 1)
    for file in report.earlier:
        session.note(f"Before it was broken off more was left out of {file}; import it again to see what.")
    for _, error in report.broken:
        session.note(f"Failed: {error.message}")
        if error.hint:
            session.note(f"Hint: {error.hint}")
    if report.withheld:
        session.note(f"Nothing was recorded as removed: {report.withheld}.")
    return 0 if report.complete and not report.withheld else INCOMPLETE


def _tell_bad(session: Session, report: ImportReport, *, several: bool) -> None:
    for file, line in report.bad[:SHOWN]:
        where = f" of {file}" if several else ""
        session.note(f"Left out {_unit(file)} {line.number}{where}: {line.reason}")
    if report.left_out > SHOWN:
        session.note(f"Left out {report.left_out - SHOWN:,} more {_units(report)}; --json names them.")


def _unit(file: str) -> str:
    return "row" if file.endswith(".parquet") else "line"


def _units(report: ImportReport) -> str:
    """What was left out."""
    ending = "" if report.left_out == 1 else "s"
    return " and ".join(sorted({_unit(file) + ending for file, _ in report.bad}))


def _document(report: ImportReport) -> dict[str, object]:
    from registry.exports import shapes

    return {
        "complete": report.complete,
        "read": report.read,
        "skipped": report.skipped,
        "added": report.added,
        "changed": report.changed,
        "changes": dict(sorted(report.changes.items())),
        "removed": report.removed,
        "adopted": report.adopted,
        "left_out": report.left_out,
        "bad": [{"file": file, "line": line.number, "reason": line.reason} for file, line in report.bad],
        "earlier": report.earlier,
        "broken": [{"file": file, "error": shapes.error(error)} for file, error in report.broken],
        "withheld": report.withheld,
    }
