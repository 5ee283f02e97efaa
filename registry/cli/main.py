"""The border between the command line and the shell: exit codes, interruptions, closed pipes.

Exit codes: 0 done or clean, 1 findings, 2 usage, 3 could not complete, 70 a bug of ours, 130 interrupted,
141 the reader of our output went away (what a shell reports for SIGPIPE).
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Mapping, Sequence
from typing import NoReturn

import click

from registry import __version__
from registry.cli.errors import INTERRUPTED, PIPE_CLOSED, report, wants_json
from registry.cli.group import LazyGroup
from registry.cli.session import Session

EPILOG = """\
\b
Start with
  $ registry demo                     a tour on recorded data, offline
  $ registry add bigscience/bloom     one model, and what it was made from

\b
`registry COMMAND --help` shows options and examples, `registry plugins` what
plugins bring. Completion: eval "$(_REGISTRY_COMPLETE=bash_source registry)"
"""


@click.group(
    cls=LazyGroup,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, "-v", "--version", prog_name="registry", message="%(prog)s %(version)s")
@click.option("--catalog", metavar="PATH|URL", help="The catalog: a file, or postgresql://...")
@click.pass_obj
def root(session: Session, catalog: str | None) -> None:
    """Know the pre-trained models you reuse.

    What each was made from, what its license asks, what it weighs.
    """
    session.choose(catalog=catalog)


def main() -> NoReturn:
    """The console script."""
    _open_closed_streams()
    program = _program_name(sys.argv[0])
    _complete(program)
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a letter gets its escape instead of ending the command.
        with contextlib.suppress(AttributeError, ValueError):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    code = run(sys.argv[1:], program=program)
    if code in (INTERRUPTED, PIPE_CLOSED):
        # Threads may still wait for an answer, and the interpreter would wait for them.
        os._exit(code)
    sys.exit(code)


def run(args: Sequence[str], *, environ: Mapping[str, str] | None = None, program: str = "registry") -> int:
    """Carry out one command line inside this process and return its exit code.

    Writes to the present `sys.stdout` and `sys.stderr`; `environ` stands in for the process environment
    as far as our own settings go.
    """
    session = Session(os.environ if environ is None else environ)
    as_json = wants_json(args)
    try:
        try:
            with session, root.make_context(program, list(args), obj=session) as ctx:
                result = root.invoke(ctx)
            sys.stdout.flush()
        except KeyboardInterrupt:
            raise
        except Exception as error:  # noqa: BLE001 - the last border: everything becomes a line and a code
            return report(error, as_json=as_json, debug=bool(session.environ.get("REGISTRY_DEBUG")))
    except KeyboardInterrupt:
        with contextlib.suppress(OSError):
            click.echo("\nInterrupted. What was saved stays; run the command again to go on.", err=True)
        return INTERRUPTED
    return result if isinstance(result, int) else 0


def _open_closed_streams() -> None:
    """Give a process started with a standard stream closed (`>&-`) one that discards what it is told.
    Otherwise the first file opened, the catalog perhaps, would take the stream's place."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115 - stays open


def _program_name(path: str) -> str:
    name = os.path.basename(path)  # noqa: PTH119 - pathlib costs more than the whole function
    return "python -m registry" if name == "__main__.py" else name.removesuffix(".exe") or "registry"


def _complete(program: str) -> None:
    """Answer a shell that asks for completions, and leave."""
    variable = "_" + program.replace("-", "_").replace(".", "_").upper() + "_COMPLETE"
    instruction = os.environ.get(variable)
    if instruction:
        from click.shell_completion import shell_complete

        session = Session(os.environ)
        sys.exit(shell_complete(root, {"obj": session}, program, variable, instruction))
