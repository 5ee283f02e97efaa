"""One row of a price list, checked: what the house ships and what users bring pass through the same door.

Every refusal is one sentence that names the file, the line, the value and what would be right.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from math import isfinite
from typing import TYPE_CHECKING

from registry.contract import TokenPrice
from registry.economics.storage import GRADUATED, TIERINGS, UNITS, StoragePrice, Tier
from registry.economics.tokens import ListedTokens
from registry.errors import BadSettings

if TYPE_CHECKING:
    from registry.economics.chip_prices import ChipPrice

CURRENCY = "USD"
OWN = "user's file"
"""How sure a row is that says nothing of it."""

_ID = re.compile(r"[^\s,;\x00-\x1f\x7f]{1,120}")
_DAY = re.compile(r"\d{4}(?:-\d{2}){0,2}")
_LONGEST = 1000
_MOST_TIERS = 20


@dataclass(frozen=True, slots=True)
class Bounds:
    """Between which a price of this kind lies; 0 is free. Beyond lies a slip of the unit: a price per TB
    where one per GB was meant is 1,000 times too high. hint: what the number is of."""

    least: float
    most: float
    hint: str


PER_MONTH = Bounds(1e-5, 2.0, "USD for one GB or GiB for one month")
PER_UNIT = Bounds(1e-5, 5.0, "USD for one GB or GiB")
PER_1000 = Bounds(1e-6, 10.0, "USD for 1,000 requests")
PER_MILLION = Bounds(1e-4, 5_000.0, "USD for one million tokens")
PER_HOUR = Bounds(0.005, 500.0, "USD for one chip for one hour")
PURCHASE = Bounds(5.0, 1e7, "USD for one chip")
FREE_UNITS = Bounds(1e-3, 1e9, "units of the price each month")
TIMES = Bounds(1e-2, 1_000.0, "times what is stored each month")
DAYS = Bounds(1.0, 3_650.0, "days")


@dataclass(frozen=True, slots=True)
class Entry:
    """One row as read. place: the file; line: of the row; lines: of single keys, where they differ."""

    values: Mapping[str, object]
    place: str
    line: int | None = None
    lines: Mapping[str, int] | None = None

    def wrong(self, key: str, what: str, *, hint: str | None = None) -> BadSettings:
        """The refusal, for the caller to raise."""
        line = (self.lines or {}).get(key, self.line)
        return BadSettings(f"{self.place}{f':{line}' if line else ''}: {what}", hint=hint)

    def known(self, *keys: str) -> None:
        """Refuse keys that mean nothing here."""
        for key in self.values:
            if key not in keys:
                near = get_close_matches(str(key)[:60], keys, 1)
                raise self.wrong(
                    str(key),
                    f"unknown key {str(key)[:60]!r}",
                    hint=f"did you mean {near[0]}?" if near else f"known are {', '.join(keys)}",
                )

    def text(self, key: str, default: str | None = None) -> str:
        """A text; without a default it must be there."""
        value = self.values.get(key)
        if value is None or value == "":
            if default is None:
                raise self.wrong(key, f"{key} is missing")
            return default
        if not isinstance(value, str) or len(value) > _LONGEST:
            raise self.wrong(key, f"{key} = {shown(value)} is not a text of at most {_LONGEST} characters")
        return value.strip()

    def number(self, key: str, bounds: Bounds) -> float | None:
        """A price, `None` where nothing is said. 0 means free."""
        value = self.values.get(key)
        if value is None or value == "":
            return None
        return self.checked(key, value, bounds)

    def required(self, key: str, bounds: Bounds) -> float:
        found = self.number(key, bounds)
        if found is None:
            raise self.wrong(key, f"{key} is missing", hint=f"it is {bounds.hint}")
        return found

    def checked(self, key: str, value: object, bounds: Bounds) -> float:
        """A value as a number within its bounds."""
        number = as_number(value)
        if number is None:
            raise self.wrong(key, f"{key} = {shown(value)} is not a number", hint=f"it is {bounds.hint}")
        reason = unlikely(number, bounds)
        if reason:
            raise self.wrong(key, f"{key} = {shown(value)} {reason}", hint=f"it is {bounds.hint}")
        return number

    def flag(self, key: str) -> bool:
        """`true` or `false`, which nothing said means."""
        value = self.values.get(key)
        said = {"": False, "false": False, "true": True}.get("" if value is None else str(value).lower())
        if said is not None and isinstance(value, bool | str | None):
            return said
        raise self.wrong(key, f"{key} = {shown(value)} is neither true nor false")

    def day(self, key: str) -> str | None:
        """A day, month or year in ISO 8601."""
        value = self.values.get(key)
        if value is None or value == "":
            return None
        text = value.isoformat()[:10] if isinstance(value, date) else str(value).strip()[:40]
        if not _DAY.fullmatch(text) or not _is_day(text):
            raise self.wrong(key, f"{key} = {text!r} is not a date", hint="write 2026-09-30, 2026-09 or 2026")
        return text

    def currency(self) -> None:
        """Refuse amounts in anything but USD: rates of exchange are nothing to guess."""
        told = self.text("currency", CURRENCY)
        if told != CURRENCY:
            raise self.wrong(
                "currency", f"unknown currency {told[:20]!r}", hint=f"prices are in {CURRENCY}; convert them"
            )

    def id(self, key: str = "id") -> str:
        told = self.text(key)
        if not _ID.fullmatch(told):
            raise self.wrong(key, f"{key} = {shown(told)} is no id: one word of at most 120 characters")
        return told


def unlikely(number: float, bounds: Bounds) -> str | None:
    """Why a number cannot be such a price, in words that follow it; `None` when it can."""
    if not isfinite(number):
        return "is not a finite number"
    if number < 0:
        return "is negative"
    if number > bounds.most:
        return f"is more than {bounds.most:g}, which nobody asks"
    if 0 < number < bounds.least:
        return f"is less than {bounds.least:g}, which nobody asks"
    return None


def shown(value: object) -> str:
    """A value as an error quotes it."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


