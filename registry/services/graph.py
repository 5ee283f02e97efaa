"""Questions to the lineage of the whole catalog: families, the bases most is made from, the longest chains,
circles, and models whose base is gone or unread. Datasets are nobody's base here.

Every order is total: by the figure asked for, then by name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from registry.catalog.catalog import Catalog
from registry.lineage.graph import Orphan

if TYPE_CHECKING:
    from registry.lineage.csr import LineageGraph


@dataclass(frozen=True, slots=True)
class Family:
    """A model without a base and all that descends from it. depth: steps to the farthest derivative.
    relations: derivatives by relation, each counted once. A circle that nothing leads to has no such model:
    the least of its names stands for it."""

    root: str
    derivatives: int
    depth: int
    relations: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Base:
    """A model others were made from. direct: from itself; derivatives: from anything that descends from it,
    itself never counted."""

    repo_id: str
    direct: int
    derivatives: int


@dataclass(frozen=True, slots=True)
class Chain:
    """A longest way down to a model, root first, each made from the one before."""

    models: tuple[str, ...]

    @property
    def length(self) -> int:
        """In steps."""
        return len(self.models) - 1


def families(catalog: Catalog, limit: int | None = None) -> list[Family]:
    """Every root by how much descends from it, or the first `limit`. A merge belongs to several families."""
    from registry.lineage.whole import Families, find_cycles

    graph = catalog.lineage_graph()
    cycles = find_cycles(graph)
    kin = Families(graph, cycles)
    roots, counts = kin.largest(kin.roots(), limit)
    circles = {group[0]: group for group in cycles.groups}
    members = {root: circles.get(root, (root,)) for root in roots.tolist()}
    names = _names(catalog, graph, (one for group in members.values() for one in group))
    called = {root: min(names[one] for one in group) for root, group in members.items()}
    ranked = _ranked(members, dict(zip(roots.tolist(), counts.tolist(), strict=True)), called)
    reaches = ((called[root], kin.reach(root)) for root in ranked[:limit])
    return [Family(name, reach.derivatives, reach.depth, reach.relations) for name, reach in reaches]


def bases(catalog: Catalog, limit: int, *, direct: bool = False) -> list[Base]:
    """The `limit` models with the most derivatives; by direct ones alone when `direct`."""
    from registry.lineage import whole

    graph = catalog.lineage_graph()
    degrees = whole.direct_derivatives(graph)
    if direct:
        worth = {base: int(degrees[base]) for base in whole.most_derivatives(graph, limit).tolist()}
    else:
        kin = whole.Families(graph, whole.find_cycles(graph))
        numbers, counts = kin.largest(kin.bases(), limit)
        worth = dict(zip(numbers.tolist(), counts.tolist(), strict=True))
    names = _names(catalog, graph, worth)
    return [
        Base(names[base], int(degrees[base]), len(graph.descendants(base)))
        for base in _ranked(worth, worth, names)[:limit]
    ]


def chains(catalog: Catalog, limit: int) -> list[Chain]:
    """The longest chains, one for each model they end in. No step goes along a circle."""
    from registry.lineage.whole import Generations, find_cycles

    graph = catalog.lineage_graph()
    generations = Generations(graph, find_cycles(graph))
    ends = generations.ends(limit).tolist()
    worth = {end: int(generations.depth[end]) for end in ends}
    kept = _ranked(ends, worth, _names(catalog, graph, ends))[:limit]
    ways = [generations.chain(end) for end in kept]
    names = _names(catalog, graph, (one for way in ways for one in way))
    return [Chain(tuple(names[one] for one in way)) for way in ways]


def cycles(catalog: Catalog) -> list[tuple[str, ...]]:
    """Models that descend from themselves: groups that all descend from one another, the largest first,
    and each model that names itself as its base as a group of one."""
    from registry.lineage.whole import find_cycles

    graph = catalog.lineage_graph()
    groups = [*find_cycles(graph).groups, *((one,) for one in graph.down.targets[graph.loops].tolist())]
    names = _names(catalog, graph, (one for group in groups for one in group))
    named = [tuple(sorted(names[one] for one in group)) for group in groups]
    return sorted(named, key=lambda group: (-len(group), group))


def orphans(catalog: Catalog) -> list[Orphan]:
    """Models made from something that is gone, was never read or cannot be told, by name."""
    return catalog.orphans()


def figures(catalog: Catalog) -> dict[str, int]:
    """The lineage of the whole catalog in numbers. longest_chain: in steps."""
    from registry.lineage.csr import distinct
    from registry.lineage.whole import Families, Generations, find_cycles

    graph = catalog.lineage_graph()
    found = find_cycles(graph)
    kin = Families(graph, found)
    roots = kin.roots()
    _, counts = kin.largest(roots, 1)
    return {
        "derivatives": len(distinct(graph.down.targets[~graph.loops])),
        "families": len(roots),
        "largest_family": int(counts[0]) if len(counts) else 0,
        "longest_chain": int(Generations(graph, found).depth.max(initial=0)),
        "cycles": len(found.groups) + int(graph.loops.sum()),
    }


def _names(catalog: Catalog, graph: LineageGraph, numbers: Iterable[int]) -> dict[int, str]:
    """The names of models by their number in the graph; of one taken out since it was made, its id."""
    ids = {number: int(graph.ids[number]) for number in numbers}
    names = catalog.names(ids.values())
    return {number: names.get(model_id, f"model {model_id}") for number, model_id in ids.items()}


def _ranked(numbers: Iterable[int], worth: Mapping[int, int], names: Mapping[int, str]) -> Sequence[int]:
    """The most first, ties by name."""
    return sorted(numbers, key=lambda one: (-worth[one], names[one]))
