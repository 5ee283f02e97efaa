"""Crawls: what they keep, how they go on, and what they leave alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from registry.catalog.catalog import BulkWriter, Catalog
from registry.contract import Want
from registry.demo.hub import Recorded, RecordedHub, Reply, Request
from registry.errors import BadAnswer, CrawlOvertaken, ServerFault, UsageError
from registry.model.bulk import Batch
from registry.model.crawl import Order, Walk
from registry.model.refs import ModelRef
from registry.services.crawl import CrawlReport, crawl, last_finished
from registry.services.ingest import AddOptions, Outcome, add
from registry.services.refresh import refresh
from registry.sources.client import HubClient
from registry.sources.hub import HubSource
from registry.sources.listing import HubList
from tests.hubs import by_id, commit_of, recorded

HubFactory = Callable[..., RecordedHub]
NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


class Watching:
    """Remembers what it is told; a watcher of crawls and of ingests."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.counts: list[int] = []

    def note(self, text: str) -> None:
        self.notes.append(text)

    def counted(self, count: int) -> None:
        self.counts.append(count)

    def done(self, outcome: Outcome, known: int) -> None:
        pass


def models(size: int = 20) -> dict[str, Recorded]:
    return by_id(
        *(
            recorded(
                f"org/m{number}",
                base=f"org/m{number - 1}" if number else (),
                downloads=number,
                createdAt=f"2024-01-01T00:00:{number:02d}.000Z",
                lastModified=f"2024-02-01T00:00:{number:02d}.000Z",
                safetensors={"parameters": {"BF16": 10 + number}, "total": 10 + number},
            )
            for number in range(size)
        )
    )


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    with Catalog.open(str(tmp_path / "crawled.db"), create=True) as opened:
        yield opened


def run(
    catalog: Catalog, hub: RecordedHub, *, at: datetime = NOW, afresh: bool = False, **walk: Any
) -> tuple[CrawlReport, Watching]:
    watch = Watching()
    client = HubClient(endpoint=hub.endpoint, token=False, sleep=lambda _: None)
    with HubList(client, clock=lambda: at) as listed:
        told = crawl(
            catalog,
            listed,
            Walk(hub.endpoint, **walk),
            lambda: at,
            watch,
            afresh=afresh,
        )
    return told, watch


def failing_after(pages: int) -> Callable[[Request], Reply | None]:
    """A host that answers so many pages and then no more."""
    return lambda one: None if one.number < pages else Reply(501, {}, b"")


def test_what_is_listed_is_known(catalog: Catalog, hub_factory: HubFactory) -> None:
    hub = hub_factory(models(), page_size=6)
    report, watch = run(catalog, hub)
    assert (report.read, report.added, report.changed, report.complete) == (20, 20, 0, True)
    assert (report.crawl.pages, report.crawl.models, report.crawl.finished_at) == (4, 20, NOW)
    assert watch.counts == [6, 12, 18, 20]
    assert len(catalog.tracked_after("", 10_000)) == 20
    shown = catalog.snapshot("org/m7")
    assert shown is not None
    assert (shown.commit_sha, shown.downloads, shown.observed_at) == (commit_of("org/m7"), 7, NOW)
    assert shown.parameters is not None
    assert (shown.parameters.logical, shown.files) == (17, None)
    assert [edge.base for edge in catalog.edges_up("org/m7", 1)] == ["org/m6"]
    assert catalog.briefs(["org/m7"])["org/m7"].license == "apache-2.0"
    assert catalog.check() == []
    assert catalog.crawls() == [report.crawl]


def test_a_crawl_again_finds_all_the_same(catalog: Catalog, hub_factory: HubFactory) -> None:
    hub = hub_factory(models(), page_size=6)
    run(catalog, hub)
    hub.models |= by_id(
        recorded("org/m3", base="org/m1", commit=commit_of("new"), createdAt="2024-01-01T00:00:03.000Z"),
        recorded("org/fresh"),
    )
    report, _ = run(catalog, hub, at=NOW + timedelta(days=1))
    assert (report.read, report.added, report.changed) == (21, 1, 1)
    assert dict(report.changes) == {"bases": 1, "commit": 1, "parameters": 1}
    assert [one.finished_at for one in catalog.crawls()] == [NOW + timedelta(days=1), NOW]
    assert len(catalog.history("org/m3")) == 2
    assert len(catalog.history("org/m4")) == 1
    assert catalog.due(stale_before=NOW + timedelta(hours=1)) == []


def test_it_goes_on_where_it_was_broken_off(catalog: Catalog, hub_factory: HubFactory) -> None:
    hub = hub_factory(models(), page_size=6, fault=failing_after(2))
    report, _ = run(catalog, hub)
    assert isinstance(report.error, ServerFault)
    assert (report.complete, report.read, report.crawl.finished_at) == (False, 12, None)
    hub.fault = None
    hub.clear_log()
    again, watch = run(catalog, hub, at=NOW + timedelta(hours=5))
    assert (again.resumed, again.read, again.added, again.crawl.models) == (True, 8, 8, 20)
    assert again.crawl.started_at == NOW
    assert len(hub.asked()) == 2
    assert "12 models of 2 pages" in watch.notes[0]


