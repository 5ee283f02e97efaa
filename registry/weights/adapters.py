"""What an adapter was made for, proven through the model it was merged into.

An adapter alone holds nothing of its base. Where a merged model is at hand, the difference between it and the
true base is the adapter's own product, `scale * B A`, on every sampled value. A base that was merely near
leaves its own difference over.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from registry.errors import DamagedFile
from registry.weights.compare import Samples
from registry.weights.fingerprint import Block, Fingerprint
from registry.weights.layout import Slot

PROVEN = 0.05
"""Share of the difference the adapter may leave unexplained. True bases: below 0.01."""
_TIE = 1.5
_LEAST_VALUES = 512
_PREFIX = 256
"""Values compared of each tensor: as many as are sampled of one in float32."""

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Proof:
    """merged: the model that holds the adapter; bases: those it was merged into, best first, more than one
    where near-copies cannot be told apart; unexplained: share of the difference left over, of the best;
    scale: the factor of the adapter's product; values: how many were compared."""

    merged: str
    bases: tuple[str, ...]
    unexplained: float
    scale: float
    values: int


def prove(adapter: Fingerprint, models: Mapping[str, Samples]) -> Proof | None:
    """Find the merged model and the base that an adapter connects, `None` when no two of them fit."""
    changes = _changes(adapter)
    names, rows = _aligned(changes, models)
    if len(names) < 2:
        return None
    expected = np.concatenate([run[:_PREFIX] for _, run in changes.values()])
    power = float(expected @ expected)
    if len(expected) < _LEAST_VALUES or power == 0:
        return None
    values = rows - rows.mean(0)
    gram, along = values @ values.T, values @ expected
    length = gram.diagonal()[:, None] + gram.diagonal()[None, :] - 2 * gram
    scale = (along[:, None] - along[None, :]) / power
    with np.errstate(all="ignore"):
        unexplained = 1 - scale**2 * power / length
    # A pair of copies differs by nothing, and the wrong way round the scale is negative.
    unexplained[(length <= 1e-12 * power) | (scale <= 0)] = np.inf
    merged, base = np.unravel_index(int(np.argmin(unexplained)), unexplained.shape)
    best = float(unexplained[merged, base])
    if not best < PROVEN:
        return None
    tied = [int(i) for i in np.argsort(unexplained[merged]) if unexplained[merged, i] <= best * _TIE + 1e-4]
    return Proof(
        names[merged],
        tuple(names[i] for i in tied),
        max(best, 0.0),
        float(scale[merged, base]),
        len(expected),
    )


def _changes(adapter: Fingerprint) -> dict[Slot, tuple[tuple[int, int, int], Array]]:
    """For each changed tensor: its first sampled element, rows and columns known, and the product there."""
    blocks = {block.slot: block for block in adapter.blocks}
    found = {}
    for slot, inner in blocks.items():
        stem, _, side = slot.role.rpartition(".")
        if side not in ("A", "At"):
            continue
        outer = blocks.get(Slot(f"{stem}.B" if side == "A" else f"{stem}.Bt", slot.layer))
        if outer is None or inner.shape[:1] != outer.shape[1:]:
            continue
        product = _matrix(outer) @ _matrix(inner)
        row = outer.first // outer.shape[1] if side == "A" else inner.first
        run = product if side == "A" else product.T
        found[Slot(stem, slot.layer)] = ((row, *run.shape), run.reshape(-1))
    return found


def _matrix(block: Block) -> Array:
    if len(block.shape) != 2 or prod(block.shape) != block.count:
        raise DamagedFile(f"half of an adapter has {block.count} values for the shape {block.shape}")
    return block.numbers().values.astype(np.float64).reshape(block.shape)


def _aligned(
    changes: Mapping[Slot, tuple[tuple[int, int, int], Array]], models: Mapping[str, Samples]
) -> tuple[list[str], Array]:
    """The models that have every changed tensor sampled at the same place, and their values there."""
    names, rows = [], []
    for name, samples in models.items():
        parts = []
        for slot, ((row, height, columns), _) in changes.items():
            index = samples.index.get(slot)
            block = None if index is None else samples.blocks[index]
            if index is None or block is None or len(block.shape) != 2 or block.first != row * block.shape[1]:
                break
            width = block.shape[1]
            # Whole rows, or the beginning of one.
            count = min(height * columns, _PREFIX)
            if samples.counts[index] < count or (columns != width and height != 1):
                break
            parts.append(samples.values[index, :count].astype(np.float64))
        else:
            if parts:
                names.append(name)
                rows.append(np.concatenate(parts))
    return names, np.array(rows)
