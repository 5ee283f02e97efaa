"""What files on this disk hold: by path, as long as a file stays what it was; and by content, for good."""

from __future__ import annotations

import zlib
from collections.abc import Collection, Iterable, Mapping
from hashlib import blake2b

import msgspec
from sqlalchemy import Connection, delete, exists, insert, or_, select

from registry.catalog.engine import Database
from registry.catalog.names import add_missing, chunks
from registry.catalog.tables import SHOWN, blobs, contents, files, models, scans, snapshots
from registry.errors import CatalogDamaged
from registry.model.refs import SourceName
from registry.model.scans import Content, Stamp, TensorHash
from registry.model.tensors import Holder

_Row = tuple[str, str, tuple[int, ...], int, int, bytes]


class ScanStore:
    """The part of a catalog that knows files by their stamps. Every method is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def known(self, stamps: Iterable[Stamp]) -> dict[Stamp, str]:
        """The sha256 of those files that are as they were when they were read."""
        wanted = {_place(stamp.path): stamp for stamp in stamps}
        return self._database.read(lambda c: _known(c, wanted)) if wanted else {}

    def keep(self, found: Mapping[Stamp, Content], unsettled: Collection[Stamp] = ()) -> None:
        """Keep what files hold, in place of what the same paths held before. unsettled: those of them that
        may have changed since without a trace, so that they are not `known`."""
        if found:
            self._database.write(lambda c: _keep(c, found, unsettled))

    def contents(self, hashes: Iterable[str]) -> dict[str, Content]:
        """The tensors of those contents of which they are known, by sha256."""
        wanted = sorted(set(hashes))
        return self._database.read(lambda c: _contents(c, wanted))

    def places(self, hashes: Iterable[str]) -> dict[str, list[Stamp]]:
        """Where contents lay on this disk when they were read, by sha256, in order of paths."""
        wanted = sorted(set(hashes))
        return self._database.read(lambda c: _places(c, wanted))

    def holders(self) -> list[Holder]:
        """Every file in the current lists of tracked models whose tensors are known, sorted."""
        return self._database.read(_holders)

    def local_models(self) -> list[str]:
        """The tracked models on this disk, sorted."""
        query = select(models.c.repo_id).where(models.c.tracked, models.c.source == SourceName.LOCAL)
        return self._database.read(lambda c: list(c.execute(query.order_by(models.c.repo_id)).scalars()))


def _place(path: str) -> bytes:
    return blake2b(path.encode(), digest_size=16).digest()


def _known(connection: Connection, wanted: Mapping[bytes, Stamp]) -> dict[Stamp, str]:
    found = {}
    for piece in chunks(wanted):
        for row in connection.execute(select(scans).where(scans.c.place.in_(piece), scans.c.settled)):
            stamp = Stamp(row.path, row.size, row.mtime_ns, row.inode)
            if wanted[bytes(row.place)] == stamp:
                found[stamp] = row.sha256
    return found


def _keep(connection: Connection, found: Mapping[Stamp, Content], unsettled: Collection[Stamp]) -> None:
    before: set[str] = set()
    for piece in chunks(_place(stamp.path) for stamp in found):
        same = scans.c.place.in_(piece)
        before.update(connection.execute(select(scans.c.sha256).where(same)).scalars())
        connection.execute(delete(scans).where(same))
    rows = [
        {
            "place": _place(stamp.path),
            "path": stamp.path,
            "size": stamp.size,
            "mtime_ns": stamp.mtime_ns,
            "inode": stamp.inode,
            "sha256": content.sha256,
            "settled": stamp not in unsettled,
        }
        for stamp, content in found.items()
    ]
    connection.execute(insert(scans), rows)
    add_missing(
        connection,
        contents,
        [
            {"sha256": one.sha256, "size": one.size, "tensors": _packed(one.tensors)}
            for one in {one.sha256: one for one in found.values()}.values()
            if one.tensors is not None
        ],
    )
    _sweep(connection, before - {one.sha256 for one in found.values()})


def _sweep(connection: Connection, hashes: Iterable[str]) -> None:
    """Forget contents that no file read and no file list has any more."""
    used = or_(
        exists().where(scans.c.sha256 == contents.c.sha256),
        exists().where(blobs.c.sha256 == contents.c.sha256),
    )
    for piece in chunks(sorted(hashes)):
        connection.execute(delete(contents).where(contents.c.sha256.in_(piece), ~used))


def _contents(connection: Connection, wanted: Iterable[str]) -> dict[str, Content]:
    return {
        row.sha256: Content(row.sha256, row.size, _unpacked(row.tensors))
        for piece in chunks(wanted)
        for row in connection.execute(select(contents).where(contents.c.sha256.in_(piece)))
    }


def _places(connection: Connection, wanted: Iterable[str]) -> dict[str, list[Stamp]]:
    found: dict[str, list[Stamp]] = {}
    for piece in chunks(wanted):
        query = select(scans).where(scans.c.sha256.in_(piece)).order_by(scans.c.path)
        for row in connection.execute(query):
            found.setdefault(row.sha256, []).append(Stamp(row.path, row.size, row.mtime_ns, row.inode))
    return found


def _holders(connection: Connection) -> list[Holder]:
    rows = connection.execute(
        select(models.c.repo_id, files.c.path, contents.c.sha256)
        .select_from(contents)
        .join(blobs, blobs.c.sha256 == contents.c.sha256)
        .join(files, files.c.blob_id == blobs.c.id)
        .join(snapshots, snapshots.c.tree_id == files.c.tree_id)
        .join(models, SHOWN)
        .where(models.c.tracked)
        .order_by(models.c.repo_id, files.c.path)
    )
    return [Holder(*row) for row in rows]


def _packed(tensors: Iterable[TensorHash]) -> bytes:
    rows = [(t.name, t.dtype, t.shape, t.start, t.end, bytes.fromhex(t.blake3)) for t in tensors]
    return zlib.compress(msgspec.msgpack.encode(rows))


def _unpacked(data: bytes) -> tuple[TensorHash, ...]:
    try:
        rows = msgspec.msgpack.decode(zlib.decompress(data), type=list[_Row])
    except (zlib.error, msgspec.MsgspecError) as error:
        raise CatalogDamaged(f"a list of tensors cannot be read: {str(error)[:200]}") from None
    return tuple(TensorHash(*row[:5], row[5].hex()) for row in rows)
