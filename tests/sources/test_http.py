"""One exchange at a time, and what the Hub client is asked for."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from huggingface_hub import constants, set_client_factory
from huggingface_hub.errors import OIDCError
from huggingface_hub.utils import httpx
from huggingface_hub.utils._http import default_client_factory
from hypothesis import given
from hypothesis import strategies as st

from registry.demo.hub import RecordedHub, Reply
from registry.errors import BadAnswer, NoSuchFile, NotVisible, ServerFault, SourceError, Unauthorized
from registry.sources import http


def trouble(url: str, timeout: float = 1.0) -> http.Trouble:
    with pytest.raises(http.Trouble) as caught:
        http.exchange(url, {}, timeout=timeout, total=5.0, limit=1000)
    return caught.value


@pytest.fixture
def factory() -> Iterator[None]:
    yield
    set_client_factory(default_client_factory)


# --- exchanges -----------------------------------------------------------------------------------


def test_an_exchange_tells_status_headers_and_the_next_page() -> None:
    link = '<http://127.0.0.1/api/models?cursor=abc>; rel="next"'
    with RecordedHub({}, fault=lambda _: Reply(200, {"Link": link, "X-Thing": "a"}, b"[]")) as hub:
        reply = http.exchange(f"{hub.endpoint}/api/models", {}, timeout=5, total=5, limit=10)
    assert (reply.status, reply.body, reply.headers["x-thing"]) == (200, b"[]", "a")
    assert reply.next == "http://127.0.0.1/api/models?cursor=abc"


@pytest.mark.parametrize(
    "url", ["", "nonsense", "gopher://127.0.0.1/", "http://127.0.0.1:99999/", "http://\u2603\0"]
)
def test_what_is_no_address(url: str) -> None:
    found = trouble(url)
    assert found.cause in ("address", "refused")
    assert not found.passing or found.cause == "refused"


def test_the_clients_own_switch_for_offline_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert trouble("http://127.0.0.1:9/").cause == "offline"
    assert http.is_offline()


@pytest.mark.usefixtures("factory")
@pytest.mark.parametrize(
    ("error", "cause", "passing"),
    [
        (httpx.ConnectTimeout("late"), "silent", True),
        (httpx.PoolTimeout("full"), "silent", True),
        (httpx.ProxyError("proxy says no"), "broken", True),
        (httpx.ReadError(""), "broken", True),
        (RuntimeError("Cannot send a request, as the client has been closed."), "broken", True),
        (FileNotFoundError(2, "No such file or directory"), "refused", False),
    ],
)
def test_troubles_of_the_session(error: Exception, cause: str, passing: bool) -> None:
    def fail(_: httpx.Request) -> httpx.Response:
        raise error

    set_client_factory(lambda: httpx.Client(transport=httpx.MockTransport(fail)))
    found = trouble("http://127.0.0.1:9/")
    assert (found.cause, found.passing) == (cause, passing)
    assert found.detail


# --- tokens --------------------------------------------------------------------------------------


def test_tokens_follow_the_clients_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    assert http.read_token(None) is None
    assert http.read_token("hf_given") == "hf_given"
    monkeypatch.setenv("HF_TOKEN", "hf_saved\n")
    assert http.read_token(None) == http.read_token(True) == "hf_saved"
    assert http.read_token(False) is None
    assert http.read_token("") is None


def test_a_token_that_cannot_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(http.NoToken, match="Token is required"):
        http.read_token(True)

    def fail(_: object) -> None:
        raise OIDCError("HF_OIDC_RESOURCE is set but no id token is available. Set one.")

    monkeypatch.setattr(http, "get_token_to_send", fail)
    with pytest.raises(http.NoToken, match=r"no id token is available$"):
        http.read_token(None)


# --- what an answer means ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("https://huggingface.co/api", ("https", "huggingface.co", 443)),
        ("http://Hub.Example:8080", ("http", "hub.example", 8080)),
        ("http://user:pw@hub/", ("http", "hub", 80)),
        ("http://hub:port/", ("", "", 0)),
        ("http://[::1", ("", "", 0)),
        ("/api/models", ("", "", 0)),
    ],
)
def test_origin(url: str, found: tuple[str, str, int]) -> None:
    assert http.origin(url) == found


def test_a_401_is_told_by_who_asked() -> None:
    for scheme in ("http", "https"):
        reply = http.Reply(f"{scheme}://hub/api/models/a/b", 401, {"x-error-message": "Who are you?"})
        assert http.kind_of(reply, known=False, file=False) is NotVisible
        assert http.kind_of(reply, known=True, file=False) is Unauthorized


@pytest.mark.parametrize(
    ("status", "kind"), [(401, Unauthorized), (404, BadAnswer), (410, BadAnswer), (451, BadAnswer)]
)
def test_a_refusal_without_a_word_says_nothing_about_the_model(status: int, kind: type[SourceError]) -> None:
    reply = http.Reply("https://proxy/api/models/a/b", status, {}, b"<html>no</html>")
    assert http.kind_of(reply, known=False, file=False) is kind


def test_odd_error_messages_do_no_harm() -> None:
    reply = http.Reply("https://hub/api/models/a/b", 404, {"x-error-message": "\u2603 \udc80"})
    assert http.kind_of(reply, known=False, file=True) is NoSuchFile
    assert http.kind_of(http.Reply("nonsense", 599), known=False, file=False) is ServerFault


@pytest.mark.parametrize(
    ("headers", "body", "words"),
    [
        ({"x-error-message": "from the header"}, b'{"error": "from the body"}', "from the header"),
        ({}, b'{"error": "from the body"}', "from the body"),
        ({}, b'{"error": ["a", "list"]}', ""),
        ({}, b'["error"]', ""),
        ({}, b"<html>", ""),
        ({}, b"[" * 100_000, ""),
        ({}, b"\xff", ""),
    ],
)
def test_server_words(headers: dict[str, str], body: bytes, words: str) -> None:
    assert http.server_words(http.Reply("http://hub/", 500, headers, body)) == words
    assert http.server_words(http.Reply("http://hub/", 500, {}, None)) == ""


def test_json_that_no_database_takes_is_mended() -> None:
    body = (
        rb'{"a\u0000b": ["\ud800", "\ud83d\ude00", {"c": "\uDFFFd"}], "n": NaN, "i": [-Infinity, 1e999, 1.5]}'
    )
    assert http.decode_json(body) == {
        "a\ufffdb": ["\ufffd", "\U0001f600", {"c": "\ufffdd"}],
        "n": None,
        "i": [None, None, 1.5],
    }


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda sub: st.lists(sub) | st.dictionaries(st.text(), sub),
    )
)
def test_decoded_json_can_always_be_written(value: object) -> None:
    decoded = http.decode_json(json.dumps(value).encode())
    text = json.dumps(decoded, ensure_ascii=False)
    assert "\0" not in text
    assert "\\u0000" not in text
    text.encode()
    if "\0" not in repr(value) and "\\x00" not in repr(value) and "\\ud" not in repr(value):
        assert decoded == value


@given(st.binary(max_size=200))
def test_any_bytes_decode_or_are_refused(body: bytes) -> None:
    try:
        value = http.decode_json(body)
    except (ValueError, RecursionError):
        return
    assert http.decode_json(json.dumps(value, allow_nan=False).encode()) == value
