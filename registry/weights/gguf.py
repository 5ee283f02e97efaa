"""The head of a GGUF file: version, counts, metadata and the list of tensors, without their data.

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md; where it is silent, `gguf.cpp` of ggml. A
head is often read as the first few megabytes of a large file. For its metadata alone running out of bytes is
no error: what was read is returned, marked truncated.
"""

from __future__ import annotations

import re
import struct
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from types import MappingProxyType

from registry.errors import DamagedFile

MAX_PAIRS = 10_000
"""Keys with their values; known files have some dozens."""
MAX_TENSORS = 150_000
MAX_DIMENSIONS = 4
MAX_ELEMENTS = 2**63 - 1
MAX_KEY = 65_535
"""Bytes of a key, by the format."""
MAX_NAME = 4096
"""Bytes of a tensor's name; ggml itself ends at 63."""
MAX_STRING = 16_000_000
MAX_ARRAY = 100_000_000
MAX_DEPTH = 4
KEPT_ITEMS = 64
"""Longer arrays (vocabularies), and arrays of arrays, are stepped over and only their length kept."""

_NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 10: "Q", 11: "q", 12: "d"}
_BOOL, _STRING, _ARRAY = 7, 8, 9
_CODES = {order: {code: struct.Struct(order + code) for code in _NUMBERS.values()} for order in "<>"}
_NUMBERED = re.compile(r"(?P<index>\d{1,4})\.(?P<field>[a-z_]+)")


class CutShort(DamagedFile):
    """The bytes end within the head: more of the file may hold the rest."""


@dataclass(frozen=True, slots=True)
class LongArray:
    """An array whose items were not kept."""

    length: int


@dataclass(frozen=True, slots=True)
class NamedParent:
    """One numbered entry, such as `general.base_model.0`. url: its repository if given; label:
    organisation and name as the file writes them."""

    key: str
    url: str | None
    label: str


@dataclass(frozen=True, slots=True)
class GgufHead:
    """metadata: key to number, bool, text, tuple of these, or `LongArray`. truncated: the bytes ended
    before the metadata did."""

    version: int
    tensors: int
    metadata: Mapping[str, object]
    truncated: bool

    @property
    def architecture(self) -> str | None:
        value = self.metadata.get("general.architecture")
        return value if isinstance(value, str) else None

    def parents(self, prefix: str) -> list[NamedParent]:
        """The entries `prefix.N.*` in order: base models (`general.base_model`) or datasets."""
        fields: dict[int, dict[str, str]] = {}
        for key, value in self.metadata.items():
            match = _NUMBERED.fullmatch(key.removeprefix(prefix + "."))
            if match and key.startswith(prefix + ".") and isinstance(value, str) and value:
                fields.setdefault(int(match["index"]), {})[match["field"]] = value
        found = []
        for index, entry in sorted(fields.items()):
            url = entry.get("repo_url") or entry.get("url")
            label = " / ".join(entry[name] for name in ("organization", "name") if name in entry)
            if url or label:
                found.append(NamedParent(f"{prefix}.{index}", url, label))
        return found


@dataclass(frozen=True, slots=True)
class GgufTensor:
    """A tensor as the file lists it. shape: fastest dimension last, unlike in the file; kind: the number of
    its ggml type; offset: from where the data begin."""

    name: str
    shape: tuple[int, ...]
    kind: int
    offset: int


def parse_gguf_head(data: bytes) -> GgufHead:
    """Read the head of a GGUF file of version 2 or 3, either byte order. Raises `DamagedFile`.

    `data` may be any prefix of the file of at least 24 bytes.
    """
    return _metadata(data)[0]


def parse_gguf_tensors(data: bytes) -> tuple[GgufHead, list[GgufTensor], int]:
    """The head of a GGUF file with its tensors in the order listed, and the bytes all that takes.

    data: a prefix of the file that holds all of it. Raises `DamagedFile`, where it is cut short `CutShort`.
    """
    head, reader = _metadata(data)
    if head.truncated:
        raise CutShort("GGUF head cut short in its metadata")
    try:
        tensors = [_tensor(reader) for _ in range(head.tensors)]
    except _Ended:
        raise CutShort("GGUF head cut short in its list of tensors") from None
    if len({tensor.name for tensor in tensors}) != len(tensors):
        twice = Counter(tensor.name for tensor in tensors).most_common(1)[0][0]
        raise DamagedFile(f"GGUF head lists tensor {twice[:80]!r} twice")
    return head, tensors, reader.at


