"""The JSON head of a safetensors file, read without its tensors.

Format: https://huggingface.co/docs/safetensors: eight bytes little-endian length, a JSON object of that
length, then the tensors back to back. Our own reader, because headers arrive as the first bytes of a file
that is never downloaded whole, and because an error must name the defect. What is valid is what the package
`safetensors` accepts; `tests/fuzz/oracle.py` lists where we differ, and why.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from types import MappingProxyType
from typing import Annotated, Any, NoReturn

import msgspec

from registry.errors import DamagedFile

MAX_HEADER = 25_000_000
"""Bytes; the limit of the Hub's own client."""
MAX_TENSORS = 150_000
"""Some twenty times what the largest files known hold; keeps a hostile header below 200 MB of memory."""
MAX_DIMENSIONS = 64
MAX_DEPTH = 127
"""Objects and lists within each other. Three have a meaning; the package reads so many."""
MAX_BITS = 2**63 - 1

BITS: dict[str, int] = {
    name: bits
    for bits, names in (
        (4, "F4"),
        (6, "F6_E2M3 F6_E3M2"),
        (8, "BOOL U8 I8 F8_E4M3 F8_E5M2 F8_E8M0 F8_E4M3FNUZ F8_E5M2FNUZ"),
        (16, "I16 U16 F16 BF16"),
        (32, "I32 U32 F32"),
        (64, "I64 U64 F64 C64"),
    )
    for name in names.split()
}
"""Bits of one element by dtype, for every dtype of the format (safetensors 0.8)."""

_METADATA = "__metadata__"
_Size = Annotated[int, msgspec.Meta(ge=0, le=MAX_BITS)]


class Tensor(msgspec.Struct, frozen=True, gc=False):
    """One tensor: `elements` stored numbers of a dtype in bytes `start` to `end` after the header."""

    # No dataclass: headers have hundreds of these, and this is made in a fifth of the time.
    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int

    @property
    def elements(self) -> int:
        return prod(self.shape)


@dataclass(frozen=True, slots=True)
class Header:
    """Tensors by name in the order they lie in, and the texts under `__metadata__`."""

    tensors: Mapping[str, Tensor]
    metadata: Mapping[str, str]

    @property
    def data_bytes(self) -> int:
        """Bytes of all tensors together."""
        return max((tensor.end for tensor in self.tensors.values()), default=0)


class _Entry(msgspec.Struct, gc=False):
    """A tensor as the header describes it. Other keys are stepped over, as the package does."""

    dtype: str
    shape: Annotated[tuple[_Size, ...], msgspec.Meta(max_length=MAX_DIMENSIONS)]
    data_offsets: tuple[_Size, _Size]


_Texts = dict[str, str] | None
_read_parts = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_read_entry = msgspec.json.Decoder(_Entry).decode
_read_texts = msgspec.json.Decoder(_Texts).decode
_read_text = msgspec.json.Decoder(str).decode


def header_length(data: bytes) -> int:
    """How long the header is, from the first eight bytes of a file. Raises `DamagedFile`."""
    if len(data) < 8:
        raise DamagedFile("safetensors header cut short: fewer than 8 bytes")
    length = int.from_bytes(data[:8], "little")
    if length > MAX_HEADER:
        raise DamagedFile(f"safetensors header claims {length:,} bytes, more than {MAX_HEADER:,}")
    if length < 2:
        raise DamagedFile(f"safetensors header claims {length} bytes, too few for a JSON object")
    return length


def parse_header(data: bytes, *, file_size: int | None = None) -> Header:
    """Read a header from the first bytes of a file, which must hold all of it. Raises `DamagedFile`.

    file_size: when given, the tensors must end exactly where the file does.
    """
    length = header_length(data)
    if len(data) < 8 + length:
        raise DamagedFile(f"safetensors header cut short: {len(data) - 8:,} of {length:,} bytes")
    if data[8:9] != b"{":
        raise DamagedFile("safetensors header does not begin with '{'")
    end = 8 + length
    colons = data.count(b":", 8, end)
    if colons > 4 * MAX_TENSORS:
        # Refused before anything is built: a name and three keys for each tensor.
        raise DamagedFile(f"safetensors header has more than {4 * MAX_TENSORS:,} keys")
    text = memoryview(data)[8:end]
    try:
        str(text, "utf-8")
        parts = _read_parts(text)
    except UnicodeDecodeError:
        raise DamagedFile("safetensors header is not UTF-8") from None
    except RecursionError:
        raise DamagedFile(f"safetensors header is nested deeper than {MAX_DEPTH}") from None
    except msgspec.DecodeError as error:
        raise DamagedFile(f"safetensors header is not JSON: {_words(error)}") from None
    header = _header(parts, _read_entry, _read_texts)
    # The decoder keeps the last of equal keys. Usually there is one colon for each key that it kept, so none
    # was dropped; a header with more colons (in texts, or after keys of no meaning) is looked through.
    if colons != len(parts) + 3 * len(header.tensors) + len(header.metadata):
        _refuse_repeated_keys(data, end)
    expected = end + header.data_bytes
    if file_size is not None and file_size != expected:
        raise DamagedFile(f"safetensors file has {file_size:,} bytes, its header describes {expected:,}")
    return header


