"""Files in folders that others may write to: listed and opened with care.

Links lead no further than the roots named; what is no regular file is never opened for longer than it takes
to see that; and every file carries the stamp by which a later look tells that it is still the same.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from registry.errors import DamagedFile
from registry.model.scans import Stamp

MAX_FILES = 100_000
MAX_DEPTH = 64
_LEFT_OUT = frozenset({".git", ".cache", "__pycache__"})
"""Folders that tools keep beside a model; they are no part of it."""
# Not on every system: without the first a pipe that nobody writes to is waited for.
_FLAGS = os.O_RDONLY | sum(getattr(os, name, 0) for name in ("O_NONBLOCK", "O_CLOEXEC", "O_NOFOLLOW"))
_KINDS = (
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISDIR, "a folder"),
)

Tell = Callable[[str, str], None]
"""Takes a note: its code and its sentence."""


@dataclass(frozen=True, slots=True)
class LocalFile:
    """One regular file of a model. path: within the model, with `/`; stamp: where it really lies, and what
    it was when it was listed. A `registry.weights.fingerprint.Reader`."""

    path: str
    stamp: Stamp

    @property
    def size(self) -> int:
        return self.stamp.size

    def read(self, offset: int, length: int) -> bytes:
        """Exactly `length` bytes from `offset`. Raises `DamagedFile` where the file ends before, is another
        than the one listed, or cannot be read."""
        if offset < 0 or length < 0 or offset + length > self.size:
            raise DamagedFile(f"{self.path}: {self.size:,} bytes do not reach to {offset + length:,}")
        data = bytearray(length)
        with self.open() as opened:
            filled = opened.fill(memoryview(data), offset)
        if filled != length:
            raise self.changed()
        return bytes(data)

    def head(self, length: int) -> bytes:
        """The first bytes, `length` of them or all there are."""
        return self.read(0, min(length, self.size))

    @contextmanager
    def open(self) -> Iterator[OpenFile]:
        """The file for reading at any place; raises as `read` does, also when it changed meanwhile."""
        try:
            descriptor = os.open(self.stamp.path, _FLAGS)
            try:
                self._require_same(descriptor)
                yield OpenFile(descriptor)
                self._require_same(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise DamagedFile(f"{self.path} cannot be read: {error.strerror or error}") from None

    def changed(self) -> DamagedFile:
        return DamagedFile(f"{self.path} changed while it was read", hint="wait until nobody writes to it")

    def _require_same(self, descriptor: int) -> None:
        now = os.fstat(descriptor)
        if not stat.S_ISREG(now.st_mode) or stamp_of(self.stamp.path, now) != self.stamp:
            raise self.changed()


@dataclass(frozen=True, slots=True)
class OpenFile:
    """A file being read; no position is kept, so threads may share it."""

    descriptor: int

    def fill(self, buffer: memoryview, offset: int) -> int:
        """Read into all of `buffer` from `offset`; returns how many bytes there were."""
        filled = 0
        while filled < len(buffer):
            count = os.preadv(self.descriptor, [buffer[filled:]], offset + filled)
            if count == 0:
                break
            filled += count
        return filled


def stamp_of(path: str, found: os.stat_result) -> Stamp:
    # Some disks number files beyond what a column holds.
    return Stamp(path, found.st_size, found.st_mtime_ns, found.st_ino & (2**63 - 1))


def local_file(path: Path, name: str, roots: Sequence[Path]) -> LocalFile | str:
    """The regular file a path leads to, or why it is none: a broken link, one that leads out of `roots`,
    a pipe. Opens nothing."""
    try:
        real = path.resolve(strict=True)
        found = real.lstat()
    except (OSError, RuntimeError) as error:
        told = getattr(error, "strerror", None) or "links lead in a circle"
        return f"not read: {told}" if not path.is_symlink() else "a link that is broken"
    if any(_shown(text) != text for text in (name, str(real))):
        return "its name is no text"
    if not any(real.is_relative_to(root) for root in roots):
        return "a link that leads out of the folder, not followed"
    if not stat.S_ISREG(found.st_mode):
        return f"{kind_of(found.st_mode)}, not read"
    return LocalFile(name, stamp_of(str(real), found))


def kind_of(mode: int) -> str:
    """What something is that is no regular file."""
    return next((name for test, name in _KINDS if test(mode)), "no regular file")


def list_files(folder: Path, roots: Sequence[Path], tell: Tell) -> dict[str, LocalFile]:
    """Every regular file below a folder, by path. roots: where links may lead; folders that are links are
    not entered. What cannot be listed is told: `file-unread`, `link-not-followed`, `files-partial`."""
    found: dict[str, LocalFile] = {}

    def failed(error: OSError) -> None:
        where = os.path.relpath(error.filename, folder) if error.filename else "a folder"
        tell("files-partial", f"{_shown(where)}: {error.strerror or 'cannot be listed'}")

    for place, folders, names in os.walk(folder, onerror=failed):
        folders[:] = sorted(name for name in folders if name not in _LEFT_OUT)
        if folders and len(Path(place).relative_to(folder).parts) >= MAX_DEPTH:
            tell("files-partial", f"folders deeper than {MAX_DEPTH} levels were left out")
            folders.clear()
        for name in folders:
            if Path(place, name).is_symlink():
                tell("link-not-followed", f"{_shown(_within(folder, place, name))}: a link to a folder")
        for name in sorted(names):
            path = _within(folder, place, name)
            if len(found) >= MAX_FILES:
                tell("files-partial", f"more than {MAX_FILES:,} files; the rest were left out")
                return found
            file = local_file(Path(place, name), path, roots)
            if isinstance(file, LocalFile):
                found[path] = file
            else:
                tell("link-not-followed" if "link" in file else "file-unread", f"{_shown(path)}: {file}")
    return found


def _within(folder: Path, place: str, name: str) -> str:
    return Path(place, name).relative_to(folder).as_posix()


def _shown(path: str) -> str:
    """A file name as text: what is no UTF-8 replaced, and control characters with it."""
    text = path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return "".join("\ufffd" if ord(letter) < 32 or ord(letter) == 127 else letter for letter in text)
