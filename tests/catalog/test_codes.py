"""Words as numbers: none is missing, and none may ever change its number."""

from __future__ import annotations

from enum import StrEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects import sqlite

from registry.catalog.catalog import Catalog
from registry.catalog.codes import (
    ALIAS,
    FIELD,
    GATE,
    ORIGIN,
    RELATION,
    SOURCE,
    STATE,
    AliasKind,
    Word,
    bits_of,
    origins_of,
)
from registry.catalog.tables import APART
from registry.errors import CatalogDamaged
from registry.lineage.resolve import STRENGTH
from registry.model.edges import Origin, Relation
from registry.model.evidence import EvidenceState
from registry.model.filters import Filter, Operator
from registry.model.refs import SourceName
from registry.model.snapshot import Gate, LicenseField
from tests.catalog.makers import snap

KINDS: list[tuple[Word, type[StrEnum], str]] = [
    (SOURCE, SourceName, "hub local paper data"),
    (ALIAS, AliasKind, "source rename case"),
    (GATE, Gate, "none auto manual"),
    (FIELD, LicenseField, "license license_name license_link license_file"),
    (RELATION, Relation, "unknown finetune adapter quantized merge distilled trained_on"),
    (
        ORIGIN,
        Origin,
        "hub card inferred adapter_config config gguf mergekit weights paper manual",
    ),
    (
        STATE,
        EvidenceState,
        "declared identical confirmed confirmed_family inconclusive contradicted not_comparable found",
    ),
]


@pytest.mark.parametrize(("kind", "words", "numbered"), KINDS)
def test_every_word_keeps_its_number(kind: Word, words: type[StrEnum], numbered: str) -> None:
    assert set(kind.words) == set(words)
    # In catalogs since the first release: only the end may grow.
    assert " ".join(map(str, kind.words)) == numbered
    for number, word in enumerate(kind.words):
        assert kind.number(word) == number
        assert kind.process_result_value(number, sqlite.dialect()) is word


def test_what_is_no_word() -> None:
    with pytest.raises(ValueError, match="is none of hub"):
        SOURCE.number("moon")
    with pytest.raises(CatalogDamaged):
        SOURCE.process_result_value(9, sqlite.dialect())
    assert f"origin = {ORIGIN.number(Origin.INFERRED)}" in APART


@given(st.lists(st.sampled_from(list(Origin))))
def test_origins_come_back_strongest_first(origins: list[Origin]) -> None:
    assert origins_of(bits_of(origins)) == tuple(one for one in STRENGTH if one in origins)


def test_words_are_searched_and_sorted_as_words(catalog: Catalog) -> None:
    for name, gate in (("o/none", Gate.NONE), ("o/auto", Gate.AUTO), ("o/manual", Gate.MANUAL)):
        catalog.save(snap(name, gated=gate))
    catalog.save(snap("o/untold"))

    def names(field: str, operator: Operator, value: str) -> list[str]:
        return [one.repo_id for one in catalog.search([Filter(field, operator, value)])]

    assert names("gated", Operator.EQUAL, "Auto") == ["o/auto"]
    assert names("gated", Operator.CONTAINS, "a") == ["o/auto", "o/manual"]
    assert names("gated", Operator.UNEQUAL, "none") == ["o/auto", "o/manual", "o/untold"]
    assert len(names("source", Operator.EQUAL, "hub")) == 4
    ordered = [one.repo_id for one in catalog.search(sort="gated")]
    assert ordered == ["o/auto", "o/manual", "o/none", "o/untold"]
