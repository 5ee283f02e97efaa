"""Costs and prices as JSON and as flat rows. Sizes are bytes, money is USD, times are seconds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from registry.economics.chip_prices import ChipPrice
    from registry.economics.storage import StoragePrice
    from registry.economics.tokens import ListedTokens

Shape = dict[str, Any]

CURRENCY = "USD"


class AskedLike(Protocol):
    """What was to be priced; `services.cost` makes all of these."""

    @property
    def counted(self) -> str: ...
    @property
    def weight_format(self) -> str | None: ...
    @property
    def copies(self) -> int: ...
    @property
    def bits_per_second(self) -> float: ...


class QuoteLike(Protocol):
    """What one price makes of some bytes."""

    @property
    def price(self) -> StoragePrice: ...
    @property
    def monthly(self) -> float | None: ...
    @property
    def yearly(self) -> float | None: ...
    @property
    def retrieval(self) -> float | None: ...
    @property
    def egress(self) -> float | None: ...


class WeighedLike(Protocol):
    """Bytes and what they cost, of one model or of several together."""

    @property
    def logical_bytes(self) -> int | None: ...
    @property
    def unique_bytes(self) -> int | None: ...
    @property
    def weight_bytes(self) -> int | None: ...
    @property
    def copy_bytes(self) -> int | None: ...
    @property
    def hub_used_bytes(self) -> int | None: ...
    @property
    def priced_bytes(self) -> int | None: ...
    @property
    def transfer_seconds(self) -> float | None: ...


class CostLike(WeighedLike, Protocol):
    """What one model weighs and costs."""

    @property
    def repo_id(self) -> str: ...
    @property
    def unsized_files(self) -> int | None: ...
    @property
    def told(self) -> str | None: ...
    @property
    def partial(self) -> bool: ...
    @property
    def quotes(self) -> Sequence[QuoteLike]: ...


class TotalsLike(WeighedLike, Protocol):
    """The same of all models together."""

    @property
    def models(self) -> int: ...
    @property
    def unknown(self) -> int: ...
    @property
    def partial(self) -> int: ...
    @property
    def inferred(self) -> int: ...
    @property
    def quotes(self) -> Sequence[QuoteLike]: ...


class CostDocument(Mapping[str, object]):
    """All costs as one JSON document. `items` is an iterator, and `totals` only known behind it: each is
    made when it is asked for, in this order."""

    def __init__(self, asked: AskedLike, costs: Iterable[CostLike], all_: TotalsLike) -> None:
        self._parts: dict[str, Callable[[], object]] = {
            "asked": lambda: what_was_asked(asked),
            "items": lambda: (one for cost in costs for one in items(cost)),
            "totals": lambda: totals(all_),
        }

    def __iter__(self) -> Iterator[str]:
        return iter(self._parts)

    def __len__(self) -> int:
        return len(self._parts)

    def __getitem__(self, key: str) -> object:
        return self._parts[key]()


def what_was_asked(asked: AskedLike) -> Shape:
    """What `priced_bytes` are of, and how fast the link is."""
    return {
        "priced": asked.counted if asked.weight_format is None else "format",
        "format": asked.weight_format,
        "copies": asked.copies,
        "bits_per_second": asked.bits_per_second,
    }


def items(cost: CostLike) -> list[Shape]:
    """One model, once for each price."""
    head = _head(cost)
    return [
        head | _amounts(quote) | {"transfer_seconds": cost.transfer_seconds, "price": price(quote.price)}
        for quote in cost.quotes
    ]


def rows(cost: CostLike) -> list[Shape]:
    """The same, one value to a key."""
    head = _head(cost)
    return [
        head
        | {
            "monthly": quote.monthly,
            "yearly": quote.yearly,
            "retrieval": quote.retrieval,
            "egress": quote.egress,
            "currency": CURRENCY,
            "transfer_seconds": cost.transfer_seconds,
            "price": quote.price.id,
            "per": quote.price.per,
            "unit": quote.price.unit,
            "date": quote.price.day,
            "source": quote.price.source,
        }
        for quote in cost.quotes
    ]


def totals(all_: TotalsLike) -> Shape:
    """All models together: the amounts at the first price, and under `by_price` at each. unknown, partial:
    of how many models the sums hold nothing, or not all; `complete` when both are 0."""
    counts = {
        "models": all_.models,
        "unknown": all_.unknown,
        "partial": all_.partial,
        "inferred": all_.inferred,
        "complete": not (all_.unknown or all_.partial),
    }
    by_price = [_amounts(quote) | {"price": price(quote.price)} for quote in all_.quotes]
    return (
        counts
        | _sizes(all_)
        | {"transfer_seconds": all_.transfer_seconds}
        | by_price[0]
        | {"by_price": by_price}
    )


def price(one: StoragePrice) -> Shape:
    """A price as an item carries it."""
    return {
        "id": one.id,
        "per": one.per,
        "amount": one.usd_per_month,
        "currency": CURRENCY,
        "unit": one.unit,
        "date": one.day,
        "source": one.source,
        "how_sure": one.how_sure,
    }


def _head(cost: CostLike) -> Shape:
    return {
        "repo_id": cost.repo_id,
        **_sizes(cost),
        "unsized_files": cost.unsized_files,
        "told": cost.told,
        "partial": cost.partial,
    }


def _sizes(one: WeighedLike) -> Shape:
    return {
        "logical_bytes": one.logical_bytes,
        "unique_bytes": one.unique_bytes,
        "weight_bytes": one.weight_bytes,
        "copy_bytes": one.copy_bytes,
        "hub_used_bytes": one.hub_used_bytes,
        "priced_bytes": one.priced_bytes,
    }


def _amounts(quote: QuoteLike) -> Shape:
    return {
        name: None if value is None else {"amount": value, "currency": CURRENCY}
        for name, value in (
            ("monthly", quote.monthly),
            ("yearly", quote.yearly),
            ("retrieval", quote.retrieval),
            ("egress", quote.egress),
        )
    }


# --- prices --------------------------------------------------------------------------------------


def storage_price(one: StoragePrice, origin: str) -> Shape:
    """A storage price whole. origin: the file it is from, or `shipped`."""
    return {
        "kind": "storage",
        "id": one.id,
        "provider": one.provider,
        "name": one.name,
        "amount": one.usd_per_month,
        "currency": CURRENCY,
        "per": one.per,
        "unit": one.unit,
        "date": one.day,
        "until": one.until,
        "source": one.source,
        "how_sure": one.how_sure,
        "origin": origin,
        "tiers": [{"from": tier.start, "amount": tier.usd_per_month} for tier in one.tiers],
        "tiering": one.tiering if one.tiers else None,
        "retrieval": one.retrieval,
        "egress": one.egress,
        "egress_free": one.egress_free or None,
        "egress_free_times": one.egress_free_times or None,
        "get_per_1000": one.get_per_1000,
        "put_per_1000": one.put_per_1000,
        "min_days": one.min_days,
    }


def token_price(one: ListedTokens, origin: str) -> Shape:
    """A token price; `amount` is that of the input."""
    return {
        "kind": "tokens",
        "id": one.price.id,
        "provider": one.provider,
        "name": one.price.id,
        "amount": one.price.input,
        "currency": CURRENCY,
        "per": "million input tokens",
        "unit": "million tokens",
        "date": one.price.day or None,
        "until": one.until,
        "source": one.price.source,
        "how_sure": one.how_sure,
        "origin": origin,
        "input": one.price.input,
        "output": one.price.output,
    }


def chip_price(one: ChipPrice, origin: str) -> Shape:
    """The price of a chip; `amount` is the rental on demand, `None` where only others are known.
    with_server: whether the purchase price holds the chip's share of a server."""
    return {
        "kind": "chip",
        "id": one.chip,
        "provider": one.vendor,
        "name": one.chip,
        "amount": one.usd_per_hour,
        "currency": CURRENCY,
        "per": "chip-hour",
        "unit": "chip-hour",
        "date": one.day,
        "until": None,
        "source": one.source,
        "how_sure": one.how_sure,
        "origin": origin,
        "commit_1yr": one.commit_1yr,
        "commit_3yr": one.commit_3yr,
        "purchase": one.purchase,
        "with_server": None if one.purchase is None else one.server,
    }
