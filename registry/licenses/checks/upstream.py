"""What is not known of the models above, and what changed there."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from registry.licenses.atoms import Kind
from registry.licenses.drafts import Draft, along, route
from registry.licenses.findings import Severity
from registry.licenses.words import listed
from registry.licenses.world import WEIGHTS, Case, World
from registry.model.edges import Edge, Relation
from registry.model.snapshot import Gate

_GATED = (Gate.AUTO, Gate.MANUAL)


def check(case: Case) -> Iterator[Draft]:
    """All findings about the state of what is above one model."""
    yield from _open(case)
    yield from _teachers(case)
    yield from _relicensed(case)
    yield from _gates(case)


def _open(case: Case) -> Iterator[Draft]:
    for held in case.inherited(Kind.UNLICENSED):
        yield Draft(
            "upstream-unlicensed",
            f"{route(along(held))} declares no license: nobody granted the rights this model passes on",
            f"ask {held.root} for a license, or build on a licensed model",
            along(held),
            expected="a license on every model above",
        )
    for held in case.inherited(Kind.UNKNOWN):
        yield Draft(
            "upstream-unlicensed",
            f"what {route(along(held))} asks cannot be told from its license: it may bind this model too",
            f"find out what license {held.root} carries, and record it",
            along(held),
            expected="a license that can be understood on every model above",
            severity=Severity.NOTE,
        )
    for held in case.inherited(Kind.GAP):
        yield Draft(
            "lineage-gap",
            f"{route(along(held))} was never looked at: what it asks is missing from this audit",
            f"registry add {held.root}",
            along(held),
            expected="every model above in the catalog",
        )


def _teachers(case: Case) -> Iterator[Draft]:
    for edge in case.model.bases:
        if edge.relation is not Relation.DISTILLED:
            continue
        teacher = case.world.models.get(edge.base)
        if teacher is not None and teacher.known:
            continue
        if not case.world.table.is_service(edge.base):
            yield Draft(
                "lineage-gap",
                f"{edge.base}, whose outputs it was trained on, was never looked at",
                f"registry add {edge.base}",
                (edge,),
                expected="every model above in the catalog",
            )


def _relicensed(case: Case) -> Iterator[Draft]:
    for way in _ways_up(case.model.repo_id, case.world):
        base = case.world.models[way[-1].base]
        if len({claims for _, claims in base.license_history}) < 2:
            continue
        now = case.world.declaration(base.repo_id).declared
        made = case.model.created_at
        first = case.world.declaration(base.repo_id, made or base.license_history[0][0])
        last = case.world.declaration(base.repo_id, base.license_history[-1][0]).declared
        if first.declared != now:
            when = f"when this model was made ({_day(made)})" if made else "at first"
            yield _changed(way, base.repo_id, f"{_ids(first.declared)} {when}", f"{_ids(now)} now")
        elif case.world.as_of is not None and last != now:
            yield _changed(
                way, base.repo_id, f"{_ids(now)} on {_day(case.world.as_of)}", f"{_ids(last)} later"
            )


def _changed(way: tuple[Edge, ...], base: str, before: str, after: str) -> Draft:
    return Draft(
        "base-relicensed",
        f"{base} was under {before} and is under {after}",
        "say which license of the base the model was made under; audit with --as-of for another day",
        way,
        expected="the terms of the day the audit asks about",
    )


def _ids(ids: tuple[str, ...]) -> str:
    return listed(list(ids)) or "no known license"


def _day(moment: datetime | None) -> str:
    return "-" if moment is None else moment.date().isoformat()


def _ways_up(name: str, world: World) -> Iterator[tuple[Edge, ...]]:
    """The shortest way over weights to every known model above, nearest first, alphabetically."""
    seen = {name}
    level: list[tuple[Edge, ...]] = [()]
    while level:
        above: list[tuple[Edge, ...]] = []
        for way in level:
            model = world.models[way[-1].base if way else name]
            for edge in sorted(model.bases, key=lambda edge: (edge.base, edge.relation)):
                if edge.relation in WEIGHTS and edge.base in world.models and edge.base not in seen:
                    seen.add(edge.base)
                    above.append((*way, edge))
        yield from above
        level = above


def _gates(case: Case) -> Iterator[Draft]:
    if case.model.gated is not Gate.NONE:
        return
    for edge in case.model.bases:
        base = case.world.models.get(edge.base)
        passes = edge.relation in WEIGHTS and edge.relation is not Relation.ADAPTER
        if passes and base is not None and base.gated in _GATED:
            yield Draft(
                "gated-mismatch",
                f"anyone can take it, while {edge.base} asks for its terms to be accepted first",
                "gate it alike, or point to the terms in the card",
                (edge,),
                expected="the gate of the base, or its terms in plain sight",
            )
