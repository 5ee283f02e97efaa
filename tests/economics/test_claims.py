"""Claims as data: read, worked out, judged. None of what they come to is written down anywhere."""

from __future__ import annotations

from collections import Counter

import pytest

from registry.economics.claims import (
    Found,
    Input,
    Label,
    Place,
    Verdict,
    load_claims,
    read_claims,
    recompute,
)
from registry.economics.formulas import FORMULAS

ONE = """
[[claim]]
id = "{id}"
text = "a figure"
seed = {seed}
unit = "USD"
function = "arithmetic.sum"
label = "exact"
tolerance = 10
source = "somebody"
[claim.inputs]
a = {a}
"""


def text(a: str = "{ value = 1 }", seed: float = 1, id: str = "x") -> str:  # noqa: A002
    return ONE.format(id=id, seed=seed, a=a)


def nothing(one: Input) -> Found:
    raise LookupError(f"nothing is told of {one.key}")


@pytest.mark.parametrize(
    ("value", "verdict", "deviation"),
    [(100, "pass", 0), (110, "pass", 10), (90, "pass", -10), (111, "differs", 11), (50, "differs", -50)],
)
def test_verdicts(value: float, verdict: str, deviation: float) -> None:
    (one,) = recompute(read_claims(text(f"{{ value = {value} }}", seed=100)), nothing)
    assert one.verdict == verdict
    assert one.deviation == pytest.approx(deviation)


def test_without_a_figure_to_compare_with_there_is_no_verdict() -> None:
    (one,) = recompute(read_claims(text().replace("seed = 1\n", "")), nothing)
    assert (one.verdict, one.deviation) == (Verdict.NO_SEED, None)


def test_shares_are_told_in_the_unit_of_the_claim() -> None:
    (one,) = recompute(read_claims(text("{ value = 0.5 }").replace('"USD"', '"%/year"')), nothing)
    assert one.value == 50


def test_claims_build_on_each_other_in_any_order() -> None:
    claims = read_claims(text('{ claim = "y" }') + text("{ value = 7 }", id="y"))
    first, second = recompute(claims, nothing)
    assert first.value == second.value == 7
    assert first.given[0].source == "y, worked out here"


def test_inputs_keep_their_sources() -> None:
    claims = read_claims(
        text('{ paper = "p", fact = "f", note = "n" }\nb = { value = 2, unit = "GB", source = "t" }')
    )
    (one,) = recompute(claims, lambda _: Found(3.0, "three", "chips", "a paper"))
    assert one.value == 5
    assert [(given.shown, given.unit, given.source, given.note) for given in one.given] == [
        ("three", "chips", "a paper", "n"),
        (2, "GB", "t", None),
    ]


@pytest.mark.parametrize(
    ("toml", "reason"),
    [
        (text('{ claim = "x" }'), "'x' is worked out from itself"),
        (text('{ claim = "y" }') + text('{ claim = "x" }', id="y"), "worked out from itself"),
        (text('{ claim = "z" }'), "'x' cannot be worked out: 'z'"),
        (text('{ row = "r", fact = "f" }'), "nothing is told of r"),
        (text('{ value = "text" }'), "'x' cannot be worked out"),
    ],
)
def test_what_cannot_be_worked_out_is_named(toml: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        recompute(read_claims(toml), nothing)


@pytest.mark.parametrize(
    ("toml", "reason"),
    [
        (text().replace("arithmetic.sum", "os.system"), "no function is named 'os.system'"),
        (text().replace('"exact"', '"sure"'), "'sure' is not a valid Label"),
        (text("{ unit = 'GB' }"), "the input 'a' must be one of value, claim"),
        (text('{ value = 1, claim = "y" }'), "must be one of"),
        (text().replace('unit = "USD"\n', ""), "the claim 'x': 'unit'"),
        (text() + text(), "two claims have one id"),
    ],
)
def test_claims_that_cannot_be_read(toml: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        read_claims(toml)


def test_the_shipped_claims_are_whole() -> None:
    claims = load_claims()
    assert len(claims) == 59
    assert sum(claim.seed is None for claim in claims) == 7
    assert {claim.formula.name for claim in claims} == set(FORMULAS)
    assert all(claim.text and claim.source and claim.unit and claim.inputs for claim in claims)
    assert Counter(claim.label for claim in claims).keys() == set(Label)


def test_an_inferred_claim_admits_what_was_chosen() -> None:
    words = ("chosen", "assumed", "needs", "first version", "put together", "two models", "equal")
    for claim in load_claims():
        if claim.label is Label.INFERRED:
            told = " ".join(
                filter(
                    None, (claim.note, *(f"{one.source} {one.note}" for one in claim.inputs), claim.source)
                )
            )
            assert any(word in told for word in words), claim.id


def test_numbers_are_looked_up_where_the_product_knows_them() -> None:
    places = Counter(one.place for claim in load_claims() for one in claim.inputs)
    assert places[Place.PAPER] >= 15
    assert all(places[place] for place in Place)
