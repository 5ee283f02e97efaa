"""Rows of `snapshots`: writing one with all that hangs on it, seeing one again, and which one is shown."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, insert, select, update

from registry.catalog.compare import bases_of, changes_along, digest, dump_bases, load_bases
from registry.catalog.names import by_id, find_ids, insert_row
from registry.catalog.tables import (
    details,
    license_claims,
    models,
    parameter_counts,
    raw_answers,
    snapshots,
    trees,
)
from registry.licenses.declared import resolve_declared
from registry.model.refs import SourceName
from registry.model.snapshot import Change, ModelSnapshot

# Statements asked for every model saved are put together once.
_LOOKS = (
    select(snapshots, trees.c.logical_bytes, trees.c.unsized_files)
    .join(trees, trees.c.id == snapshots.c.tree_id, isouter=True)
    .where(snapshots.c.model_id == bindparam("model_id"))
    .order_by(snapshots.c.last_seen_at, snapshots.c.id)
)
_SEEN = select(snapshots.c.id, snapshots.c.source, snapshots.c.removed, snapshots.c.last_seen_at).where(
    snapshots.c.model_id == bindparam("model_id")
)
_DETAILS = select(details.c.data).where(details.c.snapshot_id == bindparam("snapshot_id"))
_RAW = select(raw_answers).where(raw_answers.c.snapshot_id == bindparam("snapshot_id"))

_VOLATILE = ("revision", "created_at", "last_modified", "used_storage")
"""Facts that follow the newest look without making a new snapshot."""


def looks_at(connection: Connection, model_id: int) -> Sequence[Row[Any]]:
    """All snapshots of a model, the one last seen longest ago first, with the size of their file lists."""
    return connection.execute(_LOOKS, {"model_id": model_id}).all()


def changes_of(connection: Connection, looks: Sequence[Row[Any]]) -> list[tuple[Change, ...]]:
    """What each look, all through one source and oldest first, found changed."""
    names = {name for look in looks for name, _ in load_bases(look.bases)}
    return changes_along(looks, find_ids(connection, names))


def add_look(connection: Connection, model_id: int, snapshot: ModelSnapshot, tree_id: int | None) -> int:
    """Write a new snapshot; returns its id."""
    values = _columns(snapshot) | {
        "model_id": model_id,
        "source": snapshot.source,
        "digest": digest(snapshot),
        "observed_at": snapshot.observed_at,
        "last_seen_at": snapshot.observed_at,
        "removed": snapshot.removed,
        "tree_id": tree_id,
    }
    snapshot_id = insert_row(connection, snapshots, values)
    if snapshot.parameters is not None and snapshot.parameters.by_dtype:
        rows = [
            {"snapshot_id": snapshot_id, "dtype": dtype, "elements": elements}
            for dtype, elements in snapshot.parameters.by_dtype.items()
        ]
        connection.execute(insert(parameter_counts), rows)
    if snapshot.licenses:
        claims = [
            {
                "snapshot_id": snapshot_id,
                "position": position,
                "field": str(claim.field),
                "value": claim.value,
                "origin": claim.origin,
            }
            for position, claim in enumerate(snapshot.licenses)
        ]
        connection.execute(insert(license_claims), claims)
    _put_details(connection, snapshot_id, snapshot, new=True)
    _put_raw(connection, snapshot_id, snapshot, new=True)
    return snapshot_id


def see_again(
    connection: Connection, look: Row[Any], snapshot: ModelSnapshot, tree_id: int | None, *, newest: bool
) -> None:
    """Note that a model was found as `look` says; what may change without being news follows."""
    known = look._asdict()
    values: dict[str, Any] = {}
    if snapshot.observed_at > look.last_seen_at:
        values["last_seen_at"] = snapshot.observed_at
    if snapshot.observed_at < look.observed_at:
        values["observed_at"] = snapshot.observed_at
    if look.tree_id is None and tree_id is not None:
        values["tree_id"] = tree_id
    if newest:
        columns = _columns(snapshot)
        values |= {
            name: columns[name]
            for name in _VOLATILE
            if columns[name] is not None and columns[name] != known[name]
        }
        _put_details(connection, look.id, snapshot, new=False)
        _put_raw(connection, look.id, snapshot, new=False)
    if values:
        connection.execute(update(snapshots).where(snapshots.c.id == look.id).values(**values))


def settle(connection: Connection, model_id: int, values: Mapping[str, Any] | None = None) -> None:
    """Choose the snapshot whose facts are shown: the newest that has any, a paper's only for want of
    another; and note whether its source still sees the model. values: columns of the model to set besides."""
    wanted = dict(values or {})
    seen = connection.execute(_SEEN, {"model_id": model_id}).all()
    if seen:
        shown = max(seen, key=_rank)
        last = max((one for one in seen if one.source == shown.source), key=_recency)
        wanted |= {
            "snapshot_id": shown.id,
            "source": shown.source,
            "removed": last.removed,
            "seen_at": last.last_seen_at,
        }
    known = by_id(connection, model_id)._asdict()
    differing = {name: value for name, value in wanted.items() if known[name] != value}
    if differing:
        connection.execute(update(models).where(models.c.id == model_id).values(**differing))


def unpack(data: bytes) -> bytes:
    """What `pack` made smaller. Raises `zlib.error` when it is damaged."""
    return zlib.decompress(data)


def pack(data: bytes) -> bytes:
    return zlib.compress(data, 6)


def _rank(look: Row[*tuple[Any, ...]]) -> tuple[bool, bool, datetime, int]:
    return not look.removed, look.source != SourceName.PAPER, *_recency(look)


def _recency(look: Row[*tuple[Any, ...]]) -> tuple[datetime, int]:
    return look.last_seen_at, look.id


def _columns(snapshot: ModelSnapshot) -> dict[str, Any]:
    count = snapshot.parameters
    license_id = resolve_declared(snapshot.licenses).id if snapshot.licenses else None
    return {
        "revision": snapshot.revision,
        "commit_sha": snapshot.commit_sha,
        "private": snapshot.private,
        "gated": None if snapshot.gated is None else str(snapshot.gated),
        "disabled": snapshot.disabled,
        "created_at": snapshot.created_at,
        "last_modified": snapshot.last_modified,
        "library": snapshot.library,
        "task": snapshot.task,
        "license": license_id,
        "used_storage": snapshot.used_storage,
        "new_version": snapshot.new_version,
        "parameters": None if count is None else (count.stored if count.logical is None else count.logical),
        "logical_parameters": None if count is None else count.logical,
        "served_parameters": None if count is None else count.served_total,
        "parameters_origin": None if count is None else count.origin,
        "parameters_rule": None if count is None else count.rule,
        "parameters_contradiction": None if count is None else count.contradiction,
        "bases": dump_bases(bases_of(snapshot)),
    }


def _put_details(connection: Connection, snapshot_id: int, snapshot: ModelSnapshot, *, new: bool) -> None:
    if not (snapshot.tags or snapshot.config or snapshot.notes):
        return
    rest = {
        "tags": snapshot.tags,
        "config": dict(snapshot.config),
        "notes": [[note.code, note.message] for note in snapshot.notes],
    }
    text = json.dumps({name: value for name, value in rest.items() if value}, ensure_ascii=False)
    data = pack(text.encode())
    row = None if new else connection.execute(_DETAILS, {"snapshot_id": snapshot_id}).one_or_none()
    if row is None:
        connection.execute(insert(details).values(snapshot_id=snapshot_id, data=data))
    elif bytes(row.data) != data:
        connection.execute(update(details).where(details.c.snapshot_id == snapshot_id).values(data=data))


def _put_raw(connection: Connection, snapshot_id: int, snapshot: ModelSnapshot, *, new: bool) -> None:
    """Keep the answers as received; a newer answer of the same kind takes the place of an older one."""
    if not snapshot.raw:
        return
    rows = () if new else connection.execute(_RAW, {"snapshot_id": snapshot_id})
    stored = {row.kind: bytes(row.data) for row in rows}
    fresh = []
    for answer in snapshot.raw:
        data = pack(answer.data)
        if stored.get(answer.kind) == data:
            continue
        if answer.kind in stored:
            which = (raw_answers.c.snapshot_id == snapshot_id) & (raw_answers.c.kind == answer.kind)
            connection.execute(delete(raw_answers).where(which))
        fresh.append({"snapshot_id": snapshot_id, "kind": answer.kind, "data": data})
    if fresh:
        connection.execute(insert(raw_answers), fresh)
