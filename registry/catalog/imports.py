"""How far imports of bulk files came, so that one that was broken off goes on, and which models a complete
list no longer has."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, exists, select, update

from registry.catalog.bulk import BulkWriter
from registry.catalog.names import insert_row
from registry.catalog.saving import save
from registry.catalog.tables import SHOWN, imports, models, snapshots
from registry.model.bulk import Batch, BulkReport, ImportState
from registry.model.refs import SourceName
from registry.model.snapshot import ModelSnapshot


def begin(connection: Connection, content: str, at: datetime, *, exactly: bool) -> ImportState:
    """Begin to import a file of that content, or go on where that was broken off. exactly: `at` was asked
    for; otherwise an import broken off goes on with the time it began with.

    Until it is finished, `complete` says that nothing of the file was left out so far.
    """
    query = select(imports).where(imports.c.content == content, ~imports.c.finished)
    if exactly:
        query = query.where(imports.c.observed_at == at)
    row = connection.execute(query.order_by(imports.c.id.desc()).limit(1)).one_or_none()
    if row is not None:
        return ImportState(row.id, row.observed_at, row.rows, row.complete)
    values = {"content": content, "observed_at": at, "rows": 0, "finished": False, "complete": True}
    at = at.replace(microsecond=0)
    return ImportState(insert_row(connection, imports, values), at, 0, True)


def keep(
    connection: Connection,
    batches: Sequence[Batch],
    writer: BulkWriter,
    import_id: int,
    until: int,
    sound: bool,
) -> list[BulkReport]:
    """Keep what stands in a file up to row `until`, and that it is kept. sound: nothing was left out."""
    reports = [writer.keep(connection, batch) for batch in batches]
    values: dict[str, object] = {"rows": until} if sound else {"rows": until, "complete": False}
    connection.execute(update(imports).where(imports.c.id == import_id).values(values))
    return reports


def finish(connection: Connection, import_id: int, *, complete: bool) -> bool:
    """Say that a file is in as a whole. complete: it, or it with others of its time, lists all there is;
    returns whether that can be, as nothing of it was left out."""
    values: dict[str, object] = {"finished": True} if complete else {"finished": True, "complete": False}
    connection.execute(update(imports).where(imports.c.id == import_id).values(values))
    return bool(connection.execute(select(imports.c.complete).where(imports.c.id == import_id)).scalar_one())


def vanished(connection: Connection, at: datetime, limit: int) -> list[str]:
    """Up to `limit` models that an earlier complete list had and that of `at` has not: their newest look is
    one through a list, it stood when a complete one was made, and it was not seen again."""
    earlier = imports.alias("earlier")
    had = exists().where(
        earlier.c.finished,
        earlier.c.complete,
        earlier.c.observed_at < at,
        earlier.c.observed_at >= snapshots.c.observed_at,
        earlier.c.observed_at <= snapshots.c.last_seen_at,
    )
    query = (
        select(models.c.repo_id)
        .join(snapshots, SHOWN)
        .where(
            models.c.source == SourceName.HUB,
            ~models.c.removed,
            snapshots.c.imprint.is_not(None),
            snapshots.c.last_seen_at < at,
            had,
        )
        .order_by(models.c.id)
        .limit(limit)
    )
    return list(connection.execute(query).scalars())


def note_vanished(connection: Connection, at: datetime, limit: int) -> int:
    """Record up to `limit` such models as removed at that time; returns how many."""
    names = vanished(connection, at, limit)
    for name in names:
        save(connection, ModelSnapshot(name, SourceName.HUB, at, removed=True))
    return len(names)
