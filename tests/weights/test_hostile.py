"""Fingerprints that were tampered with, or are odd, are judged or refused; nothing else happens."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.errors import RegistryError
from registry.model.evidence import EvidenceState
from registry.weights.fingerprint import Fingerprint
from registry.weights.sampling import Tier
from registry.weights.verdicts import Study, judge
from tests.weights.models import network, printed, tuned, zoo

BASE = network(1)
HONEST = {"x/base": printed(BASE), "x/child": printed(tuned(BASE, 2)), "x/other": printed(network(3))}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_tampered_fingerprints(data: st.DataObject) -> None:
    raw = bytearray(HONEST["x/child"].to_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        odd = Fingerprint.from_bytes(bytes(raw))
        Study({**HONEST, "x/child": odd}).judge("x/child", ["x/base", "x/other"])
    except RegistryError:
        return


@pytest.mark.parametrize("value", [0.0, 1.0, float("nan"), float("inf"), 3e38, 1e-40])
def test_weights_that_are_all_one_number(value: float) -> None:
    flat = {name: np.full_like(v, value) for name, v in BASE.items()}
    models = {**HONEST, "x/flat": printed(flat, "F32"), "x/again": printed(flat, "F32")}
    for evidence in Study(models).judge("x/flat", ["x/base", "x/again"]):
        assert evidence.state in set(EvidenceState)
    judge("x/child", ["x/flat"], models)


def test_fingerprints_without_samples() -> None:
    models = {**HONEST, "x/bare": printed(BASE, tier=Tier.HEADERS)}
    (bare,) = judge("x/bare", ["x/base"], models)
    assert bare.state is EvidenceState.NOT_COMPARABLE
    assert models["x/bare"].sketch() == bytes(512)


def test_tiers_can_be_compared() -> None:
    models = {
        "x/base": printed(BASE, tier=Tier.LIGHT),
        "x/child": printed(tuned(BASE, 2), tier=Tier.EXTENDED),
        "x/other": printed(network(3), tier=Tier.LIGHT),
    }
    (evidence,) = judge("x/child", ["x/base"], models)
    assert evidence.state is EvidenceState.CONFIRMED


def test_an_adapter_whose_halves_do_not_fit() -> None:
    _, prints, names = zoo()
    adapter = prints[names["A.a.lora"]]
    for change in ({"shape": (3, 5)}, {"shape": (9,)}, {"role": "q.B"}):
        blocks = (replace(adapter.blocks[0], **change), *adapter.blocks[1:])  # type: ignore[arg-type]
        try:
            judge(
                names["A.a.lora"],
                [names["A"]],
                {**prints, names["A.a.lora"]: replace(adapter, blocks=blocks)},
            )
        except RegistryError:
            continue
