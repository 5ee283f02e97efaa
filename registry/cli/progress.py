"""Progress on stderr: one moving line for a person, plain lines for a log."""

from __future__ import annotations

import sys
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Self

import click

from registry.cli.session import Session, is_terminal
from registry.exports.text import clean
from registry.model.units import format_bytes

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

    from registry.services.ingest import Outcome


class Progress:
    """Watches models being read. On a terminal one line shows how far it is; elsewhere only waits are told,
    because what failed is told in the end, in an order that is always the same."""

    def __init__(self, session: Session, doing: str) -> None:
        self._session = session
        self._doing = doing
        self._settled = 0
        self._told = monotonic()
        self._busy = self._loading = 0.0
        self._loaded = 0
        self._bar: Bar | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        if is_terminal(sys.stderr) and self._session.environ.get("TERM") != "dumb":
            self._bar = _bar(colors=self._session.colors() is None)
            self._task = self._bar.add_task(self._doing, total=None, count="0", note="")
            self._bar.start()
        self._session.say_through(self.pause_for)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._session.say_through(None)
        if self._bar is not None:
            self._bar.stop()

    def done(self, outcome: Outcome, known: int) -> None:
        """One more model is settled (`registry.services.ingest.Watcher`)."""
        self._settled += 1
        self._show(f"{self._settled}/{max(known, self._settled)}", clean(outcome.repo_id or outcome.ref))

    def counted(self, count: int) -> None:
        """`count` documents are done, of an unknown number; tells how many a second."""
        self._settled = count
        self._busy += self._passed()
        self._show(f"{count:,}", f"{count / self._busy:,.0f}/s" if self._busy > 0 else "")

    def loaded(self, done: int, size: int | None) -> None:
        """`done` bytes of a file are here, of `size` if that is known; this is no time of counting."""
        passed = self._passed()
        self._loading = passed if done <= self._loaded else self._loading + passed
        self._loaded = done
        whole = "" if size is None else f" of {format_bytes(size)}"
        speed = f", {format_bytes(round(done / self._loading))}/s" if self._loading > 0 else ""
        self._show(f"{self._settled:,}", f"loading {format_bytes(done)}{whole}{speed}")

    @property
    def moves(self) -> bool:
        """Whether somebody sees a moving line."""
        return self._bar is not None

    def pause_for(self, line: str) -> None:
        """Print a line above the moving one."""
        if self._bar is None:
            click.echo(line, err=True)
        else:
            self._bar.console.print(line, markup=False, highlight=False, emoji=False, soft_wrap=True)

    def _passed(self) -> float:
        """Seconds since this was asked before."""
        before, self._told = self._told, monotonic()
        return self._told - before

    def _show(self, count: str, note: str) -> None:
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, count=count, note=note)


def _bar(*, colors: bool) -> Bar:
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
    from rich.table import Column

    console = Console(stderr=True, no_color=not colors, markup=False, highlight=False, emoji=False)
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        TextColumn("{task.fields[count]}", markup=False),
        TimeElapsedColumn(),
        TextColumn(
            "{task.fields[note]}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis")
        ),
        console=console,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )
