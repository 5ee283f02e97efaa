from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.errors import BadAnswer
from registry.model.edges import Origin, Relation
from registry.model.refs import SourceName
from registry.model.snapshot import Gate, LicenseField, ModelFile, ModelSnapshot, RawAnswer
from registry.sources import files, values
from registry.sources.documents import read_document
from registry.sources.values import MAX_NOTES

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
DOCUMENTS = Path(__file__).parents[1] / "data" / "documents"
SHA = "a" * 64
OID = "b" * 40


def read(document: Mapping[str, object] | None = None, **more: Any) -> ModelSnapshot:
    return read_document({"id": "org/name", **(document or {})}, observed_at=NOW, **more)


def recorded(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((DOCUMENTS / f"{name}.json").read_text(encoding="utf-8"))[
        "document"
    ]
    return document


def codes(snapshot: ModelSnapshot) -> list[str]:
    return [note.code for note in snapshot.notes]


# --- real documents -----------------------------------------------------------------------------------


def test_a_gptq_repository_of_2023() -> None:
    snapshot = read_document(recorded("gptq"), observed_at=NOW)
    assert snapshot.repo_id == "TheBloke/DiscoLM-120b-GPTQ"
    assert snapshot.source is SourceName.HUB
    assert snapshot.hub_id == "656b7fec4ab7bc884d6c9143"
    assert snapshot.commit_sha == "d7a8e6b389680aab92fa9ec3d33067a7d7a35cd0"
    assert snapshot.created_at == datetime(2023, 12, 2, 19, 5, 16, tzinfo=UTC)
    assert snapshot.last_modified == datetime(2023, 12, 3, 10, 31, 1, tzinfo=UTC)
    assert (snapshot.private, snapshot.disabled, snapshot.gated) == (False, False, Gate.NONE)
    assert (snapshot.downloads, snapshot.likes, snapshot.library, snapshot.task) == (
        5,
        3,
        "transformers",
        "text-generation",
    )
    assert snapshot.config == {
        "model_type": "llama",
        "architectures": ["LlamaForCausalLM"],
        "quantization": {"method": None, "bits": 4},
    }
    assert snapshot.parameters is not None
    assert snapshot.parameters.logical == 117_869_279_232
    assert [(claim.field, claim.value, claim.origin) for claim in snapshot.licenses] == [
        (LicenseField.LICENSE, "llama2", "card"),
        (LicenseField.LICENSE, "llama2", "hub"),
        (LicenseField.FILE, "LICENSE", "files"),
    ]
    bases = {claim.origin: claim for claim in snapshot.claims if claim.relation is not Relation.TRAINED_ON}
    assert set(bases) == {Origin.HUB, Origin.CARD, Origin.INFERRED}
    assert bases[Origin.INFERRED].relation is Relation.QUANTIZED
    assert len(snapshot.files or ()) == 18
    assert snapshot.notes == ()


def test_a_card_with_more_bases_than_the_tags() -> None:
    snapshot = read_document(recorded("several_bases"), observed_at=NOW)
    bases = {claim.base for claim in snapshot.claims if claim.relation is not Relation.TRAINED_ON}
    assert bases == {"hexgrad/Kokoro-82M", "deepseek-ai/DeepSeek-V3", "microsoft/phi-4"}


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("renamed_base", "t5-small", "google-t5/t5-small"),
        ("adapter", "meta-llama/Meta-Llama-3.1-8B", "meta-llama/Llama-3.1-8B"),
    ],
)
def test_a_base_under_its_old_name(name: str, old: str, new: str) -> None:
    snapshot = read_document(recorded(name), observed_at=NOW)
    card = next(claim for claim in snapshot.claims if claim.declared == old)
    assert card.base == new
    assert {claim.base for claim in snapshot.claims if claim.relation is not Relation.TRAINED_ON} == {new}


