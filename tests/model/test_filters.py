from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.errors import UsageError
from registry.model.filters import FIELDS, Filter, Operator, Period, parse_filter


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type,misc]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("params>7B", Filter("params", Operator.GREATER, 7_000_000_000)),
        (" Params >= 1.5B ", Filter("params", Operator.AT_LEAST, 1_500_000_000)),
        ("size<=4GiB", Filter("size", Operator.AT_MOST, 4 * 2**30)),
        ("downloads<1000", Filter("downloads", Operator.LESS, 1000)),
        ("likes!=0", Filter("likes", Operator.UNEQUAL, 0)),
        ("license=apache-2.0", Filter("license", Operator.EQUAL, "apache-2.0")),
        ("license=", Filter("license", Operator.EQUAL, None)),
        ("params!=", Filter("params", Operator.UNEQUAL, None)),
        ("license!=a=b", Filter("license", Operator.UNEQUAL, "a=b")),
        ("name~ bloom z ", Filter("name", Operator.CONTAINS, "bloom z")),
        ("gated=yes", Filter("gated", Operator.EQUAL, ("auto", "manual"))),
        ("gated=FALSE", Filter("gated", Operator.EQUAL, ("none",))),
        ("gated!=auto", Filter("gated", Operator.UNEQUAL, ("auto",))),
        ("gated=", Filter("gated", Operator.EQUAL, None)),
        ("source=paper", Filter("source", Operator.EQUAL, ("paper",))),
        ("created=2024", Filter("created", Operator.EQUAL, Period(utc(2024, 1, 1), utc(2025, 1, 1)))),
        ("created>2024-12", Filter("created", Operator.GREATER, Period(utc(2024, 12, 1), utc(2025, 1, 1)))),
        ("modified<2024-2-29", Filter("modified", Operator.LESS, Period(utc(2024, 2, 29), utc(2024, 3, 1)))),
        (
            "modified>=2024-06-30T12:00:00+02:00",
            Filter(
                "modified",
                Operator.AT_LEAST,
                Period(utc(2024, 6, 30, 10), utc(2024, 6, 30, 10, 0, 0, 1)),
            ),
        ),
    ],
)
def test_filters_are_read(text: str, expected: Filter) -> None:
    assert parse_filter(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("colour=red", "no filter is named 'colour'"),
        ("params", "'params' is not a filter"),
        ("", "'' is not a filter"),
        ("=3", "'=3' is not a filter"),
        ("params>", "params> needs a value"),
        ("params>lots", "params needs a number, not 'lots'"),
        ("params>99999999T", "params needs a number"),
        ("params~7", "params has no text"),
        ("license>mit", "license has no order"),
        ("name~", "name~ needs a text"),
        ("gated>auto", "gated only knows = and !="),
        ("gated=maybe", "gated is never 'maybe'"),
        ("source=web", "source is never 'web'"),
        ("created>yesterday", "created needs a date, not 'yesterday'"),
        ("created>2024-13", "created needs a date"),
        ("created>2024-02-30", "created needs a date"),
        ("created>9999-12-31", "created needs a date"),
        ("created>0000", "created needs a date"),
    ],
)
def test_what_cannot_be_read_is_told(text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_filter(text)
    assert message in caught.value.message
    assert caught.value.exit_code == 2


def test_an_unknown_field_names_the_known_ones() -> None:
    with pytest.raises(UsageError) as caught:
        parse_filter("colour=red")
    assert caught.value.hint is not None
    assert all(field in caught.value.hint for field in FIELDS)


@given(
    st.one_of(
        st.text(), st.builds("{}{}{}".format, st.sampled_from(FIELDS), st.sampled_from(Operator), st.text())
    )
)
def test_any_text_is_a_filter_or_a_usage_error(text: str) -> None:
    try:
        found = parse_filter(text)
    except UsageError:
        return
    assert found.field in FIELDS
