from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from registry.economics.buying import AGED, WIDE
from registry.economics.chip_prices import OFFERS, ChipPrice, ChipPrices
from registry.economics.chips import Chip, Chips, load_chips
from registry.economics.defaults import load_defaults

ROW = ChipPrice("A100 80GB", date(2024, 1, 1), 2.0, None, None, None, "Ours", "contract 7", "checked")


def chip(name: str) -> Chip:
    found = load_chips().find(name)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def prices() -> ChipPrices:
    return ChipPrices.load()


def test_every_shipped_row_is_of_a_known_chip_and_says_where_it_is_from(prices: ChipPrices) -> None:
    chips = load_chips()
    for row in prices.rows:
        assert chips.find(row.chip) is not None, row.chip
        assert row.source
        assert row.how_sure in ("checked", "secondary", "general knowledge", "inferred")
        values = [
            value for value in (row.usd_per_hour, row.commit_1yr, row.commit_3yr, row.purchase) if value
        ]
        assert values
        assert all(value > 0 for value in values)
        if row.commit_3yr and row.usd_per_hour:
            assert row.commit_3yr < row.usd_per_hour


def test_the_table_stays_small(prices: ChipPrices) -> None:
    assert len(prices.rows) < 120  # single facts, no copy of somebody's table


def test_load_without_rows_is_read_once() -> None:
    assert ChipPrices.load() is ChipPrices.load()


def test_on_demand_runs_from_specialised_to_large_clouds(prices: ChipPrices) -> None:
    rent = prices.rental(chip("A100 80GB"), date(2023, 3, 13))
    assert rent is not None
    assert (rent.low, rent.high) == (1.5, 5.12)
    assert rent.low < rent.mid < rent.high
    assert rent.unit == "USD/chip-hour"
    assert rent.interval == OFFERS
    assert rent.priced == "2023-05-23"


def test_of_a_vendor_the_last_price_before_the_day_counts(prices: ChipPrices) -> None:
    early = prices.rental(chip("A100 40GB"), date(2022, 9, 1))
    late = prices.rental(chip("A100 40GB"), date(2024, 9, 1))
    assert early is not None
    assert late is not None
    assert (early.low, late.low) == (1.10, 1.29)


def test_before_any_offer_the_first_ones_count(prices: ChipPrices) -> None:
    rent = prices.rental(chip("TPU v4"), date(2020, 1, 1), committed=True)
    assert rent is not None
    assert rent.mid == 1.45


def test_committed_takes_listed_commitments(prices: ChipPrices) -> None:
    rent = prices.rental(chip("TPU v3"), date(2021, 1, 1), committed=True)
    assert rent is not None
    assert rent.mid == 0.90
    assert rent.assumptions == ()


def test_without_a_commitment_listed_the_usual_discount_is_told(prices: ChipPrices) -> None:
    rent = prices.rental(chip("B200"), date(2025, 9, 1), committed=True)
    assert rent is not None
    assert rent.mid == pytest.approx(14.24 * 0.44)
    assert any("commitment_3yr" in text for text in rent.assumptions)


def test_a_one_year_commitment_is_converted() -> None:
    row = replace(ROW, usd_per_hour=None, commit_1yr=1.32)
    rent = ChipPrices([], own=[row]).rental(chip("A100 80GB"), date(2024, 6, 1))
    committed = ChipPrices([], own=[row]).rental(chip("A100 80GB"), date(2024, 6, 1), committed=True)
    assert rent is not None
    assert committed is not None
    assert rent.mid == pytest.approx(1.32 / 0.66)
    assert committed.mid == pytest.approx(1.32 * 0.44 / 0.66)


def test_a_three_year_commitment_alone_tells_the_price_on_demand() -> None:
    row = replace(ROW, usd_per_hour=None, commit_3yr=0.88)
    rent = ChipPrices([], own=[row]).rental(chip("A100 80GB"), date(2024, 6, 1))
    assert rent is not None
    assert rent.mid == pytest.approx(2.0)


