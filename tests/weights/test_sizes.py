from __future__ import annotations

from registry.weights.sizes import stored_bytes


def test_bytes_of_numbers_are_whole() -> None:
    assert stored_bytes({"F32": 137_022_720}) == 548_090_880
    assert stored_bytes({"F4": 3, "BF16": 1}) == 4


def test_unknown_dtypes_tell_no_bytes() -> None:
    assert stored_bytes({}) is None
    assert stored_bytes({"F32": 1, "Q4_K": 1}) is None