_PROVENANCE = ("day", "until", "currency", "source", "how_sure")
STORAGE_KEYS = (
    *("id", "provider", "name", "usd_per_month", "unit", "tiers", "tiering", "retrieval", "egress"),
    *("egress_free", "egress_free_times", "get_per_1000", "put_per_1000", "min_days", *_PROVENANCE),
)
TOKEN_KEYS = ("id", "provider", "input", "output", *_PROVENANCE)
CHIP_KEYS = (
    *("chip", "day", "usd_per_hour", "commit_1yr", "commit_3yr", "purchase", "server", "vendor"),
    *("currency", "source", "how_sure"),
)


def storage_row(entry: Entry) -> StoragePrice:
    """A row of `[[storage]]`."""
    entry.known(*STORAGE_KEYS)
    entry.currency()
    id_ = entry.id()
    unit = entry.text("unit")
    if unit not in UNITS:
        raise entry.wrong(
            "unit", f"unknown unit {unit[:20]!r}", hint="GB is 10**9 bytes, GiB 2**30; a price is for either"
        )
    tiering = entry.text("tiering", GRADUATED)
    if tiering not in TIERINGS:
        raise entry.wrong("tiering", f"tiering = {tiering[:20]!r} is not one of {', '.join(TIERINGS)}")
    min_days = entry.number("min_days", DAYS)
    price = entry.required("usd_per_month", PER_MONTH)
    return StoragePrice(
        id=id_,
        provider=entry.text("provider", "own"),
        name=entry.text("name", id_),
        usd_per_month=price,
        unit=unit,
        day=_required_day(entry),
        source=entry.text("source"),
        how_sure=entry.text("how_sure", OWN),
        tiers=_tiers(entry),
        tiering=tiering,
        retrieval=entry.number("retrieval", PER_UNIT),
        egress=entry.number("egress", PER_UNIT),
        egress_free=entry.number("egress_free", FREE_UNITS) or 0.0,
        egress_free_times=entry.number("egress_free_times", TIMES) or 0.0,
        get_per_1000=entry.number("get_per_1000", PER_1000),
        put_per_1000=entry.number("put_per_1000", PER_1000),
        min_days=None if min_days is None else int(min_days),
        until=entry.day("until"),
    )


