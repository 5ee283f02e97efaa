"""Costs as JSON and rows."""

from __future__ import annotations

import json
from datetime import date

from registry.economics.chip_prices import ChipPrice
from registry.economics.price_table import load_prices
from registry.exports import costs as shapes
from registry.exports.rows import json_pieces, to_json
from registry.model.records import Sizes, Weighing
from registry.services.cost import Asked, Totals, cost_of

PRICES = load_prices()
ASKED = Asked((PRICES.storage["s3-standard"], PRICES.storage["r2"]), copies=2)
KNOWN = cost_of(Weighing("lab/a", sizes=Sizes(2, 1, 2**30, 2**30, 2**30, 2**30)), ASKED)
UNKNOWN = cost_of(Weighing("lab/b"), ASKED)


def totals() -> Totals:
    sums = Totals(ASKED)
    for one in (KNOWN, UNKNOWN):
        sums.add(one)
    sums.close(2**30)
    return sums


def test_an_item_for_each_price() -> None:
    first, second = shapes.items(KNOWN)
    assert (first["repo_id"], first["told"], first["partial"]) == ("lab/a", "files", True)
    assert (first["priced_bytes"], first["unsized_files"]) == (2**31, 1)
    assert first["monthly"] == {"amount": 2 * 0.023, "currency": "USD"}
    assert first["price"]["id"] == "s3-standard"
    assert (first["price"]["per"], first["price"]["unit"]) == ("GiB-month", "GiB")
    assert first["price"]["date"]
    assert first["price"]["source"]
    assert second["price"]["unit"] == "GB"


def test_unknown_is_null_and_never_0() -> None:
    item = shapes.items(UNKNOWN)[0]
    nothing = {"logical_bytes", "unique_bytes", "priced_bytes", "told", "monthly", "yearly", "egress"}
    assert all(item[name] is None for name in nothing)
    assert item["price"] is not None
    row = shapes.rows(UNKNOWN)[0]
    assert row["yearly"] is row["priced_bytes"] is None


def test_a_row_has_one_value_to_a_key() -> None:
    row = shapes.rows(KNOWN)[1]
    assert all(value is None or isinstance(value, str | int | float) for value in row.values())
    assert (row["price"], row["per"], row["currency"]) == ("r2", "GB-month", "USD")
    assert [list(one) for one in shapes.rows(UNKNOWN)] == [list(row), list(row)]


def test_totals_say_what_they_leave_out() -> None:
    shape = shapes.totals(totals())
    assert (shape["models"], shape["unknown"], shape["partial"], shape["complete"]) == (2, 1, 1, False)
    assert shape["yearly"] == shape["by_price"][0]["yearly"]
    assert [one["price"]["id"] for one in shape["by_price"]] == ["s3-standard", "r2"]
    assert shape["unique_bytes"] == 2**30


def test_the_document_is_written_as_it_goes() -> None:
    sums = Totals(ASKED)

    def found():  # type: ignore[no-untyped-def]
        for one in (KNOWN, UNKNOWN):
            sums.add(one)
            yield one
        sums.close(2**30)

    document = shapes.CostDocument(ASKED, found(), sums)
    assert len(document) == 3
    told = json.loads("".join(json_pieces(document)))
    assert list(told) == ["asked", "items", "totals"]
    assert told["asked"] == {"priced": "logical", "format": None, "copies": 2, "bits_per_second": 1e9}
    assert len(told["items"]) == 4
    assert told["totals"] == json.loads(to_json(shapes.totals(totals())))


def test_what_was_asked_names_the_format() -> None:
    asked = Asked(ASKED.prices, weight_format="fp32")
    assert shapes.what_was_asked(asked)["priced"] == "format"


def test_every_kind_of_price_has_the_same_head() -> None:
    chip = ChipPrice("H100", date(2026, 1, 1), None, None, 1.5, None, "shop", "list", "checked")
    told = [
        shapes.storage_price(PRICES.storage["hf-private"], "shipped"),
        shapes.token_price(PRICES.listed["gpt-4o"], "shipped"),
        shapes.chip_price(chip, "own.toml"),
    ]
    head = ["kind", "id", "provider", "name", "amount", "currency", "per", "unit", "date", "until", "source"]
    assert all(list(one)[: len(head)] == head for one in told)
    assert [one["kind"] for one in told] == ["storage", "tokens", "chip"]
    assert told[0]["tiers"][0] == {"from": 50_000, "amount": 0.016}
    assert told[2]["amount"] is None
    assert told[2]["commit_3yr"] == 1.5
