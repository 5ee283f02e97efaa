"""Pages of a list of models: what the Hub answers a thousand at a time becomes rows.

A typed decoder makes Python objects of the few values that differ from model to model; the rest stays text
as received. Rows whose texts are alike but for the names of their bases are read once (`patterns.py`). A row
that is not as expected is read on its own, like any document; one that gives no model costs itself alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import blake2b

from registry.errors import BadAnswer
from registry.licenses.declared import OTHER, UNKNOWN, resolve_declared
from registry.model.bulk import Batch, Listed, Pattern, listed
from registry.model.edges import Origin, Relation
from registry.model.snapshot import LicenseClaim, LicenseField, ModelSnapshot
from registry.sources.documents import read_document
from registry.sources.http import decode_json
from registry.sources.patterns import MAX_PATTERNS, Patterns
from registry.sources.relations import Signs, infer_relation
from registry.sources.rows import (
    FIELDS,
    NONE,
    Card,
    Row,
    are_plain,
    card_is_silent,
    decoded,
    document_of,
    is_plain,
    others,
    stored_numbers,
)
from registry.sources.values import shown
from registry.weights.quantization import read_quantization

_EDITION = "1"
"""What imprints begin with: another reading of the same rows needs another one."""
_READ = frozenset({"_id", "id", *FIELDS})
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
_BASE_TAG = '"base_model:'
_BASES = re.compile(r'"base_model:(?:[a-z]+:)?([^"\\]+)"')
_LICENSES = re.compile(r'"license:([a-z0-9.+-]+)"')
_LICENSE_BLANK, _TASK_BLANK, _BASES_BLANK = "\x0b", "\x0c", "\x0e"
_TASK = re.compile(r"[a-z0-9][a-z0-9-]*")
_SEPARATOR = "\x1e"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MIGRATION = (1646263744, 1646263745)
"""2022-03-02T23:29:04 and :05 (`values.read_creation`)."""

_Key = tuple[str, str, str, str, str | None, str | None, bool | None, bool | str | None, bool | None]
"""What rows of a pattern have alike: tags, those that name bases, other texts, all with blanks; dtypes, task,
library, private, gated, disabled."""
_Named = tuple[str | None, tuple[str, ...]]
_Tags = tuple[str, str, str | None]
_Known = tuple[Pattern | None, str]


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
        self._named: dict[str, _Named] = {}
        self._tags: dict[tuple[str, str | None], _Tags] = {}
        self._known: dict[_Key, _Known] = {}
        self._alike: dict[tuple[object, ...], tuple[Pattern, str | None]] = {}

    def read(self, body: bytes, *, at: datetime) -> Page:
        """The rows of a page. at: when the host said so. Raises `BadAnswer` when it is no list."""
        typed, piece = decoded(body)
        wholes: dict[int, ModelSnapshot] = {}
        rows: list[Listed] = []
        numbers: list[int] = []
        bad: list[BadRow] = []

        def read(number: int) -> ModelSnapshot:
            return _read(piece(number), at)

        sound = are_plain(typed)
        for number, row in enumerate(typed):
            try:
                found = self._listed(row, at) if row is not None and (sound or is_plain(row)) else None
                if found is None:
                    snapshot = read(number)
                    wholes[len(rows)] = snapshot
                    found = listed(snapshot)
            except BadAnswer as error:
                bad.append(BadRow(number + 1, error.message))
                continue
            rows.append(found)
            numbers.append(number)

        def whole(place: int) -> ModelSnapshot:
            return wholes.get(place) or read(numbers[place])

        return Page(Batch(at, rows, whole), tuple(bad))

    def _listed(self, row: Row, at: datetime) -> Listed | None:
        """A row by the pattern it follows; `None` where only reading the whole of it tells."""
        elements: tuple[int, ...] | None = None
        dtypes = ""
        more: str | None = ""
        if row.safetensors is not None or row.gguf is not None:
            stored = stored_numbers(row)
            if stored is None:
                return None
            elements, dtypes = stored
        try:
            tags = str(row.tags, "utf-8")
            if row.card is not None or row.config is not None or row.base_models is not NONE:
                more = _SEPARATOR.join(others(row))
        except UnicodeDecodeError:
            return None
        bases: tuple[str, ...] = ()
        named: str | None = ""
        start = tags.find(_BASE_TAG)
        if start >= 0:
            end = tags.find('"', tags.rfind(_BASE_TAG) + len(_BASE_TAG)) + 1
            named, bases = self._named.get(tags[start:end]) or self._name(tags[start:end])
            tags = f"{tags[:start]}{_BASES_BLANK}{tags[end:]}"
            for name in bases:
                if name in tags:
                    return None
        plain, blank, license_id = self._tags.get((tags, row.task)) or self._leave_blank(tags, row.task)
        if more:
            more, license_id = self._more(row, more, bases, license_id)
        if named is None or more is None:
            return None
        words = plain if license_id is None else blank
        key = (words, named, more, dtypes, row.task, row.library, row.private, row.gated, row.disabled)
        pattern, said = self._known.get(key) or self._learn(key, bases, license_id, row, at)
        if pattern is None:
            return None
        sha, created, modified = row.sha, row.created_at, row.last_modified
        said = f"{said}{sha}{license_id}"
        if bases:
            said += _SEPARATOR.join(bases)
        if elements is not None:
            said += str(elements)
        begun = changed = None
        if created is not None:
            since = created - _EPOCH
            begun = since.days * 86400 + since.seconds
            if begun in _MIGRATION:
                begun = None
        if modified is not None:
            since = modified - _EPOCH
            changed = since.days * 86400 + since.seconds
        return tuple.__new__(
            Listed,
            (
                *(row.id, row.hub_id, sha, begun, changed, row.downloads, row.likes, row.used_storage),
                *(elements, bases, license_id, pattern, blake2b(said.encode(), digest_size=8).digest()),
            ),
        )

    def _name(self, tags: str) -> _Named:
        """Tags that name bases, with a blank for each, and the names; `None` when they are not fit for it."""
        if len(self._named) >= MAX_PATTERNS:
            self._named.clear()
        bases = tuple(sorted(set(_BASES.findall(tags))))
        # Names as Hubs write them hold nothing that JSON writes otherwise.
        found = self._named[tags] = None if "\\" in tags else self._patterns.marked(tags, bases), bases
        return found

    def _leave_blank(self, tags: str, task: str | None) -> _Tags:
        """Tags with a blank for the task, the same with another for the license, and the license."""
        if len(self._tags) >= MAX_PATTERNS:
            self._tags.clear()
        plain = tags
        if task and _TASK.fullmatch(task) and tags.count(f'"{task}"') == 1:
            plain = tags.replace(f'"{task}"', _TASK_BLANK)
        found = _LICENSES.findall(plain)
        license_id = found[0] if len(found) == 1 and _is_plain_license(found[0]) else None
        blank = plain.replace(f'"license:{license_id}"', _LICENSE_BLANK)
        known = self._tags[tags, task] = plain, blank, license_id
        return known

    def _more(
        self, row: Row, more: str, bases: tuple[str, ...], license_id: str | None
    ) -> tuple[str | None, str | None]:
        """What card, configuration and `baseModels` say with the same blanks, `None` when they are not fit
        for it; and the license, if the card states the same or none."""
        if not card_is_silent(row):
            return None, None
        marked = self._patterns.marked(more, bases)
        stated = _cards_license(row.card)
        if marked is None or license_id is None or stated == "":
            return marked, license_id
        if stated != license_id:
            return marked, None
        return marked.replace(f'license{_SEPARATOR}"{license_id}"', _LICENSE_BLANK), license_id

    def _learn(
        self, key: _Key, bases: tuple[str, ...], license_id: str | None, row: Row, at: datetime
    ) -> _Known:
        """The pattern of rows that are alike in `key`, and what their imprints begin with."""
        if len(self._known) >= MAX_PATTERNS:
            self._known.clear()
            self._alike.clear()
        words, named, more, dtypes, task, library, *flags = key
        alike = (words, named, more, dtypes, *flags)
        like = self._alike.get(alike)
        pattern = None
        # A task that stands among the tags of bases, too, is none that can be left blank.
        if like is not None and not any(one and f'"{one}"' in named for one in (task, like[1])):
            pattern = _adapted(*like, task, library, blank=_TASK_BLANK in words)
        if pattern is None:
            pattern = self._patterns.find(repr(key), bases, None, lambda: _read_row(row, at))
            if pattern is not None and license_id is not None:
                pattern = _with_blank_license(pattern, license_id)
            if pattern is not None:
                self._alike.setdefault(alike, (pattern, task))
        said = blake2b(f"{_EDITION}{key!r}".encode(), digest_size=16).hexdigest()
        known = self._known[key] = pattern, said
        return known


# --- patterns ------------------------------------------------------------------------------------


def _adapted(
    pattern: Pattern, first: str | None, task: str | None, library: str | None, *, blank: bool
) -> Pattern | None:
    """The pattern of rows that differ from others in task and library alone; `None` where those bear on what
    else is read. first: the task of the others. blank: it is one of their tags, and this one's too."""
    told = pattern.snapshot
    inferred = any(claim.origin is Origin.INFERRED for claim in told.claims)
    if inferred or not (_is_harmless(task) and _is_harmless(first) and _is_word(library)):
        return None
    tags = told.tags
    if task and blank:
        tags = tuple(task if tag == first else tag for tag in tags)
    snapshot = replace(told, task=task or None, library=library or None, tags=tags)
    return Pattern(snapshot, pattern.bases, pattern.license)


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


