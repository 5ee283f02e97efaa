"""Which model a snapshot is of: by exact name, by alias, or by the Hub's own id, which outlives a rename.

Two models become one only when a source says so: by the same Hub id, by an alias it tells, or through
`adopt_case_variants`. Never because two names look alike.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, func, select, update

from registry.catalog.codes import AliasKind
from registry.catalog.merging import merge, rename, split_off
from registry.catalog.names import alias_of, by_hub_id, by_id, by_name, find_or_add, put_alias
from registry.catalog.tables import aliases, models
from registry.model.refs import SourceName
from registry.model.snapshot import ModelSnapshot

_DROP_ALIAS = delete(aliases).where(aliases.c.name == bindparam("old"))


def locate(connection: Connection, snapshot: ModelSnapshot) -> int:
    """The model `snapshot` is of, under the name it says is current; a new one when there is none."""
    exact = by_name(connection, snapshot.repo_id)
    known = exact is not None and exact.hub_id == snapshot.hub_id
    twin = None if snapshot.hub_id is None or known else by_hub_id(connection, snapshot.hub_id)
    if twin is not None:
        return _renamed(connection, snapshot, twin, exact)
    if exact is None:
        exact = by_id(connection, _by_alias(connection, snapshot))
    else:
        # A name is a model's own or another's alias, never both.
        connection.execute(_DROP_ALIAS, {"old": snapshot.repo_id})
    if snapshot.hub_id is not None and not known:
        _know_by(connection, exact, snapshot)
    return int(exact.id)


def tell_aliases(connection: Connection, model_id: int, snapshot: ModelSnapshot) -> None:
    """Record the other names a source gives a model. What was known under such a name is merged into it,
    unless that is a repository of its own."""
    for name in snapshot.aliases:
        other = by_name(connection, name)
        if other is not None:
            if other.id != model_id and _may_absorb(connection, model_id, other, snapshot):
                merge(connection, other.id, model_id, AliasKind.SOURCE, snapshot.observed_at)
            continue
        known = alias_of(connection, name)
        if known is None or known.model_id != model_id:
            put_alias(connection, name, model_id, AliasKind.SOURCE, snapshot.observed_at)
            if known is not None:
                # Claims that called the other model by this name mean this one.
                _redirect(connection, name, known.model_id, model_id, snapshot)


def adopt_case_variants(connection: Connection) -> int:
    """Merge each Hub model that is only named as a base into the one observed model whose name differs
    from it by letter case alone. Where several do, nobody can tell and nothing is done."""
    # The few stubs are put together first, indexed on the way; then all models are gone through once.
    stub = (
        select(models.c.id, func.lower(models.c.repo_id).label("folded"))
        .where(models.c.shown.is_(None), models.c.source == SourceName.HUB)
        .cte("stub")
        .prefix_with("MATERIALIZED")
    )
    real = models.alias("real")
    pairs = connection.execute(
        select(stub.c.id, func.min(real.c.id))
        .join(stub, stub.c.folded == func.lower(real.c.repo_id))
        .where(real.c.shown.is_not(None))
        .group_by(stub.c.id)
        .having(func.count() == 1)
        .order_by(stub.c.id)
    ).all()
    for stub_id, real_id in pairs:
        merge(connection, stub_id, real_id, AliasKind.CASE, None)
    return len(pairs)


def _renamed(connection: Connection, snapshot: ModelSnapshot, twin: Row[Any], exact: Row[Any] | None) -> int:
    """The Hub id is known under another name than the one told now."""
    if twin.seen_at is not None and snapshot.observed_at < twin.seen_at:
        # An older look: its name is a former one.
        if exact is None:
            put_alias(connection, snapshot.repo_id, twin.id, AliasKind.RENAME, snapshot.observed_at)
        elif exact.hub_id is None:
            merge(connection, exact.id, twin.id, AliasKind.RENAME, snapshot.observed_at)
        return int(twin.id)
    if exact is None:
        rename(connection, twin, snapshot.repo_id, snapshot.observed_at)
        return int(twin.id)
    if exact.hub_id is None:
        merge(connection, exact.id, twin.id, AliasKind.SOURCE, snapshot.observed_at)
        rename(connection, twin, snapshot.repo_id, snapshot.observed_at)
        return int(twin.id)
    # The name belonged to a repository that is gone. Its history goes on under the name people know; the
    # other model keeps its own until a source says where that name leads now.
    connection.execute(update(models).where(models.c.id == twin.id).values(hub_id=None))
    connection.execute(update(models).where(models.c.id == exact.id).values(hub_id=snapshot.hub_id))
    return int(exact.id)


def _by_alias(connection: Connection, snapshot: ModelSnapshot) -> int:
    """No model has that name: one that has it as an alias, or a new one."""
    known = alias_of(connection, snapshot.repo_id)
    if known is None:
        return find_or_add(connection, [snapshot.repo_id])[snapshot.repo_id]
    model = by_id(connection, known.model_id)
    on_hub = snapshot.source is SourceName.HUB
    other = snapshot.hub_id is not None and model.hub_id is not None and model.hub_id != snapshot.hub_id
    if other or (on_hub and known.kind == AliasKind.CASE):
        return split_off(connection, snapshot.repo_id, model.id)
    return int(model.id)


def _know_by(connection: Connection, model: Row[Any], snapshot: ModelSnapshot) -> None:
    """Remember the Hub's id. Another one under the same name means the repository was made anew."""
    late = model.seen_at is not None and snapshot.observed_at < model.seen_at
    if model.hub_id != snapshot.hub_id and not (late and model.hub_id is not None):
        connection.execute(update(models).where(models.c.id == model.id).values(hub_id=snapshot.hub_id))


def _may_absorb(connection: Connection, model_id: int, other: Row[Any], snapshot: ModelSnapshot) -> bool:
    """Whether the model `other` may become a mere name of the one at hand."""
    hub_id = by_id(connection, model_id).hub_id
    if other.hub_id is not None and hub_id is not None:
        return bool(other.hub_id == hub_id)
    # A publication or a file of ours does not take a repository its name.
    return snapshot.source is SourceName.HUB or other.shown is None


def _redirect(connection: Connection, name: str, from_id: int, to_id: int, snapshot: ModelSnapshot) -> None:
    own_id = split_off(connection, name, from_id)
    if own_id != to_id:
        merge(connection, own_id, to_id, AliasKind.SOURCE, snapshot.observed_at)
