"""Stored bytes to numbers, with the interval each number stands for.

A stored number is a rounded one: what was rounded lay within half a step of it. Those half steps (`cells`)
tell whether one model can be another one after rounding, which no distance can. Formats: IEEE 754; bfloat16;
the OCP 8-bit formats; the block formats of ggml (`ggml-common.h`, `ggml-quants.c`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from registry.errors import DamagedFile

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

MANTISSA = {"F64": 52, "F32": 23, "F16": 10, "BF16": 7, "F8_E4M3": 3, "F8_E5M2": 2}
"""Bits after the point of the floating-point dtypes that are read."""
BLOCKS: dict[str, tuple[int, int]] = {
    "Q4_0": (32, 18),
    "Q4_1": (32, 20),
    "Q5_0": (32, 22),
    "Q5_1": (32, 24),
    "Q8_0": (32, 34),
    "Q4_K": (256, 144),
    "Q5_K": (256, 176),
    "Q6_K": (256, 210),
}
"""Values and bytes of one block of the GGUF formats that are read."""
_BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "F8_E4M3": 1, "F8_E5M2": 1, "I8": 1}
_SCALED = ("I8", "F8_E4M3", "F8_E5M2")


@dataclass(frozen=True, slots=True)
class Numbers:
    """values: what the bytes say, NaN and infinity read as 0. cells: half the distance to the next number
    that could have been stored, for each value. Both float32, one-dimensional, of equal length."""

    values: Floats
    cells: Floats


def is_readable(dtype: str) -> bool:
    """Whether numbers of this dtype are read at all."""
    return dtype in _BYTES or dtype in BLOCKS


def is_lossy(dtype: str) -> bool:
    """Whether weights in this dtype were quantized."""
    return dtype in _SCALED or dtype in BLOCKS


def granule(dtype: str) -> int:
    """Values that can only be read together."""
    return BLOCKS[dtype][0] if dtype in BLOCKS else 1


def byte_length(dtype: str, count: int) -> int:
    """Bytes of `count` values, a multiple of the dtype's granule."""
    if dtype in BLOCKS:
        values, size = BLOCKS[dtype]
        return count // values * size
    return count * _BYTES[dtype]


def decode(dtype: str, data: bytes, scales: Floats | None = None, group: int = 0) -> Numbers:
    """Read numbers. scales: one per `group` consecutive values, for dtypes that are scaled from outside.
    Raises `DamagedFile` where the bytes do not fill whole values."""
    import numpy as np

    size = BLOCKS[dtype][1] if dtype in BLOCKS else _BYTES.get(dtype)
    if size is None or len(data) % size:
        raise DamagedFile(f"{len(data)} bytes are no whole number of {dtype} values")
    with np.errstate(all="ignore"):
        values: Floats
        cells: Floats
        if dtype in BLOCKS:
            values, steps = _blocks(dtype, np.frombuffer(data, np.uint8).reshape(-1, size))
            cells = np.abs(steps) * np.float32(0.5)
        elif dtype == "I8":
            values = np.frombuffer(data, np.int8).astype(np.float32)
            cells = np.full(len(values), 0.5, np.float32)
        else:
            values = _floats(dtype, data)
            cells = half_steps(values, MANTISSA[dtype], _SMALLEST.get(dtype, -126))
        if scales is not None and dtype in _SCALED and group > 0:
            if len(scales) * group < len(values):
                raise DamagedFile(f"{len(scales)} scales do not reach over {len(values)} values")
            factor = scales[np.arange(len(values)) // group]
            values, cells = values * factor, cells * np.abs(factor)
        clean = np.isfinite(values) & np.isfinite(cells)
    return Numbers(
        np.where(clean, values, np.float32(0)).astype(np.float32),
        np.where(clean, cells, np.float32(0)).astype(np.float32),
    )


_SMALLEST = {"F16": -14, "F8_E4M3": -6, "F8_E5M2": -14}
"""Exponent of the smallest normal number, below which steps no longer shrink."""


def half_steps(values: Floats, mantissa: int, smallest: int = -126) -> Floats:
    """Half the spacing of floating-point numbers with so many bits after the point, around each value."""
    import numpy as np

    exponents = np.maximum(np.frexp(values)[1] - 1, smallest)
    steps: Floats = np.ldexp(np.float32(1), exponents - mantissa - 1).astype(np.float32)
    return steps


def to_bfloat16(values: Floats) -> NDArray[np.uint16]:
    """The bits of each value rounded to bfloat16, ties to even; -0 counts as 0."""
    import numpy as np

    bits = np.ascontiguousarray(values + np.float32(0), np.float32).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> np.uint32(16)) & np.uint32(1))) >> np.uint32(16)).astype(np.uint16)


