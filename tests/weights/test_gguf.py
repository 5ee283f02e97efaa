from __future__ import annotations

import struct
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.errors import DamagedFile
from registry.weights.gguf import GgufHead, GgufTensor, LongArray, parse_gguf_head, parse_gguf_tensors
from tests.fuzz.files import array, gguf_head, info, pair, text


def test_a_head_is_read() -> None:
    data = gguf_head(
        pair("general.architecture", "llama"),
        pair("general.file_type", 15),
        pair("flag", struct.pack("<IB", 7, 1)),
        pair("temperature", struct.pack("<If", 6, 0.5)),
        pair("wide", struct.pack("<Iq", 11, -(2**40))),
        pair("general.tags", array(8, text("a"), text("b"))),
        pair("vocabulary", array(8, *[text("tok")] * 100)),
        pair("scores", array(6, struct.pack("<100f", *range(100)), length=100)),
        pair("empty", array(6)),
        pair("nested", array(9, *[struct.pack("<IQ", 0, 1) + b"\x07"] * 2)),
        pair("many nested", array(9, *[struct.pack("<IQ", 0, 1) + b"\x07"] * 65)),
        pair("booleans", array(7, b"\1" * 70, length=70)),
        tensors=2,
    )
    head = parse_gguf_head(data + b"the list of tensors follows")
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
        "empty": (),
        "nested": LongArray(2),
        "many nested": LongArray(65),
        "booleans": LongArray(70),
    }


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("version", [2, 3])
def test_both_byte_orders(order: str, version: int) -> None:
    data = gguf_head(pair("general.name", "x", order), pair("n", 7, order), version=version, order=order)
    head = parse_gguf_head(data)
    assert head.version == version
    assert head.metadata == {"general.name": "x", "n": 7}


@pytest.mark.parametrize("order", ["<", ">"])
def test_the_list_of_tensors(order: str) -> None:
    infos = [info("a", (64, 2), 8, 0, order), info("b", (), 0, 160, order)]
    data = gguf_head(pair("general.name", "x", order), infos=infos, order=order)
    head, tensors, length = parse_gguf_tensors(data + b"padding and data")
    assert head.metadata == {"general.name": "x"}
    assert tensors == [GgufTensor("a", (2, 64), 8, 0), GgufTensor("b", (), 0, 160)]
    assert length == len(data)


def test_a_list_cut_anywhere_is_refused() -> None:
    data = gguf_head(pair("k", array(8, text("a"))), infos=[info("a", (64, 2), 8, 0), info("b", (), 0, 160)])
    for cut in range(len(data)):
        with pytest.raises(DamagedFile, match=r"cut short|does not begin"):
            parse_gguf_tensors(data[:cut])


def test_a_head_cut_anywhere_gives_what_was_whole() -> None:
    data = gguf_head(
        pair("general.architecture", "llama"), pair("list", array(8, text("a"), text("b"))), pair("n", 7)
    )
    whole = parse_gguf_head(data)
    assert not whole.truncated
    for cut in range(24, len(data)):
        head = parse_gguf_head(data[:cut])
        assert head.truncated
        assert head.metadata.items() <= whole.metadata.items()


def test_text_that_is_no_utf_8_is_replaced() -> None:
    assert parse_gguf_head(gguf_head(pair("k", struct.pack("<I", 8) + text(b"\xff")))).metadata == {"k": "�"}
    assert parse_gguf_head(gguf_head(pair("general.architecture", 3))).architecture is None


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


@given(st.binary(max_size=120), st.integers(0, 5), st.integers(1, 4))
def test_any_bytes_raise_nothing_else(tail: bytes, count: int, version: int) -> None:
    with suppress(DamagedFile):
        parse_gguf_head(gguf_head(tail, version=version, count=count))
