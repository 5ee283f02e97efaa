"""How an answer leaves: formats, files, and the difference between a terminal and a pipe.

stdout carries data and nothing else. A file is written whole or not at all.
"""

from __future__ import annotations

import contextlib
import os
import stat
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from registry.cli.errors import OutputFailed
from registry.cli.session import Session, is_terminal, terminal_width
from registry.cli.tables import Fitted
from registry.errors import UsageError

if TYPE_CHECKING:
    from rich.console import RenderableType

UNLIMITED = 1_000_000
"""Columns of a table nobody looks at in a window: nothing is ever cut."""

BINARY = frozenset({"png"})
"""Formats that are no text."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command found, in every way it can be printed; only the one asked for is worked out.

    table: for people, given the columns at hand (`None`: no limit). document: for `json`.
    rows: flat records for `jsonl` and `csv`; an iterator is written as it goes, and its rows have the keys
    of the first. names: for `--quiet`. text: in any other format there is; data: in one that is no text.
    """

    table: Callable[[int | None], RenderableType | None]
    document: Callable[[], object]
    rows: Callable[[], Sequence[Mapping[str, object]] | Iterator[Mapping[str, object]]] = tuple
    names: Callable[[], Iterable[str]] = tuple
    text: Callable[[], str | Iterator[str]] = str
    data: Callable[[], bytes] = bytes


class Output:
    """Where one command prints, and in which format."""

    def __init__(self, session: Session, *, format: str, quiet: bool, file: Path | None) -> None:  # noqa: A002
        self.format = format
        self.quiet = quiet
        self.file = None if file is None or str(file) == "-" else file
        self._session = session
        self._left_out = 0

    @property
    def is_table(self) -> bool:
        """Whether people read it: only then are hints and summaries welcome."""
        return self.format == "table" and not self.quiet

    def give(self, answer: Answer) -> None:
        """Print `answer` as asked. Raises `UsageError` for a picture that a terminal would have to show."""
        if self.format in BINARY and not self.quiet:
            self._give_data(answer)
            return
        text = self._text(answer)
        self._write([text] if isinstance(text, str) else text)
        if self._left_out:
            columns = "1 column" if self._left_out == 1 else f"{self._left_out} columns"
            self._session.note(f"{columns} left out; -f csv has all.")

    def _give_data(self, answer: Answer) -> None:
        if self.file is None and is_terminal(sys.stdout):
            raise UsageError(
                f"{self.format} is no text for a terminal", hint="write it to a file with -o FILE"
            )
        if self.file is None:
            sys.stdout.buffer.write(answer.data())
            sys.stdout.buffer.flush()
        else:
            self._save(self.file, answer.data())

    def _text(self, answer: Answer) -> str | Iterator[str]:
        from registry.exports.rows import csv_pieces, json_pieces, to_csv, to_jsonl
        from registry.exports.text import clean

        if self.quiet:
            return "".join(f"{clean(name)}\n" for name in answer.names())
        if self.format == "json":
            return json_pieces(answer.document())
        if self.format == "jsonl":
            return (to_jsonl([row]) for row in answer.rows())
        if self.format == "csv":
            rows = answer.rows()
            return csv_pieces(rows) if isinstance(rows, Iterator) else to_csv(rows)
        return self._drawn(answer) if self.format == "table" else answer.text()

    def _drawn(self, answer: Answer) -> str:
        seen = self.file is None and is_terminal(sys.stdout)
        width = terminal_width(self._session.environ) if seen else None
        picture = answer.table(width)
        self._left_out = picture.left_out if isinstance(picture, Fitted) else 0
        return "" if picture is None else draw(picture, width, colors=seen and self._session.colors() is None)

    def _write(self, pieces: Iterable[str]) -> None:
        if self.file is None:
            for piece in pieces:
                sys.stdout.write(piece)
            sys.stdout.flush()
        else:
            self._save(self.file, pieces)

    def _save(self, file: Path, content: Iterable[str] | bytes) -> None:
        write_file(file, content)
        self._session.note(f"Wrote {file}.")


def draw(picture: RenderableType, width: int | None, *, colors: bool) -> str:
    """Render for a terminal of `width` columns; with `None` nothing is cut and no line ends in blanks."""
    from io import StringIO

    from rich.console import Console

    page = StringIO()
    console = Console(
        file=page,
        width=width or UNLIMITED,
        color_system="standard" if colors else None,
        force_terminal=colors,
        no_color=not colors,
        markup=False,
        highlight=False,
        emoji=False,
        legacy_windows=False,
    )
    console.print(picture, soft_wrap=False)
    if colors:
        return page.getvalue()
    return "".join(f"{line.rstrip()}\n" for line in page.getvalue().splitlines())


def write_file(path: Path, pieces: Iterable[str] | bytes) -> None:
    """Put a text, or bytes, into `path` in one step: readers see the old content or all of the new."""
    encoded = [pieces] if isinstance(pieces, bytes) else map(_encoded, pieces)
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(b"".join(encoded))
            return
        target = path.resolve()
        mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else 0o666 & ~_umask()
        descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        try:
            with os.fdopen(descriptor, "wb") as page:
                page.writelines(encoded)
                page.flush()
                os.fsync(page.fileno())
            Path(name).chmod(mode)
            Path(name).replace(target)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(name).unlink()
            raise
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputFailed(f"cannot write {path}: {reason}", hint="nothing was written there") from None


def _encoded(piece: str) -> bytes:
    return piece.encode("utf-8", errors="backslashreplace")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
