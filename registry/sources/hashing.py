"""What files on this disk hold: read as a whole once, known from then on by their stamps.

All reading runs on one `concurrent.futures.Executor`, handed in. A file is a task of its own; on threads a
file that is alone may take two of them.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from threading import Event
from typing import Protocol

from registry.errors import DamagedFile
from registry.model.scans import Content, Stamp
from registry.sources.folders import LocalFile, OpenFile
from registry.weights.heads import read_tensors
from registry.weights.scan import has_tensors, scan

SETTLED = 2 * 10**9
"""Nanoseconds a file must have been left alone to be known by its stamp: clocks of disks tick slowly, and
what is written within one tick leaves no trace."""

_KEPT_AT_ONCE = 256 * 2**20
"""Bytes read between two times of keeping what was found."""


class Scans(Protocol):
    """Where it is kept what files hold."""

    def known(self, stamps: Iterable[Stamp]) -> dict[Stamp, str]:
        """The sha256 of those files that are as they were when they were read."""
        ...

    def keep(self, found: Mapping[Stamp, Content], unsettled: Collection[Stamp]) -> None:
        """Keep what files hold, in place of what the same paths held before. unsettled: those of them that
        are not `known`, because they may change without a trace."""
        ...


@dataclass(frozen=True, slots=True)
class Hashed:
    """hashes: sha256 by path within the model; unread: why a file could not be hashed, by path."""

    hashes: Mapping[str, str]
    unread: Mapping[str, str]


class Hasher:
    """Knows the hashes of files, and reads those it does not know. Thread-safe as far as its parts are."""

    def __init__(self, scans: Scans, pool: Executor, *, clock: Callable[[], int] = time.time_ns) -> None:
        self._scans = scans
        self._pool = pool
        self._clock = clock
        self._stopped = Event()

    def stop(self) -> None:
        """Break off what is being read: it ends soon, and tells nothing."""
        self._stopped.set()

    def hashes(self, files: Mapping[str, LocalFile], *, read: bool) -> Hashed:
        """What is known of these files. read: read those as a whole of which nothing is."""
        known = self._scans.known(file.stamp for file in files.values())
        hashes = {path: known[file.stamp] for path, file in files.items() if file.stamp in known}
        if not read:
            return Hashed(hashes, {})
        # Several names may lead to one file.
        missing = {file.stamp: file for path, file in files.items() if path not in hashes}
        found, unread = self._read(missing)
        for path, file in files.items():
            if file.stamp in found:
                hashes[path] = found[file.stamp]
        return Hashed(hashes, {path: unread[f.stamp] for path, f in files.items() if f.stamp in unread})

    def _read(self, missing: Mapping[Stamp, LocalFile]) -> tuple[dict[Stamp, str], dict[Stamp, str]]:
        found: dict[Stamp, str] = {}
        unread: dict[Stamp, str] = {}
        unkept: dict[Stamp, Content] = {}
        # What is written from now on carries a later time than this.
        settled = self._clock() - SETTLED
        # Other executors share no memory with us.
        threads = isinstance(self._pool, ThreadPoolExecutor)
        shared = (self._pool, self._stopped) if threads else ()
        # The largest first: what comes last should not be long.
        order = sorted(missing.values(), key=lambda file: (-file.size, file.path))
        tasks = {self._pool.submit(read_content, file, *shared): file.stamp for file in order}
        try:
            for task in as_completed(tasks):
                stamp = tasks[task]
                try:
                    content = task.result()
                except DamagedFile as error:
                    unread[stamp] = error.message
                    continue
                found[stamp] = content.sha256
                unkept[stamp] = content
                if sum(one.size for one in unkept.values()) >= _KEPT_AT_ONCE:
                    self._keep(unkept, settled)
                    unkept = {}
        finally:
            for task in tasks:
                task.cancel()
            self._keep(unkept, settled)
        return found, unread

    def _keep(self, found: Mapping[Stamp, Content], settled: int) -> None:
        self._scans.keep(found, {stamp for stamp in found if stamp.mtime_ns > settled})


def read_content(file: LocalFile, beside: Executor | None = None, stopped: Event | None = None) -> Content:
    """Read a file as a whole. Tensors are hashed where its head is sound; a head that is not costs them
    alone. Raises `DamagedFile`, also soon after `stopped` was set."""
    tensors = None
    if has_tensors(file.path):
        try:
            tensors = read_tensors({file.path: file})
        except DamagedFile:
            tensors = None
    with file.open() as opened:
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(opened.descriptor, 0, 0, os.POSIX_FADV_SEQUENTIAL)
        reader = opened if stopped is None else _Stoppable(opened, stopped)
        return scan(file.path, file.size, tensors, reader, beside=beside)


@dataclass(frozen=True, slots=True)
class _Stoppable:
    """A file that ends being read when somebody says so."""

    opened: OpenFile
    stopped: Event

    def fill(self, buffer: memoryview, offset: int) -> int:
        if self.stopped.is_set():
            raise DamagedFile("reading was broken off")
        return self.opened.fill(buffer, offset)
