"""The JSON other programs may rely on: stable snake_case keys, raw integers, `None` for unknown.

Keys are only ever added. Times stay `datetime` here and are written by `registry.exports.rows`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from registry.contract import LineageView
from registry.errors import RegistryError
from registry.exports.findings import NOTICE, AuditLike, FindingLike, chain_text, counted
from registry.licenses.declared import DeclaredLicense
from registry.lineage.graph import Impact
from registry.model.edges import Edge
from registry.model.evidence import KeptEvidence
from registry.model.records import HistoryEntry, KeptClaim, ModelBrief, Problem
from registry.model.snapshot import Change, ModelFile, ModelSnapshot, Note, ParameterCount, TrainingFact

Shape = dict[str, Any]


class StorageLike(Protocol):
    """What the files of a model weigh, in bytes; those `unsized_files` left out whose size nobody told."""

    @property
    def files(self) -> int: ...
    @property
    def unsized_files(self) -> int: ...
    @property
    def logical_bytes(self) -> int | None: ...
    @property
    def unique_bytes(self) -> int | None: ...
    @property
    def weight_bytes(self) -> int | None: ...
    @property
    def hub_used_bytes(self) -> int | None: ...


class DescriptionLike(Protocol):
    """One model as the catalog knows it; `services.describe` makes it."""

    @property
    def brief(self) -> ModelBrief: ...
    @property
    def snapshot(self) -> ModelSnapshot | None: ...
    @property
    def aliases(self) -> Sequence[str]: ...
    @property
    def license(self) -> DeclaredLicense: ...
    @property
    def bases(self) -> Sequence[Edge]: ...
    @property
    def children(self) -> Mapping[str, int]: ...
    @property
    def storage(self) -> StorageLike | None: ...
    @property
    def facts(self) -> Sequence[tuple[datetime | None, TrainingFact]]: ...
    @property
    def unresolved(self) -> Sequence[KeptClaim]: ...


class WhyLike(Protocol):
    """Paths with the claims for their edges; `services.trace` makes it."""

    @property
    def paths(self) -> Sequence[Sequence[Edge]]: ...
    @property
    def claims(self) -> Mapping[tuple[str, str], Sequence[KeptClaim]]: ...
    @property
    def evidence(self) -> Mapping[tuple[str, str], KeptEvidence]: ...
    @property
    def cut(self) -> bool: ...


def show(description: DescriptionLike) -> Shape:
    """Everything known about one model."""
    one, snapshot = description.brief, description.snapshot
    return {
        "repo_id": one.repo_id,
        "source": one.source,
        "commit_sha": one.commit_sha,
        "observed_at": one.observed_at,
        "tracked": one.tracked,
        "gated": one.gated,
        "removed": one.removed,
        "private": snapshot.private if snapshot else None,
        "disabled": snapshot.disabled if snapshot else None,
        "library": one.library,
        "task": one.task,
        "tags": list(snapshot.tags) if snapshot else [],
        "downloads": one.downloads,
        "likes": one.likes,
        "created_at": one.created_at,
        "last_modified": one.last_modified,
        "new_version": snapshot.new_version if snapshot else None,
        "parameters": parameters(snapshot.parameters if snapshot else None),
        "license": declared_license(description.license),
        "bases": [base(edge) for edge in description.bases],
        "derivatives": dict(description.children),
        "unresolved": [claim(kept) for kept in description.unresolved],
        "storage": storage(description.storage),
        "aliases": list(description.aliases),
        "facts": [fact(one, observed_at) for observed_at, one in description.facts],
        "notes": [note(one) for one in snapshot.notes] if snapshot else [],
    }


def brief(one: ModelBrief) -> Shape:
    """One row of a list."""
    return {
        "repo_id": one.repo_id,
        "source": one.source,
        "tracked": one.tracked,
        "removed": one.removed,
        "gated": one.gated,
        "license": one.license,
        "parameters": one.parameters,
        "task": one.task,
        "library": one.library,
        "downloads": one.downloads,
        "likes": one.likes,
        "logical_bytes": one.logical_bytes,
        "unsized_files": one.unsized_files,
        "commit_sha": one.commit_sha,
        "created_at": one.created_at,
        "last_modified": one.last_modified,
        "observed_at": one.observed_at,
    }


def lineage(view: LineageView) -> Shape:
    """The graph around one model; `depth` is negative towards bases."""
    return {
        "root": view.root,
        "nodes": [
            {
                "repo_id": node.repo_id,
                "tracked": node.tracked,
                "removed": node.removed,
                "license": node.license,
                "parameters": node.parameters,
                "depth": view.depth.get(node.repo_id),
            }
            for node in view.nodes
        ],
        "edges": [
            {
                "derivative": edge.derivative,
                "base": edge.base,
                "relation": edge.relation,
                "origins": list(edge.origins),
                "state": edge.state,
            }
            for edge in view.edges
        ],
        "problems": [problem(one) for one in view.problems],
    }


def why(found: WhyLike) -> Shape:
    """Every path, edge by edge from the derivative up, with who claims each edge and what the weights say."""
    return {
        "paths": [
            [
                {
                    "derivative": edge.derivative,
                    "base": edge.base,
                    "relation": edge.relation,
                    "origins": list(edge.origins),
                    "state": edge.state,
                    "evidence": _evidence_of(edge, found.evidence),
                    "claims": [claim(kept) for kept in found.claims.get((edge.derivative, edge.base), ())],
                }
                for edge in path
            ]
            for path in found.paths
        ],
        "cut": found.cut,
    }


def _evidence_of(edge: Edge, known: Mapping[tuple[str, str], KeptEvidence]) -> Shape | None:
    kept = known.get((edge.derivative, edge.base))
    return None if kept is None else evidence(kept)


def evidence(kept: KeptEvidence) -> Shape:
    """What the weights say of one edge, with what it was worked out from."""
    one = kept.evidence
    return {
        "state": one.state,
        "relation": one.relation,
        "directed": one.directed,
        "reason": one.reason,
        "score": one.score,
        "equal": one.equal,
        "relative_distance": one.relative_distance,
        "blocks": one.blocks,
        "values": one.values,
        "weight": one.weight,
        "rounding": one.rounding,
        "alternatives": [
            {"model": a.model, "score": a.score, "relative_distance": a.relative_distance}
            for a in one.alternatives
        ],
        "derivative_commit": kept.derivative_commit,
        "base_commit": kept.base_commit,
        "tiers": kept.tiers,
        "bytes_read": kept.bytes_read,
        "method": one.method,
        "judged_at": kept.judged_at,
    }


def impact(found: Impact) -> Shape:
    """Everything that descends from a model, nearest first."""
    return {
        "base": found.base,
        "derivatives": [
            {"repo_id": one.repo_id, "depth": one.depth, "via": one.via, "relation": one.relation}
            for one in found.derivatives
        ],
        "counts": dict(found.counts),
        "problems": [problem(one) for one in found.problems],
    }


def audit(report: AuditLike) -> Shape:
    """A whole audit; its findings come one by one. Where it is not complete, nothing missing is clean."""
    return {
        "complete": report.complete,
        "models": report.models,
        "unjudged": list(report.unjudged),
        "findings": (finding(one) for one in report.findings),
        "counts": counted(report.findings),
        "policy": {"digest": report.policy_digest, "origin": report.policy_origin},
        "as_of": report.as_of,
        "problems": list(report.problems),
        "suggestions": {
            model: [{"model": one.repo_id, "license": one.license, "why": one.why} for one in some]
            for model, some in report.suggestions.items()
        },
        "notice": NOTICE,
    }


def finding(one: FindingLike) -> Shape:
    """One finding, with the way to the root of the term."""
    term, waived = one.term, one.waived
    return {
        "model": one.model,
        "code": one.code,
        "severity": one.severity,
        "message": one.message,
        "declared": one.declared,
        "chain": [{"model": x.model, "relation": x.relation, "license": x.license} for x in one.chain],
        "term": None if term is None else {"license": term.license, "clause": term.clause, "text": term.text},
        "expected": one.expected,
        "fix": one.fix,
        "evidence_level": one.evidence_level,
        "edge_evidence": one.edge_evidence,
        "waived": None
        if waived is None
        else {"reason": waived.reason, "owner": waived.owner, "expiry": waived.expiry},
        "check": one.check,
        "chain_hash": one.chain_hash,
        "fingerprint": one.fingerprint,
    }


def finding_row(one: FindingLike) -> Shape:
    """The same for a table: one value to a cell."""
    whole = finding(one)
    term, waived = one.term, one.waived
    return whole | {
        "chain": chain_text(one),
        "term": None if term is None else term.text,
        "term_license": None if term is None else term.license,
        "clause": None if term is None else term.clause,
        "waived": None if waived is None else waived.reason,
    }


def parameters(count: ParameterCount | None) -> Shape | None:
    if count is None:
        return None
    return {
        "logical": count.logical,
        "stored": count.stored,
        "by_dtype": dict(count.by_dtype),
        "origin": count.origin,
        "served_total": count.served_total,
        "rule": count.rule,
        "contradiction": count.contradiction,
    }


def declared_license(license_: DeclaredLicense) -> Shape:
    return {
        "declared": list(license_.declared),
        "expression": license_.expression,
        "id": license_.id,
        "family": license_.family,
        "origin": license_.origin,
        "evidence_level": license_.evidence_level,
    }


def storage(weighed: StorageLike | None) -> Shape | None:
    if weighed is None:
        return None
    return {
        "files": weighed.files,
        "logical_bytes": weighed.logical_bytes,
        "unique_bytes": weighed.unique_bytes,
        "weight_bytes": weighed.weight_bytes,
        "hub_used_bytes": weighed.hub_used_bytes,
        "unsized_files": weighed.unsized_files,
    }


def base(edge: Edge) -> Shape:
    return {
        "repo_id": edge.base,
        "relation": edge.relation,
        "origins": list(edge.origins),
        "resolved_from": edge.resolved_from,
    }


def claim(kept: KeptClaim) -> Shape:
    """One origin's statement, word for word, at the revision it stood in."""
    return {
        "origin": kept.claim.origin,
        "declared": kept.claim.declared,
        "relation": kept.claim.relation,
        "detail": kept.claim.detail,
        "note": kept.claim.note,
        "denied": kept.claim.denied,
        "current": kept.current,
        "revision": kept.revision,
        "observed_at": kept.observed_at,
    }


def history_entry(entry: HistoryEntry) -> Shape:
    return {
        "source": entry.source,
        "first_seen": entry.first_seen,
        "last_seen": entry.last_seen,
        "commit_sha": entry.commit_sha,
        "changes": [change(one) for one in entry.changes],
    }


def change(one: Change) -> Shape:
    return {"field": one.field, "before": one.before, "after": one.after}


def file(one: ModelFile) -> Shape:
    return {
        "path": one.path,
        "size": one.size,
        "sha256": one.sha256,
        "git_oid": one.git_oid,
        "xet_hash": one.xet_hash,
    }


def fact(one: TrainingFact, observed_at: datetime | None = None) -> Shape:
    return {
        "name": one.name,
        "value": one.value,
        "source": one.source,
        "origin": one.origin,
        "note": one.note,
        "observed_at": observed_at,
    }


def note(one: Note) -> Shape:
    return {"code": one.code, "message": one.message}


def problem(one: Problem) -> Shape:
    return {"code": one.code, "message": one.message, "models": list(one.models)}


def error(one: RegistryError) -> Shape:
    """An error as programs see it; `code` is stable, the sentence is not."""
    return {"code": one.code, "message": one.message, "hint": one.hint}
