"""What a chip costs somebody who buys it on a given day, out of an older price."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from registry.economics.defaults import Default
from registry.economics.trends import DAYS_PER_YEAR
from registry.model.estimate import Estimate

WIDE = "the range other chips lie in"
AGED = "low: as much cheaper as newer chips may have made it since; both ends: as far as lists differ"

PLAIN_SPREAD = 1.25
"""Over and under a purchase price of which there is one alone."""
RELATIVE_SPREAD = 1.5
"""Over and under the price of another chip of the family."""

_OLD = 183
"""Days after which a price is said to be old."""

_SHARE = "with its share of a server"


def aged(
    prices: Sequence[float],
    listed: date,
    source: str,
    day: date,
    depreciation: Default,
    notes: Sequence[str],
    *,
    relative: bool,
) -> Estimate:
    """The last price listed, as it stands: lists rarely fall. That it may have, by all that newer chips do
    better, is in the range.

    prices: USD with a server, the first the last one, listed on that day by that source, then others of about
    that day. relative: of another chip of the family.
    """
    years = (day - listed).days / DAYS_PER_YEAR
    fallen = 10 ** (-depreciation.high * years)
    wide = RELATIVE_SPREAD if relative else PLAIN_SPREAD
    mid = prices[0]
    if (day - listed).days > _OLD:
        notes = [*notes, f"the last price known is of {listed.isoformat()}: it may have fallen since"]
    return Estimate(
        min(*prices, mid / wide) * fallen,
        mid,
        max(*prices, mid * wide),
        "USD",
        _SHARE,
        None,
        tuple(notes),
        (source,),
        AGED,
        listed.isoformat(),
    )


def worn(chip: str, price: Estimate, since: date, day: date, depreciation: Default) -> Estimate:
    """The price at release after the years since then, for a chip that nobody has listed."""
    years = (day - since).days / DAYS_PER_YEAR
    said = f"no price of {chip} before that day is listed: its price at release less {depreciation.told}"
    return Estimate(
        price.low * 10 ** (-depreciation.high * years),
        price.mid * 10 ** (-depreciation.value * years),
        price.high * 10 ** (-depreciation.low * years),
        "USD",
        f"{_SHARE}, less what it lost since its release",
        None,
        (said, *price.assumptions),
        price.sources,
        WIDE,
        price.priced,
    )
