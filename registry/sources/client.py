"""Asking a Hub with patience: turns within its limits, retries, redirects, and a bound on all waiting."""

from __future__ import annotations

import queue
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urljoin, urlsplit

from registry.errors import (
    BadAnswer,
    BadSettings,
    Offline,
    RateLimited,
    ServerFault,
    SourceError,
    Unauthorized,
    Unreachable,
)
from registry.sources import http
from registry.sources.faults import Host, Topic, fault, scrub
from registry.sources.throttle import Throttle, retry_after

MAX_JSON = 64 * 10**6
"""Bytes of one JSON answer, unpacked."""

_MAX_HOPS = 5
_TOTAL_FACTOR = 6  # A whole answer may take this many times the silence we put up with.
_TRIES = {"busy": 4, "refused": 3, "broken": 3, "cut": 3, "silent": 2, "limited": 8}
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_LOST_AFTER = {"refused": 1, "silent": 3}
_LOST_FOR = 15.0
_FINAL_5XX = frozenset({501, 505, 511})
_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-\d{1,18}/(\d{1,18}|\*)")
_BROKEN_ANSWERS = frozenset({"cut", "large", "odd"})


@dataclass(frozen=True, slots=True)
class Answer:
    """A successful answer. body: `None` where the host ignored a range and the file was left unread. total:
    the size of the whole file, where a ranged answer tells it. next: address of the next page of a list."""

    url: str
    body: bytes | None
    total: int | None = None
    next: str | None = None


class BadRequest(ServerFault):
    """The host does not take the request as written (400, 422). words: why; foreign and unshortened."""

    words: str = ""


class _Passing(Exception):
    """A failure that may pass. cause: a key of `_TRIES`; after: seconds the host wants us to wait."""

    def __init__(self, cause: str, error: SourceError, after: float | None = None) -> None:
        super().__init__(cause)
        self.cause, self.error, self.after = cause, error, after


@dataclass(slots=True)
class _Call:
    """One request with its state: what is asked, whose token, and the seconds of waiting left."""

    url: str
    bucket: str
    topic: Topic
    limit: int
    span: tuple[int, int] | None
    patience: float
    token: str | None = None


_Outcome = tuple[http.Reply | None, BaseException | None]


