"""The lineage of the whole catalog as one graph, kept beside the edges it is made from.

The edges are the truth. Whoever changes one calls `bump_lineage` in the same transaction, which counts a
version up; the graph carries the version it was made from, and one of another version is made anew by the
next question that needs it, never by a writer. It is kept for the next process when nobody is in the way:
a graph that cannot be written is still a right answer.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable
from contextlib import closing, suppress
from itertools import chain
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Integer, and_, bindparam, delete, insert, or_, select, text, type_coerce
from sqlalchemy.dialects import postgresql, sqlite

from registry.catalog.codes import RELATION
from registry.catalog.engine import Database, connect
from registry.catalog.tables import edge_claims, edges, lineage_graphs, models
from registry.errors import CatalogError
from registry.lineage.graph import Orphan
from registry.model.edges import Relation

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from registry.lineage.csr import LineageGraph

_COUNTER = "edges"
_HEAD = "head"
_FORMAT = 1
"""Of the arrays and of what their numbers mean."""

_PIECE = 4 << 20
"""Bytes per row; databases bound how large a value may be."""

_PATIENCE = 1.0
"""Seconds to wait for a writer before a graph is left for the next process to make."""

_ID_BITS = 30
_CODE_BITS = 3

_RELATIONS = [Relation(word) for word in RELATION.words]

_VERSION = select(lineage_graphs.c.version).where(lineage_graphs.c.name == _COUNTER)
_PIECES = (
    select(lineage_graphs.c.data)
    .where(lineage_graphs.c.name == bindparam("name"), lineage_graphs.c.version == bindparam("version"))
    .order_by(lineage_graphs.c.piece)
)


def bump_lineage(connection: Connection) -> None:
    """Say that edges change in this transaction; graphs made before it are out of date once it is kept."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    first = dialect.insert(lineage_graphs).values(name=_COUNTER, piece=0, version=1, data=b"")
    connection.execute(
        first.on_conflict_do_update(
            index_elements=["name", "piece"], set_={"version": lineage_graphs.c.version + 1}
        )
    )


def lineage_version(connection: Connection) -> int:
    """How often the edges changed."""
    return int(connection.execute(_VERSION).scalar_one_or_none() or 0)


def current_graph(database: Database, held: LineageGraph | None = None) -> LineageGraph:
    """The graph of the edges as they are now: `held` if it still is, else the one kept, else a new one."""
    found = database.read(lambda c: _held_or_kept(c, held))
    if found is None:
        found = database.read(make_graph)
        made = found
        with suppress(CatalogError), closing(connect(database.location, busy_timeout=_PATIENCE)) as patient:
            patient.write(lambda c: keep_graph(c, made))
    return found


def _held_or_kept(connection: Connection, held: LineageGraph | None) -> LineageGraph | None:
    version = lineage_version(connection)
    return held if held is not None and held.version == version else kept_graph(connection, version)


def make_graph(connection: Connection) -> LineageGraph:
    """Read every edge between models and put the graph together."""
    from registry.lineage.csr import LineageGraph

    version = lineage_version(connection)
    read = _edges_from_server if connection.dialect.name == "postgresql" else _edges_from_file
    return LineageGraph.of(version, *read(connection))


def keep_graph(connection: Connection, graph: LineageGraph) -> None:
    """Store a graph, unless edges have changed since or another process has stored it already."""
    import numpy as np

    if lineage_version(connection) != graph.version or kept_graph(connection, graph.version) is not None:
        return
    ids: Any = graph.ids if len(graph.ids) and graph.ids[-1] >= 1 << 31 else graph.ids.astype(np.int32)
    arrays = {"ids": ids, "starts": graph.down.starts, "derivatives": graph.down.targets}
    stored = {name: array.tobytes() for name, array in (*arrays.items(), ("relations", graph.relations))}
    head = {
        "format": _FORMAT,
        "wide": ids.itemsize > 4,
        "checks": {name: zlib.crc32(data) for name, data in stored.items()},
    }
    stored[_HEAD] = json.dumps(head).encode()
    connection.execute(delete(lineage_graphs).where(lineage_graphs.c.name != _COUNTER))
    connection.execute(
        insert(lineage_graphs),
        [
            {"name": name, "piece": piece, "version": graph.version, "data": data[at : at + _PIECE]}
            for name, data in stored.items()
            for piece, at in enumerate(range(0, len(data), _PIECE))
        ],
    )


