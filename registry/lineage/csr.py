"""The lineage of a whole catalog in a few flat arrays, for questions that touch most of it.

Compressed sparse rows: the derivatives of all bases stand in one array, base after base, and a second array
says where each base's begin. Models are numbered from 0 in the order of their ids, so that gaps between ids
cost nothing; only models that have a base or a derivative are in. Walks go level by level, a whole level at
a time, visit every model once and so end on circles too. NumPy alone; import this module where it is needed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from registry.model.edges import Relation

Numbers = NDArray[np.integer[Any]]
Flags = NDArray[np.bool]

RELATIONS: tuple[Relation, ...] = (
    Relation.FINETUNE,
    Relation.ADAPTER,
    Relation.MERGE,
    Relation.QUANTIZED,
    Relation.DISTILLED,
    Relation.UNKNOWN,
)
"""The relations between models, by the code that stands for each. Codes are stored: new ones go to the end.
A dataset is nobody's base, so that edges to datasets are no part of these graphs."""

_SPARSE = 8
"""Ids are numbered through a table of all possible ones unless so many times more are possible than used."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Neighbours of node n: `targets[starts[n] : starts[n + 1]]`."""

    starts: Numbers
    targets: Numbers

    @property
    def size(self) -> int:
        """How many nodes."""
        return len(self.starts) - 1

    @property
    def degrees(self) -> Numbers:
        """How many neighbours each node has."""
        return self.starts[1:] - self.starts[:-1]

    def places(self, nodes: Numbers) -> Numbers:
        """Where in `targets` the neighbours of these nodes stand, node after node."""
        begins = self.starts[nodes]
        counts = self.starts[nodes + 1] - begins
        ends = np.cumsum(counts)
        places: Numbers = np.repeat(begins - ends + counts, counts)
        places += np.arange(len(places))
        return places

    def of(self, nodes: Numbers) -> Numbers:
        """The neighbours of these nodes, node after node."""
        if len(nodes) == 1:
            return self.targets[self.starts[nodes[0]] : self.starts[nodes[0] + 1]]
        return self.targets[self.places(nodes)]

    def sources(self) -> Numbers:
        """The node each of `targets` is a neighbour of."""
        return np.repeat(np.arange(self.size, dtype=self.targets.dtype), self.degrees)

    def kept(self, places: Flags) -> Rows:
        """The same nodes with some of their neighbours only."""
        counts = np.concatenate(([0], np.cumsum(places)))
        return Rows(counts[self.starts], self.targets[places])

    def turned(self) -> Rows:
        """The other direction: for each node the nodes it is a neighbour of, in order."""
        return Rows.between(self.size, self.targets, self.sources())

    @classmethod
    def between(cls, size: int, sources: Numbers, targets: Numbers) -> Rows:
        """Group pairs of nodes given in any order."""
        # Both ends in one number sort faster than one end drags the other along.
        pairs = (sources.astype(np.int64) << 32) | targets
        pairs.sort()
        starts = np.zeros(size + 1, np.int32)
        np.cumsum(np.bincount(sources, minlength=size), out=starts[1:])
        return cls(starts, (pairs & 0xFFFFFFFF).astype(np.int32))


class LineageGraph:
    """Every edge between models of a catalog.

    ids: of the models by number, ascending. down: the derivatives of each. relations: the code in
    `RELATIONS` of each edge, in the order of `down.targets`. version: of the lineage this is made from.
    """

    def __init__(self, version: int, ids: Numbers, down: Rows, relations: NDArray[np.uint8]) -> None:
        self.version = version
        self.ids = ids
        self.down = down
        self.relations = relations

    @classmethod
    def of(
        cls, version: int, bases: Numbers, derivatives: Numbers, relations: NDArray[np.uint8]
    ) -> LineageGraph:
        """From edges as parallel arrays of model ids, in any order, no pair twice."""
        ids, (bases, derivatives) = _numbered(bases, derivatives)
        # Base, derivative and relation in one number, as above.
        edges = (bases << 34) | (derivatives << 3) | relations
        if np.any(edges[1:] < edges[:-1]):
            edges.sort()
        starts = np.zeros(len(ids) + 1, np.int32)
        np.cumsum(np.bincount(bases, minlength=len(ids)), out=starts[1:])
        down = Rows(starts, ((edges >> 3) & 0x7FFFFFFF).astype(np.int32))
        return cls(version, ids, down, (edges & 7).astype(np.uint8))

    @property
    def size(self) -> int:
        """How many models."""
        return len(self.ids)

    @cached_property
    def up(self) -> Rows:
        """The bases of each model."""
        return self.down.turned()

    @cached_property
    def loops(self) -> Flags:
        """Which edges lead from a model to itself, in the order of `down.targets`."""
        return np.equal(self.down.sources(), self.down.targets)

    def number(self, model_id: int) -> int | None:
        """The number of the model with that id; `None` when it has neither base nor derivative."""
        number = int(np.searchsorted(self.ids, model_id))
        return number if number < self.size and self.ids[number] == model_id else None

    def levels(self, start: int) -> Iterator[Numbers]:
        """The derivatives of a model, then theirs, and so on: each model once, at its shortest distance."""
        seen = np.zeros(self.size, bool)
        seen[start] = True
        level = np.array([start])
        while len(level):
            found = self.down.of(level)
            found = distinct(found[~seen[found]])
            seen[found] = True
            if len(found):
                yield found
            level = found[self.down.starts[found + 1] > self.down.starts[found]]

    def descendants(self, start: int) -> Numbers:
        """Every model that descends from one, itself left out, nearest first."""
        return np.concatenate([*self.levels(start), np.zeros(0, np.int32)])

    def is_sound(self) -> bool:
        """Whether the arrays fit together, so that no walk can leave them."""
        starts, targets = self.down.starts, self.down.targets
        return (
            len(starts) == self.size + 1
            and len(self.relations) == len(targets)
            and int(starts[0]) == 0
            and int(starts[-1]) == len(targets)
            and not np.any(starts[1:] < starts[:-1])
            and not np.any(self.ids[1:] <= self.ids[:-1])
            and (not len(targets) or (int(targets.min()) >= 0 and int(targets.max()) < self.size))
            and (not len(targets) or int(self.relations.max()) < len(RELATIONS))
        )


def distinct(numbers: Numbers) -> Numbers:
    """The numbers in order, each once (`np.unique` hashes, which takes several times as long here)."""
    ordered = np.sort(numbers)
    return ordered[np.concatenate(([True], ordered[1:] != ordered[:-1]))] if len(ordered) else ordered


def _numbered(*columns: Numbers) -> tuple[Numbers, list[Numbers]]:
    """All ids that occur, ascending, and the columns with numbers in place of ids."""
    top = max((int(column.max()) for column in columns if len(column)), default=0)
    if top > _SPARSE * sum(map(len, columns)) + 1_000_000:
        ids, numbers = np.unique(np.concatenate(columns), return_inverse=True)
        return ids, np.split(numbers.astype(np.int64), np.cumsum([len(column) for column in columns])[:-1])
    known = np.zeros(top + 1, bool)
    for column in columns:
        known[column] = True
    ids = np.flatnonzero(known)
    number = np.cumsum(known, dtype=np.int64)
    number -= 1
    return ids, [number[column] for column in columns]
