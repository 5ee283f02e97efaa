"""Duplication among tensors: what models share below the level of files, and what differences would take.

A tensor is what its hash says, whatever it is called and wherever it lies. Models stand in an order in which
bases come before what was made of them; a tensor belongs to the first model that has it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from pathlib import Path

from registry.catalog.catalog import Catalog
from registry.errors import DamagedFile
from registry.model.edges import Relation
from registry.model.refs import ModelRef, SourceName
from registry.model.scans import Content, Stamp, TensorHash
from registry.model.tensors import Deltas, Frozen, ModelDelta, TensorDuplication
from registry.sources.folders import LocalFile
from registry.sources.local import copy_of
from registry.weights.deltas import (
    Block,
    Compressor,
    add_up,
    blocks_of,
    choose,
    compressed,
    compressor,
    estimate,
)
from registry.weights.layout import OUTSIDE, slot_of

BLOCKS = 48
"""Blocks compressed per model, a megabyte each at most."""


@dataclass(slots=True)
class Weights:
    """The weight files of a model whose tensors are known. contents: by path; bases: names of those of its
    bases that have such files too."""

    repo_id: str
    contents: dict[str, Content] = field(default_factory=dict)
    bases: list[str] = field(default_factory=list)

    def tensors(self) -> Iterable[tuple[Content, TensorHash]]:
        return ((content, one) for content in self.contents.values() for one in content.tensors or ())


def tensor_duplication(
    catalog: Catalog,
    names: Sequence[str] | None,
    workers: Executor,
    *,
    least: int = 0,
    limit: int | None = None,
) -> TensorDuplication:
    """What models by name (`None`: every tracked one) keep twice among tensors that were hashed.

    workers: what blocks are read and compressed on. least, limit: of the pairs told, equal bytes and count.
    """
    everything = _weights(catalog)
    ordered = _in_order(everything)
    asked = [one for one in ordered if names is None or one.repo_id in set(names)]
    unread = _unread(catalog, names, everything)
    contents = {content.sha256: content for one in asked for content in one.contents.values()}
    hashes = {one.blake3: one.size for content in contents.values() for one in content.tensors or ()}
    beside = sum(
        content.size - sum(one.size for one in content.tensors or ()) for content in contents.values()
    )
    pairs = [_frozen(one, everything[base]) for one in asked for base in one.bases]
    pairs = sorted((one for one in pairs if one.equal_bytes >= max(least, 1)), key=_most_equal)
    return TensorDuplication(
        models=len(asked),
        unread=unread,
        files=sum(len(one.contents) for one in asked),
        logical_bytes=sum(content.size for one in asked for content in one.contents.values()),
        file_bytes=sum(content.size for content in contents.values()),
        tensor_bytes=sum(hashes.values()) + beside,
        tensors=sum(1 for one in asked for _ in one.tensors()),
        unique_tensors=len(hashes),
        frozen=tuple(pairs[:limit]),
        deltas=_deltas(catalog, ordered, asked, workers),
    )


def _most_equal(one: Frozen) -> tuple[int, str, str]:
    return (-one.equal_bytes, one.derivative, one.base)


def _weights(catalog: Catalog) -> dict[str, Weights]:
    """Every tracked model with files whose tensors are known, with its bases among them, by name."""
    holders = catalog.scans.holders()
    known = catalog.scans.contents(holder.sha256 for holder in holders)
    found: dict[str, Weights] = {}
    for holder in holders:
        content = known[holder.sha256]
        if content.tensors:
            found.setdefault(holder.repo_id, Weights(holder.repo_id)).contents[holder.path] = content
    # A snapshot in the Hub's cache stands for the model it is a copy of.
    copies = {original: name for name in sorted(found, reverse=True) if (original := _copied(name))}
    for name, one in found.items():
        for edge in catalog.edges_up(name, 1):
            base = edge.base if edge.base in found else copies.get(edge.base)
            if base not in (None, name) and edge.relation is not Relation.TRAINED_ON:
                one.bases.append(base)
    return found


def _copied(repo_id: str) -> str | None:
    ref = ModelRef.parse(repo_id)
    return copy_of(Path(ref.name)) if ref.source is SourceName.LOCAL else None


def _in_order(everything: Mapping[str, Weights]) -> list[Weights]:
    """Bases before what was made of them, else by name. Of a circle the first by name comes first."""
    ordered: dict[str, Weights] = {}
    begun: set[str] = set()
    for name in sorted(everything):
        trail = [name]
        while trail:
            current = trail[-1]
            begun.add(current)
            ahead = next((base for base in everything[current].bases if base not in begun), None)
            if ahead is not None:
                trail.append(ahead)
            else:
                ordered.setdefault(current, everything[current])
                trail.pop()
    return list(ordered.values())


def _unread(catalog: Catalog, names: Sequence[str] | None, known: Collection[str]) -> tuple[str, ...]:
    """Models asked about of which no tensors are known; of the whole catalog those on this disk."""
    asked = catalog.scans.local_models() if names is None else names
    return tuple(sorted({name for name in asked if name not in known}))


def _frozen(derivative: Weights, base: Weights) -> Frozen:
    there = {one.blake3 for _, one in base.tensors()}
    own = [one for _, one in derivative.tensors()]
    equal = [one for one in own if one.blake3 in there]
    layers: defaultdict[int, list[bool]] = defaultdict(list)
    for one in own:
        slot = slot_of(one.name)
        if slot is not None and slot.layer != OUTSIDE:
            layers[slot.layer].append(one.blake3 in there)
    return Frozen(
        derivative=derivative.repo_id,
        base=base.repo_id,
        tensors=len(own),
        bytes=sum(one.size for one in own),
        equal_tensors=len(equal),
        equal_bytes=sum(one.size for one in equal),
        layers=len(layers),
        frozen_layers=sum(all(found) for found in layers.values()),
    )


# --- differences ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Part:
    """A tensor of a model's own, where it lies, and the same place in its bases."""

    dtype: str
    size: int
    place: tuple[LocalFile, int]
    bases: tuple[tuple[LocalFile, int], ...]


