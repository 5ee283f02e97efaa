"""Rows of `snapshots`: writing one with all that hangs on it, reading what hangs on it, seeing one again, and
which one is shown."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Table,
    and_,
    bindparam,
    delete,
    func,
    insert,
    select,
    tuple_,
    update,
)

from registry.catalog.claims import current_claims
from registry.catalog.compare import Bases, bases_of, changes_along, digest, dump_bases, load_bases
from registry.catalog.names import by_id, find_ids
from registry.catalog.tables import (
    details,
    license_claims,
    models,
    parameter_counts,
    raw_answers,
    snapshots,
    traits,
    trees,
)
from registry.catalog.tags import pack_tags
from registry.catalog.traits import (
    LOOK,
    OF_LOOK,
    SHARED,
    Traits,
    count_of,
    counts_apart,
    parameters_of,
    served_apart,
    stated_license,
    traits_id,
    traits_of,
)
from registry.model.refs import SourceName
from registry.model.snapshot import Change, LicenseClaim, LicenseField, ModelSnapshot, ParameterCount

# Statements asked for every model saved are put together once.
_LOOKS: Any = (
    select(*LOOK, trees.c.logical_bytes, trees.c.unsized_files)
    .join(traits, OF_LOOK)
    .join(trees, trees.c.id == snapshots.c.tree_id, isouter=True)
    .where(snapshots.c.model_id == bindparam("model_id"))
    .order_by(snapshots.c.last_seen_at, snapshots.c.number)
)
_SEEN = select(snapshots.c.number, snapshots.c.source, snapshots.c.removed, snapshots.c.last_seen_at).where(
    snapshots.c.model_id == bindparam("model_id")
)
_NEXT = select(func.coalesce(func.max(snapshots.c.number) + 1, 0)).where(
    snapshots.c.model_id == bindparam("model_id")
)


def _asked(table: Table) -> ColumnElement[bool]:
    return and_(table.c.model_id == bindparam("model_id"), table.c.number == bindparam("number"))


_DETAILS = select(details.c.data).where(_asked(details))
_COUNTS = select(parameter_counts).where(_asked(parameter_counts))
_LICENSES = select(license_claims).where(_asked(license_claims)).order_by(license_claims.c.position)
_RAW = select(raw_answers).where(_asked(raw_answers))

_LICENSE_BY = [column.name for column in SHARED].index("license_by")
_VOLATILE = ("revision", "created_at", "last_modified", "used_storage")
"""Facts that follow the newest look without making a new snapshot."""


Key = tuple[int, int]
"""What a look is known by: its model and its number."""


def key_of(look: Row[Any]) -> Key:
    return look.model_id, look.number


def of_look(table: Table, key: Key) -> ColumnElement[bool]:
    """The row of a look, or the rows that hang on it."""
    return and_(table.c.model_id == key[0], table.c.number == key[1])


def of_look_in(table: Table) -> ColumnElement[bool]:
    """Rows of `snapshots` joined with what hangs on them."""
    return and_(snapshots.c.model_id == table.c.model_id, snapshots.c.number == table.c.number)


def of_looks(table: Table, keys: Sequence[Key]) -> ColumnElement[bool]:
    """The same for several."""
    return tuple_(table.c.model_id, table.c.number).in_(keys)


def _named(key: Key) -> dict[str, int]:
    return {"model_id": key[0], "number": key[1]}


def next_number(connection: Connection, model_id: int) -> int:
    """The number of the next look at a model."""
    return int(connection.execute(_NEXT, {"model_id": model_id}).scalar_one())


def looks_at(connection: Connection, model_id: int) -> Sequence[Row[Any]]:
    """All snapshots of a model, the one last seen longest ago first, with the size of their file lists."""
    looks: Sequence[Row[Any]] = connection.execute(_LOOKS, {"model_id": model_id}).all()
    return looks


def changes_of(connection: Connection, looks: Sequence[Row[Any]]) -> list[tuple[Change, ...]]:
    """What each look, all through one source and oldest first, found changed."""
    bases = [_bases(connection, look) for look in looks]
    names = {name for claimed in bases for name, _ in claimed}
    return changes_along(looks, bases, find_ids(connection, names))


def _bases(connection: Connection, look: Row[Any]) -> Bases:
    """What a look claimed; one in short form leaves it to the claims its source makes now."""
    if look.digest is None and not look.removed:
        return bases_of(current_claims(connection, look.model_id, look.source))
    return load_bases(look.bases)


def add_look(connection: Connection, model_id: int, snapshot: ModelSnapshot, tree_id: int | None) -> int:
    """Write a new snapshot; returns its number."""
    key = (model_id, next_number(connection, model_id))
    told = traits_of(snapshot)
    values = columns_of(snapshot) | {
        **_named(key),
        "traits_id": traits_id(connection, told),
        "source": snapshot.source,
        "digest": digest(snapshot),
        "bases": dump_bases(bases_of(snapshot.claims)),
        "tags": pack_tags(snapshot),
        "observed_at": snapshot.observed_at,
        "last_seen_at": snapshot.observed_at,
        "removed": snapshot.removed,
        "tree_id": tree_id,
    }
    connection.execute(insert(snapshots).values(**values))
    counts = [
        {**_named(key), "dtype": dtype, "elements": elements}
        for dtype, elements in counts_apart(snapshot.parameters).items()
    ]
    if counts:
        connection.execute(insert(parameter_counts), counts)
    claims = [
        {**_named(key), "position": position, "field": field, "value": value, "origin": origin}
        for position, field, value, origin in licenses_apart(snapshot, told)
    ]
    if claims:
        connection.execute(insert(license_claims), claims)
    _put_details(connection, key, snapshot, new=True)
    _put_raw(connection, key, snapshot, new=True)
    return key[1]


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
        _put_details(connection, key_of(look), snapshot, new=False)
        _put_raw(connection, key_of(look), snapshot, new=False)
    if look.imprint is not None:
        values["imprint"] = None
    if values:
        connection.execute(update(snapshots).where(of_look(snapshots, key_of(look))).values(**values))


def settle(connection: Connection, model_id: int, values: Mapping[str, Any] | None = None) -> None:
    """Choose the snapshot whose facts are shown: the newest that has any, a paper's only for want of
    another; and note whether its source still sees the model. values: columns of the model to set besides."""
    wanted = dict(values or {})
    seen = connection.execute(_SEEN, {"model_id": model_id}).all()
    if seen:
        shown = max(seen, key=_rank)
        last = max((one for one in seen if one.source == shown.source), key=_recency)
        wanted |= {
            "shown": shown.number,
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
    return look.last_seen_at, look.number


def load_parameters(connection: Connection, look: Row[Any]) -> ParameterCount | None:
    """The parameter count of a look."""
    if look.parameters_origin is None:
        return None
    apart = look.parameters_dtype is None
    rows = connection.execute(_COUNTS, _named(key_of(look))) if apart else ()
    return count_of(look, {row.dtype: row.elements for row in rows})


def load_licenses(connection: Connection, look: Row[Any]) -> tuple[LicenseClaim, ...]:
    """The license statements of a look, in their order."""
    if look.license_by is not None:
        return stated_license(look.license, look.license_by)
    rows = connection.execute(_LICENSES, _named(key_of(look)))
    return tuple(LicenseClaim(row.field, row.value, row.origin) for row in rows)


def licenses_apart(snapshot: ModelSnapshot, told: Traits) -> list[tuple[int, LicenseField, str, str]]:
    """What `license_claims` keeps of a snapshot of those traits: place, field, text and who says so."""
    if told[_LICENSE_BY] is not None:
        return []
    return [(place, one.field, one.value, one.origin) for place, one in enumerate(snapshot.licenses)]


def columns_of(snapshot: ModelSnapshot) -> dict[str, Any]:
    """What `snapshots` keeps of a snapshot in columns of the same meaning, whenever it was made."""
    return {
        "revision": snapshot.revision,
        "commit_sha": snapshot.commit_sha,
        "created_at": snapshot.created_at,
        "last_modified": snapshot.last_modified,
        "used_storage": snapshot.used_storage,
        "parameters": parameters_of(snapshot.parameters),
        "served_parameters": served_apart(snapshot.parameters),
    }


def details_of(snapshot: ModelSnapshot) -> bytes | None:
    """What `details` keeps of a snapshot, `None` when there is nothing."""
    rest: dict[str, object] = {}
    if snapshot.config:
        rest["config"] = dict(snapshot.config)
    if snapshot.notes:
        rest["notes"] = [[note.code, note.message] for note in snapshot.notes]
    return pack(json.dumps(rest, ensure_ascii=False).encode()) if rest else None


def _put_details(connection: Connection, key: Key, snapshot: ModelSnapshot, *, new: bool) -> None:
    data = details_of(snapshot)
    if data is None:
        return
    row = None if new else connection.execute(_DETAILS, _named(key)).one_or_none()
    if row is None:
        connection.execute(insert(details).values(**_named(key), data=data))
    elif bytes(row.data) != data:
        connection.execute(update(details).where(of_look(details, key)).values(data=data))


def _put_raw(connection: Connection, key: Key, snapshot: ModelSnapshot, *, new: bool) -> None:
    """Keep the answers as received; a newer answer of the same kind takes the place of an older one."""
    if not snapshot.raw:
        return
    rows = () if new else connection.execute(_RAW, _named(key))
    stored = {row.kind: bytes(row.data) for row in rows}
    fresh = []
    for answer in snapshot.raw:
        data = pack(answer.data)
        if stored.get(answer.kind) == data:
            continue
        if answer.kind in stored:
            which = of_look(raw_answers, key) & (raw_answers.c.kind == answer.kind)
            connection.execute(delete(raw_answers).where(which))
        fresh.append({**_named(key), "kind": answer.kind, "data": data})
    if fresh:
        connection.execute(insert(raw_answers), fresh)
