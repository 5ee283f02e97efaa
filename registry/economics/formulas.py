"""The closed set of functions that claims are worked out with, by name.

Each is one of the product's own, called as `registry cost`, `estimate` and `savings` call it; what is left
over is plain arithmetic. Every formula takes its inputs by name; shares are told as shares, not in per cent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from types import MappingProxyType

from registry.contract import TokenPrice
from registry.economics import energy, reuse, storage
from registry.economics.chip_prices import ChipPrice, ChipPrices
from registry.economics.chips import Chip, Chips
from registry.economics.defaults import Defaults, load_defaults
from registry.economics.storage import StoragePrice
from registry.economics.training import HouseCostModel
from registry.model.estimate import Basis, Estimate, exact
from registry.model.training import TrainingEstimate, TrainingInputs

HOURS_PER_YEAR = 24 * 365
SECONDS_PER_HOUR = 3600
KILO = 1000

CHIP = "the chip of a claim"
DAY = date(2022, 1, 1)
"""On which a claim's price is asked for, so that it is taken as it stands."""


@dataclass(frozen=True, slots=True)
class Formula:
    """A function by name, and what it does in the notation of a reader. call: takes inputs by name and
    raises `ValueError` or `TypeError` for ones it cannot work with."""

    name: str
    text: str
    call: Callable[..., float]


# --- keeping and copying ---------------------------------------------------------------------------


def _yearly(parameters: float, dtype: str, price: StoragePrice, per: str | None = None) -> float:
    asked = price if per is None else replace(price, unit=per)
    return storage.yearly(storage.bytes_as(round(parameters), dtype), asked).mid


def _size(parameters: float, dtype: str, per: str) -> float:
    return storage.bytes_as(round(parameters), dtype) / storage.UNITS[per]


def _transfer(parameters: float, dtype: str, link: str) -> float:
    size = storage.bytes_as(round(parameters), dtype)
    return storage.transfer(size, storage.parse_bandwidth(link)) / SECONDS_PER_HOUR


# --- training --------------------------------------------------------------------------------------


def _run(
    *,
    chip_flops: float = 1.0,
    watts: float | None = None,
    price: float | None = None,
    committed: float | None = None,
    pue: float | None = None,
    **facts: float,
) -> TrainingEstimate:
    """The house's estimate of a run with those facts, on a chip of which exactly this is known: its peak,
    what it draws, what it is rented for on demand and with a commitment. Servers draw what their chips do,
    always the whole of it, and data centres `pue` times that. No claim is about the price of the chip."""
    chip = Chip(
        name=CHIP, maker="", kind="GPU", family="", released=DAY, peak={"bf16": chip_flops}, default="bf16",
        tdp=watts, memory=None, price=1.0, source="", how_sure="",
    )  # fmt: skip
    defaults = load_defaults()
    exactly = {"server_power": 1.0, "load_gpu": 1.0, "pue": 1.0 if pue is None else pue}
    own = Defaults(
        {**defaults, **{name: replace(defaults[name], value=v, low=v, high=v) for name, v in exactly.items()}}
    )
    asked = () if price is None else (_asked(price, price if committed is None else committed),)
    chips = Chips([chip])
    model = HouseCostModel(own, chips, ChipPrices(asked, chips, own))
    return model.training(TrainingInputs(hardware=CHIP, **facts), at=DAY)  # type: ignore[arg-type]


def _asked(on_demand: float, committed: float) -> ChipPrice:
    return ChipPrice(CHIP, DAY, on_demand, None, committed, None, "", "", "")


def _mid(estimate: Estimate | None) -> float:
    if estimate is None:
        raise ValueError("the inputs do not allow an estimate")
    return estimate.mid


def _flop(parameters: float, tokens: float) -> float:
    return _mid(_run(parameters=parameters, training_tokens=tokens).routes["6nd"])


def _chip_hours(flop: float, chip_flops: float, utilisation: float) -> float:
    return _mid(_run(chip_flops=chip_flops, training_flop=flop, utilisation=utilisation).chip_hours)


