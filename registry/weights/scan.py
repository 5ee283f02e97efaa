"""Hashes of a file and of each of its tensors, in one pass over its bytes.

The hash of a tensor is BLAKE3-256 over `registry-tensor-1 DTYPE ROWS,COLUMNS` and a line feed, then its
bytes: equal bytes of another dtype or shape are another tensor. That of the file is sha256, the name the Hub
gives contents. Each buffer is filled once; where a pool has a thread to spare, sha256 runs beside BLAKE3 and
the filling of the next.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from typing import Protocol

from blake3 import blake3

from registry.errors import DamagedFile
from registry.model.scans import Content, TensorHash
from registry.weights.layout import StoredTensor

BUFFER = 2**20
"""Bytes read at a time: enough for the hashes to run at full speed, few enough to stay in the cache."""
_WORTH_SHARING = 4 * BUFFER
"""Smaller files are not shared between threads."""


class Filler(Protocol):
    """The bytes of a file."""

    def fill(self, buffer: memoryview, offset: int) -> int:
        """Read into all of `buffer` from `offset`; returns how many bytes there were."""
        ...


def has_tensors(path: str) -> bool:
    """Whether the name says safetensors or GGUF, the only formats whose tensors are looked at."""
    return path.endswith((".safetensors", ".gguf"))


def scan(
    path: str,
    size: int,
    tensors: Mapping[str, StoredTensor] | None,
    reader: Filler,
    *,
    whole: bool = True,
    beside: Executor | None = None,
) -> Content:
    """Hash a file. tensors: those to hash too, `None` where the file is not of tensors.

    whole: hash the file itself; else `sha256` is empty. beside: threads of which one may take a part; none
    need be free. Raises `DamagedFile` where the file is shorter than `size`, or tensors lie beyond it.
    """
    places = _Tensors(path, size, tensors or {})
    digest = hashlib.sha256()
    other = _Beside(beside if whole and size >= _WORTH_SHARING else None)
    views = [memoryview(bytearray(min(BUFFER, size))) for _ in range(2 if beside else 1)]
    for number, at in enumerate(range(0, size, BUFFER)):
        view = views[number % len(views)][: min(BUFFER, size - at)]
        if reader.fill(view, at) != len(view):
            raise DamagedFile(f"{path} ends before its {size:,} bytes")
        if whole:
            # One buffer at a time: the order of updates is that of the bytes.
            other.finish()
            other.start(digest.update, view)
        places.update(view, at)
    other.finish()
    found = None if tensors is None else places.hashes()
    return Content(digest.hexdigest() if whole else "", size, found)


def is_hashed(tensor: StoredTensor) -> bool:
    """Whether the end of a tensor is known; of some GGUF types it is not."""
    return tensor.end > tensor.start or not tensor.elements


class _Tensors:
    """The hashes of all tensors of a file while it goes by."""

    def __init__(self, path: str, size: int, tensors: Mapping[str, StoredTensor]) -> None:
        placed = sorted((one.start, one.end, name) for name, one in tensors.items() if is_hashed(one))
        self._order = [(name, tensors[name]) for _, _, name in placed]
        self._size = size
        self._hashes: list[str] = []
        self._open: blake3 | None = None
        at = 0
        for name, tensor in self._order:
            if not at <= tensor.start <= tensor.end <= size:
                raise DamagedFile(f"{path}: tensor {name[:200]!r} lies over another or beyond the file")
            at = tensor.end

    def update(self, view: memoryview, at: int) -> None:
        """Take the bytes of the file from `at` on."""
        end = at + len(view)
        while len(self._hashes) < len(self._order):
            _, tensor = self._order[len(self._hashes)]
            if tensor.start >= end and tensor.end > tensor.start:
                return
            if self._open is None:
                self._open = _begun(tensor)
            self._open.update(view[max(tensor.start - at, 0) : max(min(tensor.end, end) - at, 0)])
            if tensor.end > end:
                return
            self._hashes.append(self._open.hexdigest())
            self._open = None

    def hashes(self) -> tuple[TensorHash, ...]:
        """All of them, once every byte went by."""
        self.update(memoryview(b""), self._size)  # Tensors without bytes may lie at the end.
        return tuple(
            TensorHash(name, tensor.dtype, tensor.shape, tensor.start, tensor.end, digest)
            for (name, tensor), digest in zip(self._order, self._hashes, strict=True)
        )


def _begun(tensor: StoredTensor) -> blake3:
    shape = ",".join(map(str, tensor.shape))
    return blake3(f"registry-tensor-1 {tensor.dtype} {shape}\n".encode())


class _Beside:
    """One piece of work at a time on another thread; where none took it up, whoever waits for it does it."""

    def __init__(self, pool: Executor | None) -> None:
        self._pool = pool
        self._running: Future[object] | None = None
        self._work: Callable[[], object] | None = None

    def start(self, work: Callable[[memoryview], object], view: memoryview) -> None:
        if self._pool is None:
            work(view)
            return
        self._work = lambda: work(view)
        self._running = self._pool.submit(self._work)

    def finish(self) -> None:
        if self._running is not None and self._work is not None:
            if self._running.cancel():
                self._work()
            else:
                self._running.result()
        self._running = self._work = None
