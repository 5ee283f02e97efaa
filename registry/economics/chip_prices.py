"""What a chip-hour is rented for, and what a chip costs with its share of a server, by day.

The table (`data/chip_prices.csv`) is our own, of single list prices with their day and source. Where it has
no price of a chip, that of its family stands in, then the price at release (`data/hardware.csv`), then the
trend of price-performance; each is said, and makes the range wider.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cache
from importlib.resources import files
from math import exp, log

from registry.economics.buying import PLAIN_SPREAD, WIDE, aged, worn
from registry.economics.chips import Chip, Chips, load_chips
from registry.economics.defaults import Default, Defaults, load_defaults
from registry.economics.trends import DAYS_PER_YEAR
from registry.model.estimate import Estimate

OFFERS = "lowest to highest of the offers known"
LARGE = frozenset({"AWS", "Azure", "Google Cloud", "Oracle"})
"""Clouds that rent thousands of chips at once, and for years."""

_TREND_FROM = date(2020, 6, 1)
"""The day that the default `price_performance` is of."""

_SOON = 183
"""Days within which prices are of the same time: a page is found in an archive long after it went up. Who
commits for years chooses among what there is on the day."""


@dataclass(frozen=True, slots=True)
class ChipPrice:
    """What one vendor asked on a day, in USD, per chip-hour and per chip. server: the purchase price has the
    chip's share of a server in it (else it is of the chip alone)."""

    chip: str
    day: date
    usd_per_hour: float | None
    commit_1yr: float | None
    commit_3yr: float | None
    purchase: float | None
    vendor: str
    source: str
    how_sure: str
    server: bool = False

    @property
    def told(self) -> str:
        return f"{self.vendor} {self.day.isoformat()}: {self.source}"


@dataclass(frozen=True, slots=True)
class Acquisition:
    """price: USD for a chip with its share of a server; since: the day it could first be had for it."""

    price: Estimate
    since: date


