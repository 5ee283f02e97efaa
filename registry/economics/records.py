"""Files of training facts from anywhere: CSV, JSON or JSON lines in the columns of Epoch AI's table.

Rows come one at a time, so that a file of any length takes the memory of one row. A row that cannot be is
handed on as a `BadRow` and costs itself alone; only a file that is none of the three formats, or tells
nothing to work with, is refused as a whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from registry.economics import quantities
from registry.economics.row_files import Broken, Record, read_records
from registry.errors import DamagedFile
from registry.model.training import BOUNDS, TrainingInputs

LONGEST_TEXT = 1000
"""Characters of a name of a model, a chip, a country."""

COLUMNS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "model": ("model", "name", "repo_id"),
        "published": ("published", "publication_date", "date"),
        "domain": ("domain",),
        "parameters": ("parameters", "params"),
        "active_parameters": ("active_parameters", "active_params"),
        "training_tokens": ("training_tokens", "tokens", "dataset_size", "training_dataset_size_(total)"),
        "epochs": ("epochs",),
        "training_flop": ("training_flop", "flop", "compute_flop", "training_compute_(flop)"),
        "hardware": ("hardware", "training_hardware"),
        "hardware_quantity": ("hardware_quantity", "quantity", "chips"),
        "training_hours": ("training_hours", "hours", "training_time_(hours)"),
        "chip_hours": ("chip_hours",),
        "utilisation": ("utilisation", "utilization", "mfu", "hardware_utilization_(mfu)"),
        "power": ("power", "power_w", "training_power_draw_(w)"),
        "training_energy": ("training_energy", "energy_kwh"),
        "training_cost": ("training_cost", "cost_usd"),
        "country": ("country", "training_country"),
        "precision": ("precision",),
        "base_model": ("base_model",),
        "finetune_flop": ("finetune_flop", "finetune_compute_(flop)"),
        "flop_method": ("flop_method", "compute_method", "training_compute_estimation_method"),
    }
)
"""The names a column may have, by the field it fills. The last ones are
Epoch AI's own headings. Nothing else is read, no target (`y_...`) above all."""

FIELDS: Mapping[str, str] = MappingProxyType(
    {column: name for name, columns in COLUMNS.items() for column in columns}
)

_CURRENCY = ("currency", "cost_currency")
_LABELS = frozenset({"model", "domain", "base_model", "flop_method"})
"""Columns that describe a run and tell nothing to work with."""

_READERS: Mapping[str, Callable[[str, str, str], Any]] = MappingProxyType(
    dict.fromkeys(BOUNDS, quantities.quantity)
    | {"published": quantities.day, "precision": quantities.precision}
)


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be used. number: its place among the rows, from 1; model: its name, where it can
    be told; reason: one sentence that names line and column."""

    number: int
    reason: str
    model: str | None = None


def read_rows(path: Path) -> Iterator[TrainingInputs | BadRow]:
    """The rows of a file in their order. Raises `DamagedFile` for a file that is no CSV, JSON or JSON
    lines, that has no column to work with, or whose JSON breaks off (after the rows before)."""
    seen: set[str] = set()
    number = 0
    with closing(read_records(path, check_header=lambda header: _check(path, header))) as records:
        for number, record in enumerate(records, 1):
            if isinstance(record, Broken):
                seen.update(FIELDS[name] for name in record.values if name in FIELDS)
                yield BadRow(number, f"{path.name} {record.place}: {record.reason}", _name(record.values))
                continue
            if not seen - _LABELS and isinstance(record.values, Mapping):
                seen.update(FIELDS[name] for name in record.values if name in FIELDS)
            yield _inputs(path, number, record)
    if number and not seen - _LABELS:
        raise _nothing(path)


def read_fact(name: str, called: str, text: str) -> Any:
    """One fact as people write it. called: what they call it. Raises `ValueError` with the sentence."""
    reader = _READERS.get(name)
    return text.strip()[:LONGEST_TEXT] if reader is None else reader(name, called, text)


def _check(path: Path, header: Iterable[str]) -> None:
    """Refuse a header without a column to work with, or with one twice."""
    found: dict[str, str] = {}
    for column in header:
        name = FIELDS.get(column)
        if name in found:
            raise DamagedFile(
                f"{path.name} line 1: the columns {found[name]} and {column} mean the same",
                hint="keep one of the two",
            )
        if name is not None:
            found[name] = column
    if not set(found) - _LABELS:
        raise _nothing(path)


def _nothing(path: Path) -> DamagedFile:
    return DamagedFile(f"{path.name} has no column to work with", hint=_columns())


def _columns() -> str:
    return "columns are model, params, dataset_size, epochs, compute_flop, training_hardware, ..."


def _inputs(path: Path, number: int, record: Record) -> TrainingInputs | BadRow:
    model = _name(record.values)
    try:
        return TrainingInputs(**_values(record.values))
    except ValueError as error:
        return BadRow(number, f"{path.name} {record.place}: {error}", model)


def _name(values: object) -> str | None:
    """The model's name, told even where the rest of the row cannot be used."""
    if not isinstance(values, Mapping):
        return None
    for column in COLUMNS["model"]:
        value = values.get(column)
        if isinstance(value, str) and value.strip():
            return value.strip()[:LONGEST_TEXT]
    return None


def _values(record: object) -> dict[str, Any]:
    """The fields a row fills. Raises `ValueError` naming the column."""
    if not isinstance(record, Mapping):
        raise ValueError("is not a record of columns and values")
    found: dict[str, Any] = {}
    columns: dict[str, str] = {}
    for column, value in record.items():
        name = FIELDS.get(column)
        if column in _CURRENCY:
            quantities.currency(_text(column, value) or "USD")
        if name is None:
            continue
        read = _READERS.get(name)
        text = _text(column, value)
        if not text:
            continue
        if name in found:
            raise ValueError(f"{columns[name]} and {column} mean the same")
        found[name] = text if read is None else read(name, column, text)
        columns[name] = column
    return found


def _text(column: str, value: object) -> str:
    """A cell as text, "" for an unknown one. JSON numbers are written out and read like any other."""
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(f"{column} is neither a number nor a text")
    text = value if isinstance(value, str) else repr(value)
    if len(text) > LONGEST_TEXT:
        raise ValueError(f"{column} is longer than {LONGEST_TEXT:,} characters")
    return text.strip()
