"""Models in the Hub client's cache on this disk: what is known of them without the network.

The layout is the client's (https://huggingface.co/docs/huggingface_hub/guides/manage-cache): per repository
`refs/`, `snapshots/<commit>/` of links into `blobs/` (named by sha256, or by git oid), and since 2.0
`trees/<commit>.json`, a whole listing. The cache is a folder others write to: links that lead out of it are
not followed, and every file is read with a bound.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from string import Template

from registry.contract import Want
from registry.errors import BadReference, DamagedFile, NoSuchRevision, Offline
from registry.model.edges import Relation
from registry.model.refs import ModelRef, SourceName
from registry.model.snapshot import ModelSnapshot, Note, RawAnswer
from registry.sources.documents import read_document
from registry.sources.parts import CARD, GGUF_HEAD, MAX_FILE, claim_files, weight_files
from registry.weights.safetensors import header_length

TREE_VERSION = 1
"""The `format_version` of `trees/*.json` we know; the format is private to the Hub client."""

_MAX_TREE_FILE = 64 * 10**6
_MAX_FILES = 100_000
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_GIT_OID = re.compile(r"[0-9a-f]{40}")


def cache_folder(environ: Mapping[str, str]) -> Path:
    """Where the Hub client keeps its cache: `HF_HUB_CACHE`, else `hub` in `HF_HOME`, else in the user's own
    cache folder."""
    home = environ.get("HOME") or str(Path.home())
    fallback = f"{environ.get('XDG_CACHE_HOME') or f'{home}/.cache'}/huggingface"
    text = (
        environ.get("HF_HUB_CACHE")
        or environ.get("HUGGINGFACE_HUB_CACHE")
        or f"{environ.get('HF_HOME') or fallback}/hub"
    )
    text = Template(text).safe_substitute(environ)
    return Path(home + text[1:] if text == "~" or text.startswith("~/") else text)


@dataclass(frozen=True, slots=True)
class _Cached:
    """One repository at one commit: its folder, and that of its files, which may be absent."""

    folder: Path
    commit: str

    @property
    def files(self) -> Path:
        return self.folder / "snapshots" / self.commit


class HubCacheSource:
    """A `contract.Source` over the Hub cache. Stateless, thread-safe.

    environ: where `HF_HUB_CACHE`, `HF_HOME` and so on are read, at each call; cache_dir: instead of them.
    """

    def __init__(
        self,
        *,
        environ: Mapping[str, str] | None = None,
        cache_dir: Path | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._environ = os.environ if environ is None else environ
        self._cache_dir = cache_dir
        self._clock = clock

    def fetch(self, ref: ModelRef, want: Want) -> ModelSnapshot:
        """Read one model. Raises `Offline` when the cache does not hold it, `NoSuchRevision` when it holds
        other revisions alone. Files that carry claims cost nothing here and are always read."""
        if ref.source is not SourceName.HUB:
            raise BadReference(f"{ref} is not a model on the Hub", hint="write org/name")
        cache = self._cache_dir or cache_folder(self._environ)
        try:
            cached = _find(cache, ref)
            return self._read(_Reader(cache.resolve()), cached, ref, want)
        except OSError as error:
            raise DamagedFile(
                f"the Hub cache of {ref.name} cannot be read: {error.strerror or type(error).__name__}",
                hint=f"look at {cache}, or mend it with `hf cache verify {ref.name}`",
            ) from None

    def derivatives(self, ref: ModelRef, relation: Relation, limit: int) -> tuple[str, ...]:  # noqa: ARG002
        """None: a cache knows what a model was made from, not what was made of it."""
        return ()

    def close(self) -> None:
        """Nothing is held open."""

    def _read(self, reader: _Reader, cached: _Cached, ref: ModelRef, want: Want) -> ModelSnapshot:
        present = reader.listing(cached.files)
        tree = reader.tree(cached)
        complete = tree is not None
        if tree is None:
            reader.note("files-partial", "the file list holds only what was downloaded into the Hub cache")
        paths = frozenset(present)
        card = reader.small(cached, CARD) if CARD in paths else None
        files = {path: reader.small(cached, path) for path in claim_files(paths)}
        known = paths if tree is None else paths | {str(entry["path"]) for entry in tree}
        headers = reader.headers(cached, known) if want.headers else None
        text = None if card is None else card.decode("utf-8", "replace")
        snapshot = read_document(
            {"id": ref.name, "sha": cached.commit},
            observed_at=self._clock(),
            revision=ref.revision,
            card=text,
            tree=tree if tree is not None else list(present.values()),
            tree_complete=complete,
            repo_files={path: data for path, data in files.items() if data is not None},
            headers=headers,
            raw=() if card is None else (RawAnswer("card", card),),
        )
        return replace(snapshot, notes=(*snapshot.notes, *reader.notes))


def _find(cache: Path, ref: ModelRef) -> _Cached:
    """The repository's folder and the commit a revision stands for."""
    name = "models--" + ref.name.replace("/", "--")
    folder = cache / name
    # Compared by name: on some disks another model's folder answers to a name in other letter case.
    if not folder.is_dir() or name not in os.listdir(cache):  # noqa: PTH208 - names alone are needed.
        raise Offline(
            f"{ref.name} is not in the Hub cache {cache}",
            hint=f"unset HF_HUB_OFFLINE, or fetch it where there is a network: `hf download {ref.name}`",
        )
    held = sorted({path.name for path in (folder / "snapshots").glob("*") if _COMMIT.fullmatch(path.name)})
    held += sorted({path.stem for path in (folder / "trees").glob("*.json")} - set(held))
    wanted = ref.revision or "main"
    commit = wanted if wanted in held else _ref(folder, wanted)
    if commit is None and ref.revision is None and len(held) == 1:
        commit = held[0]
    if commit is None or not _COMMIT.fullmatch(commit) or commit not in held:
        raise NoSuchRevision(
            f"the Hub cache holds {ref.name}, but not its revision {wanted!r}",
            hint=f"it holds {', '.join(held[:3])}" if held else f"fetch it again: `hf download {ref.name}`",
        )
    return _Cached(folder, commit)


