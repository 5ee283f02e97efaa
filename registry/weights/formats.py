"""Which files of a repository hold weights, by name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import PurePosixPath

from registry.model.snapshot import ModelFile

# Suffix -> format; formats that say the same weights twice are twins, not parts.
FORMATS: dict[str, str] = {
    ".safetensors": "safetensors",
    ".gguf": "gguf",
    ".ggml": "gguf",
    ".bin": "pytorch",
    ".pt": "pytorch",
    ".pth": "pytorch",
    ".ckpt": "pytorch",
    ".h5": "tensorflow",
    ".msgpack": "flax",
    ".onnx": "onnx",
    ".onnx_data": "onnx",
    ".ot": "rust",
    ".mlmodel": "coreml",
    ".tflite": "tflite",
    ".npz": "numpy",
}
# Files with a weight suffix that hold something else.
_NOT_WEIGHTS = ("training_args", "optimizer", "scheduler", "rng_state", "random_states", "optim_states")


def weight_format(path: str) -> str | None:
    """The weight format of a file, `None` when its name says it holds no weights."""
    name = PurePosixPath(path)
    if any(word in name.stem for word in _NOT_WEIGHTS):
        return None
    return FORMATS.get(name.suffix.lower())


def is_weight_file(path: str) -> bool:
    """Whether the name of a file says that it holds weights."""
    return weight_format(path) is not None


def one_copy_bytes(files: Iterable[ModelFile]) -> int | None:
    """Bytes of the weights in one format: what a user of the model downloads.

    A repository often keeps the same weights in several formats; safetensors is counted where it is
    there, else the format that weighs most. `None` when no weight file has a known size.
    """
    weights: Counter[str] = Counter()
    for file in files:
        kind = weight_format(file.path)
        if kind is not None and file.size is not None:
            weights[kind] += file.size
    if not weights:
        return None
    return weights.get("safetensors") or max(weights.values())
