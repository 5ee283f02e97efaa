"""What came of many models at once, in words: for `import` and `crawl`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from registry.model.bulk import BulkTally

SHOWN = 5
"""Rows left out that are told one by one; the rest is counted."""


def in_words(tally: BulkTally, thing: str, unit: str, *, removed: int = 0) -> str:
    """How many of `thing` came in and what became of them. unit: what was left out, in the plural where it
    should be."""
    told = f"{tally.read:,} {thing}{'' if tally.read == 1 else 's'}: {tally.added:,} added"
    told += f", {tally.changed:,} changed, {tally.same:,} unchanged"
    if tally.changes:
        ways = (f"{name} {count:,}" for name, count in sorted(tally.changes.items()))
        told += f"; of them {', '.join(ways)}"
    if removed:
        told += f"; {removed:,} no longer there"
    if tally.adopted:
        told += f"; {tally.adopted:,} names that differ only in case were joined"
    return told + (f"; {tally.left_out:,} {unit} left out" if tally.left_out else "")
