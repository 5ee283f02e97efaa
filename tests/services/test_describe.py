from __future__ import annotations

from pathlib import Path

from registry.catalog.catalog import Catalog
from registry.model.snapshot import ModelFile
from registry.services.describe import describe
from registry.weights.formats import is_weight_file, one_copy_bytes, weight_format
from registry.weights.sizes import measure
from tests.services.fakes import snapshot

SHA = "ab" * 32


def test_storage_counts_copies_and_contents() -> None:
    files = [
        ModelFile("model.safetensors", 100, SHA),
        ModelFile("copy/model.safetensors", 100, SHA),
        ModelFile("pytorch_model.bin", 90, "cd" * 32),
        ModelFile("optimizer.bin", 7, "ef" * 32),
        ModelFile("README.md", 3),
        ModelFile("unsized.json"),
    ]
    storage = measure(files)
    assert (storage.files, storage.unsized_files) == (6, 1)
    assert (storage.logical_bytes, storage.unique_bytes, storage.weight_bytes) == (300, 200, 290)
    assert storage.copy_bytes == 200
    assert one_copy_bytes(files) == 200
    assert one_copy_bytes([ModelFile("a.bin", 5), ModelFile("b.gguf", 9)]) == 9
    assert one_copy_bytes([ModelFile("README.md", 3), ModelFile("x.bin")]) is None


def test_weight_files_are_told_by_name() -> None:
    assert weight_format("model-00001-of-00002.SAFETENSORS") == "safetensors"
    assert is_weight_file("coreml/model.mlmodel")
    assert not is_weight_file("training_args.bin")
    assert not is_weight_file("checkpoint-8/bf16_zero_pp_rank_0_optim_states.pt")
    assert not is_weight_file("config.json")


def test_a_model_only_named_as_a_base_is_described_as_unknown(tmp_path: Path) -> None:
    with Catalog.open(str(tmp_path / "c.db"), create=True) as catalog:
        catalog.save(snapshot("a/child", "a/base", files=[ModelFile("model.safetensors", 5, SHA)]))
        base = describe(catalog, "a/base")
        assert (base.snapshot, base.storage, base.license.id) == (None, None, None)
        assert dict(base.children) == {"finetune": 1}
        child = describe(catalog, "a/child")
        assert [edge.base for edge in child.bases] == ["a/base"]
        assert child.license.id == "mit"
        assert child.storage is not None
        assert child.storage.logical_bytes == 5
