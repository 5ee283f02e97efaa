"""Lineage questions: what lies around a model, why an edge is believed, what a base reaches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from registry.catalog.catalog import Catalog
from registry.contract import LineageView
from registry.lineage import graph
from registry.lineage.paths import PATH_LIMIT, find_paths
from registry.lineage.problems import find_problems
from registry.model.edges import Edge
from registry.model.evidence import KeptEvidence
from registry.model.records import KeptClaim


@dataclass(frozen=True, slots=True)
class Why:
    """Every way from a derivative up to a base, shortest first, with all claims for each edge of them, and
    for the pair itself where no edge is left of what was claimed.

    cut: there are more paths than were asked for. evidence: what the weights say of the edges, where they
    were asked.
    """

    derivative: str
    base: str
    paths: tuple[tuple[Edge, ...], ...]
    claims: Mapping[tuple[str, str], tuple[KeptClaim, ...]]
    cut: bool
    evidence: Mapping[tuple[str, str], KeptEvidence] = field(default_factory=lambda: MappingProxyType({}))


def lineage(
    catalog: Catalog,
    repo_id: str,
    *,
    up: int | None = None,
    down: int | None = None,
    limit: int | None = None,
) -> LineageView:
    """What `repo_id` was made from and what was made from it, `up` and `down` so many generations
    (`None`: all), with at most `limit` derivatives, nearest first."""
    above = catalog.edges_up(repo_id, up) if up != 0 else []
    below = catalog.edges_down(repo_id, down) if down != 0 else []
    names = {repo_id, *(name for edge in (*above, *below) for name in (edge.derivative, edge.base))}
    view = graph.view(repo_id, above, below, catalog.briefs(names), up=up, down=down, limit=limit)
    claims = catalog.claims_about(node.repo_id for node in view.nodes)
    return replace(view, problems=(*view.problems, *find_problems((), {}, claims)))


def why(catalog: Catalog, derivative: str, base: str, limit: int = PATH_LIMIT) -> Why:
    """Every path from `derivative` up to `base`, at most `limit`, and who claims each of their edges."""
    found = find_paths(catalog.edges_up(derivative), derivative, base, limit)
    pairs = {(edge.derivative, edge.base) for path in found.paths for edge in path} | {(derivative, base)}
    claims = {pair: tuple(catalog.claims(*pair)) for pair in sorted(pairs)}
    about = catalog.evidence.about({one for one, _ in pairs})
    weighed = {(kept.evidence.derivative, kept.evidence.base): kept for kept in about}
    return Why(
        derivative,
        base,
        found.paths,
        {pair: kept for pair, kept in claims.items() if kept},
        found.cut,
        {pair: weighed[pair] for pair in sorted(pairs & weighed.keys())},
    )


def impact(catalog: Catalog, base: str, *, judged: bool = True) -> graph.Impact:
    """Everything that descends from `base`, with its depth and the model it descends through. Not `judged`,
    it comes without counts and problems, which take most of the time."""
    if not judged:
        return graph.Impact(base, tuple(catalog.descendants(base)))
    edges = catalog.edges_down(base)
    bases = {base}.union(edge.base for edge in edges)
    return graph.impact(edges, base, catalog.briefs(bases))
