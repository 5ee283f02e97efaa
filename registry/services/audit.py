"""Audit: gather what bears on licenses out of the catalog, let the engine judge, put the verdict together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType

from registry.catalog.catalog import Catalog
from registry.contract import Check
from registry.exports.findings import SuggestionLike
from registry.licenses import audit as engine
from registry.licenses.facts import ANNOTATIONS, AuditModel
from registry.licenses.findings import Finding, Severity
from registry.licenses.table import load_table
from registry.licenses.waivers import Waiver
from registry.model.facts import ONE_OF_EACH
from registry.model.records import LicenseRecord
from registry.model.refs import ModelRef, SourceName
from registry.model.snapshot import ModelFile, TrainingFact
from registry.services.policies import LoadedPolicy

PAGE = 1000
"""Models judged at a time: with what they descend from they fit in memory however large the catalog is."""


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What an audit found.

    findings: by model, worst first, waived ones too. models: how many were judged. unjudged: those nothing
    can be vouched for. missing: bases on the way that were never read, without datasets. problems: what
    went wrong, in sentences. policy_origin: where the policy was found. suggestions: by failing model.
    """

    findings: tuple[Finding, ...]
    models: int
    unjudged: tuple[str, ...]
    complete: bool
    policy_origin: str
    policy_digest: str
    as_of: datetime | None = None
    missing: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    suggestions: Mapping[str, tuple[SuggestionLike, ...]] = field(
        default_factory=lambda: MappingProxyType({})
    )

    def reaches(self, threshold: Severity | None) -> bool:
        """Whether some finding that nobody waived is at or above `threshold`; `None` is never reached."""
        return threshold is not None and any(
            finding.waived is None and finding.severity.rank >= threshold.rank for finding in self.findings
        )

    def without_waived(self) -> AuditReport:
        """The same without the findings that are waived."""
        return replace(self, findings=tuple(one for one in self.findings if one.waived is None))


def audit(
    catalog: Catalog,
    targets: Sequence[str] | None,
    loaded: LoadedPolicy,
    *,
    now: datetime,
    as_of: datetime | None = None,
    checks: Sequence[Check] = (),
) -> AuditReport:
    """Judge models by name (`None`: every tracked one) under a policy.

    as_of: judge by what the kept history says models declared then. now: the day waivers expire on.
    """
    table = load_table()
    findings: list[Finding] = []
    unjudged: list[str] = []
    missing: set[str] = set()
    failed: dict[str, None] = {}
    lapsed: dict[Waiver, None] = {}
    models, complete = 0, True
    for page in _pages(catalog, targets):
        known = gather(catalog, page)
        result = engine.audit(
            known, page, policy=loaded.policy, table=table, as_of=as_of, checks=checks, today=now.date()
        )
        findings += result.findings
        unjudged += result.unjudged
        missing.update(name for name, model in known.items() if not model.known and _can_be_read(name))
        failed |= dict.fromkeys(result.failed_checks)
        lapsed |= dict.fromkeys(result.lapsed)
        models += result.models
        complete = complete and result.complete
    return AuditReport(
        findings=tuple(findings),
        models=models,
        unjudged=tuple(unjudged),
        complete=complete,
        policy_origin=loaded.origin,
        policy_digest=loaded.policy.digest,
        as_of=as_of,
        missing=tuple(sorted(missing)),
        problems=(*map(_failed, failed), *map(_lapsed, lapsed)),
    )


def gather(catalog: Catalog, names: Iterable[str]) -> dict[str, AuditModel]:
    """Models and everything they descend from, as the engine wants them."""
    return {name: _model(record) for name, record in catalog.license_records(names).items()}


def _pages(catalog: Catalog, targets: Sequence[str] | None) -> Iterator[list[str]]:
    """The targets in the order of their names, a page at a time."""
    if targets is not None:
        ordered = sorted(set(targets))
        for start in range(0, len(ordered), PAGE):
            yield ordered[start : start + PAGE]
        return
    last = ""
    while page := catalog.tracked_after(last, PAGE):
        yield page
        last = page[-1]


def _model(record: LicenseRecord) -> AuditModel:
    return AuditModel(
        repo_id=record.repo_id,
        known=record.known,
        removed=record.removed,
        licenses=record.licenses,
        license_history=record.history,
        annotations=_annotations(record.facts),
        files=None if record.files is None else tuple(file.path for file in record.files),
        text_digests=_digests(record.files or ()),
        gated=record.gated,
        bases=record.bases,
        created_at=record.created_at,
        commit_sha=record.commit_sha,
        task=record.task,
        parameters=record.parameters,
        library=record.library,
    )


def _annotations(facts: Sequence[TrainingFact]) -> tuple[TrainingFact, ...]:
    """The facts the engine reads; of those there is one of each, the newest word."""
    latest: dict[object, TrainingFact] = {}
    for fact in facts:
        if fact.name in ANNOTATIONS:
            latest[_place(fact)] = fact
    return tuple(latest.values())


def _place(fact: TrainingFact) -> object:
    if fact.name in ONE_OF_EACH:
        return fact.name
    return fact.name, str(fact.value).partition("=")[0] if fact.name == "license_file" else fact.value


def _digests(files: Sequence[ModelFile]) -> Mapping[str, str]:
    told: dict[str, str] = {}
    for file in files:
        if file.sha256 is not None:
            told[file.path] = f"sha256:{file.sha256}"
        elif file.git_oid is not None:
            told[file.path] = f"git:{file.git_oid}"
    return MappingProxyType(told)


def _can_be_read(name: str) -> bool:
    return ModelRef.parse(name).source in (SourceName.HUB, SourceName.PAPER)


def _failed(check: str) -> str:
    return f"The check {check} broke; what it would have found is missing."


def _lapsed(waiver: Waiver) -> str:
    return f"The waiver of {waiver.code} for {waiver.model} has lapsed: it expired, or the chain has changed."
