"""Lineage in the DOT language of Graphviz.

Inside a quoted string only `\\"` is an escape for the reader, but in a label `\\N`, `\\n` and the like are
replaced and `&...;` is an entity; so backslashes are doubled and ampersands written as one.
See https://graphviz.org/doc/info/lang.html and https://graphviz.org/docs/attr-types/escString/.
"""

from __future__ import annotations

from registry.contract import LineageView
from registry.exports.labels import edge_label, label_lines, node_names
from registry.exports.text import clean
from registry.model.edges import Edge, Relation
from registry.model.evidence import EvidenceState
from registry.model.records import ModelBrief


def to_dot(view: LineageView) -> str:
    """The whole graph, bases on top; arrows run from a base to what was made of it. Dashed boxes are
    models that are only named so far, dotted arrows come from datasets; of red ones the weights show no
    trace."""
    names = node_names(view)
    lines = [
        "digraph lineage {",
        "  rankdir=TB;",
        '  node [shape=box, style=rounded, fontname="sans-serif"];',
        '  edge [fontname="sans-serif", fontsize=10];',
    ]
    lines += [f"  // {problem.code}: {clean(problem.message)}" for problem in view.problems]
    lines += [f"  {names[node.repo_id]} [{_node(node, view.root)}];" for node in view.nodes]
    lines += [
        f"  {names[edge.base]} -> {names[edge.derivative]} [{_edge(edge)}];"
        for edge in view.edges
        if edge.base in names and edge.derivative in names
    ]
    return "\n".join([*lines, "}", ""])


def _node(node: ModelBrief, root: str) -> str:
    label = "\\n".join(_escaped(line) for line in label_lines(node))
    styles = ["rounded"]
    if not node.tracked:
        styles.append("dashed")
    if node.repo_id == root:
        styles.append("bold")
    color = ", color=gray, fontcolor=gray" if node.removed else ""
    return f'label="{label}", style="{",".join(styles)}"{color}'


def _edge(edge: Edge) -> str:
    dotted = ", style=dotted" if edge.relation is Relation.TRAINED_ON else ""
    red = ", color=red, fontcolor=red" if edge.state == EvidenceState.CONTRADICTED else ""
    return f'label="{edge_label(edge)}"{dotted}{red}'


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;")
