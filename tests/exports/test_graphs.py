"""Drawings that Graphviz and Mermaid accept, whatever the models are called."""

from __future__ import annotations

import html
import re
import shutil
import subprocess
from dataclasses import replace

import pytest

from registry.contract import LineageView
from registry.exports.dot import to_dot
from registry.exports.labels import MAX_LABEL, label_lines
from registry.exports.mermaid import to_mermaid
from registry.lineage.graph import view
from registry.model.edges import Edge, Origin, Relation
from registry.model.records import ModelBrief
from registry.model.refs import SourceName

HOSTILE = [
    'a"b',
    "back\\",
    "x\\N\\n\\G",
    "end",
    "<b>&amp;#35;</b>",
    "esc\x1b[31m\nnext",
    "abc\u202egnp",
    "abcgnp",
    'local:C:\\m{}|[]()"`%%',
    "\u200b",
    "/* // */ ; -> n1",
    "x" * 5000,
]


def edge(derivative: str, base: str, relation: Relation = Relation.FINETUNE) -> Edge:
    return Edge(derivative, base, relation, (Origin.HUB,))


def brief(name: str, **more: object) -> ModelBrief:
    return ModelBrief(name, SourceName.HUB, True, **more)  # type: ignore[arg-type]


@pytest.fixture
def family() -> LineageView:
    up = [edge("org/m", "org/base"), edge("org/m", "data:squad", Relation.TRAINED_ON)]
    briefs = {
        "org/m": brief("org/m", license="mit", parameters=7_000_000_000),
        "org/q": brief("org/q", removed=True),
    }
    return view("org/m", up, [edge("org/q", "org/m", Relation.QUANTIZED)], briefs)


@pytest.fixture
def hostile() -> LineageView:
    briefs = {name: brief(name, license=name) for name in HOSTILE}
    return view("root", [], [edge(name, "root") for name in HOSTILE], briefs)


def drawn(text: str) -> str:
    """What Graphviz makes of it; it must not complain."""
    dot = shutil.which("dot")
    if dot is None:
        pytest.skip("Graphviz is not installed")
    run = subprocess.run([dot, "-Tsvg"], input=text.encode(), capture_output=True, timeout=60)
    assert run.returncode == 0, run.stderr.decode()
    # Missing fonts are the machine's business.
    complaints = [line for line in run.stderr.decode().splitlines() if "font" not in line.lower()]
    assert complaints == []
    return run.stdout.decode()


def words(svg: str) -> list[str]:
    return [html.unescape(text) for text in re.findall(r"<text[^>]*>(.*?)</text>", svg)]


def test_dot(family: LineageView) -> None:
    text = to_dot(family)
    assert text.startswith("digraph lineage {\n")
    assert text.endswith("}\n")
    assert 'n2 [label="org/m\\nmit · 7.00B", style="rounded,bold"];' in text
    assert 'n1 [label="org/base", style="rounded,dashed"];' in text
    assert 'n3 [label="org/q\\nremoved", style="rounded", color=gray, fontcolor=gray];' in text
    assert 'n0 -> n2 [label="trained_on", style=dotted];' in text
    assert 'n2 -> n3 [label="quantized"];' in text
    assert "// dangling-base: org/base" in text


def test_graphviz_accepts_it(family: LineageView) -> None:
    assert {"org/m", "mit · 7.00B", "quantized", "data:squad"} <= set(words(drawn(to_dot(family))))


def test_graphviz_shows_hostile_names_as_they_are(hostile: LineageView) -> None:
    svg = drawn(to_dot(hostile))
    assert svg.count('class="node"') == len(HOSTILE) + 1
    assert svg.count('class="edge"') == len(HOSTILE)
    shown = words(svg)
    for name in ('a"b', "back\\", "x\\N\\n\\G", "<b>&amp;#35;</b>", "esc next", "?", "/* // */ ; -> n1"):
        assert name in shown
    assert shown.count("abcgnp") == 4  # two models that look alike, each with its license


def test_mermaid(family: LineageView) -> None:
    assert to_mermaid(family).splitlines() == [
        "flowchart TD",
        "    %% dangling-base: org/base is named as a base and has not been read",
        '    n0["data:squad"]',
        '    n1["org/base"]',
        '    n2["org/m<br>mit #183; 7.00B"]',
        '    n3["org/q<br>removed"]',
        '    n0 -.->|"trained_on"| n2',
        '    n1 -->|"finetune"| n2',
        '    n2 -->|"quantized"| n3',
        "    classDef root stroke-width:3px",
        "    classDef named stroke-dasharray:4 3",
        "    class n2 root",
        "    class n0,n1 named",
    ]


def test_mermaid_lines_hold_nothing_but_what_is_meant(hostile: LineageView) -> None:
    """Each line is one of ours with every foreign character that means something written by number."""
    safe = r"(?:[A-Za-z0-9 /._:,-]|#\d+;|<br>)+"
    line = re.compile(
        rf'flowchart TD|    (?:n\d+\["{safe}"\]|n\d+ -->\|"[a-z_]+"\| n\d+|%% [a-z-]+: {safe}'
        r"|classDef [a-z]+ [a-z0-9: -]+|class [n0-9,]+ (?:root|named))"
    )
    text = to_mermaid(hostile)
    assert [found for found in text.splitlines() if not line.fullmatch(found)] == []
    assert 'n1["#60;b#62;' not in text.splitlines()[0]
    assert "a#34;b" in text
    assert "#60;b#62;#38;amp#59;#35;35#59;" in text


def test_a_view_of_one_model() -> None:
    alone = view("org/m", [], [], {"org/m": brief("org/m")})
    assert "->" not in to_dot(alone)
    assert "named\n" not in to_mermaid(alone).replace("classDef named", "")
    drawn(to_dot(alone))


def test_edges_out_of_view_are_left_out(family: LineageView) -> None:
    odd = replace(family, root="gone", edges=(*family.edges, edge("org/m", "elsewhere")))
    assert to_dot(odd).count("->") == 3
    assert "class n" in to_mermaid(odd)
    assert " root\n" not in to_mermaid(odd).replace("classDef root", "")


def test_labels_are_bounded() -> None:
    lines = label_lines(brief("x" * 5000, license="y" * 5000))
    assert [len(line) for line in lines] == [MAX_LABEL, MAX_LABEL]
