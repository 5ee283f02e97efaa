"""`link`, `unlink`, `annotate`, `lineage`, `why`, `impact` on a small family."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from registry.cli.lineage import _said
from registry.demo.hub import RecordedHub
from registry.model.edges import Claim, Origin, Relation
from registry.model.records import KeptClaim
from tests.hubs import by_id, recorded

RunCli = Callable[..., Any]

pytestmark = pytest.mark.usefixtures("filled")


def document(run_cli: RunCli, *args: str, **more: Any) -> Any:
    """The JSON a command gives."""
    result = run_cli(*args, "--json", **more)
    assert result.code == 0, result.err
    return json.loads(result.out)


def test_link_unlink_and_why(run_cli: RunCli) -> None:
    linked = run_cli(
        "link", "lab/origin", "far/root", "--relation", "distilled", "--note", "the authors told us"
    )
    assert linked.err == "Recorded: lab/origin was made from far/root (distilled).\n"
    why = run_cli("why", "guest/small", "far/root").out
    assert "  distilled from far/root\n" in why
    assert "the authors told us" in why
    cut = run_cli("unlink", "lab/origin", "far/root", "--note", "they were wrong")
    assert cut.code == 0
    gone = run_cli("why", "guest/small", "far/root")
    assert (gone.code, gone.out) == (0, "")
    assert gone.err == "Nothing says that guest/small was made from far/root.\n"


def test_link_needs_a_note_and_a_relation(run_cli: RunCli) -> None:
    assert "--note" in run_cli("link", "lab/origin", "far/root", "--relation", "merge").err
    assert "--relation" in run_cli("link", "lab/origin", "far/root", "--note", "x").err
    assert run_cli("link", "lab/origin", "lab/origin", "--relation", "merge", "--note", "x").code == 2


def test_annotate(run_cli: RunCli) -> None:
    told = ["training_tokens=366e9", "hardware=NVIDIA A100 80GB", "training_flop=4.6e23"]
    result = run_cli("annotate", "lab/origin", *told, "--source", "arXiv:2211.05100")
    assert result.code == 0
    shown = run_cli("show", "lab/origin").out.partition("Facts\n")[2]
    assert "366,000,000,000 tokens" in shown
    assert "4.6e+23 FLOP" in shown
    assert "arXiv:2211.05100" in shown
    assert len(document(run_cli, "show", "lab/origin")["facts"]) == 3
    run_cli("annotate", "lab/tuned", "outputs_of=paper:openai/gpt-3", "--source", "their report")
    bases = {base["repo_id"]: base["relation"] for base in document(run_cli, "show", "lab/tuned")["bases"]}
    assert bases["paper:openai/gpt-3"] == "distilled"


def test_hardware_without_a_price_is_kept_and_said_so(run_cli: RunCli) -> None:
    result = run_cli("annotate", "lab/origin", "hardware=NVIDIA A100 SXM9", "--source", "our log")
    assert result.code == 0
    assert "No peak and no price is known of 'NVIDIA A100 SXM9'" in result.err
    assert "nearest known are" in result.err
    assert "NVIDIA A100 SXM9" in run_cli("show", "lab/origin").out


@pytest.mark.parametrize("fact", ["tokens=3", "epochs=many", "epochs", "epochs=", "epochs=0", "epochs=1e99"])
def test_a_fact_that_is_none(run_cli: RunCli, fact: str) -> None:
    result = run_cli("annotate", "lab/origin", fact, "--source", "x")
    assert (result.code, result.out) == (2, "")


def test_annotate_lists_the_facts_there_are(run_cli: RunCli) -> None:
    assert "training_tokens" in run_cli("annotate", "--list").out
    kinds = document(run_cli, "annotate", "--list")["facts"]
    assert {"name": "epochs", "unit": "epochs", "meaning": "passes over the training set"} in kinds


def test_lineage_draws_both_directions(run_cli: RunCli) -> None:
    assert run_cli("lineage", "lab/tuned").out.splitlines() == [
        "lab/tuned  apache-2.0 · 13 B",
        "├── made from",
        "│   └── finetune lab/origin  apache-2.0 · 13 B",
        "│       └── trained_on data:corpus/text",
        "└── made of it",
        "    ├── merge guest/merged  13 B",
        "    └── quantized guest/small  apache-2.0 · 13 B",
    ]


def test_lineage_around_a_dataset(run_cli: RunCli) -> None:
    assert run_cli("lineage", "data:corpus/text", "--down", "1").out.splitlines() == [
        "data:corpus/text",
        "└── trained on it",
        "    └── trained_on lab/origin  apache-2.0 · 13 B",
    ]


def test_lineage_of_a_model_alone_says_what_that_means(
    run_cli: RunCli, hub_factory: Callable[..., RecordedHub]
) -> None:
    run_cli("add", "lab/alone", hub=hub_factory(by_id(recorded("lab/alone"))))
    told = "No base of lab/alone is declared, and nothing here was made from it.\n"
    assert run_cli("lineage", "lab/alone").err == told
    assert run_cli("lineage", "lab/alone", "--up", "0").err == ""
    assert run_cli("lineage", "lab/alone", "--json").err == ""
    run_cli("link", "lab/alone", "far/away", "--relation", "merge", "--note", "x")
    run_cli("unlink", "lab/alone", "far/away", "--note", "y")
    assert run_cli("lineage", "far/away").err.startswith("far/away has not been read, and nothing here")


def test_lineage_is_bounded(run_cli: RunCli) -> None:
    assert "guest" not in run_cli("lineage", "lab/origin", "--down", "1").out
    assert "made of it" not in run_cli("lineage", "lab/origin", "--down", "0").out
    assert "made from" not in run_cli("lineage", "guest/small", "--up", "0").out
    cut = run_cli("lineage", "lab/origin", "--limit", "1").out
    assert "cut" in cut
    assert "--limit" in cut


def test_lineage_for_programs(run_cli: RunCli) -> None:
    answer = document(run_cli, "lineage", "guest/small")
    assert answer["root"] == "guest/small"
    assert {node["repo_id"]: node["depth"] for node in answer["nodes"]}["lab/origin"] == -2
    edges = [json.loads(line) for line in run_cli("lineage", "guest/small", "-f", "jsonl").out.splitlines()]
    assert edges == answer["edges"]
    assert run_cli("lineage", "guest/small", "-f", "csv").out.startswith("derivative,base,relation")
    assert run_cli("lineage", "guest/small", "-f", "dot").out.startswith("digraph ")
    assert run_cli("lineage", "guest/small", "-f", "mermaid").out.startswith("flowchart ")
    assert "lab/tuned" in run_cli("lineage", "guest/small", "-q").out.split()


def test_why_shows_every_path_with_its_evidence(run_cli: RunCli) -> None:
    lines = run_cli("why", "guest/merged", "lab/origin").out.splitlines()
    assert lines[0] == "Path 1 of 2"
    assert sum(line == "  merge of lab/tuned" for line in lines) == 1
    assert any("card  'lab/origin'" in line for line in lines)
    assert any("hub   'lab/origin' as finetune" in line for line in lines)
    answer = document(run_cli, "why", "guest/merged", "lab/origin")
    assert len(answer["paths"]) == 2
    assert answer["paths"][0][-1]["base"] == "lab/origin"
    assert run_cli("why", "lab/origin", "lab/origin").code == 2


def test_why_a_dataset(run_cli: RunCli) -> None:
    assert "\n  trained on data:corpus/text\n" in run_cli("why", "lab/tuned", "data:corpus/text").out
    run_cli("unlink", "lab/origin", "data:corpus/text", "--note", "no")
    gone = run_cli("why", "lab/tuned", "data:corpus/text")
    assert gone.err == "Nothing says that lab/tuned was trained on data:corpus/text.\n"


@pytest.mark.parametrize(
    ("claim", "told"),
    [
        (Claim(Origin.CARD, "a/b", "a/b", detail="base_model"), "'a/b' (base_model)"),
        (Claim(Origin.HUB, "a/b", "a/b", Relation.MERGE, "tags"), "'a/b' as merge (tags)"),
        (Claim(Origin.INFERRED, "", "a/b", Relation.FINETUNE, "inferred: no sign"), "finetune (no sign)"),
        (Claim(Origin.INFERRED, "", "a/b", Relation.ADAPTER, "inferred from x"), "adapter (from x)"),
        (Claim(Origin.MANUAL, "a/b", "a/b", denied=True), "not 'a/b'"),
    ],
)
def test_a_claim_in_words(claim: Claim, told: str) -> None:
    seen = datetime(2026, 11, 1, tzinfo=UTC)
    assert _said(KeptClaim("x/y", claim, "a/b", True, "0123456789abcdef", seen)) == (
        f"{told}, at 0123456789ab, read 2026-11-01"
    )
    past = KeptClaim("x/y", replace(claim, note="because"), "a/b", False, None, seen)
    assert _said(past) == f"{told}, no longer said, last read 2026-11-01: because"


def test_impact(run_cli: RunCli) -> None:
    result = run_cli("impact", "lab/origin")
    assert [line.split()[:2] for line in result.out.splitlines()[1:]] == [
        ["lab/other", "1"],
        ["lab/tuned", "1"],
        ["guest/merged", "2"],
        ["guest/small", "2"],
    ]
    assert result.err.startswith("4 derivatives: ")
    answer = document(run_cli, "impact", "lab/origin")
    assert answer["base"] == "lab/origin"
    assert [one["depth"] for one in answer["derivatives"]] == [1, 1, 2, 2]
    assert run_cli("impact", "lab/origin", "-q").out.split()[0] == "lab/other"
    nothing = run_cli("impact", "guest/small")
    assert (nothing.code, nothing.out) == (0, "")
    assert "Nothing in the catalog was made from guest/small." in nothing.err


def test_impact_of_a_dataset_counts_models_trained_on_it(run_cli: RunCli) -> None:
    assert run_cli("impact", "data:corpus/text").err == (
        "1 model trained on it; 4 derivatives of these: 2 finetune, 1 merge, 1 quantized.\n"
    )
    run_cli("unlink", "lab/origin", "data:corpus/text", "--note", "no")
    assert (
        run_cli("impact", "data:corpus/text").err
        == "No model in the catalog was trained on data:corpus/text.\n"
    )
