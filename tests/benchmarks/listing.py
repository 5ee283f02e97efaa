"""Pages of the Hub's list of models to rows ready to be kept: CPU against a typed decode alone.

The pages are those of `../shared/benchmark/hubgraph.py --jsonl-rows`. Both sides go through all pages in
turn. `first` begins with an empty memory each time; `later` has read nine times as many pages before, of
other models, as nearly all pages of a long crawl come. The bar is 2.5, and 1.5 to be proud of.

    python tests/benchmarks/listing.py [ROWS] [RUNS] [FOLDER]
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from figures import Figure, keep

from registry.sources.pages import PageReader

GENERATOR = Path(__file__).resolve().parents[3] / "shared" / "benchmark" / "hubgraph.py"
PAGE = 1000
BAR, HOPED = 2.5, 1.5


class Weights(msgspec.Struct):
    parameters: dict[str, int]
    total: int


class Model(msgspec.Struct, rename="camel"):
    """The fields that are used, each in its own type."""

    id: str
    hub_id: str | None = msgspec.field(name="_id", default=None)
    sha: str | None = None
    created_at: datetime | None = None
    last_modified: datetime | None = None
    private: bool | None = None
    gated: bool | str | None = None
    disabled: bool | None = None
    downloads: int | None = None
    likes: int | None = None
    pipeline_tag: str | None = msgspec.field(name="pipeline_tag", default=None)
    library_name: str | None = msgspec.field(name="library_name", default=None)
    tags: list[str] = []
    used_storage: int | None = None
    safetensors: Weights | None = None


def pages(folder: Path, rows: int) -> list[bytes]:
    path = folder / "pages.jsonl"
    if not path.exists():
        size = ("--models", str(rows), "--edges", str(rows * 3 // 5), "--jsonl-rows", str(rows))
        subprocess.run([sys.executable, GENERATOR, folder, *size], check=True, stdout=subprocess.DEVNULL)
    lines = path.read_bytes().splitlines()[:rows]
    return [b"[" + b",".join(lines[at : at + PAGE]) + b"]" for at in range(0, len(lines), PAGE)]


def seconds(work: Callable[[], int], rows: int) -> float:
    """CPU seconds of one run, which must go through all rows."""
    began = time.process_time()
    found = work()
    spent = time.process_time() - began
    if found != rows:
        sys.exit(f"{found:,} of {rows:,} rows were read")
    return spent


def measure(before: Sequence[bytes], given: Sequence[bytes], rows: int, runs: int) -> dict[str, list[float]]:
    decode = msgspec.json.Decoder(list[Model]).decode
    at = datetime.now(UTC)

    def bare() -> int:
        return sum(len(decode(page)) for page in given)

    def read(reader: PageReader, some: Sequence[bytes] = given) -> int:
        return sum(reader.read(page, at=at).rows for page in some)

    told: dict[str, list[float]] = {name: [] for name in ("decode", "first", "later", "first / ", "later / ")}
    for _ in range(runs):
        reader = PageReader()
        read(reader, before)
        alone = seconds(bare, rows)
        later = seconds(lambda reader=reader: read(reader), rows)  # type: ignore[misc]
        again = seconds(bare, rows)
        first = seconds(lambda: read(PageReader()), rows)
        told["decode"].append(alone)
        told["later"].append(later)
        told["first"].append(first)
        told["later / "].append(later / alone)
        told["first / "].append(first / again)
    return told


def main() -> int:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 40_000
    runs = int(sys.argv[2]) if len(sys.argv) > 2 else 9
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(sys.argv[3]) if len(sys.argv) > 3 else Path(scratch)
        found = pages(folder, 10 * rows)
    before, given = found[: -len(found) // 10], found[-len(found) // 10 :]
    rows = sum(page.count(b'"modelId"') for page in given)
    told = measure(before, given, rows, runs)
    print(f"{rows:,} models on {len(given)} pages, {runs} runs{'min':>12}{'med':>8}{'max':>8}")
    for name, values in told.items():
        ratio = name.endswith("/ ")
        if ratio:
            what = f"pages of the Hub's list to rows, {name.removesuffix(' / ')} pages of a crawl, CPU"
            keep(Figure(what, "a typed decode alone", tuple(values), BAR, HOPED))
        scale = 1 if ratio else 1e6 / rows
        low, mid, high = (scale * value for value in (min(values), statistics.median(values), max(values)))
        unit = "times the decode" if ratio else "us per model"
        print(f"{name.removesuffix(' / '):<8}{unit:<24}{low:16.2f}{mid:8.2f}{high:8.2f}")
    return 0 if statistics.median(told["later / "]) <= BAR else 1


if __name__ == "__main__":
    sys.exit(main())