def test_packed_weights_of_three_bits() -> None:
    parameters = read_document(recorded("mlx_3bit"), observed_at=NOW).parameters
    assert parameters is not None
    assert parameters.logical == 3_000_238_080 * 32 // 3 + 1_000_739_840
    assert parameters.stored == parameters.served_total == 4_000_977_920


def test_a_gguf_repository() -> None:
    snapshot = read_document(recorded("gguf"), observed_at=NOW)
    assert snapshot.parameters is not None
    assert (snapshot.parameters.origin, snapshot.parameters.served_total) == ("gguf", 8_537_680_896)
    # Its card says finetune and the tags repeat it (hub-data, quirk 6): kept as declared, nothing inferred.
    assert {claim.relation for claim in snapshot.claims} == {Relation.FINETUNE}


def test_an_answer_of_2022_has_only_model_id() -> None:
    snapshot = read_document(recorded("gpt2_2022"), observed_at=NOW, requested="openai-community/gpt2")
    assert snapshot.repo_id == "gpt2"
    assert snapshot.aliases == ("openai-community/gpt2",)
    assert [claim.value for claim in snapshot.licenses] == ["mit"]
    assert snapshot.notes == ()


# --- field by field -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "document",
    [{}, {"id": None}, {"id": 3}, {"id": ""}, {"id": "a/b/c"}, {"id": "../x"}, {"modelId": ["a/b"]}],
)
def test_without_a_usable_id_there_is_no_snapshot(document: dict[str, object]) -> None:
    with pytest.raises(BadAnswer, match="no usable id"):
        read_document(document, observed_at=NOW)


def test_another_name_becomes_an_alias() -> None:
    assert read({"modelId": "org/older"}, requested="old/name").aliases == ("old/name", "org/older")
    assert read({"modelId": "org/name"}, requested="org/name").aliases == ()
    assert read({"modelId": 3}, requested="no id at all").aliases == ()


def test_what_was_asked_and_received_is_passed_on() -> None:
    raw = (RawAnswer("model", b"{}"),)
    snapshot = read(revision="v1", raw=raw)
    assert (snapshot.revision, snapshot.raw, snapshot.observed_at) == ("v1", raw, NOW)


def test_absent_and_null_fields_are_unknown_without_a_note() -> None:
    fields = ("private", "gated", "disabled", "createdAt", "downloads", "library_name", "tags", "cardData")
    fields += (
        "config",
        "safetensors",
        "gguf",
        "siblings",
        "usedStorage",
        "sha",
        "pipeline_tag",
        "baseModels",
    )
    snapshot = read(dict.fromkeys(fields))
    assert snapshot == read()
    assert snapshot.notes == ()
    assert (snapshot.private, snapshot.gated, snapshot.parameters, snapshot.files) == (None, None, None, None)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("private", "no"),
        ("disabled", 1),
        ("gated", "sometimes"),
        ("createdAt", "yesterday"),
        ("createdAt", 1700000000),
        ("lastModified", "2023-13-45T00:00:00Z"),
        ("lastModified", "0001-01-01T00:00:00+09:00"),
        ("downloads", -1),
        ("downloads", True),
        ("downloads", 1.5),
        ("downloads", float("nan")),
        ("downloads", 2**63),
        ("likes", "3"),
        ("usedStorage", [1]),
        ("library_name", 3),
        ("library_name", "x" * 2000),
        ("pipeline_tag", ["None"]),
        ("pipeline_tag", False),
        ("tags", {"a": 1}),
        ("tags", [3]),
        ("sha", "not hex"),
        ("sha", 3),
        ("_id", {"$oid": "1"}),
        ("cardData", "no json"),
        ("cardData", [1]),
        ("config", 3),
        ("safetensors", "x"),
        ("gguf", "x"),
        ("siblings", "x"),
    ],
)
def test_an_odd_value_costs_that_field_and_leaves_a_note(field: str, value: object) -> None:
    snapshot = read({"likes": 7, field: value} if field != "likes" else {"downloads": 7, field: value})
    assert len(snapshot.notes) == 1
    assert field in snapshot.notes[0].message
    assert 7 in (snapshot.likes, snapshot.downloads)


