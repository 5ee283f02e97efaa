"""Twins by name and size. Sizes are those of the real repositories named, unless a test says otherwise."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.model.snapshot import ModelFile
from registry.weights.twins import (
    CONSOLIDATED,
    DTYPES,
    NAMED_ALIKE,
    NEAR_TOTAL,
    OVERHEAD_TOTAL,
    SHARDED_ALIKE,
    TOTAL,
    Certainty,
    TwinReading,
    alike,
    find_twins,
    weight_sets,
)


def read(*listed: tuple[str, int | None], **by_dtype: int) -> TwinReading:
    return find_twins([ModelFile(path, size) for path, size in listed], by_dtype)


def pairs(reading: TwinReading) -> list[tuple[str, str, str]]:
    """Kept, twin, certainty."""
    return [
        (twins.kept.shown, twin.weights.shown, str(twin.certainty))
        for twins in reading.twins
        for twin in twins.others
    ]


def test_a_single_file_in_two_formats() -> None:
    reading = read(("pytorch_model.bin", 548_118_077), ("model.safetensors", 548_105_171))
    (twins,) = reading.twins
    assert (twins.kept.format, twins.kept.shown) == ("safetensors", "model.safetensors")
    (twin,) = twins.others
    assert twin.reasons == (TOTAL, NAMED_ALIKE)
    assert twin.certainty is Certainty.LIKELY
    assert twin.certainty.counts


def test_the_dtype_counts_make_it_sure() -> None:
    # gpt2: 124,439,808 parameters and twelve masks, all F32.
    told = {"F32": 137_022_720}
    files = (("pytorch_model.bin", 548_118_077), ("model.safetensors", 548_105_171))
    (twins,) = read(*files, **told).twins
    assert twins.others[0].certainty is Certainty.HIGH
    assert DTYPES in twins.others[0].reasons
    (halved,) = read(*files, F16=137_022_720).twins
    assert halved.others[0].certainty is Certainty.LIKELY, "sizes that contradict the counts add nothing"


def test_shards_of_the_same_sizes_make_it_sure() -> None:
    reading = read(
        ("model-00001-of-00002.safetensors", 4_938_985_248),
        ("model-00002-of-00002.safetensors", 4_947_390_880),
        ("pytorch_model-00001-of-00002.bin", 4_939_002_100),
        ("pytorch_model-00002-of-00002.bin", 4_947_419_000),
    )
    (twins,) = reading.twins
    assert twins.others[0].certainty is Certainty.HIGH
    assert twins.others[0].reasons == (SHARDED_ALIKE, TOTAL, NAMED_ALIKE)
    assert pairs(reading) == [("model*.safetensors", "pytorch_model*.bin", "high")]


def test_another_sharding_with_the_same_total_is_likely() -> None:
    reading = read(
        ("model-00001-of-00002.safetensors", 3_000_000_000),
        ("model-00002-of-00002.safetensors", 2_000_000_000),
        ("pytorch_model-00001-of-00002.bin", 2_000_100_000),
        ("pytorch_model-00002-of-00002.bin", 3_000_100_000),
    )
    assert reading.twins[0].others[0].reasons == (TOTAL, NAMED_ALIKE)
    assert reading.twins[0].others[0].certainty is Certainty.LIKELY


def test_near_totals_are_told_and_never_counted() -> None:
    # google-bert/bert-base-uncased: Flax lacks two heads, TensorFlow and Rust keep the embedding twice.
    reading = read(
        ("pytorch_model.bin", 440_473_133),
        ("model.safetensors", 440_449_768),
        ("flax_model.msgpack", 438_064_459),
        ("tf_model.h5", 536_063_208),
        ("rust_model.ot", 534_240_408),
    )
    assert pairs(reading) == [
        ("model.safetensors", "pytorch_model.bin", "likely"),
        ("model.safetensors", "flax_model.msgpack", "possible"),
        ("tf_model.h5", "rust_model.ot", "possible"),
    ]
    possible = reading.twins[0].others[1]
    assert possible.reasons == (NEAR_TOTAL, NAMED_ALIKE)
    assert not possible.certainty.counts


def test_small_files_may_differ_by_their_headers() -> None:
    reading = read(("pytorch_model.bin", 58_289), ("model.safetensors", 57_540))
    assert reading.twins[0].others[0].reasons == (OVERHEAD_TOTAL, NAMED_ALIKE)
    assert not read(("pytorch_model.bin", 60_000), ("model.safetensors", 50_000)).twins


def test_checkpoints_of_a_run_are_no_twins() -> None:
    reading = read(
        ("checkpoint-500/model.safetensors", 1_000_000_000),
        ("checkpoint-1000/model.safetensors", 1_000_000_000),
        ("model.safetensors", 1_000_000_000),
        ("checkpoint-500/optimizer.bin", 1_000_000_000),
    )
    assert reading == TwinReading()


def test_variants_are_twins_of_their_own_kind_only() -> None:
    # stable-diffusion-v1-5: the components in two precisions and two formats, a state before averaging.
    reading = read(
        ("unet/diffusion_pytorch_model.bin", 3_438_354_725),
        ("unet/diffusion_pytorch_model.safetensors", 3_438_167_540),
        ("unet/diffusion_pytorch_model.fp16.bin", 1_719_325_925),
        ("unet/diffusion_pytorch_model.fp16.safetensors", 1_719_125_304),
        ("unet/diffusion_pytorch_model.non_ema.safetensors", 3_438_167_540),
        ("vae/diffusion_pytorch_model.safetensors", 334_643_276),
        ("unet/diffusion_flax_model.msgpack", 3_438_120_000),
    )
    assert pairs(reading) == [
        ("unet/diffusion_pytorch_model.safetensors", "unet/diffusion_pytorch_model.bin", "likely"),
        ("unet/diffusion_pytorch_model.safetensors", "unet/diffusion_flax_model.msgpack", "likely"),
        ("unet/diffusion_pytorch_model.fp16.safetensors", "unet/diffusion_pytorch_model.fp16.bin", "likely"),
    ]
    (half,) = reading.derived
    assert half.weights.shown == "unet/diffusion_pytorch_model.fp16.safetensors"
    assert half.source.shown == "unet/diffusion_pytorch_model.safetensors"
    assert half.reason == "half the bytes: another precision"


@pytest.mark.parametrize(
    ("path", "size", "reason"),
    [
        ("fp16/model.safetensors", 500, "half the bytes: another precision"),
        ("model.fp32.safetensors", 2000, "twice the bytes: another precision"),
        ("model-4bit.safetensors", 250, "a quarter of the bytes: another precision"),
        ("onnx/model.onnx", 1000, "converted to onnx"),
        ("model.Q4_K_M.gguf", 300, "converted to gguf"),
        ("model-f16.gguf", 1000, "converted to gguf"),
    ],
)
def test_other_precisions_and_frames_are_derived(path: str, size: int, reason: str) -> None:
    reading = read(("model.safetensors", 1_000_000 * 1000), (path, 1_000_000 * size))
    assert not reading.twins
    (derived,) = reading.derived
    assert (derived.weights.shown, derived.source.shown) == (path, "model.safetensors")
    assert derived.reason == reason


def test_quantized_files_alone_are_nothing() -> None:
    assert read(("a.Q4_K_M.gguf", 300), ("a.Q8_0.gguf", 600)) == TwinReading()


@pytest.mark.parametrize("original", ["consolidated.safetensors", "original/consolidated.00.pth"])
def test_the_unsharded_original_beside_the_shards(original: str) -> None:
    # mistralai/Mistral-7B: the same weights under other tensor names, in one format or another.
    reading = read(
        (original, 14_496_078_512),
        ("model-00001-of-00002.safetensors", 9_949_453_792),
        ("model-00002-of-00002.safetensors", 4_546_807_800),
        BF16=7_248_023_552,
    )
    assert pairs(reading) == [("model*.safetensors", original, "likely")]
    assert reading.twins[0].others[0].reasons == (TOTAL, DTYPES, CONSOLIDATED)


def test_an_original_in_parts_for_each_device() -> None:
    parts = [(f"original/consolidated.0{number}.pth", 2_000_000_000) for number in range(4)]
    reading = read(*parts, ("model.safetensors", 8_000_000_000), ("consolidated.bin", 3))
    assert pairs(reading) == [("model.safetensors", "original/consolidated.*.pth", "likely")]
    assert not read(*parts, ("x.safetensors", 8_000_000_000)).twins, "no main weights to be an original of"


def test_one_file_and_its_shards_in_one_format_are_likely_at_most_without_counts() -> None:
    files = (
        ("model.safetensors", 2_000_000_000),
        ("model-00001-of-00002.safetensors", 1_000_000_000),
        ("model-00002-of-00002.safetensors", 1_000_010_000),
    )
    assert pairs(read(*files)) == [("model*.safetensors", "model.safetensors", "likely")]
    assert pairs(read(*files, BF16=1_000_000_000)) == [("model*.safetensors", "model.safetensors", "high")]


def test_what_cannot_be_compared_is_said() -> None:
    unsized = read(("pytorch_model.bin", None), ("model.safetensors", 1000))
    assert [one.shown for one in unsized.undecided] == ["pytorch_model.bin"]
    missing = read(("pytorch_model-00001-of-00002.bin", 1000), ("model.safetensors", 1000))
    assert not missing.twins
    assert [one.shown for one in missing.undecided] == ["pytorch_model-00001-of-00002.bin"]
    assert read(("model.safetensors", None)) == TwinReading(), "nothing stands beside it"
    assert not read(("pytorch_model.bin", 0), ("model.safetensors", 0)).twins


def test_names_of_shards_as_people_write_them() -> None:
    names = (
        "model_00001-of-00072.safetensors",
        "model.fp16-00001-of-00002.safetensors",
        "x.bin",
        "README.md",
    )
    sets = weight_sets(ModelFile(name, 1) for name in names)
    assert [(one.name, one.shards, one.whole) for one in sets] == [
        ("model", 72, False),
        ("model.fp16", 2, False),
        ("x", None, True),
    ]


_PATHS = st.sampled_from(
    ["model.safetensors", "pytorch_model.bin", "tf_model.h5", "a/model.safetensors", "a/pytorch_model.bin"]
    + [
        f"{stem}-0000{n}-of-00002{suffix}"
        for stem, suffix in (("model", ".safetensors"), ("pytorch_model", ".bin"))
        for n in (1, 2)
    ]
    + ["consolidated.safetensors", "model.onnx", "x.gguf", "README.md"]
)
_FILES = st.dictionaries(_PATHS, st.one_of(st.none(), st.integers(0, 2**63 - 1), st.just(10**9)))


@given(_FILES, st.dictionaries(st.sampled_from(["F32", "BF16", "odd"]), st.integers(0, 2**62)), st.randoms())
def test_any_list_is_read_the_same_in_any_order(
    files: dict[str, int | None], by_dtype: dict[str, int], chance: object
) -> None:
    listed = [ModelFile(path, size) for path, size in files.items()]
    shuffled = list(listed)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    reading = find_twins(listed, by_dtype)
    assert find_twins(shuffled, by_dtype) == reading
    said = [file.path for twins in reading.twins for twin in twins.others for file in twin.weights.files]
    kept = [file.path for twins in reading.twins for file in twins.kept.files]
    assert len({*said, *kept}) == len(said) + len(kept), "a file is counted once, and never also kept"


@given(st.integers(0, 2**63), st.integers(0, 2**63), st.integers(1, 1000))
def test_alike_is_symmetric_and_holds_for_equals(one: int, other: int, count: int) -> None:
    assert alike(one, other, count) == alike(other, one, count)
    assert alike(one, one, count)


@pytest.mark.shared
def test_bloom_is_stored_twice(shared: Path) -> None:
    with gzip.open(shared / "hub" / "files.csv.gz", "rt", encoding="utf-8") as lines:
        files = [
            ModelFile(row["path"], int(float(row["size"])) if row["size"] else None, row["sha256"] or None)
            for row in csv.DictReader(lines)
            if row["repo"] == "bigscience/bloom"
        ]
    (twins,) = find_twins(files, {"BF16": 176_247_271_424}).twins
    (twin,) = twins.others
    assert (twins.kept.format, twins.kept.size, len(twins.kept.files)) == ("safetensors", 352_494_635_619, 72)
    assert (twin.weights.format, twin.weights.size) == ("pytorch", 352_494_784_336)
    assert twin.certainty is Certainty.HIGH
    assert twin.reasons == (SHARDED_ALIKE, TOTAL, DTYPES, NAMED_ALIKE)
