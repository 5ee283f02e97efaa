"""Weight files put together by hand, sound ones and any others."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from typing import Any

# --- safetensors ---------------------------------------------------------------------------------


def framed(text: bytes) -> bytes:
    """A header as it begins a file."""
    return len(text).to_bytes(8, "little") + text


def head(content: object, *, pad: int = 0) -> bytes:
    """A header of this content, as text or to be written."""
    text = content if isinstance(content, bytes) else json.dumps(content).encode()
    return framed(text + b" " * pad)


def tensor(dtype: str = "F32", shape: Any = (2, 3), offsets: Any = (0, 24)) -> dict[str, Any]:
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


# --- GGUF ----------------------------------------------------------------------------------------


def text(value: str | bytes, order: str = "<") -> bytes:
    data = value.encode() if isinstance(value, str) else value
    return struct.pack(order + "Q", len(data)) + data


def pair(key: str, value: object, order: str = "<") -> bytes:
    """A key with a text, a 32-bit number, or bytes that are a type and a value already."""
    if isinstance(value, bytes):
        return text(key, order) + value
    if isinstance(value, str):
        return text(key, order) + struct.pack(order + "I", 8) + text(value, order)
    return text(key, order) + struct.pack(order + "II", 4, value)


def array(kind: int, *items: bytes, length: int | None = None, order: str = "<") -> bytes:
    """An array as a value. length: other than there are items."""
    size = len(items) if length is None else length
    return struct.pack(order + "IIQ", 9, kind, size) + b"".join(items)


def info(name: str, sizes: Sequence[int], kind: int, offset: int, order: str = "<") -> bytes:
    """A tensor in the list. sizes: the fastest dimension first."""
    numbers = struct.pack(f"{order}I{len(sizes)}QIQ", len(sizes), *sizes, kind, offset)
    return text(name, order) + numbers


def gguf_head(
    *pairs: bytes,
    infos: Sequence[bytes] = (),
    version: int = 3,
    tensors: int | None = None,
    count: int | None = None,
    order: str = "<",
) -> bytes:
    """The head of a file. tensors, count: other than there are infos and pairs."""
    told = len(infos) if tensors is None else tensors, len(pairs) if count is None else count
    return b"GGUF" + struct.pack(order + "IQQ", version, *told) + b"".join(pairs) + b"".join(infos)


def gguf_file(head: bytes, data: int, alignment: int = 32) -> bytes:
    """A whole file with so many bytes of data behind its head."""
    return head + bytes(-len(head) % alignment) + bytes(data)
