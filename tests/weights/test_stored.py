from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.errors import RegistryError
from registry.weights.safetensors import header_length, parse_header
from registry.weights.sampling import Tier, plan
from registry.weights.stored import from_gguf, from_safetensors
from tests.fuzz.files import gguf_file, gguf_head, info, pair
from tests.weights.models import ZOO, zoo

GGUF = next(ZOO.rglob("*.gguf")).read_bytes()


def read(data: bytes) -> dict[str, tuple[str, tuple[int, ...]]]:
    found = from_gguf("m.gguf", data, file_size=len(data))
    return {name: (tensor.dtype, tensor.shape) for name, tensor in found.items()}


def test_tensors_of_a_gguf_file() -> None:
    infos = [info("a", (64, 2), 8, 0), info("b", (4,), 0, 160), info("c", (256, 1), 20, 192)]
    data = gguf_file(gguf_head(infos=infos), 336)
    assert read(data) == {"a": ("Q8_0", (2, 64)), "b": ("F32", (4,)), "c": ("ggml:20", (1, 256))}
    tensors = from_gguf("m.gguf", data, file_size=len(data))
    base = len(data) - 336
    assert (tensors["a"].start, tensors["a"].end, tensors["b"].start) == (base, base + 136, base + 160)
    assert tensors["c"].end == len(data)
    assert plan(tensors, Tier.STANDARD).quantized


def test_a_type_we_do_not_know_may_take_any_room() -> None:
    head = gguf_head(infos=[info("a", (64,), 99, 0), info("b", (64,), 0, 4096), info("c", (64,), 99, 4352)])
    tensors = read(gguf_file(head, 9000))
    assert tensors == {"a": ("ggml:99", (64,)), "b": ("F32", (64,)), "c": ("ggml:99", (64,))}


@pytest.mark.parametrize("alignment", [1, 8, 64])
def test_tensors_are_aligned_as_the_file_says(alignment: int) -> None:
    last = -(-12 // alignment) * alignment
    infos = [info("a", (3,), 0, 0), info("b", (3,), 0, last)]
    head = gguf_head(pair("general.alignment", alignment), infos=infos)
    data = gguf_file(head, last + 12, alignment)
    tensors = from_gguf("m.gguf", data, file_size=len(data))
    assert [tensor.start % alignment for tensor in tensors.values()] == [0, 0]
    assert tensors["b"].end == len(data)
    # Writers pad the last tensor too, or do not.
    assert len(from_gguf("m.gguf", data, file_size=-(-len(data) // alignment) * alignment)) == 2


def test_files_without_tensors() -> None:
    for data in (gguf_head(pair("k", 1)), gguf_file(gguf_head(pair("k", 1)), 0)):
        assert read(data) == {}


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