def test_the_family_stands_in_and_it_is_said(prices: ChipPrices) -> None:
    rent = prices.rental(chip("NVIDIA A800 SXM"), date(2023, 9, 1))
    assert rent is not None
    assert rent.assumptions == ("rent of other A100 chips taken for NVIDIA A800 SXM",)


def test_a_chip_nobody_rents_is_taken_by_its_price(prices: ChipPrices) -> None:
    rent = prices.rental(chip("GTX 580"), date(2013, 1, 1))
    committed = prices.rental(chip("GTX 580"), date(2013, 1, 1), committed=True)
    assert rent is not None
    assert committed is not None
    assert rent.mid == pytest.approx(499 * 1.64 * 1.5e-4)
    assert committed.mid == pytest.approx(rent.mid * 0.44)
    assert rent.interval == WIDE
    assert any("nobody lists" in text for text in rent.assumptions)


def test_purchase_is_the_server_of_the_launch(prices: ChipPrices) -> None:
    bought = prices.acquisition(chip("A100 40GB"), date(2023, 1, 1))
    assert bought is not None
    assert bought.price.mid == 24_875
    assert bought.since == date(2020, 8, 12)  # 90 days after its release


def test_a_later_server_of_the_same_family_does_not_count_as_launch(prices: ChipPrices) -> None:
    bought = prices.purchase(chip("A100 80GB"), date(2023, 1, 1))
    assert bought is not None
    assert bought.mid == 24_875
    assert "price of NVIDIA A100 SXM4 40 GB taken for NVIDIA A100 SXM4 80 GB" in bought.assumptions


def test_a_single_chip_gets_its_share_of_a_server(prices: ChipPrices) -> None:
    bought = prices.acquisition(chip("TPU v3"), date(2020, 1, 1))
    assert bought is not None
    assert bought.price.mid == pytest.approx(5276 * 1.64)
    assert bought.since == date(2018, 5, 18)  # its maker is its user
    assert any("server_overhead" in text for text in bought.price.assumptions)


def test_the_price_at_release_comes_next(prices: ChipPrices) -> None:
    bought = prices.purchase(chip("RTX 4080"), date(2024, 1, 1))
    assert bought is not None
    assert bought.mid == pytest.approx(1199 * 1.64)


def test_without_any_price_the_trend_of_its_year_and_a_wide_range(prices: ChipPrices) -> None:
    bought = prices.purchase(chip("Ascend 910"), date(2021, 1, 1))
    assert bought is not None
    assert bought.interval == WIDE
    assert bought.high / bought.low == pytest.approx(10)
    assert any("no price of Huawei Ascend 910 is known" in text for text in bought.assumptions)


def test_no_date_and_no_price_is_unknown(prices: ChipPrices) -> None:
    undated = replace(chip("Ascend 910"), name="x", released=None)
    assert prices.purchase(undated, date(2021, 1, 1)) is None
    assert prices.rental(undated, date(2021, 1, 1)) is None


def test_own_rows_win_on_the_same_chip_vendor_and_day() -> None:
    ours = replace(
        ROW, chip="NVIDIA A100 SXM4 80 GB", vendor="Lambda", day=date(2023, 2, 2), usd_per_hour=9.0
    )
    merged = ChipPrices.load([ours])
    same = [
        row for row in merged.rows if (row.chip, row.vendor, row.day) == (ours.chip, ours.vendor, ours.day)
    ]
    assert same == [ours]
    assert len(merged.rows) == len(ChipPrices.load().rows)


def test_own_rows_are_known_by_alias() -> None:
    merged = ChipPrices.load([ROW])
    rent = merged.rental(chip("NVIDIA A100 SXM4 80 GB"), date(2024, 6, 1))
    assert rent is not None
    assert "Ours 2024-01-01: contract 7" in rent.sources


