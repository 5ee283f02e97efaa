"""The JSON of answers about the lineage of a whole catalog; as in `shapes`, keys are only ever added."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from registry.lineage.graph import Orphan

Shape = dict[str, Any]


class FamilyLike(Protocol):
    @property
    def root(self) -> str: ...
    @property
    def derivatives(self) -> int: ...
    @property
    def depth(self) -> int: ...
    @property
    def relations(self) -> Mapping[str, int]: ...


class BaseLike(Protocol):
    @property
    def repo_id(self) -> str: ...
    @property
    def direct(self) -> int: ...
    @property
    def derivatives(self) -> int: ...


class ChainLike(Protocol):
    @property
    def models(self) -> Sequence[str]: ...
    @property
    def length(self) -> int: ...


def family(one: FamilyLike) -> Shape:
    """A root and what descends from it, each derivative counted once."""
    return {
        "root": one.root,
        "derivatives": one.derivatives,
        "depth": one.depth,
        "relations": dict(one.relations),
    }


def base(one: BaseLike) -> Shape:
    return {"repo_id": one.repo_id, "derivatives": one.derivatives, "direct": one.direct}


def chain(one: ChainLike) -> Shape:
    """length: in steps. models: root first, each made from the one before."""
    return {"length": one.length, "models": list(one.models)}


def cycle(models: Sequence[str]) -> Shape:
    return {"size": len(models), "models": list(models)}


def orphan(one: Orphan) -> Shape:
    return {"derivative": one.derivative, "base": one.base, "relation": one.relation, "why": one.why}
