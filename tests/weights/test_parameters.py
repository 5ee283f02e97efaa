from __future__ import annotations

import pytest

from registry.weights.parameters import count_from_headers, count_parameters
from registry.weights.safetensors import BITS, Header, Tensor

GPTQ = {"quantization_config": {"bits": 4}}


def header(**shapes: tuple[str, tuple[int, ...]]) -> Header:
    """Tensors by name with `__` for a dot; offsets play no part in counting."""
    named = {}
    for name, (dtype, shape) in shapes.items():
        tensor = Tensor(dtype, shape, 0, 0)
        assert dtype in BITS
        named[name if "." in name else name.replace("__", ".")] = tensor
    return Header(named, {})


def test_unpacked_floats_are_counted_as_stored() -> None:
    # bigscience/bloom, as the Hub serves it.
    count = count_parameters({"BF16": 176_247_271_424}, 176_247_271_424, {}, ())
    assert count.logical == count.stored == 176_247_271_424
    assert count.rule == "unpacked: every stored element is one parameter"
    assert count.contradiction is None


def test_mixed_floats_and_fp8() -> None:
    count = count_parameters({"F32": 10, "F8_E4M3": 1000}, 1010, {}, ("fp8",))
    assert count.logical == 1010


def test_position_ids_are_no_weights() -> None:
    count = count_parameters({"F32": 100_000, "I64": 512}, 100_512, {}, ())
    assert (count.stored, count.logical) == (100_512, 100_000)
    assert "512 integers are buffers" in (count.rule or "")


def test_gptq_unpacks_eight_to_an_integer() -> None:
    # TheBloke/DiscoLM-120b-GPTQ (hub-data, quirk 11): served as 15.2 billion.
    count = count_parameters({"I32": 14_664_900_864, "F16": 550_072_320}, 15_214_973_184, GPTQ, ("4-bit",))
    assert count.stored == 15_214_973_184
    assert count.logical == 117_869_279_232
    assert "4 bits" in (count.rule or "")
    assert count.contradiction is None


def test_three_bits_in_32_bit_integers() -> None:
    # KYUNGYONG/EXAONE-Deep-32B-mlx-3Bit: 32.0 billion weights in U32, beside scales.
    count = count_parameters({"U32": 3_000_238_080, "F16": 1_000_739_840}, None, {}, ("mlx", "3-bit"))
    assert count.logical == 32_002_539_520 + 1_000_739_840
    assert "counted in" in (count.rule or "")


@pytest.mark.parametrize(
    ("by_dtype", "config", "tags", "logical"),
    [
        ({"U8": 1700, "BF16": 50}, {"quantization_config": {"quant_method": "mxfp4"}}, (), 3250),
        ({"U8": 1000, "F8_E4M3": 125, "BF16": 50}, {}, ("nvfp4",), 2050),
        (
            {"U8": 1000, "F8_E4M3": 125},
            {"quantization_config": {"quant_method": "modelopt", "quant_algo": "NVFP4"}},
            (),
            2000,
        ),
        (
            {"U8": 1000, "F32": 10},
            {"quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": True}},
            (),
            2010,
        ),
        (
            {"I8": 1000, "F16": 10},
            {"quantization_config": {"quant_method": "bitsandbytes", "load_in_8bit": True}},
            (),
            1010,
        ),
        (
            {"I32": 100, "F16": 10},
            {"text_config": {"quantization_config": {"quant_method": "awq", "bits": 4}}},
            (),
            810,
        ),
        (
            {"I32": 100, "F16": 10},
            {
                "quantization_config": {
                    "quant_method": "compressed-tensors",
                    "config_groups": {"group_0": {"weights": {"num_bits": 4}}},
                }
            },
            (),
            810,
        ),
        ({"U32": 100, "F16": 10}, {"quantization": {"group_size": 64, "bits": 8}}, (), 410),
        ({"I32": 100, "F16": 10}, {"quantization_config": {"quant_method": "gptq"}}, ("4-bit",), 810),
    ],
)
def test_packed_layouts(
    by_dtype: dict[str, int], config: dict[str, object], tags: tuple[str, ...], logical: int
) -> None:
    assert count_parameters(by_dtype, None, config, tags).logical == logical


@pytest.mark.parametrize(
    ("by_dtype", "config", "tags"),
    [
        ({"I32": 100, "F16": 10}, {}, ()),  # packed, but nothing says how
        ({"I32": 100, "F16": 10}, {"quantization_config": {"quant_method": "gptq"}}, ()),
        ({"I32": 100, "F16": 10}, {"quantization_config": {"quant_method": "exl2", "bits": 4}}, ()),
        ({"I16": 100, "F16": 10}, {}, ("exl3",)),
        ({"I8": 100, "F16": 10}, {"quantization_config": {"bits": 16}}, ()),
        ({"I32": 100}, {}, ("mlx",)),
        ({"F32": 0}, {}, ()),
        ({"I32": 100}, {"quantization_config": {"bits": True, "config_groups": {"g": 3}}}, ()),
        ({"I32": 100}, {"quantization_config": {}, "text_config": "odd"}, ("12-bits", "4 bit")),
    ],
)
def test_without_a_rule_nothing_is_guessed(
    by_dtype: dict[str, int], config: dict[str, object], tags: tuple[str, ...]
) -> None:
    count = count_parameters(by_dtype, None, config, tags)
    assert (count.logical, count.rule) == (None, None)
    assert count.by_dtype == by_dtype


