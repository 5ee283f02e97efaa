"""What holds for every saving of every guest shipped with the house, whatever the models."""

from __future__ import annotations

from datetime import date
from math import isclose

import pytest
from hypothesis import given
from hypothesis import strategies as st
from registry_plugins import adapter, carbon, distillation, expertise, prompting, quantization, training

from registry.contract import PluginHost, SavingsModel, Subject, TokenPrice
from registry.model.edges import Relation
from registry.model.estimate import Estimate
from tests.plugins.makers import FakeEconomy, case, subject

GUESTS = (adapter, carbon, distillation, expertise, prompting, quantization, training)
PRICE = TokenPrice("m", 0.15, 0.6, "2026-01-01", "made up")


def strategies() -> dict[str, SavingsModel]:
    host = PluginHost()
    for guest in GUESTS:
        guest.register(host)
    return host.savings_models


def maybe(values: st.SearchStrategy[float]) -> st.SearchStrategy[float | None]:
    return st.none() | values


amounts = st.floats(1, 1e9)


@st.composite
def subjects(draw: st.DrawFn, name: str) -> Subject:
    parameters = draw(st.none() | st.integers(1, 10**12))
    return subject(
        name,
        draw(st.none() | st.integers(0, 10**13)),
        parameters=parameters,
        task=draw(st.sampled_from([None, "text-generation", "image-classification"])),
        chip_hours=draw(maybe(amounts)),
        training_tokens=draw(maybe(amounts)),
        epochs=draw(maybe(st.floats(0.5, 100))),
        training_flop=draw(maybe(st.floats(1e10, 1e26))),
        active_parameters=draw(maybe(amounts)) if parameters is None else None,
        domain=draw(st.sampled_from([None, "Language", "Vision"])),
        published=draw(st.sampled_from([None, date(2019, 2, 14), date(2026, 11, 1), date(2027, 1, 1)])),
    )


relations = st.sampled_from([one for one in Relation if one is not Relation.TRAINED_ON])


@pytest.mark.parametrize("name", sorted(strategies()))
@given(data=st.data())
def test_laws(name: str, data: st.DataObject) -> None:
    model = data.draw(subjects("me/model"))
    bases = [
        (data.draw(subjects(f"lab/base-{i}")), data.draw(relations))
        for i in range(data.draw(st.integers(0, 3)))
    ]
    further = tuple(
        (data.draw(subjects(f"lab/root-{i}")), data.draw(relations))
        for i in range(data.draw(st.integers(0, 2)))
    )
    counts = {"lab/base-0": {Relation.ADAPTER: data.draw(st.integers(0, 50))}}
    economy = FakeEconomy({"me/model": PRICE})
    strategy = strategies()[name]
    found = strategy.savings(case(model, *bases, economy=economy, further=further, derivatives=counts))
    assert list(found) == list(
        strategy.savings(case(model, *bases, economy=economy, further=further, derivatives=counts))
    )
    for one in found:
        first = one.counterfactuals[0][1]
        assert one.kind == name == strategy.name
        assert one.model == "me/model"
        units = {(each.unit, each.basis) for each in (first, one.saved, *(e for _, e in one.counterfactuals))}
        assert len(units) == 1
        if one.own_cost is None:
            assert one.upper_bound
            assert one.saved is first
            assert one.ratio is None
            continue
        assert (one.own_cost.unit, one.own_cost.basis) in units
        same(
            one.saved,
            first.low - one.own_cost.high,
            first.mid - one.own_cost.mid,
            first.high - one.own_cost.low,
        )
        if one.own_cost.mid > 0:
            assert one.ratio is not None
            assert isclose(one.ratio, first.mid / one.own_cost.mid)
        else:
            assert one.ratio is None
    assert len({(one.base, one.saved.unit, one.saved.basis) for one in found}) == len(found)


def same(one: Estimate, *values: float) -> None:
    for value, expected in zip((one.low, one.mid, one.high), values, strict=True):
        assert isclose(value, expected, rel_tol=1e-9, abs_tol=1e-6)


def test_each_says_what_it_is() -> None:
    found = strategies()
    assert sorted(found) == sorted(guest.KIND for guest in GUESTS)
    assert all(one.summary and "\n" not in one.summary for one in found.values())
