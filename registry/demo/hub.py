"""A Hub on loopback that plays back recorded answers, for the tour and for the tests.

It speaks HTTP/1.1 to the real client: status codes, `X-Error-Code`, `Link`, `RateLimit`, 307 on rename,
ranges. It is a recording: it shows that our side reads what was once answered, and is never proof that
the live Hub answers like this today. It listens on 127.0.0.1 and nowhere else.
"""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from http.client import responses
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, urlsplit

from registry.demo.answers import PAGE_SIZE, answer
from registry.demo.wire import LoggedRequest, Recorded, Reply, Request

__all__ = ["LoggedRequest", "Recorded", "RecordedHub", "Reply", "Request"]


class RecordedHub:
    """Serves `models` while its `with` block lasts.

    models: by id; the mapping is copied into `.models`, which a test may change between requests.
    moved: old id to new id, answered with 307. latency: seconds before every answer. fault: asked first
    for every request; what it returns is sent instead of the true answer. rate: requests allowed per fixed
    window of so many seconds, told in `RateLimit` headers and enforced with 429. tokens: bearer tokens that
    may see private and gated repositories; any other token is a stranger's.
    """

    def __init__(
        self,
        models: Mapping[str, Recorded],
        *,
        moved: Mapping[str, str] | None = None,
        latency: float = 0.0,
        fault: Callable[[Request], Reply | None] | None = None,
        rate: tuple[int, int] | None = None,
        page_size: int = PAGE_SIZE,
        tokens: Collection[str] = (),
    ) -> None:
        self.models = dict(models)
        self.moved = dict(moved or {})
        self.latency = latency
        self.fault = fault
        self.page_size = page_size
        self.tokens = tuple(tokens)
        self._window = _Window(*rate) if rate is not None else None
        self._lock = threading.Lock()
        self._log: list[LoggedRequest] = []
        self._received = 0
        self._closing = threading.Event()
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def endpoint(self) -> str:
        """The address to hand to the client; raises `RuntimeError` outside the `with` block."""
        if self._server is None:
            raise RuntimeError("the recorded Hub is not running")
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def log(self) -> list[LoggedRequest]:
        """Every request answered so far, oldest first; a copy."""
        with self._lock:
            return list(self._log)

    def clear_log(self) -> None:
        with self._lock:
            self._log.clear()

    def asked(self, prefix: str = "/") -> list[LoggedRequest]:
        """The requests whose path begins with `prefix`, without the client's own question for harnesses."""
        return [
            line for line in self.log if line.path.startswith(prefix) and line.path != "/api/agent-harnesses"
        ]

    def __enter__(self) -> Self:
        self._closing.clear()
        self._server = _Server(self)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), name="recorded-hub", daemon=True
        )
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop listening, drop every open connection, and raise what a `fault` raised if nothing else did."""
        server, thread = self._server, self._thread
        if server is None or thread is None:
            return
        self._closing.set()
        server.shutdown()
        thread.join()
        server.drop_connections()
        server.server_close()
        self._server = self._thread = None
        if kind is None and server.failures:
            raise server.failures[0]

    def _reply(self, request: Request) -> Reply:
        """Decide and log the answer to one request. Called from many threads."""
        reply = self.fault(request) if self.fault is not None else None
        headers: dict[str, str] = {}
        if self._window is not None:
            allowed, headers = self._window.take(request)
            if not allowed:
                reply = reply or Reply.error(429, "Too Many Requests")
        reply = reply or answer(
            request, self.models, moved=self.moved, tokens=self.tokens, page_size=self.page_size
        )
        headers["X-Request-Id"] = f"Root=1-recorded-{request.number:06d}"
        reply = Reply(
            reply.status,
            {**headers, **reply.headers},
            reply.body,
            reply.delay + self.latency,
            reply.cut,
            reply.raw,
        )
        with self._lock:
            self._log.append(
                LoggedRequest(request.method, request.path, request.query, request.headers, reply.status)
            )
        return reply

    def _next_number(self) -> int:
        with self._lock:
            self._received += 1
            return self._received - 1

    def _wait(self, seconds: float) -> None:
        """Stay silent, but not beyond the end of the `with` block."""
        if seconds > 0:
            self._closing.wait(seconds)


class _Window:
    """A fixed window per kind of request, counted as the Hub counts: `api`, `resolvers`."""

    def __init__(self, limit: int, seconds: int) -> None:
        self._limit, self._seconds = limit, seconds
        self._lock = threading.Lock()
        self._began: dict[str, float] = {}
        self._used: dict[str, int] = {}

    def take(self, request: Request) -> tuple[bool, dict[str, str]]:
        kind = "api" if request.path.startswith("/api/") else "resolvers"
        now = time.monotonic()
        with self._lock:
            if now - self._began.setdefault(kind, now) >= self._seconds:
                self._began[kind], self._used[kind] = now, 0
            used = self._used.get(kind, 0)
            allowed = used < self._limit
            self._used[kind] = used + allowed
            left = self._limit - self._used[kind]
            rest = max(0, round(self._began[kind] + self._seconds - now))
        return allowed, {
            "RateLimit": f'"{kind}";r={left};t={rest}',
            "RateLimit-Policy": f'"fixed window";"{kind}";q={self._limit};w={self._seconds}',
        }


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, hub: RecordedHub) -> None:
        self.hub = hub
        self.failures: list[BaseException] = []
        self._open: set[socket.socket] = set()
        self._guard = threading.Lock()
        super().__init__(("127.0.0.1", 0), _Handler)

    def opened(self, connection: socket.socket) -> None:
        with self._guard:
            self._open.add(connection)
        if self.hub._closing.is_set():  # It came in while the doors were closing.
            self.drop_connections()

    def closed(self, connection: socket.socket) -> None:
        with self._guard:
            self._open.discard(connection)

    def drop_connections(self) -> None:
        """Break every connection still open, so that no thread keeps waiting for a next request."""
        with self._guard:
            for connection in self._open:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002
        error = sys.exc_info()[1]
        # A client that hangs up is its own business; anything else is a fault of the recording or of a test.
        if error is not None and not isinstance(error, OSError):
            self.failures.append(error)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 1 << 16  # Head and body leave in one write: no 40 ms wait for a delayed acknowledgement.
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.server.opened(self.connection)

    def finish(self) -> None:
        self.server.closed(self.connection)
        super().finish()

    def do_GET(self) -> None:
        self._serve()

    def do_HEAD(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def _serve(self) -> None:
        hub = self.server.hub
        parts = urlsplit(self.path)
        request = Request(
            method=self.command,
            path=parts.path,
            query=parse_qs(parts.query, keep_blank_values=True),
            headers={name.lower(): value for name, value in self.headers.items()},
            number=hub._next_number(),
        )
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        reply = hub._reply(request)
        hub._wait(reply.delay)
        if reply.raw is not None:
            self.wfile.write(reply.raw)
            self.close_connection = True
            return
        self._send(reply)

    def _send(self, reply: Reply) -> None:
        self.send_response(reply.status, responses.get(reply.status, "Unknown"))
        headers = {"Content-Length": str(len(reply.body)), **reply.headers}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        body = reply.body if reply.cut is None else reply.body[: reply.cut]
        if self.command != "HEAD":
            self.wfile.write(body)
        if reply.cut is not None or headers.get("Connection", "").lower() == "close":
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Nothing on stderr: the log is `RecordedHub.log`."""
