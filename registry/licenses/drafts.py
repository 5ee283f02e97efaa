"""A finding before severity rules, waivers and fingerprints: what a check says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from registry.licenses.findings import Severity, Term
from registry.licenses.propagate import Held
from registry.licenses.table import Terms
from registry.licenses.words import term_text
from registry.model.edges import Edge


@dataclass(frozen=True, slots=True)
class Draft:
    """severity: another than the code's default, `None` for that. way: edges from the model to the cause.
    lowered: one level less than it would be, because an adapter's label is meant."""

    code: str
    message: str
    fix: str
    way: tuple[Edge, ...] = ()
    term: Term | None = None
    expected: str | None = None
    evidence: str | None = None
    severity: Severity | None = None
    lowered: bool = False


def term_of(terms: Terms, fact: str) -> Term:
    """A fact of a license as a term: its clause, and what it says in our words."""
    return Term(terms.id, terms.clause(fact), term_text(terms, fact))


def along(held: Held) -> tuple[Edge, ...]:
    """The way an atom came."""
    return held.edges()


def route(edges: Sequence[Edge]) -> str:
    """Where something comes from, for a sentence: the root, and over what."""
    if not edges:
        return "this model"
    over = [edge.base for edge in edges[:-1]]
    return edges[-1].base + (f" (over {' and '.join(over)})" if over else "")