def test_an_own_purchase_price_wins_over_the_launch() -> None:
    rows = [
        replace(ROW, usd_per_hour=None, purchase=10_000.0, day=date(2022, 1, 1)),
        replace(ROW, usd_per_hour=None, purchase=8_000.0, day=date(2024, 1, 1), server=True),
    ]
    prices = ChipPrices.load(rows)

    def paid(day: date) -> float:
        bought = prices.purchase(chip("A100 80GB"), day)
        assert bought is not None
        return bought.mid

    assert paid(date(2023, 1, 1)) == pytest.approx(10_000 * 1.66)
    assert paid(date(2025, 1, 1)) == 8_000
    assert paid(date(2020, 1, 1)) == pytest.approx(10_000 * 1.66)


def test_rows_of_a_chip_we_do_not_know_do_no_harm() -> None:
    prices = ChipPrices.load([replace(ROW, chip="Abacus 3000")])
    assert prices.rental(chip("H100"), date(2024, 1, 1)) == ChipPrices.load().rental(
        chip("H100"), date(2024, 1, 1)
    )


def test_other_defaults_give_other_prices(prices: ChipPrices) -> None:
    other = ChipPrices(prices.rows, defaults=load_defaults().replaced({"server_overhead": 2.0}))
    bought = other.purchase(chip("TPU v3"), date(2020, 1, 1))
    assert bought is not None
    assert bought.mid == 5276 * 2


def test_a_table_of_its_own_knows_only_its_chips() -> None:
    only = Chips([chip("H100")])
    assert ChipPrices([], chips=only).purchase(chip("H100"), date(2024, 1, 1)) is not None


def test_on_a_day_the_last_price_of_the_chip_counts(prices: ChipPrices) -> None:
    h100 = chip("NVIDIA H100 SXM5 80GB")
    early, late = prices.on_day(h100, date(2022, 12, 1)), prices.on_day(h100, date(2023, 6, 1))
    assert early is not None
    assert late is not None
    assert (early.mid, late.mid) == (44_490, 33_750)
    assert late.assumptions == ()
    assert late.low == pytest.approx(33_750 / 1.25, rel=2e-2)
    old = prices.on_day(h100, date(2026, 6, 1))
    assert old is not None
    assert old.mid == 33_750
    assert old.low == pytest.approx(33_750 / 1.25 * 10 ** (-0.18 * 3), rel=1e-2)
    assert old.interval == AGED


def test_on_a_day_a_relative_stands_in_and_is_wider(prices: ChipPrices) -> None:
    a800, a100 = chip("NVIDIA A800 SXM"), chip("A100 80GB")
    relative, exact = (prices.on_day(one, date(2023, 10, 1)) for one in (a800, a100))
    assert relative is not None
    assert exact is not None
    assert relative.mid == exact.mid == 18_549
    assert relative.high / relative.low > exact.high / exact.low
    assert "price of NVIDIA A100 SXM4 80 GB taken for NVIDIA A800 SXM" in relative.assumptions
    before = prices.on_day(a100, date(2022, 1, 1))
    assert before is not None
    assert before.mid == 24_875  # of its family: its own came later


def test_on_a_day_a_chip_never_listed_has_lost_value_since_its_release(prices: ChipPrices) -> None:
    old, new = chip("GTX 580"), prices.acquisition(chip("GTX 580"), date(2013, 1, 1))
    assert new is not None
    worn = prices.on_day(old, date(2021, 1, 1))
    assert worn is not None
    years = (date(2021, 1, 1) - new.since).days / 365.25
    assert worn.mid == pytest.approx(new.price.mid * 10 ** (-0.14 * years))
    assert worn.low < worn.mid < worn.high
    assert worn.assumptions[0].startswith(f"no price of {old.name} before that day is listed")
    assert prices.on_day(old, date(2000, 1, 1)) == new.price


def test_on_a_day_own_prices_win() -> None:
    rows = [replace(ROW, purchase=9_000.0, server=True), replace(ROW, purchase=8_000.0, day=date(2025, 1, 1))]
    own = ChipPrices.load(rows)
    bought = own.on_day(chip("A100 80GB"), date(2025, 2, 1))
    assert bought is not None
    assert bought.mid == pytest.approx(8_000 * 1.66)
    assert any("server_overhead_A100" in text for text in bought.assumptions)
