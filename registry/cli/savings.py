"""`savings`: what reusing models saved, by every strategy the plugins bring."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from registry.cli.assumptions import (
    assume_option,
    cost_model_option,
    find_cost_model,
    parse_assumed,
    require_priced,
)
from registry.cli.errors import INCOMPLETE
from registry.cli.names import NameOrStdin, known_model, parse_refs
from registry.cli.options import ROWS, Moment, answers, command
from registry.cli.output import Answer, Output
from registry.cli.prices import price_table, prices_option
from registry.cli.session import Session
from registry.errors import UsageError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from registry.contract import SavingsModel
    from registry.economics.economy import HouseEconomy
    from registry.model.estimate import Saving
    from registry.services.saving import Reckoner


@command(
    "savings",
    "registry savings linagora/Labess-7b-chat",
    "registry savings bigscience/bloom --kind expertise --kind prompting --assume token_price=0.15",
    "registry savings --all --kind training --kind carbon --at 2026-11-01",
    "registry savings --all --price r2 -f csv",
)
@click.argument("refs", nargs=-1, metavar="[REF...]", type=NameOrStdin())
@click.option("--all", "everything", is_flag=True, help="Every model somebody added to the catalog.")
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    metavar="NAME",
    help="Only this strategy: training, adapter, prompting, ..., or one of a plugin. Repeat for more.",
)
@click.option(
    "--price",
    "price_id",
    metavar="ID",
    help="A storage price of `registry prices`. Default: s3-standard.",
)
@assume_option
@prices_option
@cost_model_option
@click.option("--at", metavar="DATE", type=Moment(), help="Take that day for today.")
@answers(*ROWS, "markdown", quiet="Print the names of models with savings, one per line.")
def savings(
    session: Session,
    out: Output,
    *,
    refs: Sequence[str],
    everything: bool,
    kinds: Sequence[str],
    price_id: str | None,
    assumed: Sequence[str],
    price_files: Sequence[Path],
    cost_model: str | None,
    at: datetime | None,
) -> int:
    """Tell what reusing models saved.

    Every saving is a counterfactual minus what the reuse itself cost, as a range with its assumptions. What
    is not known is left out, and said. Sums stay within one strategy, unit and cost basis; a base counts
    once for each model made from it, so that they are upper bounds. At the end stands what a model costs on
    average as its base is reused, and whether 85 % of the cost is avoided.

    --assume token_price=USD gives every model a price per million tokens, for prompting. A plugin that breaks
    is named and left out, and the exit code is then 3.
    """
    from registry.economics.table import TrainingTable
    from registry.services import saving as service

    if everything == bool(refs):
        raise UsageError("say which models", hint="name them, or --all for every model of the catalog")
    require_priced(at)
    strategies = _strategies(session, kinds)
    economy = _economy(session, price_id, assumed, price_files, cost_model, at)
    catalog = session.catalog()
    names = None
    if refs:
        names = list(dict.fromkeys(known_model(catalog, ref) for ref in parse_refs(refs)))
    reckoner = service.Reckoner(strategies, economy)

    def found() -> Iterator[tuple[str, tuple[Saving, ...]]]:
        for case in service.cases(catalog, names, economy, TrainingTable.load()):
            yield case.model.brief.repo_id, reckoner.ask(case)

    _give(out, found(), reckoner, everything=everything)
    for failure in reckoner.failures:
        session.note(
            f"Warning: {failure.strategy} is left out: it broke on {failure.model}: {failure.reason}"
        )
    return 0 if reckoner.complete else INCOMPLETE


def _give(
    out: Output,
    found: Iterator[tuple[str, tuple[Saving, ...]]],
    reckoner: Reckoner,
    *,
    everything: bool,
) -> None:
    from registry.exports import savings as shapes

    def each() -> Iterator[Saving]:
        return (one for _, some in found for one in some)

    def drawn(width: int | None) -> RenderableType:
        from registry.cli.saved import page

        return page(found, reckoner, width, everything=everything)

    def rows() -> Iterator[dict[str, object]]:
        return map(shapes.saving_row if out.format == "csv" else shapes.saving, each())

    out.give(
        Answer(
            table=drawn,
            document=lambda: shapes.SavingsDocument(each(), reckoner),
            rows=rows,
            names=lambda: (name for name, some in found if some),
            text=lambda: shapes.to_markdown(each(), reckoner),
        )
    )


def _strategies(session: Session, kinds: Sequence[str]) -> dict[str, SavingsModel]:
    """The strategies asked for, all of them by default."""
    known = session.guests().savings_models
    for kind in kinds:
        if kind not in known:
            there = ", ".join(sorted(known)) or "no plugin brings one"
            raise UsageError(f"there is no savings strategy {kind!r}", hint=f"there are: {there}")
    return {name: known[name] for name in kinds or known}


def _economy(
    session: Session,
    price_id: str | None,
    assumed: Sequence[str],
    price_files: Sequence[Path],
    cost_model: str | None,
    at: datetime | None,
) -> HouseEconomy:
    """What things cost, as the options say."""
    from registry.economics.defaults import load_defaults
    from registry.economics.economy import ANY_TOKENS, HouseEconomy

    values = parse_assumed(assumed)
    any_tokens = values.pop(ANY_TOKENS, None)
    defaults = load_defaults().replaced(values)
    prices = price_table(session, price_files)
    storage = prices.default_storage if price_id is None else prices.find_storage(price_id)
    return HouseEconomy(
        find_cost_model(session, cost_model, defaults, prices),
        storage,
        prices.tokens,
        (at or session.app.now()).date(),
        defaults,
        any_tokens,
    )
