"""What many looks found alike is kept once, and comes back with each of them as it was told."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.catalog.catalog import BulkWriter, Catalog
from registry.catalog.traits import (
    counts_apart,
    mark_of,
    parameters_of,
    served_apart,
    traits_of,
    with_traits,
)
from registry.model.bulk import Batch, listed
from registry.model.snapshot import Gate, ParameterCount
from tests.catalog.makers import ask_sql, count, day, license_claim, snap

COUNTS = [
    None,
    ParameterCount({}),
    ParameterCount({}, served_total=9, origin="gguf"),
    ParameterCount({}, served_total=9, logical=9),
    ParameterCount({"BF16": 5}),
    ParameterCount({"BF16": 0}, served_total=0, logical=0),
    count(BF16=5),
    ParameterCount({"BF16": 5}, served_total=5, logical=5, rule="as stored"),
    ParameterCount({"I32": 5}, served_total=5, logical=40, rule="packed"),
    ParameterCount({"I32": 5}, served_total=40, logical=40, contradiction="odd"),
    ParameterCount({"BF16": 5, "F32": 2}, served_total=7, logical=7),
    ParameterCount({"BF16": 5, "F32": 2}, served_total=8),
]


@pytest.mark.parametrize("told", COUNTS)
def test_counts_come_back(catalog: Catalog, told: ParameterCount | None) -> None:
    catalog.save(snap("o/a", parameters=told))
    writer = BulkWriter()
    catalog.keep_many(Batch(day(0), [listed(snap("o/b", parameters=told))], lambda _: snap("o/b")), writer)
    for name in ("o/a", "o/b"):
        shown = catalog.snapshot(name)
        assert shown is not None
        assert shown.parameters == told
        weighed = catalog.weighings([name])[name]
        assert dict(weighed.by_dtype) == ({} if told is None else dict(told.by_dtype))
        assert catalog.holdings([name])[name].by_dtype == weighed.by_dtype
    assert catalog.check() == []


def test_a_usual_count_is_written_once() -> None:
    usual = ParameterCount({"BF16": 5}, served_total=5, logical=5)
    assert (parameters_of(usual), served_apart(usual), counts_apart(usual)) == (5, None, {})


def test_models_alike_share_a_row(catalog: Catalog, catalog_url: str) -> None:
    alike: dict[str, Any] = {
        "library": "peft",
        "gated": Gate.AUTO,
        "licenses": (license_claim("mit"),),
        "private": False,
    }
    other = alike | {"library": None}
    catalog.save_many([snap(f"o/{n}", **alike) for n in range(3)])
    some = [snap(f"p/{n}", **alike) for n in range(3)] + [snap("p/other", **other)]
    catalog.keep_many(Batch(day(0), [listed(one) for one in some], some.__getitem__), BulkWriter())
    assert ask_sql(catalog_url, "SELECT count(*) FROM traits") == [(2,)]
    catalog.save(snap("p/1", 1, **other))
    assert ask_sql(catalog_url, "SELECT count(*) FROM traits") == [(2,)]
    assert [change.field for change in catalog.history("p/1")[-1].changes] == ["library"]
    assert {one.library for one in catalog.search()} == {"peft", None}


@given(st.sampled_from(["library", "task", "new_version"]), st.text(max_size=5), st.text(max_size=5))
def test_other_words_are_another_row(field: str, one: str, other: str) -> None:
    told: list[dict[str, Any]] = [{field: one}, {field: other}]
    first, second = (traits_of(snap("o/a", **facts)) for facts in told)
    assert (mark_of(first) == mark_of(second)) == (one == other)
    assert with_traits(first, **{field: other}) == second
