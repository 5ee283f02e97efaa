"""Bulk files in columns: every row read by its pattern says what reading it as a document says."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from registry.errors import DamagedFile
from registry.model.bulk import Listed
from registry.model.edges import Origin
from registry.model.snapshot import LicenseClaim, ModelSnapshot, ParameterCount
from registry.sources import parquet
from registry.sources.bulk import content_of, day_of, read_bulk
from registry.sources.documents import read_document
from registry.sources.dumps import Piece

AT = datetime(2026, 10, 1, tzinfo=UTC)
STAMPED = datetime(2022, 3, 2, 23, 29, 4, tzinfo=UTC).replace(tzinfo=None)
NAMES = ["org/base", "Org/Base", "org/base-2", "o/x", "n/a", "hf.co/model", "plain", "../up", "a/b.c"]
STORED = pa.struct(
    [("parameters", pa.struct([("BF16", pa.int64()), ("I32", pa.int64())])), ("total", pa.int64())]
)
BASES = pa.struct(
    [("models", pa.list_(pa.struct([("_id", pa.string()), ("id", pa.string())]))), ("relation", pa.string())]
)
SCHEMA = pa.schema(
    [
        ("_id", pa.string()),
        ("id", pa.string()),
        ("sha", pa.string()),
        ("gated", pa.string()),
        ("private", pa.bool_()),
        ("createdAt", pa.timestamp("ms")),
        ("lastModified", pa.timestamp("us", tz="UTC")),
        ("downloads", pa.int64()),
        ("likes", pa.int32()),
        ("usedStorage", pa.int64()),
        ("pipeline_tag", pa.string()),
        ("library_name", pa.string()),
        ("tags", pa.list_(pa.string())),
        ("cardData", pa.string()),
        ("config", pa.string()),
        ("safetensors", STORED),
        ("gguf", pa.struct([("total", pa.int64()), ("architecture", pa.string())])),
        ("baseModels", BASES),
        ("author", pa.string()),
    ]
)


def write(path: Path, rows: Sequence[dict[str, Any]], schema: pa.Schema = SCHEMA, **options: Any) -> Path:
    path.parent.mkdir(exist_ok=True)
    pq.write_table(pa.Table.from_pylist(list(rows), schema=schema), path, **options)
    return path


def pieces(path: Path) -> list[Piece]:
    return list(read_bulk(path, at=AT))


def listed(path: Path) -> Iterator[tuple[Listed, ModelSnapshot]]:
    for piece in pieces(path):
        for batch in piece.batches:
            for number, row in enumerate(batch.rows):
                yield row, batch.whole(number)


def filled(row: Listed) -> ModelSnapshot:
    """The snapshot a row and its pattern stand for."""
    told = row.pattern.snapshot
    names = dict(zip(row.pattern.bases, row.bases, strict=True))
    tags = []
    for tag in told.tags:
        for name, own in names.items():
            if tag.endswith(f":{name}") and tag.startswith("base_model:"):
                tag = tag.removesuffix(name) + own
                break
        if row.license is not None and tag == f"license:{row.pattern.license}":
            tag = f"license:{row.license}"
        tags.append(tag)
    licenses = told.licenses
    if row.license is not None:
        licenses = tuple(LicenseClaim(one.field, row.license, one.origin) for one in licenses)
    count = told.parameters
    if row.elements is not None and count is not None:
        dtypes = dict(zip(count.by_dtype, row.elements, strict=True)) if count.by_dtype else {}
        total = sum(row.elements)
        count = ParameterCount(dtypes, total, total, count.rule, count.origin)
    return replace(
        told,
        repo_id=row.repo_id,
        hub_id=row.hub_id,
        commit_sha=row.commit_sha,
        created_at=_time(row.created_at),
        last_modified=_time(row.last_modified),
        downloads=row.downloads,
        likes=row.likes,
        used_storage=row.used_storage,
        tags=tuple(tags),
        licenses=licenses,
        parameters=count,
        claims=tuple(
            replace(
                claim,
                base=names.get(claim.base or "", claim.base),
                declared=names.get(claim.declared, claim.declared),
            )
            for claim in told.claims
        ),
    )


def _time(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)


def same(row: Listed, whole: ModelSnapshot) -> None:
    moments = {
        name: None if (time := getattr(whole, name)) is None else time.replace(microsecond=0)
        for name in ("created_at", "last_modified")
    }
    assert filled(row) == replace(whole, **moments)


STORED = st.sampled_from(
    [
        None,
        None,
        {"parameters": {"BF16": 7}, "total": 7},
        {"parameters": {"BF16": 7, "I32": 3}, "total": 10},
        {"parameters": {"BF16": 7}, "total": 8},
        {"parameters": None, "total": 8},
    ]
)


@st.composite
def tags_of(
    draw: st.DrawFn, words: list[str | None], license_id: str | None, bases: list[str], relation: str
) -> list[Any]:
    tags = [
        tag
        for tag in (*words, "region:us", "4-bit", "merge", "fill-mask", "arxiv:1", "é")
        if tag and draw(st.booleans())
    ]
    tags += [f"license:{license_id}"] if license_id and draw(st.booleans()) else []
    for base in bases:
        tags += draw(
            st.sampled_from(
                [[f"base_model:{base}", f"base_model:{relation}:{base}"], [f"base_model:{base}"], []]
            )
        )
    tags += draw(
        st.sampled_from(
            [
                *(["dataset:d/one", "dataset:two"], ["dataset:D/One"], ["dataset:two", "dataset:d/one"]),
                *([], [], ["dataset:org/base"], ["x\x1fy"], ["\x7fa"], [None], ["base_model:q/other"]),
                *(["", "a", "a"], ["license:gpl-3.0"], ["see org/base"], ["t" * 1001]),
            ]
        )
    )
    return tags


@st.composite
def cards_of(draw: st.DrawFn, license_id: str | None, bases: list[str]) -> dict[str, Any]:
    card: dict[str, Any] = {}
    if license_id and draw(st.booleans()):
        card["license"] = draw(st.sampled_from([license_id, [license_id], "mit"]))
    if bases and draw(st.booleans()):
        card["base_model"] = draw(st.sampled_from([bases, bases[0], bases[0].upper(), bases[::-1]]))
    card |= draw(
        st.sampled_from(
            [
                {},
                {},
                {"base_model_relation": "quantized"},
                {"datasets": ["d/one", "d/two"]},
                {"datasets": ["d/one", "two"]},
                {"datasets": "two"},
                {"datasets": [{"name": "two"}]},
                {"library_name": "timm", "pipeline_tag": "fill-mask"},
                {"model-index": [{"license": "mit"}], "widget": ["x" * 300]},
                {"new_version": "org/base"},
                {"license_name": "own words", "license_link": "LICENSE"},
                {"widget": "org/base"},
                {"base_model": "org\\/base"},
                {"tags": ["merge"]},
            ]
        )
    )
    return card


@st.composite
def rows(draw: st.DrawFn) -> dict[str, Any]:
    bases = draw(st.lists(st.sampled_from(NAMES), max_size=3))
    relation = draw(st.sampled_from(["finetune", "quantized", "merge", "odd"]))
    license_id = draw(st.sampled_from([None, "mit", "apache-2.0", "other", "no such", "llama3.1", "own-2"]))
    task = draw(st.sampled_from([None, "text-generation", "fill-mask", "", " spaced ", "org/base", "mlx"]))
    library = draw(st.sampled_from([None, "transformers", "peft", "diffusers", "gguf", "mlx", "fill-mask"]))
    tags = draw(tags_of([library, task], license_id, bases, relation))
    card = draw(cards_of(license_id, bases))
    return {
        "_id": draw(st.sampled_from([None, "ab" * 12, "cd" * 12, "odd id"])),
        "id": draw(st.sampled_from(["o/a", "o/b", "o/c", "plain", "bad id", None, "a/b/c"])),
        "sha": draw(st.sampled_from([None, "ab" * 20, "not hex"])),
        "gated": draw(st.sampled_from([None, "auto", "maybe"])),
        "private": draw(st.sampled_from([None, False])),
        "createdAt": draw(st.sampled_from([None, AT.replace(tzinfo=None), STAMPED])),
        "lastModified": draw(st.sampled_from([None, AT, AT.replace(microsecond=5)])),
        "downloads": draw(st.sampled_from([None, 0, 5, -1])),
        "likes": draw(st.sampled_from([None, 3])),
        "usedStorage": draw(st.sampled_from([None, 2**40])),
        "pipeline_tag": task,
        "library_name": library,
        "tags": draw(st.sampled_from([tags, tags, tags, None])),
        "cardData": draw(st.sampled_from([json.dumps(card), json.dumps(card), "{broken", None, "[1]"])),
        "config": draw(
            st.sampled_from(
                [None, None, '{"model_type": "bert"}', '{"peft": {"base_model_name_or_path": "o/x"}}']
            )
        ),
        "safetensors": draw(STORED),
        "gguf": draw(st.sampled_from([None, None, {"total": 9, "architecture": "llama"}, {"total": 0}])),
        "baseModels": draw(
            st.sampled_from(
                [
                    {"models": [{"_id": "ff" * 12, "id": base} for base in bases], "relation": relation},
                    {"models": [{"_id": None, "id": None}], "relation": None},
                    None,
                ]
            )
        ),
        "author": "o",
    }


@settings(
    max_examples=60,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
    ],
)
@given(st.lists(rows(), max_size=25))
def test_any_rows(tmp_path: Path, told: list[dict[str, Any]]) -> None:
    path = write(tmp_path / "x.parquet", told)
    found = list(listed(path))
    bad = [line for piece in pieces(path) for line in piece.bad]
    assert len(found) + len(bad) == len(told)
    for row, whole in found:
        same(row, whole)
    # The imprint tells rows apart that say different things, and only those.
    said = {}
    for row, whole in found:
        still = replace(
            whole,
            repo_id="",
            hub_id=None,
            created_at=None,
            last_modified=None,
            downloads=None,
            likes=None,
            used_storage=None,
        )
        assert said.setdefault(row.imprint, repr(still)) == repr(still)


def test_most_rows_follow_a_pattern(tmp_path: Path) -> None:
    told = [
        {
            "_id": f"{number:024x}",
            "id": f"o/m{number}",
            "tags": [
                "transformers",
                "license:mit",
                f"base_model:b/{number}",
                f"base_model:finetune:b/{number}",
            ],
            "library_name": "transformers",
            "cardData": json.dumps({"license": "mit", "base_model": f"b/{number}"}),
            "baseModels": {"models": [{"id": f"b/{number}"}], "relation": "finetune"},
            "safetensors": {"parameters": {"BF16": number + 1}, "total": number + 1},
        }
        for number in range(50)
    ]
    found = [row for row, _ in listed(write(tmp_path / "x.parquet", told))]
    assert len({id(row.pattern.like or row.pattern) for row in found}) == 1
    assert [row.bases for row in found[:2]] == [("b/0",), ("b/1",)]
    assert {row.license for row in found} == {"mit"}


def merged(number: int, *bases: str, **fields: Any) -> dict[str, Any]:
    tags = [tag for base in bases for tag in (f"base_model:{base}", f"base_model:merge:{base}")]
    return {
        "id": f"o/m{number}",
        "tags": ["text-generation", *tags, "license:mit"],
        "cardData": json.dumps({"license": "mit", "base_model": list(bases)}),
        "baseModels": {"models": [{"id": base} for base in bases], "relation": "merge"},
        "pipeline_tag": "text-generation",
        **fields,
    }


def documents_read(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Grows with every row that is read as a document."""
    read: list[object] = []

    def counting(document: dict[str, Any], **how: Any) -> ModelSnapshot:
        read.append(document["id"])
        return read_document(document, **how)

    monkeypatch.setattr(parquet, "read_document", counting)
    return read


