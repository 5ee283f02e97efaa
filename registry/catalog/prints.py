"""Fingerprints as they are kept, and the search over all of them.

A search reads one small value for a thousand models each, and the sketches of those worth a second look: no
index is built, and a hundred thousand models take milliseconds from the first question on.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Row, delete, func, insert, literal, select, text, update

from registry.catalog.evidence_tables import block_hashes, fingerprints, glances, sketches
from registry.catalog.graphs import listed, listing
from registry.catalog.names import chunks, find_ids, insert_row
from registry.catalog.tables import SHOWN, models, snapshots
from registry.errors import CatalogDamaged, DamagedFile, NotInCatalog
from registry.model.evidence import FingerprintRecord

if TYPE_CHECKING:
    from registry.weights.fingerprint import Fingerprint
    from registry.weights.search import Entry, Relative

FORMAT = 1
"""First byte of a packed fingerprint: what follows is zlib over `Fingerprint.to_bytes`."""
LARGEST = 16 * 10**6
"""Bytes a fingerprint may unpack to; the largest tier reads four million."""
PAGE = 1024
"""Fingerprints per page of glances."""
_SECOND_LOOKS = 1024
"""Of 100,000 strangers one in a hundred has a first look as alike as 0.3; relatives have more."""
_JOINED = 200
_TIERS = "HLSX"
_SIGNED = 1 << 63


def pack_fingerprint(fingerprint: Fingerprint) -> bytes:
    """A fingerprint as one value of the database."""
    return bytes([FORMAT]) + zlib.compress(fingerprint.to_bytes(), 6)


def unpack_fingerprint(data: bytes) -> Fingerprint:
    """What `pack_fingerprint` made. Raises `DamagedFile`; never unpacks more than `LARGEST` bytes."""
    from registry.weights.fingerprint import Fingerprint

    if data[:1] != bytes([FORMAT]):
        raise DamagedFile(f"a stored fingerprint of format {data[:1].hex() or 'none'}, known is {FORMAT}")
    unpacking = zlib.decompressobj()
    try:
        raw = unpacking.decompress(data[1:], LARGEST)
    except zlib.error:
        raise DamagedFile("a stored fingerprint does not unpack") from None
    if not unpacking.eof:
        raise DamagedFile("a stored fingerprint is cut short, or unpacks to too much")
    try:
        return Fingerprint.from_bytes(raw)
    except ValueError as error:
        raise DamagedFile(f"a stored fingerprint contradicts itself: {error}") from None


# --- keeping -------------------------------------------------------------------------------------


def keep_fingerprint(connection: Connection, record: FingerprintRecord, fingerprint: Fingerprint) -> None:
    """Keep a fingerprint in place of an earlier one of the same commit, scheme and tier. Raises
    `NotInCatalog`."""
    from registry.weights.search import entry_of, glance

    model_id = find_ids(connection, [record.repo_id]).get(record.repo_id)
    if model_id is None:
        raise NotInCatalog(f"{record.repo_id} is not in the catalog")
    key = {
        "model_id": model_id,
        "commit_sha": record.commit_sha or "",
        "scheme": record.scheme,
        "tier": record.tier,
    }
    values = {
        "read_at": record.read_at,
        "requests": record.requests,
        "bytes_read": record.bytes_read,
        "head_requests": record.head_requests,
        "head_bytes": record.head_bytes,
        "data": pack_fingerprint(fingerprint),
    }
    same = [fingerprints.c[name] == value for name, value in key.items()]
    number = connection.execute(select(fingerprints.c.id).where(*same)).scalar_one_or_none()
    if number is None:
        number = insert_row(connection, fingerprints, {**key, **values})
    else:
        connection.execute(update(fingerprints).where(fingerprints.c.id == number).values(**values))
        for table in (sketches, block_hashes):
            connection.execute(delete(table).where(table.c.fingerprint_id == number))
    entry = entry_of(record.repo_id, fingerprint)
    if any(entry.sketch):
        hashes = struct.pack(f">{len(entry.hashes)}Q", *entry.hashes)
        row = {"fingerprint_id": number, "model_id": model_id, "sketch": entry.sketch, "hashes": hashes}
        connection.execute(insert(sketches).values(**row))
        rows = [{"hash": _signed(one), "fingerprint_id": number} for one in sorted(set(entry.hashes))]
        if rows:
            connection.execute(insert(block_hashes), rows)
    _put_glance(connection, number, glance(entry.sketch))


def _put_glance(connection: Connection, number: int, seen: bytes) -> None:
    """Write the glance of a fingerprint to its place, over whatever was there."""
    page, place = divmod(number, PAGE)
    held = connection.execute(select(glances.c.data).where(glances.c.page == page)).scalar_one_or_none()
    start = place * len(seen)
    data = bytes(held or b"").ljust(start, b"\0")
    data = data[:start] + seen + data[start + len(seen) :]
    if held is None:
        connection.execute(insert(glances).values(page=page, data=data))
    else:
        connection.execute(update(glances).where(glances.c.page == page).values(data=data))


def _signed(number: int) -> int:
    """64 bits as databases hold them."""
    return number - 2 * _SIGNED if number >= _SIGNED else number


# --- reading -------------------------------------------------------------------------------------


def records(connection: Connection, names: Iterable[str]) -> dict[str, FingerprintRecord]:
    """The fingerprint that speaks for each model, by present name; models without one are missing."""
    return {row.repo_id: _record(row) for row in _current(connection, names).values()}


def fingerprints_of(
    connection: Connection, names: Iterable[str]
) -> dict[str, tuple[FingerprintRecord, Fingerprint]]:
    """The same with the samples. Raises `CatalogDamaged`."""
    current = _current(connection, names)
    found = {}
    for piece in chunks(sorted(current)):
        wanted = select(fingerprints.c.id, fingerprints.c.data).where(fingerprints.c.id.in_(piece))
        for number, data in connection.execute(wanted):
            row = current[number]
            try:
                found[row.repo_id] = (_record(row), unpack_fingerprint(bytes(data)))
            except DamagedFile as damage:
                hint = f"`registry remove {row.repo_id}`, then `registry add --fingerprint {row.repo_id}`"
                raise CatalogDamaged(f"{row.repo_id}: {damage.message}", hint=hint) from None
    return dict(sorted(found.items()))


def fingerprinted(connection: Connection, limit: int) -> list[str]:
    """The first models with a fingerprint, in the order of their names."""
    from registry.weights.sampling import SCHEME

    has_some = select(literal(1)).where(
        fingerprints.c.model_id == models.c.id, fingerprints.c.scheme == SCHEME
    )
    query = select(models.c.repo_id).where(has_some.exists()).order_by(models.c.repo_id).limit(limit)
    return list(connection.execute(query).scalars())


def _current(connection: Connection, names: Iterable[str]) -> dict[int, Row[Any]]:
    """Of each model the fingerprint of the commit shown, else the newest; the highest tier of those."""
    from registry.weights.sampling import SCHEME

    ids = sorted(set(find_ids(connection, names).values()))
    best: dict[int, Any] = {}
    columns = [column for column in fingerprints.c if column.name != "data"]
    for piece in chunks(ids):
        rows = connection.execute(
            select(*columns, models.c.repo_id, snapshots.c.commit_sha.label("shown"))
            .join(models, models.c.id == fingerprints.c.model_id)
            .join(snapshots, SHOWN, isouter=True)
            .where(fingerprints.c.model_id.in_(piece), fingerprints.c.scheme == SCHEME)
        )
        for row in rows:
            rival = best.get(row.model_id)
            if rival is None or _rank(row) > _rank(rival):
                best[row.model_id] = row
    return {row.id: row for row in best.values()}


def _rank(row: Any) -> tuple[object, ...]:
    return row.commit_sha == (row.shown or ""), _TIERS.index(row.tier), row.read_at, row.id


def _record(row: Row[Any]) -> FingerprintRecord:
    return FingerprintRecord(
        row.repo_id,
        row.commit_sha or None,
        row.tier,
        row.scheme,
        row.read_at,
        row.requests,
        row.bytes_read,
        row.head_requests,
        row.head_bytes,
    )


# --- search --------------------------------------------------------------------------------------


def relatives(connection: Connection, name: str, fingerprint: Fingerprint, limit: int) -> list[Relative]:
    """The nearest relatives of a fingerprint among all models but `name`, nearest first: a list to compare,
    no verdict."""
    from registry.weights.search import Index, entry_of, first_look

    entry = entry_of(name, fingerprint)
    if not any(entry.sketch):
        return []
    wanted = {number for number, _ in _joined(connection, entry)}
    seen = connection.execute(select(glances.c.page, glances.c.data).order_by(glances.c.page)).all()
    for page, data in _runs(seen):
        wanted.update(page * PAGE + place for place in first_look(data, entry.sketch, _SECOND_LOOKS))
    nearest: dict[str, Relative] = {}
    for one in Index(_entries(connection, wanted)).find(entry, len(wanted)):
        # Of a model with several fingerprints the nearest speaks.
        nearest.setdefault(one.name, one)
    return list(nearest.values())[:limit]


def _joined(connection: Connection, entry: Entry) -> list[tuple[int, int]]:
    """Fingerprints with equal blocks, and how many, the most first."""
    hashes = [_signed(one) for one in entry.hashes]
    shared = func.count().label("shared")
    rows = connection.execute(
        select(block_hashes.c.fingerprint_id, shared)
        .where(block_hashes.c.hash.in_(hashes))
        .group_by(block_hashes.c.fingerprint_id)
        .order_by(shared.desc(), block_hashes.c.fingerprint_id)
        .limit(_JOINED)
    )
    return [(number, count) for number, count in rows]


def _runs(pages: Iterable[Any]) -> Iterable[tuple[int, bytes]]:
    """Pages laid end to end as far as they follow each other, each run with the number of its first page."""
    from registry.weights.search import GLANCE

    first = 0
    parts: list[bytes] = []
    for page, data in pages:
        if parts and page != first + len(parts):
            yield first, b"".join(parts)
            parts = []
        first = first if parts else page
        parts.append(bytes(data)[: PAGE * GLANCE].ljust(PAGE * GLANCE, b"\0"))
    if parts:
        yield first, b"".join(parts)


def _entries(connection: Connection, numbers: Iterable[int]) -> list[Entry]:
    from registry.weights.search import Entry

    rows = connection.execute(
        select(models.c.repo_id, sketches.c.sketch, sketches.c.hashes)
        .select_from(sketches)
        .join(models, models.c.id == sketches.c.model_id)
        .where(text(listed(connection, "sketches.fingerprint_id", "ids")))
        .order_by(models.c.repo_id, sketches.c.fingerprint_id),
        {"ids": listing(connection, numbers)},
    )
    return [Entry(name, bytes(sketch), _hashes(bytes(packed))) for name, sketch, packed in rows.all()]


def _hashes(packed: bytes) -> tuple[int, ...]:
    count = len(packed) // 8
    return struct.unpack(f">{count}Q", packed[: 8 * count])


# --- house ---------------------------------------------------------------------------------------


def move_fingerprints(connection: Connection, old_id: int, into_id: int) -> None:
    """Give the fingerprints of one model to another that has none of the same commit, scheme and tier."""
    kept = fingerprints.alias("kept")
    same = [kept.c[name] == fingerprints.c[name] for name in ("commit_sha", "scheme", "tier")]
    twin = select(literal(1)).where(kept.c.model_id == into_id, *same).exists()
    mine = fingerprints.c.model_id == old_id
    connection.execute(update(fingerprints).where(mine, ~twin).values(model_id=into_id))
    moved = select(fingerprints.c.id).where(fingerprints.c.model_id == into_id)
    connection.execute(update(sketches).where(sketches.c.fingerprint_id.in_(moved)).values(model_id=into_id))


def damaged(connection: Connection) -> Iterable[tuple[str, str]]:
    """Models with a fingerprint that cannot be read or found, and what is wrong with it."""
    from registry.weights.search import GLANCE, glance

    named = select(fingerprints, models.c.repo_id).join(models, models.c.id == fingerprints.c.model_id)
    query = named.order_by(models.c.repo_id, fingerprints.c.id).execution_options(yield_per=100)
    for row in connection.execute(query):
        try:
            unpack_fingerprint(bytes(row.data))
        except DamagedFile as damage:
            yield row.repo_id, damage.message
    pages: Mapping[int, bytes] = {page: bytes(data) for page, data in connection.execute(select(glances))}
    owned = (
        select(
            models.c.repo_id,
            sketches.c.fingerprint_id,
            sketches.c.sketch,
            sketches.c.model_id == fingerprints.c.model_id,
        )
        .select_from(sketches)
        .join(fingerprints, fingerprints.c.id == sketches.c.fingerprint_id)
        .join(models, models.c.id == fingerprints.c.model_id)
        .order_by(models.c.repo_id, sketches.c.fingerprint_id)
    )
    for name, number, sketch, sound in connection.execute(owned.execution_options(yield_per=1000)):
        page, place = divmod(number, PAGE)
        if not sound or pages.get(page, b"")[place * GLANCE : (place + 1) * GLANCE] != glance(bytes(sketch)):
            yield name, "a search would not find its fingerprint"
