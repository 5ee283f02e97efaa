from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.model.units import format_bytes, format_count, parse_count


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (None, "-"),
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.00 kB"),
        (999_499, "999 kB"),
        (999_500, "1.00 MB"),
        (704_989_410_962, "705 GB"),
        (12 * 10**12, "12.0 TB"),
        (10**18, "1000 PB"),
    ],
)
def test_sizes_read_in_decimal_units(size: int | None, text: str) -> None:
    assert format_bytes(size) == text


@pytest.mark.parametrize(
    ("count", "text"), [(None, "-"), (0, "0"), (7, "7"), (176_247_271_424, "176B"), (110_106_428, "110M")]
)
def test_counts_read_like_model_names(count: int | None, text: str) -> None:
    assert format_count(count) == text


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("7B", 7 * 10**9),
        ("1.5gb", 15 * 10**8),
        ("2 GiB", 2**31),
        ("300", 300),
        ("1e3", 1000),
        ("", None),
        ("B", None),
        ("7X", None),
        ("1.2.3", None),
    ],
)
def test_reads_counts_with_units(text: str, count: int | None) -> None:
    assert parse_count(text) == count


@given(st.integers(0, 10**16))
def test_a_printed_count_reads_back_within_its_three_digits(count: int) -> None:
    back = parse_count(format_count(count))
    assert back is not None
    assert abs(back - count) <= count * 0.0051
