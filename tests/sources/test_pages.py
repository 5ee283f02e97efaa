"""Pages of a list of models: however rows are read, by pattern or one by one, they tell the same."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.errors import BadAnswer
from registry.model.bulk import Listed
from registry.model.snapshot import ModelSnapshot, ParameterCount
from registry.sources.documents import read_document
from registry.sources.pages import Page, PageReader
from registry.sources.rows import FIELDS, MAX_ROWS

AT = datetime(2026, 11, 1, 12, tzinfo=UTC)
SHA = "0123456789abcdef0123456789abcdef01234567"
OTHER = "f" * 40


def row(repo_id: str = "org/a", **fields: Any) -> dict[str, Any]:
    """A row as the Hub lists it."""
    return {
        "_id": "5ffe72ff6b433672f02120ad",
        "id": repo_id,
        "sha": SHA,
        "createdAt": "2024-01-26T01:15:03.000Z",
        "lastModified": "2024-01-30T02:51:31.000Z",
        "private": False,
        "gated": False,
        "disabled": False,
        "downloads": 27,
        "likes": 1,
        "library_name": "transformers",
        "pipeline_tag": "text-generation",
        "tags": ["transformers", "text-generation", "license:mit", "region:us"],
        **fields,
    }


def based(repo_id: str, *bases: str, relation: str = "finetune", **fields: Any) -> dict[str, Any]:
    tags = [tag for base in bases for tag in (f"base_model:{base}", f"base_model:{relation}:{base}")]
    return row(repo_id, tags=["text-generation", *tags, "license:mit"], **fields)


def weighing(repo_id: str, **counts: int) -> dict[str, Any]:
    return row(repo_id, safetensors={"parameters": counts, "total": sum(counts.values())})


def read(*rows: Any, reader: PageReader | None = None) -> Page:
    return (reader or PageReader()).read(json.dumps(rows).encode(), at=AT)


def told(one: Listed) -> ModelSnapshot:
    """What a row of a list says, its blanks filled in."""
    pattern = one.pattern
    names = dict(zip(pattern.bases, one.bases, strict=True))
    tags = {
        f"base_model:{typed}{old}": f"base_model:{typed}{new}"
        for old, new in names.items()
        for typed in ("", "finetune:", "quantized:", "adapter:", "merge:", "new:")
    }
    licenses = pattern.snapshot.licenses
    if one.license is not None:
        assert {claim.value for claim in licenses} <= {pattern.license}
        tags[f"license:{pattern.license}"] = f"license:{one.license}"
        licenses = tuple(replace(claim, value=one.license) for claim in licenses)
    count = pattern.snapshot.parameters
    if one.elements is not None:
        assert count is not None
        by_dtype = dict(zip(count.by_dtype, one.elements, strict=True)) if count.by_dtype else {}
        total = sum(one.elements)
        count = ParameterCount(by_dtype, total, total, count.rule, count.origin)
    return replace(
        pattern.snapshot,
        repo_id=one.repo_id,
        hub_id=one.hub_id,
        commit_sha=one.commit_sha,
        created_at=_time(one.created_at),
        last_modified=_time(one.last_modified),
        downloads=one.downloads,
        likes=one.likes,
        used_storage=one.used_storage,
        parameters=count,
        licenses=licenses,
        tags=tuple(tags.get(tag, tag) for tag in pattern.snapshot.tags),
        claims=tuple(
            replace(
                claim,
                base=None if claim.base is None else names.get(claim.base, claim.base),
                declared=names.get(claim.declared, claim.declared),
            )
            for claim in pattern.snapshot.claims
        ),
    )


def _time(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def expected(document: dict[str, Any]) -> ModelSnapshot:
    kept = {name: value for name, value in document.items() if name in {"_id", "id", *FIELDS}}
    snapshot = read_document(kept, observed_at=AT)
    return replace(
        snapshot,
        created_at=_whole(snapshot.created_at),
        last_modified=_whole(snapshot.last_modified),
    )


def _whole(time: datetime | None) -> datetime | None:
    return None if time is None else time.replace(microsecond=0)


def agree(rows: Sequence[dict[str, Any]], reader: PageReader | None = None) -> Page:
    """Every row says what the same document says when it is read alone."""
    page = read(*rows, reader=reader)
    assert page.bad == ()
    for number, (one, document) in enumerate(zip(page.batch.rows, rows, strict=True)):
        assert told(one) == expected(document)
        assert page.batch.whole(number).claims == expected(document).claims
    return page


def patterns(page: Page) -> int:
    return len({id(one.pattern) for one in page.batch.rows})


def test_rows_that_differ_in_little_share_a_pattern() -> None:
    rows = [row(f"org/m{number}", downloads=number, sha=f"{number:040x}") for number in range(5)]
    assert patterns(agree(rows)) == 1


def test_blanks_are_filled_for_bases_licenses_and_numbers() -> None:
    rows = [based("org/x", "org/base"), based("org/y", "far/base"), based("org/z", "far/base")]
    rows[1]["tags"][-1] = "license:apache-2.0"
    page = agree(rows)
    assert patterns(page) == 1
    assert [one.bases for one in page.batch.rows] == [("org/base",), ("far/base",), ("far/base",)]
    assert [one.license for one in page.batch.rows] == ["mit", "apache-2.0", "mit"]
    page = agree([weighing("org/x", BF16=7), weighing("org/y", BF16=9), weighing("org/z", BF16=1, F32=2)])
    assert [one.elements for one in page.batch.rows] == [(7,), (9,), (1, 2)]
    assert patterns(page) == 2


def test_tasks_and_libraries_are_filled_in() -> None:
    rows = [
        row("org/x"),
        row(
            "org/y", pipeline_tag="fill-mask", tags=["transformers", "fill-mask", "license:mit", "region:us"]
        ),
        row("org/z", library_name="peft"),
        row("org/u", library_name=""),
        row("org/v", pipeline_tag=None),
        row("org/w", pipeline_tag="gptq", tags=["transformers", "gptq", "license:mit", "region:us"]),
    ]
    agree(rows)
    agree(rows[::-1])


@pytest.mark.parametrize("between", ["text-generation", "fill-mask"])
def test_a_task_among_the_tags_of_bases(between: str) -> None:
    tags = ["base_model:o/b", between, "base_model:finetune:o/b"]
    rows = [
        row("org/x", tags=[*tags, "text-generation"]),
        row("org/y", tags=[*tags, "fill-mask"], pipeline_tag="fill-mask"),
    ]
    agree(rows)
    agree(rows[::-1])


def test_what_is_inferred_depends_on_the_library() -> None:
    bare = ["base_model:org/base", "text-generation"]
    rows = [row("org/x", tags=bare), row("org/y", tags=bare, library_name="peft")]
    for order in (rows, rows[::-1]):
        page = agree(order)
        assert {one.repo_id: str(told(one).claims[-1].relation) for one in page.batch.rows} == {
            "org/x": "finetune",
            "org/y": "adapter",
        }


def test_cards_and_configurations_are_read() -> None:
    card = {"license": "mit", "base_model": "org/base", "datasets": ["d/set"], "widget": [{"text": "x" * 50}]}
    rows = [
        based("org/x", "org/base", cardData=card),
        based("org/y", "far/base", cardData=card | {"base_model": "far/base", "widget": []}),
        based("org/z", "far/base", cardData=card | {"base_model": "FAR/base"}),
        row("org/u", cardData={"license": "other", "license_name": "own", "license_link": "LICENSE"}),
        row(
            "org/v", cardData=None, config={"model_type": "bert", "peft": {"base_model_name_or_path": "o/b"}}
        ),
        row("org/w", config={"quantization_config": {"quant_method": "gptq", "bits": 4}}),
        row("org/t", baseModels={"relation": "merge", "models": [{"_id": "1", "id": "o/b"}, {"id": "o/c"}]}),
    ]
    page = agree(rows)
    assert page.batch.rows[0].pattern is page.batch.rows[1].pattern


def test_a_card_stands_in_for_a_missing_field() -> None:
    alone = row("org/x", cardData={"pipeline_tag": "fill-mask", "library_name": "keras", "tags": ["a"]})
    for name in ("pipeline_tag", "library_name", "tags"):
        del alone[name]
    assert [told(one).task for one in agree([alone]).batch.rows] == ["fill-mask"]


@pytest.mark.parametrize(
    "odd",
    [
        {"tags": "lone"},
        {"tags": None},
        {"tags": [1, "a"]},
        {"downloads": -1},
        {"downloads": 2**70},
        {"likes": "many"},
        {"createdAt": "yesterday"},
        {"createdAt": "2022-03-02T23:29:04.000Z"},
        {"createdAt": "2024-01-26"},
        {"lastModified": "2024-01-26T01:15:03.999+02:00"},
        {"gated": True},
        {"gated": "auto"},
        {"private": "no"},
        {"sha": "No commit"},
        {"sha": None},
        {"sha": ""},
        {"_id": "sp ace"},
        {"_id": 7},
        {"safetensors": {"parameters": {"I32": 5, "F16": 2}, "total": 7}},
        {"safetensors": {"parameters": {"BF16": 5}, "total": 6}},
        {"safetensors": {"parameters": {}, "total": 6}},
        {"safetensors": {"total": 6}},
        {"safetensors": {}, "gguf": {"total": 4}},
        {"safetensors": None, "gguf": {"total": 4, "architecture": "llama"}},
        {"gguf": {"total": 0}},
        {"gguf": "x"},
        {"cardData": "license: mit"},
        {"cardData": '{"license": "mit"}'},
        {"cardData": []},
        {"cardData": {"license": ["mit", "gpl-3.0"]}},
        {"cardData": {"license": "unknown"}},
        {"tags": ["license:mit", "license:gpl-3.0"]},
        {"tags": ["license:Own Words", "license:"]},
        {"tags": ["base_model:../path", "base_model:quantized:o/b"]},
        {"tags": ["base_model:o/b", "see o/b for more"]},
        {"tags": ["base_model:new:o/b"]},
        {"tags": ["ünï\x00", "\ud800"]},
        {"library_name": ["peft"]},
        {"pipeline_tag": ["a"]},
        {"config": "x", "usedStorage": 7},
        {"tags": ["x" * 5000]},
        {"tags": ["base_model:" + "/".join(("o", f"b{n}")) for n in range(30)]},
    ],
)
def test_an_odd_value_is_read_like_in_any_document(odd: dict[str, Any]) -> None:
    page = read(row("org/x"), row("org/y", **odd), row("org/z"))
    assert page.bad == ()
    assert [one.repo_id for one in page.batch.rows] == ["org/x", "org/y", "org/z"]
    text = json.dumps(row("org/y", **odd)).replace("\\ud800", "\\ufffd").replace("\\u0000", "\\ufffd")
    assert told(page.batch.rows[1]) == expected(json.loads(text))


TAGS = (
    *("mit", "o/b", "o/c", "text-generation", "gptq", "license:mit", "license:x", "base_model:o/b"),
    *("region:us", "base_model:finetune:o/b", "base_model:adapter:o/c", "base_model:o/c"),
    *("base_model:O/B", "dataset:o/b"),
)
words = st.sampled_from(TAGS)
fields = st.fixed_dictionaries(
    {},
    optional={
        "tags": st.lists(words, max_size=6),
        "pipeline_tag": words | st.none(),
        "library_name": words | st.none(),
        "gated": st.sampled_from([True, False, "manual", None]),
        "cardData": st.fixed_dictionaries(
            {},
            optional={
                "license": words,
                "base_model": words | st.lists(words, max_size=2),
                "tags": st.lists(words, max_size=2),
                "base_model_relation": st.sampled_from(["merge", "adapter", 3]),
                "pipeline_tag": words,
            },
        ),
        "config": st.fixed_dictionaries({}, optional={"peft": st.just({"base_model_name_or_path": "o/c"})}),
        "safetensors": st.sampled_from(
            [None, {"parameters": {"F16": 4}, "total": 4}, {"parameters": {"I8": 4}, "total": 4}]
        ),
    },
)


@settings(max_examples=300, deadline=None)
@given(st.lists(fields, min_size=1, max_size=6))
def test_any_rows(some: list[dict[str, Any]]) -> None:
    rows = [row(f"org/m{number}", **one) for number, one in enumerate(some)]
    reader = PageReader()
    first = agree(rows, reader)
    again = agree(rows, reader)
    assert [one.imprint for one in first.batch.rows] == [one.imprint for one in again.batch.rows]


def test_imprints_tell_rows_apart() -> None:
    rows = [
        row("org/a"),
        row("org/a", sha=OTHER),
        row("org/a", tags=["license:gpl-3.0"]),
        row("org/a", tags=["license:mit"]),
        row("org/a", gated="auto"),
        row("org/a", pipeline_tag="fill-mask"),
        row("org/a", library_name="peft"),
        based("org/a", "o/b"),
        based("org/a", "o/c"),
        based("org/a", "o/c", relation="adapter"),
        weighing("org/a", F16=2),
        weighing("org/a", F16=3),
        weighing("org/a", F32=3),
    ]
    imprints = [one.imprint for one in read(*rows).batch.rows]
    assert len(set(imprints)) == len(rows)
    assert imprints == [one.imprint for one in read(*rows).batch.rows]
    moved = row("org/a", downloads=9, likes=3, lastModified="2025-01-01T00:00:00.000Z")
    assert read(moved).batch.rows[0].imprint == imprints[0]


def test_each_odd_row_costs_itself() -> None:
    deep = '{"id": "org/d", "cardData": ' + '{"a":' * 3000 + "1" + "}" * 3001
    rows = [
        json.dumps(row("org/a")),
        "17",
        '"text"',
        "null",
        "[]",
        '{"no": "id"}',
        '{"id": 4}',
        '{"id": "../etc/passwd"}',
        '{"id": "a/b/c"}',
        '{"id": "org/x\\n"}',
        '{"id": "org/e", "tags": ["\\q"]}',
        '{"id": nul}',
        deep,
        '{"id": "org/s", "tags": ["\\ud800"]}',
        json.dumps(row("org/z")),
    ]
    page = PageReader().read(f"[{','.join(rows)}]".encode(), at=AT)
    assert [one.repo_id for one in page.batch.rows] == ["org/a", "org/s", "org/z"]
    assert [one.number for one in page.bad] == list(range(2, 14))
    assert page.rows == len(rows)
    assert all(one.reason and len(one.reason) < 200 for one in page.bad)
    assert page.batch.whole(2).repo_id == "org/z"


def test_bytes_that_are_no_utf8_cost_their_row() -> None:
    body = json.dumps([row("org/a"), row("org/b", tags=["QQ"]), row("org/c")]).encode()
    page = PageReader().read(body.replace(b"QQ", b"\xff\xfe"), at=AT)
    assert [one.repo_id for one in page.batch.rows] == ["org/a", "org/b", "org/c"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"null",
        b"[",
        b"[{]",
        b'[{"id": "o/a"}',
        b'[{"id": "o/a"}] and more',
        b'x[{"id": "o/a"}]',
        b"<html>[1]</html>",
        b'{"error": [1]}',
        b"\xff\xfe",
        b"[" * 100_000,
    ],
)
def test_what_is_no_list(body: bytes) -> None:
    with pytest.raises(BadAnswer):
        PageReader().read(body, at=AT)


@pytest.mark.parametrize("item", ["1", '{"id": "o/a"}', '{"id": "o/a", "private": 1}'])
def test_a_page_of_too_many_rows_is_refused(item: str) -> None:
    with pytest.raises(BadAnswer, match="models"):
        PageReader().read(f"[{','.join([item] * (MAX_ROWS + 1))}]".encode(), at=AT)


@pytest.mark.parametrize("body", [b"[]", b" [ ] ", b"\xef\xbb\xbf[]"])
def test_an_empty_page(body: bytes) -> None:
    page = PageReader().read(body, at=AT)
    assert (list(page.batch.rows), page.bad, page.rows) == ([], (), 0)


def test_names_of_2022() -> None:
    old = row("org/a", modelId="org/a")
    del old["id"]
    assert [one.repo_id for one in read(old).batch.rows] == ["org/a"]


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_broken_pages_never_raise_anything_else(data: st.DataObject) -> None:
    body = bytearray(json.dumps([based("org/x", "o/b"), weighing("org/y", F16=4)]).encode())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(body) - 1))
        body[place] = data.draw(st.sampled_from(list(b'"{}[],:\\x\x000e-')))
    try:
        page = PageReader().read(bytes(body), at=AT)
    except BadAnswer:
        return
    for number in range(len(page.batch.rows)):
        page.batch.whole(number)


@pytest.mark.shared
def test_real_documents(shared: Path) -> None:
    with gzip.open(shared / "hub" / "api_like.jsonl.gz", "rt", encoding="utf-8") as file:
        documents = [json.loads(line) for line, _ in zip(file, range(3000), strict=False)]
    rows = [one.get("api", one) for one in documents]
    reader = PageReader()
    for start in range(0, len(rows), 500):
        some = rows[start : start + 500]
        page = read(*some, reader=reader)
        named = {one.repo_id: told(one) for one in page.batch.rows}
        assert all(named[one["id"]] == expected(one) for one in some if "id" in one and one["id"] in named)
