"""Masks over a whole graph: the same answer as following every edge by hand, whatever the order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.licenses import bulk
from registry.licenses.atoms import atoms_of
from registry.licenses.bulk import (
    LASTING,
    PASSAGES,
    AtomSpace,
    Flow,
    Masks,
    Passage,
    pairs_of,
    propagate,
    space_of,
)
from registry.licenses.propagate import effective as by_engine
from registry.licenses.table import load_table
from registry.model.edges import Edge, Relation

Link = tuple[int, int, Passage]
Case = tuple[Sequence[frozenset[int]], Sequence[Link]]

ATOMS = 140
"""Three words of bits."""


def reaches_outputs(atom: int) -> bool:
    return atom % 3 == 0


def by_hand(own: Sequence[frozenset[int]], links: Sequence[Link]) -> list[frozenset[int]]:
    """The definition, read aloud until nothing changes."""
    effective = list(own)
    while True:
        before = list(effective)
        for derivative, base, passage in links:
            passing = {
                Passage.ALL: effective[base],
                Passage.OUTPUTS: frozenset(filter(reaches_outputs, effective[base])),
                Passage.NONE: frozenset(),
            }
            effective[derivative] |= passing[passage]
        if effective == before:
            return effective


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Up to nine models with cycles, self-loops and double edges, every atom of three words possible."""
    own = draw(st.lists(st.frozensets(st.integers(0, ATOMS - 1), max_size=4), min_size=1, max_size=9))
    model = st.integers(0, len(own) - 1)
    return own, draw(st.lists(st.tuples(model, model, st.sampled_from(Passage)), max_size=25))


def flow_of(size: int, links: Sequence[Link]) -> Flow:
    columns = np.array(links, np.int32).reshape(-1, 3)
    return Flow.of(size, columns[:, 0], columns[:, 1], columns[:, 2].astype(np.uint8))


def effective(own: Sequence[frozenset[int]], links: Sequence[Link]) -> list[frozenset[int]]:
    space = AtomSpace(range(ATOMS))
    found = propagate(flow_of(len(own), links), space.masks(own), space.passing(reaches_outputs))
    return [frozenset(space.atoms(mask)) for mask in found.T]


@given(cases())
def test_as_by_hand(case: Case) -> None:
    assert effective(*case) == by_hand(*case)


@given(cases())
def test_as_by_hand_in_tiny_blocks(case: Case) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bulk, "BLOCK", 2)
        assert effective(*case) == by_hand(*case)


@given(cases(), st.randoms(use_true_random=False))
def test_the_order_of_edges_and_models_does_not_matter(case: Case, random: Random) -> None:
    own, links = case
    places = list(range(len(own)))
    random.shuffle(places)
    moved: list[frozenset[int]] = [frozenset()] * len(own)
    for model, place in enumerate(places):
        moved[place] = own[model]
    turned = [(places[derivative], places[base], passage) for derivative, base, passage in reversed(links)]
    expected = effective(own, links)
    assert [effective(moved, turned)[place] for place in places] == expected


@given(cases(), st.data())
def test_another_edge_takes_nothing_away(case: Case, data: st.DataObject) -> None:
    own, links = case
    model = st.integers(0, len(own) - 1)
    link = data.draw(st.tuples(model, model, st.sampled_from(Passage)))
    for before, after in zip(effective(own, links), effective(own, [*links, link]), strict=True):
        assert before <= after


@given(cases())
def test_a_second_run_changes_nothing(case: Case) -> None:
    own, links = case
    once = effective(own, links)
    assert effective(once, links) == once


@given(cases(), st.data())
def test_a_copy_has_exactly_its_bases_terms(case: Case, data: st.DataObject) -> None:
    own, links = case
    base = data.draw(st.integers(0, len(own) - 1))
    found = effective([*own, frozenset()], [*links, (len(own), base, Passage.ALL)])
    assert found[-1] == found[base]


