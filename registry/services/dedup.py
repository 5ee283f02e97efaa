"""Duplication: what is kept twice, as far as hashes prove it and as far as names and sizes let it be told.

Three things that never mix: equal content is certain; format twins are inferred; what adapters in place of
full fine-tunes would save is a potential, and nobody's waste.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from enum import StrEnum

from registry.catalog.catalog import Catalog
from registry.economics.storage import StoragePrice, yearly
from registry.model.copies import Duplication, SharedContent
from registry.model.estimate import Estimate
from registry.model.refs import SourceName
from registry.model.tensors import TensorDuplication
from registry.services.overlap import Overlap, overlaps
from registry.services.twins import DerivedSet, TwinGroup, TwinTally

PAGE = 1000
"""Models whose weights are compared at a time."""
READ = 100
"""Contents whose places are read at a time."""


class By(StrEnum):
    """What wasted bytes are added up for. owner: the part of a name before the slash; family: the model
    that lineage goes back to; model: each by itself."""

    OWNER = "owner"
    FAMILY = "family"
    MODEL = "model"


@dataclass(frozen=True, slots=True)
class Question:
    """What to look for. least: list nothing of fewer bytes; limit: nor more than so many of each kind.
    adapter_bytes: what an adapter takes, where the user states it. Sums leave out nothing."""

    by: By | None = None
    least: int = 0
    limit: int | None = None
    adapter_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Waste:
    """Bytes kept for nothing. certain: equal content beyond one copy; inferred: format twins. models: how
    many hold some. yearly: what both together cost, as if nothing else were kept at that price."""

    name: str | None
    models: int
    certain: int
    inferred: int
    yearly: Estimate

    @property
    def total(self) -> int:
        """Both together, so no more certain than the weaker of the two."""
        return self.certain + self.inferred


@dataclass(frozen=True, slots=True)
class DedupReport:
    """Everything found. shared: goes through the largest shared contents, reading as it goes.

    twin_groups, derived_sets, bases: how many there are of which `twins`, `derived` and `overlap` list the
    largest. undecided_sets: sets of weights that could not be compared for want of sizes or shards;
    possible_bytes: of twins too unsure to count. shares: waste by what `by` says, the most first; groups:
    how many there are. wasters: the models that hold some waste. elsewhere: contents that models not asked
    about keep too, and their bytes. tensors: what is kept twice below the level of files, where asked.
    """

    price: StoragePrice
    contents: Duplication
    shared: Callable[[], Iterator[SharedContent]]
    twins: tuple[TwinGroup, ...]
    twin_groups: int
    derived: tuple[DerivedSet, ...]
    derived_sets: int
    undecided_sets: int
    possible_bytes: int
    overlap: tuple[Overlap, ...]
    bases: int
    wasted: Waste
    by: By | None
    shares: tuple[Waste, ...]
    groups: int
    wasters: tuple[str, ...]
    elsewhere: tuple[int, int] | None
    tensors: TensorDuplication | None


def dedup(
    catalog: Catalog,
    names: Sequence[str] | None,
    price: StoragePrice,
    question: Question,
    workers: Executor | None = None,
) -> DedupReport:
    """Look for duplication among models by name (`None`: every tracked one), priced as storage for a year.
    workers: look at tensors too, on these."""
    contents = catalog.duplication(names, least=question.least, limit=question.limit)
    twins = TwinTally(question.least, question.limit)
    for page in _pages(catalog, names):
        twins.add(catalog, page, names)
    certain, inferred = contents.copied_by_model, twins.by_model
    shares = _shares(catalog, question.by, certain, inferred, price)
    bases = overlaps(catalog.descents(names), price, question.adapter_bytes)
    return DedupReport(
        price=price,
        contents=contents,
        shared=lambda: _shared(catalog, contents.largest, names),
        twins=twins.twins,
        twin_groups=twins.groups,
        derived=twins.derived,
        derived_sets=twins.derived_sets,
        undecided_sets=twins.undecided,
        possible_bytes=twins.possible,
        overlap=tuple(bases[: question.limit]),
        bases=len(bases),
        wasted=_waste(None, certain, inferred, price),
        by=question.by,
        shares=tuple(shares[: question.limit]),
        groups=len(shares),
        wasters=tuple(sorted(certain.keys() | inferred.keys())),
        elsewhere=None if names is None else catalog.kept_elsewhere(names),
        tensors=None if workers is None else _tensors(catalog, names, workers, question),
    )


def _tensors(
    catalog: Catalog, names: Sequence[str] | None, workers: Executor, question: Question
) -> TensorDuplication:
    # Only here, because it brings what reads files.
    from registry.services.tensors import tensor_duplication

    return tensor_duplication(catalog, names, workers, least=question.least, limit=question.limit)


def owner_of(repo_id: str) -> str | None:
    """Whose a model is: the part of its name before the slash, with the prefix of its source; `None` where
    a name has no owner."""
    if repo_id.startswith(f"{SourceName.LOCAL}:"):
        return None
    return repo_id.rpartition("/")[0] or None


def _shared(catalog: Catalog, hashes: Sequence[str], names: Sequence[str] | None) -> Iterator[SharedContent]:
    for start in range(0, len(hashes), READ):
        page = hashes[start : start + READ]
        found = catalog.shared_contents(page, names)
        yield from (found[one] for one in page if one in found)


def _pages(catalog: Catalog, names: Sequence[str] | None) -> Iterator[Sequence[str]]:
    """The models asked about in the order of their names, a page at a time."""
    if names is not None:
        ordered = sorted(set(names))
        yield from (ordered[start : start + PAGE] for start in range(0, len(ordered), PAGE))
        return
    last = ""
    while page := catalog.tracked_after(last, PAGE):
        yield page
        last = page[-1]


def _waste(
    name: str | None, certain: Mapping[str, int], inferred: Mapping[str, int], price: StoragePrice
) -> Waste:
    """Both by model."""
    sure, told = sum(certain.values()), sum(inferred.values())
    return Waste(name, len(certain.keys() | inferred.keys()), sure, told, yearly(sure + told, price))


def _shares(
    catalog: Catalog,
    by: By | None,
    certain: Mapping[str, int],
    inferred: Mapping[str, int],
    price: StoragePrice,
) -> list[Waste]:
    """Waste per owner, family or model, the most first; nothing where nobody asked."""
    if by is None:
        return []
    names = certain.keys() | inferred.keys()
    families = catalog.roots(names) if by is By.FAMILY else {}
    groups: defaultdict[str | None, tuple[dict[str, int], dict[str, int]]] = defaultdict(lambda: ({}, {}))
    for kind, bytes_of in enumerate((certain, inferred)):
        for name, size in bytes_of.items():
            group = owner_of(name) if by is By.OWNER else families.get(name, name)
            groups[group][kind][name] = size
    shares = [_waste(group, *pair, price) for group, pair in groups.items()]
    return sorted(shares, key=lambda one: (-one.total, one.name is None, one.name or ""))
