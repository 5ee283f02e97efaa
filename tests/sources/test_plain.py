"""Words that mean just what they are, by the readers that might see more in them."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.lineage.declared import DeclaredBase, read_base
from registry.sources.documents import read_document
from registry.sources.plain import (
    MARKS,
    is_inert,
    is_plain_license,
    is_plain_name,
    is_silent_library,
    is_word,
    mark,
)
from registry.sources.recent import Recent

AT = datetime(2026, 10, 1, tzinfo=UTC)
NAMES = (
    *(
        "org/name",
        "gpt2",
        "n/a",
        "N/A",
        "hf.co/gpt2",
        "HF.co/x",
        "www.huggingface.co/a",
        "a/b/c",
        "../a",
        "a/.b",
    ),
    *(
        "a..b/c",
        "a./b",
        "a/b.",
        "-a/b",
        "_a/b",
        "a/b\n",
        " a/b",
        "models--a--b",
        "x/models--a--b",
        "a/b@main",
    ),
    *("ſ/a", "\u212a/a", "a/" + "b" * 255, "a/" + "b" * 256, "none", "C:/x", "hf.co.org/x", "", "a/", "/a"),
)
TAGS = (
    *(
        "transformers",
        "4-bit",
        "8bit",
        "MLX",
        "mlx",
        "gptq",
        "exl2",
        "gguf",
        "GGUF",
        "merge",
        "mergekit",
        "fp8",
    ),
    *(
        "dataset:a/b",
        "license:mit",
        "base_model:a/b",
        "base_model",
        "arxiv:1.2",
        "region:us",
        "é",
        "a\u200bb",
    ),
    *("peft", "text-generation", "license", "datasets:x", "quantized", "x" * 500),
)


@pytest.mark.parametrize("name", NAMES)
def test_odd_names(name: str) -> None:
    assert is_plain_name(name) == (name.isascii() and read_base(name) == DeclaredBase(name))


@settings(max_examples=500, deadline=None)
@given(st.text(alphabet="aA0_.-/ h:f@~<c\\on", max_size=12))
def test_any_name(name: str) -> None:
    assert is_plain_name(name) == (name.isascii() and read_base(name) == DeclaredBase(name))


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.sampled_from(TAGS), max_size=5),
    st.sampled_from(TAGS),
    st.sampled_from(
        [{}, {"quantization_config": {"bits": 4}}, {"quantization_config": {"quant_method": "awq"}}]
    ),
)
def test_an_inert_tag_is_nothing_but_a_tag(tags: list[str], tag: str, config: dict[str, object]) -> None:
    document = {"id": "o/a", "tags": tags, "config": config, "baseModels": ["x/y"]}
    document |= {"safetensors": {"parameters": {"I32": 4}, "total": 4}}
    without = read_document(document, observed_at=AT)
    read = read_document({**document, "tags": [*tags, tag]}, observed_at=AT)
    alike = replace(read, tags=without.tags) == without
    assert alike or not is_inert(tag) or tag in tags


@pytest.mark.shared
def test_real_tags(shared: Path) -> None:
    document = {"id": "o/a", "config": {"quantization_config": {"bits": 4}}, "baseModels": ["x/y"]}
    bare = read_document({**document, "tags": ["4-bit"]}, observed_at=AT)
    seen: set[str] = set()
    with gzip.open(shared / "hub" / "models.jsonl.gz", "rt", encoding="utf-8") as file:
        for line in file:
            seen.update(json.loads(line).get("tags") or ())
    inert = [tag for tag in sorted(seen) if is_inert(tag) and tag != "4-bit"]
    assert len(inert) > 1000
    for start in range(0, len(inert), 500):
        read = read_document({**document, "tags": ["4-bit", *inert[start : start + 500]]}, observed_at=AT)
        assert replace(read, tags=bare.tags) == bare


def test_words() -> None:
    assert [is_word(text) for text in (None, "", "a b", "-a", "text-generation", "a" * 101)] == [
        *(False, False, False, False, True, False)
    ]
    assert [is_silent_library(name) for name in (None, "transformers", "PEFT", "mergekit", "gguf")] == [
        *(False, True, False, False, True)
    ]
    assert [is_plain_license(word) for word in ("mit", "other", "unknown", "own-words")] == [
        *(True, False, False, False)
    ]


def test_marks() -> None:
    assert mark("see a/b and a/b-c", ["a/b"]) == f"see {MARKS[0]} and {MARKS[0]}-c"
    assert mark("a/b-c a/b", ["a/b", "a/b-c"]) == f"{MARKS[1]} {MARKS[0]}"
    assert mark("a/b", ["A/b", "a/b"]) is None
    assert mark("", [f"a/{number}" for number in range(10)]) is None


def test_what_is_asked_for_is_remembered() -> None:
    recent: Recent[int, str] = Recent(3)
    for number in range(30):
        recent.put(number, str(number))
        assert recent.get(0) == "0" or number == 0
        assert recent.get(number) == str(number)
    assert recent.get(5) is None
    assert recent.those([0, 29, 5, None])[1:] == ["29", None, None]
