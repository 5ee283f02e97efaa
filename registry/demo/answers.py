"""What the recorded Hub answers: routes, renames, revisions, access, trees, lists and ranges.

Pure: a request and the recorded repositories in, a reply out. Shapes and status codes follow the Hub's
API as its client reads it; what was not recorded is left out, never made up.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping, Sequence
from urllib.parse import quote, unquote, urlencode

from registry.demo.lists import list_models, unknown_expand
from registry.demo.wire import Recorded, Reply, Request

PAGE_SIZE = 1000
"""Entries the Hub puts on one page of a tree or list at most."""

_ONLY_EXPANDED = frozenset(
    {"baseModels", "childrenModelCount", "downloadsAllTime", "evalResults", "xetEnabled"}
)
_VERBS = frozenset({"revision", "tree", "safetensors-metadata"})
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


def answer(
    request: Request,
    models: Mapping[str, Recorded],
    *,
    moved: Mapping[str, str],
    tokens: Collection[str],
    page_size: int,
) -> Reply:
    """The Hub's reply to one request. tokens: those that may see private and gated repositories."""
    segments = request.path.strip("/").split("/")
    if segments[:2] == ["api", "models"]:
        if len(segments) == 2:
            return list_models(request, models, page_size)
        repo_id, rest = _repository(segments[2:])
    elif "resolve" in segments[1:3]:
        place = segments.index("resolve", 1)
        repo_id, rest = unquote("/".join(segments[:place])), segments[place:]
    elif segments == ["api", "agent-harnesses"]:
        return Reply.json({"standardEnvVars": [], "harnesses": {}})
    else:
        return Reply.error(404, "Sorry, we can't find the page you are looking for.")
    if repo_id in moved:
        return _moved(request, segments, moved[repo_id], rest)
    model = models.get(repo_id)
    if model is None or (model.restricted == "private" and request.token not in tokens):
        # A missing and a private repository look alike: 401 to an anonymous caller, 404 to a known one.
        return (
            Reply.error(401, "Invalid username or password.", "RepoNotFound")
            if request.token is None
            else Reply.error(404, "Repository not found", "RepoNotFound")
        )
    if model.restricted == "disabled":
        return Reply.error(403, "Access to this resource is disabled.")
    return _about(request, model, rest, tokens, page_size)


def _repository(segments: Sequence[str]) -> tuple[str, Sequence[str]]:
    """Split `org/name/verb/...` or `name/verb/...` into the id and what follows it."""
    length = 1 if len(segments) > 1 and segments[1] in _VERBS else 2
    return unquote("/".join(segments[:length])), segments[length:]


def _moved(request: Request, segments: Sequence[str], target: str, rest: Sequence[str]) -> Reply:
    prefix = "/api/models/" if segments[0] == "api" else "/"
    query = urlencode([(name, value) for name, values in request.query.items() for value in values])
    location = prefix + "/".join([target, *rest]) + (f"?{query}" if query else "")
    return Reply(307, {"Location": location}, b"Temporary Redirect")


def _about(
    request: Request, model: Recorded, rest: Sequence[str], tokens: Collection[str], page_size: int
) -> Reply:
    verb, revision = (rest[0] if rest else ""), (unquote(rest[1]) if len(rest) > 1 else "main")
    path = unquote("/".join(rest[2:]))
    if verb == "safetensors-metadata":
        if refused := _gate(request, model, tokens):
            return refused
        if model.headers_answer is None or rest[1:] != ["model.safetensors.index.json"]:
            return Reply.error(404, "Entry not found", "EntryNotFound")
        return Reply.json(model.headers_answer)
    commit = model.resolve(revision)
    if commit is None:
        return Reply.error(404, f"Invalid rev id: {revision}", "RevisionNotFound")
    if verb in ("", "revision"):
        return _document(request, model, commit)
    if verb == "tree":
        return _tree(request, model, path, page_size)
    if verb == "resolve":
        return _gate(request, model, tokens) or _file(request, model, path, commit)
    return Reply.error(404, "Sorry, we can't find the page you are looking for.")


def _gate(request: Request, model: Recorded, tokens: Collection[str]) -> Reply | None:
    if model.restricted != "gated" or request.token in tokens:
        return None
    if request.token is None:
        wanted = "You must have access to it and be authenticated to access it. Please log in."
        return Reply.error(401, f"Access to model {model.repo_id} is restricted. {wanted}", "GatedRepo")
    wanted = "you are not in the authorized list."
    return Reply.error(403, f"Access to model {model.repo_id} is restricted and {wanted}", "GatedRepo")


# --- documents and lists -------------------------------------------------------------------------