@given(cases())
def test_one_word_is_the_same_as_its_row(case: Case) -> None:
    own, links = case
    space = AtomSpace(range(ATOMS))
    masks, passing = space.masks(own), space.passing(reaches_outputs)
    flow = flow_of(len(own), links)
    whole = propagate(flow, masks, passing)
    for word, row in enumerate(masks):
        np.testing.assert_array_equal(propagate(flow, row, passing[word]), whole[word])


LICENSES = (
    "mit",
    "cc-by-nc-4.0",
    "cc-by-sa-4.0",
    "cc-by-nd-4.0",
    "gemma",
    "llama2",
    "llama3.2",
    "bigscience-bloom-rail-1.0",
    "stabilityai-community",
    "flux-1-dev-nc",
    "agpl-3.0",
    "other",
)
models = st.integers(0, 6)
related = st.lists(st.tuples(models, models, st.sampled_from(Relation)), max_size=20)


@given(st.lists(st.sampled_from(LICENSES), min_size=7, max_size=7), related)
def test_as_the_engine_says(declared: list[str], links: list[tuple[int, int, Relation]]) -> None:
    """Every pair of kind and license that the engine sends to a model, and no other."""
    table = load_table()
    terms = {id_: found for id_ in LICENSES if (found := table.get(id_)) is not None}
    own = {
        str(model): tuple(atoms_of(terms[id_], multimodal=True)) if id_ in terms else ()
        for model, id_ in enumerate(declared)
    }
    edges = [Edge(str(derivative), str(base), relation, ()) for derivative, base, relation in links]
    expected = [
        {(atom.kind, atom.license) for atom in held if atom.kind in LASTING}
        for held in by_engine(own, edges, table).values()
    ]

    space, passing = space_of(table, declared, LASTING)
    masks = space.masks([pairs_of(terms[id_], LASTING) if id_ in terms else () for id_ in declared])
    flow = flow_of(len(own), [(derivative, base, PASSAGES[kind]) for derivative, base, kind in links])
    assert [set(space.atoms(mask)) for mask in propagate(flow, masks, passing).T] == expected


def test_restrictions_of_the_whole_table_take_two_words() -> None:
    table = load_table()
    space, passing = space_of(table, table.ids())
    assert (space.words, passing.shape) == (2, (2, len(Passage)))


def test_unknown_ids_have_no_bits() -> None:
    space, _ = space_of(load_table(), ["no-such-license", "mit"])
    assert len(space) == 0


def test_unless_told_otherwise_all_edges_let_everything_pass() -> None:
    links = [(1, 0, Passage.ALL), (2, 1, Passage.OUTPUTS), (3, 2, Passage.NONE)]
    found = propagate(flow_of(4, links), np.array([0b11, 0, 0, 0b100], np.uint8))
    assert found.tolist() == [0b11, 0b11, 0b11, 0b100]


def test_own_masks_stay_as_they_are() -> None:
    own = np.array([1, 0], np.uint16)
    found = propagate(flow_of(2, [(1, 0, Passage.ALL)]), own)
    assert (own.tolist(), found.tolist(), found.dtype) == ([1, 0], [1, 1], own.dtype)


def test_a_merge_of_many_gets_the_bits_of_each() -> None:
    bases = 64
    links = [(bases, base, Passage.ALL) for base in range(bases)]
    own = np.append(np.uint64(1) << np.arange(bases, dtype=np.uint64), np.uint64(0))
    assert propagate(flow_of(bases + 1, links), own)[bases] == np.iinfo(np.uint64).max


def test_a_hub_wider_than_a_block() -> None:
    size = 3 * bulk.BLOCK
    derivatives = np.arange(1, size, dtype=np.int32)
    flow = Flow.of(size, derivatives, np.zeros(size - 1, np.int32))
    own = np.zeros(size, np.uint8)
    own[0] = 1
    assert propagate(flow, own).all()


