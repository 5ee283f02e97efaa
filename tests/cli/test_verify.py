"""`verify` from end to end: the small zoo on a Hub that is really asked for ranges, and on this disk."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from registry.demo.hub import RecordedHub, Reply, Request
from registry.weights.sampling import BUDGETS, Tier
from tests.hubs import by_id, commit_of, recorded
from tests.weights.models import ZOO
from tests.zoo import as_recorded, named, zoo_hub_models

KEY = named()
LABEL = {name: key for key, name in KEY.items()}
Start = Callable[..., RecordedHub]
Run = Callable[..., Any]

VERDICTS = {
    ("A.a", "A"): "confirmed",
    ("A.a.b", "A"): "confirmed_family",
    ("A.a.lora", "A.a"): "confirmed",
    ("A.a.q8", "A.a"): "confirmed",
    ("A.a.whole", "A.a"): "confirmed",
    ("A.c", "A"): "found",
    ("A.c.f16", "A.c"): "identical",
    ("A.d", "A"): "confirmed",
    ("A.d.copy", "A.d"): "found",
    ("A.d.copy", "B"): "contradicted",
    ("A.d.fp8", "A.d"): "confirmed",
    ("A.d.mixed", "A.d"): "found",
    ("A.half", "A"): "confirmed",
    ("A.int8", "A"): "confirmed",
    ("A.lin", "A.a"): "confirmed",
    ("A.lin", "A.d"): "confirmed",
    ("A.named", "A"): "found",
    ("A.task", "A"): "found",
    ("A.task", "A.c"): "found",
    ("A.task", "A.d"): "found",
    ("A.ties", "A"): "found",
    ("A.ties", "A.a"): "found",
    ("A.ties", "A.c"): "found",
    ("A.ties", "A.d"): "confirmed",
    ("AB", "A.c"): "found",
    ("AB", "B.a"): "found",
    ("B.a", "A"): "contradicted",
    ("B.a", "B"): "found",
}
"""What the zoo's manifest says, in the words of a verdict; `A.a.b` names its grandparent."""


@pytest.fixture
def zoo_hub(hub_factory: Start) -> RecordedHub:
    return hub_factory(zoo_hub_models())


@pytest.fixture
def added(run_cli: Run, zoo_hub: RecordedHub) -> RecordedHub:
    """A catalog that knows the zoo, and no fingerprint."""
    result = run_cli("add", *sorted(KEY.values()), hub=zoo_hub)
    assert result.code == 0, result.err
    zoo_hub.clear_log()
    return zoo_hub


@pytest.fixture
def pair(run_cli: Run, hub_factory: Start) -> RecordedHub:
    """A catalog with a base, a child, and a stranger that names the base as its own; all fingerprinted."""
    hub = hub_factory(
        by_id(
            as_recorded(KEY["A"], "lab/base", base=(), license="cc-by-nc-4.0"),
            as_recorded(KEY["A.a"], "lab/child", base="lab/base"),
            as_recorded(KEY["B"], "lab/liar", base="lab/base"),
        )
    )
    result = run_cli("add", "lab/child", "lab/liar", "--fingerprint", hub=hub)
    assert result.code == 0, result.err
    return hub


# --- the zoo -------------------------------------------------------------------------------------


def test_the_zoo_over_the_wire(run_cli: Run, added: RecordedHub) -> None:
    result = run_cli("verify", "--all", "--fingerprint", "--json", hub=added)
    assert (result.code, result.err) == (0, "")
    told = json.loads(result.out)
    assert told["complete"] is True
    assert {(LABEL[e["derivative"]], LABEL[e["base"]]): e["state"] for e in told["edges"]} == VERDICTS
    assert told["counts"] == dict.fromkeys(told["counts"], 0) | Counter(VERDICTS.values())
    weights = {
        (LABEL[edge["derivative"]], LABEL[edge["base"]]): edge["weight"]
        for edge in told["edges"]
        if edge["weight"] is not None
    }
    assert weights["A.lin", "A.a"] == pytest.approx(0.6, abs=0.02)
    assert weights["A.task", "A"] == pytest.approx(-0.3, abs=0.02)
    again = run_cli("verify", "--all", "--json", HF_HUB_OFFLINE="1")
    assert _timeless(again.out)["edges"] == _timeless(result.out)["edges"], "no network is needed any more"
    assert run_cli("catalog", "check").code == 0


def _timeless(text: str) -> Any:
    return json.loads(re.sub(r'"judged_at": ?"[^"]*"', '"judged_at": null', text))


