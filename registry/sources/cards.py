"""The YAML front matter of a model card, read the way the Hub reads it.

The Hub parses cards with a YAML 1.2 reader: only `true` and `false` are booleans, so `language: no` is the
text "no". Dates are kept as the text they are. A card that does not parse to a mapping costs its own facts
and nothing else. The parser's event stream is read here directly, so that depth, size and the expansion of
aliases are bounded while the document is still text.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import yaml

from registry.model.snapshot import Note

MAX_FRONT_MATTER = 1_000_000
"""Characters of front matter; the longest seen on the Hub is about 63,000."""
MAX_DEPTH = 64
MAX_NODES = 100_000
"""Values in one document, every alias counted at its full size."""

# The pattern the Hub's own server and client use; both cut the card at the second line of dashes.
_FRONT_MATTER = re.compile(r"\s*---(?:\r\n|\r|\n)([\S\s]*?)(?:\r\n|\r|\n)---[ \t]*(?:\r\n|\n|$)")
_OPENING = re.compile(r"\s*---[ \t]*[\r\n]")
# libyaml takes a tab between a key's colon and its value, as the Hub does (`license: <tab>gpl-3.0` of
# Madhour/gpt2-eli5 became the tag `license:gpl-3.0`); PyYAML's own scanner, the fallback, does not.
_LOADER: type = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

# YAML 1.2 core schema, https://yaml.org/spec/1.2.2/#1032-tag-resolution
_CONSTANTS: dict[str, object] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER = re.compile(r"[-+]?[0-9]{1,18}")
_BASED = re.compile(r"0o[0-7]{1,20}|0x[0-9a-fA-F]{1,16}")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]{1,40}|[0-9]{1,40}(?:\.[0-9]{0,40})?)(?:[eE][-+]?[0-9]{1,2})?")
_CORE = "tag:yaml.org,2002:"
_PLAIN_TAGS = frozenset(_CORE + name for name in ("bool", "float", "int", "map", "null", "seq"))
_STRING_TAG = _CORE + "str"


class CardError(ValueError):
    """A YAML text that breaks the format or one of our bounds, in one sentence."""


def read_card(text: str) -> tuple[dict[str, object], tuple[Note, ...]]:
    """The front matter of a card as a mapping with text keys; `{}` and a note when there is none to read.

    Never raises. Repeated keys are tolerated (the last one counts) and noted.
    """
    text = text.removeprefix("\ufeff")
    window = text[: MAX_FRONT_MATTER + 100]
    match = _FRONT_MATTER.match(window)
    if match is None:
        if not _OPENING.match(window):
            return {}, ()
        if len(text) > len(window):
            return {}, (Note("card-too-large", f"front matter beyond {MAX_FRONT_MATTER:,} characters"),)
        return {}, (Note("card-not-closed", "front matter opened with '---' and never closed"),)
    try:
        documents, repeated = read_yaml(match[1])
    except CardError as error:
        return {}, (Note("card-malformed", f"front matter is not readable: {error}"),)
    data = documents[0] if documents else None
    if data is None:
        return {}, ()
    if not isinstance(data, dict):
        kind = "a list" if isinstance(data, list) else "bare text"
        return {}, (Note("card-no-mapping", f"front matter is {kind}, not a mapping"),)
    notes = [Note("card-repeated-key", f"front matter names {key!r} more than once") for key in repeated[:5]]
    return data, tuple(notes)


def decode_card(data: bytes) -> tuple[str, tuple[Note, ...]]:
    """A card's bytes as text: UTF-8, or UTF-16 when a byte-order mark says so. Never raises."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        text = data.decode("utf-16", errors="replace")
        return text, (Note("card-utf-16", "the card is UTF-16 text"),)
    try:
        return data.decode("utf-8-sig"), ()
    except UnicodeDecodeError:
        text = data.decode("utf-8-sig", errors="replace")
        return text, (Note("card-not-utf-8", "the card has bytes that are no UTF-8; they were replaced"),)


def read_yaml(text: str) -> tuple[list[object], list[str]]:
    """Every document of a YAML text, and the keys repeated within one mapping. Raises `CardError`.

    Values are None, bool, int, float, str, list and dict with text keys. Tags other than the core types,
    aliases that expand beyond `MAX_NODES` or contain themselves, and deep nesting are refused.
    """
    if len(text) > MAX_FRONT_MATTER:
        raise CardError(f"longer than {MAX_FRONT_MATTER:,} characters")
    builder = _Builder()
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            builder.take(event)
    except yaml.YAMLError as error:
        raise CardError(_sentence(error)) from None
    except UnicodeError:
        raise CardError("holds characters that are no text") from None
    return builder.documents, builder.repeated


