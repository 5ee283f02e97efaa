"""What `registry savings --all` takes, against reading the same rows, each as a process of its own.

Run `python tests/benchmarks/savings.py [--models 25000 155000] [--folder F] [--arrow PYTHON]`.
The synthetic Hub (`../shared/benchmark/hubgraph.py`, which needs an interpreter with pyarrow) becomes
documents once; the first of them, as many as asked for, become a catalog, in which the most reused bases are
told facts of their training. Both are kept. Reading asks the catalog for what `savings` asks for: every model
with its sizes, facts and edges, the same of its bases, and their derivatives, and does nothing with it.

The bars: CPU seconds within 3 times of reading, and growing with the models; memory under 500 MB.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from synthetic import documents

FACTOR, MEMORY = 3, 500
"""The bars: times the CPU of reading, and MB of resident memory."""

WHOLE = 155_000
EDGES_PER_MODEL = 0.6
TOLD = 500
"""Bases that are told facts."""
PAGE = 500
SOURCE = "made up for this benchmark"


@dataclass(frozen=True, slots=True)
class Taken:
    """Seconds of wall and CPU (user and system), peak of resident memory in MB (10^6 bytes)."""

    wall: float
    cpu: float
    peak: float

    def __str__(self) -> str:
        return f"wall {self.wall:6.1f} s, cpu {self.cpu:6.1f} s, peak {self.peak:4.0f} MB"


def run(*arguments: str | Path, folder: Path) -> Taken:
    """Run Python with these arguments in a process of its own, which must succeed."""
    begun = time.perf_counter()
    process = subprocess.Popen([sys.executable, *map(str, arguments)], cwd=folder, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(map(str, arguments))} ended with {process.returncode}")
    return Taken(time.perf_counter() - begun, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024 / 1e6)


def read(path: Path) -> int:
    """Read every row that savings are worked out from, and count the models."""
    from registry.catalog.catalog import Catalog
    from registry.model.edges import Relation

    with Catalog.open(str(path)) as catalog:
        known: set[str] = set()
        models, last = 0, ""
        while page := catalog.holdings_after(last, PAGE):
            last = next(reversed(page))
            models += len(page)
            wanted = {
                edge.base
                for holding in page.values()
                for edge in holding.bases
                if edge.relation is not Relation.TRAINED_ON
            }
            while wanted := wanted - known:
                known |= wanted
                catalog.derivative_counts(wanted)
                bases = catalog.holdings(wanted)
                wanted = {edge.base for holding in bases.values() for edge in holding.bases}
    return models


def made(path: Path, source: Path, models: int, folder: Path) -> None:
    """The catalog of the first `models` documents, made unless it is there."""
    if path.exists():
        return
    part, unfinished = folder / "documents.jsonl", path.with_suffix(".part.db")
    with source.open("rb") as lines, part.open("wb") as some:
        some.writelines(islice(lines, models))
    unfinished.unlink(missing_ok=True)
    taken = run("-m", "registry", "import", part, "--catalog", unfinished, folder=folder)
    tell(unfinished)
    unfinished.rename(path)
    print(f"import     {taken}, {path.name}")


def tell(path: Path) -> None:
    """Let the most reused bases have facts, as a catalog has in which somebody looked them up."""
    from registry.catalog.catalog import Catalog
    from registry.model.snapshot import TrainingFact

    facts = {"parameters": 7e9, "training_tokens": 2e12, "hardware": "NVIDIA A100 SXM4 80 GB"}
    facts |= {"chip_hours": 180_000, "published": "2023-07-18"}
    told = [TrainingFact(name, value, SOURCE) for name, value in facts.items()]
    with Catalog.open(str(path)) as catalog:
        counts: dict[str, int] = {}
        last = ""
        while page := catalog.holdings_after(last, PAGE):
            last = next(reversed(page))
            for holding in page.values():
                for edge in holding.bases:
                    counts[edge.base] = counts.get(edge.base, 0) + 1
        for base in sorted(counts, key=lambda name: (-counts[name], name))[:TOLD]:
            catalog.add_facts(base, told, observed_at=datetime(2026, 11, 1, tzinfo=UTC))


def measure(path: Path, models: int, folder: Path) -> float:
    """Print what reading and each format take; answers the CPU seconds per model of the table."""
    reading = run(Path(__file__).resolve(), "--read", path, folder=folder)
    print(f"{models:>7,} read       {reading}")
    found: dict[str, Taken] = {}
    for name in ("table", "json", "csv"):
        answer = folder / f"answer.{name}"
        asked = ("savings", "--all", "--at", "2026-11-01", "-f", name, "-o", answer)
        taken = found[name] = run("-m", "registry", *asked, "--catalog", path, folder=folder)
        factor = taken.cpu / reading.cpu
        met = "met" if factor <= FACTOR and taken.peak < MEMORY else "missed"
        size = answer.stat().st_size / 1e6
        print(f"{models:>7,} {name:<10} {taken}, {factor:.2f} x reading, {size:.1f} MB: {met}")
    return found["table"].cpu / models


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", type=int, nargs="+", default=[25_000, WHOLE])
    parser.add_argument("--folder", type=Path, help="where documents and catalogs are kept")
    parser.add_argument("--arrow", default=sys.executable, help="an interpreter with pyarrow")
    parser.add_argument("--read", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.read is not None:
        print(read(options.read))
        return
    kept = options.folder or Path(tempfile.gettempdir(), f"hubgraph-{WHOLE // 1000}k")
    source = documents(kept, WHOLE, int(WHOLE * EDGES_PER_MODEL), options.arrow).resolve()
    each: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        for models in sorted(options.models):
            catalog = (kept / f"savings-{models // 1000}k.db").resolve()
            made(catalog, source, models, Path(folder))
            each.append(measure(catalog, models, Path(folder)))
    if len(each) > 1:
        print(f"CPU per model: {', '.join(f'{1000 * one:.3f} ms' for one in each)}; even is linear")


if __name__ == "__main__":
    main()
