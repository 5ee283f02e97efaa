"""The fingerprint of a model: its samples as they were read, small enough to keep for ever.

Samples stay in the dtype of the file, so nothing is lost and no fingerprint is larger than what was read;
`registry.weights.compare` turns them into numbers. Comparing two fingerprints needs no network.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import msgspec

from registry.errors import BadAnswer, DamagedFile
from registry.weights.dtypes import Numbers, decode, to_bfloat16
from registry.weights.layout import OUTSIDE, Slot
from registry.weights.ranges import Sample, Span
from registry.weights.sampling import SCHEME, Plan, Tier, is_vector

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SKETCH = 512
"""Bytes of a sketch: 128 values of the embedding, then 24 of each of two roles in eight layers."""
_EMBEDDING_VALUES, _LAYER_VALUES, _LAYERS = 128, 24, 8
_WITHIN = 256
"""Sketches and hashes look at the first so many values of a sample, which every tier and dtype has."""
_ROLES = (("down",), ("q", "qkv", "up"))
_LOUDEST = 4.0
"""Standard deviations at which a sketch saturates."""


class Reader(Protocol):
    """Bytes of one file, on a disk or far away."""

    def read(self, offset: int, length: int) -> bytes:
        """Exactly `length` bytes from `offset`."""
        ...


@dataclass(frozen=True, slots=True)
class Block:
    """One sample as read. role, layer: its place; shape: of the whole tensor; first: its first element;
    count: its values; data: its bytes in `dtype`; scales: float32, one per `group` values, where scaled."""

    role: str
    layer: int
    dtype: str
    shape: tuple[int, ...]
    first: int
    count: int
    data: bytes
    scales: bytes = b""
    group: int = 0

    @property
    def slot(self) -> Slot:
        return Slot(self.role, self.layer)

    @property
    def is_vector(self) -> bool:
        return is_vector(self.shape)

    def numbers(self) -> Numbers:
        """The values and their cells. Raises `DamagedFile` where the block contradicts itself."""
        import numpy as np

        scales = np.frombuffer(self.scales, "<f4").astype(np.float32) if self.scales else None
        numbers = decode(self.dtype, self.data, scales, self.group)
        if len(numbers.values) != self.count:
            raise DamagedFile(f"a sample of {self.count} values holds {len(numbers.values)}")
        return numbers

    def digest(self) -> str:
        """A hash of the first 256 values rounded to bfloat16, equal across casts, names and layers."""
        bits = to_bfloat16(self.numbers().values[:_WITHIN])
        place = f"{SCHEME}:{self.role}:{self.shape[-1]}:{self.first}:".encode()
        return hashlib.sha256(place + bits.astype("<u2").tobytes()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Samples of one model at one commit, with what its headers told. requests, bytes_read: what it cost
    to read the samples, headers not counted."""

    scheme: str
    tier: Tier
    architecture: str
    depth: int
    tensors: int
    adapter: bool
    quantized: bool
    blocks: tuple[Block, ...]
    requests: int
    bytes_read: int

    def to_bytes(self) -> bytes:
        """A compact form to store; the same on every machine."""
        return msgspec.msgpack.encode(self)

    @classmethod
    def from_bytes(cls, data: bytes) -> Fingerprint:
        """What `to_bytes` wrote. Raises `DamagedFile`."""
        try:
            found = msgspec.msgpack.decode(data, type=cls)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise DamagedFile(f"a stored fingerprint cannot be read: {str(error)[:200]}") from None
        if found.scheme != SCHEME:
            raise DamagedFile(f"a fingerprint of scheme {found.scheme[:40]!r}, this program reads {SCHEME}")
        for block in found.blocks:
            if min(block.shape, default=1) < 1 or min(block.first, block.count, block.group) < 0:
                raise DamagedFile(f"the sample of {block.role[:80]!r} has impossible sizes")
            block.numbers()
        return found

    def digests(self) -> dict[Slot, str]:
        """The hash of every matrix sample by place, for a join over everything that was read."""
        return {block.slot: block.digest() for block in self.blocks if not block.is_vector}

    def sketch(self) -> bytes:
        """512 signed bytes: values at fixed places, each divided by the deviation of its sample."""
        import numpy as np

        sketch = np.zeros(SKETCH, np.int8)
        blocks = {block.slot: block for block in self.blocks}
        if (embedding := blocks.get(Slot("embed"))) is not None:
            sketch[:_EMBEDDING_VALUES] = _levels(embedding, _EMBEDDING_VALUES)
        layers = sorted({block.layer for block in self.blocks if block.layer != OUTSIDE})[:_LAYERS]
        at = _EMBEDDING_VALUES
        for roles in _ROLES:
            for position in range(_LAYERS):
                layer = layers[position] if position < len(layers) else OUTSIDE
                block = next((blocks[s] for r in roles if (s := Slot(r, layer)) in blocks), None)
                if layer != OUTSIDE and block is not None:
                    sketch[at : at + _LAYER_VALUES] = _levels(block, _LAYER_VALUES)
                at += _LAYER_VALUES
        return sketch.tobytes()


