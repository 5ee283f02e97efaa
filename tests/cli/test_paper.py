"""`registry paper`, as people type it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from registry.cli.output import draw
from registry.cli.paper import _drawn
from registry.services.paper import paper

RunCli = Callable[..., Any]


def test_all_figures_without_a_catalog(run_cli: RunCli) -> None:
    result = run_cli("paper")
    assert result.code == 0
    lines = result.out.splitlines()
    assert lines[0].split() == [
        "FIGURE",
        "TOLD",
        "COMES",
        "TO",
        "UNIT",
        "OFF",
        "BY",
        "VERDICT",
        "LABEL",
        "ID",
    ]
    assert sum(" differs " in line for line in lines) == 6
    assert "It was nineteen days." in result.out
    assert "59 figures: 46 pass, 6 differ, 7 have none to compare with." in result.err
    assert not Path("catalog.db").exists()


def test_json_and_rows(run_cli: RunCli) -> None:
    found = json.loads(run_cli("paper", "--json").out)
    assert found["counts"] == {"pass": 46, "differs": 6, "no_seed": 7}
    assert len(found["rows"]) == 59
    bloom = found["rows"][0]
    assert bloom["id"] == "bloom_storage"
    assert (bloom["seed"], bloom["label"], bloom["verdict"]) == (180, "inferred", "pass")
    assert bloom["inputs"][2]["value"] == "s3-standard: 0.023"
    rows = list(csv.DictReader(io.StringIO(run_cli("paper", "-f", "csv").out, newline="")))
    assert [row["id"] for row in rows] == [row["id"] for row in found["rows"]]
    assert len(run_cli("paper", "-f", "jsonl").out.splitlines()) == 59
    assert run_cli("paper", "-q").out.split() == [row["id"] for row in found["rows"]]


def test_one_figure_is_shown_with_its_inputs(run_cli: RunCli) -> None:
    result = run_cli("paper", "gpt2_flop")
    assert "flop = 1.92e+21 FLOP" in result.out
    assert "chip_flops = 1.23e+14 FLOP/s, bf16" in result.out
    assert "differs  -27.7 %, tolerance 10 %" in result.out
    assert "why" in result.out
    assert result.err == ""


def test_one_without_a_figure_to_compare_with(run_cli: RunCli) -> None:
    shown = run_cli("paper", "epoch_hw").out
    assert "told        -" in shown
    assert "tolerance" not in shown


def test_a_part_of_the_figures(run_cli: RunCli) -> None:
    assert run_cli("paper", "PaLM", "-q").out.split() == [
        "palm_mid",
        "palm_3yr",
        "palm_chip_hours",
        "palm_6nd",
        "palm_epoch_cloud",
    ]
    passing = run_cli("paper", "palm")
    assert "Why some differ" not in passing.out


def test_markdown_goes_to_a_file(run_cli: RunCli) -> None:
    assert run_cli("paper", "-f", "markdown", "-o", "figures.md").out == ""
    text = Path("figures.md").read_text()
    assert text.startswith("59 figures: 46 pass")
    assert text.count("\n| ") == 2 + 59


def test_a_figure_nobody_told(run_cli: RunCli) -> None:
    result = run_cli("paper", "gpt-17")
    assert (result.code, result.out) == (2, "")
    assert "no figure is about 'gpt-17'" in result.err


@pytest.mark.parametrize(
    ("args", "code"),
    [
        ((), 0),
        (("--fail-on", "never"), 0),
        (("--fail-on", "differs"), 1),
        (("lawyer", "--fail-on", "differs"), 0),
    ],
)
def test_exit_codes(run_cli: RunCli, args: tuple[str, ...], code: int) -> None:
    assert run_cli("paper", *args).code == code
    assert run_cli("paper", *args, "--json").code == code


@pytest.mark.parametrize("width", [60, 80, 100, 160])
def test_the_table_fits_a_terminal(width: int) -> None:
    drawn = draw(_drawn(paper().claims, width), width, colors=False).splitlines()
    assert max(map(len, drawn)) <= width
    if width >= 80:
        assert {"TOLD", "VERDICT", "LABEL"} <= set(drawn[0].split())
        assert "…" not in "".join(drawn)
    sheet = draw(_drawn(paper("bloom_copy_500mbps").claims, width), width, colors=False)
    assert max(map(len, sheet.splitlines())) <= width
