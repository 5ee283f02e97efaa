"""`import`: bulk files into the catalog."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
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
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--observed-at",
    type=Moment(),
    metavar="TIME",
    help="When the Hub answered so, for lines that do not say: a date, or ISO 8601. Default: now.",
)
@answers(*DOCUMENT, quiet=None)
def import_file(session: Session, out: Output, *, file: Path, observed_at: datetime | None) -> int:
    """Read a file of Hub model documents into the catalog.

    FILE is .jsonl or .jsonl.gz, one model per line: the document the Hub answers with, or
    {"api": document, "card": "text"}. A line that cannot be read is left out and told, the rest goes in,
    and the exit code is 3. Imports of answers from several dates build a history.
    """
    from registry.cli.progress import Progress
    from registry.services.transfer import import_documents

    if observed_at is not None and observed_at > session.app.now():
        raise UsageError(f"{observed_at:%Y-%m-%d %H:%M} UTC has not come yet")
    catalog = session.catalog_to_add_to()
    with Progress(session, "Importing") as progress:
        now = session.app.now if observed_at is None else lambda: observed_at
        report = import_documents(catalog, file, now, progress.counted)
    out.give(Answer(table=lambda _: words(_summary(report)), document=lambda: _document(report)))
    if out.is_table:
        for line in report.bad[:SHOWN]:
            session.note(f"Left out line {line.number}: {line.reason}")
        if len(report.bad) > SHOWN:
            session.note(f"Left out {len(report.bad) - SHOWN} more lines; --json names them all.")
    return INCOMPLETE if report.bad else 0


def _summary(report: ImportReport) -> str:
    same = report.read - report.added - report.changed
    documents = f"{report.read:,} document{'' if report.read == 1 else 's'}"
    told = f"{documents}: {report.added:,} added, {report.changed:,} changed, {same:,} unchanged"
    if report.adopted:
        told += f"; {report.adopted:,} names that differ only in case were joined"
    return told + (f"; {len(report.bad):,} lines left out" if report.bad else "")


def _document(report: ImportReport) -> dict[str, object]:
    return {
        "complete": not report.bad,
        "read": report.read,
        "added": report.added,
        "changed": report.changed,
        "adopted": report.adopted,
        "bad": [{"line": line.number, "reason": line.reason} for line in report.bad],
    }