def test_a_served_total_that_contradicts_the_dtypes_is_said_so() -> None:
    # huggingface_hub issue 4221: the uploader's own total.
    count = count_parameters({"BF16": 7_600_000_000}, 333_312, {}, ())
    assert count.served_total == 333_312
    assert count.logical == 7_600_000_000
    assert count.contradiction == "the host's total is 333,312, its dtypes add up to 7,600,000,000"


def test_a_served_total_may_be_the_unpacked_one() -> None:
    assert count_parameters({"I32": 1000, "F16": 10}, 8000, GPTQ, ()).contradiction is None
    wrong = count_parameters({"I32": 1000, "F16": 10}, 4000, GPTQ, ()).contradiction
    assert wrong == "the host's total is 4,000, its dtypes add up to 1,010 (8,010 unpacked)"


def test_a_gguf_total_counts_unpacked_weights() -> None:
    count = count_parameters({}, 8_537_680_896, {}, ("gguf",), origin="gguf")
    assert (count.by_dtype, count.stored, count.logical) == ({}, None, 8_537_680_896)
    assert count.origin == "gguf"
    assert count_parameters({}, 0, {}, (), origin="gguf").logical is None


def test_a_total_alone_is_no_count() -> None:
    count = count_parameters({}, 123, {}, ())
    assert (count.served_total, count.logical, count.contradiction) == (123, None, None)


# --- with tensor names ------------------------------------------------------------------------------


def test_headers_of_all_shards_add_up() -> None:
    shards = [header(a=("BF16", (10, 10))), header(b=("BF16", (50,)), c=("F32", (5,)))]
    count = count_from_headers(shards, 155, {}, ())
    assert (dict(count.by_dtype), count.logical, count.origin) == ({"BF16": 150, "F32": 5}, 155, "headers")


def test_scales_and_zero_points_are_left_out_by_name() -> None:
    # The layout of GPTQ: in 64 x out 32, groups of 32, four bits.
    shard = header(
        layer__qweight=("I32", (8, 32)),
        layer__qzeros=("I32", (2, 4)),
        layer__scales=("F16", (2, 32)),
        layer__g_idx=("I32", (64,)),
        norm__weight=("F16", (64,)),
    )
    count = count_from_headers([shard], None, GPTQ, ())
    assert count.logical == 64 * 32 + 64
    assert count.stored == 256 + 8 + 64 + 64 + 64
    assert "left out by tensor name" in (count.rule or "")


def test_bitsandbytes_names_tell_the_bits() -> None:
    shard = header(
        layer__weight=("U8", (1024, 1)),
        layer__weight__absmax=("U8", (32,)),
        layer__weight__nested_absmax=("F32", (1,)),
        layer__weight__quant_map=("F32", (16,)),
        **{"layer.weight.quant_state.bitsandbytes__nf4": ("U8", (90,))},
    )
    assert count_from_headers([shard], None, {}, ()).logical == 2048
    eight = header(layer__weight=("I8", (64, 32)), layer__SCB=("F32", (64,)))
    assert count_from_headers([eight], None, {}, ()).logical == 2048


def test_mxfp4_with_names() -> None:
    shard = header(
        experts__gate_up_proj_blocks=("U8", (2, 4, 2, 16)),
        experts__gate_up_proj_scales=("U8", (2, 4, 2)),
        experts__gate_up_proj_bias=("BF16", (2, 4)),
    )
    config = {"quantization_config": {"quant_method": "mxfp4"}}
    assert count_from_headers([shard], None, config, ()).logical == 2 * 4 * 2 * 32 + 8


def test_fp8_scales_are_left_out() -> None:
    shard = header(layer__weight=("F8_E4M3", (128, 128)), layer__weight_scale_inv=("F32", (1, 1)))
    config = {"quantization_config": {"quant_method": "fp8"}}
    count = count_from_headers([shard], None, config, ())
    assert count.logical == 128 * 128
    assert "scales left out" in (count.rule or "")


def test_names_like_scales_count_where_nothing_is_quantized() -> None:
    shard = header(norm__scale=("F32", (10,)), layer__weight=("F32", (10,)))
    assert count_from_headers([shard], None, {}, ()).logical == 20


def test_no_tensors_no_count() -> None:
    assert count_from_headers([header()], None, {}, ()).logical is None
