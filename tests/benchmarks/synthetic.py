"""The synthetic Hub of `../shared/benchmark/hubgraph.py` as NumPy arrays or as model documents.

Both are made once and kept in a folder of their own. The generator and its Parquet files need pyarrow,
which the project does not: `python` may name another interpreter that has it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

GENERATOR = Path(__file__).resolve().parents[3] / "shared" / "benchmark" / "hubgraph.py"
EDGES_PER_MODEL = 0.6
"""As on the Hub."""

COLUMNS = ("child", "parent", "relation", "license")


@dataclass(frozen=True, slots=True)
class Graph:
    """Model numbers run from 0; edge i says that `child[i]` was made from `parent[i]`.

    relation, license: positions in `relations` and `licenses`, per edge and per model.
    """

    child: NDArray[np.int32]
    parent: NDArray[np.int32]
    relation: NDArray[np.uint8]
    license: NDArray[np.uint8]
    relations: list[str]
    licenses: list[str]

    @property
    def size(self) -> int:
        """How many models."""
        return len(self.license)


def graph(folder: Path, models: int, edges: int, python: str) -> Graph:
    """The lineage of `models` models and about `edges` edges."""
    if not (folder / "names.json").exists():
        _generate(folder, models, edges, python)
        _elsewhere(python, "arrays", folder)
    names = json.loads((folder / "names.json").read_text())
    return Graph(*(np.load(folder / f"{column}.npy") for column in COLUMNS), **names)


def documents(folder: Path, models: int, edges: int, python: str) -> Path:
    """A file of model documents as the Hub answers them, one per line."""
    path = folder / "documents.jsonl"
    if not path.exists():
        dump(folder, models, edges, python)
        _elsewhere(python, "documents", folder)
    return path


def dump(folder: Path, models: int, edges: int, python: str) -> Path:
    """A file in the columns of the public dumps."""
    path = folder / "hub_stats.parquet"
    if not path.exists():
        _generate(folder, models, edges, python, "--dump")
    return path


def _generate(folder: Path, models: int, edges: int, python: str, *options: str) -> None:
    size = ("--models", str(models), "--edges", str(edges))
    subprocess.run([python, GENERATOR, folder, *size, *options], check=True, stdout=sys.stderr)


def _elsewhere(python: str, what: str, folder: Path) -> None:
    subprocess.run([python, __file__, what, folder], check=True)


def _write_arrays(folder: Path) -> None:
    from pyarrow import parquet

    def coded(file: str, column: str) -> tuple[NDArray[np.uint8], list[str]]:
        values = parquet.read_table(folder / file, columns=[column])[column].combine_chunks()
        values = values.dictionary_encode()
        return values.indices.to_numpy().astype(np.uint8), values.dictionary.to_pylist()

    ends = parquet.read_table(folder / "edges.parquet", columns=["child", "parent"])
    relation, relations = coded("edges.parquet", "relation")
    license_, licenses = coded("models.parquet", "license")
    found = (ends["child"].to_numpy(), ends["parent"].to_numpy(), relation, license_)
    for column, values, dtype in zip(COLUMNS, found, (np.int32, np.int32, np.uint8, np.uint8), strict=True):
        np.save(folder / f"{column}.npy", values.astype(dtype))
    (folder / "names.json").write_text(json.dumps({"relations": relations, "licenses": licenses}))


def _write_documents(folder: Path) -> None:
    from pyarrow import parquet

    unfinished = folder / "documents.part"
    with unfinished.open("w", encoding="utf-8") as file:
        for batch in parquet.ParquetFile(folder / "hub_stats.parquet").iter_batches(10_000):
            for row in batch.to_pylist():
                row["cardData"] = json.loads(row["cardData"])
                for field in ("createdAt", "lastModified"):
                    row[field] = row[field].isoformat(timespec="milliseconds") + "Z"
                if row["safetensors"]:
                    counts = row["safetensors"]["parameters"]
                    row["safetensors"]["parameters"] = {k: v for k, v in counts.items() if v is not None}
                present = {name: value for name, value in row.items() if value is not None}
                file.write(json.dumps(present, separators=(",", ":")) + "\n")
    unfinished.rename(folder / "documents.jsonl")


if __name__ == "__main__":
    {"arrays": _write_arrays, "documents": _write_documents}[sys.argv[1]](Path(sys.argv[2]))
