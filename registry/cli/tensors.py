"""How duplication among tensors looks to a person."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from registry.cli.tables import LAST, Column, table, words
from registry.model.estimate import EXACT, Estimate
from registry.model.units import format_bytes

if TYPE_CHECKING:
    from rich.console import RenderableType

    from registry.cli.tables import Fitted
    from registry.model.tensors import Deltas, TensorDuplication


def tensor_sheet(found: TensorDuplication, width: int | None) -> tuple[list[RenderableType], int]:
    """Sums, and who shares what with which base; and how many columns were left out."""
    from rich.text import Text

    heading = words("Tensors of weight files that were read as a whole (--hash)", "bold")
    parts: list[RenderableType] = [Text(), heading, _sums(found)]
    left_out = 0
    for title, fitted in (
        ("Shared with the base, tensor by tensor: certain", _frozen(found, width)),
        ("What is left, as differences to the base: an estimate", _by_model(found.deltas, width)),
    ):
        if fitted is not None:
            left_out = max(left_out, fitted.left_out)
            parts += [Text(), words(title, "bold"), fitted.grid]
    told = _missing(found)
    return parts + ([Text(), *map(words, told)] if told else []), left_out


def _sums(found: TensorDuplication) -> RenderableType:
    from rich.table import Table

    known = found.models > 0
    ratio = [f"{one:.2f}" if one else "-" for one in (found.file_ratio, found.tensor_ratio)]
    files = f"{found.files:,} file{'' if found.files == 1 else 's'} of {found.models:,} models"
    lines = [
        ("logical", _bytes(found.logical_bytes, known), f"every copy, {files}"),
        ("by file", _bytes(found.file_bytes, known), f"each content once; ratio {ratio[0]}"),
        (
            "by tensor",
            _bytes(found.tensor_bytes, known),
            f"each of {found.unique_tensors:,} tensors once, of {found.tensors:,}; ratio {ratio[1]}",
        ),
    ]
    if (deltas := found.deltas) is not None and deltas.stored is not None:
        method = f"differences to bases, {deltas.method}, from {format_bytes(deltas.sampled_bytes)} sampled"
        if deltas.bytes:
            method += f"; {deltas.stored.mid / deltas.bytes:.0%} of {format_bytes(deltas.bytes)}"
        lines.append(("as deltas", _estimated(deltas.stored), method))
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(justify="right", no_wrap=True)
    grid.add_column(overflow="fold")
    for label, value, meaning in lines:
        grid.add_row(words(label, "dim"), words(value, "bold"), words(meaning, "dim"))
    return grid


def _bytes(size: int, known: bool) -> str:
    return format_bytes(size) if known else "-"


def _estimated(one: Estimate) -> str:
    """A size with the half of its range, such as `~58.2 MB ±1.1 MB`."""
    if one.interval == EXACT:
        return format_bytes(round(one.mid))
    return f"~{format_bytes(round(one.mid))} ±{format_bytes(round((one.high - one.low) / 2))}"


def _frozen(found: TensorDuplication, width: int | None) -> Fitted | None:
    columns = [
        Column("MODEL", least=24),
        Column("BASE", rank=2, least=24),
        Column("EQUAL TENSORS", right=True, rank=3),
        Column("FROZEN LAYERS", right=True, rank=LAST),
        Column("SHARED", right=True),
        Column("OF", right=True, rank=4),
    ]
    rows = [
        [
            words(one.derivative, "bold"),
            one.base,
            f"{one.equal_tensors:,} of {one.tensors:,}",
            f"{one.frozen_layers:,} of {one.layers:,}" if one.layers else None,
            format_bytes(one.equal_bytes),
            format_bytes(one.bytes),
        ]
        for one in found.frozen
    ]
    return table(columns, rows, width) if rows else None


def _by_model(deltas: Deltas | None, width: int | None) -> Fitted | None:
    if deltas is None or not deltas.models:
        return None
    columns = [
        Column("MODEL", least=24),
        Column("AGAINST", rank=LAST, least=24),
        Column("OWN TENSORS", right=True, rank=2),
        Column("AS DELTAS", right=True),
        Column("SAVED", right=True, rank=3),
    ]
    rows = [
        [
            words(one.repo_id, "bold"),
            ", ".join(one.bases) if one.with_base else None,
            format_bytes(one.bytes),
            _estimated(one.stored),
            f"{1 - one.stored.mid / one.bytes:.0%}" if one.bytes else None,
        ]
        for one in deltas.models
    ]
    return table(columns, rows, width)


def _missing(found: TensorDuplication) -> list[str]:
    lines = []
    if found.unread:
        local = any(name.startswith("local:") for name in found.unread)
        how = "refresh REF --hash` reads them" if local else "add local:PATH --hash` reads those of a folder"
        lines.append(f"No tensors known: {_listed(found.unread)}; `registry {how}.")
    if found.deltas is not None and found.deltas.absent:
        lines.append(f"Moved or changed since, so not sampled: {_listed(found.deltas.absent)}.")
    return lines


def _listed(names: Sequence[str]) -> str:
    return names[0] + (f" and {len(names) - 1:,} more" if len(names) > 1 else "")