@pytest.mark.parametrize(
    ("value", "gate"), [(False, Gate.NONE), ("auto", Gate.AUTO), ("manual", Gate.MANUAL), (True, Gate.MANUAL)]
)
def test_gates(value: object, gate: Gate) -> None:
    snapshot = read({"gated": value})
    assert snapshot.gated is gate
    assert codes(snapshot) == (["gate-kind-unknown"] if value is True else [])


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2023-12-02T19:05:16.000Z", datetime(2023, 12, 2, 19, 5, 16, tzinfo=UTC)),
        ("2023-12-02T19:05:16.123456789Z", datetime(2023, 12, 2, 19, 5, 16, 123456, tzinfo=UTC)),
        ("2023-12-02 00:00:00+00:00", datetime(2023, 12, 2, tzinfo=UTC)),
        ("2023-12-02", datetime(2023, 12, 2, tzinfo=UTC)),
        ("2023-12-02T01:00:00+02:00", datetime(2023, 12, 1, 23, tzinfo=UTC)),
        ("2023-12-02T01:00:00.5", datetime(2023, 12, 2, 1, 0, 0, 500000, tzinfo=UTC)),
        (datetime(2023, 12, 2), datetime(2023, 12, 2, tzinfo=UTC)),  # noqa: DTZ001
    ],
)
def test_every_form_of_time_is_utc(text: object, moment: datetime) -> None:
    snapshot = read({"createdAt": text, "lastModified": text})
    assert snapshot.created_at == snapshot.last_modified == moment
    assert snapshot.created_at is not None
    assert snapshot.created_at.tzinfo is UTC


@pytest.mark.parametrize("second", ["04", "05"])
def test_the_hubs_migration_stamp_is_no_creation_time(second: str) -> None:
    stamp = f"2022-03-02T23:29:{second}.000Z"
    snapshot = read({"createdAt": stamp, "lastModified": stamp})
    assert snapshot.created_at is None
    assert snapshot.last_modified is not None
    assert snapshot.notes == ()


def test_whole_floats_are_counts() -> None:
    assert read({"usedStorage": 12109565760.0}).used_storage == 12_109_565_760


def test_tags_are_kept_word_for_word(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read({"tags": ["Ünï", "a\0b", "", "x", "x"]}).tags == ("Ünï", "a\ufffdb", "x")
    assert read({"tags": "one"}).tags == ("one",)
    monkeypatch.setattr(files, "MAX_TAGS", 2)
    snapshot = read({"tags": ["a", "b", "c"]})
    assert (snapshot.tags, codes(snapshot)) == (("a", "b"), ["too-many-tags"])


def test_notes_do_not_flood() -> None:
    parameters = {f"D{index}": "odd" for index in range(60)}
    assert len(read({"safetensors": {"parameters": parameters}}).notes) == MAX_NOTES


# --- card and configuration ---------------------------------------------------------------------------

CARD = """---
license: [mit, apache-2.0]
library_name: peft
pipeline_tag: translation
tags: [x]
base_model: a/b
---
"""


def test_the_cards_text_serves_where_the_document_has_no_card() -> None:
    snapshot = read(card=CARD)
    assert [claim.value for claim in snapshot.licenses] == ["mit", "apache-2.0"]
    assert (snapshot.library, snapshot.task, snapshot.tags) == ("peft", "translation", ("x",))
    assert [claim.base for claim in snapshot.claims] == ["a/b", "a/b"]
    for empty in (None, {}):
        assert read({"cardData": empty}, card=CARD).licenses == snapshot.licenses


def test_the_documents_card_beats_the_text() -> None:
    assert [claim.value for claim in read({"cardData": {"license": "gpl-3.0"}}, card=CARD).licenses] == [
        "gpl-3.0"
    ]


def test_bulk_files_keep_the_card_as_json_text() -> None:
    snapshot = read(
        {"cardData": '{"license": "mit", "base_model": "a/b"}', "config": '{"model_type": "bert"}'}
    )
    assert [claim.value for claim in snapshot.licenses] == ["mit"]
    assert snapshot.config == {"model_type": "bert"}


def test_a_malformed_card_costs_its_own_facts() -> None:
    snapshot = read({"likes": 3, "tags": ["base_model:a/b"]}, card="---\n@#$\n---\n")
    assert codes(snapshot) == ["card-malformed"]
    assert snapshot.likes == 3
    assert [claim.origin for claim in snapshot.claims] == [Origin.HUB, Origin.INFERRED]


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("a/newer", "a/newer"),
        ("https://huggingface.co/a/newer", "a/newer"),
        ("soon", None),
        (["a/newer"], "a/newer"),
    ],
)
def test_the_newer_version(value: object, found: str | None) -> None:
    snapshot = read({"cardData": {"new_version": value}})
    assert snapshot.new_version == found
    assert codes(snapshot) == (
        [] if value in ("a/newer", "https://huggingface.co/a/newer") else ["odd-field"]
    )


