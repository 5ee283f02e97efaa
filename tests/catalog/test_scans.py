"""What files on this disk hold, kept in the catalog."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from registry.catalog.catalog import Catalog
from registry.model.scans import Content, Stamp, TensorHash
from registry.model.snapshot import ModelFile
from registry.model.tensors import Holder
from tests.catalog.makers import snap


def sha(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


STAMP = Stamp("/models/one/model.safetensors", 100, 10**18, 7)
TENSORS = (
    TensorHash("a", "BF16", (2, 3), 8, 20, sha("a")),
    TensorHash("größe", "ggml:20", (), 20, 20, sha("b")),
)


def content(name: str, size: int = 100) -> Content:
    return Content(sha(name), size, TENSORS)


def test_a_file_is_known_as_long_as_nothing_changed(catalog: Catalog) -> None:
    catalog.scans.keep({STAMP: content("x")})
    assert catalog.scans.known([STAMP]) == {STAMP: sha("x")}
    for other in (
        replace(STAMP, size=101),
        replace(STAMP, mtime_ns=STAMP.mtime_ns + 1),
        replace(STAMP, inode=8),
        replace(STAMP, path="/models/two/model.safetensors"),
    ):
        assert catalog.scans.known([other]) == {}
    assert catalog.scans.known([]) == {}


def test_a_file_written_just_now_is_kept_and_not_relied_on(catalog: Catalog) -> None:
    catalog.scans.keep({STAMP: content("x")}, {STAMP})
    assert catalog.scans.known([STAMP]) == {}
    assert catalog.scans.places([sha("x")]) == {sha("x"): [STAMP]}
    assert set(catalog.scans.contents([sha("x")])) == {sha("x")}
    catalog.scans.keep({STAMP: content("x")})
    assert catalog.scans.known([STAMP]) == {STAMP: sha("x")}


def test_tensors_come_back_as_they_went(catalog: Catalog) -> None:
    plain = Content(sha("text"), 5)
    catalog.scans.keep({STAMP: content("x"), replace(STAMP, path="/models/one/README.md"): plain})
    assert catalog.scans.contents([sha("x"), sha("text"), sha("unknown")]) == {sha("x"): content("x")}
    catalog.scans.keep({})
    assert catalog.scans.places([sha("x")]) == {sha("x"): [STAMP]}


def test_what_was_overwritten_is_forgotten(catalog: Catalog) -> None:
    again = replace(STAMP, path="/models/copy/model.safetensors")
    catalog.scans.keep({STAMP: content("x"), again: content("x")})
    catalog.scans.keep({STAMP: content("y")})
    assert set(catalog.scans.contents([sha("x"), sha("y")])) == {sha("x"), sha("y")}
    catalog.scans.keep({again: content("y")})
    assert set(catalog.scans.contents([sha("x"), sha("y")])) == {sha("y")}
    assert catalog.scans.places([sha("x")]) == {}


def test_a_content_that_a_file_list_has_is_remembered(catalog: Catalog) -> None:
    catalog.save(snap("org/model", files=(ModelFile("model.safetensors", 100, sha("x")),)))
    catalog.scans.keep({STAMP: content("x")})
    catalog.scans.keep({STAMP: content("y")})
    assert set(catalog.scans.contents([sha("x")])) == {sha("x")}


def test_whoever_has_a_content_holds_its_tensors(catalog: Catalog) -> None:
    """Also models of the Hub, of which nothing but a list of files was read."""
    file = ModelFile("model.safetensors", 100, sha("x"))
    catalog.save(snap("org/model", files=(file, ModelFile("other.safetensors", 9, sha("z")))))
    catalog.save(snap("org/copy", files=(replace(file, path="again.safetensors"),)))
    catalog.scans.keep({STAMP: content("x")})
    assert catalog.scans.holders() == [
        Holder("org/copy", "again.safetensors", sha("x")),
        Holder("org/model", "model.safetensors", sha("x")),
    ]


def test_many_files_at_once(catalog: Catalog) -> None:
    found = {replace(STAMP, path=f"/models/{number}"): content(str(number)) for number in range(1200)}
    catalog.scans.keep(found)
    assert catalog.scans.known(found) == {stamp: one.sha256 for stamp, one in found.items()}
    assert len(catalog.scans.contents(one.sha256 for one in found.values())) == 1200
