"""How near our training estimates come to Epoch AI's table, and how often their intervals hold the truth.

Run `python tests/benchmarks/estimates.py [../shared/economics/train.csv]`. The targets (columns `y_...`) are
never shown to the estimator, but for the cost tasks its FLOP are an input, as in the reference. Tasks are
those of the reference (section 4): errors are |log10(estimate / truth)|, `2x` is the share within a factor
of two. What the command answers to a file of the same facts, with no cost left out, is told by route.

A hash of the model's name puts each row into one of two halves. Everything fitted (intervals, and the lines
through year and FLOP) was fitted on the first; `--fit` works it out anew and prints it as it stands at the
end of `registry/economics/data/defaults.toml`.
"""

from __future__ import annotations

import csv
import hashlib
import sys
import time
import timeit
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from math import ceil, log10
from pathlib import Path
from statistics import median

import numpy as np

from registry.economics.records import BadRow, read_rows
from registry.economics.spreads import Line, Spread
from registry.economics.training import HouseCostModel
from registry.economics.trends import in_years
from registry.model.estimate import Basis, Estimate
from registry.model.training import TrainingEstimate, TrainingInputs

TABLE = Path(__file__).parents[2].parent / "shared" / "economics" / "train.csv"
ROUTES = ("6nd", "hardware")
SHARE = 0.8
FEW = 30
"""Runs below which an interval is not the shortest."""
HIDDEN: Mapping[str, None] = dict.fromkeys(
    ("hardware_quantity", "training_hours", "chip_hours", "power", "training_energy", "finetune_flop")
)
"""What a card of a model does not tell."""


@dataclass(frozen=True, slots=True)
class Row:
    """inputs: without any target. The rest are the targets, and whether Epoch made the FLOP by 6ND."""

    inputs: TrainingInputs
    flop: float | None
    amortised: float | None
    rental: float | None
    purchase: float | None
    circular: bool

    @property
    def first_half(self) -> bool:
        """Of the half that may be fitted on."""
        return hashlib.sha256((self.inputs.model or "").encode()).digest()[0] % 2 == 0

    @property
    def language(self) -> bool:
        return "Language" in (self.inputs.domain or "")

    def given_flop(self, **hidden: None) -> TrainingInputs:
        """With the FLOP as an input, and some facts hidden."""
        return replace(self.inputs, training_flop=self.flop, **hidden)


@dataclass(frozen=True, slots=True)
class Result:
    """One estimate beside its truth. kind: the interval it was given."""

    row: Row
    estimate: Estimate
    truth: float

    @property
    def error(self) -> float:
        return abs(log10(self.estimate.mid / self.truth))

    @property
    def held(self) -> bool:
        return self.estimate.low <= self.truth <= self.estimate.high


@dataclass(frozen=True, slots=True)
class Task:
    """reference: n, median, 90 %, share within 2x as the reference has them on the whole table."""

    name: str
    about: str
    reference: tuple[int, float, float, float]
    answer: Callable[[HouseCostModel, Row], tuple[Estimate | None, float | None]]


def rows(path: Path) -> list[Row]:
    """The table. Raises `ValueError` for a row our own reader refuses."""
    with path.open(newline="", encoding="utf-8") as file:
        targets = list(csv.DictReader(file))
    found = []
    for inputs, target in zip(read_rows(path), targets, strict=True):
        if isinstance(inputs, BadRow):
            raise ValueError(inputs.reason)
        values = [
            float(target[name]) if target[name] else None
            for name in ("y_compute_flop", "y_cost_2023usd", "y_cost_cloud", "y_cost_upfront")
        ]
        found.append(Row(inputs, *values, circular=target["circular_6nd"] == "1"))
    return found


# --- tasks -----------------------------------------------------------------------------------------


def _six(model: HouseCostModel, row: Row) -> Estimate | None:
    # The reference leaves fine-tunes out of the FLOP tasks: the truth there has the base counted in.
    if row.inputs.base_model is not None:
        return None
    return model.training(row.inputs).routes.get("6nd")


def f2(model: HouseCostModel, row: Row) -> tuple[Estimate | None, float | None]:
    return (_six(model, row) if row.language and not row.circular else None), row.flop


def f1(model: HouseCostModel, row: Row) -> tuple[Estimate | None, float | None]:
    return (_six(model, row) if row.language and row.circular else None), row.flop


