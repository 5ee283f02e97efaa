"""Where a model fails the policy: the nearest ones of the catalog that pass it, and why they are near."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType

from registry.catalog.catalog import Catalog
from registry.contract import Check
from registry.licenses import suggest as engine
from registry.licenses.findings import Finding, Severity
from registry.licenses.suggest import Suggestion
from registry.licenses.table import load_table
from registry.model.filters import Filter, Operator
from registry.services.audit import AuditReport, audit, gather
from registry.services.policies import LoadedPolicy

MODELS = 50
"""Failing models that suggestions are looked for."""

CANDIDATES = 200
"""Relatives, and as many equals, that are tried for one model."""

GIVEN = 3


def with_suggestions(
    catalog: Catalog,
    report: AuditReport,
    loaded: LoadedPolicy,
    *,
    threshold: Severity | None,
    now: datetime,
    as_of: datetime | None = None,
    checks: Sequence[Check] = (),
) -> AuditReport:
    """The report with suggestions for models with findings at or above `threshold` (`None`: errors).

    What has no warning either is suggested first; only where nothing is so clean, what merely passes."""
    bar = threshold or Severity.ERROR
    failing = list(dict.fromkeys(one.model for one in _counted(report.findings, bar)))[:MODELS]
    found: dict[str, tuple[Suggestion, ...]] = {}
    for model in failing:
        for strictness in dict.fromkeys((min(bar, Severity.WARNING, key=lambda level: level.rank), bar)):
            passing = _passing(catalog, model, loaded, strictness, now, as_of)
            passing = _unless_refused(catalog, passing, loaded, bar, now, as_of, checks)
            if passing:
                found[model] = passing
                break
    return replace(report, suggestions=MappingProxyType(found))


def _passing(
    catalog: Catalog, model: str, loaded: LoadedPolicy, bar: Severity, now: datetime, as_of: datetime | None
) -> tuple[Suggestion, ...]:
    candidates = sorted(_candidates(catalog, model))
    return engine.suggest(
        model,
        gather(catalog, [model, *candidates]),
        candidates,
        policy=replace(loaded.policy, fail_on=bar),
        table=load_table(),
        as_of=as_of,
        today=(as_of or now).date(),
        limit=GIVEN,
    )


def _unless_refused(
    catalog: Catalog,
    passing: tuple[Suggestion, ...],
    loaded: LoadedPolicy,
    bar: Severity,
    now: datetime,
    as_of: datetime | None,
    checks: Sequence[Check],
) -> tuple[Suggestion, ...]:
    """Those that the checks of guests have nothing against either."""
    if not checks or not passing:
        return passing
    names = [one.repo_id for one in passing]
    verdict = audit(catalog, names, loaded, now=now, as_of=as_of, checks=checks)
    refused = {one.model for one in _counted(verdict.findings, bar)}
    return tuple(one for one in passing if one.repo_id not in refused)


def _counted(findings: Iterable[Finding], bar: Severity) -> Iterator[Finding]:
    return (one for one in findings if one.waived is None and one.severity.rank >= bar.rank)


def _candidates(catalog: Catalog, model: str) -> set[str]:
    """Bases, what else was made from them, and the most used models for the same task. What was made from
    the model itself carries whatever is wrong with it."""
    own = catalog.briefs([model])[model]
    found: set[str] = set()
    for base in sorted({edge.base for edge in catalog.edges_up(model)}):
        found |= {base, *(edge.derivative for edge in catalog.edges_down(base, limit=CANDIDATES))}
    if own.task is not None:
        filters = [Filter("task", Operator.EQUAL, own.task)]
        if own.parameters:
            widest = int(own.parameters * engine.MAX_SIZE_FACTOR)
            least = int(own.parameters / engine.MAX_SIZE_FACTOR)
            filters += [
                Filter("params", Operator.AT_LEAST, least),
                Filter("params", Operator.AT_MOST, widest),
            ]
        equals = catalog.search(filters, sort="downloads", descending=True, limit=CANDIDATES)
        found |= {brief.repo_id for brief in equals}
    below = {edge.derivative for edge in catalog.edges_down(model)}
    return {name for name in found - below - {model} if not name.startswith("data:")}