def test_config_json_completes_what_the_hub_serves() -> None:
    whole = {"model_type": "llama", "quantization_config": {"quant_method": "gptq", "bits": 3}}
    snapshot = read(
        {"config": {"model_type": "served", "architectures": ["A", 3, "x" * 300]}},
        repo_files={"config.json": json.dumps(whole).encode()},
    )
    assert snapshot.config == {
        "model_type": "llama",
        "architectures": ["A"],
        "quantization": {"method": "gptq", "bits": 3},
    }
    assert read({"config": {"model_type": 3}}, repo_files={"config.json": b"["}).config == {}


def test_an_enormous_file_is_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(values, "MAX_JSON", 10)
    snapshot = read(repo_files={"adapter_config.json": b" " * 11})
    assert codes(snapshot) == ["too-large"]


def test_the_adapter_configuration_is_kept() -> None:
    config = {"peft": {"base_model_name_or_path": "a/b", "task_type": 3, "r": 8}}
    assert read({"config": config}).config == {"peft": {"base_model_name_or_path": "a/b"}}


# --- licenses -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("card", "found"),
    [
        ({"license": "MIT"}, [("license", "MIT")]),
        ({"license": ["a", None, "b", ""]}, [("license", "a"), ("license", "b")]),
        ({"license": None}, []),
        ({"license": "???"}, [("license", "???")]),
        ({"license": 4.0}, [("license", "4.0")]),
        ({"license": {"name": "x"}}, [("license", '{"name": "x"}')]),
        (
            {"license": "other", "license_name": "qwen", "license_link": ["LICENSE", "X"]},
            [
                ("license", "other"),
                ("license_name", "qwen"),
                ("license_link", "LICENSE"),
                ("license_link", "X"),
            ],
        ),
    ],
)
def test_license_fields_of_the_card(card: dict[str, object], found: list[tuple[str, str]]) -> None:
    snapshot = read({"cardData": card})
    assert [(str(claim.field), claim.value) for claim in snapshot.licenses] == found


def test_license_tags_and_files() -> None:
    paths = [
        "LICENSE",
        "sub/License.txt",
        "MODEL_LICENSE.md",
        "LICENSE-CODE",
        "LICENCE.rst",
        "COPYING",
        "Notice",
    ]
    paths += ["license.py", "license_data.json", "README.md", "unlicensed"]
    snapshot = read(
        {
            "tags": ["license:academic free license v3.0", "license:"],
            "siblings": [{"rfilename": path} for path in paths],
        }
    )
    found = {claim.value for claim in snapshot.licenses if claim.field is LicenseField.FILE}
    assert found == {
        "LICENSE",
        "sub/License.txt",
        "MODEL_LICENSE.md",
        "LICENSE-CODE",
        "LICENCE.rst",
        "COPYING",
    }
    assert [claim.value for claim in snapshot.licenses if claim.origin == "hub"] == [
        "academic free license v3.0"
    ]


