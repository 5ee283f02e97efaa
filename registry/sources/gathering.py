"""Rows of many models, column by column, put together: those that follow a pattern as they are, each of the
others read on its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from registry.errors import BadAnswer
from registry.model.bulk import Listed, listed
from registry.model.snapshot import ModelSnapshot
from registry.sources.patterns import Known, imprint_of

Read = Callable[[int], ModelSnapshot]
"""Reads the row of that number as a document. Raises `BadAnswer`."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """The rows that give a model, the others by number and with the reason, and a way to all there is to say
    of a row."""

    rows: list[Listed]
    bad: list[tuple[int, str]]
    whole: Callable[[int], ModelSnapshot]


def gather(
    facts: Sequence[Sequence[Any]],
    bases: Sequence[tuple[str, ...]],
    licenses: Sequence[str | None],
    known: Sequence[Known],
    read: Read,
) -> Gathered:
    """facts: columns as `Listed` begins, from `repo_id` to `elements`. licenses: what fills the blanks."""
    patterns = [one.pattern for one in known]
    seeds = [one.seed for one in known]
    imprints = map(imprint_of, seeds, licenses, facts[2], facts[-1], bases)
    rows: list[Listed | None] = list(
        map(Listed._make, zip(*facts, bases, licenses, patterns, imprints, strict=True))
    )
    wholes: dict[int, ModelSnapshot] = {}
    bad: list[tuple[int, str]] = []
    for number in [number for number, pattern in enumerate(patterns) if pattern is None]:
        try:
            wholes[number] = snapshot = read(number)
            rows[number] = listed(snapshot)
        except BadAnswer as error:
            bad.append((number, error.message))
            rows[number] = None
    numbers = [number for number, row in enumerate(rows) if row is not None] if bad else range(len(rows))

    def whole(place: int) -> ModelSnapshot:
        return wholes.get(numbers[place]) or read(numbers[place])

    return Gathered([row for row in rows if row is not None], bad, whole)