def test_requests_stay_within_the_budget(run_cli: Run, added: RecordedHub) -> None:
    told = json.loads(run_cli("verify", "--all", "--fingerprint", "--json", hub=added).out)
    asked = defaultdict(list)
    for line in added.asked():
        repo_id, resolve, rest = line.path.lstrip("/").partition("/resolve/")
        assert resolve, "nothing but files is asked for"
        assert rest.startswith(commit_of(repo_id)), "at the commit that the catalog knows"
        assert line.status == 206
        first, last = re.fullmatch(r"bytes=(\d+)-(\d+)", line.headers["range"]).groups()  # type: ignore[union-attr]
        asked[repo_id].append(int(last) - int(first) + 1)
    budget = BUDGETS[Tier.STANDARD]
    assert len(told["fingerprints"]) == len(asked) == len(KEY)
    for reading in told["fingerprints"]:
        assert reading["requests"] <= budget.ranges
        assert reading["bytes_read"] <= budget.bytes
        assert reading["requests"] + reading["head_requests"] == len(asked[reading["repo_id"]])
        assert reading["bytes_read"] + reading["head_bytes"] == sum(asked[reading["repo_id"]])


def test_on_this_disk(run_cli: Run, zoo_hub: RecordedHub) -> None:
    """A folder whose card names a base on the Hub, and a copy of another model that names nothing."""
    shutil.copytree(ZOO / KEY["A.a"], "child")
    shutil.copytree(ZOO / KEY["A.half"], "half")
    Path("half/README.md").unlink()
    result = run_cli("add", "local:child", "local:half", "--fingerprint", hub=zoo_hub)
    assert result.code == 0, result.err
    shutil.rmtree("child")
    result = run_cli("verify", "local:child", "local:half", "--json", HF_HUB_OFFLINE="1")
    assert result.code == 0, result.err
    edges = {(Path(e["derivative"]).name, e["base"]): e for e in json.loads(result.out)["edges"]}
    assert edges["child", KEY["A"]]["state"] == "confirmed"
    assert edges["child", KEY["A"]]["derivative_commit"] is None
    assert edges["child", KEY["A"]]["base_commit"] == commit_of(KEY["A"])
    assert {state["state"] for (name, _), state in edges.items() if name == "half"} == {"found"}


# --- faces ---------------------------------------------------------------------------------------

EDGE_KEYS = [
    *("derivative", "base", "state", "relation", "directed", "reason", "score", "equal"),
    *("relative_distance", "blocks", "values", "weight", "rounding", "alternatives"),
    *("derivative_commit", "base_commit", "tiers", "bytes_read", "method", "judged_at"),
    *("declared", "origins"),
]


def test_json(run_cli: Run, pair: RecordedHub) -> None:
    told = json.loads(run_cli("verify", "lab/child", "lab/liar", "--json").out)
    assert list(told) == ["complete", "models", "edges", "counts", "missing", "fingerprints"]
    assert (told["complete"], told["models"], told["missing"], told["fingerprints"]) == (True, 2, [], [])
    child, liar = told["edges"]
    assert list(child) == EDGE_KEYS
    assert (child["state"], child["declared"], child["origins"]) == ("confirmed", "finetune", ["hub", "card"])
    assert child["alternatives"] == []
    assert child["tiers"] == "SS"
    assert child["bytes_read"] > 2 * 32_768
    assert (liar["state"], liar["reason"]) == ("contradicted", "no trace in the sampled weights")
    assert liar["blocks"] >= 8
    assert liar["method"] == "sfp1/1"


def test_rows_and_names(run_cli: Run, pair: RecordedHub) -> None:
    rows = list(csv.DictReader(io.StringIO(run_cli("verify", "--all", "-f", "csv").out)))
    assert [(row["derivative"], row["base"], row["state"]) for row in rows] == [
        ("lab/child", "lab/base", "confirmed"),
        ("lab/liar", "lab/base", "contradicted"),
    ]
    assert list(rows[0]) == EDGE_KEYS
    lines = run_cli("verify", "--all", "-f", "jsonl").out.splitlines()
    assert [json.loads(line)["state"] for line in lines] == ["confirmed", "contradicted"]
    assert run_cli("verify", "--all", "-q").out == "lab/child\nlab/liar\n"


def test_table(run_cli: Run, pair: RecordedHub) -> None:
    result = run_cli("verify", "--all")
    heading, child, liar = result.out.splitlines()
    assert heading.split() == ["MODEL", "BASE", "STATE", "SCORE", "BLOCKS", "WHY"]
    assert re.fullmatch(r"lab/child +lab/base +confirmed +1\.000 +18 +the nearest relative.*", child)
    assert re.fullmatch(r"lab/liar +lab/base +contradicted +0\.\d+ +18 +no trace in the sampled .*", liar)
    assert result.err.splitlines()[0] == "3 models, 2 edges: 1 confirmed, 1 contradicted."
    assert "no trace in the sampled weights, which is not proof" in result.err


