from __future__ import annotations

import json
from typing import Any

import pytest
import safetensors
from hypothesis import given
from hypothesis import strategies as st

from registry.errors import DamagedFile
from registry.weights.safetensors import BITS, Header, header_length, parse_header, read_header
from tests.fuzz.files import head, tensor
from tests.fuzz.oracle import LOOSER, STRICTER, explained
from tests.fuzz.targets import check_safetensors


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


def test_tensors_come_in_the_order_they_lie_in() -> None:
    content = {
        "last": tensor(offsets=(24, 48)),
        "empty": tensor(shape=(0,), offsets=(24, 24)),
        "first": tensor(),
    }
    assert list(parse_header(head(content)).tensors) == ["first", "empty", "last"]
    assert list(read_header(content).tensors) == ["first", "empty", "last"]


def test_colons_in_texts_and_keys_without_meaning_are_no_defect() -> None:
    """They take the slower way, on which keys are compared one by one."""
    content = {
        "__metadata__": {"a:b": 'c: "d": {', "a": "\\"},
        "x:y": {**tensor(), "note": [{"dtype": 1}, {"dtype": 2}, "a:", 1e5], "": {"": {}}},
    }
    header = parse_header(head(content))
    assert header.metadata == content["__metadata__"]
    assert header == read_header(content)


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


EMPTY = b'{"a":{"dtype":"F32","shape":[%s],"data_offsets":[0,0]%s}}'
AT_ODDS = {
    "more than 25,000,000": b"{}" + b" " * 25_000_000,
    "more than 600,000 keys": b'{"__metadata__":{"a":"' + b":" * 600_000 + b'"}}',
    "does not begin with '{'": b" {}",
    "' twice": b'{"__metadata__":{"a":"1","a":"2"}}',
    "not printable": b'{"a\\n":' + (EMPTY % (b"0", b""))[5:],
    "larger than any file": EMPTY % (b"%d,0" % 2**62, b""),
    "<= 9223372036854775807": EMPTY % (b"0,%d" % 2**63, b""),
    "of length <= 64": EMPTY % (b"0" + b",1" * 64, b""),
    "Expected `object`, got `array`": b'{"a":["F32",[0],[0,0]]}',
    "Expected `str`, got `object` - at `$.dtype`": (EMPTY % (b"0", b"")).replace(b'"F32"', b'{"F32":null}'),
}


def test_every_difference_listed_is_one() -> None:
    assert AT_ODDS.keys() == STRICTER.keys()
    for part, text in AT_ODDS.items():
        assert accepted_by_package(head(text)), part
        with pytest.raises(DamagedFile) as caught:
            parse_header(head(text))
        assert part in caught.value.message
    looser = [EMPTY % (b"-0", b""), EMPTY % (b"0", b',"x":1e999')]
    assert len(looser) == len(LOOSER)
    for text in looser:
        assert accepted_by_us(head(text))
        assert not accepted_by_package(head(text))
        assert explained(head(text))


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
def test_we_read_what_the_package_reads(data: bytes) -> None:
    check_safetensors(data)


@given(headers(), st.data())
def test_of_mangled_bytes_too(data: bytes, draws: st.DataObject) -> None:
    cut = draws.draw(st.integers(0, len(data)))
    at = draws.draw(st.integers(0, max(len(data) - 1, 0)))
    mangled = bytearray(data[:cut])
    if at < len(mangled):
        mangled[at] = draws.draw(st.integers(0, 255))
    check_safetensors(bytes(mangled))


@given(st.binary(max_size=200))
def test_of_any_bytes_too(data: bytes) -> None:
    check_safetensors(data)
