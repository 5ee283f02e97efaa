"""The worked cases: every expected finding, no forbidden one, no false alarm."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.licenses.cases import Score, run, score

HERE = Path(__file__).parent
SHARED = HERE.parents[2] / "shared" / "licenses" / "examples.json"
PACKED: list[dict[str, Any]] = json.loads((HERE / "data" / "examples.json").read_text("utf-8"))["cases"]


@pytest.mark.parametrize("case", PACKED, ids=[case["id"] for case in PACKED])
def test_packed_case(case: dict[str, Any]) -> None:
    found = score(case, run(case).findings)
    assert found == Score(found.total, found.total, (), (), (), ())


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.exists(), reason="no recorded data beside the checkout")
def test_all_cases() -> None:
    cases = json.loads(SHARED.read_text("utf-8"))["cases"]
    results = {case["id"]: score(case, run(case).findings) for case in cases}
    assert len(results) == 30
    assert {id_: found for id_, found in results.items() if not found.passed} == {}


def test_every_expected_finding_shows_its_root() -> None:
    """A dropped term is shown down to the license it comes from."""
    for case in PACKED:
        for one in run(case).findings:
            assert one.chain[0].model == one.model
            assert one.chain[-1].relation is None
            assert one.fix
            if one.code in ("nc-dropped", "restriction-dropped", "share-alike-broken", "nd-violated"):
                assert one.term is not None
                assert one.chain[-1].license is not None
                assert one.evidence_level is not None
                assert one.edge_evidence == "card"
    (chain,) = [
        one.chain
        for one in run(next(case for case in PACKED if case["id"] == "ex04")).findings
        if one.model == "MawaredHR/Mawared_GS" and one.code == "restriction-dropped"
    ]
    assert [(link.model, link.relation, link.license) for link in chain] == [
        ("MawaredHR/Mawared_GS", "finetune", "apache-2.0"),
        ("princeton-nlp/gemma-2-9b-it-SimPO", "finetune", "mit"),
        ("google/gemma-2-9b-it", None, "gemma"),
    ]


def test_the_scorer_counts_as_the_file_says() -> None:
    case = PACKED[0]
    found = run(case).findings
    assert score(case, ()).points == 0
    assert not score(case, found[:1]).passed
    assert score({**case, "forbid": ["nc-dropped"]}, found).forbidden
    assert score({**case, "expect": []}, found).alarms
    softer = [{**one, "severity": "note"} for one in case["expect"]]
    assert score({**case, "expect": softer}, found).points == len(softer) / 2
