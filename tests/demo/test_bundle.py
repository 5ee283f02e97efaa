"""The shipped recording is what its README says."""

from __future__ import annotations

import gzip
import json
from importlib.resources import files
from pathlib import Path

import pytest

from registry.demo import bundle
from registry.demo.bundle import load_bundle
from registry.demo.hub import RecordedHub
from tests import make_bundle


def test_bloom_has_its_261_files() -> None:
    bloom = load_bundle().models["bigscience/bloom"]
    assert len(bloom.tree) == 269
    sized = [entry for entry in bloom.tree if "size" in entry]
    assert len(sized) == 261
    assert all(len(entry["lfs"]["oid"]) == 64 for entry in sized)  # type: ignore[index]
    weights = {
        suffix: sum(int(str(e["size"])) for e in sized if str(e["path"]).endswith(suffix))
        for suffix in (".bin", ".safetensors")
    }
    # Both formats of the same 176 B parameters, twice 352 GB.
    assert {suffix: round(size / 1e9, 1) for suffix, size in weights.items()} == {
        ".bin": 352.5,
        ".safetensors": 352.5,
    }


def test_every_line_names_source_and_date() -> None:
    shipped = load_bundle()
    assert 20 <= len(shipped.models) == len(shipped.recordings) <= 45
    assert all(recording.source and recording.date for recording in shipped.recordings)
    assert sum(recording.commit is not None for recording in shipped.recordings) >= 28
    assert shipped.moved["bert-base-uncased"] in shipped.models
    gated = {repo_id for repo_id, model in shipped.models.items() if model.restricted}
    assert gated == {"inceptionai/jais-adapted-7b", "inceptionai/jais-adapted-7b-chat"}


def test_it_is_small_and_without_prose() -> None:
    data = files("registry.demo").joinpath("data/bundle.jsonl.gz").read_bytes()
    assert len(data) < 300_000
    for model in load_bundle().models.values():
        text = json.dumps(model.document)
        assert "widget" not in text
        assert "chat_template" not in text
        assert "prompt_template" not in text


def test_another_format_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle, "FORMAT", bundle.FORMAT + 1)
    with pytest.raises(ValueError, match="format 1, this reads 2"):
        load_bundle()


def test_it_is_played_back(recorded_hub: RecordedHub) -> None:
    assert recorded_hub.models.keys() == load_bundle().models.keys()


def test_front_matter_alone_is_kept() -> None:
    assert make_bundle.front_matter("---\nlicense: mit\n---\n# Prose") == "license: mit"
    assert make_bundle.front_matter("---\nwidget:\n- text: hello\n---\n") is None
    assert make_bundle.front_matter("no front matter") is None
    assert make_bundle.front_matter(None) is None


def test_trimming_keeps_facts() -> None:
    document = {
        "id": "a/b",
        "tags": ["x", "y" * 300],
        "cardData": {"license": "mit", "widget": [], "prompt_template": "p", "extra_gated_prompt": "q"},
        "model-index": [],
    }
    assert make_bundle.trimmed(document) == {"id": "a/b", "tags": ["x"], "cardData": {"license": "mit"}}


@pytest.mark.shared
def test_the_script_makes_what_is_shipped(
    shared: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:

    shipped = gzip.decompress(make_bundle.TARGET.read_bytes())
    monkeypatch.setattr(make_bundle, "TARGET", tmp_path / "bundle.jsonl.gz")
    make_bundle.main(shared / "hub")
    assert gzip.decompress(make_bundle.TARGET.read_bytes()) == shipped
