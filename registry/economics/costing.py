"""Chip-hours of a run and what they cost, on each of three bases that are never mixed.

rental: chip-hours x rent. amortised: what the hardware loses in value during the run, with the network of the
cluster, and the energy (Cottier et al. 2024, arXiv 2405.21015). purchase: all chips with servers and network.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from math import exp, hypot, log, log10

from registry.economics.chip_prices import OFFERS, ChipPrices
from registry.economics.chips import Chip
from registry.economics.defaults import RANGE
from registry.economics.routes import YEAR, YEAR_SIZED, Knowledge, chip_hours_told, year_formula
from registry.economics.spreads import Spread
from registry.economics.trends import DAYS_PER_YEAR, in_years
from registry.model.estimate import Basis, Estimate, exact
from registry.model.training import TrainingInputs

HOURS = "hours"
_HOURS_PER_YEAR = 8766.0
_EARLIEST = 20.0
"""Years before its release that a TPU is taken to have been worth more."""
_OLDEST = 100.0
"""Years after which a chip loses no more: what a date of the year 9999 leaves would be no cost at all."""
COST_MONEY = 2025
"""The year whose money Epoch AI's column "2023 USD" turns out to be in (docs/costs.md)."""
_PAPER = "Cottier et al. 2024, arXiv 2405.21015"


@dataclass(frozen=True, slots=True)
class When:
    """start: of the run; ordered: when its hardware was rented or bought; year: of its electricity.
    money: what turns prices of that time into USD of money_year, 1 where a day was asked for.
    assumed: what was assumed to tell them. asked: whether a day was asked for."""

    start: date
    ordered: date
    year: int
    money_year: int
    money: float = 1.0
    assumed: tuple[str, ...] = ()
    asked: bool = False

    @property
    def factor(self) -> str:
        """What a formula says of the money."""
        if self.asked:
            return ""
        return f" x {self.money:.3f} (USD of {self.year} in USD of {self.money_year})"


def dates(inputs: TrainingInputs, at: date | None, known: Knowledge) -> When | None:
    """When a run took place, or would at `at`; `None` when nobody told.

    Costs of runs of all years are in the money of one, as sums and comparisons need; those asked for a day
    are in the money of that day.
    """
    if at is not None:
        return When(at, at, at.year, at.year, asked=True)
    if inputs.published is None:
        return None
    defaults = known.defaults
    year = inputs.published.year
    money_year = int(defaults.value("money_year"))
    then, now = defaults.price_level(year), defaults.price_level(money_year)
    money = now.value / then.value
    assumed: tuple[str, ...] = (f"USD of {year} x {money:.3f}: USD of {money_year} ({now.source})",)
    if inputs.training_hours is None:
        assumed += (defaults["run_days"].told,)
        run = timedelta(days=defaults.value("run_days"))
    else:
        run = timedelta(hours=min(inputs.training_hours, 50_000))
    start = _before(inputs.published, run + timedelta(days=defaults.value("publication_lag_days")))
    ordered = _before(start, timedelta(days=defaults.value("order_lag_days")))
    return When(start, ordered, year, money_year, money, assumed)


def chip_hours(
    inputs: TrainingInputs, chip: Chip | None, route: str | None, flop: Estimate | None, known: Knowledge
) -> tuple[str | None, Estimate | None]:
    """Chip-hours, and the way to them: `hours` as told, or the route to the FLOP they are worked out from."""
    told = chip_hours_told(inputs)
    if told is not None:
        formula = "chip-hours, as told" if inputs.chip_hours is not None else "chips x hours"
        sources = tuple(
            inputs.told[name]
            for name in ("chip_hours", "hardware_quantity", "training_hours")
            if name in inputs.told
        )
        return HOURS, exact(told, "chip-hour", formula, *sources)
    if chip is None or flop is None:
        return None, None
    peak, precision = chip.training_peak(inputs.precision)
    used, fewer, more, assumed, meaning = _utilisation(inputs, flop, known)
    mid = flop.mid / max(peak * used, 1.0) / 3600
    return route, Estimate(
        mid / _together(flop.mid / flop.low, fewer),
        mid,
        mid * _together(flop.high / flop.mid, more),
        "chip-hour",
        "FLOP / (peak x MFU x 3600)",
        None,
        (*flop.assumptions, f"peak of {chip.name}: {peak:.4g} FLOP/s ({precision}, dense)", *assumed),
        _all(flop.sources, (chip.source,)),
        meaning if flop.low == flop.high else flop.interval,
    )


