"""How errors look: one line naming the thing, one line with the next step, never a traceback.

With `-f json` (or `--json`) an error is one line of JSON on stderr instead:
`{"error": {"code": "not-visible", "message": "...", "hint": "..." | null}}`.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import traceback
from collections.abc import Sequence

import click

from registry.errors import RegistryError

USAGE = 2
INCOMPLETE = 3
BUG = 70
INTERRUPTED = 130
PIPE_CLOSED = 141


class OutputFailed(RegistryError):
    """What was asked for is known, but cannot be written where it should go."""

    code = "output"


def wants_json(args: Sequence[str]) -> bool:
    """Whether a command line asks for JSON, judged before it is parsed: it may be what is wrong."""
    words = list(args[: args.index("--")] if "--" in args else args)
    for word, following in zip(words, [*words, ""][1:], strict=True):
        if word in ("--json", "-fjson", "-fjsonl", "--format=json", "--format=jsonl"):
            return True
        if word in ("-f", "--format") and following in ("json", "jsonl"):
            return True
    return False


def report(error: Exception, *, as_json: bool, debug: bool) -> int:
    """Show `error` on stderr and return the exit code it means."""
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if isinstance(error, BrokenPipeError):
        _abandon_stdout()
        return PIPE_CLOSED
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        click.echo(error.format_message(), err=True)
        return USAGE
    code, message, hint, exit_code = _read(error)
    if debug and not isinstance(error, click.ClickException):
        click.echo("".join(traceback.format_exception(error)), err=True, nl=False)
    if isinstance(error, OSError):
        _abandon_stdout()
    with contextlib.suppress(OSError):  # Nobody may be left to tell.
        _show(code, message, hint, as_json=as_json)
    return exit_code


def _read(error: Exception) -> tuple[str, str, str | None, int]:
    """An error as stable code, message, hint and exit code."""
    if isinstance(error, RegistryError):
        return error.code, error.message, error.hint, error.exit_code
    if isinstance(error, click.Abort):
        return "interrupted", "stopped at the prompt; nothing was changed", None, INTERRUPTED
    if isinstance(error, click.ClickException):
        hint = None
        if isinstance(error, click.UsageError) and error.ctx is not None:
            hint = f"`{error.ctx.command_path} --help` shows how it is written"
        return "usage", error.format_message(), hint, USAGE
    if isinstance(error, OSError):
        place = f"{error.filename}: " if error.filename else ""
        reason = error.strerror or str(error)
        hint = "make room and run it again" if error.errno == errno.ENOSPC else None
        return "output", f"{place}{reason}", hint, INCOMPLETE
    kind = type(error).__name__
    hint = "set REGISTRY_DEBUG=1 for the traceback, and please report it"
    return "bug", f"this is a bug in registry ({kind}: {error})", hint, BUG


def _show(code: str, message: str, hint: str | None, *, as_json: bool) -> None:
    from registry.exports.text import clean

    if as_json:
        import json

        click.echo(json.dumps({"error": {"code": code, "message": message, "hint": hint}}), err=True)
        return
    click.echo(f"Error: {clean(message)}", err=True)
    if hint:
        click.echo(f"Hint: {clean(hint)}", err=True)


def _abandon_stdout() -> None:
    """Point stdout at nothing, so that the interpreter's last flush cannot fail again."""
    try:
        descriptor = sys.stdout.fileno()
    except (AttributeError, OSError, ValueError):
        return
    if descriptor == 1:
        with open(os.devnull, "wb") as nothing:  # noqa: PTH123 - a device, not a path
            os.dup2(nothing.fileno(), descriptor)
