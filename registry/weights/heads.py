"""The heads of weight files, read through whatever reads bytes: from a disk, or from far away.

Only heads are read, in as few pieces as they allow; tensors are left where they are.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Protocol

from registry.errors import DamagedFile
from registry.weights.gguf import CutShort
from registry.weights.layout import StoredTensor
from registry.weights.safetensors import header_length, parse_header
from registry.weights.stored import from_gguf, from_safetensors

FIRST = 32_768
"""Bytes of the first look at a safetensors file: nearly every shard's header fits."""
_GGUF_LOOKS = (262_144, 2_000_000, 8_000_000, 32_000_000)
"""How much of a GGUF file is looked at until its head fits: vocabularies stand before the list of tensors."""
_CONFIG = 1_000_000


class File(Protocol):
    """One file that can be read in parts."""

    @property
    def size(self) -> int:
        """Bytes of the whole file."""
        ...

    def read(self, offset: int, length: int) -> bytes:
        """Exactly `length` bytes from `offset`."""
        ...


def read_tensors(files: Mapping[str, File]) -> dict[str, StoredTensor]:
    """The tensors of a model by name, from the heads of all its weight files.

    files: by path, `.safetensors` or `.gguf`. Raises `DamagedFile`, also where two files have one tensor.
    """
    return join_tensors(tensors_of(path, files[path]) for path in sorted(files))


def tensors_of(path: str, file: File) -> dict[str, StoredTensor]:
    """The tensors of one file by name. Raises `DamagedFile`."""
    return _gguf(path, file) if path.endswith(".gguf") else _safetensors(path, file)


def join_tensors(parts: Iterable[Mapping[str, StoredTensor]]) -> dict[str, StoredTensor]:
    """The tensors of several files as those of one model. Raises `DamagedFile` where two have the same."""
    found: dict[str, StoredTensor] = {}
    for part in parts:
        for name, tensor in part.items():
            if name in found:
                two = f"{found[name].path} and {tensor.path}"
                raise DamagedFile(f"{two} both have the tensor {name[:80]!r}")
        found |= part
    return found


def is_transposed(config: File) -> bool:
    """Whether an adapter's `adapter_config.json` says that weights are stored input first.
    Raises `DamagedFile`."""
    if config.size > _CONFIG:
        raise DamagedFile(f"adapter_config.json has {config.size:,} bytes, more than {_CONFIG:,}")
    try:
        content = json.loads(config.read(0, config.size)) if config.size else {}
    except (ValueError, RecursionError):
        raise DamagedFile("adapter_config.json is not JSON") from None
    return isinstance(content, dict) and content.get("fan_in_fan_out") is True


def _safetensors(path: str, file: File) -> dict[str, StoredTensor]:
    head = _more(file, b"", FIRST)
    length = 8 + header_length(head)
    if length > file.size:
        raise DamagedFile(f"{path}: a header of {length - 8:,} bytes in a file of {file.size:,}")
    head = _more(file, head, length)
    return from_safetensors(path, parse_header(head, file_size=file.size), length)


def _gguf(path: str, file: File) -> dict[str, StoredTensor]:
    head = b""
    *shorter, longest = sorted({min(look, file.size) for look in _GGUF_LOOKS})
    for until in shorter:
        head = _more(file, head, until)
        try:
            return from_gguf(path, head, file_size=file.size)
        except CutShort:
            continue  # Anything else is not mended by reading on.
    return from_gguf(path, _more(file, head, longest), file_size=file.size)


def _more(file: File, head: bytes, until: int) -> bytes:
    """The file up to `until`, or to its end; head: what was read of it before."""
    missing = min(until, file.size) - len(head)
    return head + file.read(len(head), missing) if missing > 0 else head
