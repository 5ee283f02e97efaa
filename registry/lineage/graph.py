"""The lineage graph around one model: what to draw, and what descends from it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from registry.contract import LineageView
from registry.lineage.problems import CUT, find_problems
from registry.lineage.walks import bases_of, derivatives_of, reach
from registry.model.edges import Edge, Relation
from registry.model.records import KeptClaim, ModelBrief, Problem
from registry.model.refs import SourceName


@dataclass(frozen=True, slots=True)
class Derived:
    """A derivative, how many edges away it is, and the last model before it on a shortest way there;
    relation: what it is to that one."""

    repo_id: str
    depth: int
    via: str
    relation: Relation


@dataclass(frozen=True, slots=True)
class Impact:
    """All that descends from `base`, nearest first. counts: derivatives per relation, each counted once,
    by its relation to `via`."""

    base: str
    derivatives: tuple[Derived, ...]
    counts: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Orphan:
    """A derivative that cannot be followed up to its base. base: by its name, or as the claim has it where
    that names no model. why: `removed` (its host says it is absent or not visible), `unread` (so far only
    named), `unknown` (no model can be told)."""

    derivative: str
    base: str
    relation: Relation
    why: str


def view(
    root: str,
    edges_up: Iterable[Edge],
    edges_down: Iterable[Edge],
    briefs: Mapping[str, ModelBrief],
    *,
    up: int | None = None,
    down: int | None = None,
    limit: int | None = None,
    more: bool = False,
    claims: Iterable[KeptClaim] = (),
) -> LineageView:
    """The part of the graph around `root` that the edges given reach.

    up, down: how many steps to go each way, `None` for all. limit: how many derivatives to keep at most,
    the nearest ones. more: the caller already left edges out. claims: those of the models in view; claims
    of others are ignored. A model on both sides of the root (a cycle) counts by its nearer side.
    """
    upwards, downwards = list(edges_up), list(edges_down)
    above = reach(root, bases_of(upwards), up)
    below = reach(root, derivatives_of(downwards), down)
    kept = sorted(below, key=lambda name: (below[name], name))
    if limit is not None and len(kept) - 1 > limit:
        kept, more = kept[: limit + 1], True
    depth = {name: -steps for name, steps in above.items()}
    for name in kept:
        if name not in above or below[name] < above[name]:
            depth[name] = below[name]
    names = sorted(depth, key=lambda name: (depth[name], name))
    edges = _within(depth, upwards, downwards)
    known = {name: briefs[name] if name in briefs else stub(name) for name in names}
    problems = find_problems(edges, known, (claim for claim in claims if claim.derivative in depth))
    if more:
        problems += (_cut_at(root, len(kept) - 1),)
    return LineageView(
        root=root,
        nodes=tuple(known[name] for name in names),
        edges=edges,
        depth=MappingProxyType({name: depth[name] for name in names}),
        problems=problems,
    )


def impact(edges_down: Iterable[Edge], base: str, briefs: Mapping[str, ModelBrief] | None = None) -> Impact:
    """Every derivative of `base`, direct or not, with its depth; the base itself is never one.

    problems: those of the edges walked; unknown bases are told only when `briefs` are given.
    """
    edges = list(edges_down)
    relation = {(edge.derivative, edge.base): edge.relation for edge in edges}
    depth = reach(base, derivatives_of(edges))
    parents = bases_of(edges)
    derived = []
    for name, steps in depth.items():
        if name == base:
            continue
        via = next(parent for parent in parents[name] if depth.get(parent) == steps - 1)
        derived.append(Derived(name, steps, via, relation[name, via]))
    derived.sort(key=lambda one: (one.depth, one.repo_id))
    counts = Counter(str(one.relation) for one in derived)
    walked = _within(depth, edges)
    looked_at = {name: stub(name, tracked=True) for name in depth} if briefs is None else briefs
    return Impact(
        base=base,
        derivatives=tuple(derived),
        counts=MappingProxyType(dict(sorted(counts.items()))),
        problems=find_problems(walked, looked_at),
    )


def stub(repo_id: str, *, tracked: bool = False) -> ModelBrief:
    """What is known of a model by its name alone."""
    prefix, colon, _ = repo_id.partition(":")
    named = colon and prefix in SourceName.__members__.values()
    return ModelBrief(repo_id, SourceName(prefix) if named else SourceName.HUB, tracked)


def _within(names: Mapping[str, int], *edges: Iterable[Edge]) -> tuple[Edge, ...]:
    """The edges with both ends among `names`, one per pair, sorted."""
    pairs = {
        (edge.derivative, edge.base): edge
        for group in edges
        for edge in group
        if edge.derivative in names and edge.base in names
    }
    return tuple(pairs[pair] for pair in sorted(pairs))


def _cut_at(root: str, shown: int) -> Problem:
    return Problem(
        CUT,
        f"only the {shown} nearest derivatives of {root} are shown, there are more",
        (root,),
        mend="raise --limit",
    )
