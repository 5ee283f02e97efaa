"""What models weigh, for all of them: three statements to a page, and one for what they share.

Leaner than `holdings`, which also tells how models were made: here a catalog is read to its end.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Executable,
    Integer,
    Row,
    bindparam,
    case,
    func,
    literal,
    select,
)

from registry.catalog.names import chunks, find_ids
from registry.catalog.reading import shown_numbers
from registry.catalog.tables import SHOWN, files, models, snapshots, traits, trees
from registry.catalog.traits import OF_LOOK
from registry.model.records import Sizes, Weighing
from registry.weights.formats import is_weight_file

Rows = Sequence[Row[*tuple[Any, ...]]]

_NONE: Mapping[str, int] = MappingProxyType({})

_WEIGHING = (
    select(
        models.c.repo_id,
        models.c.id,
        case((traits.c.parameters_logical, snapshots.c.parameters)),
        snapshots.c.used_storage,
        trees.c.complete,
        trees.c.files,
        trees.c.unsized_files,
        trees.c.logical_bytes,
        trees.c.unique_bytes,
        trees.c.weight_bytes,
        trees.c.copy_bytes,
    )
    .select_from(models)
    .join(snapshots, SHOWN, isouter=True)
    .join(traits, OF_LOOK, isouter=True)
    .join(trees, trees.c.id == snapshots.c.tree_id, isouter=True)
    .order_by(models.c.repo_id)
)
# Lists in which no file has a size are not asked after: nothing is known of them anyway.
_UNSIZED = (
    select(models.c.repo_id, files.c.path)
    .select_from(models)
    .join(snapshots, SHOWN)
    .join(trees, trees.c.id == snapshots.c.tree_id)
    .join(files, files.c.tree_id == trees.c.id)
    .where(trees.c.unsized_files > 0, trees.c.logical_bytes.is_not(None), files.c.size.is_(None))
)

_THESE = models.c.id.in_(bindparam("ids", expanding=True))
_THOSE_AFTER = models.c.tracked & (models.c.repo_id > bindparam("after"))
_OF_THESE = _WEIGHING.where(_THESE)
_MORE_OF_THESE = (shown_numbers(_THESE), _UNSIZED.where(_THESE))
_AFTER = _WEIGHING.where(_THOSE_AFTER).limit(bindparam("most"))
_UP_TO = models.c.repo_id <= bindparam("last")
_MORE_AFTER = (shown_numbers(_THOSE_AFTER, _UP_TO), _UNSIZED.where(_THOSE_AFTER, _UP_TO))


def weighings(connection: Connection, names: Iterable[str]) -> dict[str, Weighing]:
    """The models of those names, by present name; unknown names are missing."""
    found: dict[str, Weighing] = {}
    for piece in chunks(sorted(set(find_ids(connection, names).values()))):
        found |= _put_together(*_answers(connection, [_OF_THESE, *_MORE_OF_THESE], {"ids": piece}))
    return found


def weighings_after(connection: Connection, after: str, limit: int) -> dict[str, Weighing]:
    """The next `limit` tracked models in the order of their names."""
    (rows,) = _answers(connection, [_AFTER], {"after": after, "most": limit})
    if not rows:
        return {}
    return _put_together(rows, *_answers(connection, _MORE_AFTER, {"after": after, "last": rows[-1][0]}))


def _answers(connection: Connection, queries: Iterable[Executable], values: Mapping[str, Any]) -> list[Rows]:
    return [connection.execute(query, values).all() for query in queries]


def _put_together(rows: Rows, numbers: Rows, unsized: Rows) -> dict[str, Weighing]:
    told: defaultdict[int, dict[str, int]] = defaultdict(dict)
    for model_id, dtype, elements in numbers:
        told[model_id][dtype] = elements
    weights = Counter(name for name, path in unsized if is_weight_file(path))
    return {
        name: Weighing(
            name,
            parameters,
            None if listed is None else Sizes(listed, *sizes),
            complete is not False,
            weights[name],
            used,
            told.get(model_id, _NONE),
        )
        for name, model_id, parameters, used, complete, listed, *sizes in rows
    }


# --- together ------------------------------------------------------------------------------------

_LOW = 32
"""Sums are taken in two halves of so many bits: a few files of absurd size would overflow 64."""


def unique_bytes(connection: Connection, names: Iterable[str] | None) -> int | None:
    """Bytes of the current files of models (`None`: every tracked one), each content counted once over all
    of them; a file without sha256 counts as its own content. Unknown sizes are left out."""
    if names is None:
        return _all_tracked(connection)
    alone: list[int] = []
    contents: dict[int, int] = {}
    for piece in chunks(sorted(set(find_ids(connection, names).values()))):
        listed = select(files.c.blob_id, files.c.size).where(_shown(models.c.id.in_(piece)))
        for blob_id, size in connection.execute(listed.where(files.c.size.is_not(None))):
            if blob_id is None:
                alone.append(size)
            else:
                contents[blob_id] = max(size, contents.get(blob_id, 0))
    return sum(alone) + sum(contents.values()) if alone or contents else None


def _all_tracked(connection: Connection) -> int | None:
    shown = _shown(models.c.tracked)
    alone = select(*_halves(files.c.size)).where(shown, files.c.blob_id.is_(None))
    contents = (
        select(func.max(files.c.size).label("size"))
        .where(shown, files.c.blob_id.is_not(None))
        .group_by(files.c.blob_id)
        .subquery()
    )
    halves = [connection.execute(one).one() for one in (alone, select(*_halves(contents.c.size)))]
    known = [(int(high) << _LOW) + int(low) for high, low in halves if high is not None]
    return sum(known) if known else None


def _shown(which: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether a file is in the list shown of one of those models. As a set of lists, which is made once:
    joined, SQLite would look for the model of each file among all of them."""
    current = select(snapshots.c.tree_id).join(models, SHOWN)
    return files.c.tree_id.in_(current.where(which, snapshots.c.tree_id.is_not(None)))


def _halves(size: ColumnElement[int]) -> tuple[ColumnElement[int], ColumnElement[int]]:
    return func.sum(size.op(">>")(literal(_LOW, Integer))), func.sum(size.op("&")(2**_LOW - 1))
