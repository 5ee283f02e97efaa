"""Lineage as a Mermaid flowchart.

Mermaid knows no backslash escape: a character is written by its number, `#34;`, which every version reads
back inside a quoted label. All but plain letters, digits and a few marks are written so, because quotes,
braces, backticks and `#` itself mean something even there.
See https://mermaid.js.org/syntax/flowchart.html#special-characters-that-break-syntax.
"""

from __future__ import annotations

import re

from registry.contract import LineageView
from registry.exports.labels import edge_label, label_lines, node_names
from registry.exports.text import clean
from registry.model.edges import Relation

_SPECIAL = re.compile(r"[^A-Za-z0-9 /._:,-]")


def to_mermaid(view: LineageView) -> str:
    """The whole graph, bases on top; arrows run from a base to what was made of it. Dashed boxes are
    models that are only named so far, dotted arrows come from datasets."""
    names = node_names(view)
    lines = ["flowchart TD"]
    lines += [f"    %% {problem.code}: {_escaped(clean(problem.message))}" for problem in view.problems]
    for node in view.nodes:
        label = "<br>".join(_escaped(line) for line in label_lines(node))
        lines.append(f'    {names[node.repo_id]}["{label}"]')
    for edge in view.edges:
        if edge.base in names and edge.derivative in names:
            arrow = "-.->" if edge.relation is Relation.TRAINED_ON else "-->"
            lines.append(f'    {names[edge.base]} {arrow}|"{edge_label(edge)}"| {names[edge.derivative]}')
    lines += ["    classDef root stroke-width:3px", "    classDef named stroke-dasharray:4 3"]
    if view.root in names:
        lines.append(f"    class {names[view.root]} root")
    named = [names[node.repo_id] for node in view.nodes if not node.tracked and node.repo_id != view.root]
    if named:
        lines.append(f"    class {','.join(named)} named")
    return "\n".join([*lines, ""])


def _escaped(text: str) -> str:
    return _SPECIAL.sub(lambda match: f"#{ord(match[0])};", text)
