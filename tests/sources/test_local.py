"""Models in folders of this disk: what is read, what is refused, what happens while others write."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import struct
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from registry.contract import Source, Want
from registry.errors import BadReference, DamagedFile, NotVisible
from registry.model.edges import Origin, Relation
from registry.model.refs import ModelRef, SourceName
from registry.model.snapshot import LicenseField, ModelFile, ModelSnapshot
from registry.sources import folders as module_folders
from registry.sources import local as module
from registry.sources.local import LocalSource, copy_of, weight_files
from registry.weights.fingerprint import Reader
from tests.hubs import commit_of, safetensors
from tests.sources.test_cache import COMMIT, put
from tests.weights.models import ZOO

NOW = datetime(2026, 11, 1, tzinfo=UTC)
CARD = b"---\nlicense: mit\nbase_model: org/base\n---\n# Text\n"
WEIGHTS = safetensors({"a.weight": ("F16", [2, 3], bytes(12)), "b.weight": ("F32", [4], bytes(16))})


def fetch(path: Path | str, want: Want = Want()) -> ModelSnapshot:  # noqa: B008
    return LocalSource(clock=lambda: NOW).fetch(ModelRef.parse(f"local:{path}"), want)


def codes(found: ModelSnapshot) -> set[str]:
    return {note.code for note in found.notes}


def paths(found: ModelSnapshot) -> list[str]:
    return [file.path for file in found.files or ()]


def gguf(**texts: str) -> bytes:
    """A GGUF file with one tensor of 32 float32."""

    def text(value: str) -> bytes:
        return struct.pack("<Q", len(value)) + value.encode()

    pairs = b"".join(
        text(key.replace("__", ".")) + struct.pack("<I", 8) + text(v) for key, v in texts.items()
    )
    tensor = text("blk.0.attn_norm.weight") + struct.pack("<IQIQ", 1, 32, 0, 0)
    head = b"GGUF" + struct.pack("<IQQ", 3, 1, len(texts)) + pairs + tensor
    return head + bytes(-len(head) % 32) + bytes(128)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "model"
    place.mkdir()
    (place / "README.md").write_bytes(CARD)
    (place / "model.safetensors").write_bytes(WEIGHTS)
    return place


class TestWhatIsRead:
    def test_a_folder(self, folder: Path) -> None:
        found = fetch(folder)
        assert (found.repo_id, found.source) == (f"local:{folder}", SourceName.LOCAL)
        assert found.commit_sha is None
        assert found.created_at is None
        assert found.files == (
            ModelFile("README.md", len(CARD)),
            ModelFile("model.safetensors", len(WEIGHTS)),
        )
        assert found.files_complete
        assert found.parameters is not None
        assert (found.parameters.by_dtype, found.parameters.logical) == ({"F16": 6, "F32": 4}, 10)
        assert found.parameters.origin == "headers"
        assert [(claim.field, claim.value, claim.origin) for claim in found.licenses] == [
            (LicenseField.LICENSE, "mit", "card")
        ]
        assert [(claim.origin, claim.base) for claim in found.claims] == [
            (Origin.CARD, "org/base"),
            (Origin.INFERRED, "org/base"),
        ]
        assert [(raw.kind, raw.data) for raw in found.raw] == [("card", CARD)]
        assert found.notes == ()

    def test_it_is_a_source(self) -> None:
        source: Source = LocalSource()
        assert source.derivatives(ModelRef("/x", SourceName.LOCAL), Relation.MERGE, 3) == ()

    def test_all_who_name_a_base(self, folder: Path) -> None:
        peft = {"base_model_name_or_path": "org/true", "peft_type": "LORA"}
        (folder / "adapter_config.json").write_text(json.dumps(peft))
        (folder / "config.json").write_text(
            json.dumps({"_name_or_path": "org/loaded", "model_type": "llama"})
        )
        (folder / "mergekit_config.yml").write_text("models:\n  - model: org/one\n  - model: org/two\n")
        (folder / "small.gguf").write_bytes(gguf(general__source__repo_url="https://huggingface.co/org/from"))
        found = fetch(folder)
        named = {(claim.origin, claim.base) for claim in found.claims if claim.origin is not Origin.INFERRED}
        assert named == {
            (Origin.ADAPTER_CONFIG, "org/true"),
            (Origin.CARD, "org/base"),
            (Origin.CONFIG, "org/loaded"),
            (Origin.GGUF, "org/from"),
            (Origin.MERGEKIT, "org/one"),
            (Origin.MERGEKIT, "org/two"),
        }
        assert found.config["model_type"] == "llama"

    def test_shards_count_together(self, folder: Path) -> None:
        (folder / "model.safetensors").unlink()
        for number in (1, 2):
            name = f"model-0000{number}-of-00002.safetensors"
            (folder / name).write_bytes(safetensors({f"w{number}": ("BF16", [8], bytes(16))}))
        index = {"weight_map": {"w1": "model-00001-of-00002.safetensors"}}
        (folder / "model.safetensors.index.json").write_text(json.dumps(index))
        found = fetch(folder)
        assert found.parameters is not None
        assert found.parameters.logical == 16
        assert found.notes == ()
        (folder / "model-00002-of-00002.safetensors").unlink()
        index["weight_map"]["w2"] = "model-00002-of-00002.safetensors"
        (folder / "model.safetensors.index.json").write_text(json.dumps(index))
        found = fetch(folder)
        assert found.parameters is None
        assert codes(found) == {"headers-unread", "shards-missing"}

    def test_a_gguf_file_alone(self, folder: Path) -> None:
        (folder / "model.safetensors").unlink()
        (folder / "model.gguf").write_bytes(gguf())
        for found in (fetch(folder), fetch(folder / "model.gguf")):
            assert found.parameters is not None
            assert (found.parameters.logical, found.parameters.origin) == (32, "gguf")
        assert paths(fetch(folder / "model.gguf")) == ["model.gguf"]

    def test_parts_of_a_gguf_file_count_together(self, folder: Path) -> None:
        (folder / "model.safetensors").unlink()
        for number in (1, 2):
            data = gguf().replace(b"blk.0", f"blk.{number}".encode())
            (folder / f"big-0000{number}-of-00002.gguf").write_bytes(data)
        found = fetch(folder)
        assert found.parameters is not None
        assert found.parameters.logical == 64

    def test_a_damaged_header_costs_the_count_alone(self, folder: Path) -> None:
        (folder / "model.safetensors").write_bytes(WEIGHTS[:-1])
        found = fetch(folder)
        assert found.parameters is None
        assert codes(found) == {"header-damaged"}
        assert found.claims

    def test_every_model_of_the_zoo(self) -> None:
        for place in sorted((ZOO / "zoo").iterdir() if (ZOO / "zoo").is_dir() else ZOO.iterdir()):
            if place.is_dir():
                found = fetch(place)
                assert found.parameters is not None, place
                assert found.notes == ()

    def test_what_tools_keep_beside_a_model_is_none_of_it(self, folder: Path) -> None:
        for name in (".git", ".cache/huggingface"):
            (folder / name).mkdir(parents=True)
            (folder / name / "thing").write_text("x")
        assert paths(fetch(folder)) == ["README.md", "model.safetensors"]

    def test_an_empty_folder_is_an_empty_model(self, tmp_path: Path) -> None:
        (tmp_path / "empty").mkdir()
        assert fetch(tmp_path / "empty").files == ()


class TestNames:
    def test_one_folder_has_one_name(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(folder.parent)
        monkeypatch.setenv("HOME", str(folder.parent))
        for name in ("model", "./model/", "~/model", "model/../model", f"{folder}/."):
            assert fetch(name).repo_id == f"local:{folder}"

    def test_a_link_somebody_named_is_followed(self, folder: Path, tmp_path: Path) -> None:
        (tmp_path / "current").symlink_to(folder)
        found = fetch(tmp_path / "current")
        assert found.repo_id == f"local:{tmp_path / 'current'}"
        assert paths(found) == ["README.md", "model.safetensors"]

    def test_a_working_directory_that_is_gone(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "gone").mkdir()
        monkeypatch.chdir(tmp_path / "gone")
        (tmp_path / "gone").rmdir()
        with pytest.raises(BadReference, match="working directory is gone"):
            fetch("model")

    @pytest.mark.parametrize("text", ["org/name", "paper:org/name"])
    def test_other_sources_are_refused(self, text: str) -> None:
        with pytest.raises(BadReference):
            LocalSource().fetch(ModelRef.parse(text), Want())


class TestWhatIsRefused:
    def test_nothing_there(self, tmp_path: Path) -> None:
        with pytest.raises(NotVisible, match="there is nothing at"):
            fetch(tmp_path / "absent")
        (tmp_path / "file").write_text("x")
        with pytest.raises(NotVisible):
            fetch(tmp_path / "file" / "below")

    def test_what_is_no_model(self, tmp_path: Path) -> None:
        (tmp_path / "notes.txt").write_text("x")
        with pytest.raises(BadReference, match="no weight file"):
            fetch(tmp_path / "notes.txt")
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(BadReference, match="a pipe"):
            fetch(tmp_path / "pipe")
        with pytest.raises(BadReference, match="a device"):
            fetch("/dev/null")

    def test_links_in_a_circle(self, tmp_path: Path) -> None:
        (tmp_path / "a").symlink_to(tmp_path / "b")
        (tmp_path / "b").symlink_to(tmp_path / "a")
        with pytest.raises(DamagedFile):
            fetch(tmp_path / "a")

    def test_special_files_are_noted_and_never_waited_for(self, folder: Path) -> None:
        os.mkfifo(folder / "config.json")
        os.mkfifo(folder / "other.safetensors")
        (folder / "device").symlink_to("/dev/zero")
        with socket.socket(socket.AF_UNIX) as made:
            here = Path.cwd()
            os.chdir(folder)  # Names of sockets are short.
            made.bind("socket")
            os.chdir(here)
        found = fetch(folder)
        assert paths(found) == ["README.md", "model.safetensors"]
        assert sorted(note.message for note in found.notes) == [
            "config.json: a pipe, not read",
            "device: a link that leads out of the folder, not followed",
            "other.safetensors: a pipe, not read",
            "socket: a socket, not read",
        ]

    def test_no_link_leads_out(self, folder: Path, tmp_path: Path) -> None:
        secret = tmp_path / "secret.json"
        secret.write_text('{"base_model_name_or_path": "org/secret"}')
        (folder / "adapter_config.json").symlink_to(secret)
        (folder / "broken.bin").symlink_to("absent")
        (folder / "elsewhere").symlink_to(tmp_path)
        (folder / "inside.safetensors").symlink_to("model.safetensors")
        found = fetch(folder)
        assert paths(found) == ["README.md", "inside.safetensors", "model.safetensors"]
        assert "org/secret" not in {claim.base for claim in found.claims}
        assert [note.code for note in found.notes if note.code == "link-not-followed"] == [
            "link-not-followed"
        ] * 3

    def test_a_name_that_is_no_text(self, folder: Path) -> None:
        Path(os.fsdecode(os.fsencode(folder) + b"/\xff.bin")).write_bytes(b"x")
        (folder / "two\nlines.bin").write_bytes(b"x")
        found = fetch(folder)
        assert paths(found) == ["README.md", "model.safetensors"]
        assert [note.code for note in found.notes] == ["file-unread"] * 2
        assert all(note.message.isprintable() for note in found.notes)

    def test_a_place_whose_name_is_no_text(self, folder: Path, tmp_path: Path) -> None:
        odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff"))
        shutil.copytree(folder, odd)
        (tmp_path / "plain").symlink_to(odd)
        found = fetch(tmp_path / "plain")
        assert found.files == ()
        assert codes(found) == {"file-unread"}

    def test_a_folder_deeper_than_any_model(self, folder: Path) -> None:
        place = folder
        for _ in range(module_folders.MAX_DEPTH + 1):
            place /= "a"
        place.mkdir(parents=True)
        (place / "deep.bin").write_bytes(b"x")
        found = fetch(folder)
        assert paths(found) == ["README.md", "model.safetensors"]
        assert codes(found) == {"files-partial"}
        assert not found.files_complete

    def test_more_files_than_any_model_has(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module_folders, "MAX_FILES", 1)
        found = fetch(folder)
        assert (paths(found), found.files_complete) == (["README.md"], False)

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
    def test_what_may_not_be_read(self, folder: Path) -> None:
        (folder / "README.md").chmod(0)
        assert "file-unread" in codes(fetch(folder))

    def test_a_large_text_is_not_read(self, folder: Path) -> None:
        (folder / "README.md").write_bytes(CARD + bytes(5 * 10**6))
        found = fetch(folder)
        assert found.claims == ()
        assert codes(found) == {"file-unread"}


class TestWhileOthersWrite:
    def test_a_change_is_seen_and_read_again(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        looked = self.between_looks(monkeypatch, lambda: (folder / "new.txt").write_text("x"), times=1)
        assert "new.txt" in paths(fetch(folder))
        assert len(looked) == 4

    def test_a_folder_that_never_rests(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def grow() -> None:
            with (folder / "log.txt").open("a") as file:
                file.write("x")

        self.between_looks(monkeypatch, grow, times=99)
        with pytest.raises(DamagedFile, match="changes while it is read"):
            fetch(folder)

    def test_a_file_that_vanishes(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.between_looks(monkeypatch, lambda: (folder / "model.safetensors").unlink(), times=1)
        assert paths(fetch(folder)) == ["README.md"]

    @staticmethod
    def between_looks(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object], times: int) -> list[object]:
        """Let `act` happen after each of the first looks."""
        looked: list[object] = []
        look = module.look

        def watched(place: module.Place) -> module.Listing:
            found = look(place)
            looked.append(found)
            if len(looked) <= times:
                act()
            return found

        monkeypatch.setattr(module, "look", watched)
        return looked


class TestSnapshots:
    """Snapshots in the Hub's cache, as its client writes them."""

    def test_links_lead_to_blobs(self, tmp_path: Path) -> None:
        files = {"README.md": CARD, "model.safetensors": WEIGHTS}
        place = put(tmp_path, files) / "snapshots" / COMMIT
        found = fetch(place)
        assert (found.repo_id, found.commit_sha) == (f"local:{place}", COMMIT)
        assert found.parameters is not None
        assert found.parameters.logical == 10
        weights = next(file for file in found.files or () if file.path == "model.safetensors")
        assert weights.sha256 == hashlib.sha256(WEIGHTS).hexdigest()
        assert not found.files_complete
        assert codes(found) == {"cache-copy", "files-partial"}
        assert copy_of(place) == "org/model"

    def test_links_lead_no_further(self, tmp_path: Path) -> None:
        place = put(tmp_path / "hub", {"model.safetensors": WEIGHTS}) / "snapshots" / COMMIT
        other = put(tmp_path / "hub", {"secret.bin": b"x"}, name="org/other", commit=commit_of("other"))
        (place / "theirs.bin").symlink_to(next((other / "blobs").iterdir()))
        (place / "out.bin").symlink_to("/etc/hostname")
        assert paths(fetch(place)) == ["model.safetensors"]

    def test_it_is_no_child_of_what_it_is_a_copy_of(self, tmp_path: Path) -> None:
        config = json.dumps({"_name_or_path": "org/model"}).encode()
        place = put(tmp_path, {"config.json": config, "README.md": CARD}) / "snapshots" / COMMIT
        assert {claim.base for claim in fetch(place).claims} == {"org/base"}

    def test_a_whole_repository_is_not_one_model(self, tmp_path: Path) -> None:
        repository = put(tmp_path, {"README.md": CARD})
        with pytest.raises(BadReference) as caught:
            fetch(repository)
        assert caught.value.hint == f"name one: local:{repository}/snapshots/{COMMIT}"

    @pytest.mark.parametrize(
        "name", ["x/snapshots/y", "models--a--b/snapshots/main", "models--/snapshots/" + COMMIT]
    )
    def test_other_folders_are_no_copies(self, name: str, tmp_path: Path) -> None:
        assert copy_of(tmp_path / name) is None


