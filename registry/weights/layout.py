"""What a stored tensor is in its network: a role and a layer, whatever the checkpoint calls it.

`model.layers.3.self_attn.q_proj.weight`, `language_model.model.layers.3.self_attn.q_proj.weight` and
`blk.3.attn_q.weight` are one thing, `Slot("q", 3)`. Names nobody told us of keep a role of their own, made
of the name, so that two files of one unknown layout still meet.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

from registry.weights.quantization import is_auxiliary

OUTSIDE = -1
"""The layer of a tensor that belongs to none: embeddings, the head, the last norm."""

_STACKS = frozenset({"layers", "layer", "h", "blk", "blocks", "block", "resblocks"})
_WRAPPERS = frozenset(
    {"model", "language_model", "transformer", "module", "base_model", "gpt_neox", "backbone", "_orig_mod"}
    | {"llm", "text_model", "bert", "roberta", "distilbert"}
)
_ROLES: dict[str, str] = {
    name: role
    for role, names in {
        "embed": "embed_tokens wte token_embd word_embeddings tok_embeddings embed_in shared",
        "head": "lm_head embed_out output",
        "positions": "wpe position_embeddings embed_positions position_embd",
        "q": "q_proj query wq attn_q q_lin to_q q",
        "k": "k_proj key wk attn_k k_lin to_k k",
        "v": "v_proj value wv attn_v v_lin to_v v",
        "o": "o_proj wo attn_output out_lin to_out o",
        "qkv": "c_attn query_key_value qkv_proj qkv Wqkv attn_qkv",
        "gate": "gate_proj ffn_gate w1 wi_0",
        "up": "up_proj ffn_up w3 wi_1 c_fc fc1 fc_in lin1 dense_h_to_4h wi",
        "down": "down_proj ffn_down w2 fc2 fc_out lin2 dense_4h_to_h",
        "gate_up": "gate_up_proj",
        "router": "router ffn_gate_inp",
        "expert_gate": "ffn_gate_exps",
        "expert_up": "ffn_up_exps",
        "expert_down": "ffn_down_exps",
        "shared_gate": "ffn_gate_shexp",
        "shared_up": "ffn_up_shexp",
        "shared_down": "ffn_down_shexp",
        "norm1": "input_layernorm ln_1 attn_norm attention_norm layernorm_before norm1 sa_layer_norm",
        "norm2": "post_attention_layernorm ln_2 ffn_norm layernorm_after norm2 output_layer_norm",
        "last_norm": "norm ln_f output_norm final_layer_norm final_layernorm",
    }.items()
    for name in names.split()
}
# Words that mean one thing inside attention and another inside the feed-forward part.
_ATTENTION = frozenset({"attn", "self_attn", "attention", "self_attention", "SelfAttention"})
_CROSS = frozenset({"encoder_attn", "cross_attn", "crossattention", "EncDecAttention"})
_MOST = 400
"""Characters of a role; longer names are cut, they come from nobody's network."""


@dataclass(frozen=True, slots=True, order=True)
class Slot:
    """A tensor's place. layer: from 0, `OUTSIDE` for what belongs to no layer."""

    role: str
    layer: int = OUTSIDE


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """One tensor as it lies in a file. start, end: bytes from the beginning of the file `path`; shape with
    the fastest dimension last, in GGUF files too."""

    path: str
    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int

    @property
    def elements(self) -> int:
        return prod(self.shape)


