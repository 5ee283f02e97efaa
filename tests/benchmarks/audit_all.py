"""What `registry audit --all` takes on a catalog of 155,000 models, as one process.

Run `python tests/benchmarks/audit_all.py [--models 155000] [--catalog FILE] [--folder F] [--arrow PYTHON]`.
The models (`../shared/benchmark/hubgraph.py`, which needs an interpreter with pyarrow) become documents and a
catalog on first use; the import is timed as a process of its own and takes some minutes. Both files are
kept. Prints wall and CPU seconds and the peak of resident memory; the bar is 500 MB for the audit.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from figures import told_size
from synthetic import EDGES_PER_MODEL, documents

BAR, HOPED = 500, 300
"""MB of resident memory."""

CLEAN, INCOMPLETE = 0, 3
"""Some bases of the synthetic Hub are gone, so that its audit is never complete."""


@dataclass(frozen=True, slots=True)
class Taken:
    """Seconds of wall and CPU (user and system), peak of resident memory in MB (10^6 bytes), exit code."""

    wall: float
    cpu: float
    peak: float
    code: int

    def __str__(self) -> str:
        return f"wall {self.wall:7.1f} s, cpu {self.cpu:7.1f} s, peak {self.peak:5.0f} MB, exit {self.code}"


def run(*arguments: str | Path, folder: Path) -> Taken:
    """Run `registry` with these arguments in a process of its own."""
    begun = time.perf_counter()
    command = [sys.executable, "-m", "registry", *map(str, arguments)]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - begun
    return Taken(wall, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024 / 1e6, process.returncode)


def imported(path: Path, catalog: Path, folder: Path) -> None:
    """The catalog of these documents, made unless it is there."""
    if catalog.exists():
        return
    unfinished = catalog.with_suffix(".part.db")
    unfinished.unlink(missing_ok=True)
    taken = run("import", path, "--catalog", unfinished, folder=folder)
    print(f"import     {taken}, {catalog.name}")
    if taken.code:
        sys.exit("the import failed")
    unfinished.rename(catalog)


def codes(answer: Path) -> str:
    """How often which code was found, read as text: the answer may be larger than what may be spent on it."""
    found: Counter[str] = Counter()
    with answer.open(encoding="utf-8") as file:
        for line in file:
            name, _, value = line.strip().partition(": ")
            if name == '"code"':
                found[value.strip('",')] += 1
    return ", ".join(f"{count:,} {code}" for code, count in found.most_common())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", type=int, default=155_000)
    parser.add_argument("--folder", type=Path, help="where the documents are kept")
    parser.add_argument("--catalog", type=Path, help="where the catalog is kept")
    parser.add_argument("--format", default="json")
    parser.add_argument("--arrow", default=sys.executable, help="an interpreter with pyarrow")
    options = parser.parse_args()
    size = f"{options.models // 1000}k"
    kept = options.folder or Path(tempfile.gettempdir(), f"hubgraph-{size}")
    catalog = (options.catalog or Path(tempfile.gettempdir(), f"audit-{size}.db")).resolve()

    with tempfile.TemporaryDirectory() as folder:
        empty = Path(folder)
        if not catalog.exists():
            path = documents(kept, options.models, int(options.models * EDGES_PER_MODEL), options.arrow)
            imported(path.resolve(), catalog, empty)
        answer = empty / "audit.out"
        asked = ("audit", "--all", "-f", options.format, "-o", answer, "--fail-on", "never")
        taken = run(*asked, "--catalog", catalog, folder=empty)
        print(f"audit --all {taken}, {catalog.name}")
        if taken.code not in (CLEAN, INCOMPLETE):
            sys.exit("the audit failed")
        print(f"answer     {answer.stat().st_size / 1e6:.0f} MB {codes(answer)}")
    told_size("registry audit --all, peak memory", [taken.peak], "MB", BAR, HOPED)
    told_size("registry audit --all, CPU per model", [1000 * taken.cpu / options.models], "ms")


if __name__ == "__main__":
    main()
