"""Rows of a list of models as the Hub sends them: what is read of each, and pages taken apart into them.

Made of Python objects is what differs from model to model; the rest stays text as received.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import to_builtins

from registry.errors import BadAnswer
from registry.model.refs import MAX_ID_LENGTH, is_hub_id
from registry.sources.http import decode_json
from registry.sources.keys import NONE, Card, Config
from registry.weights.parameters import FLOATS

FIELDS = (
    *("baseModels", "cardData", "config", "createdAt", "disabled", "downloads", "gated", "gguf"),
    *("lastModified", "library_name", "likes", "pipeline_tag", "private", "safetensors", "sha", "tags"),
    "usedStorage",
)
"""What is read of a row besides its names. Not its files: a list tells them without sizes."""
MAX_ROWS = 5000
"""Rows of one page. The Hub sends a thousand at most."""


_LARGE = 8 * 10**6
_MANY = 200_000  # Times "id" may stand in a page that is decoded as a whole.
_IDS = re.compile(r"(?:(?:[A-Za-z0-9_][A-Za-z0-9._-]*/)?[A-Za-z0-9_][A-Za-z0-9._-]*\n)*")
_WORD = re.compile(r"[!-~]{1,64}")
_COMMIT = re.compile(r"[0-9a-f]{1,64}")
_COMMITS = re.compile(r"[0-9a-f]*")
_LONGEST_KEY = 64
_COMMIT_LENGTHS = frozenset({40, 64})
_TOKEN = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[\[\]{},]', re.DOTALL)
_MOST_ELEMENTS = 2**56

_Time = Annotated[datetime, msgspec.Meta(tz=True)]
_Count = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class _Weights(msgspec.Struct, gc=False):
    parameters: dict[str, _Count] | None = None
    total: _Count | None = None


class _Gguf(msgspec.Struct, gc=False):
    total: _Count | None = None


class Row(msgspec.Struct, gc=False):
    id: str
    hub_id: str | None = msgspec.field(name="_id", default=None)
    sha: str | None = None
    created_at: _Time | None = msgspec.field(name="createdAt", default=None)
    last_modified: _Time | None = msgspec.field(name="lastModified", default=None)
    downloads: _Count | None = None
    likes: _Count | None = None
    used_storage: _Count | None = msgspec.field(name="usedStorage", default=None)
    safetensors: _Weights | None = None
    gguf: _Gguf | None = None
    tags: msgspec.Raw = NONE
    base_models: msgspec.Raw = msgspec.field(name="baseModels", default=NONE)
    card: Card | None = msgspec.field(name="cardData", default=None)
    config: Config | None = None
    task: str | None = msgspec.field(name="pipeline_tag", default=None)
    library: str | None = msgspec.field(name="library_name", default=None)
    private: bool | None = None
    gated: bool | str | None = None
    disabled: bool | None = None


NO_ROW = Row("")
"""One that says nothing."""

_PAGE = msgspec.json.Decoder(list[Row])
_ONE = msgspec.json.Decoder(Row)
_PIECES = msgspec.json.Decoder(list[msgspec.Raw])

_Stored = tuple[tuple[int, ...] | None, str]
"""Stored numbers per dtype, and which dtypes these are."""


def decoded(body: bytes) -> tuple[Sequence[Row | None], Callable[[int], bytes]]:
    """The rows of a page, `None` for each that is not as expected, and a way to each as received."""
    if len(body) < _LARGE or body.count(b'"id"') <= _MANY:
        try:
            rows = _PAGE.decode(body)
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            pass
        else:
            if len(rows) > MAX_ROWS:
                raise BadAnswer(f"a page of {len(rows):,} models")
            pieces: list[msgspec.Raw] = []

            def piece(number: int) -> bytes:
                if not pieces:
                    pieces.extend(_PIECES.decode(body))
                return bytes(pieces[number])

            return rows, piece
    texts = [text.encode() for text in _split(body.decode("utf-8", "replace"))]
    return [_typed(text) for text in texts], texts.__getitem__


def _typed(text: bytes) -> Row | None:
    try:
        return _ONE.decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None


def _split(text: str) -> Iterator[str]:
    """The items of a JSON array as they stand, told by brackets alone, so that no item spoils another.
    Raises `BadAnswer`."""
    depth, start, found = 0, 0, 0
    for token in _TOKEN.finditer(text):
        sign = token[0]
        if depth == 0 and (sign != "[" or text[: token.start()].strip("\ufeff \t\r\n")):
            raise BadAnswer("a list must be a JSON array")
        if sign in "[{":
            depth += 1
            if depth == 1:
                start = token.end()
        elif sign in "]},":
            depth -= sign != ","
            if depth == 0 or (depth == 1 and sign == ","):
                item = text[start : token.start()]
                if depth or found or item.strip():
                    found += 1
                    if found > MAX_ROWS:
                        raise BadAnswer(f"a page of more than {MAX_ROWS:,} models")
                    yield item
                start = token.end()
            if depth == 0:
                if text[start:].strip():
                    raise BadAnswer("not JSON, or cut short")
                return
    raise BadAnswer("not JSON, or cut short")


def are_plain(rows: Sequence[Row | None]) -> bool:
    """Whether all rows have names such as a Hub gives, as nearly always."""
    told = [row for row in rows if row is not None]
    ids = [row.id for row in told]
    keys = [row.hub_id for row in told if row.hub_id is not None]
    commits = [row.sha for row in told if row.sha is not None]
    names, words = "\n".join([*ids, ""]), "".join(keys)
    return (
        _IDS.fullmatch(names) is not None
        and names.count("\n") == len(ids)
        and ".." not in names
        and max(map(len, ids), default=1) <= MAX_ID_LENGTH
        and words.isascii()
        and words.isprintable()
        and " " not in words
        and 0 < min(map(len, keys), default=1) <= max(map(len, keys), default=1) <= _LONGEST_KEY
        and {*map(len, commits)} <= _COMMIT_LENGTHS
        and _COMMITS.fullmatch("".join(commits)) is not None
    )


def is_plain(row: Row) -> bool:
    """The same of one row."""
    return (
        is_hub_id(row.id)
        and (row.hub_id is None or _WORD.fullmatch(row.hub_id) is not None)
        and (row.sha is None or _COMMIT.fullmatch(row.sha) is not None)
    )


def document_of(row: Row) -> dict[str, object]:
    """A row as a document, with all of it that is read. Raises `ValueError` or `RecursionError`."""
    weights, gguf = row.safetensors, row.gguf
    told: dict[str, object] = {
        "_id": row.hub_id,
        "id": row.id,
        "sha": row.sha,
        "createdAt": row.created_at,
        "lastModified": row.last_modified,
        "downloads": row.downloads,
        "likes": row.likes,
        "usedStorage": row.used_storage,
        "safetensors": None if weights is None else to_builtins(weights),
        "gguf": None if gguf is None else to_builtins(gguf),
        "cardData": None if row.card is None else _mapping(row.card),
        "config": None if row.config is None else _mapping(row.config),
        "pipeline_tag": row.task,
        "library_name": row.library,
        "private": row.private,
        "gated": row.gated,
        "disabled": row.disabled,
    }
    document = {name: value for name, value in told.items() if value is not None}
    for name, text in (("tags", row.tags), ("baseModels", row.base_models)):
        if text is not NONE:
            document[name] = decode_json(bytes(text))
    return document


def _mapping(part: Card | Config) -> dict[str, object]:
    texts = ((name, getattr(part, name)) for name in part.__struct_fields__)
    return {name: decode_json(bytes(text)) for name, text in texts if text is not NONE}


def stored_numbers(row: Row) -> _Stored | None:
    """Numbers that alone tell how many parameters there are: all floats, adding up to the host's total, or
    the total of a GGUF file. `None` where it takes more to tell."""
    weights = row.safetensors
    if weights is not None:
        counts, total = weights.parameters, weights.total
        if not counts or not total or total >= _MOST_ELEMENTS:
            return None
        if len(counts) == 1:
            ((dtype, count),) = counts.items()
            return ((count,), dtype) if count == total and dtype in FLOATS else None
        dtypes = sorted(counts)
        if sum(counts.values()) != total or not FLOATS.issuperset(dtypes):
            return None
        return tuple([counts[dtype] for dtype in dtypes]), ",".join(dtypes)
    assert row.gguf is not None
    if row.gguf.total is None:
        return None, ""
    return ((row.gguf.total,), "gguf") if 0 < row.gguf.total < _MOST_ELEMENTS else None
