from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.weights.merges import Merge, fit_merge
from registry.weights.ties import fit_ties
from tests.make_zoo import elected
from tests.weights.models import Array, network, rounded, samples, tuned

BASE = network(1)
TUNED = {f"t{i}": tuned(BASE, 10 + i, 0.01 + 0.003 * i) for i in range(5)}
CANDIDATES = {"base": samples(BASE), **{name: samples(weights) for name, weights in TUNED.items()}}


def combined(parts: list[tuple[float, dict[str, Array]]]) -> dict[str, Array]:
    return {
        name: rounded(np.sum([np.float32(w) * model[name] for w, model in parts], axis=0, dtype=np.float32))
        for name in parts[0][1]
    }


def weights_of(merge: Merge | None) -> dict[str, float]:
    assert merge is not None
    assert sum(merge.weights) == pytest.approx(1)
    return dict(zip(merge.parents, merge.weights, strict=True))


@settings(max_examples=20, deadline=None)
@given(st.integers(20, 80), st.permutations(sorted(TUNED)))
def test_linear_merges(percent: int, names: list[str]) -> None:
    share = percent / 100
    child = combined([(share, TUNED[names[0]]), (1 - share, TUNED[names[1]])])
    merge = fit_merge(samples(child), CANDIDATES, base="base")
    found = weights_of(merge)
    assert found == {names[0]: pytest.approx(share, abs=0.002), names[1]: pytest.approx(1 - share, abs=0.002)}
    assert merge is not None
    assert merge.covered > 0.999
    assert merge.rounding < 4


@pytest.mark.parametrize("factors", [(0.7, 0.6), (0.5, 0.3)])
def test_task_arithmetic(factors: tuple[float, float]) -> None:
    rest = 1 - sum(factors)
    child = combined([(factors[0], TUNED["t1"]), (factors[1], TUNED["t3"]), (rest, BASE)])
    found = weights_of(fit_merge(samples(child), CANDIDATES, base="base"))
    assert found == {
        "t1": pytest.approx(factors[0], abs=0.002),
        "t3": pytest.approx(factors[1], abs=0.002),
        "base": pytest.approx(rest, abs=0.004),
    }


def test_spherical_merges() -> None:
    share, child = 0.35, {}
    for name in BASE:
        a, b = (TUNED[key][name].astype(np.float64) for key in ("t0", "t2"))
        angle = np.arccos(np.clip((a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum()), -1, 1))
        value = (np.sin((1 - share) * angle) * a + np.sin(share * angle) * b) / np.sin(angle)
        child[name] = rounded(value.astype(np.float32))
    found = weights_of(fit_merge(samples(child), CANDIDATES, base="base"))
    assert found == {"t0": pytest.approx(0.65, abs=0.01), "t2": pytest.approx(0.35, abs=0.01)}


def test_strangers_are_merged_across_groups() -> None:
    other = network(2)
    child = combined([(0.6, TUNED["t0"]), (0.4, other)])
    candidates = {**CANDIDATES, "other": samples(other)}
    merge = fit_merge(samples(child), candidates, groups=[{"other"}, set(CANDIDATES)])
    assert weights_of(merge) == {"t0": pytest.approx(0.6, abs=0.002), "other": pytest.approx(0.4, abs=0.002)}


def test_what_is_no_merge_is_not_explained() -> None:
    for child in (BASE, tuned(BASE, 99), tuned(TUNED["t0"], 98, 0.003), network(5)):
        others = {name: s for name, s in CANDIDATES.items() if name != "base"}
        assert fit_merge(samples(child), others, base=None) is None
        assert fit_ties(samples(child), CANDIDATES, ["base"]) is None


def test_too_few_candidates_explain_nothing() -> None:
    assert fit_merge(samples(BASE), {}, base=None) is None
    assert fit_merge(samples(BASE), {"t0": CANDIDATES["t0"]}, base=None) is None
    assert fit_ties(samples(BASE), {"t0": CANDIDATES["t0"]}, ["t0"]) is None


@pytest.mark.parametrize("names", [("t0", "t3"), ("t1", "t2", "t4")])
def test_ties_merges(names: tuple[str, ...]) -> None:
    child = elected(BASE, [TUNED[name] for name in names])
    found = fit_ties(samples(child), CANDIDATES, ["base"])
    assert found is not None
    assert set(found.parents) == {*names, "base"}
    assert found.parents[-1] == "base"
    assert found.covered > 0.99
