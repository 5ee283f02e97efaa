"""Rows of a bulk file, column by column: what each says in one text, and the facts it adds of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import msgspec

from registry.licenses.declared import OTHER, UNKNOWN, resolve_declared
from registry.model.snapshot import LicenseClaim, LicenseField
from registry.sources.counts import count_elements, is_true

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    Mask = np.ndarray[Any, np.dtype[np.bool_]]

Told = tuple[str, tuple[str, ...], str | None, tuple[Any, ...], bytes]
"""What a row says as a text, its license left blank; its bases, sorted; its license; the first nine facts of
`Listed`; its imprint."""

ID = r"^(?:[A-Za-z0-9_][A-Za-z0-9._-]*/)?[A-Za-z0-9_][A-Za-z0-9._-]*$"
_LONGEST_ID = 257
_TEXT = r"^[!-~](?:[ -~]{0,98}[!-~])?$"
_KEY = r"^[!-~]{1,64}$"
_COMMIT = r"^[0-9a-f]{1,64}$"
_CONTROL = "[\\x00-\\x08\\x0b\\x0c\\x0e\\x1e]"
_SEPARATOR = "\x1f"
_NEXT = "\x1e"
_NOTHING = "\x05"
_MIGRATION = (1646263744, 1646263745)
"""2022-03-02T23:29:04 and :05 (`values.read_creation`)."""
_FIRST_TIME, _LAST_TIME = -62135596800, 253402300799
_SHORT_CARD = 240
_BLANK = "\x0b"
_TAGGED = r"(?:^|\x1f)license:(?P<license>[a-z0-9.+-]+)(?:\x1f|$)"
_CARDED = r'"license": ?"(?P<license>[a-z0-9.+-]+)"'
_ALIKE = ("config", "private", "gated", "disabled")


class _Card(msgspec.Struct):
    """The keys of a card that are read (`documents.py`), in any form."""

    license: msgspec.Raw = msgspec.Raw()
    license_name: msgspec.Raw = msgspec.Raw()
    license_link: msgspec.Raw = msgspec.Raw()
    base_model: msgspec.Raw = msgspec.Raw()
    base_model_relation: msgspec.Raw = msgspec.Raw()
    finetuned_from: msgspec.Raw = msgspec.Raw()
    datasets: msgspec.Raw = msgspec.Raw()
    new_version: msgspec.Raw = msgspec.Raw()
    tags: msgspec.Raw = msgspec.Raw()
    library_name: msgspec.Raw = msgspec.Raw()
    pipeline_tag: msgspec.Raw = msgspec.Raw()


_CARD = msgspec.json.Decoder(_Card)
_JSON = msgspec.json.Encoder()


class Columns:
    """A piece of a bulk file. `rows` tells of each row what a pattern needs, `document` gives it whole."""

    def __init__(self, table: pa.RecordBatch) -> None:
        self._table = table
        self._names = table.schema.names
        self._fit: Mask = _all(table.num_rows)
        self._counted: list[str] = []
        self._stated: list[str | None] = []

    def document(self, number: int) -> dict[str, object]:
        """The row as a document of the Hub; a null is a field it does not have."""
        values = ((name, self._table.column(name)[number].as_py()) for name in self._names)
        return {name: value for name, value in values if value is not None}

    def rows(self) -> Iterator[Told | None]:
        """For each row what it says; `None` where only reading the whole document tells."""
        from hashlib import blake2b

        facts = list(zip(*self._facts(), strict=True))
        texts = self._texts()
        bases = self._bases()
        stated = self._stated
        for fit, fact, text, names, license_id in zip(
            self._fit.tolist(), facts, texts, bases, stated, strict=True
        ):
            if not fit:
                yield None
                continue
            said = f"{text}{license_id}{fact[2]}{fact[8]}"
            yield text, names, license_id, fact, blake2b(said.encode(), digest_size=8).digest()

    # --- facts each row has of its own -----------------------------------------------------------

    def _facts(self) -> list[list[Any]]:
        """Columns as `Listed` begins, from `repo_id` to `elements`."""
        import pyarrow.compute as pc

        ids = self._text("id", ID)
        self._require(is_true(pc.is_valid(ids)))
        self._require(is_true(pc.less_equal(pc.binary_length(ids), _LONGEST_ID)))
        self._require(~is_true(pc.match_substring(ids, "..")))
        created = self._time("createdAt")
        return [
            ids.to_pylist(),
            self._text("_id", _KEY).to_pylist(),
            self._text("sha", _COMMIT).to_pylist(),
            [None if time in _MIGRATION else time for time in created],
            self._time("lastModified"),
            self._count("downloads"),
            self._count("likes"),
            self._count("usedStorage"),
            self._elements(),
        ]

    def _text(self, name: str, form: str) -> pa.Array:
        """A column of texts; a row whose text has another form is not fit."""
        import pyarrow as pa
        import pyarrow.compute as pc

        column = self._column(name)
        if column is None or not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
            self._require(is_true(pc.is_null(column)) if column is not None else None)
            return pa.nulls(self._table.num_rows, pa.string())
        self._require(is_true(pc.fill_null(pc.match_substring_regex(column, form), True)))
        return column

    def _time(self, name: str) -> list[int | None]:
        import pyarrow as pa
        import pyarrow.compute as pc

        column = self._column(name)
        if column is None or not pa.types.is_timestamp(column.type):
            self._require(is_true(pc.is_null(column)) if column is not None else None)
            return [None] * self._table.num_rows
        per = {"s": 1, "ms": 1000, "us": 1_000_000, "ns": 1_000_000_000}[column.type.unit]
        numbers = pc.fill_null(column.cast(pa.int64()), 0).to_numpy(zero_copy_only=False) // per
        self._require((numbers >= _FIRST_TIME) & (numbers <= _LAST_TIME))
        return _with_nulls(numbers, column)

    def _count(self, name: str) -> list[int | None]:
        import pyarrow as pa
        import pyarrow.compute as pc

        column = self._column(name)
        if column is None or not pa.types.is_signed_integer(column.type):
            self._require(is_true(pc.is_null(column)) if column is not None else None)
            return [None] * self._table.num_rows
        numbers = pc.fill_null(column, 0).to_numpy(zero_copy_only=False)
        self._require(numbers >= 0)
        return _with_nulls(numbers, column)

    def _elements(self) -> list[tuple[int, ...] | None]:
        counted = count_elements(self._column("safetensors"), self._column("gguf"), self._table.num_rows)
        self._require(counted.fit)
        self._counted = counted.dtypes
        return counted.elements

    # --- what rows say alike ---------------------------------------------------------------------

    def _texts(self) -> list[str]:
        """All else that a row says, in one text."""
        import pyarrow as pa
        import pyarrow.compute as pc

        tags, card, self._stated = _leave_blank(self._clean(self._tags()), self._clean(self._card()))
        parts = [tags, card, self._text("pipeline_tag", _TEXT), self._text("library_name", _TEXT)]
        parts += [self._relation(), pa.array(self._counted, pa.string())]
        for name in _ALIKE:
            column = self._column(name)
            if column is None:
                continue
            if pa.types.is_string(column.type) or pa.types.is_boolean(column.type):
                parts.append(column.cast(pa.string()))
            else:
                self._require(is_true(pc.is_null(column)))
        strings = [part.cast(pa.string()) for part in parts[:2]]
        strings += [self._clean(part.cast(pa.string())) for part in parts[2:]]
        joined = pc.binary_join_element_wise(
            *strings, _NEXT, null_handling="replace", null_replacement=_NOTHING
        )
        return list(joined.to_pylist())

    def _tags(self) -> pa.Array:
        import pyarrow as pa
        import pyarrow.compute as pc

        column = self._column("tags")
        size = self._table.num_rows
        if column is None or not _is_list_of_text(column.type):
            self._require(is_true(pc.is_null(column)) if column is not None else None)
            return pa.nulls(size, pa.string())
        joined = pc.binary_join(column, _SEPARATOR)
        length = pc.fill_null(pc.list_value_length(column), 0)
        breaks = pc.fill_null(pc.count_substring(joined, _SEPARATOR), 0)
        self._require(is_true(pc.equal(pc.is_null(joined), pc.is_null(column))))
        self._require(is_true(pc.or_(pc.equal(breaks, pc.subtract(length, 1)), pc.equal(length, 0))))
        return joined

    def _card(self) -> pa.Array:
        """The card's metadata; of long ones only the part that is read."""
        import pyarrow as pa
        import pyarrow.compute as pc

        column = self._column("cardData")
        size = self._table.num_rows
        if column is None or not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
            self._require(is_true(pc.is_null(column)) if column is not None else None)
            return pa.nulls(size, pa.string())
        long = pc.fill_null(pc.greater(pc.binary_length(column), _SHORT_CARD), False)
        if not pc.any(long).as_py():
            return column
        short = [_shortened(card) for card in column.filter(long).to_pylist()]
        return pc.replace_with_mask(column, long, pa.array(short, column.type))

    def _relation(self) -> pa.Array:
        import pyarrow as pa
        import pyarrow.compute as pc

        column = self._column("baseModels")
        if column is None or not _is_base_models(column.type):
            self._require(is_true(pc.is_null(column)) if column is not None else None)
            return pa.nulls(self._table.num_rows, pa.string())
        return pc.struct_field(column, "relation")

    def _bases(self) -> list[tuple[str, ...]]:
        """The names in `baseModels`, sorted, each once."""
        import pyarrow.compute as pc

        column = self._column("baseModels")
        size = self._table.num_rows
        if column is None or not _is_base_models(column.type):
            return [()] * size
        lists = pc.struct_field(column, "models")
        names = pc.struct_field(pc.list_flatten(lists), "id").to_pylist()
        lengths = pc.fill_null(pc.list_value_length(lists), 0).to_pylist()
        found: list[tuple[str, ...]] = []
        place = 0
        for number, length in enumerate(lengths):
            if length == 0:
                found.append(())
            elif length == 1 and names[place]:
                found.append((names[place],))
            else:
                some = names[place : place + length]
                if all(some):
                    found.append(tuple(sorted(set(some))))
                else:
                    self._fit[number] = False
                    found.append(())
            place += length
        return found

    def _clean(self, texts: pa.Array) -> pa.Array:
        """The same texts; rows with characters that stand for something in ours are not fit."""
        import pyarrow.compute as pc

        self._require(~is_true(pc.fill_null(pc.match_substring_regex(texts, _CONTROL), False)))
        return texts

    # --- helpers ---------------------------------------------------------------------------------

    def _column(self, name: str) -> Any:
        return self._table.column(name) if name in self._names else None

    def _require(self, sound: Mask | None) -> None:
        if sound is not None:
            self._fit &= sound