def slot_of(name: str) -> Slot | None:
    """The place of a tensor by its name; `None` for biases, scales and buffers, which are never sampled, and
    for every expert but the first."""
    if is_auxiliary(name) or "lora_" in name:
        return None
    parts = name.split(".")
    if parts[-1] in ("bias", "inv_freq", "position_ids", "token_type_ids", "masked_bias", "qweight"):
        return None
    if parts[-1] == "weight":
        parts = parts[:-1]
    at = next((i for i, part in enumerate(parts[:-1]) if part in _STACKS and _is_number(parts[i + 1])), None)
    if at is None:
        stack, layer, tail = [], OUTSIDE, parts
        while len(tail) > 1 and tail[0] in _WRAPPERS:
            tail = tail[1:]
        if len(tail) > 1 and tail[-1] in _ROLES:
            stack = [part for part in tail[:-1] if part not in _WRAPPERS and part != "embeddings"]
            tail = tail[-1:]
    else:
        if len(parts[at + 1]) > 6:
            return None
        stack = [part for part in parts[:at] if part not in _WRAPPERS]
        layer, tail = int(parts[at + 1]), parts[at + 2 :]
    role = _role(tail, inside=at is not None)
    if role is None:
        return None
    return Slot("/".join([*stack, role])[:_MOST], layer)


def _is_number(part: str) -> bool:
    return part.isascii() and part.isdigit()


def _role(tail: list[str], *, inside: bool) -> str | None:
    """The role within its stack; `None` for an expert after the first."""
    if not tail:
        return "~"
    prefix = ""
    if "experts" in tail:
        index = tail.index("experts")
        following = tail[index + 1] if index + 1 < len(tail) else ""
        if _is_number(following) and following != "0":
            return None
        prefix, tail = "expert_", [part for part in tail[index:] if part != "experts" and part != "0"]
    elif any(part.startswith("shared_expert") for part in tail[:-1]):
        prefix = "shared_"
    elif any(part in _CROSS for part in tail):
        prefix = "cross_"
    last, before = (tail[-1] if tail else ""), tail[:-1]
    known = _ambiguous(last, before) or _ROLES.get(last)
    # `output` is the head outside of the layers only; `embed` and `head` are never inside.
    if known is None or (inside and known in ("embed", "head", "positions", "last_norm")):
        return prefix + "~" + ".".join(tail)
    return prefix + known


def _ambiguous(last: str, before: list[str]) -> str | None:
    attention = any(part in _ATTENTION for part in before)
    if last in ("c_proj", "out_proj"):
        return "o" if attention or last == "out_proj" else "down"
    if last == "dense":
        if attention:
            return "o"
        return {"intermediate": "up", "output": "down"}.get(before[-1] if before else "")
    if last == "gate" and not attention:
        return "router"
    return None


def slots(tensors: Mapping[str, StoredTensor]) -> dict[Slot, str]:
    """Tensor name by place. Of two names for one place the first in order of names stands."""
    found: dict[Slot, str] = {}
    for name in sorted(tensors):
        slot = slot_of(name)
        if slot is not None and tensors[name].shape and tensors[name].elements:
            found.setdefault(slot, name)
    return found


def architecture_key(tensors: Mapping[str, StoredTensor]) -> str:
    """Twelve hex digits that models of one architecture share: roles and shapes of the first layer and of
    what lies outside of the layers. Depth does not enter, so pruned and stacked models keep their key."""
    placed = slots(tensors)
    first = min((slot.layer for slot in placed if slot.layer != OUTSIDE), default=OUTSIDE)
    shapes = sorted(
        [slot.role, list(tensors[name].shape)]
        for slot, name in placed.items()
        if slot.layer in (OUTSIDE, first)
    )
    return hashlib.sha256(json.dumps(shapes).encode()).hexdigest()[:12]


_LORA = re.compile(
    r"(?P<module>.+)\.lora_(?P<side>[AB])(?:\.[^.]+)?\.weight|(?P<bare>.+)\.lora_(?P<half>[AB])"
)


def adapter_slot_of(name: str) -> tuple[Slot, str] | None:
    """For one half of a low-rank adapter: the place of the tensor it changes, and `A` or `B`."""
    match = _LORA.fullmatch(name)
    if match is None:
        return None
    slot = slot_of((match["module"] or match["bare"]) + ".weight")
    return None if slot is None else (slot, match["side"] or match["half"])
