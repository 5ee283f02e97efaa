"""Money and lengths of time as people read them; `-` for unknown."""

from __future__ import annotations

from math import floor, log10

_STEPS = ((365.25 * 86_400, "y"), (86_400, "d"), (3_600, "h"), (60, "min"))


def money(usd: float | None) -> str:
    """US dollars: `$181.21`, `$1,451,499`, `$0.0123` (three digits below a dollar), `$0`."""
    if usd is None:
        return "-"
    sign, size = ("-" if usd < 0 else ""), abs(usd)
    if size >= 9_999.5:
        return f"{sign}${size:,.0f}"
    if size >= 0.9995:
        return f"{sign}${size:,.2f}"
    if size == 0:
        return "$0"
    return f"{sign}${size:.{min(12, 2 - floor(log10(size)))}f}"


def duration(seconds: float | None) -> str:
    """A length of time in the largest unit it fills: `3.13 h`, `47 s`."""
    if seconds is None:
        return "-"
    for step, unit in _STEPS:
        if seconds >= step:
            value = seconds / step
            return f"{value:,.0f} {unit}" if value >= 99.5 else f"{value:.3g} {unit}"
    return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.2g} s"


def bandwidth(bits_per_second: float) -> str:
    """The speed of a link: `1 Gbit/s`."""
    for step, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if bits_per_second >= step:
            return f"{bits_per_second / step:.4g} {unit}bit/s"
    return f"{bits_per_second:.4g} bit/s"
