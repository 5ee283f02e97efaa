"""SARIF 2.1.0: what the standard asks, and what its validator says where it is installed."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from registry.exports.rows import to_json
from registry.exports.sarif import FINGERPRINT, page_of, sarif
from tests.exports.findings import AUDIT, NASTY, RULES, Audit, finding

TOOL = "REGISTRY_TEST_SARIF"
LOG = json.loads(to_json(sarif(AUDIT, RULES, version="0.1.0")))
RUN = LOG["runs"][0]


def test_every_code_is_a_rule_with_help() -> None:
    rules = RUN["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == sorted({*RULES, *(one.code for one in AUDIT.findings)})
    for result, found in zip(RUN["results"], AUDIT.findings, strict=True):
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"] == found.code
        assert result["level"] == found.severity
    assert all(rule["help"]["text"] and rule["shortDescription"]["text"].endswith(".") for rule in rules)
    levels = {rule["id"]: rule["defaultConfiguration"]["level"] for rule in rules}
    assert levels["restriction-dropped"] == "error"
    assert "acme-check" in next(rule for rule in rules if rule["id"] == "house-rule")["help"]["text"]


def test_a_result_has_both_locations_a_fingerprint_and_its_chain() -> None:
    result = RUN["results"][0]
    (location,) = result["locations"]
    assert location["logicalLocations"][0]["fullyQualifiedName"] == "acme/bloomz-lora"
    physical = location["physicalLocation"]
    assert physical["artifactLocation"]["uri"].endswith("/acme/bloomz-lora/blob/main/README.md")
    assert physical["region"] == {"startLine": 1}
    assert result["partialFingerprints"] == {FINGERPRINT: AUDIT.findings[0].fingerprint}
    assert [one["logicalLocations"][0]["fullyQualifiedName"] for one in result["relatedLocations"]] == [
        "bigscience/bloomz",
        "bigscience/bloom",
    ]
    assert (
        "'acme/bloomz-lora' is adapter of 'bigscience/bloomz'"
        in result["relatedLocations"][0]["message"]["text"]
    )
    assert "Fix: license: bigscience-bloom-rail-1.0." in result["message"]["text"]


def test_suppressions_are_told_of_all_results_or_none() -> None:
    counts = [len(result["suppressions"]) for result in RUN["results"]]
    assert counts == [0, 1, 0, 0]
    (waived,) = RUN["results"][1]["suppressions"]
    assert waived == {"kind": "external", "status": "accepted", "justification": "agreed in writing (legal)"}


def test_an_incomplete_audit_was_no_success() -> None:
    (invocation,) = RUN["invocations"]
    assert invocation["executionSuccessful"] is False
    levels = [one["level"] for one in invocation["toolExecutionNotifications"]]
    assert levels == ["error", "note"]
    (clean,) = sarif(Audit(), {}, version="0.1.0")["runs"][0]["invocations"]
    assert clean == {"executionSuccessful": True, "toolExecutionNotifications": []}


def test_hostile_names_stay_text() -> None:
    text = to_json(LOG)
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert page_of(NASTY).startswith("https://huggingface.co/evil/%3Cimg")
    assert page_of("data:a/b") == "https://huggingface.co/datasets/a/b/blob/main/README.md"
    assert page_of("paper:a/b") == "urn:registry:paper:a/b"


def test_fingerprints_do_not_depend_on_the_run() -> None:
    again = sarif(Audit(findings=(finding(message="worded anew"),)), RULES, version="9.9.9")
    prints = next(again["runs"][0]["results"])["partialFingerprints"]
    assert prints == RUN["results"][0]["partialFingerprints"]


@pytest.mark.skipif(TOOL not in os.environ, reason=f"{TOOL} names no sarif-multitool")
@pytest.mark.parametrize("audit", [AUDIT, Audit()], ids=["findings", "clean"])
@pytest.mark.parametrize("kind", ["Sarif", "Ghas"])
def test_the_validator_finds_no_error(audit: Audit, kind: str, tmp_path: Path) -> None:
    """Neither of the standard nor of what GitHub's code scanning asks."""
    log, report = tmp_path / "audit.sarif", tmp_path / "report.sarif"
    log.write_text(to_json(sarif(audit, RULES, version="0.1.0")), encoding="utf-8")
    told = subprocess.run(
        [
            os.environ[TOOL],
            "validate",
            log,
            "--output",
            report,
            "--rule-kind",
            kind,
            "--log",
            "ForceOverwrite",
        ],
        env={**os.environ, "DOTNET_SYSTEM_GLOBALIZATION_INVARIANT": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert report.is_file(), told.stdout + told.stderr
    (run,) = json.loads(report.read_text(encoding="utf-8-sig"))["runs"]
    errors = [result for result in run["results"] if result.get("level", "warning") == "error"]
    assert errors == []
    assert run["invocations"][0]["executionSuccessful"] is True