def test_bases_in_any_order_are_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = [merged(number, *names) for number, names in enumerate(permutations(["x/c", "x/a", "y/d", "b/b"]))]
    read = documents_read(monkeypatch)
    (piece,) = pieces(write(tmp_path / "x.parquet", told))
    assert len(read) == 1
    for row, document in zip(piece.batches[0].rows, told, strict=True):
        assert row.bases == row.pattern.bases == ("b/b", "x/a", "x/c", "y/d")
        same(row, read_document({**document, "gguf": None}, observed_at=AT))


def test_words_that_mean_nothing_else_are_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = [
        {
            "id": f"o/{task}-{library}-{word}-{extra[:2]}",
            "pipeline_tag": task,
            "library_name": library,
            "tags": [library, task, f"license:{word}", extra],
            "cardData": json.dumps({"license": word, "tags": [extra], "language": extra}),
            "safetensors": stored,
        }
        for task in ("fill-mask", "own-task")
        for library in ("transformers", "own_library")
        for word in ("mit", "gpl-3.0", "own-words")
        for extra, stored in (("en", None), ("arxiv:1234.5678", {"parameters": {"BF16": 7}, "total": 7}))
    ]
    read = documents_read(monkeypatch)
    (piece,) = pieces(write(tmp_path / "x.parquet", told))
    assert len(read) == 1
    rows = piece.batches[0].rows
    for row, document in zip(rows, told, strict=True):
        same(row, read_document(document, observed_at=AT))
    assert [row.license for row in rows[::2]] == ["mit", "gpl-3.0", None] * 4
    # What differs in task and library alone is told to be alike.
    assert len({id(row.pattern.like or row.pattern) for row in rows}) == 4


