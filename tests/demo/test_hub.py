"""The recorded Hub answers like the Hub, and misbehaves when told to."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from typing import Any
from urllib.parse import urlsplit

import pytest
from huggingface_hub import HfApi
from huggingface_hub.errors import (
    DisabledRepoError,
    GatedRepoError,
    HfHubHTTPError,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import parse_ratelimit_headers

from registry.demo.hub import Recorded, RecordedHub, Reply, Request
from registry.demo.lists import EXPANDABLE
from tests.conftest import HubFactory
from tests.hubs import by_id, chain, commit_of, recorded, safetensors

WEIGHTS = safetensors({"w": ("F32", [2], b"\0" * 8)})


def ask(
    hub: RecordedHub, path: str, *, method: str = "GET", **headers: str
) -> tuple[int, dict[str, str], bytes]:
    """One request without the Hub's client in between."""
    where = urlsplit(hub.endpoint)
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=10)
    try:
        connection.request(method, path, headers={name.replace("_", "-"): v for name, v in headers.items()})
        answer = connection.getresponse()
        return answer.status, {name.lower(): v for name, v in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def ask_json(hub: RecordedHub, path: str, **headers: str) -> Any:
    status, _, body = ask(hub, path, **headers)
    assert status == 200, body
    return json.loads(body)


@pytest.fixture
def model() -> Recorded:
    return recorded(
        "lab/model",
        files={"README.md": b"hello", "model.safetensors": WEIGHTS, "sub/deep/x.txt": b"x"},
        revisions={"v1": commit_of("v1")},
    )


def test_the_client_reads_a_document_with_sizes(hub_factory: HubFactory, model: Recorded) -> None:
    hub = hub_factory(by_id(model))
    info = HfApi(endpoint=hub.endpoint).model_info("lab/model", files_metadata=True)
    sizes = {sibling.rfilename: sibling.size for sibling in info.siblings or ()}
    assert sizes == {"README.md": 5, "model.safetensors": len(WEIGHTS), "sub/deep/x.txt": 1}
    weights = next(s for s in info.siblings or () if s.rfilename == "model.safetensors")
    assert weights.lfs is not None
    assert weights.lfs.sha256 == model.tree[1]["lfs"]["oid"]  # type: ignore[index]
    (line,) = hub.asked()
    assert (line.method, line.path, line.query, line.status) == (
        "GET",
        "/api/models/lab/model",
        {"blobs": ["true"]},
        200,
    )


def test_without_blobs_siblings_are_names(hub_factory: HubFactory, model: Recorded) -> None:
    document = ask_json(hub_factory(by_id(model)), "/api/models/lab/model")
    assert document["siblings"][1] == {"rfilename": "model.safetensors"}


def test_expand_returns_what_was_asked_and_ids(hub_factory: HubFactory) -> None:
    counts = {"adapter": 3}
    hub = hub_factory(by_id(recorded("lab/model", childrenModelCount=counts)))
    document = ask_json(hub, "/api/models/lab/model?expand=childrenModelCount&expand=sha&blobs=true")
    assert set(document) == {"_id", "id", "childrenModelCount", "sha", "siblings"}
    assert "childrenModelCount" not in ask_json(hub, "/api/models/lab/model")


@pytest.mark.parametrize("path", ["/api/models/lab/model", "/api/models"])
def test_unknown_expand_is_told_the_known_ones(hub_factory: HubFactory, model: Recorded, path: str) -> None:
    status, _, body = ask(hub_factory(by_id(model)), f"{path}?expand=colour")
    assert status == 400
    assert all(name in json.loads(body)["error"] for name in EXPANDABLE)


def test_revisions(hub_factory: HubFactory, model: Recorded) -> None:
    api = HfApi(endpoint=hub_factory(by_id(model)).endpoint)
    assert api.model_info("lab/model", revision="v1").sha == commit_of("v1")
    assert api.model_info("lab/model", revision=commit_of("v1")).sha == commit_of("v1")
    assert api.model_info("lab/model", revision=commit_of("lab/model")).sha == commit_of("lab/model")
    with pytest.raises(RevisionNotFoundError):
        api.model_info("lab/model", revision="refs/pr/1")


def test_missing_is_401_to_strangers_and_404_to_the_known(hub_factory: HubFactory) -> None:
    hub = hub_factory(by_id(recorded("lab/secret", restricted="private")), tokens=["hf_owner"])
    for name in ("lab/secret", "lab/none"):
        status, headers, _ = ask(hub, f"/api/models/{name}")
        assert (status, headers["x-error-code"]) == (401, "RepoNotFound")
        status, headers, _ = ask(hub, f"/api/models/{name}", Authorization="Bearer hf_other")
        assert (status, headers["x-error-code"]) == (404, "RepoNotFound")
    assert ask_json(hub, "/api/models/lab/secret", Authorization="Bearer hf_owner")["private"] is True
    with pytest.raises(RepositoryNotFoundError):
        HfApi(endpoint=hub.endpoint).model_info("lab/secret")


def test_gated_repositories_show_themselves_but_not_their_files(hub_factory: HubFactory) -> None:
    model = recorded(
        "lab/gated", files={"config.json": b"{}"}, restricted="gated", headers_answer={"headers": {}}
    )
    hub = hub_factory(by_id(model), tokens=["hf_friend"])
    api = HfApi(endpoint=hub.endpoint)
    assert api.model_info("lab/gated").gated == "auto"
    assert len(list(api.list_repo_tree("lab/gated"))) == 1
    with pytest.raises(GatedRepoError):
        api.hf_hub_download("lab/gated", "config.json")
    for path in (
        "/lab/gated/resolve/main/config.json",
        "/api/models/lab/gated/safetensors-metadata/model.safetensors.index.json",
    ):
        assert ask(hub, path)[0] == 401
        status, headers, _ = ask(hub, path, Authorization="Bearer hf_other")
        assert (status, headers["x-error-code"]) == (403, "GatedRepo")
        assert ask(hub, path, Authorization="Bearer hf_friend")[0] == 200


def test_disabled_repositories(hub_factory: HubFactory) -> None:
    hub = hub_factory(by_id(recorded("lab/bad", restricted="disabled")))
    with pytest.raises(DisabledRepoError):
        HfApi(endpoint=hub.endpoint).model_info("lab/bad")


def test_renamed_repositories_redirect_with_their_query(hub_factory: HubFactory, model: Recorded) -> None:
    hub = hub_factory(by_id(model), moved={"old": "lab/model"})
    status, headers, _ = ask(hub, "/api/models/old?expand=sha&expand=tags")
    assert (status, headers["location"]) == (307, "/api/models/lab/model?expand=sha&expand=tags")
    status, headers, _ = ask(hub, "/old/resolve/main/sub/deep/x.txt")
    assert (status, headers["location"]) == (307, "/lab/model/resolve/main/sub/deep/x.txt")
    api = HfApi(endpoint=hub.endpoint)
    assert api.model_info("old").id == "lab/model"
    assert len(list(api.list_repo_tree("old", recursive=True))) == 3


def test_trees_are_paged(hub_factory: HubFactory) -> None:
    tree = [{"type": "file", "path": f"f{n:04}", "size": n, "oid": "0" * 40} for n in range(25)]
    hub = hub_factory(by_id(recorded("lab/model", files={}, tree=tree)), page_size=10)
    api = HfApi(endpoint=hub.endpoint)
    assert [entry.path for entry in api.list_repo_tree("lab/model", recursive=True)] == [
        e["path"] for e in tree
    ]
    assert [line.query.get("cursor", [""])[0] for line in hub.asked()] == ["", "10", "20"]


def test_trees_by_folder(hub_factory: HubFactory, model: Recorded) -> None:
    hub = hub_factory(by_id(model))
    top = ask_json(hub, "/api/models/lab/model/tree/main")
    assert [entry["path"] for entry in top] == ["README.md", "model.safetensors"]
    deep = ask_json(hub, "/api/models/lab/model/tree/main/sub?recursive=true")
    assert [entry["path"] for entry in deep] == ["sub/deep/x.txt"]
    assert ask(hub, "/api/models/lab/model/tree/main/nowhere")[0] == 404


def test_a_tree_that_was_not_recorded_is_names_alone_or_nothing(hub_factory: HubFactory) -> None:
    named = Recorded({"id": "lab/named", "siblings": [{"rfilename": "b"}, {"rfilename": "a"}]})
    unknown = Recorded({"id": "lab/unknown"})
    hub = hub_factory(by_id(named, unknown))
    tree = ask_json(hub, "/api/models/lab/named/tree/main?recursive=true")
    assert tree == [{"type": "file", "path": "a"}, {"type": "file", "path": "b"}]
    status, headers, _ = ask(hub, "/api/models/lab/unknown/tree/main?recursive=true")
    assert (status, headers["x-error-code"]) == (404, "EntryNotFound")


def test_lists_filter_sort_and_page(hub_factory: HubFactory) -> None:
    children = [
        recorded(f"lab/child-{n}", base="lab/base", relation="quantized", downloads=n) for n in range(5)
    ]
    other = recorded("lab/other", base="lab/base", relation="adapter", downloads=9)
    hidden = recorded("lab/hidden", base="lab/base", relation="quantized", restricted="private")
    hub = hub_factory(by_id(*children, other, hidden))
    api = HfApi(endpoint=hub.endpoint)
    found = api.list_models(filter="base_model:quantized:lab/base", sort="downloads", limit=3)
    assert [model.id for model in found] == ["lab/child-4", "lab/child-3", "lab/child-2"]
    page = "/api/models?filter=base_model:lab/base&filter=region:us&sort=downloads&limit=4"
    _, headers, body = ask(hub, page)
    assert json.loads(body)[0]["id"] == "lab/other"
    link = headers["link"]
    assert link.endswith('; rel="next"')
    rest = ask_json(hub, link[link.index("/api") : link.index(">")])
    assert [row["id"] for row in rest] == ["lab/child-1", "lab/child-0"]
    assert [row["id"] for row in ask_json(hub, "/api/models?search=OTHER&author=lab")] == ["lab/other"]
    assert ask_json(hub, "/api/models?author=nobody") == []
    assert ask(hub, "/api/models?sort=beauty")[0] == 400
    expanded = ask_json(hub, "/api/models?expand=sha&search=other")
    assert set(expanded[0]) == {"_id", "id", "sha", "modelId"}


@pytest.mark.parametrize(
    ("asked", "status", "content", "shown"),
    [
        (None, 200, b"0123456789", None),
        ("bytes=2-4", 206, b"234", "bytes 2-4/10"),
        ("bytes=8-", 206, b"89", "bytes 8-9/10"),
        ("bytes=-3", 206, b"789", "bytes 7-9/10"),
        ("bytes=-99", 206, b"0123456789", "bytes 0-9/10"),
        ("bytes=0-99", 206, b"0123456789", "bytes 0-9/10"),
        ("bytes=10-12", 416, b"", "bytes */10"),
        ("bytes=-", 200, b"0123456789", None),
        ("lines=1-2", 200, b"0123456789", None),
    ],
)
def test_ranges(
    hub_factory: HubFactory, asked: str | None, status: int, content: bytes, shown: str | None
) -> None:
    hub = hub_factory(by_id(recorded("lab/model", files={"d i.bin": b"0123456789"})))
    headers = {"Range": asked} if asked else {}
    got, told, body = ask(hub, "/lab/model/resolve/main/d%20i.bin", **headers)
    assert (got, body, told.get("content-range")) == (status, content, shown)
    assert told["x-repo-commit"] == commit_of("lab/model")


def test_head_tells_the_size_and_sends_nothing(hub_factory: HubFactory) -> None:
    hub = hub_factory(by_id(recorded("lab/model", files={"a": b"12345"})))
    status, headers, body = ask(hub, "/lab/model/resolve/main/a", method="HEAD")
    assert (status, headers["content-length"], body) == (200, "5", b"")
    assert headers["etag"]


def test_missing_files(hub_factory: HubFactory, model: Recorded) -> None:
    api = HfApi(endpoint=hub_factory(by_id(model)).endpoint)
    with pytest.raises(RemoteEntryNotFoundError):
        api.hf_hub_download("lab/model", "absent.json")


def test_safetensors_headers_as_the_client_reads_them(hub_factory: HubFactory) -> None:
    index = {"metadata": {}, "weight_map": {"w": "m-1.safetensors"}}
    tensor = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
    sharded = recorded(
        "lab/sharded", headers_answer={"index": index, "headers": {"m-1.safetensors": {"w": tensor}}}
    )
    whole = recorded("lab/whole", files={"model.safetensors": WEIGHTS})
    api = HfApi(endpoint=hub_factory(by_id(sharded, whole)).endpoint)
    assert api.get_sharded_safetensors_metadata("lab/sharded").parameter_count == {"F32": 2}
    assert api.get_safetensors_metadata("lab/whole").parameter_count == {"F32": 2}
    with pytest.raises(RemoteEntryNotFoundError):
        api.get_sharded_safetensors_metadata("lab/whole")


def test_root_ids_and_unknown_routes(hub_factory: HubFactory) -> None:
    odd = Recorded({"id": "lab/odd", "siblings": ["not a mapping"]}, files={"a": b"1"})
    hub = hub_factory(by_id(recorded("gpt2", files={"a": b"1"}), odd))
    assert ask_json(hub, "/api/models/gpt2/tree/main?recursive=true")[0]["path"] == "a"
    assert ask(hub, "/gpt2/resolve/main/a")[2] == b"1"
    assert ask(hub, "/")[0] == 404
    assert ask(hub, "/api/datasets/x/y")[0] == 404
    assert ask(hub, "/api/models/lab/model/scan")[0] == 401  # no such model
    assert ask(hub, "/api/models/lab/odd/scan")[0] == 404  # no such question
    assert ask_json(hub, "/api/models/lab/odd")["siblings"] == ["not a mapping"]
    assert "x-repo-commit" not in ask(hub, "/lab/odd/resolve/main/a")[1]
    assert ask(hub, "/api/models/gpt2/revision/main")[0] == 200
    assert ask_json(hub, "/api/agent-harnesses") == {"standardEnvVars": [], "harnesses": {}}
    assert hub.asked("/api/agent-harnesses") == []


def test_rates_are_told_and_enforced(hub_factory: HubFactory) -> None:
    hub = hub_factory(by_id(recorded("lab/model", files={"a": b"1"})), rate=(2, 300))
    statuses = []
    for _ in range(3):
        status, headers, _ = ask(hub, "/api/models/lab/model")
        statuses.append(status)
    assert statuses == [200, 200, 429]
    info = parse_ratelimit_headers(headers)
    assert info is not None
    assert (info.resource_type, info.remaining, info.limit, info.window_seconds) == ("api", 0, 2, 300)
    assert ask(hub, "/lab/model/resolve/main/a")[0] == 200  # another bucket


def test_a_window_ends(hub_factory: HubFactory) -> None:
    hub = hub_factory(by_id(recorded("lab/model")), rate=(1, 1))
    assert [ask(hub, "/api/models/lab/model")[0] for _ in range(2)] == [200, 429]
    time.sleep(1.05)
    assert ask(hub, "/api/models/lab/model")[0] == 200


def test_faults(hub_factory: HubFactory, model: Recorded) -> None:
    def fault(request: Request) -> Reply | None:
        return {
            "/cut": Reply(headers={"Content-Length": "500"}, body=b"{}", cut=2),
            "/raw": Reply(raw=b"\0garbage"),
            "/hang": Reply(delay=60),
            "/502": Reply.error(502, "Bad Gateway"),
            "/close": Reply(200, {"Connection": "close"}, b"bye"),
        }.get(request.path)

    hub = hub_factory(by_id(model), fault=fault)
    with pytest.raises(http.client.IncompleteRead):
        ask(hub, "/cut")
    with pytest.raises(http.client.BadStatusLine):
        ask(hub, "/raw")
    with socket.create_connection(("127.0.0.1", urlsplit(hub.endpoint).port or 0), 0.1) as line:
        line.sendall(b"GET /hang HTTP/1.1\r\nHost: x\r\n\r\n")
        with pytest.raises(TimeoutError):
            line.recv(1)
    assert ask(hub, "/502")[0] == 502
    assert ask(hub, "/close")[2] == b"bye"
    assert ask(hub, "/api/models/lab/model")[0] == 200
    assert [line.status for line in hub.asked()] == [200, 200, 200, 502, 200, 200]


def test_a_fault_of_the_test_itself_is_not_hidden() -> None:
    def fault(request: Request) -> Reply | None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), RecordedHub({}, fault=fault) as hub:
        _swallow(hub)