def test_a_long_cycle_ends() -> None:
    size = 2_000
    models = np.arange(size, dtype=np.int32)
    own = np.zeros(size, np.uint8)
    own[[7, 1_500]] = 1, 2
    assert (propagate(Flow.of(size, (models + 1) % size, models), own) == 3).all()


def test_no_edges_and_no_models() -> None:
    nothing = np.zeros(0, np.int32)
    assert propagate(Flow.of(0, nothing, nothing), np.zeros(0, np.uint8)).shape == (0,)
    assert propagate(Flow.of(2, nothing, nothing), np.array([1, 2], np.uint8)).tolist() == [1, 2]


def test_edges_that_pass_nothing_cost_nothing() -> None:
    flow = flow_of(3, [(1, 0, Passage.NONE), (2, 1, Passage.ALL)])
    assert (flow.derivatives.tolist(), flow.is_base.tolist()) == ([2], [False, True, False])
    assert flow.passages is None


@pytest.mark.parametrize(
    ("derivatives", "bases", "passages", "said"),
    [
        ([0, 1], [0], None, "length"),
        ([0], [0], [0, 0], "length"),
        ([2], [0], None, "leaves the 2 models"),
        ([0], [-1], None, "leaves the 2 models"),
    ],
)
def test_edges_that_make_no_graph(
    derivatives: list[int], bases: list[int], passages: list[int] | None, said: str
) -> None:
    kinds = None if passages is None else np.array(passages, np.uint8)
    with pytest.raises(ValueError, match=said):
        Flow.of(2, np.array(derivatives), np.array(bases), kinds)


@pytest.mark.parametrize(
    ("own", "passing", "said"),
    [
        (np.zeros(3, np.uint8), None, "own has the shape"),
        (np.zeros((2, 2), np.uint8), np.zeros((1, 3), np.uint8), "for 2 words"),
        (np.zeros(2, np.uint8), np.zeros(2, np.uint8), "passing has the shape"),
    ],
)
def test_masks_that_do_not_fit(own: Masks, passing: Masks | None, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        propagate(flow_of(2, [(1, 0, Passage.ALL)]), own, passing)


@given(st.sets(st.integers(0, ATOMS - 1)))
def test_a_mask_tells_its_atoms(atoms: set[int]) -> None:
    space = AtomSpace(range(ATOMS))
    assert space.atoms(space.mask(atoms)) == tuple(sorted(atoms))


WIDTHS: Mapping[int, tuple[str, int]] = {
    0: ("uint8", 1),
    8: ("uint8", 1),
    9: ("uint16", 1),
    32: ("uint32", 1),
    33: ("uint64", 1),
    64: ("uint64", 1),
    65: ("uint64", 2),
}


@pytest.mark.parametrize("count", WIDTHS)
def test_masks_are_as_narrow_as_they_can_be(count: int) -> None:
    space = AtomSpace(("nc", number) for number in range(count))
    assert (space.dtype.name, space.words) == WIDTHS[count]
    assert len(space) == count
    whole = [("nc", number) for number in range(count)]
    assert space.atoms(space.mask(whole)) == tuple(whole)


def test_atoms_are_numbered_once_in_their_order() -> None:
    space = AtomSpace("bab")
    assert [int(space.mask(atom)[0]) for atom in "ba"] == [1, 2]
    with pytest.raises(KeyError):
        space.mask("c")


def test_a_chain_passes_everything_on() -> None:
    """A mislabelled model in the middle does not stop what its own base imposed."""
    space = AtomSpace([("nc", "cc-by-nc-4.0"), ("vendor", "gemma")])
    own = space.masks([[("nc", "cc-by-nc-4.0")], [], [("vendor", "gemma")], []])
    links = [(after, before, Passage.ALL) for before, after in pairwise(range(4))]
    found = propagate(flow_of(4, links), own)
    assert space.atoms(found[:, 1]) == (("nc", "cc-by-nc-4.0"),)
    assert space.atoms(found[:, 3]) == (("nc", "cc-by-nc-4.0"), ("vendor", "gemma"))
