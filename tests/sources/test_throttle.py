"""Turns within a host's limits: counted by hand on a clock of our own."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from registry.sources.throttle import LONGEST, Throttle, retry_after

NOON = datetime(2026, 11, 1, 12, 0, 0, tzinfo=UTC)


def told(throttle: Throttle, now: float, remaining: int, resets_in: int, kind: str = "api") -> None:
    throttle.learn(kind, now, name="api", remaining=remaining, resets_in=resets_in, limit=10, window=300)


def test_nothing_is_held_back_before_a_limit_is_known() -> None:
    throttle = Throttle()
    assert [throttle.take("api", 0.0) for _ in range(100)] == [0.0] * 100
    assert throttle.describe("api") == "api"


def test_the_last_turn_is_taken_and_the_next_waits_for_the_reset() -> None:
    throttle = Throttle()
    told(throttle, 0.0, remaining=2, resets_in=60)
    assert [throttle.take("api", 1.0), throttle.take("api", 1.0)] == [0.0, 0.0]
    assert throttle.take("api", 20.0) == 41.0  # One second more than the host's whole seconds say.
    assert throttle.take("api", 61.0) == 0.0
    assert throttle.describe("api") == "api: 10 requests per 300 s"


def test_a_window_that_passed_is_full_again() -> None:
    throttle = Throttle()
    told(throttle, 0.0, remaining=0, resets_in=5)
    assert [throttle.take("api", 10.0) for _ in range(10)] == [0.0] * 10
    assert throttle.take("api", 10.0) > 0


def test_a_late_answer_does_not_give_turns_back() -> None:
    throttle = Throttle()
    told(throttle, 0.0, remaining=3, resets_in=60)
    for _ in range(3):
        throttle.take("api", 0.0)
    told(throttle, 1.0, remaining=9, resets_in=59)
    assert throttle.take("api", 1.0) > 0


def test_requests_under_way_count_against_a_new_window() -> None:
    throttle = Throttle()
    for _ in range(4):
        throttle.take("api", 0.0)
    told(throttle, 0.0, remaining=5, resets_in=60)  # The answer to one of the four.
    throttle.done("api")
    assert [throttle.take("api", 0.0) > 0 for _ in range(3)] == [False, False, True]


def test_a_refusal_stops_its_bucket_alone() -> None:
    throttle = Throttle()
    throttle.refuse("api", 0.0, 30.0)
    throttle.refuse("api", 0.0, 10.0)
    assert throttle.take("api", 5.0) == 25.0
    assert throttle.take("resolvers", 5.0) == 0.0
    assert throttle.take("api", 30.0) == 0.0


def test_kinds_that_a_host_counts_together_share_a_bucket() -> None:
    throttle = Throttle()
    throttle.take("resolvers", 0.0)
    told(throttle, 0.0, remaining=1, resets_in=60, kind="resolvers")
    assert throttle.take("api", 0.0) == 0.0
    assert throttle.take("resolvers", 0.0) > 0


def test_absurd_waits_are_cut() -> None:
    throttle = Throttle()
    told(throttle, 0.0, remaining=0, resets_in=10**30)
    assert throttle.take("api", 0.0) == LONGEST
    throttle.refuse("pages", 0.0, float("inf"))
    assert throttle.take("pages", 0.0) == LONGEST


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "120"}, 120.0),
        ({"retry-after": " 0 "}, 0.0),
        ({"retry-after": "9" * 5000}, 999_999_999_999.0),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "\u0663"}, None),
        ({"retry-after": "Sun, 01 Nov 2026 12:00:30 GMT"}, 30.0),
        ({"retry-after": "Sun, 01 Nov 2026 11:00:00 GMT"}, 0.0),
        ({"retry-after": "Sun, 01 Nov 2026 12:00:30"}, None),
        ({"retry-after": "Fri, 31 Dec 9999 23:59:59 GMT"}, LONGEST),
        # The host's clock is an hour ahead of ours: its own Date tells.
        ({"retry-after": "Sun, 01 Nov 2026 13:00:05 GMT", "date": "Sun, 01 Nov 2026 13:00:00 GMT"}, 5.0),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, NOON) == seconds
