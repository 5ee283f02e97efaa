from __future__ import annotations

import struct
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.errors import DamagedFile
from registry.weights.gguf import GgufHead, LongArray, parse_gguf_head


def text(value: str | bytes, order: str = "<") -> bytes:
    data = value.encode() if isinstance(value, str) else value
    return struct.pack(order + "Q", len(data)) + data


def pair(key: str, value: object, order: str = "<") -> bytes:
    if isinstance(value, bytes):  # already a type and a value
        return text(key, order) + value
    if isinstance(value, str):
        return text(key, order) + struct.pack(order + "I", 8) + text(value, order)
    return text(key, order) + struct.pack(order + "II", 4, value)


def gguf(
    *pairs: bytes, version: int = 3, tensors: int = 2, count: int | None = None, order: str = "<"
) -> bytes:
    total = len(pairs) if count is None else count
    return b"GGUF" + struct.pack(order + "IQQ", version, tensors, total) + b"".join(pairs)


def array(kind: int, *items: bytes, length: int | None = None) -> bytes:
    size = len(items) if length is None else length
    return struct.pack("<IIQ", 9, kind, size) + b"".join(items)


def test_a_head_is_read() -> None:
    data = gguf(
        pair("general.architecture", "llama"),
        pair("general.file_type", 15),
        pair("flag", struct.pack("<IB", 7, 1)),
        pair("temperature", struct.pack("<If", 6, 0.5)),
        pair("wide", struct.pack("<Iq", 11, -(2**40))),
        pair("general.tags", array(8, text("a"), text("b"))),
        pair("vocabulary", array(8, *[text("tok")] * 100)),
        pair("scores", array(6, struct.pack("<100f", *range(100)), length=100)),
        pair("nested", array(9, *[struct.pack("<IQ", 0, 1) + b"\x07"] * 2)),
        pair("many nested", array(9, *[struct.pack("<IQ", 0, 1) + b"\x07"] * 65)),
        pair("booleans", array(7, b"\1" * 70, length=70)),
    )
    head = parse_gguf_head(data + b"tensor infos follow")
    assert (head.version, head.tensors, head.truncated, head.architecture) == (3, 2, False, "llama")
    assert head.metadata == {
        "general.architecture": "llama",
        "general.file_type": 15,
        "flag": True,
        "temperature": 0.5,
        "wide": -(2**40),
        "general.tags": ("a", "b"),
        "vocabulary": LongArray(100),
        "scores": LongArray(100),
        "nested": ((7,), (7,)),
        "many nested": LongArray(65),
        "booleans": LongArray(70),
    }


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("version", [2, 3])
def test_both_byte_orders(order: str, version: int) -> None:
    data = gguf(pair("general.name", "x", order), pair("n", 7, order), version=version, order=order)
    head = parse_gguf_head(data)
    assert head.version == version
    assert head.metadata == {"general.name": "x", "n": 7}


def test_a_head_cut_anywhere_gives_what_was_whole() -> None:
    data = gguf(
        pair("general.architecture", "llama"), pair("list", array(8, text("a"), text("b"))), pair("n", 7)
    )
    whole = parse_gguf_head(data)
    assert not whole.truncated
    for cut in range(24, len(data)):
        head = parse_gguf_head(data[:cut])
        assert head.truncated
        assert head.metadata.items() <= whole.metadata.items()


def test_text_that_is_no_utf_8_is_replaced() -> None:
    assert parse_gguf_head(gguf(pair("k", struct.pack("<I", 8) + text(b"\xff")))).metadata == {"k": "�"}
    assert parse_gguf_head(gguf(pair("general.architecture", 3))).architecture is None


def test_parents_come_in_order_with_their_address() -> None:
    head = GgufHead(
        3,
        0,
        {
            "general.base_model.count": 3,
            "general.base_model.1.name": "Second",
            "general.base_model.0.name": "Llama 3 8B",
            "general.base_model.0.organization": "Meta Llama",
            "general.base_model.0.repo_url": "https://huggingface.co/meta-llama/Meta-Llama-3-8B",
            "general.base_model.2.author": "nobody",
            "general.base_model.x.name": "odd",
            "general.dataset.0.name": "Data",
        },
        False,
    )
    first, second = head.parents("general.base_model")
    assert first.url == "https://huggingface.co/meta-llama/Meta-Llama-3-8B"
    assert first.label == "Meta Llama / Llama 3 8B"
    assert (second.key, second.url, second.label) == ("general.base_model.1", None, "Second")
    assert [named.label for named in head.parents("general.dataset")] == ["Data"]


def nested_arrays(depth: int) -> bytes:
    inner = struct.pack("<IQ", 0, 0)
    for _ in range(depth):
        inner = struct.pack("<IQ", 9, 1) + inner
    return struct.pack("<I", 9) + inner


@pytest.mark.parametrize(
    ("data", "defect"),
    [
        (b"GGML" + bytes(30), "does not begin with 'GGUF'"),
        (b"GGUF" + bytes(10), "cut short"),
        (gguf(version=1), "version 1"),
        (gguf(version=4), "version 4"),
        (gguf(tensors=10**9), "1,000,000,000 tensors"),
        (gguf(count=10**6), "1,000,000 metadata pairs"),
        (gguf(text("k" * 70_000) + bytes(20)), "key of 70,000 bytes"),
        (gguf(pair("k", struct.pack("<IQ", 8, 2**62))), "string of"),
        (gguf(pair("k", struct.pack("<I", 99))), "unknown type 99"),
        (gguf(pair("k", struct.pack("<IIQ", 9, 99, 1))), "array of unknown type 99"),
        (gguf(pair("k", struct.pack("<IIQ", 9, 0, 2**62))), "items, more than"),
        (gguf(pair("k", array(8, struct.pack("<Q", 2**62), length=100))), "string of"),
        (gguf(pair("k", nested_arrays(5))), "nested deeper"),
        (gguf(pair("k", 1), pair("k", 2)), "names 'k' twice"),
    ],
)
def test_a_damaged_head_is_refused_by_name(data: bytes, defect: str) -> None:
    with pytest.raises(DamagedFile) as caught:
        parse_gguf_head(data)
    assert defect in caught.value.message


@given(st.binary(max_size=120), st.integers(0, 5), st.integers(1, 4))
def test_any_bytes_raise_nothing_else(tail: bytes, count: int, version: int) -> None:
    with suppress(DamagedFile):
        parse_gguf_head(gguf(tail, version=version, count=count))
