"""Parts of one file on the Hub, for reading a few kilobytes out of many gigabytes.

A host that would send the whole file (200 in place of 206) is not listened to: the connection is closed with
the body unread. So is one that sends another part, or tells another size than the file had before.
"""

from __future__ import annotations

from threading import Lock

from registry.errors import BadAnswer
from registry.sources.client import HubClient
from registry.sources.faults import Topic
from registry.sources.headers import file_path

MOST = 32 * 10**6
"""Bytes of one range."""


class RangedFile:
    """One file at one commit; reads as `registry.weights.fingerprint.Reader` does. Thread-safe.

    size: as its listing told, `None` where nothing did: then the first answer is believed.
    """

    def __init__(
        self, client: HubClient, repo_id: str, commit: str, path: str, size: int | None = None
    ) -> None:
        self._client = client
        self._topic = Topic(repo_id, None, path)
        self._where = file_path(repo_id, commit, path)
        self._size = size
        self._asking = Lock()

    @property
    def size(self) -> int:
        """Bytes of the whole file; asked for where they are not known. Raises `SourceError`."""
        with self._asking:
            if self._size is None:
                answer = self._client.get(self._where, self._topic, span=(0, 7), limit=8)
                if answer.body is None or answer.total is None:
                    raise self._fault("it knows no ranges, or does not tell how long the file is")
                self._size = answer.total
            return self._size

    def read(self, offset: int, length: int) -> bytes:
        """Exactly `length` bytes from `offset`. Raises `SourceError`, before anything is asked for where the
        file has no such bytes."""
        if not 0 <= offset < offset + length <= self.size or length > MOST:
            raise self._fault(f"bytes {offset:,} to {offset + length:,} of a file of {self.size:,}")
        # Whoever sends the whole file sends more than the limit, unless the whole file was asked for.
        span = (offset, offset + length - 1)
        answer = self._client.get(self._where, self._topic, span=span, limit=length)
        if answer.body is None:
            raise self._fault("it knows no ranges and would send the whole file")
        if answer.total is not None and answer.total != self.size:
            raise self._fault(f"the file has {answer.total:,} bytes, {self.size:,} were expected")
        if len(answer.body) != length:
            raise self._fault(f"{len(answer.body):,} bytes came for {length:,}")
        return answer.body

    def _fault(self, words: str) -> BadAnswer:
        fault = self._client.fault(BadAnswer, self._topic, words)
        assert isinstance(fault, BadAnswer)
        return fault
