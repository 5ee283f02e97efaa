"""Walking the list of models over real HTTP: order, ends, cursors, and a host that misbehaves."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from registry.demo.hub import Recorded, RecordedHub, Reply, Request
from registry.errors import BadAnswer, NotVisible, RateLimited, ServerFault, SourceError, UsageError
from registry.model.crawl import MAX_WALK, Order, Walk
from registry.sources.client import HubClient
from registry.sources.listing import HubList, ListPage, PlaceRefused
from registry.sources.rows import FIELDS
from tests.hubs import by_id, recorded

HubFactory = Callable[..., RecordedHub]
SIZE = 25


def models(size: int = SIZE) -> dict[str, Recorded]:
    """`org/m0` is the oldest, least changed and least downloaded."""
    return by_id(
        *(
            recorded(
                f"org/m{number}" if number % 5 else f"lab/m{number}",
                base=f"org/m{number - 1}" if number else (),
                downloads=number,
                tags=["even"] if number % 2 == 0 else [],
                createdAt=f"2024-01-01T00:00:{number:02d}.000Z",
                lastModified=f"2024-02-01T00:00:{number:02d}.000Z",
            )
            for number in range(size)
        )
    )


def listing(hub: RecordedHub, **settings: Any) -> HubList:
    client = HubClient(endpoint=hub.endpoint, token=False, sleep=lambda _: None)
    return HubList(client, **settings)


def walk(hub: RecordedHub, **conditions: Any) -> Walk:
    return Walk(hub.endpoint, **conditions)


def numbers(pages: list[ListPage]) -> list[int]:
    return [int(row.repo_id.partition("/m")[2]) for page in pages for row in page.batch.rows]


def walked(hub: RecordedHub, **conditions: Any) -> list[int]:
    with listing(hub) as models:
        return numbers(list(models.pages(walk(hub, **conditions))))


def second(number: int) -> datetime:
    return datetime(2024, 2, 1, 0, 0, number, tzinfo=UTC)


def test_all_models_once_in_the_order_they_were_made(hub_factory: HubFactory) -> None:
    hub = hub_factory(models(), page_size=7)
    assert walked(hub) == list(range(SIZE))[::-1]
    assert len(hub.asked("/api/models")) == 4
    assert all(set(line.query["expand"]) == set(FIELDS) for line in hub.asked("/api/models"))


def test_conditions(hub_factory: HubFactory) -> None:
    hub = hub_factory(models(), page_size=4)
    assert walked(hub, author="lab") == [20, 15, 10, 5, 0]
    assert walked(hub, filters=("even", "license:apache-2.0")) == list(range(0, SIZE, 2))[::-1]
    assert walked(hub, order=Order.DOWNLOADS, limit=6) == [24, 23, 22, 21, 20, 19]
    assert walked(hub, limit=100) == list(range(SIZE))[::-1]
    assert walked(hub, order=Order.MODIFIED, since=second(18)) == [24, 23, 22, 21, 20, 19, 18]
    assert walked(hub, order=Order.MODIFIED, since=second(18), limit=2) == [24, 23]


def test_no_more_is_asked_for_than_wanted(hub_factory: HubFactory) -> None:
    hub = hub_factory(models(), page_size=10)
    walked(hub, order=Order.DOWNLOADS, limit=14)
    assert [line.query["limit"] for line in hub.asked("/api/models")] == [["14"], ["4"]]


@pytest.mark.parametrize("stopped_after", [1, 2, 3])
def test_a_place_is_enough_to_go_on(hub_factory: HubFactory, stopped_after: int) -> None:
    hub = hub_factory(models(), page_size=7)
    with listing(hub) as first:
        pages = [page for page, _ in zip(first.pages(walk(hub)), range(stopped_after), strict=False)]
    # What is made meanwhile comes first in the list and moves no place.
    hub.models |= by_id(recorded("org/m99", createdAt="2025-01-01T00:00:00.000Z"))
    with listing(hub) as again:
        pages += again.pages(walk(hub), pages[-1].next, len(numbers(pages)))
    assert numbers(pages) == list(range(SIZE))[::-1]


def test_a_limit_counts_what_came_before(hub_factory: HubFactory) -> None:
    hub = hub_factory(models(), page_size=4)
    with listing(hub) as first:
        page = next(first.pages(walk(hub, limit=6)))
        assert numbers(list(first.pages(walk(hub, limit=6), page.next, 4))) == [20, 19]


def test_an_empty_list(hub_factory: HubFactory) -> None:
    hub = hub_factory({})
    with listing(hub) as models:
        (page,) = models.pages(walk(hub))
    assert (len(page.batch.rows), page.next) == (0, None)


# --- what hosts understand -----------------------------------------------------------------------


def test_fields_a_host_refuses_are_left_out(hub_factory: HubFactory) -> None:
    refused = {"baseModels", "usedStorage"}

    def older(request: Request) -> Reply | None:
        if refused & set(request.query.get("expand", ())):
            known = ", ".join(sorted(set(FIELDS) - refused))
            return Reply.error(400, f'"expand[0]" must be one of [{known}]')
        return None

    hub = hub_factory(models(), page_size=10, fault=older)
    assert len(walked(hub)) == SIZE
    assert [line.status for line in hub.asked("/api/models")] == [400, 200, 200, 200]
    assert set(hub.asked("/api/models")[-1].query["expand"]) == set(FIELDS) - refused


def test_a_host_without_fields_is_asked_for_all_it_has(hub_factory: HubFactory) -> None:
    hub = hub_factory(
        models(), fault=lambda one: Reply.error(400, "no such thing") if "expand" in one.query else None
    )
    with listing(hub) as models_:
        (page,) = models_.pages(walk(hub))
    assert len(page.batch.rows) == SIZE
    assert page.batch.rows[0].commit_sha is not None
    assert page.batch.whole(0).licenses
    assert page.batch.whole(0).files is None


def test_a_page_too_much_for_a_host_is_asked_for_in_parts(hub_factory: HubFactory) -> None:
    told: list[str] = []

    def slow(request: Request) -> Reply | None:
        return Reply.error(504, "Gateway Time-out") if int(request.one("limit", "1")) > 40 else None

    hub = hub_factory(models(), fault=slow)
    with listing(hub, on_note=told.append) as models_:
        assert len(numbers(list(models_.pages(walk(hub))))) == SIZE
    assert ["asking for 200" in told[0], "asking for 40" in told[1]] == [True, True]


# --- places --------------------------------------------------------------------------------------


def linking(link: Callable[[Request], str], rows: list[Any] | None = None) -> Callable[[Request], Reply]:
    """A host whose every page names `link` as the next."""

    def answer(request: Request) -> Reply:
        number = request.number
        listed = [{"id": f"org/m{number}"}] if rows is None else rows
        return Reply.json(listed, headers={"Link": f'<{link(request)}>; rel="next"'})

    return answer


@pytest.mark.parametrize(
    "link",
    [
        "http://evil.example/api/models?cursor=x",
        "//evil.example/api/models?cursor=x",
        "http://127.0.0.1:10/api/models?cursor=x",
        "http://huggingface.co.evil.example/api/models?cursor=x",
        "/api/whoami-v2?cursor=x",
        "http://[::1/api/models?cursor=x",
        "file:///api/models?cursor=x",
        "/api/models",
        "/api/models?limit=5&sort=likes",
        "/api/models?cursor=" + "x" * 9000,
    ],
)
def test_a_next_page_elsewhere_is_not_followed(hub_factory: HubFactory, link: str) -> None:
    hub = hub_factory({}, fault=linking(lambda _: link))
    with listing(hub) as models_, pytest.raises(BadAnswer, match="its next page"):
        list(models_.pages(walk(hub)))
    assert len(hub.asked()) == 1


def test_only_the_place_is_taken_from_a_link(hub_factory: HubFactory) -> None:
    """A mirror passes on the public Hub's address, without what we asked for and with more."""
    link = "https://huggingface.co/api/models?cursor=a%2Bb&limit=5&author=evil&expand=siblings&page=2"
    hub = hub_factory({}, fault=lambda one: None if "cursor" in one.query else linking(lambda _: link)(one))
    with listing(hub) as models_:
        pages = models_.pages(walk(hub))
        assert next(pages).next == "cursor=a%2Bb&page=2"
        with pytest.raises(PlaceRefused, match="Invalid cursor"):
            next(pages)
    asked = hub.asked()[-1].query
    assert (asked["cursor"], asked["page"], asked["limit"]) == (["a+b"], ["2"], ["1000"])
    assert "author" not in asked
    assert set(asked["expand"]) == set(FIELDS)


