"""A source that answers from a table, for tests of the work floor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Lock

from registry.contract import Source, Want
from registry.errors import NotVisible, RegistryError
from registry.model.edges import Claim, Origin, Relation
from registry.model.refs import ModelRef, SourceName
from registry.model.snapshot import LicenseClaim, LicenseField, ModelFile, ModelSnapshot
from registry.services.ingest import Outcome

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


def snapshot(
    repo_id: str,
    *bases: str,
    relation: Relation = Relation.FINETUNE,
    license_id: str | None = "mit",
    sha: str = "1" * 40,
    files: Sequence[ModelFile] | None = None,
    extra: tuple[Claim, ...] = (),
    **more: object,
) -> ModelSnapshot:
    """A small Hub snapshot with tags naming its bases."""
    claims = tuple(Claim(Origin.HUB, base, base, relation, "tags") for base in bases) + extra
    licenses = (LicenseClaim(LicenseField.LICENSE, license_id, "card"),) if license_id else ()
    return ModelSnapshot(
        repo_id,
        SourceName.HUB,
        NOW,
        commit_sha=sha,
        claims=claims,
        licenses=licenses,
        files=tuple(files) if files is not None else None,
        **more,  # type: ignore[arg-type]
    )


@dataclass
class FakeSource:
    """Answers `models`; anything else is not visible. `fetched` counts what was read."""

    models: dict[str, ModelSnapshot | RegistryError]
    children: Mapping[tuple[str, Relation], Sequence[str]] = field(default_factory=dict)
    fetched: list[str] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)

    @classmethod
    def of(cls, *snapshots: ModelSnapshot) -> FakeSource:
        return cls({snapshot.repo_id: snapshot for snapshot in snapshots})

    def fetch(self, ref: ModelRef, want: Want) -> ModelSnapshot:
        with self._lock:
            self.fetched.append(str(ref))
        answer = self.models.get(ref.repo_id)
        if answer is None:
            raise NotVisible(f"{ref} is absent or not visible")
        if isinstance(answer, RegistryError):
            raise answer
        return answer

    def derivatives(self, ref: ModelRef, relation: Relation, limit: int) -> Sequence[str]:
        return list(self.children.get((ref.repo_id, relation), ()))[:limit]

    def for_ref(self, ref: ModelRef) -> Source:
        return self


@dataclass
class Watch:
    """Remembers what it was told."""

    outcomes: list[Outcome] = field(default_factory=list)

    def done(self, outcome: Outcome, known: int) -> None:
        self.outcomes.append(outcome)
