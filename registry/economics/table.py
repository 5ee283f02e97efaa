"""What Epoch AI's table says of how models were trained, joined to repositories by reviewed aliases alone.

The table is "Data on AI Models" by Epoch AI (epoch.ai/data/ai-models, CC BY 4.0), trimmed. Its facts are
looked up when they are asked for and never kept in a catalog: a newer table takes effect at once.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from registry.economics.routes import BY_SIX
from registry.model.snapshot import TrainingFact

ORIGIN = "table"
"""The origin of every fact from here."""

CREDIT = 'Epoch AI, "Data on AI Models", epoch.ai/data/ai-models'

COUNTED = "Operation counting"
"""Epoch AI's name for FLOP they worked out as 6ND, alone or beside another way."""

_NUMBERS: Mapping[str, str] = MappingProxyType(
    {
        "parameters": "parameters",
        "active_parameters": "active_parameters",
        "training_tokens": "tokens",
        "epochs": "epochs",
        "training_flop": "flop",
        "hardware_quantity": "quantity",
        "training_hours": "hours",
        "utilisation": "mfu",
        "power": "power",
        "training_cost": "cost_2023usd",
        "finetune_flop": "finetune_flop",
    }
)
"""The column of each fact that is a number."""


@dataclass(frozen=True, slots=True)
class TableRow:
    """One model of the table. numbers: facts by name, in the units of `registry.model.facts`.

    compute_method: how the FLOP were found; cost is in what the source
    calls 2023 USD (docs/costs.md), hardware written off and energy.
    confidence: `Confident`, `Likely` or `Speculative`; snapshot: the edition of the table it stands in.
    """

    model: str
    published: date
    organization: str | None
    domain: str | None
    numbers: Mapping[str, float]
    hardware: str | None
    base_model: str | None
    compute_method: str | None
    open_weights: bool | None
    confidence: str
    snapshot: str

    @property
    def counted(self) -> bool:
        """Whether the FLOP are 6ND themselves: comparing them with 6ND would be circular."""
        return self.compute_method is not None and COUNTED in self.compute_method

    @property
    def source(self) -> str:
        return f"{CREDIT} ({self.snapshot}), {self.model}"

    def facts(self) -> tuple[TrainingFact, ...]:
        """Everything it says, each with what has to be known about it."""
        told: list[tuple[str, float | str]] = [
            (name, int(number) if float(number).is_integer() and number < 1e15 else number)
            for name, number in self.numbers.items()
        ]
        if self.hardware:
            told.append(("hardware", self.hardware))
        told.append(("published", self.published.isoformat()))
        return tuple(TrainingFact(name, value, self.source, ORIGIN, self._note(name)) for name, value in told)

    def _note(self, name: str) -> str | None:
        notes = []
        if name == "training_flop" and self.compute_method:
            notes.append(f"by {self.compute_method.replace(',', ', ').lower()}")
            if self.counted:
                notes.append(BY_SIX)
        if name == "training_cost":
            notes.append("worked out by them, in what they call 2023 USD: hardware written off and energy")
        if name in ("training_flop", "training_tokens") and self.confidence != "Confident":
            notes.append(self.confidence.lower())
        return ", ".join(notes) or None


class TrainingTable:
    """The rows by name, and the repositories known to be the same models."""

    def __init__(self, rows: Iterable[TableRow], aliases: Mapping[str, str]) -> None:
        self._rows = {row.model: row for row in rows}
        self._aliases = {repo_id: self._rows[model] for repo_id, model in aliases.items()}
        self._facts: dict[str, tuple[TrainingFact, ...]] = {}

    @classmethod
    def load(cls) -> TrainingTable:
        """The shipped table, read once."""
        return _shipped()

    def __iter__(self) -> Iterator[TableRow]:
        return iter(self._rows.values())

    def __len__(self) -> int:
        return len(self._rows)

    def row(self, model: str) -> TableRow | None:
        """The row of that exact name."""
        return self._rows.get(model)

    def row_of(self, repo_id: str) -> TableRow | None:
        """The row about a repository, by reviewed alias alone."""
        return self._aliases.get(repo_id)

    def facts_of(self, repo_id: str) -> tuple[TrainingFact, ...]:
        """What the table says of a repository; nothing for most."""
        row = self._aliases.get(repo_id)
        if row is None:
            return ()
        if repo_id not in self._facts:
            self._facts[repo_id] = row.facts()
        return self._facts[repo_id]


def read_aliases(text: str) -> dict[str, str]:
    """Model of the table by repository. Raises `ValueError` for a repository that stands twice."""
    found: dict[str, str] = {}
    for row in csv.DictReader(text.splitlines()):
        if row["repo_id"] in found:
            raise ValueError(f"{row['repo_id']} is two models")
        found[row["repo_id"]] = row["model"]
    return found


def read_table(text: str) -> list[TableRow]:
    """The rows of `training.csv`."""
    return [_row(row) for row in csv.DictReader(text.splitlines())]


def _row(row: Mapping[str, str]) -> TableRow:
    weights = row["open_weights"]
    return TableRow(
        model=row["model"],
        published=date.fromisoformat(row["date"]),
        organization=row["organization"] or None,
        domain=row["domain"] or None,
        numbers=MappingProxyType(
            {name: float(row[column]) for name, column in _NUMBERS.items() if row[column]}
        ),
        hardware=row["hardware"] or None,
        base_model=row["base_model"] or None,
        compute_method=row["compute_method"] or None,
        open_weights=weights == "Yes" if weights else None,
        confidence=row["confidence"],
        snapshot=row["snapshot"],
    )


@cache
def _shipped() -> TrainingTable:
    data = files("registry.economics") / "data"
    rows = read_table((data / "training.csv").read_text(encoding="utf-8"))
    return TrainingTable(rows, read_aliases((data / "aliases.csv").read_text(encoding="utf-8")))
