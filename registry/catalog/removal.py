"""Taking models out. What somebody was made from stays, as a referenced model."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, delete, or_, select, update

from registry.catalog.claims import claiming
from registry.catalog.found import found_bases
from registry.catalog.graphs import bump_lineage
from registry.catalog.names import by_name
from registry.catalog.tables import edge_claims, edges, files, models, training_facts, trees
from registry.catalog.trees import sweep_blobs
from registry.errors import NotInCatalog


def remove(connection: Connection, repo_id: str) -> bool:
    """Take a model out. True: it is gone, and with it every base nobody names any more and nobody added.
    False: it is somebody's base and only no longer tracked; what is known of it stays."""
    model = by_name(connection, repo_id)
    if model is None:
        raise NotInCatalog(f"{repo_id} is not in the catalog")
    if _is_base(connection, model.id):
        connection.execute(update(models).where(models.c.id == model.id).values(tracked=False))
        return False
    doubtful = _drop(connection, model.id)
    while doubtful:
        base_id = doubtful.pop()
        if _is_idle(connection, base_id):
            doubtful |= _drop(connection, base_id)
    return True


def _is_base(connection: Connection, model_id: int) -> bool:
    """Whether another model has it as a base, by an edge or by a claim ever made."""
    return bool(claiming(connection, model_id) - {model_id})


def _is_idle(connection: Connection, model_id: int) -> bool:
    """Nobody's base, added by nobody, and nothing was said of it by hand."""
    tracked = connection.execute(select(models.c.tracked).where(models.c.id == model_id)).scalar_one_or_none()
    if tracked is not False or _is_base(connection, model_id):
        return False
    by_hand = or_(
        select(edge_claims.c.position)
        .where(edge_claims.c.derivative_id == model_id, edge_claims.c.told_by.is_(None))
        .exists(),
        select(training_facts.c.id)
        .where(training_facts.c.model_id == model_id, training_facts.c.told_by.is_(None))
        .exists(),
    )
    return not connection.execute(select(by_hand)).scalar_one()


def _drop(connection: Connection, model_id: int) -> set[int]:
    """Delete a model that is no base; returns the models it had as bases."""
    bases = {*_base_ids(connection, model_id), *found_bases(connection, model_id)} - {model_id}
    blob_ids = connection.execute(
        select(files.c.blob_id)
        .join(trees, trees.c.id == files.c.tree_id)
        .where(trees.c.model_id == model_id, files.c.blob_id.is_not(None))
        .distinct()
    ).scalars()
    contents = sorted(blob_ids)
    bump_lineage(connection)
    for table in (edges, edge_claims):
        connection.execute(delete(table).where(table.c.derivative_id == model_id))
    connection.execute(update(models).where(models.c.id == model_id).values(shown=None))
    connection.execute(delete(models).where(models.c.id == model_id))
    sweep_blobs(connection, contents)
    return bases


def _base_ids(connection: Connection, model_id: int) -> Iterable[int]:
    return connection.execute(
        select(edge_claims.c.base_id)
        .where(edge_claims.c.derivative_id == model_id, edge_claims.c.base_id.is_not(None))
        .distinct()
    ).scalars()
