"""The Hub source end to end against the recorded Hub: what it asks for, and what it makes of the answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest

from registry.contract import Source, Want
from registry.demo.hub import Recorded, RecordedHub, Reply, Request
from registry.errors import (
    BadAnswer,
    BadReference,
    Disabled,
    NoSuchRevision,
    NotVisible,
    SourceError,
    Unreachable,
)
from registry.model.edges import Origin, Relation
from registry.model.refs import ModelRef, SourceName
from registry.model.snapshot import Gate, ModelSnapshot
from registry.sources import hub as hub_module
from registry.sources.hub import EXPAND, HubSource
from tests.hubs import by_id, chain, commit_of, recorded, safetensors

TOKEN = "hf_AbCdEfGhIjKlMnOpQrStUvWxYz"
NOW = datetime(2026, 11, 1, tzinfo=UTC)
PLAIN, HEADERS, DEEP = Want(), Want(headers=True), Want(deep=True)

Fault = Callable[[Request], Reply | None]


@contextmanager
def source(hub: RecordedHub, **options: object) -> Iterator[HubSource]:
    defaults: dict[str, object] = {"token": False, "timeout": 5.0, "sleep": lambda _: None}
    with HubSource(endpoint=hub.endpoint, clock=lambda: NOW, **{**defaults, **options}) as found:  # type: ignore[arg-type]
        yield found


def fetched(
    *models: Recorded,
    ref: str = "org/model",
    want: Want = PLAIN,
    fault: Fault | None = None,
    **hub_options: object,
) -> tuple[ModelSnapshot, RecordedHub]:
    """One model read from a Hub with these; the Hub for its log."""
    with RecordedHub(by_id(*models), fault=fault, **hub_options) as hub, source(hub) as it:  # type: ignore[arg-type]
        return it.fetch(ModelRef.parse(ref), want), hub


def at(path: str, reply: Reply) -> Fault:
    return lambda request: reply if path in request.path else None


def asked(hub: RecordedHub) -> list[str]:
    return [line.path for line in hub.log]


# --- requests ------------------------------------------------------------------------------------


def test_a_model_costs_two_requests() -> None:
    model = recorded("org/model", base="org/base", files={"model.safetensors": b"x" * 100}, usedStorage=5)
    snapshot, hub = fetched(model)
    assert asked(hub) == ["/api/models/org/model", f"/api/models/org/model/tree/{model.commit}"]
    document, tree = hub.log
    assert document.query == {"blobs": ["true"], "expand": list(EXPAND)}
    assert tree.query == {"recursive": ["true"], "expand": ["false"]}
    assert snapshot.repo_id == "org/model"
    assert (snapshot.commit_sha, snapshot.observed_at, snapshot.used_storage) == (model.commit, NOW, 5)
    assert (snapshot.gated, snapshot.private, snapshot.aliases, snapshot.notes) == (Gate.NONE, False, (), ())
    assert snapshot.files is not None
    (file,) = snapshot.files
    assert (file.path, file.size) == ("model.safetensors", 100)
    assert file.sha256 is not None
    assert file.xet_hash is not None
    assert [answer.kind for answer in snapshot.raw] == ["model", "tree"]
    assert json.loads(snapshot.raw[0].data)["id"] == "org/model"
    assert json.loads(snapshot.raw[1].data)[0]["path"] == "model.safetensors"


def test_a_chain_of_depth_six_costs_two_requests_each() -> None:
    with RecordedHub(chain(7)) as hub, source(hub) as it:
        name: str | None = "lab/step-6"
        steps = 0
        while name is not None:
            snapshot = it.fetch(ModelRef.parse(name), PLAIN)
            bases = {claim.base for claim in snapshot.claims if claim.base is not None}
            name = next(iter(bases), None)
            steps += 1
        assert steps == 7
        assert len(hub.log) == 2 * steps


def test_sharded_headers_cost_one_request_more() -> None:
    header = {"w": {"dtype": "BF16", "shape": [3, 4], "data_offsets": [0, 24]}}
    shards = {f"model-0000{n}-of-00002.safetensors": b"x" for n in (1, 2)}
    model = recorded(
        "org/model",
        files={**shards, "model.safetensors.index.json": b"{}"},
        headers_answer={"index": {"metadata": {}}, "headers": dict.fromkeys(shards, header)},
    )
    snapshot, hub = fetched(model, want=HEADERS)
    assert len(hub.log) == 3
    assert snapshot.parameters is not None
    assert dict(snapshot.parameters.by_dtype) == {"BF16": 24}
    assert snapshot.parameters.origin == "headers"
    assert [answer.kind for answer in snapshot.raw] == ["model", "tree", "headers"]


def test_revisions_and_ids_are_quoted() -> None:
    model = recorded("org/model", revisions={"refs/pr/1": commit_of("pull"), "v1+cu": commit_of("tag")})
    snapshot, hub = fetched(model, ref="org/model@refs/pr/1")
    assert asked(hub)[0] == "/api/models/org/model/revision/refs%2Fpr%2F1"
    assert asked(hub)[1].endswith(f"/tree/{commit_of('pull')}")
    assert (snapshot.revision, snapshot.commit_sha) == ("refs/pr/1", commit_of("pull"))
    snapshot, hub = fetched(model, ref="org/model@v1+cu")
    assert snapshot.commit_sha == commit_of("tag")


def test_a_model_without_an_organisation() -> None:
    snapshot, hub = fetched(recorded("gpt2"), ref="gpt2")
    assert snapshot.repo_id == "gpt2"
    assert len(hub.log) == 2


def test_it_is_a_source() -> None:
    it: Source = HubSource(endpoint="http://127.0.0.1:9")
    for ref in (ModelRef("org/model", SourceName.PAPER), ModelRef("org/data", SourceName.DATA)):
        with pytest.raises(BadReference, match="is not a model on the Hub"):
            it.fetch(ref, PLAIN)


# --- names and access ----------------------------------------------------------------------------


def test_a_rename_leaves_an_alias() -> None:
    snapshot, hub = fetched(recorded("org/model"), ref="old/name", moved={"old/name": "org/model"})
    assert (snapshot.repo_id, snapshot.aliases) == ("org/model", ("old/name",))
    assert [line.status for line in hub.log] == [307, 200, 200]
    assert "/api/models/org/model/tree/" in asked(hub)[2], "what follows is asked under the new name"


def test_another_letter_case_is_the_hosts_to_resolve() -> None:
    model = recorded("Org/Model")
    with pytest.raises(NotVisible):
        fetched(model, ref="org/model")
    snapshot, _ = fetched(model, ref="org/model", moved={"org/model": "Org/Model"})
    assert (snapshot.repo_id, snapshot.aliases) == ("Org/Model", ("org/model",))


@pytest.mark.parametrize(
    ("restricted", "token", "kind"),
    [("private", False, NotVisible), ("private", "hf_stranger", NotVisible), ("disabled", False, Disabled)],
)
def test_what_cannot_be_seen(restricted: str, token: bool | str, kind: type[SourceError]) -> None:
    model = recorded("org/model", restricted=restricted)  # type: ignore[arg-type]
    with (
        RecordedHub(by_id(model), tokens=[TOKEN]) as hub,
        source(hub, token=token) as it,
        pytest.raises(kind, match="org/model") as caught,
    ):
        it.fetch(ModelRef("org/model"), PLAIN)
    assert caught.value.hint
    assert len(hub.log) == 1


def test_a_private_model_is_read_with_its_token() -> None:
    model = recorded("org/model", restricted="private")
    with RecordedHub(by_id(model), tokens=[TOKEN]) as hub, source(hub, token=TOKEN) as it:
        snapshot = it.fetch(ModelRef("org/model"), PLAIN)
    assert snapshot.private is True
    assert TOKEN not in repr(snapshot)


def test_a_gated_model_is_known_without_its_files() -> None:
    files = {"model.safetensors": safetensors({"w": ("F32", [1], bytes(4))}), "config.json": b"{}"}
    model = recorded("org/model", restricted="gated", files=files)
    snapshot, hub = fetched(model, want=Want(headers=True, deep=True))
    assert snapshot.gated is Gate.AUTO
    assert snapshot.files is not None
    assert len(snapshot.files) == 2
    assert sorted(note.code for note in snapshot.notes) == ["file-unread", "headers-unread"]
    assert all("is gated" in note.message for note in snapshot.notes)
    assert "/api/agent-harnesses" not in asked(hub)


def test_a_revision_that_is_not_there() -> None:
    with pytest.raises(NoSuchRevision, match="org/model has no revision 'v9'"):
        fetched(recorded("org/model"), ref="org/model@v9")


# --- documents -----------------------------------------------------------------------------------


def test_a_host_that_names_the_fields_it_takes_is_asked_for_those() -> None:
    known = [name for name in EXPAND if name not in ("usedStorage", "childrenModelCount")]

    def fault(request: Request) -> Reply | None:
        if set(request.query.get("expand", ())) - {"false", *known}:
            return Reply.error(400, f'"expand" must be one of [{", ".join(known)}]')
        return None

    with (
        RecordedHub(by_id(recorded("org/model"), recorded("org/two")), fault=fault) as hub,
        source(hub) as it,
    ):
        it.fetch(ModelRef("org/model"), PLAIN)
        assert [line.status for line in hub.log] == [400, 200, 200]
        assert hub.log[1].query["expand"] == known
        it.fetch(ModelRef("org/two"), PLAIN)
        assert [line.status for line in hub.log][3:] == [200, 200], "what it takes is remembered"


@pytest.mark.parametrize("status", [400, 422])
def test_a_host_that_takes_no_fields_is_asked_for_all(status: int) -> None:
    def fault(request: Request) -> Reply | None:
        return (
            Reply.json({"detail": "no"}, status)
            if "blobs" in request.query and "expand" in request.query
            else None
        )

    with RecordedHub(by_id(recorded("org/model")), fault=fault) as hub, source(hub) as it:
        it.fetch(ModelRef("org/model"), PLAIN)
        assert "expand" not in hub.log[1].query
        it.fetch(ModelRef("org/model"), PLAIN)
        assert [line.status for line in hub.log] == [status, 200, 200, 200, 200]


def test_a_name_the_host_refuses_teaches_nothing() -> None:
    fault = at("/bad/name", Reply.error(400, "Invalid repo name"))
    with RecordedHub(by_id(recorded("org/model")), fault=fault) as hub, source(hub) as it:
        with pytest.raises(SourceError, match="bad/name"):
            it.fetch(ModelRef("bad/name"), PLAIN)
        hub.clear_log()
        it.fetch(ModelRef("org/model"), PLAIN)
        assert hub.log[0].query["expand"] == list(EXPAND)


@pytest.mark.parametrize(
    "body", [b"[]", b"null", b'"text"', b"{}", b'{"id": 5}', b'{"id": "../../etc"}', b'{"id": [']
)
def test_an_answer_that_is_no_document(body: bytes) -> None:
    fault = at("/api/models/org/model", Reply(200, {}, body))
    with pytest.raises(BadAnswer):
        fetched(fault=fault)


def test_a_document_with_odd_fields_is_still_read() -> None:
    odd = {
        "id": "org/model",
        "sha": "../x",
        "siblings": "many",
        "tags": {"a": 1},
        "downloads": "\x00",
        "gated": 7,
    }
    snapshot, hub = fetched(recorded("org/model"), fault=lambda r: Reply.json(odd) if r.number == 0 else None)
    assert snapshot.repo_id == "org/model"
    assert snapshot.commit_sha is None
    assert asked(hub)[1] == "/api/models/org/model/tree/main"
    assert snapshot.notes


# --- trees ---------------------------------------------------------------------------------------


def test_a_long_tree_is_read_page_by_page() -> None:
    model = recorded("org/model", files={f"f{number}.txt": b"x" for number in range(25)})
    snapshot, hub = fetched(model, page_size=10)
    assert snapshot.files is not None
    assert (len(snapshot.files), snapshot.files_complete, snapshot.notes) == (25, True, ())
    assert len(hub.log) == 4
    assert len(json.loads(snapshot.raw[1].data)) == 25


@pytest.mark.parametrize(
    "reply",
    [
        Reply.error(403, "no", "GatedRepo"),
        Reply.error(404, "no", "RevisionNotFound"),
        Reply(500),
        Reply(429),
        Reply.json({"error": "an object"}),
        Reply(200, {}, b"[{"),
        Reply(raw=b""),
    ],
)
def test_without_a_tree_the_documents_list_stands(reply: Reply) -> None:
    model = recorded("org/model", files={"a.txt": b"abc", "model.safetensors": b"abcd"})
    snapshot, _ = fetched(model, fault=at("/tree/", reply))
    assert snapshot.files is not None
    assert [(file.path, file.size) for file in snapshot.files] == [("a.txt", 3), ("model.safetensors", 4)]
    assert snapshot.files[1].sha256 is not None
    assert [note.code for note in snapshot.notes] == ["tree-unread"]
    assert [answer.kind for answer in snapshot.raw] == ["model"]


def test_a_tree_that_breaks_off_gives_way_to_the_documents_list() -> None:
    model = recorded("org/model", files={f"f{number}.txt": b"x" for number in range(25)})
    fault: Fault = lambda request: Reply(500) if "cursor" in request.query else None  # noqa: E731
    snapshot, _ = fetched(model, fault=fault, page_size=10)
    assert snapshot.files is not None
    assert len(snapshot.files) == 25
    assert [note.code for note in snapshot.notes] == ["tree-unread"]


def test_a_tree_that_breaks_off_without_such_a_list_is_marked_incomplete() -> None:
    bare = {"id": "org/model", "sha": commit_of("x")}

    def fault(request: Request) -> Reply | None:
        if request.number == 0:
            return Reply.json(bare)
        return Reply(500) if "cursor" in request.query else None

    model = recorded(
        "org/model", files={f"f{number}.txt": b"x" for number in range(25)}, commit=commit_of("x")
    )
    snapshot, _ = fetched(model, fault=fault, page_size=10)
    assert snapshot.files is not None
    assert (len(snapshot.files), snapshot.files_complete) == (10, False)


def test_without_any_list_the_files_are_unknown() -> None:
    fault: Fault = lambda request: Reply.json({"id": "org/model"}) if request.number == 0 else Reply(500)  # noqa: E731
    snapshot, _ = fetched(fault=fault, want=Want(headers=True, deep=True))
    assert snapshot.files is None


@pytest.mark.parametrize(
    "link",
    [
        "http://127.0.0.1:1/api/models/org/model/tree/main?cursor=1",
        "https://evil.example/x",
        "ftp://127.0.0.1/",
        "http://[::1/",
    ],
)
def test_a_cursor_to_another_host_is_not_followed(link: str) -> None:
    reply = Reply.json([], headers={"Link": f'<{link}>; rel="next"'})
    snapshot, hub = fetched(recorded("org/model"), fault=at("/tree/", reply))
    assert len(hub.log) == 2
    assert "next page is not one of its own" in snapshot.notes[0].message


@pytest.mark.parametrize("base", ["https://huggingface.co", ""])
def test_a_mirror_that_passes_on_the_hubs_cursor_is_asked_itself(base: str) -> None:
    def fault(request: Request) -> Reply | None:
        if "/tree/" not in request.path or "cursor" in request.query:
            return None
        return Reply.json([], headers={"Link": f'<{base}{request.path}?recursive=true&cursor=1>; rel="next"'})

    model = recorded("org/model", files={f"f{number}.txt": b"x" for number in range(3)})
    snapshot, hub = fetched(model, fault=fault)
    assert len(hub.log) == 3
    assert snapshot.files is not None
    assert len(snapshot.files) == 2
    assert snapshot.notes == ()


def test_cursors_in_a_circle_and_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    circle = Reply.json([], headers={"Link": '</api/models/org/model/tree/x?cursor=1>; rel="next"'})
    _, hub = fetched(recorded("org/model"), fault=at("/tree/", circle))
    assert len(hub.log) == 3

    monkeypatch.setattr(hub_module, "MAX_TREE_PAGES", 5)

    def endless(request: Request) -> Reply | None:
        if "/tree/" not in request.path:
            return None
        link = f'<{request.path}?cursor={request.number}>; rel="next"'
        return Reply.json([{"type": "file", "path": f"f{request.number}"}], headers={"Link": link})

    snapshot, hub = fetched(recorded("org/model"), fault=endless)
    assert len(hub.log) == 6
    assert "it goes on after 5 pages" in snapshot.notes[0].message


# --- files on request ----------------------------------------------------------------------------


def test_files_with_claims_are_read_only_when_asked_for() -> None:
    files = {
        "adapter_config.json": b'{"base_model_name_or_path": "org/base", "peft_type": "LORA"}',
        "config.json": b'{"_name_or_path": "org/other"}',
        "mergekit_config.yml": b"models:\n  - model: org/third\nmerge_method: linear\n",
        "README.md": b"---\nbase_model: org/base\n---\n",
        "weights.txt": b"",
    }
    model = recorded("org/model", files=files)
    snapshot, hub = fetched(model)
    assert len(hub.log) == 2
    assert snapshot.claims == ()
    snapshot, hub = fetched(model, want=DEEP)
    prefix = f"/org/model/resolve/{model.commit}/"
    read = {path.removeprefix(prefix) for path in asked(hub)[2:]}
    assert read == {"adapter_config.json", "config.json", "mergekit_config.yml"}
    told = {(claim.origin, claim.base) for claim in snapshot.claims}
    assert (Origin.ADAPTER_CONFIG, "org/base") in told
    assert (Origin.CONFIG, "org/other") in told
    assert (Origin.MERGEKIT, "org/third") in told
    assert snapshot.notes == ()


def test_the_card_is_fetched_where_the_document_lacks_it() -> None:
    model = recorded("org/model", files={"README.md": b"---\nlicense: mit\nbase_model: org/base\n---\nText"})
    document = {name: value for name, value in model.document.items() if name not in ("cardData", "tags")}
    snapshot, hub = fetched(Recorded(document, model.tree, model.files), want=DEEP)
    assert asked(hub)[-1].endswith("/README.md")
    assert [claim.value for claim in snapshot.licenses] == ["mit"]
    assert (Origin.CARD, "org/base") in {(claim.origin, claim.base) for claim in snapshot.claims}


def test_only_the_head_of_one_gguf_file_is_read() -> None:
    files = {
        name: bytes(2_000_000) for name in ("b-00002-of-00002.gguf", "b-00001-of-00002.gguf", "mmproj.gguf")
    }
    snapshot, hub = fetched(recorded("org/model", files=files), want=DEEP)
    (line,) = hub.log[2:]
    assert line.path.endswith("/b-00001-of-00002.gguf")
    assert line.headers["range"] == "bytes=0-524287"
    assert line.status == 206
    assert snapshot.files is not None


@pytest.mark.parametrize(
    "reply",
    [Reply(404), Reply(500), Reply(200, {}, bytes(5_000_000)), Reply(403, {"X-Error-Code": "GatedRepo"})],
)
def test_a_file_that_cannot_be_read_costs_itself_only(reply: Reply) -> None:
    model = recorded("org/model", files={"config.json": b"{}", "x.gguf": b"GGUF"})
    snapshot, _ = fetched(model, want=DEEP, fault=at("/resolve/", reply))
    assert [note.code for note in snapshot.notes] == ["file-unread", "file-unread"]
    assert snapshot.files is not None


# --- derivatives ---------------------------------------------------------------------------------


def test_derivatives_come_most_downloaded_first() -> None:
    models = [recorded(f"org/child{n}", base="org/base", downloads=n) for n in range(5)]
    models.append(recorded("org/quant", base="org/base", relation="quantized", downloads=99))
    with RecordedHub(by_id(*models), page_size=2) as hub, source(hub) as it:
        base = ModelRef("org/base")
        assert it.derivatives(base, Relation.FINETUNE, 3) == ("org/child4", "org/child3", "org/child2")
        assert len(hub.log) == 2
        assert hub.log[0].query["filter"] == ["base_model:finetune:org/base"]
        assert it.derivatives(base, Relation.QUANTIZED, 5) == ("org/quant",)
        assert len(it.derivatives(base, Relation.UNKNOWN, 100)) == 6
        assert it.derivatives(base, Relation.ADAPTER, 5) == ()
        hub.clear_log()
        assert it.derivatives(base, Relation.DISTILLED, 5) == ()
        assert it.derivatives(base, Relation.FINETUNE, 0) == ()
        assert it.derivatives(ModelRef("a/b", SourceName.PAPER), Relation.FINETUNE, 5) == ()
        assert hub.log == []


def test_models_trained_on_a_dataset() -> None:
    model = recorded("org/model", datasets=["org/data"])
    with RecordedHub(by_id(model)) as hub, source(hub) as it:
        data = ModelRef("org/data", SourceName.DATA)
        assert it.derivatives(data, Relation.TRAINED_ON, 5) == ("org/model",)
        assert it.derivatives(data, Relation.FINETUNE, 5) == ()


def test_odd_entries_of_a_list_are_passed_over() -> None:
    rows = [
        None,
        5,
        {},
        {"id": 7},
        {"id": "../x"},
        {"id": "a/b"},
        {"id": "a/b"},
        {"modelId": "c/d"},
        {"id": "org/base"},
    ]
    with RecordedHub({}, fault=lambda _: Reply.json(rows)) as hub, source(hub) as it:
        assert it.derivatives(ModelRef("org/base"), Relation.FINETUNE, 9) == ("a/b", "c/d")
    with RecordedHub({}, fault=lambda _: Reply(200)) as hub, source(hub) as it, pytest.raises(BadAnswer):
        it.derivatives(ModelRef("org/base"), Relation.FINETUNE, 9)


# --- the end -------------------------------------------------------------------------------------


def test_a_closed_source_answers_no_more() -> None:
    with RecordedHub(by_id(recorded("org/model", files={"config.json": b"{}"}))) as hub:
        it = HubSource(endpoint=hub.endpoint, token=False)
        it.fetch(ModelRef("org/model"), DEEP)
        it.close()
        it.close()
        with pytest.raises(Unreachable, match="stopped"):
            it.fetch(ModelRef("org/model"), PLAIN)


def test_closing_between_the_two_requests_leaves_no_half_model() -> None:
    found: list[HubSource] = []

    def fault(request: Request) -> Reply | None:
        if "/tree/" in request.path:
            found[0].close()
            return Reply(500)
        return None

    with RecordedHub(by_id(recorded("org/model")), fault=fault) as hub, source(hub) as it:
        found.append(it)
        with pytest.raises(Unreachable, match="stopped"):
            it.fetch(ModelRef("org/model"), PLAIN)