def f4(model: HouseCostModel, row: Row) -> tuple[Estimate | None, float | None]:
    return (_six(model, row) if row.inputs.active_parameters is not None else None), row.flop


def f7(model: HouseCostModel, row: Row) -> tuple[Estimate | None, float | None]:
    if row.inputs.base_model is not None:
        return None, None
    # Of a run with nothing but a date the reference says nothing.
    inputs = replace(row.inputs, finetune_flop=None)
    estimate = model.training(inputs)
    return (estimate.flop if estimate.route in ROUTES else None), row.flop


def k1(model: HouseCostModel, row: Row) -> tuple[Estimate | None, float | None]:
    inputs = row.given_flop(finetune_flop=None)
    if row.flop is None and inputs.training_hours is None:
        return None, None
    return _amortised(model.training(inputs)), row.amortised


def k2(model: HouseCostModel, row: Row) -> tuple[Estimate | None, float | None]:
    if row.flop is None:
        return None, None
    inputs = row.given_flop(hardware_quantity=None, chip_hours=None, finetune_flop=None)
    return _amortised(model.training(inputs)), row.amortised


def k3(model: HouseCostModel, row: Row) -> tuple[Estimate | None, float | None]:
    return model.training(row.given_flop()).cost[Basis.RENTAL], row.rental


def k4(model: HouseCostModel, row: Row) -> tuple[Estimate | None, float | None]:
    return model.training(row.inputs).cost[Basis.PURCHASE], row.purchase


def k5(model: HouseCostModel, row: Row) -> tuple[Estimate | None, float | None]:
    if row.flop is None:
        return None, None
    inputs = TrainingInputs(published=row.inputs.published, training_flop=row.flop)
    return model.training(inputs).cost[Basis.AMORTISED], row.amortised


def k7(model: HouseCostModel, row: Row) -> tuple[Estimate | None, float | None]:
    return _from_the_card(model, row, row.inputs)


def k7_no_mfu(model: HouseCostModel, row: Row) -> tuple[Estimate | None, float | None]:
    return _from_the_card(model, row, replace(row.inputs, utilisation=None))


def _from_the_card(
    model: HouseCostModel, row: Row, inputs: TrainingInputs
) -> tuple[Estimate | None, float | None]:
    """With no more than a card tells: neither chips at once nor how long."""
    published = inputs.published
    if not row.language or published is None or published < date(2018, 1, 1):
        return None, None
    estimate = model.training(replace(inputs, **HIDDEN))
    return (_amortised(estimate) if estimate.route == "6nd" else None), row.amortised


def _amortised(estimate: TrainingEstimate) -> Estimate | None:
    """Only where a chip was told; without, another task looks at the line through year and FLOP."""
    known = estimate.cost[Basis.RENTAL] is not None
    return estimate.cost[Basis.AMORTISED] if known else None


TASKS = (
    Task("F1", "6ND, language, truth made by 6ND", (210, 0.0004, 0.44, 0.88), f1),
    Task("F2", "6ND, language, truth not 6ND", (62, 0.200, 2.43, 0.55), f2),
    Task("F4", "6ND, mixtures of experts", (15, 0.0015, 0.19, 0.93), f4),
    Task("F7", "hardware, else 6ND", (472, 0.067, 2.11, 0.67), f7),
    Task("K1", "amortised, FLOP and hours", (115, 0.024, 0.67, 0.88), k1),
    Task("K2", "amortised, FLOP alone", (113, 0.077, 0.67, 0.80), k2),
    Task("K3", "rental", (15, 0.045, 0.18, 1.0), k3),
    Task("K4", "purchase", (17, 0.044, 0.07, 1.0), k4),
    Task("K5", "amortised, year and FLOP", (121, 0.197, 0.75, 0.65), k5),
    Task("K7", "amortised, tokens, language", (46, 0.157, 1.47, 0.57), k7),
    Task("K7b", "K7 without the MFU", (46, 0.157, 1.47, 0.57), k7_no_mfu),
)


def results(task: Task, model: HouseCostModel, table: Iterable[Row]) -> list[Result]:
    """Every row of the table that the task is about and that has a truth."""
    found = []
    for row in table:
        estimate, truth = task.answer(model, row)
        if estimate is not None and truth is not None:
            found.append(Result(row, estimate, truth))
    return found


