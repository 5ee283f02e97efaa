"""`crawl`: the Hub's list of models into the catalog."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from time import monotonic
from typing import TYPE_CHECKING, Any

import click

from registry.cli.errors import INCOMPLETE
from registry.cli.options import ROWS, Moment, Whole, answers, command
from registry.cli.output import Answer, Output
from registry.cli.session import Session
from registry.cli.tables import Column, table, words
from registry.cli.tally import SHOWN, in_words
from registry.errors import UsageError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from registry.cli.progress import Progress
    from registry.model.crawl import Crawl, Walk
    from registry.services.crawl import CrawlReport
    from registry.sources.listing import HubList

TOLD_EVERY = 30.0
"""Seconds between two lines about the progress where nobody watches it."""


class Since(Moment):
    """A moment, or `last`."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return value if value == "last" else super().convert(value, param, ctx)


@command(
    "crawl",
    "registry crawl --author bigscience",
    "registry crawl --filter base_model:bigscience/bloom --json",
    "registry crawl --top 100",
    "registry crawl --since 2024-06-30",
)
@click.option("--author", metavar="NAME", help="Models of that user or organisation.")
@click.option("--filter", "tags", multiple=True, metavar="TAG", help="Models with that tag; all of several.")
@click.option("--top", type=Whole(1), metavar="N", help="The N most downloaded.")
@click.option("--since", type=Since(), metavar="DATE", help="Changed since then, or since the `last` crawl.")
@click.option("--limit", type=Whole(1), metavar="N", help="N models at most.")
@click.option("--restart", is_flag=True, help="Begin again, even where one was broken off.")
@click.option("--list", "listing", is_flag=True, help="Show the crawls so far instead.")
@answers(*ROWS, quiet=None)
def crawl(
    session: Session,
    out: Output,
    *,
    author: str | None,
    tags: Sequence[str],
    top: int | None,
    since: datetime | str | None,
    limit: int | None,
    restart: bool,
    listing: bool,
) -> int:
    """Read the Hub's list of models into the catalog.

    A page of it has a thousand models and tells their lineage, license, parameters and counters; files and
    cards are read by add and refresh, model by model. The place in the list is kept with every page: the
    same command goes on where it was broken off, now or days later. What could not be read is told, the
    rest is kept, and the exit code is 3.
    """
    from registry.cli.progress import Progress
    from registry.services.crawl import crawl as walk_along

    if listing:
        return _list(session, out)
    if top is not None and (limit is not None or since is not None):
        raise UsageError("--top goes neither with --limit nor with --since", hint="give one of them")
    if isinstance(since, datetime) and since > session.app.now():
        raise UsageError(f"{since:%Y-%m-%d %H:%M} UTC has not come yet")
    with session.app.model_list(session.note) as models, Progress(session, "Crawling") as progress:
        catalog = session.catalog_to_add_to()
        walk = _walk(session, models, author, tags, top, since, limit)
        told = _Telling(session, progress)
        report = walk_along(catalog, models, walk, session.app.now, told, afresh=restart)
    out.give(
        Answer(
            table=lambda _: words(_summary(report)),
            document=lambda: _document(report),
            rows=lambda: [_document(report)],
        )
    )
    if report.error is not None:
        session.note(f"Stopped: {report.error.message}")
        session.note("Hint: run the same command again; it goes on where it stopped")
    if out.is_table:
        for page, number, reason in report.bad[:SHOWN]:
            session.note(f"Left out row {number} of page {page}: {reason}")
        if report.left_out > SHOWN:
            session.note(f"Left out {report.left_out - SHOWN:,} more rows; --json names them.")
    return 0 if report.complete else INCOMPLETE


class _Telling:
    """Tells how far a crawl is: on the moving line, or where there is none in a line now and then."""

    def __init__(self, session: Session, progress: Progress) -> None:
        self._session, self._progress = session, progress
        self._began = self._told = monotonic()

    def note(self, text: str) -> None:
        self._session.note(text)

    def counted(self, count: int) -> None:
        self._progress.counted(count)
        now = monotonic()
        if not self._progress.moves and now - self._told >= TOLD_EVERY:
            self._told = now
            self._session.note(f"{count:,} models, {count / (now - self._began):,.0f}/s")


def _walk(
    session: Session,
    models: HubList,
    author: str | None,
    tags: Sequence[str],
    top: int | None,
    since: datetime | str | None,
    limit: int | None,
) -> Walk:
    from registry.model.crawl import Order, Walk
    from registry.services.crawl import last_finished

    filters = tuple(sorted(set(tags)))
    walk = Walk(models.endpoint, author=author, filters=filters, limit=limit)
    if top is not None:
        return Walk(models.endpoint, Order.DOWNLOADS, author, filters, limit=top)
    if since is None:
        return walk
    at = last_finished(session.catalog(), walk) if isinstance(since, str) else since
    return Walk(models.endpoint, Order.MODIFIED, author, filters, since=at, limit=limit)


def _summary(report: CrawlReport) -> str:
    told = in_words(report, "model", "rows")
    if report.crawl.finished_at is None:
        return f"{told}; not finished"
    return f"{told}; {report.crawl.models:,} in all" if report.resumed else told


def _document(report: CrawlReport) -> dict[str, object]:
    from registry.exports import shapes

    return {
        "complete": report.complete,
        **_remembered(report.crawl),
        "resumed": report.resumed,
        "read": report.read,
        "added": report.added,
        "changed": report.changed,
        "changes": dict(sorted(report.changes.items())),
        "adopted": report.adopted,
        "left_out": report.left_out,
        "bad": [{"page": page, "row": row, "reason": reason} for page, row, reason in report.bad],
        "error": shapes.error(report.error) if report.error else None,
    }


def _remembered(crawl: Crawl) -> dict[str, object]:
    return {
        "walk": crawl.walk.splitlines(),
        "started_at": crawl.started_at,
        "seen_at": crawl.seen_at,
        "finished_at": crawl.finished_at,
        "pages": crawl.pages,
        "models": crawl.models,
        "added": crawl.added,
        "changed": crawl.changed,
    }


def _list(session: Session, out: Output) -> int:
    crawls = session.catalog().crawls()
    rows = [_remembered(one) for one in crawls]
    out.give(
        Answer(
            table=lambda width: _drawn(crawls, width),
            document=lambda: {"crawls": rows},
            rows=lambda: rows,
        )
    )
    if not crawls and out.is_table:
        session.note("Nothing was crawled so far.")
    return 0


def _drawn(crawls: Sequence[Crawl], width: int | None) -> RenderableType | None:
    columns = [
        Column("STARTED"),
        Column("FINISHED"),
        Column("PAGES", right=True, rank=2),
        Column("MODELS", right=True),
        Column("ADDED", right=True, rank=3),
        Column("WALK", wrap=True, least=20),
    ]
    rows: list[list[Any]] = [
        [
            f"{one.started_at:%Y-%m-%d %H:%M}",
            None if one.finished_at is None else f"{one.finished_at:%Y-%m-%d %H:%M}",
            f"{one.pages:,}",
            f"{one.models:,}",
            f"{one.added:,}",
            ", ".join(one.walk.splitlines()),
        ]
        for one in crawls
    ]
    return table(columns, rows, width) if rows else None
