from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

import registry
from registry.economics.defaults import OWN, Default, Defaults, load_defaults
from registry.economics.training import HouseCostModel
from registry.errors import BadSettings
from registry.model.estimate import Basis
from registry.model.training import TrainingInputs


@pytest.fixture(scope="module")
def defaults() -> Defaults:
    return load_defaults()


def test_every_default_says_what_it_is_and_where_it_is_from(defaults: Defaults) -> None:
    for name, one in defaults.items():
        assert one.name == name
        assert one.low <= one.value <= one.high
        assert one.unit
        assert one.source
        assert one.meaning


def test_a_share_is_below_one(defaults: Defaults) -> None:
    assert all(one.value < 1 for one in defaults.values() if one.unit == "share")


def test_what_was_fitted_is_no_default(defaults: Defaults) -> None:
    assert "spread" not in defaults
    assert "fit" not in defaults


def test_whatever_can_be_replaced_is_read_by_something(defaults: Defaults) -> None:
    """A value that nothing asks for could be replaced without any effect."""
    house = Path(registry.__file__).parent
    code = "".join(
        page.read_text("utf-8") for top in (house, house.parent / "plugins") for page in top.rglob("*.py")
    )
    families = ("electricity_", "price_index_", "server_overhead_", "server_power_")
    unread = [name for name in defaults if f'"{name}"' not in code and not name.startswith(families)]
    assert unread == []


def test_range_carries_value_and_source(defaults: Defaults) -> None:
    mfu = defaults.range("mfu")
    assert (mfu.low, mfu.mid, mfu.high) == (0.23, 0.35, 0.56)
    assert mfu.sources == (defaults["mfu"].source,)
    assert defaults.range("mfu") is mfu


def test_series_answer_years_outside_with_the_nearest(defaults: Defaults) -> None:
    assert defaults.electricity(2020).value == 0.0667
    assert defaults.electricity(1950).name == "electricity_2010"
    assert defaults.electricity(2099).name == "electricity_2025"
    assert defaults.price_level(2099).name == "price_index_2025"


def test_replacing_gives_a_value_without_a_range_and_leaves_the_others(defaults: Defaults) -> None:
    own = defaults.replaced({"mfu": 0.5})
    assert own.value("mfu") == own["mfu"].low == own["mfu"].high == 0.5
    assert own["mfu"].source == OWN
    assert own.value("depreciation") == defaults.value("depreciation")
    assert defaults.value("mfu") == 0.35


def test_an_unknown_name_is_refused_with_the_nearest(defaults: Defaults) -> None:
    with pytest.raises(BadSettings, match="no default is called 'deprecation'") as caught:
        defaults.replaced({"deprecation": 0.2})
    assert caught.value.hint == "did you mean depreciation?"


def test_a_name_like_nothing_lists_them_all(defaults: Defaults) -> None:
    with pytest.raises(BadSettings) as caught:
        defaults.replaced({"zzzzqqqq": 1.0})
    assert "mfu" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("mfu", float("nan"), "not a finite number"),
        ("mfu", float("inf"), "not a finite number"),
        ("mfu", True, "not a finite number"),
        ("mfu", 0.0, "not above 0"),
        ("mfu", -0.3, "not above 0"),
        ("mfu", 35.0, "not a share below 1"),
        ("pue", 1e9, "out of any range"),
        ("pue", 1e-9, "out of any range"),
    ],
)
def test_what_cannot_be_meant_is_refused(defaults: Defaults, name: str, value: float, reason: str) -> None:
    with pytest.raises(BadSettings, match=reason) as caught:
        defaults.replaced({name: value})
    assert caught.value.hint


@pytest.mark.parametrize("numbers", [(0.0, 1.0, 2.0), (1.0, 0.5, 2.0), (1.0, 2.0, float("inf"))])
def test_a_default_is_a_range_above_zero(numbers: tuple[float, float, float]) -> None:
    low, value, high = numbers
    with pytest.raises(ValueError, match="not a range"):
        Default("x", value, low, high, "factor", "here", "nothing")


def test_a_replaced_default_moves_the_estimate() -> None:
    run = TrainingInputs(
        published=date(2023, 1, 1), hardware="A100", hardware_quantity=64, training_hours=500
    )
    plain = HouseCostModel().training(run)
    twice = HouseCostModel(load_defaults().replaced({"mfu": 0.7, "pue": 2.5})).training(run)
    assert plain.flop
    assert twice.flop
    assert plain.energy_kwh
    assert twice.energy_kwh
    assert twice.flop.mid == pytest.approx(2 * plain.flop.mid)
    assert twice.energy_kwh.mid == pytest.approx(2 * plain.energy_kwh.mid)
    assert any(OWN in text for text in twice.assumptions)
    assert twice.cost[Basis.AMORTISED] != plain.cost[Basis.AMORTISED]
