"""What making a model took: FLOP, chip-hours, cost on each basis, energy, CO2e.

The house's cost model. It says which way it went, what it assumed, and of every figure it cannot tell why.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from types import MappingProxyType

from registry.economics.chip_prices import ChipPrices
from registry.economics.chips import Chip, Chips, load_chips
from registry.economics.costing import (
    When,
    amortised,
    amortised_by_year,
    chip_hours,
    dates,
    purchase,
    rental,
)
from registry.economics.defaults import Defaults, load_defaults
from registry.economics.energy import POWER_RANGE, Grid, co2e, energy
from registry.economics.routes import (
    SIX,
    YEAR,
    Knowledge,
    chip_hours_told,
    flop_routes,
    on_base,
    suspicions,
    taken,
    unusable,
)
from registry.economics.spreads import YEARS_BEYOND, Line, Spread, load_lines, load_spreads
from registry.model.estimate import Basis, Estimate, exact, product
from registry.model.training import TrainingEstimate, TrainingInputs

NAME = "house"
_LEAST_WATT_HOURS = 1e-6
_NO_COSTS: Mapping[Basis, Estimate | None] = MappingProxyType(dict.fromkeys(Basis))


class HouseCostModel:
    """Works out what making a model takes, from shipped tables or a user's own.

    defaults, chips, prices, grid, spreads, lines: in place of the shipped ones. Tables are read on the first
    estimate.
    """

    name = NAME
    summary = "FLOP, chip-hours, cost on three bases, energy and CO2e, with 80 % intervals"

    def __init__(
        self,
        defaults: Defaults | None = None,
        chips: Chips | None = None,
        prices: ChipPrices | None = None,
        grid: Grid | None = None,
        *,
        spreads: Mapping[str, Spread] | None = None,
        lines: Mapping[str, Line] | None = None,
    ) -> None:
        self._given = (defaults, chips, prices, grid)
        self._fitted = (spreads, lines)
        self._tables: _Tables | None = None

    def training(self, inputs: TrainingInputs, at: date | None = None) -> TrainingEstimate:
        """What that run took, at prices of its own time or, with `at`, what it would take on that day.

        Whatever the facts do not allow is `None`, and `missing` says why. Raises nothing.
        """
        tables = self._tables
        if tables is None:
            tables = self._tables = _Tables(*self._given, *self._fitted)
        return _Run(inputs, at, tables).estimate()


class _Tables:
    """Everything an estimate looks up, read once."""

    def __init__(
        self,
        defaults: Defaults | None,
        chips: Chips | None,
        prices: ChipPrices | None,
        grid: Grid | None,
        spreads: Mapping[str, Spread] | None,
        lines: Mapping[str, Line] | None,
    ) -> None:
        self.defaults = defaults if defaults is not None else load_defaults()
        self.chips = chips if chips is not None else load_chips()
        self.prices = prices if prices is not None else ChipPrices.load()
        if defaults is not None or chips is not None:
            self.prices = ChipPrices(self.prices.rows, self.chips, self.defaults, self.prices.own)
        self.grid = grid if grid is not None else Grid.load()
        if grid is None and defaults is not None:
            self.grid = Grid(self.grid.rows, defaults)
        self.known = Knowledge(
            self.defaults,
            spreads if spreads is not None else load_spreads(),
            lines if lines is not None else load_lines(),
        )


class _Run:
    """One estimate in the making."""

    def __init__(self, inputs: TrainingInputs, at: date | None, tables: _Tables) -> None:
        self.inputs = inputs
        self.at = at
        self.tables = tables
        self.known = tables.known
        self.missing: list[str] = []
        self.notes: list[str] = []
        self.chip = self._chip()
        self.when = dates(inputs, at, self.known)
        if self.when is None:
            self.missing.append("no date: prices need the day of publication, or a day to ask for")

    def estimate(self) -> TrainingEstimate:
        inputs = self.inputs
        routes = flop_routes(inputs, self.chip, self.known)
        route = taken(inputs, routes)
        self.missing.extend(unusable(inputs, self.chip, self.known))
        flop = routes[route] if route is not None else None
        if route in (None, YEAR):
            self._say_no_flop()
        way, hours = chip_hours(inputs, self.chip, route, flop, self.known)
        if hours is None:
            self._say_no_hours()
        kwh = self._energy(hours)
        cost = self._cost(way, hours, kwh, route, flop)
        kilograms = self._co2e(kwh)
        self.notes.extend(suspicions(inputs, routes, self.known))
        self.notes.extend(on_base(inputs))
        if route in (SIX, YEAR) and self.chip is None and inputs.hardware and chip_hours_told(inputs):
            self.notes.append(
                f"chips and hours are told, of a chip no table has ({_short(inputs.hardware)}): "
                f"the FLOP are by {route} instead"
            )
        if inputs.training_cost is not None:
            self.notes.append(
                f"a cost of {inputs.training_cost:,.0f} USD was told, of which basis nobody said: not used"
            )
        figures = (flop, hours, *cost.values(), kwh, kilograms)
        return TrainingEstimate(
            model=inputs.model,
            at=self.at if self.at is not None else inputs.published,
            route=route,
            flop=flop,
            chip_hours=hours,
            cost=cost,
            energy_kwh=kwh,
            co2e_kg=kilograms,
            routes=routes,
            assumptions=_all(figures, "assumptions"),
            sources=_all(figures, "sources"),
            missing=tuple(self.missing),
            notes=tuple(self.notes),
        )

    # --- figures ---------------------------------------------------------------------------------

    def _chip(self) -> Chip | None:
        name = self.inputs.hardware
        if name is None or not name.strip():
            return None
        reading = self.tables.chips.read(name)
        if reading.chip is None:
            near = self.tables.chips.suggest(name)
            ask = f"; nearest known: {', '.join(near)}" if near else ""
            self.missing.append(f"hardware {_short(name)!r} is not in the chip table{ask}")
        if reading.note:
            self.notes.append(reading.note)
        return reading.chip

    def _cost(
        self,
        way: str | None,
        hours: Estimate | None,
        kwh: Estimate | None,
        route: str | None,
        flop: Estimate | None,
    ) -> Mapping[Basis, Estimate | None]:
        cost = dict(_NO_COSTS)
        tables, when, chip = self.tables, self.when, self.chip
        if when is not None and when.ordered.year > (last := tables.prices.last.year) + YEARS_BEYOND:
            self.missing.append(f"no cost: prices are known until {last}, too early for {when.ordered.year}")
            return MappingProxyType(cost)
        if chip is not None and hours is not None and way is not None and when is not None:
            cost[Basis.RENTAL] = rental(hours, chip, when, tables.prices, self.known)
            cost[Basis.AMORTISED] = amortised(way, hours, chip, kwh, when, tables.prices, self.known, flop)
        if cost[Basis.AMORTISED] is None and route is not None and flop is not None and when is not None:
            day = self.at or self.inputs.published
            if day is not None:
                cost[Basis.AMORTISED] = amortised_by_year(route, flop, day, self.known)
                if cost[Basis.AMORTISED] is None:
                    self.missing.append(f"no cost from the year: {day.year} is far from the costs known")
        cost[Basis.PURCHASE] = self._purchase(chip, when)
        if when is not None and cost[Basis.RENTAL] is None and chip is not None and hours is not None:
            self.missing.append(f"no rent of {chip.name} is known")
        return MappingProxyType(cost)

    def _purchase(self, chip: Chip | None, when: When | None) -> Estimate | None:
        quantity = self.inputs.hardware_quantity
        if quantity is None:
            self.missing.append("no number of chips: a purchase price needs hardware_quantity")
            return None
        if chip is None or when is None:
            return None
        bought = purchase(quantity, chip, when, self.tables.prices, self.known)
        if bought is None:
            self.missing.append(f"no price of {chip.name} is known")
        return bought

    def _energy(self, hours: Estimate | None) -> Estimate | None:
        inputs = self.inputs
        if inputs.training_energy is not None and inputs.training_energy >= _LEAST_WATT_HOURS:
            told = inputs.told.get("training_energy")
            return exact(inputs.training_energy, "kWh", "energy, as told", *((told,) if told else ()))
        if inputs.power is not None and inputs.training_hours is not None:
            watt_hours = inputs.power * inputs.training_hours
            return self._from_power(watt_hours) if watt_hours >= _LEAST_WATT_HOURS else None
        if hours is None or self.chip is None:
            return None
        kwh = energy(hours, self.chip, self.tables.defaults)
        if kwh is None:
            self.missing.append(f"power of {self.chip.name} is not known: no energy")
        return kwh

    def _from_power(self, watt_hours: float) -> Estimate:
        """Power told is what the cluster can draw; the load is what it drew."""
        tpu = self.chip is not None and self.chip.family == "TPU"
        load = self.tables.defaults.range("load_tpu" if tpu else "load_gpu")
        source = self.inputs.told.get("power")
        kwh = product("kWh", "power of the cluster x load x hours", POWER_RANGE, watt_hours / 1000, load)
        if source is None:
            return kwh
        return product("kWh", kwh.formula, POWER_RANGE, kwh, exact(1.0, "", "", source))

    def _co2e(self, kwh: Estimate | None) -> Estimate | None:
        country = self.inputs.country
        if kwh is None:
            return None
        if country is None or not country.strip():
            self.missing.append("no country: CO2e needs the grid the run was fed from")
            return None
        year = self.when.year if self.when is not None else None
        intensity = self.tables.grid.intensity(country, year)
        if intensity is None:
            near = self.tables.grid.suggest(country)
            ask = f"; nearest known: {', '.join(near)}" if near else "; an ISO 3166 code is needed"
            self.missing.append(f"country {_short(country)!r} is not in the grid table{ask}")
            return None
        return co2e(kwh, intensity)

    # --- what is missing -------------------------------------------------------------------------

    def _say_no_flop(self) -> None:
        inputs = self.inputs
        parameters = inputs.parameters or inputs.active_parameters
        if parameters is None and inputs.training_tokens is None:
            self.missing.append("no parameters and no tokens: 6ND needs parameters and training_tokens")
        elif parameters is None:
            self.missing.append("no parameters: 6ND needs parameters and training_tokens")
        elif inputs.training_tokens is None:
            self.missing.append("no tokens: 6ND needs parameters and training_tokens")

    def _say_no_hours(self) -> None:
        if self.chip is None and self.inputs.hardware is None:
            self.missing.append("no hardware: chip-hours need chips and hours, or a chip and the FLOP")
        elif self.chip is not None:
            self.missing.append("no chip-hours: neither hardware_quantity x training_hours nor FLOP are told")


def _short(text: str) -> str:
    return text if len(text) <= 80 else text[:77] + "..."


def _all(figures: tuple[Estimate | None, ...], name: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for one in figures if one is not None for text in getattr(one, name)))
