"""The ways in which ranges may be put together, and what a saving must hold to."""

from __future__ import annotations

import pytest

from registry.model.estimate import EXACT, Estimate, Saving, difference, exact, product


def about(mid: float, factor: float = 2.0, unit: str = "USD", basis: str | None = "rental") -> Estimate:
    return Estimate(
        mid / factor,
        mid,
        mid * factor,
        unit,
        "made up",
        basis,
        ("a",),
        ("b",),
        "half to double",
        "2024-01-01",
    )


def test_errors_of_factors_add_in_quadrature() -> None:
    found = product("USD", "a x b x c", "both", about(8, 2), about(2, 2), 10.0, basis="rental")
    assert found.mid == pytest.approx(160)
    assert found.high / found.mid == pytest.approx(found.mid / found.low) == pytest.approx(2 ** (2**0.5))
    assert (found.assumptions, found.sources, found.priced) == (("a",), ("b",), "2024-01-01")


@pytest.mark.parametrize("factor", [0.0, -1.0, exact(0, "x", "none")])
def test_a_factor_of_nothing_is_none(factor: Estimate | float) -> None:
    with pytest.raises(ValueError, match="not above 0"):
        product("USD", "a x b", EXACT, about(1), factor)


def test_a_difference_is_as_wide_as_both_at_their_worst() -> None:
    found = difference(about(10), about(1), "a - b")
    assert (found.low, found.mid, found.high) == (5 - 2, 9, 20 - 0.5)
    assert (found.unit, found.basis, found.interval) == ("USD", "rental", "half to double")


@pytest.mark.parametrize("other", [about(1, unit="EUR"), about(1, basis="purchase"), about(1, basis=None)])
def test_what_does_not_add_up_is_refused(other: Estimate) -> None:
    with pytest.raises(ValueError, match="these do not add up"):
        difference(about(10), other, "a - b")
    with pytest.raises(ValueError, match="these do not add up"):
        Saving("me/m", "guest", (("then", about(10)),), other, about(9), None)


def test_a_saving_is_against_something() -> None:
    with pytest.raises(ValueError, match="needs a counterfactual"):
        Saving("me/m", "guest", (), None, about(9), None)