class ChipPrices:
    """The prices known. `chips` knows whose family they are, `defaults` what is assumed without a price.
    last: the day of the newest price."""

    def __init__(
        self,
        rows: Iterable[ChipPrice],
        chips: Chips | None = None,
        defaults: Defaults | None = None,
        own: Iterable[ChipPrice] = (),
    ) -> None:
        self._chips = chips if chips is not None else load_chips()
        self._defaults = defaults if defaults is not None else load_defaults()
        self.own = tuple(self._named(row) for row in own)
        merged = {(row.chip, row.vendor, row.day): row for row in (*rows, *self.own)}
        self.rows = tuple(sorted(merged.values(), key=lambda row: (row.day, row.chip, row.vendor)))
        self._own_chips = frozenset(row.chip for row in self.own if row.purchase is not None)
        self.last = max((row.day for row in self.rows), default=date.min)
        self._by_chip: dict[str, list[ChipPrice]] = {}
        for row in self.rows:
            self._by_chip.setdefault(row.chip, []).append(row)
        self._family: dict[str, list[ChipPrice]] = {}
        for row in self.rows:
            chip = self._chips.find(row.chip)
            if chip is not None and chip.family and chip.family != "TPU":
                self._family.setdefault(chip.family, []).append(row)
        self._rented: dict[tuple[str, date, bool], Estimate | None] = {}
        self._bought: dict[tuple[str, date], Acquisition | None] = {}

    @classmethod
    def load(cls, extra: Iterable[ChipPrice] = ()) -> ChipPrices:
        """The shipped table with a user's rows, which win over ours of the same chip, vendor and day."""
        extra = tuple(extra)
        return cls(_shipped(), own=extra) if extra else _plain()

    def rental(self, chip: Chip, day: date, *, committed: bool = False) -> Estimate | None:
        """USD per chip-hour on a day. committed: for three years, else on demand.

        low to high are the offers of that time, from specialised clouds to large ones; mid is the geometric
        mean of the large clouds' commitments, or of all offers on demand. Of each vendor the last price
        before the day counts, or else its first.
        """
        key = (chip.name, day, committed)
        if key not in self._rented:
            self._rented[key] = self._rental(chip, day, committed)
        return self._rented[key]

    def purchase(self, chip: Chip, day: date) -> Estimate | None:
        """USD per chip with its share of a server when it came out, or at the user's own last price.

        The cheapest server on the first day there was one tells (large buyers pay less than the list), if
        that was within a year of the chip's release, or else that of its family; then a single chip with
        what a server adds.
        """
        bought = self.acquisition(chip, day)
        return bought.price if bought else None

    def acquisition(self, chip: Chip, day: date) -> Acquisition | None:
        """As `purchase`, with the day that the price is of, from which the chip loses value."""
        key = (chip.name, day)
        if key not in self._bought:
            self._bought[key] = self._acquisition(chip, day)
        return self._bought[key]

    def on_day(self, chip: Chip, day: date) -> Estimate | None:
        """USD per chip with its share of a server to somebody who buys on that day.

        The last price listed of this chip counts, else of its family; without any, its price at release
        less `depreciation`. As time goes by a price may have fallen by that much, which widens the range.
        """
        for rows, relative in self._listings(chip):
            before = [row for row in rows if row.day <= day]
            if before:
                last = max(before, key=lambda row: (row.day, -(row.purchase or 0.0)))
                near = [row for row in before if row.chip == last.chip and (last.day - row.day).days <= _SOON]
                prices = [self._with_server(chip, one) for one in (last, *near)]
                notes = [] if last.server else [self._overhead(chip).told]
                if relative:
                    notes.append(f"price of {last.chip} taken for {chip.name}")
                lost = self._defaults["depreciation"]
                return aged(prices, last.day, last.told, day, lost, notes, relative=relative)
        bought = self.acquisition(chip, day)
        if bought is None or bought.since >= day:
            return bought.price if bought else None
        return worn(chip.name, bought.price, bought.since, day, self._defaults["depreciation"])

    def _listings(self, chip: Chip) -> Iterator[tuple[list[ChipPrice], bool]]:
        if chip.name in self._own_chips:
            yield [row for row in self.own if row.chip == chip.name and row.purchase], False
            return
        yield [row for row in self._by_chip.get(chip.name, ()) if row.purchase], False
        if chip.family:
            yield [row for row in self._family.get(chip.family, ()) if row.purchase], True

    # --- rent ------------------------------------------------------------------------------------

    def _rental(self, chip: Chip, day: date, committed: bool) -> Estimate | None:
        for rows, note in self._lookups(chip):
            offers = list(_of_the_time(_by_vendor(rows, day), day, 0 if committed else _SOON))
            if offers:
                return self._asked(offers, committed, note)
        bought = self.acquisition(chip, day)
        if bought is None:
            return None
        rate = self._defaults["rental_per_purchase"]
        factor = self._defaults.value("commitment_3yr") if committed else 1.0
        price = bought.price
        return Estimate(
            price.low * rate.low * min(factor, 1.0),
            price.mid * rate.value * factor,
            price.high * rate.high,
            "USD/chip-hour",
            "price of a chip in its server x rental_per_purchase",
            None,
            (f"nobody lists {chip.name} for rent: {rate.told}", *price.assumptions),
            price.sources,
            WIDE,
            price.priced,
        )

    def _asked(self, offers: list[ChipPrice], committed: bool, note: str | None) -> Estimate:
        """One range out of the offers; a price for another commitment is converted, and said to be."""
        values = [self._price(row, committed) for row in offers]
        listed = [price for price, row in zip(values, offers, strict=True) if row.commit_3yr is not None]
        large = [price for price, row in zip(values, offers, strict=True) if row.vendor in LARGE]
        middle = (listed or large or values) if committed else values
        notes = [note] if note else []
        if committed and not listed:
            notes.append(f"no commitment listed: {self._defaults['commitment_3yr'].told}")
        return Estimate(
            min(values),
            min(max(exp(sum(map(log, middle)) / len(middle)), min(values)), max(values)),
            max(values),
            "USD/chip-hour",
            "three-year commitment" if committed else "on demand",
            None,
            tuple(notes),
            tuple(dict.fromkeys(row.told for row in offers)),
            OFFERS,
            max(row.day for row in offers).isoformat(),
        )

    def _price(self, row: ChipPrice, committed: bool) -> float:
        one, three = self._defaults.value("commitment_1yr"), self._defaults.value("commitment_3yr")
        hour, year, years = row.usd_per_hour, row.commit_1yr, row.commit_3yr
        on_demand = hour or (year / one if year else None) or (years or 0.0) / three
        if not committed:
            return on_demand
        return years or (year * three / one if year else on_demand * three)

    def _lookups(self, chip: Chip) -> Iterator[tuple[list[ChipPrice], str | None]]:
        """The chip's own rows for rent, then its family's."""
        yield [row for row in self._by_chip.get(chip.name, ()) if _rents(row)], None
        if chip.family:
            family = [row for row in self._family.get(chip.family, ()) if _rents(row)]
            yield family, f"rent of other {chip.family} chips taken for {chip.name}"

    # --- purchase --------------------------------------------------------------------------------

    def _acquisition(self, chip: Chip, day: date) -> Acquisition | None:
        own = [row for row in self._by_chip.get(chip.name, ()) if row.purchase]
        if chip.name in self._own_chips:
            mine = [row for row in self.own if row.chip == chip.name and row.purchase]
            before = [row for row in mine if row.day <= day] or mine[:1]
            return self._acquired(chip, max(before, key=lambda row: row.day), own)
        family = [row for row in self._family.get(chip.family, ()) if row.purchase] if chip.family else []
        launch = [row for row in own if row.server and _at_launch(row, chip)]
        servers = [row for row in family if row.server]
        for rows in (launch, servers, own):
            if rows:
                chosen = min(rows, key=lambda row: (row.day, row.purchase))
                return self._acquired(chip, chosen, own or family)
        if chip.price is not None and chip.released is not None:
            row = ChipPrice(chip.name, chip.released, None, None, None, chip.price, chip.maker,
                            chip.source, chip.how_sure)  # fmt: skip
            return self._acquired(chip, row, [row])
        if family:
            return self._acquired(chip, family[0], family)
        return self._from_trend(chip)

    def _acquired(self, chip: Chip, chosen: ChipPrice, rows: list[ChipPrice]) -> Acquisition:
        prices = [self._with_server(chip, row) for row in rows]
        mid = self._with_server(chip, chosen)
        notes = []
        if chosen.chip != chip.name:
            notes.append(f"price of {chosen.chip} taken for {chip.name}")
        if not chosen.server:
            notes.append(self._overhead(chip).told)
        price = Estimate(
            min(*prices, mid / PLAIN_SPREAD),
            mid,
            max(*prices, mid * PLAIN_SPREAD),
            "USD",
            "with its share of a server",
            None,
            tuple(notes),
            (chosen.told,),
            OFFERS,
            chosen.day.isoformat(),
        )
        return Acquisition(price, self._since(chip, chosen.day))

    def _since(self, chip: Chip, listed: date) -> date:
        """Not before outsiders could have the chip; the maker of a TPU is its user."""
        if chip.released is None or chip.family == "TPU":
            return listed
        return max(listed, chip.released + timedelta(days=self._defaults.value("release_lag_days")))

    def _with_server(self, chip: Chip, row: ChipPrice) -> float:
        price = row.purchase or 0.0
        return price if row.server else price * self._overhead(chip).value

    def _overhead(self, chip: Chip) -> Default:
        name = f"server_overhead_{chip.family}"
        return self._defaults[name if name in self._defaults else "server_overhead"]

    def _from_trend(self, chip: Chip) -> Acquisition | None:
        if chip.released is None:
            return None
        rate = self._defaults["price_performance"]
        peak, precision = chip.training_peak()
        years = (chip.released - _TREND_FROM).days / DAYS_PER_YEAR
        grown = 10 ** (self._defaults.value("hardware_trend") * years)
        price = Estimate(
            peak / (rate.high * grown),
            peak / (rate.value * grown),
            peak / (rate.low * grown),
            "USD",
            "peak arithmetic / price-performance of its year",
            None,
            (f"no price of {chip.name} is known: {rate.told}, at its {precision} peak",),
            (rate.source,),
            WIDE,
            chip.released.isoformat(),
        )
        return Acquisition(price, self._since(chip, chip.released))

    def _named(self, row: ChipPrice) -> ChipPrice:
        """A user's row under the name the chip has in our table, where it is in there."""
        chip = self._chips.find(row.chip)
        return row if chip is None or chip.name == row.chip else replace(row, chip=chip.name)


