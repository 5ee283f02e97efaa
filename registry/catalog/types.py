"""Column types: times that are always UTC, and hashes in as few bytes as they have."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Dialect, Integer, LargeBinary, Text
from sqlalchemy.dialects.postgresql import TIMESTAMP
from sqlalchemy.types import TypeDecorator, TypeEngine

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_HEX = b"\x01"
_TEXT = b"\x00"

BigId = BigInteger().with_variant(Integer, "sqlite")
"""A row id. SQLite numbers rows by itself only in a column spelled `INTEGER PRIMARY KEY`."""

Name = Text().with_variant(Text(collation="C"), "postgresql")
"""A name that is looked up and sorted: by code point on both databases, whatever the server's locale."""


class UtcDateTime(TypeDecorator[datetime]):
    """An aware time. `timestamptz` on PostgreSQL; microseconds since 1970 in SQLite, which has no type for
    times and would spend 26 bytes on the text."""

    impl = BigInteger
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(TIMESTAMP(timezone=True))
        return dialect.type_descriptor(BigInteger())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> object:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time in the catalog must be aware")
        if dialect.name == "postgresql":
            return value.astimezone(UTC)
        return (value - _EPOCH) // _MICROSECOND

    def process_result_value(self, value: object, _dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if isinstance(value, datetime):
            return value.astimezone(UTC)
        if isinstance(value, int):
            return _EPOCH + value * _MICROSECOND
        raise ValueError(f"not a time: {value!r}")


class HexBytes(TypeDecorator[str]):
    """A hash, hex digits in Python and raw bytes in the database."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: str | None, _dialect: Dialect) -> bytes | None:
        return None if value is None else bytes.fromhex(value)

    def process_result_value(self, value: bytes | None, _dialect: Dialect) -> str | None:
        return None if value is None else bytes(value).hex()


class Packed(TypeDecorator[str]):
    """A name a source gave that is nearly always hex (a commit, the Hub's own id of a repository): then
    half the bytes, else its text. The first byte tells which."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: str | None, _dialect: Dialect) -> bytes | None:
        if value is None:
            return None
        try:
            raw = bytes.fromhex(value)
        except ValueError:
            raw = b""
        if raw.hex() == value:
            return _HEX + raw
        return _TEXT + value.encode()

    def process_result_value(self, value: bytes | None, _dialect: Dialect) -> str | None:
        if value is None:
            return None
        head, rest = bytes(value[:1]), bytes(value[1:])
        return rest.hex() if head == _HEX else rest.decode()
