from __future__ import annotations

import struct
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.errors import DamagedFile, RegistryError
from registry.weights.safetensors import header_length, parse_header
from registry.weights.sampling import Tier, plan
from registry.weights.stored import from_gguf, from_safetensors
from tests.weights.models import ZOO, zoo

GGUF = next(ZOO.rglob("*.gguf")).read_bytes()


def gguf(*infos: tuple[str, tuple[int, ...], int, int], data: int = 4096, pairs: bytes = b"") -> bytes:
    """A GGUF file of tensors given by name, sizes (fastest first), type and offset; pairs: one entry."""
    head = b"GGUF" + struct.pack("<IQQ", 3, len(infos), 1 if pairs else 0) + pairs
    for name, sizes, kind, offset in infos:
        head += struct.pack("<Q", len(name)) + name.encode() + struct.pack("<I", len(sizes))
        head += struct.pack(f"<{len(sizes)}QIQ", *sizes, kind, offset)
    return head + bytes(-len(head) % 32) + bytes(data)


def read(data: bytes) -> dict[str, tuple[str, tuple[int, ...]]]:
    found = from_gguf("m.gguf", data, file_size=len(data))
    return {name: (tensor.dtype, tensor.shape) for name, tensor in found.items()}


def test_tensors_of_a_gguf_file() -> None:
    data = gguf(("a", (64, 2), 8, 0), ("b", (4,), 0, 160), ("c", (256, 1), 20, 192))
    assert read(data) == {"a": ("Q8_0", (2, 64)), "b": ("F32", (4,)), "c": ("ggml:20", (1, 256))}
    tensors = from_gguf("m.gguf", data, file_size=len(data))
    base = len(data) - 4096
    assert (tensors["a"].start, tensors["a"].end, tensors["b"].start) == (base, base + 136, base + 160)
    assert plan(tensors, Tier.STANDARD).quantized


@pytest.mark.parametrize(
    ("data", "defect"),
    [
        (gguf(("a", (64,), 0, 0), data=100), "beyond the end"),
        (gguf(("a", (64,), 0, 0), ("b", (4,), 0, 64)), "overlaps"),
        (gguf(("a", (64,), 0, 0), ("b", (4,), 0, 1024)), "leaves a hole"),
        (gguf(("a", (64,), 0, 512)), "leaves a hole"),
        (gguf(("a", (33,), 8, 0)), "whole blocks"),
        (gguf(("a", (4,), 0, 0), ("a", (4,), 0, 32)), "twice"),
        (gguf(("a", (1, 1, 1, 1, 1), 0, 0)), "5 dimensions"),
        (gguf(("a", (64,), 0, 0))[:40], "cut short"),
        (gguf(("a", (64,), 0, 0), pairs=struct.pack("<Q3sII", 3, b"abc", 4, 1))[:30], "cut short"),
        (gguf(pairs=struct.pack("<Q17sII", 17, b"general.alignment", 4, 0)), "aligned"),
    ],
)
def test_damaged_heads_name_their_defect(data: bytes, defect: str) -> None:
    with pytest.raises(DamagedFile, match=defect):
        read(data)


@given(st.data())
def test_flipped_bytes_never_escape(data: st.DataObject) -> None:
    raw = bytearray(GGUF[:2500])
    for _ in range(data.draw(st.integers(1, 5))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    with suppress(RegistryError):
        plan(from_gguf("m.gguf", bytes(raw), file_size=len(GGUF)), Tier.STANDARD)


def test_offsets_are_counted_from_the_beginning_of_the_file() -> None:
    _, _, names = zoo()
    path = ZOO / names["A"] / "model.safetensors"
    data = path.read_bytes()
    length = 8 + header_length(data)
    tensors = from_safetensors(path.name, parse_header(data, file_size=len(data)), length)
    assert min(tensor.start for tensor in tensors.values()) == length
    assert max(tensor.end for tensor in tensors.values()) == len(data)
