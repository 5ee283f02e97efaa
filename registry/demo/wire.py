"""What goes over the wire of the recorded Hub: a repository as recorded, one request, one reply."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

Restriction = Literal["", "gated", "private", "disabled"]


@dataclass(frozen=True, slots=True)
class Recorded:
    """One repository as the Hub answered it.

    document: the answer of `GET /api/models/{id}?blobs=true`. tree: the entries of
    `/tree/{rev}?recursive=true`; without any they are made from the document's siblings, without sizes, and
    a document that has none either answers 404. files: contents served under `/{id}/resolve/{rev}/{path}`.
    revisions: branch or tag to commit; `main` and the document's own commit are always known.
    headers_answer: the answer of `/safetensors-metadata/model.safetensors.index.json`, `None` for 404.
    restricted: `gated` keeps the files back, `private` the whole repository, `disabled` everything.
    """

    document: Mapping[str, object]
    tree: Sequence[Mapping[str, object]] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)
    revisions: Mapping[str, str] = field(default_factory=dict)
    headers_answer: Mapping[str, object] | None = None
    restricted: Restriction = ""

    @property
    def repo_id(self) -> str:
        return str(self.document["id"])

    @property
    def commit(self) -> str | None:
        """The commit of `main`, `None` where the recording does not say."""
        sha = self.document.get("sha")
        return sha if isinstance(sha, str) else None

    def resolve(self, revision: str) -> str | None:
        """The commit a revision stands for: `""` for a `main` of unknown commit, `None` when there is no such
        revision."""
        if revision in self.revisions:
            return self.revisions[revision]
        if revision == "main" or (self.commit is not None and revision == self.commit):
            return self.commit or ""
        return revision if revision in self.revisions.values() else None


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it came in. path: still percent-encoded, without the query. headers: names in lower
    case. number: how many requests came before it."""

    method: str
    path: str
    query: Mapping[str, Sequence[str]] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    number: int = 0

    @property
    def token(self) -> str | None:
        """The bearer token, `None` for an anonymous caller."""
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        return token if scheme.lower() == "bearer" and token else None

    def one(self, name: str, default: str = "") -> str:
        """The last value of a query parameter."""
        values = self.query.get(name, ())
        return values[-1] if values else default


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer. The rest is for misbehaving on purpose: delay: seconds of silence before it; cut: bytes of
    the body that are sent before the line drops; raw: bytes sent in place of any HTTP at all."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    delay: float = 0.0
    cut: int | None = None
    raw: bytes | None = None

    @classmethod
    def json(cls, value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
        """A JSON answer."""
        body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
        return cls(status, {"Content-Type": "application/json; charset=utf-8", **(headers or {})}, body)

    @classmethod
    def error(cls, status: int, message: str, code: str | None = None) -> Reply:
        """An error the way the Hub words it: in the body, and in the headers its client reads."""
        headers = {"X-Error-Message": message} | ({"X-Error-Code": code} if code is not None else {})
        return cls.json({"error": message}, status, headers)


@dataclass(frozen=True, slots=True)
class LoggedRequest:
    """A request that was answered, for tests that count them. headers: as sent, names in lower case."""

    method: str
    path: str
    query: Mapping[str, Sequence[str]]
    headers: Mapping[str, str]
    status: int
