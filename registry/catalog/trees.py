"""File lists. One commit has one list, however many snapshots show it; one content is one blob."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from hashlib import blake2b
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, insert, select, update

from registry.catalog.names import add_missing, chunks, insert_row
from registry.catalog.tables import blobs, files, trees
from registry.model.snapshot import ModelFile
from registry.weights.sizes import measure

# Statements asked for every model saved are put together once.
_OF_COMMIT = select(trees).where(
    trees.c.model_id == bindparam("owner"), trees.c.commit_sha == bindparam("commit")
)
_OF_DIGEST = (
    select(trees)
    .where(
        trees.c.model_id == bindparam("owner"),
        trees.c.commit_sha.is_(None),
        trees.c.digest == bindparam("mark"),
    )
    .limit(1)
)

_MAX_INTEGER = 2**63 - 1


def tree_digest(listed: Sequence[ModelFile], complete: bool) -> bytes:
    """Tells two file lists apart; files come sorted by path."""
    rows = [[file.path, file.size, file.sha256, file.git_oid, file.xet_hash] for file in listed]
    return blake2b(json.dumps([complete, rows]).encode(), digest_size=16).digest()


def keep_tree(
    connection: Connection,
    model_id: int,
    commit_sha: str | None,
    listed: Sequence[ModelFile] | None,
    complete: bool,
) -> int | None:
    """The list of that commit, stored unless it is known. What is known of a commit only ever grows: a
    shorter or vaguer list of the same commit changes nothing.

    listed: sorted by path, `None` when no list was seen this time. Without a commit equal lists are one.
    """
    if listed is None:
        return None if commit_sha is None else _tree_of(connection, model_id, commit_sha)
    digest = tree_digest(listed, complete)
    known = _known(connection, model_id, commit_sha, digest)
    if known is not None:
        if known.digest == digest or _worth(listed, complete) < _stored_worth(connection, known):
            return int(known.id)
        connection.execute(delete(files).where(files.c.tree_id == known.id))
        values = _summary(listed, complete, digest)
        connection.execute(update(trees).where(trees.c.id == known.id).values(**values))
        _put_files(connection, known.id, listed)
        return int(known.id)
    values = _summary(listed, complete, digest)
    tree_id = insert_row(connection, trees, values | {"model_id": model_id, "commit_sha": commit_sha})
    _put_files(connection, tree_id, listed)
    return tree_id


def load_files(connection: Connection, tree_id: int) -> tuple[ModelFile, ...]:
    """The files of a list, by path."""
    rows = connection.execute(
        select(files.c.path, files.c.size, blobs.c.sha256, files.c.git_oid, blobs.c.xet_hash)
        .join(blobs, blobs.c.id == files.c.blob_id, isouter=True)
        .where(files.c.tree_id == tree_id)
        .order_by(files.c.position)
    )
    return tuple(ModelFile(*row) for row in rows)


def _tree_of(connection: Connection, model_id: int, commit_sha: str) -> int | None:
    row = connection.execute(_OF_COMMIT, {"owner": model_id, "commit": commit_sha}).one_or_none()
    return None if row is None else int(row.id)


def _known(connection: Connection, model_id: int, commit_sha: str | None, digest: bytes) -> Row[Any] | None:
    if commit_sha is None:
        return connection.execute(_OF_DIGEST, {"owner": model_id, "mark": digest}).one_or_none()
    return connection.execute(_OF_COMMIT, {"owner": model_id, "commit": commit_sha}).one_or_none()


def _worth(listed: Sequence[ModelFile], complete: bool) -> tuple[bool, int, int, int]:
    """How much a list tells; the greater of two lists of one commit is kept."""
    return (
        complete,
        len(listed),
        sum(file.size is not None for file in listed),
        sum(file.sha256 is not None for file in listed),
    )


def _stored_worth(connection: Connection, tree: Row[Any]) -> tuple[bool, int, int, int]:
    return _worth(load_files(connection, tree.id), tree.complete)


def _summary(listed: Sequence[ModelFile], complete: bool, digest: bytes) -> dict[str, object]:
    sizes = asdict(measure(listed))
    # A sum that no column holds is no knowledge.
    told = {name: None if size is not None and size > _MAX_INTEGER else size for name, size in sizes.items()}
    return {"digest": digest, "complete": complete} | told


def _put_files(connection: Connection, tree_id: int, listed: Sequence[ModelFile]) -> None:
    blob_ids = _put_blobs(connection, listed)
    rows = [
        {
            "tree_id": tree_id,
            "position": position,
            "path": file.path,
            "size": file.size,
            "blob_id": None if file.sha256 is None else blob_ids[file.sha256],
            "git_oid": file.git_oid,
        }
        for position, file in enumerate(listed)
    ]
    if rows:
        connection.execute(insert(files), rows)


def _put_blobs(connection: Connection, listed: Sequence[ModelFile]) -> dict[str, int]:
    """The ids of all contents named, by sha256; what was not known of one before is filled in."""
    told: dict[str, tuple[int | None, str | None]] = {}
    for file in listed:
        if file.sha256 is not None:
            size, xet_hash = told.get(file.sha256, (None, None))
            told[file.sha256] = (file.size if size is None else size, xet_hash or file.xet_hash)
    known = _blob_rows(connection, list(told))
    fresh = sorted(told.keys() - known.keys())
    add_missing(
        connection, blobs, [{"sha256": sha, "size": told[sha][0], "xet_hash": told[sha][1]} for sha in fresh]
    )
    gaps = []
    for sha, row in known.items():
        size, xet_hash = told[sha]
        better = {"size": size if row.size is None else row.size, "xet_hash": row.xet_hash or xet_hash}
        if better != {"size": row.size, "xet_hash": row.xet_hash}:
            gaps.append(better | {"key": row.id})
    if gaps:
        connection.execute(update(blobs).where(blobs.c.id == bindparam("key")), gaps)
    known |= _blob_rows(connection, fresh)
    return {sha: row.id for sha, row in known.items()}


def _blob_rows(connection: Connection, hashes: Sequence[str]) -> dict[str, Row[Any]]:
    return {
        row.sha256: row
        for piece in chunks(hashes)
        for row in connection.execute(select(blobs).where(blobs.c.sha256.in_(piece)))
    }


def sweep_blobs(connection: Connection, blob_ids: Sequence[int]) -> None:
    """Forget those contents that no file has any more."""
    for piece in chunks(blob_ids):
        used = select(files.c.blob_id).where(files.c.blob_id == blobs.c.id).exists()
        connection.execute(delete(blobs).where(blobs.c.id.in_(piece), ~used))
