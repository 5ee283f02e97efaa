"""The headers of a model's safetensors files, read from the Hub without their weights.

A sharded model costs one request (`/safetensors-metadata/`, `main` only); where a host lacks that, the head
of every shard is read by range, 32 at a time. All headers or none: a sum over some shards would be wrong.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from types import MappingProxyType
from urllib.parse import quote

from registry.errors import (
    BadAnswer,
    DamagedFile,
    Gated,
    Offline,
    RateLimited,
    SourceError,
    Unauthorized,
    Unreachable,
)
from registry.model.snapshot import Note
from registry.sources.client import HubClient
from registry.sources.faults import Topic
from registry.sources.parts import INDEX, weight_files
from registry.weights.safetensors import header_length

AT_ONCE = 32
"""Heads read at a time: beyond that nothing is gained, and the host is asked for more than it likes."""

MAX_FILES = 1024
_FIRST = (
    100_000  # The header of nearly every file (97 %, says the Hub client) fits into one read of this size.
)
_WHOLE = 1_000_000  # A file this small may come whole from a host that knows no ranges.

_HOPELESS = (Gated, Unauthorized, RateLimited, Offline, Unreachable)


@dataclass(frozen=True, slots=True)
class HeadersRead:
    """headers: the head of each file by path (eight bytes of length, then JSON); empty when they could not be
    read, and then a note says why. raw: the same as one JSON object, as kept in the catalog."""

    headers: Mapping[str, bytes] = field(default_factory=lambda: MappingProxyType({}))
    notes: tuple[Note, ...] = ()
    raw: bytes | None = None


def file_path(repo_id: str, revision: str, path: str) -> str:
    """Where a host serves a file of a repository."""
    return f"/{quote(repo_id)}/resolve/{quote(revision, safe='')}/{quote(path)}"


def read_headers(
    client: HubClient, repo_id: str, revision: str, paths: Collection[str], *, newest: bool, pool: Executor
) -> HeadersRead:
    """Read the headers of a model's weights.

    revision: the commit. newest: it is the head of `main`, the only one the one-request way knows of.
    Never raises a `SourceError`: what could not be read becomes a note.
    """
    try:
        if newest and INDEX in paths and (answer := _from_index(client, repo_id, paths)) is not None:
            return answer
    except SourceError as error:
        return _unread(error.message)
    files = weight_files(paths)
    if not files:
        if not any(path.endswith(".safetensors") for path in paths):
            return HeadersRead()
        return _unread("its safetensors files are not laid out as one set of weights")
    if len(files) > MAX_FILES:
        return _unread(f"{len(files)} shards are more than {MAX_FILES}")
    try:
        heads = _read_all(client, repo_id, revision, files, pool)
    except SourceError as error:
        return _unread(error.message)
    return HeadersRead(heads, raw=_as_json(heads))


def _from_index(client: HubClient, repo_id: str, paths: Collection[str]) -> HeadersRead | None:
    """All headers in one request; `None` where the host does not offer that, or tells of files it does not
    list. Raises when asking file by file would fare no better."""
    topic = Topic(repo_id, None, INDEX)
    try:
        value, answer = client.get_json(f"/api/models/{quote(repo_id)}/safetensors-metadata/{INDEX}", topic)
    except _HOPELESS:
        raise
    except SourceError:
        return None
    told = value.get("headers") if isinstance(value, dict) else None
    if not isinstance(told, dict) or not told or not all(path in paths for path in told):
        return None
    heads = {path: _head(header) for path, header in told.items()}
    return HeadersRead(MappingProxyType(heads), raw=answer.body)


def _head(header: object) -> bytes:
    """A decoded header back in the form it has in the file, so that one parser reads both."""
    text = json.dumps(header, separators=(",", ":")).encode()
    return len(text).to_bytes(8, "little") + text


def _read_all(
    client: HubClient, repo_id: str, revision: str, files: Sequence[str], pool: Executor
) -> Mapping[str, bytes]:
    """The head of every file; the first failure ends it, and what has not begun is not asked for."""
    jobs = {path: pool.submit(read_head, client, repo_id, revision, path) for path in files}
    try:
        return MappingProxyType({path: job.result() for path, job in jobs.items()})
    finally:
        for job in jobs.values():
            job.cancel()


def read_head(client: HubClient, repo_id: str, revision: str, path: str) -> bytes:
    """Length and header of one safetensors file: one ranged read, two for a long header.

    The format: eight bytes, little endian, the length of the JSON that follows. Raises `SourceError`;
    `BadAnswer` for a length no header has, before anything of that length is asked for.
    """
    topic = Topic(repo_id, None, path)
    where = file_path(repo_id, revision, path)
    answer = client.get(where, topic, span=(0, _FIRST - 1), limit=_WHOLE)
    if answer.body is None:
        raise client.fault(BadAnswer, topic, "it knows no ranges and would send the whole file")
    try:
        length = header_length(answer.body)
    except DamagedFile as damage:
        raise client.fault(BadAnswer, topic, damage.message) from None
    if answer.total is not None and 8 + length > answer.total:
        raise client.fault(BadAnswer, topic, f"a header of {length:,} bytes in a file of {answer.total:,}")
    head = answer.body[: 8 + length]
    if len(head) < 8 + length:
        rest = client.get(where, topic, span=(len(head), 7 + length), limit=length + 8)
        head += rest.body if rest.body is not None else b""
    if len(head) != 8 + length:
        raise client.fault(BadAnswer, topic, "its safetensors header is cut short")
    return head


def _as_json(heads: Mapping[str, bytes]) -> bytes:
    parts = [json.dumps(path).encode() + b":" + head[8:] for path, head in heads.items()]
    return b'{"headers":{' + b",".join(parts) + b"}}"


def _unread(why: str) -> HeadersRead:
    return HeadersRead(notes=(Note("headers-unread", f"safetensors headers were not read: {why}"),))