def test_a_flood_of_licenses_is_cut() -> None:
    snapshot = read({"cardData": {"license": [f"l{index}" for index in range(200)]}})
    assert (len(snapshot.licenses), codes(snapshot)) == (100, ["too-many-licenses"])


# --- files --------------------------------------------------------------------------------------------


def test_files_of_the_document() -> None:
    siblings = [
        {
            "rfilename": "b.bin",
            "size": 7,
            "blobId": OID,
            "lfs": {"sha256": SHA.upper(), "size": 7, "pointerSize": 134},
        },
        {"rfilename": "a.txt", "size": 3.0, "blobId": OID},
    ]
    snapshot = read({"siblings": siblings})
    assert snapshot.files == (
        ModelFile("a.txt", 3, None, OID, None),
        ModelFile("b.bin", 7, SHA, OID, None),
    )
    assert snapshot.files_complete


def test_the_tree_beats_the_documents_list() -> None:
    siblings = [
        {"rfilename": "a", "size": 1, "blobId": "c" * 40, "lfs": {"sha256": SHA}},
        {"rfilename": "b", "size": 5, "lfs": {"sha256": SHA}},
        {"rfilename": "gone"},
    ]
    tree: list[object] = [
        {"type": "directory", "path": "sub", "oid": OID, "size": 0},
        {"type": "file", "path": "a", "size": 9, "oid": OID, "xetHash": "d" * 64},
        {"type": "file", "path": "b"},
        {
            "type": "file",
            "path": "new",
            "size": 2,
            "oid": OID,
            "lfs": {"oid": SHA, "size": 20, "pointerSize": 9},
        },
    ]
    snapshot = read({"siblings": siblings}, tree=tree, tree_complete=False)
    assert snapshot.files == (
        ModelFile("a", 9, SHA, OID, "d" * 64),
        ModelFile("b", 5, SHA, None, None),
        ModelFile("new", 20, SHA, OID, None),
    )
    assert not snapshot.files_complete
    assert read(tree=[]).files == ()


def test_odd_entries_cost_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    siblings = [
        3,
        {},
        {"rfilename": ""},
        {"rfilename": "a", "size": -1, "blobId": 3, "lfs": "x"},
        {"rfilename": "a"},
    ]
    snapshot = read({"siblings": siblings})
    assert snapshot.files == (ModelFile("a"),)
    assert set(codes(snapshot)) == {"odd-field"}
    monkeypatch.setattr(files, "MAX_FILES", 1)
    snapshot = read({"siblings": [{"rfilename": "a"}, {"rfilename": "b"}]})
    assert (len(snapshot.files or ()), codes(snapshot)) == (1, ["too-many-files"])
    assert not snapshot.files_complete


# --- parameters ---------------------------------------------------------------------------------------


def test_every_dtype_is_kept_and_nulls_are_not_counts() -> None:
    snapshot = read(
        {"safetensors": {"parameters": {"F32": 2, "BF16": None, "I8": "x", "F16": 0}, "total": 2}}
    )
    assert snapshot.parameters is not None
    assert snapshot.parameters.by_dtype == {"F16": 0, "F32": 2}
    assert codes(snapshot) == ["odd-field"]


def test_a_contradicting_total_is_reported() -> None:
    snapshot = read({"safetensors": {"parameters": {"BF16": 7_600_000_000}, "total": 333_312}})
    assert snapshot.parameters is not None
    assert "333,312" in (snapshot.parameters.contradiction or "")


def test_safetensors_beat_gguf_and_a_total_alone_is_kept() -> None:
    both = read({"safetensors": {"total": 5}, "gguf": {"total": 9}}).parameters
    assert both is not None
    assert (both.served_total, both.logical) == (5, None)
    assert read({"gguf": {"architecture": "llama"}}).parameters is None


