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
from registry.errors import UsageError

if TYPE_CHECKING:
    from registry.services.transfer import ImportReport

SHOWN = 5
"""Bad lines told one by one; the rest is counted."""


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
    several dates build a history. What cannot be read is left out and told, the rest goes in, and the exit
    code is 3. An import broken off goes on where it was when it is run again.
    """
    from registry.cli.progress import Progress
    from registry.services.transfer import Asked, import_files

    if observed_at is not None and observed_at > session.app.now():
        raise UsageError(f"{observed_at:%Y-%m-%d %H:%M} UTC has not come yet")
    catalog = session.catalog_to_add_to()
    with Progress(session, "Importing") as progress:
        asked = Asked(session.app.now, observed_at, complete)
        report = import_files(catalog, files, asked, progress.counted)
    out.give(Answer(table=lambda _: words(_summary(report)), document=lambda: _document(report)))
    if report.skipped:
        session.note(f"Went on behind {report.skipped:,} rows that were in already.")
    if out.is_table:
        for file, line in report.bad[:SHOWN]:
            where = f" of {file}" if len(files) > 1 else ""
            session.note(f"Left out line {line.number}{where}: {line.reason}")
        if report.left_out > SHOWN:
            session.note(f"Left out {report.left_out - SHOWN:,} more lines; --json names them.")
    if complete and report.left_out:
        session.note("Nothing was recorded as removed, because something was left out.")
    return INCOMPLETE if report.left_out else 0


def _summary(report: ImportReport) -> str:
    same = report.read - report.added - report.changed
    documents = f"{report.read:,} document{'' if report.read == 1 else 's'}"
    told = f"{documents}: {report.added:,} added, {report.changed:,} changed, {same:,} unchanged"
    if report.changes:
        ways = (f"{field} {count:,}" for field, count in sorted(report.changes.items()))
        told += f"; of them {', '.join(ways)}"
    if report.removed:
        told += f"; {report.removed:,} no longer there"
    if report.adopted:
        told += f"; {report.adopted:,} names that differ only in case were joined"
    return told + (f"; {report.left_out:,} lines left out" if report.left_out else "")


def _document(report: ImportReport) -> dict[str, object]:
    return {
        "complete": not report.left_out,
        "read": report.read,
        "skipped": report.skipped,
        "added": report.added,
        "changed": report.changed,
        "changes": dict(sorted(report.changes.items())),
        "removed": report.removed,
        "adopted": report.adopted,
        "left_out": report.left_out,
        "bad": [{"file": file, "line": line.number, "reason": line.reason} for file, line in report.bad],
    }
