"""`estimate`, in every format, with good facts and bad ones."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from registry.cli.session import Session
from registry.contract import PluginHost
from tests.services.costmodels import Plain

Run = Callable[..., Any]

FACTS = """\
model,publication_date,params,dataset_size,epochs,training_hardware,hardware_quantity,training_hours,y_compute_flop
A,2023-02-24,7e9,1e12,1,NVIDIA A100,,,1
B,2023-02-24,0,1e12,,,,,1
C,2022-07-11,,,,NVIDIA A100,384,2808,1
"""


@pytest.fixture
def facts() -> Path:
    path = Path("facts.csv")
    path.write_text(FACTS)
    return path


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plugin that brings a cost model."""
    host = PluginHost()
    host.add_cost_model(Plain())
    monkeypatch.setattr(Session, "guests", lambda _: host)


class TestFiles:
    def test_names_no_table_has_are_told_once(self, run_cli: Run) -> None:
        rows = ["model,params,dataset_size,training_hardware"]
        rows += [f"M{number},7e9,1e12,FooChip" for number in range(3)]
        Path("odd.csv").write_text("\n".join(rows) + "\n")
        result = run_cli("estimate", "--facts", "odd.csv", "-f", "jsonl")
        assert result.code == 0
        assert len(result.out.splitlines()) == 3
        assert "hardware 'FooChip' is not in the chip table" in result.err
        assert "(and 2 more like that)." in result.err

    def test_each_row_gives_one_line_in_order(self, run_cli: Run, facts: Path) -> None:
        result = run_cli("estimate", "--facts", str(facts), "-f", "jsonl")
        assert result.code == 3
        first, second, third = map(json.loads, result.out.splitlines())
        assert (first["model"], second["model"], third["model"]) == ("A", "B", "C")
        assert first["flop"]["mid"] == pytest.approx(4.2e22)
        assert first["route"] == "6nd"
        assert second["flop"] is None
        assert second["cost"] == {"rental": None, "amortised": None, "purchase": None}
        assert second["error"] == "facts.csv line 3: params=0 is not above 0"
        assert third["route"] == "hardware"
        assert third["chip_hours"]["mid"] == 384 * 2808
        for one in (first, third):
            for quantity in (one["flop"], one["chip_hours"], one["cost"]["rental"], one["energy_kwh"]):
                assert quantity["low"] <= quantity["mid"] <= quantity["high"]
            assert one["route"] in one["routes"]
        assert "facts.csv line 3: params=0 is not above 0." in result.err
        assert "1 of 3 could not be estimated." in result.err

    def test_good_rows_alone_end_with_0(self, run_cli: Run) -> None:
        Path("good.jsonl").write_text('{"model": "A", "params": 7e9, "dataset_size": 1e12}\n')
        result = run_cli("estimate", "--facts", "good.jsonl", "-f", "jsonl")
        assert (result.code, result.err) == (0, "")

    def test_a_compute_column_is_an_input_and_targets_are_not(self, run_cli: Run) -> None:
        Path("f.csv").write_text("model,compute_flop,y_compute_flop\nA,1e22,5\n")
        (line,) = run_cli("estimate", "--facts", "f.csv", "-f", "jsonl").out.splitlines()
        assert json.loads(line)["flop"]["mid"] == 1e22
        assert json.loads(line)["route"] == "reported"

    def test_the_other_formats(self, run_cli: Run, facts: Path) -> None:
        document = json.loads(run_cli("estimate", "--facts", str(facts), "--json").out)
        assert [one["model"] for one in document["items"]] == ["A", "B", "C"]
        rows = list(csv.DictReader(run_cli("estimate", "--facts", str(facts), "-f", "csv").out.splitlines()))
        assert [row["model"] for row in rows] == ["A", "B", "C"]
        assert float(rows[0]["flop"]) == pytest.approx(4.2e22)
        assert rows[1]["error"]
        table = run_cli("estimate", "--facts", str(facts))
        assert table.out.splitlines()[0].split()[:2] == ["MODEL", "FLOP"]
        assert table.out.splitlines()[1].split()[:2] == ["A", "4.20e22"]
        assert table.out.splitlines()[2].split()[:2] == ["B", "-"]
        assert table.code == 3

    def test_a_row_without_a_name_has_its_number(self, run_cli: Run) -> None:
        Path("f.csv").write_text("params,dataset_size\n7e9,1e12\n")
        assert run_cli("estimate", "--facts", "f.csv").out.splitlines()[1].startswith("row 1  ")

    def test_many_bad_rows_are_told_in_a_few_lines(self, run_cli: Run) -> None:
        Path("f.csv").write_text("params,epochs\n" + "0,1\n" * 50)
        result = run_cli("estimate", "--facts", "f.csv", "-f", "jsonl")
        assert len(result.out.splitlines()) == 50
        assert len(result.err.splitlines()) == 12
        assert "40 more rows are as bad." in result.err

    def test_a_long_table_is_cut_and_says_so(self, run_cli: Run) -> None:
        Path("f.csv").write_text("model,params,dataset_size\n" + "A,7e9,1e12\n" * 1005)
        result = run_cli("estimate", "--facts", "f.csv")
        assert len(result.out.splitlines()) == 1001
        assert "5 more lines are left out; -f csv has all." in result.err

    @pytest.mark.parametrize(
        ("content", "code", "words"),
        [
            (b"\x89PNG\r\n\0\0", 3, "is no CSV, JSON or JSON lines"),
            (b"model,color\nA,red\n", 3, "has no column to work with"),
            (b'[{"params": 1}, {', 3, "record 2: is no JSON"),
        ],
    )
    def test_a_file_that_is_none(self, run_cli: Run, content: bytes, code: int, words: str) -> None:
        Path("f.json").write_bytes(content)
        result = run_cli("estimate", "--facts", "f.json", "-f", "csv")
        assert result.code == code
        assert words in result.err
        assert "Traceback" not in result.err

    def test_nothing_is_written_where_reading_breaks_off(self, run_cli: Run) -> None:
        Path("f.json").write_text('[{"params": 1}, {')
        assert run_cli("estimate", "--facts", "f.json", "-f", "jsonl", "-o", "out.jsonl").code == 3
        assert not Path("out.jsonl").exists()

    def test_a_file_that_is_not_there(self, run_cli: Run) -> None:
        result = run_cli("estimate", "--facts", "nowhere.csv")
        assert (result.code, result.out) == (2, "")
        assert "cannot read nowhere.csv" in result.err

    def test_a_file_without_rows(self, run_cli: Run) -> None:
        Path("f.csv").write_text("model,params\n")
        result = run_cli("estimate", "--facts", "f.csv")
        assert (result.code, result.out) == (0, "")
        assert "nothing to estimate" in result.err
        assert run_cli("estimate", "--facts", "f.csv", "--json").out == '{\n  "items": []\n}\n'


