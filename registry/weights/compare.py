"""Two fingerprints side by side: what their common samples say.

Three measures per block. *Correlation* tells a family and survives pruning, quantization and long training.
*Distance* (squared difference over the product of norms) ranks relatives. *Equality* after rounding to
bfloat16 finds copies and frozen parts. Vectors (norms) stay out of all three: they are alike in strangers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from registry.weights.dtypes import is_lossy, to_bfloat16
from registry.weights.fingerprint import Block, Fingerprint
from registry.weights.layout import OUTSIDE, Slot

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

EQUAL = 0.9995
"""Share of equal values above which a block counts as copied."""
_ALIGNED = 0.3
"""Median correlation two layers must have before they are taken for one."""
_CONSTANT = 1e-12
_LARGEST = np.float32(1e15)
"""No weight is larger, and squares of larger numbers have no room in float32."""


class Samples:
    """The numbers of one fingerprint, laid out for comparing. Rows of `values`, `cells` and `bits` are the
    matrix blocks in order of `blocks`, cut or filled up with zeros to `WIDTH`."""

    WIDTH = 512

    def __init__(self, source: Fingerprint) -> None:
        self.source = source
        matrices = [block for block in source.blocks if not block.is_vector and not source.adapter]
        self.blocks: tuple[Block, ...] = tuple(sorted(matrices, key=lambda block: block.slot))
        self.index: Mapping[Slot, int] = {block.slot: i for i, block in enumerate(self.blocks)}
        shape = (len(self.blocks), self.WIDTH)
        self.values = np.zeros(shape, np.float32)
        self.cells = np.zeros(shape, np.float32)
        self.counts = np.zeros(len(self.blocks), np.int64)
        for row, block in enumerate(self.blocks):
            numbers = block.numbers()
            count = min(block.count, self.WIDTH)
            self.values[row, :count] = np.clip(numbers.values[:count], -_LARGEST, _LARGEST)
            self.cells[row, :count] = numbers.cells[:count]
            self.counts[row] = count
        self.bits = to_bfloat16(self.values.ravel()).reshape(shape)

    @cached_property
    def layers(self) -> tuple[int, ...]:
        return tuple(sorted({block.layer for block in self.blocks if block.layer != OUTSIDE}))

    @cached_property
    def lossy(self) -> bool:
        """Whether any part of the model was quantized."""
        return self.source.quantized or any(is_lossy(block.dtype) for block in self.blocks)

    @cached_property
    def zero_share(self) -> float:
        """Share of zeros in the matrices within the layers: half where half was pruned away."""
        inside = [i for i, block in enumerate(self.blocks) if block.layer != OUTSIDE]
        total = int(self.counts[inside].sum())
        if not total:
            return 0.0
        used = np.arange(self.WIDTH)[None, :] < self.counts[inside][:, None]
        return float(((self.values[inside] == 0) & used).sum()) / total

    @cached_property
    def vectors(self) -> Mapping[Slot, Floats]:
        return {block.slot: block.numbers().values for block in self.source.blocks if block.is_vector}


@dataclass(frozen=True, slots=True)
class Pair:
    """What two models have in common. All arrays have one entry per compared block: its place in either
    model, values compared, correlation, distance, share of equal values."""

    left: tuple[Slot, ...]
    right: tuple[Slot, ...]
    counts: NDArray[np.int64]
    correlation: NDArray[np.float64]
    distance: NDArray[np.float64]
    equality: NDArray[np.float64]

    @property
    def blocks(self) -> int:
        return len(self.left)

    @property
    def values(self) -> int:
        return int(self.counts.sum())

    @property
    def score(self) -> float:
        """Mean of the better half of the correlations, 0 without any: it bears parts that were replaced."""
        if not self.blocks:
            return 0.0
        best = np.sort(self.correlation)[::-1]
        return float(best[: (len(best) + 1) // 2].mean())

    @property
    def equal(self) -> float:
        """Share of all compared values that are equal."""
        return float((self.equality * self.counts).sum() / max(1, self.values))

    @property
    def copied(self) -> float:
        """Share of the compared blocks that are equal."""
        return float((self.equality > EQUAL).mean()) if self.blocks else 0.0

    @property
    def relative_distance(self) -> float | None:
        """Length of the difference over that of the weights, all blocks together."""
        if not self.blocks:
            return None
        return float(np.sqrt((self.distance * self.counts).sum() / self.values))

    def turned(self) -> Pair:
        """The same seen from the other model."""
        return Pair(self.right, self.left, self.counts, self.correlation, self.distance, self.equality)


def compare(left: Samples, right: Samples) -> Pair:
    """Compare what two models have in common; layers are matched where their numbers differ."""
    rows = _matches(left, right, _layer_map(left, right))
    return _measure(left, right, rows)


def comparable(a: Block, b: Block) -> bool:
    """Whether two blocks are the same run of tensors of one shape. A vocabulary may have grown."""
    if a.first != b.first or len(a.shape) != len(b.shape):
        return False
    if a.role.partition(".")[0] in ("embed", "head"):
        return a.shape[1:] == b.shape[1:]
    return a.shape == b.shape


def _matches(left: Samples, right: Samples, layers: Mapping[int, int]) -> list[tuple[int, int]]:
    found = []
    for i, block in enumerate(left.blocks):
        layer = OUTSIDE if block.layer == OUTSIDE else layers.get(block.layer)
        if layer is None:
            continue
        j = right.index.get(Slot(block.role, layer))
        if j is not None and comparable(block, right.blocks[j]):
            found.append((i, j))
    return found


def _layer_map(left: Samples, right: Samples) -> Mapping[int, int]:
    """Which layer of the right model each layer of the left one is compared with.

    Of models of one depth the same; otherwise the one that resembles it most, if any does.
    """
    if left.source.depth == right.source.depth:
        return {layer: layer for layer in left.layers}
    rows = [
        (i, j)
        for i, block in enumerate(left.blocks)
        if block.layer != OUTSIDE
        for other in right.layers
        if (j := right.index.get(Slot(block.role, other))) is not None and comparable(block, right.blocks[j])
    ]
    if not rows:
        return {}
    found: dict[tuple[int, int], list[float]] = {}
    for (i, j), correlation in zip(rows, _measure(left, right, rows).correlation.tolist(), strict=True):
        found.setdefault((left.blocks[i].layer, right.blocks[j].layer), []).append(correlation)
    best: dict[int, tuple[float, int]] = {}
    for (own, other), values in found.items():
        middle = sorted(values)[len(values) // 2]
        if middle > max(_ALIGNED, best.get(own, (0.0, 0))[0]):
            best[own] = (middle, other)
    return {own: other for own, (_, other) in best.items()}


def _measure(left: Samples, right: Samples, rows: list[tuple[int, int]]) -> Pair:
    i = np.fromiter((row for row, _ in rows), np.int64, len(rows))
    j = np.fromiter((row for _, row in rows), np.int64, len(rows))
    counts = np.minimum(left.counts[i], right.counts[j])
    a, b, x, y = left.values[i], right.values[j], left.bits[i], right.bits[j]
    used = np.arange(Samples.WIDTH)[None, :] < counts[:, None]
    if not used.all():
        a, b = np.where(used, a, 0), np.where(used, b, 0)
    size = np.maximum(counts, 1).astype(np.float64)
    sum_a, sum_b = a.sum(1, dtype=np.float64), b.sum(1, dtype=np.float64)
    aa = np.einsum("ij,ij->i", a, a).astype(np.float64)
    bb = np.einsum("ij,ij->i", b, b).astype(np.float64)
    ab = np.einsum("ij,ij->i", a, b).astype(np.float64)
    difference = a - b
    dd = np.einsum("ij,ij->i", difference, difference).astype(np.float64)
    spread = np.sqrt(np.maximum(aa - sum_a**2 / size, 0) * np.maximum(bb - sum_b**2 / size, 0))
    correlation = np.where(spread > _CONSTANT, (ab - sum_a * sum_b / size) / np.maximum(spread, _CONSTANT), 0)
    norms = np.sqrt(aa * bb)
    distance = np.where(norms > 0, dd / np.maximum(norms, 1e-30), np.where(dd > 0, 2.0, 0.0))
    equality = ((x == y) & used).sum(1) / size
    return Pair(
        tuple(left.blocks[row].slot for row in i.tolist()),
        tuple(right.blocks[row].slot for row in j.tolist()),
        counts,
        np.clip(correlation, -1, 1),
        distance,
        equality,
    )


def is_copy(pair: Pair, left: Samples, right: Samples) -> bool:
    """Whether two models are the same numbers: cast, re-sharded, renamed, or with another head.

    Four fifths of the blocks of the smaller one must be there and equal, among them most of every layer.
    """
    smaller = min(len(left.blocks), len(right.blocks))
    copied = int((pair.equality > EQUAL).sum())
    return pair.blocks >= 2 and copied >= 0.8 * max(smaller, pair.blocks) and pair.equal > EQUAL


def common_rows(child: Samples, others: Sequence[Samples]) -> list[tuple[int, list[int]]]:
    """Blocks that a model and all of the others have at the same places: its row, and theirs."""
    found = []
    for i, block in enumerate(child.blocks):
        rows = [other.index.get(block.slot) for other in others]
        if all(
            j is not None and comparable(block, other.blocks[j])
            for j, other in zip(rows, others, strict=True)
        ):
            found.append((i, [j for j in rows if j is not None]))
    return found


def covered_share(child: Samples, parent: Samples) -> float | None:
    """Share of the parent's values that would be rounded to the child's, over the quantized blocks they have
    in common; `None` when there are none. The true source of a quantized file has nearly all of them."""
    rows = [
        (i, j[0])
        for i, j in common_rows(child, [parent])
        if is_lossy(child.blocks[i].dtype) and not is_lossy(parent.blocks[j[0]].dtype)
    ]
    hits = total = 0
    for i, j in rows:
        count = int(min(child.counts[i], parent.counts[j]))
        off = np.abs(child.values[i, :count] - parent.values[j, :count])
        hits += int((off <= child.cells[i, :count] * 1.02 + 1e-9).sum())
        total += count
    return hits / total if total else None