@dataclass(frozen=True, slots=True)
class Score:
    """Of one task on some rows."""

    n: int
    median: float
    p90: float
    twice: float
    held: float


def score(found: Sequence[Result]) -> Score:
    errors = sorted(one.error for one in found)
    return Score(
        len(errors),
        median(errors),
        float(np.quantile(errors, 0.9)),
        sum(error <= log10(2) for error in errors) / len(errors),
        sum(one.held for one in found) / len(found),
    )


# --- fitting ---------------------------------------------------------------------------------------


def fit_lines(table: Iterable[Row]) -> dict[str, Line]:
    """Lines through year and FLOP, of runs from scratch: the truth of others may have a base counted in."""
    known = [row for row in table if row.inputs.published is not None and row.inputs.base_model is None]

    def year(row: Row) -> float:
        return in_years(row.inputs.published) - 2020 if row.inputs.published else 0.0

    def parameters(row: Row) -> float | None:
        return row.inputs.active_parameters or row.inputs.parameters

    by_year = [(year(row), 0.0, log10(row.flop)) for row in known if row.flop]
    by_size = [(year(row), log10(n), log10(row.flop)) for row in known if row.flop and (n := parameters(row))]
    costs = [
        (year(row), log10(row.flop), log10(row.amortised)) for row in known if row.flop and row.amortised
    ]
    return {
        "flop.year": _line("flop.year", by_year, "log10 FLOP by year of publication"),
        "flop.year_parameters": _line(
            "flop.year_parameters", by_size, "log10 FLOP by year of publication and log10 parameters"
        ),
        "cost.year_flop": _line("cost.year_flop", costs, "log10 amortised USD by year and log10 FLOP"),
    }


def _line(name: str, points: list[tuple[float, float, float]], meaning: str) -> Line:
    """Least absolute deviations, which runs far off do not pull: least squares, weighted 1 / |residual|."""
    data = np.array(points)
    second = bool(np.any(data[:, 1]))
    matrix = np.stack([np.ones(len(data)), data[:, 0], *([data[:, 1]] if second else [])], axis=1)
    weights = np.ones(len(data))
    for _ in range(200):
        scaled = np.sqrt(weights)
        solution = np.linalg.lstsq(matrix * scaled[:, None], data[:, 2] * scaled, rcond=None)[0]
        weights = 1 / np.maximum(np.abs(data[:, 2] - matrix @ solution), 1e-4)
    found = [round(float(one), 4) for one in solution]
    years = sorted(int(2020 + year) for year in data[:, 0])
    return Line(
        name, found[0], found[1], found[2] if second else 0.0, len(points), meaning, years[0], years[-1]
    )


BOTH = "of all runs, and of those whose costs are told"

MEANINGS = {
    "flop.hardware": "FLOP of Epoch AI's table, from chips and hours at the usual MFU",
    "flop.hardware.mfu": "FLOP of Epoch AI's table, from chips, hours and a reported MFU",
    "flop.6nd.experts": "FLOP of Epoch AI's table, 6ND of mixtures of experts",
    "flop.6nd.large": "FLOP of Epoch AI's table not made by 6ND, language since 2020 on 10^10 tokens or more",
    "flop.6nd.small": "FLOP of Epoch AI's table not made by 6ND, other language models",
    "flop.6nd.other": "FLOP of Epoch AI's table, 6ND of models of other things than language",
    "flop.year": f"FLOP of Epoch AI's table, from the year alone; {BOTH}",
    "flop.year_parameters": f"FLOP of Epoch AI's table, from year and parameters; {BOTH}",
    "hours.flop": "chip-hours reported, from FLOP at the usual MFU",
    "hours.flop.mfu": "chip-hours reported, from FLOP and a reported MFU",
    "cost.rental": "Epoch AI's cloud cost, made in the same way; what is paid differs more",
    "cost.purchase": "Epoch AI's up-front cost, made in the same way; what is paid differs more",
    "cost.amortised.hours": "Epoch AI's cost, from chip-hours",
    "cost.amortised.flop": "Epoch AI's cost, from a chip and FLOP",
    "cost.line.flop": "Epoch AI's cost, from year and FLOP",
    "cost.year": f"Epoch AI's cost, from the year alone; {BOTH}",
    "cost.year_parameters": f"Epoch AI's cost, from year and parameters; {BOTH}",
}


