"""Models on the Hub: two requests each, one while their files are known, and one more for the headers of
sharded weights.

The first asks for the model's document with the fields worth keeping and the sizes of its files, the second
for the file tree with content hashes at exactly that commit. Answers are read raw: the Hub client's typed
objects drop fields and break on odd cards.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Self
from urllib.parse import quote, urlsplit

from registry import __version__
from registry.contract import Want
from registry.errors import BadAnswer, BadReference, SourceError
from registry.model.edges import Relation
from registry.model.refs import ModelRef, SourceName, is_hub_id
from registry.model.snapshot import ModelSnapshot, Note, RawAnswer
from registry.sources.cards import decode_card
from registry.sources.client import Answer, BadRequest, HubClient
from registry.sources.documents import read_document
from registry.sources.faults import Topic
from registry.sources.headers import AT_ONCE, file_path, read_headers
from registry.sources.http import default_endpoint, origin
from registry.sources.parts import CARD, GGUF_HEAD, MAX_FILE, claim_files
from registry.sources.ranges import RangedFile

EXPAND = (
    "author",
    "baseModels",
    "cardData",
    "childrenModelCount",
    "config",
    "createdAt",
    "disabled",
    "downloads",
    "downloadsAllTime",
    "gated",
    "gguf",
    "lastModified",
    "library_name",
    "likes",
    "pipeline_tag",
    "private",
    "safetensors",
    "sha",
    "siblings",
    "tags",
    "usedStorage",
)
"""Fields of a document asked for by name: without that, a host leaves out `baseModels`, `usedStorage` and
others. `transformersInfo` and `widgetData` are large and say nothing we keep."""

MAX_TREE_PAGES = 200
"""Pages of a file tree read at most, 1000 entries each on the Hub."""

_MAX_LIST_PAGES = 50
_LIST_PAGE = 1000
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_WORD = re.compile(r"[A-Za-z_-]+")


@dataclass(frozen=True, slots=True)
class _Tree:
    """entries: `None` when no tree could be read, or only a part where the document lists all files itself.
    complete: they are all there are."""

    entries: tuple[object, ...] | None = None
    complete: bool = True
    notes: tuple[Note, ...] = ()
    raw: tuple[RawAnswer, ...] = ()


@dataclass(frozen=True, slots=True)
class _RepoFiles:
    """Contents of files by path, and what could not be read."""

    files: Mapping[str, bytes] = field(default_factory=lambda: MappingProxyType({}))
    notes: tuple[Note, ...] = ()


class HubSource:
    """A `contract.Source` for models on one Hub. Thread-safe; a context manager.

    Arguments are those of `HubClient`. The first answer teaches what the host understands.
    """

    def __init__(
        self,
        *,
        endpoint: str | None = None,
        token: bool | str | None = None,
        timeout: float = 20.0,
        max_wait: float = 320.0,
        on_wait: Callable[[float, str], None] | None = None,
        version: str = __version__,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] | None = None,
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        self._clock = clock
        self._client = HubClient(
            endpoint=endpoint,
            token=token,
            timeout=timeout,
            max_wait=max_wait,
            on_wait=on_wait,
            version=version,
            clock=clock,
            monotonic=monotonic,
            sleep=sleep,
        )
        self._lock = threading.Lock()
        self._pool: ThreadPoolExecutor | None = None
        self._expand: tuple[str, ...] = EXPAND

    @property
    def endpoint(self) -> str:
        """The address that is asked."""
        return self._client.endpoint

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Break off what is under way; other threads get `Unreachable`."""
        self._client.close()
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(cancel_futures=True)

    def fetch(self, ref: ModelRef, want: Want) -> ModelSnapshot:
        """Read one model. Raises a `SourceError` when its document cannot be had; whatever else cannot be
        read (tree, headers, files) costs that part, with a note."""
        if ref.source is not SourceName.HUB:
            raise BadReference(f"{ref} is not a model on the Hub", hint="write org/name")
        topic = Topic(ref.name, ref.revision)
        document, answer = self._document(topic)
        observed_at = self._clock()
        repo_id, revision = _identity(document, ref)
        # At one commit there is one list of files: what is known whole need not come again.
        known = revision == want.listed and isinstance(document.get("siblings"), list)
        tree = _Tree() if known else self._tree(repo_id, revision, topic)
        if not tree.complete and isinstance(document.get("siblings"), list):
            tree = replace(tree, entries=None)
        paths = _paths(document, tree.entries)
        notes, raw = [*tree.notes], [RawAnswer("model", answer.body or b""), *tree.raw]
        headers: Mapping[str, bytes] | None = None
        if want.headers:
            newest = ref.revision in (None, "main")
            read = read_headers(self._client, repo_id, revision, paths, newest=newest, pool=self._workers())
            headers = read.headers or None
            notes += read.notes
            if read.raw is not None:
                raw.append(RawAnswer("headers", read.raw))
        deep = self._deep(repo_id, revision, document, paths) if want.deep else _RepoFiles()
        self._client.stop_if_closed(topic)
        snapshot = read_document(
            document,
            observed_at=observed_at,
            requested=ref.name,
            revision=ref.revision,
            card=_card_text(deep.files),
            tree=tree.entries,
            tree_complete=tree.complete,
            repo_files={path: data for path, data in deep.files.items() if path != CARD},
            headers=headers,
            raw=tuple(raw),
        )
        files = None if known else snapshot.files
        return replace(snapshot, files=files, notes=(*snapshot.notes, *notes, *deep.notes))

    def derivatives(self, ref: ModelRef, relation: Relation, limit: int) -> Sequence[str]:
        """The ids of up to `limit` direct derivatives, most downloaded first; for a dataset, of the models
        trained on it. Empty for relations the Hub does not know. Raises `SourceError`."""
        wanted = _filter(ref, relation)
        if wanted is None or limit <= 0:
            return ()
        topic = Topic(ref.name)
        params = [("filter", wanted), ("sort", "downloads"), ("limit", str(min(limit, _LIST_PAGE)))]
        found: dict[str, None] = {}
        for value, _ in self._pages("/api/models", topic, params, _MAX_LIST_PAGES):
            for item in value:
                name = item.get("id", item.get("modelId")) if isinstance(item, Mapping) else None
                if isinstance(name, str) and is_hub_id(name) and name != ref.name:
                    found.setdefault(name)
            if len(found) >= limit:
                break
        return tuple(found)[:limit]

    def open_file(self, ref: ModelRef, path: str, size: int | None = None) -> RangedFile:
        """A file of a model, for reading parts of it; nothing is asked for yet. ref: at a commit, so that all
        parts are of one state. size: in bytes, where a listing tells it."""
        return RangedFile(self._client, ref.name, ref.revision or "main", path, size)

    # --- the two requests ------------------------------------------------------------------------

    def _document(self, topic: Topic) -> tuple[Mapping[str, object], Answer]:
        """The model's document. A host that refuses the list of fields is asked for those it names, then for
        whatever it sends by itself; what it took is remembered."""
        path = f"/api/models/{quote(topic.model)}"
        if topic.revision is not None:
            path += f"/revision/{quote(topic.revision, safe='')}"
        expand = self._expand
        while True:
            params = [("blobs", "true"), *(("expand", name) for name in expand)]
            try:
                value, answer = self._client.get_json(path, topic, params=params)
                break
            except BadRequest as refusal:
                if not expand:
                    raise
                known = set(_WORD.findall(refusal.words))
                taken = tuple(name for name in expand if name in known)
                # A list of fields has these two; a text that happens to hold a field's name does not.
                sound = {"sha", "siblings"} <= known and len(taken) < len(expand)
                expand = taken if sound else ()
        self._expand = expand
        if not isinstance(value, Mapping):
            raise self._client.fault(BadAnswer, topic, "a model's document must be a JSON object")
        return value, answer

    def _tree(self, repo_id: str, revision: str, topic: Topic) -> _Tree:
        """The file tree at a commit; never raises a `SourceError`."""
        path = f"/api/models/{quote(repo_id)}/tree/{quote(revision, safe='')}"
        entries: list[object] = []
        bodies: list[bytes] = []
        trouble: str | None = None
        last: Answer | None = None
        try:
            params = [("recursive", "true"), ("expand", "false")]
            for value, last in self._pages(path, topic, params, MAX_TREE_PAGES):
                entries += value
                bodies.append(last.body or b"[]")
        except SourceError as error:
            trouble = error.message
        if trouble is None and last is not None and last.next is not None:
            trouble = f"it goes on after {len(bodies)} pages"
        notes = (
            () if trouble is None else (Note("tree-unread", f"the file tree was not read whole: {trouble}"),)
        )
        if not bodies:
            return _Tree(notes=notes)
        raw = bodies[0] if len(bodies) == 1 else json.dumps(entries, separators=(",", ":")).encode()
        return _Tree(tuple(entries), trouble is None, notes, (RawAnswer("tree", raw),))

    def _pages(
        self, path: str, topic: Topic, params: Sequence[tuple[str, str]], most: int
    ) -> Iterable[tuple[list[object], Answer]]:
        """The pages of a list, up to `most`. Cursors that lead to another host or back are not followed."""
        seen: set[str] = set()
        where: str | None = path
        for _ in range(most):
            if where is None:
                return
            value, answer = self._client.get_json(where, topic, params=params if not seen else ())
            if not isinstance(value, list):
                raise self._client.fault(BadAnswer, topic, "a list must be a JSON array")
            yield value, answer
            seen.add(where)
            if answer.next is None:
                return
            where = self._cursor(answer.next)
            if where is None or where in seen:
                raise self._client.fault(BadAnswer, topic, "its next page is not one of its own")

    def _cursor(self, link: str) -> str | None:
        """The address of a next page if it is at our host. A mirror may pass on the address the public Hub
        gave it: then the mirror is asked."""
        if origin(link) == origin(self.endpoint):
            return link
        if link.startswith("/"):
            return link
        if origin(link) in (origin(default_endpoint()), origin("https://huggingface.co")):
            parts = urlsplit(link)
            return f"{parts.path}?{parts.query}" if parts.query else parts.path
        return None

    # --- what is read on request -----------------------------------------------------------------

    def _deep(
        self, repo_id: str, revision: str, document: Mapping[str, object], paths: Collection[str]
    ) -> _RepoFiles:
        """The small files that carry claims, the head of one GGUF file, and the card where the document came
        without its front matter. Never raises a `SourceError`."""
        wanted = claim_files(paths)
        if not isinstance(document.get("cardData"), Mapping) and CARD in paths:
            wanted.append(CARD)

        def read(path: str) -> bytes | Note:
            span = (0, GGUF_HEAD - 1) if path.endswith(".gguf") else None
            topic = Topic(repo_id, None, path)
            try:
                answer = self._client.get(
                    file_path(repo_id, revision, path), topic, limit=MAX_FILE, span=span
                )
            except SourceError as error:
                return Note("file-unread", error.message)
            if answer.body is None:
                return Note("file-unread", f"{topic}: the host would send the whole file")
            return answer.body

        answers = dict(zip(wanted, self._workers().map(read, wanted), strict=True))
        return _RepoFiles(
            {path: answer for path, answer in answers.items() if isinstance(answer, bytes)},
            tuple(answer for answer in answers.values() if isinstance(answer, Note)),
        )

    def _workers(self) -> ThreadPoolExecutor:
        with self._lock:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="hub")
            return self._pool


