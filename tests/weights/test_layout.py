from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.weights.layout import Slot, StoredTensor, adapter_slot_of, architecture_key, slot_of, slots


@pytest.mark.parametrize(
    ("name", "role", "layer"),
    [
        ("model.layers.3.self_attn.q_proj.weight", "q", 3),
        ("language_model.model.layers.3.self_attn.q_proj.weight", "q", 3),
        ("_orig_mod.model.layers.3.self_attn.q_proj.weight", "q", 3),
        ("blk.3.attn_q.weight", "q", 3),
        ("transformer.h.0.attn.c_attn.weight", "qkv", 0),
        ("h.0.attn.c_proj.weight", "o", 0),
        ("transformer.h.0.mlp.c_proj.weight", "down", 0),
        ("transformer.h.11.mlp.c_fc.weight", "up", 11),
        ("gpt_neox.layers.5.attention.query_key_value.weight", "qkv", 5),
        ("gpt_neox.layers.5.attention.dense.weight", "o", 5),
        ("gpt_neox.layers.5.mlp.dense_4h_to_h.weight", "down", 5),
        ("bert.encoder.layer.2.attention.self.query.weight", "encoder/q", 2),
        ("bert.encoder.layer.2.attention.output.dense.weight", "encoder/o", 2),
        ("bert.encoder.layer.2.intermediate.dense.weight", "encoder/up", 2),
        ("bert.encoder.layer.2.output.dense.weight", "encoder/down", 2),
        ("model.layers.1.mlp.experts.0.down_proj.weight", "expert_down", 1),
        ("model.layers.1.block_sparse_moe.experts.0.w2.weight", "expert_down", 1),
        ("model.layers.1.mlp.experts.down_proj", "expert_down", 1),
        ("blk.1.ffn_down_exps.weight", "expert_down", 1),
        ("model.layers.1.mlp.shared_expert.up_proj.weight", "shared_up", 1),
        ("model.layers.1.mlp.gate.weight", "router", 1),
        ("model.embed_tokens.weight", "embed", -1),
        ("token_embd.weight", "embed", -1),
        ("bert.embeddings.word_embeddings.weight", "embed", -1),
        ("lm_head.weight", "head", -1),
        ("output.weight", "head", -1),
        ("model.norm.weight", "last_norm", -1),
        ("vision_tower.encoder.layers.0.self_attn.q_proj.weight", "vision_tower/encoder/q", 0),
        ("model.layers.4.mixer.in_proj.weight", "~mixer.in_proj", 4),
        ("features.conv1.weight", "~features.conv1", -1),
    ],
)
def test_a_name_becomes_a_place(name: str, role: str, layer: int) -> None:
    assert slot_of(name) == Slot(role, layer)


@pytest.mark.parametrize(
    "name",
    [
        "model.layers.0.self_attn.q_proj.bias",
        "model.layers.0.self_attn.q_proj.SCB",
        "model.layers.0.self_attn.q_proj.weight_scale",
        "model.layers.0.self_attn.q_proj.qweight",
        "model.layers.0.mlp.experts.7.down_proj.weight",
        "model.layers.0.self_attn.rotary_emb.inv_freq",
        "model.layers.99999999999999.mlp.up_proj.weight",
        "lora_A",
    ],
)
def test_what_is_never_sampled_has_no_place(name: str) -> None:
    assert slot_of(name) is None


def test_halves_of_adapters_point_to_what_they_change() -> None:
    stem = "base_model.model.model.layers.2.self_attn.v_proj"
    assert adapter_slot_of(f"{stem}.lora_A.weight") == (Slot("v", 2), "A")
    assert adapter_slot_of(f"{stem}.lora_B.default.weight") == (Slot("v", 2), "B")
    assert adapter_slot_of(f"{stem}.weight") is None


def tensor(*shape: int) -> StoredTensor:
    return StoredTensor("f", "BF16", shape, 0, 2)


def test_depth_and_names_do_not_change_the_architecture() -> None:
    def model(stem: str, layers: int) -> dict[str, StoredTensor]:
        names = {f"{stem}layers.{i}.mlp.up_proj.weight": tensor(8, 4) for i in range(layers)}
        return {**names, f"{stem}embed_tokens.weight": tensor(16, 4)}

    assert architecture_key(model("model.", 2)) == architecture_key(model("language_model.model.", 9))
    wider = {**model("model.", 2), "model.embed_tokens.weight": tensor(17, 4)}
    assert architecture_key(wider) != architecture_key(model("model.", 2))


def test_of_two_names_for_one_place_the_first_stands() -> None:
    both = {"model.embed_tokens.weight": tensor(4, 4), "embed_tokens.weight": tensor(8, 4)}
    assert slots(both) == {Slot("embed"): "embed_tokens.weight"}


def test_only_plain_digits_number_layers() -> None:
    assert slot_of("layers.².q_proj.weight") == Slot("layers/²/q")


PARTS = st.one_of(
    st.sampled_from(["layers", "experts", "0", "²", "٣", "weight", "lora_A", ""]), st.text(max_size=9)
)


@given(st.lists(PARTS, max_size=8).map(".".join))
def test_any_name_is_read(name: str) -> None:
    slot_of(name)
    adapter_slot_of(name)
