"""Pages of a list of models: what the Hub answers a thousand at a time becomes rows.

A typed decoder makes Python objects of the few values that differ from model to model; the rest stays text
as received. Rows whose texts are alike but for the names of their bases and their license are read once
(`patterns.py`). A row that is not as expected is read on its own, like any document; one that gives no model
costs itself alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import chain
from typing import Any

import msgspec

from registry.errors import BadAnswer
from registry.model.bulk import Batch
from registry.model.snapshot import ModelSnapshot
from registry.sources.documents import read_document
from registry.sources.gathering import gather
from registry.sources.http import decode_json
from registry.sources.keys import NONE, Words, words_of
from registry.sources.patterns import MAX_TEXT, SEPARATOR, UNFIT, Known, Patterns
from registry.sources.patterns import Row as Said
from registry.sources.plain import MARKS, SIGN, is_plain_license, is_plain_name, mark
from registry.sources.recent import Recent
from registry.sources.rows import (
    FIELDS,
    NO_ROW,
    Row,
    are_plain,
    decoded,
    document_of,
    is_plain,
    stored_numbers,
)
from registry.sources.values import shown

MAX_KNOWN = 20_000
_READ = frozenset({"_id", "id", *FIELDS})
_BASE_TAG = '"base_model:'
_BASES = re.compile(r'"base_model:(?:[a-z]+:)?([^"\\]+)"')
_LICENSE_TAG = '"license:'
_BLANK = f'"{SIGN}"'
"""In place of the license: a text that no tag is."""
_NEXT, _NOTHING = "\x1e", "\x1d"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MIGRATION = (1646263744, 1646263745)
"""2022-03-02T23:29:04 and :05 (`values.read_creation`)."""
_NO_NUMBERS: tuple[tuple[int, ...] | None, str | None] = (None, "")
_UNTOLD_NUMBERS: tuple[tuple[int, ...] | None, str | None] = (None, None)
_TAGS = msgspec.json.Decoder(list[str])

_Key = tuple[str, str, str, str | None, str | None, bool | None, bool | str | None, bool | None]
"""What rows of a pattern have alike: tags and other texts, both with marks and blanks; dtypes, task, library,
private, gated, disabled."""


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row of a page that gave no model: its number on the page from 1, and why."""

    number: int
    reason: str


@dataclass(frozen=True, slots=True)
class Page:
    """The models of one page, and what gave none. rows: how many there were of both."""

    batch: Batch
    bad: tuple[BadRow, ...]

    @property
    def rows(self) -> int:
        return len(self.batch.rows) + len(self.bad)


class PageReader:
    """Reads page after page, and remembers what rows say alike."""

    def __init__(self) -> None:
        self._patterns = Patterns()
        self._known: Recent[_Key, Known] = Recent(MAX_KNOWN)

    def read(self, body: bytes, *, at: datetime) -> Page:
        """The rows of a page. at: when the host said so. Raises `BadAnswer` when it is no list."""
        typed, piece = decoded(body)
        columns = _Columns(_fit_for_patterns(typed, body))
        known = self._known_of(columns, at)
        licenses = [
            one.license if word is None else word for one, word in zip(known, columns.words, strict=True)
        ]
        found = gather(
            columns.facts(), columns.bases, licenses, known, lambda number: _read(piece(number), at)
        )
        bad = tuple(BadRow(number + 1, reason) for number, reason in found.bad)
        return Page(Batch(at, found.rows, found.whole), bad)

    def _known_of(self, columns: _Columns, at: datetime) -> list[Known]:
        """What is known of each row, or of all that say the same."""
        keys = columns.keys
        found = self._known.those(keys)
        for number in [number for number, known in enumerate(found) if known is None]:
            key = keys[number]
            if key is None:
                found[number] = UNFIT
                continue
            known = self._known.get(key)
            if known is None:
                row, bases, word = columns.rows[number], columns.bases[number], columns.words[number]
                try:
                    known = self._learn(key, bases, word, row, at)
                except BadAnswer:
                    known = UNFIT  # It will say so again.
            found[number] = known
        return found  # type: ignore[return-value]

    def _learn(self, key: _Key, bases: tuple[str, ...], word: str | None, row: Row, at: datetime) -> Known:
        """What is known of rows that are alike in `key`."""
        said = None if len(key[0]) + len(key[1]) > MAX_TEXT else _said(key, bases, word, row)
        known = UNFIT if said is None else self._patterns.learn(said, bases, partial(_read_row, row, at))
        if word is not None and known.license != word:
            known = UNFIT
        self._known.put(key, known)
        return known