def test_datasets_are_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = [
        merged(
            number,
            "x/y",
            tags=[f"dataset:{one}", "base_model:x/y", "base_model:merge:x/y", f"dataset:{other}"],
            cardData=json.dumps({"base_model": ["x/y"], "datasets": [other, one]}),
        )
        for number, (one, other) in enumerate([("d/one", "glue"), ("glue", "d/one"), ("a/b", "x/y")])
    ]
    read = documents_read(monkeypatch)
    found = pieces(write(tmp_path / "x.parquet", told[:2]))[0].batches[0].rows
    assert len(read) == 1
    found = [row for row, _ in listed(write(tmp_path / "x.parquet", told))]
    for row, document in zip(found, told, strict=True):
        same(row, read_document(document, observed_at=AT))


def test_names_that_stand_nowhere_in_the_text(tmp_path: Path) -> None:
    told = [
        {"id": "o/a", "baseModels": {"models": [], "relation": None}},
        {"id": "o/b", "baseModels": {"models": [{"id": "x/y"}], "relation": None}},
        {"id": "o/c", "baseModels": {"models": [{"id": "x/y"}, {"id": "a/b"}], "relation": None}},
        {"id": "o/d", "baseModels": {"models": [{"id": "a/b"}, {"id": "x/y"}], "relation": None}},
        {"id": "o/e", "baseModels": {"models": [{"id": None}, {"id": "x/y"}, None], "relation": None}},
    ]
    found = list(listed(write(tmp_path / "x.parquet", told)))
    for row, whole in found:
        same(row, whole)
    bases = [[claim.base for claim in whole.claims if claim.origin is Origin.HUB] for _, whole in found]
    assert bases == [[], ["x/y"], ["x/y", "a/b"], ["a/b", "x/y"], ["x/y"]]


