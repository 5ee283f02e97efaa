"""Money, times and speeds as people read them."""

from __future__ import annotations

import pytest

from registry.cli.figures import bandwidth, duration, money


@pytest.mark.parametrize(
    ("usd", "shown"),
    [
        (None, "-"),
        (0, "$0"),
        (181.2139, "$181.21"),
        (1_451_498.7, "$1,451,499"),
        (9_999.4, "$9,999.40"),
        (1, "$1.00"),
        (0.9996, "$1.00"),
        (0.01234, "$0.0123"),
        (0.00545, "$0.00545"),
        (-2.5, "-$2.50"),
        (1e-20, "$0.000000000000"),
    ],
)
def test_money(usd: float | None, shown: str) -> None:
    assert money(usd) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (None, "-"),
        (0, "0 s"),
        (0.35, "0.35 s"),
        (47.2, "47 s"),
        (90, "1.5 min"),
        (11_264, "3.13 h"),
        (3 * 86_400, "3 d"),
        (4.92e7, "1.56 y"),
        (1e12, "31,688 y"),
    ],
)
def test_durations(seconds: float | None, shown: str) -> None:
    assert duration(seconds) == shown


def test_speeds_are_in_bits() -> None:
    speeds = [1e9, 5e8, 8e8, 2.5e12, 9600, 300]
    assert [bandwidth(one) for one in speeds] == [
        *("1 Gbit/s", "500 Mbit/s", "800 Mbit/s", "2.5 Tbit/s", "9.6 kbit/s", "300 bit/s")
    ]
