"""The recorded Hub's list of models: filtered, sorted, and served page by page with a cursor.

A cursor says behind which model of that order the next page begins, so that pages neither repeat nor skip a
model when others come and go meanwhile.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from registry.demo.wire import Recorded, Reply, Request

EXPANDABLE = (
    *(
        "author",
        "baseModels",
        "cardData",
        "childrenModelCount",
        "config",
        "createdAt",
        "disabled",
        "downloads",
    ),
    *("downloadsAllTime", "evalResults", "gated", "gguf", "inference", "inferenceProviderMapping"),
    *("lastModified", "library_name", "likes", "mask_token", "model-index", "pipeline_tag", "private"),
    *("resourceGroup", "safetensors", "sha", "siblings", "spaces", "tags", "transformersInfo"),
    *("trendingScore", "usedStorage", "widgetData", "xetEnabled"),
)
"""Values of `expand` the Hub knows."""

_LISTED = (
    *("_id", "id", "likes", "trendingScore", "private", "downloads", "tags", "pipeline_tag", "library_name"),
    "createdAt",
)
_FULL = (*_LISTED, "author", "sha", "lastModified", "gated", "disabled", "siblings")
_SORTS = {"downloads", "likes", "createdAt", "lastModified", "trendingScore"}
_YES = ("true", "True", "1")

_Rank = tuple[float, str, str]
"""Where a model stands: its number, its text, and its id, each as far as it decides."""


def unknown_expand(expand: Sequence[str]) -> Reply | None:
    """The refusal of fields the Hub does not know: it names those it knows."""
    unknown = [value for value in expand if value not in EXPANDABLE]
    if not unknown:
        return None
    return Reply.error(400, f'"expand" must be one of [{", ".join(EXPANDABLE)}]')


def list_models(request: Request, models: Mapping[str, Recorded], page_size: int) -> Reply:
    """`/api/models`: tag filters are ANDed, sorted downwards, ties by id."""
    expand = request.query.get("expand", ())
    if unknown := unknown_expand(expand):
        return unknown
    sort = request.one("sort", "trendingScore")
    if sort not in _SORTS:
        return Reply.error(400, f'"sort" must be one of [{", ".join(sorted(_SORTS))}]')
    if request.one("direction", "-1") != "-1":
        return Reply.error(400, '"direction" must be [-1]')
    limit = request.one("limit", str(page_size))
    if not (limit.isascii() and limit.isdigit() and int(limit) > 0):
        return Reply.error(400, '"limit" must be a positive number')
    behind = None
    if "cursor" in request.query:
        behind = _read_cursor(request.one("cursor"), sort)
        if behind is None:
            return Reply.error(400, "Invalid cursor")
    found = sorted((_rank(model, sort), model) for model in models.values() if _is_asked_for(request, model))
    size = min(int(limit), page_size)
    rest = [(rank, model) for rank, model in found if behind is None or rank > behind]
    page = rest[:size]
    headers = {}
    if len(rest) > size:
        headers["Link"] = _link(request, _write_cursor(page[-1][0], sort))
    keep = _fields(request, expand)
    rows = [
        {name: model.document[name] for name in keep if name in model.document} | {"modelId": model.repo_id}
        for _, model in page
    ]
    return Reply.json(rows, headers=headers)


def _fields(request: Request, expand: Sequence[str]) -> Sequence[str]:
    if expand:
        return ("_id", "id", *expand)
    keep = _FULL if request.one("full") in _YES else _LISTED
    return (*keep, "cardData") if request.one("cardData") in _YES else keep


def _is_asked_for(request: Request, model: Recorded) -> bool:
    tags = model.document.get("tags")
    known = {tag for tag in tags if isinstance(tag, str)} if isinstance(tags, list) else set()
    filters = {tag for text in request.query.get("filter", ()) for tag in text.split(",")}
    author = request.one("author")
    return (
        model.restricted not in ("private", "disabled")
        and filters <= known
        and (not author or model.repo_id.startswith(f"{author}/"))
        and request.one("search").lower() in model.repo_id.lower()
    )


def _rank(model: Recorded, sort: str) -> _Rank:
    """Smaller for what comes earlier: downwards by value, upwards by id."""
    value = model.document.get(sort)
    number = float(value) if isinstance(value, int | float) else 0.0
    text = value if isinstance(value, str) else ""
    return -number, "".join(chr(0x10FFFF - ord(letter)) for letter in text[:40]), model.repo_id


def _link(request: Request, cursor: str) -> str:
    query = {name: list(values) for name, values in request.query.items()} | {"cursor": [cursor]}
    host = request.headers.get("host", "127.0.0.1")
    return f'<http://{host}{request.path}?{urlencode(query, doseq=True)}>; rel="next"'


def _write_cursor(rank: _Rank, sort: str) -> str:
    return base64.urlsafe_b64encode(json.dumps([sort, *rank]).encode()).decode()


def _read_cursor(text: str, sort: str) -> _Rank | None:
    """`None` for what is no cursor of a list in that order."""
    try:
        of, number, word, repo_id = json.loads(base64.urlsafe_b64decode(text.encode()))
        return (float(number), str(word), str(repo_id)) if of == sort else None
    except (binascii.Error, ValueError, TypeError, UnicodeError):
        return None
