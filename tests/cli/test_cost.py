"""`cost` from the command line: sizes, prices side by side, formats, and everything that is a mistake."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from registry.demo.hub import RecordedHub

Run = Callable[..., Any]

BLOOM = "bigscience/bloom"
KEYS = {"repo_id", "logical_bytes", "unique_bytes", "monthly", "yearly", "price"}


def document(name: str, **facts: object) -> str:
    return json.dumps({"id": name, "tags": [], **facts})


@pytest.fixture
def kept(run_cli: Run) -> None:
    """A model with sizes (and one file without), one with numbers alone, one with neither."""
    numbers = {"parameters": {"BF16": 1_000_000_000}, "total": 1_000_000_000}
    shards = [
        {"rfilename": "a.safetensors", "size": 2_000_000_000},
        {"rfilename": "b.bin", "size": 3_000_000_000},
        {"rfilename": "README.md"},
    ]
    lines = [
        document("acme/files", siblings=shards, usedStorage=9_000_000_000, sha="1" * 40),
        document("acme/numbers", safetensors=numbers),
        document("acme/nothing"),
    ]
    Path("models.jsonl").write_text("\n".join(lines), encoding="utf-8")
    assert run_cli("import", "models.jsonl").code == 0


@pytest.fixture
def bloom(run_cli: Run, recorded_hub: RecordedHub) -> None:
    assert run_cli("add", BLOOM, "--depth", "0", hub=recorded_hub).code == 0


@pytest.mark.usefixtures("bloom")
class TestBloom:
    def test_real_files_twice(self, run_cli: Run) -> None:
        (item,) = json.loads(run_cli("cost", BLOOM, "--json").out)["items"]
        assert item.keys() >= KEYS
        assert item["logical_bytes"] > 700_000_000_000
        assert 1.9 < item["weight_bytes"] / item["copy_bytes"] < 2.1
        assert item["hub_used_bytes"] > item["logical_bytes"]
        assert item["told"] == "files"
        assert item["yearly"]["amount"] == pytest.approx(12 * item["monthly"]["amount"])
        assert item["price"] == {
            "id": "s3-standard",
            "per": "GiB-month",
            "amount": 0.023,
            "currency": "USD",
            "unit": "GiB",
            "date": "2025-09",
            "source": "AWS price list, us-east-1; the same since 2022-07",
            "how_sure": "storage checked; tiers, egress general knowledge",
        }

    def test_as_fp32_it_costs_what_the_article_says(self, run_cli: Run) -> None:
        result = run_cli("cost", BLOOM, "--format-as", "fp32", "--bandwidth", "500Mbit/s")
        assert result.code == 0
        assert "$181.21" in result.out
        assert "704,989,085,696 bytes" in result.out
        assert "as if written in fp32" in result.out
        assert "3.13 h" in result.out
        found = json.loads(run_cli("cost", BLOOM, "--format-as", "FP32", "--json").out)
        assert found["items"][0]["told"] == "format"
        assert found["items"][0]["yearly"]["amount"] == pytest.approx(181.21, abs=5e-3)
        assert found["asked"]["format"] == "fp32"

    def test_prices_side_by_side_in_their_own_units(self, run_cli: Run) -> None:
        asked = ("--price", "s3-standard", "--price", "R2", "--price", "hf-private", "--price", "r2")
        result = run_cli("cost", BLOOM, *asked, "--what", "copy", "--copies", "3")
        for one in ("s3-standard", "r2", "hf-private", "GiB-month", "GB-month", "2026-08-22", "3 copies"):
            assert one in result.out
        items = json.loads(run_cli("cost", BLOOM, *asked, "--json").out)["items"]
        assert [one["price"]["id"] for one in items] == ["s3-standard", "r2", "hf-private"]
        assert [one["price"]["unit"] for one in items] == ["GiB", "GB", "GB"]

    @pytest.mark.parametrize("width", ["80", "60"])
    def test_a_terminal_is_wide_enough(
        self, run_cli: Run, monkeypatch: pytest.MonkeyPatch, width: str
    ) -> None:
        monkeypatch.setattr("registry.cli.output.is_terminal", lambda _: True)
        shown = run_cli("cost", BLOOM, "--price", "r2", COLUMNS=width, NO_COLOR="1").out
        assert max(map(len, shown.splitlines())) <= int(width)
        assert "YEAR" in shown


@pytest.mark.usefixtures("kept")
class TestSeveral:
    def test_what_is_partial_inferred_or_unknown_is_told_apart(self, run_cli: Run) -> None:
        found = json.loads(run_cli("cost", "--all", "--json", "--price", "r2").out)
        files, nothing, numbers = found["items"]
        assert (files["told"], files["partial"], files["priced_bytes"]) == ("files", True, 5_000_000_000)
        assert files["unsized_files"] == 1
        assert (numbers["told"], numbers["priced_bytes"]) == ("dtypes", 2_000_000_000)
        assert numbers["logical_bytes"] is None
        assert nothing["priced_bytes"] is nothing["yearly"] is nothing["told"] is None
        totals = found["totals"]
        assert (totals["models"], totals["unknown"], totals["partial"], totals["inferred"]) == (3, 1, 2, 1)
        assert totals["complete"] is False
        assert totals["priced_bytes"] == 7_000_000_000
        assert totals["logical_bytes"] == totals["unique_bytes"] == 5_000_000_000
        assert totals["hub_used_bytes"] == 9_000_000_000

    def test_people_see_the_marks(self, run_cli: Run) -> None:
        shown = run_cli("cost", "--all").out
        assert "5.00 GB+" in shown
        assert "~2.00 GB+" in shown
        assert "together" in shown
        assert "Left out: 1 model of which nobody told what it weighs." in shown
        assert "~ inferred from numbers and types, without a file list: 1 model." in shown
        assert "+ there is more, of unknown size: 2 models." in shown

    def test_weights_are_whole_where_only_a_card_has_no_size(self, run_cli: Run) -> None:
        (item,) = json.loads(run_cli("cost", "acme/files", "--what", "weights", "--json").out)["items"]
        assert (item["priced_bytes"], item["partial"]) == (5_000_000_000, False)

    def test_rows(self, run_cli: Run) -> None:
        names = ("acme/files", "acme/nothing")
        rows = list(csv.DictReader(io.StringIO(run_cli("cost", *names, "--price", "b2", "-f", "csv").out)))
        assert [row["repo_id"] for row in rows] == list(names)
        assert rows[1]["yearly"] == rows[1]["priced_bytes"] == ""
        assert float(rows[0]["yearly"]) == pytest.approx(5 * 0.006 * 12)
        assert {row["price"] for row in rows} == {"b2"}
        lines = run_cli("cost", *names, "-f", "jsonl").out.splitlines()
        assert [json.loads(line)["partial"] for line in lines] == [True, False]
        assert run_cli("cost", "--all", "-q").out.split() == ["acme/files", "acme/nothing", "acme/numbers"]

    def test_names_from_stdin(self, run_cli: Run) -> None:
        result = run_cli("cost", "-", "--json", stdin="acme/files\nacme/nothing\n")
        assert json.loads(result.out)["totals"]["models"] == 2

    def test_nothing_known_is_said_with_a_next_step(self, run_cli: Run) -> None:
        shown = run_cli("cost", "acme/nothing").out
        assert "Nothing is priced: nobody told what it weighs." in shown
        assert "--format-as" in shown
        assert "$" not in shown
        unknown = run_cli("cost", "acme/nothing", "--format-as", "fp16").out
        assert "how many parameters" in unknown

    def test_only_the_heaviest_of_many_are_shown(self, run_cli: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("registry.cli.bill.MOST", 1)
        shown = run_cli("cost", "--all").out
        assert "acme/files" in shown
        assert "acme/numbers" not in shown
        assert "The 1 heaviest of 3 models" in shown

    def test_several_prices_are_columns(self, run_cli: Run) -> None:
        shown = run_cli("cost", "--all", "--price", "r2", "--price", "b2").out
        assert "YEAR r2" in shown
        assert "YEAR b2" in shown


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        ((), "say which models", "--all"),
        (("acme/files", "--all"), "say which models", "--all"),
        (("acme/file",), "not in the catalog", "acme/files"),
        (("--all", "--price", "s3"), "no storage price 's3'", "s3-standard"),
        (("--all", "--format-as", "fp31"), "no format of weights", "q4_k_m"),
        (("--all", "--format-as", "fp32", "--what", "hub"), "contradict", "one of them"),
        (("--all", "--bandwidth", "1GB"), "not a bandwidth", "1Gbit/s"),
        (("--all", "--bandwidth", "-1Gbit/s"), "not a bandwidth", "1Gbit/s"),
        (("--all", "--bandwidth", "0bit/s"), "no bandwidth", "between"),
        (("--all", "--copies", "0"), "--copies", "cost --help"),
        (("--all", "--prices", "none.toml"), "cannot read none.toml", ""),
    ],
)
def test_mistakes_are_one_line_with_a_next_step(
    run_cli: Run, words: tuple[str, ...], message: str, hint: str
) -> None:
    result = run_cli("cost", *words)
    assert result.code == 2
    assert result.out == ""
    first, *rest = result.err.splitlines()
    assert message in first
    assert hint in " ".join(rest)
