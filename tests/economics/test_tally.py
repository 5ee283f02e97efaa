from __future__ import annotations

from collections.abc import Sequence
from math import isclose

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.economics.reuse import tipping
from registry.economics.tally import Tally, Tip, told_in_short
from registry.model.edges import Relation
from registry.model.estimate import EXACT, Estimate, Saving

ASSUMED = Estimate(30, 600, 10_000, "USD", "finetune_cost")
COUNTS = {"lab/base": {Relation.FINETUNE: 30, Relation.ADAPTER: 10, Relation.UNKNOWN: 500}}


def about(mid: float, unit: str = "USD", basis: str | None = "rental", day: str | None = None) -> Estimate:
    return Estimate(mid / 2, mid, mid * 2, unit, "made up", basis, interval="half to double", priced=day)


def saving(
    model: str,
    whole: Estimate,
    own: Estimate | None = None,
    *,
    kind: str = "training",
    base: str | None = "lab/base",
    adds_up: bool = True,
) -> Saving:
    return Saving(
        model, kind, (("then", whole),), own, whole, None, base=base, upper_bound=True, adds_up=adds_up
    )


def tally(savings: Sequence[Saving]) -> Tally:
    found = Tally()
    for one in savings:
        found.add(one, COUNTS)
    return found


amounts = st.floats(1, 1e9)
units = st.sampled_from([("USD", "rental"), ("USD", "amortised"), ("FLOP", None), ("EUR", "rental")])


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.sampled_from(["training", "carbon"]), units, amounts),
        max_size=30,
    )
)
def test_sums_equal_their_parts_and_nothing_else_is_in_them(
    parts: list[tuple[str, str, tuple[str, str | None], float]],
) -> None:
    parts.sort(key=lambda part: part[0])
    totals = tally([saving(model, about(mid, *unit), kind=kind) for model, kind, unit, mid in parts]).totals()
    assert len({(one.kind, one.saved.unit, one.saved.basis) for one in totals}) == len(totals)
    for one in totals:
        mine = [
            (model, mid)
            for model, kind, unit, mid in parts
            if (kind, *unit) == (one.kind, one.saved.unit, one.saved.basis)
        ]
        assert isclose(one.saved.mid, sum(mid for _, mid in mine))
        assert isclose(one.saved.low, sum(mid / 2 for _, mid in mine))
        assert isclose(one.saved.high, sum(mid * 2 for _, mid in mine))
        assert (one.savings, one.models) == (len(mine), len({model for model, _ in mine}))
    assert sum(one.savings for one in totals) == len(parts)


def test_a_sum_says_what_it_rests_on() -> None:
    exact = Estimate(1, 1, 1, "USD", "x", "rental")
    (one,) = tally(
        [saving("a", exact), saving("b", about(1, day="2023"), about(1)), saving("c", about(1, day="2022"))]
    ).totals()
    assert (one.untold, one.upper_bound) == (2, True)
    assert (one.saved.interval, one.saved.priced) == ("half to double", "2023")
    (alone,) = tally([saving("a", exact)]).totals()
    assert alone.saved.interval == EXACT


def test_what_does_not_add_up_is_not_added_up() -> None:
    assert tally([saving("a", about(10), kind="expertise", adds_up=False)]).totals() == []


def tips(*savings: Saving, assumed: Estimate = ASSUMED) -> list[Tip]:
    return tally(savings).tips(assumed)


def test_a_base_with_derivatives_that_tell() -> None:
    (one,) = tips(saving("a", about(100_000), about(100)), saving("b", about(100_000), about(300)))
    assert (one.base, one.reuses, one.told, one.how) == ("lab/base", 40, 2, "told")
    assert one.adapting is not None
    assert one.adapting.mid == pytest.approx(200)
    assert one.now == tipping(100_000, 200, 40)
    assert one.passed is True
    assert one.passed_at == 6
    assert one.avoided_low < one.now.avoided < one.avoided_high
    curve = one.curve()
    assert [point.average for point in curve] == sorted((point.average for point in curve), reverse=True)
    assert curve[0].average == pytest.approx(100_000)


def test_where_nothing_is_told_the_example_stands_in_and_only_for_rented_hardware() -> None:
    rental, owned = tips(saving("a", about(100_000)), saving("a", about(50_000, basis="amortised")))
    assert (rental.how, rental.adapting) == ("assumed", ASSUMED)
    assert rental.passed is True
    assert (owned.how, owned.adapting, owned.passed, owned.passed_at) == (None, None, None, None)
    assert owned.now.avoided == pytest.approx(40 / 41)


def test_a_base_cheaper_than_the_example_is_no_case_for_it() -> None:
    (one,) = tips(saving("a", about(500)))
    assert one.how is None


def test_what_surely_is_not_passed_is_said() -> None:
    found = Tally()
    found.add(saving("a", about(1e6, basis="amortised")), {"lab/base": {Relation.MERGE: 2}})
    (one,) = found.tips(ASSUMED)
    assert one.reuses == 2
    assert one.passed is False


def test_only_the_making_of_a_base_can_tip() -> None:
    assert tips(saving("a", about(10), kind="adapter"), saving("a", about(10), base=None)) == []


def test_costs_of_zero_at_the_low_end() -> None:
    wide = Estimate(0, 10_000, 20_000, "USD", "x", "rental")
    (one,) = tips(saving("a", wide, about(100)))
    assert one.avoided_low <= one.now.avoided


def test_one_line_for_each_base_in_rented_dollars_first() -> None:
    found = tips(
        saving("a", about(1e24, "FLOP", None)),
        saving("a", about(5e4, basis="amortised")),
        saving("a", about(1e5)),
        saving("b", about(1e22, "FLOP", None), base="lab/other"),
    )
    assert [(one.base, one.cost.basis, one.cost.unit) for one in told_in_short(found)] == [
        ("lab/base", "rental", "USD"),
        ("lab/other", None, "FLOP"),
    ]


def test_a_base_that_cost_nothing_has_no_tipping_view() -> None:
    nothing = Estimate(0, 0, 0, "USD", "made up", "rental")
    found = tally([saving("me/a", nothing)])
    assert found.tips(about(30, "USD", None)) == []
    assert [one.savings for one in found.totals()] == [1]
