"""Tables for people: what does not fit a terminal is dropped by rank, then cut; a pipe gets everything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from registry.model.evidence import EvidenceState
from registry.model.units import format_bytes

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

    from registry.model.records import ModelBrief

GAP = 2
LAST = 1
"""The rank of a column that leaves only where cutting the others, names too, is not enough."""
WEIGHED = {
    EvidenceState.IDENTICAL: "green",
    EvidenceState.CONFIRMED: "green",
    EvidenceState.CONFIRMED_FAMILY: "cyan",
    EvidenceState.FOUND: "cyan",
    EvidenceState.CONTRADICTED: "red",
    EvidenceState.INCONCLUSIVE: "yellow",
}
"""How it looks what weights say of an edge."""
EMPTY = 100
"""Added to the rank of a column in which nothing is known."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column. rank: the higher, the sooner it is left out of a narrow terminal; 0 always stays, `LAST` as
    long as there is any room, the others make room for whole names. least: columns it may be cut down to.
    wrap: continue on the next line instead of being cut."""

    title: str
    right: bool = False
    rank: int = 0
    least: int = 12
    wrap: bool = False


@dataclass(frozen=True, slots=True)
class Fitted:
    """A table laid out, and how many columns had no room."""

    grid: RenderableType
    left_out: int

    def __rich__(self) -> RenderableType:
        return self.grid


def size(brief: ModelBrief) -> str:
    """What the files of a model weigh; `705 GB+` where some have a size no source told."""
    told = format_bytes(brief.logical_bytes)
    return f"{told}+" if brief.unsized_files and brief.logical_bytes is not None else told


def words(value: object, style: str = "") -> Text:
    """Text from anywhere as it may be printed: no escapes, no markup; `-` for unknown."""
    from rich.text import Text

    from registry.exports.text import clean

    return Text("-" if value is None or value == "" else clean(str(value)), style=style)


def table(columns: Sequence[Column], rows: Sequence[Sequence[object]], width: int | None) -> Fitted:
    """Lay out `rows` (of `Text`, or anything `words` takes) under `columns`."""
    from rich.table import Table
    from rich.text import Text

    cells = [[cell if isinstance(cell, Text) else words(cell) for cell in row] for row in rows]
    naturals = [
        max([len(column.title), *(row[index].cell_len for row in cells)])
        for index, column in enumerate(columns)
    ]
    ranks = [
        column.rank + EMPTY
        if column.rank and all(row[index].plain in ("", "-") for row in cells)
        else column.rank
        for index, column in enumerate(columns)
    ]
    kept = _fitting(columns, ranks, naturals, width)
    grid = Table(box=None, padding=(0, GAP, 0, 0), pad_edge=False, header_style="bold", expand=False)
    widths = _cut(columns, naturals, kept, width)
    for index in kept:
        column = columns[index]
        grid.add_column(
            Text(column.title),
            justify="right" if column.right else "left",
            no_wrap=not column.wrap,
            overflow="fold" if column.wrap else "ellipsis",
            width=widths[index],
        )
    for row in cells:
        grid.add_row(*(row[index] for index in kept))
    return Fitted(grid, len(columns) - len(kept))


def _fitting(
    columns: Sequence[Column], ranks: Sequence[int], naturals: Sequence[int], width: int | None
) -> list[int]:
    """The columns that stay: those of high rank leave first, as long as cutting alone does not do."""
    kept = list(range(len(columns)))
    while width is not None:
        needed = sum(min(naturals[i], columns[i].least) for i in kept) + GAP * (len(kept) - 1)
        leaving = max(kept, key=lambda i: (ranks[i], i))
        if ranks[leaving] > LAST:
            # A name cut in the middle helps nobody: columns make room for the first one in full.
            needed += max(0, naturals[kept[0]] - columns[kept[0]].least)
        if needed <= width or ranks[leaving] == 0:
            break
        kept.remove(leaving)
    return kept


def _cut(
    columns: Sequence[Column], naturals: Sequence[int], kept: Sequence[int], width: int | None
) -> dict[int, int]:
    """How wide each kept column is: natural, with the widest cut first where the terminal ends."""
    widths = {index: naturals[index] for index in kept}
    if width is None:
        return widths
    surplus = sum(widths.values()) + GAP * (len(kept) - 1) - width
    for index in sorted(kept[1:], key=lambda i: naturals[i] - columns[i].least, reverse=True):
        if surplus <= 0:
            break
        give = min(surplus, max(0, widths[index] - columns[index].least))
        widths[index] -= give
        surplus -= give
    if surplus > 0:
        first = kept[0]
        widths[first] = max(columns[first].least, widths[first] - surplus)
    return widths