def _floats(dtype: str, data: bytes) -> Floats:
    import numpy as np

    if dtype == "BF16":
        return (np.frombuffer(data, "<u2").astype(np.uint32) << np.uint32(16)).view(np.float32)
    if dtype in ("F8_E4M3", "F8_E5M2"):
        return np.asarray(_float8(dtype), np.float32)[np.frombuffer(data, np.uint8)]
    return np.frombuffer(data, {"F64": "<f8", "F32": "<f4", "F16": "<f2"}[dtype]).astype(np.float32)


@cache
def _float8(dtype: str) -> tuple[float, ...]:
    """The 256 numbers of an 8-bit floating-point format."""
    mantissa = MANTISSA[dtype]
    bias = {"F8_E4M3": 7, "F8_E5M2": 15}[dtype]
    found = []
    for byte in range(256):
        exponent, fraction = (byte & 0x7F) >> mantissa, byte & ((1 << mantissa) - 1)
        scale = 2.0 ** (max(exponent, 1) - bias - mantissa)
        value = (fraction + (1 << mantissa if exponent else 0)) * scale
        special = byte & 0x7F == 0x7F if dtype == "F8_E4M3" else exponent == 31
        found.append(float("nan") if special else -value if byte & 0x80 else value)
    return tuple(found)


def _half(raw: NDArray[np.uint8], at: int) -> Floats:
    """A float16 kept at byte `at` of each block, as a column."""
    import numpy as np

    return np.ascontiguousarray(raw[:, at : at + 2]).view("<f2").astype(np.float32)


def _blocks(dtype: str, raw: NDArray[np.uint8]) -> tuple[Floats, Floats]:
    """Values and steps of GGUF blocks, block after block."""
    import numpy as np

    if dtype in ("Q4_K", "Q5_K", "Q6_K"):
        return _superblocks(dtype, raw)
    scale = _half(raw, 0)
    if dtype == "Q8_0":
        codes = raw[:, 2:].view(np.int8).astype(np.float32)
        values = codes * scale
    else:
        at = 4 if dtype in ("Q4_1", "Q5_1") else 2
        if dtype in ("Q5_0", "Q5_1"):
            high = np.unpackbits(raw[:, at : at + 4], axis=1, bitorder="little").astype(np.uint8) << 4
            at += 4
        else:
            high = np.zeros((len(raw), 32), np.uint8)
        codes = (np.concatenate([raw[:, at:] & 15, raw[:, at:] >> 4], axis=1) | high).astype(np.float32)
        offset = {"Q4_0": -8.0, "Q5_0": -16.0}.get(dtype)
        values = codes * scale + _half(raw, 2) if offset is None else (codes + np.float32(offset)) * scale
    return values.reshape(-1), np.repeat(scale, 32, axis=1).reshape(-1)


def _superblocks(dtype: str, raw: NDArray[np.uint8]) -> tuple[Floats, Floats]:
    """Blocks of 256 values whose scales are quantized too."""
    import numpy as np

    count = len(raw)
    if dtype == "Q6_K":
        low, high = raw[:, :128].reshape(count, 2, 1, 64), raw[:, 128:192].reshape(count, 2, 1, 32)
        nibbles = (low >> np.array([0, 4], np.uint8).reshape(1, 1, 2, 1)) & 15
        pairs = (high >> np.array([0, 2, 4, 6], np.uint8).reshape(1, 1, 4, 1)) & 3
        bits = nibbles.reshape(count, 256) | (pairs.reshape(count, 256) << 4)
        values = bits.astype(np.float32) - np.float32(32)
        steps = np.repeat(raw[:, 192:208].view(np.int8).astype(np.float32) * _half(raw, 208), 16, axis=1)
        return (values * steps).reshape(-1), steps.reshape(-1)
    scales, minima = _scales_and_minima(raw[:, 4:16])
    at = 48 if dtype == "Q5_K" else 16
    halves = raw[:, at:].reshape(count, 4, 1, 32) >> np.array([0, 4], np.uint8).reshape(1, 1, 2, 1)
    codes = (halves & 15).reshape(count, 256)
    if dtype == "Q5_K":
        fifth = (raw[:, 16:48].reshape(count, 1, 32) >> np.arange(8, dtype=np.uint8).reshape(1, 8, 1)) & 1
        codes = codes | (fifth << 4).reshape(count, 256)
    step = np.repeat(scales * _half(raw, 0), 32, axis=1)
    least = np.repeat(minima * _half(raw, 2), 32, axis=1)
    return (codes.astype(np.float32) * step - least).reshape(-1), step.reshape(-1)


def _scales_and_minima(packed: NDArray[np.uint8]) -> tuple[Floats, Floats]:
    """Eight scales and eight minima of six bits each, from twelve bytes."""
    import numpy as np

    first, second, third = packed[:, :4], packed[:, 4:8], packed[:, 8:12]
    scales = np.concatenate([first & 63, (third & 15) | ((first >> 2) & 48)], axis=1)
    minima = np.concatenate([second & 63, (third >> 4) | ((second >> 2) & 48)], axis=1)
    return scales.astype(np.float32), minima.astype(np.float32)
