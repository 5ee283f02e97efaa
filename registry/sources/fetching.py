"""Bulk files behind an address: brought into a temporary file piece by piece, up to a bound."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urljoin, urlsplit

from registry import __version__
from registry.errors import BadAnswer, SourceError
from registry.sources import http

MOST = 16 << 30
"""Bytes; the largest list of models known has a tenth of that."""
PIECE = 16 << 20
_HOPS = 8
_TRIES = 4
_REDIRECTS = (301, 302, 303, 307, 308)
_RANGE = re.compile(r"bytes (\d{1,15})-(\d{1,15})/(\d{1,15})")


def is_address(text: str) -> bool:
    return text.startswith(("https://", "http://"))


@contextmanager
def fetched(address: str, *, timeout: float = 60.0) -> Iterator[Path]:
    """The file at an address, for as long as it is used, under the last two parts of its name: the folder
    may be a date. Raises `SourceError`."""
    parts = [re.sub(r"[^\w.-]", "_", unquote(part)) for part in PurePosixPath(urlsplit(address).path).parts]
    folder, name = ["file", "file", *(part for part in parts if part.strip("._"))][-2:]
    with tempfile.TemporaryDirectory(prefix="registry-") as place:
        path = Path(place) / folder / name
        path.parent.mkdir()
        with path.open("wb") as file:
            size, url = 1, address
            while file.tell() < size:
                reply, url = _piece(url, file.tell(), timeout)
                size = _size(address, reply, file.tell())
                file.write(reply.body or b"")
        yield path


def _size(address: str, reply: http.Reply, start: int) -> int:
    """How long the whole file is, from an answer that begins where it should."""
    body = reply.body or b""
    if reply.status == 200 and start == 0 and reply.body is not None:
        return len(body)
    told = _RANGE.fullmatch(reply.headers.get("content-range", ""))
    if reply.status != 206 or told is None or int(told[1]) != start or not body:
        raise BadAnswer(f"{address} does not give its file in pieces", hint="download it and import the file")
    if int(told[3]) > MOST:
        raise BadAnswer(f"{address} is {int(told[3]):,} bytes long, more than a list of models can be")
    return int(told[3])


def _piece(url: str, start: int, timeout: float) -> tuple[http.Reply, str]:
    """One piece, after redirects; the address that answered is asked for the next one."""
    headers = {
        "User-Agent": http.user_agent(__version__),
        "Accept-Encoding": "identity",
        "Range": f"bytes={start}-{start + PIECE - 1}",
    }
    for _ in range(_HOPS):
        reply = _tried(url, headers, timeout)
        location = reply.headers.get("location")
        if reply.status not in _REDIRECTS or location is None:
            if reply.status >= 300:
                raise http.kind_of(reply, known=False, file=True)(f"{url} answered {reply.status}")
            return reply, url
        target = urljoin(url, location)
        if urlsplit(url).scheme == "https" and urlsplit(target).scheme != "https":
            raise BadAnswer(f"{url} sends us on to an address without https")
        url = target
    raise BadAnswer(f"{url} redirects more than {_HOPS} times")


def _tried(url: str, headers: dict[str, str], timeout: float) -> http.Reply:
    for last in (False,) * (_TRIES - 1) + (True,):
        try:
            return http.exchange(url, headers, timeout=timeout, total=20 * timeout, limit=PIECE, ranged=True)
        except http.Trouble as trouble:
            if last or not trouble.passing:
                raise SourceError(f"{url} cannot be read: {trouble.detail}") from None
    raise AssertionError
