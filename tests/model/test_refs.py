from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.errors import BadReference
from registry.model.refs import ModelRef, SourceName, is_hub_id


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
        "spam:a/b",
        "é/x",
        "x\x1b[31m/y",
        "a" * 258,
        "https://huggingface.co/bigscience/bloom",
    ],
)
def test_refuses_what_names_no_model(text: str) -> None:
    with pytest.raises(BadReference) as caught:
        ModelRef.parse(text)
    assert caught.value.exit_code == 2
    assert "\x1b" not in caught.value.message
    assert "\n" not in caught.value.message


def test_a_web_address_is_told_the_id() -> None:
    with pytest.raises(BadReference) as caught:
        ModelRef.parse("https://huggingface.co/bigscience/bloom")
    assert "bigscience/bloom" in (caught.value.hint or "")


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
