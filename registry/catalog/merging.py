"""Two names, one model: renaming, and making one model out of two."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, func, or_, select, update

from registry.catalog.claims import change_claims, claiming, next_position, recompute_edges, spell_name
from registry.catalog.codes import AliasKind
from registry.catalog.evidence import move_evidence
from registry.catalog.found import found_derivatives
from registry.catalog.graphs import bump_lineage
from registry.catalog.looks import key_of, looks_at, next_number, of_look, settle
from registry.catalog.names import by_id, find_or_add, put_alias
from registry.catalog.short import spell_out
from registry.catalog.tables import (
    aliases,
    edge_claims,
    edges,
    models,
    raw_answers,
    snapshots,
    training_facts,
    trees,
)


def rename(connection: Connection, model: Row[Any], name: str, at: datetime) -> None:
    """Give a model a new name that no other model has; the old one becomes an alias."""
    connection.execute(delete(aliases).where(aliases.c.name == name))
    spell_name(connection, model.id, model.repo_id)
    connection.execute(update(models).where(models.c.id == model.id).values(repo_id=name))
    put_alias(connection, model.repo_id, model.id, AliasKind.RENAME, at)
    # The text sources use now differs from the base's name, which an edge says.
    recompute_edges(connection, claiming(connection, model.id) | {model.id})


def merge(connection: Connection, old_id: int, into_id: int, kind: AliasKind, at: datetime | None) -> None:
    """Make the model `old_id` a name of `into_id`: whatever is known of either is known of the one."""
    old, into = by_id(connection, old_id), by_id(connection, into_id)
    spell_out(connection, [old_id, into_id])
    affected = (claiming(connection, old_id) | found_derivatives(connection, old_id) | {into_id}) - {old_id}
    bump_lineage(connection)
    # While the edges are there they tell which claims there are.
    spell_name(connection, old_id, old.repo_id)
    change_claims(connection, old_id, {"base_id": into_id})
    connection.execute(delete(edges).where(or_(edges.c.base_id == old_id, edges.c.derivative_id == old_id)))
    _move_statements(connection, old_id, into_id)
    move_evidence(connection, old_id, into_id)
    both = models.c.id.in_([old_id, into_id])
    connection.execute(update(models).where(both).values(shown=None))
    _move_trees(connection, old_id, into_id)
    _move_looks(connection, old_id, into_id)
    connection.execute(update(aliases).where(aliases.c.model_id == old_id).values(model_id=into_id))
    values = {
        "tracked": old.tracked or into.tracked,
        "downloads": old.downloads if into.downloads is None else into.downloads,
        "likes": old.likes if into.likes is None else into.likes,
    }
    connection.execute(delete(models).where(models.c.id == old_id))
    if into.hub_id is None and old.hub_id is not None:
        values["hub_id"] = old.hub_id
    connection.execute(update(models).where(models.c.id == into_id).values(**values))
    put_alias(connection, old.repo_id, into_id, kind, at)
    _fold_twins(connection, into_id)
    settle(connection, into_id)
    recompute_edges(connection, affected)


def split_off(connection: Connection, name: str, model_id: int) -> int:
    """Undo an alias: `name` is a model of its own after all. What claims called by that name moves to it."""
    connection.execute(delete(aliases).where(aliases.c.name == name))
    own_id = find_or_add(connection, [name])[name]
    called = func.coalesce(edge_claims.c.named, edge_claims.c.declared) == name
    moved = claiming(connection, model_id)
    change_claims(connection, model_id, {"base_id": own_id}, called)
    recompute_edges(connection, moved)
    return own_id


def _move_statements(connection: Connection, old_id: int, into_id: int) -> None:
    """Claims and facts about the old model. Where both were told by one source, the survivor's stand."""
    told = select(snapshots.c.source).where(snapshots.c.model_id == into_id).distinct()
    for table, owner in ((edge_claims, "derivative_id"), (training_facts, "model_id")):
        mine = table.c[owner] == old_id
        connection.execute(update(table).where(mine, table.c.told_by.in_(told)).values(current=False))
        moved: dict[str, Any] = {owner: into_id}
        if table is edge_claims:
            moved["position"] = edge_claims.c.position + next_position(connection, into_id)
        connection.execute(update(table).where(mine).values(**moved))


def _fold_twins(connection: Connection, model_id: int) -> None:
    """Make one of two looks through one source that follow each other and found the same."""
    last: dict[str, Row[Any]] = {}
    for look in looks_at(connection, model_id):
        twin = last.get(look.source)
        if twin is not None and twin.digest == look.digest:
            first = min(twin.observed_at, look.observed_at)
            this, other = key_of(look), key_of(twin)
            connection.execute(update(snapshots).where(of_look(snapshots, this)).values(observed_at=first))
            kinds = select(raw_answers.c.kind).where(of_look(raw_answers, this)).scalar_subquery()
            only_there = of_look(raw_answers, other) & raw_answers.c.kind.not_in(kinds)
            connection.execute(update(raw_answers).where(only_there).values(number=look.number))
            connection.execute(delete(snapshots).where(of_look(snapshots, other)))
        last[look.source] = look


def _move_looks(connection: Connection, old_id: int, into_id: int) -> None:
    """Number the looks at the old model behind those at the other; what hangs on them follows."""
    first = next_number(connection, into_id)
    connection.execute(
        update(snapshots)
        .where(snapshots.c.model_id == old_id)
        .values(model_id=into_id, number=snapshots.c.number + first)
    )


def _move_trees(connection: Connection, old_id: int, into_id: int) -> None:
    kept = trees.alias("kept")
    twins = connection.execute(
        select(trees.c.id, kept.c.id)
        .join(kept, (kept.c.model_id == into_id) & (kept.c.commit_sha == trees.c.commit_sha))
        .where(trees.c.model_id == old_id)
    ).all()
    for tree_id, kept_id in twins:
        connection.execute(update(snapshots).where(snapshots.c.tree_id == tree_id).values(tree_id=kept_id))
        connection.execute(delete(trees).where(trees.c.id == tree_id))
    connection.execute(update(trees).where(trees.c.model_id == old_id).values(model_id=into_id))
