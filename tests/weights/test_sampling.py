from __future__ import annotations

from math import prod

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.weights.layout import Slot, StoredTensor
from registry.weights.ranges import NEAR, Span, coalesce
from registry.weights.sampling import BUDGETS, Plan, Tier, plan, spread, start_row

Shapes = dict[str, tuple[int, ...]]
SIZES = {"BF16": 2, "F32": 4, "I8": 1, "F8_E4M3": 1, "U8": 1}


def stored(shapes: Shapes, dtype: str = "BF16", shards: int = 1) -> dict[str, StoredTensor]:
    """Tensors laid out in order of names over so many files; vectors in BF16, scales in F32."""
    found: dict[str, StoredTensor] = {}
    at = [1000] * shards
    for number, name in enumerate(sorted(shapes)):
        shape = shapes[name]
        kind = "F32" if "scale" in name else dtype if len(shape) > 1 else "BF16"
        shard = number * shards // len(shapes)
        size = prod(shape) * SIZES[kind]
        found[name] = StoredTensor(f"{shard:03d}.safetensors", kind, shape, at[shard], at[shard] + size)
        at[shard] += size
    return found


def llama(layers: int, width: int = 4096, *, tied: bool = False, scales: bool = False) -> Shapes:
    shapes: Shapes = {"model.embed_tokens.weight": (32000, width), "model.norm.weight": (width,)}
    if not tied:
        shapes["lm_head.weight"] = (32000, width)
    for layer in range(layers):
        stem = f"model.layers.{layer}"
        for name in ("q_proj", "k_proj", "v_proj", "o_proj"):
            shapes[f"{stem}.self_attn.{name}.weight"] = (width, width)
        shapes[f"{stem}.mlp.gate_proj.weight"] = shapes[f"{stem}.mlp.up_proj.weight"] = (3 * width, width)
        shapes[f"{stem}.mlp.down_proj.weight"] = (width, 3 * width)
        shapes[f"{stem}.input_layernorm.weight"] = shapes[f"{stem}.post_attention_layernorm.weight"] = (
            width,
        )
    if scales:
        pairs = [(n, s) for n, s in shapes.items() if "proj" in n]
        shapes |= {f"{name}_scale": (shape[0], 1) for name, shape in pairs}
    return shapes


def mixture(layers: int = 32, experts: int = 64) -> Shapes:
    shapes = {name: shape for name, shape in llama(layers, 1024).items() if ".mlp." not in name}
    for layer in range(layers):
        stem = f"model.layers.{layer}.mlp"
        shapes[f"{stem}.gate.weight"] = (experts, 1024)
        for expert in range(experts):
            for part in ("gate_proj", "up_proj", "down_proj"):
                shapes[f"{stem}.experts.{expert}.{part}.weight"] = (1024, 1024)
    return shapes


def roles(chosen: Plan) -> dict[str, set[int]]:
    found: dict[str, set[int]] = {}
    for sample in chosen.samples:
        found.setdefault(sample.slot.role, set()).add(sample.slot.layer)
    return found


@pytest.mark.parametrize("tier", list(Tier))
@pytest.mark.parametrize("dtype", ["BF16", "F32", "I8", "F8_E4M3"])
@pytest.mark.parametrize("layers", [1, 5, 32, 80, 126])
def test_a_budget_is_never_exceeded(tier: Tier, dtype: str, layers: int) -> None:
    shapes = llama(layers, scales=dtype in ("I8", "F8_E4M3"))
    chosen = plan(stored(shapes, dtype, shards=4), tier)
    budget = BUDGETS[tier]
    assert len(chosen.ranges) <= budget.ranges
    assert chosen.bytes <= budget.bytes
    assert chosen.depth == layers
    assert chosen.quantized == (dtype in ("I8", "F8_E4M3"))
    for sample in chosen.samples:
        for span in (*sample.spans, *sample.scales):
            assert any(
                r.path == span.path and r.start <= span.start and span.end <= r.end for r in chosen.ranges
            )


def test_deep_models_are_sampled_over_their_whole_depth() -> None:
    for layers, expected in ((32, {0, 4, 9, 13, 18, 22, 27, 31}), (80, {0, 11, 23, 34, 45, 56, 68, 79})):
        found = roles(plan(stored(llama(layers)), Tier.STANDARD))
        assert found["down"] == found["q"] == expected
        assert len(found) >= 11
        assert {"embed", "head", "embed.2", "head.2", "last_norm"} <= set(found)


def test_a_tight_budget_keeps_the_depth_and_drops_roles() -> None:
    found = roles(plan(stored(llama(32, scales=True), "I8"), Tier.STANDARD))
    assert len(found["down"]) == len(found["q"]) == 8
    assert "k" not in found


def test_of_a_mixture_one_expert_is_read() -> None:
    chosen = plan(stored(mixture(), shards=16), Tier.STANDARD)
    found = roles(chosen)
    assert {len(found[role]) for role in ("q", "o", "v", "k", "expert_down", "expert_up")} == {8}
    assert len(chosen.ranges) <= 64


def test_experts_in_one_tensor_are_read_in_the_first() -> None:
    shapes: Shapes = {"model.layers.0.mlp.experts.down_proj": (8, 64, 128)}
    (sample,) = plan(stored(shapes), Tier.STANDARD).samples
    assert sample.slot == Slot("expert_down", 0)
    assert sample.first + sample.count <= 64 * 128


def test_tied_embeddings_leave_room() -> None:
    chosen = plan(stored(llama(28, tied=True)), Tier.STANDARD)
    assert not {"head", "head.2"} & set(roles(chosen))
    assert len(chosen.samples) == len(plan(stored(llama(28)), Tier.STANDARD).samples)


