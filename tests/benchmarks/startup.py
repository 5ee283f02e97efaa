"""How much CPU `registry --help` takes against the `--help` of a bare Click group.

Run `python tests/benchmarks/startup.py [--pairs 15]`. Both are whole processes of the same interpreter with
compiled bytecode; the bare group has as many commands with the same summaries. Pairs are taken one after
the other, so that a busy machine slows both. Tells CPU milliseconds and the ratio; the bar is 1.5.
"""

from __future__ import annotations

import argparse
import os
import py_compile
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from figures import told

from registry.cli.commands import ENTRIES

BAR, HOPED = 1.5, 1.2
BARE_MODULE = "bare_group"


def bare_source() -> str:
    """A Click group that does nothing, with our commands' names and summaries."""
    commands = "\n".join(
        f"@main.command({entry.name!r}, help={entry.summary!r})\ndef _{number}():\n    pass\n"
        for number, entry in enumerate(ENTRIES.values())
    )
    head = "import click\n\n@click.group()\n@click.version_option('1')\ndef main():\n    '''Bare.'''\n\n"
    return head + commands


def cpu(command: list[str], environ: dict[str, str]) -> float:
    """CPU seconds, user and system, of one run of `command`."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, env=environ, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime - before.ru_utime) + (after.ru_stime - before.ru_stime)


def measure(pairs: int) -> list[tuple[float, float]]:
    """CPU of ours and of the bare group, `pairs` times, after one run of each to warm the disk."""
    with tempfile.TemporaryDirectory() as folder:
        module = Path(folder) / f"{BARE_MODULE}.py"
        module.write_text(bare_source())
        py_compile.compile(str(module))
        environ = {**os.environ, "PYTHONPATH": folder}
        environ.pop("PYTHONDONTWRITEBYTECODE", None)

        def calling(place: str) -> list[str]:
            # As the console script does it: import one name and call it.
            return [sys.executable, "-c", f"import sys; from {place} import main; sys.exit(main())", "--help"]

        ours, bare = calling("registry.cli.main"), calling(BARE_MODULE)
        for command in (ours, bare):
            cpu(command, environ)
        return [(cpu(ours, environ), cpu(bare, environ)) for _ in range(pairs)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=15)
    pairs = measure(parser.parse_args().pairs)
    told("registry --help, CPU", "a bare Click group's --help", pairs, BAR, HOPED)


if __name__ == "__main__":
    main()