def test_imprints_do_not_depend_on_what_was_read_before(tmp_path: Path) -> None:
    told = [merged(1, "a/b", "c/d"), merged(2, "c/d", "a/b"), merged(3, "x/y"), {"id": "o/n"}]
    told[2]["tags"][-1], told[2]["cardData"] = (
        "license:gpl-3.0",
        '{"license": "gpl-3.0", "base_model": "x/y"}',
    )
    imprints = {row.repo_id: row.imprint for row, _ in listed(write(tmp_path / "x.parquet", told))}
    again = {row.repo_id: row.imprint for row, _ in listed(write(tmp_path / "y.parquet", told[::-1]))}
    assert imprints == again
    assert len(set(imprints.values())) == 4
    few = pa.schema([field for field in SCHEMA if field.name not in ("config", "gated", "sha", "gguf")])
    less = {row.repo_id: row.imprint for row, _ in listed(write(tmp_path / "z.parquet", told, few))}
    assert less == imprints, "a column without anything says what one that is not there says"


def test_columns_that_are_not_there_or_of_another_kind(tmp_path: Path) -> None:
    few = pa.schema([("id", pa.string()), ("downloads", pa.float64()), ("gated", pa.bool_())])
    ((row, whole),) = listed(write(tmp_path / "few.parquet", [{"id": "o/a", "downloads": 3.0}], few))
    assert (row.repo_id, whole.downloads) == ("o/a", 3)
    lists = pa.schema(
        [("id", pa.string()), ("baseModels", pa.list_(pa.string())), ("createdAt", pa.string())]
    )
    told = [{"id": "o/a", "baseModels": ["o/b"], "createdAt": "2024-01-01T00:00:00.000Z"}]
    ((row, whole),) = listed(write(tmp_path / "lists.parquet", told, lists))
    assert [claim.base for claim in whole.claims] == ["o/b", "o/b"]
    assert whole.created_at == datetime(2024, 1, 1, tzinfo=UTC)
    none = pa.schema([("name", pa.string())])
    with pytest.raises(DamagedFile, match="no column id"):
        pieces(write(tmp_path / "none.parquet", [{"name": "x"}], none))


