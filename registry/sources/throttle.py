"""Keeping within a host's request limits before they are hit, for all threads of one source together.

The Hub counts requests per bucket (`api`, `resolvers`, `pages`) in fixed windows and says after each one how
many are left: `RateLimit: "api";r=495;t=140` (IETF draft-09). Every request takes its turn here first.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime

LONGEST = 366 * 86400.0
"""Seconds beyond which a host's wish to wait is not told apart: no answer is worth more."""

_SLACK = 1.0  # The host counts whole seconds: come back one later.
_SAME_WINDOW = 3.0  # Two answers whose windows end this close together speak of one window.


@dataclass(slots=True)
class _Bucket:
    """remaining: requests left in the window that ends at `reset_at` (seconds on our clock), `None` while
    unknown. blocked_until: set by a refusal. under_way: requests sent and not yet answered."""

    remaining: int | None = None
    reset_at: float = 0.0
    limit: int | None = None
    window: float = 300.0
    blocked_until: float = 0.0
    under_way: int = 0


class Throttle:
    """The request budgets of one host. Thread-safe; times are seconds of a monotonic clock."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._buckets: dict[str, _Bucket] = {}
        self._names: dict[str, str] = {}

    def take(self, kind: str, now: float) -> float:
        """Take a turn (0.0), or the seconds until it is worth asking again. A turn taken is given back by
        `done`."""
        with self._lock:
            bucket = self._bucket(kind)
            if now < bucket.blocked_until:
                return bucket.blocked_until - now
            if bucket.remaining is not None and now >= bucket.reset_at:
                bucket.remaining = bucket.limit
                bucket.reset_at = now + bucket.window
            if bucket.remaining is not None:
                if bucket.remaining <= 0:
                    return min(bucket.reset_at - now + _SLACK, LONGEST)
                bucket.remaining -= 1
            bucket.under_way += 1
            return 0.0

    def done(self, kind: str) -> None:
        """The request of a turn has ended, whatever became of it."""
        with self._lock:
            bucket = self._bucket(kind)
            bucket.under_way = max(0, bucket.under_way - 1)

    def learn(
        self,
        kind: str,
        now: float,
        *,
        name: str,
        remaining: int,
        resets_in: int,
        limit: int | None,
        window: int | None,
    ) -> None:
        """Take in what an answer said. name: the host's name of the bucket; kinds with one name share it."""
        with self._lock:
            if name != self._names.get(kind, kind):
                under_way = self._bucket(kind).under_way
                self._names[kind] = name
                self._bucket(kind).under_way += under_way
            bucket = self._bucket(kind)
            reset_at = now + min(resets_in, LONGEST)
            known = bucket.remaining
            if known is not None and reset_at <= bucket.reset_at + _SAME_WINDOW:
                # The answer may be older than our own count: the lower of the two is the safe one.
                bucket.remaining = min(known, remaining)
            else:
                # A new window: requests still under way have yet to be counted there.
                bucket.remaining = max(0, remaining - max(0, bucket.under_way - 1))
                bucket.reset_at = reset_at
            bucket.limit = limit
            if window:
                bucket.window = min(float(window), LONGEST)

    def refuse(self, kind: str, now: float, seconds: float) -> None:
        """The host turned a request of this kind away and wants `seconds` of quiet."""
        with self._lock:
            bucket = self._bucket(kind)
            bucket.blocked_until = max(bucket.blocked_until, now + min(seconds, LONGEST))

    def describe(self, kind: str) -> str:
        """The limit in words, for people who wait for it."""
        with self._lock:
            bucket, name = self._bucket(kind), self._names.get(kind, kind)
            if bucket.limit is None:
                return name
            return f"{name}: {bucket.limit} requests per {bucket.window:.0f} s"

    def _bucket(self, kind: str) -> _Bucket:
        return self._buckets.setdefault(self._names.get(kind, kind), _Bucket())


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds asked for by `Retry-After`, as a number or an HTTP date (RFC 9110, 10.2.3), `None` without one.

    A date is measured against the answer's own `Date`, so that a wrong clock on our side does no harm.
    """
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return float(value[:12])
    at = _date(value)
    if at is None:
        return None
    return min(max(0.0, (at - (_date(headers.get("date", "")) or now)).total_seconds()), LONGEST)


def _date(text: str) -> datetime | None:
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, OverflowError, IndexError, TypeError):
        return None
    return at if at.tzinfo is not None else None
