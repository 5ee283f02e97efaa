"""JSON any program reads, CSV no spreadsheet runs."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.exports.rows import (
    MAX_DEPTH,
    Plain,
    csv_pieces,
    csv_text,
    json_pieces,
    plain,
    to_csv,
    to_json,
    to_jsonl,
)
from registry.exports.text import is_unsafe
from registry.model.edges import Origin, Relation

NOON = datetime(2026, 8, 22, 12, 0, tzinfo=timezone(timedelta(hours=2)))

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


@dataclass(frozen=True)
class Odd:
    """Something no shape contains."""

    name: str = "odd"


def parsed(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline="")))


def test_json_looks_the_same_every_time() -> None:
    document = {"b": 1, "a": [Relation.MERGE, Origin.HUB], "when": NOON, "gone": None, "big": 2**63}
    assert to_json(document) == (
        '{\n  "b": 1,\n  "a": [\n    "merge",\n    "hub"\n  ],\n'
        '  "when": "2026-08-22T10:00:00Z",\n  "gone": null,\n  "big": 9223372036854775808\n}\n'
    )


def test_values_of_ours_become_plain() -> None:
    assert plain({Relation.MERGE: (1, 2)}) == {"merge": [1, 2]}
    assert plain(MappingProxyType({1: frozenset({"b", "a"})})) == {"1": ["a", "b"]}
    assert plain([float("nan"), float("inf"), 0.5]) == [None, None, 0.5]
    assert plain(date(2026, 8, 22)) == "2026-08-22"
    assert plain(datetime(2026, 1, 1, microsecond=5000, tzinfo=UTC)) == "2026-01-01T00:00:00.005000Z"
    assert plain(n for n in (1, 2)) == [1, 2]
    assert plain(b"raw") == "b'raw'"
    assert plain(Odd()) == "Odd(name='odd')"


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="without a zone"):
        plain(datetime(2026, 1, 1))  # noqa: DTZ001


def test_depth_is_bounded() -> None:
    deep: object = "end"
    for _ in range(10_000):
        deep = [deep]
    assert to_json(deep).count("[") == MAX_DEPTH
    assert '"list"' in to_json(deep)


def test_json_cannot_act_on_a_terminal() -> None:
    text = to_json({"k\u202e": "\x1b[31m\x9b\x7f\u200b\U000e0041é\ud800"})
    assert "\\u001b[31m\\u009b\\u007f\\u200b\\udb40\\udc41é\\ud800" in text
    assert json.loads(text) == {"k\u202e": "\x1b[31m\x9b\x7f\u200b\U000e0041é\ud800"}
    assert "\\u007f" in to_json("\x7f")


@given(values)
def test_json_reads_back(value: object) -> None:
    for text in (to_json(value), to_jsonl([value])):
        assert json.loads(text) == value
        assert not any(is_unsafe(char) for char in text.replace("\n", ""))
    assert to_jsonl([value, value]).count("\n") == 2
    assert to_jsonl([]) == ""


def test_csv_is_rfc_4180() -> None:
    rows = [{"id": "a,b", "n": 3}, {"id": 'say "x"', "extra": True}]
    assert to_csv(rows) == 'id,n,extra\r\n"a,b",3,\r\n"say ""x""",,true\r\n'
    assert to_csv([]) == ""


def test_csv_cells() -> None:
    row = ["x\ny", ["hub", "card"], {"a": [1]}, [{"a": 1}], NOON, -5, 0.5, None, False, Relation.MERGE]
    (cells,) = parsed(csv_text([], [row]))[1:]
    assert cells[:3] == ["x y", "hub; card", '{"a": [1]}']
    assert cells[3:] == ['[{"a": 1}]', "2026-08-22T10:00:00Z", "-5", "0.5", "", "false", "merge"]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "  =1", "\t=1", "\r=1", "\x1b[0m=1", "＝1"])
def test_formulas_stay_text(text: str) -> None:
    ((cell,),) = parsed(csv_text([], [[text]]))[1:]
    assert cell.startswith("'")
    ((header,), _) = parsed(csv_text([text], [["x"]]))
    assert header.startswith("'")


@given(st.lists(st.lists(st.text(), min_size=2, max_size=2), min_size=1, max_size=4))
def test_csv_reads_back_as_cells(rows: list[list[str]]) -> None:
    cells = parsed(csv_text(["a", "b"], rows))
    assert len(cells) == len(rows) + 1
    for row in cells:
        assert len(row) == 2
        for cell in row:
            assert not cell.lstrip().startswith(("=", "+", "-", "@"))
            assert not any(is_unsafe(char) for char in cell)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=12,
    )
)
def test_pieces_make_up_the_same_document(document: object) -> None:
    assert "".join(json_pieces(document)) == to_json(document)


def test_a_long_list_is_written_as_it_goes() -> None:
    listed = [{"a": [1, {"b": "x\n"}]}, {}, []]
    assert "".join(json_pieces({"k": iter(listed), "e": iter([])})) == to_json({"k": listed, "e": []})
    rows = [{"a": 1, "b": "=x"}, {"a": None, "b": ["p", "q"]}]
    assert "".join(csv_pieces(iter(rows))) == to_csv(rows)
    assert "".join(csv_pieces(iter(()))) == to_csv([])


def test_a_plain_record_reads_like_any_other() -> None:
    record = {"name": "é \x1b[1m", "size": 1.5, "many": [1, None, {"a": True}], "empty": []}
    for one in (record, record | {"name": "\ud800"}):
        assert json.loads(to_json(Plain(one))) == json.loads(to_json(one))
        assert json.loads("".join(json_pieces({"all": iter([Plain(one)])}))) == {"all": [one]}
        assert json.loads(to_jsonl([Plain(one)])) == json.loads(to_jsonl([one]))
        assert to_jsonl([Plain(one)]).count("\n") == 1
        assert "\x1b" not in to_json(Plain(one)) + to_jsonl([Plain(one)])
    assert to_json(Plain(record)) == to_json(record)