class _Columns:
    """The rows of a page column by column. keys: what rows of a pattern have alike, `None` where only reading
    the whole row tells. bases, words: what fills the blanks; the license is `None` where it has none."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.rows = rows
        stored = [
            _NO_NUMBERS
            if row.safetensors is None and row.gguf is None
            else stored_numbers(row) or _UNTOLD_NUMBERS
            for row in rows
        ]
        self._elements = [numbers for numbers, _ in stored]
        texts = [str(row.tags, "utf-8") for row in rows]
        self.bases = [_names(text) if _BASE_TAG in text else () for text in texts]
        tags: list[str | None] = [
            text if not bases else text.replace(bases[0], MARKS[0]) if len(bases) == 1 else mark(text, bases)
            for text, bases in zip(texts, self.bases, strict=True)
        ]
        self.words = self._leave_blank(tags)
        more = [
            ""
            if row.card is None and row.config is None and row.base_models is NONE
            else _marked(_others(row), bases)
            for row, bases in zip(rows, self.bases, strict=True)
        ]
        self.keys: list[_Key | None] = [
            (text, other, dtypes, row.task, row.library, row.private, row.gated, row.disabled)
            if text is not None and dtypes is not None
            else None
            for row, text, other, (_, dtypes) in zip(rows, tags, more, stored, strict=True)
        ]
        odd = {name for name in {*chain.from_iterable(self.bases)} if not is_plain_name(name)}
        if odd or NO_ROW in rows:
            for number, (row, bases) in enumerate(zip(rows, self.bases, strict=True)):
                if row is NO_ROW or not odd.isdisjoint(bases):
                    self.keys[number] = None

    def _leave_blank(self, tags: list[str | None]) -> list[str | None]:
        """Leave a blank for the license where tags and card state the same; return these licenses."""
        words: list[str | None] = [None] * len(tags)
        for number, text in enumerate(tags):
            if text is None or _LICENSE_TAG not in text:
                continue
            before, _, after = text.partition(_LICENSE_TAG)
            word, _, after = after.partition('"')
            if _LICENSE_TAG not in after and is_plain_license(word) and _states(self.rows[number], word):
                words[number] = word
                tags[number] = f"{before}{_BLANK}{after}"
        return words

    def facts(self) -> list[Sequence[Any]]:
        """Columns as `Listed` begins, from `repo_id` to `elements`."""
        rows = self.rows
        created = [_seconds(row.created_at) for row in rows]
        return [
            [row.id for row in rows],
            [row.hub_id for row in rows],
            [row.sha for row in rows],
            [None if time in _MIGRATION else time for time in created],
            [_seconds(row.last_modified) for row in rows],
            [row.downloads for row in rows],
            [row.likes for row in rows],
            [row.used_storage for row in rows],
            self._elements,
        ]


# --- what a row says -----------------------------------------------------------------------------


def _fit_for_patterns(typed: Sequence[Row | None], body: bytes) -> list[Row]:
    """The rows as they are; in place of those that no pattern can be for, one that says nothing."""
    if SIGN.encode() in body:
        return [NO_ROW] * len(typed)
    rows = [NO_ROW if row is None else row for row in typed]
    if not are_plain(typed):
        rows = [row if is_plain(row) else NO_ROW for row in rows]
    return rows if body.isascii() else [row if _is_text(row) else NO_ROW for row in rows]


def _is_text(row: Row) -> bool:
    try:
        return str(row.tags, "utf-8") is not None and _others(row) is not None
    except UnicodeDecodeError:
        return False


def _names(tags: str) -> tuple[str, ...]:
    """The names of bases in tags as received, sorted, each once."""
    found = _BASES.findall(tags)
    if not found or found.count(found[0]) == len(found):
        return tuple(found[:1])
    return tuple(sorted({*found}))


def _states(row: Row, word: str) -> bool:
    """Whether a card states that license in that word alone, or none."""
    card = row.card
    if card is None:
        return True
    alone = card.license_name is NONE and card.license_link is NONE
    return alone and (card.license is NONE or bytes(card.license) == f'"{word}"'.encode())


def _others(row: Row) -> str:
    """What a row says in its less common fields, in one text."""
    parts = [str(row.base_models, "utf-8")]
    for part in (row.card, row.config):
        texts = {} if part is None else words_of(part).texts
        parts += [text for name, said in texts.items() for text in (name, said)]
        parts.append("")
    return _NEXT.join(parts)


def _said(key: _Key, bases: tuple[str, ...], word: str | None, row: Row) -> Said | None:
    """What rows say that are alike in `key`, such as this one with that license; `None` where it takes more
    to tell."""
    tags, _, dtypes, task, library, *flags = key
    if not _card_is_silent(row) or (bases and "\\" in tags):
        return None
    told = None if row.tags is NONE else _told(tags, word)
    card = None
    if row.card is not None:
        texts, license_id = words_of(row.card)
        card = Words({name: _marked(text, bases) for name, text in texts.items()}, license_id)
    config = {} if row.config is None else words_of(row.config).texts
    others = [str(row.base_models, "utf-8"), *[text for item in config.items() for text in item]]
    rest = _NEXT.join([repr(flags), _marked(_NEXT.join(others), bases)])
    return None if told == _NOTHING else Said(told, task, library, card, dtypes, rest)


def _told(text: str, word: str | None) -> str:
    """Tags as received with a separator between them; nothing else where it takes more to tell."""
    if text == "null":
        return ""
    try:
        tags = _TAGS.decode(text.replace(_BLANK, f'"license:{word}"') if word else text)
    except (msgspec.MsgspecError, UnicodeError):
        return _NOTHING
    told = SEPARATOR.join(tags)
    # A separator that stands in one, or a sign in another spelling.
    odd = told.count(SEPARATOR) != max(0, len(tags) - 1) or told.count(SIGN) != text.count(SIGN) - bool(word)
    return _NOTHING if odd or "" in tags else told


def _marked(text: str, bases: tuple[str, ...]) -> str:
    return (mark(text, bases) or "") if bases else text


def _card_is_silent(row: Row) -> bool:
    """Whether no card stands in for a field that a row may lack, or say nothing in."""
    card = row.card
    return card is None or (
        (row.task is not None or card.pipeline_tag is NONE)
        and (row.library is not None or card.library_name is NONE)
    )


def _seconds(time: datetime | None) -> int | None:
    if time is None:
        return None
    since = time - _EPOCH
    return since.days * 86400 + since.seconds


# --- rows read whole -----------------------------------------------------------------------------


def _read(text: bytes, at: datetime) -> ModelSnapshot:
    """One row as a document of its own. Raises `BadAnswer`."""
    with _no_other_error():
        document = decode_json(text.decode("utf-8", "replace").encode())
        if not isinstance(document, Mapping):
            raise BadAnswer(f"{shown(document)} is no model")
        kept = {name: value for name, value in document.items() if name in _READ}
        if "id" not in kept and "modelId" in document:
            kept["id"] = document["modelId"]
        return read_document(kept, observed_at=at)


def _read_row(row: Row, at: datetime) -> ModelSnapshot:
    """The same of a row that is as expected."""
    with _no_other_error():
        return read_document(document_of(row), observed_at=at)


@contextmanager
def _no_other_error() -> Iterator[None]:
    try:
        yield
    except RecursionError:
        raise BadAnswer("nested too deeply") from None
    except ValueError:
        raise BadAnswer("not JSON") from None
