"""`estimate`: what making models took, from whatever is known of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from registry.cli.assumptions import (
    HOUSE,
    assume_option,
    cost_model_option,
    find_cost_model,
    parse_assumed,
    require_priced,
)
from registry.cli.errors import INCOMPLETE
from registry.cli.fact_options import FACTS, fact_options, require_known
from registry.cli.names import NameOrStdin, known_model, parse_refs
from registry.cli.options import ROWS, Moment, answers, command
from registry.cli.output import Answer, Output
from registry.cli.prices import price_table, prices_option
from registry.cli.session import Session
from registry.errors import UsageError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from registry.contract import CostModel
    from registry.economics.defaults import Defaults
    from registry.services.estimate import Answered

MOST_SHOWN = 1_000
"""Lines of a table; the other formats have all."""

UNKNOWN_NAMES = ("hardware ", "country ")
"""How what is missing begins where a row names what no table has."""

MOST_NOTED = 10
"""Bad rows told one by one."""


@command(
    "estimate",
    "registry estimate bigscience/bloom",
    "registry estimate --parameters 7B --tokens 1T --published 2023-02-24 --hardware 'A100 80GB'",
    "registry estimate --all -f csv",
    "registry estimate --defaults",
)
@click.argument("refs", nargs=-1, metavar="[REF...]", type=NameOrStdin())
@click.option("--all", "everything", is_flag=True, help="Every model somebody added to the catalog.")
@click.option(
    "--facts",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Many runs at once: CSV, JSON or JSON lines in the columns of Epoch AI's table.",
)
@fact_options
@click.option("--at", metavar="DATE", type=Moment(), help="Take prices of that day, not of the model's time.")
@assume_option
@click.option("--defaults", "list_defaults", is_flag=True, help="Print what is assumed where nobody tells.")
@prices_option
@cost_model_option
@answers(*ROWS, quiet=None)
def estimate(
    session: Session,
    out: Output,
    *,
    refs: Sequence[str],
    everything: bool,
    facts: Path | None,
    at: datetime | None,
    assumed: Sequence[str],
    list_defaults: bool,
    price_files: Sequence[Path],
    cost_model: str | None,
    **told: Any,
) -> int:
    """Work out what making a model took.

    Arithmetic, chip-hours, cost on three bases that are never mixed (renting, wear of own hardware, buying
    it), energy and CO2e: each a range, with what it rests on. Facts come from the catalog, the shipped table,
    the options or a file; what nobody tells is assumed and said so, or stays unknown.

    Columns of a file: model, publication_date, params, active_params, dataset_size, epochs, compute_flop,
    compute_method, training_hardware, hardware_quantity, training_hours, mfu, power_w, country, base_model,
    finetune_flop.
    Others, such as y_compute_flop, are not read. Rows that cannot be used are answered with what is wrong,
    and the exit code is then 3.
    """
    given = {name: value for name, value in told.items() if value is not None}
    ours = cost_model in (None, HOUSE)
    defaults = _defaults(assumed, ours=ours)
    if list_defaults:
        return _give_defaults(out, defaults)
    _require_one_subject(refs, everything=everything, facts=facts, given=given)
    model = find_cost_model(session, cost_model, defaults, price_table(session, price_files))
    require_priced(at)
    if ours:
        require_known(given)
    answered = _answers(session, refs, facts, given, model, at.date() if at else None)
    if len(refs) > 1 or refs == ("-",) or everything or facts is not None:
        return _give_many(session, out, answered, all_rows=facts is not None)
    return _give_one(session, out, next(answered), in_catalog=bool(refs))


def _require_one_subject(
    refs: Sequence[str], *, everything: bool, facts: Path | None, given: Mapping[str, Any]
) -> None:
    ways = [bool(refs), everything, facts is not None]
    if sum(ways) > 1:
        raise UsageError("REF, --all and --facts exclude each other", hint="give one of them")
    if not any(ways) and not given:
        raise UsageError(
            "say what to estimate", hint="name a model, or give facts: --parameters 7B --tokens 1T"
        )
    if given and (everything or facts is not None or len(refs) > 1):
        option = FACTS[next(iter(given))][0]
        raise UsageError(f"{option} is a fact about one run", hint="leave it out, or name one model")


def _defaults(assumed: Sequence[str], *, ours: bool) -> Defaults:
    from registry.economics.defaults import load_defaults

    values = parse_assumed(assumed)
    if values and not ours:
        raise UsageError(
            "--assume replaces what our own cost model assumes, not that of a plugin", hint="leave one out"
        )
    return load_defaults().replaced(values)


def _answers(
    session: Session,
    refs: Sequence[str],
    facts: Path | None,
    given: Mapping[str, Any],
    model: CostModel,
    at: date | None,
) -> Iterator[Answered]:
    from registry.economics.table import TrainingTable
    from registry.model.training import TrainingInputs
    from registry.services import estimate as service

    if facts is not None:
        return service.estimate_rows(facts, model, at=at)
    if given and not refs:
        told = dict.fromkeys(given, service.GIVEN)
        return iter([service.estimate_facts(TrainingInputs(**given, told=told), model, at=at)])
    catalog = session.catalog()
    names = list(dict.fromkeys(known_model(catalog, ref) for ref in parse_refs(refs))) if refs else None
    return service.estimate_models(catalog, names, model, TrainingTable.load(), at=at, given=given)


def _give_defaults(out: Output, defaults: Defaults) -> int:
    from dataclasses import asdict

    from registry.cli.estimate_sheet import assumptions

    out.give(
        Answer(
            table=lambda width: assumptions(defaults, width),
            document=lambda: {"defaults": [asdict(one) for one in defaults.values()]},
            rows=lambda: [asdict(one) for one in defaults.values()],
        )
    )
    return 0


def _give_one(session: Session, out: Output, one: Answered, *, in_catalog: bool) -> int:
    from registry.cli import estimate_sheet
    from registry.exports import estimates as shapes

    out.give(
        Answer(
            table=lambda _: estimate_sheet.page(one),
            document=lambda: shapes.answered(one),
            rows=lambda: [shapes.answered_row(one) if out.format == "csv" else shapes.answered(one)],
        )
    )
    if out.is_table and one.error is None:
        for line in _next_steps(one, in_catalog=in_catalog):
            session.note(line)
    elif one.error is not None:
        session.note(f"{one.model or 'The facts'}: {one.error}.")
    return 0 if one.error is None else INCOMPLETE


class _Counted:
    """Answers passed on one at a time, with what went wrong told on the way."""

    def __init__(self, session: Session, answered: Iterator[Answered]) -> None:
        self._session = session
        self._answered = answered
        self.total = 0
        self.bad = 0
        self.unknown = 0
        self.first_unknown = ""

    def __iter__(self) -> Iterator[Answered]:
        for one in self._answered:
            self.total += 1
            if one.error is not None:
                self.bad += 1
                if self.bad <= MOST_NOTED:
                    self._session.note(f"{one.error}.")
            elif one.estimate is not None:
                self._count_unknown(one.estimate.missing)
            yield one

    def _count_unknown(self, missing: Sequence[str]) -> None:
        for text in missing:
            if text.startswith(UNKNOWN_NAMES):
                self.unknown += 1
                self.first_unknown = self.first_unknown or text


def _give_many(session: Session, out: Output, answered: Iterator[Answered], *, all_rows: bool) -> int:
    from registry.exports import estimates as shapes

    counted = _Counted(session, answered)
    kept = _Kept(counted, all_rows=all_rows)
    out.give(
        Answer(
            table=kept.table,
            document=lambda: {"items": (shapes.answered(one) for one in counted)},
            rows=lambda: map(shapes.answered_row if out.format == "csv" else shapes.answered, counted),
        )
    )
    if counted.bad > MOST_NOTED:
        session.note(f"{counted.bad - MOST_NOTED:,} more rows are as bad.")
    if counted.bad:
        session.note(f"{counted.bad:,} of {counted.total:,} could not be estimated.")
    if counted.unknown:
        more = counted.unknown - 1
        session.note(counted.first_unknown + (f" (and {more:,} more like that)." if more else "."))
    if not counted.total and out.is_table:
        session.note("There is nothing to estimate.")
    if out.is_table:
        for line in kept.left_out():
            session.note(line)
    return INCOMPLETE if counted.bad else 0


class _Kept:
    """The answers a table shows: the first so many, of a catalog those about which anything can be told."""

    def __init__(self, counted: _Counted, *, all_rows: bool) -> None:
        self._counted = counted
        self._all_rows = all_rows
        self._unknown = 0
        self._beyond = 0

    def table(self, width: int | None) -> RenderableType | None:
        from registry.cli.estimate_sheet import several

        shown: list[Answered] = []
        for one in self._counted:
            if not self._all_rows and one.error is None and one.estimate and one.estimate.flop is None:
                self._unknown += 1
            elif len(shown) < MOST_SHOWN:
                shown.append(one)
            else:
                self._beyond += 1
        return several(shown, width)

    def left_out(self) -> Iterator[str]:
        if self._unknown:
            yield (
                f"{self._unknown:,} of {self._counted.total:,} are left out: too little is known of how they "
                "were made; -f csv has all."
            )
        if self._beyond:
            yield f"{self._beyond:,} more lines are left out; -f csv has all."


def _next_steps(one: Answered, *, in_catalog: bool) -> Iterator[str]:
    """Which fact would tell more."""
    found, inputs = one.estimate, one.inputs
    if found is None or inputs is None:
        return
    wanted = []
    if found.flop is None or found.route == "year":
        wanted += [
            f"{name}=..." for name in ("parameters", "training_tokens") if getattr(inputs, name) is None
        ]
    if found.chip_hours is None or (inputs.hardware is None and found.flop is not None):
        wanted.append("hardware=...")
    if found.co2e_kg is None and found.energy_kwh is not None and inputs.country is None:
        wanted.append("training_country=...")
    if found.flop is None and in_catalog and inputs.base_model is not None:
        yield f"Next: `registry estimate {inputs.base_model}` tells what making its base took."
        return
    if not wanted:
        return
    if in_catalog:
        yield f"Next: `registry annotate {one.model} {' '.join(wanted)} --source URL` tells more."
        return
    option = {"training_tokens": "tokens", "training_country": "country"}
    named = (fact.removesuffix("=...") for fact in wanted)
    yield f"Next: {', '.join(f'--{option.get(name, name)}' for name in named)} would tell more."
