"""The prices shipped, and those of users laid over them."""

from __future__ import annotations

from pathlib import Path

import pytest

from registry.economics.price_rows import PER_MONTH, unlikely
from registry.economics.price_table import load_prices
from registry.errors import UsageError

OWN = """
[[storage]]
id = "nas"
usd_per_month = 0.004
unit = "GB"
day = 2026-05-01
source = "invoice"

[[storage]]
id = "r2"
usd_per_month = 0.014
unit = "GB"
day = "2026-11"
source = "contract"

[[tokens]]
id = "house-7b"
input = 0.1
output = 0.2
day = "2026"
source = "own"

[[chip]]
chip = "H100"
day = "2026-01-01"
usd_per_hour = 2.1
source = "contract"
"""


def test_every_shipped_price_is_dated_and_says_where_it_is_from() -> None:
    table = load_prices()
    assert len(table.storage) >= 20
    for one in table.storage.values():
        assert one.day[:2] == "20"
        assert one.source
        assert one.how_sure
        assert one.unit in ("GB", "GiB")
        assert unlikely(one.usd_per_month, PER_MONTH) is None
    for listed in table.listed.values():
        assert listed.price.day
        assert listed.price.source
        assert listed.how_sure
    assert table.default_storage.id == "s3-standard"
    assert not table.files


@pytest.mark.parametrize(
    ("id_", "usd", "unit"),
    [
        ("s3-standard", 0.023, "GiB"),
        ("s3-deep-archive", 0.00099, "GiB"),
        ("gcs-standard", 0.02, "GiB"),
        ("azure-hot", 0.018, "GiB"),
        ("r2", 0.015, "GB"),
        ("b2", 0.006, "GB"),
        ("b2-2023-09", 0.005, "GB"),
        ("wasabi", 0.00799, "GB"),
        ("wasabi-2026-06", 0.00699, "GB"),
        ("hf-private", 0.018, "GB"),
    ],
)
def test_known_prices(id_: str, usd: float, unit: str) -> None:
    found = load_prices().find_storage(id_)
    assert (found.usd_per_month, found.unit) == (usd, unit)


@pytest.mark.shared
def test_shipped_prices_are_those_of_the_reference(shared: Path) -> None:
    import csv

    with (shared / "economics/prices/storage_prices.csv").open(encoding="utf-8") as page:
        theirs = {(row["usd_per_unit_month"], row["unit"]) for row in csv.DictReader(page)}
    ours = {(f"{one.usd_per_month:g}", one.unit) for one in load_prices().storage.values()}
    assert {(f"{float(usd):g}", unit) for usd, unit in theirs} <= ours


def test_names_are_found_in_any_case_and_mistakes_name_the_nearest() -> None:
    table = load_prices()
    assert table.find_storage("S3-Standard").id == "s3-standard"
    with pytest.raises(UsageError, match="'s3'") as caught:
        table.find_storage("s3")
    assert "s3-standard" in (caught.value.hint or "")
    with pytest.raises(UsageError) as typo:
        table.find_storage("wasaby")
    assert "wasabi" in (typo.value.hint or "")
    with pytest.raises(UsageError) as nothing:
        table.find_storage("")
    assert "registry prices" in (nothing.value.hint or "")


def test_a_file_adds_and_replaces(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(OWN, encoding="utf-8")
    table = load_prices([path])
    (file,) = table.files
    assert file.added == ("storage nas", "tokens house-7b", "chip H100, 2026-01-01")
    assert file.replaced == ("storage r2",)
    assert table.storage["r2"].usd_per_month == 0.014
    assert table.storage["nas"].day == "2026-05-01"
    assert table.tokens["house-7b"].output == 0.2
    assert [chip.usd_per_hour for chip in table.chips] == [2.1]
    assert table.origins["storage nas"] == str(path)
    assert load_prices().storage["r2"].usd_per_month == 0.015


def test_the_last_file_has_the_last_word(tmp_path: Path) -> None:
    first, second = tmp_path / "a.toml", tmp_path / "b.toml"
    first.write_text(OWN, encoding="utf-8")
    second.write_text(OWN.replace("0.004", "0.005"), encoding="utf-8")
    table = load_prices([first, second])
    assert table.storage["nas"].usd_per_month == 0.005
    assert "storage nas" in table.files[1].replaced
    assert table.origins["storage nas"] == str(second)
