"""Cost: what models weigh, and what keeping, fetching and copying them costs at dated prices."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from registry.catalog.catalog import Catalog
from registry.economics.storage import MONTHS, StoragePrice, bytes_as, transfer
from registry.model.records import Sizes, Weighing
from registry.weights.sizes import stored_bytes

PAGE = 2000
"""Models read at a time; a page of them takes a few MB."""


_UNLISTED = Sizes(0, 0, None, None, None, None)


class Counted(StrEnum):
    """Which bytes of a model are priced. logical: every file; unique: each content once; weights: weight
    files of all formats; copy: the one format a user downloads; hub: what its host says it takes."""

    LOGICAL = "logical"
    UNIQUE = "unique"
    WEIGHTS = "weights"
    COPY = "copy"
    HUB = "hub"


class Told(StrEnum):
    """Where priced bytes come from. dtypes: inferred from how many numbers of which type the weights hold,
    because no file list is known; format: parameters times the width of a format."""

    FILES = "files"
    HUB = "hub"
    DTYPES = "dtypes"
    FORMAT = "format"


@dataclass(frozen=True, slots=True)
class Asked:
    """What to work out. weight_format: price the weights as if written so, instead of the files.
    copies: how many are kept. bits_per_second: of the link a copy is sent over."""

    prices: tuple[StoragePrice, ...]
    counted: Counted = Counted.LOGICAL
    weight_format: str | None = None
    copies: int = 1
    bits_per_second: float = 1e9

    def __post_init__(self) -> None:
        if not self.prices or self.copies < 1:
            raise ValueError("at least one price and one copy")


@dataclass(frozen=True, slots=True)
class Quote:
    """What one price makes of some bytes, in USD. monthly, yearly: of all copies; retrieval, egress: of
    fetching one of them once, `None` where the price does not tell. All `None` for unknown bytes."""

    price: StoragePrice
    monthly: float | None = None
    yearly: float | None = None
    retrieval: float | None = None
    egress: float | None = None


@dataclass(frozen=True, slots=True)
class Cost:
    """What one model weighs and costs, sizes in bytes.

    unsized_files: those the sizes leave out, `None` without a file list. one_copy: the bytes of one copy as
    asked for, priced_bytes: of all of them; `None` when nobody told. partial: there is more than that, since
    a file has no known size or the list is known to leave out some, or because weights inferred from their
    numbers stand for all files. transfer_seconds: to send one copy.
    """

    repo_id: str
    logical_bytes: int | None
    unique_bytes: int | None
    weight_bytes: int | None
    copy_bytes: int | None
    hub_used_bytes: int | None
    unsized_files: int | None
    one_copy: int | None
    priced_bytes: int | None
    told: Told | None
    partial: bool
    transfer_seconds: float | None
    quotes: tuple[Quote, ...]


@dataclass(slots=True)
class Totals:
    """What several models weigh together, as far as that is known.

    unknown: models without any bytes to price; partial: those of which there is more; inferred: those whose
    bytes are worked out. unique_bytes: each content counted once over all models, set when all were seen.
    """

    asked: Asked
    models: int = 0
    unknown: int = 0
    partial: int = 0
    inferred: int = 0
    logical_bytes: int | None = None
    unique_bytes: int | None = None
    weight_bytes: int | None = None
    copy_bytes: int | None = None
    hub_used_bytes: int | None = None
    one_copy: int | None = None
    _separate: int | None = field(default=None, repr=False)

    def add(self, cost: Cost) -> None:
        """Count one model in."""
        self.models += 1
        self.unknown += cost.one_copy is None
        self.partial += cost.partial
        self.inferred += cost.told is Told.DTYPES
        self.logical_bytes = _plus(self.logical_bytes, cost.logical_bytes)
        self.weight_bytes = _plus(self.weight_bytes, cost.weight_bytes)
        self.copy_bytes = _plus(self.copy_bytes, cost.copy_bytes)
        self.hub_used_bytes = _plus(self.hub_used_bytes, cost.hub_used_bytes)
        self.one_copy = _plus(self.one_copy, cost.one_copy)
        if cost.told is not Told.FILES:
            self._separate = _plus(self._separate, cost.one_copy)

    def close(self, unique_bytes: int | None) -> None:
        """All models are counted in; their contents are so many bytes, each once."""
        self.unique_bytes = unique_bytes
        if self.asked.counted is Counted.UNIQUE and self.asked.weight_format is None:
            self.one_copy = _plus(unique_bytes, self._separate)

    @property
    def whole(self) -> bool:
        """Whether nothing is missing from the sums."""
        return not (self.unknown or self.partial)

    @property
    def priced_bytes(self) -> int | None:
        return None if self.one_copy is None else self.one_copy * self.asked.copies

    @property
    def transfer_seconds(self) -> float | None:
        return None if self.one_copy is None else transfer(self.one_copy, self.asked.bits_per_second)

    @property
    def quotes(self) -> tuple[Quote, ...]:
        """Everything kept together: with tiers and free egress less than the models one by one."""
        return quotes(self.one_copy, self.asked)


def costs(catalog: Catalog, names: Sequence[str] | None, asked: Asked, totals: Totals) -> Iterator[Cost]:
    """What models cost, by name (`None`: every tracked one), in the order of their names. When all have
    been taken, `totals` tells of all together."""
    for page in _pages(catalog, names):
        for weighed in page:
            cost = cost_of(weighed, asked)
            totals.add(cost)
            yield cost
    totals.close(catalog.unique_bytes(names))


def cost_of(weighed: Weighing, asked: Asked) -> Cost:
    """What one model costs."""
    one_copy, told, partial = _bytes_of(weighed, asked)
    sizes = weighed.sizes or _UNLISTED
    return Cost(
        weighed.repo_id,
        sizes.logical_bytes,
        sizes.unique_bytes,
        sizes.weight_bytes,
        sizes.copy_bytes,
        weighed.hub_used_bytes,
        None if weighed.sizes is None else sizes.unsized_files,
        one_copy,
        None if one_copy is None else one_copy * asked.copies,
        told,
        partial,
        None if one_copy is None else transfer(one_copy, asked.bits_per_second),
        quotes(one_copy, asked),
    )


def quotes(one_copy: int | None, asked: Asked) -> tuple[Quote, ...]:
    """So many bytes at every price asked for."""
    if one_copy is None:
        return tuple(Quote(price) for price in asked.prices)
    kept = one_copy * asked.copies
    found = []
    for price in asked.prices:
        month = price.month(kept)
        found.append(Quote(price, month, month * MONTHS, price.fetch(one_copy), price.leave(one_copy, kept)))
    return tuple(found)


def _bytes_of(weighed: Weighing, asked: Asked) -> tuple[int | None, Told | None, bool]:
    """The bytes of one copy as asked for, who told them, and whether there are more."""
    if asked.weight_format is not None:
        if weighed.parameters is None:
            return None, None, False
        return bytes_as(weighed.parameters, asked.weight_format), Told.FORMAT, False
    if asked.counted is Counted.HUB:
        used = weighed.hub_used_bytes
        return used, None if used is None else Told.HUB, False
    sizes = weighed.sizes
    if sizes is not None:
        told = {
            Counted.LOGICAL: sizes.logical_bytes,
            Counted.UNIQUE: sizes.unique_bytes,
            Counted.WEIGHTS: sizes.weight_bytes,
            Counted.COPY: sizes.copy_bytes,
        }[asked.counted]
        if told is not None:
            weights_only = asked.counted in (Counted.WEIGHTS, Counted.COPY)
            unsized = weighed.unsized_weights if weights_only else sizes.unsized_files
            return told, Told.FILES, bool(unsized) or not weighed.complete
    inferred = stored_bytes(weighed.by_dtype)
    if inferred is None:
        return None, None, False
    # Weights are not all a repository holds, but one copy of them is.
    return inferred, Told.DTYPES, asked.counted is not Counted.COPY


def _pages(catalog: Catalog, names: Sequence[str] | None) -> Iterator[Sequence[Weighing]]:
    if names is not None:
        ordered = sorted(set(names))
        for start in range(0, len(ordered), PAGE):
            page = catalog.weighings(ordered[start : start + PAGE])
            yield [page[name] for name in sorted(page)]
        return
    last = ""
    while following := catalog.weighings_after(last, PAGE):
        yield list(following.values())
        last = next(reversed(following))


def _plus(known: int | None, more: int | None) -> int | None:
    """The sum of what is known; `None` while nothing is."""
    return known if more is None else more if known is None else known + more
