"""Files of training facts: what is read, what is refused, and that one bad row costs itself alone."""

from __future__ import annotations

import json
import tracemalloc
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.economics.records import BadRow, read_rows
from registry.errors import DamagedFile, RegistryError, UsageError
from registry.model.training import TrainingInputs


def rows(tmp_path: Path, text: str | bytes, name: str = "facts.csv") -> list[TrainingInputs | BadRow]:
    path = tmp_path / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return list(read_rows(path))


def only(tmp_path: Path, text: str | bytes, name: str = "facts.csv") -> TrainingInputs:
    (row,) = rows(tmp_path, text, name)
    assert isinstance(row, TrainingInputs), row
    return row


def bad(tmp_path: Path, text: str | bytes, name: str = "facts.csv") -> BadRow:
    (row,) = rows(tmp_path, text, name)
    assert isinstance(row, BadRow), row
    return row


def test_the_columns_of_the_source(tmp_path: Path) -> None:
    row = only(
        tmp_path,
        "model,publication_date,domain,params,active_params,dataset_size,epochs,training_hardware,"
        "hardware_quantity,training_hours,mfu,power_w,base_model,finetune_flop,country,compute_flop\n"
        "A,2022-07-11,Language,7e9,1e9,1e12,1.5,NVIDIA A100,384,100,.4,1e5,B,1e18,FR,3e22\n",
    )
    assert row.model == "A"
    assert row.published == date(2022, 7, 11)
    assert (row.domain, row.hardware, row.base_model, row.country) == ("Language", "NVIDIA A100", "B", "FR")
    assert (row.parameters, row.active_parameters, row.training_tokens, row.epochs) == (7e9, 1e9, 1e12, 1.5)
    assert (row.hardware_quantity, row.training_hours, row.utilisation, row.power) == (384, 100, 0.4, 1e5)
    assert (row.finetune_flop, row.training_flop) == (1e18, 3e22)


def test_targets_and_verdicts_are_never_read(tmp_path: Path) -> None:
    row = only(
        tmp_path,
        "model,params,y_compute_flop,y_cost_2023usd,y_cost_cloud,y_cost_upfront,circular_6nd\n"
        "A,7e9,1e24,1,2,3,1\n",
    )
    assert row == TrainingInputs(model="A", parameters=7e9, told=row.told)
    with pytest.raises(DamagedFile, match="no column to work with"):
        rows(tmp_path, "model,y_compute_flop\nA,1e24\n")


def test_an_empty_cell_is_unknown_and_a_short_row_too(tmp_path: Path) -> None:
    first, second = rows(tmp_path, "model,params,epochs\nA,,\nB\n")
    assert isinstance(first, TrainingInputs)
    assert isinstance(second, TrainingInputs)
    assert (first.parameters, first.epochs, second.model) == (None, None, "B")


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_newlines_and_marks_of_other_systems(tmp_path: Path, newline: str, mark: str) -> None:
    row = only(tmp_path, f"{mark}Model,Params{newline}A,7e9{newline}")
    assert (row.model, row.parameters) == ("A", 7e9)


@pytest.mark.parametrize(
    ("cell", "value"),
    [("7B", 7e9), ("1.5T", 1.5e12), ('"1,000,000"', 1e6), (" 7e9 ", 7e9), ("366e9", 366e9)],
)
def test_numbers_as_people_write_them(tmp_path: Path, cell: str, value: float) -> None:
    assert only(tmp_path, f"params\n{cell}\n").parameters == value


