"""`graph`: the lineage of all models at once, on a small family."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

RunCli = Callable[..., Any]

pytestmark = pytest.mark.usefixtures("filled")


def document(run_cli: RunCli, *args: str) -> Any:
    result = run_cli("graph", *args, "--json")
    assert result.code == 0, result.err
    return json.loads(result.out)


def test_families(run_cli: RunCli) -> None:
    assert run_cli("graph", "families").out.splitlines() == [
        "ROOT        DERIVATIVES  DEPTH  FINETUNE  MERGE  QUANTIZED",
        "lab/origin            4      2         2      1          1",
    ]
    relations = {"finetune": 2, "merge": 1, "quantized": 1}
    family = {"root": "lab/origin", "derivatives": 4, "depth": 2, "relations": relations}
    assert document(run_cli, "families") == {"families": [family]}
    assert run_cli("graph", "families", "-q").out == "lab/origin\n"
    run_cli("link", "lab/else", "lab/new", "--relation", "merge", "--note", "x")
    run_cli("link", "guest/small", "far/root", "--relation", "quantized", "--note", "x")
    assert [one["root"] for one in document(run_cli, "families")["families"]] == ["lab/origin", "far/root"]
    assert run_cli("graph", "families", "--limit", "1", "-q").out == "lab/origin\n"


def test_bases(run_cli: RunCli) -> None:
    assert run_cli("graph", "bases").out.splitlines() == [
        "MODEL       DERIVATIVES  DIRECT",
        "lab/origin            4       2",
        "lab/tuned             2       2",
        "lab/other             1       1",
    ]
    assert document(run_cli, "bases", "--limit", "1") == {
        "bases": [{"repo_id": "lab/origin", "derivatives": 4, "direct": 2}]
    }
    assert run_cli("graph", "bases", "--direct", "-q").out.split() == ["lab/origin", "lab/tuned", "lab/other"]


def test_chains(run_cli: RunCli) -> None:
    chains = document(run_cli, "chains")["chains"]
    assert [chain["length"] for chain in chains] == [2, 2]
    assert chains[1]["models"] == ["lab/origin", "lab/tuned", "guest/small"]
    assert [chain["models"][-1] for chain in chains] == ["guest/merged", "guest/small"]
    assert "    2  lab/origin > lab/tuned > guest/small\n" in run_cli("graph", "chains").out
    assert run_cli("graph", "chains", "--limit", "1", "-q").out == "guest/merged\n"


def test_cycles(run_cli: RunCli) -> None:
    none = run_cli("graph", "cycles")
    assert (none.out, none.err) == ("", "No model in the catalog descends from itself.\n")
    run_cli("link", "lab/origin", "guest/small", "--relation", "finetune", "--note", "x")
    circle = ["guest/small", "lab/origin", "lab/tuned"]
    assert document(run_cli, "cycles") == {"cycles": [{"size": 3, "models": circle}]}
    assert run_cli("graph", "cycles").out.splitlines()[1] == "   3  guest/small, lab/origin, lab/tuned"
    # Nothing leads to the circle: the first of its names stands for a root.
    families = document(run_cli, "families")["families"]
    assert [(one["root"], one["derivatives"]) for one in families] == [("guest/small", 4)]
    run_cli("unlink", "lab/origin", "guest/small", "--note", "y")
    assert document(run_cli, "cycles") == {"cycles": []}


def test_orphans(run_cli: RunCli) -> None:
    assert run_cli("graph", "orphans").err == "Every base in the catalog was read.\n"
    run_cli("link", "lab/origin", "far/away", "--relation", "distilled", "--note", "x")
    orphan = {"derivative": "lab/origin", "base": "far/away", "relation": "distilled", "why": "unread"}
    assert document(run_cli, "orphans") == {"orphans": [orphan]}
    assert (
        run_cli("graph", "orphans", "-f", "csv").out.splitlines()[1] == "lab/origin,far/away,distilled,unread"
    )
    assert run_cli("graph", "orphans", "-q").out == "lab/origin\n"
    assert "far/away" in run_cli("graph", "orphans").out


def test_a_table_tells_that_there_is_more(run_cli: RunCli) -> None:
    for number in range(21):
        told = ["--relation", "finetune", "--note", "x"]
        run_cli("link", "lab/origin", f"far/{number:02}", *told)
    cut = run_cli("graph", "orphans")
    assert len(cut.out.splitlines()) == 21
    assert cut.err == "20 of 21; --limit N shows more, -f csv all.\n"
    assert len(document(run_cli, "orphans")["orphans"]) == 21
    families = run_cli("graph", "families")
    assert len(families.out.splitlines()) == 21
    assert families.err == "The 20 largest; --limit N shows more, -f csv all.\n"
    assert len(document(run_cli, "families")["families"]) == 21


def test_an_empty_graph(run_cli: RunCli) -> None:
    for verb in ("families", "bases", "chains"):
        result = run_cli("--catalog", "new.db", "catalog", "init")
        assert result.code == 0
        result = run_cli("--catalog", "new.db", "graph", verb)
        assert (result.code, result.out) == (0, "")
        assert result.err == "No model in the catalog was made from another.\n"


def test_stats_count_the_lineage(run_cli: RunCli) -> None:
    counts = json.loads(run_cli("catalog", "stats", "--json").out)
    told = {"derivatives": 4, "families": 1, "largest_family": 4, "longest_chain": 2, "cycles": 0}
    assert told.items() <= counts.items()


def test_list_by_derivatives(run_cli: RunCli) -> None:
    names = ["lab/origin", "lab/tuned", "lab/other", "guest/merged", "guest/small"]
    assert run_cli("list", "--sort", "derivatives", "-q").out.split() == names
    some = run_cli("list", "--sort", "derivatives:asc", "-F", "derivatives>0")
    assert [line.split()[0] for line in some.out.splitlines()[1:]] == ["lab/other", "lab/origin", "lab/tuned"]
    assert "DERIVATIVES" in some.out.splitlines()[0]
    told = json.loads(run_cli("list", "-F", "derivatives=2", "--json").out)["models"]
    assert [(one["repo_id"], one["derivatives"]) for one in told] == [("lab/origin", 2), ("lab/tuned", 2)]
    assert "derivatives" not in json.loads(run_cli("list", "--json").out)["models"][0]
