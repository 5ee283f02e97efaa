"""Merges: which models, in which proportions, give this one after rounding.

A merged model is a weighted sum of its parents, rounded to the dtype it is stored in. So the sum must meet it
to within rounding noise, variance `step**2 / 12` per value, which no model that merely lies near does. Linear
merges and task arithmetic are sums with weights that add up to one (the base may be taken away); a spherical
merge of near relatives is one too, as far as rounding can tell.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from registry.weights.compare import Samples, common_rows

MOST_NOISE = 4.0
"""Mean squared misfit over that of rounding, up to which a sum explains a model; exact merges: to 1.9."""
GOOD_NOISE = 2.5
"""A misfit below which two parents are enough and a third is not looked for."""
CANDIDATES = 18
_LEAST_WEIGHT = 0.08
_MOST_WEIGHT = 1.1
_THIRD_PARENT = 0.6
_BETTER_THAN_ONE = 0.5
_REACH = 0.15
"""How far from the least-squares weight the exact one is looked for."""

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Merge:
    """parents and their weights, which add up to one; rounding: squared misfit over that of rounding alone;
    covered: share of values the sum meets exactly, to within half a step; values: how many were fitted."""

    parents: tuple[str, ...]
    weights: tuple[float, ...]
    rounding: float
    covered: float
    values: int


@dataclass(frozen=True, slots=True)
class System:
    """Models laid side by side. child: its values; cells: half a rounding step each; parents: one row per
    candidate. All divided by the deviation of their block. noise: mean variance of rounding."""

    child: Array
    cells: Array
    parents: Array
    noise: float


def fit_merge(
    child: Samples,
    candidates: Mapping[str, Samples],
    base: str | None = None,
    groups: Sequence[Iterable[str]] | None = None,
) -> Merge | None:
    """The sum of two or three candidates that explains a model, `None` when there is none.

    candidates: dense models of the child's architecture and depth, nearest first. base: the one that may have
    a negative weight; any of them may when it is `None`. groups: when given, the two parents must come from
    different ones (a merge of strangers).
    """
    names = list(candidates)
    system = combine(child, [candidates[name] for name in names])
    if len(names) < 2 or system is None:
        return None
    residuals = system.child[None, :] - system.parents
    gram = residuals @ residuals.T / len(system.child)
    alone = float(gram.diagonal().min())
    if alone < MOST_NOISE * system.noise:
        return None  # A copy or next to it: anything would explain it.
    best: tuple[float, tuple[int, ...], Array] | None = None
    for size in (2,) if groups else (2, 3):
        sets = _sets(names, size, groups)
        found = _best_set(gram, sets, names, base) if len(sets) else None
        if found and (best is None or found[0] < best[0] * _THIRD_PARENT):
            best = found
        if best and best[0] < GOOD_NOISE * system.noise:
            break
    if best is None or best[0] > MOST_NOISE * system.noise or best[0] > _BETTER_THAN_ONE * alone:
        return None
    misfit, chosen, weights = best
    exact, covered = _refine(system, chosen, weights)
    return Merge(
        tuple(names[i] for i in chosen),
        tuple(float(weight) for weight in exact),
        misfit / system.noise,
        covered,
        len(system.child),
    )


def combine(child: Samples, candidates: Sequence[Samples]) -> System | None:
    """The values of a model and its candidates at the places all of them have, `None` without any."""
    rows = common_rows(child, candidates)
    if len(rows) < 2 or not candidates:
        return None
    values, cells, parents = [], [], []
    for own, others in rows:
        count = min(int(s.counts[r]) for s, r in zip([child, *candidates], [own, *others], strict=True))
        run = child.values[own, :count].astype(np.float64)
        scale = float(run.std())
        if scale <= 1e-9 * float(np.abs(run).max()):
            continue
        values.append(run / scale)
        cells.append(child.cells[own, :count] / scale)
        parents.append(
            np.stack([s.values[r, :count] / scale for s, r in zip(candidates, others, strict=True)])
        )
    if len(values) < 2:
        return None
    all_cells = np.concatenate(cells).astype(np.float64)
    noise = float((all_cells**2).mean()) / 3 + 1e-14
    return System(np.concatenate(values), all_cells, np.concatenate(parents, 1).astype(np.float64), noise)


def _sets(names: Sequence[str], size: int, groups: Sequence[Iterable[str]] | None) -> NDArray[np.int64]:
    sets = np.array(list(combinations(range(len(names)), size)), np.int64).reshape(-1, size)
    if groups is None:
        return sets
    group = {name: number for number, members in enumerate(groups) for name in members}
    kept = [row for row in sets.tolist() if len({group.get(names[i], -1) for i in row}) == size]
    return np.array(kept, np.int64).reshape(-1, size)


def _best_set(
    gram: Array, sets: NDArray[np.int64], names: Sequence[str], base: str | None
) -> tuple[float, tuple[int, ...], Array] | None:
    """The set with the least misfit among those with sensible weights: the weights that add up to one and
    minimise `w G w` are `G**-1 1`, scaled."""
    size = sets.shape[1]
    blocks = gram[sets[:, :, None], sets[:, None, :]] + 1e-14 * np.eye(size)
    try:
        solved = np.linalg.solve(blocks, np.ones((len(sets), size, 1)))[:, :, 0]
    except np.linalg.LinAlgError:
        return None
    total = solved.sum(1)
    with np.errstate(all="ignore"):
        weights, misfit = solved / total[:, None], 1 / total
    negative = weights < 0
    is_base = np.array([name == base or base is None for name in names])[sets]
    sensible = (
        np.isfinite(misfit)
        & (misfit > 0)
        & (np.abs(weights).min(1) >= _LEAST_WEIGHT)
        & (weights.max(1) <= _MOST_WEIGHT)
        & (negative.sum(1) <= (1 if size == 3 else 0))
        & ~(negative & ~is_base).any(1)
    )
    if not sensible.any():
        return None
    at = int(np.argmin(np.where(sensible, misfit, np.inf)))
    return float(misfit[at]), tuple(int(i) for i in sets[at]), weights[at]


def _refine(system: System, chosen: tuple[int, ...], weights: Array) -> tuple[Array, float]:
    """The weights under which most values are met to within half a step.

    Least squares is biased where parents differ by a single step, because rounding then takes one side for
    all values; that every value must fall into its own cell is not.
    """
    parents, exact = system.parents[list(chosen)], weights.copy()
    for _ in range(1 if len(chosen) == 2 else 4):
        for one, other in combinations(range(len(chosen)), 2):
            rest = system.child - sum(
                exact[i] * parents[i] for i in range(len(chosen)) if i not in (one, other)
            )
            share = exact[one] + exact[other]
            target = rest - share * parents[other]
            moved = _most_covering(target, parents[one] - parents[other], system.cells, exact[one])
            exact[one], exact[other] = moved, share - moved
    misses = np.abs(system.child - exact @ parents) > system.cells * 1.02 + 1e-9
    return exact, float(1 - misses.mean())


def _most_covering(target: Array, direction: Array, cells: Array, near: float) -> float:
    """The factor `w` near a first guess for which most of `|target - w * direction| <= cell` hold."""
    used = np.abs(direction) > 1e-9
    if not used.any():
        return near
    centre, half = target[used] / direction[used], cells[used] / np.abs(direction[used])
    low, high = np.maximum(centre - half, near - _REACH), np.minimum(centre + half, near + _REACH)
    inside = low <= high
    if not inside.any():
        return near
    low, high = np.sort(low[inside]), np.sort(high[inside])
    ends = np.concatenate([low, high])
    order = np.argsort(ends, kind="stable")
    level = np.cumsum(np.concatenate([np.ones(len(low)), -np.ones(len(high))])[order])
    edges = ends[order]
    # The middle of all stretches that nearly reach the highest count, so that one odd value does not decide.
    top = level >= level.max() - max(1.0, 0.0005 * len(low))
    at = np.flatnonzero(top)
    return float((edges[at[0]] + edges[min(at[-1] + 1, len(edges) - 1)]) / 2)