class HubClient:
    """GET requests to one Hub. Thread-safe.

    endpoint: `None` for the Hub client's own (`HF_ENDPOINT`). token: as the Hub client takes it: a token,
    `True` for the saved one or an error, `False` for none, `None` for the saved one if there is one.
    timeout: seconds of silence; max_wait: seconds one request may spend waiting for limits and retries.
    on_wait: told the seconds and the reason before a wait, once for all threads that wait for one limit.
    """

    def __init__(
        self,
        *,
        endpoint: str | None = None,
        token: bool | str | None = None,
        timeout: float = 20.0,
        max_wait: float = 320.0,
        on_wait: Callable[[float, str], None] | None = None,
        version: str = "0",
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] | None = None,
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        self.endpoint = (endpoint or http.default_endpoint()).rstrip("/")
        scheme, host, _ = http.origin(self.endpoint)
        if scheme not in ("http", "https") or not host:
            raise BadSettings(
                f"{scrub(self.endpoint, None)!r} is not the address of a Hub",
                hint="set HF_ENDPOINT to https://huggingface.co, or unset it",
            )
        self._token, self._timeout, self._max_wait = token, timeout, max_wait
        self._on_wait, self._clock, self._monotonic = on_wait, clock, monotonic or time.monotonic
        self._closed = threading.Event()
        self._sleep = sleep or self._closed.wait
        self._agent = http.user_agent(version)
        self._throttle = Throttle()
        self._lock = threading.Lock()
        self._announced: dict[str, float] = {}
        self._given_up: Counter[str] = Counter()
        self._lost_until = float("-inf")
        self._under_way: set[queue.SimpleQueue[_Outcome]] = set()

    def close(self) -> None:
        """End every wait and every request under way; each raises `Unreachable`. The session is the Hub
        client's and stays."""
        self._closed.set()
        with self._lock:
            for box in self._under_way:
                box.put((None, None))

    def get_json(
        self, path: str, topic: Topic, *, params: Sequence[tuple[str, str]] = ()
    ) -> tuple[object, Answer]:
        """A JSON answer, decoded (see `http.decode_json`) and as received."""
        answer = self.get(path, topic, params=params)
        try:
            return http.decode_json(answer.body or b""), answer
        except RecursionError:
            raise self.fault(BadAnswer, topic, "nested too deeply") from None
        except ValueError:
            raise self.fault(BadAnswer, topic, "not JSON, or cut short") from None

    def get(
        self,
        path: str,
        topic: Topic,
        *,
        params: Sequence[tuple[str, str]] = (),
        limit: int = MAX_JSON,
        span: tuple[int, int] | None = None,
    ) -> Answer:
        """One answer of at most `limit` bytes.

        path: beginning with `/`, already quoted; or a whole address at our host (the next page of a list).
        span: first and last byte of a file. A host that sends the whole file instead is not listened to
        unless that fits into `limit`. Raises `SourceError`.
        """
        url = path if "://" in path else self.endpoint + path
        bucket = "resolvers" if "/resolve/" in path else "api" if "/api/" in path else "pages"
        call = _Call(http.add_query(url, list(params)) if params else url, bucket, topic, limit, span, 0.0)
        call.patience = self._max_wait
        tries: Counter[str] = Counter()
        while True:
            call.token = self._credentials(topic)
            self._stop_if_lost(topic)
            self._take_turn(call)
            try:
                return self._ask(call)
            except _Passing as passing:
                tries[passing.cause] += 1
                failure, tried = passing, tries[passing.cause]
            finally:
                self._throttle.done(bucket)
            self._back_off(call, failure, tried)

    # --- patience --------------------------------------------------------------------------------

    def _take_turn(self, call: _Call) -> None:
        """Wait until the limit leaves room."""
        while (seconds := self._throttle.take(call.bucket, self._monotonic())) > 0:
            host = self._host(call.token)
            reason = f"the request limit of {host.name} ({self._throttle.describe(call.bucket)})"
            shared = self._announce_once(call.bucket, seconds)
            self._wait(call, seconds, reason, self._limited(call, seconds), quiet=shared)

    def _back_off(self, call: _Call, passing: _Passing, tried: int) -> None:
        """Wait before the next try, or give up."""
        if tried >= _TRIES[passing.cause]:
            self._give_up(passing.cause)
            raise passing.error
        if passing.cause == "limited" and passing.after is not None:
            # Turned away for everybody: the next turn waits, together with all other threads.
            self._throttle.refuse(call.bucket, self._monotonic(), passing.after)
            return
        seconds = passing.after if passing.after is not None else float(min(8, 2 ** (tried - 1)))
        error = self._limited(call, seconds) if passing.cause == "limited" else passing.error
        reason = f"try {tried + 1} of {_TRIES[passing.cause]}: {passing.error}"
        shared = passing.cause in _LOST_AFTER and self._announce_once(passing.cause, seconds)
        self._wait(call, seconds, reason, error, quiet=shared)

    def _give_up(self, cause: str) -> None:
        """Remember that the host did not answer at all: what is asked next need not find out again."""
        with self._lock:
            self._given_up[cause] += 1
            if self._given_up[cause] >= _LOST_AFTER.get(cause, float("inf")):
                self._lost_until = self._monotonic() + _LOST_FOR

    def _stop_if_lost(self, topic: Topic) -> None:
        with self._lock:
            lost = self._monotonic() < self._lost_until
        if lost:
            raise self.fault(Unreachable, topic, "it did not answer a moment ago")

    def _wait(
        self, call: _Call, seconds: float, reason: str, error: SourceError, quiet: bool = False
    ) -> None:
        """Sleep, if that is still bearable; else raise `error`."""
        if seconds > call.patience:
            raise error
        call.patience -= seconds
        if self._on_wait is not None and not quiet:
            self._on_wait(seconds, reason)
        self._sleep(seconds)
        self.stop_if_closed(call.topic)

    def _announce_once(self, bucket: str, seconds: float) -> bool:
        """Whether this wait was announced before, by whichever thread."""
        end = self._monotonic() + seconds
        with self._lock:
            known = abs(self._announced.get(bucket, float("-inf")) - end) < 2.0
            self._announced[bucket] = end
            return known

    def _limited(self, call: _Call, seconds: float) -> SourceError:
        at = (self._clock() + timedelta(seconds=seconds)).astimezone(UTC)
        detail = f"the limit is lifted at {at:%Y-%m-%d %H:%M:%S} UTC, in {seconds:.0f} s"
        return fault(RateLimited, call.topic, self._host(call.token), detail=detail)

    def stop_if_closed(self, topic: Topic) -> None:
        """Raise `Unreachable` once `close` was called."""
        if self._closed.is_set():
            raise Unreachable(f"reading {topic} was stopped", hint="run the command again to go on")

    # --- one request -----------------------------------------------------------------------------

    def _credentials(self, topic: Topic) -> str | None:
        self.stop_if_closed(topic)
        if http.is_offline():
            raise self.fault(Offline, topic)
        try:
            return http.read_token(self._token)
        except http.NoToken as error:
            raise Unauthorized(
                f"there is no usable token to ask for {topic}: {scrub(str(error), None)}",
                hint="log in with `hf auth login` or set HF_TOKEN",
            ) from None

    def _ask(self, call: _Call) -> Answer:
        """Ask and follow redirects: at our own host always, to others for contents of files alone."""
        url = call.url
        for _ in range(_MAX_HOPS):
            reply = self._exchange(call, url)
            location = reply.headers.get("location")
            if reply.status not in _REDIRECTS or location is None:
                return self._accept(call, reply)
            try:
                target = urljoin(url, location)
            except ValueError:
                target = ""
            if not self._may_follow(call, url, target):
                where = scrub(urlsplit(target).netloc, call.token) or "nowhere"
                raise self.fault(BadAnswer, call.topic, f"it sends us on to {where}, which is not followed")
            url = target
        raise self.fault(BadAnswer, call.topic, f"it redirects more than {_MAX_HOPS} times")

    def _may_follow(self, call: _Call, url: str, target: str) -> bool:
        ours, there = http.origin(self.endpoint), http.origin(target)
        if there == ours:
            return True
        downgrade = http.origin(url)[0] == "https" and there[0] != "https"
        return call.bucket == "resolvers" and there[0] in ("http", "https") and not downgrade

    def _exchange(self, call: _Call, url: str) -> http.Reply:
        """One hop. The token goes to our own host and nowhere else."""
        headers = {"User-Agent": self._agent, "Accept-Encoding": "gzip"}
        ours = http.origin(url) == http.origin(self.endpoint)
        if call.token is not None and ours:
            headers["Authorization"] = f"Bearer {call.token}"
        if call.span is not None:
            headers |= {"Range": f"bytes={call.span[0]}-{call.span[1]}", "Accept-Encoding": "identity"}
        try:
            reply = self._within_time(call, url, headers)
        except http.Trouble as trouble:
            raise self._translated(call, trouble) from None
        if self._given_up:
            with self._lock:
                self._given_up.clear()
        if call.token is not None and reply.body is not None:
            # Answers are kept as received: a host that echoes the token must not get it into the catalog.
            # What stands for it is as long, so that offsets into a file hold.
            token = call.token.encode()
            reply = replace(reply, body=reply.body.replace(token, b"*" * len(token)))
        if ours and (told := http.limits(reply.headers)) is not None:
            self._throttle.learn(
                call.bucket,
                self._monotonic(),
                name=told.bucket,
                remaining=told.remaining,
                resets_in=told.resets_in,
                limit=told.limit,
                window=told.window,
            )
        return reply

    def _within_time(self, call: _Call, url: str, headers: dict[str, str]) -> http.Reply:
        """The exchange, on a thread of its own that is given up after a while: looking up a name and a head
        sent byte by byte know no timeout. It also lets `close` and Ctrl-C through at once."""
        total = self._timeout * _TOTAL_FACTOR
        box: queue.SimpleQueue[_Outcome] = queue.SimpleQueue()

        def work() -> None:
            try:
                reply = http.exchange(
                    url,
                    headers,
                    timeout=self._timeout,
                    total=total,
                    limit=call.limit,
                    ranged=call.span is not None,
                )
            except BaseException as error:  # noqa: BLE001 - raised again by the thread that waits for it.
                box.put((None, error))
            else:
                box.put((reply, None))

        with self._lock:
            self._under_way.add(box)
        try:
            self.stop_if_closed(call.topic)
            threading.Thread(target=work, name="hub-request", daemon=True).start()
            reply, error = box.get(timeout=total + self._timeout)
        except queue.Empty:
            raise http.Trouble("slow", f"no whole answer within {total:g} s") from None
        finally:
            with self._lock:
                self._under_way.discard(box)
        if error is not None:
            raise error
        if reply is None:
            raise Unreachable(f"reading {call.topic} was stopped", hint="run the command again to go on")
        return reply

    def _translated(self, call: _Call, trouble: http.Trouble) -> Exception:
        detail = scrub(trouble.detail, call.token)
        if trouble.cause == "offline":
            return self.fault(Offline, call.topic)
        kind = BadAnswer if trouble.cause in _BROKEN_ANSWERS else Unreachable
        error = self.fault(kind, call.topic, detail)
        return _Passing(trouble.cause, error) if trouble.passing else error

    def _accept(self, call: _Call, reply: http.Reply) -> Answer:
        """The answer of a reply that succeeded; raises the error it stands for otherwise."""
        if reply.status == 200:
            size = len(reply.body) if call.span is not None and reply.body is not None else None
            return Answer(reply.url, reply.body, size, reply.next)
        if reply.status == 206 and call.span is not None:
            found = _CONTENT_RANGE.fullmatch(reply.headers.get("content-range", ""))
            if found is None or int(found[1]) != call.span[0]:
                raise self.fault(BadAnswer, call.topic, "it sent another part of the file than asked for")
            return Answer(reply.url, reply.body, None if found[2] == "*" else int(found[2]), reply.next)
        raise self._refusal(call, reply)

    def _refusal(self, call: _Call, reply: http.Reply) -> Exception:
        host = self._host(call.token)
        detail = scrub(http.server_words(reply), call.token)
        after = retry_after(reply.headers, self._clock())
        if reply.status == 429:
            told = http.limits(reply.headers)
            if after is None and told is not None and told.remaining == 0:
                after = told.resets_in + 1.0
            error = fault(RateLimited, call.topic, host, detail=detail)
            return _Passing("limited", error if after is None else self._limited(call, after), after)
        if reply.status == 408 or (reply.status >= 500 and reply.status not in _FINAL_5XX):
            error = fault(ServerFault, call.topic, host, status=reply.status, detail=detail)
            return _Passing("busy", error, after)
        kind = http.kind_of(reply, known=host.known, file=call.topic.file is not None)
        error = fault(kind, call.topic, host, status=reply.status, detail=detail)
        if kind is ServerFault and reply.status in (400, 422):
            error = BadRequest(error.message, hint=error.hint)
            error.words = http.server_words(reply)
        return error

    def _host(self, token: str | None) -> Host:
        return Host(re.sub(r"//[^/@]*@", "//", self.endpoint), token is not None)

    def fault(self, kind: type[SourceError], topic: Topic, detail: str = "") -> SourceError:
        """The error of this kind about what this host answered."""
        return fault(kind, topic, self._host(None), detail=detail)
