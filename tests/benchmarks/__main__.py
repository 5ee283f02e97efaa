"""Run every benchmark and write what came of it into `docs/benchmarks.md`.

    python -m tests.benchmarks                                  all, at 155,000 models
    python -m tests.benchmarks --models 155000 2500000          at both sizes; takes hours
    python -m tests.benchmarks --only graphs startup            some

Each script is a process of its own, told its size by `--models` if it takes one. What was found before of
other scripts and sizes stays in the table: it is kept in `build/benchmarks.json`. PostgreSQL takes part where
REGISTRY_TEST_POSTGRES names a server (`eval "$(.ci/postgres start)"`), peers where they are installed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE))

from figures import KEPT, Figure  # noqa: E402 - found there once the path says so
from synthetic import EDGES_PER_MODEL, dump  # noqa: E402

RESULTS = ROOT / "build" / "benchmarks.json"
TABLE = ROOT / "docs" / "benchmarks.md"
NO_BENCHMARKS = frozenset({"__main__", "figures", "synthetic", "evidence"})
"""Evidence from weights needs a trained zoo and has a table of its own (`docs/evidence.md`)."""
SHOWN = ("what", "against", "min / median / max", "bar", "stretch", "")


@dataclass(frozen=True, slots=True)
class Result:
    """What a script told. models: its size, `None` for one that has none. code: how it ended."""

    script: str
    models: int | None
    day: str
    figures: tuple[Figure, ...]
    skipped: tuple[tuple[str, str], ...]
    code: int

    @property
    def key(self) -> tuple[int, str]:
        return self.models or 0, self.script


def scripts() -> list[Path]:
    return sorted(path for path in HERE.glob("*.py") if path.stem not in NO_BENCHMARKS)


def run(path: Path, models: int | None, arguments: Iterable[str], environ: Mapping[str, str]) -> Result:
    """Run a script, its words passed on as they come, and gather its figures."""
    size = "" if models is None else f", {models:,} models"
    print(f"\n== {path.stem}{size}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        kept = Path(folder, "figures.jsonl")
        command = [sys.executable, str(path), *arguments]
        code = subprocess.run(command, cwd=ROOT, env={**environ, KEPT: str(kept)}, check=False).returncode
        told = [json.loads(line) for line in kept.read_text().splitlines()] if kept.exists() else []
    return Result(
        path.stem,
        models,
        datetime.now(UTC).date().isoformat(),
        tuple(_figure(one) for one in told if "what" in one),
        tuple((one["skipped"], one["why"]) for one in told if "skipped" in one),
        code,
    )


def planned(asked: argparse.Namespace) -> Iterator[tuple[Path, int | None, list[str]]]:
    """The scripts to run with their sizes and arguments: once those without a size, the rest at each."""
    for path in scripts():
        if asked.only and path.stem not in asked.only:
            continue
        source = path.read_text(encoding="utf-8")
        if 'add_argument("--models"' in source:
            for models in asked.models:
                yield path, models, ["--models", str(models)]
        elif 'add_argument("dump")' in source:
            for models in asked.models:
                folder = Path(tempfile.gettempdir(), f"hubgraph-{models // 1000}k")
                file = dump(folder, models, int(models * EDGES_PER_MODEL), sys.executable)
                postgres = ["--postgres", asked.postgres] if asked.postgres else []
                yield path, models, [str(file), *postgres]
        else:
            yield path, None, []


def remembered(path: Path) -> dict[tuple[int, str], Result]:
    """The results of earlier runs."""
    if not path.exists():
        return {}
    found = (
        Result(**one | {"figures": tuple(map(_figure, one["figures"])), "skipped": tuple(one["skipped"])})
        for one in json.loads(path.read_text(encoding="utf-8"))
    )
    return {one.key: one for one in found}


def remember(path: Path, results: Iterable[Result]) -> None:
    from dataclasses import asdict

    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([asdict(one) for one in results], indent=1), encoding="utf-8")


def machine(postgres: str | None) -> str:
    """What it ran on, in neutral words."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    parts = [
        f"{os.cpu_count()} cores ({platform.machine()})",
        f"{memory:.0f} GB of memory",
        f"{platform.system()}",
        f"Python {platform.python_version()}",
        f"SQLite {sqlite3.sqlite_version}",
    ]
    if postgres:
        import psycopg

        with psycopg.connect(postgres) as connection:
            (version,) = connection.execute("SHOW server_version").fetchone() or ("",)
        parts.append(f"PostgreSQL {version.split()[0]} on the same machine")
    return ", ".join(parts)