def test_another_walk_does_not_go_on_there(catalog: Catalog, hub_factory: HubFactory) -> None:
    hub = hub_factory(models(), page_size=6, fault=failing_after(2))
    run(catalog, hub)
    hub.fault = None
    report, _ = run(catalog, hub, order=Order.DOWNLOADS, limit=5)
    assert (report.resumed, report.read) == (False, 5)
    assert [one.finished_at is None for one in catalog.crawls()].count(True) == 1


def test_restart_forgets_the_place(catalog: Catalog, hub_factory: HubFactory) -> None:
    hub = hub_factory(models(), page_size=6, fault=failing_after(2))
    run(catalog, hub)
    hub.fault = None
    report, _ = run(catalog, hub, afresh=True)
    assert (report.resumed, report.read, report.crawl.pages) == (False, 20, 4)
    assert len(catalog.crawls()) == 1


def test_a_place_that_is_not_known_any_more(catalog: Catalog, hub_factory: HubFactory) -> None:
    hub = hub_factory(models(), page_size=6, fault=failing_after(2))
    run(catalog, hub)
    expired = [True]

    def forgetful(request: Request) -> Reply | None:
        if "cursor" in request.query and expired:
            expired.clear()
            return Reply.error(400, "Cursor expired")
        return None

    hub.fault = forgetful
    report, watch = run(catalog, hub)
    assert (report.read, report.resumed, report.complete, report.crawl.models) == (20, False, True, 20)
    assert "Starting over" in watch.notes[1]


def test_a_host_that_knows_no_place_at_all(catalog: Catalog, hub_factory: HubFactory) -> None:
    hub = hub_factory(
        models(), page_size=6, fault=lambda one: Reply.error(400, "what?") if "cursor" in one.query else None
    )
    report, watch = run(catalog, hub)
    assert report.error is not None
    assert (report.crawl.models, len(watch.notes)) == (6, 1)


def test_nothing_at_all_is_an_error(catalog: Catalog, hub_factory: HubFactory) -> None:
    with pytest.raises(ServerFault):
        run(catalog, hub_factory(models(), fault=failing_after(0)))


def test_rows_that_give_no_model(catalog: Catalog, hub_factory: HubFactory) -> None:
    rows = [{"id": "org/a"}, {"id": "../x"}, None, {"id": "org/b"}]
    report, _ = run(catalog, hub_factory({}, fault=lambda _: Reply.json(rows)))
    assert (report.read, report.left_out, report.complete) == (2, 2, False)
    assert [(page, row) for page, row, _ in report.bad] == [(1, 2), (1, 3)]
    assert report.crawl.finished_at == NOW


def test_the_same_model_many_times_on_a_page(catalog: Catalog, hub_factory: HubFactory) -> None:
    rows = [{"id": "org/a"}, {"id": "org/a", "_id": "1"}, {"id": "org/b", "_id": "1"}, {"id": "org/a"}]
    report, _ = run(catalog, hub_factory({}, fault=lambda _: Reply.json(rows)))
    assert report.complete
    assert catalog.check() == []


def test_what_deeper_looks_found_stays(catalog: Catalog, hub_factory: HubFactory) -> None:
    files = {"README.md": b"x", "LICENSE": b"MIT", "model.gguf": b"GGUF", "adapter_config.json": b"{}"}
    hub = hub_factory(
        by_id(
            recorded("org/deep", base="org/base", relation=None, files=files, new_version="org/newer"),
            recorded("org/base"),
        )
    )
    watch = Watching()
    with HubSource(endpoint=hub.endpoint, token=False, clock=lambda: NOW) as source:
        add(catalog, lambda _: source, [ModelRef("org/deep")], AddOptions(want=Want(deep=True)), watch)
    before = catalog.snapshot("org/deep")
    report, _ = run(catalog, hub, at=NOW + timedelta(days=1))
    assert (report.added, report.changed) == (0, 0)
    after = catalog.snapshot("org/deep")
    assert before is not None
    assert after is not None
    for name in ("files", "licenses", "claims", "parameters", "commit_sha", "config"):
        assert getattr(after, name) == getattr(before, name)
    assert len(catalog.history("org/deep")) == 1


def test_a_host_that_lists_little_erases_nothing(catalog: Catalog, hub_factory: HubFactory) -> None:
    hub = hub_factory(models(3))
    run(catalog, hub)

    def without_cards(request: Request) -> Reply | None:
        known = "sha, tags, lastModified, createdAt, gated, safetensors, library_name, pipeline_tag"
        if "cardData" in request.query.get("expand", ()):
            return Reply.error(400, f'"expand" must be one of [{known}]')
        return None

    hub.fault = without_cards
    report, _ = run(catalog, hub, at=NOW + timedelta(days=1))
    assert report.changed == 0
    assert [claim.claim.origin for claim in catalog.claims("org/m2") if claim.current] == ["hub", "card"]


