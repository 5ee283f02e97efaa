from __future__ import annotations

from math import inf, isclose, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.economics import reuse

positive = st.floats(min_value=1e-3, max_value=1e12)
shares = st.lists(st.floats(min_value=0, max_value=0.99), min_size=1, max_size=5)


class TestArithmeticOfTraining:
    def test_a_full_fine_tune_is_6nde(self) -> None:
        assert reuse.full_finetune_flop(174.6e9, 300e9) == pytest.approx(3.1428e23)
        assert reuse.full_finetune_flop(7e9, 1e6, 3) == pytest.approx(3 * 6 * 7e15)

    @given(positive, positive, positive)
    def test_an_adapter_saves_a_third_whatever_its_size(self, n: float, d: float, e: float) -> None:
        full, adapter = reuse.full_finetune_flop(n, d, e), reuse.adapter_flop(n, d, e)
        assert isclose(1 - adapter / full, 1 / 3, rel_tol=1e-9)

    def test_alpaca_used_a_few_per_cent_of_its_hardware(self) -> None:
        flop = reuse.full_finetune_flop(6.74e9, 52_002 * 110, 3)
        assert reuse.utilisation(flop, 8, 3, 312e12) == pytest.approx(0.025744, rel=1e-4)


class TestKeeping:
    def test_a_hundred_adapters_of_llama_7b(self) -> None:
        assert reuse.as_copies(100, 13.48e9) == pytest.approx(1348e9)
        assert reuse.as_adapters(100, 13.48e9, 16.8e6) == pytest.approx(15.16e9)

    @given(st.integers(2, 10_000), positive, st.floats(0, 0.49))
    def test_adapters_are_fewer_bytes_once_there_are_two_small_ones(
        self, k: int, base: float, share: float
    ) -> None:
        assert reuse.as_adapters(k, base, base * share) < reuse.as_copies(k, base)

    def test_reading_a_token_takes_two_flop_a_parameter(self) -> None:
        assert reuse.inference_flop(7e9, 10) == 14e10


class TestPrompts:
    def test_the_reference_example(self) -> None:
        assert reuse.break_even_calls(600, 1000, 20) == pytest.approx(30_000)
        assert reuse.break_even_calls(600, 1000, 0.15) == pytest.approx(4e6)

    def test_tokens_of_alpaca(self) -> None:
        assert reuse.token_cost(25e6, 20) == pytest.approx(500)

    @given(positive, st.floats(1, 1e6), st.floats(1e-3, 1e3))
    def test_at_the_break_even_both_cost_the_same(self, cost: float, extra: float, price: float) -> None:
        calls = reuse.break_even_calls(cost, extra, price)
        assert isclose(reuse.token_cost(extra, price) * calls, cost, rel_tol=1e-9)


class TestFactors:
    def test_half_half_and_forty_per_cent_are_85(self) -> None:
        assert reuse.combined_reduction([0.5, 0.5, 0.4]) == pytest.approx(0.85)
        assert reuse.combined_reduction([]) == 0

    @given(shares)
    def test_at_least_the_largest_and_never_all(self, some: list[float]) -> None:
        together = reuse.combined_reduction(some)
        assert max(some) <= together < 1
        assert together <= sum(some) + 1e-12

    @given(shares.flatmap(lambda some: st.tuples(st.just(some), st.permutations(some))))
    def test_in_any_order(self, both: tuple[list[float], list[float]]) -> None:
        some, other = both
        assert isclose(reuse.combined_reduction(some), reuse.combined_reduction(other), abs_tol=1e-12)

    @pytest.mark.parametrize("share", [1, 1.5, -0.1, nan, inf])
    def test_no_share(self, share: float) -> None:
        with pytest.raises(ValueError, match="not a share"):
            reuse.combined_reduction([0.5, share])

    def test_a_reduction_is_negative_when_it_grew(self) -> None:
        assert reuse.reduction(100, 26) == pytest.approx(0.74)
        assert reuse.reduction(100, 150) == pytest.approx(-0.5)


