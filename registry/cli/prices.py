"""`prices`: the dated prices costs are worked out from, and the option that lays one's own over them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from registry.cli.options import ROWS, answers, command
from registry.cli.output import Answer, Output
from registry.cli.session import Session
from registry.cli.tables import Column, table, words

if TYPE_CHECKING:
    from rich.console import RenderableType

    from registry.economics.price_table import PriceTable

AnyFunction = TypeVar("AnyFunction", bound=Callable[..., Any])

KINDS = ("storage", "tokens", "chip")
SHIPPED = "shipped"


def prices_option(function: AnyFunction) -> AnyFunction:
    """`--prices FILE`, as often as one likes, given to the command as `price_files`."""
    return click.option(
        "--prices",
        "price_files",
        multiple=True,
        metavar="FILE",
        type=click.Path(path_type=Path, dir_okay=False),
        help="Your own prices, over the shipped ones. Default: the setting `prices`.",
    )(function)


def price_table(session: Session, price_files: Sequence[Path]) -> PriceTable:
    """The prices in force: the shipped ones, under those of the files given or, without any, of the setting.
    Tells what was left out of a file. Raises `BadSettings` naming file, line and value."""
    from registry.economics.price_table import load_prices

    if price_files:
        session.choose(prices=tuple(str(path) for path in price_files))
    loaded = load_prices(session.settings().settings.prices)
    for file in loaded.files:
        for note in file.notes:
            session.note(f"{file.place}: {note}")
    return loaded


@command(
    "prices",
    "registry prices",
    "registry prices aws",
    "registry prices --kind chip A100",
    "registry prices --kind storage --json",
)
@click.argument("text", required=False)
@click.option("--kind", type=click.Choice(KINDS), help="Only prices of this kind.")
@prices_option
@answers(*ROWS)
def prices(
    session: Session, out: Output, *, text: str | None, kind: str | None, price_files: Sequence[Path]
) -> None:
    """List the dated prices that costs are worked out from.

    TEXT keeps those with it in their id, name, provider or source. Storage is in USD per GB or GiB and month,
    tokens per million, chips per hour. --prices FILE checks a file of your own and shows what it adds.
    """
    loaded = price_table(session, price_files)
    found = [row for row in _records(loaded) if _wanted(row, text, kind)]

    def drawn(width: int | None) -> RenderableType | None:
        return _drawn(found, width) if found else None

    out.give(
        Answer(
            table=drawn,
            document=lambda: {"prices": found, "files": [_file(one) for one in loaded.files]},
            rows=lambda: [_flat(row) for row in found],
            names=lambda: dict.fromkeys(str(row["id"]) for row in found),
        )
    )
    if not out.is_table:
        return
    for file in loaded.files:
        session.note(
            f"{file.place} adds {len(file.added):,} prices and replaces {len(file.replaced):,}"
            + (f": {', '.join(file.replaced[:5])}." if file.replaced else ".")
        )
    if not found:
        session.note("No price is like that; `registry prices` lists all there are.")


def _records(loaded: PriceTable) -> list[dict[str, Any]]:
    """Every price as JSON has it, in the order of the tables."""
    from registry.economics.chip_prices import ChipPrices
    from registry.exports.costs import chip_price, storage_price, token_price

    origins = loaded.origins
    found = [
        storage_price(one, origins.get(f"storage {id_}", SHIPPED)) for id_, one in loaded.storage.items()
    ]
    found += [token_price(one, origins.get(f"tokens {id_}", SHIPPED)) for id_, one in loaded.listed.items()]
    chips = ChipPrices.load(loaded.chips)
    own = set(chips.own) if loaded.chips else set()
    theirs = ", ".join(file.place for file in loaded.files)
    return found + [chip_price(one, theirs if one in own else SHIPPED) for one in chips.rows]


def _wanted(row: Mapping[str, Any], text: str | None, kind: str | None) -> bool:
    if kind is not None and row["kind"] != kind:
        return False
    words_ = (text or "").casefold().split()
    told = " ".join(str(row[name]) for name in ("id", "name", "provider", "source", "date")).casefold()
    return all(word in told for word in words_)


def _flat(row: Mapping[str, Any]) -> dict[str, Any]:
    """The same with tiers as our CSV has them."""
    tiers = row.get("tiers")
    if tiers is None:
        return dict(row)
    return {**row, "tiers": ";".join(f"{tier['from']:g}:{tier['amount']:g}" for tier in tiers) or None}


def _file(one: Any) -> dict[str, Any]:
    return {"file": one.place, "added": one.added, "replaced": one.replaced, "notes": one.notes}


def _drawn(found: Sequence[Mapping[str, Any]], width: int | None) -> RenderableType:
    columns = [
        Column("KIND", rank=6),
        Column("ID", least=16),
        Column("PROVIDER", rank=1, least=8),
        Column("USD", least=18),
        Column("PER", rank=1, least=4),
        Column("DATE", rank=1, least=10),
        Column("HOW SURE", rank=5, least=10),
        Column("FROM", rank=2 if any(row["origin"] != SHIPPED for row in found) else 7, least=8),
        Column("SOURCE", rank=3, least=16),
    ]
    rows = [
        [
            row["kind"],
            words(row["id"], "bold"),
            row["provider"],
            _asked(row),
            _per(row),
            row["date"],
            row["how_sure"],
            row["origin"],
            row["source"],
        ]
        for row in found
    ]
    return table(columns, rows, width)


def _per(row: Mapping[str, Any]) -> str:
    if row["kind"] == "chip":
        rented = any(row[name] is not None for name in ("amount", "commit_1yr", "commit_3yr"))
        return "hour" if rented else "chip"
    return "M tokens" if row["kind"] == "tokens" else str(row["per"])


def _asked(row: Mapping[str, Any]) -> str:
    """The price in one cell: `0.023`, `2.5 in, 10 out`, `4.1, 3 years 1.45, bought 12,500`."""
    if row["kind"] == "storage":
        return f"{row['amount']:g}" + (" at first" if row["tiers"] else "")
    if row["kind"] == "tokens":
        return f"{row['input']:g} in, {row['output']:g} out"
    told = [] if row["amount"] is None else [f"{row['amount']:g}"]
    told += [f"1 year {row['commit_1yr']:g}"] if row["commit_1yr"] is not None else []
    told += [f"3 years {row['commit_3yr']:g}"] if row["commit_3yr"] is not None else []
    told += [f"bought {row['purchase']:,.0f}"] if row["purchase"] is not None else []
    return ", ".join(told)
