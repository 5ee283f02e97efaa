"""What models share below the level of files, on folders of which every byte is known."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from registry.catalog.catalog import Catalog
from registry.contract import Want
from registry.model.edges import Claim, Origin, Relation
from registry.model.refs import ModelRef
from registry.model.tensors import Frozen
from registry.services.tensors import tensor_duplication
from registry.sources.hashing import Hasher
from registry.sources.local import LocalSource
from registry.weights.dtypes import to_bfloat16
from tests.catalog.makers import snap
from tests.hubs import safetensors
from tests.sources.test_cache import COMMIT, put

VALUES = 64 * 64
Arrays = Mapping[str, np.ndarray]


def network(seed: int) -> dict[str, np.ndarray]:
    dice = np.random.RandomState(seed)
    names = ["model.embed_tokens.weight", "lm_head.weight"]
    names += [f"model.layers.{layer}.mlp.{name}_proj.weight" for layer in (0, 1) for name in ("up", "down")]
    return {name: dice.normal(0, 0.02, VALUES).astype(np.float32) for name in names}


def moved(arrays: Arrays, *names: str) -> dict[str, np.ndarray]:
    """The same with small steps in the tensors named."""
    dice = np.random.RandomState(9)
    return {
        name: values + dice.normal(0, 2e-5, VALUES).astype(np.float32) if name in names else values
        for name, values in arrays.items()
    }


def stored(arrays: Arrays) -> bytes:
    return safetensors(
        {name: ("BF16", [64, 64], to_bfloat16(v).astype("<u2").tobytes()) for name, v in arrays.items()}
    )


@pytest.fixture
def workers() -> Iterator[Executor]:
    with ThreadPoolExecutor(2) as pool:
        yield pool


@pytest.fixture
def catalog() -> Iterator[Catalog]:
    with Catalog.open("catalog.db", create=True) as opened:
        yield opened


class Disk:
    """Writes models and adds them with their hashes."""

    def __init__(self, catalog: Catalog, folder: Path, workers: Executor) -> None:
        self.catalog, self.folder = catalog, folder
        self.source = LocalSource(Hasher(catalog.scans, workers))

    def add(self, name: str, arrays: Arrays, base: str | None = None) -> str:
        (self.folder / name).mkdir(exist_ok=True)
        file = self.folder / name / "model.safetensors"
        file.write_bytes(stored(arrays))
        os.utime(file, ns=(10**18, 10**18))
        if base is not None:
            (self.folder / name / "README.md").write_text(f"---\nbase_model: {base}\n---\n")
        return self.read(self.folder / name)

    def read(self, place: Path) -> str:
        return self.catalog.save(
            self.source.fetch(ModelRef.parse(f"local:{place}"), Want(hashes=True))
        ).repo_id

    def link(self, derivative: str, base: str) -> None:
        claim = Claim(Origin.MANUAL, base, base, Relation.FINETUNE)
        self.catalog.add_claim(derivative, claim, observed_at=datetime(2026, 11, 1, tzinfo=UTC))


@pytest.fixture
def disk(catalog: Catalog, tmp_path: Path, workers: Executor) -> Disk:
    return Disk(catalog, tmp_path, workers)


def test_frozen_layers_and_one_copy_of_each_tensor(disk: Disk, workers: Executor) -> None:
    weights = network(1)
    base = disk.add("base", weights)
    tuned = disk.add("tuned", moved(weights, "lm_head.weight", "model.layers.1.mlp.up_proj.weight"))
    disk.add("copy", weights)
    disk.link(tuned, base)
    found = tensor_duplication(disk.catalog, None, workers)
    size = len(stored(weights))
    assert (found.models, found.files, found.unread) == (3, 3, ())
    assert (found.logical_bytes, found.file_bytes) == (3 * size, 2 * size)
    assert (found.tensors, found.unique_tensors) == (18, 8)
    head = size - 6 * 2 * VALUES
    assert found.tensor_bytes == 8 * 2 * VALUES + 2 * head
    assert found.frozen == (
        Frozen(
            tuned, base, 6, 12 * VALUES, equal_tensors=4, equal_bytes=8 * VALUES, layers=2, frozen_layers=1
        ),
    )
    assert found.tensor_ratio is not None
    assert found.file_ratio is not None
    assert found.tensor_ratio > found.file_ratio > 1


def test_differences_to_the_base_take_less(disk: Disk, workers: Executor) -> None:
    weights = network(1)
    base = disk.add("a-tuned-later", weights)
    tuned = disk.add("tuned", moved(weights, *weights))
    disk.link(tuned, base)
    deltas = tensor_duplication(disk.catalog, None, workers).deltas
    assert deltas is not None
    first, second = deltas.models
    assert (first.repo_id, first.bases, first.with_base) == (base, (), 0)
    assert (second.repo_id, second.bases, second.with_base) == (tuned, (base,), 12 * VALUES)
    assert second.stored.mid < 0.5 * first.stored.mid
    assert deltas.stored is not None
    assert deltas.stored.mid == pytest.approx(first.stored.mid + second.stored.mid)
    alone = tensor_duplication(disk.catalog, [tuned], workers).deltas
    assert alone is not None
    assert [one.stored for one in alone.models] == [second.stored]


def test_a_circle_of_bases_still_begins_somewhere(disk: Disk, workers: Executor) -> None:
    weights = network(1)
    one, two = disk.add("one", weights), disk.add("two", moved(weights, *weights))
    disk.link(one, two)
    disk.link(two, one)
    deltas = tensor_duplication(disk.catalog, None, workers).deltas
    assert deltas is not None
    assert sorted(len(model.bases) for model in deltas.models) == [0, 1]


def test_a_base_of_the_hub_is_found_in_its_cache(disk: Disk, workers: Executor, tmp_path: Path) -> None:
    weights = network(1)
    place = (
        put(tmp_path / "hub", {"model.safetensors": stored(weights)}, name="org/base") / "snapshots" / COMMIT
    )
    base = disk.read(place)
    tuned = disk.add("tuned", moved(weights, "lm_head.weight"), base="org/base")
    (pair,) = tensor_duplication(disk.catalog, None, workers).frozen
    assert (pair.derivative, pair.base, pair.equal_tensors) == (tuned, base, 5)


def test_a_model_of_the_hub_with_a_content_known_here(disk: Disk, workers: Executor) -> None:
    local = disk.catalog.snapshot(disk.add("base", network(1)))
    assert local is not None
    disk.catalog.save(snap("org/base", files=local.files))
    found = tensor_duplication(disk.catalog, ["org/base"], workers)
    assert (found.models, found.unique_tensors, found.unread) == (1, 6, ())


def test_what_is_not_known_is_said(disk: Disk, workers: Executor, tmp_path: Path) -> None:
    disk.catalog.save(snap("org/unread"))
    found = tensor_duplication(disk.catalog, ["org/unread"], workers)
    assert (found.models, found.unread, found.deltas, found.tensor_ratio) == (0, ("org/unread",), None, None)
    base = disk.add("base", network(1))
    (tmp_path / "base" / "model.safetensors").unlink()
    found = tensor_duplication(disk.catalog, None, workers)
    assert found.models == 1
    assert found.deltas is not None
    assert (found.deltas.absent, found.deltas.models, found.deltas.stored) == ((base,), (), None)


def test_names_of_wrapped_models_meet(disk: Disk, workers: Executor) -> None:
    weights = network(1)
    base = disk.add("base", weights)
    tuned = moved(weights, *weights)
    wrapped = disk.add("wrapped", {f"language_model.{name}": values for name, values in tuned.items()})
    disk.link(wrapped, base)
    deltas = tensor_duplication(disk.catalog, [wrapped], workers).deltas
    assert deltas is not None
    assert deltas.models[0].with_base == deltas.models[0].bytes


def test_limits_cut_what_is_listed(disk: Disk, workers: Executor) -> None:
    weights = network(1)
    base = disk.add("base", weights)
    for name in ("one", "two"):
        disk.link(disk.add(name, weights), base)
    assert len(tensor_duplication(disk.catalog, None, workers).frozen) == 2
    assert len(tensor_duplication(disk.catalog, None, workers, limit=1).frozen) == 1
    assert tensor_duplication(disk.catalog, None, workers, least=10**9).frozen == ()
