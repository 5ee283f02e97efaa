"""The Hub client's cache on disk as a source: its layout, old and new, and what may be wrong with it."""

from __future__ import annotations

import hashlib
import json
import os
import struct
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from registry.contract import Source, Want
from registry.errors import BadReference, DamagedFile, NoSuchRevision, Offline
from registry.model.edges import Origin, Relation
from registry.model.refs import ModelRef, SourceName
from registry.model.snapshot import ModelSnapshot
from registry.sources.cache import HubCacheSource, cache_folder
from tests.hubs import commit_of, git_oid, safetensors

NOW = datetime(2026, 11, 1, tzinfo=UTC)
COMMIT, OTHER = commit_of("one"), commit_of("two")
CARD = b"---\nlicense: mit\nbase_model: org/base\n---\n# Text\n"
WEIGHTS = safetensors({"w": ("F16", [4], bytes(8))})


def put(
    cache: Path,
    files: Mapping[str, bytes],
    *,
    name: str = "org/model",
    commit: str = COMMIT,
    ref: str | None = "main",
    tree: object = None,
) -> Path:
    """Write one repository the way the client does; its folder."""
    folder = cache / ("models--" + name.replace("/", "--"))
    (folder / "blobs").mkdir(parents=True, exist_ok=True)
    (folder / "snapshots" / commit).mkdir(parents=True)
    for path, data in files.items():
        lfs = path.endswith(".safetensors")
        blob = folder / "blobs" / (hashlib.sha256(data).hexdigest() if lfs else git_oid(data))
        blob.write_bytes(data)
        link = folder / "snapshots" / commit / path
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(os.path.relpath(blob, link.parent))
    if ref is not None:
        (folder / "refs" / ref).parent.mkdir(parents=True, exist_ok=True)
        (folder / "refs" / ref).write_text(commit)
    if tree is not None:
        (folder / "trees").mkdir(exist_ok=True)
        text = tree if isinstance(tree, str) else json.dumps(tree)
        (folder / "trees" / f"{commit}.json").write_text(text)
    return folder


def fetch(cache: Path, ref: str = "org/model", want: Want = Want()) -> ModelSnapshot:  # noqa: B008
    return HubCacheSource(cache_dir=cache, clock=lambda: NOW).fetch(ModelRef.parse(ref), want)


def codes(snapshot: ModelSnapshot) -> list[str]:
    return [note.code for note in snapshot.notes]


# --- where it is ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environ", "folder"),
    [
        ({"HOME": "/h"}, "/h/.cache/huggingface/hub"),
        ({"HOME": "/h", "XDG_CACHE_HOME": "/x"}, "/x/huggingface/hub"),
        ({"HOME": "/h", "HF_HOME": "/hf"}, "/hf/hub"),
        ({"HOME": "/h", "HF_HOME": "/hf", "HF_HUB_CACHE": "/c"}, "/c"),
        ({"HOME": "/h", "HUGGINGFACE_HUB_CACHE": "/old"}, "/old"),
        ({"HOME": "/h", "HF_HUB_CACHE": "~/c"}, "/h/c"),
        ({"HOME": "/h", "HF_HOME": "$DATA/hf", "DATA": "/d"}, "/d/hf/hub"),
    ],
)
def test_the_folder_is_the_clients(environ: dict[str, str], folder: str) -> None:
    assert cache_folder(environ) == Path(folder)


def test_the_folder_is_what_the_client_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    assert str(cache_folder({"HF_HOME": constants.HF_HOME})) == constants.HF_HUB_CACHE


def test_the_environment_is_read_at_each_call(tmp_path: Path) -> None:
    environ = {"HF_HUB_CACHE": str(tmp_path / "a")}
    it = HubCacheSource(environ=environ)
    with pytest.raises(Offline, match="org/model is not in the Hub cache"):
        it.fetch(ModelRef("org/model"), Want())
    put(tmp_path / "b", {"README.md": CARD})
    environ["HF_HUB_CACHE"] = str(tmp_path / "b")
    assert it.fetch(ModelRef("org/model"), Want()).repo_id == "org/model"


# --- what is in it -------------------------------------------------------------------------------


def test_a_model_is_read_from_its_files(tmp_path: Path) -> None:
    files = {
        "README.md": CARD,
        "config.json": b'{"_name_or_path": "org/older"}',
        "sub/model.safetensors": WEIGHTS,
    }
    put(tmp_path, files)
    snapshot = fetch(tmp_path)
    assert (snapshot.repo_id, snapshot.commit_sha, snapshot.observed_at) == ("org/model", COMMIT, NOW)
    assert snapshot.source is SourceName.HUB
    assert snapshot.files is not None
    readme, config, weights = snapshot.files
    assert (readme.path, readme.size, readme.git_oid) == ("README.md", len(CARD), git_oid(CARD))
    assert weights.path == "sub/model.safetensors"
    assert weights.sha256 == hashlib.sha256(WEIGHTS).hexdigest()
    assert weights.size == len(WEIGHTS)
    assert config.sha256 is None
    assert not snapshot.files_complete
    assert codes(snapshot) == ["files-partial"]
    told = {(claim.origin, claim.base) for claim in snapshot.claims}
    assert {(Origin.CARD, "org/base"), (Origin.CONFIG, "org/older")} <= told
    assert [claim.value for claim in snapshot.licenses] == ["mit"]
    assert [(answer.kind, answer.data) for answer in snapshot.raw] == [("card", CARD)]
    assert snapshot.downloads is None


