"""What differences take, told from samples: the splitting loses nothing, the range holds what it says."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.model.estimate import EXACT
from registry.weights import deltas
from registry.weights.deltas import BLOCK, Block, add_up, blocks_of, choose, compressed, estimate, split
from registry.weights.dtypes import to_bfloat16


@given(st.sampled_from(["BF16", "F16", "F32", "F64", "I8", "Q8_0"]), st.binary(max_size=64))
def test_splitting_loses_nothing(dtype: str, data: bytes) -> None:
    planes = split(dtype, np.frombuffer(data, np.uint8))
    assert sum(map(len, planes)) == len(data)
    if dtype in ("F16", "F64") and len(planes) > 1:
        assert bytes(np.frombuffer(b"".join(planes), np.uint8).reshape(len(planes), -1).T.ravel()) == data


def test_exponents_of_bfloat16_come_together() -> None:
    values = to_bfloat16(np.array([1.5, -1.25, 1.0, -1.75], np.float32)).astype("<u2").tobytes()
    _, exponents = split("BF16", np.frombuffer(values, np.uint8))
    assert exponents == bytes([127] * 4)


def test_blocks_cover_tensors() -> None:
    assert blocks_of([0, 10, BLOCK, BLOCK + 1]) == [
        Block(1, 0, 10),
        Block(2, 0, BLOCK),
        Block(3, 0, BLOCK),
        Block(3, BLOCK, 1),
    ]


def test_a_choice_is_the_same_every_time() -> None:
    blocks = blocks_of([BLOCK] * 100)
    sample = choose(blocks, 10, "model")
    assert sample == choose(blocks, 10, "model")
    assert sample != choose(blocks, 10, "other")
    assert (len(sample.drawn), sample.certain, sample.rest) == (10, (), 100 * BLOCK)
    # One from each stretch, so that no layer is passed over.
    assert all(10 * number <= block.tensor <= 10 * number + 10 for number, block in enumerate(sample.drawn))
    assert choose(blocks, 100, "model").certain == tuple(blocks)


def test_what_is_larger_than_its_share_is_always_looked_at() -> None:
    blocks = blocks_of([1000, 10, 10, 10, 500, 10])
    sample = choose(blocks, 4, "model")
    assert {block.size for block in sample.certain} == {1000, 500}
    assert (sample.rest, {block.size for block in sample.drawn}) == (40, {10})


def test_a_small_step_from_the_base_takes_little() -> None:
    dice = np.random.RandomState(1)
    base = dice.normal(0, 0.02, 100_000).astype(np.float32)
    tuned = base + dice.normal(0, 0.00002, base.shape).astype(np.float32)
    before, after = (to_bfloat16(values).astype("<u2").tobytes() for values in (base, tuned))
    _, measure = deltas.compressor()
    alone = compressed("BF16", after, [], measure)
    assert compressed("BF16", after, [before], measure) < 0.4 * alone < 0.4 * len(after)
    assert compressed("BF16", after, [after], measure) < 0.001 * len(after)
    noise = dice.bytes(len(after))
    assert compressed("BF16", after, [noise, before], measure) == compressed("BF16", after, [before], measure)
    assert compressed("U8", noise, [], measure) == len(noise)


def test_without_the_package_the_stand_in_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any, **named: Any) -> Any:
        if name == "zstandard":
            raise ImportError(name)
        return real(name, *rest, **named)

    deltas.compressor.cache_clear()
    with monkeypatch.context() as patch:
        patch.setattr(builtins, "__import__", without)
        method, measure = deltas.compressor()
    deltas.compressor.cache_clear()
    assert method == "zlib-6 in place of zstd"
    assert measure(bytes(10_000)) < 100


def test_all_blocks_leave_no_error() -> None:
    sample = choose(blocks_of([10, 10]), 2, "x")
    found = estimate(sample, dict(zip(sample.certain, (5, 6), strict=True)), "x")
    assert (found.low, found.mid, found.high, found.interval) == (11, 11, 11, EXACT)
    assert estimate(choose([], 2, "x"), {}, "x").mid == 0


def test_one_block_of_many_says_nothing_of_the_rest() -> None:
    sample = choose(blocks_of([10, 10, 10]), 1, "x")
    found = estimate(sample, {sample.drawn[0]: 5}, "x")
    assert (found.low, found.mid, found.high) == (0, 15, 30)


@pytest.mark.parametrize("count", [8, 16, 48])
def test_the_range_holds_the_truth_nineteen_times_of_twenty(count: int) -> None:
    dice = np.random.RandomState(5)
    sizes = dice.choice([1000, 1000, 1000, 300, 5000], 400)
    blocks = blocks_of(sizes.tolist())
    stored = {
        block: int(block.size * share) for block, share in zip(blocks, dice.beta(4, 6, 400), strict=True)
    }
    truth, held, found = sum(stored.values()), 0, []
    for seed in range(500):
        found.append(estimate(choose(blocks, count, str(seed)), stored, "x"))
        held += found[-1].low <= truth <= found[-1].high
    assert 460 <= held <= 498
    assert np.mean([one.mid for one in found]) == pytest.approx(truth, rel=0.01)


def test_errors_add_in_quadrature() -> None:
    sample = choose(blocks_of([10] * 4), 2, "x")
    one = estimate(sample, dict(zip(sample.drawn, (4, 6), strict=True)), "x")
    both = add_up([one, one], "both")
    assert both.mid == 2 * one.mid
    assert both.high - both.mid == pytest.approx((one.high - one.mid) * 2**0.5)
    assert both.interval == one.interval
