"""Reading models by pattern: what two million rows say is said in a few hundred ways.

Rows that differ in nothing but the names of their bases, the word for their license, their task and library,
tags that no reader looks at, counters and times, and how many numbers they store, are read once: the reader
of documents (`documents.py`) reads the first, and its result holds for the others with their own words. That
is so only while those words stand for nothing else, which is looked at for each pattern, and while each is a
plain one, which is looked at for each word.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from hashlib import blake2b
from string import ascii_uppercase
from typing import NamedTuple

from registry.model.bulk import Pattern
from registry.model.edges import Claim, Relation
from registry.model.snapshot import LicenseClaim, LicenseField, ModelSnapshot, ParameterCount
from registry.sources.files import MAX_TAG
from registry.sources.keys import Words
from registry.sources.plain import (
    MARKS,
    SIGN,
    is_inert,
    is_plain_dataset,
    is_plain_license,
    is_silent_library,
    is_word,
)
from registry.sources.recent import Recent
from registry.sources.values import clean
from registry.weights.parameters import count_parameters

MAX_PATTERNS = 5_000
MAX_BARE = 1_000
MAX_TEXT = 4000
"""Characters; a longer text is no pattern of anything."""

_EDITION = "1"
"""What imprints begin with: another reading of the same rows needs another one."""
SEPARATOR = "\x1f"
_LICENSE, _TASK, _LIBRARY, _NOTHING, _NEXT = "\x0b", "\x0c", "\x0e", "\x1d", "\x1e"
"""Blanks, and what stands between texts."""
_MARK = re.compile(f"{SIGN}.")
_DATASET = "dataset:"
_DATASET_MARKS = tuple(f"{SIGN}{letter}" for letter in ascii_uppercase)
_CONTROL = re.compile(r"[\x00-\x1e]")
_LICENSES = re.compile(r"(?:^|\x1f)license:([^\x1f]*)")
_BASE_TAG = re.compile(r"base_model:(?:[a-z]+:)?(.*)", re.DOTALL)
_LICENSE_WORD = re.compile(r"[a-z0-9.+-]+")


class Row(NamedTuple):
    """What a row says besides what `Listed` tells of each, word for word, but for a mark (`mark`) wherever
    the name of a base stands; `None` is a field it has not.

    tags: with a `SEPARATOR` between them, which stands in none. card: in one text where its keys are not told
    so easily. dtypes: of the numbers it stores, which are all floats, joined by commas; `gguf` for those of a
    GGUF file, `""` for none. others: all the rest, in any form that tells rows apart.
    """

    tags: str | None
    task: str | None
    library: str | None
    card: Words | str | None
    dtypes: str
    others: str


class Known(NamedTuple):
    """What is known of all rows that say the same: their pattern, `None` when each has to be read; the
    license that fills its blank; what their imprints (`imprint_of`) begin with."""

    pattern: Pattern | None
    license: str | None
    seed: str


class _Said(NamedTuple):
    """The same with blanks. license: the word for all of its license blanks, `None` when there are none."""

    tags: str | None
    task: str | None
    library: str | None
    dtypes: str
    rest: str
    license: str | None


class _Text(NamedTuple):
    """The texts of a row, and the names marked in them, each in the order they come."""

    tags: str | None
    rest: str
    bases: tuple[str, ...]
    datasets: tuple[str, ...]


_Key = tuple[object, ...]
UNFIT = Known(None, None, "")
"""What is known of rows that have to be read one by one."""


class Patterns:
    """The patterns seen so far."""

    def __init__(self) -> None:
        self._patterns: Recent[_Key, Pattern] = Recent(MAX_PATTERNS)
        self._alike: Recent[_Key, Pattern] = Recent(MAX_PATTERNS)
        self._bare: Recent[_Key, tuple[_Text, ModelSnapshot | None]] = Recent(MAX_BARE)

    def learn(self, row: Row, bases: tuple[str, ...], read: Callable[[], ModelSnapshot]) -> Known:
        """What is known of rows that say what this one does, but for the names of their bases.

        bases: the sorted names in this row. read: reads it as a document; what that raises goes through.
        """
        said = _said(row)
        # A name may hide in another spelling of the same text.
        if said is None or (bases and "\\" in said.rest):
            return UNFIT
        pattern = self._find(said, bases, read)
        if pattern is None and said.license is not None:
            said = _spelled(said)
            pattern = self._find(said, bases, read)
        filled = None if pattern is None or pattern.license is None else said.license
        if filled is not None:
            said = said._replace(license=_LICENSE)
        words = _NEXT.join([_EDITION, *[_NOTHING if text is None else text for text in said]])
        seed = blake2b(words.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
        return Known(pattern, filled, seed)

    def _find(self, said: _Said, bases: tuple[str, ...], read: Callable[[], ModelSnapshot]) -> Pattern | None:
        word = said.license
        plain = word is not None and is_plain_license(word)
        key = said._replace(license=_LICENSE) if plain else said
        found = self._patterns.get(key)
        if found is not None:
            return found
        shape = _without_words(key)
        like = None if shape is None else self._alike.get(shape)
        if like is not None:
            own = said._replace(license=like.license or word)
            found = Pattern(_filled(like.snapshot, like.bases, own), like.bases, like.license, like)
        else:
            bare = self._bare_of(said, bases, read)
            if bare is None:
                return None
            names, snapshot = bare
            found = Pattern(_filled(snapshot, names, said), names, word if plain else None)
            if shape is not None:
                self._alike.put(shape, found)
        self._patterns.put(key, found)
        return found

    def _bare_of(
        self, said: _Said, bases: tuple[str, ...], read: Callable[[], ModelSnapshot]
    ) -> tuple[tuple[str, ...], ModelSnapshot] | None:
        """The bases and the snapshot of a row that differs in nothing but words from one that says this."""
        text = _numbered(said, bases)
        for blank in (_without_datasets(text), text):
            key = (
                blank.tags and tuple([tag for tag in blank.tags.split(SEPARATOR) if not is_inert(tag)]),
                None if is_word(said.task) else said.task or "",
                None if is_silent_library(said.library) else said.library or "",
                blank.rest,
                said.license is not None,
            )
            found = self._bare.get(key)
            if found is None:
                told = read()
                sound = (
                    _states_only(told, said.license)
                    and _fills_only_bases(told, bases)
                    and _fills_only_datasets(told, blank.datasets)
                )
                found = blank, told if sound else None
                self._bare.put(key, found)
            before, snapshot = found
            if snapshot is not None:
                # The order of names means nothing to any reader, but theirs is to be that of these.
                names = tuple(sorted(before.bases))
                own = [names[bases.index(name)] for name in text.bases]
                return names, _renamed(snapshot, before, own, blank.datasets)
        return None


def imprint_of(
    seed: str,
    license_id: str | None,
    commit: str | None,
    elements: tuple[int, ...] | None,
    bases: Sequence[str],
) -> bytes:
    """The imprint of a row (`Listed`)."""
    said = f"{seed}{license_id} {commit}{elements}{_NEXT.join(bases)}"
    return blake2b(said.encode(), digest_size=8).digest()


# --- what a row says, with blanks ----------------------------------------------------------------


def _said(row: Row) -> _Said | None:
    """What a row says, with a blank for its license where card and tags state the same; `None` where tags are
    none that are kept as they stand."""
    tags, task, library, card, dtypes, others = row
    told = {} if card is None else {"": card} if isinstance(card, str) else dict(card.texts)
    for name, given in (("tags", tags), ("pipeline_tag", task), ("library_name", library)):
        if given is not None:
            told.pop(name, None)  # Only asked where the row itself does not say.
    word = None
    if tags is not None:
        tags = _kept(tags)
        if tags is None:
            return None
        word = _license_of(tags, card)
        if word is not None:
            tags = _exchanged(tags, {f"license:{word}": f"license:{_LICENSE}"})
            if "license" in told:
                told["license"] = _LICENSE
    rest = _NEXT.join([others, *[part for item in told.items() for part in item]])
    return _Said(tags, task, library, dtypes, rest, word)


def _kept(tags: str) -> str | None:
    """Tags as they are kept, each once (`files.read_tags`); `None` where it takes more to tell."""
    told = tags.split(SEPARATOR)
    if "" in told or len(set(told)) < len(told):
        told = [tag for tag in dict.fromkeys(told) if tag]
        tags = SEPARATOR.join(told)
    short = len(tags) <= MAX_TAG or max(map(len, told)) <= MAX_TAG
    return tags if short and _CONTROL.search(tags) is None and clean(tags) == tags else None


def _license_of(tags: str, card: Words | str | None) -> str | None:
    """The word that one tag states as the license, where the card states the same or none."""
    stated = _LICENSES.findall(tags)
    word = stated[0] if len(stated) == 1 else ""
    told = "" if card is None else None if isinstance(card, str) else card.license
    return word if _LICENSE_WORD.fullmatch(word) and told in ("", word) else None


def _exchanged(tags: str, words: Mapping[str, str]) -> str:
    """Tags, some of them exchanged for others."""
    tags = f"{SEPARATOR}{tags}{SEPARATOR}"
    for old, new in words.items():
        tags = tags.replace(f"{SEPARATOR}{old}{SEPARATOR}", f"{SEPARATOR}{new}{SEPARATOR}")
    return tags[1:-1]


def _spelled(said: _Said) -> _Said:
    """The same with its license written out."""
    word = said.license
    tags = said.tags and _exchanged(said.tags, {f"license:{_LICENSE}": f"license:{word}"})
    return said._replace(tags=tags, rest=f"{said.rest}{_NEXT}{word}", license=None)


def _without_words(said: _Said) -> _Key | None:
    """The same with blanks for a task and a library, too; `None` where there is neither."""
    words = ((said.task, _TASK), (said.library, _LIBRARY))
    blanks = {word: blank for word, blank in words if word and is_silent_library(word) and is_inert(word)}
    if not blanks:
        return None
    task, library = (word and blanks.get(word, word) for word in (said.task, said.library))
    return (said.tags and _exchanged(said.tags, blanks), task, library, *said[3:])


# --- patterns ------------------------------------------------------------------------------------


def _filled(told: ModelSnapshot, names: Sequence[str], said: _Said) -> ModelSnapshot:
    """A snapshot of those bases with the words of `said`."""
    tags, licenses = told.tags, told.licenses
    if said.tags is not None:
        text = said.tags
        for sign, name in zip(MARKS, names, strict=False):
            text = text.replace(sign, name)
        if said.license is not None:
            text = text.replace(_LICENSE, said.license)
        tags = tuple(text.split(SEPARATOR)) if text else ()
    if said.license is not None:
        licenses = tuple([LicenseClaim(one.field, said.license, one.origin) for one in licenses])
    return replace(
        told,
        tags=tags,
        licenses=licenses,
        task=said.task if is_word(said.task) else told.task,
        library=said.library if is_silent_library(said.library) else told.library,
        parameters=_count_of(said.dtypes),
    )


@lru_cache(1000)
def _count_of(dtypes: str) -> ParameterCount | None:
    """What is counted in rows of those dtypes, whatever they are quantized to, with one number of each."""
    if dtypes == "gguf":
        return count_parameters({}, 1, {}, (), origin=dtypes)
    told = dict.fromkeys(dtypes.split(","), 1)
    return count_parameters(told, len(told), {}, ()) if dtypes else None


def _numbered(said: _Said, bases: Sequence[str]) -> _Text:
    """The texts of a row with its bases numbered as they come."""
    tags, rest = said.tags, said.rest
    if len(bases) < 2:
        return _Text(tags, rest, tuple(bases), ())
    signs = list(dict.fromkeys([*_MARK.findall(f"{tags}{rest}"), *MARKS[: len(bases)]]))
    numbers = dict(zip(signs, MARKS, strict=False))
    tags = tags and _MARK.sub(lambda sign: numbers[sign[0]], tags)
    rest = _MARK.sub(lambda sign: numbers[sign[0]], rest)
    return _Text(tags, rest, tuple([bases[MARKS.index(sign)] for sign in signs]), ())


def _without_datasets(text: _Text) -> _Text:
    """The same with a mark for each dataset in tags and card, where each is a plain name."""
    names = [
        tag.removeprefix(_DATASET) for tag in (text.tags or "").split(SEPARATOR) if tag.startswith(_DATASET)
    ]
    before, key, after = text.rest.partition(f"{_NEXT}datasets{_NEXT}")
    carded, end, after = after.partition(_NEXT)
    if (
        len({name.casefold() for name in names}) < len(names)
        or len(names) > len(_DATASET_MARKS)
        or not all(map(is_plain_dataset, names))
        or "{" in carded
    ):
        return text
    signs = dict(zip(names, _DATASET_MARKS, strict=False))
    for name, sign in signs.items():
        carded = carded.replace(f'"{name}"', f'"{sign}"')
    told = {f"{_DATASET}{name}": f"{_DATASET}{sign}" for name, sign in signs.items()}
    tags = text.tags and _exchanged(text.tags, told)
    return _Text(tags, f"{before}{key}{carded}{end}{after}", text.bases, tuple(names))


def _renamed(
    told: ModelSnapshot, before: _Text, bases: Sequence[str], datasets: Sequence[str]
) -> ModelSnapshot:
    """A snapshot with other names in the places of those in `before`."""
    if (*bases, *datasets) == (*before.bases, *before.datasets):
        return told
    other: dict[str | None, str] = dict(zip(before.bases, bases, strict=True))
    data = dict(zip(before.datasets, datasets, strict=True))
    claims = []
    for claim in told.claims:
        declared, base = claim.declared, claim.base
        if claim.relation is not Relation.TRAINED_ON:
            declared, base = other.get(declared, declared), other.get(base, base)
        elif declared in data:
            declared = data[declared]
            base = f"data:{declared}"
        claims.append(Claim(claim.origin, declared, base, claim.relation, claim.detail))
    return replace(told, claims=tuple(claims))


# --- whether blanks can be filled in ------------------------------------------------------------


def _states_only(snapshot: ModelSnapshot, word: str | None) -> bool:
    """Whether a license left blank is what is stated, and nobody states another."""
    stated = [(claim.field, claim.value) for claim in snapshot.licenses]
    return word is None or (bool(stated) and set(stated) == {(LicenseField.LICENSE, word)})


def _fills_only_datasets(snapshot: ModelSnapshot, names: Sequence[str]) -> bool:
    """Whether all datasets that are claimed are of those names, if there are any."""
    claims = [claim for claim in snapshot.claims if claim.relation is Relation.TRAINED_ON]
    return not names or all(
        claim.declared in names and claim.base == f"data:{claim.declared}" for claim in claims
    )


def _fills_only_bases(snapshot: ModelSnapshot, bases: Sequence[str]) -> bool:
    """Whether the names stand in a snapshot as bases and in base tags and nowhere else, and no other model is
    named as a base beside them."""
    if not bases:
        return True
    names = set(bases)
    for claim in snapshot.claims:
        if claim.relation is Relation.TRAINED_ON:
            continue
        if claim.base not in names or claim.declared not in (claim.base, ""):
            return False
    claims = tuple(
        replace(claim, base="", declared="") if claim.base in names else claim for claim in snapshot.claims
    )
    tags = tuple(tag for tag in snapshot.tags if _base_in(tag) not in names)
    rest = repr(replace(snapshot, repo_id="", claims=claims, tags=tags))
    return not any(name in rest for name in names)


def _base_in(tag: str) -> str | None:
    match = _BASE_TAG.fullmatch(tag)
    return match[1] if match else None
