"""`catalog init|migrate|check|backup|stats`: the catalog as a file or a database."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from registry.cli.options import ROWS, acts, answers, command, group
from registry.cli.output import Answer, Output
from registry.cli.session import Session, shown_location
from registry.cli.tables import Column, table, words

if TYPE_CHECKING:
    from rich.console import RenderableType

FOUND_PROBLEMS = 1

COUNTED = {
    "models": "every model and dataset known by name",
    "tracked": "models somebody added",
    "referenced": "models and datasets only named by others",
    "removed": "no longer shown by their host",
    "aliases": "further names of models",
    "snapshots": "states models were seen in",
    "edges": "a model to a base or to a dataset it was trained on",
    "claims": "statements that make or deny an edge",
    "unresolved_claims": "statements whose base could not be told",
    "files": "paths in the file lists",
    "blobs": "different contents, by sha256",
    "facts": "figures from publications and by hand",
    "fingerprints": "models whose weights were sampled",
    "evidence": "pairs of models the weights were asked about",
    "raw_answers": "answers kept as they were received",
    "bytes": "size of the database",
    "derivatives": "models made from another",
    "families": "models others were made from, without a base",
    "largest_family": "derivatives of one such model",
    "longest_chain": "steps from the root of a family",
    "cycles": "groups of models that descend from themselves",
}


@group("catalog", "registry catalog stats", "registry catalog check")
def catalog() -> None:
    """Create, migrate, check, back up or count the catalog.

    It is a file (catalog.db here, unless --catalog or the settings say otherwise), or a PostgreSQL
    database that a team shares.
    """


@command("init", "registry catalog init", "registry --catalog team.db catalog init")
@acts
def init(session: Session) -> None:
    """Create an empty catalog; one that is there stays as it is."""
    from registry.errors import NoCatalog

    try:
        opened = session.catalog()
    except NoCatalog:
        opened = session.app.catalog(create=True)
        session.note(f"Created the catalog {shown_location(opened.location)}.")
    else:
        session.note(f"The catalog {shown_location(opened.location)} is already there.")


@command("migrate", "registry catalog migrate")
@acts
def migrate(session: Session) -> None:
    """Bring an older catalog up to date; a file is copied first."""
    from registry.catalog.catalog import Catalog

    report = Catalog.migrate(session.app.settings.catalog)
    session.note(_migrated(report))


def _migrated(report: Any) -> str:
    if report.before == report.after:
        return f"The catalog is up to date (schema {report.after})."
    copy = f" The copy from before is {report.backup}." if report.backup else ""
    return f"Migrated the catalog from schema {report.before} to {report.after}.{copy}"


@command("check", "registry catalog check", "registry catalog check --json")
@answers(*ROWS, quiet=None)
def check(session: Session, out: Output) -> int:
    """Look for broken invariants; each says how to mend it.

    The exit code is 1 if there are any.
    """
    from registry.exports import shapes

    problems = session.catalog().check()

    def drawn(width: int | None) -> RenderableType:
        if not problems:
            return words("The catalog is whole.")
        columns = [
            Column("CODE"),
            Column("PROBLEM", least=30, wrap=True),
            Column("MEND", least=20, wrap=True),
        ]
        return table(columns, [[p.code, p.message, p.mend] for p in problems], width)

    def records() -> list[dict[str, object]]:
        return [{**shapes.problem(problem), "mend": problem.mend} for problem in problems]

    out.give(Answer(table=drawn, document=lambda: {"problems": records()}, rows=records))
    return FOUND_PROBLEMS if problems else 0


@command("backup", "registry catalog backup before-refresh.db")
@click.argument("file", type=click.Path(path_type=Path))
@acts
def backup(session: Session, *, file: Path) -> None:
    """Copy the catalog to FILE, whole, while others go on using it."""
    session.catalog().backup(file)
    session.note(f"Copied the catalog to {file}.")


@command("stats", "registry catalog stats", "registry catalog stats --json")
@answers(*ROWS, quiet=None)
def stats(session: Session, out: Output) -> None:
    """Count what the catalog holds."""
    from registry.services.graph import figures

    catalog = session.catalog()
    counts = catalog.stats() | figures(catalog)

    def drawn(width: int | None) -> RenderableType:
        columns = [Column("WHAT", least=18), Column("COUNT", right=True), Column("MEANING", rank=2)]
        rows = [[name, f"{count:,}", COUNTED.get(name)] for name, count in counts.items()]
        return table(columns, rows, width)

    def records() -> list[dict[str, object]]:
        return [{"name": name, "count": count} for name, count in counts.items()]

    out.give(Answer(table=drawn, document=lambda: dict(counts), rows=records))


for _command in (init, migrate, check, backup, stats):
    catalog.add_command(_command)
