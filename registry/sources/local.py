"""Models in folders of this disk: `local:PATH`, a folder, one weight file, or a snapshot in the Hub's cache.

What a folder holds is read as the Hub would serve it: card, configurations, headers of weights. A snapshot
(`models--org--name/snapshots/<commit>`) is known by its commit, and its links lead to its blobs; elsewhere
no link leads out of the folder. Nothing is executed, unpickled or read without a bound.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from registry.contract import Want
from registry.errors import BadReference, DamagedFile, NotVisible
from registry.model.edges import Relation
from registry.model.refs import ModelRef, SourceName, absolute, is_hub_id
from registry.model.snapshot import ModelSnapshot, Note, RawAnswer
from registry.sources.cache import blob_hashes
from registry.sources.cards import decode_card
from registry.sources.documents import read_document
from registry.sources.folders import LocalFile, kind_of, list_files, local_file
from registry.sources.hashing import Hasher
from registry.sources.parts import CARD, GGUF_HEAD, INDEX, MAX_FILE, claim_files, gguf_parts
from registry.sources.parts import weight_files as weight_set
from registry.sources.values import MAX_NOTES, Notes, read_json
from registry.weights.heads import read_tensors
from registry.weights.safetensors import Header, header_length, parse_header
from registry.weights.scan import has_tensors

ATTEMPTS = 3
"""Looks at a folder that changes while it is read, before giving up."""

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_REPOSITORY = "models--"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a model lies. folder: free of links; only: the one file it consists of; roots: where links may
    lead; commit, copy_of: of a snapshot in the Hub's cache."""

    folder: Path
    only: str | None = None
    roots: tuple[Path, ...] = ()
    commit: str | None = None
    copy_of: str | None = None


@dataclass(slots=True)
class Listing:
    """The files found, and what was noted on the way."""

    files: Mapping[str, LocalFile]
    notes: list[Note] = field(default_factory=list)

    def note(self, code: str, message: str) -> None:
        if len(self.notes) < MAX_NOTES and (note := Note(code, message)) not in self.notes:
            self.notes.append(note)