def fit_spreads(table: Sequence[Row], lines: Mapping[str, Line]) -> dict[str, Spread]:
    """The middle 80 % of log10(truth / estimate), by class. Of a run with nothing but a date nobody knows
    whether it is one of the many or one of the large ones whose costs are told: its range is of both."""
    marks = {name: Spread(name, 0.0, 0.0, 0, name) for name in MEANINGS}
    model = HouseCostModel(spreads=marks, lines=lines)
    off: dict[str, list[float]] = {name: [] for name in MEANINGS}
    large: dict[str, list[float]] = {name: [] for name in MEANINGS}
    for row in table:
        for name, estimate, truth in _measured(model, row):
            if estimate is not None and truth is not None:
                off[name].append(log10(truth / estimate.mid))
        for name, estimate, truth in _by_year(model, row):
            if estimate is not None and truth is not None:
                error = log10(truth / estimate.mid)
                if row.inputs.base_model is None and estimate.unit == "FLOP":
                    off[name].append(error)
                    off[COST_OF[name]].append(error)
                if row.amortised is not None:
                    large[name].append(error)
    return {name: _spread(name, values, large[name]) for name, values in off.items()}


COST_OF = {"flop.year": "cost.year", "flop.year_parameters": "cost.year_parameters"}
"""The cost of a run of which little is known errs as its FLOP do."""


def _by_year(model: HouseCostModel, row: Row) -> Iterator[tuple[str, Estimate | None, float | None]]:
    """What follows from a date, and from a date and a size."""
    bare = TrainingInputs(published=row.inputs.published)
    sized = replace(bare, parameters=row.inputs.parameters, active_parameters=row.inputs.active_parameters)
    for inputs, name in ((bare, "flop.year"), (sized, "flop.year_parameters")):
        if inputs is bare or sized != bare:
            found = model.training(inputs)
            yield name, found.flop, row.flop
            yield COST_OF[name], found.cost[Basis.AMORTISED], row.amortised


def _measured(model: HouseCostModel, row: Row) -> Iterator[tuple[str, Estimate | None, float | None]]:
    """Every other figure of a row that a class of intervals is measured on, with the class it is in."""
    inputs = row.inputs
    plain = model.training(replace(inputs, finetune_flop=None))
    if inputs.base_model is None:
        for route in ROUTES:
            estimate = plain.routes.get(route)
            name = _class_of(estimate)
            if estimate is not None and not (row.circular and name in ("flop.6nd.large", "flop.6nd.small")):
                yield name, estimate, row.flop
    if row.flop is not None:
        bare = row.given_flop(hardware_quantity=None, chip_hours=None, finetune_flop=None)
        hours = plain.chip_hours if inputs.hardware_quantity and inputs.training_hours else None
        worked = model.training(replace(bare, base_model=None)).chip_hours
        yield ("hours.flop" if inputs.utilisation is None else "hours.flop.mfu",
               worked, hours.mid if hours else None)  # fmt: skip
        yield "cost.line.flop", k5(model, row)[0], row.amortised
    for estimate, truth in (k1(model, row), k2(model, row)):
        yield _class_of(estimate), estimate, truth
    yield "cost.rental", k3(model, row)[0], row.rental
    yield "cost.purchase", k4(model, row)[0], row.purchase


def _class_of(estimate: Estimate | None) -> str:
    """The class an interval of no width names in its meaning; any class where there is no estimate."""
    return estimate.interval.partition("(")[2].partition(")")[0] if estimate else "flop.year"


def _spread(name: str, values: list[float], large: list[float]) -> Spread:
    """The shortest interval about the estimate that held 80 % and one more; of few runs, where that hangs on
    single ones, the middle 80 %; of two kinds of runs the middle 80 % of either."""
    ordered = sorted(values)
    if large:
        ends = [end for group in (ordered, sorted(large)) for end in _middle(group)]
        low, high = min(ends), max(ends)
    elif len(ordered) < FEW:
        low, high = (float(end) for end in np.quantile(ordered, [(1 - SHARE) / 2, (1 + SHARE) / 2]))
    else:
        inside = min(len(ordered), ceil(SHARE * (len(ordered) + 1)))
        low, high = min(
            (
                (min(ordered[start], 0.0), max(ordered[start + inside - 1], 0.0))
                for start in range(len(ordered) - inside + 1)
            ),
            key=lambda window: window[1] - window[0],
        )
    return Spread(name, round(min(low, 0.0), 3), round(max(high, 0.0), 3), len(values), MEANINGS[name])


