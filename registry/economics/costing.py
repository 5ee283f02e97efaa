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
from registry.economics.routes import Knowledge, chip_hours_told, decimal_year
from registry.model.estimate import Basis, Estimate, exact
from registry.model.training import TrainingInputs

HOURS = "hours"
_HOURS_PER_YEAR = 8766.0
_EARLIEST = 20.0
"""Years before its release that a TPU is taken to have been worth more."""
_PAPER = "Cottier et al. 2024, arXiv 2405.21015"


@dataclass(frozen=True, slots=True)
class When:
    """start: of the run; ordered: when its hardware was rented or bought; year: of its electricity.
    money: what turns prices of that time into USD of `money_year`, 1 where a day was asked for.
    assumed: what was assumed to tell them."""

    start: date
    ordered: date
    year: int
    money: float = 1.0
    assumed: tuple[str, ...] = ()


def dates(inputs: TrainingInputs, at: date | None, known: Knowledge) -> When | None:
    """When a run took place, or would at `at`; `None` when nobody told.

    Costs of runs of all years are in the money of one, as sums and comparisons need; those asked for a day
    are in the money of that day.
    """
    if at is not None:
        return When(at, at, at.year)
    if inputs.published is None:
        return None
    defaults = known.defaults
    year = inputs.published.year
    then, now = defaults.price_level(year), defaults.price_level(int(defaults.value("money_year")))
    money = now.value / then.value
    assumed: tuple[str, ...] = (
        f"prices of {year} x {money:.3f}: USD of {defaults.value('money_year'):.0f} ({now.source})",
    )
    if inputs.training_hours is None:
        assumed += (defaults["run_days"].told,)
        run = timedelta(days=defaults.value("run_days"))
    else:
        run = timedelta(hours=min(inputs.training_hours, 50_000))
    start = _before(inputs.published, run + timedelta(days=defaults.value("publication_lag_days")))
    ordered = _before(start, timedelta(days=defaults.value("order_lag_days")))
    return When(start, ordered, year, money, assumed)


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
        f"chip-hours x {price.mid:.3g} USD ({price.formula})",
        Basis.RENTAL,
        _all(hours.assumptions, price.assumptions, when.assumed),
        _all(hours.sources, price.sources),
        meaning if hours.low == hours.high else hours.interval,
        price.priced,
    )


def amortised(
    way: str,
    hours: Estimate,
    chip: Chip,
    energy: Estimate | None,
    when: When,
    prices: ChipPrices,
    known: Knowledge,
) -> Estimate | None:
    """Loss of value of the chips used, in servers and a network, and the energy."""
    bought = prices.acquisition(chip, when.ordered)
    if bought is None:
        return None
    defaults = known.defaults
    rate = defaults.value("depreciation")
    start = when.start if chip.family == "TPU" else max(when.start, bought.since)
    years = max((start - bought.since).days / 365.25, -_EARLIEST)
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
    spread = known.spreads[f"cost.amortised.{way}"]
    down, up = 10**-spread.low, 10**spread.high
    if bought.price.interval != OFFERS:  # no price of this chip is known: its own range comes on top
        down = _together(down, bought.price.mid / bought.price.low)
        up = _together(up, bought.price.high / bought.price.mid)
    return Estimate(
        mid / down,
        mid,
        mid * up,
        "USD",
        "chip-hours x value x depreciation / (1 - interconnect) + kWh x electricity",
        Basis.AMORTISED,
        _all(
            hours.assumptions,
            bought.price.assumptions,
            (defaults["depreciation"].told, defaults["interconnect"].told, told),
            when.assumed,
        ),
        _all(hours.sources, bought.price.sources, (_PAPER,)),
        spread.told,
        start.isoformat(),
    )


def amortised_by_year(way: str, flop: Estimate, day: date, known: Knowledge) -> Estimate:
    """Without any hardware that has a price: a line through year and FLOP."""
    line, spread = known.lines["cost.year_flop"], known.spreads.get(f"cost.year.{way}")
    down, up = 1.0, 1.0
    if spread is None:  # measured for FLOP that were told: the range of these comes on top
        spread = known.spreads["cost.year.reported"]
        down, up = flop.mid / flop.low, flop.high / flop.mid
    mid = line.at(decimal_year(day), log10(flop.mid))
    return Estimate(
        mid / _together(10**-spread.low, down),
        mid,
        mid * _together(10**spread.high, up),
        "USD",
        f"line through {line.runs} runs: {line.meaning}",
        Basis.AMORTISED,
        (*flop.assumptions, "no chip with a price known: cost from the year and the FLOP alone"),
        _all(flop.sources, ("Epoch AI, Data on AI Models (CC BY 4.0)",)),
        spread.told,
        day.isoformat(),
    )


def purchase(
    quantity: float, chip: Chip, when: When, prices: ChipPrices, known: Knowledge
) -> Estimate | None:
    """All chips of the run with servers and network, at the price they came out for."""
    bought = prices.acquisition(chip, when.ordered)
    if bought is None:
        return None
    interconnect = known.defaults["interconnect"]
    mid = quantity * bought.price.mid / (1 - interconnect.value) * when.money
    spread = known.spreads["cost.purchase"]
    down, up, meaning = 10**-spread.low, 10**spread.high, spread.told
    if bought.price.interval != OFFERS:
        down, up = bought.price.mid / bought.price.low, bought.price.high / bought.price.mid
        meaning = bought.price.interval
    return Estimate(
        mid / down,
        mid,
        mid * up,
        "USD",
        "chips x price with server / (1 - interconnect)",
        Basis.PURCHASE,
        _all(bought.price.assumptions, (interconnect.told,), when.assumed[:1]),
        _all(bought.price.sources, (_PAPER,)),
        meaning,
        bought.price.priced,
    )


def _before(day: date, lag: timedelta) -> date:
    """`day - lag`, or the first day there is."""
    return date.min if (day - date.min) < lag else day - lag


def _together(*factors: float) -> float:
    """Independent errors, each a factor of 1 or more: their logarithms add in quadrature."""
    return exp(hypot(*map(log, factors)))


def _all(*groups: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one for group in groups for one in group))