def page(results: Iterable[Result], described: str) -> str:
    """The document."""
    ordered = sorted(results, key=lambda one: one.key)
    days = sorted({one.day for one in ordered})
    text = [
        "# Benchmarks",
        "",
        "Written by `python -m tests.benchmarks`; each script there says what it measures and how. A",
        "figure is a ratio to a yardstick, taken in pairs one after the other: least / median /",
        "greatest, the smaller the better. Those with a unit have no yardstick. The median decides. The",
        "models are synthetic (the shape of the Hub, not its content), so ratios of the real one may differ.",
        "",
        f"Measured {' to '.join(days[:: max(1, len(days) - 1)])} on a shared machine: {described}.",
    ]
    for models in sorted({one.models or 0 for one in ordered}):
        some = [one for one in ordered if (one.models or 0) == models]
        text += ["", f"## {f'{models:,} models' if models else 'Whatever the size'}", ""]
        text += [_line(SHOWN), _line(["---"] * len(SHOWN))]
        text += [_row(figure) for one in some for figure in one.figures]
        broken = [f"`{one.script}` ended with {one.code}." for one in some if not one.figures and one.code]
        missing = [f"{what} ({why})" for one in some for what, why in one.skipped]
        if missing:
            broken.append(f"Not measured: {'; '.join(missing)}.")
        if broken:
            text += ["", " ".join(broken)]
    return "\n".join(text) + "\n"


def _row(figure: Figure) -> str:
    limits = ["" if one is None else f"{one:g}" for one in (figure.bar, figure.hoped)]
    what = figure.what + (f" ({figure.note})" if figure.note else "")
    verdict = "" if figure.bar is None else figure.verdict
    return _line((what, figure.against, figure.spread, *limits, verdict))


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _figure(told: Mapping[str, Any]) -> Figure:
    return Figure(**{**told, "values": tuple(told["values"])})


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--models", type=int, nargs="+", default=[155_000])
    parser.add_argument("--only", nargs="+", choices=[path.stem for path in scripts()], metavar="SCRIPT")
    parser.add_argument("--postgres", default=os.environ.get("REGISTRY_TEST_POSTGRES"), metavar="URL")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where figures are kept")
    parser.add_argument("--table", type=Path, default=TABLE, help="the document to write")
    asked = parser.parse_args()
    environ = {name: value for name, value in os.environ.items() if name != "REGISTRY_TEST_POSTGRES"}
    if asked.postgres:
        environ["REGISTRY_TEST_POSTGRES"] = asked.postgres
    results = remembered(asked.results)
    for path, models, arguments in planned(asked):
        result = run(path, models, arguments, environ)
        # What a script told when it took a size, or took none, is out of date.
        results = {
            key: one
            for key, one in results.items()
            if one.script != path.stem or (one.models is None) == (models is None)
        }
        results[result.key] = result
        remember(asked.results, results.values())
        asked.table.write_text(page(results.values(), machine(asked.postgres)), encoding="utf-8")
    told = [figure for one in results.values() for figure in one.figures if figure.bar is not None]
    missed = [figure.what for figure in told if figure.verdict == "missed"]
    print(f"\n{len(told) - len(missed)} of {len(told)} bars met; {asked.table} is written")
    for what in missed:
        print(f"  missed: {what}")


if __name__ == "__main__":
    main()
