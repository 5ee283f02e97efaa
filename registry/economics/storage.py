"""Keeping, fetching and copying bytes: what it costs at a dated price, and how long it takes.

A price is per GB (10**9 bytes) or per GiB (2**30) and never leaves its unit: between the two lie 7.4 %,
more than most of our other errors. Storage is billed by the month; a year is twelve of them.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from importlib.resources import files
from math import ceil, isfinite
from types import MappingProxyType

from registry.errors import UsageError
from registry.model.estimate import Estimate, exact

UNITS = {"GB": 10**9, "GiB": 2**30}
"""Bytes in each unit a price may be for."""
MONTHS = 12

GRADUATED = "graduated"
VOLUME = "volume"
TIERINGS = (GRADUATED, VOLUME)
"""graduated: each tier's price is for the units within it; volume: that of the tier reached is for all."""


@dataclass(frozen=True, slots=True)
class Tier:
    """From `start` units on (decimal or binary as the price is) a month costs `usd_per_month` per unit."""

    start: float
    usd_per_month: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StoragePrice:
    """What a store asks, in USD per `unit`: per month of keeping, per fetch out of the class (`retrieval`)
    and per transfer out of the store (`egress`).

    usd_per_month: of the first tier; tiers: the further ones, from the smallest on. egress_free: units free
    of egress each month; egress_free_times: free as often as all that is stored. get_per_1000,
    put_per_1000: USD for a thousand requests. min_days: billed for at least so long. day: when the price
    held, ISO 8601, as exact as known; until: the last day it did. how_sure: `checked`, `secondary`,
    `general knowledge`, ...; storage and the rest may differ. `None`: nobody told.
    """

    id: str
    provider: str
    name: str
    usd_per_month: float
    unit: str
    day: str
    source: str
    how_sure: str
    tiers: tuple[Tier, ...] = ()
    tiering: str = GRADUATED
    retrieval: float | None = None
    egress: float | None = None
    egress_free: float = 0.0
    egress_free_times: float = 0.0
    get_per_1000: float | None = None
    put_per_1000: float | None = None
    min_days: int | None = None
    until: str | None = None

    def __post_init__(self) -> None:
        if self.unit not in UNITS:
            raise ValueError(f"unknown unit {self.unit!r}; a price is per {' or '.join(UNITS)}")
        if self.tiering not in TIERINGS:
            raise ValueError(f"unknown tiering {self.tiering!r}")
        starts = [tier.start for tier in self.tiers]
        if starts != sorted(set(starts)) or any(start <= 0 for start in starts):
            raise ValueError("tiers must start above 0, each above the one before")

    @property
    def per(self) -> str:
        """What the price is for, in words: `GiB-month`."""
        return f"{self.unit}-month"

    def units(self, size: int) -> float:
        """`size` bytes in the unit of this price."""
        return size / UNITS[self.unit]

    def month(self, size: int) -> float:
        """USD for keeping `size` bytes for a month."""
        units = size / UNITS[self.unit]
        if not self.tiers or units < self.tiers[0].start:
            return units * self.usd_per_month
        steps = (Tier(0.0, self.usd_per_month), *self.tiers)
        if self.tiering == VOLUME:
            return units * next(tier.usd_per_month for tier in reversed(steps) if units >= tier.start)
        ends = (*(tier.start for tier in self.tiers), units)
        return sum(
            max(0.0, min(end, units) - tier.start) * tier.usd_per_month
            for tier, end in zip(steps, ends, strict=True)
        )

    def fetch(self, size: int) -> float | None:
        """USD for taking `size` bytes out of the storage class once."""
        return None if self.retrieval is None else self.units(size) * self.retrieval

    def leave(self, size: int, stored: int | None = None) -> float | None:
        """USD for sending `size` bytes out of the store once, in a month without other traffic.

        stored: bytes kept there, which earn free egress with some; `None`: as much as is sent.
        """
        if self.egress is None:
            return None
        free = self.egress_free + self.egress_free_times * self.units(size if stored is None else stored)
        return max(0.0, self.units(size) - free) * self.egress


def monthly(size: int, price: StoragePrice) -> Estimate:
    """Keeping `size` bytes for a month, in `USD/month`."""
    return _priced(price.month(size), "USD/month", "bytes in the price's unit x price per month", price)


def yearly(size: int, price: StoragePrice) -> Estimate:
    """Keeping `size` bytes for a year, in `USD/year`."""
    formula = f"bytes in the price's unit x price per month x {MONTHS}"
    return _priced(price.month(size) * MONTHS, "USD/year", formula, price)


