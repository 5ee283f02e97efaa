"""Repositories for the recorded Hub, built in a few words. Synthetic: shapes are the Hub's, facts are not."""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Mapping, Sequence

from registry.demo.hub import Recorded
from registry.demo.wire import Restriction

LFS_SUFFIXES = (".safetensors", ".bin", ".gguf", ".pt", ".h5", ".onnx")
"""Files of these kinds are stored as LFS objects, the others as git blobs, as the Hub does by default."""


def commit_of(text: str) -> str:
    """A commit sha that is always the same for the same text."""
    return hashlib.sha1(text.encode()).hexdigest()


def git_oid(data: bytes) -> str:
    """The name git gives a blob."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def tree_entry(path: str, data: bytes) -> dict[str, object]:
    """One entry of `/tree` for a file of this content."""
    if not path.endswith(LFS_SUFFIXES):
        return {"type": "file", "path": path, "size": len(data), "oid": git_oid(data)}
    sha256 = hashlib.sha256(data).hexdigest()
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %d\n"
    pointer %= (sha256.encode(), len(data))
    return {
        "type": "file",
        "path": path,
        "size": len(data),
        "oid": git_oid(pointer),
        "lfs": {"oid": sha256, "size": len(data), "pointerSize": len(pointer)},
        "xetHash": hashlib.sha256(b"xet" + data).hexdigest(),
    }


def recorded(
    repo_id: str,
    *,
    base: str | Sequence[str] = (),
    relation: str | None = "finetune",
    license: str | None = "apache-2.0",  # noqa: A002 - the Hub's word
    card: Mapping[str, object] | None = None,
    tags: Sequence[str] = (),
    files: Mapping[str, bytes] | None = None,
    datasets: Sequence[str] = (),
    downloads: int = 0,
    commit: str | None = None,
    tree: Sequence[Mapping[str, object]] | None = None,
    restricted: Restriction = "",
    headers_answer: Mapping[str, object] | None = None,
    revisions: Mapping[str, str] | None = None,
    **document: object,
) -> Recorded:
    """A repository with the tags, card data, siblings and tree the Hub would make of this.

    base: put into the card and, with `relation`, into the tags; `relation=None` leaves the bare tag of
    older answers. card: replaces the card data. document: further or replacing keys of the document.
    """
    bases = [base] if isinstance(base, str) else list(base)
    contents = {"README.md": b"---\n{}\n---\n", "config.json": b"{}"} if files is None else dict(files)
    whole: dict[str, object] = {
        "_id": commit_of(f"id {repo_id}")[:24],
        "id": repo_id,
        "modelId": repo_id,
        "author": repo_id.rpartition("/")[0] or None,
        "sha": commit or commit_of(repo_id),
        "private": restricted == "private",
        "gated": "auto" if restricted == "gated" else False,
        "disabled": restricted == "disabled",
        "downloads": downloads,
        "likes": 1,
        "library_name": "transformers",
        "pipeline_tag": "text-generation",
        "createdAt": "2024-01-01T00:00:00.000Z",
        "lastModified": "2024-02-01T00:00:00.000Z",
        "tags": [*tags, *_tags(bases, relation, license, datasets), "region:us"],
        "cardData": _card(bases, license, datasets) if card is None else dict(card),
        "siblings": [{"rfilename": path} for path in contents],
        **document,
    }
    entries = [tree_entry(path, data) for path, data in contents.items()] if tree is None else tree
    return Recorded(
        document=whole,
        tree=entries,
        files=contents,
        revisions=revisions or {},
        headers_answer=headers_answer,
        restricted=restricted,
    )


def _card(bases: Sequence[str], license_id: str | None, datasets: Sequence[str]) -> dict[str, object]:
    card: dict[str, object] = {}
    if bases:
        card["base_model"] = bases[0] if len(bases) == 1 else list(bases)
    if license_id is not None:
        card["license"] = license_id
    if datasets:
        card["datasets"] = list(datasets)
    return card


def _tags(
    bases: Sequence[str], relation: str | None, license_id: str | None, datasets: Sequence[str]
) -> list[str]:
    """The tags the Hub derives from a card."""
    return [
        *(f"dataset:{dataset}" for dataset in datasets),
        *(f"base_model:{name}" for name in bases),
        *(f"base_model:{relation}:{name}" for name in bases if relation),
        *([f"license:{license_id}"] if license_id else []),
    ]


def by_id(*models: Recorded) -> dict[str, Recorded]:
    """Models as `RecordedHub` takes them."""
    return {model.repo_id: model for model in models}


def chain(length: int, *, prefix: str = "lab/step") -> dict[str, Recorded]:
    """`prefix-0` is the root; each next one is a finetune of the one before."""
    return by_id(
        *(
            recorded(f"{prefix}-{step}", base=f"{prefix}-{step - 1}" if step else (), downloads=length - step)
            for step in range(length)
        )
    )


def safetensors(tensors: Mapping[str, tuple[str, Sequence[int], bytes]], **metadata: str) -> bytes:
    """A safetensors file: name to (dtype, shape, data)."""
    header: dict[str, object] = {"__metadata__": metadata} if metadata else {}
    offset = 0
    for name, (dtype, shape, data) in tensors.items():
        header[name] = {
            "dtype": dtype,
            "shape": list(shape),
            "data_offsets": [offset, offset + len(data)],
        }
        offset += len(data)
    head = json.dumps(header).encode()
    return struct.pack("<Q", len(head)) + head + b"".join(data for _, _, data in tensors.values())