def _identity(document: Mapping[str, object], ref: ModelRef) -> tuple[str, str]:
    """The id and commit later requests name; what was asked for where the document tells none."""
    name, sha = document.get("id"), document.get("sha")
    repo_id = name if isinstance(name, str) and is_hub_id(name) else ref.name
    revision = sha if isinstance(sha, str) and _COMMIT.fullmatch(sha) else ref.revision or "main"
    return repo_id, revision


def _paths(document: Mapping[str, object], tree: Iterable[object] | None) -> frozenset[str]:
    """The paths of a repository's files, by its tree, else by its document."""
    key, listed = ("path", tree) if tree is not None else ("rfilename", document.get("siblings"))
    if not isinstance(listed, (list, tuple)):
        return frozenset()
    found = (
        item.get(key) for item in listed if isinstance(item, Mapping) and item.get("type") != "directory"
    )
    return frozenset(path for path in found if isinstance(path, str) and path)


def _card_text(files: Mapping[str, bytes]) -> str | None:
    card = files.get(CARD)
    return None if card is None else decode_card(card)[0].replace("\0", "\ufffd")


def _filter(ref: ModelRef, relation: Relation) -> str | None:
    """The Hub's tag for a derivative of this kind, `None` where it has none."""
    if ref.source is SourceName.DATA:
        return f"dataset:{ref.name}" if relation is Relation.TRAINED_ON else None
    if ref.source is not SourceName.HUB or relation in (Relation.TRAINED_ON, Relation.DISTILLED):
        return None
    return f"base_model:{ref.name}" if relation is Relation.UNKNOWN else f"base_model:{relation}:{ref.name}"
