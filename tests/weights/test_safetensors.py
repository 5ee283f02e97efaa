from __future__ import annotations

import json
from typing import Any

import pytest
import safetensors
from hypothesis import given
from hypothesis import strategies as st

from registry.errors import DamagedFile
from registry.weights.safetensors import BITS, MAX_HEADER, Header, header_length, parse_header, read_header


def head(content: object, *, pad: int = 0) -> bytes:
    text = content if isinstance(content, bytes) else json.dumps(content).encode()
    text += b" " * pad
    return len(text).to_bytes(8, "little") + text


def tensor(dtype: str = "F32", shape: Any = (2, 3), offsets: Any = (0, 24)) -> dict[str, Any]:
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


def test_a_header_is_read() -> None:
    content = {
        "__metadata__": {"format": "pt"},
        "b": tensor("BF16", (4,), (24, 32)),
        "a": tensor(),
        "none": tensor("I64", (0, 5), (32, 32)),
    }
    header = parse_header(head(content, pad=5) + b"\0" * 32, file_size=8 + len(json.dumps(content)) + 5 + 32)
    assert header.metadata == {"format": "pt"}
    assert header.tensors["a"].shape == (2, 3)
    assert {name: found.elements for name, found in header.tensors.items()} == {"a": 6, "b": 4, "none": 0}
    assert header.data_bytes == 32


def test_the_smallest_header() -> None:
    assert parse_header(head({})) == Header({}, {})
    assert parse_header(head({})).data_bytes == 0


def test_a_decoded_header_reads_alike() -> None:
    content = {"a": tensor(), "__metadata__": None}
    assert read_header(content) == parse_header(head({"a": tensor()}))


