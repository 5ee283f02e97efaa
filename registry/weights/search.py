"""Finding relatives among everything that was fingerprinted.

First an exact join on block hashes: copies, frozen layers, stacked models. Then sketches: 512 signed bytes
per model, compared by their cosine. A first look at 64 of them leaves few to look at whole, so that 100,000
models take milliseconds and 80 MB. What is found is a list to compare, no verdict.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from registry.errors import DamagedFile
from registry.weights.fingerprint import SKETCH, Fingerprint

HASHES = 16
"""Block hashes kept per model, spread over its blocks."""
GLANCE = 64
_FIRST_LOOK = np.arange(0, SKETCH, SKETCH // GLANCE)
_KEPT = 4096
_GLANCED_AT_ONCE, _READ_AT_ONCE = 2048, 256
"""Rows multiplied at a time: small enough to stay in cache, and for BLAS to keep to one thread, whose start
would cost more than the product."""


@dataclass(frozen=True, slots=True)
class Relative:
    """A model found. shared: how many of its kept blocks are equal; similarity: cosine of the sketches."""

    name: str
    shared: int
    similarity: float


@dataclass(frozen=True, slots=True)
class Entry:
    """What the index needs of one model, as the catalog stores it. hashes: from `block_hashes`."""

    name: str
    sketch: bytes
    hashes: tuple[int, ...] = ()


def entry_of(name: str, fingerprint: Fingerprint) -> Entry:
    """The entry of one fingerprint."""
    return Entry(name, fingerprint.sketch(), block_hashes(fingerprint))


def block_hashes(fingerprint: Fingerprint) -> tuple[int, ...]:
    """Up to 16 block hashes of 64 bits, of blocks that other models will have kept too: the embeddings
    first, then layer by layer. Blocks of zeros are left out."""
    digests = fingerprint.digests()
    empty = {block.slot for block in fingerprint.blocks if not any(block.data)}
    slots = sorted(slot for slot in digests if slot not in empty)
    # The choice depends on the place alone, not on what else a model has.
    slots.sort(
        key=lambda slot: (slot.role not in ("embed", "head", "down", "q", "qkv"), slot.layer, slot.role)
    )
    return tuple(int(digests[slot][:16], 16) for slot in slots[:HASHES])


def glance(sketch: bytes) -> bytes:
    """The 64 bytes of a sketch that are looked at first."""
    return np.frombuffer(sketch, np.int8)[_FIRST_LOOK].tobytes()


def first_look(glances: bytes, sketch: bytes, most: int) -> list[int]:
    """The places of the most promising of many glances, laid end to end; those of zeros are no model's."""
    rows: NDArray[np.int8] = np.frombuffer(glances, np.int8).reshape(-1, GLANCE)
    scores = _first_scores(rows, _norms(rows), np.frombuffer(sketch, np.int8).astype(np.float32))
    kept = min(most, len(scores))
    best = np.argpartition(scores, len(scores) - kept)[len(scores) - kept :] if kept else np.arange(0)
    return [int(place) for place in best if scores[place] > 0]


class Index:
    """Everything fingerprinted, in memory: about 700 bytes a model."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self.names: list[str] = []
        sketches = bytearray()
        hashes: list[int] = []
        owners: list[int] = []
        for entry in entries:
            if len(entry.sketch) != SKETCH:
                raise DamagedFile(f"the sketch of {entry.name} has {len(entry.sketch)} bytes, not {SKETCH}")
            owners += [len(self.names)] * len(entry.hashes)
            hashes += entry.hashes
            self.names.append(entry.name)
            sketches += entry.sketch
        self._sketches: NDArray[np.int8] = np.frombuffer(bytes(sketches), np.int8).reshape(-1, SKETCH)
        del sketches
        self._first: NDArray[np.int8] = np.ascontiguousarray(self._sketches[:, _FIRST_LOOK])
        self._norms = _norms(self._sketches)
        self._first_norms = _norms(self._first)
        unsorted = np.array(hashes, np.uint64)
        order = np.argsort(unsorted, kind="stable")
        self._hashes = unsorted[order]
        self._owners = np.array(owners, np.int32)[order]

    def __len__(self) -> int:
        return len(self.names)

    def find(self, entry: Entry, limit: int = 20) -> list[Relative]:
        """The nearest relatives, nearest first; the model itself, by name, is left out."""
        if not self.names:
            return []
        shared = self._join(entry.hashes)
        query = np.frombuffer(entry.sketch, np.int8).astype(np.float32)
        near = self._nearest(query, limit + 1)
        rows = np.array(sorted({*near, *(row for row, _ in shared.most_common(limit + 1))}), np.int64)
        similar = self._cosine(rows, query)
        found = [
            Relative(self.names[row], shared[row], cosine)
            for row, cosine in zip(rows.tolist(), similar.tolist(), strict=True)
            if self.names[row] != entry.name
        ]
        found.sort(key=lambda relative: (-relative.shared, -relative.similarity, relative.name))
        return found[:limit]

    def _join(self, hashes: Iterable[int]) -> Counter[int]:
        wanted = np.array(sorted(set(hashes)), np.uint64)
        low = np.searchsorted(self._hashes, wanted, side="left")
        high = np.searchsorted(self._hashes, wanted, side="right")
        shared: Counter[int] = Counter()
        for start, end in zip(low.tolist(), high.tolist(), strict=True):
            shared.update(self._owners[start:end].tolist())
        return shared

    def _nearest(self, query: NDArray[np.float32], limit: int) -> list[int]:
        scores = _first_scores(self._first, self._first_norms, query)
        kept = min(_KEPT, len(scores))
        rows = np.argpartition(scores, len(scores) - kept)[len(scores) - kept :]
        similar = self._cosine(rows, query)
        best = np.argsort(-similar, kind="stable")[:limit]
        return [int(row) for row in rows[best]]

    def _cosine(self, rows: NDArray[np.int64], query: NDArray[np.float32]) -> NDArray[np.float32]:
        length = max(float(np.sqrt(query @ query)), 1e-6)
        products = np.empty(len(rows), np.float32)
        for start in range(0, len(rows), _READ_AT_ONCE):
            part = self._sketches[rows[start : start + _READ_AT_ONCE]]
            products[start : start + _READ_AT_ONCE] = part.astype(np.float32) @ query
        return products / (self._norms[rows] * np.float32(length))


def find(fingerprint: Fingerprint, index: Index, limit: int = 20) -> list[Relative]:
    """The nearest relatives of a fingerprint that is not in the index, nearest first."""
    return index.find(entry_of("", fingerprint), limit)


def _first_scores(
    first: NDArray[np.int8], norms: NDArray[np.float32], query: NDArray[np.float32]
) -> NDArray[np.float32]:
    """How alike the first looks at all models and at one are, up to the length of the latter."""
    wanted = query[_FIRST_LOOK]
    scores = np.empty(len(first), np.float32)
    for start in range(0, len(scores), _GLANCED_AT_ONCE):
        end = start + _GLANCED_AT_ONCE
        scores[start:end] = first[start:end].astype(np.float32) @ wanted
    scores /= norms
    return scores


def _norms(sketches: NDArray[np.int8]) -> NDArray[np.float32]:
    """Lengths of all rows, at least a tiny one, computed without a wide copy of everything."""
    norms = np.empty(len(sketches), np.float32)
    for start in range(0, len(sketches), _READ_AT_ONCE):
        part = sketches[start : start + _READ_AT_ONCE].astype(np.float32)
        norms[start : start + _READ_AT_ONCE] = np.sqrt(np.einsum("ij,ij->i", part, part))
    return np.maximum(norms, np.float32(1e-6))
