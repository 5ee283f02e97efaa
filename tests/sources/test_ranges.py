"""Parts of files from the Hub, and every way in which a host can get them wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from registry.demo.hub import RecordedHub, Reply, Request
from registry.errors import (
    BadAnswer,
    Gated,
    NoSuchFile,
    NoSuchRevision,
    NotVisible,
    RateLimited,
    ServerFault,
    SourceError,
    Unauthorized,
    Unreachable,
)
from registry.model.refs import ModelRef
from registry.sources.hub import HubSource
from registry.sources.ranges import RangedFile
from tests.hubs import by_id, commit_of, recorded

DATA = bytes(range(256)) * 1000
PATH = "model.safetensors"
AT = ModelRef("lab/model", revision=commit_of("lab/model"))

Start = Callable[..., RecordedHub]
Open = Callable[..., RangedFile]


@pytest.fixture
def opened(hub_factory: Start) -> Iterator[Open]:
    sources: list[HubSource] = []

    def start(
        fault: Callable[[Request], Reply | None] | None = None,
        *,
        ref: ModelRef = AT,
        path: str = PATH,
        size: int | None = len(DATA),
        token: str | bool = False,
        **more: object,
    ) -> RangedFile:
        model = recorded("lab/model", files={PATH: DATA}, **more)  # type: ignore[arg-type]
        hub = hub_factory(by_id(model), fault=fault)
        source = HubSource(endpoint=hub.endpoint, token=token, sleep=lambda _: None, max_wait=100)
        sources.append(source)
        file = source.open_file(ref, path, size)
        file.hub = hub  # type: ignore[attr-defined]
        return file

    yield start
    for source in sources:
        source.close()


def requests(file: RangedFile) -> list[tuple[str, str | None]]:
    hub: RecordedHub = file.hub  # type: ignore[attr-defined]
    return [(line.path, line.headers.get("range")) for line in hub.asked()]


def test_a_part_is_read_at_the_commit(opened: Open) -> None:
    file = opened()
    assert file.read(1000, 24) == DATA[1000:1024]
    assert file.read(len(DATA) - 3, 3) == DATA[-3:]
    where = f"/lab/model/resolve/{AT.revision}/{PATH}"
    assert requests(file) == [(where, "bytes=1000-1023"), (where, "bytes=255997-255999")]


def test_a_size_nobody_told_is_asked_for_once(opened: Open) -> None:
    file = opened(size=None)
    assert (file.size, file.size) == (len(DATA), len(DATA))
    assert file.read(0, 8) == DATA[:8]
    assert [span for _, span in requests(file)] == ["bytes=0-7", "bytes=0-7"]


@pytest.mark.parametrize(
    ("offset", "length"), [(-1, 4), (0, 0), (0, -1), (len(DATA) - 3, 4), (len(DATA), 1), (0, 33_000_000)]
)
def test_what_the_file_has_not_is_never_asked_for(opened: Open, offset: int, length: int) -> None:
    file = opened()
    with pytest.raises(BadAnswer, match=f"{PATH} of lab/model"):
        file.read(offset, length)
    assert requests(file) == []


WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % 10**12
ENDLESS = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"400\r\n" + b"x" * 1024 + b"\r\n"


@pytest.mark.parametrize("raw", [WHOLE + b"x" * 100_000, ENDLESS * 2], ids=["told", "endless"])
def test_a_whole_file_in_place_of_a_part_is_left_unread(opened: Open, raw: bytes) -> None:
    """Had the body been read, its end would have been missed and the request made again."""
    file = opened(lambda _: Reply(raw=raw))
    with pytest.raises(BadAnswer, match="knows no ranges and would send the whole file"):
        file.read(64, 16)
    assert len(requests(file)) == 1


def test_a_small_whole_file_in_place_of_a_part_is_refused(opened: Open) -> None:
    file = opened(lambda _: Reply(200, {}, DATA[:16]))
    with pytest.raises(BadAnswer, match="16 bytes, 256,000 were expected"):
        file.read(64, 16)


def part(start: int, end: int, total: object, body: bytes) -> Reply:
    return Reply(206, {"Content-Range": f"bytes {start}-{end}/{total}"}, body)


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (part(0, 15, len(DATA), DATA[:16]), "another part of the file"),
        (part(64, 79, 999, DATA[64:80]), "the file has 999 bytes"),
        (part(64, 71, len(DATA), DATA[64:72]), "8 bytes came for 16"),
        (part(64, 179, len(DATA), DATA[64:180]), "more than 16 bytes"),
        (Reply(206, {}, DATA[64:80]), "another part of the file"),
        (Reply(206, {"Content-Range": "bytes 64-79/?"}, DATA[64:80]), "another part of the file"),
        (Reply(204, {}, b""), "failed to answer"),
    ],
)
def test_another_part_than_asked_for_is_refused(opened: Open, reply: Reply, words: str) -> None:
    file = opened(lambda _: reply)
    with pytest.raises(SourceError, match=words) as raised:
        file.read(64, 16)
    assert "lab/model" in raised.value.message


def test_a_size_that_is_not_told_with_the_part_is_no_fault(opened: Open) -> None:
    assert opened(lambda _: part(64, 79, "*", DATA[64:80])).read(64, 16) == DATA[64:80]
    with pytest.raises(BadAnswer, match="does not tell how long"):
        _ = opened(lambda _: part(0, 7, "*", DATA[:8]), size=None).size


def test_a_file_that_became_shorter(opened: Open) -> None:
    with pytest.raises(BadAnswer, match="ends before the bytes that were asked for"):
        opened(size=10**9).read(10**8, 16)


@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        ({"restricted": "gated"}, Gated),
        ({"restricted": "gated", "token": "hf_stranger"}, Gated),
        ({"restricted": "private"}, NotVisible),
        ({"path": "absent.safetensors"}, NoSuchFile),
        ({"ref": ModelRef("lab/model", revision="0" * 40)}, NoSuchRevision),
        ({"ref": ModelRef("lab/absent", revision="0" * 40)}, NotVisible),
    ],
)
def test_refusals_are_told_by_kind(
    opened: Open, settings: dict[str, object], kind: type[SourceError]
) -> None:
    with pytest.raises(kind) as raised:
        opened(**settings).read(0, 8)
    assert "lab/" in raised.value.message
    assert raised.value.hint


@pytest.mark.parametrize(
    ("reply", "kind", "asked"),
    [
        (Reply.error(401, "Invalid credentials in Authorization header"), Unauthorized, 1),
        (Reply.error(403, "no"), Unauthorized, 1),
        (Reply.error(500, "broken"), ServerFault, 4),
        (Reply.error(429, "slow down"), RateLimited, 8),
        (Reply(raw=b""), Unreachable, 3),
        (Reply(206, {"Content-Range": f"bytes 64-79/{len(DATA)}"}, DATA[64:80], cut=7), BadAnswer, 3),
    ],
    ids=["bad-token", "forbidden", "fault", "limited", "no-answer", "cut"],
)
def test_what_may_pass_is_tried_again_and_then_told(
    opened: Open, reply: Reply, kind: type[SourceError], asked: int
) -> None:
    file = opened(lambda _: reply, token="hf_known" if reply.status == 401 else False)
    with pytest.raises(kind):
        file.read(64, 16)
    assert len(requests(file)) == asked


def test_a_connection_cut_once_costs_one_more_request(opened: Open) -> None:
    whole = part(64, 79, len(DATA), DATA[64:80])
    broken = Reply(whole.status, whole.headers, whole.body, cut=3)
    file = opened(lambda request: broken if request.number == 0 else None)
    assert file.read(64, 16) == DATA[64:80]
    assert len(requests(file)) == 2