def _utilisation(
    inputs: TrainingInputs, flop: Estimate, known: Knowledge
) -> tuple[float, float, float, tuple[str, ...], str]:
    """MFU; by which factors chip-hours may be fewer and more; what was assumed; what the range means."""
    defaults, spreads = known.defaults, known.spreads
    if inputs.utilisation is not None:
        spread = spreads["hours.flop.mfu"]
        return inputs.utilisation, 10**-spread.low, 10**spread.high, (), spread.told
    if inputs.base_model is not None and flop.mid < defaults.value("short_run_flop"):
        short = defaults["mfu_finetune"]
        return short.value, short.high / short.value, short.value / short.low, (short.told,), RANGE
    usual, spread = defaults["mfu_for_hours"], spreads["hours.flop"]
    return usual.value, 10**-spread.low, 10**spread.high, (usual.told,), spread.told


def rental(hours: Estimate, chip: Chip, when: When, prices: ChipPrices, known: Knowledge) -> Estimate | None:
    """Chip-hours at what clouds ask: with a three-year commitment, or on demand when the run is so short
    that nobody commits for it."""
    committed = hours.mid >= known.defaults.value("commitment_from")
    price = prices.rental(chip, when.ordered if committed else when.start, committed=committed)
    if price is None:
        return None
    down, up, meaning = price.mid / price.low, price.high / price.mid, price.interval
    if committed and price.interval == OFFERS:
        spread = known.spreads["cost.rental"]
        down, up, meaning = 10**-spread.low, 10**spread.high, spread.told
    mid = hours.mid * price.mid * when.money
    return Estimate(
        mid / _together(hours.mid / hours.low, down),
        mid,
        mid * _together(hours.high / hours.mid, up),
        "USD",
        f"chip-hours x {price.mid:.4g} USD ({price.formula}){when.factor}",
        Basis.RENTAL,
        _all(hours.assumptions, price.assumptions, when.assumed),
        _all(hours.sources, price.sources),
        meaning if hours.low == hours.high else hours.interval,
        price.priced,
        when.money_year,
    )


def amortised(
    way: str,
    hours: Estimate,
    chip: Chip,
    energy: Estimate | None,
    when: When,
    prices: ChipPrices,
    known: Knowledge,
    flop: Estimate | None = None,
) -> Estimate | None:
    """Loss of value of the chips used, in servers and a network, and the energy."""
    bought = prices.acquisition(chip, when.ordered)
    if bought is None:
        return None
    defaults = known.defaults
    rate = defaults.value("depreciation")
    start = when.start if chip.family == "TPU" else max(when.start, bought.since)
    years = min(max((start - bought.since).days / DAYS_PER_YEAR, -_EARLIEST), _OLDEST)
    value = bought.price.mid * 10 ** (-rate * years)
    worn = hours.mid * value * rate * log(10) / _HOURS_PER_YEAR / (1 - defaults.value("interconnect"))
    if energy is not None:
        electricity = defaults.electricity(when.year)
        mid = worn + energy.mid * electricity.value
        told = electricity.told
    else:
        share = defaults["energy_share"]
        mid = worn / (1 - share.value)
        told = share.told
    mid *= when.money
    spread, down, up = _spread("cost.amortised", way, flop, known)
    if bought.price.interval != OFFERS:  # no price of this chip is known: its own range comes on top
        down = _together(down, bought.price.mid / bought.price.low)
        up = _together(up, bought.price.high / bought.price.mid)
    return Estimate(
        mid / down,
        mid,
        mid * up,
        "USD",
        f"(chip-hours x value x depreciation / (1 - interconnect) + kWh x electricity){when.factor}",
        Basis.AMORTISED,
        _all(
            hours.assumptions,
            bought.price.assumptions,
            (defaults["depreciation"].told, defaults["interconnect"].told, told),
            when.assumed,
        ),
        _all(hours.sources, bought.price.sources, (_PAPER,)),
        _meaning(spread, way, flop),
        start.isoformat(),
        when.money_year,
    )