def test_shards_change_no_sample() -> None:
    whole = plan(stored(llama(12)), Tier.STANDARD)
    parts = plan(stored(llama(12), shards=7), Tier.STANDARD)
    assert [(s.slot, s.first, s.count) for s in whole.samples] == [
        (s.slot, s.first, s.count) for s in parts.samples
    ]
    assert whole.architecture == parts.architecture


def test_a_grown_vocabulary_is_read_at_the_same_rows() -> None:
    shapes = llama(2)
    grown = {**shapes, "model.embed_tokens.weight": (32064, 4096), "lm_head.weight": (32064, 4096)}
    places = [
        {s.slot: s.first for s in plan(stored(these), Tier.STANDARD).samples} for these in (shapes, grown)
    ]
    assert places[0] == places[1]


def test_layers_are_read_at_the_same_rows() -> None:
    chosen = plan(stored(llama(32)), Tier.STANDARD)
    assert len({sample.first for sample in chosen.samples if sample.slot.role == "down"}) == 1


def test_unknown_layouts_fall_back_to_names() -> None:
    shapes: Shapes = {f"features.{i}.conv.weight": (64, 32, 3, 3) for i in range(10)}
    chosen = plan(stored(shapes), Tier.STANDARD)
    assert {sample.slot.role for sample in chosen.samples} == {f"~features.{i}.conv" for i in range(10)}
    assert chosen.depth == 0


def test_text_comes_before_vision() -> None:
    shapes = {
        **llama(32, 1024),
        **{f"vision_tower.{n.removeprefix('model.')}": s for n, s in llama(24).items()},
    }
    found = roles(plan(stored(shapes), Tier.STANDARD))
    assert len(found["q"]) == 8
    assert "vision_tower/q" not in found


def test_what_cannot_be_read_is_left_out_and_told() -> None:
    chosen = plan(stored(llama(4), "U8"), Tier.STANDARD)
    assert chosen.quantized
    assert all(sample.dtype == "BF16" for sample in chosen.samples)
    unscaled = plan(stored(llama(4), "I8"), Tier.STANDARD)
    assert all(sample.dtype == "BF16" for sample in unscaled.samples)


def test_square_blocks_share_a_scale() -> None:
    shapes: Shapes = {
        "model.layers.0.mlp.up_proj.weight": (512, 1024),
        "model.layers.0.mlp.up_proj.weight_scale_inv": (4, 8),
    }
    (sample,) = plan(stored(shapes, "F8_E4M3"), Tier.STANDARD).samples
    assert (sample.count, sample.group) == (512, 128)
    (scales,) = sample.scales
    row = sample.first // 1024
    start = stored(shapes, "F8_E4M3")["model.layers.0.mlp.up_proj.weight_scale_inv"].start
    assert (scales.start - start, scales.length) == (row // 128 * 8 * 4, 16)


def test_the_extended_tier_reads_every_layer_and_whole_rows() -> None:
    chosen = plan(stored(llama(80)), Tier.EXTENDED)
    assert roles(chosen)["down"] == set(range(80))
    embed = next(sample for sample in chosen.samples if sample.slot.role == "embed")
    assert embed.count == 16 * 4096


def test_headers_alone_ask_for_nothing() -> None:
    chosen = plan(stored(llama(4)), Tier.HEADERS)
    assert chosen.ranges == ()
    assert chosen.architecture == plan(stored(llama(4)), Tier.STANDARD).architecture


def test_both_halves_of_an_adapter_are_read_or_none() -> None:
    shapes: Shapes = {}
    for layer in range(32):
        stem = f"base_model.model.model.layers.{layer}.self_attn.q_proj"
        shapes[f"{stem}.lora_A.weight"], shapes[f"{stem}.lora_B.weight"] = (16, 4096), (4096, 16)
    chosen = plan(stored(shapes), Tier.STANDARD)
    assert chosen.adapter
    found = roles(chosen)
    assert found["q.A"] == found["q.B"] != set()
    assert len(chosen.ranges) <= 64


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 60_000), st.integers(1, 3000)), max_size=40))
def test_joined_ranges_hold_all_and_stay_in_bounds(given_spans: list[tuple[int, int, int]]) -> None:
    spans = [Span(f"f{file}", start, start + length) for file, start, length in given_spans]
    needed = sum(span.length for span in coalesce(spans, 0))
    ranges = coalesce(spans, needed + 5000)
    assert sum(span.length for span in ranges) <= needed + 5000
    assert len(ranges) <= len(coalesce(spans, 0))
    assert all(any(r.path == s.path and r.start <= s.start and s.end <= r.end for r in ranges) for s in spans)
    assert ranges == sorted(ranges)


def test_only_near_ranges_are_joined() -> None:
    near = [Span("f", 0, 10), Span("f", 10 + NEAR, 30 + NEAR)]
    assert len(coalesce(near, 1_000_000)) == 1
    assert len(coalesce([near[0], Span("f", 11 + NEAR, 30 + NEAR)], 1_000_000)) == 2


@given(st.integers(1, 200), st.integers(2, 16))
def test_layers_are_spread(count: int, most: int) -> None:
    chosen = spread(range(count), most)
    assert len(chosen) == len(set(chosen)) == min(count, most)
    assert {0, count - 1} <= set(chosen)


@given(st.sampled_from(["q", "embed", "head.2"]), st.integers(1, 10**9))
def test_rows_lie_in_the_first_half(role: str, rows: int) -> None:
    assert 0 <= start_row(role, rows) <= rows // 2
