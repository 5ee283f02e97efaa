"""The JSON head of a safetensors file, read without its tensors.

Format: https://huggingface.co/docs/safetensors: eight bytes little-endian length, a JSON object of that
length, then the tensors back to back. Our own reader, because headers arrive as the first bytes of a file
that is never downloaded whole, and because an error must name the defect.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from types import MappingProxyType
from typing import NoReturn

from registry.errors import DamagedFile

MAX_HEADER = 25_000_000
"""Bytes; the limit of the Hub's own client."""
MAX_TENSORS = 500_000
MAX_DIMENSIONS = 64
MAX_BITS = 2**63 - 1

BITS: dict[str, int] = {
    name: bits
    for bits, names in (
        (4, "F4"),
        (6, "F6_E2M3 F6_E3M2"),
        (8, "BOOL U8 I8 F8_E4M3 F8_E5M2 F8_E8M0 F8_E4M3FNUZ F8_E5M2FNUZ"),
        (16, "I16 U16 F16 BF16"),
        (32, "I32 U32 F32"),
        (64, "I64 U64 F64 C64"),
    )
    for name in names.split()
}
"""Bits of one element by dtype, for every dtype of the format (safetensors 0.8)."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor: `elements` stored numbers of a dtype in bytes `start` to `end` after the header."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int

    @property
    def elements(self) -> int:
        return prod(self.shape)


@dataclass(frozen=True, slots=True)
class Header:
    """Tensors by name, and the texts under `__metadata__`."""

    tensors: Mapping[str, Tensor]
    metadata: Mapping[str, str]

    @property
    def data_bytes(self) -> int:
        """Bytes of all tensors together."""
        return max((tensor.end for tensor in self.tensors.values()), default=0)


def header_length(data: bytes) -> int:
    """How long the header is, from the first eight bytes of a file. Raises `DamagedFile`."""
    if len(data) < 8:
        raise DamagedFile("safetensors header cut short: fewer than 8 bytes")
    length = int.from_bytes(data[:8], "little")
    if length > MAX_HEADER:
        raise DamagedFile(f"safetensors header claims {length:,} bytes, more than {MAX_HEADER:,}")
    if length < 2:
        raise DamagedFile(f"safetensors header claims {length} bytes, too few for a JSON object")
    return length


def parse_header(data: bytes, *, file_size: int | None = None) -> Header:
    """Read a header from the first bytes of a file, which must hold all of it. Raises `DamagedFile`.

    file_size: when given, the tensors must end exactly where the file does.
    """
    length = header_length(data)
    if len(data) < 8 + length:
        raise DamagedFile(f"safetensors header cut short: {len(data) - 8:,} of {length:,} bytes")
    text = data[8 : 8 + length]
    # Refused before anything is built: each tensor has one object and two lists.
    if text.count(b"{") > MAX_TENSORS or text.count(b"[") > 2 * MAX_TENSORS:
        raise DamagedFile(f"safetensors header describes more than {MAX_TENSORS:,} tensors")
    if text[:1] != b"{":
        raise DamagedFile("safetensors header does not begin with '{'")
    try:
        content = json.loads(text.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_constant)
    except DamagedFile:
        raise
    except UnicodeDecodeError:
        raise DamagedFile("safetensors header is not UTF-8") from None
    except (ValueError, RecursionError) as error:
        raise DamagedFile(f"safetensors header is not JSON: {error}") from None
    header = read_header(content)
    if file_size is not None and file_size != 8 + length + header.data_bytes:
        expected = 8 + length + header.data_bytes
        raise DamagedFile(f"safetensors file has {file_size:,} bytes, its header describes {expected:,}")
    return header


def read_header(content: object) -> Header:
    """A header that is decoded already, as the Hub serves them for sharded models. Raises `DamagedFile`."""
    if not isinstance(content, Mapping):
        raise DamagedFile("safetensors header is not a JSON object")
    if len(content) > MAX_TENSORS:
        raise DamagedFile(f"safetensors header describes more than {MAX_TENSORS:,} tensors")
    metadata = content.get("__metadata__")
    if metadata is None:
        metadata = {}
    if not isinstance(metadata, Mapping) or not all(isinstance(value, str) for value in metadata.values()):
        raise DamagedFile("safetensors header: __metadata__ is not a mapping of texts")
    tensors = {name: _tensor(name, entry) for name, entry in content.items() if name != "__metadata__"}
    _check_layout(tensors)
    return Header(MappingProxyType(tensors), MappingProxyType(dict(metadata)))


def _tensor(name: object, entry: object) -> Tensor:
    if not isinstance(name, str) or not name.isprintable():
        # JSON can spell lone surrogates and control characters, which no file name or database holds.
        _refuse(name, "its name is not printable text")
    if not isinstance(entry, Mapping):
        _refuse(name, "not described by an object")
    dtype, shape, offsets = entry.get("dtype"), entry.get("shape"), entry.get("data_offsets")
    if not isinstance(dtype, str) or dtype not in BITS:
        _refuse(name, f"unknown dtype {str(dtype)[:40]!r}")
    if not isinstance(shape, list) or len(shape) > MAX_DIMENSIONS or not all(map(_is_size, shape)):
        _refuse(name, "its shape is not a short list of integers from 0 up")
    if not isinstance(offsets, list) or len(offsets) != 2 or not all(map(_is_size, offsets)):
        _refuse(name, "its data_offsets are not two integers from 0 up")
    start, end = offsets
    bits = BITS[dtype]
    for size in shape:
        bits *= size
        if bits > MAX_BITS:
            _refuse(name, "its shape is larger than any file")
    if bits % 8:
        _refuse(name, f"its {dtype} elements do not fill whole bytes")
    if end - start != bits // 8:
        _refuse(name, f"{dtype} {shape} takes {bits // 8:,} bytes, its offsets span {end - start:,}")
    return Tensor(dtype, tuple(shape), start, end)


def _check_layout(tensors: Mapping[str, Tensor]) -> None:
    """Tensors lie back to back from offset 0, without holes and without overlap."""
    at = 0
    for name, tensor in sorted(tensors.items(), key=lambda item: (item[1].start, item[1].end)):
        if tensor.start != at:
            what = "overlaps the tensor before it" if tensor.start < at else "leaves a hole before it"
            _refuse(name, f"{what}: begins at {tensor.start:,}, expected {at:,}")
        at = tensor.end


def _is_size(value: object) -> bool:
    return type(value) is int and 0 <= value <= MAX_BITS


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    content = dict(pairs)
    if len(content) != len(pairs):
        twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise DamagedFile(f"safetensors header names {twice[:200]!r} twice")
    return content


def _no_constant(name: str) -> NoReturn:
    raise DamagedFile(f"safetensors header is not JSON: {name}")


def _refuse(name: object, defect: str) -> NoReturn:
    raise DamagedFile(f"safetensors header, tensor {str(name)[:200]!r}: {defect}")
