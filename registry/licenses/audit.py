"""The audit: what may be done with each model, and who says so, down to its roots."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime

from registry.contract import AuditCase, Check, CheckFinding, ReachingTerm
from registry.licenses.atoms import Kind
from registry.licenses.checks import (
    data,
    declaration,
    lineage,
    merge,
    names,
    outputs,
    upstream,
)
from registry.licenses.checks import (
    policy as policy_checks,
)
from registry.licenses.codes import CODES
from registry.licenses.drafts import Draft
from registry.licenses.facts import AuditModel
from registry.licenses.findings import (
    AuditResult,
    ChainLink,
    Finding,
    Severity,
    Term,
    chain_hash,
    fingerprint,
)
from registry.licenses.policy import Policy
from registry.licenses.signals import claims_at
from registry.licenses.table import LicenseTable
from registry.licenses.waivers import Waiver, waiver_for
from registry.licenses.world import Case, World
from registry.model.edges import Edge, Origin, Relation
from registry.model.evidence import EvidenceState

_CHECKS = (
    declaration.check,
    lineage.check,
    merge.check,
    outputs.check,
    names.check,
    upstream.check,
    data.check,
    policy_checks.check,
)
_CERTAINTY = {origin: rank for rank, origin in enumerate(Origin)}
_SEEN = frozenset(
    {EvidenceState.IDENTICAL, EvidenceState.CONFIRMED, EvidenceState.CONFIRMED_FAMILY, EvidenceState.FOUND}
)
_NEVER = date.min


def audit(
    models: Mapping[str, AuditModel],
    targets: Sequence[str],
    *,
    policy: Policy,
    table: LicenseTable,
    as_of: datetime | None,
    checks: Sequence[Check] = (),
    today: date | None = None,
) -> AuditResult:
    """Judge `targets` in the light of everything above them in `models`.

    as_of: judge by the licenses of that time; `None` for the newest known. today: the day waivers are held
    against, by default that of `as_of`; without either none has expired. A target that is not in `models`
    is not judged, and the result then not complete. The result depends on no order of its inputs.
    """
    world = World(models, targets, policy=policy, table=table, as_of=as_of)
    day = today or (as_of.astimezone(UTC).date() if as_of else _NEVER)
    findings: list[Finding] = []
    lapsed: set[Waiver] = set()
    failed: set[str] = set()
    judged = sorted(set(targets) & set(world.models))
    for name in judged:
        case = Case.of(name, world)
        for check_name, draft in (*_house(case), *_guests(case, checks, failed)):
            finding, gone = _finding(case, draft, check_name, day)
            lapsed.update(gone)
            if finding is not None:
                findings.append(finding)
    return AuditResult(
        findings=tuple(sorted({f.fingerprint: f for f in sorted(findings, key=_order)}.values(), key=_order)),
        models=len(judged),
        unjudged=tuple(name for name in judged if not vouched(name, world)),
        complete=len(judged) == len(set(targets))
        and not failed
        and not any(_gaps(name, world) for name in judged),
        policy_digest=policy.digest,
        failed_checks=tuple(sorted(failed)),
        lapsed=tuple(waiver for waiver in policy.waivers if waiver in lapsed),
    )


def vouched(name: str, world: World) -> bool:
    """Whether the terms that apply to a model are known in full: only then may it be called compliant."""
    unclear = (Kind.UNKNOWN, Kind.UNLICENSED, Kind.GAP, Kind.UNKNOWN_TEACHER)
    declaration = world.declaration(name)
    return declaration.known and not any(atom.kind in unclear for atom in world.held[name])


def _gaps(name: str, world: World) -> bool:
    return any(atom.kind is Kind.GAP for atom in world.held[name])


def _order(finding: Finding) -> tuple[str, int, str, tuple[str, ...], str]:
    chain = tuple(link.model for link in finding.chain)
    return finding.model, -finding.severity.rank, finding.code, chain, finding.fingerprint


def _house(case: Case) -> Iterator[tuple[None, Draft]]:
    for check in _CHECKS:
        for draft in check(case):
            yield None, draft


def _guests(case: Case, checks: Sequence[Check], failed: set[str]) -> Iterator[tuple[str, Draft]]:
    """What guests find. One that breaks is named in the result, and the others work on."""
    if not checks:
        return
    view = view_of(case)
    for check in sorted(checks, key=lambda check: check.name):
        if check.name in failed:
            continue
        try:
            found = [_guest_draft(case, one) for one in check.check(view)]
        except Exception:  # noqa: BLE001
            # A guest is somebody else's code: whatever it raises must not take the audit with it.
            failed.add(check.name)
            continue
        for draft in found:
            yield check.name, draft


def view_of(case: Case) -> AuditCase:
    """A case as guests see it."""
    terms = (
        ReachingTerm(
            held.atom.kind.value,
            held.atom.license,
            held.atom.detail,
            tuple(step.model for step in held.way()),
        )
        for held in case.reaching(*Kind)
    )
    return AuditCase(
        model=case.model.repo_id,
        declared=case.declaration.declared if case.declaration.known else None,
        declarations=claims_at(case.model, case.world.as_of),
        terms=tuple(sorted(terms, key=lambda term: (term.kind, term.license, term.detail, term.path))),
        bases=case.model.bases,
        files=case.model.files,
        gated=case.model.gated,
        task=case.model.task,
    )


def _guest_draft(case: Case, found: CheckFinding) -> Draft:
    level = Severity(found.severity)
    if level is Severity.OFF:
        raise ValueError("a finding cannot be off")
    way: list[Edge] = []
    for above, below in zip(found.path[1:], found.path, strict=False):
        edges = case.world.models[below].bases
        way.append(next(edge for edge in edges if edge.base == above))
    terms = case.world.table.get(found.license) if found.license else None
    term = None if terms is None else Term(terms.id, None, terms.name)
    evidence = None if terms is None else terms.evidence
    return Draft(str(found.code), str(found.message), str(found.fix), tuple(way), term, None, evidence, level)


def _finding(
    case: Case, draft: Draft, check: str | None, day: date
) -> tuple[Finding | None, tuple[Waiver, ...]]:
    policy, name = case.world.policy, case.model.repo_id
    severity = policy.severity.get(draft.code) or _severity(draft)
    if severity is Severity.OFF:
        return None, ()
    license_id = draft.term.license if draft.term else None
    way = _to_root(case.world, draft.way, license_id)
    chain = tuple(_chain(case, way))
    mark = chain_hash(draft.code, chain)
    waiver, gone = waiver_for(policy.waivers, name, draft.code, mark, day)
    finding = Finding(
        model=name,
        code=draft.code,
        severity=severity,
        message=draft.message + _doubt(way),
        declared=case.declaration.shown,
        chain=chain,
        term=draft.term,
        expected=draft.expected,
        fix=draft.fix,
        evidence_level=draft.evidence,
        edge_evidence=_weakest(way),
        waived=waiver,
        chain_hash=mark,
        check=check,
        fingerprint=fingerprint(name, draft.code, license_id, chain[-1].model, check),
    )
    return finding, gone


def _severity(draft: Draft) -> Severity:
    usual = draft.severity or CODES[draft.code].severity
    return usual.lowered() if draft.lowered else usual


def _to_root(world: World, way: Sequence[Edge], license_id: str | None) -> tuple[Edge, ...]:
    """The way to a cause, taken on to the root of its license: whoever passed it on under the same license
    got it from somebody too. Of several bases under it the first by name is followed."""
    found = list(way)
    seen = {edge.derivative for edge in way}
    while found and license_id is not None and found[-1].base not in seen:
        seen.add(found[-1].base)
        holder = world.models.get(found[-1].base)
        above = [
            edge
            for edge in (holder.bases if holder else ())
            if edge.relation is not Relation.TRAINED_ON
            and edge.base in world.models
            and edge.base not in seen
            and license_id in world.declaration(edge.base).own
        ]
        if not above:
            break
        found.append(min(above, key=lambda edge: (edge.base, edge.relation)))
    return tuple(found)


def _chain(case: Case, way: Sequence[Edge]) -> Iterator[ChainLink]:
    name = case.model.repo_id
    for edge in way:
        yield ChainLink(name, edge.relation.value, case.world.shown(name))
        name = edge.base
    yield ChainLink(name, None, case.world.shown(name))


def _weakest(way: Sequence[Edge]) -> str | None:
    """What the least certain edge rests on, each edge taken at its surest word: `contradicted` where the
    weights show no trace of one, else who claims it. Weights that confirm an edge are a word for it."""
    if any(edge.state == EvidenceState.CONTRADICTED for edge in way):
        return EvidenceState.CONTRADICTED.value
    told = [(*edge.origins, Origin.WEIGHTS) if edge.state in _SEEN else edge.origins for edge in way]
    surest = [min(origins, key=lambda origin: _CERTAINTY[origin]) for origins in told if origins]
    return max(surest, key=lambda origin: _CERTAINTY[origin]).value if surest else None


def _doubt(way: Iterable[Edge]) -> str:
    """What to say of a chain that the weights do not bear out; nothing is dropped for it."""
    doubted = [edge for edge in way if edge.state == EvidenceState.CONTRADICTED]
    steps = "; ".join(f"of {edge.base} in {edge.derivative}" for edge in doubted)
    return f" The chain is in doubt: no trace {steps}, in the sampled weights." if doubted else ""
