"""Looks for what must never be in a catalog. Each check is one question; each answer says how to mend it."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice
from typing import Any

from sqlalchemy import Column, Connection, Select, and_, exists, func, or_, select

from registry.catalog.claims import edges_and_wanted
from registry.catalog.engine import Database
from registry.catalog.evidence import misfits
from registry.catalog.looks import of_look_in, unpack
from registry.catalog.names import chunks, names_of
from registry.catalog.prints import damaged
from registry.catalog.tables import (
    SHOWN,
    aliases,
    blobs,
    details,
    edge_claims,
    files,
    license_claims,
    models,
    parameter_counts,
    raw_answers,
    snapshots,
    traits,
    trees,
)
from registry.catalog.tags import check_tags
from registry.catalog.traits import OF_LOOK
from registry.errors import CatalogDamaged
from registry.model.records import Problem

_MOST = 100
"""Problems told per check; a broken catalog need not print a million lines."""

_RESTORE = "restore a backup, or move the catalog away and add the models again"


def check(database: Database) -> list[Problem]:
    """Every broken invariant, at most a hundred of each kind; empty when the catalog is whole."""
    found: list[Problem] = []
    for question in _QUESTIONS:
        try:
            found += database.read(partial(_first, question))
        except CatalogDamaged as error:
            return [*found, Problem("damaged", error.message, mend=_RESTORE)]
    return found


def _first(question: Callable[[Connection], Iterable[Problem]], connection: Connection) -> list[Problem]:
    return list(islice(question(connection), _MOST))


def _pages(connection: Connection) -> Iterator[Problem]:
    if connection.dialect.name == "sqlite":
        for (said,) in connection.exec_driver_sql(f"PRAGMA integrity_check({_MOST})"):
            if said != "ok":
                yield Problem("damaged", f"the database file is damaged: {said}", mend=_RESTORE)


def _references(connection: Connection) -> Iterator[Problem]:
    if connection.dialect.name == "sqlite":
        for table, row, target, _ in connection.exec_driver_sql("PRAGMA foreign_key_check"):
            message = f"row {row} of {table} refers to a row of {target} that does not exist"
            yield Problem("dangling-reference", message, mend=_RESTORE)


def _bases(connection: Connection) -> Iterator[Problem]:
    base, model = models.alias("base"), models.alias("model")
    query = (
        select(model.c.repo_id)
        .join(edge_claims, edge_claims.c.derivative_id == model.c.id)
        .join(base, base.c.id == edge_claims.c.base_id, isouter=True)
        .where(edge_claims.c.base_id.is_not(None), base.c.id.is_(None))
        .distinct()
        .order_by(model.c.repo_id)
    )
    for name in connection.execute(query).scalars():
        yield Problem("dangling-reference", f"{name} claims a base that is gone", (name,), _anew(name))


def _shown_snapshots(connection: Connection) -> Iterator[Problem]:
    dangling = select(models.c.repo_id).where(models.c.shown.is_not(None), ~exists().where(SHOWN))
    for name in connection.execute(dangling.order_by(models.c.repo_id)).scalars():
        yield Problem("dangling-reference", f"{name} shows a snapshot that is gone", (name,), _refresh(name))
    has_some = exists().where(snapshots.c.model_id == models.c.id)
    unsettled = select(models.c.repo_id).where(models.c.shown.is_(None), has_some)
    for name in connection.execute(unsettled.order_by(models.c.repo_id)).scalars():
        yield Problem("no-shown-snapshot", f"{name} shows none of its snapshots", (name,), _refresh(name))


def _tracked(connection: Connection) -> Iterator[Problem]:
    bare = ~exists().where(snapshots.c.model_id == models.c.id)
    query = select(models.c.repo_id).where(models.c.tracked, bare).order_by(models.c.repo_id)
    for name in connection.execute(query).scalars():
        message = f"{name} is tracked, but nothing is known of it"
        yield Problem("tracked-without-snapshot", message, (name,), _refresh(name))


def _names(connection: Connection) -> Iterator[Problem]:
    owner = models.alias("owner")
    query = (
        select(aliases.c.name, owner.c.repo_id)
        .join(models, models.c.repo_id == aliases.c.name)
        .join(owner, owner.c.id == aliases.c.model_id)
        .order_by(aliases.c.name)
    )
    for name, means in connection.execute(query):
        message = f"{name} is a model and also an alias of {means}"
        yield Problem("alias-of-a-model", message, (name, means), _refresh(name))


def _edges(connection: Connection) -> Iterator[Problem]:
    ids = connection.execute(select(models.c.id).order_by(models.c.id)).scalars().all()
    for piece in chunks(ids):
        present, wanted = edges_and_wanted(connection, piece)
        for pair in sorted(present.keys() | wanted.keys()):
            if present.get(pair) == wanted.get(pair):
                continue
            names = names_of(connection, pair)
            derivative, base = (names.get(one, f"#{one}") for one in pair)
            if pair not in wanted:
                code, said = "edge-without-claim", "is there although no current claim supports it"
            elif pair not in present:
                code, said = "claim-without-edge", "is missing although it is claimed"
            else:
                code, said = "edge-differs", "is not what its claims add up to"
            message = f"the edge from {derivative} to {base} {said}"
            yield Problem(code, message, (derivative, base), _refresh(derivative))


def _claims_twice(connection: Connection) -> Iterator[Problem]:
    base = models.alias("base")
    declared = func.coalesce(edge_claims.c.declared, base.c.repo_id)
    named = func.coalesce(edge_claims.c.named, declared)
    told = ("derivative_id", "told_by", "origin", "base_id", "relation", "denied")
    query = (
        select(models.c.repo_id, declared, func.count())
        .join(models, models.c.id == edge_claims.c.derivative_id)
        .join(base, base.c.id == edge_claims.c.base_id, isouter=True)
        .where(edge_claims.c.current)
        .group_by(models.c.repo_id, declared, named, *(edge_claims.c[name] for name in told))
        .having(func.count() > 1)
        .order_by(models.c.repo_id, declared)
    )
    for name, declared, times in connection.execute(query):
        message = f"{name} claims {declared!r} {times} times in the same words"
        yield Problem("duplicate-claim", message, (name,), _anew(name))


def _snapshots_twice(connection: Connection) -> Iterator[Problem]:
    """Of one source, two neighbours in time that say the same should have been one."""
    before = func.lag(snapshots.c.digest).over(
        partition_by=(snapshots.c.model_id, snapshots.c.source),
        order_by=(snapshots.c.last_seen_at, snapshots.c.number),
    )
    marked = select(snapshots.c.model_id, snapshots.c.digest, before.label("before")).subquery()
    query = (
        select(models.c.repo_id)
        .join(marked, marked.c.model_id == models.c.id)
        .where(marked.c.digest == marked.c.before)
        .distinct()
        .order_by(models.c.repo_id)
    )
    for name in connection.execute(query).scalars():
        message = f"{name} has the same snapshot twice in a row"
        yield Problem("duplicate-snapshot", message, (name,), _anew(name))


def _short_forms(connection: Connection) -> Iterator[Problem]:
    """What a look leaves to its source's claims must be those claims: it is the newest of its source."""
    later = snapshots.alias("later")
    newer = (
        exists()
        .where(
            later.c.model_id == snapshots.c.model_id,
            later.c.source == snapshots.c.source,
            ~later.c.removed,
            or_(
                later.c.last_seen_at > snapshots.c.last_seen_at,
                and_(later.c.last_seen_at == snapshots.c.last_seen_at, later.c.number > snapshots.c.number),
            ),
        )
        .correlate(snapshots)
    )
    odd = or_(newer, snapshots.c.removed, snapshots.c.bases.is_not(None), snapshots.c.tree_id.is_not(None))
    for name in connection.execute(_of_snapshots().where(snapshots.c.digest.is_(None), odd)).scalars():
        message = f"{name} has a snapshot in short form that others came after"
        yield Problem("short-form", message, (name,), _anew(name))


