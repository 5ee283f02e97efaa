"""What reaches every model: its own atoms and, over every edge, what the edge lets pass of its base's.

`effective(m) = own(m) + T_edge(effective(base))` for every edge of `m`. Atoms only get added, so this ends,
on cycles too. Every atom keeps the shortest way it came, of equal ones the first in alphabetical order, so
that the result depends on no order of models or edges.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from registry.licenses.atoms import Atom, passed
from registry.licenses.table import LicenseTable
from registry.model.edges import Edge


@dataclass(frozen=True, slots=True)
class Held:
    """An atom as a model holds it. edge, above: the edge it came over and how the base holds it, both
    `None` for the model's own; length: edges on the way."""

    atom: Atom
    model: str
    length: int = 0
    edge: Edge | None = None
    above: Held | None = None

    def way(self) -> tuple[Held, ...]:
        """Every holder from this model to the root of the atom."""
        found: list[Held] = [self]
        while (above := found[-1].above) is not None:
            found.append(above)
        return tuple(found)

    @property
    def root(self) -> str:
        """The model whose own license the atom is of."""
        held = self
        while held.above is not None:
            held = held.above
        return held.model

    def edges(self) -> tuple[Edge, ...]:
        """The edges of the way, nearest first."""
        return tuple(held.edge for held in self.way() if held.edge is not None)


Effective = Mapping[str, Mapping[Atom, Held]]


def effective(
    own: Mapping[str, Iterable[Atom]], edges: Iterable[Edge], table: LicenseTable
) -> dict[str, dict[Atom, Held]]:
    """The atoms that reach every model of `own`, by atom. Edges to models outside `own` are left alone."""
    held: dict[str, dict[Atom, Held]] = {
        model: {atom: Held(atom, model) for atom in atoms} for model, atoms in own.items()
    }
    below: dict[str, list[Edge]] = {}
    for edge in edges:
        if edge.derivative in held and edge.base in held:
            below.setdefault(edge.base, []).append(edge)
    frontier = [one for atoms in held.values() for one in atoms.values()]
    while frontier:
        # All ways of one length are compared before any of them is taken further: this keeps the shortest.
        arriving: dict[tuple[str, Atom], Held] = {}
        for one in frontier:
            terms = table.get(one.atom.license)
            for edge in below.get(one.model, ()):
                atom = passed(one.atom, edge.relation, terms)
                if atom is None or atom in held[edge.derivative]:
                    continue
                arrived = Held(atom, edge.derivative, one.length + 1, edge, one)
                rival = arriving.get((edge.derivative, atom))
                if rival is None or _order(arrived) < _order(rival):
                    arriving[edge.derivative, atom] = arrived
        for (model, atom), one in arriving.items():
            held[model][atom] = one
        frontier = list(arriving.values())
    return held


def arriving(
    edges: Iterable[Edge], held: Mapping[str, Mapping[Atom, Held]], table: LicenseTable
) -> dict[Atom, Held]:
    """What comes to one model over some of its edges, apart from what it holds of its own."""
    found: dict[Atom, Held] = {}
    for edge in edges:
        for above in held.get(edge.base, {}).values():
            atom = passed(above.atom, edge.relation, table.get(above.atom.license))
            if atom is None:
                continue
            arrived = Held(atom, edge.derivative, above.length + 1, edge, above)
            rival = found.get(atom)
            if rival is None or (arrived.length, _order(arrived)) < (rival.length, _order(rival)):
                found[atom] = arrived
    return found


def _order(held: Held) -> tuple[tuple[str, str, Atom], ...]:
    return tuple((step.model, step.edge.relation if step.edge else "", step.atom) for step in held.way())
