"""What models weigh and how they were made, for many at once: sizes, stored numbers, facts, bases.

Like the records of licenses, a page of models is a handful of statements, never one for each model.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from types import MappingProxyType

from sqlalchemy import Connection, func, select

from registry.catalog.facts import facts_by_model
from registry.catalog.names import chunks, find_ids
from registry.catalog.reading import brief_of, brief_query, numbers_of
from registry.catalog.tables import edges, models, snapshots, trees
from registry.catalog.walking import edges_of, named_edges, plan_by_index
from registry.model.edges import Edge, Relation
from registry.model.records import Holding, Sizes

_SIZES = (
    trees.c.files,
    trees.c.unsized_files,
    trees.c.logical_bytes,
    trees.c.unique_bytes,
    trees.c.weight_bytes,
    trees.c.copy_bytes,
)
_HOLDING = brief_query(models.c.id, snapshots.c.used_storage, *_SIZES)


def holdings(connection: Connection, names: Iterable[str]) -> dict[str, Holding]:
    """The models of those names, by present name; unknown names are missing."""
    ids = sorted(set(find_ids(connection, names).values()))
    return {name: holding for piece in chunks(ids) for name, holding in _page(connection, piece).items()}


def holdings_after(connection: Connection, after: str, limit: int) -> dict[str, Holding]:
    """The next `limit` tracked models in the order of their names."""
    page = select(models.c.id).where(models.c.tracked, models.c.repo_id > after)
    ids = connection.execute(page.order_by(models.c.repo_id).limit(limit)).scalars()
    return {name: holding for piece in chunks(ids) for name, holding in _page(connection, piece).items()}


def derivative_counts(connection: Connection, names: Iterable[str]) -> dict[str, dict[Relation, int]]:
    """How many direct derivatives of each kind models have, by present name."""
    plan_by_index(connection)
    found: defaultdict[str, dict[Relation, int]] = defaultdict(dict)
    for piece in chunks(sorted(set(find_ids(connection, names).values()))):
        rows = connection.execute(
            select(models.c.repo_id, edges.c.relation, func.count())
            .join(edges, edges.c.base_id == models.c.id)
            .where(models.c.id.in_(piece))
            .group_by(models.c.repo_id, edges.c.relation)
        )
        for name, relation, count in sorted(tuple(row) for row in rows):
            found[name][relation] = count
    return dict(found)


def _page(connection: Connection, ids: Sequence[int]) -> dict[str, Holding]:
    plan_by_index(connection)
    rows = connection.execute(_HOLDING.where(models.c.id.in_(ids)).order_by(models.c.repo_id)).all()
    numbers = numbers_of(connection, [row.id for row in rows])
    facts = facts_by_model(connection, ids)
    bases = _bases(connection, ids)
    found = {}
    for row in rows:
        files, *sizes = tuple(row)[-len(_SIZES) :]
        found[row.repo_id] = Holding(
            brief=brief_of(row),
            sizes=None if files is None else Sizes(files, *sizes),
            hub_used_bytes=row.used_storage,
            by_dtype=MappingProxyType(numbers.get(row.id, {})),
            facts=facts.get(row.id, ()),
            bases=bases.get(row.id, ()),
        )
    return found


def _bases(connection: Connection, ids: Sequence[int]) -> dict[int, tuple[Edge, ...]]:
    found: defaultdict[int, list[Edge]] = defaultdict(list)
    rows = connection.execute(named_edges().where(edges.c.derivative_id.in_(ids))).all()
    for row, edge in zip(rows, edges_of(rows), strict=True):
        found[row.derivative_id].append(edge)
    return {model_id: tuple(sorted(some, key=lambda edge: edge.base)) for model_id, some in found.items()}
