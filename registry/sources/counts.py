"""What the rows of a bulk file say of stored numbers: per dtype, or of a GGUF file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from registry.weights.parameters import FLOATS

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    Mask = np.ndarray[Any, np.dtype[np.bool_]]

_LARGEST = 2**56
"""Above any model, and far enough below what a sum of sixty can hold."""


@dataclass(frozen=True, slots=True)
class Counted:
    """Row by row: the numbers stored, `None` where nothing is told; of which dtypes, joined by commas, or
    `gguf`; and whether that is all there is to say."""

    elements: list[tuple[int, ...] | None]
    dtypes: pa.Array
    fit: Mask


class _Counts:
    """The same while it is found: which of the words for dtypes holds for each row."""

    def __init__(self, size: int) -> None:
        import numpy as np

        self.elements = np.full(size, None, dtype=object)
        self.codes = np.zeros(size, dtype=np.int32)
        self.words = [""]
        self.fit = np.full(size, True)

    def take(self, rows: Any, numbers: Any, word: str) -> None:
        """rows: their places; numbers: a column for each dtype."""
        import numpy as np

        told = zip(*numbers.T.tolist(), strict=True)
        self.elements[rows] = np.fromiter(told, dtype=object, count=len(rows))
        self.codes[rows] = len(self.words)
        self.words.append(word)

    def counted(self) -> Counted:
        import pyarrow as pa

        words = pa.DictionaryArray.from_arrays(pa.array(self.codes), pa.array(self.words, pa.string()))
        return Counted(self.elements.tolist(), words.cast(pa.string()), self.fit)


def count_elements(told: pa.Array | None, gguf: pa.Array | None, size: int) -> Counted:
    """Read the columns `safetensors` and `gguf`. Fit are rows whose dtypes are all floats that add up to the
    host's total, those with the one number of a GGUF file, and those with nothing."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    counts = _Counts(size)
    there = np.full(size, False) if told is None else is_true(told.is_valid())
    if there.any():
        _take_dtypes(told, there, counts)
    if gguf is not None:
        alone = is_true(gguf.is_valid()) & ~there
        numbers = np.zeros(size, dtype=np.int64)
        if pa.types.is_struct(gguf.type) and gguf.type.get_field_index("total") >= 0:
            total = pc.struct_field(gguf, "total")
            if pa.types.is_signed_integer(total.type):
                numbers = total.fill_null(0).to_numpy(zero_copy_only=False)
        counts.fit &= ~alone | (numbers > 0)
        rows = np.flatnonzero(alone & (numbers > 0))
        counts.take(rows, numbers[rows, None], "gguf")
    return counts.counted()


def is_true(array: pa.Array) -> Mask:
    """A column of truths as an array; unknown is false."""
    found: Mask = array.fill_null(False).to_numpy(zero_copy_only=False)
    return found.astype(bool, copy=False)


def _take_dtypes(told: pa.Array, there: Mask, counted: _Counts) -> None:
    import numpy as np

    dtypes, counts, valid, total = _dtypes(told)
    if dtypes is None:
        counted.fit &= ~there
        return
    floats = np.array([dtype in FLOATS for dtype in dtypes], dtype=bool)
    stored = counts.sum(axis=1)
    bounded = (counts >= 0).all(axis=1) & (counts < _LARGEST).all(axis=1)
    sound = bounded & (stored == total) & (stored > 0) & ~(valid & ~floats).any(axis=1)
    counted.fit &= ~there | sound
    order = sorted(range(len(dtypes)), key=dtypes.__getitem__)
    code = valid @ (1 << np.arange(len(dtypes), dtype=np.int64))
    where = np.flatnonzero(there & sound)
    for mask in np.unique(code[where]).tolist():
        used = [place for place in order if mask >> place & 1]
        some = where[code[where] == mask]
        counted.take(some, counts[np.ix_(some, used)], ",".join(dtypes[place] for place in used))


def _dtypes(told: pa.Array) -> tuple[list[str] | None, Any, Any, Any]:
    """The dtypes of `safetensors`, their counts and which are given per row, and the totals (-1: none)."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = told.type
    if not pa.types.is_struct(kind) or {field.name for field in kind} != {"parameters", "total"}:
        return None, None, None, None
    inner, total = kind.field("parameters").type, kind.field("total").type
    numbers = pa.types.is_struct(inner) and all(pa.types.is_int64(field.type) for field in inner)
    if not numbers or not pa.types.is_int64(total) or not 0 < inner.num_fields < 60:
        return None, None, None, None
    parameters = pc.struct_field(told, "parameters")
    columns = [pc.struct_field(parameters, field.name) for field in inner]
    counts = np.stack([one.fill_null(0).to_numpy(zero_copy_only=False) for one in columns], axis=1)
    valid = np.stack([is_true(one.is_valid()) for one in columns], axis=1)
    totals = pc.struct_field(told, "total").fill_null(-1).to_numpy(zero_copy_only=False)
    return [field.name for field in inner], counts, valid, totals
