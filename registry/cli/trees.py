"""Lineage as a tree for people: what a model was made from, and what was made of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence, Set
from typing import TYPE_CHECKING

from registry.cli.tables import WEIGHED, size, words
from registry.contract import LineageView
from registry.model.edges import Edge, Relation
from registry.model.evidence import EvidenceState
from registry.model.records import ModelBrief
from registry.model.refs import SourceName
from registry.model.units import format_count

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

    from registry.model.records import Problem

ABOVE = "(see above)"
CIRCLE = "(a circle)"
FORK, LAST, TRUNK, SPACE = "├── ", "└── ", "│   ", "    "

Neighbours = defaultdict[str, list[tuple[str, Edge]]]


def lineage_tree(view: LineageView, width: int | None) -> RenderableType:
    """The graph unfolded around its root, one line per node. A model reached twice is drawn whole once; a
    circle ends where it closes."""
    from rich.console import Group
    from rich.text import Text

    briefs = {node.repo_id: node for node in view.nodes}
    bases: Neighbours = defaultdict(list)
    derivatives: Neighbours = defaultdict(list)
    for edge in sorted(view.edges, key=_order):
        bases[edge.derivative].append((edge.base, edge))
        derivatives[edge.base].append((edge.derivative, edge))
    lines = [_node(briefs[view.root])]
    made = "trained on it" if briefs[view.root].source is SourceName.DATA else "made of it"
    halves = [half for half in (("made from", bases), (made, derivatives)) if half[1][view.root]]
    for number, (heading, neighbours) in enumerate(halves, 1):
        last = number == len(halves)
        lines.append(_drawn(LAST if last else FORK, words(heading, "bold"), width))
        trunk = SPACE if last else TRUNK
        lines += [
            _drawn(trunk + prefix, label, width) for prefix, label in _unfold(view.root, neighbours, briefs)
        ]
    parts: list[RenderableType] = [*lines]
    if view.problems:
        parts += [Text(), Text("Problems", style="bold"), _problems(view.problems)]
    return Group(*parts)


def _problems(problems: Sequence[Problem]) -> RenderableType:
    """What is wrong, by code, and the command that mends it."""
    from rich.table import Table

    grid = Table.grid(padding=(0, 2, 0, 0), pad_edge=False)
    grid.add_column(style="yellow", no_wrap=True)
    grid.add_column(overflow="fold")
    for problem in problems:
        grid.add_row(words(f"  {problem.code}"), words(problem.message))
        if problem.mend:
            grid.add_row("", words(f"-> {problem.mend}", "dim"))
    return grid


def _unfold(
    root: str, neighbours: Neighbours, briefs: Mapping[str, ModelBrief]
) -> Iterator[tuple[str, Text]]:
    """Prefix and label of every line below `root`, depth first, so that what is "above" is above."""
    drawn, path = {root}, {root}
    trail = [(root, "", iter(neighbours[root]), len(neighbours[root]))]
    while trail:
        name, prefix, coming, left = trail.pop()
        step = next(coming, None)
        if step is None:
            path.discard(name)
            continue
        trail.append((name, prefix, coming, left - 1))
        neighbour, edge = step
        label = _node(briefs[neighbour], edge, _known(neighbour, path, drawn, neighbours))
        yield prefix + (FORK if left > 1 else LAST), label
        if neighbour not in drawn:
            drawn.add(neighbour)
            path.add(neighbour)
            further = neighbours[neighbour]
            trail.append((neighbour, prefix + (TRUNK if left > 1 else SPACE), iter(further), len(further)))


def _known(name: str, path: Set[str], drawn: Set[str], neighbours: Neighbours) -> str:
    """Why a line is not unfolded again."""
    if name in path:
        return CIRCLE
    return ABOVE if name in drawn and neighbours[name] else ""


def _drawn(prefix: str, label: Text, width: int | None) -> Text:
    from rich.text import Text

    # A chain that is deeper than the window is wide keeps half of the window for names.
    shown = prefix if width is None else prefix[-(width // 2 // len(SPACE)) * len(SPACE) :]
    line = Text(shown, style="dim", no_wrap=True, overflow="ellipsis")
    line.append_text(label)
    return line


def _node(brief: ModelBrief, edge: Edge | None = None, known: str = "") -> Text:
    from rich.text import Text

    label = Text(no_wrap=True, overflow="ellipsis")
    if edge:
        label.append(f"{edge.relation.value} ", style="not dim cyan")
    label.append_text(words(brief.repo_id, "not dim bold"))
    if known:
        label.append(f"  {known}", style="yellow" if known == CIRCLE else "")
    elif figures := _figures(brief):
        label.append_text(words(f"  {figures}", "not dim"))
    if brief.removed:
        label.append("  removed", style="not dim red")
    if edge and edge.state != EvidenceState.DECLARED:
        style = WEIGHED.get(EvidenceState(edge.state), "")
        label.append(f"  {edge.state.replace('_', ' ')}", style=f"not dim {style}".rstrip())
    return label


def _figures(brief: ModelBrief) -> str:
    """What is known of parameters, license and size; what is not is left out, lest a dash be taken for
    the wrong one of them."""
    if brief.source is SourceName.DATA:
        return ""
    if not brief.tracked and brief.observed_at is None:
        return "not read"
    parameters = None if brief.parameters is None else format_count(brief.parameters)
    stored = None if brief.logical_bytes is None else size(brief)
    return " · ".join(figure for figure in (parameters, brief.license, stored) if figure)


def _order(edge: Edge) -> tuple[bool, str, str, str]:
    return edge.relation is Relation.TRAINED_ON, edge.relation.value, edge.base, edge.derivative
