"""What `registry cost --all` takes, against reading the same models, each as a process of its own.

Run `python tests/benchmarks/costs.py [--models 25000 155000] [--catalog FILE] [--folder F]`.
The catalogs are made on first use and kept: every model has numbers per type or a list of six files or
both or neither, by its number, so that two runs make the same. A catalog that is given is copied, and those
of its models without a file list get one in the same way. The bars: at most three times the CPU seconds of
reading what the catalog holds of every model (`Catalog.holdings_after`), as many per model for six times
the models, and 500 MB of resident memory.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from hashlib import sha256
from pathlib import Path

from audit_all import Taken

from registry.catalog.catalog import Catalog

BAR = 500
"""MB of resident memory."""
TIMES = 3.0
"""The time of reading."""
FORMATS = ("table", "csv", "jsonl", "json")
SHARDS = 3
NOW = 1_790_000_000_000_000
"""The moment of all snapshots, in microseconds since 1970."""

READ = """
import sys
from registry.catalog.catalog import Catalog
with Catalog.open(sys.argv[1]) as catalog:
    last = ""
    while page := catalog.holdings_after(last, 1000):
        last = list(page)[-1]
"""


def run(*command: str | Path, folder: Path) -> Taken:
    """Run a Python program of these arguments in a process of its own."""
    begun = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *map(str, command)], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - begun
    if process.returncode:
        sys.exit(f"{' '.join(map(str, command))[:60]} failed")
    return Taken(wall, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024 / 1e6, process.returncode)


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection whose work is kept, and whose log is in the file when it ends."""
    with closing(sqlite3.connect(path)) as database, database:
        yield database


