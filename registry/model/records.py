"""What the catalog answers: a model as we know it now, and how we came to know it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

from registry.model.edges import Claim, Edge
from registry.model.refs import SourceName
from registry.model.snapshot import Change, Gate, LicenseClaim, ModelFile, TrainingFact


@dataclass(frozen=True, slots=True)
class ModelBrief:
    """One line about a model. tracked: somebody added it; otherwise it is so far only named as a base.

    license: the resolved id(s) of its declaration, lower case, several joined by ` AND `; `None` when it
    declares none. parameters: the logical count, else the stored one, else `None`.
    logical_bytes: the files of its current list whose size is known, `None` without any; `unsized_files`
    says how many it leaves out.
    """

    repo_id: str
    source: SourceName
    tracked: bool
    removed: bool = False
    gated: Gate | None = None
    license: str | None = None
    parameters: int | None = None
    task: str | None = None
    library: str | None = None
    downloads: int | None = None
    likes: int | None = None
    logical_bytes: int | None = None
    unsized_files: int = 0
    commit_sha: str | None = None
    created_at: datetime | None = None
    last_modified: datetime | None = None
    observed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Sizes:
    """What the files of one commit weigh, in bytes.

    logical_bytes counts every copy, unique_bytes each content (by sha256) once; both leave out the
    `unsized_files` whose size no source told, and are `None` when that is all of them.
    weight_bytes: weight files of all formats together; copy_bytes: of the one format a user downloads,
    `None` when no weight file has a known size.
    """

    files: int
    unsized_files: int
    logical_bytes: int | None
    unique_bytes: int | None
    weight_bytes: int | None
    copy_bytes: int | None


@dataclass(frozen=True, slots=True)
class Holding:
    """One model with everything that bears on what it weighs, costs and saves.

    sizes: of its current file list, `None` without one. hub_used_bytes: what its host says the repository
    takes, history included. by_dtype: stored numbers per type. facts: told by sources and people, oldest
    first. bases: direct ones, datasets included.
    """

    brief: ModelBrief
    sizes: Sizes | None = None
    hub_used_bytes: int | None = None
    by_dtype: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    facts: tuple[TrainingFact, ...] = ()
    bases: tuple[Edge, ...] = ()


@dataclass(frozen=True, slots=True)
class Weighing:
    """One model as far as it weighs something.

    parameters: the logical count, `None` where no rule gives one. sizes: of its current file list, `None`
    without one; complete: that list leaves out no file; unsized_weights: how many of its files without a
    known size hold weights, by their names. hub_used_bytes: what its host says the repository takes, history
    included. by_dtype: stored numbers per type.
    """

    repo_id: str
    parameters: int | None = None
    sizes: Sizes | None = None
    complete: bool = True
    unsized_weights: int = 0
    hub_used_bytes: int | None = None
    by_dtype: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class KeptClaim:
    """A claim as the catalog holds it. current: still made by the newest answer of its source.

    base: the catalog's present name of the base, `None` while unresolved.
    """

    derivative: str
    claim: Claim
    base: str | None
    current: bool
    revision: str | None
    observed_at: datetime


@dataclass(frozen=True, slots=True)
class SaveReport:
    """What saving a snapshot did. created: the model was not tracked before. changes: against the last
    look at it through the same source; empty when nothing of meaning differs."""

    repo_id: str
    created: bool
    changes: tuple[Change, ...] = ()
    bases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One kept snapshot: when it was first and last seen unchanged, and what it changed."""

    source: SourceName
    first_seen: datetime
    last_seen: datetime
    commit_sha: str | None
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """A defect in the data, with a stable code, one sentence, and the models it concerns."""

    code: str
    message: str
    models: tuple[str, ...] = ()
    mend: str | None = None


@dataclass(frozen=True, slots=True)
class LicenseRecord:
    """Everything the catalog holds that bears on one model's license.

    licenses: the statements of the snapshot shown. files: the legal texts among the files of its commit,
    `None` where no complete list was seen. history: what its source said, from when on, oldest
    first; empty when it never said anything else. bases: direct ones, datasets included.
    known: some source was asked about it; otherwise it is so far only named.
    """

    repo_id: str
    known: bool
    tracked: bool
    removed: bool = False
    gated: Gate | None = None
    commit_sha: str | None = None
    created_at: datetime | None = None
    task: str | None = None
    library: str | None = None
    parameters: int | None = None
    licenses: tuple[LicenseClaim, ...] = ()
    files: tuple[ModelFile, ...] | None = None
    history: tuple[tuple[datetime, tuple[LicenseClaim, ...]], ...] = ()
    facts: tuple[TrainingFact, ...] = ()
    bases: tuple[Edge, ...] = ()
