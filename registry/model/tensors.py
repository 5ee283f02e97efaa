"""What is kept twice among tensors, and what a store that keeps differences would take."""

from __future__ import annotations

from dataclasses import dataclass

from registry.model.estimate import Estimate


@dataclass(frozen=True, slots=True)
class Holder:
    """A file of a model's current list whose tensors are known."""

    repo_id: str
    path: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Frozen:
    """What a derivative shares with one base, tensor by tensor. tensors, bytes: of the derivative; equal:
    those that the base has too, under whatever name. layers: with numbers; frozen_layers: those in which
    every tensor is one of the base's."""

    derivative: str
    base: str
    tensors: int
    bytes: int
    equal_tensors: int
    equal_bytes: int
    layers: int
    frozen_layers: int


@dataclass(frozen=True, slots=True)
class ModelDelta:
    """What keeping one model's own tensors as differences would take.

    bytes: of the tensors no model before it has; with_base: those of them that a base has in the same place,
    shape and type. stored: bytes after compression.
    """

    repo_id: str
    bases: tuple[str, ...]
    bytes: int
    with_base: int
    sampled_bytes: int
    stored: Estimate


@dataclass(frozen=True, slots=True)
class Deltas:
    """The same of all models whose files were at hand. absent: names of those whose files were not."""

    method: str
    models: tuple[ModelDelta, ...]
    absent: tuple[str, ...]
    stored: Estimate | None

    @property
    def bytes(self) -> int:
        """Of tensors, each once, before they are compressed."""
        return sum(one.bytes for one in self.models)

    @property
    def sampled_bytes(self) -> int:
        return sum(one.sampled_bytes for one in self.models)


@dataclass(frozen=True, slots=True)
class TensorDuplication:
    """Duplication among the weight files whose tensors are known.

    models: how many have such files; unread: tracked models asked about of which none are known.
    logical_bytes: of these files, every copy; file_bytes: each file content once; tensor_bytes: each tensor
    once, and what of the files is no tensor, once per content. tensors, unique_tensors: how many.
    """

    models: int
    unread: tuple[str, ...]
    files: int
    logical_bytes: int
    file_bytes: int
    tensor_bytes: int
    tensors: int
    unique_tensors: int
    frozen: tuple[Frozen, ...]
    deltas: Deltas | None

    @property
    def file_ratio(self) -> float | None:
        """Logical bytes over those of each content once; `None` for nothing at all."""
        return self.logical_bytes / self.file_bytes if self.file_bytes else None

    @property
    def tensor_ratio(self) -> float | None:
        return self.logical_bytes / self.tensor_bytes if self.tensor_bytes else None
