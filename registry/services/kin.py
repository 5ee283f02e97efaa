"""Who is compared with whom: of everything fingerprinted, the models that may matter to one.

Few are all compared with each other. Of many, relatives are looked for from relative to relative until no new
one comes; where that leads to more than can be compared, the nearest of the model itself and of its declared
bases are taken.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from registry.catalog.catalog import Catalog
from registry.model.edges import Edge, Origin, Relation
from registry.model.evidence import FingerprintRecord
from registry.weights.fingerprint import Fingerprint

WHOLE = 96
"""Fingerprints compared with each other at most: some five thousand pairs."""
NEAREST = 24
"""Relatives taken of one model."""
ALIKE = 0.25
"""Cosine of sketches from which on a model is worth comparing: the best of 50,000 strangers reach 0.21."""
_HELD = 1024


@dataclass(frozen=True, slots=True)
class Circle:
    """Models to be studied together. closed: they are all that belong together, so that the study is the same
    whichever of them was asked about."""

    names: tuple[str, ...]
    closed: bool


class Kin:
    """Fingerprints and edges of one catalog, each asked for once. Not for use by several threads."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._prints: dict[str, tuple[FingerprintRecord, Fingerprint] | None] = {}
        self._near: dict[str, list[str]] = {}
        self._declared: dict[str, list[Edge]] = {}
        few = catalog.evidence.names(WHOLE + 1)
        self._everything = tuple(few) if len(few) <= WHOLE else None

    def declared(self, name: str) -> list[Edge]:
        """The edges to models that somebody claims, sorted by base; datasets are no models."""
        if name not in self._declared:
            self._declared[name] = [
                edge
                for edge in self._catalog.edges_up(name, 1)
                if edge.relation is not Relation.TRAINED_ON and set(edge.origins) != {Origin.WEIGHTS}
            ]
        return self._declared[name]

    def load(self, names: Iterable[str]) -> None:
        """Have the fingerprints of these at hand."""
        wanted = [name for name in names if name not in self._prints]
        if len(self._prints) + len(wanted) > _HELD:
            self._prints.clear()
        if wanted:
            found = self._catalog.evidence.fingerprints(wanted)
            self._prints |= {name: found.get(name) for name in wanted}

    def record(self, name: str) -> FingerprintRecord | None:
        """Where the fingerprint of a model comes from; `None` without one."""
        self.load([name])
        held = self._prints[name]
        return None if held is None else held[0]

    def fingerprints(self, names: Iterable[str]) -> dict[str, Fingerprint]:
        """The fingerprints of those that have one."""
        wanted = list(names)
        self.load(wanted)
        return {name: held[1] for name in wanted if (held := self._prints[name]) is not None}

    def circle(self, name: str) -> Circle:
        """The fingerprinted models that may matter to one, itself included, sorted."""
        if self._everything is not None:
            return Circle(self._everything, closed=True)
        found, queue = {name}, [name]
        while queue and len(found) <= WHOLE:
            for other in self._neighbours(queue.pop(0)):
                if other not in found:
                    found.add(other)
                    queue.append(other)
        if len(found) <= WHOLE:
            return Circle(tuple(sorted(found)), closed=True)
        bases = [edge.base for edge in self.declared(name) if self.record(edge.base) is not None]
        near = [name, *bases]
        for one in (name, *bases):
            near += self._neighbours(one)[:NEAREST]
        return Circle(tuple(sorted(list(dict.fromkeys(near))[:WHOLE])), closed=False)

    def _neighbours(self, name: str) -> list[str]:
        """Declared bases that have a fingerprint, then relatives, nearest first."""
        if name not in self._near:
            samples = self.fingerprints([name])[name]
            bases = [edge.base for edge in self.declared(name)]
            self.load(bases)
            relatives = self._catalog.evidence.relatives(name, samples, WHOLE + 1)
            alike = [one.name for one in relatives if one.shared or one.similarity >= ALIKE]
            known = [base for base in bases if self._prints[base] is not None]
            self._near[name] = list(dict.fromkeys([*known, *alike]))
        return self._near[name]


def in_order(edges: Sequence[Edge]) -> list[str]:
    """The bases of edges, each once."""
    return list(dict.fromkeys(edge.base for edge in edges))
