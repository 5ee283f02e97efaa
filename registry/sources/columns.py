"""Rows of a bulk file, column by column: what each says in one text, and the facts it adds of its own."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from registry.sources.counts import count_elements, is_true
from registry.sources.keys import CARD, CONFIG, Words, read_part, shortened, words_of
from registry.sources.patterns import SEPARATOR, Row
from registry.sources.plain import SIGN

if TYPE_CHECKING:
    import msgspec
    import numpy as np
    import pyarrow as pa

    Mask = np.ndarray[Any, np.dtype[np.bool_]]

_SEGMENT = r"[A-Za-z0-9_](?:\.?[A-Za-z0-9_-])*\.?"
_ID = rf"^(?:{_SEGMENT}/)?{_SEGMENT}$"
_LONGEST_ID = 257
_KEY = r"^[!-~]+$"
_LONGEST_KEY = 64
_COMMIT = r"^[0-9a-f]+$"
_CONTROL = "[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f]"
_FIRST_LETTER = 0x20
_NEXT, _NOTHING = "\x1e", "\x1d"
_MIGRATION = (1646263744, 1646263745)
"""2022-03-02T23:29:04 and :05 (`values.read_creation`)."""
_FIRST_TIME, _LAST_TIME = -62135596800, 253402300799
_SHORT = 240
"""Characters of a JSON text that is cheaper to take as it stands than to read."""
_ALIKE = ("private", "gated", "disabled")


class Columns:
    """A piece of a bulk file. `facts`, `texts` and `bases` tell of each row what a pattern needs, as long as
    it is `fit`; `document` gives it whole."""

    def __init__(self, table: pa.RecordBatch) -> None:
        import numpy as np

        self._columns = dict(zip(table.schema.names, table.columns, strict=True))
        self._size = table.num_rows
        self.fit: Mask = np.full(table.num_rows, True)
        counted = count_elements(self._columns.get("safetensors"), self._columns.get("gguf"), table.num_rows)
        self._require(counted.fit)
        self.facts = self._facts(counted.elements)
        relations, bases = self._base_models()
        self.texts = self._texts(self._plain(relations), bases, counted.dtypes)
        self.bases = self._bases(bases)

    def document(self, number: int) -> dict[str, object]:
        """The row as a document of the Hub; a null is a field it does not have."""
        values = [(name, column[number].as_py()) for name, column in self._columns.items()]
        return {name: value for name, value in values if value is not None}

    # --- facts each row has of its own -----------------------------------------------------------

    def _facts(self, elements: list[tuple[int, ...] | None]) -> list[list[Any]]:
        """Columns as `Listed` begins, from `repo_id` to `elements`."""
        ids = self._text("id", _ID, _LONGEST_ID)
        self._require(is_true(ids.is_valid()))
        created = self._time("createdAt")
        return [
            ids.to_pylist(),
            self._text("_id", _KEY, _LONGEST_KEY).to_pylist(),
            self._text("sha", _COMMIT, _LONGEST_KEY).to_pylist(),
            [None if time in _MIGRATION else time for time in created],
            self._time("lastModified"),
            self._count("downloads"),
            self._count("likes"),
            self._count("usedStorage"),
            elements,
        ]

    def _text(self, name: str, form: str, longest: int) -> pa.Array:
        """A column of texts; a row whose text has another form is not fit."""
        import pyarrow as pa
        import pyarrow.compute as pc

        column = self._columns.get(name)
        if column is None or not _is_text(column.type):
            self._require_nothing(column)
            return pa.nulls(self._size, pa.string())
        self._require(is_true(pc.match_substring_regex(column, form).fill_null(True)))
        length = pc.binary_length(column)
        if (pc.max(length).as_py() or 0) > longest:
            self._require(is_true(pc.less_equal(length, longest).fill_null(True)))
        return column

    def _time(self, name: str) -> list[int | None]:
        import pyarrow as pa

        column = self._columns.get(name)
        if column is None or not pa.types.is_timestamp(column.type):
            self._require_nothing(column)
            return [None] * self._size
        per = {"s": 1, "ms": 1000, "us": 1_000_000, "ns": 1_000_000_000}[column.type.unit]
        numbers = column.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False) // per
        self._require((numbers >= _FIRST_TIME) & (numbers <= _LAST_TIME))
        return _with_nulls(numbers, column)

    def _count(self, name: str) -> list[int | None]:
        import pyarrow as pa

        column = self._columns.get(name)
        if column is None or not pa.types.is_signed_integer(column.type):
            self._require_nothing(column)
            return [None] * self._size
        numbers = column.fill_null(0).to_numpy(zero_copy_only=False)
        self._require(numbers >= 0)
        return _with_nulls(numbers, column)

    # --- what rows say alike ---------------------------------------------------------------------

    def _texts(self, relations: pa.Array | None, bases: pa.Array | None, dtypes: pa.Array) -> list[str]:
        """All else that a row says, in one text (`row_of`)."""
        import pyarrow as pa
        import pyarrow.compute as pc

        parts = [self._tags(), self._json("cardData", CARD), self._json("config", CONFIG)]
        parts += [self._plain(self._columns.get(name)) for name in ("pipeline_tag", "library_name")]
        parts += [dtypes, relations, None if bases is None else pc.binary_join(bases, SEPARATOR)]
        parts += [self._plain(self._columns.get(name)) for name in _ALIKE]
        texts = [_NOTHING if part is None else part.cast(pa.string()) for part in parts]
        joined = pc.binary_join_element_wise(
            *texts, _NEXT, null_handling="replace", null_replacement=_NOTHING
        )
        return list(joined.to_pylist())

    def _tags(self) -> pa.Array | None:
        import pyarrow.compute as pc

        column = self._columns.get("tags")
        if column is None or not _is_list_of_text(column.type):
            self._require_nothing(column)
            return None
        joined = pc.binary_join(column, SEPARATOR)
        values = column.flatten()
        if _has_controls(values):
            odd = pc.match_substring_regex(values, _CONTROL).fill_null(False)
            self.fit[pc.list_parent_indices(column).filter(odd).to_numpy()] = False
        # A list with a null in it; one without anything and one with an empty text read alike.
        self._require(is_true(pc.equal(joined.is_null(), column.is_null())))
        return joined

    def _json(self, name: str, decoder: msgspec.json.Decoder[Any]) -> pa.Array | None:
        """A column of JSON texts; of long ones only the part that is read."""
        import pyarrow as pa
        import pyarrow.compute as pc

        column = self._columns.get(name)
        if column is None or not _is_text(column.type):
            self._require_nothing(column)
            return None
        long = pc.greater(pc.binary_length(column), _SHORT).fill_null(False)
        if pc.any(long).as_py():
            short = [shortened(text, decoder) for text in column.filter(long).to_pylist()]
            column = pc.replace_with_mask(column, long, pa.array(short, column.type))
        return self._plain(column)

    def _plain(self, column: pa.Array | None) -> pa.Array | None:
        """A column of texts or truths; rows with characters that stand for something in ours are not fit."""
        import pyarrow as pa
        import pyarrow.compute as pc

        if column is None or pa.types.is_boolean(column.type):
            return column
        if not _is_text(column.type):
            self._require_nothing(column)
            return None
        if _has_controls(column):
            self._require(~is_true(pc.match_substring_regex(column, _CONTROL).fill_null(False)))
        return column

    def _base_models(self) -> tuple[pa.Array | None, pa.Array | None]:
        """The relation and the lists of names in `baseModels`; `""` for a name that is not there."""
        import pyarrow as pa
        import pyarrow.compute as pc

        column = self._columns.get("baseModels")
        if column is None or not _is_base_models(column.type):
            self._require_nothing(column)
            return None, None
        lists = pc.struct_field(column, "models")
        kind = pa.LargeListArray if pa.types.is_large_list(lists.type) else pa.ListArray
        names = pc.struct_field(lists.values, "id").fill_null("")
        return pc.struct_field(column, "relation"), kind.from_arrays(lists.offsets, names)

    def _bases(self, lists: pa.Array | None) -> list[tuple[str, ...]]:
        """The names in each list, sorted, each once."""
        import numpy as np

        found: list[tuple[str, ...]] = [()] * self._size
        if lists is None:
            return found
        names = lists.values.to_pylist()
        first = lists.offsets.to_numpy()[:-1]
        lengths = lists.value_lengths().to_numpy()
        one, several = np.flatnonzero(lengths == 1), np.flatnonzero(lengths > 1)
        for row, start in zip(one.tolist(), first[one].tolist(), strict=True):
            found[row] = (names[start],)
        places = zip(several.tolist(), first[several].tolist(), lengths[several].tolist(), strict=True)
        for row, start, length in places:
            found[row] = tuple(sorted({*names[start : start + length]}))
        return found

    # --- helpers ---------------------------------------------------------------------------------

    def _require(self, sound: Mask) -> None:
        self.fit &= sound

    def _require_nothing(self, column: pa.Array | None) -> None:
        """Rows with anything in a column of another kind are not fit."""
        if column is not None:
            self._require(is_true(column.is_null()))


def row_of(text: str) -> Row:
    """What a row says, from its text, whether bases are marked in it or not."""
    tags, card, config, task, library, dtypes, *others = text.split(_NEXT)
    return Row(
        None if tags == _NOTHING else tags,
        None if task == _NOTHING else task,
        None if library == _NOTHING else library,
        None if card == _NOTHING else _read_card(card),
        dtypes,
        _NEXT.join([*others, config if config == _NOTHING else _read_config(config)]),
    )


@lru_cache(5_000)
def _read_card(text: str) -> Words | str:
    part = read_part(text, CARD)
    return text if part is None else words_of(part)


@lru_cache(5_000)
def _read_config(text: str) -> str:
    """What is read of a configuration; behind a separator where it is not told so easily."""
    part = read_part(text, CONFIG)
    parts = ["", text] if part is None else [said for item in words_of(part).texts.items() for said in item]
    return SEPARATOR.join(parts)


def _with_nulls(numbers: Any, column: pa.Array) -> list[int | None]:
    found: list[int | None] = numbers.tolist()
    if column.null_count:
        import numpy as np

        for row in np.flatnonzero(is_true(column.is_null())).tolist():
            found[row] = None
    return found


def _has_controls(texts: pa.Array) -> bool:
    """Whether there may be control characters in a column of texts, told by all of its bytes at once."""
    import numpy as np

    data = texts.buffers()[2]
    if data is None:
        return False
    letters = np.frombuffer(data, dtype=np.uint8)
    return bool((letters < _FIRST_LETTER).any() or (letters == ord(SIGN)).any())


def _is_text(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _is_list_of_text(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return bool(
        (pa.types.is_list(kind) or pa.types.is_large_list(kind)) and pa.types.is_string(kind.value_type)
    )


def _is_base_models(kind: pa.DataType) -> bool:
    """`struct<models: list<struct<id: string, ...>>, relation: string>`."""
    import pyarrow as pa

    if not pa.types.is_struct(kind) or {field.name for field in kind} != {"models", "relation"}:
        return False
    models, relation = kind.field("models").type, kind.field("relation").type
    return bool(
        pa.types.is_string(relation)
        and (pa.types.is_list(models) or pa.types.is_large_list(models))
        and pa.types.is_struct(models.value_type)
        and models.value_type.get_field_index("id") >= 0
        and pa.types.is_string(models.value_type.field("id").type)
    )