def _chip_years(flop: float, chip_flops: float, utilisation: float) -> float:
    return _chip_hours(flop, chip_flops, utilisation) / HOURS_PER_YEAR


def _phases(chips: float, hours: float, chips_later: float, hours_later: float) -> float:
    parts = ((chips, hours), (chips_later, hours_later))
    return sum(_mid(_run(hardware_quantity=many, training_hours=time).chip_hours) for many, time in parts)


def _rental(chips: float, hours: float, usd_per_chip_hour: float) -> float:
    run = _run(price=usd_per_chip_hour, hardware_quantity=chips, training_hours=hours)
    return _mid(run.cost[Basis.RENTAL])


def _rental_of_hours(chip_hours: float, usd_per_chip_hour: float, discount: float = 0.0) -> float:
    committed = usd_per_chip_hour * (1 - discount)
    return _mid(_run(price=usd_per_chip_hour, committed=committed, chip_hours=chip_hours).cost[Basis.RENTAL])


def _rental_of_flop(flop: float, chip_flops: float, utilisation: float, usd_per_chip_hour: float) -> float:
    run = _run(chip_flops=chip_flops, price=usd_per_chip_hour, training_flop=flop, utilisation=utilisation)
    return _mid(run.cost[Basis.RENTAL])


def _machine_rental(
    chips: float, hours: float, usd_per_hour: float, surcharge_per_hour: float = 0.0
) -> float:
    return _rental(chips, hours, (usd_per_hour + surcharge_per_hour) / chips)


def _utilisation(
    parameters: float,
    examples: float,
    tokens_each: float,
    epochs: float,
    chips: float,
    hours: float,
    chip_flops: float,
) -> float:
    flop = reuse.full_finetune_flop(parameters, examples * tokens_each, epochs)
    return reuse.utilisation(flop, chips, hours, chip_flops)


# --- reuse -----------------------------------------------------------------------------------------


def _token_cost(tokens: float, price: TokenPrice) -> float:
    return reuse.token_cost(tokens, price.input)


def _generated_data(
    pairs: float,
    new_per_request: float,
    kept: float,
    prompt_tokens: float,
    example_tokens: float,
    tokens_per_pair: float,
    price: TokenPrice,
) -> float:
    requests = pairs / (new_per_request * kept)
    asked = reuse.token_cost(requests * (prompt_tokens + example_tokens), price.input)
    return asked + reuse.token_cost(requests * new_per_request * tokens_per_pair, price.output)


def _share_of_training(own: float, chip_hours: float, usd_per_chip_hour: float) -> float:
    return reuse.share_of(own, own + _rental_of_hours(chip_hours, usd_per_chip_hour))


# --- energy and carbon -----------------------------------------------------------------------------


def _kwh(chip_hours: float, watts: float, pue: float = 1.0) -> float:
    return _mid(_run(watts=watts, pue=pue, chip_hours=chip_hours).energy_kwh)


def _co2e(kwh: float, grams_per_kwh: float) -> float:
    """Tonnes."""
    intensity = exact(grams_per_kwh / KILO, "kgCO2e/kWh", "as told")
    return energy.co2e(exact(kwh, "kWh", "as told"), intensity).mid / KILO


def _co2e_in_all(dynamic: float, idle_kwh: float, grams_per_kwh: float, embodied: float) -> float:
    return dynamic + _co2e(idle_kwh, grams_per_kwh) + embodied


# --- arithmetic ------------------------------------------------------------------------------------


def _share(whole: float, **parts: float) -> float:
    return reuse.share_of(sum(parts.values()), whole)


def _at_prices_of(amount: float, index_now: float, index_then: float) -> float:
    """Money of one time in the purchasing power of another, by a price index of both."""
    return amount * index_now / index_then


def _real_reduction(before: float, after: float, index_now: float, index_then: float) -> float:
    return reuse.reduction(_at_prices_of(before, index_now, index_then), after)


def _days_between(first: date, last: date) -> float:
    return float((last - first).days)


