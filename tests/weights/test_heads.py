"""Heads of weight files: few reads, no tensor touched, and an end to it all."""

from __future__ import annotations

import json
import struct

import pytest

from registry.errors import DamagedFile
from registry.weights.heads import FIRST, is_transposed, read_tensors
from tests.hubs import safetensors
from tests.weights.models import ZOO, Memory
from tests.zoo import contents, named


class Told(Memory):
    """A file in memory that remembers the ranges it was asked for."""

    def __init__(self, data: bytes, size: int | None = None) -> None:
        super().__init__(data)
        self.size = len(data) if size is None else size
        self.asked: list[tuple[int, int]] = []

    def read(self, offset: int, length: int) -> bytes:
        assert 0 <= offset < offset + length <= self.size, "nothing beyond the end is asked for"
        self.asked.append((offset, length))
        return super().read(offset, length)


def test_one_look_at_a_small_header() -> None:
    data = safetensors({"a": ("F16", [40_000], bytes(80_000))})
    file = Told(data)
    (tensor,) = read_tensors({"model.safetensors": file}).values()
    assert file.asked == [(0, FIRST)]
    assert (tensor.path, tensor.dtype, tensor.end) == ("model.safetensors", "F16", len(data))


def test_two_looks_at_a_long_one() -> None:
    data = safetensors({f"{'name' * 20}.{n}": ("U8", [1], b"x") for n in range(1000)}, note="x" * 9000)
    file = Told(data)
    assert len(read_tensors({"model.safetensors": file})) == 1000
    length = 8 + struct.unpack("<Q", data[:8])[0]
    assert file.asked == [(0, FIRST), (FIRST, length - FIRST)]


def test_a_file_smaller_than_a_look() -> None:
    data = safetensors({"a": ("F16", [2], bytes(4))})
    file = Told(data)
    read_tensors({"model.safetensors": file})
    assert file.asked == [(0, len(data))]


def test_shards_are_one_model() -> None:
    parts = contents(named()["A.d.copy"])
    files = {path: Told(data) for path, data in parts.items() if path.endswith(".safetensors")}
    found = read_tensors(files)
    assert {tensor.path for tensor in found.values()} == set(files)
    with pytest.raises(DamagedFile, match="both have the tensor"):
        read_tensors(dict.fromkeys(("a.safetensors", "b.safetensors"), next(iter(files.values()))))


def test_a_gguf_file() -> None:
    (path,) = (ZOO / named()["A.a.q8"]).glob("*.gguf")
    file = Told(path.read_bytes())
    assert "token_embd.weight" in read_tensors({path.name: file})
    assert file.asked == [(0, file.size)]


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value)) + value.encode()


def gguf(vocabulary: int, *, data: bytes = bytes(64)) -> bytes:
    """A file of one small tensor behind a long vocabulary."""
    words = struct.pack("<IQ", 8, vocabulary) + b"".join(text(f"word{n:09}") for n in range(vocabulary))
    head = b"GGUF" + struct.pack("<IQQ", 3, 1, 1)
    head += text("tokenizer.ggml.tokens") + struct.pack("<I", 9) + words
    head += text("token_embd.weight") + struct.pack("<IQQIQ", 2, 8, 4, 1, 0)
    return head.ljust(-(-len(head) // 32) * 32, b"\0") + data


def test_a_long_vocabulary_is_read_in_growing_looks() -> None:
    file = Told(gguf(100_000))
    (tensor,) = read_tensors({"model.gguf": file}).values()
    assert (tensor.shape, tensor.dtype) == ((4, 8), "F16")
    assert len(file.asked) == 3
    assert sum(length for _, length in file.asked) == file.size, "no byte twice"


def test_a_vocabulary_without_end() -> None:
    """A head beyond any known one is given up, and a damaged one at once."""
    endless = Told(gguf(3_000_000), size=10**12)
    with pytest.raises(DamagedFile, match="cut short"):
        read_tensors({"model.gguf": endless})
    assert endless.bytes == 32_000_000
    damaged = Told(b"GGUF" + struct.pack("<IQQ", 9, 1, 1) + bytes(10**6), size=10**12)
    with pytest.raises(DamagedFile, match="version 9"):
        read_tensors({"model.gguf": damaged})
    assert damaged.reads == 1


@pytest.mark.parametrize(
    ("data", "size", "words"),
    [
        (b"", 0, "cut short"),
        (b"\x10" + bytes(7), 8, "a header of 16 bytes in a file of 8"),
        (b"\xff" * 64, 64, "claims"),
        (safetensors({"a": ("F16", [2], bytes(4))}), 9000, "9,000 bytes"),
    ],
)
def test_files_that_are_none(data: bytes, size: int, words: str) -> None:
    file = Told(data.ljust(min(size, 100_000), b"\0"), size=size)
    with pytest.raises(DamagedFile, match=words):
        read_tensors({"model.safetensors": file})


@pytest.mark.parametrize(
    ("config", "turned"),
    [({"fan_in_fan_out": True}, True), ({"fan_in_fan_out": "true"}, False), ({}, False), ([1], False)],
)
def test_how_an_adapter_is_turned(config: object, turned: bool) -> None:
    assert is_transposed(Told(json.dumps(config).encode())) is turned


@pytest.mark.parametrize("data", [b"", b"{", b"[" * 100_000, b"\xff\xfe", b" " * 1_000_001])
def test_adapter_configurations_that_are_none(data: bytes) -> None:
    if not data:
        assert is_transposed(Told(data)) is False
        return
    with pytest.raises(DamagedFile, match=r"adapter_config\.json"):
        is_transposed(Told(data))