def _levels(block: Block, count: int) -> NDArray[np.int8]:
    """Evenly spaced values of a sample in steps of its deviation, zero where it is too short."""
    import numpy as np

    # In float64, so that the order of additions, which differs between machines, decides nothing.
    values = block.numbers().values[:_WITHIN].astype(np.float64)
    levels = np.zeros(count, np.int8)
    deviation = float(values.std())
    if deviation > 0:
        picked = values[:: _WITHIN // count][:count] / deviation * (127 / _LOUDEST)
        levels[: len(picked)] = np.clip(np.rint(picked), -127, 127)
    return levels


def collect(plan: Plan, readers: Mapping[str, Reader]) -> list[bytes]:
    """Read the ranges of a plan, in order. readers: one for each file by its path."""
    return [readers[span.path].read(span.start, span.length) for span in plan.ranges]


def fingerprint(plan: Plan, contents: Sequence[bytes]) -> Fingerprint:
    """Make a fingerprint of the bytes read. contents: one for each of `plan.ranges`, in their order.

    Raises `BadAnswer` where a range is not what was asked for.
    """
    cut = _Contents(plan.ranges, contents)
    blocks = tuple(_block(sample, cut) for sample in plan.samples)
    return Fingerprint(
        SCHEME,
        plan.tier,
        plan.architecture,
        plan.depth,
        plan.tensors,
        plan.adapter,
        plan.quantized,
        blocks,
        len(plan.ranges),
        plan.bytes,
    )


def _block(sample: Sample, cut: _Contents) -> Block:
    import numpy as np

    scales = b""
    if sample.scales:
        raw = b"".join(cut.bytes_of(span) for span in sample.scales)
        factors = decode(sample.scale_dtype, raw).values / np.float32(sample.divisor)
        scales = factors.astype("<f4").tobytes()
    data = b"".join(cut.bytes_of(span) for span in sample.spans)
    place = sample.slot
    return Block(
        place.role,
        place.layer,
        sample.dtype,
        sample.shape,
        sample.first,
        sample.count,
        data,
        scales,
        sample.group,
    )


class _Contents:
    """The bytes that were read, to be cut into samples."""

    def __init__(self, ranges: Sequence[Span], contents: Sequence[bytes]) -> None:
        if len(ranges) != len(contents):
            raise BadAnswer(f"{len(contents)} ranges were read, {len(ranges)} were asked for")
        for span, content in zip(ranges, contents, strict=True):
            if len(content) != span.length:
                raise BadAnswer(
                    f"{span.path}: {len(content)} bytes came for the {span.length} from {span.start} on"
                )
        self._ranges, self._contents = ranges, contents
        self._starts = [(span.path, span.start) for span in ranges]

    def bytes_of(self, span: Span) -> bytes:
        index = bisect_right(self._starts, (span.path, span.start)) - 1
        within = self._ranges[index] if index >= 0 else None
        if within is None or within.path != span.path or span.end > within.end:
            raise BadAnswer(f"{span.path}: bytes {span.start} to {span.end} were not read")
        at = span.start - within.start
        return self._contents[index][at : at + span.length]