def test_leaving_the_block_ends_waiting_requests(hub_factory: HubFactory) -> None:
    hub = RecordedHub({}, fault=lambda _: Reply(delay=60))
    began = time.monotonic()
    with hub:
        waiting = threading.Thread(target=lambda: _swallow(hub))
        waiting.start()
        while not hub.log:
            time.sleep(0.01)
    waiting.join(5)
    assert not waiting.is_alive()
    assert time.monotonic() - began < 5
    with pytest.raises(RuntimeError):
        _ = hub.endpoint
    hub.__exit__(None, None, None)  # once more is nothing


def _swallow(hub: RecordedHub) -> None:
    try:
        ask(hub, "/")
    except (http.client.HTTPException, OSError):
        return


def test_latency_and_parallel_requests(hub_factory: HubFactory) -> None:
    hub = hub_factory(chain(8), latency=0.1)
    began = time.monotonic()
    threads = [threading.Thread(target=ask_json, args=(hub, f"/api/models/lab/step-{n}")) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 0.1 <= time.monotonic() - began < 0.6
    assert len({line.path for line in hub.log}) == 8
    hub.clear_log()
    assert hub.log == []


def test_it_listens_on_loopback_alone(hub_factory: HubFactory) -> None:
    assert hub_factory({}).endpoint.startswith("http://127.0.0.1:")


def test_keep_alive_serves_many_requests_on_one_connection(hub_factory: HubFactory, model: Recorded) -> None:
    hub = hub_factory(by_id(model))
    where = urlsplit(hub.endpoint)
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=5)
    for number in range(3):
        connection.request("POST", "/api/models/lab/model", body=b"ignored")
        answer = connection.getresponse()
        answer.read()
        assert answer.getheader("X-Request-Id") == f"Root=1-recorded-{number:06d}"
    connection.close()


def test_the_client_sees_server_errors_as_its_own(hub_factory: HubFactory) -> None:
    hub = hub_factory({}, fault=lambda _: Reply.error(418, "teapot", "Odd"))
    with pytest.raises(HfHubHTTPError) as raised:
        HfApi(endpoint=hub.endpoint).model_info("lab/model")
    assert raised.value.request_id == "Root=1-recorded-000000"