def read_header(content: object) -> Header:
    """A header that is decoded already, as the Hub serves them for sharded models. Raises `DamagedFile`."""
    if not isinstance(content, Mapping):
        raise DamagedFile("safetensors header is not a JSON object")
    if not all(isinstance(name, str) for name in content):
        raise DamagedFile("safetensors header has a name that is no text")
    return _header(content, _convert_entry, _convert_texts)


def _convert_entry(entry: object) -> _Entry:
    return msgspec.convert(entry, _Entry)


def _convert_texts(texts: object) -> _Texts:
    read: _Texts = msgspec.convert(texts, _Texts)
    return read


def _header(
    parts: Mapping[str, Any], entry_of: Callable[[Any], _Entry], texts_of: Callable[[Any], _Texts]
) -> Header:
    """parts: what the header says of each name, for the two functions to read."""
    if len(parts) > MAX_TENSORS:
        raise DamagedFile(f"safetensors header describes more than {MAX_TENSORS:,} tensors")
    if not "".join(parts).isprintable():
        # JSON can spell control characters, which no file name or database holds.
        odd = next(name for name in parts if not name.isprintable())
        _refuse(odd, "its name is not printable text")
    name, entries, metadata = _METADATA, {}, None
    try:
        for name, part in parts.items():
            if name == _METADATA:
                metadata = texts_of(part)
            else:
                entries[name] = entry_of(part)
    except msgspec.DecodeError as error:
        raise DamagedFile(
            f"safetensors header, {name[:200]!r} is not what the format wants: {_words(error)}"
        ) from None
    return Header(MappingProxyType(_laid_out(entries)), MappingProxyType(metadata or {}))


def _laid_out(entries: dict[str, _Entry]) -> dict[str, Tensor]:
    """Tensors lie back to back from offset 0, without holes and without overlap, as large as they should."""
    at = 0
    tensors = {}
    for name, entry in sorted(entries.items(), key=_offsets):
        start, end = entry.data_offsets
        bits = BITS.get(entry.dtype, 0)
        if not bits:
            _refuse(name, f"unknown dtype {entry.dtype[:40]!r}")
        for size in entry.shape:
            bits *= size
            if bits > MAX_BITS:
                _refuse(name, "its shape is larger than any file")
        if bits != 8 * (end - start):
            if bits % 8:
                _refuse(name, f"its {entry.dtype} elements do not fill whole bytes")
            takes = f"{entry.dtype} {list(entry.shape)} takes {bits // 8:,} bytes"
            _refuse(name, f"{takes}, its offsets span {end - start:,}")
        if start != at:
            what = "overlaps the tensor before it" if start < at else "leaves a hole before it"
            _refuse(name, f"{what}: begins at {start:,}, expected {at:,}")
        at = end
        tensors[name] = Tensor(entry.dtype, entry.shape, start, end)
    return tensors


def _offsets(item: tuple[str, _Entry]) -> tuple[int, int]:
    return item[1].data_offsets


_TOKEN = re.compile(rb'(?P<text>"(?:[^"\\]++|\\.)*+")\s*+(?P<key>:)?|[{}\[\]]')
"""What gives JSON its structure: brackets, and texts with the colon that makes a key of them."""


def _refuse_repeated_keys(data: bytes, end: int) -> None:
    """Refuse a header with a key that stands twice in one object, or nested deeper than the package reads.

    The header is sound JSON. Goes from token to token, so that what stands after keys without meaning is
    never built.
    """
    open_objects: list[set[str]] = []
    for token in _TOKEN.finditer(data, 8, end):
        if token["key"]:
            key = _read_text(token["text"])
            if key in open_objects[-1]:
                raise DamagedFile(f"safetensors header names {key[:200]!r} twice")
            open_objects[-1].add(key)
        elif not token["text"]:
            if token[0] in b"{[":
                open_objects.append(set())
                if len(open_objects) > MAX_DEPTH:
                    raise DamagedFile(f"safetensors header is nested deeper than {MAX_DEPTH}")
            else:
                open_objects.pop()


def _words(error: msgspec.DecodeError) -> str:
    return str(error).removeprefix("JSON is malformed: ")[:200]


def _refuse(name: str, defect: str) -> NoReturn:
    raise DamagedFile(f"safetensors header, tensor {name[:200]!r}: {defect}")
