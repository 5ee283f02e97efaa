"""Where tensors lie in their files, from safetensors headers and GGUF heads alike."""

from __future__ import annotations

from math import prod
from typing import NoReturn

from registry.errors import DamagedFile
from registry.weights.dtypes import BLOCKS
from registry.weights.gguf import GgufTensor, parse_gguf_tensors
from registry.weights.layout import StoredTensor
from registry.weights.safetensors import Header

_ALIGNMENT = 32
_MAX_ALIGNMENT = 65_536
_READ = {
    0: "F32",
    1: "F16",
    2: "Q4_0",
    3: "Q4_1",
    6: "Q5_0",
    7: "Q5_1",
    8: "Q8_0",
    12: "Q4_K",
    13: "Q5_K",
    14: "Q6_K",
    24: "I8",
    28: "F64",
    30: "BF16",
}
"""ggml types that are read; tensors of others are listed as `ggml:NUMBER` and never sampled."""
_PLAIN = {"F32": 4, "F16": 2, "I8": 1, "F64": 8, "BF16": 2}
_OTHERS = "10:84 11:110 16:66 17:74 18:98 19:50 21:110 22:82 23:136 29:56 34:54 35:66"
"""ggml types that are not read, with the bytes of one block of 256 values."""
_BLOCKS: dict[int, tuple[int, int]] = {
    **{kind: BLOCKS.get(dtype) or (1, _PLAIN[dtype]) for kind, dtype in _READ.items()},
    **{int(kind): (256, int(size)) for kind, _, size in (pair.partition(":") for pair in _OTHERS.split())},
    20: (32, 18),
    25: (1, 2),
    26: (1, 4),
    27: (1, 8),
    39: (32, 17),
    40: (64, 36),
    41: (128, 18),
}
"""Values and bytes of one block by ggml type (`GGML_QUANT_SIZES` of gguf-py), those never read included:
where one tensor ends, the next one begins."""


def from_safetensors(path: str, header: Header, header_bytes: int) -> dict[str, StoredTensor]:
    """The tensors of one file. header_bytes: length of the header with its first eight bytes."""
    return {
        name: StoredTensor(
            path, tensor.dtype, tensor.shape, header_bytes + tensor.start, header_bytes + tensor.end
        )
        for name, tensor in header.tensors.items()
    }


def from_gguf(path: str, head: bytes, *, file_size: int) -> dict[str, StoredTensor]:
    """The tensors of a GGUF file by name. head: its beginning, up to the data.

    Raises `DamagedFile` where the head is cut short, and unless the tensors lie in the order listed, each
    from the next multiple of the alignment on, and fill the file, as ggml wants it.
    """
    told, listed, length = parse_gguf_tensors(head)
    alignment = told.metadata.get("general.alignment", _ALIGNMENT)
    if type(alignment) is not int or not 1 <= alignment <= _MAX_ALIGNMENT or alignment & (alignment - 1):
        raise DamagedFile(f"GGUF file is aligned to {str(alignment)[:40]!r} bytes, not a power of two")
    base = _aligned(length, alignment)
    placed = {}
    # Behind a tensor of a type that is newer than our table, the next one begins anywhere.
    end, known = length, True
    for tensor in listed:
        start, expected = base + tensor.offset, _aligned(end, alignment)
        if start < expected:
            _refuse(tensor, f"overlaps the one before it: begins at {start:,}, expected {expected:,}")
        if start > expected and known:
            _refuse(tensor, f"leaves a hole before it: begins at {start:,}, expected {expected:,}")
        if tensor.offset % alignment:
            _refuse(tensor, f"its offset {tensor.offset:,} is no multiple of {alignment}")
        size = _stored_bytes(tensor)
        end, known = start + (size or 0), size is not None
        if end > file_size:
            _refuse(tensor, "reaches beyond the end of the file")
        dtype = _READ.get(tensor.kind, f"ggml:{tensor.kind}")
        placed[tensor.name] = StoredTensor(path, dtype, tensor.shape, start, end)
    if known and file_size > _aligned(end, alignment):
        raise DamagedFile(f"GGUF file has {file_size:,} bytes, its tensors end at {end:,}")
    return placed


def _aligned(at: int, alignment: int) -> int:
    return -(-at // alignment) * alignment


def _stored_bytes(tensor: GgufTensor) -> int | None:
    """`None` for a type we do not know."""
    if tensor.kind not in _BLOCKS:
        return None
    values, size = _BLOCKS[tensor.kind]
    if (tensor.shape[-1] if tensor.shape else 1) % values:
        _refuse(tensor, f"its rows do not fill whole blocks of {values} values")
    return prod(tensor.shape) // values * size


def _refuse(tensor: GgufTensor, defect: str) -> NoReturn:
    raise DamagedFile(f"GGUF tensor {tensor.name[:80]!r}: {defect}")
