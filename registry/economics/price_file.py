"""Price lists of users, as files: our own format in TOML, CSV or JSON, and two that others publish.

TOML has tables `[[storage]]`, `[[tokens]]` and `[[chip]]`, JSON lists under these names, CSV a column `kind`
with one of them. Their keys:

- storage: `id`, `usd_per_month` (for one unit), `unit` (`GB` or `GiB`), `day`, `source`; and, where known,
  `provider`, `name`, `retrieval`, `egress` (USD per unit), `egress_free` (units a month),
  `egress_free_times` (of what is stored), `get_per_1000`, `put_per_1000`, `min_days`, `until`, `how_sure`,
  `tiers` (`[[50000, 0.016]]`: from 50,000 units on 0.016; in CSV `50000:0.016;200000:0.014`) and
  `tiering` (`graduated`, or `volume` where the tier reached prices everything).
- tokens: `id`, `input`, `output` (USD per million tokens), `day`, `source`; `provider`, `until`, `how_sure`.
- chip: `chip`, `day`, `source`, at least one of `usd_per_hour`, `commit_1yr`, `commit_3yr`, `purchase`;
  `server` (`true`: with the chip's share of a server in the purchase price), `vendor`, `how_sure`.

All amounts are USD (`currency`, if given, says so). The others: Epoch AI's table of hardware prices as CSV
(`hardware`, `usd_per_chip_hour_on_demand`, ...), and the JSON of model prices that litellm publishes.
"""

from __future__ import annotations

import csv
import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from registry.contract import TokenPrice
from registry.economics.price_rows import KINDS, OWN, PER_MILLION, Entry, as_number, shown, unlikely
from registry.economics.storage import StoragePrice
from registry.economics.tokens import ListedTokens
from registry.errors import BadSettings

if TYPE_CHECKING:
    from registry.economics.chip_prices import ChipPrice

LARGEST = 16_000_000
"""Bytes of a price file."""
MOST_ROWS = 50_000
_EPOCH = {
    "usd_per_chip_hour_on_demand": "usd_per_hour",
    "usd_1yr_commit": "commit_1yr",
    "usd_3yr_commit": "commit_3yr",
    "purchase_usd": "purchase",
}
_EPOCH_DAY = re.compile(r"\d{4}(?:-\d{2}){0,2}")


@dataclass(slots=True)
class PriceRows:
    """The prices of one file. notes: what was left out of it, in sentences."""

    place: str
    storage: dict[str, StoragePrice] = field(default_factory=dict)
    tokens: dict[str, ListedTokens] = field(default_factory=dict)
    chips: list[ChipPrice] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def take(self, entry: Entry, kind: str) -> None:
        """Read one row. Raises `BadSettings` for one that cannot be."""
        read = KINDS.get(kind)
        if read is None:
            raise entry.wrong(
                "kind", f"unknown kind of price {shown(kind)}", hint=f"known are {', '.join(KINDS)}"
            )
        row: Any = read(entry)
        if kind == "chip":
            self.chips.append(row)
        else:
            room: dict[str, Any] = self.storage if kind == "storage" else self.tokens
            id_ = row.id if kind == "storage" else row.price.id
            if id_ in room:
                raise entry.wrong("id", f"two prices are called {id_!r}")
            room[id_] = row
        if len(self.storage) + len(self.tokens) + len(self.chips) > MOST_ROWS:
            raise BadSettings(f"{self.place}: more than {MOST_ROWS:,} prices")


def read_prices(path: Path) -> PriceRows:
    """The prices in a file. Raises `BadSettings` that names file, line and value."""
    return parse_prices(_text_of(path), path.name, suffix=path.suffix.lower())


