"""`prices`, and prices of one's own: from an option, the environment and `registry.toml`."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]

OWN = """[[storage]]
id = "nas"
usd_per_month = 0.004
unit = "GB"
day = "2026-05"
source = "invoice 17"

[[storage]]
id = "r2"
usd_per_month = 0.014
unit = "GB"
day = "2026-11"
source = "contract"

[[chip]]
chip = "H100"
day = "2026-01-01"
usd_per_hour = 2.25
source = "contract"
"""


@pytest.fixture
def own() -> Path:
    Path("own.toml").write_text(OWN, encoding="utf-8")
    return Path("own.toml")


def test_every_kind_is_listed_with_date_unit_and_source(run_cli: Run) -> None:
    found = json.loads(run_cli("prices", "--json").out)
    assert found["files"] == []
    assert {one["kind"] for one in found["prices"]} == {"storage", "tokens", "chip"}
    for one in found["prices"]:
        assert one["id"]
        assert one["date"]
        assert one["source"]
        assert one["currency"] == "USD"
        assert one["origin"] == "shipped"


def test_text_and_kind_choose(run_cli: Run) -> None:
    shown = run_cli("prices", "aws glacier").out
    assert "s3-deep-archive" in shown
    assert "s3-standard" not in shown
    kinds = json.loads(run_cli("prices", "--kind", "tokens", "--json").out)["prices"]
    assert {one["kind"] for one in kinds} == {"tokens"}
    assert run_cli("prices", "gpt-4o", "-q").out.split() == ["gpt-4o", "gpt-4o-mini"]
    nothing = run_cli("prices", "no such thing")
    assert (nothing.code, nothing.out) == (0, "")
    assert "registry prices" in nothing.err


def test_tables_and_rows(run_cli: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = list(csv.DictReader(io.StringIO(run_cli("prices", "--kind", "storage", "-f", "csv").out)))
    (hub,) = [row for row in rows if row["id"] == "hf-private"]
    assert hub["tiers"] == "50000:0.016;200000:0.014;500000:0.012"
    assert (hub["unit"], hub["tiering"]) == ("GB", "volume")
    shown = run_cli("prices").out
    assert "0.15 in, 0.6 out" in shown
    assert "bought" in shown
    monkeypatch.setattr("registry.cli.output.is_terminal", lambda _: True)
    narrow = run_cli("prices", COLUMNS="80", NO_COLOR="1").out
    assert max(map(len, narrow.splitlines())) <= 80
    assert "2026-08-22" in narrow


def test_a_file_of_ones_own_is_checked_and_shown(run_cli: Run, own: Path) -> None:
    result = run_cli("prices", "--prices", str(own))
    assert "own.toml adds 2 prices and replaces 1: storage r2." in result.err
    assert "nas" in result.out
    found = json.loads(run_cli("prices", "--prices", str(own), "--json").out)
    (file,) = found["files"]
    assert file["added"] == ["storage nas", "chip H100, 2026-01-01"]
    assert file["replaced"] == ["storage r2"]
    origins = {one["id"]: one["origin"] for one in found["prices"] if one["kind"] == "storage"}
    assert (origins["nas"], origins["r2"], origins["b2"]) == ("own.toml", "own.toml", "shipped")
    chips = [one for one in found["prices"] if one["origin"] == "own.toml" and one["kind"] == "chip"]
    assert [one["amount"] for one in chips] == [2.25]


def test_a_mistake_in_it_names_file_and_line(run_cli: Run, own: Path) -> None:
    own.write_text(OWN.replace("0.004", "4.0"), encoding="utf-8")
    result = run_cli("prices", "--prices", str(own))
    assert (result.code, result.out) == (2, "")
    assert "own.toml:3: usd_per_month = 4.0 is more than 2" in result.err
    assert "USD for one GB or GiB for one month" in result.err


def test_what_is_left_out_of_a_file_is_said(run_cli: Run) -> None:
    listed = {"m": {"input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6}, "image": {"mode": "image"}}
    Path("models.json").write_text(json.dumps(listed), encoding="utf-8")
    result = run_cli("prices", "m", "--kind", "tokens", "--prices", "models.json", "--json")
    assert "models.json: Left out, without a price for tokens: 1." in result.err
    mine = [one for one in json.loads(result.out)["prices"] if one["id"] == "m"]
    assert [(one["input"], one["date"]) for one in mine] == [(1.0, None)]


@pytest.mark.usefixtures("own")
class TestSetting:
    def cost(self, run_cli: Run, **environ: str) -> Any:
        Path("models.jsonl").write_text(json.dumps({"id": "acme/a", "tags": []}), encoding="utf-8")
        assert run_cli("import", "models.jsonl").code == 0
        return run_cli("cost", "acme/a", "--price", "nas", **environ)

    def test_without_it_the_price_is_unknown(self, run_cli: Run) -> None:
        assert self.cost(run_cli).code == 2

    def test_from_the_environment(self, run_cli: Run) -> None:
        result = self.cost(run_cli, REGISTRY_PRICES="own.toml")
        assert result.code == 0
        assert "nas: 0.004 USD per GB-month, own nas, 2026-05; invoice 17 (user's file)." in result.out
        shown = run_cli("config", "--origin", REGISTRY_PRICES="own.toml").out
        assert "REGISTRY_PRICES" in shown

    def test_from_registry_toml(self, run_cli: Run) -> None:
        Path("registry.toml").write_text('prices = "own.toml"\n', encoding="utf-8")
        assert self.cost(run_cli).code == 0
        shown = json.loads(run_cli("config", "--json").out)["settings"]
        (prices,) = [one for one in shown if one["name"] == "prices"]
        assert (prices["value"], prices["origin"]) == (["own.toml"], "registry.toml")

    def test_an_option_is_stronger(self, run_cli: Run) -> None:
        Path("registry.toml").write_text('prices = "own.toml"\n', encoding="utf-8")
        Path("other.toml").write_text(OWN.replace('"nas"', '"disk"'), encoding="utf-8")
        shown = run_cli("prices", "--prices", "other.toml", "-q", "--kind", "storage").out.split()
        assert "disk" in shown
        assert "nas" not in shown