@pytest.mark.parametrize(
    ("column", "cell", "words"),
    [
        ("params", "nan", "params=nan is not a finite number"),
        ("params", "inf", "is not a finite number"),
        ("params", "-inf", "is not a finite number"),
        ("params", "1e400", "is not a finite number"),
        ("params", "-7e9", "params=-7e9 is not above 0"),
        ("params", "0", "is not above 0"),
        ("params", "1e17", "is more than 1e+16"),
        ("params", "many", "is not a number"),
        ("params", "1,0", "is not a number"),
        ("params", "9" * 500, "is not a finite number"),
        ("epochs", "1e300", "is more than"),
        ("mfu", "1.01", "is more than 1"),
        ("mfu", "39%", "is not a number"),
        ("publication_date", "soon", "is not a date"),
        ("publication_date", "1066-10-14", "is before anything was trained (1950)"),
        ("precision", "bf17", "is not one of fp64"),
        ("training_cost", "100 EUR", "unknown currency EUR"),
        ("training_cost", "€100", "unknown currency EUR"),
        ("training_cost", "100 doubloons", "is not a number"),
    ],
)
def test_a_bad_value_names_line_column_and_reason(tmp_path: Path, column: str, cell: str, words: str) -> None:
    quoted = f'"{cell}"' if "," in cell else cell
    found = rows(tmp_path, f"model,{column}\nA,{quoted}\nB,\n")
    assert isinstance(found[0], BadRow)
    assert words in found[0].reason
    assert found[0].reason.startswith("facts.csv line 2: ")
    assert (found[0].number, found[0].model) == (1, "A")
    assert isinstance(found[1], TrainingInputs), "the row behind it is read"
    assert len(found[0].reason) < 200


def test_costs_are_in_dollars(tmp_path: Path) -> None:
    assert only(tmp_path, "training_cost\n$4.6M\n").training_cost == 4.6e6
    assert only(tmp_path, "training_cost,currency\n100,usd\n").training_cost == 100
    found = bad(tmp_path, "model,training_cost,currency\nA,100,EUR\n")
    assert "unknown currency EUR" in found.reason


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("model,params,parameters\nA,1,2\n", "the columns params and parameters mean the same"),
        ("model,organization\nA,B\n", "no column to work with"),
        ("<html><body>no</body></html>\n", "no column to work with"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "is no CSV, JSON or JSON lines"),
        (b"\x1f\x8b\x08\x00\x00\x00", "is no CSV, JSON or JSON lines"),
        ("", "is no CSV, JSON or JSON lines"),
        ("\n\n", "is no CSV, JSON or JSON lines"),
        ("m\xf6del,params\nA,1\n".encode("latin-1"), "is no CSV, JSON or JSON lines"),
        ("x" * 1_500_000, "is no CSV, JSON or JSON lines"),
        ('"model,params\n' + "A,1\n" * 50_000, "is no CSV, JSON or JSON lines"),
    ],
)
def test_a_file_that_is_none_is_refused_in_one_line(tmp_path: Path, text: str | bytes, words: str) -> None:
    with pytest.raises(DamagedFile, match=words) as refused:
        rows(tmp_path, text)
    assert "\n" not in refused.value.message
    assert len(refused.value.message) < 200


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot read .*nowhere\.csv: No such file"):
        list(read_rows(tmp_path / "nowhere.csv"))
    with pytest.raises(UsageError, match="Is a directory"):
        list(read_rows(tmp_path))


def test_a_header_alone_has_no_rows(tmp_path: Path) -> None:
    assert rows(tmp_path, "model,params\n") == []
    assert rows(tmp_path, "[]", "facts.json") == []
    assert rows(tmp_path, "model,params\n\n\n") == []


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ('A,"' + "x" * 200_000 + '"', "field larger"),
        ("A," + "1" * 1_200_000, "is longer than 1,000,000 characters"),
        ("A,1,2,3", "has 4 cells under 2 columns"),
        ('A,"1"x', "is no CSV"),
        (b"A\xff,1", "is not UTF-8"),
    ],
)
def test_a_row_that_cannot_be_read_costs_itself_alone(tmp_path: Path, row: str | bytes, words: str) -> None:
    row = row.encode() if isinstance(row, str) else row
    first, second = rows(tmp_path, b"model,params\n" + row + b"\nB,7e9\n")
    assert isinstance(first, BadRow)
    assert words in first.reason
    assert isinstance(second, TrainingInputs)
    assert second.model == "B"


