"""How weights were quantized: method and bits, from configuration, tags or tensor names."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

# Methods whose packed layout is 'so many bits each, side by side in integers'.
_EVEN = frozenset(
    {"auto-round", "auto_round", "awq", "bitsandbytes", "compressed-tensors", "eetq", "fbgemm_int8", "gptq"}
    | {"gptqmodel", "hqq", "intel/auto-round", "int8", "mlx", "mxfp4", "nvfp4", "quanto", "torchao", "w8a8"}
)
# Codebooks, trellises or mixed widths: the stored integers do not tell how many weights they stand for.
_UNEVEN = frozenset({"aqlm", "bitnet", "exl2", "exl3", "higgs", "quip", "quip#", "spqr", "vptq"})
_KEYS = ("quantization_config", "quantization")
_NESTED = ("text_config", "llm_config", "language_config", "thinker_config")
_BITS_TAG = re.compile(r"([1-8])-?bits?", re.IGNORECASE)
_METHOD_TAGS = ("gptq", "awq", "bitsandbytes", "compressed-tensors", "mlx", "hqq", "mxfp4", "nvfp4", *_UNEVEN)
# Tensors that describe a packing. Names of GPTQ, AWQ, MLX, bitsandbytes, compressed-tensors, FP8, MXFP4.
_AUXILIARY = re.compile(
    r"(?:^|[._])(?:scales?|scale_inv|weight_scale(?:_inv|_2)?|weight_zero_point|input_scale|zero_point|g_idx"
    r"|qzeros|biases|absmax|nested_absmax|quant_map|nested_quant_map|quant_state\.\w+|SCB|weight_format"
    r"|weight_shape|weight_global_scale|input_global_scale|weight_g_idx|perm|meta)$"
)


@dataclass(frozen=True, slots=True)
class Quantization:
    """method in lower case, `None` when only bits are known; bits per weight, `None` when unknown;
    source: where it was read, in words."""

    method: str | None
    bits: int | None
    source: str

    @property
    def packs_evenly(self) -> bool:
        return self.method is None or self.method in _EVEN


def is_auxiliary(name: str) -> bool:
    """Whether a tensor of a quantized model holds scales, zero points or maps instead of weights."""
    return _AUXILIARY.search(name) is not None


def read_quantization(
    config: Mapping[str, object], tags: Sequence[str], names: Collection[str] = ()
) -> Quantization | None:
    """The quantization of a model, `None` when nothing speaks of one.

    config: `config.json` or what the Hub serves of it; a multimodal model keeps it under `text_config`.
    names: all tensor names, where headers were read.
    """
    found = _from_config(config)
    for key in _NESTED:
        nested = config.get(key)
        if found is None and isinstance(nested, Mapping):
            found = _from_config(nested)
    lowered = [tag.lower() for tag in tags]
    if found is None:
        return _from_names(names) or _from_tags(lowered)
    if found.method is None or found.bits is None:
        tagged = _from_tags(lowered) or Quantization(None, None, "tags")
        method = found.method or tagged.method
        return Quantization(method, found.bits or tagged.bits, found.source)
    return found


def _from_config(config: Mapping[str, object]) -> Quantization | None:
    for key in _KEYS:
        content = config.get(key)
        if isinstance(content, Mapping) and content:
            method = content.get("quant_method") or content.get("method")
            name = method.lower() if isinstance(method, str) else None
            if name is None and "group_size" in content and key == "quantization":
                name = "mlx"
            form = str(content.get("format", "")) + str(content.get("quant_algo", ""))
            if "nvfp4" in form.lower():
                name = "nvfp4"
            return Quantization(name, _bits(content, name), "configuration")
    return None


def _bits(content: Mapping[str, object], method: str | None) -> int | None:
    for key in ("bits", "w_bit", "nbits", "num_bits", "weight_bits"):
        value = content.get(key)
        if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 16:
            return value
    for key, bits in (("load_in_4bit", 4), ("_load_in_4bit", 4), ("load_in_8bit", 8), ("_load_in_8bit", 8)):
        if content.get(key) is True:
            return bits
    groups = content.get("config_groups")
    for group in groups.values() if isinstance(groups, Mapping) else ():
        weights = group.get("weights") if isinstance(group, Mapping) else None
        if isinstance(weights, Mapping):
            return _bits(weights, None)
    return {"mxfp4": 4, "nvfp4": 4, "fp8": 8, "fbgemm_fp8": 8, "eetq": 8}.get(method or "")


def _from_names(names: Collection[str]) -> Quantization | None:
    """bitsandbytes writes the state of each packed weight beside it, so its files speak for themselves."""
    for name in names:
        if ".quant_state.bitsandbytes__" in name:
            return Quantization("bitsandbytes", 4, "tensor names")
        if name.endswith(".SCB"):
            return Quantization("bitsandbytes", 8, "tensor names")
    return None


def _from_tags(tags: Sequence[str]) -> Quantization | None:
    method = next((name for name in _METHOD_TAGS if name in tags), None)
    bits = next((int(match[1]) for tag in tags if (match := _BITS_TAG.fullmatch(tag))), None)
    if bits is None and method in ("mxfp4", "nvfp4"):
        bits = 4
    # `mlx` alone is a file format, not a quantization.
    if bits is None and method in (None, "mlx"):
        return None
    return Quantization(method, bits, "tags")
