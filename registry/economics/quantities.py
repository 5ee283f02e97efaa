"""Quantities, dates and codes as people and files write them, for the facts of a training run."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

from registry.model.training import absurdity
from registry.model.units import parse_count

PRECISIONS = ("fp64", "fp32", "tf32", "fp16", "bf16", "fp8", "fp4", "int8")
"""Number formats somebody trains in, as the tables of chips call them."""

FIRST_DAY = date(1950, 1, 1)
"""Nothing was trained before."""

DAYS_AHEAD = 366
"""A model may be announced so long before it comes out."""

FIRST_ASKED = date(1990, 1, 1)
"""There are no prices from before."""

YEARS_ASKED = 5
"""Nobody can say what things will cost later than so many years from now."""

LONGEST = 40
"""Characters of a number; longer ones are not quoted back."""

_GROUPED = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_CODED = re.compile(r"\b([A-Z]{3})\b")
_SIGNS = {"€": "EUR", "£": "GBP", "¥": "JPY", "₹": "INR", "₩": "KRW"}
_MONEY = frozenset({"training_cost"})


def quantity(name: str, called: str, text: str) -> float:
    """Read `366e9`, `366B`, `1,000` or, for money, `$4.6M`. called: what the user calls the quantity.

    Raises `ValueError` with the whole sentence: what was written, and why it cannot be.
    """
    body = text.strip()
    if name in _MONEY:
        body = _dollars(called, body)
    number = _number(body.replace(",", "") if _GROUPED.fullmatch(body) else body)
    if number is None:
        raise ValueError(f"{called}={shortened(text)} is not a number")
    reason = absurdity(name, number)
    if reason:
        raise ValueError(f"{called}={shortened(text)} {reason}")
    return number


def day(_: str, called: str, text: str) -> date:
    """Read a date, ISO 8601; a time behind it is cut off. Raises `ValueError` with the whole sentence."""
    try:
        moment = date.fromisoformat(text.strip()[:10])
    except ValueError:
        raise ValueError(f"{called}={shortened(text)} is not a date") from None
    if moment < FIRST_DAY:
        raise ValueError(f"{called}={shortened(text)} is before anything was trained ({FIRST_DAY.year})")
    if moment > _today() + timedelta(days=DAYS_AHEAD):
        raise ValueError(f"{called}={shortened(text)} lies more than a year ahead")
    return moment


def unpriced(moment: date) -> str | None:
    """Why no prices can be asked of a day, in words that follow it; `None` when they can."""
    if moment < FIRST_ASKED:
        return f"is before {FIRST_ASKED.year}, from when on prices are known"
    if moment.year > _today().year + YEARS_ASKED:
        return f"lies more than {YEARS_ASKED} years ahead: nobody can know its prices"
    return None


def _today() -> date:
    return datetime.now(UTC).date()


def precision(_: str, called: str, text: str) -> str:
    """Read a number format. Raises `ValueError` with the whole sentence."""
    found = text.strip().lower()
    if found not in PRECISIONS:
        raise ValueError(f"{called}={shortened(text)} is not one of {', '.join(PRECISIONS)}")
    return found


def currency(text: str) -> str:
    """`USD`, which is the only one there are prices in. Raises `ValueError` for another."""
    if text.strip().upper() not in ("USD", "US$", "$"):
        raise ValueError(f"unknown currency {shortened(text)}: costs are in USD")
    return "USD"


def shortened(text: str) -> str:
    """What was written, fit for a message."""
    body = text.strip()
    return body if len(body) <= LONGEST else f"{body[: LONGEST - 1]}…"


def _dollars(called: str, body: str) -> str:
    coded = _CODED.search(body)
    if coded and coded[1] not in ("USD", "NAN", "INF"):
        raise ValueError(f"{called}={shortened(body)}: unknown currency {coded[1]}, costs are in USD")
    sign = next((sign for sign in _SIGNS if sign in body), None)
    if sign:
        raise ValueError(f"{called}={shortened(body)}: unknown currency {_SIGNS[sign]}, costs are in USD")
    return body.replace("USD", "").replace("US$", "").replace("$", "").strip()


def _number(body: str) -> float | None:
    try:
        return float(body)
    except ValueError:
        count = parse_count(body)
    return None if count is None else float(count)