@lru_cache(10_000)
def _is_plain_license(license_id: str) -> bool:
    """Whether a statement in that word alone is understood as just that."""
    told = (LicenseClaim(LicenseField.LICENSE, license_id, "card"),)
    return license_id not in (OTHER, UNKNOWN) and resolve_declared(told).id == license_id


def _cards_license(card: Card | None) -> str | None:
    """The license a card states, `""` for none, `None` for anything but one word."""
    if card is None or card.license is NONE:
        return ""
    value = bytes(card.license)
    return value[1:-1].decode("ascii", "replace") if value[:1] == b'"' and b"\\" not in value else None


def _with_blank_license(pattern: Pattern, license_id: str) -> Pattern | None:
    """The same pattern for any license, if this one is all that is stated."""
    stated = pattern.snapshot.licenses
    plain = all(claim.field is LicenseField.LICENSE and claim.value == license_id for claim in stated)
    return Pattern(pattern.snapshot, pattern.bases, license_id) if plain else None


def _is_word(text: str | None) -> bool:
    """Whether a text is read as it stands."""
    return not text or _PLAIN.fullmatch(text) is not None


@lru_cache(10_000)
def _is_harmless(task: str | None) -> bool:
    """Whether a task says nothing of how a model was made, should it stand among the tags."""
    if not task:
        return True
    relation, _ = infer_relation(Signs((task,), None, {}, None), several=True)
    return _is_word(task) and relation is Relation.FINETUNE and read_quantization({}, (task,)) is None
