"""Words out of closed sets as small numbers: a word takes eight bytes, its number one or none (0 and 1).

The number of a word is its place in the tables below. Numbers are in catalogs: new words go to the end.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Dialect, Integer, SmallInteger, case, literal, type_coerce
from sqlalchemy.types import TypeDecorator

from registry.errors import CatalogDamaged
from registry.lineage.resolve import STRENGTH
from registry.model.edges import Origin, Relation
from registry.model.evidence import EvidenceState
from registry.model.refs import SourceName
from registry.model.snapshot import Gate, LicenseField


class AliasKind(StrEnum):
    """Why a name means a model: a source said so, the model was renamed, or only letter case differs."""

    SOURCE = "source"
    RENAME = "rename"
    CASE = "case"


class Word(TypeDecorator[StrEnum]):
    """One of some words, in Python the member of their enumeration."""

    impl = SmallInteger
    cache_ok = True

    def __init__(self, *words: StrEnum) -> None:
        super().__init__()
        self.words = words
        self._numbers = {str(word): number for number, word in enumerate(words)}

    def number(self, word: str) -> int:
        """The number that stands for a word. Raises `ValueError` for a word that is none of them."""
        try:
            return self._numbers[word]
        except KeyError:
            raise ValueError(f"{word!r} is none of {', '.join(self._numbers)}") from None

    def check(self, column: str) -> str:
        """The condition that a column holds such a number."""
        return f"{column} BETWEEN 0 AND {len(self.words) - 1}"

    def spelled(self, column: ColumnElement[Any]) -> ColumnElement[str]:
        """The words of a column as text, to be searched and sorted by."""
        spelling = {number: literal(str(word)) for number, word in enumerate(self.words)}
        return case(spelling, value=type_coerce(column, Integer))

    def process_bind_param(self, value: str | None, _dialect: Dialect) -> int | None:
        return None if value is None else self.number(value)

    def process_result_value(self, value: int | None, _dialect: Dialect) -> StrEnum | None:
        if value is None:
            return None
        if not 0 <= value < len(self.words):
            raise CatalogDamaged(f"the catalog has a word of number {value}, which stands for none")
        return self.words[value]


SOURCE = Word(SourceName.HUB, SourceName.LOCAL, SourceName.PAPER, SourceName.DATA)
ALIAS = Word(AliasKind.SOURCE, AliasKind.RENAME, AliasKind.CASE)
GATE = Word(Gate.NONE, Gate.AUTO, Gate.MANUAL)
FIELD = Word(LicenseField.LICENSE, LicenseField.NAME, LicenseField.LINK, LicenseField.FILE)
RELATION = Word(
    Relation.UNKNOWN,
    Relation.FINETUNE,
    Relation.ADAPTER,
    Relation.QUANTIZED,
    Relation.MERGE,
    Relation.DISTILLED,
    Relation.TRAINED_ON,
)
ORIGIN = Word(
    Origin.HUB,
    Origin.CARD,
    Origin.INFERRED,
    Origin.ADAPTER_CONFIG,
    Origin.CONFIG,
    Origin.GGUF,
    Origin.MERGEKIT,
    Origin.WEIGHTS,
    Origin.PAPER,
    Origin.MANUAL,
)
STATE = Word(
    EvidenceState.DECLARED,
    EvidenceState.IDENTICAL,
    EvidenceState.CONFIRMED,
    EvidenceState.CONFIRMED_FAMILY,
    EvidenceState.INCONCLUSIVE,
    EvidenceState.CONTRADICTED,
    EvidenceState.NOT_COMPARABLE,
    EvidenceState.FOUND,
)


class Origins(TypeDecorator[tuple[Origin, ...]]):
    """Who claims an edge, strongest first: one bit for each."""

    impl = Integer
    cache_ok = True

    def process_bind_param(self, value: Iterable[Origin] | None, _dialect: Dialect) -> int | None:
        return None if value is None else bits_of(value)

    def process_result_value(self, value: int | None, _dialect: Dialect) -> tuple[Origin, ...] | None:
        return None if value is None else origins_of(value)


def bits_of(origins: Iterable[Origin]) -> int:
    """Origins as `Origins` keeps them."""
    return sum({1 << ORIGIN.number(one) for one in origins})


@cache
def origins_of(bits: int) -> tuple[Origin, ...]:
    """The origins kept as those bits, strongest first."""
    return tuple(one for one in STRENGTH if bits >> ORIGIN.number(one) & 1)
