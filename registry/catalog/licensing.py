"""What bears on licenses, for many models at once: statements now and before, legal texts, facts, bases.

An audit asks about thousands of models and about everything they were made from. Every question here is
a handful of statements for five hundred models, never one for each.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, func, or_, select

from registry.catalog.facts import facts_by_model
from registry.catalog.looks import Key, key_of, of_looks
from registry.catalog.names import chunks, find_ids
from registry.catalog.tables import (
    SHOWN,
    blobs,
    edges,
    files,
    license_claims,
    models,
    snapshots,
    traits,
    trees,
)
from registry.catalog.traits import OF_LOOK, stated_license
from registry.catalog.walking import edges_of, named_edges, plan_by_index
from registry.model.edges import Edge
from registry.model.records import LicenseRecord
from registry.model.snapshot import LicenseClaim, ModelFile

_LEGAL = ("%licen%", "%notice%", "%copying%", "%eula%", "%policy%", "%terms%")
"""Paths worth looking at; what exactly is a legal text the engine decides."""

_Claims = tuple[LicenseClaim, ...]
_History = tuple[tuple[datetime, _Claims], ...]


def license_records(connection: Connection, names: Iterable[str]) -> dict[str, LicenseRecord]:
    """The models of those names and everything they descend from, by present name."""
    plan_by_index(connection)
    asked = find_ids(connection, names)
    bases = _closure(connection, asked.values())
    return _records(connection, sorted(bases), bases)


def license_page(connection: Connection, after: str, limit: int) -> list[str]:
    """The next `limit` tracked models in the order of their names."""
    query = select(models.c.repo_id).where(models.c.tracked, models.c.repo_id > after)
    return list(connection.execute(query.order_by(models.c.repo_id).limit(limit)).scalars())


def _closure(connection: Connection, start: Iterable[int]) -> dict[int, tuple[Edge, ...]]:
    """Every model that can be reached towards bases, with its direct edges."""
    found: dict[int, tuple[Edge, ...]] = {}
    level = sorted(set(start))
    while level:
        above: defaultdict[int, list[Edge]] = defaultdict(list)
        following: set[int] = set()
        for piece in chunks(level):
            rows = connection.execute(named_edges().where(edges.c.derivative_id.in_(piece))).all()
            for row, edge in zip(rows, edges_of(rows), strict=True):
                above[row.derivative_id].append(edge)
                following.add(row.base_id)
        for model_id in level:
            found[model_id] = tuple(sorted(above.get(model_id, ()), key=lambda edge: edge.base))
        level = sorted(following - found.keys())
    return found


def _records(
    connection: Connection, ids: Sequence[int], bases: Mapping[int, tuple[Edge, ...]]
) -> dict[str, LicenseRecord]:
    records: dict[str, LicenseRecord] = {}
    for piece in chunks(ids):
        rows = _model_rows(connection, piece)
        shown = {(row.id, row.shown) for row in rows if row.shown is not None}
        looks = _looks(connection, piece)
        claims = _claims(connection, {*shown, *(key_of(look) for some in looks.values() for look in some)})
        legal = _legal_files(connection, [row.tree_id for row in rows if row.complete])
        facts = facts_by_model(connection, piece)
        for row in rows:
            records[row.repo_id] = LicenseRecord(
                repo_id=row.repo_id,
                known=row.shown is not None,
                tracked=row.tracked,
                removed=row.removed,
                gated=row.gated,
                commit_sha=row.commit_sha,
                created_at=row.created_at,
                task=row.task,
                library=row.library,
                parameters=row.parameters,
                licenses=claims.get((row.id, row.shown), ()),
                files=legal.get(row.tree_id, ()) if row.complete else None,
                history=_history(looks.get(row.id, ()), claims),
                facts=facts.get(row.id, ()),
                bases=bases[row.id],
            )
    return records


def _model_rows(connection: Connection, ids: Sequence[int]) -> Sequence[Row[*tuple[Any, ...]]]:
    return connection.execute(
        select(
            models.c.id,
            models.c.repo_id,
            models.c.tracked,
            models.c.removed,
            models.c.shown,
            traits.c.gated,
            snapshots.c.commit_sha,
            snapshots.c.created_at,
            traits.c.task,
            traits.c.library,
            snapshots.c.parameters,
            snapshots.c.tree_id,
            trees.c.complete,
        )
        .select_from(models)
        .join(snapshots, SHOWN, isouter=True)
        .join(traits, OF_LOOK, isouter=True)
        .join(trees, trees.c.id == snapshots.c.tree_id, isouter=True)
        .where(models.c.id.in_(ids))
        .order_by(models.c.id)
    ).all()


def _looks(connection: Connection, ids: Sequence[int]) -> dict[int, list[Row[*tuple[Any, ...]]]]:
    """The looks that found something, of models looked at more than once by the source whose facts are
    shown; oldest first."""
    several = (
        select(snapshots.c.model_id)
        .where(snapshots.c.model_id.in_(ids))
        .group_by(snapshots.c.model_id)
        .having(func.count() > 1)
    )
    rows = connection.execute(
        select(
            snapshots.c.model_id,
            snapshots.c.number,
            snapshots.c.observed_at,
            snapshots.c.last_seen_at,
            snapshots.c.last_modified,
        )
        .join(models, and_(models.c.id == snapshots.c.model_id, models.c.source == snapshots.c.source))
        .where(snapshots.c.model_id.in_(several), ~snapshots.c.removed)
        .order_by(snapshots.c.observed_at, snapshots.c.number)
    )
    found: defaultdict[int, list[Row[*tuple[Any, ...]]]] = defaultdict(list)
    for row in rows:
        found[row.model_id].append(row)
    return found


def _history(looks: Sequence[Row[*tuple[Any, ...]]], claims: Mapping[Key, _Claims]) -> _History:
    """From when on which statements stood. A commit found on a day has stood since it was made, yet not
    while another was still seen."""
    told: list[tuple[datetime, _Claims]] = []
    before: datetime | None = None
    for look in looks:
        since = look.observed_at
        if look.last_modified is not None:
            since = min(since, look.last_modified if before is None else max(look.last_modified, before))
        said = claims.get(key_of(look), ())
        if not told or told[-1][1] != said:
            told.append((since, said))
        before = look.last_seen_at
    return tuple(told) if len(told) > 1 else ()


def _claims(connection: Connection, keys: Iterable[Key]) -> dict[Key, _Claims]:
    found: defaultdict[Key, list[LicenseClaim]] = defaultdict(list)
    for piece in chunks(sorted(keys)):
        stated = connection.execute(
            select(snapshots.c.model_id, snapshots.c.number, traits.c.license, traits.c.license_by)
            .join(traits, OF_LOOK)
            .where(of_looks(snapshots, piece), traits.c.license_by.is_not(None))
        )
        for model_id, number, license_id, license_by in stated:
            found[model_id, number] += stated_license(license_id, license_by)
        rows = connection.execute(
            select(license_claims)
            .where(of_looks(license_claims, piece))
            .order_by(license_claims.c.model_id, license_claims.c.number, license_claims.c.position)
        )
        for row in rows:
            found[key_of(row)].append(LicenseClaim(row.field, row.value, row.origin))
    return {key: tuple(said) for key, said in found.items()}


def _legal_files(connection: Connection, tree_ids: Iterable[int | None]) -> dict[int, tuple[ModelFile, ...]]:
    found: defaultdict[int, list[ModelFile]] = defaultdict(list)
    for piece in chunks(sorted({tree_id for tree_id in tree_ids if tree_id is not None})):
        rows = connection.execute(
            select(files.c.tree_id, files.c.path, files.c.size, blobs.c.sha256, files.c.git_oid)
            .join(blobs, blobs.c.id == files.c.blob_id, isouter=True)
            .where(files.c.tree_id.in_(piece), _legal())
            .order_by(files.c.tree_id, files.c.position)
        )
        for tree_id, path, size, sha256, git_oid in rows:
            found[tree_id].append(ModelFile(path, size, sha256, git_oid))
    return {tree_id: tuple(listed) for tree_id, listed in found.items()}


def _legal() -> ColumnElement[bool]:
    return or_(*(func.lower(files.c.path).like(pattern) for pattern in _LEGAL))