def test_a_quote_that_never_closes_ends_somewhere(tmp_path: Path) -> None:
    found = rows(tmp_path, 'model,params\nA,"1\n' + "B,2\n" * 200_000)
    assert isinstance(found[0], BadRow)
    assert isinstance(found[-1], TrainingInputs), "reading goes on behind the limit of a cell"


RECORDS = [{"model": "A", "params": 7e9}, {"model": "B", "params": "7B", "dataset_size": None}]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("facts.json", json.dumps(RECORDS)),
        ("facts.json", json.dumps(RECORDS, indent=2)),
        ("facts.json", "\n".join(map(json.dumps, RECORDS))),
        ("facts.jsonl", "\n\n".join(map(json.dumps, RECORDS)) + "\n"),
        ("facts.jsonl", "\ufeff" + "\r\n".join(map(json.dumps, RECORDS))),
        ("facts.txt", json.dumps(RECORDS)),
        ("facts", "\n".join(map(json.dumps, RECORDS))),
    ],
)
def test_json_however_it_is_laid_out(tmp_path: Path, name: str, text: str) -> None:
    found = rows(tmp_path, text, name)
    assert [row.model for row in found] == ["A", "B"]
    assert [row.parameters for row in found if isinstance(row, TrainingInputs)] == [7e9, 7e9]


def test_one_record_alone(tmp_path: Path) -> None:
    assert only(tmp_path, json.dumps(RECORDS[0], indent=1), "facts.json").parameters == 7e9


@pytest.mark.parametrize("name", ["facts.json", "facts.jsonl"])
@pytest.mark.parametrize(
    ("record", "words"),
    [
        ('{"model": "A", "params": NaN}', "params=NaN is not a finite number"),
        ('{"model": "A", "params": -Infinity}', "is not a finite number"),
        ('{"model": "A", "params": 1e999}', "is not a finite number"),
        ('{"model": "A", "params": ' + "9" * 5000 + "}", "is not a finite number"),
        ('{"model": "A", "params": -1}', "is not above 0"),
        ('{"model": "A", "params": true}', "is neither a number nor a text"),
        ('{"model": "A", "params": [1]}', "is neither a number nor a text"),
        ('{"model": "A", "params": 1, "params": 2}', "has the key 'params' twice"),
        ('{"model": "A", "params": 1, "Parameters": 2}', "params and parameters mean the same"),
        ('{"model": "\\ud800", "params": 1}', "is not UTF-8"),
        ('{"model": "A", "hardware": "' + "x" * 2000 + '"}', "is longer than 1,000 characters"),
        ("[1, 2]", "is not a record"),
        ('"text"', "is not a record"),
    ],
)
def test_a_bad_record_costs_itself_alone(tmp_path: Path, name: str, record: str, words: str) -> None:
    both = f'{{"params": 1}}\n{record}\n{{"params": 1}}\n'
    text = both if name == "facts.jsonl" else f"[{both.strip().replace(chr(10), ',')}]"
    before, found, after = rows(tmp_path, text, name)
    assert isinstance(found, BadRow)
    assert words in found.reason
    assert found.number == 2
    assert isinstance(before, TrainingInputs)
    assert isinstance(after, TrainingInputs)


def test_a_broken_line_costs_itself_alone(tmp_path: Path) -> None:
    deep = "[" * 100_000
    text = f'{{"params": 1}}\n{{"params": }}\n{deep}\n{{"params": 1}} x\n{"x" * 1_200_000}\n{{"params": 1}}\n'
    found = rows(tmp_path, text, "facts.jsonl")
    assert [isinstance(row, BadRow) for row in found] == [False, True, True, True, True, False]
    reasons = [row.reason for row in found if isinstance(row, BadRow)]
    assert "is no JSON: expecting value" in reasons[0]
    assert "nested too deep" in reasons[1]
    assert "more than one JSON value" in reasons[2]
    assert "longer than" in reasons[3]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[{"params": 1}, {"params": ', "record 2: is no JSON"),
        ('[{"params": 1}', "breaks off after record 1"),
        ('[{"params": 1}, oops]', "record 2: is no JSON"),
        ('[{"params": 1}, ' + '{"a":' * 100_000, "record 2: is nested too deep"),
        ('[{"params": 1}, {"a": "' + "x" * 1_200_000 + '"}]', "record 2: is longer than"),
        ('[{"params": 1}, {"a": "' + "x" * 3_000_000, "record 2: is longer than"),
    ],
)
def test_a_list_that_breaks_off_is_refused_behind_its_rows(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "facts.json"
    path.write_text(text)
    read = read_rows(path)
    assert isinstance(next(read), TrainingInputs)
    with pytest.raises(DamagedFile, match=words):
        list(read)


def test_records_that_tell_nothing_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DamagedFile, match="no column to work with"):
        rows(tmp_path, '{"model": "A"}\n{"name": "B"}\n', "facts.jsonl")


