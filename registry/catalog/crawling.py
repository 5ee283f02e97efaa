"""Walks along a list of models, remembered: where each one stands, in the transaction that kept its page."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from registry.catalog.bulk import BulkWriter
from registry.catalog.tables import crawls
from registry.errors import CrawlOvertaken
from registry.model.bulk import Batch, BulkReport
from registry.model.crawl import Crawl

_NOTHING = BulkReport(0, 0, 0)
_AT_THE_BEGINNING: dict[str, Any] = {
    "seen_at": None,
    "place": None,
    "pages": 0,
    "models": 0,
    "added": 0,
    "changed": 0,
}


def begin(connection: Connection, walk: str, at: datetime, *, afresh: bool) -> Crawl:
    """The walk that is under way, or a new one. afresh: from its beginning whatever was done."""
    row = connection.execute(
        select(crawls).where(crawls.c.walk == walk, crawls.c.finished_at.is_(None))
    ).one_or_none()
    if row is None:
        values = {"walk": walk, "started_at": at} | _AT_THE_BEGINNING
        return _one(connection, insert(crawls).values(**values).returning(*crawls.c))
    return start_over(connection, _crawl(row), at) if afresh else _crawl(row)


def start_over(connection: Connection, crawl: Crawl, at: datetime) -> Crawl:
    """Put a walk back to its beginning."""
    values = {"started_at": at} | _AT_THE_BEGINNING
    return _one(
        connection, update(crawls).where(crawls.c.id == crawl.id).values(**values).returning(*crawls.c)
    )


def keep_page(
    connection: Connection, crawl: Crawl, batch: Batch, writer: BulkWriter, place: str | None
) -> tuple[BulkReport, Crawl]:
    """Keep the models of a page and where the next begins; without a `place` the walk is finished."""
    report = writer.keep(connection, batch) if batch.rows else _NOTHING
    values = {
        "place": place,
        "seen_at": batch.observed_at,
        "finished_at": None if place is not None else batch.observed_at,
        "pages": crawl.pages + 1,
        "models": crawl.models + len(batch.rows),
        "added": crawl.added + report.added,
        "changed": crawl.changed + report.changed,
    }
    still = (crawls.c.id == crawl.id) & (crawls.c.pages == crawl.pages) & crawls.c.finished_at.is_(None)
    row = connection.execute(update(crawls).where(still).values(**values).returning(*crawls.c)).one_or_none()
    if row is None:
        raise CrawlOvertaken(
            "another process goes on with the same crawl", hint="wait for it, or crawl something else"
        )
    return report, _crawl(row)


def newest(connection: Connection, limit: int) -> list[Crawl]:
    """The walks begun last, the newest first."""
    query = select(crawls).order_by(crawls.c.started_at.desc(), crawls.c.id.desc()).limit(limit)
    return [_crawl(row) for row in connection.execute(query)]


def _one(connection: Connection, statement: Any) -> Crawl:
    return _crawl(connection.execute(statement).one())


def _crawl(row: Row[Any]) -> Crawl:
    return Crawl(**row._asdict())
