"""Price lists of users: three ways to write our own, two that others publish, and all that is wrong."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.economics import price_file
from registry.economics.price_file import parse_prices, read_prices
from registry.errors import BadSettings

STORAGE = {"id": "nas", "usd_per_month": 0.004, "unit": "GB", "day": "2026-05-01", "source": "invoice"}
TOKENS = {"id": "m", "input": 1, "output": 2, "day": "2026", "source": "list"}
CHIP = {"chip": "H100", "day": "2026-01", "usd_per_hour": 2.1, "source": "contract"}
EPOCH = "date,hardware,vendor,usd_per_chip_hour_on_demand,usd_1yr_commit,usd_3yr_commit,purchase_usd,source\n"


def toml(kind: str, row: dict[str, object]) -> str:
    """The row as a table; its keys begin on line 2."""
    return f"[[{kind}]]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in row.items())


class TestOwnFormats:
    def test_toml_csv_and_json_say_the_same(self) -> None:
        in_toml = parse_prices(toml("storage", STORAGE) + toml("tokens", TOKENS) + toml("chip", CHIP), "p")
        in_json = parse_prices(json.dumps({"storage": [STORAGE], "tokens": [TOKENS], "chip": [CHIP]}), "p")
        in_csv = parse_prices(
            "kind,id,usd_per_month,unit,day,source,input,output,chip,usd_per_hour\n"
            "storage,nas,0.004,GB,2026-05-01,invoice,,,,\n"
            "tokens,m,,,2026,list,1,2,,\n\n"
            "chip,,,,2026-01,contract,,,H100,2.1\n",
            "p",
        )
        assert in_toml.storage == in_json.storage == in_csv.storage
        assert in_toml.tokens == in_json.tokens == in_csv.tokens
        assert in_toml.chips == in_json.chips == in_csv.chips
        assert in_toml.storage["nas"].provider == "own"
        assert in_toml.chips[0].day.isoformat() == "2026-01-01"
        assert in_toml.chips[0].commit_3yr is None

    def test_tiers_in_both_spellings(self) -> None:
        row = STORAGE | {"tiers": [[1000, 0.003], [5000, 0.002]], "tiering": "volume"}
        from_toml = parse_prices(toml("storage", row), "p").storage["nas"]
        cells = "kind,id,usd_per_month,unit,day,source,tiers,tiering\n"
        cells += "storage,nas,0.004,GB,2026-05-01,invoice,1000:0.003;5000:0.002,volume\n"
        assert parse_prices(cells, "p").storage["nas"] == from_toml
        assert from_toml.month(2 * 10**12) == pytest.approx(6)

    def test_everything_a_row_may_say(self) -> None:
        row = STORAGE | {"retrieval": 0.01, "egress": 0.02, "egress_free": 5, "egress_free_times": 1}
        row |= {"get_per_1000": 0.001, "put_per_1000": 0, "min_days": 30, "until": "2027", "currency": "USD"}
        found = parse_prices(toml("storage", row | {"how_sure": "checked", "name": "NAS"}), "p")
        one = found.storage["nas"]
        assert (one.egress, one.put_per_1000, one.min_days, one.until) == (0.02, 0, 30, "2027")
        assert (one.how_sure, one.name) == ("checked", "NAS")
        chip = CHIP | {"server": True, "purchase": 30_000, "vendor": "shop"}
        assert parse_prices(toml("chip", chip), "p").chips[0].server

    def test_a_dollar_sign_is_no_number_and_dates_of_toml_are_dates(self) -> None:
        text = toml("storage", STORAGE).replace('"2026-05-01"', "2026-05-01")
        assert parse_prices(text, "p").storage["nas"].day == "2026-05-01"

    def test_a_file_is_read_by_its_suffix_and_with_a_byte_order_mark(self, tmp_path: Path) -> None:
        path = tmp_path / "own.TOML"
        path.write_bytes(b"\xef\xbb\xbf" + toml("storage", STORAGE).encode())
        assert list(read_prices(path).storage) == ["nas"]


class TestForeignFormats:
    def test_hardware_prices_of_epoch(self) -> None:
        rows = "2022-05-01,NVIDIA A100,Azure,3.4,2.4,1.4,,https://x\n"
        rows += "2026 (undated snapshot),NVIDIA B200,Lambda,6.99,,,,vms.csv\n"
        rows += ",NVIDIA H100,,,,,,\n2020-01-01,GH200,,,,,2250000,shop\n"
        found = parse_prices(EPOCH + rows, "gpu.csv")
        assert [(one.chip, one.usd_per_hour, one.purchase) for one in found.chips] == [
            ("NVIDIA A100", 3.4, None),
            ("NVIDIA B200", 6.99, None),
            ("GH200", None, 2_250_000),
        ]
        assert found.chips[0].commit_3yr == 1.4
        assert found.notes == ["Left out: 1 row without a price or a date."]

    @pytest.mark.shared
    def test_the_whole_table_of_epoch(self, shared: Path) -> None:
        found = read_prices(shared / "economics/prices/gpu_prices.csv")
        assert len(found.chips) == 599
        assert len(found.notes) == 1

    def test_model_prices_of_litellm(self) -> None:
        listed = {
            "sample_spec": {"input_cost_per_token": "about"},
            "gpt-4o": {"input_cost_per_token": 2.5e-6, "output_cost_per_token": 1e-5, "mode": "chat"},
            "dall-e": {"input_cost_per_pixel": 1e-8},
            "odd": {"input_cost_per_token": 5.0, "output_cost_per_token": 5.0},
        }
        found = parse_prices(json.dumps(listed), "litellm.json", suffix=".json")
        price = found.tokens["gpt-4o"].price
        assert (price.input, price.output, price.day) == (2.5, 10.0, "")
        assert found.tokens.keys() == {"gpt-4o"}
        assert "undated" in found.tokens["gpt-4o"].how_sure
        assert found.notes == [
            "Left out, without a price for tokens: 1.",
            "Left out, at a price nobody asks: 1, the first odd.",
        ]


WRONG: list[tuple[str, dict[str, object], str]] = [
    ("storage", {"usd_per_month": -0.02}, "p.toml:3: usd_per_month = -0.02 is negative"),
    ("storage", {"usd_per_month": 23.0}, "p.toml:3: usd_per_month = 23.0 is more than 2"),
    ("storage", {"usd_per_month": 4e-6}, "p.toml:3: usd_per_month = 4e-06 is less than 1e-05"),
    ("storage", {"usd_per_month": "dear"}, "p.toml:3: usd_per_month = 'dear' is not a number"),
    ("storage", {"usd_per_month": True}, "p.toml:3: usd_per_month = True is not a number"),
    ("storage", {"usd_per_month": "nan"}, "p.toml:3: usd_per_month = 'nan' is not a finite number"),
    ("storage", {"usd_per_month": "1e999"}, "p.toml:3: usd_per_month = '1e999' is not a finite number"),
    ("storage", {"usd_per_month": ""}, "p.toml:3: usd_per_month is missing"),
    ("storage", {"unit": "TB"}, "p.toml:4: unknown unit 'TB'"),
    ("storage", {"unit": ["GB"]}, "p.toml:4: unit = ['GB'] is not a text"),
    ("storage", {"day": "soon"}, "p.toml:5: day = 'soon' is not a date"),
    ("storage", {"day": "2026-13"}, "p.toml:5: day = '2026-13' is not a date"),
    ("storage", {"day": ""}, "p.toml:5: day is missing"),
    ("storage", {"source": ""}, "p.toml:6: source is missing"),
    ("storage", {"id": "two words"}, "p.toml:2: id = 'two words' is no id"),
    ("storage", {"currency": "EUR"}, "p.toml:7: unknown currency 'EUR'"),
    ("storage", {"usd_per_moth": 1}, "p.toml:7: unknown key 'usd_per_moth'"),
    ("storage", {"tiering": "flat"}, "p.toml:7: tiering = 'flat' is not one of"),
    ("storage", {"tiers": [[5, 0.003], [5, 0.002]]}, "p.toml:7: each tier must start above"),
    ("storage", {"tiers": [5]}, "p.toml:7: 5 is no tier"),
    ("storage", {"tiers": 5}, "p.toml:7: tiers = 5 is not a list"),
    ("storage", {"tiers": [[5, -1]]}, "p.toml:7: tiers = -1 is negative"),
    ("storage", {"egress": 9.0}, "p.toml:7: egress = 9.0 is more than 5"),
    ("tokens", {"input": 1e6}, "p.toml:3: input = 1000000.0 is more than"),
    ("tokens", {"output": -1}, "p.toml:4: output = -1 is negative"),
    ("chip", {"usd_per_hour": 12_290}, "p.toml:4: usd_per_hour = 12290 is more than 500"),
    ("chip", {"usd_per_hour": ""}, "no price: usd_per_hour"),
    ("chip", {"purchase": 0}, "a price of 0: no chip is free"),
    ("chip", {"server": "maybe"}, "server = 'maybe' is neither true nor false"),
]


@pytest.mark.parametrize(("kind", "change", "told"), WRONG)
def test_what_is_wrong_is_named_with_file_and_line(kind: str, change: dict[str, object], told: str) -> None:
    row = {"storage": STORAGE, "tokens": TOKENS, "chip": CHIP}[kind] | change
    with pytest.raises(BadSettings) as caught:
        parse_prices(toml(kind, row), "p.toml", suffix=".toml")
    assert told in caught.value.message
    assert caught.value.message.startswith("p.toml:")
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no prices in it"),
        ("[[storage]\n", "p:1"),
        ("\n\nx = [1,\n", "p"),
        ("storage = 5\n", "no table of prices"),
        ("[[stores]]\nid = 'x'\n", "no table of prices"),
        ("storage = [5]\n", "storage 1 is no table"),
        ("a = " + "[" * 5000, "p"),
        ("{", "p:1: is no JSON"),
        ('{"a": ' + "9" * 5000 + "}", "p: is no JSON"),
        ('{"storage": {}}', "no table of prices"),
        ('{"gpt": 5}', "is no price"),
        ('{"gpt": {"input_cost_per_token": NaN, "output_cost_per_token": 1}}', "nan is no price of a token"),
        ('{"gpt": {"input_cost_per_token": -1, "output_cost_per_token": 1}}', "-1 is no price of a token"),
        ('{"gpt": {"input_cost_per_token": true, "output_cost_per_token": 1}}', "True is no price"),
        ('{"gpt": {"input_cost_per_token": %s, "output_cost_per_token": 1}}' % ("9" * 400), "is no price"),
        ('{"gpt": {"mode": "image"}}', "no prices we know"),
        ('{"a": ' * 3000 + "1" + "}" * 3000, "p"),
        ("kind,id\nstorage\n", "p:2: id is missing"),
        ("kind,id\nstones,x\n", "p:2: unknown kind of price 'stones'"),
        ("kind,id,id\n", "p:1: a column stands there twice"),
        ("kind,id\nstorage,a,b,c\n", "p:2: 4 cells under 2 columns"),
        ('kind,id\nstorage,"a\n', "p:2: is no CSV"),
        ("a,b\n1,2\n", "p:1: no list of prices we know"),
        (EPOCH + "2022,A100,x,-1,,,,s\n", "p:2: usd_per_hour = '-1' is negative"),
        (EPOCH + "2022,A100,x,nan,,,,s\n", "p:2: usd_per_hour = 'nan' is not a finite number"),
    ],
)
def test_files_that_are_none(text: str, told: str) -> None:
    with pytest.raises(BadSettings) as caught:
        parse_prices(text, "p")
    assert told in caught.value.message
    assert "\n" not in caught.value.message


def test_two_prices_of_one_name() -> None:
    with pytest.raises(BadSettings, match=r"^p:8: two prices are called 'nas'$"):
        parse_prices(toml("storage", STORAGE) * 2, "p")


def test_later_rows_name_their_own_lines() -> None:
    text = toml("storage", STORAGE) + "\n" + toml("storage", STORAGE | {"id": "b", "unit": "MB"})
    with pytest.raises(BadSettings, match="p:11: unknown unit 'MB'"):
        parse_prices(text, "p")


def test_an_absurdly_long_value_is_cut_in_the_message() -> None:
    with pytest.raises(BadSettings) as caught:
        parse_prices(toml("storage", STORAGE | {"name": "x" * 5000}), "p")
    assert len(caught.value.message) < 200


def test_files_out_of_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadSettings, match="cannot read"):
        read_prices(tmp_path / "none.toml")
    with pytest.raises(BadSettings, match="cannot read"):
        read_prices(tmp_path)
    path = tmp_path / "p.csv"
    path.write_bytes(b"kind,id\nstorage,\xff\n")
    with pytest.raises(BadSettings, match=r"p\.csv:2: is not UTF-8"):
        read_prices(path)
    monkeypatch.setattr(price_file, "LARGEST", 10)
    with pytest.raises(BadSettings, match="larger than"):
        read_prices(path)


def test_too_many_prices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(price_file, "MOST_ROWS", 2)
    with pytest.raises(BadSettings, match="more than 2 prices"):
        parse_prices(EPOCH + "2022,A100,x,1,,,,s\n" * 3, "p")
    models = {f"m{n}": {"input_cost_per_token": 1e-6, "output_cost_per_token": 1e-6} for n in range(3)}
    with pytest.raises(BadSettings, match="more than 2 prices"):
        parse_prices(json.dumps(models), "p")


PIECES = "[[storage]] [[chip]] id = 'x' kind , { } [ ] ' 1e9 nan unit GB day 2026 date hardware é 0.01 :"


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.sampled_from([*PIECES.split(), '"', "\n", "\0", "\ufeff"]), max_size=30).map("".join),
    st.sampled_from(["", ".csv", ".json", ".toml"]),
)
def test_whatever_stands_there_nothing_but_ours_is_raised(text: str, suffix: str) -> None:
    with suppress(BadSettings):
        parse_prices(text, "p", suffix=suffix)