def test_own_headings_of_the_source(tmp_path: Path) -> None:
    row = only(
        tmp_path,
        "Model,Publication date,Parameters,Training dataset size (total),Training compute (FLOP),"
        "Training hardware,Training time (hours)\nA,2024-05-01,7e9,1e12,4e22,NVIDIA A100,10\n",
    )
    assert (row.parameters, row.training_tokens, row.training_flop, row.training_hours) == (
        7e9,
        1e12,
        4e22,
        10,
    )


def test_a_hundred_thousand_rows_take_the_memory_of_one(tmp_path: Path) -> None:
    path = tmp_path / "facts.csv"
    path.write_text("model,params,dataset_size\n" + "A,7e9,1e12\n" * 30_000)
    listed = tmp_path / "facts.json"
    listed.write_text("[" + ",".join(['{"model": "A", "params": 7e9}'] * 30_000) + "]")
    for file in (path, listed):
        tracemalloc.start()
        count = sum(isinstance(row, TrainingInputs) for row in read_rows(file))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert count == 30_000
        assert peak < 2_000_000


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300), st.sampled_from(["csv", "json", "jsonl"]))
def test_nothing_but_our_errors_gets_out(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, kind: str
) -> None:
    path = tmp_path_factory.mktemp("fuzz") / f"facts.{kind}"
    heads = {"csv": b"model,params,epochs\n", "json": b'[{"params": 1},', "jsonl": b'{"params": 1}\n'}
    for content in (data, heads[kind] + data):
        path.write_bytes(content)
        try:
            found = list(read_rows(path))
        except RegistryError:
            continue
        else:
            assert all(isinstance(row, TrainingInputs | BadRow) for row in found)


@pytest.mark.shared
def test_no_row_of_the_source_is_refused(shared: Path) -> None:
    found = list(read_rows(shared / "economics" / "train.csv"))
    assert len(found) == 563
    assert [row for row in found if isinstance(row, BadRow)] == []
    assert all(row.training_flop is None for row in found if isinstance(row, TrainingInputs))


def test_a_row_with_too_many_cells_costs_itself_alone_and_is_named(tmp_path: Path) -> None:
    row = bad(tmp_path, "model,params\nA,7e9,1\n")
    assert row == BadRow(1, "facts.csv line 2: has 3 cells under 2 columns", "A")


def test_how_flop_were_found_is_read_and_is_nothing_to_work_with(tmp_path: Path) -> None:
    row = only(tmp_path, "model,params,compute_flop,compute_method\nA,7e9,1e22,Operation counting\n")
    assert row.flop_method == "Operation counting"
    with pytest.raises(DamagedFile, match="no column to work with"):
        rows(tmp_path, "model,compute_method\nA,Hardware\n")


def test_parts_are_no_more_than_the_whole(tmp_path: Path) -> None:
    row = bad(tmp_path, "model,params,active_params\nA,7e9,9e9\n")
    assert row.reason == "facts.csv line 2: active_parameters=9e+09 is more than all parameters (7e+09)"
    assert row.model == "A"


def test_a_day_far_ahead_is_refused(tmp_path: Path) -> None:
    assert "lies more than a year ahead" in bad(tmp_path, "params,date\n7e9,2090-01-01\n").reason