def _spread(kind: str, way: str, flop: Estimate | None, known: Knowledge) -> tuple[Spread, float, float]:
    """How far a cost may be lower and higher, by the way it was worked out: measured for chip-hours and for
    FLOP that were told, and for a year alone. Where FLOP were worked out, their range comes on top."""
    if way == YEAR:
        sized = flop is not None and flop.formula == year_formula(known.lines[YEAR_SIZED])
        spread = known.spreads["cost.year_parameters" if sized else "cost.year"]
        return spread, 10**-spread.low, 10**spread.high
    if way == HOURS:
        spread = known.spreads[f"{kind}.hours"]
        return spread, 10**-spread.low, 10**spread.high
    spread = known.spreads[f"{kind}.flop"]
    down, up = 10**-spread.low, 10**spread.high
    if flop is not None:
        down, up = _together(down, flop.mid / flop.low), _together(up, flop.high / flop.mid)
    return spread, down, up


def _meaning(spread: Spread, way: str, flop: Estimate | None) -> str:
    """What a cost's range means; of FLOP worked out it is mostly theirs."""
    if way in (HOURS, YEAR) or flop is None or flop.low == flop.high:
        return spread.told
    return f"{spread.told}, with the range of the FLOP"


def amortised_by_year(way: str, flop: Estimate, day: date, known: Knowledge) -> Estimate | None:
    """Without any hardware that has a price: a line through year and FLOP, of costs in USD of `money_year`.
    `None` for a year far from those it was fitted on."""
    line = known.lines["cost.year_flop"]
    if not line.reaches(day.year):
        return None
    spread, down, up = _spread("cost.line", way, flop, known)
    mid = line.at(in_years(day), log10(flop.mid))
    return Estimate(
        mid / down,
        mid,
        mid * up,
        "USD",
        f"line through {line.runs} runs: {line.meaning}",
        Basis.AMORTISED,
        (*flop.assumptions, "no chip with a price known: cost from the year and the FLOP alone"),
        _all(flop.sources, ("Epoch AI, Data on AI Models (CC BY 4.0)",)),
        _meaning(spread, way, flop),
        day.isoformat(),
        COST_MONEY,
    )


def purchase(
    quantity: float, chip: Chip, when: When, prices: ChipPrices, known: Knowledge
) -> Estimate | None:
    """All chips of the run with servers and network: at the price they came out for, or on the day asked."""
    price = prices.on_day(chip, when.start) if when.asked else prices.purchase(chip, when.ordered)
    if price is None:
        return None
    interconnect = known.defaults["interconnect"]
    mid = quantity * price.mid / (1 - interconnect.value) * when.money
    spread = known.spreads["cost.purchase"]
    down, up, meaning = 10**-spread.low, 10**spread.high, spread.told
    if when.asked or price.interval != OFFERS:
        down, up, meaning = price.mid / price.low, price.high / price.mid, price.interval
    return Estimate(
        mid / down,
        mid,
        mid * up,
        "USD",
        f"chips x {price.mid:,.0f} USD ({price.formula}) / (1 - interconnect){when.factor}",
        Basis.PURCHASE,
        _all(price.assumptions, (interconnect.told,), when.assumed[:1]),
        _all(price.sources, (_PAPER,)),
        meaning,
        price.priced,
        when.money_year,
    )


def _before(day: date, lag: timedelta) -> date:
    """`day - lag`, or the first day there is."""
    return date.min if (day - date.min) < lag else day - lag


def _together(*factors: float) -> float:
    """Independent errors, each a factor of 1 or more: their logarithms add in quadrature."""
    return exp(hypot(*map(log, factors)))


def _all(*groups: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one for group in groups for one in group))
