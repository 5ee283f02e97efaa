"""One pass over a file: hashes that do not depend on how it is read, and that tell tensors apart."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from blake3 import blake3
from hypothesis import given
from hypothesis import strategies as st

from registry.errors import DamagedFile
from registry.model.scans import Content
from registry.weights import scan as scanning
from registry.weights.layout import StoredTensor
from registry.weights.scan import scan

PATH = "model.safetensors"


class Bytes:
    """A file in memory that counts what is read of it."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.read = 0

    def fill(self, buffer: memoryview, offset: int) -> int:
        piece = self.data[offset : offset + len(buffer)]
        buffer[: len(piece)] = piece
        self.read += len(piece)
        return len(piece)


def named(dtype: str, shape: tuple[int, ...], data: bytes) -> str:
    """The hash of a tensor, as the module says it is."""
    text = f"registry-tensor-1 {dtype} {','.join(map(str, shape))}\n".encode()
    return blake3(text + data).hexdigest()


def laid_out(sizes: Mapping[str, int], head: int) -> dict[str, StoredTensor]:
    found, at = {}, head
    for name, size in sizes.items():
        found[name] = StoredTensor(PATH, "U8", (size,), at, at + size)
        at += size
    return found


def hashes(content: Content) -> dict[str, str]:
    assert content.tensors is not None
    return {one.name: one.blake3 for one in content.tensors}


def test_a_vector_fixes_the_hash() -> None:
    """Hashes are kept in catalogs: whoever changes them must call them by another name."""
    data = bytes(range(8))
    tensors = {"w": StoredTensor(PATH, "BF16", (2, 2), 0, 8)}
    content = scan(PATH, 8, tensors, Bytes(data))
    assert hashes(content) == {"w": named("BF16", (2, 2), data)}
    assert hashes(content)["w"] == "a3a592c1ee2fa4fa50e67a3176a76b91c7073eba3759fb5753197b996cabd537"
    assert content.sha256 == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize(
    ("dtype", "shape"), [("F16", (2, 2)), ("BF16", (4,)), ("BF16", (4, 1)), ("BF16", (1, 4))]
)
def test_equal_bytes_of_another_dtype_or_shape_are_another_tensor(dtype: str, shape: tuple[int, ...]) -> None:
    data = bytes(range(8))
    one = scan(PATH, 8, {"w": StoredTensor(PATH, "BF16", (2, 2), 0, 8)}, Bytes(data))
    other = scan(PATH, 8, {"w": StoredTensor(PATH, dtype, shape, 0, 8)}, Bytes(data))
    assert hashes(one) != hashes(other)


@given(
    st.lists(st.integers(0, 300), max_size=8),
    st.integers(0, 100),
    st.integers(0, 40),
    st.sampled_from([1, 7, 64, 1000]),
    st.booleans(),
)
def test_the_size_of_buffers_and_the_threads_change_nothing(
    sizes: list[int], head: int, tail: int, buffer: int, threads: bool
) -> None:
    data = bytes(number * 37 % 251 for number in range(head + sum(sizes) + tail))
    tensors = laid_out({f"t{number}": size for number, size in enumerate(sizes)}, head)
    file = Bytes(data)
    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(2) as pool:
        patch.setattr(scanning, "BUFFER", buffer)
        patch.setattr(scanning, "_WORTH_SHARING", 0)
        content = scan(PATH, len(data), tensors, file, beside=pool if threads else None)
    assert file.read == len(data)
    assert content.sha256 == hashlib.sha256(data).hexdigest()
    assert hashes(content) == {
        name: named("U8", one.shape, data[one.start : one.end]) for name, one in tensors.items()
    }


def test_a_pool_without_a_free_thread_is_not_waited_for() -> None:
    class Busy(ThreadPoolExecutor):
        """Takes work and never begins it."""

        def submit(self, *_: object, **__: object) -> Future[object]:  # type: ignore[override]
            return Future()

    data = bytes(5 * scanning.BUFFER)
    with Busy(1) as pool:
        content = scan("README.md", len(data), None, Bytes(data), beside=pool)
    assert content == Content(hashlib.sha256(data).hexdigest(), len(data), None)


def test_tensors_alone_need_no_hash_of_the_file() -> None:
    content = scan(PATH, 4, laid_out({"w": 4}, 0), Bytes(bytes(4)), whole=False)
    assert content.sha256 == ""
    assert hashes(content) == {"w": named("U8", (4,), bytes(4))}


def test_tensors_whose_end_nobody_knows_are_left_out() -> None:
    tensors = {"odd": StoredTensor(PATH, "ggml:999", (4, 4), 0, 0)} | laid_out({"w": 4}, 0)
    assert list(hashes(scan(PATH, 4, tensors, Bytes(bytes(4))))) == ["w"]


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(DamagedFile, match="ends before its 9 bytes"):
        scan(PATH, 9, {}, Bytes(bytes(8)))
    with pytest.raises(DamagedFile, match="beyond the file"):
        scan(PATH, 8, laid_out({"w": 9}, 0), Bytes(bytes(8)))
    twice = laid_out({"a": 4}, 0) | {"b": StoredTensor(PATH, "U8", (4,), 2, 6)}
    with pytest.raises(DamagedFile, match="lies over another"):
        scan(PATH, 8, twice, Bytes(bytes(8)))


def test_an_empty_file_has_a_hash() -> None:
    assert scan("empty", 0, None, Bytes(b"")).sha256 == hashlib.sha256(b"").hexdigest()