def kept_graph(connection: Connection, version: int) -> LineageGraph | None:
    """The graph of that version as stored; `None` when there is none, or what there is has been damaged."""
    import numpy as np

    from registry.lineage.csr import LineageGraph, Rows

    def stored(name: str) -> bytes:
        return b"".join(connection.execute(_PIECES, {"name": name, "version": version}).scalars())

    try:
        described = json.loads(stored(_HEAD) or b"{}")
        if described.get("format") != _FORMAT:
            return None
        types = {"ids": np.int64 if described["wide"] else np.int32, "relations": np.uint8}
        arrays: dict[str, NDArray[Any]] = {}
        for name, check in described["checks"].items():
            data = stored(name)
            if zlib.crc32(data) != check:
                return None
            arrays[name] = np.frombuffer(data, types.get(name, np.int32))
        down = Rows(arrays["starts"], arrays["derivatives"])
        graph = LineageGraph(version, arrays["ids"], down, arrays["relations"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return graph if graph.is_sound() else None


def names_by_id(connection: Connection, model_ids: Iterable[int]) -> dict[int, str]:
    """The present names of models, of a few or of most."""
    query = f"SELECT id, repo_id FROM models WHERE {listed(connection, 'id', 'ids')}"  # noqa: S608 - ours
    # Drivers give all rows at once for a fraction of what they take one by one.
    rows = connection.execute(text(query), {"ids": listing(connection, model_ids)}).all()
    return {model_id: name for model_id, name in rows}  # noqa: C416 - rows are no plain tuples


def orphans(connection: Connection) -> list[Orphan]:
    """Derivatives whose base is removed or was never read, and claims that name no model we can tell."""
    base, derivative = models.alias("base"), models.alias("derivative")
    unread = and_(base.c.seen_at.is_(None), ~base.c.tracked)
    gone = (
        select(derivative.c.repo_id, base.c.repo_id, edges.c.relation, base.c.removed)
        .join(base, base.c.id == edges.c.base_id)
        .join(derivative, derivative.c.id == edges.c.derivative_id)
        .where(or_(base.c.removed, unread), edges.c.relation != Relation.TRAINED_ON)
    )
    untold = (
        select(derivative.c.repo_id, edge_claims.c.declared, edge_claims.c.relation)
        .join(derivative, derivative.c.id == edge_claims.c.derivative_id)
        .where(edge_claims.c.base_id.is_(None), edge_claims.c.current, ~edge_claims.c.denied)
        .where(edge_claims.c.declared != "", edge_claims.c.relation != Relation.TRAINED_ON)
        .distinct()
    )
    found = [
        Orphan(name, its, relation, "removed" if removed else "unread")
        for name, its, relation, removed in connection.execute(gone)
    ]
    found += [Orphan(name, said, relation, "unknown") for name, said, relation in connection.execute(untold)]
    return sorted(found, key=lambda one: (one.derivative, one.base, one.why, one.relation))


def listed(connection: Connection, column: str, name: str) -> str:
    """The condition that a column holds one of the numbers of the parameter `name`, of any length."""
    if connection.dialect.name == "postgresql":
        return f"{column} = ANY(CAST(:{name} AS bigint[]))"
    return f"{column} IN (SELECT value FROM json_each(:{name}))"  # noqa: S608 - ours


def listing(connection: Connection, numbers: Iterable[int]) -> str:
    """The numbers as that parameter wants them: one text, ten times as fast as a driver's lists; in order,
    which databases read best."""
    text = json.dumps(sorted(numbers))
    return f"{{{text[1:-1]}}}" if connection.dialect.name == "postgresql" else text


def _codes(numbers: NDArray[Any]) -> NDArray[Any]:
    """Relations as the graph numbers them, from how the catalog does."""
    import numpy as np

    from registry.lineage.csr import RELATIONS

    codes = [RELATIONS.index(one) if one in RELATIONS else len(RELATIONS) for one in _RELATIONS]
    return np.take(np.array(codes, np.uint8), numbers)


def _edges_from_file(connection: Connection) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """All edges through the driver, which is four times as fast as through rows with names, each as one
    number, which is faster still; in the order of the index that covers them."""
    import numpy as np

    top = connection.exec_driver_sql("SELECT max((SELECT max(id) FROM models), 0)").scalar_one()
    if int(top or 0) >= 1 << _ID_BITS:
        raise CatalogError(f"the lineage of more than {1 << _ID_BITS:,} models does not fit into a graph")
    shifted = edges.c.base_id * (1 << _ID_BITS + _CODE_BITS) + edges.c.derivative_id * (1 << _CODE_BITS)
    query = (
        select(shifted + type_coerce(edges.c.relation, Integer))
        .where(edges.c.relation != Relation.TRAINED_ON)
        .order_by(edges.c.base_id, edges.c.derivative_id)
    )
    said = str(query.compile(connection, compile_kwargs={"literal_binds": True}))
    driver = connection.connection.driver_connection
    assert driver is not None
    packed = np.fromiter(chain.from_iterable(driver.execute(said)), np.int64)
    return (
        packed >> (_ID_BITS + _CODE_BITS),
        (packed >> _CODE_BITS) & ((1 << _ID_BITS) - 1),
        _codes(packed & ((1 << _CODE_BITS) - 1)),
    )


_PACKED = f"""
    SELECT string_agg(int8send(base_id), ''), string_agg(int8send(derivative_id), ''),
           string_agg(int2send(relation), '')
    FROM edges WHERE relation <> {RELATION.number(Relation.TRAINED_ON)} GROUP BY derivative_id / 1000000
"""  # noqa: S608 - ours


def _edges_from_server(connection: Connection) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """All edges, which the server packs into a few long values."""
    import numpy as np

    connection.execute(text("SET LOCAL jit = off"))
    rows = connection.exec_driver_sql(_PACKED).all()
    columns = [b"".join(row[number] for row in rows) for number in range(3)]
    bases, derivatives = (np.frombuffer(column, ">i8").astype(np.int64) for column in columns[:2])
    return bases, derivatives, _codes(np.frombuffer(columns[2], ">i2"))