DAMAGED: list[tuple[bytes, str]] = [
    (b"", "fewer than 8 bytes"),
    (b"\0" * 8, "too few"),
    ((2**63).to_bytes(8, "little") + b"{}", "more than 25,000,000"),
    ((MAX_HEADER + 1).to_bytes(8, "little"), "more than"),
    ((100).to_bytes(8, "little") + b"{}", "cut short: 2 of 100 bytes"),
    (head(b"[1, 2]"), "does not begin with '{'"),
    (head(b" {}"), "does not begin with '{'"),
    (head(b'{"a": '), "not JSON"),
    (head(b'{"a": \xff}'), "not UTF-8"),
    (head(b'{"a": NaN}'), "not JSON: NaN"),
    (head(b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"), "not JSON"),
    (head(b'{"a": ' + b"[" * 1_000_001), "more than 500,000 tensors"),
    (head(b'{"a": {}, "a": {}}'), "names 'a' twice"),
    (head(b'{"a": {"dtype": "F32", "dtype": "F32"}}'), "names 'dtype' twice"),
    (head({"__metadata__": {"a": 1}}), "__metadata__"),
    (head({"__metadata__": []}), "__metadata__"),
    (head(b'{"\\ud800": {}}'), "not printable"),
    (head({"a": 3}), "not described by an object"),
    (head({"a": {}}), "unknown dtype"),
    (head({"a": tensor("F33")}), "unknown dtype 'F33'"),
    (head({"a": {**tensor(), "shape": "2"}}), "shape"),
    (head({"a": tensor(shape=(-1, 3))}), "shape"),
    (head({"a": tensor(shape=(2.0, 3))}), "shape"),
    (head({"a": tensor(shape=(True, 6))}), "shape"),
    (head({"a": tensor(shape=(1,) * 65)}), "shape"),
    (head({"a": tensor(shape=(2**40, 2**40))}), "larger than any file"),
    (head({"a": tensor(offsets=(0,))}), "data_offsets"),
    (head({"a": tensor(offsets=(0, 24.0))}), "data_offsets"),
    (head({"a": tensor(offsets=(24, 0))}), "takes 24 bytes"),
    (head({"a": tensor(offsets=(0, 25))}), "takes 24 bytes, its offsets span 25"),
    (head({"a": tensor("F4", (3,), (0, 2))}), "whole bytes"),
    (head({"a": tensor(offsets=(8, 32))}), "hole"),
    (head({"a": tensor(), "b": tensor(offsets=(12, 36))}), "overlaps"),
]


@pytest.mark.parametrize(("data", "defect"), DAMAGED)
def test_a_damaged_header_is_refused_by_name(data: bytes, defect: str) -> None:
    with pytest.raises(DamagedFile) as caught:
        parse_header(data)
    assert defect in caught.value.message
    assert "\n" not in caught.value.message


def test_a_file_of_another_size_is_refused() -> None:
    with pytest.raises(DamagedFile, match="has 1,000 bytes"):
        parse_header(head({"a": tensor()}), file_size=1000)


def test_decoded_junk_is_refused() -> None:
    with pytest.raises(DamagedFile, match="not a JSON object"):
        read_header([])
    with pytest.raises(DamagedFile, match="more than"):
        read_header({str(index): None for index in range(500_001)})


def test_the_length_alone() -> None:
    assert header_length((100_000).to_bytes(8, "little")) == 100_000


# --- against the format's own package --------------------------------------------------------------


def accepted_by_package(data: bytes) -> bool:
    try:
        safetensors.deserialize(data)
    except safetensors.SafetensorError:
        return False
    return True


def accepted_by_us(data: bytes) -> bool:
    try:
        parse_header(data, file_size=len(data))
    except DamagedFile:
        return False
    return True


@pytest.mark.parametrize("dtype", sorted(BITS))
def test_every_dtype_has_the_size_the_package_gives_it(dtype: str) -> None:
    size = BITS[dtype]
    assert accepted_by_package(head({"a": tensor(dtype, (8,), (0, size))}) + b"\0" * size)
    assert accepted_by_us(head({"a": tensor(dtype, (8,), (0, size))}) + b"\0" * size)


SIZES = st.integers(0, 6) | st.sampled_from([-1, 1.0, "2", None, 2**63, 2**64])
ENTRIES = st.fixed_dictionaries(
    {
        "dtype": st.sampled_from(["F32", "BF16", "U8", "I64", "F8_E4M3", "nope", 3]),
        "shape": st.lists(SIZES, max_size=3),
        "data_offsets": st.lists(SIZES | st.integers(0, 40), min_size=1, max_size=3),
    }
)


@st.composite
def headers(draw: st.DrawFn) -> bytes:
    """Headers that are mostly sound, with a defect now and then."""
    at, content = 0, {}
    for name in draw(st.lists(st.sampled_from("abcdef"), unique=True, max_size=4)):
        if draw(st.integers(0, 9)) == 0:
            content[name] = draw(ENTRIES)
            continue
        dtype = draw(st.sampled_from(sorted(BITS)))
        shape = draw(st.lists(st.integers(0, 4), max_size=3))
        bits = BITS[dtype]
        for size in shape:
            bits *= size
        content[name] = tensor(dtype, shape, (at, at + bits // 8))
        at += bits // 8 + draw(st.sampled_from([0] * 9 + [1]))
    metadata: dict[str, Any] = draw(st.sampled_from([{}, {}, {"k": "v"}, {"k": 1}]))
    body = {"__metadata__": metadata, **content} if metadata else content
    return head(body, pad=draw(st.integers(0, 3))) + b"\0" * at


@given(headers())
def test_we_accept_what_the_package_accepts(data: bytes) -> None:
    assert accepted_by_us(data) == accepted_by_package(data)


@given(headers(), st.data())
def test_what_we_accept_of_mangled_bytes_the_package_accepts_too(data: bytes, draws: st.DataObject) -> None:
    cut = draws.draw(st.integers(0, len(data)))
    at = draws.draw(st.integers(0, max(len(data) - 1, 0)))
    mangled = bytearray(data[:cut])
    if at < len(mangled):
        mangled[at] = draws.draw(st.integers(0, 255))
    assert accepted_by_package(bytes(mangled)) or not accepted_by_us(bytes(mangled))


@given(st.binary(max_size=200))
def test_what_we_accept_of_any_bytes_the_package_accepts_too(data: bytes) -> None:
    assert accepted_by_package(data) or not accepted_by_us(data)
