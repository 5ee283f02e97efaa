"""What full fine-tunes of one base would take as adapters: a potential with its assumptions, never a waste.

A full fine-tune keeps a whole copy of its base; an adapter keeps the difference. k fine-tunes take k times
the full bytes, or those of one base and of k adapters.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

from registry.economics.storage import StoragePrice, yearly
from registry.model.copies import Descent
from registry.model.estimate import Estimate

WHOLE = 0.5
"""Share of its base's bytes a fine-tune has at least when it keeps all weights: fp16 of an fp32 base."""


@dataclass(frozen=True, slots=True)
class Overlap:
    """The full fine-tunes of one base, and what adapters would take instead.

    base_bytes: of one copy of the base, `None` where it was never read; base_assumed: what is taken for it
    then. finetunes: how many are as large as a whole copy, which take `full_bytes`; smaller: those that
    cannot be whole copies; unsized: those of unknown size, which are in no sum. adapter_bytes: of one
    adapter, `None` where nobody knows; adapters: how many of this base told it, 0 when the user stated it.
    as_adapters: one base and an adapter each. potential: what that would save.
    """

    base: str
    base_bytes: int | None
    base_assumed: int | None
    finetunes: int
    full_bytes: int
    smaller: int
    unsized: int
    adapter_bytes: int | None
    adapters: int
    as_adapters: int | None
    potential: int | None
    yearly: Estimate | None
    assumptions: tuple[str, ...]


def overlaps(
    descents: Iterable[Descent], price: StoragePrice, adapter_bytes: int | None = None
) -> list[Overlap]:
    """Every base with full fine-tunes, the largest potential first, unknown ones by full bytes after them.

    adapter_bytes: the size of an adapter as the user states it; else the median of the real ones.
    """
    found = [_overlap(one, price, adapter_bytes) for one in descents]
    return sorted(
        (one for one in found if one.finetunes or one.unsized),
        key=lambda one: (one.potential is None, -(one.potential or 0), -one.full_bytes, one.base),
    )


def _overlap(descent: Descent, price: StoragePrice, stated: int | None) -> Overlap:
    sized = [size for size in descent.finetunes if size is not None]
    assumed = None if descent.base_bytes or not sized else round(median(sized))
    base = descent.base_bytes or assumed
    full = [size for size in sized if base and size >= WHOLE * base]
    known = [size for size in descent.adapters if size is not None]
    adapter = stated if stated is not None else round(median(known)) if known else None
    instead = potential = None
    if base is not None and adapter is not None and full:
        instead = base + len(full) * adapter
        potential = max(0, sum(full) - instead)
    return Overlap(
        base=descent.base,
        base_bytes=descent.base_bytes,
        base_assumed=assumed,
        finetunes=len(full),
        full_bytes=sum(full),
        smaller=len(sized) - len(full),
        unsized=len(descent.finetunes) - len(sized),
        adapter_bytes=adapter,
        adapters=len(known) if stated is None else 0,
        as_adapters=instead,
        potential=potential,
        yearly=None if potential is None else yearly(potential, price),
        assumptions=_assumptions(len(known), stated, adapter, assumed, len(sized) - len(full)),
    )


def _assumptions(
    known: int, stated: int | None, adapter: int | None, assumed: int | None, smaller: int
) -> tuple[str, ...]:
    told = ["an adapter would have done what the full fine-tune did; quality is not judged"]
    if stated is not None:
        told.append("the size of an adapter is as stated")
    elif adapter is not None:
        count = "the one adapter" if known == 1 else f"the median of {known:,} adapters"
        told.append(f"the size of an adapter is {count} of this base in the catalog")
    else:
        told.append("no adapter of this base has a known size, and the catalog knows no layer dimensions")
    if assumed is not None:
        told.append("the base was never read; it is taken to be as large as the median of its fine-tunes")
    if smaller:
        told.append(f"{smaller:,} with less than half the bytes of the base are left out: no whole copies")
    return tuple(told)
