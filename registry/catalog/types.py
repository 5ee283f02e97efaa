"""Column types: times that are always UTC, hashes in as few bytes as they have, sentences in a letter."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import BigInteger, Dialect, Integer, LargeBinary, Text
from sqlalchemy.types import TypeDecorator

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)
_HEX = b"\x01"
_TEXT = b"\x00"

BigId = BigInteger().with_variant(Integer, "sqlite")
"""A row id. SQLite numbers rows by itself only in a column spelled `INTEGER PRIMARY KEY`."""

Name = Text().with_variant(Text(collation="C"), "postgresql")
"""A name that is looked up and sorted: by code point on both databases, whatever the server's locale."""


class UtcDateTime(TypeDecorator[datetime]):
    """An aware time, to the second: whole seconds since 1970 on both databases, four bytes in SQLite.
    Neither hosts nor histories tell anything finer that matters."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> int | None:
        return None if value is None else seconds_of(value)

    def process_result_value(self, value: object, _dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if isinstance(value, int):
            return EPOCH + timedelta(seconds=value)
        raise ValueError(f"not a time: {value!r}")


def seconds_of(time: datetime) -> int:
    """Whole seconds since 1970; what is left of a second is dropped."""
    if time.tzinfo is None:
        raise ValueError("a time in the catalog must be aware")
    return (time - EPOCH) // _SECOND


class HexBytes(TypeDecorator[str]):
    """A hash, hex digits in Python and raw bytes in the database."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: str | None, _dialect: Dialect) -> bytes | None:
        return None if value is None else bytes.fromhex(value)

    def process_result_value(self, value: bytes | None, _dialect: Dialect) -> str | None:
        return None if value is None else bytes(value).hex()


def packed(value: str | None) -> bytes | None:
    """A name as `Packed` keeps it."""
    if value is None:
        return None
    try:
        raw = bytes.fromhex(value)
    except ValueError:
        raw = b""
    if raw.hex() == value:
        return _HEX + raw
    return _TEXT + value.encode()


def all_packed(values: Sequence[str | None]) -> Sequence[bytes | None]:
    """The same for many, at once where all are hex of one length."""
    told = [value for value in values if value is not None]
    if told and len(told) == len(values) and {len(told[0])} == set(map(len, told)):
        joined = _HEX.hex() + _HEX.hex().join(told)
        try:
            raw = bytes.fromhex(joined)
        except ValueError:
            raw = b""
        step = len(told[0]) // 2 + 1
        if raw.hex() == joined and len(raw) == step * len(told):
            return [raw[start : start + step] for start in range(0, len(raw), step)]
    return [packed(value) for value in values]


class Packed(TypeDecorator[str]):
    """A name a source gave that is nearly always hex (a commit, the Hub's own id of a repository): then
    half the bytes, else its text. The first byte tells which."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: str | None, _dialect: Dialect) -> bytes | None:
        return packed(value)

    def process_result_value(self, value: bytes | None, _dialect: Dialect) -> str | None:
        if value is None:
            return None
        head, rest = bytes(value[:1]), bytes(value[1:])
        return rest.hex() if head == _HEX else rest.decode()


_PHRASES = (
    "unpacked: every stored element is one parameter",
    "the host's count for one GGUF file, whose shapes are those of the unpacked weights",
    "tags",
    "baseModels",
    "base_model",
    "datasets",
    "config.peft.base_model_name_or_path",
    "inferred: no sign of an adapter, a quantization or a merge",
    "inferred from its GGUF files",
    "inferred from the library peft",
    "inferred from the adapter configuration",
    *(f"base_model[{number}]" for number in range(8)),
    *(f"datasets[{number}]" for number in range(8)),
)
"""What our readers say of nearly every model. Their numbers are in catalogs: new ones go to the end."""

_MARK = "\x02"
_LETTERS = {phrase: _MARK + chr(0x21 + number) for number, phrase in enumerate(_PHRASES)}
_SAID = {letter: phrase for phrase, letter in _LETTERS.items()}


def phrase(text: str | None) -> str | None:
    """A text as `Phrase` keeps it."""
    if text is None:
        return None
    return _LETTERS.get(text) or (_MARK + text if text.startswith(_MARK) else text)


class Phrase(TypeDecorator[str]):
    """A text that is nearly always one of a few, and never searched: those are kept as one letter after a
    mark, all others as they are."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, _dialect: Dialect) -> str | None:
        return phrase(value)

    def process_result_value(self, value: str | None, _dialect: Dialect) -> str | None:
        if value is None or not value.startswith(_MARK):
            return value
        return _SAID.get(value, value[len(_MARK) :])