def token_row(entry: Entry) -> ListedTokens:
    """A row of `[[tokens]]`, in USD per million tokens."""
    entry.known(*TOKEN_KEYS)
    entry.currency()
    return ListedTokens(
        TokenPrice(
            entry.id(),
            entry.required("input", PER_MILLION),
            entry.required("output", PER_MILLION),
            _required_day(entry),
            entry.text("source"),
        ),
        entry.text("provider", "own"),
        entry.text("how_sure", OWN),
        entry.day("until"),
    )


def chip_row(entry: Entry) -> ChipPrice:
    """A row of `[[chip]]`, in USD per chip-hour and per chip; at least one price must be there."""
    from registry.economics.chip_prices import ChipPrice

    entry.known(*CHIP_KEYS)
    entry.currency()
    day = _required_day(entry)
    prices = (
        entry.number("usd_per_hour", PER_HOUR),
        entry.number("commit_1yr", PER_HOUR),
        entry.number("commit_3yr", PER_HOUR),
        entry.number("purchase", PURCHASE),
    )
    if not any(prices):
        raise entry.wrong("chip", "no price: usd_per_hour, commit_1yr, commit_3yr or purchase is needed")
    if 0 in prices:
        raise entry.wrong("chip", "a price of 0: no chip is free", hint="leave out what is not known")
    return ChipPrice(
        entry.text("chip"),
        first_day(day),
        *prices,
        vendor=entry.text("vendor", "own"),
        source=entry.text("source"),
        how_sure=entry.text("how_sure", OWN),
        server=entry.flag("server"),
    )


KINDS: Mapping[str, Callable[[Entry], object]] = {
    "storage": storage_row,
    "tokens": token_row,
    "chip": chip_row,
}


def first_day(day: str) -> date:
    """The first day of a day, month or year."""
    return date.fromisoformat(f"{day}-01-01"[:10])


def _required_day(entry: Entry) -> str:
    day = entry.day("day")
    if day is None:
        raise entry.wrong("day", "day is missing", hint="the day the price held; a month or year will do")
    return day


def _tiers(entry: Entry) -> tuple[Tier, ...]:
    """`[[50000, 0.016], ...]` in TOML, `50000:0.016;...` in CSV."""
    told = entry.values.get("tiers")
    if told is None or told == "":
        return ()
    pairs = [part.split(":") for part in told.split(";")] if isinstance(told, str) else told
    if not isinstance(pairs, list) or len(pairs) > _MOST_TIERS:
        raise entry.wrong("tiers", f"tiers = {shown(told)} is not a list of at most {_MOST_TIERS} tiers")
    tiers: list[Tier] = []
    for pair in pairs:
        if not isinstance(pair, list) or len(pair) != 2:
            raise entry.wrong("tiers", f"{shown(pair)} is no tier", hint="write [first unit, USD per month]")
        start = entry.checked("tiers", pair[0], FREE_UNITS)
        if start <= (tiers[-1].start if tiers else 0):
            raise entry.wrong("tiers", "each tier must start above the one before, the first above 0")
        tiers.append(Tier(start, entry.checked("tiers", pair[1], PER_MONTH)))
    return tuple(tiers)


def as_number(value: object) -> float | None:
    """A value as a file has it; `None` for what is no number, or one no float holds."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


def _is_day(text: str) -> bool:
    try:
        return first_day(text).year >= 2000
    except ValueError:
        return False
