"""Tags and file lists of a Hub document."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from registry.model.snapshot import ModelFile
from registry.sources.values import Notes, clean, read_count

MAX_TAGS = 10_000
MAX_TAG = 1000
"""Models with more than 2,000 tags exist; ids in tags end at 257 characters."""
MAX_FILES = 500_000
MAX_PATH = 4096

_SHA256 = re.compile(r"[0-9a-f]{64}")
_GIT_OID = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


def read_tags(value: object, notes: Notes) -> tuple[str, ...]:
    """Tags word for word, without repeats; a lone text counts as one tag."""
    if value is None:
        return ()
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list):
        notes.odd("tags", value)
        return ()
    kept: dict[str, None] = {}
    for tag in value[:MAX_TAGS]:
        if not isinstance(tag, str) or len(tag) > MAX_TAG:
            notes.add("odd-field", "tags hold a value that is no short text")
        elif tag:
            kept[clean(tag)] = None
    if len(value) > MAX_TAGS:
        notes.add("too-many-tags", f"{len(value):,} tags; the first {MAX_TAGS:,} were kept")
    return tuple(kept)


def read_files(
    siblings: object, tree: Sequence[object] | None, notes: Notes
) -> tuple[tuple[ModelFile, ...] | None, bool]:
    """The files of a repository by path, `None` when no list was given, and whether none was cut off.

    siblings: the document's list (`rfilename`, `blobId`, `lfs.sha256`); tree: entries of the file tree
    (`path`, `oid`, `lfs.oid`, `xetHash`). The tree decides which files exist and fills each first.
    """
    listed = _entries(siblings, "siblings", notes)
    if tree is None:
        whole = not isinstance(siblings, list) or len(siblings) <= MAX_FILES
        return None if listed is None else tuple(sorted(listed.values())), whole
    found = _entries(list(tree), "tree", notes) or {}
    filled = (_filled(file, (listed or {}).get(path)) for path, file in found.items())
    return tuple(sorted(filled)), len(tree) <= MAX_FILES


def _entries(value: object, field: str, notes: Notes) -> dict[str, ModelFile] | None:
    if value is None:
        return None
    if not isinstance(value, list):
        notes.odd(field, value)
        return None
    files: dict[str, ModelFile] = {}
    for entry in value[:MAX_FILES]:
        if isinstance(entry, Mapping) and entry.get("type", "file") != "file":
            continue
        file = _file(entry, field, notes)
        if file is not None:
            files.setdefault(file.path, file)
    if len(value) > MAX_FILES:
        notes.add("too-many-files", f"{field} has {len(value):,} entries; {MAX_FILES:,} were kept")
    return files


def _file(entry: object, field: str, notes: Notes) -> ModelFile | None:
    if not isinstance(entry, Mapping):
        notes.add("odd-field", f"{field} holds an entry that is no object")
        return None
    path = entry.get("path", entry.get("rfilename"))
    if not isinstance(path, str) or not 0 < len(path) <= MAX_PATH:
        notes.add("odd-field", f"{field} holds an entry without a usable path")
        return None
    lfs = entry.get("lfs")
    if not isinstance(lfs, Mapping):
        lfs = {}
    size = lfs.get("size", entry.get("size"))
    return ModelFile(
        path=clean(path),
        size=read_count(f"the size in {field}", size, notes),
        sha256=_hash(lfs.get("oid", lfs.get("sha256")), _SHA256, f"an LFS hash in {field}", notes),
        git_oid=_hash(entry.get("oid", entry.get("blobId")), _GIT_OID, f"an object id in {field}", notes),
        xet_hash=_hash(entry.get("xetHash"), _SHA256, f"a Xet hash in {field}", notes),
    )


def _hash(value: object, form: re.Pattern[str], what: str, notes: Notes) -> str | None:
    if isinstance(value, str) and form.fullmatch(value.lower()):
        return value.lower()
    notes.odd(what, value)
    return None


def _filled(file: ModelFile, listed: ModelFile | None) -> ModelFile:
    """A tree entry, with what only the document's list told of the same file."""
    if listed is None:
        return file
    return ModelFile(
        path=file.path,
        size=file.size if file.size is not None else listed.size,
        sha256=file.sha256 or listed.sha256,
        git_oid=file.git_oid or listed.git_oid,
        xet_hash=file.xet_hash or listed.xet_hash,
    )
