"""Odd families, added through the command: every walk ends, every oddity has a code, Graphviz draws it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from shutil import which
from typing import Any

import pytest

from registry.demo.hub import RecordedHub
from tests.hubs import by_id, recorded

RunCli = Callable[..., Any]

PARENTS = [f"parts/p{number}" for number in range(24)]
ODD = by_id(
    *(recorded(name) for name in PARENTS),
    recorded("odd/merge", base=[*PARENTS, "gone/base"], relation="merge"),
    recorded("odd/self", base="odd/self"),
    recorded("odd/heir", base=["odd/self", "odd/merge"]),
    recorded("ring/a", base="ring/c"),
    recorded("ring/b", base="ring/a"),
    recorded("ring/c", base="ring/b"),
    recorded("ring/tail", base="ring/a", card={"base_model": ["ring/a", "/home/me/out/checkpoint-7"]}),
)


@pytest.fixture
def added(run_cli: RunCli, hub_factory: Callable[..., RecordedHub]) -> Any:
    return run_cli("add", "odd/heir", "ring/tail", hub=hub_factory(ODD))


def problems(run_cli: RunCli, name: str) -> set[tuple[str, tuple[str, ...]]]:
    answer = json.loads(run_cli("lineage", name, "--json").out)
    return {(problem["code"], tuple(problem["models"])) for problem in answer["problems"]}


def test_a_base_that_is_not_there_is_told_and_the_rest_kept(added: Any, run_cli: RunCli) -> None:
    assert added.code == 3
    assert "Failed: gone/base is absent" in added.err
    assert len(run_cli("list", "-q").out.split()) == len(ODD)
    assert run_cli("catalog", "check").code == 0


@pytest.mark.usefixtures("added")
def test_every_oddity_has_a_code(run_cli: RunCli) -> None:
    assert problems(run_cli, "odd/heir") == {
        ("self-loop", ("odd/self",)),
        ("dangling-base", ("gone/base",)),
    }
    assert problems(run_cli, "ring/tail") == {
        ("cycle", ("ring/a", "ring/b", "ring/c")),
        ("unresolved-base", ("ring/tail",)),
    }
    for name, code in (("odd/heir", "self-loop"), ("odd/merge", "dangling-base"), ("ring/b", "cycle")):
        assert code in run_cli("lineage", name).out


@pytest.mark.usefixtures("added")
def test_a_merge_has_all_its_parents(run_cli: RunCli) -> None:
    answer = json.loads(run_cli("lineage", "odd/merge", "--up", "1", "--json").out)
    bases = {edge["base"] for edge in answer["edges"] if edge["derivative"] == "odd/merge"}
    assert bases == {*PARENTS, "gone/base"}
    assert len(json.loads(run_cli("why", "odd/heir", "parts/p7", "--json").out)["paths"]) == 1


@pytest.mark.usefixtures("added")
def test_circles_end_for_every_command(run_cli: RunCli) -> None:
    for name in ("ring/a", "odd/self"):
        answer = json.loads(run_cli("impact", name, "--json").out)
        names = [one["repo_id"] for one in answer["derivatives"]]
        assert len(names) == len(set(names))
    assert json.loads(run_cli("why", "ring/tail", "ring/b", "--json").out)["paths"]
    impact = run_cli("impact", "ring/a")
    assert {line.split()[0] for line in impact.out.splitlines()[1:]} >= {"ring/b", "ring/c", "ring/tail"}
    assert "cycle" in impact.err


@pytest.mark.usefixtures("added")
@pytest.mark.skipif(which("dot") is None, reason="Graphviz is not installed")
@pytest.mark.parametrize(("name", "nodes"), [("odd/heir", 28), ("ring/b", 4), ("gone/base", 3)])
def test_graphviz_draws_it(run_cli: RunCli, name: str, nodes: int) -> None:
    drawn = run_cli("lineage", name, "-f", "dot")
    assert drawn.code == 0
    done = subprocess.run(["dot", "-Tsvg"], input=drawn.out, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count('class="node"') == nodes
    for problem, _ in problems(run_cli, name):
        assert f"// {problem}: " in drawn.out
