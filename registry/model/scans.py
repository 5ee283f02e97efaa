"""What reading a file as a whole told: its hash and those of its tensors, and whether that still holds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Stamp:
    """What tells that a file on this disk is the one read before. path: absolute, free of links;
    mtime_ns: its last change in nanoseconds since 1970; inode: its number on its disk."""

    path: str
    size: int
    mtime_ns: int
    inode: int


@dataclass(frozen=True, slots=True)
class TensorHash:
    """One tensor of a file. start, end: its bytes in the file; blake3: BLAKE3-256 over dtype, shape and
    bytes (`registry.weights.scan`), in lower-case hex."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int
    blake3: str

    @property
    def size(self) -> int:
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Content:
    """What a file holds, wherever it lies. tensors: in order of place, `None` where they were not looked
    for or could not be read, empty where the file holds none."""

    sha256: str
    size: int
    tensors: tuple[TensorHash, ...] | None = None