def retrieval(size: int, price: StoragePrice) -> Estimate | None:
    """Taking `size` bytes out of their storage class once, in `USD`; `None` where no price is known."""
    value = price.fetch(size)
    return None if value is None else _priced(value, "USD", "bytes in the price's unit x retrieval", price)


def egress(size: int, price: StoragePrice, stored: int | None = None) -> Estimate | None:
    """Sending `size` bytes out of the store once, in `USD`; `None` where no price is known."""
    value = price.leave(size, stored)
    formula = "(bytes in the price's unit - what is free each month) x egress"
    return None if value is None else _priced(value, "USD", formula, price)


def transfer(size: int, bits_per_second: float) -> float:
    """Seconds it takes to send `size` bytes over a link that is full all the time."""
    if not (isfinite(bits_per_second) and bits_per_second > 0):
        raise ValueError(f"not a bandwidth: {bits_per_second}")
    return size * 8 / bits_per_second


def _priced(value: float, unit: str, formula: str, price: StoragePrice) -> Estimate:
    told = f"{price.id}: {price.usd_per_month:g} USD per {price.per}, {price.day} ({price.how_sure})"
    return replace(exact(value, unit, formula, price.source), assumptions=(told,), priced=price.day)


# --- links ---------------------------------------------------------------------------------------

_PREFIXES = {"": 1, "k": 10**3, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_PREFIXES |= {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
_RATE = re.compile(
    r"\s*(?P<number>[0-9]+(?:[._][0-9]+)*(?:[eE][+-]?[0-9]{1,2})?)\s*"
    r"(?P<prefix>[kKMGT]i?)?(?P<what>bits?|bytes?|b|B)\s*(?:/\s*s(?:ec(?:ond)?)?|ps)\s*"
)
_FASTEST = 1e16
"""Bits per second; no cable and no network we know of carries more."""


def parse_bandwidth(text: str) -> float:
    """Bits per second of `1Gbit/s`, `500 Mbps`, `100 MB/s`, `2.5Gb/s`: `b` and `bit` are bits, `B` and
    `byte` bytes of eight; `M` is 10**6, `Mi` 2**20. Raises `UsageError` for anything else, and for speeds
    that no link has."""
    match = _RATE.fullmatch(text[:60])
    if match is None or len(text) > 60:
        raise UsageError(
            f"{text[:60]!r} is not a bandwidth", hint="write 1Gbit/s, 500Mbps or, in bytes, 100MB/s"
        )
    prefix = match["prefix"] or ""
    bits = 8 if match["what"] in ("B", "byte", "bytes") else 1
    speed = float(match["number"].replace("_", "")) * _PREFIXES[prefix] * bits
    if not 1 <= speed <= _FASTEST:
        raise UsageError(
            f"{text.strip()} is no bandwidth of a link", hint="it must be between 1 bit/s and 10 Pbit/s"
        )
    return speed


# --- weights -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class WeightFormat:
    """A way to write weights down. bits: of one weight with its share of the scales, exact."""

    name: str
    bits: Fraction
    source: str
    how_sure: str


@cache
def weight_formats() -> Mapping[str, WeightFormat]:
    """Every format by each of its names, in lower case."""
    found: dict[str, WeightFormat] = {}
    text = files("registry.economics").joinpath("data/weight_formats.csv").read_text("utf-8")
    for row in csv.DictReader(text.splitlines()):
        one = WeightFormat(row["name"], Fraction(row["bits"]), row["source"], row["how_sure"])
        found |= dict.fromkeys((row["name"], *filter(None, row["aliases"].split(";"))), one)
    return MappingProxyType(found)


def weight_format(name: str) -> WeightFormat:
    """The format of that name in any case. Raises `UsageError` naming those there are."""
    known = weight_formats()
    found = known.get(name.strip().lower().replace("-", "_")[:40])
    if found is None:
        names = ", ".join(dict.fromkeys(one.name for one in known.values()))
        raise UsageError(f"{name[:40]!r} is no format of weights", hint=f"known are {names}")
    return found


def bytes_as(parameters: int, dtype: str) -> int:
    """Bytes of that many weights in a format, rounded up: `bytes_as(176_247_271_424, "fp32")`. Files have
    headers and tables besides, which measured sizes include and this does not."""
    if parameters < 0:
        raise ValueError(f"negative number of parameters: {parameters}")
    return ceil(parameters * weight_format(dtype).bits / 8)
