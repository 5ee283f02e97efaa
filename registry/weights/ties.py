"""Merges by TIES: every value is the base's, or the mean of some parents' that agree on its sign.

Yadav et al. 2023 (arXiv:2306.01708): small changes are trimmed, a sign is elected, and the changes that
have it are averaged. Whatever was trimmed and elected, each value of the merge is one of few: that of the
base, of a parent, or of a mean of parents. With equal weights and scale 1 this can be checked without knowing
the rest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from registry.weights.compare import Samples
from registry.weights.merges import Merge, System, combine

EXPLAINED = 0.97
"""Share of the values that differ from the base which the parents must explain."""
_LEAST_CHANGED = 0.05
_BETTER = 0.5
"""Share of the unexplained values that another parent may leave."""
_MOST_PARENTS = 4
_CANDIDATES = 12
_SAMPLE = 1500
_LEAST_SHARE = 0.02


def fit_ties(child: Samples, candidates: Mapping[str, Samples], bases: Sequence[str]) -> Merge | None:
    """The base and the two to four parents that explain a model as a TIES merge, `None` without any.

    candidates: dense models of the same form, nearest first, the bases among them. Parents come first in the
    answer, the base last, its weight taken as 0: the others share one.
    """
    names = list(candidates)[:_CANDIDATES]
    names += [base for base in bases if base in candidates and base not in names]
    system = combine(child, [candidates[name] for name in names])
    if system is None or len(names) < 3:
        return None
    best: tuple[float, str, tuple[int, ...]] | None = None
    for base in bases:
        found = _parents(system, names.index(base)) if base in names else None
        if found and (best is None or found[0] > best[0]):
            best = (found[0], base, found[1])
    if best is None:
        return None
    share, base, parents = best
    weights = (*(1 / len(parents) for _ in parents), 0.0)
    return Merge((*(names[i] for i in parents), base), weights, 1.0, share, len(system.child))


def _parents(system: System, base: int) -> tuple[float, tuple[int, ...]] | None:
    changed = np.flatnonzero(np.abs(system.child - system.parents[base]) > system.cells * 1.02 + 1e-9)
    if len(changed) < _LEAST_CHANGED * len(system.child):
        return None
    few = _Means(system, changed[:: max(1, len(changed) // _SAMPLE)])
    best: tuple[float, tuple[int, ...]] | None = None
    others = [i for i in range(len(system.parents)) if i != base]
    for size in range(2, _MOST_PARENTS + 1):
        # Beyond three only what adds to the best so far is tried.
        sets = (
            list(combinations(others, size))
            if size < _MOST_PARENTS or best is None
            else [tuple(sorted({*best[1], i})) for i in others if i not in best[1]]
        )
        if not sets:
            break
        share, chosen = max((few.explained(group), group) for group in sets)
        if best is None or 1 - share <= _BETTER * (1 - best[0]):
            best = (share, chosen)
        if best[0] >= EXPLAINED:
            break
    if best is None or best[0] < EXPLAINED:
        return None
    chosen = best[1]
    everything = _Means(system, changed)
    share = everything.explained(chosen)
    without = [everything.explained(tuple(i for i in chosen if i != parent)) for parent in chosen]
    return None if share - max(without) < _LEAST_SHARE else (share, chosen)


class _Means:
    """Which of some values of a merge are a parent's, or a mean of parents', to within half a step; each
    mean is looked at once."""

    def __init__(self, system: System, at: NDArray[np.int64]) -> None:
        self._child = system.child[at]
        self._cells = system.cells[at] * 1.02 + 1e-9
        self._parents = system.parents[:, at]
        self._known: dict[tuple[int, ...], NDArray[np.bool_]] = {}

    def explained(self, parents: tuple[int, ...]) -> float:
        """Share of the values that these parents explain."""
        met = np.zeros(len(self._child), bool)
        for size in range(1, len(parents) + 1):
            for group in combinations(parents, size):
                if group not in self._known:
                    mean = self._parents[list(group)].mean(0)
                    self._known[group] = np.abs(self._child - mean) <= self._cells
                met |= self._known[group]
        return float(met.mean())
