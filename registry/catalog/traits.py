"""What looks at many models found alike, kept once: licenses, libraries, tasks, how parameters were counted.

A row of `traits` never changes and is never deleted, so that its id stays good for whoever knows it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select

from registry.catalog.loading import next_id, settle_ids
from registry.catalog.names import chunks, insert_row
from registry.catalog.tables import snapshots, traits
from registry.licenses.declared import resolve_declared
from registry.model.snapshot import LicenseClaim, LicenseField, ModelSnapshot, ParameterCount

Traits = tuple[Any, ...]
"""Values of `SHARED`, in its order."""

SHARED = tuple(column for column in traits.c if column.name not in ("id", "mark"))
"""What a row of `traits` says."""

LOOK: Any = (*snapshots.c, *SHARED)
"""A look with all columns of both tables; joined by `OF_LOOK`."""

OF_LOOK = traits.c.id == snapshots.c.traits_id

_BY_MARK = select(traits.c.id).where(traits.c.mark == bindparam("mark"))


def traits_of(snapshot: ModelSnapshot) -> Traits:
    """What a snapshot shares with others."""
    license_id = resolve_declared(snapshot.licenses).id if snapshot.licenses else None
    count = snapshot.parameters
    told = {
        "private": snapshot.private,
        "gated": snapshot.gated,
        "disabled": snapshot.disabled,
        "library": snapshot.library,
        "task": snapshot.task,
        "license": license_id,
        "license_by": _license_by(snapshot.licenses, license_id) if license_id is not None else None,
        "new_version": snapshot.new_version,
        "parameters_origin": None if count is None else count.origin,
        "parameters_rule": None if count is None else count.rule,
        "parameters_contradiction": None if count is None else count.contradiction,
        "parameters_dtype": None if count is None else _only_dtype(count),
        "parameters_logical": count is not None and count.logical is not None,
        "parameters_served": count is not None and count.served_total in _shown(count),
    }
    return tuple(told[column.name] for column in SHARED)


def with_traits(told: Traits, **others: Any) -> Traits:
    """The same but for some."""
    return tuple(others.get(column.name, value) for column, value in zip(SHARED, told, strict=True))


def mark_of(told: Traits) -> bytes:
    """What tells a row from all others. Its words are those of strangers, so it must be hard to forge."""
    return blake2b(json.dumps(told).encode(), digest_size=16).digest()


def traits_id(connection: Connection, told: Traits) -> int:
    """The row that says just that, written unless it is there."""
    mark = mark_of(told)
    known = connection.execute(_BY_MARK, {"mark": mark}).scalar_one_or_none()
    if known is not None:
        return int(known)
    values = dict(zip((column.name for column in SHARED), told, strict=True))
    return insert_row(connection, traits, values | {"mark": mark})


def traits_ids(connection: Connection, wanted: Iterable[Traits]) -> dict[Traits, int]:
    """The rows that say just those things, written unless they are there."""
    marks = {mark_of(told): told for told in wanted}
    found: dict[Traits, int] = {}
    for piece in chunks(marks):
        rows = connection.execute(select(traits.c.mark, traits.c.id).where(traits.c.mark.in_(piece)))
        found.update((marks[bytes(mark)], number) for mark, number in rows)
    fresh = [(mark, told) for mark, told in marks.items() if told not in found]
    if fresh:
        names = [column.name for column in SHARED]
        first = next_id(connection, traits)
        written = [
            {"id": number, "mark": mark, **dict(zip(names, told, strict=True))}
            for number, (mark, told) in enumerate(fresh, first)
        ]
        connection.execute(insert(traits), written)
        settle_ids(connection, traits)
        found.update((told, number) for number, (_, told) in enumerate(fresh, first))
    return found


# --- parameters ----------------------------------------------------------------------------------


def parameters_of(count: ParameterCount | None) -> int | None:
    """What `snapshots.parameters` keeps of a count: the logical one, else the stored one."""
    if count is None:
        return None
    return count.stored if count.logical is None else count.logical


def served_apart(count: ParameterCount | None) -> int | None:
    """What `snapshots.served_parameters` keeps of a count: the host's figure where it is another."""
    return None if count is None or count.served_total in _shown(count) else count.served_total


def counts_apart(count: ParameterCount | None) -> Mapping[str, int]:
    """What `parameter_counts` keeps of a count: the elements of each type where the look does not tell."""
    return {} if count is None or _only_dtype(count) is not None else count.by_dtype


def count_of(look: Any, by_dtype: Mapping[str, int]) -> ParameterCount | None:
    """The count of a look, a row of `LOOK`. by_dtype: what `parameter_counts` has of it."""
    if look.parameters_origin is None:
        return None
    shown = look.parameters
    return ParameterCount(
        by_dtype=by_dtype if look.parameters_dtype is None else {look.parameters_dtype: shown},
        served_total=shown if look.parameters_served else look.served_parameters,
        logical=shown if look.parameters_logical else None,
        rule=look.parameters_rule,
        origin=look.parameters_origin,
        contradiction=look.parameters_contradiction,
    )


def _only_dtype(count: ParameterCount) -> str | None:
    """The storage type of all numbers, where there is one and the count shown is that of its elements."""
    alone = len(count.by_dtype) == 1 and count.stored == parameters_of(count)
    return next(iter(count.by_dtype)) if alone else None


def _shown(count: ParameterCount) -> tuple[int, ...]:
    shown = parameters_of(count)
    return () if shown is None else (shown,)


# --- licenses ------------------------------------------------------------------------------------


def stated_license(license_id: str, license_by: str) -> tuple[LicenseClaim, ...]:
    """The statements `license_by` stands for."""
    return tuple(LicenseClaim(LicenseField.LICENSE, license_id, origin) for origin in license_by.split(","))


def _license_by(claims: Sequence[LicenseClaim], license_id: str | None) -> str | None:
    """Who states the license, where all do in the same words and these are its id."""
    origins = [claim.origin for claim in claims]
    plain = all(claim.field is LicenseField.LICENSE and claim.value == license_id for claim in claims)
    return ",".join(origins) if plain and all(one and "," not in one for one in origins) else None
