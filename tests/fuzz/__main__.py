"""Fuzz the readers of safetensors headers and of GGUF heads, guided by coverage, side by side.

    python -m tests.fuzz                                  10 million inputs each or 10 minutes
    python -m tests.fuzz --minutes 1 --seed 7 --only gguf
    python -m tests.fuzz --again build/fuzz/gguf-crash-…  one input, as it was found

Needs atheris (`pip install atheris`), which brings libFuzzer. Failures are: anything that breaks a promise
of `targets.py`, an input that takes longer than SLOWEST seconds, and a process above MEMORY megabytes, with
the interpreter and all it loads. Until the time is up, equal seeds give equal runs. Ends with 1 if anything
failed.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

SLOWEST = 5
"""Seconds; a thousand times what an input takes."""
MEMORY = 200
"""Megabytes of one process."""
SAMPLES = 200
"""Sound files to begin with."""
KEPT = Path(__file__).parents[2] / "build" / "fuzz"
READERS = ("safetensors", "gguf")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--inputs", type=int, default=10_000_000, help="for each reader")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=READERS)
    parser.add_argument("--again", type=Path, help="a file with one input; needs no atheris")
    parser.add_argument("--work", nargs=2, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.again:
        return again(asked.again, asked.only)
    if asked.work:
        work(asked.work[0], Path(asked.work[1]), asked.inputs, round(asked.minutes * 60), asked.seed)
    try:
        import atheris  # type: ignore[import-untyped]  # noqa: F401
    except ImportError:
        sys.stderr.write("fuzzing needs atheris: pip install atheris\n")
        return 2
    KEPT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        running = {
            name: start(name, Path(folder) / name, asked)
            for name in ([asked.only] if asked.only else READERS)
        }
        return max([report(name, process, Path(folder) / name) for name, process in running.items()])


def start(name: str, folder: Path, asked: argparse.Namespace) -> subprocess.Popen[bytes]:
    """A process of its own for one reader, with sound files to begin from."""
    from tests.fuzz.inputs import MAKERS

    corpus = folder / "corpus"
    corpus.mkdir(parents=True)
    random = Random(asked.seed)
    for number in range(SAMPLES):
        (corpus / f"sample-{number:03}").write_bytes(MAKERS[name][0](random))
    limits = ["--inputs", str(asked.inputs), "--minutes", str(asked.minutes), "--seed", str(asked.seed)]
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.fuzz", "--work", name, str(folder), *limits],
            stdout=log,
            stderr=log,
            # Strings hash alike in every run, or sets and dicts would take other paths.
            env=dict(os.environ, PYTHONHASHSEED="0"),
        )


def report(name: str, process: subprocess.Popen[bytes], folder: Path) -> int:
    """Wait for one reader, print its line, and say what it failed on."""
    failed = process.wait() != 0
    log = (folder / "log").read_text(errors="replace")
    told = {key: int(value) for key, value in re.findall(r"^stat::(\w+):\s+(\d+)", log, re.MULTILINE)}
    worst = folder / "worst"
    slowest = float(worst.read_text()) if worst.exists() else 0.0
    covered = re.findall(r"cov: (\d+) ft: (\d+)", log) or [("0", "0")]
    say(
        f"{name}: {told.get('number_of_executed_units', 0):,} inputs"
        f" ({told.get('average_exec_per_sec', 0):,} a second),"
        f" {told.get('new_units_added', 0):,} new paths, {int(covered[-1][0]):,} branches,"
        f" peak {told.get('peak_rss_mb', 0)} MB, slowest {slowest * 1000:.1f} ms of CPU,"
        f" {'FAILED' if failed else 'no failure'}"
    )
    if failed:
        say("\n".join(line[:500] for line in log.splitlines() if not line.startswith(("#", "INFO"))))
    return int(failed)


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def work(name: str, folder: Path, inputs: int, seconds: int, seed: int) -> None:
    """The process itself. Never returns: libFuzzer ends it."""
    import atheris

    # Nothing of the readers may be imported before this.
    with atheris.instrument_imports(include=["registry.weights"]):
        from tests.fuzz.inputs import LONGEST, MAKERS
        from tests.fuzz.targets import TARGETS
    check, change = TARGETS[name], MAKERS[name][1]
    slowest = 0.0

    def one(data: bytes) -> None:
        nonlocal slowest
        began = time.process_time()
        check(data)
        took = time.process_time() - began
        if took > slowest:
            slowest = took
            (folder / "worst").write_text(str(took))

    def changed(data: bytes, longest: int, seed: int) -> bytes:
        random = Random(seed)
        if random.random() < 0.3:
            return bytes(atheris.Mutate(data, longest))
        return change(bytes(data), random)[:longest]

    options = {
        "seed": seed,
        "runs": inputs,
        "max_total_time": seconds,
        "max_len": 2 * LONGEST,
        "timeout": SLOWEST,
        "rss_limit_mb": MEMORY,
        "print_final_stats": 1,
        # Or what it finds would depend on the clock.
        "reload": 0,
        "artifact_prefix": f"{KEPT}/{name}-",
    }
    arguments = [f"-{key}={value}" for key, value in options.items()]
    atheris.Setup([sys.argv[0], *arguments, str(folder / "corpus")], one, custom_mutator=changed)
    atheris.Fuzz()


def again(path: Path, only: str | None) -> int:
    """Check one input; its name tells the reader, else `--only` does."""
    from tests.fuzz.targets import TARGETS

    name = only or path.name.partition("-")[0]
    check: Callable[[bytes], bool] = TARGETS[name]
    say(f"{name}: {'sound' if check(path.read_bytes()) else 'refused'}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