_ALL = (
    Formula("fact", "as its source tells", lambda told: float(told)),
    Formula("storage.yearly", "parameters x bytes / unit x price per month x 12", _yearly),
    Formula("storage.size", "parameters x bytes / unit", _size),
    Formula("storage.transfer", "parameters x bytes x 8 / bits per second / 3600", _transfer),
    Formula("training.flop", "6 x parameters x tokens", _flop),
    Formula("training.chip_years", "FLOP / (FLOP/s x utilisation) / 3600 / 8760", _chip_years),
    Formula("training.chip_hours_of_phases", "chips x hours + chips x hours later", _phases),
    Formula("training.rental", "chips x hours x price", _rental),
    Formula("training.rental_of_hours", "chip-hours x price x (1 - discount)", _rental_of_hours),
    Formula("training.rental_of_flop", "FLOP / (FLOP/s x utilisation) / 3600 x price", _rental_of_flop),
    Formula("training.machine_rental", "hours x (price + surcharge)", _machine_rental),
    Formula(
        "training.utilisation",
        "6 x parameters x examples x tokens x epochs / (chips x seconds x FLOP/s)",
        _utilisation,
    ),
    Formula("reuse.token_cost", "tokens x price", _token_cost),
    Formula(
        "reuse.generated_data_cost",
        "pairs / (new x kept) x (prompt + examples + new x tokens per pair) x price",
        _generated_data,
    ),
    Formula("reuse.share_of_training", "own / (own + chip-hours x price)", _share_of_training),
    Formula("reuse.expert_cost", "the sum of its steps", lambda **steps: reuse.expert_cost(*steps.values())),
    Formula("reuse.expert_ratio", "person / copy", reuse.expert_ratio),
    Formula(
        "reuse.combined_reduction",
        "1 - (1 - a)(1 - b)(1 - c)",
        lambda **shares: reuse.combined_reduction(shares.values()),
    ),
    Formula("reuse.reduction", "1 - after / before", reuse.reduction),
    Formula("reuse.decline_per_year", "1 - (after / before)^(1 / years)", reuse.decline_per_year),
    Formula("reuse.decline_by_halving", "1 - 2^(-12 / months)", reuse.decline_by_halving),
    Formula("reuse.decline_by_magnitude", "1 - 10^(-orders)", reuse.decline_by_magnitude),
    Formula("reuse.after_decline", "before x (1 - share)^years", reuse.after_decline),
    Formula("reuse.growth_per_year", "(after / before)^(1 / years)", reuse.growth_per_year),
    Formula("energy.kwh", "chip-hours x W / 1000 x PUE", _kwh),
    Formula("energy.mwh", "chip-hours x W / 1000 x PUE / 1000", lambda **given: _kwh(**given) / KILO),
    Formula("energy.co2e", "kWh x g/kWh / 10^6", _co2e),
    Formula(
        "energy.co2e_of_mwh",
        "MWh x g/kWh / 1000",
        lambda mwh, grams_per_kwh: _co2e(mwh * KILO, grams_per_kwh),
    ),
    Formula("energy.co2e_in_all", "dynamic + idle kWh x g/kWh / 10^6 + embodied", _co2e_in_all),
    Formula("arithmetic.sum", "the sum of its parts", lambda **parts: float(sum(parts.values()))),
    Formula("arithmetic.midpoint", "(low + high) / 2", lambda low, high: (low + high) / 2),
    Formula("arithmetic.share", "the sum of the parts / whole", _share),
    Formula("arithmetic.at_prices_of", "amount x index now / index then", _at_prices_of),
    Formula("arithmetic.real_reduction", "1 - after / (before x index now / index then)", _real_reduction),
    Formula("arithmetic.cents_each", "100 x USD / among", lambda usd, among: 100 * usd / among),
    Formula(
        "arithmetic.left_after_halvings",
        "2^(-years / years to halve)",
        lambda years, halving_years: 2.0 ** (-years / halving_years),
    ),
    Formula("arithmetic.days_between", "last - first", _days_between),
)

FORMULAS: Mapping[str, Formula] = MappingProxyType({one.name: one for one in _ALL})
