from __future__ import annotations

import numpy as np
import pytest

from registry.weights.compare import Samples, compare, covered_share, is_copy
from registry.weights.permuted import CHANCE, row_distance, whole_rows
from registry.weights.sampling import Tier
from tests.weights.models import network, printed, samples, tuned, zoo


def test_a_model_is_a_copy_of_itself_in_every_precision() -> None:
    weights = network(1)
    for dtype in ("BF16", "F16", "F32"):
        pair = compare(samples(weights), samples(weights, dtype))
        # The smallest numbers lose digits in float16.
        assert (pair.score, pair.equal) == (pytest.approx(1), pytest.approx(1, abs=3e-4))
        assert pair.relative_distance == pytest.approx(0, abs=1e-4)
        assert is_copy(pair, samples(weights), samples(weights, dtype))


def test_relatives_and_strangers() -> None:
    base = samples(network(1))
    child = compare(base, samples(tuned(network(1), 2)))
    assert child.score > 0.99
    assert child.relative_distance == pytest.approx(0.01, rel=0.2)
    stranger = compare(base, samples(network(3)))
    assert stranger.blocks == child.blocks
    assert stranger.score < 0.15
    assert stranger.relative_distance == pytest.approx(2**0.5, rel=0.05)


def test_comparing_is_symmetric() -> None:
    a, b = samples(network(1)), samples(tuned(network(1), 2))
    there, back = compare(a, b), compare(b, a).turned()
    assert there.left == back.left
    assert np.array_equal(there.distance, back.distance)


def test_dropped_layers_are_matched() -> None:
    deep = network(1, layers=5)
    shallow = {name: v for name, v in deep.items() if "layers.2" not in name}
    for old, new in ((3, 2), (4, 3)):
        shallow |= {
            n.replace(f"layers.{old}", f"layers.{new}"): v for n, v in deep.items() if f"layers.{old}" in n
        }
    shallow = {name: v for name, v in shallow.items() if "layers.4" not in name}
    pair = compare(samples(shallow), samples(deep))
    assert pair.equal == 1
    matched = {a.layer: b.layer for a, b in zip(pair.left, pair.right, strict=True) if a.layer >= 0}
    assert matched == {0: 0, 1: 1, 2: 3, 3: 4}
    stranger = compare(samples(shallow), samples(network(2, layers=5)))
    assert all(slot.layer == -1 for slot in stranger.left)


def test_other_shapes_are_not_compared() -> None:
    pair = compare(samples(network(1)), samples(network(1, width=32)))
    assert (pair.blocks, pair.score, pair.relative_distance) == (0, 0.0, None)


def test_a_grown_vocabulary_is_compared() -> None:
    weights = network(1)
    grown = {**weights, "lm_head.weight": np.concatenate([weights["lm_head.weight"]] * 2)[:131]}
    assert compare(samples(weights), samples(grown)).equal == 1


def test_the_source_of_a_quantized_file_rounds_to_it() -> None:
    _, prints, names = zoo()
    for child, parent, other in (("A.int8", "A", "A.a"), ("A.d.fp8", "A.d", "A"), ("A.a.q8", "A.a", "A")):
        quantized = Samples(prints[names[child]])
        right = covered_share(quantized, Samples(prints[names[parent]]))
        wrong = covered_share(quantized, Samples(prints[names[other]]))
        assert right is not None
        assert wrong is not None
        assert right > 0.999
        assert wrong < 0.98
    assert covered_share(samples(network(1)), samples(network(1))) is None


def test_shuffled_rows_hold_the_same_values() -> None:
    weights = network(1)
    order = np.random.RandomState(0).permutation(64)
    mixed = {n: v[order] if "o_proj" in n or "down" in n else v[:, order] for n, v in weights.items()}
    a, b, c = samples(weights), samples(mixed), samples(network(2))
    assert compare(a, b).score < 0.3

    def distance(one: Samples, other: Samples) -> float | None:
        return row_distance(one, other, whole_rows(one), whole_rows(other))

    assert distance(a, b) == 0
    far = distance(a, c)
    assert far is not None
    assert far > 1.5 > CHANCE
    assert distance(a, samples(network(1, layers=3))) is None


def test_wide_rows_need_the_extended_tier() -> None:
    weights = network(1, layers=1, width=768, inner=64)
    order = np.random.RandomState(0).permutation(768)
    mixed = {n: v[order] if "o_proj" in n or "down" in n else v[:, order] for n, v in weights.items()}
    models = {"a": weights, "b": mixed, "c": network(2, layers=1, width=768, inner=64)}
    for tier, seen in ((Tier.STANDARD, False), (Tier.EXTENDED, True)):
        made = {name: Samples(printed(w, tier=tier)) for name, w in models.items()}
        rows = {name: whole_rows(s) for name, s in made.items()}
        near = row_distance(made["a"], made["b"], rows["a"], rows["b"])
        far = row_distance(made["a"], made["c"], rows["a"], rows["c"])
        assert (near == 0) == seen
        assert (far is not None and far > 1.5) == seen


def test_a_shared_embedding_is_no_shuffled_model() -> None:
    weights, other = network(1), network(2)
    shared = {n: weights[n] if "embed" in n or "head" in n else v for n, v in other.items()}
    a, b = samples(weights), samples(shared)
    far = row_distance(a, b, whole_rows(a), whole_rows(b))
    assert far is not None
    assert far > 1.5
