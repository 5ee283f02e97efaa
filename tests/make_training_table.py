"""Make `registry/economics/data/training.csv` from Epoch AI's table beside the checkout.

    python -m tests.make_training_table

Trims "Data on AI Models" (Epoch AI, epoch.ai/data/ai-models, CC BY 4.0) to what costs are worked out from,
under our own words for the columns. Names lose line breaks, numbers the noise of binary fractions.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "shared" / "economics" / "train.csv"
TARGET = Path(__file__).parents[1] / "registry" / "economics" / "data" / "training.csv"

COLUMNS = {
    "model": "model",
    "date": "publication_date",
    "organization": "organization",
    "domain": "domain",
    "parameters": "params",
    "active_parameters": "active_params",
    "tokens": "dataset_size",
    "epochs": "epochs",
    "flop": "y_compute_flop",
    "compute_method": "compute_method",
    "hardware": "training_hardware",
    "quantity": "hardware_quantity",
    "hours": "training_hours",
    "mfu": "mfu",
    "power": "power_w",
    "cost_2023usd": "y_cost_2023usd",
    "base_model": "base_model",
    "finetune_flop": "finetune_flop",
    "open_weights": "open_weights",
    "confidence": "confidence",
    "snapshot": "snapshot",
}
TEXTS = frozenset(
    {"model", "date", "organization", "domain", "compute_method", "hardware", "base_model"}
    | {"open_weights", "confidence", "snapshot"}
)


def trimmed(source: Path) -> str:
    """The whole table, one line per model, in the order of their names."""
    with source.open(encoding="utf-8", newline="") as page:
        rows = sorted(csv.DictReader(page), key=lambda row: row["model"])
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow([_cell(name, row[column]) for name, column in COLUMNS.items()])
    return text.getvalue()


def _cell(name: str, value: str) -> str:
    if name in TEXTS or not value:
        return " ".join(value.split())
    number = float(f"{float(value):.12g}")
    return str(int(number)) if number.is_integer() and number < 1e15 else repr(number)


if __name__ == "__main__":
    TARGET.write_text(trimmed(SOURCE), encoding="utf-8")
