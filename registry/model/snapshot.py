"""What a source said of a model at one commit or moment.

`None` means unknown everywhere: never 0, "" or a guess.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from registry.model.edges import Claim
from registry.model.refs import SourceName


class Gate(StrEnum):
    """Whether a host asks for terms to be accepted before files can be read."""

    NONE = "none"
    AUTO = "auto"
    MANUAL = "manual"


@dataclass(frozen=True, slots=True, order=True)
class ModelFile:
    """One file of a repository. `size` in bytes; `sha256` of the content (LFS and Xet files only);
    `git_oid` the git blob name; all hashes in lower-case hex."""

    path: str
    size: int | None = None
    sha256: str | None = None
    git_oid: str | None = None
    xet_hash: str | None = None

    def __post_init__(self) -> None:
        if not self.path:
            raise ValueError("a file needs a path")
        if self.size is not None and self.size < 0:
            raise ValueError(f"negative size of {self.path!r}")


@dataclass(frozen=True, slots=True)
class ParameterCount:
    """How many numbers the weights hold, as stored, as served, and as trained.

    by_dtype: stored elements per storage type. served_total: the host's own figure, which may be the
    uploader's. logical: trained weights after unpacking quantized containers, `None` where no rule
    applies. rule: the rule used for `logical`, in words. origin: where `by_dtype` was read
    (`hub`, `headers`, `gguf`, `paper`). contradiction: how the served total disagrees with the dtypes.
    """

    by_dtype: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    served_total: int | None = None
    logical: int | None = None
    rule: str | None = None
    origin: str = "hub"
    contradiction: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_dtype", MappingProxyType(dict(sorted(self.by_dtype.items()))))

    @property
    def stored(self) -> int | None:
        """Stored elements over all dtypes, `None` when no dtype is known."""
        return sum(self.by_dtype.values()) if self.by_dtype else None


class LicenseField(StrEnum):
    """Which field of a source a license statement stands in."""

    LICENSE = "license"
    NAME = "license_name"
    LINK = "license_link"
    FILE = "license_file"


@dataclass(frozen=True, slots=True)
class LicenseClaim:
    """One raw license statement, word for word, and who made it (`card`, `hub`, `files`, `paper`)."""

    field: LicenseField
    value: str
    origin: str


@dataclass(frozen=True, slots=True)
class TrainingFact:
    """A fact about how a model was made that its host does not tell, with its mandatory source.

    name: one of `registry.model.facts.NAMES`; value: a number in that fact's unit, or text.
    """

    name: str
    value: int | float | str
    source: str
    origin: str = "manual"
    note: str | None = None

    def __post_init__(self) -> None:
        if not self.source.strip():
            raise ValueError(f"the fact {self.name!r} needs a source")


@dataclass(frozen=True, slots=True)
class Note:
    """Something a reader could not make sense of: a stable code and a sentence. It costs that part only."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """An answer as received, kept beside the facts read from it. kind: `model`, `tree`, `card`, `headers`."""

    kind: str
    data: bytes


@dataclass(frozen=True, slots=True)
class ModelSnapshot:
    """A model at one commit or moment, as one source told it.

    repo_id: the current name as answered. aliases: other names the source says mean this model.
    revision: what was asked for; commit_sha: what it resolved to. files: `None` when no list was seen.
    config: the few architecture keys worth keeping (`model_type`, `architectures`, `quantization`).
    removed: the source says it is absent or not visible any more; other facts are then unknown.
    """

    repo_id: str
    source: SourceName
    observed_at: datetime
    hub_id: str | None = None
    aliases: tuple[str, ...] = ()
    revision: str | None = None
    commit_sha: str | None = None
    private: bool | None = None
    gated: Gate | None = None
    disabled: bool | None = None
    removed: bool = False
    created_at: datetime | None = None
    last_modified: datetime | None = None
    downloads: int | None = None
    likes: int | None = None
    library: str | None = None
    task: str | None = None
    tags: tuple[str, ...] = ()
    used_storage: int | None = None
    new_version: str | None = None
    config: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))
    parameters: ParameterCount | None = None
    licenses: tuple[LicenseClaim, ...] = ()
    claims: tuple[Claim, ...] = ()
    files: tuple[ModelFile, ...] | None = None
    files_complete: bool = True
    facts: tuple[TrainingFact, ...] = ()
    notes: tuple[Note, ...] = ()
    raw: tuple[RawAnswer, ...] = ()

    def __post_init__(self) -> None:
        if self.observed_at.tzinfo is None:
            raise ValueError("observed_at must be an aware time")


@dataclass(frozen=True, slots=True)
class Change:
    """One field that differs between two looks at a model. `before`/`after` as shown to people."""

    field: str
    before: str | None
    after: str | None