def parse_prices(text: str, place: str, *, suffix: str = "") -> PriceRows:
    """The same from text. suffix: `.toml`, `.csv` or `.json`; else told by how the text begins."""
    rows = PriceRows(place)
    kind = suffix if suffix in (".toml", ".csv", ".json") else _guess(text)
    try:
        {".csv": _from_csv, ".json": _from_json, ".toml": _from_toml}[kind](rows, text)
    except RecursionError:
        raise BadSettings(f"{place}: nested too deeply") from None
    if not (rows.storage or rows.tokens or rows.chips):
        raise BadSettings(
            f"{place}: no prices in it", hint="write [[storage]], [[tokens]] or [[chip]] tables"
        )
    return rows


def _text_of(path: Path) -> str:
    try:
        with path.open("rb") as opened:
            data = opened.read(LARGEST + 1)
    except OSError as error:
        raise BadSettings(f"cannot read {path}: {error.strerror or error}") from None
    if len(data) > LARGEST:
        raise BadSettings(f"{path.name} is larger than {LARGEST // 10**6} MB")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise BadSettings(f"{path.name}:{line}: is not UTF-8") from None


def _guess(text: str) -> str:
    start = text.lstrip()
    if start.startswith("{"):
        return ".json"
    header = start.partition("\n")[0]
    return ".csv" if "," in header and not start.startswith(("[", "#")) and "=" not in header else ".toml"


# --- TOML ----------------------------------------------------------------------------------------

_HEADER = re.compile(r"\s*\[\[\s*[\"']?(\w+)[\"']?\s*\]\]")
_KEY = re.compile(r"\s*[\"']?(\w+)[\"']?\s*=")


def _from_toml(rows: PriceRows, text: str) -> None:
    try:
        data = tomllib.loads(text)
    except ValueError as error:
        found = re.search(r"at line (\d+)", str(error))
        where = f"{rows.place}:{found[1]}" if found else rows.place
        raise BadSettings(f"{where}: {str(error)[:200]}") from None
    _from_tables(rows, data, _places(text))


def _places(text: str) -> dict[tuple[str, int], tuple[int, dict[str, int]]]:
    """Where each `[[table]]` begins, by name and number, and on which lines its keys stand."""
    found: dict[tuple[str, int], tuple[int, dict[str, int]]] = {}
    counts: dict[str, int] = {}
    keys: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(line):
            index = counts.get(header[1], 0)
            counts[header[1]] = index + 1
            keys = {}
            found[header[1], index] = number, keys
        elif key := _KEY.match(line):
            keys.setdefault(key[1], number)
    return found


def _from_tables(
    rows: PriceRows,
    data: Mapping[str, object],
    places: Mapping[tuple[str, int], tuple[int, dict[str, int]]],
) -> None:
    for kind, tables in data.items():
        if kind not in KINDS or not isinstance(tables, list):
            raise BadSettings(
                f"{rows.place}: {str(kind)[:60]!r} is no table of prices",
                hint=f"known are {', '.join(f'[[{name}]]' for name in KINDS)}",
            )
        for index, table in enumerate(tables):
            line, keys = places.get((kind, index), (None, {}))
            if not isinstance(table, Mapping):
                raise BadSettings(f"{rows.place}: {kind} {index + 1} is no table")
            place = rows.place if line else f"{rows.place}: {kind} {index + 1}"
            rows.take(Entry(table, place, line, keys), kind)


# --- JSON ----------------------------------------------------------------------------------------


def _from_json(rows: PriceRows, text: str) -> None:
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        raise BadSettings(f"{rows.place}:{error.lineno}: is no JSON: {error.msg.lower()}") from None
    except ValueError as error:
        raise BadSettings(f"{rows.place}: is no JSON: {str(error)[:200]}") from None
    if not isinstance(data, dict):
        raise BadSettings(f"{rows.place}: is no list of prices", hint="its outermost value must be an object")
    if data.keys() <= KINDS.keys():
        _from_tables(rows, data, {})
    else:
        _from_litellm(rows, data)


