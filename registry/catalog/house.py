"""Counts of what a catalog holds, and the history of one model."""

from __future__ import annotations

from sqlalchemy import Connection, Select, func, select

from registry.catalog.evidence_tables import edge_evidence, fingerprints
from registry.catalog.looks import changes_of, looks_at
from registry.catalog.names import by_name
from registry.catalog.tables import (
    aliases,
    blobs,
    edge_claims,
    edges,
    files,
    models,
    raw_answers,
    snapshots,
    training_facts,
)
from registry.model.records import HistoryEntry


def history(connection: Connection, repo_id: str) -> list[HistoryEntry]:
    """What was seen when of a model, oldest first; changes are against the look before, through the same
    source."""
    model = by_name(connection, repo_id)
    if model is None:
        return []
    looks = looks_at(connection, model.id)
    entries = []
    for source in dict.fromkeys(look.source for look in looks):
        same = [look for look in looks if look.source == source]
        for look, changes in zip(same, changes_of(connection, same), strict=True):
            entry = HistoryEntry(source, look.observed_at, look.last_seen_at, look.commit_sha, changes)
            entries.append((look.last_seen_at, look.number, entry))
    return [entry for _, _, entry in sorted(entries, key=lambda found: found[:2])]


def stats(connection: Connection) -> dict[str, int]:
    """How many of each thing there are; `bytes` is the size of the database."""
    counts: dict[str, Select[int]] = {
        "models": select(func.count()).select_from(models),
        "tracked": select(func.count()).where(models.c.tracked),
        "referenced": select(func.count()).where(~models.c.tracked),
        "removed": select(func.count()).where(models.c.removed),
        "aliases": select(func.count()).select_from(aliases),
        "snapshots": select(func.count()).select_from(snapshots),
        "edges": select(func.count()).select_from(edges),
        "claims": select(func.count()).select_from(edge_claims),
        "unresolved_claims": select(func.count()).where(edge_claims.c.base_id.is_(None)),
        "files": select(func.count()).select_from(files),
        "blobs": select(func.count()).select_from(blobs),
        "facts": select(func.count()).select_from(training_facts),
        "fingerprints": select(func.count()).select_from(fingerprints),
        "evidence": select(func.count()).select_from(edge_evidence),
        "raw_answers": select(func.count()).select_from(raw_answers),
    }
    found = {name: int(connection.execute(query).scalar_one()) for name, query in counts.items()}
    return found | {"bytes": _size(connection)}


def _size(connection: Connection) -> int:
    if connection.dialect.name == "sqlite":
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        return int(pages * connection.exec_driver_sql("PRAGMA page_size").scalar_one())
    size = connection.exec_driver_sql("SELECT pg_database_size(current_database())")
    return int(size.scalar_one())
