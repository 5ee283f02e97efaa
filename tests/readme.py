"""The README's `console` blocks: found, run, compared, and rewritten by `python -m tests.readme`.

A line `$ command` is run in a folder of its own that holds a copy of `catalog.db.example` as `catalog.db`,
against the Hub that plays back the shipped recording. Lines under it are its output, stdout and stderr as a
terminal would show them, the Hub's address apart; `...` stands for any lines; a command without lines shows
nothing here. Comments before a block change its setting: `<!-- empty catalog -->`, `<!-- postgresql -->`, and
`<!-- zoo -->`, an empty catalog beside three small models whose weights are there: `base`, `tuned`, which was
made from it, and `stranger`. The folder is shown as one of the same length, for the tables' sake.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from registry.demo.bundle import load_bundle
from registry.demo.hub import RecordedHub

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
EXAMPLE = ROOT / "catalog.db.example"

_BLOCK = re.compile(
    r"(?:<!-- (?P<setting>[a-z ]+) -->\n)?```console\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL
)
ZOO = {"base": "m-7142f213", "tuned": "m-a3d41a77", "stranger": "m-65ae3921"}
"""Folders of `tests/data/zoo/zoo` by the name the README gives them."""
SHOWN_FOLDER = "/home/you/models"
TEAM_CATALOG = "postgresql://team@db.example.org/registry"
"""The address the README shows; tests put their own server's there."""


@dataclass(frozen=True, slots=True)
class Command:
    """One command with the lines shown under it. partial: the lines end in a remark on exit code 3."""

    text: str
    shown: tuple[str, ...]

    def agrees(self, lines: list[str]) -> bool:
        """Whether `lines` are what is shown; nothing shown agrees with anything."""
        return not self.shown or _matches(list(self.shown), lines)


@dataclass(frozen=True, slots=True)
class Block:
    """Commands of one block, run one after the other in one folder."""

    setting: str
    commands: tuple[Command, ...]
    start: int
    end: int


def _matches(pattern: list[str], lines: list[str]) -> bool:
    if not pattern:
        return not lines
    if pattern[0] == "...":
        return any(_matches(pattern[1:], lines[skip:]) for skip in range(len(lines) + 1))
    return bool(lines) and lines[0] == pattern[0] and _matches(pattern[1:], lines[1:])


def blocks(text: str) -> Iterator[Block]:
    """Every `console` block of a page."""
    for match in _BLOCK.finditer(text):
        commands: list[Command] = []
        for part in re.split(r"^\$ ", match["body"], flags=re.MULTILINE)[1:]:
            lines = part.rstrip("\n").split("\n")
            length = next(number for number, line in enumerate(lines, 1) if not line.endswith("\\"))
            commands.append(Command("\n".join(lines[:length]), tuple(lines[length:])))
        yield Block(match["setting"] or "", tuple(commands), match.start("body"), match.end("body"))


@contextlib.contextmanager
def stage(block: Block) -> Iterator[dict[str, str]]:
    """The folder a block runs in, as the working directory, and the environment to run it with."""
    bundle = load_bundle()
    before = Path.cwd()
    with (
        tempfile.TemporaryDirectory(dir="/tmp") as folder,
        RecordedHub(bundle.models, moved=bundle.moved) as hub,
    ):
        if block.setting == "zoo":
            for name, kept in ZOO.items():
                weights = ROOT / "tests/data/zoo/zoo" / kept / "model.safetensors"
                Path(folder, name).mkdir()
                shutil.copyfile(weights, Path(folder, name, weights.name))
        elif block.setting != "empty catalog":
            shutil.copyfile(EXAMPLE, Path(folder) / "catalog.db")
        os.chdir(folder)
        try:
            path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
            yield {**os.environ, "HF_ENDPOINT": hub.endpoint, "PATH": path, "COLUMNS": "110"}
        finally:
            os.chdir(before)


def run(
    command: Command, environ: Mapping[str, str], *, team_catalog: str | None = None
) -> tuple[int, list[str]]:
    """Exit code and output of one command; in this process unless it needs a shell."""
    text = command.text.replace(TEAM_CATALOG, team_catalog or TEAM_CATALOG)
    if not text.startswith("registry ") or re.search(r"[|<>;&]|\\\n", re.sub(r"'[^']*'", "", text)):
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", text],
            env=dict(environ),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=120,
            check=False,
        )
        return done.returncode, _lines(done.stdout)
    from registry.cli import main

    shown = io.StringIO()
    with contextlib.redirect_stdout(shown), contextlib.redirect_stderr(shown):
        code = main.run(shlex.split(text)[1:], environ=environ)
    return code, _lines(shown.getvalue())


def _lines(text: str) -> list[str]:
    """Lines as the page shows them: the recorded Hub's address is that of the Hub it recorded."""
    text = re.sub(r"127\.0\.0\.1:\d+", "huggingface.co", text).replace(str(Path.cwd()), SHOWN_FOLDER)
    return [line.rstrip() for line in text.rstrip("\n").split("\n")] if text.strip() else []


def _abridged(lines: list[str], shown: tuple[str, ...]) -> list[str]:
    """As many of the lines as are shown now: none, all, or those before a `...` at the end."""
    if not shown or shown[-1] != "...":
        return lines if shown else []
    return [*lines[: len(shown) - 1], "..."]


def rewritten(text: str) -> str:
    """The page with the outputs of today."""
    for block in reversed(list(blocks(text))):
        if block.setting == "postgresql":
            continue
        parts = []
        with stage(block) as environ:
            for command in block.commands:
                _, lines = run(command, environ)
                parts += [f"$ {command.text}", *_abridged(lines, command.shown)]
        text = text[: block.start] + "\n".join(parts) + "\n" + text[block.end :]
    return text


if __name__ == "__main__":
    README.write_text(rewritten(README.read_text(encoding="utf-8")), encoding="utf-8")
