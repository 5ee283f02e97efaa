"""The recomputed figures as JSON, rows, Markdown and words."""

from __future__ import annotations

import json

import pytest

from registry.economics.claims import Reproduced, read_claims, recompute
from registry.exports.claims import deviation, document, figure, row, summary, to_markdown
from registry.exports.rows import to_csv, to_json

TOML = """
[[claim]]
id = "met"
text = "a | figure <b>"
seed = 100
unit = "USD"
function = "arithmetic.sum"
label = "model"
tolerance = 10
source = "somebody"
note = "a note"
[claim.inputs]
a = { value = 60, unit = "USD", source = "a list", note = "rounded" }
b = { value = 40.5 }

[[claim]]
id = "missed"
text = "another"
seed = 10
unit = "USD"
function = "arithmetic.sum"
label = "check"
tolerance = 1
source = "somebody"
why = "It *was* wrong."
[claim.inputs]
a = { claim = "met" }

[[claim]]
id = "bare"
text = "a third"
unit = "%"
function = "arithmetic.days_between"
label = "fact"
tolerance = 1
source = "a calendar"
[claim.inputs]
first = { value = 2024-01-01 }
last = { value = 2024-01-02 }
"""
COUNTS = {"pass": 1, "differs": 1, "no seed": 1}


@pytest.fixture
def claims() -> tuple[Reproduced, ...]:
    return recompute(read_claims(TOML), lambda one: pytest.fail(str(one)))


def test_the_document(claims: tuple[Reproduced, ...]) -> None:
    found = json.loads(to_json(document(claims, COUNTS)))
    assert found["counts"] == {"pass": 1, "differs": 1, "no_seed": 1}
    met, missed, bare = found["rows"]
    assert met["reproduced"] == 100.5
    assert (met["deviation_pct"], met["tolerance_pct"], met["verdict"], met["label"]) == (
        0.5,
        10,
        "pass",
        "model",
    )
    assert met["inputs"] == [
        {"name": "a", "value": 60, "unit": "USD", "source": "a list", "note": "rounded"},
        {"name": "b", "value": 40.5, "unit": None, "source": "somebody", "note": None},
    ]
    assert (met["function"], met["formula"]) == ("arithmetic.sum", "the sum of its parts")
    assert (missed["verdict"], missed["why"]) == ("differs", "It *was* wrong.")
    assert missed["inputs"][0]["source"] == "met, worked out here"
    assert (bare["seed"], bare["deviation_pct"], bare["verdict"]) == (None, None, "no seed")
    assert bare["inputs"][0]["value"] == "2024-01-01"


def test_rows_are_flat(claims: tuple[Reproduced, ...]) -> None:
    lines = to_csv([row(one) for one in claims]).splitlines()
    assert len(lines) == 4
    assert "a = 60 USD; b = 40.5" in lines[1]
    assert lines[0].startswith("id,text,seed,reproduced,unit,deviation_pct,tolerance_pct,verdict,label,")


def test_markdown_is_a_table_and_what_explains_it(claims: tuple[Reproduced, ...]) -> None:
    lines = "".join(to_markdown(claims, COUNTS)).splitlines()
    assert lines[0] == "3 figures: 1 pass, 1 differ, 1 has none to compare with."
    table = [line for line in lines if line.startswith("|")]
    assert len({line.replace("&#124;", "").count("|") for line in table}) == 1
    assert "<b>" not in "".join(lines)
    assert lines[-1] == r"- **another**: It \*was\* wrong."


def test_markdown_without_a_difference_explains_nothing(claims: tuple[Reproduced, ...]) -> None:
    assert "- **" not in "".join(to_markdown(claims[:1], {"pass": 1, "differs": 0, "no seed": 0}))


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (None, "-"),
        (0, "0"),
        (180.9601, "180.96"),
        (3.0, "3"),
        (43_008.4, "43,008"),
        (4_672_619, "4.67M"),
        (11_846_072_320, "11.8B"),
        (3.1428e23, "3.14e+23"),
        (0.0257, "0.0257"),
        (1e-8, "1e-08"),
        (-27.73, "-27.73"),
    ],
)
def test_figures_are_short(value: float | None, told: str) -> None:
    assert figure(value) == told


@pytest.mark.parametrize(
    ("seed", "told"), [(100.5, "0 %"), (100, "+0.50 %"), (90, "+11.7 %"), (201, "-50.0 %")]
)
def test_deviations_are_short(seed: float, told: str) -> None:
    (one,) = recompute(
        read_claims(TOML.partition('[[claim]]\nid = "missed')[0].replace("100", str(seed))), _none
    )
    assert deviation(one) == told


def _none(one: object) -> object:
    raise LookupError(str(one))


def test_without_a_figure_there_is_no_deviation(claims: tuple[Reproduced, ...]) -> None:
    assert deviation(claims[2]) == "-"


def test_one_figure_is_singular() -> None:
    assert summary({"pass": 1, "differs": 0, "no seed": 0}).startswith("1 figure: 1 pass")