def _license_forms(connection: Connection) -> Iterator[Problem]:
    spelled = exists().where(of_look_in(license_claims))
    odd = (
        _of_snapshots()
        .join(traits, OF_LOOK)
        .where(traits.c.license_by.is_not(None), or_(traits.c.license.is_(None), spelled))
    )
    for name in connection.execute(odd).scalars():
        yield Problem("license-twice", f"{name} states its license in two ways", (name,), _anew(name))


def _times(connection: Connection) -> Iterator[Problem]:
    query = _of_snapshots().where(snapshots.c.observed_at > snapshots.c.last_seen_at)
    for name in connection.execute(query).scalars():
        message = f"{name} has a snapshot last seen before it was first seen"
        yield Problem("time-order", message, (name,), _anew(name))


def _parameters(connection: Connection) -> Iterator[Problem]:
    """Where several types are counted and no rule gives the logical count, their sum is shown; where the look
    itself tells what it shows, nothing else does."""
    stored = (
        select(func.sum(parameter_counts.c.elements)).where(of_look_in(parameter_counts)).scalar_subquery()
    )
    itself = or_(traits.c.parameters_logical, traits.c.parameters_dtype.is_not(None))
    odd = or_(
        and_(~itself, snapshots.c.parameters.is_distinct_from(stored)),
        and_(or_(itself, traits.c.parameters_served), snapshots.c.parameters.is_(None)),
        and_(traits.c.parameters_dtype.is_not(None), stored.is_not(None)),
        and_(traits.c.parameters_served, snapshots.c.served_parameters.is_not(None)),
    )
    query = _of_snapshots().join(traits, OF_LOOK).where(odd)
    for name in connection.execute(query).scalars():
        message = f"the parameters of {name} are not the sum of its dtypes"
        yield Problem("parameter-sum", message, (name,), _anew(name))