def test_since_the_last(catalog: Catalog, hub_factory: HubFactory) -> None:
    hub = hub_factory(models())
    everything = Walk(hub.endpoint)
    with pytest.raises(UsageError, match="no crawl"):
        last_finished(catalog, everything)
    run(catalog, hub, order=Order.DOWNLOADS, limit=3)
    run(catalog, hub, author="org", at=NOW + timedelta(hours=1))
    with pytest.raises(UsageError, match="no crawl"):
        last_finished(catalog, everything)
    run(catalog, hub, at=NOW + timedelta(hours=2))
    assert last_finished(catalog, everything) == NOW + timedelta(hours=2)
    since = datetime(2024, 2, 1, 0, 0, 15, tzinfo=UTC)
    report, _ = run(catalog, hub, order=Order.MODIFIED, since=since, at=NOW + timedelta(hours=3))
    assert report.read == 5
    assert last_finished(catalog, everything) == NOW + timedelta(hours=3)
    assert last_finished(catalog, replace(everything, author="org")) == NOW + timedelta(hours=1)


def test_two_processes_on_one_walk(catalog: Catalog) -> None:
    mine = catalog.begin_crawl(Walk("http://hub.example"), NOW)
    theirs = catalog.begin_crawl(Walk("http://hub.example"), NOW)
    empty = Batch(NOW, [], lambda _: pytest.fail("no rows"))
    _, after = catalog.keep_page(mine, empty, BulkWriter(), "cursor=a")
    with pytest.raises(CrawlOvertaken):
        catalog.keep_page(theirs, empty, BulkWriter(), "cursor=b")
    assert catalog.crawls() == [after]


# --- refreshing what was crawled -----------------------------------------------------------------


def read_again(catalog: Catalog, hub: RecordedHub, names: list[str]) -> dict[str, str]:
    with HubSource(endpoint=hub.endpoint, token=False, clock=lambda: NOW + timedelta(days=3)) as source:
        report = refresh(catalog, lambda _: source, names, AddOptions(), Watching(), lambda: NOW)
    return {outcome.ref: outcome.state for outcome in report.outcomes}


def test_files_at_a_known_commit_are_not_listed_again(catalog: Catalog, hub_factory: HubFactory) -> None:
    hub = hub_factory(models(2))
    run(catalog, hub)
    assert read_again(catalog, hub, ["org/m1"]) == {"org/m1": "unchanged", "org/m0": "known"}
    kept = catalog.snapshot("org/m1")
    hub.clear_log()
    assert read_again(catalog, hub, ["org/m1"])["org/m1"] == "unchanged"
    assert len(hub.asked()) == 1
    again = catalog.snapshot("org/m1")
    assert kept is not None
    assert again is not None
    assert again.files == kept.files
    assert again.files
    hub.models |= by_id(recorded("org/m1", base="org/m0", commit=commit_of("next")))
    hub.clear_log()
    assert read_again(catalog, hub, ["org/m1"])["org/m1"] == "changed"
    assert len(hub.asked("/api/models/org/m1")) == 2


def test_files_that_were_not_read_whole_are_asked_for_again(
    catalog: Catalog, hub_factory: HubFactory
) -> None:
    hub = hub_factory(models(1), fault=lambda one: Reply(501) if "/tree/" in one.path else None)
    with HubSource(endpoint=hub.endpoint, token=False, clock=lambda: NOW) as source:
        add(catalog, lambda _: source, [ModelRef("org/m0")], AddOptions(), Watching())
    hub.fault = None
    hub.clear_log()
    read_again(catalog, hub, ["org/m0"])
    assert [line.path.split("/")[-2] for line in hub.asked()] == ["org", "tree"]


def test_files_that_a_crawl_showed_to_be_outdated_are_due(catalog: Catalog, hub_factory: HubFactory) -> None:
    hub = hub_factory(models(3))
    with HubSource(endpoint=hub.endpoint, token=False, clock=lambda: NOW) as source:
        add(catalog, lambda _: source, [ModelRef("org/m2")], AddOptions(depth=0), Watching())
    later = NOW + timedelta(days=1)
    run(catalog, hub, at=later)
    assert catalog.due(stale_before=later - timedelta(hours=1)) == []
    hub.models |= by_id(
        recorded("org/m2", base="org/m1", commit=commit_of("next")),
        recorded("org/m1", base="org/m0", commit=commit_of("next")),
    )
    run(catalog, hub, at=later + timedelta(days=1))
    assert catalog.due(stale_before=later) == ["org/m2"]


def test_a_page_that_cannot_be_read_keeps_what_came_before(catalog: Catalog, hub_factory: HubFactory) -> None:
    hub = hub_factory(
        models(), page_size=6, fault=lambda one: Reply(200, {}, b"{") if one.number == 1 else None
    )
    report, _ = run(catalog, hub)
    assert isinstance(report.error, BadAnswer)
    assert len(catalog.tracked_after("", 10_000)) == 6