def _leave_blank(tags: pa.Array, card: pa.Array) -> tuple[pa.Array, pa.Array, list[str | None]]:
    """Tags and cards that state one license in the same word, with a blank for it; and the licenses."""
    import pyarrow.compute as pc

    tagged = pc.struct_field(pc.extract_regex(tags, _TAGGED), "license")
    carded = pc.struct_field(pc.extract_regex(card, _CARDED), "license")
    once = pc.and_(
        pc.equal(pc.count_substring(tags, "license:"), 1), pc.equal(pc.count_substring(card, '"license"'), 1)
    )
    known = pc.unique(tagged).to_pylist()
    plain = pc.is_in(tagged, value_set=_array([one for one in known if one is not None and _is_plain(one)]))
    same = pc.fill_null(pc.and_(pc.and_(once, plain), pc.equal(tagged, carded)), False)
    blank_tags = pc.replace_substring_regex(tags, r"license:[a-z0-9.+-]+", f"license:{_BLANK}")
    blank_card = pc.replace_substring_regex(card, _CARDED, f'"license": "{_BLANK}"')
    licenses = pc.if_else(same, tagged, None).to_pylist()
    return pc.if_else(same, blank_tags, tags), pc.if_else(same, blank_card, card), licenses


def _array(texts: list[str]) -> pa.Array:
    import pyarrow as pa

    return pa.array(texts, pa.string())


def _is_plain(license_id: str) -> bool:
    """Whether a statement in that word alone is understood as just that."""
    told = (LicenseClaim(LicenseField.LICENSE, license_id, "card"),)
    return license_id not in (OTHER, UNKNOWN) and resolve_declared(told).id == license_id


def _all(size: int, value: bool = True) -> Mask:
    import numpy as np

    return np.full(size, value, dtype=bool)


def _with_nulls(numbers: Any, column: pa.Array) -> list[int | None]:
    found: list[int | None] = numbers.tolist()
    if column.null_count:
        import numpy as np

        for row in np.flatnonzero(is_true(column.is_null())).tolist():
            found[row] = None
    return found


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


def _shortened(card: str) -> str:
    """The keys of a card that are read, as they stand; the whole card where that is not told so easily."""
    try:
        found = _CARD.decode(card)
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        return card
    kept = {name: value for name in _Card.__struct_fields__ if bytes(value := getattr(found, name))}
    return _JSON.encode(kept).decode()
