"""Which files of a repository tell something about a model, told by their paths alone."""

from __future__ import annotations

import re
from collections.abc import Collection

CARD = "README.md"
CLAIM_FILES = ("adapter_config.json", "config.json", "mergekit_config.yml", "mergekit_config.yaml")
"""Small files that name what a model was made from."""

MAX_FILE = 4 * 10**6
"""Bytes of such a file; the largest configurations seen are far below."""

GGUF_HEAD = 512 * 1024
"""Bytes read of a GGUF file: its general metadata stands first, vocabularies of megabytes follow."""

SINGLE = "model.safetensors"
INDEX = "model.safetensors.index.json"
ADAPTER = "adapter_model.safetensors"

_SHARD = re.compile(r"model[-_](\d{1,6})-of-(\d{1,6})\.safetensors")
_FIRST_SPLIT = re.compile(r"(?P<stem>.+)-00001-of-(?P<count>\d{5})\.gguf")
_LATER_SPLIT = re.compile(r"-(?!0*1-of-)\d{5}-of-\d{5}\.gguf$")


def claim_files(paths: Collection[str]) -> list[str]:
    """The files with claims that exist, the GGUF file (see `one_gguf`) last."""
    found = [path for path in CLAIM_FILES if path in paths]
    gguf = one_gguf(paths)
    return found if gguf is None else [*found, gguf]


def one_gguf(paths: Collection[str]) -> str | None:
    """The GGUF file whose head speaks for all of them: the first that is no vision projector and no later
    part of a split."""
    heads = [path for path in paths if path.endswith(".gguf") and "mmproj" not in path]
    heads = [path for path in heads if not _LATER_SPLIT.search(path)]
    return min(heads, key=lambda path: (path.count("/"), path), default=None)


def gguf_parts(paths: Collection[str]) -> tuple[str, ...]:
    """The files of the one GGUF model that `one_gguf` chooses: itself, or all parts of the split it begins.
    Empty when there is none, or a part is missing."""
    first = one_gguf(paths)
    split = None if first is None else _FIRST_SPLIT.fullmatch(first)
    if first is None or split is None:
        return () if first is None else (first,)
    count = int(split["count"])
    parts = [f"{split['stem']}-{number:05d}-of-{split['count']}.gguf" for number in range(1, count + 1)]
    return tuple(parts) if set(parts) <= set(paths) else ()


def weight_files(paths: Collection[str]) -> tuple[str, ...]:
    """The safetensors files that hold one whole set of weights: all shards, the single file, the adapter, or
    the only one there is. Empty when the repository is laid out otherwise (pipelines, several variants, a
    shard missing)."""
    shards = {path: found for path in paths if (found := _SHARD.fullmatch(path))}
    if shards and (INDEX in paths or SINGLE not in paths):
        whole = {int(found[2]) for found in shards.values()} == {len(shards)}
        return tuple(sorted(shards)) if whole else ()
    for path in (SINGLE, ADAPTER):
        if path in paths:
            return (path,)
    weights = [path for path in paths if path.endswith(".safetensors")]
    return tuple(weights) if len(weights) == 1 else ()