def _ref(folder: Path, revision: str) -> str | None:
    """The commit a branch or tag pointed to when it was last downloaded."""
    try:
        with (folder / "refs" / revision).open(encoding="ascii") as file:
            return file.read(65).strip()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError, UnicodeDecodeError):
        return None


class _Reader:
    """Reads files of one cache with bounds, and collects notes. root: the cache, free of links."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.notes: list[Note] = []

    def note(self, code: str, message: str) -> None:
        self.notes.append(Note(code, message))

    def listing(self, folder: Path) -> dict[str, dict[str, object]]:
        """Downloaded files by path, as entries of a tree; hashes from the names of the blobs they link to."""
        found: dict[str, dict[str, object]] = {}
        for place, _, names in os.walk(folder):
            for name in names:
                if len(found) >= _MAX_FILES:
                    self.note("files-partial", f"more than {_MAX_FILES:,} files; the rest were left out")
                    return found
                path = Path(place, name)
                if (real := self._inside(path)) is None:
                    self.note(
                        "link-not-followed", f"{path.relative_to(folder)}: broken, or leads out of the cache"
                    )
                    continue
                entry = {"type": "file", "size": real.stat().st_size, **blob_hashes(path)}
                relative = path.relative_to(folder).as_posix()
                found[relative] = {"path": relative, **entry}
        return found

    def tree(self, cached: _Cached) -> list[dict[str, object]] | None:
        """The whole listing the Hub client kept, as entries of a tree; `None` without a usable one."""
        path = cached.folder / "trees" / f"{cached.commit}.json"
        if not path.exists():
            return None
        try:
            content = json.loads(self._bytes(path, _MAX_TREE_FILE) or b"")
        except (ValueError, RecursionError):
            self.note("tree-unread", "the cached file list is not JSON")
            return None
        version = content.get("format_version") if isinstance(content, dict) else None
        files = content.get("files") if isinstance(content, dict) else None
        if version != TREE_VERSION or not isinstance(files, dict):
            self.note("tree-unread", f"the cached file list is not of format {TREE_VERSION}")
            return None
        return [_entry(path, told) for path, told in files.items() if isinstance(told, dict)]

    def small(self, cached: _Cached, path: str) -> bytes | None:
        """The content of a small file, the head of a GGUF file; `None`, with a note, when unreadable."""
        if path.endswith(".gguf"):
            return self._head(cached.files / path, GGUF_HEAD)
        data = self._bytes(cached.files / path, MAX_FILE)
        if data is None:
            self.note("file-unread", f"{path}: larger than {MAX_FILE:,} bytes, or not a file")
        return data

    def headers(self, cached: _Cached, paths: frozenset[str]) -> dict[str, bytes] | None:
        """The safetensors headers on this disk: all of one set of weights, or none."""
        heads: dict[str, bytes] = {}
        for path in weight_files(paths):
            try:
                length = header_length(self._head(cached.files / path, 8) or b"")
            except DamagedFile as error:
                self.note("headers-unread", f"{path}: {error.message}")
                return None
            heads[path] = self._head(cached.files / path, 8 + length) or b""
        return heads or None

    def _inside(self, path: Path) -> Path | None:
        """The file a path leads to, if it is a regular one in this cache."""
        try:
            real = path.resolve(strict=True)
        except (OSError, RuntimeError):  # Absent, or links in a circle.
            return None
        return real if real.is_relative_to(self._root) and stat.S_ISREG(real.stat().st_mode) else None

    def _head(self, path: Path, length: int) -> bytes | None:
        real = self._inside(path)
        if real is None:
            return None
        with real.open("rb") as file:
            return file.read(length)

    def _bytes(self, path: Path, limit: int) -> bytes | None:
        data = self._head(path, limit + 1)
        return data if data is not None and len(data) <= limit else None


def blob_hashes(path: Path) -> dict[str, object]:
    """What the blob a file links to is called: sha256 in LFS or Xet, git oid otherwise, or in the store that
    repositories share (`blobs/<2 hex>/<hash>`) the Xet hash."""
    if not path.is_symlink():
        return {}
    blob = path.readlink()
    name = blob.name
    if blob.parent.name == "blobs" and _SHA256.fullmatch(name):
        return {"lfs": {"oid": name}}
    if blob.parent.name == "blobs" and _GIT_OID.fullmatch(name):
        return {"oid": name}
    return {"xetHash": name} if blob.parent.parent.name == "blobs" and _SHA256.fullmatch(name) else {}


def _entry(path: str, told: Mapping[str, object]) -> dict[str, object]:
    """A file of `trees/*.json` in the words of the Hub's tree."""
    entry: dict[str, object] = {"type": "file", "path": path, "size": told.get("size")}
    entry["oid"], entry["xetHash"] = told.get("blob_id"), told.get("xet_hash")
    if told.get("lfs_sha256") is not None:
        entry["lfs"] = {"oid": told["lfs_sha256"], "size": told.get("lfs_size")}
    return entry
