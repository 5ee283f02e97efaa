"""Prices of keeping and fetching bytes, time to copy them, and how many a format takes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.economics.price_table import load_prices
from registry.economics.storage import (
    GRADUATED,
    UNITS,
    VOLUME,
    StoragePrice,
    Tier,
    bytes_as,
    egress,
    monthly,
    parse_bandwidth,
    retrieval,
    transfer,
    weight_formats,
    yearly,
)
from registry.errors import UsageError
from registry.model.estimate import EXACT

BLOOM = 176_247_271_424
TIB = 2**40


def price(**more: object) -> StoragePrice:
    told = {"id": "own", "provider": "own", "name": "Own", "usd_per_month": 0.02, "unit": "GB"}
    told |= {"day": "2026", "source": "test", "how_sure": "made up"}
    return StoragePrice(**{**told, **more})  # type: ignore[arg-type]


def storage(id_: str) -> StoragePrice:
    return load_prices().storage[id_]


class TestBloom:
    def test_in_fp32_a_year_on_s3_costs_what_the_article_says(self) -> None:
        size = bytes_as(BLOOM, "fp32")
        told = yearly(size, storage("s3-standard"))
        assert size == BLOOM * 4
        assert told.mid == pytest.approx(181.214, abs=5e-4)
        assert (told.low, told.high, told.interval) == (told.mid, told.mid, EXACT)
        assert (told.unit, told.priced) == ("USD/year", "2025-09")
        assert "GiB" in told.assumptions[0]
        assert "s3-standard" in told.assumptions[0]

    def test_gigabytes_are_not_gibibytes(self) -> None:
        size = bytes_as(BLOOM, "fp32")
        decimal = yearly(size, price(usd_per_month=0.023, unit="GB"))
        binary = yearly(size, price(usd_per_month=0.023, unit="GiB"))
        assert decimal.mid == pytest.approx(194.577, abs=5e-4)
        assert decimal.mid / binary.mid == pytest.approx(2**30 / 10**9)

    def test_as_shipped_it_is_half(self) -> None:
        assert yearly(bytes_as(BLOOM, "bf16"), storage("s3-standard")).mid == pytest.approx(90.607, abs=5e-4)

    def test_copying_takes_a_few_hours(self) -> None:
        assert transfer(704 * 10**9, 5e8) / 3600 == pytest.approx(3.12889, abs=1e-5)


class TestTiers:
    def test_graduated_tiers_price_what_lies_within_them(self) -> None:
        s3 = storage("s3-standard")
        assert s3.tiering == GRADUATED
        assert s3.month(50 * TIB) == pytest.approx(51_200 * 0.023)
        assert s3.month(60 * TIB) == pytest.approx(51_200 * 0.023 + 10_240 * 0.022)
        assert s3.month(600 * TIB) == pytest.approx(51_200 * 0.023 + 460_800 * 0.022 + 102_400 * 0.021)

    @pytest.mark.parametrize(
        ("terabytes", "usd_per_terabyte"), [(1, 18), (49.999, 18), (50, 16), (199, 16), (200, 14), (500, 12)]
    )
    def test_by_volume_the_tier_reached_prices_everything(
        self, terabytes: float, usd_per_terabyte: float
    ) -> None:
        hub = storage("hf-private")
        assert hub.tiering == VOLUME
        assert hub.month(int(terabytes * 10**12)) == pytest.approx(terabytes * usd_per_terabyte)

    def test_fifty_terabytes_in_public_cost_what_the_hub_lists(self) -> None:
        assert storage("hf-public").month(50 * 10**12) == pytest.approx(500)

    @given(st.integers(0, 10**16), st.integers(0, 10**16))
    def test_graduated_prices_only_rise(self, one: int, other: int) -> None:
        s3 = storage("s3-standard")
        less, more = sorted((one, other))
        assert s3.month(less) <= s3.month(more) + 1e-6

    @pytest.mark.parametrize("starts", [(0.0,), (5.0, 5.0), (7.0, 3.0)])
    def test_tiers_that_do_not_follow_are_refused(self, starts: tuple[float, ...]) -> None:
        with pytest.raises(ValueError, match="tiers"):
            price(tiers=tuple(Tier(start, 0.01) for start in starts))

    def test_what_is_no_unit_or_tiering_is_refused(self) -> None:
        with pytest.raises(ValueError, match="unit"):
            price(unit="TB")
        with pytest.raises(ValueError, match="tiering"):
            price(tiering="flat")


class TestFetching:
    def test_the_first_hundred_units_of_a_month_are_free(self) -> None:
        s3 = storage("s3-standard")
        assert s3.leave(100 * 2**30) == 0
        assert s3.leave(101 * 2**30) == pytest.approx(0.09)
        told = egress(200 * 2**30, s3)
        assert told is not None
        assert (told.mid, told.unit) == (pytest.approx(9.0), "USD")

    def test_egress_is_free_up_to_a_multiple_of_what_is_stored(self) -> None:
        b2 = storage("b2")
        assert b2.leave(10**12) == 0
        assert b2.leave(10 * 10**12, stored=10**12) == pytest.approx(7_000 * 0.01)

    def test_retrieval_from_an_archive_has_its_price(self) -> None:
        told = retrieval(2**40, storage("s3-deep-archive"))
        assert told is not None
        assert told.mid == pytest.approx(1024 * 0.02)

    def test_what_nobody_told_is_unknown(self) -> None:
        assert retrieval(1, price()) is None
        assert egress(1, price()) is None

    def test_nothing_costs_nothing(self) -> None:
        assert monthly(0, storage("s3-standard")).mid == 0


class TestBandwidth:
    @pytest.mark.parametrize(
        ("text", "bits"),
        [
            ("1Gbit/s", 1e9),
            ("1 Gbps", 1e9),
            ("1Gb/s", 1e9),
            ("500Mbit/s", 5e8),
            ("100 MB/s", 8e8),
            ("100MBps", 8e8),
            ("100 megabytes/s", None),
            ("2.5GiB/s", 2.5 * 2**33),
            ("9600bit/s", 9600),
            ("1kbit/s", 1000),
            ("3 bits/sec", 3),
            ("1Gbyte/s", 8e9),
            ("1e2Mbit/s", 1e8),
        ],
    )
    def test_bits_and_bytes_are_told_apart(self, text: str, bits: float | None) -> None:
        if bits is None:
            with pytest.raises(UsageError, match="not a bandwidth"):
                parse_bandwidth(text)
        else:
            assert parse_bandwidth(text) == pytest.approx(bits)

    @pytest.mark.parametrize(
        "text",
        [
            *("", "fast", "1", "1GB", "1Gbit", "-1Gbit/s", "0Mbit/s", "infGbit/s", "nanbit/s", "1e99Tbit/s"),
            *("1mbit/s", "1 G bit/s/s", "9" * 400 + "bit/s", "1..2bit/s", "0.1bit/s"),
        ],
    )
    def test_what_is_no_bandwidth_is_refused_in_one_line(self, text: str) -> None:
        with pytest.raises(UsageError) as caught:
            parse_bandwidth(text)
        assert "\n" not in caught.value.message
        assert len(caught.value.message) < 120
        assert caught.value.hint

    @pytest.mark.parametrize("speed", [0, -1, float("inf"), float("nan")])
    def test_no_link_has_no_speed(self, speed: float) -> None:
        with pytest.raises(ValueError, match="bandwidth"):
            transfer(1, speed)


class TestFormats:
    @pytest.mark.parametrize(
        ("name", "size"),
        [
            *(("fp32", 4), ("FP16", 2), ("bfloat16", 2), ("int8", 1), ("int4", 0.5), ("Q8_0", 1.0625)),
            *(("nf4", 0.516), ("q4_k_m", 0.61), ("Q4-K-M", 0.61), ("mxfp4", 0.53125), ("q6_k", 0.8203125)),
        ],
    )
    def test_bytes_of_a_weight(self, name: str, size: float) -> None:
        assert bytes_as(10**9, name) / 10**9 == pytest.approx(size, rel=1e-3)

    def test_half_a_byte_is_rounded_up(self) -> None:
        assert bytes_as(3, "int4") == 2
        assert bytes_as(0, "int4") == 0

    def test_large_counts_stay_exact(self) -> None:
        assert bytes_as(10**18 + 1, "fp32") == 4 * 10**18 + 4

    def test_no_such_format(self) -> None:
        with pytest.raises(UsageError, match="fp31") as caught:
            bytes_as(1, "fp31")
        assert "q4_k_m" in (caught.value.hint or "")
        with pytest.raises(ValueError, match="negative"):
            bytes_as(-1, "fp32")

    def test_every_format_says_where_its_width_is_from(self) -> None:
        formats = {one.name: one for one in weight_formats().values()}
        assert len(formats) >= 12
        assert all(one.source and one.how_sure and 0 < one.bits <= 64 for one in formats.values())


def test_units_are_what_they_say() -> None:
    assert UNITS == {"GB": 1_000_000_000, "GiB": 1_073_741_824}
