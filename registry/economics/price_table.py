"""All dated prices there are: those shipped with the house, and over them those of users' own files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from registry.contract import TokenPrice
from registry.economics.price_rows import Entry, storage_row, token_row
from registry.economics.storage import StoragePrice
from registry.economics.tokens import ListedTokens
from registry.errors import UsageError

if TYPE_CHECKING:
    from registry.economics.chip_prices import ChipPrice

DEFAULT_STORAGE = "s3-standard"


@dataclass(frozen=True, slots=True)
class AddedPrices:
    """What one file of a user's brought. added, replaced: `kind id`; notes: what was left out of it."""

    place: str
    added: tuple[str, ...]
    replaced: tuple[str, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PriceTable:
    """Prices by id. tokens: as the contract has them; listed: the same with what is known about them.
    chips: those of users' files alone, to be laid over the shipped ones. files: where they came from;
    origins: the file of each `kind id` that is a user's."""

    storage: Mapping[str, StoragePrice]
    listed: Mapping[str, ListedTokens]
    chips: tuple[ChipPrice, ...] = ()
    files: tuple[AddedPrices, ...] = ()
    origins: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def tokens(self) -> Mapping[str, TokenPrice]:
        return {id_: one.price for id_, one in self.listed.items()}

    @property
    def default_storage(self) -> StoragePrice:
        """What bytes are priced at unless somebody says otherwise."""
        return self.storage[DEFAULT_STORAGE]

    def find_storage(self, id_: str) -> StoragePrice:
        """The storage price with this id, in any case. Raises `UsageError` naming the nearest."""
        asked = id_.strip().casefold()
        folded = {known.casefold(): known for known in self.storage}
        if asked in folded:
            return self.storage[id_ if id_ in self.storage else folded[asked]]
        asked = asked[:60]
        near = [one for one in folded if asked and one.startswith(asked)]
        near = near or get_close_matches(asked, folded, 2)
        hint = f"did you mean {' or '.join(folded[one] for one in near[:4])}?" if near else None
        raise UsageError(
            f"there is no storage price {id_[:60]!r}", hint=hint or "`registry prices` lists all there are"
        )


def load_prices(user_files: Iterable[Path | str] = ()) -> PriceTable:
    """The shipped prices and those of the files given, of which the last to name an id has the last word.

    Raises `BadSettings` for a file that cannot be read, naming file, line and value.
    """
    shipped = shipped_prices()
    paths = [Path(one) for one in user_files]
    if not paths:
        return shipped
    from registry.economics.price_file import read_prices

    storage, listed = dict(shipped.storage), dict(shipped.listed)
    chips: list[ChipPrice] = []
    origins: dict[str, str] = {}
    told: list[AddedPrices] = []
    for path in paths:
        rows = read_prices(path)
        fresh = {f"storage {id_}": id_ not in storage for id_ in rows.storage}
        fresh |= {f"tokens {id_}": id_ not in listed for id_ in rows.tokens}
        storage |= rows.storage
        listed |= rows.tokens
        chips += rows.chips
        origins |= dict.fromkeys(fresh, str(path))
        added = [name for name, new in fresh.items() if new]
        added += [f"chip {chip.chip}, {chip.day}" for chip in rows.chips]
        replaced = tuple(name for name, new in fresh.items() if not new)
        told.append(AddedPrices(str(path), tuple(added), replaced, tuple(rows.notes)))
    return PriceTable(
        MappingProxyType(storage),
        MappingProxyType(listed),
        tuple(chips),
        tuple(told),
        MappingProxyType(origins),
    )


@cache
def shipped_prices() -> PriceTable:
    """The prices of the house, read once."""
    storage = (storage_row(entry) for entry in _shipped("storage_prices.csv"))
    tokens = (token_row(entry) for entry in _shipped("token_prices.csv"))
    return PriceTable(
        MappingProxyType({one.id: one for one in storage}),
        MappingProxyType({one.price.id: one for one in tokens}),
    )


def _shipped(name: str) -> list[Entry]:
    import csv

    text = files("registry.economics").joinpath(f"data/{name}").read_text("utf-8")
    rows = csv.DictReader(text.splitlines())
    return [Entry(row, name, number) for number, row in enumerate(rows, 2)]