def _metadata(data: bytes) -> tuple[GgufHead, _Bytes]:
    if data[:4] != b"GGUF":
        raise DamagedFile("not a GGUF file: it does not begin with 'GGUF'")
    if len(data) < 24:
        raise CutShort("GGUF head cut short: fewer than 24 bytes")
    # A big-endian version 3 reads as 0x03000000 in little-endian order.
    order = ">" if data[4:6] == b"\0\0" else "<"
    version, tensors, pairs = struct.unpack_from(order + "IQQ", data, 4)
    if version not in (2, 3):
        raise DamagedFile(f"GGUF version {version} is not one we can read (2 or 3)")
    if tensors > MAX_TENSORS:
        raise DamagedFile(f"GGUF head names {tensors:,} tensors, more than {MAX_TENSORS:,}")
    if pairs > MAX_PAIRS:
        raise DamagedFile(f"GGUF head names {pairs:,} metadata pairs, more than {MAX_PAIRS:,}")
    reader = _Bytes(data, order)
    metadata: dict[str, object] = {}
    truncated = False
    try:
        for _ in range(pairs):
            key = reader.text(MAX_KEY, "key")
            value = reader.value(reader.number("I"))
            if not key:
                raise DamagedFile("GGUF metadata has a key that is empty")
            if key in metadata:
                raise DamagedFile(f"GGUF metadata names {key[:80]!r} twice")
            metadata[key] = value
    except _Ended:
        truncated = True
    return GgufHead(version, tensors, MappingProxyType(metadata), truncated), reader


def _tensor(reader: _Bytes) -> GgufTensor:
    name = reader.text(MAX_NAME, "tensor name")
    if not name.isprintable():
        raise DamagedFile(f"GGUF tensor {name[:80]!r}: its name is not printable text")
    dimensions = reader.number("I")
    if dimensions > MAX_DIMENSIONS:
        raise DamagedFile(
            f"GGUF tensor {name[:80]!r} has {dimensions:,} dimensions, more than {MAX_DIMENSIONS}"
        )
    shape = tuple(reversed([reader.number("Q") for _ in range(dimensions)]))
    if prod(size or 1 for size in shape) > MAX_ELEMENTS:
        raise DamagedFile(f"GGUF tensor {name[:80]!r} is larger than any file: {list(shape)}")
    return GgufTensor(name, shape, reader.number("I"), reader.number("Q"))


class _Ended(Exception):
    """The bytes given ended in the middle of a value."""


class _Bytes:
    """A position in the bytes. Every length is checked against its bound before anything is read."""

    def __init__(self, data: bytes, order: str) -> None:
        self._data = data
        self._view = memoryview(data)
        self._codes = _CODES[order]
        self.at = 24

    def number(self, code: str) -> int:
        coded = self._codes[code]
        start = self._step(coded.size)
        number: int = coded.unpack_from(self._data, start)[0]
        return number

    def text(self, limit: int, what: str) -> str:
        size = self._length(limit, what)
        start = self._step(size)
        return str(self._view[start : start + size], "utf-8", "replace")

    def value(self, kind: int) -> object:
        if kind in _NUMBERS:
            return self.number(_NUMBERS[kind])
        if kind == _BOOL:
            return self.number("B") != 0
        if kind == _STRING:
            return self.text(MAX_STRING, "string")
        if kind == _ARRAY:
            return self._array()
        raise DamagedFile(f"GGUF value of unknown type {kind}")

    def _array(self, depth: int = 1) -> object:
        """A tuple of numbers or texts, `LongArray` for many and for arrays of arrays."""
        if depth > MAX_DEPTH:
            raise DamagedFile(f"GGUF arrays nested deeper than {MAX_DEPTH}")
        kind, length = self.number("I"), self.number("Q")
        if length > MAX_ARRAY:
            raise DamagedFile(f"GGUF array of {length:,} items, more than {MAX_ARRAY:,}")
        if kind not in _NUMBERS and kind not in (_BOOL, _STRING, _ARRAY):
            raise DamagedFile(f"GGUF array of unknown type {kind}")
        if kind == _ARRAY:
            for _ in range(length):
                self._array(depth + 1)
        elif length <= KEPT_ITEMS and depth == 1:
            return tuple(self.value(kind) for _ in range(length))
        elif kind == _STRING:
            self._step_over_texts(length)
        else:
            self._step(length * self._codes[_NUMBERS.get(kind, "B")].size)
        return LongArray(length)

    def _length(self, limit: int, what: str) -> int:
        size = self.number("Q")
        if size > limit:
            raise DamagedFile(f"GGUF {what} of {size:,} bytes, more than {limit:,}")
        return size

    def _step_over_texts(self, count: int) -> None:
        """As `_step(_length())` each time, but vocabularies have some hundred thousand of them."""
        unpack, data, last, at = self._codes["Q"].unpack_from, self._data, len(self._data) - 8, self.at
        for _ in range(count):
            if at > last:
                raise _Ended
            size = unpack(data, at)[0]
            if size > MAX_STRING:
                raise DamagedFile(f"GGUF string of {size:,} bytes, more than {MAX_STRING:,}")
            at += 8 + size
        self._step(at - self.at)

    def _step(self, size: int) -> int:
        """Go on by so many bytes, which must be there, and tell where they begin."""
        start = self.at
        if start + size > len(self._data):
            raise _Ended
        self.at = start + size
        return start