def shard(**tensors: int) -> bytes:
    at, content = 0, {}
    for name, elements in tensors.items():
        content[name] = {"dtype": "F32", "shape": [elements], "data_offsets": [at, at + 4 * elements]}
        at += 4 * elements
    text = json.dumps(content).encode()
    return len(text).to_bytes(8, "little") + text


def test_headers_are_counted() -> None:
    decoded = json.loads(shard(c=5)[8:])
    snapshot = read(headers={"1.safetensors": shard(a=2, b=3), "2.safetensors": decoded})
    assert snapshot.parameters is not None
    assert (dict(snapshot.parameters.by_dtype), snapshot.parameters.origin) == ({"F32": 10}, "headers")


def test_one_damaged_header_spoils_the_count_of_headers() -> None:
    served = {"safetensors": {"parameters": {"F32": 10}, "total": 10}}
    snapshot = read(served, headers={"1.safetensors": shard(a=2), "2.safetensors": b"junk"})
    assert snapshot.parameters is not None
    assert (snapshot.parameters.origin, snapshot.parameters.logical) == ("hub", 10)
    assert codes(snapshot) == ["header-damaged"]


# --- hostile documents --------------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
KEYS = [
    "_id",
    "modelId",
    "sha",
    "private",
    "gated",
    "disabled",
    "createdAt",
    "lastModified",
    "downloads",
    "likes",
]
KEYS += ["library_name", "pipeline_tag", "tags", "usedStorage", "cardData", "config", "safetensors", "gguf"]
KEYS += ["siblings", "baseModels"]
CARD_KEYS = [
    "base_model",
    "base_model_relation",
    "finetuned_from",
    "datasets",
    "new_version",
    "license",
    "tags",
]
CARD_KEYS += ["license_name", "license_link", "library_name", "pipeline_tag"]
CARDS = st.dictionaries(st.sampled_from(CARD_KEYS), JSON)
FILES = st.lists(
    st.dictionaries(st.sampled_from(["path", "rfilename", "size", "oid", "lfs", "xetHash", "type"]), JSON)
)


@settings(max_examples=60)
@given(st.dictionaries(st.sampled_from(KEYS), JSON), CARDS | JSON, FILES, st.none() | FILES)
def test_no_document_raises(
    document: dict[str, Any], card: object, siblings: list[Any], tree: list[Any] | None
) -> None:
    snapshot = read({"cardData": card, "siblings": siblings, **document}, tree=tree)
    assert snapshot.repo_id == "org/name"
    # Every text can be stored: no NUL, no lone surrogate.
    texts = [*snapshot.tags, *(claim.declared for claim in snapshot.claims), snapshot.task or ""]
    texts += [claim.value for claim in snapshot.licenses] + [file.path for file in snapshot.files or ()]
    texts += [note.message for note in snapshot.notes]
    for text in texts:
        assert b"\0" not in text.encode()


def test_deep_nesting_anywhere_costs_nothing_else() -> None:
    deep: Any = "a/b"
    for _ in range(50_000):
        deep = [deep]
    document: dict[str, object] = dict.fromkeys(KEYS, deep)
    card = dict.fromkeys(CARD_KEYS, deep)
    for field in KEYS:
        snapshot = read({field: {"k": deep}})
        assert snapshot.repo_id == "org/name"
    snapshot = read({**document, "cardData": card, "baseModels": {"models": deep}})
    assert snapshot.repo_id == "org/name"
    assert any(claim.declared == "a list of 1" for claim in snapshot.claims)


# --- all recorded documents, against values worked out from the JSON itself ----------------------------


