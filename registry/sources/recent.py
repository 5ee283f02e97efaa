"""A memory of bounded size that costs little more than a dictionary."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class Recent(Generic[Key, Value]):
    """Remembers the last `size` things and at most as many again: what was not asked for while as many new
    ones came is forgotten."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._now: dict[Key, Value] = {}
        self._before: dict[Key, Value] = {}

    def get(self, key: Key) -> Value | None:
        found = self._now.get(key)
        if found is None:
            found = self._before.get(key)
            if found is not None:
                self.put(key, found)
        return found

    def those(self, keys: Iterable[Key | None]) -> list[Value | None]:
        """What is remembered of each, but for what only `get` finds: what was not asked for in a while."""
        return list(map(self._now.get, keys))  # type: ignore[arg-type]

    def put(self, key: Key, value: Value) -> None:
        if len(self._now) >= self._size:
            self._before, self._now = self._now, {}
        self._now[key] = value