def _at_launch(row: ChipPrice, chip: Chip) -> bool:
    """A price from before long after the chip came out: what a chip loses in value is counted from then."""
    return chip.released is None or (row.day - chip.released).days <= DAYS_PER_YEAR


def _rents(row: ChipPrice) -> bool:
    return any(price is not None for price in (row.usd_per_hour, row.commit_1yr, row.commit_3yr))


def _by_vendor(rows: Iterable[ChipPrice], day: date) -> list[ChipPrice]:
    """Of each vendor and chip the last price before the day, or else its first. Rows are sorted by day."""
    found: dict[tuple[str, str], ChipPrice] = {}
    for row in rows:
        key = (row.vendor, row.chip)
        if key not in found or row.day <= day:
            found[key] = row
    return list(found.values())


def _of_the_time(rows: list[ChipPrice], day: date, ahead: int) -> Iterator[ChipPrice]:
    """The offers from before the day or at most some days ahead; when there were none, those nearest."""
    soon = [row for row in rows if (row.day - day).days <= ahead]
    if soon:
        yield from soon
        return
    nearest = min((abs((row.day - day).days) for row in rows), default=0)
    yield from (row for row in rows if abs((row.day - day).days) <= nearest + _SOON)


@cache
def _shipped() -> tuple[ChipPrice, ...]:
    text = files("registry.economics").joinpath("data/chip_prices.csv").read_text(encoding="utf-8")
    return tuple(_row(row) for row in csv.DictReader(text.splitlines()))


@cache
def _plain() -> ChipPrices:
    return ChipPrices(_shipped())


def _row(row: dict[str, str]) -> ChipPrice:
    hour, year, years, purchase = (
        float(row[name]) if row[name] else None
        for name in ("usd_per_hour", "commit_1yr", "commit_3yr", "purchase")
    )
    return ChipPrice(
        row["chip"],
        date.fromisoformat(row["day"]),
        hour,
        year,
        years,
        purchase,
        row["vendor"],
        row["source"],
        row["how_sure"],
        row["server"] == "yes",
    )