@dataclass(slots=True)
class _Open:
    """A list or mapping under construction. key: the mapping's pending key."""

    value: list[object] | dict[str, object]
    anchor: str | None
    start: int
    key: str | None = None
    merges: list[object] = field(default_factory=list)


class _Builder:
    """Builds values from parser events. Sizes are counted as if every alias were written out."""

    def __init__(self) -> None:
        self.documents: list[object] = []
        self.repeated: list[str] = []
        self._stack: list[_Open] = []
        self._anchors: dict[str, tuple[object, int]] = {}
        self._nodes = 0

    def take(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.ScalarEvent):
            self._count(1)
            value = _scalar(event)
            self._anchor(event.anchor, value, 1)
            self._place(value, event.value)
        elif isinstance(event, yaml.AliasEvent):
            value, size = self._anchors.get(event.anchor or "", (None, 0))
            if not size:
                raise CardError(f"alias *{event.anchor} points to nothing, or into itself")
            self._count(size)
            self._place(value, str(value))
        elif isinstance(event, yaml.SequenceStartEvent | yaml.MappingStartEvent):
            if event.tag not in (None, "!", *_PLAIN_TAGS):
                raise CardError(f"unknown tag {event.tag}")
            if len(self._stack) >= MAX_DEPTH:
                raise CardError(f"nested deeper than {MAX_DEPTH} levels")
            self._count(1)
            # An anchor counts from its end only: until then an alias to it would contain itself.
            self._anchors.pop(event.anchor or "", None)
            empty: list[object] | dict[str, object] = {} if isinstance(event, yaml.MappingStartEvent) else []
            self._stack.append(_Open(empty, event.anchor, self._nodes - 1))
        elif isinstance(event, yaml.SequenceEndEvent | yaml.MappingEndEvent):
            done = self._stack.pop()
            for merged in done.merges:
                _merge(done.value, merged)
            self._anchor(done.anchor, done.value, self._nodes - done.start)
            self._place(done.value, "[object Object]" if isinstance(done.value, dict) else str(done.value))
        elif isinstance(event, yaml.DocumentStartEvent):
            self._anchors.clear()

    def _count(self, nodes: int) -> None:
        self._nodes += nodes
        if self._nodes > MAX_NODES:
            raise CardError(f"more than {MAX_NODES:,} values once its aliases are written out")

    def _anchor(self, name: str | None, value: object, size: int) -> None:
        if name:
            self._anchors[name] = (value, size)

    def _place(self, value: object, as_key: str) -> None:
        if not self._stack:
            self.documents.append(value)
            return
        parent = self._stack[-1]
        if isinstance(parent.value, list):
            parent.value.append(value)
        elif parent.key is None:
            parent.key = as_key
        else:
            if parent.key == "<<":
                parent.merges.append(value)
            else:
                if parent.key in parent.value:
                    self.repeated.append(parent.key)
                parent.value[parent.key] = value
            parent.key = None


def _merge(target: list[object] | dict[str, object], value: object) -> None:
    """YAML's merge key `<<`: fill in keys that are not there. Anything but mappings is left out."""
    if isinstance(target, dict):
        for mapping in _mappings(value):
            for key, item in mapping.items():
                target.setdefault(key, item)


def _mappings(value: object) -> Iterator[dict[str, object]]:
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, dict):
            yield item


def _scalar(event: yaml.ScalarEvent) -> object:
    text: str = event.value
    if event.tag == _STRING_TAG or (event.tag == "!" and not event.style) or (event.style and not event.tag):
        return text
    if event.tag not in (None, "!", *_PLAIN_TAGS):
        raise CardError(f"unknown tag {event.tag}")
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _BASED.fullmatch(text):
        return int(text, 0)
    return float(text) if _FLOAT.fullmatch(text) else text


def _sentence(error: yaml.YAMLError) -> str:
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "no YAML"
    mark = getattr(error, "problem_mark", None)
    return f"{problem} (line {mark.line + 1})" if mark is not None else str(problem)
