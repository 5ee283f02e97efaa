"""Adding up a list of files, and numbers by their types."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from registry.model.records import Sizes
from registry.model.snapshot import ModelFile
from registry.weights.formats import is_weight_file, one_copy_bytes
from registry.weights.safetensors import BITS


def measure(files: Iterable[ModelFile]) -> Sizes:
    """What a list of files weighs; an empty list weighs 0."""
    listed = list(files)
    sized = [(file, file.size) for file in listed if file.size is not None]
    # Equal content is judged by sha256 alone; a file without one counts as its own content.
    contents = {file.sha256 or file.path: size for file, size in sized}
    unknown = not sized and bool(listed)
    return Sizes(
        files=len(listed),
        unsized_files=len(listed) - len(sized),
        logical_bytes=None if unknown else sum(size for _, size in sized),
        unique_bytes=None if unknown else sum(contents.values()),
        weight_bytes=None if unknown else sum(size for file, size in sized if is_weight_file(file.path)),
        copy_bytes=one_copy_bytes(listed),
    )


def stored_bytes(by_dtype: Mapping[str, int]) -> int | None:
    """Bytes of so many numbers of each type, rounded up; `None` without any, or for an unknown type."""
    if not by_dtype or not by_dtype.keys() <= BITS.keys():
        return None
    return -(-sum(BITS[dtype] * count for dtype, count in by_dtype.items()) // 8)
