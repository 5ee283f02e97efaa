"""The figures of the case for reuse, against the shared table and against themselves."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from registry.contract import TokenPrice
from registry.economics.claims import Input, Place, load_claims, recompute
from registry.economics.price_table import shipped_prices
from registry.economics.storage import StoragePrice
from registry.economics.table import TrainingTable
from registry.services.paper import Knowledge, PaperReport, paper
from registry.sources.papers import PaperSource

DIFFER = {
    "bloom_storage_bf16",
    "gpt2_flop",
    "alpaca_data_forward",
    "dolly1",
    "dolly_weeks",
    "gptneo_params",
}
CANCELLED = {("dolly1_azure_dbu", "chips")}
"""A machine is rented whole, whatever the number of its chips."""

COINCIDES = {"dolly1_azure_dbu"}
"""Half an hour at twice the price comes to the price."""

VERDICTS = {"pass": "pass", "DIFFERS": "differs", "": "no seed"}


@pytest.fixture(scope="module")
def report() -> PaperReport:
    return paper()


@pytest.fixture(scope="module")
def knowledge() -> Knowledge:
    return Knowledge.shipped()


def test_what_passes_and_what_differs(report: PaperReport) -> None:
    assert report.counts == {"pass": 46, "differs": 6, "no seed": 7}
    assert {one.claim.id for one in report.claims if one.verdict == "differs"} == DIFFER


def test_a_difference_is_explained(report: PaperReport) -> None:
    for one in report.claims:
        assert bool(one.claim.why) == (one.verdict == "differs"), one.claim.id


def test_every_input_has_a_source(report: PaperReport) -> None:
    for one in report.claims:
        assert all(given.source for given in one.given), one.claim.id


@pytest.mark.shared
def test_every_figure_is_that_of_the_shared_table(report: PaperReport, shared: Path) -> None:
    with (shared / "economics/paper_table.csv").open(encoding="utf-8", newline="") as file:
        expected = {row["id"]: row for row in csv.DictReader(file)}
    assert [one.claim.id for one in report.claims] == list(expected)
    for one in report.claims:
        row, claim = expected[one.claim.id], one.claim
        # The table is rounded, some of it by hand: as many digits as it tells must be ours.
        digits = len(f"{float(row['reproduced']):.6g}".partition("e")[0].replace(".", "").strip("0"))
        assert float(f"{one.value:.{max(digits, 3)}g}") == pytest.approx(float(row["reproduced"]), rel=2e-6)
        assert (one.verdict, claim.label) == (VERDICTS[row["verdict"]], row["kind"])
        assert claim.tolerance == float(row["tolerance_pct"])
        assert claim.seed == (float(row["seed_value"]) if row["seed_value"] else None)
        if one.deviation is not None and claim.id != "dolly2_params":
            assert one.deviation == pytest.approx(float(row["deviation_pct"]), abs=0.01)


def inputs() -> Iterator[tuple[str, str]]:
    """Every input of every claim that is a quantity."""
    for claim in load_claims():
        for one in claim.inputs:
            text = one.place is Place.VALUE and isinstance(one.key, str)
            if not text and (claim.id, one.name) not in CANCELLED:
                yield claim.id, one.name


def changed(value: Any) -> Any:
    """Something a little larger of the same kind."""
    if isinstance(value, StoragePrice):
        return replace(value, usd_per_month=value.usd_per_month * 1.01)
    if isinstance(value, TokenPrice):
        return replace(value, input=value.input * 1.01, output=value.output * 1.01)
    return value + timedelta(days=1) if isinstance(value, date) else value * 0.99


@pytest.mark.parametrize(("claim_id", "name"), list(inputs()))
def test_another_input_gives_another_figure(
    report: PaperReport, knowledge: Knowledge, claim_id: str, name: str
) -> None:
    by_id = {one.claim.id: one for one in report.claims}
    claim = by_id[claim_id].claim

    def given(one: Input) -> Input:
        """The input as a value, changed where it is the one asked for."""
        if one.place is Place.CLAIM:
            value: Any = by_id[one.key].value
        else:
            value = one.key if one.place is Place.VALUE else knowledge.look_up(one).value
        return replace(one, place=Place.VALUE, key=changed(value) if one.name == name else value)

    other = replace(claim, inputs=tuple(given(one) for one in claim.inputs))
    (after,) = recompute([other], knowledge.look_up)
    assert after.value != pytest.approx(by_id[claim_id].value, rel=1e-6)


def test_no_figure_is_an_input_but_of_facts(report: PaperReport) -> None:
    """What comes out is written down nowhere: only a fact is what its source tells."""
    for one in report.claims:
        if one.claim.formula.name != "fact" and one.claim.id not in COINCIDES:
            assert all(given.shown != one.value for given in one.given if not isinstance(given.shown, str)), (
                one.claim.id
            )


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("gpt2_flop", ["gpt2_flop"]),
        ("GPT2_FLOP", ["gpt2_flop"]),
        ("spotify", ["spotify"]),
        ("gpt-2", ["gpt2_tpu", "gpt2_flop"]),
        ("nothing of the kind", []),
    ],
)
def test_figures_are_found_by_id_and_wording(text: str, ids: list[str]) -> None:
    assert [one.claim.id for one in paper(text).claims] == ids


@pytest.mark.parametrize(
    ("place", "key", "fact", "reason"),
    [
        (Place.PAPER, "nobody/nothing", "parameters", "no publication tells parameters of nobody/nothing"),
        (Place.PAPER, "paper:openai/gpt-3", "training_hours", "no publication tells training_hours"),
        (Place.ROW, "Nothing", "parameters", "has no parameters of Nothing"),
        (Place.ROW, "BLOOM-176B", "active_parameters", "has no active_parameters of BLOOM-176B"),
        (Place.ROW, "BLOOM-176B", None, "has no None of BLOOM-176B"),
        (Place.CHIP, "Abacus 9000", None, "no peak arithmetic is known of Abacus 9000"),
        (Place.STORAGE, "attic", None, "attic"),
        (Place.TOKENS, "oracle", None, "oracle"),
    ],
)
def test_what_nobody_tells_is_named(
    knowledge: Knowledge, place: Place, key: str, fact: str | None, reason: str
) -> None:
    with pytest.raises(LookupError, match=reason):
        knowledge.look_up(Input("x", place, key, fact))


def test_inputs_are_found_where_the_product_has_them(knowledge: Knowledge) -> None:
    peak = knowledge.look_up(Input("x", Place.CHIP, "NVIDIA A100 SXM4 80 GB"))
    assert (peak.value, peak.unit) == (312e12, "FLOP/s, bf16")
    flop = knowledge.look_up(Input("x", Place.PAPER, "paper:openai/gpt-3", "training_flop"))
    assert (flop.value, flop.unit) == (3.14e23, "FLOP")
    size = knowledge.look_up(Input("x", Place.ROW, "BLOOM-176B", "parameters"))
    assert size.value == 176_247_271_424
    assert "Epoch AI" in (size.source or "")
    price = knowledge.look_up(Input("x", Place.STORAGE, "s3-standard"))
    assert (price.shown, price.unit) == ("s3-standard: 0.023", "USD per GiB-month")


def test_other_prices_give_other_figures(report: PaperReport) -> None:
    prices = shipped_prices()
    dearer = replace(prices.storage["s3-standard"], usd_per_month=0.046)
    other = Knowledge(
        PaperSource(),
        TrainingTable.load(),
        replace(prices, storage={**prices.storage, "s3-standard": dearer}),
    )
    twice = paper("bloom_storage", other).claims[0].value
    once = next(one.value for one in report.claims if one.claim.id == "bloom_storage")
    assert twice == pytest.approx(2 * once)