class LocalSource:
    """A `contract.Source` over folders. Thread-safe.

    hasher: knows what files hold that were read as a whole before, and reads others when that is wanted.
    """

    def __init__(
        self, hasher: Hasher | None = None, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._hasher = hasher
        self._clock = clock

    def fetch(self, ref: ModelRef, want: Want) -> ModelSnapshot:
        """Read one model. Raises `NotVisible` where nothing is, `BadReference` for what is no model, and
        `DamagedFile` where a folder cannot be read or does not come to rest."""
        if ref.source is not SourceName.LOCAL:
            raise BadReference(f"{ref} is not on this disk", hint="write local:PATH")
        ref = absolute(ref)
        place = find(Path(ref.name))
        for _ in range(ATTEMPTS):
            listing = look(place)
            snapshot = self._read(ref, place, listing, want)
            if look(place).files == listing.files:
                return snapshot
        raise DamagedFile(f"{ref.name} changes while it is read", hint="wait until it is written as a whole")

    def derivatives(self, ref: ModelRef, relation: Relation, limit: int) -> tuple[str, ...]:  # noqa: ARG002
        """None: a folder knows what it was made from, not what was made of it."""
        return ()

    def close(self) -> None:
        """Nothing is held open."""

    def _read(self, ref: ModelRef, place: Place, listing: Listing, want: Want) -> ModelSnapshot:
        hashes = self._hashes(listing, want)
        card = _small(listing, CARD) if CARD in listing.files else None
        texts = {path: _small(listing, path) for path in claim_files(listing.files)}
        counted, headers = _count(listing)
        _note_missing_shards(listing)
        snapshot = read_document(
            {"id": place.copy_of or ref.repo_id, "sha": place.commit, **counted},
            observed_at=self._clock(),
            card=None if card is None else decode_card(card)[0],
            tree=[_entry(file, place, hashes) for file in listing.files.values()],
            tree_complete=all(note.code != "files-partial" for note in listing.notes),
            repo_files={path: data for path, data in texts.items() if data is not None},
            headers=headers,
            raw=() if card is None else (RawAnswer("card", card),),
            source=SourceName.LOCAL,
        )
        return replace(snapshot, repo_id=ref.repo_id, notes=(*snapshot.notes, *listing.notes))

    def _hashes(self, listing: Listing, want: Want) -> Mapping[str, str]:
        if self._hasher is None:
            return {}
        hashed = self._hasher.hashes(listing.files, read=want.hashes)
        for path, why in hashed.unread.items():
            listing.note("file-unread", f"not hashed: {path}: {why}")
        return hashed.hashes


def weight_files(path: Path) -> dict[str, LocalFile]:
    """The safetensors and GGUF files at a path, by their place in the model. Each is a
    `registry.weights.fingerprint.Reader`; raises as `LocalSource.fetch`."""
    files = look(find(path)).files
    return {name: file for name, file in files.items() if has_tensors(name)}


def find(path: Path) -> Place:
    """What a path leads to. Raises `NotVisible`, `BadReference` or `DamagedFile`; opens nothing."""
    try:
        mode = path.stat().st_mode
        real = path.resolve(strict=True)
    except (FileNotFoundError, NotADirectoryError):
        raise NotVisible(f"there is nothing at {path}") from None
    except (OSError, RuntimeError, ValueError) as error:
        told = getattr(error, "strerror", None) or "links lead in a circle"
        raise DamagedFile(f"{path} cannot be read: {told}") from None
    if stat.S_ISREG(mode) and has_tensors(path.name):
        return replace(_of_folder(path.parent.resolve()), only=path.name)
    if not stat.S_ISDIR(mode):
        what = "no weight file we read" if stat.S_ISREG(mode) else kind_of(mode)
        raise BadReference(f"{path} is {what}", hint="name a folder, a safetensors file or a GGUF file")
    if real.name.startswith(_REPOSITORY) and (real / "snapshots").is_dir():
        held = sorted(one.name for one in (real / "snapshots").iterdir())[:1]
        raise BadReference(
            f"{path} holds all snapshots of a model",
            hint=f"name one: local:{path}/snapshots/{held[0] if held else 'COMMIT'}",
        )
    return _of_folder(real)


def copy_of(folder: Path) -> str | None:
    """The Hub's name of what a snapshot in its cache is a copy of; `None` for any other folder."""
    repository = folder.parent.parent.name
    name = repository.removeprefix(_REPOSITORY).replace("--", "/", 1)
    is_snapshot = folder.parent.name == "snapshots" and _COMMIT.fullmatch(folder.name) is not None
    return name if is_snapshot and repository != name and is_hub_id(name) else None


def _of_folder(folder: Path) -> Place:
    name = copy_of(folder)
    if name is None:
        return Place(folder, roots=(folder,))
    repository = folder.parent.parent
    # Contents lie beside the snapshots, or in the store that repositories of one cache share.
    roots = (folder, repository / "blobs", repository.parent / "blobs")
    return Place(folder, roots=roots, commit=folder.name, copy_of=name)


def look(place: Place) -> Listing:
    """What is there now. Raises `DamagedFile` where that cannot be told."""
    if place.only is not None:
        file = local_file(place.folder / place.only, place.only, place.roots)
        if isinstance(file, str):
            raise DamagedFile(f"{place.folder / place.only}: {file}")
        return Listing({place.only: file})
    listing = Listing({})
    listing.files = list_files(place.folder, place.roots, listing.note)
    if place.copy_of is not None:
        listing.note("cache-copy", f"a copy of {place.copy_of} in the Hub's cache")
        listing.note("files-partial", "the file list holds only what was downloaded into the Hub cache")
    return listing


def _small(listing: Listing, path: str) -> bytes | None:
    """The content of a small file, the head of a GGUF file; `None`, with a note, when unreadable."""
    file = listing.files[path]
    try:
        if path.endswith(".gguf"):
            return file.head(GGUF_HEAD)
        if file.size <= MAX_FILE:
            return file.read(0, file.size)
        listing.note("file-unread", f"{path}: larger than {MAX_FILE:,} bytes")
    except DamagedFile as error:
        listing.note("file-unread", error.message)
    return None


def _count(listing: Listing) -> tuple[dict[str, object], dict[str, Header]]:
    """What the heads of the weights count: as the Hub tells it of a GGUF file, and safetensors headers. All
    of one set of weights, or none."""
    files = listing.files
    chosen = weight_set(files)
    try:
        if chosen:
            return {}, {path: _header(files[path]) for path in chosen}
        if any(path.endswith(".safetensors") for path in files):
            listing.note("headers-unread", "its safetensors files are not laid out as one set of weights")
            return {}, {}
        tensors = read_tensors({path: files[path] for path in gguf_parts(files)})
    except DamagedFile as error:
        listing.note("header-damaged", error.message)
        return {}, {}
    total = sum(tensor.elements for tensor in tensors.values())
    return ({"gguf": {"total": total}} if total else {}), {}


def _header(file: LocalFile) -> Header:
    try:
        length = 8 + header_length(file.head(8))
        return parse_header(file.head(length), file_size=file.size)
    except DamagedFile as error:
        raise DamagedFile(f"{file.path}: {error.message}", hint=error.hint) from None


def _note_missing_shards(listing: Listing) -> None:
    """Say which shards an index names that are not there."""
    if INDEX not in listing.files or (data := _small(listing, INDEX)) is None:
        return
    notes = Notes()
    index = read_json(INDEX, data, notes)
    places = index.get("weight_map") if isinstance(index, dict) else None
    named = {name for name in places.values() if isinstance(name, str)} if isinstance(places, dict) else set()
    missing = sorted(named - listing.files.keys())
    for note in notes.all():
        listing.note(note.code, note.message)
    if missing:
        more = f" and {len(missing) - 1:,} more" if len(missing) > 1 else ""
        listing.note("shards-missing", f"{INDEX} names {missing[0][:200]}{more}, not in the folder")


def _entry(file: LocalFile, place: Place, hashes: Mapping[str, str]) -> dict[str, object]:
    """A file in the words of the Hub's tree. What was read tells more than what a blob is called."""
    entry: dict[str, object] = {"type": "file", "path": file.path, "size": file.size}
    if place.commit is not None:
        entry |= blob_hashes(place.folder / file.path)
    if file.path in hashes:
        entry["lfs"] = {"oid": hashes[file.path]}
    return entry
