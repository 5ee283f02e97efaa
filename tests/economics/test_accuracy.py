"""The bars of the estimates on Epoch AI's table, and that what stands in the data file is what was fitted."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from registry.economics.spreads import load_lines, load_spreads
from registry.economics.training import HouseCostModel

ROOT = Path(__file__).parents[2]
TABLE = ROOT.parent / "shared" / "economics" / "train.csv"

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not TABLE.exists(), reason="needs ../shared/economics/train.csv"),
]

ROUNDING = 0.0006
"""The reference's figures are rounded; its share within 2x to two places."""

FEW = 10
"""Rows of a half below which a share says nothing."""


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    path = ROOT / "tests" / "benchmarks" / "estimates.py"
    spec = importlib.util.spec_from_file_location("estimates_benchmark", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def table(benchmark: ModuleType) -> list[Any]:
    return list(benchmark.rows(TABLE))


@pytest.fixture(scope="module")
def other(table: list[Any]) -> list[Any]:
    """The half that nothing was fitted on."""
    return [row for row in table if not row.first_half]


@pytest.mark.parametrize("name", ["F1", "F2", "F4", "F7", "K1", "K2", "K3", "K4", "K5", "K7"])
def test_at_least_as_good_as_the_reference(benchmark: ModuleType, table: list[Any], name: str) -> None:
    (task,) = [one for one in benchmark.TASKS if one.name == name]
    score = benchmark.score(benchmark.results(task, HouseCostModel(), table))
    n, middle, _, twice = task.reference
    assert score.n >= n
    assert score.median <= middle + ROUNDING
    assert round(score.twice, 2) >= twice


@pytest.mark.parametrize("name", ["F2", "F7", "K1", "K2", "K5", "K7", "K7b"])
def test_intervals_hold_the_truth_on_the_half_they_were_not_fitted_on(
    benchmark: ModuleType, other: list[Any], name: str
) -> None:
    (task,) = [one for one in benchmark.TASKS if one.name == name]
    score = benchmark.score(benchmark.results(task, HouseCostModel(), other))
    assert score.n >= FEW
    assert 0.695 <= score.held <= 0.905


@pytest.mark.parametrize("name", ["F4", "K3", "K4"])
def test_of_few_runs_intervals_hold_the_truth_on_all(
    benchmark: ModuleType, table: list[Any], name: str
) -> None:
    (task,) = [one for one in benchmark.TASKS if one.name == name]
    score = benchmark.score(benchmark.results(task, HouseCostModel(), table))
    assert 0.695 <= score.held <= 0.905


@pytest.mark.parametrize("given", [False, True])
def test_the_cost_a_file_of_facts_is_answered_with_holds(
    benchmark: ModuleType, table: list[Any], other: list[Any], given: bool
) -> None:
    """Every row that has a cost, of all domains, by the route the command takes."""
    everywhere = benchmark.as_answered(HouseCostModel(), table, given=given)
    assert len(everywhere["any"]) == 124
    for found in (everywhere, benchmark.as_answered(HouseCostModel(), other, given=given)):
        for route, held in found.items():
            if len(held) >= FEW:
                assert 0.695 <= sum(held) / len(held) <= 0.905, route


def test_k7_hides_what_no_card_tells(benchmark: ModuleType, table: list[Any]) -> None:
    asked: list[Any] = []

    class Listening(HouseCostModel):
        def training(self, inputs: Any, at: Any = None) -> Any:
            asked.append(inputs)
            return super().training(inputs, at)

    (task,) = [one for one in benchmark.TASKS if one.name == "K7"]
    assert benchmark.results(task, Listening(), table)
    assert asked
    assert not any(one.training_hours or one.hardware_quantity or one.chip_hours for one in asked)


def test_the_data_file_has_what_was_fitted_on_the_first_half(benchmark: ModuleType, table: list[Any]) -> None:
    first = [row for row in table if row.first_half]
    lines = benchmark.fit_lines(first)
    shipped = load_lines()
    assert set(lines) == set(shipped)
    for name, line in lines.items():
        for key in ("intercept", "year", "flop"):
            assert getattr(shipped[name], key) == pytest.approx(getattr(line, key), abs=2e-3)
    spreads = benchmark.fit_spreads(first, shipped)
    assert set(spreads) == set(load_spreads())
    for name, spread in spreads.items():
        assert load_spreads()[name].runs == spread.runs
        assert load_spreads()[name].low == pytest.approx(spread.low, abs=2e-3)
        assert load_spreads()[name].high == pytest.approx(spread.high, abs=2e-3)


def test_the_halves_are_halves_and_no_target_is_shown(table: list[Any]) -> None:
    assert 0.45 < sum(row.first_half for row in table) / len(table) < 0.55
    assert all(row.inputs.training_flop is None and row.inputs.training_cost is None for row in table)


def test_the_report_prints_every_task(benchmark: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    benchmark.main([str(TABLE)])
    told = capsys.readouterr().out
    assert all(f"{task.name} " in told for task in benchmark.TASKS)
    assert "µs for one estimate" in told
