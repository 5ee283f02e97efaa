"""The head of a GGUF file: version, counts and metadata, without tensors.

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. A head is often read as the first few
megabytes of a large file, so running out of bytes is no error: what was read is returned, marked truncated.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from registry.errors import DamagedFile

MAX_PAIRS = 100_000
MAX_TENSORS = 10_000_000
MAX_KEY = 65_535
"""Bytes of a key, by the format."""
MAX_STRING = 16_000_000
MAX_ARRAY = 100_000_000
MAX_DEPTH = 4
KEPT_ITEMS = 64
"""Longer arrays (vocabularies) are stepped over and only their length kept."""

_NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 10: "Q", 11: "q", 12: "d"}
_BOOL, _STRING, _ARRAY = 7, 8, 9
_NUMBERED = re.compile(r"(?P<index>\d{1,4})\.(?P<field>[a-z_]+)")


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


class Ended(Exception):
    """The bytes given ended in the middle of a value."""


def parse_gguf_head(data: bytes) -> GgufHead:
    """Read the head of a GGUF file of version 2 or 3, either byte order. Raises `DamagedFile`.

    `data` may be any prefix of the file of at least 24 bytes.
    """
    if data[:4] != b"GGUF":
        raise DamagedFile("not a GGUF file: it does not begin with 'GGUF'")
    if len(data) < 24:
        raise DamagedFile("GGUF head cut short: fewer than 24 bytes")
    # A big-endian version 3 reads as 0x03000000 in little-endian order.
    order = ">" if data[4:6] == b"\0\0" else "<"
    version, tensors, pairs = struct.unpack_from(order + "IQQ", data, 4)
    if version not in (2, 3):
        raise DamagedFile(f"GGUF version {version} is not one we can read (2 or 3)")
    if tensors > MAX_TENSORS:
        raise DamagedFile(f"GGUF head names {tensors:,} tensors, more than {MAX_TENSORS:,}")
    if pairs > MAX_PAIRS:
        raise DamagedFile(f"GGUF head names {pairs:,} metadata pairs, more than {MAX_PAIRS:,}")
    reader = Bytes(data, order)
    metadata: dict[str, object] = {}
    truncated = False
    try:
        for _ in range(pairs):
            key = reader.text(MAX_KEY, "key")
            value = reader.value(reader.number("I"), 0)
            if key in metadata:
                raise DamagedFile(f"GGUF metadata names {key[:80]!r} twice")
            metadata[key] = value
    except Ended:
        truncated = True
    return GgufHead(version, tensors, MappingProxyType(metadata), truncated)


class Bytes:
    """A position in the bytes. Every length is checked against its bound before anything is read."""

    def __init__(self, data: bytes, order: str) -> None:
        self._data = data
        self._order = order
        self._at = 24

    def number(self, kind: str) -> int:
        number: int = struct.unpack(self._order + kind, self._take(struct.calcsize("=" + kind)))[0]
        return number

    def text(self, limit: int, what: str) -> str:
        length = self.number("Q")
        if length > limit:
            raise DamagedFile(f"GGUF {what} of {length:,} bytes, more than {limit:,}")
        return self._take(length).decode("utf-8", errors="replace")

    def value(self, kind: int, depth: int) -> object:
        if kind in _NUMBERS:
            return self.number(_NUMBERS[kind])
        if kind == _BOOL:
            return self.number("B") != 0
        if kind == _STRING:
            return self.text(MAX_STRING, "string")
        if kind == _ARRAY:
            return self._array(depth + 1)
        raise DamagedFile(f"GGUF value of unknown type {kind}")

    def _array(self, depth: int) -> object:
        if depth > MAX_DEPTH:
            raise DamagedFile(f"GGUF arrays nested deeper than {MAX_DEPTH}")
        kind, length = self.number("I"), self.number("Q")
        if length > MAX_ARRAY:
            raise DamagedFile(f"GGUF array of {length:,} items, more than {MAX_ARRAY:,}")
        if kind not in _NUMBERS and kind not in (_BOOL, _STRING, _ARRAY):
            raise DamagedFile(f"GGUF array of unknown type {kind}")
        if length <= KEPT_ITEMS:
            return tuple(self.value(kind, depth) for _ in range(length))
        self._pass_over(kind, length, depth)
        return LongArray(length)

    def _pass_over(self, kind: int, length: int, depth: int) -> None:
        """Step over an array's items. Texts and arrays take bytes of their own, so the loop ends."""
        if kind in _NUMBERS or kind == _BOOL:
            self._skip(length * struct.calcsize("=" + _NUMBERS.get(kind, "B")))
            return
        for _ in range(length):
            if kind == _ARRAY:
                self._array(depth + 1)
                continue
            size = self.number("Q")
            if size > MAX_STRING:
                raise DamagedFile(f"GGUF string of {size:,} bytes, more than {MAX_STRING:,}")
            self._skip(size)

    def _take(self, size: int) -> bytes:
        start = self._at
        self._skip(size)
        return self._data[start : self._at]

    def _skip(self, size: int) -> None:
        if self._at + size > len(self._data):
            raise Ended
        self._at += size