def catalog_of(models: int, folder: Path) -> Path:
    """A catalog of so many models, made unless it is there."""
    path = folder / f"costs-{models // 1000}k.db"
    if not path.exists():
        unfinished = path.with_suffix(".part")
        unfinished.unlink(missing_ok=True)
        Catalog.open(str(unfinished), create=True).close()
        with opened(unfinished) as database:
            database.executemany(
                "INSERT INTO models (id, repo_id, source, tracked, removed, seen_at) VALUES (?,?,0,1,0,?)",
                ((n, f"user{n % 997:03d}/model-{n:06d}", NOW) for n in range(1, models + 1)),
            )
            database.execute(
                "INSERT INTO traits (id, mark, parameters_origin, parameters_dtype, parameters_logical,"
                " parameters_served) VALUES (0,x'00',NULL,NULL,0,0), (1,x'01','hub','BF16',1,0)"
            )
            database.executemany(
                "INSERT INTO snapshots (model_id, number, traits_id, source, digest, observed_at,"
                " last_seen_at, removed, parameters, used_storage) VALUES (?,0,?,0,x'00',?,?,0,?,?)",
                (
                    (n, bool(numbers(n)), NOW, NOW, numbers(n), 5 * (numbers(n) or 0))
                    for n in range(1, models + 1)
                ),
            )
            database.execute("UPDATE models SET shown = 0")
            database.executemany(
                "INSERT INTO edges (derivative_id, base_id, relation, origins, state) VALUES (?,?,1,2,0)",
                ((n, n // 7 + 1) for n in range(10, models + 1) if n % 5 < 3),
            )
        furnish(unfinished)
        unfinished.rename(path)
    return path


def furnish(path: Path) -> None:
    """Give file lists to those models that have none and whose turn it is."""
    with opened(path) as database:
        bare = database.execute(
            "SELECT models.id FROM models JOIN snapshots ON snapshots.model_id = models.id"
            " WHERE models.tracked AND snapshots.tree_id IS NULL ORDER BY models.repo_id"
        ).fetchall()
        (trees,) = database.execute("SELECT coalesce(max(id), 0) FROM trees").fetchone()
        (blobs,) = database.execute("SELECT coalesce(max(id), 0) FROM blobs").fetchone()
        chosen = [(trees + number, model) for number, (model,) in enumerate(bare, 1) if number % 10 < 6]
        database.executemany(
            "INSERT INTO blobs (id, sha256, size) VALUES (?,?,?)",
            ((blobs + n, sha256(str(n).encode()).digest(), size_of(n)) for n in range(1, len(chosen) * 2)),
        )
        lists = [(tree, model, list(files(tree - trees, blobs))) for tree, model in chosen]
        database.executemany(
            "INSERT INTO trees (id, model_id, digest, complete, files, unsized_files, logical_bytes,"
            " unique_bytes, weight_bytes, copy_bytes) VALUES (?,?,x'00',1,?,?,?,?,?,?)",
            ((tree, model, *sums(listed)) for tree, model, listed in lists),
        )
        database.executemany(
            "INSERT INTO files (tree_id, position, path, size, blob_id) VALUES (?,?,?,?,?)",
            ((tree, at, *file) for tree, _, listed in lists for at, file in enumerate(listed)),
        )
        database.executemany(
            "UPDATE snapshots SET tree_id = ? WHERE model_id = ?", ((t, model) for t, model, _ in lists)
        )


def numbers(number: int) -> int | None:
    """How many parameters the model of that number has, `None` for two in five."""
    return None if number % 5 < 2 else 10**8 * (1 + number % 300)


def size_of(blob: int) -> int:
    return 10**9 + 10**7 * (blob % 400)


def files(number: int, blobs: int) -> Iterator[tuple[str, int | None, int | None]]:
    """Three shards, of which one in ten models shares those of another, and three small files."""
    owner = number // 2 if number % 10 == 0 else number
    for shard in range(SHARDS):
        blob = 1 + (owner * SHARDS + shard) % max(1, number)
        yield f"model-{shard + 1}-of-{SHARDS}.safetensors", size_of(blob), blobs + blob
    yield "README.md", None if number % 20 == 0 else 4000 + number % 99, None
    yield "config.json", 700, None
    yield "tokenizer.json", 2_000_000, None


def sums(listed: list[tuple[str, int | None, int | None]]) -> tuple[int, ...]:
    """The columns of `trees` for a list, as the catalog works them out."""
    sized = [(path, size, blob) for path, size, blob in listed if size is not None]
    logical = sum(size for _, size, _ in sized)
    unique = sum({blob or path: size for path, size, blob in sized}.values())
    weights = sum(size for path, size, _ in sized if path.endswith(".safetensors"))
    return len(listed), len(listed) - len(sized), logical, unique, weights, weights


def measured(path: Path, models: int, folder: Path) -> tuple[float, bool]:
    """Seconds of `cost --all` per model, and whether it kept the bars against reading."""
    read = run("-c", READ, path, folder=folder)
    print(f"{path.name}: {models:,} models, {path.stat().st_size / 1e6:.0f} MB")
    print(f"  reading            {read}")
    kept, slowest = True, 0.0
    for name in FORMATS:
        answer = folder / f"cost.{name}"
        asked = ("cost", "--all", "-f", name, "-o", answer, "--catalog", path)
        taken = run("-m", "registry", *asked, folder=folder)
        ratio = taken.cpu / read.cpu
        print(f"  cost --all {name:7} {taken}; {ratio:.2f} x reading; {answer.stat().st_size / 1e6:.1f} MB")
        kept = kept and ratio <= TIMES and taken.peak < BAR
        slowest = max(slowest, taken.cpu / models)
    return slowest, kept


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", type=int, nargs="+", default=[25_000, 155_000])
    parser.add_argument("--catalog", type=Path, help="a catalog to copy instead of making some")
    parser.add_argument(
        "--folder", type=Path, default=Path(tempfile.gettempdir()), help="where they are kept"
    )
    options = parser.parse_args()
    results = []
    with tempfile.TemporaryDirectory() as empty:
        folder = Path(empty)
        if options.catalog:
            paths = [folder / options.catalog.name]
            shutil.copy(options.catalog, paths[0])
            furnish(paths[0])
        else:
            options.folder.mkdir(parents=True, exist_ok=True)
            paths = [catalog_of(models, options.folder.resolve()) for models in options.models]
        for path in paths:
            with opened(path) as database:
                (models,) = database.execute("SELECT count(*) FROM models WHERE tracked").fetchone()
            results.append(measured(path, models, folder))
    for per_model, kept in results:
        print(f"{1e6 * per_model:.0f} us of CPU per model at most; bars {'met' if kept else 'missed'}")


if __name__ == "__main__":
    main()
