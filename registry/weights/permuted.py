"""Copies whose inner dimension was shuffled: the values of a whole row stay the same set.

Permuting the residual stream changes every sampled value and no function of the network. The sorted values of
whole rows do not change. Two strangers of one distribution differ there by what chance leaves, about
`1 / sqrt(width)` deviations, so this can show a copy and never deny one. Rows wider than a sample are read in
tier X only.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from registry.weights.compare import Samples, comparable
from registry.weights.layout import Slot

CHANCE = 0.8
"""Times `1 / sqrt(width)`: strangers lie above 1.7, copies at 0."""
_ROLES = frozenset({"embed", "embed.2", "head", "head.2", "q", "k", "v", "gate", "up", "qkv", "gate_up"})
_LEAST_ROWS = 16
_IN_PLACE = 0.5
"""Correlation above which a block was not shuffled, but shared as it is."""

Rows = dict[Slot, NDArray[np.float32]]


def whole_rows(samples: Samples) -> Rows:
    """The whole rows among the samples, of tensors whose rows run over the inner dimension."""
    found: Rows = {}
    for i, block in enumerate(samples.blocks):
        width = block.shape[-1]
        rows = block.count // width
        if block.role in _ROLES and rows and block.first % width == 0 and width > 1:
            values = samples.values[i] if block.count <= samples.WIDTH else block.numbers().values
            found[block.slot] = values[: rows * width].reshape(rows, width)
    return found


def row_distance(left: Samples, right: Samples, left_rows: Rows, right_rows: Rows) -> float | None:
    """Median over blocks of how far sorted rows lie apart, in units of what chance leaves between strangers
    (copies: 0, strangers: above 1.7). `None` when fewer than sixteen rows can be compared; blocks that are
    alike as they stand are left out, for a shared embedding is no shuffled model."""
    if left.source.depth != right.source.depth:
        return None
    found, compared = [], 0
    for slot, a in left_rows.items():
        b = right_rows.get(slot)
        if b is None or a.shape[1] != b.shape[1]:
            continue
        if not comparable(left.blocks[left.index[slot]], right.blocks[right.index[slot]]):
            continue
        rows = min(len(a), len(b))
        one, other = a[:rows].astype(np.float64), b[:rows].astype(np.float64)
        deviations = float(one.std()), float(other.std())
        if min(deviations) == 0:
            continue
        product = float(((one - one.mean()) * (other - other.mean())).mean())
        if product > _IN_PLACE * deviations[0] * deviations[1]:
            continue
        gap = float(np.sqrt(((np.sort(one, axis=1) - np.sort(other, axis=1)) ** 2).mean()))
        found.append(gap / deviations[0] * a.shape[1] ** 0.5)
        compared += rows
    return float(np.median(found)) if compared >= _LEAST_ROWS else None
