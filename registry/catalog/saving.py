"""Saving a snapshot: one look at one model becomes rows, and what it changed is told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select

from registry.catalog.claims import Telling, current_claims, keep_claims, recompute_edges
from registry.catalog.clean import clean_snapshot
from registry.catalog.compare import digest
from registry.catalog.facts import keep_facts
from registry.catalog.identity import locate, tell_aliases
from registry.catalog.looks import (
    add_look,
    changes_of,
    load_licenses,
    load_parameters,
    looks_at,
    see_again,
    settle,
)
from registry.catalog.names import by_id
from registry.catalog.short import spell_out
from registry.catalog.tables import edges, models
from registry.catalog.trees import keep_tree
from registry.model.edges import Claim, Origin, Relation
from registry.model.records import SaveReport
from registry.model.snapshot import Change, LicenseClaim, ModelSnapshot, ParameterCount

# The models one was made from; datasets are no models.
_BASES = (
    select(models.c.repo_id)
    .join(edges, edges.c.base_id == models.c.id)
    .where(edges.c.derivative_id == bindparam("model_id"), edges.c.relation != Relation.TRAINED_ON)
    .order_by(models.c.repo_id)
)

_FROM_FILES = frozenset(
    {Origin.CARD, Origin.ADAPTER_CONFIG, Origin.CONFIG, Origin.GGUF, Origin.MERGEKIT, Origin.WEIGHTS}
)
"""Origins that need files of the repository, which not every look opens."""


def save_all(connection: Connection, snapshots: Iterable[ModelSnapshot]) -> list[SaveReport]:
    """Save several snapshots in one transaction, in the order given."""
    return [save(connection, snapshot) for snapshot in snapshots]


def save(connection: Connection, snapshot: ModelSnapshot) -> SaveReport:
    """Save one snapshot; saving it again changes nothing."""
    snapshot = clean_snapshot(snapshot)
    model_id = locate(connection, snapshot)
    tell_aliases(connection, model_id, snapshot)
    known = by_id(connection, model_id)
    spell_out(connection, [model_id])
    looks = [look for look in looks_at(connection, model_id) if look.source == snapshot.source]
    late = any(look.last_seen_at > snapshot.observed_at for look in looks)
    changes: tuple[Change, ...] = ()
    if late:
        _keep_late(connection, model_id, snapshot, looks)
    else:
        changes = _keep_newest(connection, model_id, snapshot, looks)
    settle(connection, model_id, _of_model(snapshot, late=late))
    recompute_edges(connection, [model_id])
    return SaveReport(
        repo_id=known.repo_id,
        created=not known.tracked,
        changes=changes,
        bases=tuple(connection.execute(_BASES, {"model_id": model_id}).scalars()),
    )


def _keep_newest(
    connection: Connection, model_id: int, snapshot: ModelSnapshot, looks: Sequence[Row[Any]]
) -> tuple[Change, ...]:
    last = looks[-1] if looks else None
    if last is not None:
        snapshot = _with_deeper(connection, model_id, _with_untold(snapshot, last), last)
    tree_id = _tree(connection, model_id, snapshot)
    if last is not None and last.digest == digest(snapshot):
        see_again(connection, last, snapshot, tree_id, newest=True)
        return ()
    add_look(connection, model_id, snapshot, tree_id)
    if not snapshot.removed:
        # While a model is absent its last claims and facts stand.
        telling = Telling(snapshot.source, snapshot.commit_sha, snapshot.observed_at)
        keep_claims(connection, model_id, telling, snapshot.claims)
        keep_facts(connection, model_id, snapshot.source, snapshot.facts, snapshot.observed_at)
    if last is None:
        return ()
    told = [look for look in looks_at(connection, model_id) if look.source == snapshot.source]
    return changes_of(connection, told)[-1]


def _keep_late(
    connection: Connection, model_id: int, snapshot: ModelSnapshot, looks: Sequence[Row[Any]]
) -> None:
    """A look older than one already kept goes into the history at its place and changes nothing since."""
    tree_id = _tree(connection, model_id, snapshot)
    mark = digest(snapshot)
    at = snapshot.observed_at
    before = [look for look in looks if look.last_seen_at <= at][-1:]
    after = [look for look in looks if look.last_seen_at > at][:1]
    then = [look for look in looks if look.observed_at <= at <= look.last_seen_at]
    for look in (*before, *after, *then):
        if look.digest == mark:
            see_again(connection, look, snapshot, tree_id, newest=False)
            return
    add_look(connection, model_id, snapshot, tree_id)
    told = Telling(snapshot.source, snapshot.commit_sha, snapshot.observed_at)
    keep_claims(connection, model_id, told, snapshot.claims, current=False)
    keep_facts(connection, model_id, snapshot.source, snapshot.facts, snapshot.observed_at, current=False)


def _tree(connection: Connection, model_id: int, snapshot: ModelSnapshot) -> int | None:
    return keep_tree(connection, model_id, snapshot.commit_sha, snapshot.files, snapshot.files_complete)


def _with_untold(snapshot: ModelSnapshot, last: Row[Any]) -> ModelSnapshot:
    """Bulk files tell of no commit, nor all that a document tells. As long as nothing was committed since the
    last look, what that one was told still holds."""
    told = snapshot.commit_sha is not None or snapshot.removed or snapshot.last_modified is None
    if told or last.commit_sha is None or snapshot.last_modified != last.last_modified:
        return snapshot
    return replace(
        snapshot,
        commit_sha=last.commit_sha,
        private=last.private if snapshot.private is None else snapshot.private,
        gated=last.gated if snapshot.gated is None else snapshot.gated,
        disabled=last.disabled if snapshot.disabled is None else snapshot.disabled,
    )


def _with_deeper(
    connection: Connection, model_id: int, snapshot: ModelSnapshot, last: Row[Any]
) -> ModelSnapshot:
    """At one commit no file can have changed: what a deeper look found in them stays known when the next
    look does not open them."""
    if snapshot.removed or snapshot.commit_sha is None or snapshot.commit_sha != last.commit_sha:
        return snapshot
    kept = current_claims(connection, model_id, snapshot.source)
    listed = snapshot.files is None and last.tree_id is not None
    claims = _inferred_from_files(snapshot.claims, kept) if listed else snapshot.claims
    opened = {claim.origin for claim in claims}
    return replace(
        snapshot,
        claims=claims + tuple(claim for claim in kept if claim.origin in _FROM_FILES - opened),
        licenses=_deeper_licenses(connection, snapshot, last, listed=listed),
        new_version=snapshot.new_version or last.new_version,
        parameters=_deeper_count(connection, snapshot.parameters, last),
    )


def _inferred_from_files(claims: Sequence[Claim], kept: Sequence[Claim]) -> tuple[Claim, ...]:
    """What was inferred from the files of a model stands against what is without them."""
    known = {claim.base: claim for claim in kept if claim.origin is Origin.INFERRED}
    return tuple(
        known.get(claim.base, claim) if claim.origin is Origin.INFERRED else claim for claim in claims
    )


def _deeper_licenses(
    connection: Connection, snapshot: ModelSnapshot, last: Row[Any], *, listed: bool
) -> tuple[LicenseClaim, ...]:
    """The statements of a look, with those of the card and the files where it saw neither."""
    told = snapshot.licenses
    unread = {"card", *(("files",) if listed else ())} - {claim.origin for claim in told}
    kept = load_licenses(connection, last)
    missing = [claim for claim in kept if claim.origin in unread]
    before = tuple(claim for claim in missing if claim.origin == "card")
    return (*before, *told, *(claim for claim in missing if claim.origin != "card"))


def _deeper_count(
    connection: Connection, count: ParameterCount | None, last: Row[Any]
) -> ParameterCount | None:
    if last.parameters_origin is None:
        return count
    if count is None or (count.origin == "hub" and last.parameters_origin == "headers"):
        return load_parameters(connection, last)
    return count


def _of_model(snapshot: ModelSnapshot, *, late: bool) -> dict[str, Any]:
    """What belongs to the model itself: that somebody asked for it, and its counters."""
    values: dict[str, Any] = {} if snapshot.removed else {"tracked": True}
    if not late:
        counters = {"downloads": snapshot.downloads, "likes": snapshot.likes}
        values |= {name: count for name, count in counters.items() if count is not None}
    return values
