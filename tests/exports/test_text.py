"""Nothing a stranger wrote acts on a terminal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.exports.text import clean, is_unsafe


@pytest.mark.parametrize(
    ("dirty", "shown"),
    [
        ("plain text", "plain text"),
        ("Grüße, 模型 🤗", "Grüße, 模型 🤗"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;new title\x07name", "name"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1bPq#0\x1b\\after", "after"),
        ("\x9b2Jgone", "gone"),
        ("\x9d0;title\x9cname", "name"),
        ("\x1b(0line\x1bc", "line"),
        ("\x1b\x1b[0m[31mx", "[31mx"),
        ("\x1b]0;never closed", "0;never closed"),
        ("over\rwrite\b\b", "over write"),
        ("a\tb\nc\u2028d", "a b c d"),
        ("bell\x07 nul\0 del\x7f", "bell nul del"),
        ("abc\u202egnp.exe", "abcgnp.exe"),
        ("a\u2066b\u2069c\u200bd\ufeff\u00ad", "abcd"),
        ("tag\U000e0041", "tag"),
        ("half\ud800", "half"),
    ],
)
def test_clean(dirty: str, shown: str) -> None:
    assert clean(dirty) == shown


def test_line_feeds_can_stay() -> None:
    assert clean("a\r\nb\nc\rd\x1b[1m\te", keep_newlines=True) == "a\nb\nc d e"


@given(st.text(st.characters() | st.sampled_from("\x1b[]\x9b\x9d\x07\x90\\;0m\u202e\n"), max_size=60))
def test_laws(text: str) -> None:
    shown = clean(text)
    assert not any(is_unsafe(char) for char in shown)
    assert clean(shown) == shown
    assert not any(is_unsafe(char) for char in clean(text, keep_newlines=True).replace("\n", ""))
    assert len(shown) <= len(text)
    if text.isprintable():
        assert shown == text


def test_long_hostile_text_takes_linear_time() -> None:
    for piece in ("\x1b[", "\x1b]", "\x9d", "\x1b[0;", "\x1bP\x90"):
        assert len(clean(piece * 100_000)) <= 400_000