class _Disk:
    """Where contents lie on this disk."""

    def __init__(self, places: Mapping[str, Sequence[Stamp]]) -> None:
        self._files = {
            sha256: next((LocalFile(s.path, s) for s in stamps if _is_there(s)), None)
            for sha256, stamps in places.items()
        }

    def file(self, content: Content) -> LocalFile | None:
        return self._files.get(content.sha256)


def _is_there(stamp: Stamp) -> bool:
    try:
        with LocalFile(stamp.path, stamp).open():
            return True
    except DamagedFile:
        return False


def _deltas(
    catalog: Catalog, ordered: Sequence[Weights], asked: Sequence[Weights], workers: Executor
) -> Deltas | None:
    """What the tensors of these models would take as differences; `None` where no file is at hand."""
    hashes = {content.sha256 for one in ordered for content in one.contents.values()}
    disk = _Disk(catalog.scans.places(hashes))
    rank = {one.repo_id: number for number, one in enumerate(ordered)}
    by_name = {one.repo_id: one for one in ordered}
    method, measure = compressor()
    seen: set[str] = set()
    jobs, absent = [], []
    for one in asked:
        own = {tensor.blake3: (content, tensor) for content, tensor in one.tensors()}
        own = {digest: found for digest, found in own.items() if digest not in seen and found[1].size}
        seen |= own.keys()
        # Only what came before can be counted on: two models must not be each other's base.
        bases = [by_name[base] for base in one.bases if rank[base] < rank[one.repo_id]]
        parts = _parts(own.values(), bases, disk)
        if parts is None:
            absent.append(one.repo_id)
        elif parts:
            used = tuple(base.repo_id for base in bases)
            jobs.append(workers.submit(_measured, one.repo_id, used, parts, method, measure))
    measured = [job.result() for job in jobs]
    models = tuple(one for one in measured if isinstance(one, ModelDelta))
    absent += [one for one in measured if isinstance(one, str)]
    total = add_up([one.stored for one in models], "the sum over models") if models else None
    return Deltas(method, models, tuple(absent), total) if models or absent else None


def _parts(
    own: Iterable[tuple[Content, TensorHash]], bases: Sequence[Weights], disk: _Disk
) -> list[_Part] | None:
    """Where tensors and those in their place in the bases lie; `None` where a file is not at hand."""
    by_place = [_by_place(base) for base in bases]
    parts = []
    for content, tensor in own:
        file = disk.file(content)
        if file is None:
            return None
        places = []
        for tensors in by_place:
            slot = slot_of(tensor.name)
            there = tensors.get(tensor.name) or (tensors.get(slot) if slot else None)
            if there and (there[1].dtype, there[1].shape) == (tensor.dtype, tensor.shape):
                base_file = disk.file(there[0])
                if base_file is not None:
                    places.append((base_file, there[1].start))
        parts.append(_Part(tensor.dtype, tensor.size, (file, tensor.start), tuple(places)))
    return parts


def _by_place(weights: Weights) -> dict[object, tuple[Content, TensorHash]]:
    """Tensors by name, and by place in the network where that is told by the name."""
    found: dict[object, tuple[Content, TensorHash]] = {}
    for content, tensor in weights.tensors():
        found[tensor.name] = content, tensor
        slot = slot_of(tensor.name)
        if slot is not None:
            found.setdefault(slot, (content, tensor))
    return found


def _measured(
    repo_id: str, bases: tuple[str, ...], parts: Sequence[_Part], method: str, measure: Compressor
) -> ModelDelta | str:
    """Compress some blocks of a model; its name where a file changed since it was hashed."""
    sample = choose(blocks_of([part.size for part in parts]), BLOCKS, repo_id)
    chosen = sample.chosen
    try:
        stored = {block: _stored(parts[block.tensor], block, measure) for block in chosen}
    except DamagedFile:
        return repo_id
    return ModelDelta(
        repo_id=repo_id,
        bases=bases,
        bytes=sum(part.size for part in parts),
        with_base=sum(part.size for part in parts if part.bases),
        sampled_bytes=sum(block.size for block in chosen),
        stored=estimate(sample, stored, method),
    )


def _stored(part: _Part, block: Block, measure: Compressor) -> int:
    def read(place: tuple[LocalFile, int]) -> bytes:
        file, start = place
        return file.read(start + block.offset, block.size)

    return compressed(part.dtype, read(part.place), [read(base) for base in part.bases], measure)
