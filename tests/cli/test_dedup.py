"""`dedup` from the command line: readable at 80 columns, whole in JSON, honest about what is unknown."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from registry.catalog.catalog import Catalog
from registry.demo.hub import RecordedHub
from registry.model.edges import Relation
from tests.catalog.makers import claim, file, sha, snap
from tests.hubs import by_id, recorded

Run = Callable[..., Any]
GB = 10**9


@pytest.fixture
def stocked() -> None:
    """A base kept in two formats, a copy of it, a fine-tune, an adapter, and one nobody listed."""
    weights = (file("model.safetensors", 8 * GB, "s"), file("pytorch_model.bin", 8 * GB + 9000, "b"))
    tuned = (file("model.safetensors", 8 * GB, "tuned"), file("model.onnx", 8 * GB, "onnx"))
    adapter = (file("adapter_model.safetensors", 20_000_000, "lora"),)
    with Catalog.open("catalog.db", create=True) as catalog:
        catalog.save_many(
            [
                snap("lab/base", files=(*weights, file("README.md", None))),
                snap("mirror/base-copy", files=weights, claims=(claim("lab/base"),)),
                snap("guest/tuned", files=tuned, claims=(claim("lab/base"),)),
                snap("guest/lora", files=adapter, claims=(claim("lab/base", Relation.ADAPTER),)),
                snap("guest/unlisted"),
            ]
        )


@pytest.fixture
def revised(stocked: None) -> None:
    with Catalog.open("catalog.db") as catalog:
        tuned = (file("model.safetensors", 8 * GB, "tuned"), file("new.txt", 3))
        catalog.save(snap("guest/tuned", 1, commit_sha=sha("c2"), files=tuned, claims=(claim("lab/base"),)))


@pytest.mark.usefixtures("stocked")
class TestTable:
    def test_the_sums_come_first(self, run_cli: Run) -> None:
        result = run_cli("dedup")
        assert result.code == 0
        lines = result.out.splitlines()
        assert lines[0].split()[:3] == ["logical", "48.0", "GB+"]
        assert lines[1].split()[:3] == ["unique", "32.0", "GB+"]
        assert lines[2].split()[:3] == ["dedup", "ratio", "1.50"]
        assert lines[3].split()[:3] == ["equal", "16.0", "GB"]
        assert lines[4].split()[:3] == ["twins", "~8.00", "GB"]
        assert lines[5].split()[:3] == ["wasted", "~24.0", "GB"]
        assert "a year at s3-standard" in lines[5]
        assert "registry dedup --by owner" in result.err

    def test_every_kind_is_told_apart(self, run_cli: Run) -> None:
        out = run_cli("dedup").out
        assert "Equal content: certain, by sha256" in out
        assert "Format twins: inferred" in out
        assert "a potential, no waste" in out
        assert "1 model left out: no file list was read." in out
        assert "1 file left out (+): nobody told their size." in out
        assert "1 set of weights in another precision or runtime" in out
        assert "0.023 USD per GiB-month at first, AWS S3 Standard" in out

    def test_it_fits_a_terminal(self, run_cli: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("registry.cli.output.is_terminal", lambda _: True)
        for options in ((), ("--by", "owner"), ("--by", "model"), ("lab/base",)):
            out = run_cli("dedup", *options, COLUMNS="80", NO_COLOR="1").out
            assert max(map(len, out.splitlines())) <= 80
            assert "lab" in out

    def test_by_owner(self, run_cli: Run) -> None:
        result = run_cli("dedup", "--all", "--by", "owner")
        rows = [line.split() for line in result.out.partition("Wasted bytes by owner")[2].splitlines()[2:4]]
        assert rows[0][:6] == ["mirror", "1", "16.0", "GB", "0", "B"]
        assert rows[1][:7] == ["lab", "1", "0", "B", "~8.00", "GB", "~8.00"]
        assert "Equal content" not in result.out
        assert not result.err

    def test_by_model_and_family(self, run_cli: Run) -> None:
        assert "MODELS" not in run_cli("dedup", "--by", "model").out
        family = run_cli("dedup", "--by", "family", "-f", "csv").out
        assert next(csv.DictReader(io.StringIO(family)))["family"] == "lab/base"

    def test_more_than_is_listed_is_said(self, run_cli: Run) -> None:
        assert "1 more; --limit N lists them." in run_cli("dedup", "--limit", "1").out
        assert "1 more; --limit N lists them." in run_cli("dedup", "--by", "owner", "--limit", "1").out

    def test_what_others_keep_too(self, run_cli: Run) -> None:
        result = run_cli("dedup", "lab/base")
        assert "Other models of the catalog keep 2 contents of these too, 16.0 GB." in result.out
        assert "registry dedup --all" in result.err

    def test_nothing_is_known(self, run_cli: Run) -> None:
        result = run_cli("dedup", "guest/unlisted")
        assert result.code == 0
        assert result.out.splitlines()[0].split()[:2] == ["logical", "-"]
        assert "registry add guest/unlisted" in result.err


@pytest.mark.usefixtures("stocked")
class TestData:
    def test_json(self, run_cli: Run) -> None:
        found = json.loads(run_cli("dedup", "--json").out)
        assert (found["logical_bytes"], found["unique_bytes"]) == (48_020_018_000, 32_020_009_000)
        assert found["wasted"]["bytes"] == 16_000_009_000 + 8_000_009_000
        assert [one["wasted_bytes"] for one in found["shared"]] == [8_000_009_000, 8_000_000_000]
        assert found["overlap"][0]["potential"]["bytes"] == 16 * GB - 8 * GB - 40_000_000
        assert found["by"] == []

    def test_rows_and_names(self, run_cli: Run) -> None:
        lines = [json.loads(line) for line in run_cli("dedup", "-f", "jsonl").out.splitlines()]
        assert [one["kind"] for one in lines] == ["equal", "equal", "twin", "twin", "overlap"]
        assert run_cli("dedup", "-q").out.split() == ["lab/base", "mirror/base-copy"]

    def test_stdin_names_models(self, run_cli: Run) -> None:
        found = json.loads(run_cli("dedup", "-", "--json", stdin="lab/base\nguest/tuned\n").out)
        assert found["models"] == 2
        assert found["elsewhere"]["contents"] == 2

    def test_another_price(self, run_cli: Run) -> None:
        Path("mine.csv").write_text(
            "kind,id,provider,name,usd_per_month,unit,day,source\n"
            "storage,mine,me,shelf,1.0,GB,2026-01-01,own bill\n",
            encoding="utf-8",
        )
        result = run_cli("dedup", "--prices", "mine.csv", "--price", "mine", "--json")
        assert result.code == 0, result.err
        found = json.loads(result.out)
        assert found["wasted"]["yearly"]["amount"] == pytest.approx(found["wasted"]["bytes"] / GB * 12)
        assert found["price"]["id"] == "mine"

    def test_sizes_that_are_listed(self, run_cli: Run) -> None:
        assert json.loads(run_cli("dedup", "--min-size", "9GB", "--json").out)["shared"] == []
        stated = json.loads(run_cli("dedup", "--adapter-size", "1GB", "--json").out)
        assert stated["overlap"][0]["adapter_bytes"] == GB


@pytest.mark.usefixtures("revised")
def test_earlier_commits_are_told_and_not_priced(run_cli: Run) -> None:
    found = json.loads(run_cli("dedup", "guest/tuned", "--json").out)
    assert (found["revisions"]["lists"], found["revisions"]["repeated_bytes"]) == (1, 8 * GB)
    assert found["wasted"]["bytes"] == 0
    assert [one["revision"] for one in found["shared"][0]["copies"]] == ["current", "earlier"]
    out = run_cli("dedup", "guest/tuned").out
    assert "repeated" in out
    assert "earlier commits" in out


@pytest.mark.usefixtures("stocked")
@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--all", "lab/base"), "--all and names contradict each other"),
        (("--min-size", "big"), "'big' is not a size"),
        (("--min-size", "-1"), "is not a size"),
        (("--adapter-size", "nan"), "is not a size"),
        (("--limit", "0"), "must be 1 or more"),
        (("--by", "colour"), "colour"),
        (("--price", "s3-standart"), "there is no storage price 's3-standart'"),
        (("lab/bse",), "lab/bse is not in the catalog"),
    ],
)
def test_mistakes(run_cli: Run, options: tuple[str, ...], told: str) -> None:
    result = run_cli("dedup", *options)
    assert result.code == 2
    assert told in result.err
    assert not result.out


def test_what_is_missing_is_said(run_cli: Run) -> None:
    files = (
        file("model.safetensors", GB, "s"),
        file("flax_model.msgpack", 985 * 10**6),
        file("tf_model.h5", None),
    )
    with Catalog.open("catalog.db", create=True) as catalog:
        catalog.save(
            snap("gpt2", files=(*files, file("a", None, "a"), file("b", None, "a")), files_complete=False)
        )
        catalog.save(snap("o/tuned", files=files[:1], claims=(claim("gpt2"),)))
    out = run_cli("dedup").out
    assert "Twins too unsure to count: 985 MB." in out
    assert "not counted" in out
    assert "1 file list known to be cut short (+)." in out
    assert "1 shared content of unknown size." in out
    assert "1 set of weights not compared: sizes or shards are missing." in out
    assert "No adapter of these bases has a known size" in out


def test_a_model_without_an_owner(run_cli: Run) -> None:
    twins = (file("model.safetensors", 1000, "s"), file("pytorch_model.bin", 1000, "b"))
    with Catalog.open("catalog.db", create=True) as catalog:
        catalog.save(snap("gpt2", files=twins))
    assert "(no owner)" in run_cli("dedup", "--by", "owner").out
    assert json.loads(run_cli("dedup", "--by", "owner", "--json").out)["by"][0]["name"] is None


def test_an_empty_catalog(run_cli: Run) -> None:
    Catalog.open("catalog.db", create=True).close()
    result = run_cli("dedup")
    assert result.code == 0
    assert "registry add REF" in result.err
    assert json.loads(run_cli("dedup", "--json").out)["logical_bytes"] is None


def test_models_of_the_hub(run_cli: Run, hub_factory: Callable[..., RecordedHub]) -> None:
    same = b"weights" * 1000
    hub = hub_factory(
        by_id(
            recorded("lab/origin", files={"model.safetensors": same, "README.md": b"a"}),
            recorded("lab/again", files={"weights.bin": same, "README.md": b"a"}),
        )
    )
    assert run_cli("add", "lab/origin", "lab/again", hub=hub).code == 0
    found = json.loads(run_cli("dedup", "--json").out)
    assert (found["logical_bytes"], found["unique_bytes"]) == (14_002, 7_002)
    assert found["shared"][0]["wasted_bytes"] == 7_000
    assert {one["path"] for one in found["shared"][0]["copies"]} == {"model.safetensors", "weights.bin"}