class TestFacts:
    def test_a_sheet(self, run_cli: Run) -> None:
        result = run_cli(
            *("estimate", "--parameters", "7B", "--tokens", "1T", "--published", "2023-02-24"),
            *("--hardware", "A100 80GB", "--chips", "512", "--country", "FR"),
        )
        assert result.code == 0
        lines = result.out.splitlines()
        assert lines[0] == "the facts given"
        assert next(line for line in lines if "arithmetic" in line).split()[2] == "4.20e22"
        assert any("cost, purchase" in line and "USD of 2025, at prices of 2" in line for line in lines)
        assert ["parameters", "7.00B", "given"] in [line.split() for line in lines]
        assert any(line.startswith("  6nd *") for line in lines)
        for heading in ("Assumed", "What the ranges mean", "Sources"):
            assert heading in lines
        assert result.err == ""

    def test_a_sheet_fits_a_terminal(self, run_cli: Run) -> None:
        told = run_cli("estimate", "--flop", "3e23", "--hardware", "A100", "--published", "2023-02-24").out
        figures = told.partition("Facts")[0].splitlines()
        assert all(len(line) <= 80 for line in figures)
        assert sum("USD of 2025, at prices of 20" in line for line in figures) == 2

    @pytest.mark.parametrize(
        ("words", "told", "hint"),
        [
            (["--at", "1989-12-31"], "is before 1990", "for example --at"),
            (["--at", "2090-01-01"], "lies more than 5 years ahead", "for example --at"),
            (["--published", "1940-01-01"], "before anything was trained", "--published 2022-07-11"),
            (["--published", "2090-01-01"], "more than a year ahead", "--published 2022-07-11"),
            (["--active-parameters", "8B"], "is more than all parameters (7e+09)", "a part of --parameters"),
            (["--epochs", "0"], "is not above 0", "for example --epochs 3"),
            (["--utilisation", "2"], "is more than 1", "for example --utilisation 0.4"),
        ],
    )
    def test_what_cannot_be_is_refused(self, run_cli: Run, words: list[str], told: str, hint: str) -> None:
        result = run_cli("estimate", "--parameters", "7B", *words)
        assert result.code == 2
        assert result.out == ""
        assert told in result.err
        assert hint in result.err

    def test_what_would_tell_more(self, run_cli: Run) -> None:
        result = run_cli("estimate", "--parameters", "7B")
        assert "  Nothing can be told." in result.out
        assert "--tokens, --hardware would tell more." in result.err

    @pytest.mark.parametrize(
        ("words", "told"),
        [
            (["--parameters", "-7B"], "--parameters=-7B is not above 0"),
            (["--parameters", "nan"], "--parameters=nan is not a finite number"),
            (["--tokens", "1e400"], "--tokens=1e400 is not a finite number"),
            (["--flop", "1e60"], "--flop=1e60 is more than 1e+32"),
            (["--utilisation", "38"], "--utilisation=38 is more than 1"),
            (["--published", "soon"], "--published=soon is not a date"),
            (["--precision", "fp3"], "--precision=fp3 is not one of"),
            (["--hardware", "A1000000"], "unknown hardware 'A1000000'"),
            (["--parameters", "7B", "--country", "Narnia"], "unknown country 'Narnia'"),
            (["--parameters", "7B", "--facts", "x.csv"], "--parameters is a fact about one run"),
            (["--all", "--facts", "x.csv"], "exclude each other"),
            (["a/b", "--all"], "exclude each other"),
            ([], "say what to estimate"),
            (["--parameters", "7B", "--assume", "mfu"], "is not NAME=VALUE"),
            (["--parameters", "7B", "--assume", "mfu=much"], "'much' is not a number"),
            (["--parameters", "7B", "--assume", "mfu=nan"], "is not a finite number"),
            (["--parameters", "7B", "--assume", "mfuu=0.4"], "no default is called 'mfuu'"),
            (["--parameters", "7B", "--cost-model", "nobody's"], "there is no cost model"),
            (["--parameters", "7B", "--at", "soon"], "is not a date"),
        ],
    )
    def test_a_slip_is_named(self, run_cli: Run, words: list[str], told: str) -> None:
        result = run_cli("estimate", *words)
        assert (result.code, result.out) == (2, "")
        assert told in result.err
        assert len(result.err.splitlines()) <= 2

    def test_as_a_document(self, run_cli: Run) -> None:
        result = run_cli("estimate", "--flop", "3.14e23", "--json")
        found = json.loads(result.out)
        assert (found["model"], found["flop"]["mid"], found["route"]) == (None, 3.14e23, "reported")
        (line,) = run_cli("estimate", "--flop", "3.14e23", "-f", "jsonl").out.splitlines()
        assert json.loads(line) == found
        assert run_cli("estimate", "--flop", "3.14e23", "-f", "csv").out.startswith("model,route,flop_low")


