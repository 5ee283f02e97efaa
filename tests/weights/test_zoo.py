"""The committed zoo is what its script makes, small, and of valid files."""

from __future__ import annotations

from pathlib import Path

from safetensors import safe_open

from tests.make_zoo import build
from tests.weights.models import ZOO

LARGEST = 5_000_000


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_the_script_makes_the_committed_files(tmp_path: Path) -> None:
    build(tmp_path)
    committed, made = files(ZOO), files(tmp_path)
    assert list(made) == list(committed)
    assert [path for path in made if made[path] != committed[path]] == []
    assert sum(map(len, committed.values())) <= LARGEST


def test_its_safetensors_files_are_valid() -> None:
    for path in ZOO.rglob("*.safetensors"):
        with safe_open(path, framework="numpy") as file:
            assert list(file.keys())
