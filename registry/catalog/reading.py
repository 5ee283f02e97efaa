"""Reading models back: by name, in brief, whole."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    CompoundSelect,
    Connection,
    Row,
    Select,
    and_,
    false,
    func,
    or_,
    select,
    union_all,
)

from registry.catalog.claims import claim_of
from registry.catalog.clean import clean_text
from registry.catalog.facts import load_facts
from registry.catalog.looks import Key, key_of, load_licenses, load_parameters, of_look, of_look_in, unpack
from registry.catalog.names import alike, by_name, chunks, find_ids, names_of
from registry.catalog.tables import (
    SHOWN,
    aliases,
    details,
    edge_claims,
    models,
    parameter_counts,
    raw_answers,
    snapshots,
    traits,
    trees,
)
from registry.catalog.tags import unpack_tags
from registry.catalog.traits import LOOK, OF_LOOK
from registry.catalog.trees import load_files
from registry.model.records import KeptClaim, ModelBrief
from registry.model.refs import SourceName
from registry.model.snapshot import ModelSnapshot, Note

_CANDIDATES = 200
_LIKENESS = 0.6
_LONGEST = 300


def find(connection: Connection, name: str) -> str | None:
    """The present name of the model meant by `name`: exactly, as an alias, or as the only one that
    differs by letter case."""
    name = clean_text(name)
    ids = find_ids(connection, [name])
    if not ids:
        either = union_all(
            select(models.c.id).where(alike(models.c.repo_id, name)),
            select(aliases.c.model_id).where(func.lower(aliases.c.name) == func.lower(name)),
        )
        found = set(connection.execute(either).scalars())
        if len(found) != 1:
            return None
        ids = {name: found.pop()}
    return names_of(connection, ids.values())[ids[name]]


def suggest(connection: Connection, name: str, limit: int) -> list[str]:
    """Up to `limit` names of the catalog most like `name`, the most alike first."""
    wanted = clean_text(name).lower()[:_LONGEST]
    owner, _, short = wanted.rpartition("/")
    starts = [pattern + "%" for pattern in (escape_like(wanted[:4]), escape_like(owner) + "/") if owner]
    starts += [f"%{escape_like(part)}%" for part in (short[:5], short[-5:]) if len(part) >= 3]
    candidates: dict[str, str] = {}
    for pattern in starts:
        for column, query in (
            (models.c.repo_id, select(models.c.repo_id, models.c.repo_id)),
            (aliases.c.name, select(aliases.c.name, models.c.repo_id).join(models)),
        ):
            rows = connection.execute(
                query.where(func.lower(column).like(pattern, escape="\\")).order_by(column).limit(_CANDIDATES)
            )
            for found, repo_id in rows:
                candidates.setdefault(found.lower(), repo_id)
                candidates.setdefault(found.lower().rpartition("/")[2], repo_id)
    close = get_close_matches(wanted, sorted(candidates), n=limit * 4, cutoff=_LIKENESS)
    close += get_close_matches(short, sorted(candidates), n=limit * 4, cutoff=_LIKENESS)
    return list(dict.fromkeys(candidates[one] for one in close))[:limit]


def escape_like(text: str) -> str:
    r"""`text` for a LIKE pattern with `\` as its escape."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


_BRIEF = (
    models.c.repo_id,
    models.c.source,
    models.c.tracked,
    models.c.removed,
    traits.c.gated,
    traits.c.license,
    snapshots.c.parameters,
    traits.c.task,
    traits.c.library,
    models.c.downloads,
    models.c.likes,
    trees.c.logical_bytes,
    func.coalesce(trees.c.unsized_files, 0),
    snapshots.c.commit_sha,
    snapshots.c.created_at,
    snapshots.c.last_modified,
    models.c.seen_at,
)
"""The columns of a `ModelBrief`, in its order."""


def brief_query(*more: Column[Any]) -> Select[Any]:
    """The columns of a `ModelBrief`, in its order, and `more` of the model, its snapshot and its files."""
    return (
        select(*_BRIEF, *more)
        .select_from(models)
        .join(snapshots, SHOWN, isouter=True)
        .join(traits, OF_LOOK, isouter=True)
        .join(trees, trees.c.id == snapshots.c.tree_id, isouter=True)
    )


def brief_of(row: Row[Any]) -> ModelBrief:
    """The model in a row that `brief_query` selects."""
    return ModelBrief(*tuple(row)[: len(_BRIEF)])


def briefs(connection: Connection, repo_ids: Iterable[str]) -> dict[str, ModelBrief]:
    """The models of those present names; unknown ones are missing."""
    found: dict[str, ModelBrief] = {}
    for piece in chunks(sorted({clean_text(name) for name in repo_ids})):
        for row in connection.execute(brief_query().where(models.c.repo_id.in_(piece))):
            found[row.repo_id] = brief_of(row)
    return found


def snapshot(connection: Connection, repo_id: str, *, files: bool) -> ModelSnapshot | None:
    """The snapshot shown of a model, whole but for raw answers, as of when it was last seen so."""
    model = by_name(connection, repo_id)
    if model is None or model.shown is None:
        return None
    look: Any = connection.execute(
        select(*LOOK, trees.c.complete)
        .join(traits, OF_LOOK)
        .join(trees, trees.c.id == snapshots.c.tree_id, isouter=True)
        .where(of_look(snapshots, (model.id, model.shown)))
    ).one()
    rest = _details(connection, key_of(look))
    licenses = load_licenses(connection, look)
    said = tuple(kept.claim for kept in _kept(connection, model.id, told_by=look.source) if kept.current)
    return ModelSnapshot(
        repo_id=model.repo_id,
        source=look.source,
        observed_at=model.seen_at if model.removed else look.last_seen_at,
        hub_id=model.hub_id,
        aliases=tuple(alias_names(connection, model.id)),
        revision=look.revision,
        commit_sha=look.commit_sha,
        private=look.private,
        gated=look.gated,
        disabled=look.disabled,
        removed=model.removed,
        created_at=look.created_at,
        last_modified=look.last_modified,
        downloads=model.downloads,
        likes=model.likes,
        library=look.library,
        task=look.task,
        tags=unpack_tags(look.tags, look.library, look.task, licenses, said if look.digest is None else ()),
        used_storage=look.used_storage,
        new_version=look.new_version,
        config=MappingProxyType(rest.get("config", {})),
        parameters=load_parameters(connection, look),
        licenses=licenses,
        claims=said,
        files=load_files(connection, look.tree_id) if files and look.tree_id is not None else None,
        files_complete=look.complete is not False,
        facts=tuple(fact for _, fact in load_facts(connection, model.id, look.source)),
        notes=tuple(Note(code, message) for code, message in rest.get("notes", ())),
    )


def shown_numbers(*which: ColumnElement[bool]) -> CompoundSelect[Any]:
    """How many numbers of each type the weights of the models hold for which conditions hold: model, type,
    number."""
    look = models.join(snapshots, SHOWN)
    alone = select(models.c.id, traits.c.parameters_dtype, snapshots.c.parameters).select_from(
        look.join(traits, OF_LOOK)
    )
    apart = select(models.c.id, parameter_counts.c.dtype, parameter_counts.c.elements).select_from(
        models.join(
            parameter_counts,
            and_(parameter_counts.c.model_id == models.c.id, parameter_counts.c.number == models.c.shown),
        )
    )
    return union_all(alone.where(traits.c.parameters_dtype.is_not(None), *which), apart.where(*which))


def numbers_of(connection: Connection, model_ids: Iterable[int]) -> dict[int, dict[str, int]]:
    """How many numbers of each type the weights hold, by model; those of which nobody told are missing."""
    found: defaultdict[int, dict[str, int]] = defaultdict(dict)
    for piece in chunks(model_ids):
        for model_id, dtype, elements in connection.execute(shown_numbers(models.c.id.in_(piece))):
            found[model_id][dtype] = elements
    return dict(found)


def raw(connection: Connection, repo_id: str, kind: str) -> bytes | None:
    """The newest answer of that kind a source gave about a model, as received."""
    data = connection.execute(
        select(raw_answers.c.data)
        .join(snapshots, of_look_in(raw_answers))
        .join(models, models.c.id == snapshots.c.model_id)
        .where(models.c.repo_id == clean_text(repo_id), raw_answers.c.kind == clean_text(kind))
        .order_by(
            func.coalesce(snapshots.c.number == models.c.shown, false()).desc(),
            snapshots.c.last_seen_at.desc(),
            snapshots.c.number.desc(),
        )
        .limit(1)
    ).scalar_one_or_none()
    return None if data is None else unpack(bytes(data))


def alias_names(connection: Connection, model_id: int) -> Sequence[str]:
    """The other names of a model, sorted."""
    return (
        connection.execute(
            select(aliases.c.name).where(aliases.c.model_id == model_id).order_by(aliases.c.name)
        )
        .scalars()
        .all()
    )


def aliases_of(connection: Connection, name: str) -> list[str]:
    """The other names of the model that any name means, sorted."""
    ids = find_ids(connection, [name])
    return [alias for model_id in ids.values() for alias in alias_names(connection, model_id)]


def claims(connection: Connection, derivative: str, base: str | None) -> list[KeptClaim]:
    """Every claim about a model, past ones and unresolved ones too, in the order first seen; with `base`
    only those that mean that model. Both by any name."""
    ids = find_ids(connection, [name for name in (derivative, base) if name is not None])
    if derivative not in ids or (base is not None and base not in ids):
        return []
    which = edge_claims.c.base_id == ids[base] if base is not None else None
    return _kept(connection, ids[derivative], which=which)


def due(connection: Connection, stale_before: Any | None) -> list[str]:
    """The tracked models that are read one by one, sorted, not those known from lists and bulk files alone;
    with `stale_before` only those not looked at since, and those whose files were listed once and changed
    since, as a list of models told."""
    filed = models.c.id.in_(select(trees.c.model_id))
    query = (
        select(models.c.repo_id)
        .outerjoin(snapshots, SHOWN)
        .where(models.c.tracked, or_(filed, snapshots.c.imprint.is_(None)))
        .order_by(models.c.repo_id)
    )
    if stale_before is not None:
        outdated = filed & snapshots.c.tree_id.is_(None)
        query = query.where(or_(models.c.seen_at.is_(None), models.c.seen_at < stale_before, outdated))
    return list(connection.execute(query).scalars())


def _kept(
    connection: Connection,
    model_id: int,
    *,
    told_by: SourceName | None = None,
    which: ColumnElement[bool] | None = None,
) -> list[KeptClaim]:
    derivative, base = models.alias("derivative"), models.alias("base")
    query = (
        select(edge_claims, derivative.c.repo_id.label("derivative"), base.c.repo_id.label("base"))
        .join(derivative, derivative.c.id == edge_claims.c.derivative_id)
        .join(base, base.c.id == edge_claims.c.base_id, isouter=True)
        .where(edge_claims.c.derivative_id == model_id)
        .order_by(edge_claims.c.position)
    )
    if told_by is not None:
        query = query.where(edge_claims.c.told_by == told_by)
    if which is not None:
        query = query.where(which)
    return [
        KeptClaim(row.derivative, claim_of(row), row.base, row.current, row.revision, row.observed_at)
        for row in connection.execute(query)
    ]


def _details(connection: Connection, key: Key) -> dict[str, Any]:
    data = connection.execute(select(details.c.data).where(of_look(details, key))).scalar_one_or_none()
    return {} if data is None else dict(json.loads(unpack(bytes(data))))
