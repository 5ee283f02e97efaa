"""What reaches every model of a whole graph, as bit masks over NumPy arrays.

The rule is that of `registry.licenses.propagate`, `effective(m) = own(m) + T_edge(effective(base))` for every
edge, without the ways and without what changes on them: an atom is here a pair of kind and license. Use it
to tell what millions of models are subject to, and which of them are worth an explanation.

A mask has one bit per atom, in as many words as the atoms need; arrays of masks hold one row per word:
`masks[word, model]`. Bits only ever get set, so the fixed point is unique, exists on cycles too, and does
not depend on any order. Time goes with the edges that bits move along, once per word; memory is the result,
the edges, and scratch for `BLOCK` edges plus those of the one base with most derivatives.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from registry.licenses.atoms import IMPOSING, Atom, Kind, atoms_of, passed
from registry.licenses.table import LicenseTable, Terms
from registry.model.edges import Relation

Masks = NDArray[np.unsignedinteger[Any]]
Numbers = NDArray[np.integer[Any]]
A = TypeVar("A", bound=Hashable)

Pair = tuple[Kind, str]
"""A kind of atom and the id of the license it is of."""

LASTING = IMPOSING | {Kind.LICENSE, Kind.PREFIX, Kind.DISPLAY, Kind.NOTICE}
"""Kinds that stay what they are on every edge that lets them pass; the others only the engine can follow."""

WORD = 64
"""Bits of the widest word."""

BLOCK = 1 << 16
"""Edges looked at together: their scratch stays in the cache."""


class Passage(IntEnum):
    """What an edge lets through: a derivative of the weights takes everything, a model trained on outputs
    only what reaches outputs, a model trained on a dataset nothing."""

    ALL = 0
    OUTPUTS = 1
    NONE = 2


PASSAGES: Mapping[Relation, Passage] = MappingProxyType(
    dict.fromkeys(Relation, Passage.ALL)
    | {Relation.DISTILLED: Passage.OUTPUTS, Relation.TRAINED_ON: Passage.NONE}
)
"""What the edges of each relation let through, of the kinds in `LASTING`."""


class AtomSpace(Generic[A]):
    """The bit of every atom, in the order given: bit `i % 64` of word `i // 64`.

    dtype: the narrowest unsigned integer that holds all atoms, 64 bits wide when they need several words.
    """

    def __init__(self, atoms: Iterable[A]) -> None:
        self._atoms = tuple(dict.fromkeys(atoms))
        self._bits = {atom: bit for bit, atom in enumerate(self._atoms)}
        self.words = max(1, -(-len(self._atoms) // WORD))
        widths = (8, 16, 32, WORD)
        width = next((width for width in widths if len(self._atoms) <= width), WORD)
        self.dtype: np.dtype[np.unsignedinteger[Any]] = np.dtype(f"u{width // 8}")

    def __len__(self) -> int:
        return len(self._atoms)

    def mask(self, atoms: Iterable[A]) -> Masks:
        """The mask of some atoms, one number per word. Raises `KeyError` for an atom without a bit."""
        words = [0] * self.words
        for atom in atoms:
            word, bit = divmod(self._bits[atom], WORD)
            words[word] |= 1 << bit
        return np.array(words, self.dtype)

    def masks(self, groups: Sequence[Iterable[A]]) -> Masks:
        """The masks of many sets of atoms, `masks[word, group]`; index them with each model's group to get
        the own masks of all models: `space.masks(groups)[:, group_of_model]`."""
        found = np.zeros((self.words, len(groups)), self.dtype)
        for column, atoms in enumerate(groups):
            found[:, column] = self.mask(atoms)
        return found

    def atoms(self, mask: Masks) -> tuple[A, ...]:
        """The atoms of a mask, in the order of their bits."""
        return tuple(atom for bit, atom in enumerate(self._atoms) if int(mask[bit // WORD]) >> bit % WORD & 1)

    def passing(self, reaches_outputs: Callable[[A], bool]) -> Masks:
        """What each `Passage` lets through, `[word, passage]`, given which atoms reach outputs."""
        outputs = [atom for atom in self._atoms if reaches_outputs(atom)]
        return self.masks([self._atoms, outputs, ()])


def pairs_of(terms: Terms, kinds: Iterable[Kind] = IMPOSING, *, multimodal: bool = True) -> frozenset[Pair]:
    """The pairs of one license whose kind is among `kinds`, which are to be in `LASTING`."""
    wanted = LASTING.intersection(kinds)
    found = atoms_of(terms, multimodal=multimodal)
    return frozenset((atom.kind, atom.license) for atom in found if atom.kind in wanted)


def space_of(
    table: LicenseTable, ids: Iterable[str], kinds: Iterable[Kind] = IMPOSING
) -> tuple[AtomSpace[Pair], Masks]:
    """A bit for every pair of these licenses, and what each passage lets through.

    Ids the table does not know have no bits. The restrictions of all 118 licenses take two words, those of
    the licenses a catalog knows mostly one.
    """
    wanted = frozenset(kinds)
    known = [terms for id_ in sorted(set(ids)) if (terms := table.get(id_)) is not None]
    space = AtomSpace(pair for terms in known for pair in sorted(pairs_of(terms, wanted)))

    def reaches_outputs(pair: Pair) -> bool:
        return passed(Atom(*pair), Relation.DISTILLED, table.get(pair[1])) is not None

    return space, space.passing(reaches_outputs)


@dataclass(frozen=True, slots=True)
class Flow:
    """The edges of a graph of `size` models, grouped by base.

    The derivatives of model b are `derivatives[starts[b] : starts[b + 1]]`; is_base: whether b has any.
    passages: the `Passage` of each of these edges, `None` when all are `ALL`. Edges that let nothing pass
    are left out.
    """

    size: int
    starts: Numbers
    is_base: NDArray[np.bool]
    derivatives: Numbers
    passages: NDArray[np.uint8] | None

    @classmethod
    def of(
        cls, size: int, derivatives: Numbers, bases: Numbers, passages: NDArray[np.uint8] | None = None
    ) -> Flow:
        """Group edges given as parallel arrays of model numbers from 0; the same edge may come twice.

        Raises `ValueError` for arrays of different lengths and for numbers outside the graph.
        """
        if len(derivatives) != len(bases) or (passages is not None and len(passages) != len(bases)):
            raise ValueError("derivatives, bases and passages differ in length")
        for ends in (derivatives, bases):
            if len(ends) and not (ends.min() >= 0 and ends.max() < size):
                raise ValueError(f"an edge leaves the {size:,} models")
        if passages is not None:
            kept = np.flatnonzero(passages != Passage.NONE)
            if len(kept) < len(passages):
                derivatives, bases, passages = derivatives[kept], bases[kept], passages[kept]
            if not passages.any():
                passages = None
        narrow: type[np.int32 | np.int64] = np.int32 if max(size, len(bases)) < 1 << 31 else np.int64
        starts: Numbers = np.zeros(size + 1, narrow)
        np.cumsum(np.bincount(bases, minlength=size), out=starts[1:])
        order = np.argsort(bases, kind="stable")
        return cls(
            size,
            starts,
            starts[1:] > starts[:-1],
            derivatives[order].astype(narrow),
            None if passages is None else passages[order],
        )


def propagate(flow: Flow, own: Masks, passing: Masks | None = None) -> Masks:
    """The effective masks of all models, in the shape of `own`, which stays as it is.

    own: `own[word, model]`, or one flat row when a single word is enough. passing: `passing[word, passage]`
    as of `AtomSpace.passing`, flat when `own` is; `None` lets everything pass along every edge that `flow`
    has. Raises `ValueError` when the shapes do not fit each other.
    """
    if own.shape[-1:] != (flow.size,):
        raise ValueError(f"own has the shape {own.shape} for {flow.size:,} models")
    effective = np.array(own, order="C")
    rows = np.atleast_2d(effective)
    if passing is None:
        passing = np.full((len(rows), len(Passage)), np.iinfo(own.dtype).max, own.dtype)
    passing = np.atleast_2d(passing).astype(own.dtype)
    if passing.shape != (len(rows), len(Passage)):
        raise ValueError(f"passing has the shape {passing.shape} for {len(rows)} words")
    for row, allowed in zip(rows, passing, strict=True):
        _settle(flow, row, allowed if _holds_back(flow, row, allowed) else None)
    return effective


def _holds_back(flow: Flow, masks: Masks, passing: Masks) -> bool:
    """Whether any edge keeps back any of the bits in use."""
    if flow.passages is None:
        return False
    always = passing[Passage.ALL] & passing[Passage.OUTPUTS]
    return bool(np.bitwise_or.reduce(masks, initial=0) & ~always)


def _settle(flow: Flow, masks: Masks, passing: Masks | None) -> None:
    """Carry bits along the edges, in place, until nothing changes.

    Each round goes over the edges of the models that gained bits in the round before. passing: the mask of
    each passage, `None` when no edge holds anything back.
    """
    moving: Numbers = np.flatnonzero((masks != 0) & flow.is_base)
    while len(moving):
        gained = [found for block in _blocks(flow, moving) for found in _spread(flow, masks, passing, *block)]
        moving = _distinct(np.concatenate([some[flow.is_base[some]] for some in gained] or [moving[:0]]))


def _blocks(flow: Flow, bases: Numbers) -> Iterator[tuple[Numbers, Numbers]]:
    """The bases and how many derivatives each has, in pieces of about `BLOCK` edges."""
    counts = flow.starts[bases + 1] - flow.starts[bases]
    ends = np.cumsum(counts, dtype=np.int64)
    cuts = np.searchsorted(ends, np.arange(BLOCK, ends[-1], BLOCK))
    for begin, end in zip((0, *cuts), (*cuts, len(bases)), strict=True):
        if begin < end:
            yield bases[begin:end], counts[begin:end]


def _spread(
    flow: Flow, masks: Masks, passing: Masks | None, bases: Numbers, counts: Numbers
) -> Iterator[Numbers]:
    """Give the derivatives of these bases what passes to them; yields those that gained a bit.

    Several bases may write to one derivative at once, where the last one wins: whoever finds bits of its own
    missing afterwards writes again. A written mask contains what was there before, so no bit is ever lost.
    """
    ends = np.cumsum(counts, dtype=flow.starts.dtype)
    edges = np.arange(ends[-1], dtype=ends.dtype) + np.repeat(flow.starts[bases] - ends + counts, counts)
    targets = flow.derivatives[edges]
    bits = np.repeat(masks[bases], counts)
    if passing is not None and flow.passages is not None:
        bits &= passing[flow.passages[edges]]
    while True:
        bits &= ~masks[targets]
        missing = np.flatnonzero(bits)
        if not len(missing):
            return
        targets, bits = targets[missing], bits[missing]
        masks[targets] |= bits
        yield targets


def _distinct(numbers: Numbers) -> Numbers:
    """The numbers in order, each once (`np.unique` hashes, which takes several times as long here)."""
    numbers.sort()
    return numbers[np.flatnonzero(np.diff(numbers, prepend=-1))]