class TestCatalog:
    @pytest.fixture(autouse=True)
    def told(self, run_cli: Run, filled: Path) -> None:
        facts = ["parameters=7B", "training_tokens=1T", "hardware=NVIDIA A100", "published=2023-02-24"]
        assert run_cli("annotate", "lab/origin", *facts, "--source", "our log").code == 0

    def test_one_model(self, run_cli: Run) -> None:
        result = run_cli("estimate", "lab/origin")
        assert result.code == 0
        assert result.out.startswith("lab/origin\n")
        assert ["[1]", "our", "log"] in [line.split() for line in result.out.splitlines()]
        assert "Next: `registry annotate lab/origin training_country=... --source URL`" in result.err
        found = json.loads(run_cli("estimate", "lab/origin", "--json").out)
        assert (found["model"], found["flop"]["mid"]) == ("lab/origin", pytest.approx(4.2e22))

    def test_a_fact_in_place_of_the_known_one(self, run_cli: Run) -> None:
        result = run_cli("estimate", "lab/origin", "--tokens", "2T", "--json")
        assert json.loads(result.out)["flop"]["mid"] == pytest.approx(8.4e22)

    def test_a_model_made_from_another_points_there(self, run_cli: Run) -> None:
        result = run_cli("estimate", "lab/tuned")
        assert result.code == 0
        assert "Nothing can be told." in result.out
        assert "Next: `registry estimate lab/origin` tells what making its base took." in result.err

    def test_all_models(self, run_cli: Run) -> None:
        result = run_cli("estimate", "--all")
        assert [line.split()[0] for line in result.out.splitlines()] == ["MODEL", "lab/origin"]
        assert "are left out: too little is known" in result.err
        lines = run_cli("estimate", "--all", "-f", "jsonl").out.splitlines()
        names = [json.loads(line)["model"] for line in lines]
        assert names == sorted(names)
        assert len(names) == 5

    def test_several_models(self, run_cli: Run) -> None:
        items = json.loads(run_cli("estimate", "lab/origin", "guest/small", "--json").out)["items"]
        assert [item["model"] for item in items] == ["lab/origin", "guest/small"]
        fed = run_cli("estimate", "-", "-f", "jsonl", stdin="lab/origin\n")
        assert json.loads(fed.out)["model"] == "lab/origin"

    def test_a_name_nobody_knows(self, run_cli: Run) -> None:
        result = run_cli("estimate", "lab/orign")
        assert result.code == 2
        assert "did you mean lab/origin" in result.err

    def test_prices_of_another_day(self, run_cli: Run) -> None:
        then, later = (
            json.loads(run_cli("estimate", "lab/origin", *more, "--json").out)
            for more in ([], ["--at", "2025-06-01"])
        )
        assert then["at"] == "2023-02-24"
        assert later["at"] == "2025-06-01"
        assert then["cost"]["rental"]["priced"] < later["cost"]["rental"]["priced"]
        assert then["flop"] == later["flop"]

    def test_prices_of_ones_own_from_an_option_and_from_settings(self, run_cli: Run) -> None:
        own = '[[chip]]\nchip = "A100"\nday = "2023-02-01"\ncommit_3yr = 100\nsource = "invoice"\n'
        Path("own.toml").write_text(own, encoding="utf-8")
        asked = (
            "estimate",
            "--hardware",
            "A100",
            "--chip-hours",
            "1e5",
            "--published",
            "2023-06-01",
            "--json",
        )
        usual, given = (json.loads(run_cli(*asked, *more).out) for more in ([], ["--prices", "own.toml"]))
        assert given["cost"]["rental"]["mid"] > 2 * usual["cost"]["rental"]["mid"]
        Path("registry.toml").write_text('prices = "own.toml"\n', encoding="utf-8")
        assert json.loads(run_cli(*asked).out)["cost"] == given["cost"]


