"""Everything the catalog knows about one model, put together for a person."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from registry.catalog.catalog import Catalog
from registry.licenses.declared import DeclaredLicense, resolve_declared
from registry.model.edges import Edge
from registry.model.records import KeptClaim, ModelBrief
from registry.model.snapshot import ModelFile, ModelSnapshot, TrainingFact
from registry.weights.formats import is_weight_file


@dataclass(frozen=True, slots=True)
class Storage:
    """What the files of one commit weigh, in bytes.

    logical_bytes counts every copy, unique_bytes each content (by sha256) once; both leave out the
    `unsized_files` whose size no source told, and are `None` when that is all of them.
    weight_bytes: weight files of all formats together.
    hub_used_bytes: what the Hub says the repository occupies, history included.
    """

    files: int
    unsized_files: int
    logical_bytes: int | None
    unique_bytes: int | None
    weight_bytes: int | None
    hub_used_bytes: int | None


@dataclass(frozen=True, slots=True)
class Description:
    """One model as the catalog knows it. `snapshot` is `None` for one that is only named as a base."""

    brief: ModelBrief
    snapshot: ModelSnapshot | None
    aliases: tuple[str, ...]
    license: DeclaredLicense
    bases: tuple[Edge, ...]
    children: Mapping[str, int]
    storage: Storage | None
    facts: tuple[tuple[datetime, TrainingFact], ...]
    unresolved: tuple[KeptClaim, ...]


def describe(catalog: Catalog, repo_id: str) -> Description:
    """Describe `repo_id`, a name the catalog holds."""
    snapshot = catalog.snapshot(repo_id)
    return Description(
        brief=catalog.briefs([repo_id])[repo_id],
        snapshot=snapshot,
        aliases=tuple(catalog.aliases(repo_id)),
        license=resolve_declared(snapshot.licenses if snapshot else ()),
        bases=tuple(catalog.edges_up(repo_id, 1)),
        children=catalog.children_counts(repo_id),
        storage=_storage(snapshot),
        facts=tuple(catalog.facts(repo_id)),
        unresolved=tuple(kept for kept in catalog.claims(repo_id) if kept.base is None and kept.current),
    )


def measure(files: Iterable[ModelFile], used: int | None) -> Storage:
    """Add up a file list."""
    listed = list(files)
    sized = [(file, file.size) for file in listed if file.size is not None]
    # Equal content is judged by sha256 alone; a file without one counts as its own content.
    contents = {file.sha256 or file.path: size for file, size in sized}
    unknown = not sized and bool(listed)
    return Storage(
        files=len(listed),
        unsized_files=len(listed) - len(sized),
        logical_bytes=None if unknown else sum(size for _, size in sized),
        unique_bytes=None if unknown else sum(contents.values()),
        weight_bytes=None if unknown else sum(size for file, size in sized if is_weight_file(file.path)),
        hub_used_bytes=used,
    )


def _storage(snapshot: ModelSnapshot | None) -> Storage | None:
    if snapshot is None or (snapshot.files is None and snapshot.used_storage is None):
        return None
    return measure(snapshot.files or (), snapshot.used_storage)
