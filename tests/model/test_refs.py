from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.errors import BadReference
from registry.model.refs import ModelRef, SourceName, absolute, is_hub_id


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("bigscience/bloom", ModelRef("bigscience/bloom")),
        ("  gpt2 ", ModelRef("gpt2")),
        ("hub:bigscience/bloom@v1.2", ModelRef("bigscience/bloom", revision="v1.2")),
        ("a/b@refs/pr/7", ModelRef("a/b", revision="refs/pr/7")),
        ("paper:openai/gpt-3", ModelRef("openai/gpt-3", SourceName.PAPER)),
        ("data:openai/gsm8k", ModelRef("openai/gsm8k", SourceName.DATA)),
        ("local:/tmp/my model@x", ModelRef("/tmp/my model@x", SourceName.LOCAL)),
        ("LTtt456c/Model_-", ModelRef("LTtt456c/Model_-")),
    ],
)
def test_parses_what_users_write(text: str, expected: ModelRef) -> None:
    assert ModelRef.parse(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a/b/c",
        "../etc",
        "a/..",
        "a b/c",
        "/abs/path",
        "C:\\Models\\x",
        "org/",
        "/name",
        "-rf",
        "a/b@",
        "a/b@-x",
        "a/b@../x",
        "local:",
        "local:a\0b",
        "local:two\nlines",
        "local:\udcff",
        "local:" + "a" * 1001,
        "spam:a/b",
        "é/x",
        "x\x1b[31m/y",
        "a" * 258,
        "https://huggingface.co/",
        "https://huggingface.co/models",
        "https://huggingface.co/datasets",
        "https://huggingface.co/spaces/org/name",
        "https://huggingface.co/a b/c",
        "https://huggingface.co/a/b/tree/..%2Fx",
        "https://example.org/bigscience/bloom",
        "https://huggingface.co.example.org/bigscience/bloom",
        "ftp://huggingface.co/bigscience/bloom",
        "file:///tmp/model",
    ],
)
def test_refuses_what_names_no_model(text: str) -> None:
    with pytest.raises(BadReference) as caught:
        ModelRef.parse(text)
    assert caught.value.exit_code == 2
    assert "\x1b" not in caught.value.message
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("path", ["./model", "../model", "/srv/model", "~/model"])
def test_a_bare_path_is_told_how_to_be_written(path: str) -> None:
    with pytest.raises(BadReference) as caught:
        ModelRef.parse(path)
    assert caught.value.hint == f"write local:{path}"


def test_a_local_model_has_one_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/me")
    for text, name in (
        ("local:model/", f"{tmp_path}/model"),
        ("local:../x/./y", f"{tmp_path.parent}/x/y"),
        ("local:~/m", "/home/me/m"),
        ("local:/srv/../m", "/m"),
    ):
        found = absolute(ModelRef.parse(text))
        assert (found.repo_id, absolute(found)) == (f"local:{name}", found)
        assert absolute(ModelRef.parse(found.repo_id)) == found
    assert absolute(ModelRef.parse("org/name@v1")) == ModelRef.parse("org/name@v1")


@pytest.mark.parametrize(
    ("address", "meant"),
    [
        ("https://huggingface.co/bigscience/bloom", "bigscience/bloom"),
        ("http://huggingface.co/bigscience/bloom/", "bigscience/bloom"),
        ("HTTPS://HuggingFace.co/bigscience/bloom", "bigscience/bloom"),
        ("https://www.huggingface.co/bigscience/bloom", "bigscience/bloom"),
        ("https://hf.co/bigscience/bloom?library=transformers#intro", "bigscience/bloom"),
        ("huggingface.co/bigscience/bloom", "bigscience/bloom"),
        ("https://huggingface.co/gpt2", "gpt2"),
        ("https://huggingface.co/gpt2/tree/v1", "gpt2@v1"),
        ("https://huggingface.co/bigscience/bloom/tree/main", "bigscience/bloom"),
        ("https://huggingface.co/bigscience/bloom/tree/v1.2", "bigscience/bloom@v1.2"),
        ("https://huggingface.co/bigscience/bloom/tree/v1.2/sub/folder", "bigscience/bloom@v1.2"),
        ("https://huggingface.co/bigscience/bloom/tree/refs%2Fpr%2F7", "bigscience/bloom@refs/pr/7"),
        ("https://huggingface.co/bigscience/bloom/blob/refs/pr/7/a.json", "bigscience/bloom@refs/pr/7"),
        ("https://huggingface.co/bigscience/bloom/blob/main/config.json", "bigscience/bloom"),
        ("https://huggingface.co/bigscience/bloom/blob/053d9cd/config.json", "bigscience/bloom@053d9cd"),
        ("https://huggingface.co/bigscience/bloom/resolve/v2/x.safetensors", "bigscience/bloom@v2"),
        ("https://huggingface.co/bigscience/bloom/commit/053d9cd", "bigscience/bloom@053d9cd"),
        ("https://huggingface.co/bigscience/bloom/discussions/3", "bigscience/bloom"),
        ("https://huggingface.co/datasets/tatsu-lab/alpaca", "data:tatsu-lab/alpaca"),
        ("https://huggingface.co/datasets/tatsu-lab/alpaca/viewer", "data:tatsu-lab/alpaca"),
    ],
)
def test_an_address_of_the_hub_is_the_reference_it_means(address: str, meant: str) -> None:
    assert ModelRef.parse(address) == ModelRef.parse(meant)
    assert str(ModelRef.parse(address)) == meant


def test_other_addresses_are_told_what_to_write() -> None:
    with pytest.raises(BadReference, match="is not an address of the Hub") as caught:
        ModelRef.parse("https://example.org/bigscience/bloom")
    assert "https://huggingface.co/bigscience/bloom" in (caught.value.hint or "")


def test_a_name_that_looks_like_a_host_stays_a_name() -> None:
    assert ModelRef.parse("hf.co/name").repo_id == "hf.co/name"


@given(st.text(max_size=300))
def test_parsing_answers_or_refuses_and_round_trips(text: str) -> None:
    try:
        ref = ModelRef.parse(text)
    except BadReference:
        return
    assert ModelRef.parse(str(ref)) == ref
    assert ModelRef.parse(ref.repo_id).repo_id == ref.repo_id


@given(st.text(max_size=40))
def test_an_id_never_climbs_or_escapes(text: str) -> None:
    if is_hub_id(text):
        assert text.isascii()
        assert ".." not in text
        assert text.count("/") <= 1
        assert not text.startswith(("/", "-", "."))
