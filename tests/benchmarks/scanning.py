"""Hashing models on disk: how fast against bare hashes, how little the second time, how much is found twice.

    python tests/benchmarks/scanning.py [--pairs 7] [--zoo ZOO]

CPU time, ours and the yardstick's in turns, on one file of BF16 noise in the page cache; the figures are
bare time over ours turned round, so 1 / 0.6 stands for 0.6 of the speed. A rescan is measured through the
catalog, as `registry add --hash` does it. Duplication is compared with restic on the models of a folder
(such as a zoo of `make_zoo.py`, whose manifest tells what was made from what), and on a family made here:
restic cuts files where their content says, stores each piece once, and compresses nothing here.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from blake3 import blake3
from figures import own_cpu, skipped, told, told_size

from registry.catalog.catalog import Catalog
from registry.contract import Want
from registry.model.edges import Claim, Origin, Relation
from registry.model.refs import ModelRef, SourceName
from registry.services.tensors import tensor_duplication
from registry.sources.folders import LocalFile
from registry.sources.hashing import Hasher
from registry.sources.local import LocalSource, weight_files
from registry.weights.heads import read_tensors
from registry.weights.scan import has_tensors, scan

SIZE = 512 * 2**20
"""Bytes of the file hashed; as large as a shard of a small model."""
LAYERS, WIDTH = 32, 2048
SCAN, SCAN_HOPED = 1 / 0.6, 1 / 0.85
BOTH, BOTH_HOPED = 1 / 0.7, 1 / 0.95
AGAIN = 1 / 100
LONG_AGO = 10**18


def write_model(folder: Path, arrays: dict[str, bytes], dtype: str = "BF16") -> None:
    """One safetensors file of two-byte numbers."""
    header, at = {}, 0
    for name, data in arrays.items():
        header[name] = {"dtype": dtype, "shape": [len(data) // 2], "data_offsets": [at, at + len(data)]}
        at += len(data)
    head = json.dumps(header).encode()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "model.safetensors"
    with path.open("wb") as file:
        file.write(len(head).to_bytes(8, "little") + head)
        file.writelines(arrays.values())
    os.utime(path, ns=(LONG_AGO, LONG_AGO))


def noise(bytes_: int, seed: int) -> bytes:
    return np.random.default_rng(seed).bytes(bytes_)


def big(folder: Path) -> LocalFile:
    each = SIZE // (LAYERS * 7)
    names = [f"model.layers.{layer}.{part}" for layer in range(LAYERS) for part in "qkvougd"]
    write_model(folder, {name: noise(each // 2 * 2, at) for at, name in enumerate(names)})
    (file,) = weight_files(folder).values()
    return file


def in_turns(
    ours: Callable[[], object], bare: Callable[[], object], pairs: int, clock: Callable[..., float] = own_cpu
) -> list[tuple[float, float]]:
    ours(), bare()
    return [(clock(ours), clock(bare)) for _ in range(pairs)]


def wall(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def speeds(folder: Path, pairs: int) -> None:
    file = big(folder)
    tensors = read_tensors({file.path: file})
    memory = Path(file.stamp.path).read_bytes()

    def tensors_alone() -> None:
        with file.open() as opened:
            scan(file.path, file.size, tensors, opened, whole=False)

    def one_pass(pool: ThreadPoolExecutor | None = None) -> None:
        with file.open() as opened:
            scan(file.path, file.size, tensors, opened, beside=pool)

    def sha256() -> None:
        with open(file.stamp.path, "rb") as opened:  # noqa: PTH123 - as the standard library shows it
            hashlib.file_digest(opened, "sha256").hexdigest()

    size = f"{SIZE >> 20} MiB in the page cache"
    turns = in_turns(tensors_alone, lambda: blake3(memory).digest(), pairs)
    told(
        "a hash of every tensor, cpu",
        "BLAKE3 of the same bytes in memory, one thread",
        turns,
        SCAN,
        SCAN_HOPED,
        size,
    )
    memory = b""
    turns = in_turns(one_pass, sha256, pairs)
    told(
        "sha256 and tensors in one pass, cpu",
        "hashlib.file_digest, sha256 alone",
        turns,
        BOTH,
        BOTH_HOPED,
        size,
    )
    with ThreadPoolExecutor(2) as pool:
        turns = in_turns(lambda: one_pass(pool), sha256, pairs, wall)
    told("the same on two threads, wall", "hashlib.file_digest, sha256 alone", turns, note=size)
    rescan(folder, pairs)


def rescan(folder: Path, pairs: int) -> None:
    """The first `add --hash` of a folder against the next ones, the catalog included."""
    turns = []
    for _ in range(pairs):
        with tempfile.TemporaryDirectory() as place:
            turns.append(twice(Path(place, "catalog.db"), folder))
    size = f"one file of {SIZE >> 20} MiB"
    told("hashing a folder again, nothing changed, cpu", "the first time", turns, AGAIN, note=size)


def twice(place: Path, folder: Path) -> tuple[float, float]:
    """CPU seconds of the second time and of the first."""
    with Catalog.open(str(place), create=True) as catalog, ThreadPoolExecutor(2) as pool:
        source = LocalSource(Hasher(catalog.scans, pool))
        first = own_cpu(lambda: read_model(catalog, source, folder))
        return own_cpu(lambda: read_model(catalog, source, folder)), first


def read_model(catalog: Catalog, source: LocalSource, folder: Path) -> str:
    ref = ModelRef(str(folder), SourceName.LOCAL)
    return catalog.save(source.fetch(ref, Want(hashes=True))).repo_id


def family(folder: Path) -> list[Path]:
    """A base, a copy, three fine-tunes with frozen layers, and one with a new head. Every tensor is noise."""
    names = [f"model.layers.{layer}.mlp" for layer in range(12)]
    base = {name: noise(WIDTH * WIDTH * 2, at) for at, name in enumerate(names)} | {
        "model.embed_tokens.weight": noise(4 * WIDTH * WIDTH, 100)
    }
    kin = {"base": base, "copy": base, "head": base | {"lm_head.weight": noise(WIDTH * WIDTH, 200)}}
    for number, thawed in enumerate((2, 4, 8)):
        kin[f"tuned-{thawed}"] = base | {
            name: noise(WIDTH * WIDTH * 2, 1000 * (number + 1) + at)
            for at, name in enumerate(names[-thawed:])
        }
    for name, arrays in kin.items():
        write_model(folder / name, arrays)
    return [folder / name for name in kin]


def duplication(models: Sequence[Path], what: str) -> None:
    with tempfile.TemporaryDirectory() as place, ThreadPoolExecutor(2) as pool:
        with Catalog.open(str(Path(place, "catalog.db")), create=True) as catalog:
            source = LocalSource(Hasher(catalog.scans, pool))
            seconds = wall(lambda: [read_model(catalog, source, folder) for folder in models])
            link(catalog, models)
            found = tensor_duplication(catalog, None, pool)
        files = [file for folder in models for file in weight_files(folder).values()]
        logical = sum(file.size for file in files)
        # Whatever was not looked into counts whole.
        ours = logical / (found.tensor_bytes + logical - found.logical_bytes)
        print(
            f"{what}: {logical / 1e6:,.0f} MB, each file content once {found.file_ratio:.3f}, "
            f"each tensor once {ours:.3f}, hashed in {seconds:.2f} s"
        )
        if found.deltas is not None and found.deltas.stored is not None:
            stored = found.deltas.stored
            told_size(f"{what}: as differences, of tensors kept once", [stored.mid / found.deltas.bytes], "")
        theirs = restic([file.stamp.path for file in files], Path(place))
    if theirs is None:
        skipped(f"{what}: duplication against restic", "restic is not installed")
        return
    # Turned round, as the smaller figure is the better one: what each leaves of the bytes.
    told(
        f"{what}: bytes left once every tensor is kept once",
        "restic, uncompressed",
        [(1 / ours, 1 / theirs)],
        1,
    )


def link(catalog: Catalog, models: Sequence[Path]) -> None:
    """Tell the catalog of the family tree of a zoo where there is a manifest: cards are not always true."""
    folder = Path(os.path.commonpath(models))
    if not (folder / "manifest.json").exists():
        return
    for model in json.loads((folder / "manifest.json").read_text())["models"]:
        for parent in model["parents"]:
            base = f"local:{folder / parent}"
            claim = Claim(Origin.MANUAL, base, base, Relation.FINETUNE)
            if catalog.find(base) is not None:
                catalog.add_claim(f"local:{folder / model['id']}", claim, observed_at=datetime.now(UTC))


def restic(paths: Sequence[str], place: Path) -> float | None:
    """Bytes over those that restic keeps of these files; `None` without restic."""
    program = shutil.which("restic")
    if program is None:
        return None
    environ = os.environ | {
        "RESTIC_REPOSITORY": str(place / "restic"),
        "RESTIC_PASSWORD": "none",
        "RESTIC_COMPRESSION": "off",
        "RESTIC_CACHE_DIR": str(place / "cache"),
    }

    def run(*words: str) -> str:
        done = subprocess.run([program, *words], env=environ, check=True, capture_output=True, text=True)
        return done.stdout

    run("init")
    seconds = wall(lambda: run("backup", "--quiet", *paths))
    kept = json.loads(run("stats", "--json", "--mode", "raw-data"))["total_size"]
    restored = json.loads(run("stats", "--json", "--mode", "restore-size"))["total_size"]
    print(f"restic: {restored / kept:.3f} in {seconds:.2f} s")
    return float(restored / kept)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--zoo", type=Path, help="models to look for duplicates among")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        speeds(Path(folder, "big"), asked.pairs)
        shutil.rmtree(Path(folder, "big"))
        duplication(family(Path(folder, "family")), "a family of six")
    if asked.zoo is not None:
        weights = (path for path in asked.zoo.resolve().rglob("*") if has_tensors(path.name))
        models = sorted({path.parent for path in weights})
        duplication(models, f"{len(models)} models of {asked.zoo.name}")


if __name__ == "__main__":
    main()
