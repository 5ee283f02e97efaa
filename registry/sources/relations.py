"""Which kind of derivative a model looks like, where nobody states it.

The Hub does not publish its rules; these are the criteria reported by observers (hub-api, section 2):
an adapter configuration or the PEFT library, then a quantized format, then a merge, else a fine-tune.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from registry.model.edges import Relation

_QUANTIZED_TAGS = frozenset(
    {
        "2-bit",
        "3-bit",
        "4-bit",
        "5-bit",
        "6-bit",
        "8-bit",
        "aqlm",
        "awq",
        "bitsandbytes",
        "compressed-tensors",
    }
    | {"eetq", "exl2", "exl3", "fp8", "gguf", "gptq", "hqq", "mxfp4", "nvfp4", "quantized", "quantization"}
)
_MERGE_TAGS = frozenset({"merge", "mergekit", "moerge"})
_FULL_WEIGHTS = (".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".h5", ".msgpack")


@dataclass(frozen=True, slots=True)
class Signs:
    """What a relation is inferred from. paths: the files of the repository, `None` when unknown."""

    tags: Sequence[str]
    library: str | None
    config: Mapping[str, object]
    paths: Sequence[str] | None


def infer_relation(signs: Signs, *, several: bool) -> tuple[Relation, str]:
    """The likeliest relation to a base, and the rule that says so. several: it names more than one base."""
    for relation, sign in (
        (Relation.ADAPTER, _adapter_sign(signs)),
        (Relation.QUANTIZED, _quantized_sign(signs)),
        (Relation.MERGE, _merge_sign(signs, several)),
    ):
        if sign is not None:
            return relation, f"inferred from {sign}"
    return Relation.FINETUNE, "inferred: no sign of an adapter, a quantization or a merge"


def _adapter_sign(signs: Signs) -> str | None:
    if (signs.library or "").lower() in ("peft", "adapter-transformers"):
        return f"the library {signs.library}"
    if isinstance(signs.config.get("peft"), Mapping):
        return "the adapter configuration"
    if any(path.rpartition("/")[2] == "adapter_config.json" for path in signs.paths or ()):
        return "the file adapter_config.json"
    return None


def _quantized_sign(signs: Signs) -> str | None:
    for key in ("quantization_config", "quantization"):
        if signs.config.get(key):
            return f"{key} in the configuration"
    paths = [path.lower() for path in signs.paths or ()]
    full = any(path.endswith(_FULL_WEIGHTS) for path in paths)
    if any(path.endswith(".gguf") for path in paths) and not full:
        return "its GGUF files"
    for tag in signs.tags:
        # Full weights with a GGUF copy beside them are no quantization of anything.
        if tag.lower() in _QUANTIZED_TAGS and not (tag.lower() == "gguf" and full):
            return f"the tag {tag}"
    return None


def _merge_sign(signs: Signs, several: bool) -> str | None:
    for tag in signs.tags:
        if tag.lower() in _MERGE_TAGS:
            return f"the tag {tag}"
    if any(path.rpartition("/")[2].startswith("mergekit_config.") for path in signs.paths or ()):
        return "the file mergekit_config.yml"
    if several and (signs.library or "").lower() == "mergekit":
        return "its several bases and the library mergekit"
    return None