def test_going_on_behind_a_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "ROWS", 4)
    path = write(tmp_path / "x.parquet", [{"id": f"o/{n}"} for n in range(30)], row_group_size=9)
    for start in (0, 1, 8, 9, 10, 29, 30):
        found = list(read_bulk(path, at=AT, start=start))
        names = [row.repo_id for piece in found for batch in piece.batches for row in batch.rows]
        assert names == [f"o/{n}" for n in range(start, 30)]
        assert not found or found[-1].until == 30


def test_files_that_are_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "ROWS", 50)
    told = [{"id": f"o/{n}", "tags": [f"tag-{n}-{m}" for m in range(9)]} for n in range(400)]
    path = write(tmp_path / "x.parquet", told, row_group_size=100, compression="zstd")
    whole = path.read_bytes()
    for cut in (whole[:-20], whole[: len(whole) // 2], b"PAR1", b"PAR1" + bytes(500) + b"PAR1"):
        path.write_bytes(cut)
        with pytest.raises(DamagedFile, match="cannot read"):
            pieces(path)
    middle = bytearray(whole)
    middle[len(whole) // 2 : len(whole) // 2 + 400] = bytes(400)
    path.write_bytes(middle)
    reading = read_bulk(path, at=AT)
    assert next(reading).until == 50, "what stands before the damage is read"
    with pytest.raises(DamagedFile, match="cannot read"):
        list(reading)
    path.write_bytes(b'{"id": "o/a"}\n')
    with pytest.raises(DamagedFile, match="no Parquet file"):
        pieces(path)


def test_what_tells_files_apart(tmp_path: Path) -> None:
    first = write(tmp_path / "2026-09-28" / "models.parquet", [{"id": "o/a"}])
    other = write(tmp_path / "2026-10-05" / "models.parquet", [{"id": "o/b"}])
    copy = tmp_path / "copy"
    copy.write_bytes(first.read_bytes())
    assert content_of(first) == content_of(copy) != content_of(other)
    assert day_of(first) == datetime(2026, 9, 28, tzinfo=UTC)
    assert day_of(copy) is None
    with pytest.raises(DamagedFile, match="nowhere"):
        content_of(tmp_path / "nowhere")
