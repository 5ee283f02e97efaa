"""What a drawn graph says about a model, and the names its nodes have inside the drawing."""

from __future__ import annotations

from registry.contract import LineageView
from registry.exports.text import clean
from registry.model.edges import Edge
from registry.model.evidence import EvidenceState
from registry.model.records import ModelBrief
from registry.model.units import format_count

MAX_LABEL = 300
"""Ids on the Hub end at 257 characters; only a local path can be longer."""


def node_names(view: LineageView) -> dict[str, str]:
    """A short safe name per node (`n0`, `n1`, ...): two models whose names look alike stay two."""
    return {node.repo_id: f"n{index}" for index, node in enumerate(view.nodes)}


def edge_label(edge: Edge) -> str:
    """How a derivative was made, and what the weights say of it where they were asked."""
    measured = edge.state != EvidenceState.DECLARED
    return f"{edge.relation}, {edge.state.replace('_', ' ')}" if measured else str(edge.relation)


def label_lines(node: ModelBrief) -> list[str]:
    """Name first, then what is known: license and parameters, and whether it is gone."""
    name = clean(node.repo_id) or "?"
    known = [clean(node.license)] if node.license else []
    if node.parameters is not None:
        known.append(format_count(node.parameters))
    if node.removed:
        known.append("removed")
    lines = [name if len(name) <= MAX_LABEL else f"{name[: MAX_LABEL - 3]}..."]
    return [*lines, " · ".join(known)[:MAX_LABEL]] if known else lines
