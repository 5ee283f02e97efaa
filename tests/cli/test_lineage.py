"""`link`, `unlink`, `annotate`, `lineage`, `why`, `impact` on a small family."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

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
    assert "distilled of far/root" in why
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


@pytest.mark.parametrize("fact", ["tokens=3", "epochs=many", "epochs", "epochs="])
def test_a_fact_that_is_none(run_cli: RunCli, fact: str) -> None:
    result = run_cli("annotate", "lab/origin", fact, "--source", "x")
    assert (result.code, result.out) == (2, "")


def test_annotate_lists_the_facts_there_are(run_cli: RunCli) -> None:
    assert "training_tokens" in run_cli("annotate", "--list").out
    kinds = document(run_cli, "annotate", "--list")["facts"]
    assert {"name": "epochs", "unit": "epochs", "meaning": "passes over the training set"} in kinds


def test_lineage_draws_both_directions(run_cli: RunCli) -> None:
    assert run_cli("lineage", "lab/tuned").out.splitlines() == [
        "lab/tuned  - · apache-2.0 · 13 B",
        "├── made from",
        "│   └── finetune lab/origin  - · apache-2.0 · 13 B",
        "│       └── trained_on data:corpus/text",
        "└── made of it",
        "    ├── merge guest/merged  - · - · 13 B",
        "    └── quantized guest/small  - · apache-2.0 · 13 B",
    ]


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
