from __future__ import annotations

import numpy as np
import pytest

from registry.errors import DamagedFile
from registry.weights.fingerprint import SKETCH
from registry.weights.search import HASHES, Entry, Index, block_hashes, entry_of, find
from tests.weights.models import network, printed, tuned, zoo


def strangers(count: int) -> list[Entry]:
    dice = np.random.RandomState(0)
    levels = np.clip(dice.normal(0, 32, (count, SKETCH)), -127, 127).astype(np.int8)
    return [
        Entry(f"s/{i:05d}", row.tobytes(), tuple(dice.randint(0, 2**31, HASHES).tolist()))
        for i, row in enumerate(levels)
    ]


def test_relatives_come_first_among_strangers() -> None:
    base = network(1)
    relatives = {"copy": base, "child": tuned(base, 2), "grandchild": tuned(tuned(base, 2), 3)}
    index = Index([*strangers(6000), *(entry_of(name, printed(w)) for name, w in relatives.items())])
    assert len(index) == 6003
    found = find(printed(base), index, 5)
    assert [relative.name for relative in found[:3]] == ["copy", "child", "grandchild"]
    assert found[0].shared == HASHES
    assert found[2].similarity > 0.99
    assert found[3].similarity < 0.5


def test_a_frozen_part_is_found_by_its_hash() -> None:
    base, other = network(1), network(2)
    frozen = {**other, "model.embed_tokens.weight": base["model.embed_tokens.weight"]}
    index = Index([*strangers(500), entry_of("frozen", printed(frozen))])
    (first, *_) = find(printed(base), index)
    assert (first.name, first.shared) == ("frozen", 2)


def test_a_model_does_not_find_itself() -> None:
    entry = entry_of("a", printed(network(1)))
    index = Index([entry, entry_of("b", printed(network(1)))])
    assert [relative.name for relative in index.find(entry)] == ["b"]
    assert Index([]).find(entry) == []


def test_every_relative_of_the_zoo_is_found() -> None:
    truth, prints, _ = zoo()
    index = Index([*strangers(2000), *(entry_of(n, p) for n, p in prints.items() if not p.adapter)])
    for name, made in prints.items():
        if made.adapter or truth.kind(name) == "permuted":
            continue
        found = index.find(entry_of(name, made), 5)
        assert truth.relation(name, found[0].name) == "related", truth.models[name]["key"]


def test_blocks_of_zeros_join_nothing() -> None:
    base = network(1)
    empty = {name: np.zeros_like(values) for name, values in base.items()}
    assert block_hashes(printed(empty)) == ()
    assert len(block_hashes(printed(base))) == HASHES


def test_a_sketch_of_another_size_is_refused() -> None:
    with pytest.raises(DamagedFile, match="512"):
        Index([Entry("a", b"short")])
