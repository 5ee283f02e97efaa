from __future__ import annotations

from datetime import date

import pytest

from registry.economics.chips import Chips, load_chips


@pytest.fixture(scope="module")
def chips() -> Chips:
    return load_chips()


def test_every_chip_has_a_peak_and_a_source(chips: Chips) -> None:
    assert len(chips) > 150
    for chip in chips:
        assert chip.source
        assert chip.training_peak()[0] > 0
        assert chip.default in chip.peak
        assert chip.tdp is None or chip.tdp > 0
        assert chip.price is None or chip.price > 0


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("NVIDIA A100 SXM4 80 GB", "NVIDIA A100 SXM4 80 GB"),
        ("nvidia a100 sxm4 80gb", "NVIDIA A100 SXM4 80 GB"),
        ("A100-SXM4-80GB", "NVIDIA A100 SXM4 80 GB"),
        ("A100 80GB", "NVIDIA A100 SXM4 80 GB"),
        ("H100", "NVIDIA H100 SXM5 80GB"),
        ("TPUv3", "Google TPU v3"),
        ("Google TPU v5e", "Google TPU v5e"),
        ("RTX 3090", "NVIDIA GeForce RTX 3090"),
        ("MI300X", "AMD Instinct MI300X"),
        ("NVIDIA H200", "NVIDIA H200 SXM"),
        ("NVIDIA Tesla K40c", "NVIDIA Tesla K40s"),
    ],
)
def test_names_and_reviewed_aliases(chips: Chips, name: str, found: str) -> None:
    chip = chips.find(name)
    assert chip is not None
    assert chip.name == found


@pytest.mark.parametrize(
    "name", ["", "A10000", "NVIDIA", "A10 0", "H10", "Tesla", "TPU", "8x A100", "x" * 100_000]
)
def test_likeness_is_not_enough(chips: Chips, name: str) -> None:
    chip = chips.find(name)
    assert chip is None or name == "A10 0"  # punctuation and spaces alone do not tell names apart


def test_of_several_the_first_known_counts_and_the_rest_is_told(chips: Chips) -> None:
    reading = chips.read("Abacus 3000, NVIDIA A100, NVIDIA Tesla V100 SXM2")
    assert reading.chip is not None
    assert reading.chip.name == "NVIDIA A100"
    assert reading.note == (
        "Abacus 3000, NVIDIA Tesla V100 SXM2 left aside: everything counted as NVIDIA A100"
    )
    assert chips.read("NVIDIA A100,NVIDIA A100").note is None
    assert chips.read("Abacus 3000, Abacus 4000").chip is None


def test_suggestions_are_near(chips: Chips) -> None:
    assert "NVIDIA A100" in chips.suggest("NVIDIA A1000 SXM")
    assert chips.suggest("NVIDIA A1000 SXM") is chips.suggest("NVIDIA A1000 SXM")
    assert "NVIDIA GeForce RTX 2080 Ti 11GB" in chips.suggest("2080")
    assert chips.suggest("###") == ()


def test_matrix_units_make_the_peak_where_there_are_any(chips: Chips) -> None:
    def default(name: str) -> tuple[float, str]:
        chip = chips.find(name)
        assert chip is not None
        return chip.training_peak()

    assert default("A100") == (3.12e14, "fp16")
    assert default("P100") == (9.3e12, "fp32")  # its half precision was not trained in
    assert default("Tesla T4") == (6.513e13, "fp16")  # matrix units, listed as half precision
    assert default("Ascend 910") == (2.56e14, "fp16")
    assert default("TPU v1") == (9.2e13, "int8")


def test_a_precision_asked_for_counts_where_the_chip_has_it(chips: Chips) -> None:
    h100 = chips.find("H100")
    assert h100 is not None
    assert h100.training_peak("fp8") == (1.979e15, "fp8")
    assert h100.training_peak("fp32")[0] < 1e14
    assert h100.training_peak("int4") == h100.training_peak()


def test_facts_of_a_chip(chips: Chips) -> None:
    v100 = chips.find("V100")
    assert v100 is not None
    assert (v100.maker, v100.kind, v100.family) == ("NVIDIA", "GPU", "V100")
    assert v100.released == date(2017, 6, 21)
    assert v100.tdp == 300
