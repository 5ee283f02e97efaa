"""Words that mean just what they are: names of bases, licenses, tags, tasks and libraries that can stand for
one another."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from registry.licenses.declared import OTHER, UNKNOWN, resolve_declared
from registry.lineage.declared import DeclaredBase, read_base, read_dataset
from registry.model.edges import Relation
from registry.model.refs import MAX_ID_LENGTH
from registry.model.snapshot import LicenseClaim, LicenseField
from registry.sources.relations import Signs, infer_relation
from registry.weights.quantization import Quantization, read_quantization

SIGN = "\x7f"
"""What marks begin with: a letter that JSON texts may hold, and none of ours does."""
MARKS = tuple(f"{SIGN}{letter}" for letter in "abcdefghi")
"""In place of the names of bases, by their number."""

_SEGMENT = r"[a-z0-9_](?:\.?[a-z0-9_-])*\.?"
# A placeholder, and names of the Hub's own host, are read as something else than they look like.
_NAME = re.compile(
    rf"(?!n/a$|(?:(?:www\.)?huggingface\.co|hf\.co)/){_SEGMENT}/{_SEGMENT}", re.IGNORECASE | re.ASCII
)
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}")
_STATEMENTS = frozenset({"base_model", "dataset", "license"})


def mark(text: str, bases: Sequence[str]) -> str | None:
    """`text` with a mark for each base; `None` when there are too many, or two that differ in the case of
    their letters alone."""
    if len(bases) == 1:
        return text.replace(bases[0], MARKS[0])
    if len(bases) > len(MARKS) or len({name.casefold() for name in bases}) < len(bases):
        return None
    for sign, name in sorted(zip(MARKS, bases, strict=False), key=lambda one: -len(one[1])):
        text = text.replace(name, sign)
    return text


def is_plain_name(name: str) -> bool:
    """Whether a name of a base is read as just that."""
    if _NAME.fullmatch(name) is not None:
        return len(name) <= MAX_ID_LENGTH
    return name.isascii() and read_base(name) == DeclaredBase(name)


@lru_cache(10_000)
def is_plain_dataset(name: str) -> bool:
    """The same of a dataset."""
    return name.isascii() and read_dataset(name) == DeclaredBase(name)


@lru_cache(10_000)
def is_plain_license(word: str) -> bool:
    """Whether a statement in that word alone is understood as just that."""
    told = (LicenseClaim(LicenseField.LICENSE, word, "card"),)
    return word not in (OTHER, UNKNOWN) and resolve_declared(told).id == word


def is_word(text: str | None) -> bool:
    """Whether a text is one plain word, which is kept as it stands."""
    return text is not None and _WORD.fullmatch(text) is not None


@lru_cache(10_000)
def is_silent_library(name: str | None) -> bool:
    """Whether a library is one plain word, and no sign of how a model was made."""
    if name is None or not is_word(name):
        return False
    relation, _ = infer_relation(Signs((), name, {}, None), several=True)
    return relation is Relation.FINETUNE


@lru_cache(20_000)
def is_inert(tag: str) -> bool:
    """Whether a tag is no more than that to any reader: no statement, and no sign of how a model was made."""
    if not tag.isprintable() or tag.partition(":")[0] in _STATEMENTS:
        return False
    relation, _ = infer_relation(Signs((tag,), None, {}, None), several=True)
    beside = read_quantization({}, (tag, "4-bit"))
    return (
        relation is Relation.FINETUNE
        and read_quantization({}, (tag,)) is None
        and beside == Quantization(None, 4, "tags")
    )
