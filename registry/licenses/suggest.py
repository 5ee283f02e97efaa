"""Other models that pass where one fails: relatives first, then equals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from math import log2

from registry.licenses.audit import audit, vouched
from registry.licenses.facts import AuditModel
from registry.licenses.findings import Severity
from registry.licenses.policy import Policy
from registry.licenses.table import LicenseTable
from registry.licenses.world import World
from registry.model.edges import Relation

MAX_SIZE_FACTOR = 2.0
"""How many times larger or smaller an equal may be."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A model that passes. why: what makes it a stand-in, in words; license: what it declares."""

    repo_id: str
    license: str | None
    why: str


def suggest(
    failing: str,
    models: Mapping[str, AuditModel],
    candidates: Sequence[str],
    *,
    policy: Policy,
    table: LicenseTable,
    as_of: datetime | None = None,
    today: date | None = None,
    limit: int = 3,
) -> tuple[Suggestion, ...]:
    """The nearest of `candidates` that have no finding at or above the policy's `fail_on` (an error when
    that is never) and whose terms are known in full, nearest first.

    Nearest: same lineage, then same task and similar size. A candidate that shares neither is left out.
    today: the day waivers are held against; without it only those that never expire count.
    """
    model = models.get(failing)
    if model is None:
        return ()
    near = sorted(
        (place, name)
        for name in sorted(set(candidates) - {failing})
        if name in models and (place := _nearness(model, models[name], models)) is not None
    )
    found: list[Suggestion] = []
    fail_on = policy.fail_on or Severity.ERROR
    if today is None:
        policy = replace(policy, waivers=tuple(one for one in policy.waivers if one.expiry is None))
    for (_, _, why), name in near:
        result = audit(models, [name], policy=policy, table=table, as_of=as_of, today=today)
        world = World(models, [name], policy=policy, table=table, as_of=as_of)
        if not result.counted(fail_on) and vouched(name, world):
            found.append(Suggestion(name, world.shown(name), why))
            if len(found) == limit:
                break
    return tuple(found)


def _nearness(
    model: AuditModel, other: AuditModel, models: Mapping[str, AuditModel]
) -> tuple[int, float, str] | None:
    """A rank (relatives 0, equals 1), how far the sizes are apart, and why; `None` for a stranger."""
    if not other.known or other.removed:
        return None
    shared = sorted(_above(model, models) & _above(other, models))
    distance = _apart(model.parameters, other.parameters)
    if model.task is not None and other.task is not None and model.task != other.task:
        return None
    size = (
        ""
        if distance is None
        else ", of similar size"
        if distance <= log2(MAX_SIZE_FACTOR)
        else ", of another size"
    )
    far = 99.0 if distance is None else distance
    if shared:
        root = shared[0]
        kin = (
            "a base of it"
            if root == other.repo_id
            else "made from it"
            if root == model.repo_id
            else f"also from {root}"
        )
        return 0, far, f"{kin}{size}"
    if (
        model.task is not None
        and model.task == other.task
        and distance is not None
        and far <= log2(MAX_SIZE_FACTOR)
    ):
        return 1, far, f"also for {model.task}{size}"
    return None


def _apart(one: int | None, two: int | None) -> float | None:
    """How many doublings lie between two sizes."""
    return abs(log2(one / two)) if one and two else None


def _above(model: AuditModel, models: Mapping[str, AuditModel]) -> set[str]:
    """The model and everything its weights come from."""
    found = {model.repo_id}
    waiting = [model.repo_id]
    while waiting:
        here = models.get(waiting.pop())
        for edge in here.bases if here else ():
            if edge.relation not in (Relation.TRAINED_ON, Relation.DISTILLED) and edge.base not in found:
                found.add(edge.base)
                waiting.append(edge.base)
    return found