def test_a_token_goes_to_our_host_alone(hub_factory: HubFactory) -> None:
    stranger = hub_factory({})
    hub = hub_factory({}, fault=linking(lambda _: f"{stranger.endpoint}/api/models?cursor=x"))
    with HubList(HubClient(endpoint=hub.endpoint, token="hf_secret")) as models_, pytest.raises(BadAnswer):
        list(models_.pages(walk(hub)))
    assert stranger.asked() == []


@pytest.mark.parametrize(
    "answer",
    [
        linking(lambda _: "/api/models?cursor=same"),
        linking(lambda one: f"/api/models?cursor={one.number % 3}"),
        linking(lambda one: f"/api/models?cursor={one.number}", rows=[{"id": "org/again"}]),
        linking(lambda one: f"/api/models?cursor={one.number}", rows=[]),
    ],
)
def test_a_list_without_end_ends(hub_factory: HubFactory, answer: Callable[[Request], Reply]) -> None:
    hub = hub_factory({}, fault=answer)
    with listing(hub) as models_, pytest.raises(BadAnswer, match="circle"):
        list(models_.pages(walk(hub)))
    assert len(hub.asked()) < 30


def test_so_many_pages_are_enough(hub_factory: HubFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("registry.sources.listing.MAX_PAGES", 10)
    hub = hub_factory({}, fault=linking(lambda one: f"/api/models?cursor={one.number}"))
    with listing(hub) as models_, pytest.raises(BadAnswer, match="after 10 pages"):
        list(models_.pages(walk(hub)))


@pytest.mark.parametrize("place", ["cursor=nonsense", "cursor=", "cursor=a&cursor=b"])
def test_a_place_the_host_does_not_know(hub_factory: HubFactory, place: str) -> None:
    hub = hub_factory(models())
    with listing(hub) as models_, pytest.raises(PlaceRefused):
        next(models_.pages(walk(hub), place))


# --- broken answers ------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [b"{}", b"not json", b"[{]", b'{"error": "x"}', b""])
def test_a_page_that_is_no_list(hub_factory: HubFactory, body: bytes) -> None:
    hub = hub_factory({}, fault=lambda _: Reply(200, {"Content-Type": "application/json"}, body))
    with listing(hub) as models_, pytest.raises(BadAnswer) as caught:
        list(models_.pages(walk(hub)))
    assert "the list of models" in caught.value.message


def test_a_page_without_end(hub_factory: HubFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("registry.sources.listing.MAX_PAGE", 1000)
    hub = hub_factory({}, fault=lambda _: Reply.json([{"id": "org/a", "x": "y" * 2000}]))
    with listing(hub) as models_, pytest.raises(BadAnswer, match="1,000 bytes"):
        list(models_.pages(walk(hub)))


def test_a_host_that_does_not_sort_is_found_out(hub_factory: HubFactory) -> None:
    rows = [{"id": f"org/m{n}", "lastModified": f"2024-02-01T00:00:{n:02d}.000Z"} for n in (5, 9, 3)]
    hub = hub_factory({}, fault=lambda _: Reply.json(rows))
    with listing(hub) as models_, pytest.raises(BadAnswer, match="order"):
        list(models_.pages(walk(hub, order=Order.MODIFIED, since=second(4))))


def test_odd_rows_are_told(hub_factory: HubFactory) -> None:
    rows = [{"id": "org/a"}, {"id": "../x"}, 5, {"id": "org/b", "tags": 7}]
    hub = hub_factory({}, fault=lambda _: Reply.json(rows))
    with listing(hub) as models_:
        (page,) = models_.pages(walk(hub))
    assert [row.repo_id for row in page.batch.rows] == ["org/a", "org/b"]
    assert [row.number for row in page.bad] == [2, 3]


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply.error(429, "Too Many Requests"), RateLimited),
        (Reply.error(500, "oops"), ServerFault),
        (Reply.error(404, "not here"), NotVisible),
        (Reply(302, {"Location": "http://127.0.0.1:9/elsewhere"}), BadAnswer),
        (Reply(200, {"Content-Length": "500"}, json.dumps([{"id": "o/a"}]).encode(), cut=5), SourceError),
    ],
)
def test_refusals(hub_factory: HubFactory, reply: Reply, error: type[SourceError]) -> None:
    hub = hub_factory({}, fault=lambda _: reply)
    with listing(hub) as models_, pytest.raises(error, match="list of models"):
        list(models_.pages(walk(hub)))
    assert len(hub.asked()) <= 20


