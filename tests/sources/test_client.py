"""The client against a recorded Hub and against servers that misbehave, over real HTTP."""

from __future__ import annotations

import gzip
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from huggingface_hub import close_session, constants

from registry.demo.hub import RecordedHub, Reply, Request
from registry.errors import (
    BadAnswer,
    BadSettings,
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
from registry.sources.client import BadRequest, HubClient
from registry.sources.faults import Topic
from tests.hubs import by_id, recorded

TOKEN = "hf_AbCdEfGhIjKlMnOpQrStUvWxYz"
NOON = datetime(2026, 11, 1, 12, 0, 0, tzinfo=UTC)
ABOUT = Topic("org/model")
PATH = "/api/models/org/model"

Fault = Callable[[Request], Reply | None]


class Time:
    """A clock that sleeping moves on."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def clock(self) -> datetime:
        return NOON + timedelta(seconds=self.now - 1000.0)


class Setting:
    """A recorded Hub with one model, a client for it, and what the client said of its waits."""

    def __init__(self, hub: RecordedHub, **options: object) -> None:
        self.hub, self.time = hub, Time()
        self.told: list[tuple[float, str]] = []
        self.client = HubClient(
            endpoint=hub.endpoint,
            on_wait=lambda seconds, reason: self.told.append((seconds, reason)),
            clock=self.time.clock,
            monotonic=lambda: self.time.now,
            sleep=self.time.sleep,
            **{"token": False, "timeout": 5.0, "max_wait": 320.0, **options},  # type: ignore[arg-type]
        )

    @property
    def statuses(self) -> list[int]:
        return [line.status for line in self.hub.log]

    def ask(self, path: str = PATH, topic: Topic = ABOUT) -> object:
        return self.client.get_json(path, topic)[0]

    def refused(self, path: str = PATH, topic: Topic = ABOUT) -> SourceError:
        with pytest.raises(SourceError) as caught:
            self.ask(path, topic)
        error = caught.value
        assert error.hint, "every error names the next step"
        for text in (error.message, error.hint):
            assert text == " ".join(text.split()), "one line"
            assert TOKEN not in text
        return error


@contextmanager
def setting(fault: Fault | None = None, **options: object) -> Iterator[Setting]:
    model = recorded("org/model", files={"config.json": b"{}", "big.bin": bytes(1000)})
    with RecordedHub(by_id(model), moved={"org/old": "org/model"}, fault=fault, tokens=[TOKEN]) as hub:
        yield Setting(hub, **options)


def always(reply: Reply) -> Fault:
    return lambda request: reply


def first(*replies: Reply) -> Fault:
    """These replies in turn, then the truth."""
    return lambda request: replies[request.number] if request.number < len(replies) else None


@contextmanager
def server(talk: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that lets `talk` do as it likes with every connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        over = threading.Event()

        def serve() -> None:
            while not over.is_set():
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    try:
                        connection.recv(65536)
                        talk(connection)
                    except OSError:
                        continue

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        over.set()
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)


# --- the ordinary case ---------------------------------------------------------------------------


def test_an_answer_comes_back_and_nothing_else_is_asked() -> None:
    with setting() as it:
        assert isinstance(value := it.ask(), dict)
        assert value["id"] == "org/model"
        (line,) = it.hub.log
        assert "authorization" not in line.headers
        assert line.headers["user-agent"].startswith("model-reuse-registry/")
        assert line.headers["accept-encoding"] == "gzip"


def test_a_token_is_shown() -> None:
    with setting(token=TOKEN) as it:
        it.ask()
        assert it.hub.log[0].headers["authorization"] == f"Bearer {TOKEN}"


def test_the_saved_token_is_found_by_the_clients_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", f" {TOKEN}\n")
    with setting(token=None) as it:
        it.ask()
        assert it.hub.log[0].headers["authorization"] == f"Bearer {TOKEN}"


def test_a_session_closed_by_others_is_opened_again() -> None:
    with setting() as it:
        it.ask()
        close_session()
        it.ask()
        assert it.statuses == [200, 200]


@pytest.mark.parametrize(
    "endpoint", ["huggingface.co", "ftp://host", "http://", "http://[::1", "file:///etc"]
)
def test_an_endpoint_must_be_an_address(endpoint: str) -> None:
    with pytest.raises(BadSettings, match="is not the address of a Hub"):
        HubClient(endpoint=endpoint)


# --- refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply.error(401, "Invalid username or password.", "RepoNotFound"), NotVisible),
        (Reply.error(401, "Invalid username or password."), NotVisible),
        (Reply(401), Unauthorized),
        (Reply.error(401, "Invalid credentials in Authorization header"), Unauthorized),
        (Reply.error(401, "Please log in.", "GatedRepo"), Gated),
        (Reply.error(403, "You are not in the authorized list.", "GatedRepo"), Gated),
        (Reply.error(403, "Access to this resource is disabled."), Disabled),
        (Reply.error(403, "Forbidden"), Unauthorized),
        (Reply.error(404, "Repository not found", "RepoNotFound"), NotVisible),
        (Reply.error(404, "Invalid rev id: x", "RevisionNotFound"), NoSuchRevision),
        (Reply.error(404, "Entry not found", "EntryNotFound"), NoSuchFile),
        (Reply(404, {"Content-Type": "text/html"}, b"<html>nothing here</html>"), BadAnswer),
        (Reply(410), BadAnswer),
        (Reply.error(410, "Gone"), NotVisible),
        (Reply(451), BadAnswer),
        (Reply.error(451, "Unavailable For Legal Reasons"), Disabled),
        (Reply(400, {}, b"[1, 2]"), BadRequest),
        (Reply(400, {}, b'{"error": [1], "errors": [2]}'), BadRequest),
        (Reply(422, {}, b"[" * 5000), BadRequest),
        (Reply(405), ServerFault),
        (Reply(418, {}, b"\xff\xfe"), ServerFault),
        (Reply(501), ServerFault),
        (Reply(204), ServerFault),
        (Reply(304), ServerFault),
    ],
)
def test_a_refusal_is_told_by_its_name_and_not_repeated(reply: Reply, kind: type[SourceError]) -> None:
    with setting(always(reply)) as it:
        error = it.refused()
        assert type(error) is kind
        assert "org/model" in error.message
        assert len(it.statuses) == 1
        assert it.told == []


def test_a_missing_file_without_the_hubs_code_is_a_missing_file() -> None:
    with setting(always(Reply(404))) as it:
        error = it.refused("/org/model/resolve/main/x.json", Topic("org/model", None, "x.json"))
        assert type(error) is NoSuchFile
        assert error.message == "org/model has no file 'x.json'"


def test_absence_is_told_by_what_the_caller_could_see() -> None:
    topic = Topic("org/none")
    with setting() as it:
        anonymous = it.refused("/api/models/org/none", topic)
    with setting(token=TOKEN) as it:
        known = it.refused("/api/models/org/none", topic)
    assert type(anonymous) is type(known) is NotVisible
    assert "absent" in anonymous.message
    assert "or not visible without a token" in anonymous.message
    assert "or this token cannot see it" in known.message
    assert "deleted" not in anonymous.message + known.message


def test_a_401_for_a_known_caller_is_about_the_token() -> None:
    with setting(always(Reply(401)), token=TOKEN) as it:
        error = it.refused()
        assert type(error) is Unauthorized
        assert "refused the token (401)" in error.message


def test_the_terms_of_a_gated_model_are_named() -> None:
    with setting(always(Reply.error(403, "no", "GatedRepo")), token=TOKEN) as it:
        assert it.refused().hint == f"accept them at {it.hub.endpoint}/org/model"


def test_a_bad_request_keeps_the_hosts_words() -> None:
    words = "one of [" + ", ".join(f"name{number}" for number in range(200)) + "]"
    with setting(always(Reply.error(400, words))) as it:
        error = it.refused()
        assert isinstance(error, BadRequest)
        assert error.words == words
        assert len(error.message) < 400


# --- what may pass -------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504, 520])
def test_a_busy_host_is_asked_again(status: int) -> None:
    with setting(first(Reply(status), Reply(status))) as it:
        it.ask()
        assert it.statuses == [status, status, 200]
        assert it.time.slept == [1.0, 2.0]
        assert [seconds for seconds, _ in it.told] == [1.0, 2.0]
        assert it.told[0][1].startswith("try 2 of 4: ")
        assert "org/model" in it.told[0][1]


def test_a_host_that_stays_busy_is_given_up() -> None:
    with setting(always(Reply.json({"error": "Overloaded\x1b[31m\r\nplease wait"}, 503))) as it:
        error = it.refused()
        assert type(error) is ServerFault
        assert error.message.endswith("(503): Overloaded [31m please wait")
        assert it.statuses == [503] * 4


def test_retry_after_is_honoured_in_seconds_and_as_a_date() -> None:
    date = {"Retry-After": "Sun, 01 Nov 2026 12:01:00 GMT", "Date": "Sun, 01 Nov 2026 12:00:00 GMT"}
    with setting(first(Reply(503, {"Retry-After": "7"}), Reply(429, date))) as it:
        it.ask()
        assert it.time.slept[0] == 7.0
        # The recorded Hub sends its own Date as well; ours is the real clock and long past or ahead.
        assert it.statuses == [503, 429, 200]


def test_a_429_waits_for_the_reset_the_host_names() -> None:
    headers = {"RateLimit": '"api";r=0;t=41', "RateLimit-Policy": '"fixed window";"api";q=500;w=300'}
    with setting(first(Reply(429, headers))) as it:
        it.ask()
        assert it.time.slept == [42.0]
        assert it.told == [(42.0, f"the request limit of {_netloc(it)} (api: 500 requests per 300 s)")]


def test_a_429_without_a_word_is_tried_again_with_growing_pauses() -> None:
    with setting(always(Reply(429))) as it:
        error = it.refused()
        assert type(error) is RateLimited
        assert it.time.slept == [1.0, 2.0, 4.0, 8.0, 8.0, 8.0, 8.0]


def test_a_429_that_wants_no_wait_does_not_go_on_for_ever() -> None:
    with setting(always(Reply(429, {"Retry-After": "0"}))) as it:
        assert type(it.refused()) is RateLimited
        assert len(it.statuses) == 8


def test_the_limit_is_kept_before_it_is_hit() -> None:
    def fault(request: Request) -> Reply | None:
        left = 1 - request.number
        return Reply.json({}, headers={"RateLimit": f'"api";r={max(left, 0)};t=100'}) if left >= 0 else None

    with setting(fault) as it:
        it.ask()
        it.ask()
        assert it.time.slept == []
        it.ask()
        assert it.time.slept == [101.0]
        assert it.statuses == [200, 200, 200]


def test_waiting_is_bounded_and_the_reset_is_named() -> None:
    with setting(always(Reply.json({}, headers={"RateLimit": '"api";r=0;t=3000'})), max_wait=100.0) as it:
        it.ask()
        error = it.refused()
        assert type(error) is RateLimited
        assert "2026-11-01 12:50:01 UTC, in 3001 s" in error.message
        assert error.hint is not None
        assert "a token raises the limit" in error.hint
        assert it.time.slept == []
        assert it.statuses == [200]


def test_all_waits_of_a_request_share_one_bound() -> None:
    with setting(always(Reply(429, {"Retry-After": "40"})), max_wait=100.0, token=TOKEN) as it:
        error = it.refused()
        assert type(error) is RateLimited
        assert it.time.slept == [40.0, 40.0]
        assert error.hint is not None
        assert "token" not in error.hint


def test_an_absurd_limit_header_is_survived() -> None:
    with setting(always(Reply.json({}, headers={"RateLimit": f'"api";r={"9" * 5000};t=1'}))) as it:
        it.ask()
        it.ask()
    with setting(always(Reply.json({}, headers={"RateLimit": f'"api";r=0;t={"9" * 4000}'}))) as it:
        it.ask()
        assert type(it.refused()) is RateLimited


def test_threads_share_one_limit_and_are_never_turned_away() -> None:
    told: list[str] = []
    with RecordedHub(by_id(recorded("org/model")), rate=(10, 1)) as hub:
        client = HubClient(endpoint=hub.endpoint, token=False, on_wait=lambda _, why: told.append(why))
        client.get_json(PATH, ABOUT)
        threads = [threading.Thread(target=client.get_json, args=(PATH, ABOUT)) for _ in range(14)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        assert [line.status for line in hub.log] == [200] * 15
    assert len(told) == 1, "one wait is announced once"


# --- broken connections and answers --------------------------------------------------------------


def test_nobody_there() -> None:
    it = Time()
    with socket.create_server(("127.0.0.1", 0)) as closed:
        endpoint = f"http://127.0.0.1:{closed.getsockname()[1]}"
    client = HubClient(endpoint=endpoint, token=False, sleep=it.sleep)
    with pytest.raises(Unreachable, match=r"cannot reach 127.0.0.1:\d+ for org/model: .*refused"):
        client.get(PATH, ABOUT)
    assert it.slept == [1.0, 2.0]


def test_no_such_host(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    client = HubClient(endpoint="http://hub.invalid", token=False, sleep=Time().sleep)
    with pytest.raises(Unreachable, match="Name or service not known"):
        client.get(PATH, ABOUT)


def test_a_bad_certificate_is_not_tried_again() -> None:
    with setting() as it:
        client = HubClient(
            endpoint=it.hub.endpoint.replace("http:", "https:"), token=False, sleep=it.time.sleep
        )
        with pytest.raises(Unreachable, match="SSL"):
            client.get(PATH, ABOUT)
        assert it.time.slept == []


def test_a_silent_host_is_left_after_two_tries() -> None:
    with setting(always(Reply(delay=30)), timeout=0.1) as it:
        error = it.refused()
        assert type(error) is Unreachable
        assert "no answer within 0.1 s" in error.message
        assert it.time.slept == [1.0]


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"])
def test_a_host_that_sends_byte_by_byte_is_left_in_the_end(head: bytes) -> None:
    """No byte is late, but there is no end of them: first in the head, then in the body."""

    def drip(connection: socket.socket) -> None:
        connection.sendall(head or b"HTTP/1.1 200 OK\r\nX-Endless: ")
        for _ in range(100):  # 2 s in all; the client puts up with 0.6.
            connection.sendall(b"a")
            time.sleep(0.02)

    with server(drip) as endpoint:
        client = HubClient(endpoint=endpoint, token=False, timeout=0.1, sleep=Time().sleep)
        began = time.monotonic()
        with pytest.raises(Unreachable, match=r"no whole answer within|sends too slowly"):
            client.get(PATH, ABOUT)
        assert time.monotonic() - began < 1.5


def test_a_connection_closed_without_an_answer() -> None:
    with setting(always(Reply(raw=b""))) as it:
        error = it.refused()
        assert type(error) is Unreachable
        assert "disconnected without sending a response" in error.message
        assert len(it.statuses) == 3


def test_an_answer_that_is_no_http() -> None:
    with setting(always(Reply(raw=b"220 smtp ready\r\n\r\n"))) as it:
        assert type(it.refused()) is Unreachable


def test_a_truncated_answer_is_tried_again_and_then_given_up() -> None:
    with setting(first(Reply.json({"a": 1}), Reply(200, {}, b'{"id": "org/model"}', cut=5))) as it:
        it.ask()
        assert isinstance(it.ask(), dict)
    with setting(always(Reply(200, {}, b'{"id": "org/model"}', cut=5))) as it:
        error = it.refused()
        assert type(error) is BadAnswer
        assert "broke off in the middle" in error.message
        assert len(it.statuses) == 3


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (b"", "not JSON"),
        (b'{"id": "org/mo', "not JSON"),
        (b"<!doctype html><title>Log in to the hotel's network</title>", "not JSON"),
        (b"\xff\xfe\x00", "not JSON"),
        (b"[" * 100_000, "nested too deeply"),
        (b"1" * 10_000, "not JSON"),
    ],
)
def test_what_is_no_json(body: bytes, what: str) -> None:
    with setting(always(Reply(200, {}, body))) as it:
        error = it.refused()
        assert type(error) is BadAnswer
        assert what in error.message


def test_an_answer_has_a_size() -> None:
    with setting() as it:
        topic = Topic("org/model", None, "big.bin")
        assert it.client.get("/org/model/resolve/main/big.bin", topic, limit=1000).body == bytes(1000)
        with pytest.raises(BadAnswer, match="more than 999 bytes"):
            it.client.get("/org/model/resolve/main/big.bin", topic, limit=999)


def test_packed_answers_are_unpacked_within_bounds() -> None:
    packed = {"Content-Encoding": "gzip"}
    bomb = gzip.compress(bytes(50_000_000))
    replies = [Reply(200, packed, gzip.compress(b'{"a": 1}')), Reply(200, packed, b"")]
    with setting(first(*replies, Reply(200, packed, bomb))) as it:
        assert it.ask() == {"a": 1}
        assert it.client.get(PATH, ABOUT).body == b""
        with pytest.raises(BadAnswer, match="more than 1,000,000 bytes"):
            it.client.get(PATH, ABOUT, limit=1_000_000)


@pytest.mark.parametrize(
    ("encoding", "body", "what"),
    [
        ("gzip", b"no gzip at all", "does not unpack"),
        ("gzip", gzip.compress(bytes(range(256)) * 99)[:-12], "broke off"),
        ("br", b"{}", "the encoding 'br', which nobody asked for"),
    ],
)
def test_answers_packed_badly(encoding: str, body: bytes, what: str) -> None:
    with setting(always(Reply(200, {"Content-Encoding": encoding}, body))) as it:
        error = it.refused()
        assert type(error) is BadAnswer
        assert what in error.message


def test_an_error_whose_body_is_broken_is_still_that_error() -> None:
    huge = Reply(404, {"X-Error-Code": "RepoNotFound"}, bytes(1_000_000))
    cut = Reply(404, {"X-Error-Code": "RevisionNotFound"}, bytes(100), cut=3)
    with setting(first(huge, cut)) as it:
        assert type(it.refused()) is NotVisible
        assert type(it.refused()) is NoSuchRevision


# --- redirects -----------------------------------------------------------------------------------


def test_a_rename_is_followed_at_our_host() -> None:
    with setting(token=TOKEN) as it:
        value = it.ask("/api/models/org/old")
        assert isinstance(value, dict)
        assert value["id"] == "org/model"
        assert it.statuses == [307, 200]
        assert all(line.headers["authorization"] == f"Bearer {TOKEN}" for line in it.hub.log)


def test_the_api_is_not_followed_to_another_host() -> None:
    with setting() as other:
        target = f"{other.hub.endpoint}{PATH}"
        with setting(always(Reply(307, {"Location": target})), token=TOKEN) as it:
            error = it.refused()
            assert type(error) is BadAnswer
            assert f"sends us on to {_netloc(other)}, which is not followed" in error.message
        assert other.hub.log == []


def test_a_file_is_followed_to_another_host_without_the_token() -> None:
    file = "/org/model/resolve/main/big.bin"
    with setting() as other:
        with setting(always(Reply(302, {"Location": other.hub.endpoint + file})), token=TOKEN) as it:
            answer = it.client.get(file, Topic("org/model", None, "big.bin"), span=(0, 9))
            assert it.hub.log[0].headers["authorization"] == f"Bearer {TOKEN}"
        (line,) = other.hub.log
        assert "authorization" not in line.headers
        assert line.headers["range"] == "bytes=0-9"
        assert (answer.body, answer.total) == (bytes(10), 1000)


@pytest.mark.parametrize("location", ["ftp://127.0.0.1/x", "http://[::1/", "javascript:alert(1)", "http://"])
def test_a_redirect_to_nowhere(location: str) -> None:
    with setting(always(Reply(302, {"Location": location}))) as it:
        assert type(it.refused("/org/model/resolve/main/x", Topic("org/model", None, "x"))) is BadAnswer


def test_redirects_end() -> None:
    with setting(lambda request: Reply(307, {"Location": f"{PATH}?{request.number}"})) as it:
        assert "redirects more than 5 times" in it.refused().message
        assert len(it.statuses) == 5


# --- parts of files ------------------------------------------------------------------------------


def test_a_host_that_ignores_a_range_is_not_listened_to() -> None:
    with setting(lambda request: Reply(200, {}, bytes(5000))) as it:
        topic = Topic("org/model", None, "big.bin")
        refused = it.client.get("/org/model/resolve/main/big.bin", topic, span=(0, 9), limit=1000)
        assert (refused.body, refused.total) == (None, None)
        small = it.client.get("/org/model/resolve/main/big.bin", topic, span=(0, 9), limit=5000)
        assert (small.body, small.total) == (bytes(5000), 5000)


@pytest.mark.parametrize(
    "told", ["", "bytes 5-9/1000", "bytes */1000", "pages 0-9/1000", f"bytes 0-9/{'9' * 99}"]
)
def test_another_part_than_asked_for(told: str) -> None:
    reply = Reply(206, {"Content-Range": told}, bytes(10))
    with setting(always(reply)) as it, pytest.raises(BadAnswer, match="another part"):
        it.client.get("/org/model/resolve/main/big.bin", ABOUT, span=(0, 9))


def test_a_whole_file_of_untold_length_is_read_no_further_than_bearable() -> None:
    def talk(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + bytes(sizes.pop()))

    sizes = [5001, 5000]
    with server(talk) as endpoint:
        client = HubClient(endpoint=endpoint, token=False)
        assert client.get("/a/resolve/main/b", ABOUT, span=(0, 9), limit=5000).body == bytes(5000)
        assert client.get("/a/resolve/main/b", ABOUT, span=(0, 9), limit=5000).body is None


# --- secrets, switches, the end ------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 429, 500])
def test_a_token_that_a_host_echoes_is_blotted_out(status: int) -> None:
    said = f"cannot take Bearer {TOKEN} or {TOKEN} or hf_{'z' * 30}"
    for reply in (Reply.error(status, said), Reply.json({"error": said}, status)):
        with setting(always(reply), token=TOKEN) as it:
            error = it.refused()
            everything = " ".join([str(error), repr(error), str(error.hint), *(why for _, why in it.told)])
            assert "hf_" not in everything


def test_a_token_echoed_in_a_good_answer_does_not_get_further() -> None:
    with setting(lambda request: Reply.json({"id": f"you sent {request.token}"}), token=TOKEN) as it:
        value, answer = it.client.get_json(PATH, ABOUT)
        assert value == {"id": "you sent " + "*" * len(TOKEN)}
        assert answer.body == b'{"id":"you sent ' + b"*" * len(TOKEN) + b'"}'


@pytest.mark.parametrize("token", ["hf_\u00e9\u00e8", "hf_ab cd", "hf_ab\ncd", "hf_\x00"])
def test_a_token_that_cannot_be_one_is_refused_unshown(token: str) -> None:
    with setting(token=token) as it:
        with pytest.raises(Unauthorized, match="no usable token to ask for org/model") as caught:
            it.ask()
        assert "hf_" not in caught.value.message
        assert it.statuses == []


def test_a_token_that_is_wanted_and_not_there() -> None:
    with setting(token=True) as it, pytest.raises(Unauthorized, match="no usable token"):
        it.ask()


def test_credentials_in_the_address_stay_out_of_messages() -> None:
    with setting(always(Reply(404, {"X-Error-Code": "RevisionNotFound"}))) as it:
        client = HubClient(endpoint=it.hub.endpoint.replace("//", "//user:secret@"), token=False)
        with pytest.raises(NoSuchRevision) as caught:
            client.get(PATH, ABOUT)
        assert "secret" not in f"{caught.value} {caught.value.hint}"


def test_offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with setting() as it:
        assert type(it.refused()) is Offline
        assert it.statuses == []


def test_closing_ends_a_wait_at_once() -> None:
    with setting(always(Reply(503, {"Retry-After": "60"}))) as it:
        client = HubClient(endpoint=it.hub.endpoint, token=False, on_wait=lambda *_: client.close())
        with pytest.raises(Unreachable, match="reading org/model was stopped"):
            client.get(PATH, ABOUT)
        with pytest.raises(Unreachable, match="stopped"):
            client.get(PATH, ABOUT)
        assert it.statuses == [503]


def test_closing_ends_a_request_under_way() -> None:
    asked = threading.Event()

    def fault(_: Request) -> Reply:
        asked.set()
        return Reply(delay=30)

    with setting(fault) as it:
        client = HubClient(endpoint=it.hub.endpoint, token=False, timeout=30)
        stopper = threading.Thread(target=lambda: (asked.wait(5), client.close()))
        stopper.start()
        with pytest.raises(Unreachable, match="stopped"):
            client.get(PATH, ABOUT)
        stopper.join(5)


def _netloc(it: Setting) -> str:
    return it.hub.endpoint.removeprefix("http://")


def test_a_host_that_cannot_be_reached_is_not_asked_by_everybody() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with setting() as it:
        it.client.endpoint = f"http://127.0.0.1:{port}"
        first_error = it.refused()
        tries = len(it.told)
        assert tries == 2
        for number in range(20):
            error = it.refused(topic=Topic(f"org/model-{number}"))
            assert type(error) is Unreachable
            assert f"org/model-{number}" in error.message
        assert len(it.told) == tries, "nobody else waits for what the first found out"
        assert type(first_error) is Unreachable
        it.client.endpoint = it.hub.endpoint
        it.time.now += 60
        assert it.ask() is not None