def _document(request: Request, model: Recorded, commit: str) -> Reply:
    expand, blobs = request.query.get("expand", ()), request.one("blobs") in ("true", "True", "1")
    if unknown := unknown_expand(expand):
        return unknown
    document = dict(model.document)
    if commit:
        document["sha"] = commit
    if expand:
        keep = {"_id", "id", *expand} | ({"siblings"} if blobs else set())
        document = {name: value for name, value in document.items() if name in keep}
    else:
        document = {name: value for name, value in document.items() if name not in _ONLY_EXPANDED}
    if "siblings" in document:
        document["siblings"] = _siblings(model, blobs)
    return Reply.json(document)


def _siblings(model: Recorded, blobs: bool) -> list[object]:
    """The document's file list: names alone, or with sizes and hashes where document or tree has them."""
    recorded = model.document.get("siblings")
    siblings = recorded if isinstance(recorded, list) else []
    entries = {entry.get("path"): entry for entry in model.tree}
    listed: list[object] = []
    for sibling in siblings:
        if not isinstance(sibling, dict):
            listed.append(sibling)
        elif not blobs:
            listed.append({"rfilename": sibling.get("rfilename")})
        else:
            listed.append(_sibling_blob(entries.get(sibling.get("rfilename"), {})) | sibling)
    return listed


def _sibling_blob(entry: Mapping[str, object]) -> dict[str, object]:
    """A tree entry in the words of the document: `blobId` for `oid`, `lfs.sha256` for `lfs.oid`."""
    known: dict[str, object] = {}
    if "size" in entry:
        known["size"] = entry["size"]
    if "oid" in entry:
        known["blobId"] = entry["oid"]
    if isinstance(lfs := entry.get("lfs"), Mapping):
        known["lfs"] = {("sha256" if name == "oid" else name): value for name, value in lfs.items()}
    return known


def _page(request: Request, rows: Sequence[object], size: int) -> Reply:
    """One page of rows, with the `Link` to the next where there is one."""
    start = _positive(request.one("cursor"), 0)
    headers = {}
    if start + size < len(rows):
        query = {name: list(values) for name, values in request.query.items()} | {
            "cursor": [str(start + size)]
        }
        host = request.headers.get("host", "127.0.0.1")
        headers["Link"] = f'<http://{host}{request.path}?{urlencode(query, doseq=True)}>; rel="next"'
    return Reply.json(rows[start : start + size], headers=headers)


def _positive(text: str, default: int) -> int:
    return int(text) if text.isascii() and text.isdigit() and int(text) > 0 else default


# --- files ---------------------------------------------------------------------------------------


def _tree(request: Request, model: Recorded, path: str, page_size: int) -> Reply:
    if not model.tree and "siblings" not in model.document:
        return Reply.error(404, "The file list was not recorded", "EntryNotFound")
    entries = list(model.tree) or [{"type": "file", "path": name} for name in _file_names(model)]
    if path:
        entries = [entry for entry in entries if str(entry.get("path")).startswith(f"{path}/")]
        if not entries:
            return Reply.error(404, f"{path} does not exist", "EntryNotFound")
    if request.one("recursive") not in ("true", "True", "1"):
        depth = path.count("/") + 1 if path else 0
        entries = [entry for entry in entries if str(entry.get("path")).count("/") == depth]
    return _page(request, entries, min(_positive(request.one("limit"), page_size), page_size))


def _file_names(model: Recorded) -> list[str]:
    siblings = model.document.get("siblings")
    listed = siblings if isinstance(siblings, list) else []
    names = {
        str(sibling["rfilename"])
        for sibling in listed
        if isinstance(sibling, dict) and "rfilename" in sibling
    }
    return sorted(names | set(model.files))


def _file(request: Request, model: Recorded, path: str, commit: str) -> Reply:
    """A file's content, whole (200), in part (206), or not at all (404, 416)."""
    data = model.files.get(path)
    if data is None:
        return Reply.error(404, "Entry not found", "EntryNotFound")
    headers = {
        "Content-Type": "application/octet-stream",
        "Accept-Ranges": "bytes",
        "ETag": f'"{hashlib.sha256(data).hexdigest()}"',
        "X-Linked-Size": str(len(data)),
        "Content-Disposition": f"inline; filename*=UTF-8''{quote(path.rpartition('/')[2])}",
    }
    if commit:
        headers["X-Repo-Commit"] = commit
    asked = _RANGE.fullmatch(request.headers.get("range", ""))
    if asked is None or asked[0] == "bytes=-":
        return Reply(200, headers, data)
    first, last = asked.groups()
    start = int(first) if first else max(len(data) - int(last), 0)
    end = min(int(last), len(data) - 1) if first and last else len(data) - 1
    if start >= len(data) or start > end:
        return Reply(416, {**headers, "Content-Range": f"bytes */{len(data)}"})
    headers["Content-Range"] = f"bytes {start}-{end}/{len(data)}"
    return Reply(206, headers, data[start : end + 1])
