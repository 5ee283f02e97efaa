"""One exchange with a Hub through the Hub client's own session; the only file that imports the client.

The session (`get_session`), the saved token, the mapping of refusals (`hf_raise_for_status`) and the reading
of rate limits are the client's. Its `http_backoff` is not used: it takes in bodies without bound, sleeps as
long as the host likes, reads no `Retry-After` date, knows no limit before it is hit, and has no timeout of
its own. Nor is `build_hf_headers`: unless the user's environment forbids it, that asks the host for
`/api/agent-harnesses` to adorn the user agent, a request nobody asked for.
"""

from __future__ import annotations

import json
import math
import re
import ssl
import sys
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

from huggingface_hub import constants
from huggingface_hub.errors import (
    DeviceCodeError,
    DisabledRepoError,
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    OfflineModeIsEnabled,
    OIDCError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import (
    get_hf_hub_version,
    get_python_version,
    get_session,
    get_token_to_send,
    hf_raise_for_status,
    httpx,
    parse_ratelimit_headers,
)

from registry.errors import (
    BadAnswer,
    Disabled,
    Gated,
    NoSuchFile,
    NoSuchRevision,
    NotVisible,
    ServerFault,
    SourceError,
    Unauthorized,
)

_MAX_ERROR_BODY = 65_536

_KINDS: tuple[tuple[type[Exception], type[SourceError]], ...] = (
    (DisabledRepoError, Disabled),
    (GatedRepoError, Gated),  # Is a RepositoryNotFoundError too: asked first.
    (RepositoryNotFoundError, NotVisible),
    (RevisionNotFoundError, NoSuchRevision),
    (EntryNotFoundError, NoSuchFile),
)
"""The client's exception → our error, subclasses first."""

_STATUSES: Mapping[int, type[SourceError]] = {
    401: Unauthorized,
    403: Unauthorized,
    404: NotVisible,
    410: NotVisible,
    416: BadAnswer,  # We ask for nothing beyond the size that was told.
    451: Disabled,
}
"""What the client leaves unnamed → our error; all others are a `ServerFault`."""

_INVALID_TOKEN = "Invalid credentials in Authorization header"  # noqa: S105 - the Hub's words for a bad one.

Cause = Literal["offline", "address", "refused", "silent", "broken", "cut", "slow", "large", "odd"]


class Trouble(Exception):
    """An exchange without a whole answer. passing: worth another try.

    cause: address: not one we can ask; refused: no connection; silent: no byte for too long; broken: the
    connection ended before any answer; cut: it ended within the body; slow: not whole in time; large: beyond
    the limit; odd: an encoding nobody asked for.
    """

    def __init__(self, cause: Cause, detail: str, *, passing: bool = False) -> None:
        super().__init__(detail)
        self.cause, self.detail, self.passing = cause, detail, passing


class NoToken(Exception):
    """The saved token could not be read, or is none; says why."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer as received. headers: names in lower case. next: the `Link` to the next page. body:
    unpacked; `None` where it was left unread because the host sent a whole file when asked for a part."""

    url: str
    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = b""
    next: str | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """What `RateLimit` says: requests left in a bucket, seconds until it is full again, and its size."""

    bucket: str
    remaining: int
    resets_in: int
    limit: int | None
    window: int | None


# --- what the client knows of its surroundings ---------------------------------------------------


def default_endpoint() -> str:
    """`HF_ENDPOINT`, or the public Hub. The Hub client reads its environment when it is imported."""
    return str(constants.ENDPOINT)


def is_offline() -> bool:
    """Whether `HF_HUB_OFFLINE` (or its older names) switched the network off."""
    return bool(constants.is_offline_mode())


def user_agent(version: str) -> str:
    """Who we say we are: us, the Hub client and Python, as `build_hf_headers` would begin."""
    return f"model-reuse-registry/{version}; hf_hub/{get_hf_hub_version()}; python/{get_python_version()}"


def read_token(token: bool | str | None) -> str | None:
    """The token to show, by the client's rules (`HF_TOKEN`, saved login, ...); raises `NoToken`."""
    try:
        found = get_token_to_send(token) or None
    except (OSError, ValueError, OIDCError, DeviceCodeError) as error:
        raise NoToken(str(error).partition(". ")[0] or type(error).__name__) from None
    if found is not None and not re.fullmatch(r"[!-~]+", found):
        # The session would refuse it later, and put it into its error message.
        raise NoToken("it holds characters that no token has")
    return found


def origin(url: str) -> tuple[str, str, int]:
    """Scheme, host and port of an address; two addresses with one origin are one server."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "", "", 0
    default = {"http": 80, "https": 443}.get(parts.scheme, 0)
    return parts.scheme, (parts.hostname or "").lower(), default if port is None else port


def add_query(url: str, params: list[tuple[str, str]]) -> str:
    """The address with a query, quoted."""
    return str(httpx.URL(url, params=params))


# --- one exchange --------------------------------------------------------------------------------


def exchange(
    url: str,
    headers: Mapping[str, str],
    *,
    timeout: float,
    total: float,
    limit: int,
    ranged: bool = False,
    into: Callable[[bytes], None] | None = None,
) -> Reply:
    """GET `url` and take in at most `limit` bytes within `total` seconds; redirects are not followed.

    timeout: seconds of silence. ranged: a part was asked for, and a whole file beyond `limit` is left unread,
    or given to `into` bit by bit, which sets its own bound. Raises `Trouble`.
    """
    deadline = time.monotonic() + total
    wait = httpx.Timeout(timeout, pool=total)
    begun = False
    try:
        with get_session().stream(
            "GET", url, headers=dict(headers), follow_redirects=False, timeout=wait
        ) as response:
            begun = True
            return _take_in(response, url, deadline, limit, ranged, into)
    except OfflineModeIsEnabled:
        raise Trouble("offline", "HF_HUB_OFFLINE is set") from None
    except (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.LocalProtocolError, UnicodeError) as error:
        raise Trouble("address", f"not an address to ask: {type(error).__name__}") from None
    except httpx.ConnectTimeout:
        raise Trouble("silent", f"no connection within {timeout:g} s", passing=True) from None
    except httpx.TimeoutException:
        raise Trouble("silent", f"no answer within {timeout:g} s", passing=True) from None
    except httpx.ConnectError as error:
        raise Trouble("refused", _reason(error), passing=not _is_tls(error)) from None
    except (httpx.RequestError, httpx.StreamError) as error:
        if begun:
            raise Trouble("cut", "it broke off in the middle", passing=True) from None
        raise Trouble("broken", _reason(error), passing=True) from None
    except OSError as error:  # Certificates or proxy settings of this machine that do not load.
        raise Trouble("refused", _reason(error)) from None
    except RuntimeError as error:
        # Another user of the Hub client in this process closed the session we share; the next is new.
        raise Trouble("broken", _reason(error), passing=True) from None


def _take_in(
    response: httpx.Response,
    url: str,
    deadline: float,
    limit: int,
    ranged: bool,
    into: Callable[[bytes], None] | None,
) -> Reply:
    body: bytes | None = None
    if response.status_code >= 300:
        body = _error_body(response, deadline)
    elif ranged and response.status_code == 200 and into is not None:
        for part in _parts(response, deadline, sys.maxsize - 1):
            into(part)
    elif ranged and response.status_code == 200:
        body = _small_body(response, deadline, limit)
    else:
        body = _body(response, deadline, limit)
    link = response.links.get("next", {}).get("url")
    return Reply(url, response.status_code, dict(response.headers), body, link)


def _body(response: httpx.Response, deadline: float, limit: int) -> bytes:
    body = bytearray()
    for part in _parts(response, deadline, limit):
        body += part
    return bytes(body)


def _parts(response: httpx.Response, deadline: float, limit: int) -> Iterator[bytes]:
    """The body, unpacked here rather than by the session so that a small answer cannot become a huge one."""
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip", ""):
        raise Trouble("odd", f"the encoding {encoding[:20]!r}, which nobody asked for")
    unpack = zlib.decompressobj(wbits=31) if encoding == "gzip" else None
    taken = 0
    try:
        for chunk in response.iter_raw():
            part = unpack.decompress(chunk, limit + 1 - taken) if unpack else chunk
            taken += len(part)
            if taken > limit:
                raise Trouble("large", f"more than {limit:,} bytes")
            if time.monotonic() > deadline:
                raise Trouble("slow", "it sends too slowly")
            yield part
    except zlib.error:
        raise Trouble("cut", "it does not unpack", passing=True) from None
    if unpack is not None and taken and not unpack.eof:
        raise Trouble("cut", "it broke off in the middle", passing=True)


def _error_body(response: httpx.Response, deadline: float) -> bytes:
    """As much of an error's body as is worth reading; what goes wrong with it matters less than the error."""
    try:
        return _body(response, deadline, _MAX_ERROR_BODY)
    except (Trouble, httpx.RequestError):
        return b""


def _small_body(response: httpx.Response, deadline: float, limit: int) -> bytes | None:
    """The whole of a file of which a part was asked for, if it is small; else it is left where it is."""
    length = response.headers.get("content-length", "")
    if length.isascii() and length.isdigit() and (len(length) > 18 or int(length) > limit):
        return None
    try:
        return _body(response, deadline, limit)
    except Trouble as trouble:
        if trouble.cause == "large":
            return None
        raise


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__


def _is_tls(error: BaseException | None) -> bool:
    """Whether a certificate or handshake is to blame: it will be no better in a second."""
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return True
        error = error.__cause__ or error.__context__
    return False


# --- what an answer means ------------------------------------------------------------------------


def limits(headers: Mapping[str, str]) -> Limits | None:
    """The `RateLimit` and `RateLimit-Policy` headers, `None` without them."""
    try:
        told = parse_ratelimit_headers(headers)
    except ValueError:  # Digits without end.
        return None
    if told is None:
        return None
    return Limits(
        told.resource_type, told.remaining, told.reset_in_seconds, told.limit, told.window_seconds or None
    )


def kind_of(reply: Reply, *, known: bool, file: bool) -> type[SourceError]:
    """Our error for a reply that is no success. known: a token was shown; file: a file was asked for.

    A refusal without a word is no Hub's: an address that answers so to everything must not make models look
    removed.
    """
    code, said = reply.headers.get("x-error-code"), reply.headers.get("x-error-message", "")
    wordless = code is None and not server_words(reply)
    if reply.status in (404, 410, 451) and wordless and not file:
        return BadAnswer
    if reply.status == 401 and code is None:
        # Anonymous callers get 401 for whatever they cannot see. Whoever showed a token would have got 404.
        return Unauthorized if known or wordless or said == _INVALID_TOKEN else NotVisible
    told = {"X-Error-Code": code or "", "X-Error-Message": said.encode("ascii", "replace").decode()}
    # The client reads the answer's body too, and trips over odd ones: it gets the headers alone.
    bare = httpx.Response(reply.status, headers=told, request=httpx.Request("GET", reply.url), content=b"")
    try:
        hf_raise_for_status(bare)
    except HfHubHTTPError as error:
        for theirs, ours in _KINDS:
            if isinstance(error, theirs):
                return ours
    if reply.status == 404 and file:
        return NoSuchFile
    return _STATUSES.get(reply.status, ServerFault)


def server_words(reply: Reply) -> str:
    """What the server says about its refusal; foreign text, possibly long, `""` when it says nothing."""
    if said := reply.headers.get("x-error-message"):
        return said
    if reply.status == 416:
        return "the file ends before the bytes that were asked for"
    try:
        said_in_body = json.loads(reply.body or b"")
    except (ValueError, RecursionError):
        return ""
    error = said_in_body.get("error") if isinstance(said_in_body, dict) else None
    return error if isinstance(error, str) else ""


_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_ESCAPED = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")


def decode_json(body: bytes) -> object:
    """The value of a JSON text. Text that cannot be stored (NUL, lone surrogates) gets U+FFFD in its place;
    numbers that are none, or beyond a float, become `None`. Raises `ValueError` or `RecursionError`."""
    value: object = json.loads(body, parse_constant=lambda _: None, parse_float=_finite)
    return _storable(value) if _ESCAPED.search(body) else value


def _finite(text: str) -> float | None:
    number = float(text)
    return number if math.isfinite(number) else None


def _storable(value: object) -> object:
    if isinstance(value, str):
        return _UNSTORABLE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_storable(item) for item in value]
    if isinstance(value, dict):
        return {_storable(key): _storable(item) for key, item in value.items()}
    return value
