"""Reading models by pattern: what two million rows say is said in a few thousand ways.

Two rows that differ in nothing but the names of their bases, their counters and times, and how many numbers
they store, are read once: the reader of documents (`documents.py`) reads the first, and its result holds for
the second under other names. That is so only while those names stand for nothing but a base, which is
looked at for each pattern, and while each is a plain id, which is looked at for each name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from registry.lineage.declared import DeclaredBase, read_base
from registry.model.bulk import Pattern
from registry.model.edges import Relation
from registry.model.snapshot import LicenseField, ModelSnapshot

MAX_PATTERNS = 5_000
MAX_NAMES = 100_000
MAX_SLOTS = 9
_UNKNOWN = Pattern.__new__(Pattern)
MAX_TEXT = 4000
"""Characters; a longer text is no pattern of anything."""

TASKS = frozenset(
    {"text-generation", "text-classification", "token-classification", "fill-mask", "question-answering"}
    | {"translation", "summarization", "feature-extraction", "sentence-similarity", "text-ranking"}
    | {"text-to-image", "image-to-image", "image-to-text", "image-text-to-text", "image-classification"}
    | {"image-feature-extraction", "image-segmentation", "object-detection", "depth-estimation"}
    | {"text-to-video", "image-to-video", "video-classification", "text-to-speech", "text-to-audio"}
    | {"automatic-speech-recognition", "audio-classification", "audio-to-audio", "any-to-any"}
    | {"reinforcement-learning", "robotics", "tabular-classification", "tabular-regression", "text-to-3d"}
    | {"zero-shot-classification", "zero-shot-image-classification", "visual-question-answering"}
    | {"text2text-generation", "time-series-forecasting", "unconditional-image-generation", "image-to-3d"}
)
LIBRARIES = frozenset(
    {"transformers", "diffusers", "sentence-transformers", "safetensors", "stable-baselines3", "timm"}
    | {"spacy", "keras", "setfit", "ml-agents", "nemo", "speechbrain", "fastai", "flair", "open_clip"}
    | {"lerobot", "pytorch", "sample-factory", "pyannote-audio", "stanza", "espnet", "onnx", "sklearn"}
)
"""Words no reader looks for: neither a sign of an adapter, of a quantization or of a merge."""

_BASE_TAG = re.compile(r"base_model:(?:[a-z]+:)?(.*)", re.DOTALL)


class Patterns:
    """The patterns seen so far, by their text: all that a row says, with a mark in place of every base."""

    def __init__(self) -> None:
        self._known: dict[str, Pattern | None] = {}
        self._before: dict[str, Pattern | None] = {}
        self._alike: dict[str, Pattern | None] = {}
        self._plain: dict[str, bool] = {}

    def marked(self, text: str, bases: Sequence[str]) -> str | None:
        """`text` with a mark for each base, by its number; `None` when the names are not fit for it."""
        if len(text) > MAX_TEXT:
            return None
        if not bases:
            return text
        plain = self._plain
        for name in bases:
            known = plain.get(name)
            if known is None:
                known = self._is_plain(name)
            if not known:
                return None
        if len(bases) == 1:
            return text.replace(bases[0], "\x01")
        if len(bases) > MAX_SLOTS or len({name.casefold() for name in bases}) < len(bases):
            return None
        for number, name in sorted(enumerate(bases), key=lambda one: -len(one[1])):
            text = text.replace(name, chr(1 + number))
        return text

    def find(
        self, marked: str, bases: tuple[str, ...], stated: str | None, read: Callable[[], ModelSnapshot]
    ) -> Pattern | None:
        """The pattern of that text, read from a row that is of it; `None` when such rows have none.

        bases: the sorted names in that row. stated: the license left blank. What `read` raises is not
        remembered.
        """
        found = self._known.get(marked, _UNKNOWN)
        if found is _UNKNOWN:
            found = self._before.pop(marked, _UNKNOWN)
            if found is _UNKNOWN:
                found = self._new(marked, bases, stated, read)
            if len(self._known) >= MAX_PATTERNS:
                # What was not asked for since the last time is forgotten.
                self._before, self._known = self._known, {}
            self._known[marked] = found
        return found

    def _new(
        self, marked: str, bases: tuple[str, ...], stated: str | None, read: Callable[[], ModelSnapshot]
    ) -> Pattern | None:
        blank = _without_words(marked)
        if blank is None:
            return _pattern(read(), bases, stated)
        text, task, library = blank
        if text not in self._alike:
            if len(self._alike) >= MAX_PATTERNS:
                self._alike.clear()
            self._alike[text] = _pattern(read(), bases, stated)
        like = self._alike[text]
        if like is None:
            return None
        told = like.snapshot
        words = {} if task is None else {told.task: task}
        if library is not None:
            words[told.library] = library
        snapshot = replace(
            told,
            task=words.get(told.task, told.task),
            library=words.get(told.library, told.library),
            tags=tuple(words.get(tag, tag) for tag in told.tags),
        )
        return Pattern(snapshot, like.bases, like.license, like)

    def _is_plain(self, name: str) -> bool:
        if len(self._plain) >= MAX_NAMES:
            self._plain.clear()
        plain = name.isascii() and read_base(name) == DeclaredBase(name)
        self._plain[name] = plain
        return plain


def _pattern(snapshot: ModelSnapshot, bases: tuple[str, ...], stated: str | None) -> Pattern | None:
    sound = _states_only(snapshot, stated) and _fills_only_bases(snapshot, bases)
    return Pattern(snapshot, bases, stated) if sound else None


def _without_words(marked: str) -> tuple[str, str | None, str | None] | None:
    """The text with blanks for a task and a library that mean nothing else to any reader, and these words;
    `None` where there is neither."""
    parts = marked.split("\x1e", 4)
    if len(parts) < 5:
        return None
    tags, card, task, library, rest = parts
    told = tags.split("\x1f")
    filled = [
        word if word in plain and told.count(word) <= 1 else None
        for word, plain in ((task, TASKS), (library, LIBRARIES))
    ]
    if filled == [None, None]:
        return None
    blanks = {word: blank for word, blank in zip(filled, ("\x0c", "\x0e"), strict=True) if word is not None}
    tags = "\x1f".join(blanks.get(tag, tag) for tag in told)
    text = "\x1e".join((tags, card, blanks.get(task, task), blanks.get(library, library), rest))
    return text, filled[0], filled[1]


def _states_only(snapshot: ModelSnapshot, stated: str | None) -> bool:
    """Whether a license left blank is what the card and the Hub's tag state, and nobody states another."""
    if stated is None:
        return True
    said = [(claim.field, claim.value, claim.origin) for claim in snapshot.licenses]
    return said == [(LicenseField.LICENSE, stated, origin) for origin in ("card", "hub")]


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
