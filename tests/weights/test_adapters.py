from __future__ import annotations

import numpy as np
import pytest

from registry.weights.adapters import prove
from tests.weights.models import Array, network, printed, rounded, samples, tuned


def adapter_for(
    base: dict[str, Array], seed: int, *, transposed: bool = False, scale: float = 2.0
) -> tuple[dict[str, Array], dict[str, Array]]:
    """An adapter for q and up, and the model it was merged into."""
    dice = np.random.RandomState(seed)
    adapter, merged = {}, dict(base)
    for name, values in base.items():
        if "q_proj" in name or "up_proj" in name:
            rows, columns = values.shape
            outputs, inputs = (columns, rows) if transposed else (rows, columns)
            a = rounded(dice.normal(0, 0.02, (4, inputs)).astype(np.float32))
            b = rounded(dice.normal(0, 0.05, (outputs, 4)).astype(np.float32))
            stem = f"base_model.model.{name.removesuffix('.weight')}"
            adapter |= {f"{stem}.lora_A.weight": a, f"{stem}.lora_B.weight": b}
            change = (b @ a).T if transposed else b @ a
            merged[name] = rounded(values + np.float32(scale) * change)
    return adapter, merged


@pytest.mark.parametrize("transposed", [False, True])
def test_the_true_base_is_proven(transposed: bool) -> None:
    base = network(1, width=96, inner=128)
    adapter, merged = adapter_for(base, 5, transposed=transposed)
    models = {
        "base": samples(base),
        "near": samples(tuned(base, 2)),
        "merged": samples(merged),
        "stranger": samples(network(3, width=96, inner=128)),
    }
    proof = prove(printed(adapter, transposed=transposed), models)
    assert proof is not None
    assert (proof.merged, proof.bases) == ("merged", ("base",))
    assert proof.scale == pytest.approx(2, rel=0.01)
    assert proof.unexplained < 0.02


def test_copies_of_the_base_are_a_tie() -> None:
    base = network(1)
    adapter, merged = adapter_for(base, 5)
    models = {"one": samples(base), "two": samples(base, "F32"), "merged": samples(merged)}
    proof = prove(printed(adapter), models)
    assert proof is not None
    assert set(proof.bases) == {"one", "two"}


def test_without_the_merged_model_nothing_is_proven() -> None:
    base = network(1)
    adapter, merged = adapter_for(base, 5)
    other, _ = adapter_for(base, 6)
    assert prove(printed(adapter), {"base": samples(base), "near": samples(tuned(base, 2))}) is None
    assert prove(printed(other), {"base": samples(base), "merged": samples(merged)}) is None
    assert prove(printed(adapter), {}) is None
    assert prove(printed(adapter), {"narrow": samples(network(1, width=32)), "base": samples(base)}) is None
