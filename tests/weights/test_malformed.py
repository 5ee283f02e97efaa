"""Headers spoilt by hand: each is refused in one line that names the defect."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from registry.errors import DamagedFile
from registry.weights.gguf import parse_gguf_head
from registry.weights.safetensors import MAX_HEADER, parse_header, read_header
from registry.weights.stored import from_gguf
from tests.fuzz.files import array, gguf_file, gguf_head, head, info, pair, tensor, text


def refusal(error: DamagedFile) -> str:
    assert error.message.isprintable()
    assert len(error.message) < 400
    return error.message


# --- safetensors ---------------------------------------------------------------------------------


def one(**change: Any) -> bytes:
    """A header of one sound tensor, but for the change."""
    return head({"a": {**tensor(), **change}})


def spelled(more: bytes) -> bytes:
    """A header of one sound empty tensor, with more behind its three keys."""
    return head(b'{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]' + more + b"}")


MALFORMED: dict[str, tuple[bytes, str]] = {
    # the frame
    "nothing": (b"", "fewer than 8 bytes"),
    "half a length": (b"\2\0\0", "fewer than 8 bytes"),
    "no header": (b"\0" * 8, "0 bytes, too few"),
    "length of 2**63": ((2**63).to_bytes(8, "little") + b"{}", "more than 25,000,000"),
    "length over the limit": ((MAX_HEADER + 1).to_bytes(8, "little"), "25,000,001 bytes, more than"),
    "length beyond the file": ((100).to_bytes(8, "little") + b"{}", "cut short: 2 of 100 bytes"),
    # the text
    "a list": (head(b"[1, 2]"), "does not begin with '{'"),
    "a number": (head(b"12"), "does not begin with '{'"),
    "space before": (head(b" {}"), "does not begin with '{'"),
    "byte order mark": (head(b"\xef\xbb\xbf{}"), "does not begin with '{'"),
    "cut JSON": (head(b'{"a": '), "not JSON: Input data was truncated"),
    "bytes behind": (head(b"{}\0"), "not JSON: trailing characters"),
    "comma behind": (head(b'{"a": {},}'), "not JSON: trailing comma in object (byte 9)"),
    "not UTF-8": (head(b'{"a": "\xff"}'), "not UTF-8"),
    "surrogate as bytes": (head(b'{"\xed\xa0\x80": {}}'), "not UTF-8"),
    "surrogate escaped": (
        head(b'{"\\ud800 ": {}}'),
        "not JSON: unexpected end of escaped utf-16 surrogate pair",
    ),
    "control character": (head(b'{"a\n": {}}'), "not JSON: invalid character (byte 3)"),
    "NaN": (head(b'{"a": NaN}'), "not JSON: invalid character (byte 6)"),
    "Infinity": (spelled(b',"x":-Infinity}'), "not JSON: invalid character"),
    "zero in front": (spelled(b',"x":01}'), "not JSON: invalid number"),
    # depth, counts, repetition
    "endless list": (head(b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"), "nested deeper than 127"),
    "deep list": (spelled(b',"x":' + b"[" * 126 + b"]" * 126 + b"}"), "nested deeper than 127"),
    "endless object": (head(b'{"a": ' + b'{"a":' * 100_000), "nested deeper than 127"),
    "many names": (head({str(name): 0 for name in range(150_001)}), "more than 150,000 tensors"),
    "many keys": (head(b'{"":' + b'"":' * 600_001), "more than 600,000 keys"),
    "name twice": (spelled(b'},"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}'), "names 'a' twice"),
    "name twice, spelled otherwise": (
        spelled(b'},"\\u0061":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}'),
        "names 'a' twice",
    ),
    "key twice": (spelled(b',"dtype":"F32"}'), "names 'dtype' twice"),
    "metadata twice": (head(b'{"__metadata__":{},"__metadata__":{}}'), "names '__metadata__' twice"),
    "key of metadata twice": (head(b'{"__metadata__":{"k":"","k":""}}'), "names 'k' twice"),
    "key without meaning twice": (spelled(b',"x":[{"y":1,"y":2}]}'), "names 'y' twice"),
    # what is described
    "metadata of numbers": (head({"__metadata__": {"a": 1}}), "'__metadata__' is not what the format wants"),
    "metadata as a list": (head({"__metadata__": []}), "'__metadata__' is not what the format wants"),
    "name not printable": (head({"a\n": tensor()}), "tensor 'a\\n': its name is not printable"),
    "described by a number": (
        head({"a": 3}),
        "'a' is not what the format wants: Expected `object`, got `int`",
    ),
    "described by a list": (head({"a": ["F32", [6], [0, 24]]}), "Expected `object`, got `array`"),
    "described by nothing": (head({"a": {}}), "missing required field `dtype`"),
    "no shape": (head({"a": {"dtype": "F32", "data_offsets": [0, 4]}}), "missing required field `shape`"),
    "no offsets": (head({"a": {"dtype": "F32", "shape": []}}), "missing required field `data_offsets`"),
    "unknown dtype": (one(dtype="F33"), "tensor 'a': unknown dtype 'F33'"),
    "dtype in small letters": (one(dtype="f32"), "unknown dtype 'f32'"),
    "dtype as a number": (one(dtype=32), "Expected `str`, got `int` - at `$.dtype`"),
    "shape as a text": (one(shape="2"), "Expected `array`, got `str` - at `$.shape`"),
    "negative size": (one(shape=[-1, 3]), "Expected `int` >= 0 - at `$.shape[0]`"),
    "fraction as size": (one(shape=[2.0, 3]), "Expected `int`, got `float` - at `$.shape[0]`"),
    "bool as size": (one(shape=[True, 6]), "Expected `int`, got `bool` - at `$.shape[0]`"),
    "null as size": (one(shape=[None]), "Expected `int`, got `null` - at `$.shape[0]`"),
    "size of 64 bits": (one(shape=[2**64]), "at `$.shape[0]`"),
    "size of 4,000 digits": (one(shape=[10**4000 - 1]), "<= 9223372036854775807 - at `$.shape[0]`"),
    "many dimensions": (one(shape=[1] * 65), "of length <= 64 - at `$.shape`"),
    "shape overflows": (one(shape=[2**40, 2**40]), "its shape is larger than any file"),
    "one offset": (one(data_offsets=[0]), "of length 2 - at `$.data_offsets`"),
    "three offsets": (one(data_offsets=[0, 24, 24]), "of length 2 - at `$.data_offsets`"),
    "fraction as offset": (one(data_offsets=[0, 24.0]), "got `float` - at `$.data_offsets[1]`"),
    "negative offset": (one(data_offsets=[-24, 0]), ">= 0 - at `$.data_offsets[0]`"),
    # how they lie
    "offsets turned round": (one(data_offsets=[24, 0]), "takes 24 bytes, its offsets span -24"),
    "offsets too wide": (one(data_offsets=[0, 25]), "F32 [2, 3] takes 24 bytes, its offsets span 25"),
    "half a byte": (one(dtype="F4", shape=[3], data_offsets=[0, 2]), "F4 elements do not fill whole bytes"),
    "hole in front": (one(data_offsets=[8, 32]), "'a': leaves a hole before it: begins at 8, expected 0"),
    "hole between": (head({"a": tensor(), "b": tensor(offsets=(25, 49))}), "'b': leaves a hole before it"),
    "overlap": (head({"a": tensor(), "b": tensor(offsets=(12, 36))}), "'b': overlaps the tensor before it"),
    "same place": (head({"a": tensor(), "b": tensor()}), "'b': overlaps the tensor before it"),
    "data cut short": (one() + bytes(23), "has 96 bytes, its header describes 97"),
    "data with more behind": (one() + bytes(25), "has 98 bytes, its header describes 97"),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_safetensors_header(name: str) -> None:
    data, defect = MALFORMED[name]
    with pytest.raises(DamagedFile) as caught:
        parse_header(data, file_size=len(data))
    assert defect in refusal(caught.value)


@pytest.mark.parametrize(
    ("content", "defect"),
    [
        ([], "not a JSON object"),
        ({3: tensor()}, "a name that is no text"),
        (dict.fromkeys(map(str, range(150_001))), "more than 150,000 tensors"),
        ({"\ud800": tensor()}, "not printable"),
        ({"a": {**tensor(), "dtype": "\ud800"}}, "unknown dtype '\\ud800'"),
        ({"a": {**tensor(), "shape": [6.0]}}, "got `float`"),
        ({"a": {**tensor(), "shape": [True, 6]}}, "got `bool`"),
        ({"a": {**tensor(), "shape": [2**70]}}, "at `$.shape[0]`"),
        ({"a": {3: 4}}, "'a' is not what the format wants"),
        ({"__metadata__": {"a": None}}, "'__metadata__' is not what the format wants"),
    ],
)
def test_a_malformed_header_that_is_decoded_already(content: object, defect: str) -> None:
    with pytest.raises(DamagedFile) as caught:
        read_header(content)
    assert defect in refusal(caught.value)


# --- GGUF ----------------------------------------------------------------------------------------


def number(kind: int, packed: bytes) -> bytes:
    return struct.pack("<I", kind) + packed


def nested(depth: int) -> bytes:
    inner = struct.pack("<IQ", 0, 0)
    for _ in range(depth):
        inner = struct.pack("<IQ", 9, 1) + inner
    return number(9, inner)


MALFORMED_METADATA: dict[str, tuple[bytes, str]] = {
    "another format": (b"GGML" + bytes(30), "does not begin with 'GGUF'"),
    "nothing": (b"", "does not begin with 'GGUF'"),
    "cut short": (b"GGUF" + bytes(19), "fewer than 24 bytes"),
    "version 0": (gguf_head(version=0), "version 0 is not one we can read"),
    "version 1": (gguf_head(version=1), "version 1 is not one we can read"),
    "version 4": (gguf_head(version=4), "version 4 is not one we can read"),
    "version 4, the other byte order": (gguf_head(version=4, order=">"), "version 4 is not one"),
    "endless tensors": (gguf_head(tensors=2**63), "9,223,372,036,854,775,808 tensors, more than 150,000"),
    "endless pairs": (gguf_head(count=10**6), "1,000,000 metadata pairs, more than 10,000"),
    "endless key": (gguf_head(text("k" * 70_000) + bytes(20)), "key of 70,000 bytes, more than 65,535"),
    "empty key": (gguf_head(pair("", 1)), "a key that is empty"),
    "key twice": (gguf_head(pair("k", 1), pair("k", 2)), "names 'k' twice"),
    "unknown type": (gguf_head(pair("k", number(99, b""))), "value of unknown type 99"),
    "endless text": (gguf_head(pair("k", number(8, struct.pack("<Q", 2**62)))), "string of 4,611,686"),
    "endless array": (gguf_head(pair("k", array(0, length=2**62))), "array of 4,611,686"),
    "array of unknown type": (gguf_head(pair("k", array(99, length=1))), "array of unknown type 99"),
    "long array of unknown type": (gguf_head(pair("k", array(13, length=99))), "array of unknown type 13"),
    "endless text in an array": (
        gguf_head(pair("k", array(8, struct.pack("<Q", 2**62), length=100))),
        "string of 4,611,686",
    ),
    "nested arrays": (gguf_head(pair("k", nested(4))), "nested deeper than 4"),
}


@pytest.mark.parametrize("name", MALFORMED_METADATA)
def test_malformed_metadata_of_a_gguf_file(name: str) -> None:
    data, defect = MALFORMED_METADATA[name]
    for read in (parse_gguf_head, tensors_of):
        with pytest.raises(DamagedFile) as caught:
            read(data)
        assert defect in refusal(caught.value)


def tensors_of(data: bytes) -> object:
    return from_gguf("m.gguf", data, file_size=len(data))


def listing(*infos: bytes, data: int = 256, pairs: tuple[bytes, ...] = (), alignment: int = 32) -> bytes:
    """A file whose tensors fill 256 bytes, if they do."""
    return gguf_file(gguf_head(*pairs, infos=infos), data, alignment)


SOUND = info("a", (64,), 0, 0)
MALFORMED_TENSORS: dict[str, tuple[bytes, str]] = {
    "metadata cut short": (gguf_head(pair("k", "text"))[:-1], "cut short in its metadata"),
    "list cut short": (listing(SOUND)[:40], "cut short in its list of tensors"),
    "fewer than promised": (gguf_head(infos=[SOUND], tensors=2), "cut short in its list of tensors"),
    "name twice": (listing(info("a", (32,), 0, 0), info("a", (32,), 0, 128)), "lists tensor 'a' twice"),
    "endless name": (listing(info("n" * 5000, (64,), 0, 0)), "tensor name of 5,000 bytes"),
    "name not printable": (listing(info("a\0", (64,), 0, 0)), "'a\\x00': its name is not printable"),
    "five dimensions": (listing(info("a", (64, 1, 1, 1, 1), 0, 0)), "5 dimensions, more than 4"),
    "shape overflows": (listing(info("a", (2**32, 2**32), 0, 0)), "larger than any file"),
    "empty shape overflows": (listing(info("a", (2**63, 0), 0, 0)), "larger than any file"),
    "half a block": (listing(info("a", (33,), 8, 0)), "do not fill whole blocks of 32 values"),
    "a single value in blocks": (listing(info("a", (), 8, 0)), "do not fill whole blocks"),
    "alignment of 0": (listing(SOUND, pairs=(pair("general.alignment", 0),)), "aligned to '0' bytes"),
    "alignment of 48": (listing(SOUND, pairs=(pair("general.alignment", 48),)), "not a power of two"),
    "alignment of 2**31": (listing(SOUND, pairs=(pair("general.alignment", 2**31),)), "aligned to"),
    "alignment as a text": (listing(SOUND, pairs=(pair("general.alignment", "32"),)), "aligned to '32'"),
    "alignment as a bool": (
        listing(SOUND, pairs=(pair("general.alignment", number(7, b"\1")),)),
        "aligned to 'True'",
    ),
    "hole in front": (listing(info("a", (64,), 0, 32)), "leaves a hole before it"),
    "hole between": (listing(info("a", (32,), 0, 0), info("b", (16,), 0, 192)), "'b': leaves a hole"),
    "overlap": (listing(info("a", (32,), 0, 0), info("b", (32,), 0, 96)), "'b': overlaps the one before"),
    "not in order": (listing(info("a", (32,), 0, 128), info("b", (32,), 0, 0)), "'a': leaves a hole"),
    "not aligned": (listing(info("a", (9,), 99, 0), info("b", (4,), 0, 40)), "40 is no multiple of 32"),
    "before one of unknown type": (
        listing(info("a", (9,), 99, 0), info("b", (9,), 99, 64), info("c", (4,), 0, 32)),
        "'c': overlaps the one before",
    ),
    "offset of 2**64": (listing(info("a", (9,), 99, 2**64 - 32)), "leaves a hole before it"),
    "data cut short": (listing(SOUND, data=255), "'a': reaches beyond the end of the file"),
    "data with more behind": (listing(SOUND, data=257), "has 321 bytes, its tensors end at 320"),
    "no tensors and data": (listing(data=1), "its tensors end at 24"),
}


@pytest.mark.parametrize("name", MALFORMED_TENSORS)
def test_malformed_tensors_of_a_gguf_file(name: str) -> None:
    data, defect = MALFORMED_TENSORS[name]
    with pytest.raises(DamagedFile) as caught:
        tensors_of(data)
    assert defect in refusal(caught.value)
