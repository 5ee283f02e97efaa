"""`dedup`: what is kept twice, and what the copies cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from registry.cli.names import NameOrStdin, known_model, parse_refs
from registry.cli.options import ROWS, Whole, answers, command
from registry.cli.output import Answer, Output
from registry.cli.prices import price_table, prices_option
from registry.cli.session import Session
from registry.errors import UsageError
from registry.model.units import parse_count

if TYPE_CHECKING:
    from rich.console import RenderableType

    from registry.services.dedup import DedupReport

GROUPS = ("owner", "family", "model")
MOST = 10
"""Findings of each kind that a table lists unless told otherwise."""
LARGEST = 2**63 - 1


class Size(click.ParamType[int]):
    """A number of bytes: `1MB`, `500 kB`, `2GiB`, `1024`."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        size = parse_count(str(value))
        if size is None or not 0 <= size <= LARGEST:
            self.fail(f"{str(value)[:60]!r} is not a size; write 1MB, 500kB or 2GiB", param, ctx)
        return size


@command(
    "dedup",
    "registry dedup bigscience/bloom",
    "registry dedup --min-size 1MB --limit 5 --json",
    "registry dedup --by family --price hf-private -f csv",
    "registry dedup --all --tensors",
)
@click.argument("refs", nargs=-1, metavar="[REF...]", type=NameOrStdin())
@click.option("--all", "everything", is_flag=True, help="Every model of the catalog; so does no REF.")
@click.option("--by", type=click.Choice(GROUPS), help="Add wasted bytes up by owner, family or model.")
@click.option(
    "--price",
    "price_id",
    metavar="ID",
    help="Price waste at this one of `registry prices`. Default: s3-standard.",
)
@click.option(
    "--min-size",
    type=Size(),
    default=0,
    metavar="SIZE",
    help="List nothing smaller, such as 1MB. Sums count it all the same.",
)
@click.option(
    "--limit", type=Whole(1), metavar="N", help=f"List N of each kind. Default: {MOST} in a table, else all."
)
@click.option(
    "--adapter-size",
    type=Size(),
    metavar="SIZE",
    help="What an adapter takes. Default: the median of the real ones of each base.",
)
@click.option(
    "--tensors", is_flag=True, help="Compare tensors too, of local models that were added with --hash."
)
@prices_option
@answers(*ROWS, quiet="Print the names of models that waste bytes, one per line.")
def dedup(
    session: Session,
    out: Output,
    *,
    refs: Sequence[str],
    everything: bool,
    by: str | None,
    price_id: str | None,
    min_size: int,
    limit: int | None,
    adapter_size: int | None,
    tensors: bool,
    price_files: Sequence[Path],
) -> None:
    """Find what is kept twice, and what the copies cost.

    Equal content (by sha256) is certain, in repositories and in earlier commits. The same weights in several
    formats are inferred from shards, sizes and dtypes, and marked ~. What adapters in place of full
    fine-tunes would take is a potential and counts as no waste. With --tensors: what models share below the
    level of files, and what keeping differences to the base would take, estimated from sampled blocks.
    """
    from registry.services import dedup as service

    if everything and refs:
        raise UsageError("--all and names contradict each other", hint="give one of them")
    prices = price_table(session, price_files)
    price = prices.default_storage if price_id is None else prices.find_storage(price_id)
    catalog = session.catalog()
    names = [known_model(catalog, ref) for ref in parse_refs(refs)] if refs else None
    question = service.Question(
        by=None if by is None else service.By(by),
        least=min_size,
        limit=MOST if out.is_table and limit is None else limit,
        adapter_bytes=adapter_size,
    )
    workers = session.app.workers if tensors else None
    report = service.dedup(catalog, names, price, question, workers)
    _give(out, report)
    if out.is_table:
        for line in _next_steps(report, names):
            session.note(line)


def _give(out: Output, report: DedupReport) -> None:
    def drawn(width: int | None) -> RenderableType:
        from registry.cli.copies import copies

        return copies(report, width)

    def document() -> object:
        from registry.exports.duplicates import document as shape

        return shape(report)

    def rows() -> Iterator[dict[str, Any]]:
        from registry.exports.duplicates import rows as flat

        return flat(report)

    out.give(Answer(table=drawn, document=document, rows=rows, names=lambda: report.wasters))


def _next_steps(report: DedupReport, names: Sequence[str] | None) -> list[str]:
    contents = report.contents
    if not contents.current.lists:
        told = names[0] if names and len(names) == 1 else "REF"
        return [f"No file list was read: `registry add {told}` reads one."]
    if report.by is not None:
        return []
    if report.elsewhere and report.elsewhere[0]:
        return ["Next: `registry dedup --all` shows what other models keep too."]
    if report.wasted.models > 1:
        return ["Next: `registry dedup --by owner` tells whose copies they are."]
    return []