def test_a_kept_listing_is_whole(tmp_path: Path) -> None:
    listing = {
        "README.md": {"size": len(CARD), "blob_id": git_oid(CARD)},
        "model.safetensors": {
            "size": 10,
            "blob_id": "a" * 40,
            "lfs_sha256": "b" * 64,
            "lfs_size": 10,
            "xet_hash": "c" * 64,
        },
    }
    put(tmp_path, {"README.md": CARD}, tree={"format_version": 1, "files": listing})
    snapshot = fetch(tmp_path)
    assert snapshot.files is not None
    assert snapshot.files_complete
    assert codes(snapshot) == []
    _, weights = snapshot.files
    assert (weights.size, weights.git_oid, weights.sha256, weights.xet_hash) == (
        10,
        "a" * 40,
        "b" * 64,
        "c" * 64,
    )


def test_the_client_writes_what_we_read(tmp_path: Path) -> None:
    from huggingface_hub._tree_cache import TreeCacheEntry, write_tree_cache

    folder = put(tmp_path, {"README.md": CARD})
    entries = {"model.safetensors": TreeCacheEntry(10, "a" * 40, "b" * 64, 10, "c" * 64)}
    write_tree_cache(str(folder), COMMIT, entries)
    snapshot = fetch(tmp_path)
    assert snapshot.files is not None
    assert [(file.path, file.sha256) for file in snapshot.files] == [("model.safetensors", "b" * 64)]


@pytest.mark.parametrize(
    "tree",
    [{"format_version": 2, "files": {}}, {"format_version": 1, "files": []}, [], "{", "[" * 100_000, "\\xff"],
)
def test_a_listing_of_another_kind_is_passed_over(tmp_path: Path, tree: object) -> None:
    put(tmp_path, {"README.md": CARD}, tree=tree)
    snapshot = fetch(tmp_path)
    assert codes(snapshot) == ["tree-unread", "files-partial"]
    assert snapshot.files is not None
    assert [file.path for file in snapshot.files] == ["README.md"]


def test_a_listing_alone_is_a_model(tmp_path: Path) -> None:
    folder = put(
        tmp_path, {}, tree={"format_version": 1, "files": {"a.bin": {"size": 1, "blob_id": "a" * 40}, "b": 5}}
    )
    (folder / "snapshots" / COMMIT).rmdir()
    snapshot = fetch(tmp_path)
    assert snapshot.files is not None
    assert [file.path for file in snapshot.files] == ["a.bin"]


def test_blobs_that_repositories_share(tmp_path: Path) -> None:
    """Since 2.0 a repository's blob may be a link into a store beside it, and a file one into that store."""
    folder = put(tmp_path, {"README.md": CARD})
    sha256, xet = "d" * 64, "e" * 64
    store = tmp_path / "blobs" / "ee" / xet
    store.parent.mkdir(parents=True)
    store.write_bytes(WEIGHTS)
    (folder / "blobs" / sha256).symlink_to(os.path.relpath(store, folder / "blobs"))
    place = folder / "snapshots" / COMMIT
    (place / "model.safetensors").symlink_to(f"../../blobs/{sha256}")
    (place / "direct.safetensors").symlink_to(os.path.relpath(store, place))
    (place / "copied.safetensors").write_bytes(WEIGHTS)
    snapshot = fetch(tmp_path)
    assert snapshot.files is not None
    found = {file.path: (file.sha256, file.xet_hash, file.size) for file in snapshot.files}
    assert found["model.safetensors"] == (sha256, None, len(WEIGHTS))
    assert found["direct.safetensors"] == (None, xet, len(WEIGHTS))
    assert found["copied.safetensors"] == (None, None, len(WEIGHTS))


def test_headers_are_read_from_the_disk_when_wanted(tmp_path: Path) -> None:
    put(tmp_path, {"model.safetensors": WEIGHTS})
    assert fetch(tmp_path).parameters is None
    counted = fetch(tmp_path, want=Want(headers=True)).parameters
    assert counted is not None
    assert dict(counted.by_dtype) == {"F16": 4}


@pytest.mark.parametrize("data", [b"", struct.pack("<Q", 2**63) + b"{}", struct.pack("<Q", 50) + b"{}"])
def test_a_damaged_header_costs_the_count(tmp_path: Path, data: bytes) -> None:
    put(tmp_path, {"model.safetensors": data})
    snapshot = fetch(tmp_path, want=Want(headers=True))
    assert snapshot.parameters is None
    assert len(snapshot.notes) == 2


