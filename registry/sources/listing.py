"""The Hub's list of models, page by page: a thousand models with their lineage and license per request.

A page says where the next begins, in a `Link` whose query holds a cursor. Only that cursor is taken from it:
every request is put together here and goes to the host we chose, so that no list leads our token elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import Self
from urllib.parse import parse_qsl, urlencode, urlsplit

from registry.errors import BadAnswer, NotVisible, ServerFault
from registry.model.bulk import Batch, Listed
from registry.model.crawl import Walk
from registry.sources.client import Answer, BadRequest, HubClient
from registry.sources.faults import Topic
from registry.sources.http import default_endpoint, origin
from registry.sources.pages import BadRow, PageReader
from registry.sources.rows import FIELDS

PATH = "/api/models"
PAGE = 1000
"""Models per page; the Hub sends no more."""
MAX_PAGE = 48 * 10**6
"""Bytes of one page, unpacked."""
MAX_PAGES = 100_000
"""Pages of one walk: thirty times the Hub."""
MAX_PLACE = 8000
"""Characters of a cursor."""

_SMALLEST = 40
_GROW_AFTER = 20  # Pages after which a larger one is dared again.
_MAX_IDLE = 20  # Pages without a single row that may follow each other.
_WORD = re.compile(r"[A-Za-z_-]+")
_OURS = frozenset(
    {"limit", "sort", "direction", "author", "filter", "expand", "full", "cardData", "config", "search"}
)


class PlaceRefused(ServerFault):
    """The host does not know (any more) the place in its list that a walk had come to."""


@dataclass(frozen=True, slots=True)
class ListPage:
    """The models of a page that belong to the walk, and where the next begins; `None` at its end."""

    batch: Batch
    bad: tuple[BadRow, ...]
    next: str | None


class HubList:
    """Walks the list of models of one Hub. A context manager that closes its client.

    clock: tells when a page was read. on_note: told what slows a walk down.
    """

    def __init__(
        self,
        client: HubClient,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        on_note: Callable[[str], None] | None = None,
    ) -> None:
        self._client = client
        self._clock = clock
        self._note = on_note or (lambda _: None)
        self._reader = PageReader()
        self._expand: tuple[str, ...] = FIELDS
        self._size = PAGE
        self._small_for = 0

    @property
    def endpoint(self) -> str:
        """The address that is asked, without credentials."""
        return re.sub(r"//[^/@]*@", "//", self._client.endpoint)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Break off what is under way."""
        self._client.close()

    def pages(self, walk: Walk, place: str | None = None, taken: int = 0) -> Iterator[ListPage]:
        """The pages of a walk from `place` on. taken: models it has had before.

        Raises `PlaceRefused` when the host does not know the place, else a `SourceError`; pages before it
        have been yielded by then.
        """
        topic = Topic(_words(walk))
        places = {place}
        before: frozenset[str] = frozenset()
        idle = 0
        for _ in range(MAX_PAGES):
            left = None if walk.limit is None else walk.limit - taken
            answer = self._ask(walk, place, left, topic)
            page = self._read(answer, walk, left, topic)
            names = frozenset(row.repo_id for row in page.batch.rows)
            idle = 0 if names or page.bad else idle + 1
            if page.next is not None and (
                page.next in places or (names and names == before) or idle > _MAX_IDLE
            ):
                raise self._client.fault(BadAnswer, topic, "its pages go round in a circle")
            yield page
            if page.next is None:
                return
            place, before = page.next, names
            places.add(place)
            taken += len(page.batch.rows)
        raise self._client.fault(BadAnswer, topic, f"it goes on after {MAX_PAGES:,} pages")

    # --- asking ----------------------------------------------------------------------------------

    def _ask(self, walk: Walk, place: str | None, left: int | None, topic: Topic) -> Answer:
        """One page. A host that cannot send so many models at once is asked for fewer, one that refuses the
        list of fields for those it names, then for all it has."""
        while True:
            size = self._size if left is None else max(1, min(self._size, left))
            params = [*_query(walk, size), *self._fields(), *parse_qsl(place or "", keep_blank_values=True)]
            try:
                answer = self._client.get(PATH, topic, params=params, limit=MAX_PAGE)
            except BadRequest as refusal:
                if self._learn_fields(refusal):
                    continue
                if place is not None:
                    raise PlaceRefused(refusal.message, hint=refusal.hint) from None
                if not self._expand:
                    raise
                self._expand = ()
            except NotVisible as error:
                if place is None:
                    raise
                raise PlaceRefused(error.message, hint=error.hint) from None
            except (BadAnswer, ServerFault) as error:
                if size <= _SMALLEST:
                    raise
                self._size, self._small_for = max(_SMALLEST, size // 5), 0
                self._note(f"{error.message}; asking for {self._size} models at a time")
            else:
                self._small_for += 1
                if self._size < PAGE and self._small_for >= _GROW_AFTER:
                    self._size, self._small_for = min(PAGE, self._size * 5), 0
                return answer

    def _fields(self) -> list[tuple[str, str]]:
        if self._expand:
            return [("expand", name) for name in self._expand]
        return [("full", "true"), ("cardData", "true")]

    def _learn_fields(self, refusal: BadRequest) -> bool:
        """Whether a refusal names the fields that may be asked for, and some of ours are not among them."""
        known = set(_WORD.findall(refusal.words))
        taken = tuple(name for name in self._expand if name in known)
        # A list of fields has these two; a text that happens to hold a field's name does not.
        if not {"sha", "tags"} <= known or len(taken) == len(self._expand):
            return False
        self._expand = taken
        return True

    # --- reading ---------------------------------------------------------------------------------

    def _read(self, answer: Answer, walk: Walk, left: int | None, topic: Topic) -> ListPage:
        try:
            page = self._reader.read(answer.body or b"", at=self._clock())
        except BadAnswer as error:
            raise self._client.fault(BadAnswer, topic, error.message) from None
        rows, bad = page.batch.rows, page.bad
        place = None if answer.next is None else self._place(answer.next, topic)
        if walk.since is not None:
            kept = _changed_since(rows, walk.since)
            if kept is None:
                raise self._client.fault(BadAnswer, topic, "it is not in the order asked for")
            if len(kept) < len(rows):
                rows, place = kept, None
        if left is not None and len(rows) >= left:
            rows, place = rows[:left], None
        return ListPage(replace(page.batch, rows=rows), bad, place)

    def _place(self, link: str, topic: Topic) -> str:
        """What a `Link` adds to our own query. Raises `BadAnswer` for one that leads elsewhere."""
        try:
            parts = urlsplit(link)
            query = parse_qsl(parts.query, keep_blank_values=True)
        except ValueError:
            raise self._client.fault(BadAnswer, topic, "its next page has no address") from None
        # A mirror may pass on the address the public Hub gave it: then the mirror is asked.
        ours = {origin(self.endpoint), origin(default_endpoint()), origin("https://huggingface.co")}
        if ((parts.scheme or parts.netloc) and origin(link) not in ours) or not parts.path.endswith(PATH):
            raise self._client.fault(BadAnswer, topic, "its next page is not one of its own")
        place = urlencode([(name, value) for name, value in query if name not in _OURS])
        if not place or len(place) > MAX_PLACE:
            raise self._client.fault(BadAnswer, topic, "its next page has no place of its own")
        return place


def _query(walk: Walk, size: int) -> list[tuple[str, str]]:
    query = [("limit", str(size)), ("sort", str(walk.order)), ("direction", "-1")]
    if walk.author is not None:
        query.append(("author", walk.author))
    return query + [("filter", tag) for tag in walk.filters]


def _words(walk: Walk) -> str:
    """What is walked, for messages."""
    told = "the list of models"
    if walk.author is not None:
        told += f" of {walk.author}"
    return f"{told} with {' and '.join(walk.filters)}" if walk.filters else told


def _changed_since(rows: Sequence[Listed], since: datetime) -> Sequence[Listed] | None:
    """The rows before the first that is older; `None` when they do not go back in time."""
    times = [row.last_modified for row in rows if row.last_modified is not None]
    if any(earlier < later for earlier, later in pairwise(times)):
        return None
    oldest = int(since.timestamp())
    for number, row in enumerate(rows):
        if row.last_modified is not None and row.last_modified < oldest:
            return rows[:number]
    return rows