def _from_litellm(rows: PriceRows, data: Mapping[str, object]) -> None:
    """Prices per token by model. The list has no dates, and many an entry no price for tokens."""
    without, odd = 0, []
    for name, about in data.items():
        if name == "sample_spec":
            continue
        if not isinstance(about, Mapping):
            raise BadSettings(f"{rows.place}: {name[:60]!r} is no price", hint="this is no list we know")
        asked = about.get("input_cost_per_token"), about.get("output_cost_per_token")
        if None in asked:
            without += 1
            continue
        numbers = [_per_million(rows.place, name, value) for value in asked]
        if any(unlikely(number, PER_MILLION) for number in numbers):
            odd.append(name)
            continue
        rows.tokens[name] = ListedTokens(
            TokenPrice(name, numbers[0], numbers[1], "", str(about.get("source") or rows.place)[:300]),
            provider=str(about.get("litellm_provider") or "-")[:60],
            how_sure=f"{OWN}, undated",
        )
        if len(rows.tokens) > MOST_ROWS:
            raise BadSettings(f"{rows.place}: more than {MOST_ROWS:,} prices")
    if not rows.tokens:
        raise BadSettings(
            f"{rows.place}: no prices we know in it",
            hint="keys are storage, tokens, chip, or litellm's models",
        )
    if without:
        rows.notes.append(f"Left out, without a price for tokens: {without:,}.")
    if odd:
        rows.notes.append(f"Left out, at a price nobody asks: {len(odd):,}, the first {odd[0][:60]}.")


def _per_million(place: str, name: str, value: object) -> float:
    number = as_number(value)
    if number is None or not 0 <= number < float("inf"):
        raise BadSettings(f"{place}: {name[:60]}: {shown(value)} is no price of a token")
    return round(number * 1e6, 9)


# --- CSV -----------------------------------------------------------------------------------------


def _from_csv(rows: PriceRows, text: str) -> None:
    records = _records(rows.place, text)
    _, header = next(records, (1, []))
    names = [name.strip().lower() for name in header]
    if len(set(names)) != len(names):
        raise BadSettings(f"{rows.place}:1: a column stands there twice")
    if "kind" in names:
        for line, cells in records:
            values = {name: cell.strip() for name, cell in zip(names, cells, strict=False) if cell.strip()}
            kind = str(values.pop("kind", ""))
            rows.take(Entry(values, rows.place, line), kind)
    elif "hardware" in names and names_of_epoch(names):
        _from_epoch(rows, names, records)
    else:
        raise BadSettings(
            f"{rows.place}:1: no list of prices we know", hint=f"a column kind says {', '.join(KINDS)}"
        )


def names_of_epoch(names: list[str]) -> list[str]:
    """The columns with prices in Epoch AI's table."""
    return [name for name in names if name in _EPOCH]


def _from_epoch(rows: PriceRows, names: list[str], records: Iterator[tuple[int, list[str]]]) -> None:
    left_out = 0
    for line, cells in records:
        row = dict(zip(names, (cell.strip() for cell in cells), strict=False))
        day = _EPOCH_DAY.match(row.get("date", ""))
        told: dict[str, object] = {ours: row[theirs] for theirs, ours in _EPOCH.items() if row.get(theirs)}
        if day is None or not told:
            left_out += 1
            continue
        told |= {"chip": row.get("hardware", ""), "day": day[0], "vendor": row.get("vendor") or "-"}
        told |= {"source": row.get("source") or row.get("dataset") or rows.place, "how_sure": OWN}
        rows.take(Entry(told, rows.place, line), "chip")
    if left_out:
        count = "1 row" if left_out == 1 else f"{left_out:,} rows"
        rows.notes.append(f"Left out: {count} without a price or a date.")


def _records(place: str, text: str) -> Iterator[tuple[int, list[str]]]:
    """Rows with the line each begins on; blank ones mean nothing."""
    reader = csv.reader(text.splitlines(keepends=True), strict=True)
    width = None
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise BadSettings(f"{place}:{line}: is no CSV: {error}") from None
        if not cells:
            continue
        width = width or len(cells)
        if len(cells) > width:
            raise BadSettings(f"{place}:{line}: {len(cells)} cells under {width} columns")
        yield line, cells
