"""Sound weight files, and changes that make them odd: one stock for the fuzzer and for the tests.

Everything follows from the `Random` given. Changes know the formats: bytes changed blindly rarely get past
the first check of a reader.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Callable, Sequence
from math import prod
from random import Random

from registry.weights.safetensors import BITS
from tests.fuzz.files import array, framed, gguf_head, info, pair, tensor
from tests.fuzz.files import gguf_file as whole_file
from tests.fuzz.files import text as gguf_text

LONGEST = 4096
"""Bytes of an input; what only size brings out has tests of its own."""

Change = Callable[[bytes, Random], bytes]

# --- safetensors ---------------------------------------------------------------------------------

_WORDS = r"""
0 1 2 3 4 8 12 16 24 -1 -0 00 2.0 1e2 0e0 1E400 .5 1. true false null NaN -Infinity : , { } [ ] {} [] //
"a" "b" "" "dtype" "shape" "data_offsets" "__metadata__" "data_of\u0066sets" "F33" {"F32":null} " "é" "a:b"
"\ud800" "\ud83d\ude00" "\u0000" "\n" "\q" "x":1, "x":[1e999], "a":{}, "__metadata__":{"format":"pt"},
"__metadata__":null, "__metadata__":{"a":1}, "z":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},
"""
_SPELLINGS = (
    *(word.encode() for word in _WORDS.split()),
    *(b'"%s"' % dtype.encode() for dtype in BITS),
    *(b"%d" % (2**power + more) for power in (31, 32, 53, 60, 62, 63, 64, 128) for more in (-1, 0, 1)),
    *(b'"x":' + b"[" * depth + b"]" * depth + b"," for depth in (124, 125, 126, 1000)),
    *(b" ", b"\n", b"\0", b"\xff", b"\xed\xa0\x80", b"\xef\xbb\xbf", b'"\t"', b'"\xe2\x80\xa8"', b"9" * 5000),
)
"""What to put into a header: pieces of JSON, some of them broken."""
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[-+.\w]+|\s+|.', re.DOTALL)
_ENTRY = re.compile(rb'"[^"]*"\s*:\s*\{[^{}]*\},?')


def safetensors_file(random: Random) -> bytes:
    """A sound file of up to six tensors."""
    at, content = 0, []
    for name in random.sample(["a", "b", "layer.0", "é", "", "x:y", "__metadata"], random.randrange(7)):
        dtype = random.choice(sorted(BITS))
        shape = [random.choice((0, 1, 2, 3, 4, 8)) for _ in range(random.randrange(4))]
        bits = BITS[dtype]
        for size in shape:
            bits *= size
        if bits % 8:
            dtype, bits = "U8", bits // BITS[dtype] * 8
        content.append((name, tensor(dtype, shape, (at, at + bits // 8))))
        at += bits // 8
    body: dict[str, object] = dict(random.sample(content, len(content)))
    if random.random() < 0.5:
        body["__metadata__"] = random.choice(({}, {"format": "pt"}, {"a": "b:c", "d": 'quoted "e"'}, None))
    separators = random.choice(((",", ":"), (", ", ": "), (" ,\n", "\t:")))
    text = json.dumps(body, separators=separators, ensure_ascii=random.random() < 0.5).encode()
    return framed(text + b" " * random.randrange(4)) + bytes(at)


def change_safetensors(data: bytes, random: Random) -> bytes:
    """A file with its header changed; length and data are made to fit again, mostly."""
    length = int.from_bytes(data[:8], "little")
    text, tail = data[8 : 8 + length], data[8 + length :]
    for _ in range(random.choice((1, 1, 1, 2, 3, 6))):
        text = random.choice(_HEADER_CHANGES)(text, random)[:LONGEST]
    if random.random() < 0.5:
        ends = [int(number) for number in re.findall(rb"\d{1,4}(?=\s*\]\s*\})", text)]
        tail = bytes(max(ends, default=0))
    data = framed(text) + tail
    return _spoil(data, random) if random.random() < 0.1 else data


def _replace_token(text: bytes, random: Random) -> bytes:
    tokens = _TOKEN.findall(text) or [b""]
    at = random.randrange(len(tokens))
    tokens[at] = random.choice(
        (b"", tokens[at] * 2, random.choice(tokens), random.choice(_SPELLINGS), random.choice(_SPELLINGS))
    )
    return b"".join(tokens)


def _insert_piece(text: bytes, random: Random) -> bytes:
    tokens = _TOKEN.findall(text)
    tokens.insert(random.randrange(len(tokens) + 1), random.choice(_SPELLINGS))
    return b"".join(tokens)


def _swap_tokens(text: bytes, random: Random) -> bytes:
    tokens = _TOKEN.findall(text) or [b""]
    one, other = random.randrange(len(tokens)), random.randrange(len(tokens))
    tokens[one], tokens[other] = tokens[other], tokens[one]
    return b"".join(tokens)


def _repeat_entry(text: bytes, random: Random) -> bytes:
    entries = _ENTRY.findall(text)
    if not entries or not text.startswith(b"{"):
        return text
    entry: bytes = random.choice(entries)
    if random.random() < 0.5:
        entry = entry.replace(b'"', b'"n', 1)
    return b"{" + entry.rstrip(b",") + b"," + text[1:]


def _move_number(text: bytes, random: Random) -> bytes:
    numbers = list(re.finditer(rb"\d{1,6}", text))
    if not numbers:
        return text
    number = random.choice(numbers)
    moved = max(0, int(number[0]) + random.choice((-8, -4, -1, 1, 4, 8)))
    return text[: number.start()] + b"%d" % moved + text[number.end() :]


# --- GGUF ----------------------------------------------------------------------------------------

_INTERESTING = (
    *(0, 1, 2, 3, 4, 5, 7, 8, 9, 10, 12, 13, 16, 31, 32, 33, 63, 64, 65, 99, 255, 256, 4096, 65_535, 65_536),
    *(10_000, 10_001, 150_000, 150_001, 16_000_001, 100_000_001, 2**31, 2**32 - 1, 2**62, 2**63, 2**64 - 1),
)
_KINDS = ((0, 1, 4), (1, 1, 2), (2, 32, 18), (8, 32, 34), (14, 256, 210), (20, 32, 18), (99, 1, 0))
"""ggml types with values and bytes of their blocks; the last one is unknown."""
_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}


def gguf_file(random: Random) -> bytes:
    """A sound file of up to four tensors, in either byte order."""
    order = random.choice("<<<>")
    alignment = random.choice((32, 32, 32, 1, 8, 64))
    pairs = [pair("general.alignment", alignment, order)] if alignment != 32 else []
    keys = random.sample(("general.architecture", "general.name", "k", "tokens", "é"), random.randrange(5))
    pairs.extend(pair(key, _value(random, order), order) for key in keys)
    infos, data = [], 0
    for name in random.sample(("token_embd.weight", "blk.0.attn_q.weight", "n", ""), random.randrange(5)):
        kind, values, size = random.choice(_KINDS)
        rows = [random.choice((0, 1, 2, 3)) for _ in range(random.randrange(3))]
        blocks = random.choice((0, 1, 2, 3))
        infos.append(info(name, (blocks * values, *rows), kind, data, order))
        data += prod(rows) * blocks * size
        data += -data % alignment
    head = gguf_head(*pairs, infos=infos, version=random.choice((2, 3, 3)), order=order)
    return whole_file(head, data, alignment) if infos else head


def _value(random: Random, order: str) -> bytes:
    """A type and a value of it."""
    kind = random.choice((*_SCALARS, 8, 8, 9, 9))
    if kind == 8:
        return struct.pack(order + "I", 8) + gguf_text(random.choice(("", "llama", "é", "x" * 50)), order)
    if kind != 9:
        return struct.pack(order + "I" + _SCALARS[kind], kind, random.choice((0, 1)))
    inner = random.choice((*_SCALARS, 8, 8, 9, 9))
    if inner == 8:
        item = gguf_text(random.choice(("", "t", "token")), order)
    elif inner == 9:
        item = struct.pack(order + "IQB", 0, 1, 7)
    else:
        item = struct.pack(order + _SCALARS[inner], 1)
    return array(inner, *[item] * random.choice((0, 1, 3, 64, 65, 100)), order=order)


def change_gguf(data: bytes, random: Random) -> bytes:
    """A file with some of its numbers or bytes changed."""
    for _ in range(random.choice((1, 1, 1, 2, 3, 6))):
        data = random.choice(_GGUF_CHANGES)(data, random)
    return data[: 2 * LONGEST]


def _set_number(data: bytes, random: Random) -> bytes:
    code, size = random.choice((("I", 4), ("Q", 8)))
    if len(data) < size:
        return data
    at = random.choice((4, 8, 16, random.randrange(len(data) - size + 1)))
    at = min(at, len(data) - size)
    order = "<" if random.random() < 0.8 else ">"
    value = random.choice(_INTERESTING)
    if random.random() < 0.4:
        value = struct.unpack_from(order + code, data, at)[0] + random.choice((-32, -1, 1, 32))
    packed = struct.pack(order + code, value % 256**size)
    return data[:at] + packed + data[at + size :]


# --- both ----------------------------------------------------------------------------------------


def _spoil(data: bytes, random: Random) -> bytes:
    """A byte changed, or a stretch cut out, doubled or put in; often the end cut off."""
    at = random.randrange(len(data) + 1)
    upto = min(len(data), at + random.choice((1, 1, 2, 4, 8, 50)))
    return random.choice(
        (
            data[:at] + bytes([random.randrange(256)]) + data[at + 1 :],
            data[:at] + data[upto:],
            data[:upto] + data[at:],
            data[:at] + random.randbytes(upto - at) + data[at:],
            data[:at],
        )
    )


_HEADER_CHANGES: Sequence[Change] = (
    *(_replace_token, _replace_token, _insert_piece, _swap_tokens, _repeat_entry, _move_number, _spoil),
)
_GGUF_CHANGES: Sequence[Change] = (_set_number, _set_number, _set_number, _spoil)
MAKERS: dict[str, tuple[Callable[[Random], bytes], Change]] = {
    "safetensors": (safetensors_file, change_safetensors),
    "gguf": (gguf_file, change_gguf),
}
"""By reader: what makes a sound file, and what changes one."""
