"""Walks along a host's list of models: which models, in which order, and how far one got."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from registry.errors import UsageError

MAX_WALK = 2000
"""Characters of a walk in words: it is a key in the catalog."""


class Order(StrEnum):
    """What a list is sorted by, the most or newest first. By `CREATED` no model changes its place while the
    walk goes on."""

    CREATED = "createdAt"
    MODIFIED = "lastModified"
    DOWNLOADS = "downloads"


@dataclass(frozen=True, slots=True)
class Walk:
    """The models of one host that all conditions hold for.

    endpoint: its address, without credentials. filters: tags, all of which a model has. since: only models
    changed at or after that time. limit: so many models at most, the first in that order.
    """

    endpoint: str
    order: Order = Order.CREATED
    author: str | None = None
    filters: tuple[str, ...] = ()
    since: datetime | None = None
    limit: int | None = None

    def __post_init__(self) -> None:
        if self.since is not None and self.order is not Order.MODIFIED:
            raise ValueError("a walk back to a time goes by the time of change")
        if any(not text.isprintable() for text in (self.author or "", *self.filters)):
            raise UsageError("a name or tag to crawl holds a character that cannot be printed")
        if len(str(self)) > MAX_WALK:
            raise UsageError(f"the tags to crawl are longer than {MAX_WALK:,} characters together")

    @property
    def everything(self) -> bool:
        """Whether it goes through all models that its author and filters allow."""
        return self.since is None and self.limit is None

    def __str__(self) -> str:
        """All that makes two walks the same, in words."""
        words = [self.endpoint, f"by {self.order}"]
        if self.author is not None:
            words.append(f"author {self.author}")
        words += [f"filter {tag}" for tag in self.filters]
        if self.since is not None:
            words.append(f"since {self.since.isoformat()}")
        if self.limit is not None:
            words.append(f"limit {self.limit}")
        return "\n".join(words)


@dataclass(frozen=True, slots=True)
class Crawl:
    """One walk as the catalog remembers it.

    place: where the next page begins, in the host's words; `None` at the beginning and at the end. seen_at:
    when the last page was kept. finished_at: `None` while there is more to come. pages, models: taken in
    so far, `added` and `changed` of the models among them.
    """

    id: int
    walk: str
    started_at: datetime
    seen_at: datetime | None = None
    finished_at: datetime | None = None
    place: str | None = None
    pages: int = 0
    models: int = 0
    added: int = 0
    changed: int = 0
