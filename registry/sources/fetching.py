"""Bulk files behind an address: brought into a temporary file piece by piece, up to a bound."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from shutil import disk_usage
from time import sleep
from typing import BinaryIO
from urllib.parse import unquote, urljoin, urlsplit

from registry import __version__
from registry.errors import BadAnswer, SourceError
from registry.sources import http
from registry.sources.addresses import shown_address

MOST = 16 << 30
"""Bytes; the largest list of models known has a tenth of that."""
PIECE = 16 << 20
LONGEST_WAIT = 60.0
"""Seconds waited at a host's wish before it is asked again."""
_HOPS = 8
_TRIES = 4
_WHOLE = 6 * 3600.0
"""Seconds that a file may take of which a host gives no pieces."""
_REDIRECTS = (301, 302, 303, 307, 308)
_PASSING = (408, 429, 500, 502, 503, 504)
_RANGE = re.compile(r"bytes (\d{1,15})-(\d{1,15})/(\d{1,15})")
_BY_HAND = "download it by other means and import the file"
_HINTS = {401: _BY_HAND, 403: _BY_HAND, 404: "check the address"}

Told = Callable[[int, int | None], None]
"""Told how many bytes are there, and how many there will be."""


@contextmanager
def fetched(address: str, told: Told | None = None, *, timeout: float = 60.0) -> Iterator[Path]:
    """The file at an address, for as long as it is used, under the last two parts of its name: the folder
    may be a date. Raises `SourceError`."""
    parts = [re.sub(r"[^\w.-]", "_", unquote(part)) for part in PurePosixPath(urlsplit(address).path).parts]
    folder, name = ["file", "file", *(part for part in parts if part.strip("._"))][-2:]
    try:
        with tempfile.TemporaryDirectory(prefix="registry-") as place:
            path = Path(place) / folder[-100:] / name[-100:]
            path.parent.mkdir()
            _bring(address, path, told, timeout)
            yield _as_it_is(path)
    except _NoRoom as error:
        raise SourceError(
            f"{shown_address(address)} cannot be stored: {error}",
            hint="free some space, or name a folder with more of it in TMPDIR",
        ) from None


class _NoRoom(Exception):
    """Where temporary files go the file does not fit."""


class _Changed(Exception):
    """The file is not the one that its first piece was of."""


def _bring(address: str, path: Path, told: Told | None, timeout: float) -> None:
    """Bring a file; begin again when there is suddenly another at that address."""
    try:
        with path.open("wb") as file:
            for _ in range(_TRIES):
                try:
                    return _Pieces(address, file, told, timeout).run()
                except _Changed:
                    continue
    except OSError as error:
        raise _NoRoom(error.strerror or str(error)) from None
    raise BadAnswer(f"{shown_address(address)} changes while it is read", hint="try again later")


def _as_it_is(path: Path) -> Path:
    """Some hosts take the packing of a `.gz` file for theirs: then it has come unpacked."""
    if path.suffix == ".gz":
        with path.open("rb") as file:
            if file.read(2) != b"\x1f\x8b":
                return path.rename(path.with_suffix(""))
    return path


class _Pieces:
    """A file coming piece by piece. Each is asked for at the address itself, as what it leads to may be good
    for an hour only. A host that knows no pieces sends the whole file."""

    def __init__(self, address: str, file: BinaryIO, told: Told | None, timeout: float) -> None:
        self._address = address
        self._shown = shown_address(address)
        self._file = file
        self._told = told
        self._timeout = timeout
        self._version: tuple[str | None, ...] | None = None
        self._back_to(0)

    def run(self) -> None:
        size = 1
        while (start := self._file.tell()) < size:
            reply = self._answer(start)
            if reply.status == 200 and start == 0:
                return
            size = self._size(reply, start)
            self._take(reply.body or b"", size)

    def _take(self, part: bytes, size: int | None = None) -> None:
        """Put down what came next. size: of the whole file, where that is told."""
        try:
            self._file.write(part)
        except OSError as error:
            raise _NoRoom(error.strerror or str(error)) from None
        there = self._file.tell()
        if there > MOST:
            raise BadAnswer(f"{self._shown} is longer than a list of models can be")
        if self._told is not None:
            self._told(there, size)

    def _back_to(self, start: int) -> None:
        self._file.seek(start)
        self._file.truncate()

    def _size(self, reply: http.Reply, start: int) -> int:
        """How long the whole file is, from a piece that begins where it should."""
        told = _RANGE.fullmatch(reply.headers.get("content-range", ""))
        if reply.status != 206 or told is None or int(told[1]) != start or not reply.body:
            raise BadAnswer(f"{self._shown} does not give its file in pieces", hint=_BY_HAND)
        size = int(told[3])
        if size > MOST:
            raise BadAnswer(f"{self._shown} is {size:,} bytes long, more than a list of models can be")
        version = (told[3], reply.headers.get("etag"), reply.headers.get("last-modified"))
        if self._version is None:
            room = disk_usage(tempfile.gettempdir()).free
            if room < size:
                raise _NoRoom(f"it has {size:,} bytes, and there is room for {room:,}")
        elif version != self._version:
            raise _Changed
        self._version = version
        return size

    def _answer(self, start: int) -> http.Reply:
        """The piece from `start` on, asked for a few times if need be."""
        for attempt in range(1, _TRIES + 1):
            last = attempt == _TRIES
            asked = ""
            try:
                reply = self._led(start)
            except http.Trouble as trouble:
                if last or not trouble.passing:
                    raise SourceError(f"{self._shown} cannot be read: {trouble.detail}") from None
                self._back_to(start)
            else:
                if reply.status < 300:
                    return reply
                if last or reply.status not in _PASSING:
                    raise self._refusal(reply)
                asked = reply.headers.get("retry-after", "")
            wait = float(asked) if re.fullmatch(r"[0-9]{1,4}", asked) else 2.0 ** (attempt - 1)
            sleep(min(wait, LONGEST_WAIT))
        raise AssertionError

    def _refusal(self, reply: http.Reply) -> SourceError:
        kind = http.kind_of(reply, known=False, file=True)
        return kind(f"{self._shown} answered {reply.status}", hint=_HINTS.get(reply.status))

    def _led(self, start: int) -> http.Reply:
        """The answer to one request, after redirects."""
        url = self._address
        headers = {
            "User-Agent": http.user_agent(__version__),
            "Accept-Encoding": "identity",
            "Range": f"bytes={start}-{start + PIECE - 1}",
        }
        for _ in range(_HOPS):
            reply = http.exchange(
                url,
                headers,
                timeout=self._timeout,
                total=20 * self._timeout if start else _WHOLE,
                limit=PIECE,
                ranged=True,
                into=None if start else self._take,
            )
            location = reply.headers.get("location")
            if reply.status not in _REDIRECTS or location is None:
                return reply
            target = urljoin(url, location)
            if urlsplit(url).scheme == "https" and urlsplit(target).scheme != "https":
                raise BadAnswer(f"{self._shown} sends us on to an address without https")
            url = target
        raise BadAnswer(f"{self._shown} redirects more than {_HOPS} times")
