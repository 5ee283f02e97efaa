"""Duplication as JSON and as flat rows. Sizes are bytes; what was inferred carries how sure and why."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

from registry.economics.storage import StoragePrice
from registry.exports import tensors
from registry.exports.costs import CURRENCY, price
from registry.model.copies import Duplication, FileCopy, ListedBytes, SharedContent
from registry.model.estimate import Estimate
from registry.model.tensors import TensorDuplication

Shape = dict[str, Any]


class SetLike(Protocol):
    """Weights in one format; `services.twins` makes it."""

    @property
    def format(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def files(self) -> int: ...
    @property
    def size(self) -> int | None: ...


class TwinLike(Protocol):
    """A set that says what another says."""

    @property
    def weights(self) -> SetLike: ...
    @property
    def certainty(self) -> str: ...
    @property
    def reasons(self) -> Sequence[str]: ...
    @property
    def wasted_bytes(self) -> int: ...


class GroupLike(Protocol):
    """Twins of one repository."""

    @property
    def repo_id(self) -> str: ...
    @property
    def commit_sha(self) -> str | None: ...
    @property
    def kept(self) -> SetLike: ...
    @property
    def others(self) -> Sequence[TwinLike]: ...
    @property
    def wasted_bytes(self) -> int: ...


class DerivedLike(Protocol):
    """Weights made from others of the same repository."""

    @property
    def repo_id(self) -> str: ...
    @property
    def weights(self) -> SetLike: ...
    @property
    def source(self) -> SetLike: ...
    @property
    def reason(self) -> str: ...


class OverlapLike(Protocol):
    """Full fine-tunes of one base; `services.overlap` makes it."""

    @property
    def base(self) -> str: ...
    @property
    def base_bytes(self) -> int | None: ...
    @property
    def base_assumed(self) -> int | None: ...
    @property
    def finetunes(self) -> int: ...
    @property
    def full_bytes(self) -> int: ...
    @property
    def smaller(self) -> int: ...
    @property
    def unsized(self) -> int: ...
    @property
    def adapter_bytes(self) -> int | None: ...
    @property
    def adapters(self) -> int: ...
    @property
    def as_adapters(self) -> int | None: ...
    @property
    def potential(self) -> int | None: ...
    @property
    def yearly(self) -> Estimate | None: ...
    @property
    def assumptions(self) -> Sequence[str]: ...


class WasteLike(Protocol):
    """Bytes kept for nothing, of all models or of some; `services.dedup` makes it."""

    @property
    def name(self) -> str | None: ...
    @property
    def models(self) -> int: ...
    @property
    def certain(self) -> int: ...
    @property
    def inferred(self) -> int: ...
    @property
    def total(self) -> int: ...
    @property
    def yearly(self) -> Estimate: ...


class DedupLike(Protocol):
    """Everything found."""

    @property
    def price(self) -> StoragePrice: ...
    @property
    def contents(self) -> Duplication: ...
    @property
    def shared(self) -> Callable[[], Iterator[SharedContent]]: ...
    @property
    def twins(self) -> Sequence[GroupLike]: ...
    @property
    def twin_groups(self) -> int: ...
    @property
    def derived(self) -> Sequence[DerivedLike]: ...
    @property
    def derived_sets(self) -> int: ...
    @property
    def undecided_sets(self) -> int: ...
    @property
    def possible_bytes(self) -> int: ...
    @property
    def overlap(self) -> Sequence[OverlapLike]: ...
    @property
    def bases(self) -> int: ...
    @property
    def wasted(self) -> WasteLike: ...
    @property
    def by(self) -> str | None: ...
    @property
    def shares(self) -> Sequence[WasteLike]: ...
    @property
    def groups(self) -> int: ...
    @property
    def elsewhere(self) -> tuple[int, int] | None: ...
    @property
    def tensors(self) -> TensorDuplication | None: ...


def document(found: DedupLike) -> Shape:
    """All of it; `shared` is read as it is written. Sums are `null` where no size is known at all, and
    whole only where `complete`."""
    contents = found.contents
    known = contents.sized
    return {
        "models": contents.models,
        "unlisted_models": contents.unlisted,
        "complete": contents.complete,
        "logical_bytes": contents.logical_bytes if known else None,
        "unique_bytes": contents.unique_bytes if known else None,
        "dedup_ratio": contents.ratio if known else None,
        "current": _listed(contents.current) | {"copied_bytes": contents.copied_bytes if known else None},
        "revisions": _listed(contents.earlier)
        | {"repeated_bytes": contents.repeated_bytes if known else None},
        "shared_contents": contents.contents,
        "unsized_contents": contents.unsized_contents,
        "shared": (shared(one) for one in found.shared()),
        "twin_groups": found.twin_groups,
        "undecided_sets": found.undecided_sets,
        "possible_twin_bytes": found.possible_bytes,
        "twins": [twins(one) for one in found.twins],
        "derived_sets": found.derived_sets,
        "derived": [derived(one) for one in found.derived],
        "bases": found.bases,
        "overlap": [overlap(one) for one in found.overlap],
        "wasted": waste(found.wasted) if known else dict.fromkeys(waste(found.wasted)),
        "grouped_by": found.by,
        "groups": found.groups,
        "by": [{"name": one.name, "models": one.models} | waste(one) for one in found.shares],
        "elsewhere": None
        if found.elsewhere is None
        else {"contents": found.elsewhere[0], "bytes": found.elsewhere[1]},
        "tensors": None if found.tensors is None else tensors.document(found.tensors),
        "price": price(found.price),
    }


def _listed(one: ListedBytes) -> Shape:
    return {
        "lists": one.lists,
        "files": one.files,
        "logical_bytes": one.logical_bytes if one.sized else None,
        "unsized_files": one.unsized_files,
        "partial_lists": one.partial,
    }


def shared(one: SharedContent) -> Shape:
    """A content with all its places, the one that counts as the original first."""
    return {
        "sha256": one.sha256,
        "size": one.size,
        "wasted_bytes": None if one.size is None else one.copied_bytes,
        "repeated_bytes": None if one.size is None else one.repeated_bytes,
        "copies": [_copy(copy) for copy in one.copies],
    }


def _copy(one: FileCopy) -> Shape:
    return {
        "repo_id": one.repo_id,
        "path": one.path,
        "commit_sha": one.commit_sha,
        "revision": "current" if one.current else "earlier",
    }


def twins(one: GroupLike) -> Shape:
    """One set of weights and those that say the same, inferred."""
    return {
        "repo_id": one.repo_id,
        "commit_sha": one.commit_sha,
        "inferred": True,
        "kept": _set(one.kept),
        "copies": [
            _set(twin.weights)
            | {
                "wasted_bytes": twin.wasted_bytes,
                "certainty": twin.certainty,
                "reasons": list(twin.reasons),
            }
            for twin in one.others
        ],
        "wasted_bytes": one.wasted_bytes,
    }


def derived(one: DerivedLike) -> Shape:
    """Weights that are no copy, and why."""
    return {"repo_id": one.repo_id} | _set(one.weights) | {"source": one.source.path, "reason": one.reason}


def _set(one: SetLike) -> Shape:
    return {"format": one.format, "path": one.path, "files": one.files, "bytes": one.size}


def overlap(one: OverlapLike) -> Shape:
    """What full fine-tunes take, and what adapters would. `potential` is no waste."""
    return {
        "base": one.base,
        "base_bytes": one.base_bytes,
        "assumed_base_bytes": one.base_assumed,
        "finetunes": one.finetunes,
        "full_bytes": one.full_bytes if one.finetunes else None,
        "smaller_finetunes": one.smaller,
        "unsized_finetunes": one.unsized,
        "adapter_bytes": one.adapter_bytes,
        "adapters": one.adapters,
        "as_adapters_bytes": one.as_adapters,
        "potential": {"bytes": one.potential, "yearly": _yearly(one.yearly)},
        "assumptions": list(one.assumptions),
    }


def waste(one: WasteLike) -> Shape:
    """`bytes` is what is certain and what is inferred together, and no surer than the latter."""
    return {
        "bytes": one.total,
        "yearly": _yearly(one.yearly),
        "certain_bytes": one.certain,
        "inferred_bytes": one.inferred,
    }


def _yearly(one: Estimate | None) -> Shape | None:
    return None if one is None else {"amount": one.mid, "currency": CURRENCY}


# --- rows ----------------------------------------------------------------------------------------


def rows(found: DedupLike) -> Iterator[Shape]:
    """One row for each group of `by` where it was asked for, else for each thing found, with its kind."""
    if found.by is not None:
        yield from (_share(found.by, one) for one in found.shares)
        return
    for content in found.shared():
        first = content.copies[0]
        yield _row("equal", first.repo_id, first.path, first.commit_sha) | {
            "sha256": content.sha256,
            "bytes": content.size,
            "copies": len(content.copies),
            "wasted_bytes": None if content.size is None else content.copied_bytes,
            "certainty": "certain",
            "others": [f"{copy.repo_id}:{copy.path}" for copy in content.copies[1:]],
        }
    for group in found.twins:
        for twin in group.others:
            yield _row("twin", group.repo_id, twin.weights.path, group.commit_sha) | {
                "bytes": twin.weights.size,
                "copies": 2,
                "wasted_bytes": twin.wasted_bytes,
                "certainty": twin.certainty,
                "reasons": list(twin.reasons),
                "others": [f"{group.repo_id}:{group.kept.path}"],
            }
    for one in found.overlap:
        yield _row("overlap", one.base, None, None) | {
            "bytes": one.full_bytes if one.finetunes else None,
            "copies": one.finetunes,
            "potential_bytes": one.potential,
            "certainty": "potential",
            "reasons": list(one.assumptions),
        }
    for told in () if found.tensors is None else tensors.rows(found.tensors):
        yield _row(told["kind"], told["repo_id"], None, None) | told


def _row(kind: str, repo_id: str, path: str | None, commit_sha: str | None) -> Shape:
    return {
        "kind": kind,
        "repo_id": repo_id,
        "path": path,
        "commit_sha": commit_sha,
        "sha256": None,
        "bytes": None,
        "copies": None,
        "wasted_bytes": None,
        "potential_bytes": None,
        "certainty": None,
        "reasons": [],
        "others": [],
    }


def _share(by: str, one: WasteLike) -> Shape:
    return {
        by: one.name,
        "models": one.models,
        "wasted_bytes": one.total,
        "certain_bytes": one.certain,
        "inferred_bytes": one.inferred,
        "yearly": one.yearly.mid,
        "currency": CURRENCY,
    }
