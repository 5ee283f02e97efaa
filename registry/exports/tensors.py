"""Duplication among tensors as JSON and as rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from registry.model.estimate import Estimate
from registry.model.tensors import Deltas, TensorDuplication

Shape = dict[str, Any]


def document(found: TensorDuplication) -> Shape:
    """All of it. Ratios and sums are `null` where no tensors are known."""
    known = found.models > 0
    return {
        "models": found.models,
        "unread_models": list(found.unread),
        "files": found.files,
        "logical_bytes": found.logical_bytes if known else None,
        "file_unique_bytes": found.file_bytes if known else None,
        "tensor_unique_bytes": found.tensor_bytes if known else None,
        "file_dedup_ratio": found.file_ratio,
        "tensor_dedup_ratio": found.tensor_ratio,
        "tensors": found.tensors,
        "unique_tensors": found.unique_tensors,
        "shared_with_base": [
            {
                "derivative": one.derivative,
                "base": one.base,
                "tensors": one.tensors,
                "equal_tensors": one.equal_tensors,
                "bytes": one.bytes,
                "equal_bytes": one.equal_bytes,
                "layers": one.layers,
                "frozen_layers": one.frozen_layers,
            }
            for one in found.frozen
        ],
        "deltas": None if found.deltas is None else _deltas(found.deltas),
    }


def _deltas(deltas: Deltas) -> Shape:
    stored = deltas.stored
    return {
        "method": deltas.method,
        "bytes": deltas.bytes,
        "sampled_bytes": deltas.sampled_bytes,
        "stored": None if stored is None else _range(stored),
        "saved": None if stored is None else _saved(deltas.bytes, stored),
        "absent_models": list(deltas.absent),
        "by_model": [
            {
                "repo_id": one.repo_id,
                "bases": list(one.bases),
                "bytes": one.bytes,
                "with_base_bytes": one.with_base,
                "sampled_bytes": one.sampled_bytes,
                "stored": _range(one.stored),
            }
            for one in deltas.models
        ],
    }


def _range(one: Estimate) -> Shape:
    return {
        "low": round(one.low),
        "mid": round(one.mid),
        "high": round(one.high),
        "unit": one.unit,
        "interval": one.interval,
        "formula": one.formula,
    }


def _saved(size: int, stored: Estimate) -> Shape:
    low, mid, high = (round(size - value) for value in (stored.high, stored.mid, stored.low))
    return {"low": low, "mid": mid, "high": high, "unit": stored.unit, "interval": stored.interval}


def rows(found: TensorDuplication) -> Iterator[Shape]:
    """One row for each derivative with tensors of a base, and one for each model that was sampled."""
    for one in found.frozen:
        yield {
            "kind": "frozen",
            "repo_id": one.derivative,
            "others": [one.base],
            "copies": one.equal_tensors,
            "bytes": one.bytes,
            "wasted_bytes": one.equal_bytes,
            "certainty": "certain",
            "reasons": [f"{one.frozen_layers} of {one.layers} layers are frozen"],
        }
    for model in found.deltas.models if found.deltas else ():
        yield {
            "kind": "delta",
            "repo_id": model.repo_id,
            "others": list(model.bases),
            "bytes": model.bytes,
            "potential_bytes": round(model.bytes - model.stored.mid),
            "certainty": "potential",
            "reasons": [model.stored.formula],
        }
