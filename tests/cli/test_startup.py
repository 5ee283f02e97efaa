"""What `registry --help` may cost: nothing heavy is imported before a command is called."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence

import click
import pytest

from registry.cli.commands import ALIASES, ENTRIES, SECTIONS
from registry.cli.main import root

HEAVY = {
    "sqlalchemy",
    "alembic",
    "huggingface_hub",
    "httpx2",
    "rich",
    "numpy",
    "safetensors",
    "yaml",
    "msgspec",
}


def loaded_by(args: Sequence[str]) -> set[str]:
    """Top-level modules in memory after `registry ARGS` in a fresh process."""
    program = (
        "import sys, json; from registry.cli.main import run; "
        f"code = run({list(args)!r}); "
        "print(json.dumps([code, sorted({name.partition('.')[0] for name in sys.modules})]), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    code, modules = json.loads(done.stderr.splitlines()[-1])
    assert code == 0
    return set(modules)


@pytest.mark.parametrize("args", [["--help"], ["--version"], ["add", "--help"], ["lineage", "--help"]])
def test_help_loads_nothing_heavy(args: list[str]) -> None:
    assert not loaded_by(args) & HEAVY


def test_help_does_not_look_for_plugins() -> None:
    assert "importlib.metadata" not in loaded_by(["--help"])


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=lambda entry: entry.name)
def test_the_table_tells_the_truth(entry: object) -> None:
    """Each line of the table names a command that exists, under its name, with its own first sentence."""
    assert isinstance(entry, tuple)
    name, _, summary = entry
    command = root.get_command(click.Context(root), name)
    assert command is not None
    assert command.name == name
    assert (command.help or "").splitlines()[0] == summary


def test_help_lists_every_command_in_its_section() -> None:
    text = root.get_help(click.Context(root, info_name="registry"))
    for heading, entries in SECTIONS:
        section = text.partition(f"{heading}:\n")[2].partition("\n\n")[0]
        assert [line.split()[0] for line in section.splitlines()] == [entry.name for entry in entries]


def test_help_fits_eighty_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    for name in (None, *ENTRIES):
        context = click.Context(root, info_name="registry")
        command = root.get_command(context, name) if name else root
        assert command is not None
        inner = click.Context(command, info_name=name, parent=context) if name else context
        text = command.get_help(inner).partition("Examples:")[0]
        assert max(len(line) for line in text.splitlines()) <= 80


def test_aliases_are_the_same_commands() -> None:
    for alias, name in ALIASES.items():
        context = click.Context(root)
        assert root.get_command(context, alias) is root.get_command(context, name)