@pytest.mark.usefixtures("plain")
class TestCostModels:
    def test_a_plugin_may_bring_one(self, run_cli: Run) -> None:
        words = ("--parameters", "1B", "--tokens", "1T", "--cost-model", "plain")
        found = json.loads(run_cli("estimate", *words, "--json").out)
        assert found["cost"]["rental"]["mid"] == 6000
        sheet = run_cli("estimate", *words).out
        assert next(line for line in sheet.splitlines() if "rental" in line).split()[2] == "$6.00K"

    def test_the_house_is_always_there(self, run_cli: Run) -> None:
        words = ("--parameters", "1B", "--tokens", "1T", "--cost-model", "house")
        assert json.loads(run_cli("estimate", *words, "--json").out)["flop"]["mid"] == pytest.approx(6e21)
        replaced = run_cli("estimate", *words, "--assume", "flop_per_parameter_token=3", "--json")
        assert json.loads(replaced.out)["flop"]["mid"] == pytest.approx(3e21)

    def test_what_is_assumed_is_its_own_affair(self, run_cli: Run) -> None:
        result = run_cli("estimate", "--parameters", "1B", "--cost-model", "plain", "--assume", "mfu=0.4")
        assert result.code == 2
        assert "--assume replaces what our own cost model assumes" in result.err

    def test_hardware_is_its_own_affair(self, run_cli: Run) -> None:
        assert run_cli("estimate", "--hardware", "abacus", "--cost-model", "plain").code == 0

    def test_one_that_breaks(self, run_cli: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Plain, "training", lambda *_: 1 / 0)
        result = run_cli("estimate", "--parameters", "1B", "--cost-model", "plain")
        assert result.code == 3
        assert "the cost model plain broke (ZeroDivisionError" in result.err
        assert "Traceback" not in result.err


class TestDefaults:
    def test_every_default_with_its_meaning(self, run_cli: Run) -> None:
        listed = json.loads(run_cli("estimate", "--defaults", "--json").out)["defaults"]
        mfu = next(one for one in listed if one["name"] == "mfu")
        assert set(mfu) >= {"name", "value", "low", "high", "unit", "source", "meaning"}
        assert mfu["low"] < mfu["value"] < mfu["high"]
        assert "mfu" in run_cli("estimate", "--defaults").out
        assert len(run_cli("estimate", "--defaults", "-f", "csv").out.splitlines()) == len(listed) + 1

    def test_one_replaced(self, run_cli: Run) -> None:
        listed = json.loads(run_cli("estimate", "--defaults", "--assume", "mfu=0.5", "--json").out)[
            "defaults"
        ]
        mfu = next(one for one in listed if one["name"] == "mfu")
        assert (mfu["value"], mfu["source"]) == (0.5, "replaced by the user")
        plain, half = (
            json.loads(
                run_cli(
                    *("estimate", "--hardware", "A100", "--chip-hours", "1000", *more, "--json"),
                ).out
            )
            for more in ([], ["--assume", "mfu=0.7"])
        )
        assert half["flop"]["mid"] == pytest.approx(2 * plain["flop"]["mid"])
