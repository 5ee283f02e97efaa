"""Files are read as a whole once, and known from then on until they change."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from registry.contract import Want
from registry.model.refs import ModelRef
from registry.model.scans import Content, Stamp
from registry.sources.folders import LocalFile
from registry.sources.hashing import SETTLED, Hasher, read_content
from registry.sources.local import LocalSource, find, look
from tests.hubs import safetensors

WEIGHTS = safetensors({"a": ("F16", [2, 3], bytes(12)), "b": ("F32", [4], bytes(16))})


@dataclass
class Kept:
    """Scans in memory."""

    contents: dict[Stamp, Content] = field(default_factory=dict)
    unsettled: set[Stamp] = field(default_factory=set)

    def known(self, stamps: Iterable[Stamp]) -> dict[Stamp, str]:
        known = self.contents.keys() - self.unsettled
        return {stamp: self.contents[stamp].sha256 for stamp in stamps if stamp in known}

    def keep(self, found: Mapping[Stamp, Content], unsettled: Collection[Stamp]) -> None:
        self.contents |= found
        self.unsettled |= set(unsettled)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "model"
    place.mkdir()
    (place / "README.md").write_text("# A model\n")
    (place / "model.safetensors").write_bytes(WEIGHTS)
    for path in place.iterdir():
        os.utime(path, ns=(10**18, 10**18))
    return place


def files(folder: Path) -> Mapping[str, LocalFile]:
    return look(find(folder)).files


@pytest.mark.parametrize("kind", [ThreadPoolExecutor, ProcessPoolExecutor])
def test_any_executor_will_do(folder: Path, kind: type[Executor]) -> None:
    kept = Kept()
    with kind(2) as pool:  # type: ignore[call-arg]
        hashed = Hasher(kept, pool).hashes(files(folder), read=True)
    assert hashed.unread == {}
    assert hashed.hashes == {
        path: hashlib.sha256((folder / path).read_bytes()).hexdigest()
        for path in ("README.md", "model.safetensors")
    }
    by_name = {Path(stamp.path).name: content for stamp, content in kept.contents.items()}
    assert by_name["README.md"].tensors is None
    assert [(one.name, one.shape) for one in by_name["model.safetensors"].tensors or ()] == [
        ("a", (2, 3)),
        ("b", (4,)),
    ]


def test_what_is_known_is_not_read_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept, read = Kept(), []

    def counted(file: LocalFile, *rest: Any) -> Content:
        read.append(file.path)
        return read_content(file, *rest)

    monkeypatch.setattr("registry.sources.hashing.read_content", counted)
    with ThreadPoolExecutor(2) as pool:
        hasher = Hasher(kept, pool)
        assert hasher.hashes(files(folder), read=False).hashes == {}
        first = hasher.hashes(files(folder), read=True)
        assert sorted(read) == ["README.md", "model.safetensors"]
        assert hasher.hashes(files(folder), read=True) == first
        assert hasher.hashes(files(folder), read=False) == first
        assert len(read) == 2
        (folder / "README.md").write_text("# Another\n")
        os.utime(folder / "README.md", ns=(10**18 + 1, 10**18 + 1))
        assert set(hasher.hashes(files(folder), read=False).hashes) == {"model.safetensors"}
        assert hasher.hashes(files(folder), read=True) != first
        assert read[2:] == ["README.md"]


def test_what_was_written_just_now_may_change_unseen(folder: Path) -> None:
    """A disk whose clock ticks every two seconds shows one time for two contents."""
    stamps = [file.stamp.mtime_ns for file in files(folder).values()]
    with ThreadPoolExecutor(1) as pool:
        for age, unsettled in ((SETTLED - 1, 2), (SETTLED, 0)):
            kept = Kept()
            hashed = Hasher(kept, pool, clock=lambda age=age: max(stamps) + age).hashes(  # type: ignore[misc]
                files(folder), read=True
            )
            assert len(hashed.hashes) == 2
            assert (len(kept.contents), len(kept.unsettled)) == (2, unsettled)


def test_one_file_under_two_names_is_read_once(folder: Path) -> None:
    (folder / "copy.safetensors").symlink_to("model.safetensors")
    kept = Kept()
    with ThreadPoolExecutor(1) as pool:
        hashed = Hasher(kept, pool).hashes(files(folder), read=True)
    assert hashed.hashes["copy.safetensors"] == hashed.hashes["model.safetensors"]
    assert len(kept.contents) == 2


def test_a_file_that_cannot_be_read_costs_itself(folder: Path) -> None:
    listed = files(folder)
    (folder / "README.md").unlink()
    with ThreadPoolExecutor(1) as pool:
        hashed = Hasher(Kept(), pool).hashes(listed, read=True)
    assert set(hashed.hashes) == {"model.safetensors"}
    assert "cannot be read" in hashed.unread["README.md"]


def test_reading_can_be_broken_off(folder: Path) -> None:
    kept = Kept()
    with ThreadPoolExecutor(1) as pool:
        hasher = Hasher(kept, pool)
        hasher.stop()
        hashed = hasher.hashes(files(folder), read=True)
    assert set(hashed.unread.values()) == {"reading was broken off"}
    assert (hashed.hashes, kept.contents) == ({}, {})


def test_a_damaged_header_costs_the_tensors_alone(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(WEIGHTS[:-1])
    content = read_content(files(folder)["model.safetensors"])
    assert content.tensors is None
    assert content.sha256 == hashlib.sha256(WEIGHTS[:-1]).hexdigest()


def test_the_source_tells_hashes_where_they_are_wanted_or_known(folder: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        source = LocalSource(Hasher(Kept(), pool))
        ref = ModelRef.parse(f"local:{folder}")
        assert [file.sha256 for file in source.fetch(ref, Want()).files or ()] == [None, None]
        hashed = source.fetch(ref, Want(hashes=True)).files
        assert all(file.sha256 for file in hashed or ())
        assert source.fetch(ref, Want()).files == hashed