def test_limits_are_kept_to_before_they_are_hit(hub_factory: HubFactory) -> None:
    hub = hub_factory(models(), page_size=5, rate=(2, 1))
    waits: list[float] = []
    client = HubClient(endpoint=hub.endpoint, token=False, on_wait=lambda s, _: waits.append(s))
    with HubList(client) as models_:
        assert len(numbers(list(models_.pages(walk(hub))))) == SIZE
    assert waits
    assert {line.status for line in hub.asked()} == {200}


# --- walks ---------------------------------------------------------------------------------------


def test_walks_differ_by_all_that_matters() -> None:
    here = "http://hub.example"
    walks = [
        Walk(here),
        Walk("http://other.example"),
        Walk(here, Order.DOWNLOADS),
        Walk(here, Order.MODIFIED, since=second(1)),
        Walk(here, Order.MODIFIED, since=second(2)),
        Walk(here, author="a"),
        Walk(here, filters=("a",)),
        Walk(here, filters=("a", "b")),
        Walk(here, limit=5),
    ]
    assert len({str(one) for one in walks}) == len(walks)


@pytest.mark.parametrize("name", ["a\nfilter b", "x" * MAX_WALK, "\0"])
def test_names_that_make_no_walk(name: str) -> None:
    with pytest.raises(UsageError):
        Walk("http://hub.example", author=name)


def test_credentials_in_an_address_are_not_shown() -> None:
    with HubList(HubClient(endpoint="http://user:secret@127.0.0.1:9")) as models_:
        assert models_.endpoint == "http://127.0.0.1:9"
