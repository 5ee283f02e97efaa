"""Safetensors headers over HTTP: one request where the host offers it, ranges where not, all or none."""

from __future__ import annotations

import json
import struct
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from registry.demo.hub import Recorded, RecordedHub, Reply, Request
from registry.errors import BadAnswer, SourceError
from registry.sources.client import HubClient
from registry.sources.headers import AT_ONCE, HeadersRead, read_head, read_headers
from registry.sources.parts import INDEX, claim_files, one_gguf, weight_files
from registry.weights.safetensors import parse_header
from tests.hubs import by_id, recorded, safetensors

TENSOR = {"w": ("BF16", [2, 3], bytes(12))}
ENTRY = {"w": {"dtype": "BF16", "shape": [2, 3], "data_offsets": [0, 12]}}


def shards(count: int, template: str = "model-{:05}-of-{:05}.safetensors") -> dict[str, bytes]:
    return {template.format(number, count): safetensors(TENSOR) for number in range(1, count + 1)}


@contextmanager
def client_of(hub: RecordedHub, **options: object) -> Iterator[HubClient]:
    yield HubClient(endpoint=hub.endpoint, token=False, sleep=lambda _: None, **options)  # type: ignore[arg-type]


def read(
    model: Recorded, *, newest: bool = True, hub_options: Mapping[str, object] | None = None
) -> tuple[HeadersRead, list[str]]:
    """What was read, and the paths asked for."""
    with (
        RecordedHub(by_id(model), **(hub_options or {})) as hub,  # type: ignore[arg-type]
        client_of(hub) as client,
        ThreadPoolExecutor(AT_ONCE) as pool,
    ):
        found = read_headers(client, model.repo_id, "main", set(model.files), newest=newest, pool=pool)
        return found, [line.path for line in hub.log]


def head_of(data: bytes, fault: object = None) -> bytes:
    """The head of one file with this content."""
    model = recorded("org/model", files={"model.safetensors": data})
    with RecordedHub(by_id(model), fault=fault) as hub, client_of(hub) as client:  # type: ignore[arg-type]
        return read_head(client, "org/model", "main", "model.safetensors")


# --- which files ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("paths", "chosen"),
    [
        (["model.safetensors", "other.safetensors"], ["model.safetensors"]),
        (["model.safetensors", *shards(2)], ["model.safetensors"]),
        ([INDEX, "model.safetensors", *shards(2)], [*shards(2)]),
        ([*shards(3)], [*shards(3)]),
        (
            [INDEX, *shards(3, "model_{:05}-of-{:05}.safetensors")],
            [*shards(3, "model_{:05}-of-{:05}.safetensors")],
        ),
        ([INDEX, *list(shards(3))[:2]], []),
        ([INDEX, *shards(2), *shards(3)], []),
        (["adapter_model.safetensors", "x/y.safetensors"], ["adapter_model.safetensors"]),
        (["lora.safetensors", "README.md"], ["lora.safetensors"]),
        (["unet/a.safetensors", "vae/b.safetensors"], []),
        (["pytorch_model.bin"], []),
        ([], []),
    ],
)
def test_one_set_of_weights_is_chosen(paths: list[str], chosen: list[str]) -> None:
    assert weight_files(paths) == tuple(chosen)


def test_files_with_claims() -> None:
    paths = ["config.json", "sub/config.json", "b.gguf", "a.gguf", "sub/0.gguf", "adapter_config.json"]
    assert claim_files(paths) == ["adapter_config.json", "config.json", "a.gguf"]
    assert claim_files(["README.md"]) == []


@pytest.mark.parametrize(
    ("paths", "head"),
    [
        (["m-00002-of-00003.gguf", "m-00001-of-00003.gguf"], "m-00001-of-00003.gguf"),
        (["mmproj-m.gguf", "m.gguf"], "m.gguf"),
        (["mmproj-m.gguf"], None),
        (["m.gguf.txt"], None),
    ],
)
def test_one_gguf_speaks_for_all(paths: list[str], head: str | None) -> None:
    assert one_gguf(paths) == head


# --- whole models --------------------------------------------------------------------------------


def test_a_sharded_model_costs_one_request() -> None:
    files = {**shards(72), INDEX: b"{}"}
    answer = {"index": {}, "headers": dict.fromkeys(shards(72), ENTRY)}
    found, asked = read(recorded("org/model", files=files, headers_answer=answer))
    assert asked == [f"/api/models/org/model/safetensors-metadata/{INDEX}"]
    assert len(found.headers) == 72
    assert all(parse_header(head).tensors["w"].elements == 6 for head in found.headers.values())
    assert found.raw is not None
    assert json.loads(found.raw) == answer


@pytest.mark.parametrize(
    "answer",
    [None, {"index": {}, "headers": {}}, {"headers": {"elsewhere.safetensors": ENTRY}}, {"headers": []}, {}],
)
def test_where_that_is_not_offered_every_shard_is_asked(answer: Mapping[str, object] | None) -> None:
    files = {**shards(5), INDEX: b"{}"}
    found, asked = read(recorded("org/model", files=files, headers_answer=answer))
    assert len(asked) == 6
    assert list(found.headers) == sorted(shards(5))
    assert found.raw is not None
    assert json.loads(found.raw)["headers"]["model-00001-of-00005.safetensors"] == ENTRY


