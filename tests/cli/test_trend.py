"""`registry trend`, as people type it."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from registry.catalog.catalog import Catalog
from registry.cli import main
from registry.cli.output import draw
from registry.cli.trend import _drawn
from registry.economics.table import TrainingTable
from registry.model.snapshot import ParameterCount
from registry.services.trend import Asked, trend
from tests.services.fakes import snapshot

RunCli = Callable[..., Any]


@pytest.fixture
def grown() -> Path:
    """A catalog of seven models that double each year."""
    path = Path("catalog.db").resolve()
    with Catalog.open(str(path), create=True) as catalog:
        catalog.save_many(
            snapshot(
                f"lab/model-{number}",
                created_at=datetime(2018 + number, 6, 1, tzinfo=UTC),
                parameters=ParameterCount(by_dtype={"F32": 10**8 * 2**number}),
            )
            for number in range(7)
        )
    return path


def test_everything_in_one(run_cli: RunCli, grown: Path) -> None:
    result = run_cli("trend")
    assert result.code == 0, result.err
    assert "Size of models, since 2010" in result.out
    assert "Cost of training, amortised, since 2012" in result.out
    assert "catalog, all models" in result.out
    assert "x2.00" in result.out
    assert "64.6 (44.8 - 81.1) %" in result.out
    assert "45 % a year is inside the range of Ho et al. 2024" in result.out
    assert "no publication with this figure was found" in result.out.replace("\n", " ")
    assert "Epoch AI" in result.err
    assert "CC BY 4.0" in result.err
    assert "\x1b" not in result.out


def test_without_a_catalog_the_table_has_to_do(run_cli: RunCli) -> None:
    result = run_cli("trend", "size")
    assert result.code == 0
    assert "There is no catalog here: the table alone." in result.err
    assert "table, all models" in result.out
    assert not Path("catalog.db").exists()


@pytest.mark.parametrize(
    "args",
    [("--from", "catalog"), ("-F", "params>1B"), ("--catalog", "other.db")],
)
def test_a_catalog_asked_for_must_be_there(run_cli: RunCli, args: tuple[str, ...]) -> None:
    result = run_cli("trend", "size", *args)
    assert (result.code, result.out) == (2, "")
    assert "there is no catalog" in result.err


def test_rates_and_costs_need_no_catalog(run_cli: RunCli) -> None:
    assert "no catalog" not in run_cli("trend", "rates").err
    assert "no catalog" not in run_cli("trend", "cost").err


def test_the_catalog_alone(run_cli: RunCli, grown: Path) -> None:
    result = run_cli("trend", "size", "--from", "catalog", "--json")
    found = json.loads(result.out)
    assert "table" not in found["size"]["left_out"]
    assert [trend["origin"] for trend in found["size"]["trends"]] == ["catalog", "catalog"]
    assert found["size"]["trends"][0]["growth_per_year"]["mid"] == pytest.approx(2, rel=1e-3)
    assert found["sources"] == []


def test_too_few_models_are_told(run_cli: RunCli, grown: Path) -> None:
    result = run_cli("trend", "size", "--from", "catalog", "-F", "params<500M")
    assert result.code == 0
    assert "catalog, all models: fewer than 5 models with a date and a size since 2010." in result.out


def test_json_of_all_and_of_one(run_cli: RunCli) -> None:
    assert list(json.loads(run_cli("trend", "--json").out)) == [
        "since",
        "size",
        "cost",
        "rates",
        "notes",
        "sources",
    ]
    rates = json.loads(run_cli("trend", "rates", "--json").out)
    assert list(rates) == ["since", "rates", "notes", "sources"]
    assert len(rates["rates"]["measured"]) == 10


def test_rows_and_points(run_cli: RunCli) -> None:
    rows = list(csv.DictReader(io.StringIO(run_cli("trend", "-f", "csv").out, newline="")))
    assert {row["topic"] for row in rows} == {"size", "cost", "rates"}
    points = run_cli("trend", "cost", "-f", "jsonl", "--points", "--since", "2024").out.splitlines()
    assert len(points) > 5
    assert all(json.loads(line)["day"] >= "2024" for line in points)
    assert json.loads(run_cli("trend", "cost", "--json", "--points").out)["cost"]["points"]


def test_a_domain(run_cli: RunCli) -> None:
    every, language = (
        json.loads(run_cli("trend", "size", *args, "--json").out)["size"]["models"]
        for args in ((), ("--domain", "language"))
    )
    assert 0 < language < every


def test_a_picture_goes_to_a_file(run_cli: RunCli) -> None:
    assert run_cli("trend", "-f", "png", "-o", "trend.png").out == ""
    assert Path("trend.png").read_bytes().startswith(b"\x89PNG")
    result = run_cli("trend", "rates", "-f", "svg", "-o", "rates.svg")
    assert "Wrote rates.svg." in result.err
    assert Path("rates.svg").read_text().startswith("<?xml")


def test_a_picture_goes_through_a_pipe(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    assert main.run(["trend", "rates", "-f", "png"], environ={}) == 0
    assert capsysbinary.readouterr().out.startswith(b"\x89PNG")


def test_a_terminal_is_spared_the_bytes(
    capsysbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    assert main.run(["trend", "rates", "-f", "png"], environ={}) == 2
    out, err = capsysbinary.readouterr()
    assert out == b""
    assert b"png is no text for a terminal" in err
    assert b"-o FILE" in err


def test_nothing_is_no_picture(run_cli: RunCli) -> None:
    result = run_cli("trend", "size", "--domain", "alchemy", "-f", "svg", "-o", "x.svg")
    assert result.code == 2
    assert "there is nothing to draw: fewer than 5 models" in result.err
    assert not Path("x.svg").exists()


@pytest.mark.parametrize(
    ("args", "reason"),
    [
        (("price",), "price"),
        (("--since", "12"), "1940 to 2100"),
        (("--since", "soon"), "not a whole number"),
        (("--from", "paper"), "paper"),
        (("-F", "params>>1"), "params needs a number"),
        (("-f", "gif"), "gif"),
        (("-q",), "-q"),
    ],
)
def test_mistakes(run_cli: RunCli, args: tuple[str, ...], reason: str) -> None:
    result = run_cli("trend", *args)
    assert (result.code, result.out) == (2, "")
    assert reason in result.err


@pytest.mark.parametrize("width", [50, 80, 120])
def test_the_answer_fits_a_terminal(width: int) -> None:
    drawn = draw(_drawn(trend(None, TrainingTable.load(), Asked()), width), width, colors=False)
    assert max(map(len, drawn.splitlines())) <= width
    assert "LINE THROUGH" in drawn
    assert "45 % IS" in drawn


def test_help_loads_no_plots(run_cli: RunCli) -> None:
    import subprocess

    script = (
        "import sys; from registry.cli import main; main.run(['trend', '--help'], environ={});"
        "assert not {'matplotlib', 'plotext', 'numpy', 'sqlalchemy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)
