"""What the audit needs to know about one model: raw signals in, nothing judged yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

from registry.model.edges import Edge
from registry.model.snapshot import Gate, LicenseClaim, TrainingFact

ANNOTATIONS = ("text_license", "license_file", "card_license", "also_license", "card_text", "license")
"""Names of the recorded facts the engine reads. `license_file` is `NAME=ID`, `license` a dataset's."""


@dataclass(frozen=True, slots=True)
class AuditModel:
    """One model (or dataset, `data:org/name`) with every signal about its license.

    known: a source told of it; `False` for one that is only named as a base. removed: its host says it
    is absent; what was learned before still counts. licenses: the current statements, word for word.
    license_history: what was stated since when, oldest first, the current statements included.
    files: paths, `None` when no list was seen. text_digests: `sha256:HEX` or `git:HEX` (blob) by path of
    license files, where known. bases: all edges of this model, `trained_on` (`data:` names) included;
    `distilled` means trained on the outputs of the base. annotations: facts named in `ANNOTATIONS`.
    task, parameters, library: for what a license says of modalities, and for suggestions.
    """

    repo_id: str
    known: bool = True
    removed: bool = False
    licenses: tuple[LicenseClaim, ...] = ()
    license_history: tuple[tuple[datetime, tuple[LicenseClaim, ...]], ...] = ()
    annotations: tuple[TrainingFact, ...] = ()
    files: tuple[str, ...] | None = None
    text_digests: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    gated: Gate | None = None
    bases: tuple[Edge, ...] = ()
    created_at: datetime | None = None
    commit_sha: str | None = None
    task: str | None = None
    parameters: int | None = None
    library: str | None = None

    @property
    def organisation(self) -> str:
        """The part of the name before the slash, lower case; `""` without one."""
        name = self.repo_id.partition(":")[2] or self.repo_id
        return name.partition("/")[0].casefold() if "/" in name else ""

    @property
    def name(self) -> str:
        """The last part of the name, as written."""
        return self.repo_id.rpartition("/")[2]

    def annotated(self, name: str) -> tuple[str, ...]:
        """The recorded values of one fact as text, each once, sorted."""
        return tuple(sorted({str(fact.value) for fact in self.annotations if fact.name == name}))