def test_only_the_newest_commit_has_the_short_way() -> None:
    files = {**shards(2), INDEX: b"{}"}
    answer = {"index": {}, "headers": dict.fromkeys(shards(2), ENTRY)}
    _, asked = read(recorded("org/model", files=files, headers_answer=answer), newest=False)
    assert asked[0].startswith("/org/model/resolve/")


def test_shards_are_asked_at_once_but_not_all() -> None:
    under_way, most, lock = 0, 0, threading.Lock()

    def fault(_: Request) -> None:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        threading.Event().wait(0.05)
        with lock:
            under_way -= 1

    found, asked = read(recorded("org/model", files=shards(72)), hub_options={"fault": fault})
    assert len(found.headers) == len(asked) == 72
    assert 8 < most <= AT_ONCE


def test_one_shard_that_fails_takes_all_with_it() -> None:
    def fault(request: Request) -> Reply | None:
        return Reply(404) if "00003" in request.path else None

    found, asked = read(recorded("org/model", files=shards(200)), hub_options={"fault": fault})
    assert found.headers == {}
    assert found.raw is None
    (note,) = found.notes
    assert note.code == "headers-unread"
    assert "model-00003-of-00200.safetensors" in note.message
    assert len(asked) < 200, "what has not begun is not asked for"


@pytest.mark.parametrize("status", [403, 429])
def test_a_refusal_that_holds_for_all_is_asked_once(status: int) -> None:
    fault = lambda request: Reply.error(status, "no", "GatedRepo" if status == 403 else None)  # noqa: E731
    files = {**shards(9), INDEX: b"{}"}
    found, asked = read(recorded("org/model", files=files), hub_options={"fault": fault})
    assert [note.code for note in found.notes] == ["headers-unread"]
    assert set(asked) == {f"/api/models/org/model/safetensors-metadata/{INDEX}"}


def test_other_layouts_are_left_alone() -> None:
    found, asked = read(recorded("org/model", files={"unet/a.safetensors": b"", "vae/b.safetensors": b""}))
    assert [note.code for note in found.notes] == ["headers-unread"]
    assert asked == []
    found, asked = read(recorded("org/model", files={"pytorch_model.bin": b""}))
    assert (found, asked) == (HeadersRead(), [])
    found, asked = read(recorded("org/model", files=dict.fromkeys(shards(1100), b"")))
    assert "1100 shards are more than" in found.notes[0].message
    assert asked == []


# --- one file ------------------------------------------------------------------------------------


def test_a_short_header_is_one_request_and_a_long_one_two() -> None:
    short = safetensors(TENSOR)
    assert head_of(short) == short[:-12]
    long = safetensors({f"tensor.{number:06}": ("U8", [1], b"x") for number in range(3000)})
    model = recorded("org/model", files={"model.safetensors": long})
    with RecordedHub(by_id(model)) as hub, client_of(hub) as client:
        head = read_head(client, "org/model", "main", "model.safetensors")
        assert [line.headers["range"] for line in hub.log] == [
            "bytes=0-99999",
            f"bytes=100000-{len(head) - 1}",
        ]
    assert len(parse_header(head).tensors) == 3000


@pytest.mark.parametrize("length", [99_991, 99_992, 99_993, 100_000])
def test_headers_about_as_long_as_the_first_read(length: int) -> None:
    text = b"{" + b" " * (length - 2) + b"}"
    data = struct.pack("<Q", length) + text + b"weights"
    assert head_of(data) == data[:-7]


@pytest.mark.parametrize("length", [2**63, 2**64 - 1, 25_000_001, 10**9])
def test_a_length_no_header_has_is_refused_before_it_is_asked_for(length: int) -> None:
    with pytest.raises(BadAnswer, match=f"model.safetensors of org/model: .*claims {length:,} bytes"):
        head_of(struct.pack("<Q", length) + b"{}")


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "fewer than 8 bytes|416"),
        (b"short", "fewer than 8 bytes"),
        (struct.pack("<Q", 0), "too few for a JSON object"),
        (struct.pack("<Q", 1) + b"{", "too few for a JSON object"),
        (struct.pack("<Q", 500) + b"{}", "a header of 500 bytes in a file of 10"),
        (b"version https://git-lfs.github.com/spec/v1\n", "claims"),
    ],
)
def test_files_that_are_none(data: bytes, what: str) -> None:
    with pytest.raises(SourceError, match=what):
        head_of(data)


def test_a_host_without_ranges() -> None:
    small, large = safetensors(TENSOR), safetensors({"w": ("U8", [2_000_000], bytes(2_000_000))})
    assert head_of(small, lambda _: Reply(200, {}, small)) == small[:-12]
    with pytest.raises(BadAnswer, match="it knows no ranges"):
        head_of(large, lambda _: Reply(200, {}, large))


def test_a_header_whose_rest_is_cut_short() -> None:
    data = struct.pack("<Q", 150_000) + b"{" + b" " * 149_998 + b"}" + b"weights"

    def fault(request: Request) -> Reply | None:
        if request.number == 0:
            return None
        return Reply(206, {"Content-Range": "bytes 100000-100004/150015"}, b"     ")

    with pytest.raises(BadAnswer, match="cut short"):
        head_of(data, fault)
    with pytest.raises(BadAnswer, match="cut short"):
        head_of(data, lambda request: Reply(200, {}, bytes(300_000)) if request.number else None)
