"""What tensors would take in a store that keeps differences, told from a few of their blocks.

The store is the one of ZipLLM (NSDI 2026): a tensor that a base has in the same place is kept as the XOR of
the two, its numbers split into exponents and the rest, each part compressed by zstd. A block keeps whichever
is smallest of its differences to the bases and itself. Blocks are drawn in proportion to their bytes, one
from each of as many equal stretches; how far the sum may be off follows from how much they differ (Cochran,
Sampling Techniques, chapters 5 and 9A).
"""

from __future__ import annotations

import random
import zlib
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from math import sqrt
from statistics import fmean, stdev
from typing import TYPE_CHECKING

from registry.model.estimate import EXACT, Estimate

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

INTERVAL = "95 % of samples"
BLOCK = 2**20
"""Bytes compressed at a time."""
LEVEL = 3
_WIDTHS = {"BF16": 2, "F16": 2, "I16": 2, "U16": 2, "F32": 4, "I32": 4, "U32": 4, "F64": 8, "I64": 8}
_ROTATED = frozenset({"BF16", "F32"})
"""Dtypes whose exponent fills a byte once the sign is moved to the end."""

Compressor = Callable[[bytes], int]
"""From bytes to how many they take compressed."""


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of a tensor: `size` bytes from `offset` within it. tensor: its number in a list."""

    tensor: int
    offset: int
    size: int


def blocks_of(sizes: Sequence[int]) -> list[Block]:
    """Tensors of these sizes in pieces, in order."""
    return [
        Block(tensor, offset, min(BLOCK, size - offset))
        for tensor, size in enumerate(sizes)
        for offset in range(0, size, BLOCK)
    ]


@dataclass(frozen=True, slots=True)
class Sample:
    """Blocks to compress. certain: those that stand for themselves; drawn: those that stand for the `rest`,
    the bytes of all others, in equal parts; a large one may be there twice. blocks: how many there are."""

    certain: tuple[Block, ...]
    drawn: tuple[Block, ...]
    rest: int
    blocks: int

    @property
    def chosen(self) -> list[Block]:
        """Each once, in order."""
        return sorted({*self.certain, *self.drawn}, key=lambda one: (one.tensor, one.offset))


def choose(blocks: Sequence[Block], most: int, seed: str) -> Sample:
    """At most so many of them, the same ones for the same seed."""
    if len(blocks) <= most:
        return Sample(tuple(blocks), (), 0, len(blocks))
    certain: set[Block] = set()
    rest = sum(block.size for block in blocks)
    for block in sorted(blocks, key=lambda one: -one.size):
        # Larger than the stretch it would be drawn for.
        if len(certain) + 1 >= most or block.size * (most - len(certain)) < rest:
            break
        certain.add(block)
        rest -= block.size
    others = [block for block in blocks if block not in certain]
    ends = list(accumulate(block.size for block in others))
    # Not for secrets: anybody may work out which blocks are looked at.
    dice, count = random.Random(seed), most - len(certain)  # noqa: S311
    points = [(number + dice.random()) * rest / count for number in range(count)]
    drawn = tuple(others[min(bisect_right(ends, point), len(others) - 1)] for point in points)
    return Sample(tuple(block for block in blocks if block in certain), drawn, rest, len(blocks))


@cache
def compressor() -> tuple[str, Compressor]:
    """The name of the compression at hand, and how to measure with it. Without the package zstandard it is
    zlib, whose entropy coding does nearly as well on split numbers, and says so."""
    try:
        from zstandard import ZstdCompressor
    except ImportError:
        return "zlib-6 in place of zstd", lambda data: len(zlib.compress(data, 6))
    # One each time: a compressor is not for several threads.
    return f"zstd-{LEVEL}", lambda data: len(ZstdCompressor(level=LEVEL).compress(data))


def compressed(dtype: str, data: bytes, bases: Sequence[bytes], measure: Compressor) -> int:
    """Bytes that a block takes: by itself, or as its difference to one of the bases, of the same size."""
    import numpy as np

    own = np.frombuffer(data, np.uint8)
    candidates = [own, *(own ^ np.frombuffer(base, np.uint8) for base in bases)]
    smallest = min(sum(map(measure, split(dtype, candidate))) for candidate in candidates)
    return min(smallest, len(data))


def split(dtype: str, data: NDArray[np.uint8]) -> list[bytes]:
    """Numbers byte by byte, all first bytes, then all second ones; the exponents of BF16 and F32 together."""
    import numpy as np

    width = _WIDTHS.get(dtype, 1)
    if width == 1 or data.size % width:
        return [data.tobytes()]
    if dtype in _ROTATED:
        numbers = np.ascontiguousarray(data).view(f"<u{width}")
        numbers = (numbers << 1) | (numbers >> (8 * width - 1))
        data = numbers.view(np.uint8)
    return [plane.tobytes() for plane in np.ascontiguousarray(data.reshape(-1, width).T)]


def estimate(sample: Sample, stored: Mapping[Block, int], method: str) -> Estimate:
    """Bytes that all blocks would take. stored: what the chosen ones take."""
    chosen = sample.chosen
    total = sample.rest + sum(block.size for block in sample.certain)
    known = sum(stored[block] for block in sample.certain)
    formula = f"{total:,} bytes, {method} on {len(chosen):,} of {sample.blocks:,} blocks"
    if not sample.rest:
        return Estimate(known, known, known, "byte", formula, interval=EXACT)
    ratios = [stored[block] / block.size for block in sample.drawn]
    count, mean = len(ratios), fmean(ratios)
    mid = known + sample.rest * mean
    if count < 2:
        return Estimate(known, mid, float(total), "byte", formula, interval="one block tells no spread")
    seen = sum(block.size for block in set(sample.drawn)) / sample.rest
    error = stdev(ratios) / sqrt(count) * sqrt(1 - seen) * sample.rest * _quantile(count - 1)
    return Estimate(
        max(float(known), mid - error),
        mid,
        min(float(total), mid + error),
        "byte",
        formula,
        interval=INTERVAL,
    )


def _quantile(freedom: int) -> float:
    """Standard errors on either side that hold 95 of 100: Student's, within 2 % from 5 degrees on."""
    return 1.96 + 2.8 / freedom


def add_up(parts: Sequence[Estimate], formula: str) -> Estimate:
    """Estimates whose samples were drawn apart: their errors add in quadrature."""
    mid = sum(part.mid for part in parts)
    low = sqrt(sum((part.mid - part.low) ** 2 for part in parts))
    high = sqrt(sum((part.high - part.mid) ** 2 for part in parts))
    known = next((part.interval for part in parts if part.interval != EXACT), EXACT)
    return Estimate(mid - low, mid, mid + high, "byte", formula, interval=known)