def test_shards_that_were_not_all_downloaded_are_not_counted(tmp_path: Path) -> None:
    name = "model-0000{}-of-00002.safetensors"
    listing = {name.format(number): {"size": 1, "blob_id": "a" * 40} for number in (1, 2)}
    put(tmp_path, {name.format(1): WEIGHTS}, tree={"format_version": 1, "files": listing})
    snapshot = fetch(tmp_path, want=Want(headers=True))
    assert snapshot.parameters is None
    assert codes(snapshot) == ["headers-unread"]


def test_large_files_are_not_read_whole(tmp_path: Path) -> None:
    put(
        tmp_path, {"README.md": b"x" * 5_000_000, "config.json": b" " * 5_000_000, "m.gguf": bytes(1_000_000)}
    )
    snapshot = fetch(tmp_path)
    assert codes(snapshot).count("file-unread") == 2
    assert snapshot.files is not None
    assert len(snapshot.files) == 3


# --- revisions -----------------------------------------------------------------------------------


def test_revisions(tmp_path: Path) -> None:
    put(tmp_path, {"README.md": CARD})
    put(tmp_path, {"README.md": b"older"}, commit=OTHER, ref="refs/pr/1")
    assert fetch(tmp_path).commit_sha == COMMIT
    assert fetch(tmp_path, "org/model@main").commit_sha == COMMIT
    assert fetch(tmp_path, "org/model@refs/pr/1").commit_sha == OTHER
    assert fetch(tmp_path, f"org/model@{OTHER}").commit_sha == OTHER
    with pytest.raises(NoSuchRevision, match="not its revision 'v9'") as caught:
        fetch(tmp_path, "org/model@v9")
    assert caught.value.hint is not None
    assert min(COMMIT, OTHER) in caught.value.hint


def test_the_only_commit_stands_for_the_default_branch(tmp_path: Path) -> None:
    put(tmp_path, {"README.md": CARD}, ref=None)
    assert fetch(tmp_path).commit_sha == COMMIT
    put(tmp_path, {"README.md": CARD}, commit=OTHER, ref=None)
    with pytest.raises(NoSuchRevision):
        fetch(tmp_path)


@pytest.mark.parametrize("content", [b"", b"../../../etc", b"\xff\xfe", b"f" * 40, b"0" * 1000])
def test_a_ref_that_leads_nowhere(tmp_path: Path, content: bytes) -> None:
    folder = put(tmp_path, {"README.md": CARD}, ref=None)
    put(tmp_path, {"README.md": CARD}, commit=OTHER, ref=None)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_bytes(content)
    with pytest.raises(NoSuchRevision):
        fetch(tmp_path)


# --- what is not in it, and what should not be ---------------------------------------------------


def test_a_model_that_is_not_there(tmp_path: Path) -> None:
    for cache in (tmp_path / "none", tmp_path):
        with pytest.raises(Offline, match="org/model is not in the Hub cache") as caught:
            fetch(cache)
        assert caught.value.hint is not None
        assert "hf download org/model" in caught.value.hint
    put(tmp_path, {"README.md": CARD}, name="org/Model")
    with pytest.raises(Offline):
        fetch(tmp_path)
    assert fetch(tmp_path, "org/Model").repo_id == "org/Model"


def test_links_out_of_the_cache_are_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "README.md").write_text("---\nlicense: secret\n---\n")
    folder = put(tmp_path / "cache", {"a.txt": b"a"})
    place = folder / "snapshots" / COMMIT
    (place / "README.md").symlink_to(secret / "README.md")
    (place / "folder").symlink_to(secret)
    (place / "broken").symlink_to("nowhere")
    (place / "circle").symlink_to("circle")
    os.mkfifo(place / "config.json")
    (folder / "trees").mkdir()
    (folder / "trees" / f"{COMMIT}.json").symlink_to(secret / "README.md")
    snapshot = fetch(tmp_path / "cache")
    assert snapshot.licenses == ()
    assert snapshot.raw == ()
    assert snapshot.files is not None
    assert [file.path for file in snapshot.files] == ["a.txt"]
    assert codes(snapshot).count("link-not-followed") == 4


def test_a_cache_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, {"README.md": CARD})

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "listdir", refuse)
    with pytest.raises(DamagedFile, match="the Hub cache of org/model cannot be read: Permission denied"):
        fetch(tmp_path)


def test_it_is_a_source_of_hub_models_alone(tmp_path: Path) -> None:
    it: Source = HubCacheSource(cache_dir=tmp_path)
    assert it.derivatives(ModelRef("org/model"), Relation.FINETUNE, 5) == ()
    with pytest.raises(BadReference):
        it.fetch(ModelRef("org/model", SourceName.PAPER), Want())
    HubCacheSource(cache_dir=tmp_path).close()