class TestTipping:
    def test_the_base_alone(self) -> None:
        alone = reuse.tipping(100, 1, 0)
        assert (alone.total, alone.average, alone.avoided, alone.passed) == (100, 100, 0, False)

    @given(st.floats(1, 1e9), st.floats(0, 1), st.integers(0, 100_000))
    def test_parts_and_whole(self, base: float, share: float, k: int) -> None:
        one = reuse.tipping(base, base * share, k)
        assert isclose(one.average * (k + 1), one.total, rel_tol=1e-9)
        assert isclose(one.total, base + k * one.marginal, rel_tol=1e-9)
        assert isclose(one.avoided, 1 - one.total / ((k + 1) * base), abs_tol=1e-9)
        assert -1e-9 <= one.avoided < 1

    @given(st.floats(1, 1e9), st.floats(0, 0.99), st.integers(0, 10_000))
    def test_the_more_reuse_the_cheaper(self, base: float, share: float, k: int) -> None:
        now, later = reuse.tipping(base, base * share, k), reuse.tipping(base, base * share, k + 1)
        assert later.average <= now.average
        assert later.avoided >= now.avoided

    @given(st.floats(1, 1e9), st.floats(0, 1))
    def test_the_first_reuse_that_passes(self, base: float, share: float) -> None:
        first = reuse.reuses_to_pass(base, base * share)
        if first is None:
            assert not reuse.tipping(base, base * share, 100_000).passed
        else:
            assert reuse.tipping(base, base * share, first).passed
            assert first < 2 or not reuse.tipping(base, base * share, first - 2).passed

    def test_six_free_reuses(self) -> None:
        assert reuse.reuses_to_pass(1, 0) == 6
        assert reuse.reuses_to_pass(123_648, 600) == 6
        assert reuse.reuses_to_pass(100, 15) is None

    def test_what_alpaca_avoided(self) -> None:
        assert reuse.share_of(600, 82_432 * 1.5 + 600) == pytest.approx(0.00482905, rel=1e-5)


def test_the_lawyer_and_the_copy() -> None:
    person = reuse.expert_cost(200_000, 400_000)
    assert person == 600_000
    assert reuse.expert_ratio(person, 180) == pytest.approx(3333, rel=1e-3)


class TestYears:
    def test_figures_of_the_literature(self) -> None:
        assert reuse.decline_per_year(40_000, 30, 4) == pytest.approx(0.834512, rel=1e-5)
        assert reuse.decline_by_halving(16) == pytest.approx(0.405396, rel=1e-5)
        assert reuse.decline_by_magnitude(0.14) == pytest.approx(0.275564, rel=1e-5)
        assert reuse.after_decline(40_000, 0.45, 4) == pytest.approx(3660.25)
        assert reuse.growth_per_year(94e6, 530e9, 3.65) == pytest.approx(10.6589, rel=1e-4)

    @given(positive, st.floats(0.01, 0.99), st.floats(0.1, 20))
    def test_there_and_back(self, before: float, share: float, years: float) -> None:
        after = reuse.after_decline(before, share, years)
        assert isclose(reuse.decline_per_year(before, after, years), share, rel_tol=1e-6)
        assert isclose(reuse.growth_per_year(before, after, years), 1 - share, rel_tol=1e-6)


@pytest.mark.parametrize("value", [0, -1, nan, inf])
def test_what_has_no_meaning_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="not above 0"):
        reuse.full_finetune_flop(value, 1)
    with pytest.raises(ValueError, match="not above 0"):
        reuse.break_even_calls(600, 1000, value)


def test_counts_and_shares_below_zero_are_refused() -> None:
    with pytest.raises(ValueError, match="not a count"):
        reuse.tipping(1, 1, -1)
    with pytest.raises(ValueError, match="below 0"):
        reuse.as_copies(1, -1)
    with pytest.raises(ValueError, match="not a share"):
        reuse.after_decline(1, 1, 1)