def _trees(connection: Connection) -> Iterator[Problem]:
    foreign = _of_snapshots().join(trees, trees.c.id == snapshots.c.tree_id)
    for name in connection.execute(foreign.where(trees.c.model_id != snapshots.c.model_id)).scalars():
        yield Problem("foreign-files", f"{name} shows another model's files", (name,), _anew(name))
    found = (
        select(
            trees.c.id,
            func.count(files.c.position).label("files"),
            func.sum(files.c.size).label("size"),
            func.count(files.c.size).label("sized"),
        )
        .join(files, files.c.tree_id == trees.c.id, isouter=True)
        .group_by(trees.c.id)
        .subquery()
    )
    query = (
        select(models.c.repo_id)
        .join(trees, trees.c.model_id == models.c.id)
        .join(found, found.c.id == trees.c.id)
        .where(
            or_(
                trees.c.files != found.c.files,
                trees.c.unsized_files != found.c.files - found.c.sized,
                trees.c.logical_bytes != func.coalesce(found.c.size, 0),
                and_(trees.c.logical_bytes.is_(None), found.c.sized > 0),
            )
        )
        .distinct()
        .order_by(models.c.repo_id)
    )
    for name in connection.execute(query).scalars():
        message = f"the files of {name} are not as many or not as large as noted"
        yield Problem("file-sum", message, (name,), _anew(name))


def _contents(connection: Connection) -> Iterator[Problem]:
    query = (
        select(models.c.repo_id, files.c.path)
        .join(trees, trees.c.model_id == models.c.id)
        .join(files, files.c.tree_id == trees.c.id)
        .join(blobs, blobs.c.id == files.c.blob_id)
        .where(files.c.size != blobs.c.size)
        .order_by(models.c.repo_id, files.c.path)
    )
    for name, path in connection.execute(query):
        message = f"{path} of {name} has another size than the same content elsewhere"
        yield Problem("content-size", message, (name,), _anew(name))


def _packed(connection: Connection) -> Iterator[Problem]:
    kinds: tuple[tuple[Column[Any], Callable[[bytes], object], str], ...] = (
        (raw_answers.c.data, unpack, "an answer kept for"),
        (details.c.data, lambda data: json.loads(unpack(data)), "the configuration of"),
        (snapshots.c.tags, check_tags, "the tags of"),
    )
    for column, read, what in kinds:
        query = select(models.c.repo_id, column).where(column.is_not(None)).order_by(models.c.repo_id)
        if column.table is snapshots:
            query = query.join(snapshots, snapshots.c.model_id == models.c.id)
        else:
            query = query.select_from(column.table)
            query = query.join(models, models.c.id == column.table.c.model_id)
        for name, data in connection.execution_options(yield_per=200).execute(query):
            try:
                read(bytes(data))
            except (zlib.error, ValueError):
                message = f"{what} {name} cannot be unpacked"
                yield Problem("damaged-answer", message, (name,), _refresh(name))


def _fingerprints(connection: Connection) -> Iterator[Problem]:
    for name, defect in damaged(connection):
        yield Problem("damaged-fingerprint", f"{name}: {defect}", (name,), _anew(name))


def _evidence(connection: Connection) -> Iterator[Problem]:
    for name, defect in misfits(connection):
        yield Problem("damaged-evidence", f"{name} {defect}", (name,), f"registry verify {name}")


_QUESTIONS: tuple[Callable[[Connection], Iterable[Problem]], ...] = (
    _pages,
    _references,
    _bases,
    _shown_snapshots,
    _tracked,
    _names,
    _edges,
    _claims_twice,
    _snapshots_twice,
    _short_forms,
    _license_forms,
    _times,
    _parameters,
    _trees,
    _contents,
    _packed,
    _fingerprints,
    _evidence,
)


def _of_snapshots() -> Select[Any]:
    """The names of models by their snapshots, each once."""
    return (
        select(models.c.repo_id)
        .join(snapshots, snapshots.c.model_id == models.c.id)
        .distinct()
        .order_by(models.c.repo_id)
    )


def _refresh(name: str) -> str:
    return f"registry refresh {name}"


def _anew(name: str) -> str:
    return f"registry remove {name}, then registry add {name}"