class TestReaders:
    """What is handed to whoever samples weights."""

    def test_weight_files_read_at_any_place(self, folder: Path) -> None:
        (file,) = weight_files(folder).values()
        reader: Reader = file
        assert (file.path, file.size) == ("model.safetensors", len(WEIGHTS))
        assert reader.read(3, 20) == WEIGHTS[3:23]
        assert file.head(10**9) == WEIGHTS
        for offset, length in ((0, len(WEIGHTS) + 1), (len(WEIGHTS), 1), (-1, 2), (0, -1)):
            with pytest.raises(DamagedFile, match="do not reach"):
                file.read(offset, length)

    @pytest.mark.parametrize(
        "act",
        [
            lambda path: path.write_bytes(WEIGHTS + b"x"),
            lambda path: os.utime(path, ns=(1, 1)),
            lambda path: path.replace(path.with_suffix(".old")) and path.write_bytes(WEIGHTS),
        ],
        ids=["longer", "later", "another"],
    )
    def test_a_file_that_changed_is_not_read(self, folder: Path, act: Callable[[Path], Any]) -> None:
        (file,) = weight_files(folder).values()
        act(folder / "model.safetensors")
        with pytest.raises(DamagedFile, match="changed while it was read"):
            file.read(0, 8)

    def test_what_took_its_place_is_not_waited_for(self, folder: Path) -> None:
        (file,) = weight_files(folder).values()
        (folder / "model.safetensors").unlink()
        with pytest.raises(DamagedFile, match="cannot be read"):
            file.read(0, 8)
        os.mkfifo(folder / "model.safetensors")
        with pytest.raises(DamagedFile, match="changed"):
            file.read(0, 8)

    def test_threads_may_share_one(self, folder: Path) -> None:
        (file,) = weight_files(folder).values()
        with ThreadPoolExecutor(4) as pool:
            pieces = list(pool.map(lambda at: file.read(at, 1), range(file.size)))
        assert b"".join(pieces) == WEIGHTS
