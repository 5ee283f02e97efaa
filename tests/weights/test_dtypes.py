from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.errors import DamagedFile
from registry.weights.dtypes import (
    BLOCKS,
    byte_length,
    decode,
    half_steps,
    is_lossy,
    is_readable,
    to_bfloat16,
)


@given(
    st.lists(
        st.floats(width=32, allow_nan=False, allow_infinity=False, max_value=2.0**120, min_value=-(2.0**120))
    )
)
def test_bfloat16_is_the_nearest(values: list[float]) -> None:
    given_values = np.array(values, np.float32)
    rounded = decode("BF16", to_bfloat16(given_values).astype("<u2").tobytes())
    cells = half_steps(given_values, 7)
    assert (np.abs(rounded.values.astype(np.float64) - given_values) <= cells).all()


def test_ties_go_to_even_and_minus_zero_is_zero() -> None:
    # 1 + 2**-8 lies between 1 and 1 + 2**-7; so does 1 + 3 * 2**-8 between two others.
    values = np.array([1 + 2**-8, 1 + 3 * 2**-8, -0.0], np.float32)
    assert to_bfloat16(values).tolist() == [0x3F80, 0x3F82, 0]


@pytest.mark.parametrize("dtype", ["F64", "F32", "F16"])
def test_floats_come_back(dtype: str) -> None:
    kind = {"F64": "<f8", "F32": "<f4", "F16": "<f2"}[dtype]
    values = np.array([0.0, 1.0, -2.5, 0.0078125], kind)
    assert decode(dtype, values.tobytes()).values.tolist() == values.tolist()


def test_nan_and_infinity_become_zero() -> None:
    values = np.array([np.nan, np.inf, -np.inf, 3], "<f4")
    found = decode("F32", values.tobytes())
    assert found.values.tolist() == [0, 0, 0, 3]
    assert np.isfinite(found.cells).all()


@pytest.mark.parametrize(
    ("dtype", "byte", "value"),
    [
        ("F8_E4M3", 0x00, 0.0),
        ("F8_E4M3", 0x01, 2.0**-9),
        ("F8_E4M3", 0x38, 1.0),
        ("F8_E4M3", 0x7E, 448.0),
        ("F8_E4M3", 0xFE, -448.0),
        ("F8_E4M3", 0x7F, 0.0),  # NaN
        ("F8_E5M2", 0x3C, 1.0),
        ("F8_E5M2", 0x7B, 57344.0),
        ("F8_E5M2", 0x7C, 0.0),  # infinity
    ],
)
def test_8_bit_floats(dtype: str, byte: int, value: float) -> None:
    assert decode(dtype, bytes([byte])).values.tolist() == [value]


def test_scales_reach_over_their_groups() -> None:
    codes = np.array([1, -2, 3, 4], np.int8).tobytes()
    found = decode("I8", codes, np.array([0.5, 2], np.float32), 2)
    assert found.values.tolist() == [0.5, -1, 6, 8]
    assert found.cells.tolist() == [0.25, 0.25, 1, 1]
    with pytest.raises(DamagedFile, match="do not reach"):
        decode("I8", codes, np.array([0.5], np.float32), 2)


def half(value: float) -> bytes:
    return np.array([value], "<f2").tobytes()


def test_gguf_blocks() -> None:
    codes = bytes(np.arange(-16, 16, dtype=np.int8).view(np.uint8))
    found = decode("Q8_0", half(0.5) + codes)
    assert found.values.tolist() == [i / 2 for i in range(-16, 16)]
    assert set(found.cells.tolist()) == {0.25}
    # The low nibbles of all bytes come first, then the high ones.
    four = decode("Q4_0", half(1) + bytes([0x1F] * 16))
    assert four.values.tolist() == [7.0] * 16 + [-7.0] * 16
    one = decode("Q4_1", half(2) + half(1) + bytes([0x21] * 16))
    assert one.values.tolist() == [3.0] * 16 + [5.0] * 16
    five = decode("Q5_0", half(1) + b"\x01\0\0\x80" + bytes(16))
    assert five.values.tolist() == [0.0] + [-16.0] * 30 + [0.0]


def test_gguf_superblocks() -> None:
    """Every step of the packed scales, by hand: eight scales of six bits, the last four split."""
    scales = bytes([1, 2, 3, 4, 0, 0, 0, 0, 5, 6, 7, 8])
    four = decode("Q4_K", half(1) + half(1) + scales + bytes([0x32] * 128)).values.reshape(8, 32)
    assert four[:, 0].tolist() == [2, 6, 6, 12, 10, 18, 14, 24]
    assert (four == four[:, :1]).all()
    five = decode("Q5_K", half(1) + half(1) + scales + bytes([0xFF] * 32) + bytes([0x32] * 128)).values
    assert five.reshape(8, 32)[:, 0].tolist() == [18, 38, 54, 76, 90, 114, 126, 152]
    six = decode("Q6_K", bytes([0x21] * 128) + bytes([0b11100100] * 64) + bytes([1] * 16) + half(1)).values
    assert six.reshape(2, 4, 32)[:, :, 0].tolist() == [[-31, -15, 2, 18]] * 2


@pytest.mark.parametrize("dtype", sorted(BLOCKS))
@given(data=st.data())
def test_any_block_is_read(dtype: str, data: st.DataObject) -> None:
    values, size = BLOCKS[dtype]
    raw = data.draw(st.binary(min_size=size, max_size=size))
    found = decode(dtype, raw)
    assert len(found.values) == len(found.cells) == values
    assert np.isfinite(found.values).all()
    assert byte_length(dtype, values) == size
    assert is_lossy(dtype)


def test_odd_lengths_and_unknown_dtypes_are_refused() -> None:
    for dtype, raw in (("BF16", b"123"), ("Q8_0", b"12"), ("U8", b"1"), ("nothing", b"")):
        with pytest.raises(DamagedFile):
            decode(dtype, raw)
    assert not is_readable("U8")
