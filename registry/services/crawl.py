"""Walk along the Hub's list of models and keep what its pages tell."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from registry.catalog.catalog import BulkWriter, Catalog
from registry.errors import SourceError, UsageError
from registry.model.bulk import BulkTally
from registry.model.crawl import Crawl, Walk
from registry.sources.listing import ListPage, PlaceRefused

KEPT = 1_000
"""Bad rows remembered word for word; the rest is counted."""


class ModelList(Protocol):
    """A host's list of models (`registry.sources.listing.HubList`)."""

    def pages(self, walk: Walk, place: str | None = None, taken: int = 0) -> Iterator[ListPage]:
        """The pages of a walk from a place on."""
        ...


class Watcher(Protocol):
    """Is told how a crawl goes."""

    def note(self, text: str) -> None:
        """Something worth knowing."""
        ...

    def counted(self, count: int) -> None:
        """So many models have come in this time."""
        ...


@dataclass(slots=True)
class CrawlReport(BulkTally):
    """What a crawl did this time; `crawl` tells where the whole walk stands.

    resumed: it went on where an earlier one had stopped. bad: the first rows that gave no model, with their
    page. error: why it did not get to the end.
    """

    crawl: Crawl = field(kw_only=True)
    resumed: bool = False
    bad: list[tuple[int, int, str]] = field(default_factory=list)
    error: SourceError | None = None

    @property
    def complete(self) -> bool:
        return self.error is None and not self.left_out


def crawl(
    catalog: Catalog,
    models: ModelList,
    walk: Walk,
    now: Callable[[], datetime],
    watch: Watcher,
    *,
    afresh: bool = False,
) -> CrawlReport:
    """Keep every model of a walk, page by page, going on where the same walk was broken off.

    afresh: from its beginning. What was kept before a host failed stays, and the report says why it ended;
    when not even the first page could be had, that is raised.
    """
    state = catalog.begin_crawl(walk, now(), afresh=afresh)
    report = CrawlReport(crawl=state, resumed=state.pages > 0)
    if report.resumed:
        watch.note(
            f"Going on behind {state.models:,} models of {state.pages:,} pages, kept until "
            f"{state.seen_at or state.started_at:%Y-%m-%d %H:%M} UTC."
        )
    writer = BulkWriter()
    try:
        try:
            _go(catalog, models, walk, writer, report, watch)
        except PlaceRefused as refusal:
            watch.note(f"Starting over: the place it had come to is not known any more ({refusal.message}).")
            report.crawl, report.resumed = catalog.start_over(report.crawl, now()), False
            _go(catalog, models, walk, writer, report, watch)
    except SourceError as error:
        if report.crawl.pages == 0:
            raise
        report.error = error
    if report.added:
        report.adopted = catalog.adopt_case_variants()
    return report


def last_finished(catalog: Catalog, walk: Walk) -> datetime:
    """When the newest finished walk through the same models began. Raises `UsageError` without any."""
    asked = _whose(str(walk))
    for one in catalog.crawls(10_000):
        if one.finished_at is not None and _whose(one.walk) == asked:
            return one.started_at
    raise UsageError(
        "no crawl of these models was finished so far", hint="name a date, or crawl them all first"
    )


def _whose(walk: str) -> list[str] | None:
    """The models a walk was about, however far back; `None` when it was to stop after so many."""
    lines = walk.splitlines()
    if any(line.startswith("limit ") for line in lines):
        return None
    return [line for line in lines if not line.startswith(("by ", "since "))]


def _go(
    catalog: Catalog,
    models: ModelList,
    walk: Walk,
    writer: BulkWriter,
    report: CrawlReport,
    watch: Watcher,
) -> None:
    state = report.crawl
    for page in models.pages(walk, state.place, state.models):
        kept, state = catalog.keep_page(state, page.batch, writer, page.next)
        report.crawl = state
        report.read += len(page.batch.rows)
        report.count(kept)
        report.left_out += len(page.bad)
        room = max(0, KEPT - len(report.bad))
        report.bad += [(state.pages, row.number, row.reason) for row in page.bad[:room]]
        watch.counted(report.read)
