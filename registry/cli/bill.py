"""How costs of keeping and copying look to a person: one model by price, several by model."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from heapq import nlargest
from typing import TYPE_CHECKING

from registry.cli.figures import bandwidth, duration, money
from registry.cli.tables import Column, Fitted, table, words
from registry.model.units import format_bytes
from registry.services.cost import Asked, Cost, Counted, Quote, Told, Totals

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

MOST = 30
"""Models of a whole catalog that are told one by one to a person: those with the most bytes."""

_WHAT = {
    Counted.LOGICAL: "all files",
    Counted.UNIQUE: "all files, equal contents once",
    Counted.WEIGHTS: "weight files of all formats",
    Counted.COPY: "one copy of the weights",
    Counted.HUB: "what the Hub says it takes",
}
_TOTAL = "together"


def bill(costs: Iterable[Cost], totals: Totals, width: int | None, *, named: bool) -> Fitted:
    """costs: taken to the end, after which `totals` is whole. named: the models were asked for by name, so
    none is left out."""
    asked = totals.asked
    shown = list(costs) if named else nlargest(MOST, costs, key=lambda one: one.one_copy or -1)
    if named and len(shown) == 1:
        return _with(_of_one(shown[0], width), _heading(shown[0]), _closing(totals, asked))
    return _with(_of_many(shown, totals, asked, width), None, _closing(totals, asked, shown=len(shown)))


def _of_one(cost: Cost, width: int | None) -> Fitted:
    columns = [
        Column("PRICE"),
        Column("MONTH", right=True),
        Column("YEAR", right=True),
        Column("RETRIEVAL", right=True, rank=3),
        Column("EGRESS", right=True, rank=2),
    ]
    rows = [
        [
            words(quote.price.id, "bold"),
            _amount(quote.monthly, cost.partial),
            _amount(quote.yearly, cost.partial),
            _amount(quote.retrieval, cost.partial),
            _amount(quote.egress, cost.partial),
        ]
        for quote in cost.quotes
    ]
    return table(columns, rows, width)


def _of_many(shown: Sequence[Cost], totals: Totals, asked: Asked, width: int | None) -> Fitted:
    several = len(asked.prices) > 1
    columns = [
        Column("MODEL", least=24),
        Column("LOGICAL", right=True, rank=3),
        Column("UNIQUE", right=True, rank=4),
        Column("WEIGHTS", right=True, rank=5),
        Column("HUB", right=True, rank=6),
        Column("PRICED", right=True),
        *(
            Column(f"YEAR {price.id}" if several else "YEAR", right=True, rank=2 if number else 0)
            for number, price in enumerate(asked.prices)
        ),
        *([] if several else [Column("EGRESS", right=True, rank=7)]),
        Column("COPYING", right=True, rank=2),
    ]
    rows = [
        _row(words(one.repo_id, "bold"), one, one.partial, one.told, one.quotes, several) for one in shown
    ]
    if totals.models > 1:
        whole = totals.quotes
        rows.append(_row(words(_TOTAL), totals, not totals.whole, None, whole, several))
    return table(columns, rows, width)


def _row(
    name: Text, one: Cost | Totals, more: bool, told: Told | None, quotes: Sequence[Quote], several: bool
) -> list[object]:
    listed = bool(one.unsized_files) if isinstance(one, Cost) else more
    return [
        name,
        _bytes(one.logical_bytes, listed),
        _bytes(one.unique_bytes, listed),
        _bytes(one.weight_bytes, more and isinstance(one, Totals)),
        _bytes(one.hub_used_bytes, more and isinstance(one, Totals)),
        _bytes(one.priced_bytes, more, told),
        *(_amount(quote.yearly, more) for quote in quotes),
        *([] if several else [_amount(quotes[0].egress, more)]),
        duration(one.transfer_seconds) + ("+" if more and one.transfer_seconds else ""),
    ]


def _bytes(size: int | None, more: bool, told: Told | None = None) -> str:
    """`705 GB`; `~` before what is inferred, `+` behind what is not all."""
    if size is None:
        return "-"
    return f"{'~' if told is Told.DTYPES else ''}{format_bytes(size)}{'+' if more else ''}"


def _amount(usd: float | None, more: bool) -> str:
    return money(usd) + ("+" if more and usd else "")


def _heading(cost: Cost) -> RenderableType:
    """The sizes of one model, a line each."""
    from rich.table import Table

    grid = Table.grid(padding=(0, 2, 0, 0))
    more = bool(cost.unsized_files)
    known = (
        ("logical", cost.logical_bytes, more, "every file, every copy"),
        ("unique", cost.unique_bytes, more, "equal contents (sha256) once"),
        ("weights", cost.weight_bytes, False, "weight files of all formats"),
        ("one copy", cost.copy_bytes, False, "the weights in one format"),
        ("on the Hub", cost.hub_used_bytes, False, "what the Hub says, with history"),
    )
    for name, size, plus, meaning in known:
        exact = "" if size is None else f"{size:,} bytes"
        grid.add_row(words(name, "dim"), _bytes(size, plus), words(exact), words(meaning, "dim"))
    return grid


def _closing(totals: Totals, asked: Asked, *, shown: int | None = None) -> list[str]:
    """What was priced, at which prices, and what is missing from it."""
    lines = []
    if shown is not None and shown < totals.models:
        lines.append(f"The {shown} heaviest of {totals.models:,} models; -f csv or -f json gives them all.")
    what = _WHAT[asked.counted]
    if asked.weight_format is not None:
        what = f"the weights as if written in {asked.weight_format}"
    copies = "" if asked.copies == 1 else f", {asked.copies:,} copies"
    if totals.priced_bytes is None:
        lines.append(f"Nothing is priced: {_LACKING[asked.weight_format is not None]}.")
        if asked.weight_format is None:
            lines.append("--format-as bf16 prices the weights of a model whose parameters are known.")
    else:
        known = "" if totals.whole else " as far as known"
        lines.append(f"Priced: {totals.priced_bytes:,} bytes{known}, {what}{copies}.")
        speed = bandwidth(asked.bits_per_second)
        least = "" if totals.whole else " or more"
        lines.append(f"Copying once over {speed}: {duration(totals.transfer_seconds)}{least}.")
    lines += [
        f"{one.id}: {one.usd_per_month:g} USD per {one.per}{' at first' if one.tiers else ''}, "
        f"{one.provider} {one.name}, {one.day}; {one.source} ({one.how_sure})."
        for one in asked.prices
    ]
    return lines + _missing(totals, asked)


_LACKING = ("nobody told what it weighs", "nobody told how many parameters it has")


def _missing(totals: Totals, asked: Asked) -> list[str]:
    lines = []
    if totals.unknown and totals.models > 1:
        lines.append(
            f"Left out: {_models(totals.unknown)} of which {_LACKING[asked.weight_format is not None]}."
        )
    if totals.inferred:
        lines.append(f"~ inferred from numbers and types, without a file list: {_models(totals.inferred)}.")
    if totals.partial:
        lines.append(f"+ there is more, of unknown size: {_models(totals.partial)}.")
    return lines


def _models(count: int) -> str:
    return "1 model" if count == 1 else f"{count:,} models"


def _with(fitted: Fitted, above: RenderableType | None, below: Sequence[str]) -> Fitted:
    """The table with something over and under it."""
    from rich.console import Group
    from rich.text import Text

    parts: list[RenderableType] = [] if above is None else [above, Text()]
    return Fitted(Group(*parts, fitted.grid, Text(), *map(words, below)), fitted.left_out)
