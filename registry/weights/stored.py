"""Where tensors lie in their files, from safetensors headers and GGUF heads alike."""

from __future__ import annotations

from math import prod

from registry.errors import DamagedFile
from registry.weights.dtypes import BLOCKS
from registry.weights.gguf import MAX_TENSORS, Bytes, Ended, parse_gguf_head
from registry.weights.layout import StoredTensor
from registry.weights.safetensors import Header

_ALIGNMENT = 32
_DIMENSIONS = 4
_NAME = 4096
_TYPES = {
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
_Entry = tuple[str, tuple[int, ...], int, int]
"""Name, shape, ggml type, and offset from where the data begin."""
_PLAIN = {"F32": 4, "F16": 2, "I8": 1, "F64": 8, "BF16": 2}


def from_safetensors(path: str, header: Header, header_bytes: int) -> dict[str, StoredTensor]:
    """The tensors of one file. header_bytes: length of the header with its first eight bytes."""
    return {
        name: StoredTensor(
            path, tensor.dtype, tensor.shape, header_bytes + tensor.start, header_bytes + tensor.end
        )
        for name, tensor in header.tensors.items()
    }


def from_gguf(path: str, head: bytes, *, file_size: int) -> dict[str, StoredTensor]:
    """The tensors of a GGUF file that are of a type we read. head: its beginning, up to the data.

    Raises `DamagedFile` where the head is cut short or tensors reach beyond the file.
    """
    told = parse_gguf_head(head)
    if told.truncated:
        raise DamagedFile("the head of a GGUF file is cut short in its metadata")
    order = ">" if head[4:6] == b"\0\0" else "<"
    reader = Bytes(head, order)
    alignment = told.metadata.get("general.alignment", _ALIGNMENT)
    if type(alignment) is not int or not 1 <= alignment <= 65_536:
        raise DamagedFile(f"a GGUF file is aligned to {str(alignment)[:40]!r} bytes")
    try:
        for _ in range(int.from_bytes(head[16:24], "big" if order == ">" else "little")):
            reader.text(65_535, "key")
            reader.value(reader.number("I"), 0)
        listed = [_entry(reader) for _ in range(min(told.tensors, MAX_TENSORS))]
    except Ended:
        raise DamagedFile("the head of a GGUF file is cut short in its list of tensors") from None
    base = -(-reader._at // alignment) * alignment
    if len({name for name, *_ in listed}) != len(listed):
        raise DamagedFile("a GGUF file names a tensor twice")
    return _placed(path, listed, base, alignment, file_size)


def _entry(reader: Bytes) -> _Entry:
    name = reader.text(_NAME, "tensor name")
    dimensions = reader.number("I")
    if dimensions > _DIMENSIONS:
        raise DamagedFile(f"GGUF tensor {name[:80]!r} has {dimensions} dimensions, more than {_DIMENSIONS}")
    # The file lists the fastest dimension first.
    shape = tuple(reversed([reader.number("Q") for _ in range(dimensions)]))
    return name, shape, reader.number("I"), reader.number("Q")


def _placed(
    path: str, listed: list[_Entry], base: int, alignment: int, file_size: int
) -> dict[str, StoredTensor]:
    """Tensors by name, laid one after the other with no more than padding between them."""
    placed = {}
    expected: int | None = base
    for name, shape, kind, offset in sorted(listed, key=lambda entry: (entry[3], prod(entry[1]))):
        start = base + offset
        if expected is not None and not expected <= start < expected + alignment:
            what = "overlaps the one before it" if start < expected else "leaves a hole before it"
            raise DamagedFile(f"GGUF tensor {name[:80]!r} {what}")
        dtype = _TYPES.get(kind)
        if dtype is None:
            # Its size is not known, and it is not read; that it is there says the file is quantized.
            placed[name] = StoredTensor(path, f"ggml:{kind}", shape, start, start)
            expected = None
            continue
        values, size = BLOCKS.get(dtype, (1, _PLAIN.get(dtype, 0)))
        elements = prod(shape)
        if elements % values or (shape and shape[-1] % values):
            raise DamagedFile(f"GGUF tensor {name[:80]!r}: rows do not fill whole blocks of {dtype}")
        end = start + elements // values * size
        if end > file_size:
            raise DamagedFile(f"GGUF tensor {name[:80]!r} reaches beyond the end of the file")
        expected = end
        placed[name] = StoredTensor(path, dtype, shape, start, end)
    return placed
