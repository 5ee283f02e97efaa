"""How duplication looks to a person: the sums first, then the largest findings of each kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.cli.figures import money
from registry.cli.tables import LAST, Column, Fitted, table, words
from registry.cli.tensors import tensor_sheet
from registry.model.copies import Duplication
from registry.model.units import format_bytes
from registry.services.dedup import By, DedupReport, Waste
from registry.weights.twins import Certainty

if TYPE_CHECKING:
    from rich.console import RenderableType

    from registry.services.overlap import Overlap
    from registry.services.twins import SetOfWeights

HASH = 12
"""Digits of a sha256 that tell contents apart for people."""
_NO_OWNER = "(no owner)"


def copies(report: DedupReport, width: int | None) -> Fitted:
    """The sheet of sums and, by group or by finding, what is behind them."""
    from rich.console import Group
    from rich.text import Text

    parts: list[RenderableType] = [_sums(report)]
    left_out = 0
    sections = [_shares(report, width)] if report.by else _findings(report, width)
    for title, fitted, more in sections:
        if fitted is None:
            continue
        left_out = max(left_out, fitted.left_out)
        parts += [Text(), words(title, "bold"), fitted.grid]
        if more > 0:
            parts.append(words(f"{more:,} more; --limit N lists them.", "dim"))
    if report.tensors is not None:
        sheet, narrowed = tensor_sheet(report.tensors, width)
        parts, left_out = parts + sheet, max(left_out, narrowed)
    parts += [Text(), *map(words, _closing(report))]
    return Fitted(Group(*parts), left_out)


_Section = tuple[str, Fitted | None, int]
"""A heading, what stands under it, and how many findings are left out."""


def _sums(report: DedupReport) -> RenderableType:
    from rich.table import Table

    contents, wasted = report.contents, report.wasted
    known = contents.sized
    more = "" if contents.complete else "+"
    lists = _count(contents.current.lists, "file list")
    if contents.earlier.lists:
        lists += f" and {contents.earlier.lists:,} of earlier commits"
    ratio = f"{contents.ratio:.2f}" if known and contents.ratio else "-"
    lines = [
        ("logical", _bytes(contents.logical_bytes, known, more), f"every copy, {lists}"),
        ("unique", _bytes(contents.unique_bytes, known, more), "each content (sha256) once"),
        ("dedup ratio", ratio, f"logical / unique{', as far as known' if more else ''}"),
        ("equal", _bytes(wasted.certain, known), _count(contents.contents, "content") + " in several places"),
    ]
    if contents.repeated_bytes:
        repeated = "in earlier commits again; a host keeps those once"
        lines.append(("repeated", _bytes(contents.repeated_bytes, known), repeated))
    inferred = f"the same weights in several formats, {_count(report.twin_groups, 'set')}, inferred"
    lines.append(("twins", _bytes(wasted.inferred, known, "", "~"), inferred))
    sign = "~" if wasted.inferred else ""
    cost = f"{sign}{money(wasted.yearly.mid)} a year at {report.price.id}" if known else "-"
    lines.append(("wasted", _bytes(wasted.total, known, "", sign), cost))
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(justify="right", no_wrap=True)
    grid.add_column(overflow="fold")
    for label, value, meaning in lines:
        grid.add_row(words(label, "dim"), words(value, "bold"), words(meaning, "dim"))
    return grid


def _bytes(size: int, known: bool, more: str = "", sign: str = "") -> str:
    return f"{sign if size else ''}{format_bytes(size)}{more}" if known else "-"


# --- sections ------------------------------------------------------------------------------------


def _findings(report: DedupReport, width: int | None) -> list[_Section]:
    return [_equal(report, width), _twins(report, width), _overlap(report, width)]


def _equal(report: DedupReport, width: int | None) -> _Section:
    shown = list(report.shared())
    columns = [
        Column("FIRST IN", least=24),
        Column("FILE", rank=LAST, least=16),
        Column("SHA256", rank=4, least=HASH),
        Column("PLACES", right=True, rank=2),
        Column("WASTED", right=True),
        Column("ALSO IN", rank=3, least=24),
    ]
    rows = []
    for one in shown:
        first, *others = one.copies
        names = list(dict.fromkeys(copy.repo_id for copy in others))
        also = names[0] + (f" and {len(names) - 1:,} more" if len(names) > 1 else "")
        wasted = None if one.size is None else one.copied_bytes
        rows.append(
            [
                words(first.repo_id, "bold"),
                first.path,
                one.sha256[:HASH],
                f"{len(one.copies):,}",
                format_bytes(wasted),
                "earlier commits" if names == [first.repo_id] and not one.copied_bytes else also,
            ]
        )
    title = "Equal content: certain, by sha256"
    more = report.contents.contents - len(shown)
    return title, table(columns, rows, width) if rows else None, more if rows else 0


def _twins(report: DedupReport, width: int | None) -> _Section:
    columns = [
        Column("MODEL", least=24),
        Column("KEPT", rank=3, least=18),
        Column("TWIN", rank=LAST, least=18),
        Column("BYTES", right=True, rank=4),
        Column("WASTED", right=True),
        Column("SURE"),
        Column("BECAUSE", rank=5, least=20),
    ]
    rows = []
    for group in report.twins:
        for twin in group.others:
            uncounted = twin.certainty is Certainty.POSSIBLE
            rows.append(
                [
                    words(group.repo_id, "bold"),
                    _path(group.kept),
                    _path(twin.weights),
                    format_bytes(twin.weights.size),
                    "not counted" if uncounted else f"~{format_bytes(twin.wasted_bytes)}",
                    str(twin.certainty),
                    "; ".join(twin.reasons),
                ]
            )
    title = "Format twins: inferred from names, sizes and dtypes"
    return title, table(columns, rows, width) if rows else None, report.twin_groups - len(report.twins)


def _path(weights: SetOfWeights) -> str:
    return weights.path + (f" ({weights.files:,})" if weights.files > 1 else "")


def _overlap(report: DedupReport, width: int | None) -> _Section:
    columns = [
        Column("BASE", least=24),
        Column("FULL COPIES", right=True),
        Column("TAKE", right=True),
        Column("ADAPTER", right=True, rank=3),
        Column("AS ADAPTERS", right=True, rank=2),
        Column("POTENTIAL", right=True, rank=LAST),
        Column("A YEAR", right=True, rank=4),
    ]
    rows = [
        [
            words(one.base, "bold"),
            f"{one.finetunes:,}" + ("+" if one.unsized else ""),
            format_bytes(one.full_bytes if one.finetunes else None),
            format_bytes(one.adapter_bytes),
            _assumed(one),
            format_bytes(one.potential),
            money(None if one.yearly is None else one.yearly.mid),
        ]
        for one in report.overlap
    ]
    title = "Full fine-tunes of one base, and the same as adapters: a potential, no waste"
    return title, table(columns, rows, width) if rows else None, report.bases - len(report.overlap)


def _assumed(one: Overlap) -> str:
    return f"{'~' if one.base_assumed and one.as_adapters else ''}{format_bytes(one.as_adapters)}"


def _shares(report: DedupReport, width: int | None) -> _Section:
    assert report.by is not None
    columns = [
        Column(report.by.upper(), least=24),
        Column("MODELS", right=True, rank=3),
        Column("EQUAL", right=True, rank=2),
        Column("TWINS", right=True, rank=2),
        Column("WASTED", right=True),
        Column("A YEAR", right=True),
    ]
    rows = [_share(one) for one in report.shares]
    if report.by is By.MODEL:
        columns = [column for column in columns if column.title != "MODELS"]
        rows = [[name, *rest] for name, _, *rest in rows]
    title = f"Wasted bytes by {report.by}"
    return title, table(columns, rows, width) if rows else None, report.groups - len(report.shares)


def _share(one: Waste) -> list[object]:
    sign = "~" if one.inferred else ""
    return [
        words(one.name or _NO_OWNER, "bold"),
        f"{one.models:,}",
        format_bytes(one.certain),
        f"{sign}{format_bytes(one.inferred)}",
        f"{sign}{format_bytes(one.total)}",
        f"{sign}{money(one.yearly.mid)}",
    ]


# --- what else there is to know ------------------------------------------------------------------


def _closing(report: DedupReport) -> list[str]:
    price = report.price
    tiers = " at first" if price.tiers else ""
    rate = f"{price.usd_per_month:g} USD per {price.per}{tiers}"
    told = f"{price.provider} {price.name}, {price.day}; {price.source} ({price.how_sure})"
    lines = [f"{price.id}: {rate}, {told}."]
    if report.elsewhere and report.elsewhere[0]:
        count, size = report.elsewhere
        lines.append(
            f"Other models of the catalog keep {_count(count, 'content')} of these too, {format_bytes(size)}."
        )
    if report.derived_sets:
        found = _count(report.derived_sets, "set")
        lines.append(f"{found} of weights in another precision or runtime: derived, not counted (-f json).")
    if report.possible_bytes:
        lines.append(f"Twins too unsure to count: {format_bytes(report.possible_bytes)}.")
    if not report.by and report.overlap and all(one.adapter_bytes is None for one in report.overlap):
        lines.append("No adapter of these bases has a known size; --adapter-size 100MB assumes one.")
    return lines + _missing(report.contents, report.undecided_sets)


def _missing(contents: Duplication, undecided: int) -> list[str]:
    lines = []
    if contents.unlisted:
        lines.append(f"{_count(contents.unlisted, 'model')} left out: no file list was read.")
    unsized = contents.current.unsized_files + contents.earlier.unsized_files
    if unsized:
        lines.append(f"{_count(unsized, 'file')} left out (+): nobody told their size.")
    partial = contents.current.partial + contents.earlier.partial
    if partial:
        lines.append(f"{_count(partial, 'file list')} known to be cut short (+).")
    if contents.unsized_contents:
        lines.append(f"{_count(contents.unsized_contents, 'shared content')} of unknown size.")
    if undecided:
        lines.append(f"{_count(undecided, 'set')} of weights not compared: sizes or shards are missing.")
    return lines


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"
