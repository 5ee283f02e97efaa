"""Estimates of models of a catalog and of files of facts."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from registry.catalog.catalog import Catalog
from registry.economics.defaults import load_defaults
from registry.economics.table import TrainingTable
from registry.economics.training import HouseCostModel
from registry.errors import RegistryError
from registry.model.training import TrainingInputs
from registry.services.curate import annotate, parse_fact
from registry.services.estimate import (
    Answered,
    estimate_facts,
    estimate_models,
    estimate_rows,
    with_facts,
)
from tests.services.costmodels import Plain
from tests.services.fakes import NOW, snapshot

NO_TABLE = TrainingTable((), {})


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    opened = Catalog.open(str(tmp_path / "c.db"), create=True)
    for name in ("a/one", "a/three", "a/two"):
        opened.save(snapshot(name))
    facts = [parse_fact(text, "x") for text in ("parameters=1e9", "training_tokens=1e12")]
    annotate(opened, "a/two", facts, NOW)
    return opened


def test_models_in_the_order_given_or_of_names(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("registry.services.holdings.PAGE", 2)
    named = list(estimate_models(catalog, ["a/two", "a/one", "a/three"], Plain(), NO_TABLE))
    assert [(one.number, one.model) for one in named] == [(1, "a/two"), (2, "a/one"), (3, "a/three")]
    assert flop(named[0]) == 6e21
    assert flop(named[1]) is None
    every = list(estimate_models(catalog, None, Plain(), NO_TABLE))
    assert [one.model for one in every] == ["a/one", "a/three", "a/two"]


def test_facts_given_stand_in_for_those_known(catalog: Catalog) -> None:
    (one,) = estimate_models(catalog, ["a/two"], Plain(), NO_TABLE, given={"training_tokens": 2e12})
    assert flop(one) == 12e21
    assert one.inputs is not None
    assert one.inputs.told == {"parameters": "x", "training_tokens": "given"}


def test_flop_counted_from_what_is_replaced_go_with_it() -> None:
    known = TrainingInputs(training_flop=1e22, parameters=1e9, told={"training_flop": "a", "parameters": "b"})
    assert with_facts(known, {}) is known
    changed = with_facts(known, {"parameters": 2e9})
    assert (changed.training_flop, changed.told) == (None, {"parameters": "given"})
    assert with_facts(known, {"hardware": "A100"}).training_flop == 1e22
    assert with_facts(known, {"epochs": 2.0, "training_flop": 3e22}).training_flop == 3e22


def test_rows_of_a_file_and_what_is_wrong_with_them(tmp_path: Path) -> None:
    path = tmp_path / "facts.csv"
    path.write_text("model,params,dataset_size\nA,1e9,1e12\nB,-1,1e12\nC,1e9,\n")
    good, bad, unknown = estimate_rows(path, Plain(), at=date(2024, 1, 1))
    assert (good.number, good.model, flop(good)) == (1, "A", 6e21)
    assert good.estimate is not None
    assert good.estimate.at == date(2024, 1, 1)
    assert (bad.number, bad.model, bad.estimate) == (2, "B", None)
    assert bad.error == "facts.csv line 3: params=-1 is not above 0"
    assert (flop(unknown), unknown.error) == (None, None)


def test_a_cost_model_that_breaks_costs_the_rows_it_breaks_on(tmp_path: Path) -> None:
    path = tmp_path / "facts.csv"
    path.write_text("model,params,dataset_size\nA,1e9,1e12\nB,1e9,1e12\n")
    broken, fine = estimate_rows(path, Plain(breaks_on="A"))
    assert broken.error == "the cost model plain broke (ZeroDivisionError: no such luck)"
    assert flop(fine) == 6e21


def test_a_cost_model_may_refuse_in_our_words() -> None:
    class Refusing(Plain):
        def training(self, inputs: TrainingInputs, at: date | None = None) -> None:  # type: ignore[override]
            raise RegistryError("the meter is closed")

    answered = estimate_facts(TrainingInputs(model="A"), Refusing())  # type: ignore[arg-type]
    assert (answered.error, answered.estimate) == ("the meter is closed", None)


def test_the_house_estimates_under_its_own_assumptions() -> None:
    inputs = TrainingInputs(
        parameters=7e9, training_tokens=1e12, hardware="A100 80GB", published=date(2023, 2, 24)
    )
    usual = estimate_facts(inputs, HouseCostModel(load_defaults())).estimate
    replaced = estimate_facts(
        inputs, HouseCostModel(load_defaults().replaced({"flop_per_parameter_token": 8.0}))
    ).estimate
    assert usual is not None
    assert replaced is not None
    assert usual.flop is not None
    assert replaced.flop is not None
    assert usual.flop.mid == pytest.approx(4.2e22)
    assert replaced.flop.mid == pytest.approx(5.6e22)


def flop(one: Answered) -> float | None:
    return one.estimate.flop.mid if one.estimate and one.estimate.flop else None
