"""How a benchmark tells what it found: printed for people, and kept for `python -m tests.benchmarks`.

Every script takes the options it needs of `--pairs`, `--models`, `--edges`, `--folder`, `--arrow` and
`--postgres`, by these names, and tells each figure once, by `told` or `told_size`.
"""

from __future__ import annotations

import json
import os
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

KEPT = "REGISTRY_FIGURES"
"""Environment variable naming the file to which figures are added, one line of JSON each."""


@dataclass(frozen=True, slots=True)
class Figure:
    """values: one for each paired run: ours divided by the yardstick, or with a `unit` in that unit. bar:
    what is promised, `None` where nothing is; hoped: the stretch. The smaller a figure, the better."""

    what: str
    against: str
    values: tuple[float, ...]
    bar: float | None = None
    hoped: float | None = None
    unit: str = ""
    note: str = ""

    @property
    def verdict(self) -> str:
        """Whether the median keeps the bar."""
        middle = statistics.median(self.values)
        if self.bar is None:
            return "-"
        if middle > self.bar:
            return "missed"
        return "met" if self.hoped is None or middle > self.hoped else "met, and the stretch"

    @property
    def spread(self) -> str:
        """Least, median and greatest."""
        three = (min(self.values), statistics.median(self.values), max(self.values))
        shown = three if len(self.values) > 1 else self.values
        return " / ".join(_short(one) for one in shown) + (f" {self.unit}" if self.unit else "")


def told(
    what: str,
    against: str,
    pairs: Sequence[tuple[float, float]],
    bar: float | None = None,
    hoped: float | None = None,
    note: str = "",
) -> Figure:
    """Tell seconds of ours and of the yardstick, taken in turns, and their ratio."""
    figure = Figure(what, against, tuple(ours / bare for ours, bare in pairs), bar, hoped, note=note)
    print(f"{what}, against {against}{f'; {note}' if note else ''}")
    for name, values in (
        ("ours, ms", [1000 * ours for ours, _ in pairs]),
        ("bare, ms", [1000 * bare for _, bare in pairs]),
        ("ratio", figure.values),
    ):
        low, mid, high = min(values), statistics.median(values), max(values)
        print(f"  {name:10}  min {low:10.3f}  median {mid:10.3f}  max {high:10.3f}")
    if bar is not None:
        stretch = "" if hoped is None else f", hoped for {hoped:g}"
        print(f"  bar {bar:g}{stretch}: {figure.verdict} over {len(pairs)} pairs", flush=True)
    keep(figure)
    return figure


def told_size(
    what: str, values: Sequence[float], unit: str, bar: float | None = None, hoped: float | None = None
) -> Figure:
    """Tell a figure that has no yardstick but a bar of its own, such as megabytes of memory."""
    figure = Figure(what, "", tuple(values), bar, hoped, unit)
    limit = "" if bar is None else f"; bar {bar:g} {unit}: {figure.verdict}"
    print(f"{what}: {figure.spread}{limit}", flush=True)
    keep(figure)
    return figure


def keep(figure: Figure) -> None:
    """Add a figure to the file of the run, where there is one."""
    path = os.environ.get(KEPT)
    if path:
        with open(path, "a", encoding="utf-8") as file:  # noqa: PTH123 - named by the caller
            file.write(json.dumps(asdict(figure)) + "\n")


def skipped(what: str, why: str) -> None:
    """Say what could not be measured here, and why."""
    print(f"skipped: {what}: {why}", flush=True)
    path = os.environ.get(KEPT)
    if path:
        with open(path, "a", encoding="utf-8") as file:  # noqa: PTH123 - named by the caller
            file.write(json.dumps({"skipped": what, "why": why}) + "\n")


def own_cpu(work: Callable[[], object]) -> float:
    """CPU seconds of this process."""
    begun = time.process_time()
    work()
    return time.process_time() - begun


def both_cpu(work: Callable[[], object], backends: Iterable[int]) -> float:
    """CPU seconds of this process and of server processes on this machine (Linux)."""
    begun = _server_cpu(backends)
    return own_cpu(work) + _server_cpu(backends) - begun


def _server_cpu(backends: Iterable[int]) -> float:
    return sum(int(Path(f"/proc/{one}/schedstat").read_text().split()[0]) for one in backends) / 1e9


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}" if value >= 0.1 else f"{value:.3g}"
