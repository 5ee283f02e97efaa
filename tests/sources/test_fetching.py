"""Bulk files behind an address: in pieces, after redirects, bounded."""

from __future__ import annotations

import re
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from registry.errors import RegistryError
from registry.sources import fetching
from registry.sources.bulk import day_of
from registry.sources.fetching import fetched, is_address

CONTENT = bytes(range(256)) * 20


class Host(BaseHTTPRequestHandler):
    """Gives one file in ranges, whole, or behind a redirect."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path.startswith("/moved/"):
            self._answer(302, b"", Location=self.path.replace("/moved/", "/ranged/"))
        elif self.path.startswith("/round/"):
            self._answer(302, b"", Location=self.path)
        elif self.path.startswith("/whole/"):
            self._answer(200, CONTENT)
        elif self.path.startswith("/ranged/"):
            match = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers["Range"])
            assert match is not None
            first, last = int(match[1]), min(int(match[2]), len(CONTENT) - 1)
            told = f"bytes {first}-{last}/{len(CONTENT)}"
            self._answer(206, CONTENT[first : last + 1], **{"Content-Range": told})
        elif self.path.startswith("/endless/"):
            self._answer(206, b"x", **{"Content-Range": f"bytes 0-0/{10**14}"})
        else:
            self._answer(404, b"")

    def _answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def host() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Host)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("way", ["ranged", "moved", "whole"])
def test_a_file_comes_whole_and_goes_again(host: str, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    monkeypatch.setattr(fetching, "PIECE", len(CONTENT) if way == "whole" else 1000)
    with fetched(f"{host}/{way}/2026-10-05/models.parquet?download=true") as path:
        assert path.read_bytes() == CONTENT
        assert path.name == "models.parquet"
        told = day_of(path)
    assert told is not None
    assert (told.month, told.day) == (10, 5)
    assert not path.exists()


@pytest.mark.parametrize(
    ("way", "said"),
    [
        ("nowhere", "404"),
        ("round", "redirects"),
        ("endless", "more than"),
        ("whole", "does not give its file in pieces"),
    ],
)
def test_what_cannot_be_had(host: str, monkeypatch: pytest.MonkeyPatch, way: str, said: str) -> None:
    monkeypatch.setattr(fetching, "PIECE", 1000)
    with pytest.raises(RegistryError, match=said), fetched(f"{host}/{way}/x.parquet"):
        pass


def test_nobody_there() -> None:
    with pytest.raises(RegistryError, match="cannot be read"), fetched("http://127.0.0.1:9/x.parquet"):
        pass


def test_what_an_address_is() -> None:
    assert is_address("https://example.org/x")
    assert not is_address("models.parquet")
    assert not is_address("s3://bucket/x")
