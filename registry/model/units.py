"""Units as people read them. Sizes are integers in bytes; GB is 10**9 and GiB 2**30, never mixed."""

from __future__ import annotations

_DECIMAL = ((10**15, "PB"), (10**12, "TB"), (10**9, "GB"), (10**6, "MB"), (10**3, "kB"))
_COUNTS = ((10**12, "T"), (10**9, "B"), (10**6, "M"), (10**3, "K"))


def format_bytes(size: int | None) -> str:
    """A size in decimal units with three significant digits: `705 GB`; `-` for unknown."""
    return _scaled(size, _DECIMAL, " ", "B")


def format_count(count: int | None) -> str:
    """A count the way model names write it: `176B`, `1.04M`; `-` for unknown."""
    return _scaled(count, _COUNTS, "", "")


def parse_count(text: str) -> int | None:
    """Read `7B`, `1.5GB`, `300M` or a plain integer; `None` when it is neither.

    `B` is 10**9 as in model names, and so is `GB`; binary units (`GiB`) are powers of 1024.
    """
    units = {"": 1, "K": 10**3, "M": 10**6, "B": 10**9, "T": 10**12}
    units |= {"KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12, "PB": 10**15}
    units |= {"KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40}
    body = text.strip().upper()
    digits = body.rstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ ")
    unit = body[len(digits) :].strip()
    if not digits or unit not in units:
        return None
    try:
        return round(float(digits) * units[unit])
    except (ValueError, OverflowError):
        return None


def _scaled(value: int | None, scale: tuple[tuple[int, str], ...], gap: str, base: str) -> str:
    if value is None:
        return "-"
    for step, unit in scale:
        # 999.5 of a unit would print as 1000 of it: hand it to the next unit up.
        if value >= step * 0.9995:
            return f"{_three_digits(value / step)}{gap}{unit}"
    return f"{value}{gap if base else ''}{base}"


def _three_digits(number: float) -> str:
    if number >= 99.95:
        return f"{number:.0f}"
    return f"{number:.1f}" if number >= 9.995 else f"{number:.2f}"
