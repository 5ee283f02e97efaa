"""The sentences of refusals: one line, no credentials, always a next step."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.errors import (
    BadAnswer,
    Disabled,
    Gated,
    NoSuchFile,
    NoSuchRevision,
    NotVisible,
    Offline,
    RateLimited,
    ServerFault,
    SourceError,
    Unauthorized,
    Unreachable,
)
from registry.sources.faults import LONGEST_DETAIL, Host, Topic, fault, scrub

KINDS = (
    BadAnswer,
    Disabled,
    Gated,
    NoSuchFile,
    NoSuchRevision,
    NotVisible,
    Offline,
    RateLimited,
    ServerFault,
    Unauthorized,
    Unreachable,
)
SECRET = "hf_AbCdEfGhIjKlMnOpQrStUvWxYz"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("detail", ["", "said the server"])
def test_every_kind_names_the_model_and_the_next_step(
    kind: type[SourceError], known: bool, detail: str
) -> None:
    topic, host = Topic("org/model", "v1", "x.json"), Host("https://hub.example", known)
    error = fault(kind, topic, host, status=418, detail=detail)
    assert type(error) is kind
    assert "org/model" in error.message
    assert error.hint
    assert "\n" not in error.message + error.hint


def test_a_topic_reads_well() -> None:
    assert str(Topic("a/b")) == "a/b"
    assert str(Topic("a/b", "main")) == "a/b@main"
    assert str(Topic("a/b", None, "c")) == "c of a/b"


def test_a_missing_file_is_named_as_far_as_it_is_known() -> None:
    host = Host("https://hub.example", known=False)
    assert str(fault(NoSuchFile, Topic("a/b", "v1", "c"), host)) == "a/b has no file 'c' at v1"
    assert str(fault(NoSuchFile, Topic("a/b"), host)) == "a/b has no file list"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        (f"sent {SECRET}!", "sent [token]!"),
        ("token hf_ZyXwVuTsRqPoNm of another", "token [token] of another"),
        ("Authorization: Bearer abc.def", "Authorization: Bearer [token]"),
        ("basic dXNlcjpwdw==", "basic [token]"),
        ("at https://user:pw@hub/x?sig=abc&y=1 now", "at https://hub/x now"),
        ("a\x1b[31mred\x07\r\nb\u202ec\ud800d\u2028e", "a [31mred b c d e"),
        ("x" * 500, "x" * (LONGEST_DETAIL - 3) + "..."),
        ("\u00e9\u4e2d\U0001f600", "\u00e9\u4e2d\U0001f600"),
    ],
)
def test_scrub(text: str, shown: str) -> None:
    assert scrub(text, SECRET) == shown


@given(st.text(), st.text())
def test_scrubbed_text_is_one_clean_line_without_the_token(before: str, after: str) -> None:
    line = scrub(f"{before}{SECRET}{after}", SECRET)
    assert SECRET not in line
    assert line.isprintable()
    assert len(line) <= LONGEST_DETAIL


def test_a_token_across_the_cut_does_not_show() -> None:
    for length in range(1960, 2001):
        assert "hf_A" not in scrub(" " * length + SECRET, SECRET)
