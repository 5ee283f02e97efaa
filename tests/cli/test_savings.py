"""`savings` from the command line, on models known from papers."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from registry.contract import PluginHost, ReuseCase
from registry.model.estimate import Estimate, Saving

Run = Callable[..., Any]
ALPACA = "paper:stanford/alpaca-7b"
LLAMA = "paper:meta/llama-7b"
DAVINCI = "paper:openai/text-davinci-003"


@pytest.fixture
def papers(run_cli: Run) -> None:
    """LLaMA and Alpaca, and a model nobody knows anything about."""
    assert run_cli("add", ALPACA).code == 0
    Path("models.jsonl").write_text(json.dumps({"id": "me/lonely", "tags": [], "cardData": {}}))
    assert run_cli("import", "models.jsonl").code == 0


def rental(document: dict[str, Any]) -> dict[str, Any]:
    (one,) = [x for x in document["savings"] if x["saved"]["basis"] == "rental" and x["base"] == LLAMA]
    return one  # type: ignore[no-any-return]


@pytest.mark.usefixtures("papers")
class TestAlpaca:
    def test_a_day_whose_prices_nobody_knows_is_refused(self, run_cli: Run) -> None:
        result = run_cli("savings", ALPACA, "--at", "2199-01-01")
        assert (result.code, result.out) == (2, "")
        assert "nobody can know its prices" in result.err

    def test_prompting_alone_asks_for_a_price_of_tokens(self, run_cli: Run) -> None:
        result = run_cli("savings", "me/lonely", "--kind", "prompting")
        assert "me/lonely: no price of its tokens is known; --assume token_price=USD gives one." in result.out

    def test_the_reference_case_avoids_more_than_99_per_cent(self, run_cli: Run) -> None:
        result = run_cli("savings", ALPACA, "--json", "--at", "2026-11-01")
        assert result.code == 0, result.err
        one = rental(json.loads(result.out))
        instead = one["counterfactuals"][0]["estimate"]
        # 82,432 A100-hours; at 1.50 USD, 123,648.
        assert 123_648 / 2 < instead["mid"] < 123_648 * 2
        assert 36 / 2 < one["own_cost"]["mid"] < 100 * 2
        assert one["saved"]["mid"] / instead["mid"] > 0.99
        assert one["upper_bound"] is True
        assert [each["name"] for each in one["counterfactuals"]] == [
            "base trained from scratch then",
            "base trained from scratch today",
            "smallest adequate base, today",
        ]

    def test_json_has_the_keys_that_were_promised(self, run_cli: Run) -> None:
        document = json.loads(run_cli("savings", ALPACA, "--json").out)
        assert list(document) == ["savings", "totals", "tipping", "unknown", "failures", "models", "complete"]
        keys = {"model", "counterfactuals", "own_cost", "saved", "ratio", "assumptions", "sources", "kind"}
        for one in document["savings"]:
            assert keys | {"base", "upper_bound", "adds_up"} <= one.keys()
            assert {"low", "mid", "high", "currency", "unit", "basis", "priced"} <= one["saved"].keys()
            assert (one["saved"]["currency"] is None) == (not one["saved"]["unit"].startswith("USD"))
        assert document["complete"] is True
        tip = next(one for one in document["tipping"] if one["base"] == LLAMA and one["basis"] == "rental")
        assert tip["derivatives"] == 1
        assert tip["passed"] is False
        assert tip["passed_at"] == 6
        averages = [point["average"] for point in tip["curve"]]
        assert averages == sorted(averages, reverse=True)

    def test_sums_equal_their_parts_and_never_cross_a_basis(self, run_cli: Run) -> None:
        document = json.loads(run_cli("savings", "--all", "--json").out)
        assert document["models"] >= 2
        for total in document["totals"]:
            parts = [
                one["saved"]["mid"]
                for one in document["savings"]
                if one["adds_up"]
                and (one["kind"], one["saved"]["unit"], one["saved"]["basis"])
                == (total["kind"], total["unit"], total["basis"])
            ]
            assert total["saved"]["mid"] == pytest.approx(sum(parts))
            assert total["savings"] == len(parts)

    def test_one_line_for_each_saving(self, run_cli: Run) -> None:
        document = json.loads(run_cli("savings", "--all", "--json").out)
        lines = [json.loads(line) for line in run_cli("savings", "--all", "-f", "jsonl").out.splitlines()]
        assert lines == document["savings"]
        rows = list(csv.DictReader(io.StringIO(run_cli("savings", "--all", "-f", "csv").out)))
        assert [row["kind"] for row in rows] == [line["kind"] for line in lines]
        assert {"instead", "own_cost", "saved_low", "saved", "saved_high", "basis", "unit"} <= rows[0].keys()

    def test_a_table_says_at_most_and_what_was_assumed(self, run_cli: Run) -> None:
        shown = run_cli("savings", ALPACA).out
        assert f"training: {LLAMA}" in shown
        assert "Assumed:" in shown
        assert "a base counts once for each model made from it" in shown
        assert "85 % MARK" in shown

    def test_markdown(self, run_cli: Run) -> None:
        shown = run_cli("savings", "--all", "-f", "markdown").out
        assert shown.startswith("### What reuse saved\n\n| model | strategy |")
        assert "at most" in shown
        assert "#### In sum" in shown
        assert "`registry link me/lonely BASE --relation ...`" in shown

    def test_names_only(self, run_cli: Run) -> None:
        assert ALPACA in run_cli("savings", "--all", "-q", "--kind", "training").out.splitlines()

    def test_one_strategy(self, run_cli: Run) -> None:
        told = run_cli("annotate", LLAMA, "training_country=US", "--source", "the paper")
        assert told.code == 0, told.err
        document = json.loads(run_cli("savings", ALPACA, "--kind", "carbon", "--json").out)
        assert {one["kind"] for one in document["savings"]} == {"carbon"}
        assert document["tipping"] == []

    def test_break_even_at_a_dated_price(self, run_cli: Run) -> None:
        document = json.loads(run_cli("savings", DAVINCI, "--kind", "prompting", "--json").out)
        (one,) = document["savings"]
        assert one["ratio"] == pytest.approx(30_000)
        assert one["adds_up"] is False
        assert document["totals"] == []

    def test_assumptions_of_the_user(self, run_cli: Run) -> None:
        asked = ("savings", "me/lonely", "--kind", "prompting", "--json", "--assume", "token_price=0.15")
        (one,) = json.loads(run_cli(*asked).out)["savings"]
        assert one["ratio"] == pytest.approx(4_000_000)
        (one,) = json.loads(run_cli(*asked, "--assume", "finetune_cost=60").out)["savings"]
        assert one["ratio"] == pytest.approx(400_000)

    def test_a_model_nobody_knows_anything_about_says_why(self, run_cli: Run) -> None:
        result = run_cli("savings", "me/lonely")
        assert result.code == 0
        assert "no base is known; `registry link me/lonely BASE" in result.out
        (unknown,) = json.loads(run_cli("savings", "me/lonely", "--json").out)["unknown"]
        assert (unknown["code"], unknown["models"], unknown["examples"]) == ("no-base", 1, ["me/lonely"])

    def test_of_many_models_only_the_sums_are_told(
        self, run_cli: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("registry.cli.saved.MOST", 0)
        shown = run_cli("savings", "--all").out
        assert "INSTEAD OF" not in shown
        assert "IN SUM" in shown
        assert "-f csv and -f json give each of them." in shown


class Wobbly:
    name = "wobbly"
    summary = "breaks on the second model"

    def __init__(self) -> None:
        self.asked = 0

    def savings(self, case: ReuseCase) -> Sequence[Saving]:
        self.asked += 1
        if self.asked > 1:
            raise RuntimeError("no coffee")
        one = Estimate(1, 1, 1, "USD", "a guess")
        return [Saving(case.model.brief.repo_id, "wobbly", (("nothing", one),), None, one, None)]


@pytest.mark.usefixtures("papers")
@pytest.mark.parametrize("format_", ["table", "json", "jsonl", "csv", "markdown"])
def test_a_guest_that_breaks_is_named_left_out_and_ends_with_3(
    run_cli: Run, monkeypatch: pytest.MonkeyPatch, format_: str
) -> None:
    monkeypatch.setattr("registry.guests.entry_points", lambda group: [Point()])
    result = run_cli("savings", "--all", "-f", format_)
    assert result.code == 3
    assert "wobbly is left out: it broke on" in result.err
    assert "RuntimeError: no coffee" in result.err
    if format_ == "json":
        document = json.loads(result.out)
        assert document["complete"] is False
        assert document["failures"][0]["strategy"] == "wobbly"
        assert document["totals"] == []
    if format_ in ("table", "markdown"):
        assert "Incomplete" in result.out


class Point:
    """An entry point without a package."""

    name, value, dist = "wobbly", "wobbly:register", None

    def load(self) -> Callable[[PluginHost], None]:
        return lambda host: host.add_savings_model(Wobbly())


@pytest.mark.usefixtures("papers")
@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "say which models"),
        (("--all", ALPACA), "say which models"),
        (("--all", "--kind", "trainin"), "no savings strategy 'trainin'"),
        (("--all", "--price", "s3-standrd"), "s3-standard"),
        (("--all", "--cost-model", "mine"), "no cost model 'mine'"),
        (("--all", "--assume", "finetune_cost"), "is not NAME=VALUE"),
        (("--all", "--assume", "finetune_cost=much"), "'much' is not a number"),
        (("--all", "--assume", "finetune_cost=nan"), "not a finite number"),
        (("--all", "--assume", "finetune_cost=-1"), "finetune_cost=-1"),
        (("--all", "--assume", "finetune_cots=1"), "finetune_cost"),
        (("--all", "--assume", "token_price=0"), "is no price"),
        (("--all", "--assume", "finetune_cost=1", "--assume", "finetune_cost=2"), "finetune_cost twice"),
        (("--all", "--at", "soon"), "'soon' is not a date"),
        (("--all", "--prices", "no-such.toml"), "no-such.toml"),
        (("me/lonley",), "me/lonely"),
    ],
)
def test_slips_are_told_with_the_next_step(run_cli: Run, words: Sequence[str], said: str) -> None:
    result = run_cli("savings", *words)
    assert result.code == 2
    assert result.out == ""
    assert said in result.err
    assert "Traceback" not in result.err


@pytest.mark.usefixtures("papers")
def test_a_cost_model_of_a_plugin(run_cli: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.plugins.makers import FakeEconomy

    class Brought(Point):
        def load(self) -> Callable[[PluginHost], None]:
            def register(host: PluginHost) -> None:
                from registry_plugins.training import TrainingSavings

                host.add_savings_model(TrainingSavings())
                host.add_cost_model(FakeEconomy())

            return register

    monkeypatch.setattr("registry.guests.entry_points", lambda group: [Brought()])
    one = rental(json.loads(run_cli("savings", ALPACA, "--cost-model", "fake", "--json").out))
    assert one["counterfactuals"][0]["estimate"]["mid"] == pytest.approx(123_648)
    assert one["counterfactuals"][0]["estimate"]["formula"] == "made up"
