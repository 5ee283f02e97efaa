"""`audit` and `licenses` from the command line, on the flagship case: synthetic, small, real in its bases."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

RAIL = "bigscience-bloom-rail-1.0"
Run = Callable[..., Any]


def document(name: str, license_: str | None, base: str | None = None, relation: str = "finetune") -> str:
    tags = [f"license:{license_}"] if license_ else []
    tags += [f"base_model:{base}", f"base_model:{relation}:{base}"] if base else []
    return json.dumps({"id": name, "tags": tags, "cardData": {"license": license_} if license_ else {}})


@pytest.fixture
def flagship(run_cli: Run) -> None:
    """acme/bloomz-lora and the same merged into full weights, on bloomz, on bloom."""
    lines = [
        document("bigscience/bloom", RAIL),
        document("bigscience/bloomz", RAIL, "bigscience/bloom"),
        document("acme/bloomz-lora", "mit", "bigscience/bloomz", "adapter"),
        document("acme/bloomz-merged", "mit", "bigscience/bloomz"),
        document("acme/honest", RAIL, "bigscience/bloomz"),
    ]
    Path("models.jsonl").write_text("\n".join(lines), encoding="utf-8")
    assert run_cli("import", "models.jsonl").code == 0


@pytest.mark.usefixtures("flagship")
class TestFlagship:
    def test_an_adapter_shipped_alone_weighs_one_level_less(self, run_cli: Run) -> None:
        default = run_cli("audit", "acme/bloomz-lora")
        assert (default.code, run_cli("audit", "acme/bloomz-lora", "--fail-on", "warning").code) == (0, 1)
        assert "restriction-dropped" in default.out
        assert f"acme/bloomz-lora -adapter-> bigscience/bloomz ({RAIL})" in default.out
        assert "use restrictions as an enforceable term" in default.out
        assert RAIL in default.out.partition("fix")[2]
        assert default.out.count("not legal advice") == 1

    def test_merged_into_full_weights_it_is_an_error(self, run_cli: Run) -> None:
        assert run_cli("audit", "acme/bloomz-merged").code == 1
        assert run_cli("audit", "acme/bloomz-merged", "--fail-on", "never").code == 0
        found = json.loads(run_cli("audit", "acme/bloomz-merged", "--json").out)
        (error,) = [one for one in found["findings"] if one["severity"] == "error"]
        assert error["code"] == "restriction-dropped"
        assert error["term"]["license"] == RAIL
        assert error["chain"][0] == {"model": "acme/bloomz-merged", "relation": "finetune", "license": "mit"}
        assert error["chain"][-1]["license"] == RAIL

    def test_an_honest_copy_is_clean(self, run_cli: Run) -> None:
        result = run_cli("audit", "acme/honest", "--fail-on", "warning")
        assert result.code == 0
        assert "restriction-dropped" not in result.out

    @pytest.mark.parametrize("format_", ["table", "json", "jsonl", "csv", "markdown", "sarif"])
    def test_the_format_never_changes_the_exit_code(self, run_cli: Run, format_: str) -> None:
        result = run_cli("audit", "acme/bloomz-merged", "-f", format_)
        assert result.code == 1
        assert "restriction-dropped" in result.out

    def test_json_has_the_keys_that_were_promised(self, run_cli: Run) -> None:
        found = json.loads(run_cli("audit", "--all", "--json").out)
        assert {"complete", "models", "findings", "policy"} <= found.keys()
        assert found["models"] == 5
        assert found["complete"] is True
        keys = {
            "model",
            "code",
            "severity",
            "message",
            "declared",
            "chain",
            "term",
            "fix",
            "evidence_level",
            "waived",
        }
        assert all(keys <= one.keys() for one in found["findings"])
        rows = list(csv.DictReader(io.StringIO(run_cli("audit", "--all", "-f", "csv").out)))
        assert len(rows) == len(found["findings"])
        assert len(run_cli("audit", "--all", "-f", "jsonl").out.splitlines()) == len(rows)
        quiet = run_cli("audit", "--all", "-q").out.split()
        assert quiet == sorted({one["model"] for one in found["findings"]})

    def test_names_from_stdin(self, run_cli: Run) -> None:
        result = run_cli("audit", "-", "--json", stdin="acme/honest\nacme/bloomz-lora\n")
        assert json.loads(result.out)["models"] == 2

    def test_a_narrow_terminal_is_enough(self, run_cli: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("registry.cli.output.is_terminal", lambda _: True)
        shown = run_cli("audit", "acme/bloomz-lora", COLUMNS="80", NO_COLOR="1").out
        assert max(map(len, shown.splitlines())) <= 80


@pytest.mark.usefixtures("flagship")
class TestPolicy:
    def test_the_report_names_the_policy(self, run_cli: Run) -> None:
        assert "Policy: default (no policy file)." in run_cli("audit", "acme/honest").out
        Path("registry.toml").write_text("[policy]\nfail_on = 'note'\n", encoding="utf-8")
        assert "Policy: [policy] of registry.toml." in run_cli("audit", "acme/honest").out
        Path("policy.toml").write_text("fail_on = 'warning'\n", encoding="utf-8")
        own = run_cli("audit", "acme/bloomz-lora")
        assert "Policy: policy.toml." in own.out
        assert own.code == 1
        assert run_cli("audit", "acme/bloomz-lora", "--fail-on", "error").code == 0
        Path("other.toml").write_text(f"deny = ['{RAIL}']\n", encoding="utf-8")
        other = run_cli("audit", "bigscience/bloom", "--policy", "other.toml")
        assert "Policy: other.toml." in other.out
        assert "policy-denied" in other.out
        assert other.code == 1

    def test_mistakes_name_file_line_and_key(self, run_cli: Run) -> None:
        Path("policy.toml").write_text("use = 'commercial'\n\nfail-on = 'warning'\n", encoding="utf-8")
        result = run_cli("audit", "acme/honest")
        assert result.code == 2
        assert "policy.toml" in result.err
        assert "3" in result.err
        assert "fail-on" in result.err
        missing = run_cli("audit", "acme/honest", "--policy", "nowhere.toml")
        assert (missing.code, "nowhere.toml" in missing.err) == (2, True)
        Path("latin.toml").write_bytes(b"use = '\xff'")
        assert run_cli("audit", "acme/honest", "--policy", "latin.toml").code == 2

    def test_a_waiver_silences_until_it_ends(self, run_cli: Run) -> None:
        waiver = (
            "[[waivers]]\nmodel = 'acme/bloomz-merged'\ncode = 'restriction-dropped'\nreason = 'agreed'\n"
            "owner = 'legal'\nexpiry = {}\n"
        )
        Path("policy.toml").write_text(waiver.format("2999-01-01"), encoding="utf-8")
        result = run_cli("audit", "acme/bloomz-merged")
        assert result.code == 0
        assert "restriction-dropped" not in result.out
        assert "1 waived" in result.out
        shown = run_cli("audit", "acme/bloomz-merged", "--show-waived")
        assert "agreed (legal, until 2999-01-01)" in shown.out
        log = json.loads(run_cli("audit", "acme/bloomz-merged", "-f", "sarif").out)
        assert any(one["suppressions"] for one in log["runs"][0]["results"])
        Path("policy.toml").write_text(waiver.format("2020-01-01"), encoding="utf-8")
        lapsed = run_cli("audit", "acme/bloomz-merged")
        assert lapsed.code == 1
        assert "has lapsed" in lapsed.err


@pytest.mark.usefixtures("flagship")
def test_what_was_never_read_is_never_clean(run_cli: Run) -> None:
    Path("more.jsonl").write_text(document("acme/tuned", "mit", "far/away"), encoding="utf-8")
    assert run_cli("import", "more.jsonl").code == 0
    result = run_cli("audit", "acme/tuned")
    assert result.code == 3
    assert "Incomplete" in result.out
    assert "registry add far/away" in result.err
    assert json.loads(run_cli("audit", "acme/tuned", "--json").out)["complete"] is False


def test_history_tells_the_license_of_a_day(run_cli: Run) -> None:
    for day, license_ in (("2023-11-05", "cc-by-nc-4.0"), ("2024-06-11", "apache-2.0")):
        Path("base.jsonl").write_text(document("lab/base", license_), encoding="utf-8")
        assert run_cli("import", "base.jsonl", "--observed-at", day).code == 0
    Path("tuned.jsonl").write_text(document("acme/tuned", "apache-2.0", "lab/base"), encoding="utf-8")
    assert run_cli("import", "tuned.jsonl", "--observed-at", "2023-12-01").code == 0
    now = json.loads(run_cli("audit", "acme/tuned", "--json").out)
    assert "nc-dropped" not in {one["code"] for one in now["findings"]}
    then = json.loads(run_cli("audit", "acme/tuned", "--as-of", "2024-01-01", "--json").out)
    assert "nc-dropped" in {one["code"] for one in then["findings"]}
    assert then["as_of"] == "2024-01-01T23:59:59.999999Z"


def test_a_day_to_come_or_no_day(run_cli: Run) -> None:
    Path("m.jsonl").write_text(document("o/m", "mit"), encoding="utf-8")
    assert run_cli("import", "m.jsonl", "--observed-at", "2999-01-01").code == 2
    result = run_cli("import", "m.jsonl", "--observed-at", "yesterday")
    assert (result.code, "'yesterday' is not a date" in result.err) == (2, True)


@pytest.mark.usefixtures("flagship")
def test_one_says_which_models(run_cli: Run) -> None:
    assert run_cli("audit").code == 2
    assert run_cli("audit", "--all", "acme/honest").code == 2
    unknown = run_cli("audit", "acme/hones")
    assert (unknown.code, "acme/honest" in unknown.err) == (2, True)


@pytest.mark.usefixtures("flagship")
class TestAnnotate:
    def test_facts_a_card_cannot_carry(self, run_cli: Run) -> None:
        told = run_cli(
            "annotate",
            "acme/honest",
            "--text-license",
            "gemma",
            "--license-file",
            "LICENSE.txt=gemma",
            "--card-license",
            "mit",
            "--also-license",
            "llama3.1",
            "--also-license",
            "gemma",
            "--card-text",
            "built with Gemma",
            "--source",
            "read by hand",
        )
        assert told.code == 0, told.err
        facts = json.loads(run_cli("show", "acme/honest", "--json").out)["facts"]
        assert {(one["name"], one["value"]) for one in facts} == {
            ("text_license", "gemma"),
            ("license_file", "LICENSE.txt=gemma"),
            ("card_license", "mit"),
            ("also_license", "llama3.1"),
            ("also_license", "gemma"),
            ("card_text", "built with Gemma"),
        }
        assert {one["source"] for one in facts} == {"read by hand"}

    def test_outputs_of_another_are_an_edge(self, run_cli: Run) -> None:
        told = run_cli(
            "annotate", "acme/honest", "--trained-on-outputs-of", "bigscience/bloom", "--source", "our log"
        )
        assert told.code == 0, told.err
        edges = json.loads(run_cli("lineage", "acme/honest", "--json").out)["edges"]
        assert {"distilled"} == {one["relation"] for one in edges if one["base"] == "bigscience/bloom"} - {
            "finetune"
        }

    def test_a_dataset_only_named_so_far(self, run_cli: Run) -> None:
        told = run_cli("annotate", "data:acme/set", "--license", "cc-by-nc-4.0", "--source", "its card")
        assert told.code == 0, told.err
        linked = run_cli("link", "acme/honest", "data:acme/set", "--relation", "trained_on", "--note", "x")
        assert linked.code == 0
        codes = {one["code"] for one in json.loads(run_cli("audit", "acme/honest", "--json").out)["findings"]}
        assert "data-nc" in codes

    @pytest.mark.parametrize(
        ("words", "reason"),
        [
            (["acme/honest", "--text-license", "mit"], "source"),
            (["acme/honest", "--text-license", "", "--source", "x"], "not name=value"),
            (["acme/honest", "--license", "mit", "--source", "x"], "no fact about acme/honest"),
            (["data:acme/set", "--text-license", "mit", "--source", "x"], "no fact about data:acme/set"),
            (["acme/honest", "--license-file", "LICENSE", "--source", "x"], "LICENSE.txt=gemma"),
            (["acme/nobody", "--text-license", "mit", "--source", "x"], "not in the catalog"),
            (["acme/honest", "--card-text", "x" * 10_001, "--source", "x"], "longer than"),
        ],
    )
    def test_what_does_not_fit_is_refused(self, run_cli: Run, words: list[str], reason: str) -> None:
        result = run_cli("annotate", *words)
        assert result.code == 2
        assert reason in result.err

    def test_an_unknown_license_is_kept_and_told(self, run_cli: Run) -> None:
        result = run_cli("annotate", "acme/honest", "--text-license", "made-up-1.0", "--source", "x")
        assert result.code == 0
        assert "'made-up-1.0' is no license the audit knows" in result.err


class TestLicenses:
    def test_all_of_them(self, run_cli: Run) -> None:
        listed = json.loads(run_cli("licenses", "--json").out)["licenses"]
        ids = [one["id"] for one in listed]
        assert ids == sorted(ids)
        assert {"apache-2.0", RAIL, "llama3.1"} <= set(ids)
        assert run_cli("licenses", "-q").out.split() == ids
        assert "pass terms on" in run_cli("licenses").out

    def test_one_in_plain_words(self, run_cli: Run) -> None:
        shown = run_cli("licenses", RAIL).out
        assert "use restrictions as an enforceable term" in shown
        assert "[s4(a)" in shown
        assert "how sure" in shown
        whole = json.loads(run_cli("licenses", "Llama_3.1", "--json").out)
        assert whole["id"] == "llama3.1"
        (name,) = [one for one in whole["says"] if one["fact"] == "name_prefix"]
        assert {"fact", "text", "clause", "evidence_level"} == name.keys()

    def test_names_that_mean_none_or_several(self, run_cli: Run) -> None:
        near = run_cli("licenses", "apache-2")
        assert (near.code, "apache-2.0" in near.err) == (2, True)
        several = run_cli("licenses", "modified-mit")
        assert (several.code, "several texts" in several.err) == (2, True)
        assert run_cli("licenses", "zzzzzzzz").code == 2