def test_exit_codes(run_cli: Run, pair: RecordedHub) -> None:
    assert run_cli("verify", "--all").code == 0
    assert run_cli("verify", "--all", "--fail-on", "contradicted").code == 1
    assert run_cli("verify", "--all", "--fail-on", "contradicted", "--json").code == 1
    assert run_cli("verify", "lab/child", "--fail-on", "contradicted").code == 0
    both = ("--fail-on", "inconclusive", "--fail-on", "confirmed")
    assert run_cli("verify", "lab/child", *both).code == 1
    for wrong in ((), ("lab/child", "--all"), ("--all", "--find"), ("--all", "--fail-on", "odd")):
        assert run_cli("verify", *wrong).code == 2
    assert run_cli("verify", "lab/absent").code == 2
    assert run_cli("verify", "lab/child", "--tier", "S").code == 0


def test_what_is_missing_is_said(run_cli: Run, added: RecordedHub) -> None:
    name, base = KEY["A.a"], KEY["A"]
    result = run_cli("verify", name, hub=added)
    assert result.code == 3
    assert "declared" in result.out
    assert f"No fingerprint of {base}, {name}: `registry verify --fingerprint {base}`" in result.err
    assert json.loads(run_cli("verify", name, "--json").out)["missing"] == sorted([base, name])
    assert added.asked() == [], "without being told to, nothing is read"
    result = run_cli("verify", name, "--fail-on", "declared")
    assert result.code == 1, "what was asked to fail on counts more than what is missing"
    result = run_cli("verify", "--find", name)
    assert (result.code, result.out) == (3, "")
    assert f"`registry verify --find --fingerprint {name}`" in result.err


def test_offline(run_cli: Run, pair: RecordedHub) -> None:
    asked = ("verify", "lab/child", "--fingerprint", "--json")
    result = run_cli(*asked, HF_HUB_OFFLINE="1")
    assert result.code == 0, "what is kept already need not be read"
    assert {one["state"] for one in json.loads(result.out)["fingerprints"]} == {"kept"}
    result = run_cli(*asked, "--tier", "x", HF_HUB_OFFLINE="1")
    assert result.code == 3
    told = json.loads(result.out)
    assert {one["error"]["code"] for one in told["fingerprints"]} == {"offline"}
    assert (told["complete"], told["edges"][0]["state"]) == (False, "confirmed"), "as far as it is known"
    assert "HF_HUB_OFFLINE switches the network off" in result.err


def test_a_gated_base(run_cli: Run, hub_factory: Start) -> None:
    hub = hub_factory(
        by_id(
            as_recorded(KEY["A"], "lab/base", base=(), restricted="gated"),
            as_recorded(KEY["A.a"], "lab/child", base="lab/base"),
        )
    )
    run_cli("add", "lab/child", hub=hub)
    result = run_cli("verify", "lab/child", "--fingerprint", hub=hub)
    assert result.code == 3
    assert re.search(r"not_comparable +- +- +lab/base is gated, and its weights were not read", result.out)
    assert re.search(r"No fingerprint: model.safetensors of lab/base is gated and its terms", result.err)
    result = run_cli("verify", "lab/child")
    assert result.code == 0, "nothing more is to be had without the terms"