def lines(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        yield from map(json.loads, file)


def listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


@pytest.mark.shared
def test_nothing_declared_is_lost_from_the_874_recorded_documents(shared: Path) -> None:
    seen = parents = licenses = dtypes = 0
    for line in lines(shared / "hub" / "api_like.jsonl.gz"):
        api, card = line["api"], line["api"].get("cardData") or {}
        snapshot = read_document(api, observed_at=NOW, card=line["card"])
        seen += 1
        by_origin = {
            origin: {claim.declared for claim in snapshot.claims if claim.origin is origin}
            for origin in Origin
        }
        bases = listed(card.get("base_model"))
        assert set(bases) <= by_origin[Origin.CARD]
        parents += len(bases)
        for tag in api["tags"]:
            kind, _, rest = tag.partition(":")
            if kind == "base_model":
                relation, _, name = rest.rpartition(":")
                claim = next(c for c in snapshot.claims if c.origin is Origin.HUB and c.declared == name)
                assert claim.base == name
                assert not relation or claim.relation == relation
            elif kind == "dataset":
                assert rest in by_origin[Origin.HUB]
        assert set(listed(card.get("datasets"))) <= by_origin[Origin.CARD]
        for field in ("license", "license_name", "license_link"):
            stated = set(listed(card.get(field)))
            assert stated == {c.value for c in snapshot.licenses if c.field == field and c.origin == "card"}
            licenses += len(stated)
        tagged = {tag.removeprefix("license:") for tag in api["tags"] if tag.startswith("license:")}
        assert tagged == {c.value for c in snapshot.licenses if c.origin == "hub"}
        served = (api.get("safetensors") or {}).get("parameters")
        if served is not None:
            assert snapshot.parameters is not None
            assert dict(snapshot.parameters.by_dtype) == served
            dtypes += len(served)
        assert {file.path for file in snapshot.files or ()} == {item["rfilename"] for item in api["siblings"]}
        assert snapshot.tags == tuple(dict.fromkeys(api["tags"]))
        assert (snapshot.downloads, snapshot.likes) == (api["downloads"], api["likes"])
        assert snapshot.used_storage == api["usedStorage"]
        assert snapshot.notes == ()
    # Counted once with an independent script: 678 texts, 172 + 2 x 10 + 3 x 3 + 5 list entries.
    assert (seen, parents) == (874, 678 + 172 + 20 + 9 + 5)
    assert (licenses, dtypes) == (502 + 15 + 24, 229 + 217 + 81 + 7)


@pytest.mark.shared
def test_the_verbatim_documents_of_2022_and_later(shared: Path) -> None:
    paths = sorted((shared / "hub" / "hub-2022-02").rglob("infos.json"))
    assert len(paths) == 36
    for path in paths:
        info = json.loads(path.read_text(encoding="utf-8"))
        card = (path.parent / "README.md").read_bytes().decode("utf-8", "replace")
        snapshot = read_document(info, observed_at=NOW, card=card)
        assert snapshot.repo_id == info["modelId"]
        assert snapshot.commit_sha == info["sha"]
        assert {note.code for note in snapshot.notes} <= {
            "card-malformed",
            "card-no-mapping",
            "card-repeated-key",
            "odd-field",
        }
    verbatim = shared / "hub" / "api_verbatim"
    for path in sorted(verbatim.glob("*.json")):
        content = json.loads(path.read_text(encoding="utf-8"))
        for document in listed(content):
            assert read_document(document, observed_at=NOW).notes == ()


@pytest.mark.shared
def test_git_copies_of_a_merge_and_an_adapter(shared: Path) -> None:
    import tarfile

    claims: dict[str, set[str | None]] = {}
    with tarfile.open(shared / "hub" / "git_copies.tar.gz") as archive:
        for member in archive.getmembers():
            name = member.name.rpartition("/")[2]
            if name in ("adapter_config.json", "mergekit_config.yml"):
                content = archive.extractfile(member)
                assert content is not None
                snapshot = read({}, repo_files={name: content.read()})
                claims[name] = {claim.base for claim in snapshot.claims}
    assert claims["adapter_config.json"] == {None}
    assert claims["mergekit_config.yml"] == {
        "arcee-ai/Llama-3.1-SuperNova-Lite",
        "DreadPoor/Heart_Stolen-8B-Model_Stock",
        "Dampfinchen/Llama-3.1-8B-Ultra-Instruct",
    }