def _middle(ordered: Sequence[float]) -> tuple[float, float]:
    """Between which four of five further values would lie, as many above as below."""
    tail = max(1, int((1 - SHARE) / 2 * (len(ordered) + 1)))
    return ordered[tail - 1], ordered[-tail]


def as_toml(lines: Mapping[str, Line], spreads: Mapping[str, Spread]) -> str:
    """What stands at the end of the data file."""
    parts = []
    for kind, names, tables in (
        ("fit", ("intercept", "year", "flop", "first", "last"), lines),
        ("spread", ("low", "high"), spreads),
    ):
        for name, one in tables.items():
            numbers = "".join(f"{key} = {getattr(one, key)}\n" for key in (*names, "runs"))
            parts.append(f'[{kind}."{name}"]\n{numbers}meaning = "{one.meaning}"\n')
    return "\n".join(parts)


# --- report ----------------------------------------------------------------------------------------


def report(table: Sequence[Row]) -> None:
    model = HouseCostModel()
    halves = {
        "fitted": [row for row in table if row.first_half],
        "other": [row for row in table if not row.first_half],
        "all": list(table),
    }
    print(f"{'task':36} {'rows':6} {'n':>4} {'median':>7} {'p90':>5} {'2x':>5} {'held':>5}   reference")
    for task in TASKS:
        for name, half in halves.items():
            found = results(task, model, half)
            if not found:
                continue
            one = score(found)
            n, middle, p90, twice = task.reference
            beside = f"{n:4} {middle:.4f} {p90:4.2f} {twice:.2f}" if name == "all" else ""
            label = f"{task.name} {task.about}" if name == "fitted" else ""
            print(
                f"{label:36} {name:6} {one.n:4} {one.median:7.4f} {one.p90:5.2f} {one.twice:5.2f} "
                f"{one.held:5.0%}   {beside}".rstrip()
            )
    answers(model, halves)
    inputs = [row.inputs for row in table]
    passes = timeit.repeat(
        lambda: [model.training(one) for one in inputs], timer=time.process_time, repeat=5, number=1
    )
    seconds = min(passes)
    print(
        f"{seconds / len(inputs) * 1e6:.0f} µs for one estimate, the best of 5 passes over {len(inputs)} rows"
    )


def as_answered(model: HouseCostModel, table: Iterable[Row], *, given: bool) -> dict[str, list[bool]]:
    """Whether the range of the amortised cost holds, by route, of every row that has a cost: as the command
    answers a file of the same facts. given: with the FLOP among them."""
    held: dict[str, list[bool]] = {"any": []}
    for row in table:
        if row.amortised is None:
            continue
        found = model.training(row.given_flop() if given else row.inputs)
        cost = found.cost[Basis.AMORTISED]
        one = cost is not None and cost.low <= row.amortised <= cost.high
        held["any"].append(one)
        held.setdefault(found.route or "-", []).append(one)
    return held


def answers(model: HouseCostModel, halves: Mapping[str, Sequence[Row]]) -> None:
    print(f"\n{'as the command answers: amortised, by route':44} {'fitted':>9} {'other':>9} {'all':>9}")
    for given, label in ((False, "facts alone"), (True, "with compute_flop")):
        found = {name: as_answered(model, half, given=given) for name, half in halves.items()}
        for route in sorted(found["all"]):
            shares = []
            for half in found.values():
                held = half.get(route, [])
                shares.append(f"{sum(held):3}/{len(held):<3}" if held else "-")
            print(f"{label + ', ' + route:44} " + " ".join(f"{share:>9}" for share in shares))
    print()


def main(arguments: Sequence[str]) -> None:
    paths = [Path(argument) for argument in arguments if not argument.startswith("--")]
    table = rows(paths[0] if paths else TABLE)
    if "--fit" in arguments:
        first = [row for row in table if row.first_half]
        lines = fit_lines(first)
        print(as_toml(lines, fit_spreads(first, lines)))
    else:
        report(table)


if __name__ == "__main__":
    main(sys.argv[1:])
