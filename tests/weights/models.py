"""Fingerprints for tests, made in memory from named arrays."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from registry.weights.compare import Samples
from registry.weights.dtypes import to_bfloat16
from registry.weights.fingerprint import Fingerprint, collect, fingerprint
from registry.weights.layout import StoredTensor
from registry.weights.sampling import Tier, plan
from tests.benchmarks.evidence import Truth, fingerprint_of

ZOO = Path(__file__).parents[1] / "data" / "zoo"

Array = NDArray[np.float32]


class Memory:
    """A file in memory that counts how often and how much of it was read."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.reads = 0
        self.bytes = 0

    def read(self, offset: int, length: int) -> bytes:
        self.reads += 1
        self.bytes += length
        return self.data[offset : offset + length]


def lay_out(
    arrays: Mapping[str, tuple[str, bytes, tuple[int, ...]]],
) -> tuple[dict[str, StoredTensor], bytes]:
    """Tensors back to back in one file, from dtype, bytes and shape by name."""
    tensors, data = {}, b""
    for name, (dtype, raw, shape) in arrays.items():
        tensors[name] = StoredTensor("model.safetensors", dtype, shape, len(data), len(data) + len(raw))
        data += raw
    return tensors, data


def printed(
    weights: Mapping[str, Array], dtype: str = "BF16", tier: Tier = Tier.STANDARD, *, transposed: bool = False
) -> Fingerprint:
    """The fingerprint of these weights stored in BF16, F16 or F32."""

    def raw(values: Array) -> bytes:
        if dtype == "BF16":
            return to_bfloat16(values.ravel()).astype("<u2").tobytes()
        return values.astype({"F16": "<f2", "F32": "<f4"}[dtype]).tobytes()

    tensors, data = lay_out({name: (dtype, raw(v), v.shape) for name, v in weights.items()})
    chosen = plan(tensors, tier, transposed=transposed)
    return fingerprint(chosen, collect(chosen, {"model.safetensors": Memory(data)}))


def samples(weights: Mapping[str, Array], dtype: str = "BF16") -> Samples:
    return Samples(printed(weights, dtype))


def rounded(values: Array) -> Array:
    bits = to_bfloat16(np.asarray(values, np.float32).ravel()).astype(np.uint32) << 16
    return bits.view(np.float32).reshape(values.shape)


def network(seed: int, layers: int = 2, width: int = 64, inner: int = 96) -> dict[str, Array]:
    """Random weights of a small Llama, rounded to bfloat16."""
    dice = np.random.RandomState(seed)

    def matrix(rows: int, columns: int) -> Array:
        return rounded(dice.normal(0, 0.05, (rows, columns)).astype(np.float32))

    found = {"model.embed_tokens.weight": matrix(128, width), "lm_head.weight": matrix(128, width)}
    for layer in range(layers):
        stem = f"model.layers.{layer}"
        for name in "qkvo":
            found[f"{stem}.self_attn.{name}_proj.weight"] = matrix(width, width)
        found[f"{stem}.mlp.up_proj.weight"] = matrix(inner, width)
        found[f"{stem}.mlp.down_proj.weight"] = matrix(width, inner)
    return found


def tuned(parent: Mapping[str, Array], seed: int, size: float = 0.01) -> dict[str, Array]:
    """A child: every value moved by noise of a relative size, rounded."""
    dice = np.random.RandomState(seed)
    return {
        name: rounded(v + dice.normal(0, size * v.std(), v.shape).astype(np.float32))
        for name, v in parent.items()
    }


@cache
def zoo() -> tuple[Truth, dict[str, Fingerprint], dict[str, str]]:
    """The small zoo: its truth, all fingerprints by name, and names by key."""
    truth = Truth(ZOO / "manifest.json")
    prints = {name: fingerprint_of(ZOO / name, Tier.STANDARD) for name in truth.models}
    return truth, prints, {model["key"]: name for name, model in truth.models.items()}
