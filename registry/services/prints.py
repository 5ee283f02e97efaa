"""Fingerprints: read a few kilobytes of a model's weights and keep them, so that comparing needs no network.

Heads of the weight files come first, then the ranges their tier allows; each costs is counted. What cannot be
read costs that model alone.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import Protocol, runtime_checkable

from registry.catalog.catalog import Catalog
from registry.contract import Want
from registry.errors import NoSuchFile, Offline, SourceError
from registry.model.evidence import FingerprintRecord
from registry.model.refs import ModelRef, SourceName
from registry.model.snapshot import ModelFile, ModelSnapshot
from registry.services.ingest import Outcome, SourceFor, Watcher
from registry.sources.parts import ADAPTER, gguf_parts, weight_files
from registry.weights.fingerprint import Fingerprint, fingerprint
from registry.weights.heads import File, is_transposed, join_tensors, tensors_of
from registry.weights.sampling import SCHEME, Tier, plan

MODELS_AT_ONCE = 4
_ADAPTER_CONFIG = "adapter_config.json"


@dataclass(frozen=True, slots=True)
class Reading:
    """What became of one fingerprint. state: `read`, `kept` (it was there already) or `failed`."""

    repo_id: str
    state: str
    record: FingerprintRecord | None = None
    error: SourceError | None = None


@runtime_checkable
class Opener(Protocol):
    """A source whose files can be read in parts."""

    def open_file(self, ref: ModelRef, path: str, size: int | None = None) -> File:
        """One file of a model at a commit; nothing is read yet."""
        ...


def has_weights(files: Sequence[ModelFile]) -> bool:
    """Whether a list of files has weights in a format that is read."""
    return bool(_weights([file.path for file in files]))


def read_fingerprints(
    catalog: Catalog,
    source_for: SourceFor,
    names: Sequence[str],
    *,
    tier: Tier = Tier.STANDARD,
    jobs: int = 8,
    now: Callable[[], datetime],
    watch: Watcher,
) -> list[Reading]:
    """Fingerprints of models of the catalog, by their present names, in the order given. What is there for
    the commit shown, of this tier or a higher one, is not read again. Raises `CatalogError` only."""
    known = catalog.evidence.records(names)
    found: dict[str, Reading] = {}
    due = []
    for name in dict.fromkeys(names):
        record = known.get(name)
        if record is not None and _still_holds(catalog, record, tier):
            found[name] = Reading(name, "kept", record)
            watch.done(Outcome(name, name, "kept"), len(names))
        else:
            due.append(name)
    if due:
        for reading in _read_all(catalog, source_for, due, tier, jobs, now):
            found[reading.repo_id] = reading
            name = reading.repo_id
            watch.done(Outcome(name, name, reading.state, error=reading.error), len(names))
    return [found[name] for name in dict.fromkeys(names)]


def _read_all(
    catalog: Catalog,
    source_for: SourceFor,
    names: Sequence[str],
    tier: Tier,
    jobs: int,
    now: Callable[[], datetime],
) -> Iterator[Reading]:
    """Read models side by side and keep each fingerprint as it comes."""
    ranges = ThreadPoolExecutor(jobs, thread_name_prefix="ranges")
    models = ThreadPoolExecutor(min(MODELS_AT_ONCE, jobs), thread_name_prefix="weights")
    reader = _Reader(catalog, source_for, tier, ranges, now)
    running = {models.submit(reader.read, name) for name in names}
    try:
        for future in as_completed(set(running)):
            running.discard(future)
            reading, samples = future.result()
            if reading.record is not None and samples is not None:
                catalog.evidence.keep_fingerprint(reading.record, samples)
            yield reading
    finally:
        # After an interruption nobody waits for answers that may be a timeout away.
        for pool in (models, ranges):
            pool.shutdown(wait=not running, cancel_futures=True)


def _still_holds(catalog: Catalog, record: FingerprintRecord, tier: Tier) -> bool:
    """Whether a kept fingerprint is of the files as they are now, as far as anybody knows."""
    brief = catalog.briefs([record.repo_id])[record.repo_id]
    enough = list(Tier).index(Tier(record.tier)) >= list(Tier).index(tier)
    return enough and record.commit_sha is not None and record.commit_sha == brief.commit_sha


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads one model after the other; safe to use from several threads."""

    catalog: Catalog
    source_for: SourceFor
    tier: Tier
    pool: Executor
    now: Callable[[], datetime]

    def read(self, name: str) -> tuple[Reading, Fingerprint | None]:
        """The fingerprint of one model, or why there is none."""
        try:
            record, samples = self._read(name)
        except SourceError as error:
            return Reading(name, "failed", error=error), None
        return Reading(name, "read", record), samples

    def _read(self, name: str) -> tuple[FingerprintRecord, Fingerprint]:
        ref = ModelRef.parse(name)
        commit, paths, opened = self._open(ref)
        chosen = _weights(paths)
        if not chosen:
            raise NoSuchFile(
                f"{name} has no weights that can be read: one set of safetensors or GGUF files",
                hint="pickled weights are never opened",
            )
        files = {path: opened(path) for path in chosen}
        heads = {path: _Counted(file) for path, file in files.items()}
        tensors = join_tensors(self.pool.map(lambda path: tensors_of(path, heads[path]), chosen))
        turned = False
        if ADAPTER in chosen and _ADAPTER_CONFIG in paths:
            heads[_ADAPTER_CONFIG] = config = _Counted(opened(_ADAPTER_CONFIG))
            turned = is_transposed(config)
        wanted = plan(tensors, self.tier, transposed=turned)
        contents = self.pool.map(lambda at: files[at.path].read(at.start, at.length), wanted.ranges)
        samples = fingerprint(wanted, list(contents))
        record = FingerprintRecord(
            name,
            commit,
            str(self.tier),
            SCHEME,
            self.now(),
            samples.requests,
            samples.bytes_read,
            sum(head.requests for head in heads.values()),
            sum(head.bytes for head in heads.values()),
        )
        return record, samples

    def _open(self, ref: ModelRef) -> tuple[str | None, Collection[str], Callable[[str], File]]:
        """The commit a model is at, the paths of its files, and what opens one. A model whose files were
        never listed is looked at first."""
        if ref.source is SourceName.LOCAL:
            from registry.sources import local  # Verdicts are given without it.

            files = local.look(local.find(Path(ref.name))).files
            snapshot = self.catalog.snapshot(ref.repo_id, files=False)
            return (snapshot.commit_sha if snapshot else None), files, files.__getitem__
        if ref.source is not SourceName.HUB:
            raise NoSuchFile(f"{ref} has no files", hint="it is known from a publication only")
        source = self.source_for(ref)
        if not isinstance(source, Opener):
            raise Offline(
                f"the weights of {ref} were not read: HF_HUB_OFFLINE switches the network off",
                hint="unset HF_HUB_OFFLINE, or add the folder they lie in as local:PATH",
            )
        shown: ModelSnapshot | None = self.catalog.snapshot(ref.repo_id)
        if shown is None or shown.commit_sha is None or shown.files is None:
            shown = source.fetch(ref, Want())
            self.catalog.save(shown)
        commit = shown.commit_sha
        if commit is None:
            raise NoSuchFile(f"{ref} is at no commit that its host tells", hint=f"`registry refresh {ref}`")
        pinned = ModelRef(ref.name, ref.source, commit)
        sizes = {file.path: file.size for file in shown.files or ()}
        return commit, sizes, lambda path: source.open_file(pinned, path, sizes[path])


class _Counted:
    """A file that counts how often and how much of it is read. Thread-safe."""

    def __init__(self, file: File) -> None:
        self._file = file
        self._lock = Lock()
        self.requests = self.bytes = 0

    @property
    def size(self) -> int:
        return self._file.size

    def read(self, offset: int, length: int) -> bytes:
        with self._lock:
            self.requests += 1
            self.bytes += length
        return self._file.read(offset, length)


def _weights(paths: Collection[str]) -> tuple[str, ...]:
    """The files of one set of weights: safetensors, else GGUF."""
    return weight_files(paths) or gguf_parts(paths)
