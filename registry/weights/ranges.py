"""Ranges of bytes, and joining those that lie close together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from registry.weights.layout import Slot

NEAR = 16_384
"""Bytes between two ranges below which one request may fetch both, where the budget allows it."""


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Bytes `start` to `end` (exclusive) of one file."""

    path: str
    start: int
    end: int

    @property
    def length(self) -> int:
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Sample:
    """A run of `count` values of one tensor, beginning at element `first`, and where its bytes lie.

    scales: where the scales lie that belong to it, one per `group` values; divisor: what they are divided by.
    """

    slot: Slot
    dtype: str
    shape: tuple[int, ...]
    first: int
    count: int
    spans: tuple[Span, ...]
    scales: tuple[Span, ...] = ()
    scale_dtype: str = "F32"
    group: int = 0
    divisor: float = 1.0


def coalesce(spans: Iterable[Span], most: int) -> list[Span]:
    """Join ranges of one file that lie close together, nearest first, while all of them together stay
    within `most` bytes. Overlaps are always joined."""
    parts = joined(spans)
    spare = most - sum(span.length for span in parts)
    gaps = sorted(
        (after.start - before.end, before.path, before.end)
        for before, after in pairwise(parts)
        if before.path == after.path and after.start - before.end <= NEAR
    )
    bridged = set()
    for gap, path, end in gaps:
        if gap > spare:
            break
        spare -= gap
        bridged.add((path, end))
    result: list[Span] = []
    for span in parts:
        if result and (result[-1].path, result[-1].end) in bridged and result[-1].path == span.path:
            result[-1] = Span(span.path, result[-1].start, span.end)
        else:
            result.append(span)
    return result


def joined(spans: Iterable[Span]) -> list[Span]:
    """Ranges in order of file and place, those that touch or overlap made one."""
    result: list[Span] = []
    for span in sorted(spans):
        if result and result[-1].path == span.path and span.start <= result[-1].end:
            result[-1] = Span(span.path, result[-1].start, max(span.end, result[-1].end))
        else:
            result.append(span)
    return result
