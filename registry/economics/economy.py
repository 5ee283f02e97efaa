"""What things cost in one place: a cost model, a storage price, token prices and defaults, of one day."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from registry.contract import CostModel, TokenPrice
from registry.economics.defaults import Defaults, load_defaults
from registry.economics.storage import MONTHS, StoragePrice, yearly
from registry.errors import BadSettings, RegistryError
from registry.model.estimate import Basis, Estimate
from registry.model.refs import SourceName
from registry.model.training import TrainingEstimate, TrainingInputs

REMEMBERED = 4096
"""Estimates kept, the least lately asked for forgotten first: many models share few bases."""

ANY_TOKENS = "token_price"
"""What a user assumes tokens of every model to cost, in USD per million; there is no default."""

MOST_PER_MTOK = 1e6
"""USD per million tokens; one dollar for a token is nobody's price."""

_PAPER = f"{SourceName.PAPER}:"


@dataclass(frozen=True, slots=True)
class Broke:
    """A cost model that failed on a model, and how."""

    cost_model: str
    model: str
    reason: str


class HouseEconomy:
    """`registry.contract.Economy` from the house's tables.

    tokens: prices by their own id. any_tokens: USD per million tokens to read, assumed of every model
    instead. broke: the first model the cost model broke on; what it does not answer for is unknown.
    Not for use by several threads at once.
    """

    def __init__(
        self,
        cost_model: CostModel,
        storage: StoragePrice,
        tokens: Mapping[str, TokenPrice],
        today: date,
        defaults: Defaults | None = None,
        any_tokens: float | None = None,
    ) -> None:
        self._cost_model = cost_model
        self._storage = storage
        self._tokens = tokens
        self._today = today
        self._defaults = load_defaults() if defaults is None else defaults
        self._any = None if any_tokens is None else _assumed_tokens(any_tokens, today)
        self._worked_out: OrderedDict[tuple[int, date | None], tuple[TrainingInputs, TrainingEstimate]] = (
            OrderedDict()
        )
        self._a_gigabyte = yearly(10**9, storage)
        self.broke: Broke | None = None

    @property
    def today(self) -> date:
        return self._today

    @property
    def storage_price(self) -> StoragePrice:
        """What bytes are priced at."""
        return self._storage

    def training(self, inputs: TrainingInputs, at: date | None = None) -> TrainingEstimate:
        """What the cost model says, asked once for the same object."""
        key = (id(inputs), at)
        kept = self._worked_out.get(key)
        if kept is not None:
            self._worked_out.move_to_end(key)
            return kept[1]
        estimate = self._asked(inputs, at)
        # The inputs are kept too: as long as they live, no other object has their id.
        self._worked_out[key] = (inputs, estimate)
        if len(self._worked_out) > REMEMBERED:
            self._worked_out.popitem(last=False)
        return estimate

    def _asked(self, inputs: TrainingInputs, at: date | None) -> TrainingEstimate:
        try:
            return self._cost_model.training(inputs, at)
        except Exception as error:  # noqa: BLE001 - a guest's cost model costs what it breaks on, no more
            said = error.message if isinstance(error, RegistryError) else f"{type(error).__name__}: {error}"
            broke = Broke(self._cost_model.name, inputs.model or "a model", said)
            self.broke = self.broke or broke
            return TrainingEstimate(
                model=inputs.model,
                at=at,
                route=None,
                flop=None,
                chip_hours=None,
                cost=dict.fromkeys(Basis),
                energy_kwh=None,
                co2e_kg=None,
                routes={},
                missing=(f"the cost model {broke.cost_model} broke on it: {said}",),
            )

    def storage(self, size: int) -> Estimate:
        """`yearly` of the storage price; its words are put together once, not for each model."""
        like, value = self._a_gigabyte, self._storage.month(size) * MONTHS
        return Estimate(
            value,
            value,
            value,
            like.unit,
            like.formula,
            None,
            like.assumptions,
            like.sources,
            like.interval,
            like.priced,
        )

    def tokens(self, name: str) -> TokenPrice | None:
        """By the id of the price; a model known from publications also by its name behind the `/`. A
        repository of the Hub can be called like somebody's product and never is."""
        if self._any is not None:
            return self._any
        found = self._tokens.get(name)
        if found is None and name.startswith(_PAPER):
            found = self._tokens.get(name.rpartition("/")[2])
        return found

    def assumed(self, name: str) -> Estimate:
        if name not in self._defaults:
            raise BadSettings(f"no default is called {name!r}")
        return self._defaults.range(name)


def _assumed_tokens(usd: float, today: date) -> TokenPrice:
    if not 0 < usd <= MOST_PER_MTOK:
        raise BadSettings(
            f"{ANY_TOKENS}={usd} is no price",
            hint=f"USD per million tokens, above 0 and at most {MOST_PER_MTOK:,.0f}",
        )
    return TokenPrice("assumed", usd, usd, today.isoformat(), "assumed by the user")
