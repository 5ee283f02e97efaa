"""Bulk files behind an address: in pieces, after redirects, from hosts of every kind, bounded."""

from __future__ import annotations

import gzip
import re
import tempfile
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar

import pytest

from registry.errors import RegistryError
from registry.sources import fetching
from registry.sources.addresses import is_address, shown_address
from registry.sources.bulk import day_of
from registry.sources.fetching import fetched

CONTENT = bytes(range(256)) * 20
LINES = b'{"id": "o/m"}\n' * 300


class Host(BaseHTTPRequestHandler):
    """Gives one file in ranges, whole, behind a redirect, and with troubles that pass or stay."""

    protocol_version = "HTTP/1.1"
    asked: ClassVar[Counter[str]] = Counter()

    def do_GET(self) -> None:
        way = self.path.split("/")[1]
        self.asked[way] += 1
        getattr(self, f"_{way}", self._nowhere)(self.asked[way])

    def _nowhere(self, _: int) -> None:
        self._answer(404, b"")

    def _moved(self, _: int) -> None:
        self._answer(302, b"", Location=self.path.replace("/moved/", "/ranged/"))

    def _round(self, _: int) -> None:
        self._answer(302, b"", Location=self.path)

    def _whole(self, _: int) -> None:
        self._answer(200, CONTENT)

    def _chunked(self, _: int) -> None:
        """A whole file that does not say how long it is."""
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for start in range(0, len(CONTENT), 700):
            part = CONTENT[start : start + 700]
            self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
        self.wfile.write(b"0\r\n\r\n")

    def _packed(self, _: int) -> None:
        self._answer(200, gzip.compress(LINES), **{"Content-Encoding": "gzip"})

    def _ranged(self, _: int, **more: str) -> None:
        match = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers["Range"])
        assert match is not None
        first, last = int(match[1]), min(int(match[2]), len(CONTENT) - 1)
        told = f"bytes {first}-{last}/{len(CONTENT)}"
        self._answer(206, CONTENT[first : last + 1], **{"Content-Range": told, **more})

    def _new(self, number: int) -> None:
        """Another file at every third request, until the ninth."""
        self._ranged(number, ETag=f'"{min(number, 9) // 3}"')

    def _ever(self, number: int) -> None:
        self._ranged(number, ETag=f'"{number}"')

    def _busy(self, number: int) -> None:
        if number % 3 == 1:
            self._answer(503, b"", **{"Retry-After": "7"})
        elif number % 3 == 2:
            self.send_response(206)
            self.send_header("Content-Range", f"bytes 0-99/{len(CONTENT)}")
            self.send_header("Content-Length", "100")
            self.end_headers()
            self.wfile.write(b"x" * 10)
            self.close_connection = True
        else:
            self._ranged(number)

    def _cut(self, number: int) -> None:
        """A whole file of which the connection brings half, the first time."""
        if number > 1:
            return self._whole(number)
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT[: len(CONTENT) // 2])
        self.close_connection = True
        return None

    def _down(self, _: int) -> None:
        self._answer(503, b"")

    def _other(self, _: int) -> None:
        self._answer(206, b"x", **{"Content-Range": "bytes 5-5/9"})

    def _endless(self, _: int) -> None:
        self._answer(206, b"x", **{"Content-Range": f"bytes 0-0/{10**14}"})

    def _large(self, _: int) -> None:
        self._answer(206, b"x", **{"Content-Range": f"bytes 0-0/{fetching.MOST}"})

    def _answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(Host, "asked", Counter())
    server = ThreadingHTTPServer(("127.0.0.1", 0), Host)
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds waited, which pass at once."""
    waited: list[float] = []
    monkeypatch.setattr(fetching, "sleep", waited.append)
    monkeypatch.setattr(fetching, "PIECE", 1000)
    return waited


@pytest.mark.parametrize("way", ["ranged", "moved", "whole", "chunked", "new", "busy", "cut"])
def test_a_file_comes_whole_and_goes_again(host: str, way: str) -> None:
    with fetched(f"{host}/{way}/2026-10-05/models.parquet?download=true") as path:
        assert path.read_bytes() == CONTENT
        assert path.name == "models.parquet"
        told = day_of(path)
    assert told is not None
    assert (told.month, told.day) == (10, 5)
    assert not path.exists()


def test_a_packing_that_a_host_took_for_its_own(host: str) -> None:
    with fetched(f"{host}/packed/models.jsonl.gz") as path:
        assert (path.name, path.read_bytes()) == ("models.jsonl", LINES)


def test_how_far_it_is_is_told(host: str) -> None:
    for way, size in (("ranged", len(CONTENT)), ("whole", None)):
        told: list[tuple[int, int | None]] = []

        def note(done: int, whole: int | None, told: list[tuple[int, int | None]] = told) -> None:
            told.append((done, whole))

        with fetched(f"{host}/{way}/x", note):
            assert told[-1] == (len(CONTENT), size)
            assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_a_host_that_is_busy_is_given_time(host: str, waits: list[float]) -> None:
    with fetched(f"{host}/busy/x"):
        assert waits[:2] == [7.0, 2.0]
    waits.clear()
    with pytest.raises(RegistryError, match="answered 503"), fetched(f"{host}/down/x"):
        pass
    assert waits == [1.0, 2.0, 4.0]


@pytest.mark.parametrize(
    ("way", "said"),
    [
        ("nowhere", "answered 404"),
        ("round", "redirects"),
        ("endless", "more than"),
        ("other", "does not give its file in pieces"),
        ("ever", "changes while it is read"),
        ("large", "there is room for"),
    ],
)
def test_what_cannot_be_had(host: str, way: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "disk_usage", lambda _: type("Usage", (), {"free": 10**6}))
    with pytest.raises(RegistryError, match=said) as caught, fetched(f"{host}/{way}/x.parquet?key=hidden"):
        pass
    assert f"{host}/{way}/x.parquet" in caught.value.message
    assert "hidden" not in caught.value.message


@pytest.mark.parametrize("way", ["ranged", "whole"])
def test_no_room_for_it(host: str, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        def __init__(self, file: Any) -> None:
            self._file = file

        def write(self, part: bytes) -> int:
            if self._file.tell() + len(part) > 1500:
                raise OSError(28, "No space left on device")
            return int(self._file.write(part))

        def __getattr__(self, name: str) -> Any:
            return getattr(self._file, name)

    pieces = fetching._Pieces
    full: Any = Full
    monkeypatch.setattr(fetching, "_Pieces", lambda address, file, *rest: pieces(address, full(file), *rest))
    with pytest.raises(RegistryError, match="No space left") as caught, fetched(f"{host}/{way}/x"):
        pass
    assert "TMPDIR" in str(caught.value.hint)
    assert not list(Path(tempfile.gettempdir()).glob("registry-*/x"))


def test_a_whole_file_beyond_the_bound(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "MOST", 2000)
    with pytest.raises(RegistryError, match="longer than"), fetched(f"{host}/whole/x"):
        pass


def test_nobody_there() -> None:
    with pytest.raises(RegistryError, match="cannot be read"), fetched("http://127.0.0.1:9/x.parquet"):
        pass


def test_what_an_address_is() -> None:
    assert is_address("https://example.org/x")
    assert not is_address("models.parquet")
    assert not is_address("s3://bucket/x")
    assert (
        shown_address("https://me:secret@example.org/x/y.parquet?sig=1#z")
        == "https://example.org/x/y.parquet"
    )
