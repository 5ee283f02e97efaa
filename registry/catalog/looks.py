"""Rows of `snapshots`: writing one with all that hangs on it, reading what hangs on it, seeing one again, and
which one is shown."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, insert, select, update

from registry.catalog.claims import current_claims
from registry.catalog.compare import Bases, bases_of, changes_along, digest, dump_bases, load_bases
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
from registry.catalog.tags import pack_tags
from registry.licenses.declared import resolve_declared
from registry.model.refs import SourceName
from registry.model.snapshot import Change, LicenseClaim, LicenseField, ModelSnapshot, ParameterCount

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
_COUNTS = select(parameter_counts).where(parameter_counts.c.snapshot_id == bindparam("snapshot_id"))
_LICENSES = (
    select(license_claims)
    .where(license_claims.c.snapshot_id == bindparam("snapshot_id"))
    .order_by(license_claims.c.position)
)
_RAW = select(raw_answers).where(raw_answers.c.snapshot_id == bindparam("snapshot_id"))

_VOLATILE = ("revision", "created_at", "last_modified", "used_storage")
"""Facts that follow the newest look without making a new snapshot."""


def looks_at(connection: Connection, model_id: int) -> Sequence[Row[Any]]:
    """All snapshots of a model, the one last seen longest ago first, with the size of their file lists."""
    return connection.execute(_LOOKS, {"model_id": model_id}).all()


def changes_of(connection: Connection, looks: Sequence[Row[Any]]) -> list[tuple[Change, ...]]:
    """What each look, all through one source and oldest first, found changed."""
    bases = [_bases(connection, look) for look in looks]
    names = {name for claimed in bases for name, _ in claimed}
    return changes_along(looks, bases, find_ids(connection, names))


def _bases(connection: Connection, look: Row[Any]) -> Bases:
    """What a look claimed; one in short form leaves it to the claims its source makes now."""
    if look.digest is None and not look.removed:
        return bases_of(current_claims(connection, look.model_id, SourceName(look.source)))
    return load_bases(look.bases)


def add_look(connection: Connection, model_id: int, snapshot: ModelSnapshot, tree_id: int | None) -> int:
    """Write a new snapshot; returns its id."""
    values = columns_of(snapshot) | {
        "model_id": model_id,
        "source": snapshot.source,
        "digest": digest(snapshot),
        "bases": dump_bases(bases_of(snapshot.claims)),
        "tags": pack_tags(snapshot),
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
    if snapshot.licenses and values["license_by"] is None:
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
        columns = columns_of(snapshot)
        values |= {
            name: columns[name]
            for name in _VOLATILE
            if columns[name] is not None and columns[name] != known[name]
        }
        # Whatever a source says of an absent model, it is one look after another at nothing.
        tags = None if snapshot.removed else pack_tags(snapshot)
        if tags is not None and tags != look.tags:
            values["tags"] = tags
        _put_details(connection, look.id, snapshot, new=False)
        _put_raw(connection, look.id, snapshot, new=False)
    if look.imprint is not None:
        values["imprint"] = None
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


def load_parameters(connection: Connection, look: Row[Any]) -> ParameterCount | None:
    """The parameter count of a row of `snapshots`."""
    if look.parameters_origin is None:
        return None
    rows = connection.execute(_COUNTS, {"snapshot_id": look.id})
    return ParameterCount(
        by_dtype={row.dtype: row.elements for row in rows},
        served_total=look.served_parameters,
        logical=look.logical_parameters,
        rule=look.parameters_rule,
        origin=look.parameters_origin,
        contradiction=look.parameters_contradiction,
    )


def load_licenses(connection: Connection, look: Row[Any]) -> tuple[LicenseClaim, ...]:
    """The license statements of a row of `snapshots`, in their order."""
    if look.license_by is not None:
        return stated_license(look.license, look.license_by)
    rows = connection.execute(_LICENSES, {"snapshot_id": look.id})
    return tuple(LicenseClaim(LicenseField(row.field), row.value, row.origin) for row in rows)


def stated_license(license_id: str, license_by: str) -> tuple[LicenseClaim, ...]:
    """The statements `snapshots.license_by` stands for."""
    return tuple(LicenseClaim(LicenseField.LICENSE, license_id, origin) for origin in license_by.split(","))


def _license_by(claims: Sequence[LicenseClaim], license_id: str | None) -> str | None:
    """Who states the license, where all do in the same words and these are its id."""
    origins = [claim.origin for claim in claims]
    plain = all(claim.field is LicenseField.LICENSE and claim.value == license_id for claim in claims)
    return ",".join(origins) if plain and all(one and "," not in one for one in origins) else None


def columns_of(snapshot: ModelSnapshot) -> dict[str, Any]:
    """What `snapshots` keeps of a snapshot in columns of the same meaning, whenever it was made."""
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
        "license_by": _license_by(snapshot.licenses, license_id) if license_id is not None else None,
        "used_storage": snapshot.used_storage,
        "new_version": snapshot.new_version,
        "parameters": None if count is None else (count.stored if count.logical is None else count.logical),
        "logical_parameters": None if count is None else count.logical,
        "served_parameters": None if count is None else count.served_total,
        "parameters_origin": None if count is None else count.origin,
        "parameters_rule": None if count is None else count.rule,
        "parameters_contradiction": None if count is None else count.contradiction,
    }


def details_of(snapshot: ModelSnapshot) -> bytes | None:
    """What `details` keeps of a snapshot, `None` when there is nothing."""
    rest: dict[str, object] = {}
    if snapshot.config:
        rest["config"] = dict(snapshot.config)
    if snapshot.notes:
        rest["notes"] = [[note.code, note.message] for note in snapshot.notes]
    return pack(json.dumps(rest, ensure_ascii=False).encode()) if rest else None


def _put_details(connection: Connection, snapshot_id: int, snapshot: ModelSnapshot, *, new: bool) -> None:
    data = details_of(snapshot)
    if data is None:
        return
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
