"""What is news about a model: which facts make a new snapshot, and how two snapshots differ."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import Any

from sqlalchemy import Row

from registry.catalog.trees import tree_digest
from registry.lineage.resolve import stated_relation
from registry.model.edges import Claim, Relation
from registry.model.snapshot import Change, Gate, ModelSnapshot
from registry.model.units import format_bytes, format_count

_REMOVED = b"removed\0"

Bases = tuple[tuple[str, str], ...]
"""Pairs of a base's name and the relation to it, as claimed by one snapshot."""


def digest(snapshot: ModelSnapshot) -> bytes:
    """Equal for two snapshots that differ in nothing of meaning.

    Left out: counters, tags and times, which move without anybody changing the model, and the order of
    lists. The files count through the commit they belong to, by themselves only where there is none.
    """
    if snapshot.removed:
        return _REMOVED
    count = snapshot.parameters
    facts = [
        snapshot.commit_sha,
        bool(snapshot.private),
        snapshot.gated or Gate.NONE,
        bool(snapshot.disabled),
        snapshot.library,
        snapshot.task,
        snapshot.new_version,
        None if count is None else [sorted(count.by_dtype.items()), count.served_total, count.logical],
        sorted([claim.field, claim.value, claim.origin] for claim in snapshot.licenses),
        _distinct(
            [claim.origin, claim.declared, claim.base or "", claim.relation, claim.denied]
            for claim in snapshot.claims
        ),
        _distinct([fact.name, repr(fact.value), fact.source, fact.origin] for fact in snapshot.facts),
    ]
    if snapshot.commit_sha is None and snapshot.files is not None:
        facts.append(tree_digest(snapshot.files, snapshot.files_complete).hex())
    return blake2b(json.dumps(facts).encode(), digest_size=8).digest()


def bases_of(claims: Iterable[Claim]) -> Bases:
    """What claims say a model was made from, without datasets, each base once."""
    told: defaultdict[str, list[Claim]] = defaultdict(list)
    for claim in claims:
        if not (claim.base is None or claim.denied or claim.relation is Relation.TRAINED_ON):
            told[claim.base].append(claim)
    return tuple((base, str(stated_relation(base, some))) for base, some in sorted(told.items()))


def dump_bases(bases: Bases) -> str | None:
    return json.dumps(bases, ensure_ascii=False, separators=(",", ":")) if bases else None


def load_bases(text: str | None) -> Bases:
    return tuple((name, relation) for name, relation in json.loads(text)) if text else ()


def changes_along(
    looks: Sequence[Row[Any]], bases: Sequence[Bases], ids: Mapping[str, int]
) -> list[tuple[Change, ...]]:
    """For each look at a model through one source, oldest first, what differs from the one before.

    looks: rows of `snapshots` with the sizes of their tree. bases: what each claimed. ids: what the names of
    bases mean now, so that a base that was only renamed is no change. While a model is absent its last
    facts stand.
    """
    told: list[tuple[Change, ...]] = []
    facts: tuple[Row[Any], Bases] | None = None
    removed = False
    for number, (look, claimed) in enumerate(zip(looks, bases, strict=True)):
        found: list[Change] = []
        if number and look.removed != removed:
            found.append(Change("removed", _yes(removed), _yes(look.removed)))
        removed = look.removed
        if not removed:
            if facts is not None:
                found.extend(_differences(*facts, look, claimed, ids))
            facts = look, claimed
        told.append(tuple(found))
    return told


def _differences(
    before: Row[Any], old: Bases, after: Row[Any], new: Bases, ids: Mapping[str, int]
) -> Iterable[Change]:
    yield from _unequal("commit", _short(before.commit_sha), _short(after.commit_sha))
    yield from _unequal("license", before.license, after.license)
    yield from _base_changes(old, new, ids)
    yield from _unequal("gated", before.gated or Gate.NONE, after.gated or Gate.NONE)
    for flag in ("private", "disabled"):
        yield from _unequal(flag, _yes(getattr(before, flag)), _yes(getattr(after, flag)))
    yield from _numbers("parameters", before.parameters, after.parameters)
    if before.unsized_files == 0 and after.unsized_files == 0:
        # A look without a file list, or with gaps in it, says nothing about size.
        yield from _numbers("size", before.logical_bytes, after.logical_bytes)
    for name in ("task", "library", "new_version"):
        yield from _unequal(name, getattr(before, name), getattr(after, name))


def _base_changes(before: Bases, after: Bases, ids: Mapping[str, int]) -> Iterable[Change]:
    old = {ids.get(name, name): relation for name, relation in before}
    new = {ids.get(name, name): relation for name, relation in after}
    if old.keys() != new.keys():
        yield Change("bases", _listed(name for name, _ in before), _listed(name for name, _ in after))
    elif old != new:
        yield Change("relations", _listed(map(_described, before)), _listed(map(_described, after)))


def _unequal(field: str, before: str | None, after: str | None) -> Iterable[Change]:
    if before != after:
        yield Change(field, before, after)


def _numbers(field: str, before: int | None, after: int | None) -> Iterable[Change]:
    """Rounded as people read them, exact where rounding would hide the change."""
    if before == after:
        return
    show = format_bytes if field == "size" else format_count
    old, new = (None if number is None else show(number) for number in (before, after))
    if old == new:
        old, new = f"{before:,}", f"{after:,}"
    yield Change(field, old, new)


def _described(base: tuple[str, str]) -> str:
    return f"{base[0]} ({base[1]})"


def _listed(texts: Iterable[str]) -> str | None:
    return ", ".join(texts) or None


def _yes(flag: bool | None) -> str:
    return "yes" if flag else "no"


def _short(commit_sha: str | None) -> str | None:
    return None if commit_sha is None else commit_sha[:12]


def _distinct(rows: Iterable[list[Any]]) -> list[list[Any]]:
    return [list(row) for row in sorted({tuple(row) for row in rows})]