def test_a_host_that_knows_no_ranges(run_cli: Run, hub_factory: Start) -> None:
    model = as_recorded(KEY["A"], "lab/base", base=())

    def whole(request: Request) -> Reply | None:
        if "/resolve/" not in request.path:
            return None
        return Reply(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n" + bytes(10_000))

    hub = hub_factory(by_id(model), fault=whole)
    run_cli("add", "lab/base", hub=hub)
    result = run_cli("verify", "lab/base", "--fingerprint", hub=hub)
    assert result.code == 3
    assert "knows no ranges and would send the whole file" in result.err
    assert len([line for line in hub.asked() if "/resolve/" in line.path]) == 1


def test_relatives(run_cli: Run, pair: RecordedHub) -> None:
    result = run_cli("verify", "--find", "lab/base")
    heading, child = result.out.splitlines()
    assert heading.split() == ["RELATIVE", "SCORE", "EQUAL", "DISTANCE", "BLOCKS"]
    assert child.startswith("lab/child")
    assert run_cli("verify", "--find", "lab/base", "-q").out == "lab/child\n"
    told = json.loads(run_cli("verify", "--find", "lab/base", "lab/child", "--json").out)
    assert list(told) == ["complete", "relatives", "missing", "fingerprints"]
    assert [(one["model"], one["repo_id"]) for one in told["relatives"]] == [
        ("lab/base", "lab/child"),
        ("lab/child", "lab/base"),
    ]
    assert list(told["relatives"][0]) == [
        *("model", "repo_id", "score", "equal", "relative_distance", "blocks", "shared", "similarity")
    ]
    alone = run_cli("verify", "--find", "lab/liar")
    assert (alone.code, alone.out, alone.err) == (0, "", "Nothing fingerprinted is related.\n")


# --- what others show of it ----------------------------------------------------------------------


def test_adding_with_fingerprints(run_cli: Run, hub_factory: Start) -> None:
    hub = hub_factory(
        by_id(
            as_recorded(KEY["A"], "lab/base", base="lab/pickled"),
            recorded("lab/pickled", files={"pytorch_model.bin": b"x"}),
        )
    )
    result = run_cli("add", "lab/base", "--fingerprint", "--json", hub=hub)
    assert result.code == 0, "a base without weights that can be read is no failure"
    told = json.loads(result.out)
    assert [(one["repo_id"], one["state"]) for one in told["fingerprints"]] == [("lab/base", "read")]
    result = run_cli("add", "lab/pickled", "--fingerprint", "--json", hub=hub)
    assert result.code == 3
    assert "pickled weights are never opened" in result.err
    told = json.loads(result.out)
    assert (told["complete"], told["fingerprints"][0]["error"]["code"]) == (False, "no-such-file")
    assert json.loads(run_cli("add", "lab/base", "--json", hub=hub).out)["fingerprints"] == []


def test_lineage_shows_the_state(run_cli: Run, pair: RecordedHub) -> None:
    assert "confirmed" not in run_cli("lineage", "lab/base").out
    run_cli("verify", "--all")
    drawn = run_cli("lineage", "lab/base").out
    assert re.search(r"finetune lab/child .*  confirmed$", drawn, re.MULTILINE)
    assert re.search(r"finetune lab/liar .*  contradicted$", drawn, re.MULTILINE)
    told = json.loads(run_cli("lineage", "lab/base", "--json").out)
    assert [edge["state"] for edge in told["edges"]] == ["confirmed", "contradicted"]
    assert '[label="finetune, contradicted", color=red' in run_cli("lineage", "lab/base", "-f", "dot").out
    assert '|"finetune, confirmed"|' in run_cli("lineage", "lab/base", "-f", "mermaid").out


def test_why_shows_the_evidence(run_cli: Run, pair: RecordedHub) -> None:
    (before,) = json.loads(run_cli("why", "lab/liar", "lab/base", "--json").out)["paths"][0]
    assert (before["state"], before["evidence"]) == ("declared", None)
    run_cli("verify", "--all")
    assert re.search(
        r"weights +contradicted: no trace in the sampled weights, score 0\.\d+ over 18 blocks, at "
        r"[0-9a-f]{12} and [0-9a-f]{12}, sfp1/1, \d{4}",
        run_cli("why", "lab/liar", "lab/base").out,
    )
    (after,) = json.loads(run_cli("why", "lab/liar", "lab/base", "--json").out)["paths"][0]
    assert (after["state"], after["evidence"]["state"]) == ("contradicted", "contradicted")
    assert list(after["evidence"]) == [key for key in EDGE_KEYS[2:] if key not in ("declared", "origins")]


def test_audit_says_what_a_chain_rests_on(run_cli: Run, pair: RecordedHub) -> None:
    def findings() -> dict[tuple[str, str], Any]:
        told = json.loads(run_cli("audit", "lab/child", "lab/liar", "--json").out)["findings"]
        return {(one["model"], one["code"]): one for one in told if len(one["chain"]) > 1}

    before = findings()
    assert {model for model, _ in before} == {"lab/child", "lab/liar"}
    assert {one["edge_evidence"] for one in before.values()} == {"hub"}
    run_cli("verify", "--all")
    after = findings()
    assert after.keys() == before.keys(), "nothing is dropped"
    doubt = " The chain is in doubt: no trace of lab/base in lab/liar, in the sampled weights."
    for (model, code), one in after.items():
        doubted = model == "lab/liar"
        assert one["edge_evidence"] == ("contradicted" if doubted else "weights")
        assert one["message"] == before[model, code]["message"] + doubt * doubted
        for key in ("severity", "chain_hash", "fingerprint"):
            assert one[key] == before[model, code][key]
