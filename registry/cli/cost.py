"""`cost`: what models weigh, and what keeping and copying them costs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from registry.cli.names import NameOrStdin, known_model, parse_refs
from registry.cli.options import ROWS, Whole, answers, command
from registry.cli.output import Answer, Output
from registry.cli.prices import price_table, prices_option
from registry.cli.session import Session
from registry.errors import UsageError

if TYPE_CHECKING:
    from registry.cli.tables import Fitted
    from registry.services.cost import Cost, Totals

COUNTED = ("logical", "unique", "weights", "copy", "hub")
MOST_COPIES = 1_000_000


@command(
    "cost",
    "registry cost bigscience/bloom",
    "registry cost bigscience/bloom --format-as fp32 --bandwidth 500Mbit/s",
    "registry cost bigscience/bloom --price s3-standard --price r2 --price hf-private --json",
    "registry cost --all --what unique -f csv",
)
@click.argument("refs", nargs=-1, metavar="[REF...]", type=NameOrStdin())
@click.option("--all", "everything", is_flag=True, help="Every model somebody added to the catalog.")
@click.option(
    "--price",
    "price_ids",
    multiple=True,
    metavar="ID",
    help="A storage price of `registry prices`; several are compared. Default: s3-standard.",
)
@click.option(
    "--what",
    type=click.Choice(COUNTED),
    default="logical",
    show_default=True,
    help="Which bytes to price: all files, equal contents once, weight files, the weights in one format, "
    "or what the Hub says.",
)
@click.option(
    "--format-as",
    metavar="FORMAT",
    help="Price the weights as if written in fp32, bf16, int8, nf4, q4_k_m, ...",
)
@click.option("--copies", type=Whole(1, MOST_COPIES), default=1, metavar="N", help="Keep N copies.")
@click.option(
    "--bandwidth",
    default="1Gbit/s",
    show_default=True,
    metavar="SPEED",
    help="The link a copy is sent over, in bits (500Mbit/s) or bytes (100MB/s).",
)
@prices_option
@answers(*ROWS)
def cost(
    session: Session,
    out: Output,
    *,
    refs: Sequence[str],
    everything: bool,
    price_ids: Sequence[str],
    what: str,
    format_as: str | None,
    copies: int,
    bandwidth: str,
    price_files: Sequence[Path],
) -> None:
    """Tell what models weigh and what keeping and copying them costs.

    Sizes are those of the real files. Where no file list is known, the weights are inferred from how many
    numbers of which type they hold, and marked ~; what is known only in part is marked +. Prices are dated,
    per GB or GiB as each provider bills, and without tax and volume discounts nobody publishes.
    """
    from registry.economics.storage import parse_bandwidth, weight_format
    from registry.services import cost as service

    if everything == bool(refs):
        raise UsageError("say which models", hint="name them, or --all for every model of the catalog")
    if format_as is not None and what != "logical":
        raise UsageError("--format-as and --what contradict each other", hint="give one of them")
    prices = price_table(session, price_files)
    asked = service.Asked(
        tuple(dict.fromkeys(map(prices.find_storage, price_ids)) or [prices.default_storage]),
        service.Counted(what),
        None if format_as is None else weight_format(format_as).name,
        copies,
        parse_bandwidth(bandwidth),
    )
    catalog = session.catalog()
    names = None if everything else [known_model(catalog, ref) for ref in parse_refs(refs)]
    if names == [] and out.is_table:
        session.note("No model was named on stdin.")
        return
    totals = service.Totals(asked)
    # An iterator, so that a whole catalog is written as it is read; taken once, by the format asked for.
    _give(out, service.costs(catalog, names, asked, totals), totals, named=names is not None)


def _give(out: Output, found: Iterator[Cost], totals: Totals, *, named: bool) -> None:
    from registry.exports.costs import CostDocument
    from registry.exports.costs import rows as flat

    def drawn(width: int | None) -> Fitted:
        from registry.cli.bill import bill

        return bill(found, totals, width, named=named)

    out.give(
        Answer(
            table=drawn,
            document=lambda: CostDocument(totals.asked, found, totals),
            rows=lambda: (row for one in found for row in flat(one)),
            names=lambda: (one.repo_id for one in found),
        )
    )
