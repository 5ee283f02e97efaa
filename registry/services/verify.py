"""Verify: ask the weights whether edges are what they are declared to be, and what nobody declared."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from registry.catalog.catalog import Catalog
from registry.model.edges import Edge, Origin, Relation
from registry.model.evidence import EdgeEvidence, EvidenceState, FingerprintRecord, KeptEvidence
from registry.model.records import ModelBrief
from registry.model.refs import SourceName
from registry.model.snapshot import Gate
from registry.services.ingest import Outcome, Watcher
from registry.services.kin import Circle, Kin, in_order
from registry.services.prints import has_weights
from registry.weights.kinship import FAMILY, Kinship
from registry.weights.verdicts import METHOD, Study

_GATES = (Gate.AUTO, Gate.MANUAL)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the weights say of one edge. declared: the relation its claims add up to, `None` where nobody
    declared it; origins: who claims it."""

    kept: KeptEvidence
    declared: Relation | None = None
    origins: tuple[Origin, ...] = ()

    @property
    def state(self) -> EvidenceState:
        return self.kept.evidence.state


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """verdicts: by derivative in the order asked, then by base, what was found last. models: how many were
    asked about. missing: models whose fingerprint would have been needed, sorted."""

    verdicts: tuple[Verdict, ...]
    models: int
    missing: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        return not self.missing

    def counts(self) -> dict[str, int]:
        """How many edges are in which state, all states told."""
        counts = dict.fromkeys(map(str, EvidenceState), 0)
        for verdict in self.verdicts:
            counts[str(verdict.state)] += 1
        return counts

    def reaches(self, states: Iterable[EvidenceState]) -> bool:
        """Whether some edge is in one of these states."""
        wanted = set(states)
        return any(verdict.state in wanted for verdict in self.verdicts)


_ALL = 1 << 40


@dataclass(frozen=True, slots=True)
class Found:
    """A relative of a model. shared: equal blocks of those kept for searching; similarity: cosine of the
    sketches; score, equal, relative_distance, blocks: as in `EdgeEvidence`, over whole fingerprints."""

    model: str
    repo_id: str
    shared: int
    similarity: float
    score: float
    equal: float
    relative_distance: float | None
    blocks: int


def verify(catalog: Catalog, names: Sequence[str] | None, *, now: datetime, watch: Watcher) -> VerifyReport:
    """Judge the edges of models by name (`None`: all read one by one) by the fingerprints that are kept, and
    keep the verdicts. Asks no network. Raises `CatalogError`."""
    asked = list(dict.fromkeys(_everything(catalog) if names is None else names))
    kin = Kin(catalog)
    told: dict[str, list[Verdict]] = {}
    missing: set[str] = set()
    for name in asked:
        if name in told:
            continue
        judged = _judge(catalog, kin, name, asked, told, now)
        catalog.evidence.keep({one: _measured(verdicts) for one, verdicts in judged.items()})
        told |= judged
        for one in judged:
            watch.done(Outcome(one, one, "judged"), len(asked))
    for name in asked:
        missing.update(_missing(kin, catalog, name, told[name]))
    verdicts = tuple(verdict for name in asked for verdict in told[name])
    return VerifyReport(verdicts, len(asked), tuple(sorted(missing)))


def to_read(catalog: Catalog, names: Sequence[str] | None) -> list[str]:
    """The models whose fingerprints a verification asks for: those named (`None`: all read one by one) and
    their declared bases. What has no weights to be read is left out, unless it was named."""
    kin = Kin(catalog)
    asked = _everything(catalog) if names is None else names
    bases = [base for name in asked for base in in_order(kin.declared(name))]
    sure = [] if names is None else list(names)
    doubtful = dict.fromkeys([*asked, *bases])
    readable = (name for name in doubtful if name not in sure and unreadable(catalog, name) is None)
    return list(dict.fromkeys([*sure, *readable]))


def find(catalog: Catalog, name: str, limit: int) -> list[Found] | None:
    """The relatives of a model among everything fingerprinted, nearest first; `None` where it has no
    fingerprint itself."""
    kin = Kin(catalog)
    own = kin.fingerprints([name])
    if not own:
        return None
    relatives = catalog.evidence.relatives(name, own[name], 2 * limit)
    kinship = Kinship(own | kin.fingerprints(one.name for one in relatives))
    found = []
    for one in relatives:
        if name in kinship.samples and one.name in kinship.samples:
            pair = kinship.pair(name, one.name)
            if pair.score > FAMILY or one.shared:
                figures = (round(pair.score, 6), round(pair.equal, 6), pair.relative_distance, pair.blocks)
                found.append(Found(name, one.name, one.shared, round(one.similarity, 6), *figures))
    found.sort(key=lambda f: (f.relative_distance is None, f.relative_distance, -f.score, f.repo_id))
    return found[:limit]


def _everything(catalog: Catalog) -> list[str]:
    return sorted({*catalog.due(), *catalog.evidence.names(_ALL)})


# --- one model, and whoever is studied with it ---------------------------------------------------


def _judge(
    catalog: Catalog,
    kin: Kin,
    name: str,
    asked: Sequence[str],
    told: dict[str, list[Verdict]],
    now: datetime,
) -> dict[str, list[Verdict]]:
    """Verdicts on a model, and on all others asked about that the same study answers for."""
    if kin.record(name) is None:
        bare = [_unmeasured(name, edge) for edge in kin.declared(name)]
        return {name: _told(catalog, kin, bare, kin.declared(name), now)}
    circle = kin.circle(name)
    study = _study(catalog, kin, circle)
    members = [one for one in asked if one in circle.names and one not in told] if circle.closed else [name]
    return {
        one: _told(catalog, kin, study.judge(one, in_order(kin.declared(one))), kin.declared(one), now)
        for one in members
    }


def _study(catalog: Catalog, kin: Kin, circle: Circle) -> Study:
    briefs = catalog.briefs(circle.names)
    dates = {name: brief.created_at for name, brief in briefs.items() if brief.created_at is not None}
    return Study(kin.fingerprints(circle.names), dates)


def _unmeasured(name: str, edge: Edge) -> EdgeEvidence:
    return EdgeEvidence(name, edge.base, EvidenceState.DECLARED, "the model has no fingerprint", METHOD)


def _told(
    catalog: Catalog, kin: Kin, evidence: Sequence[EdgeEvidence], edges: Sequence[Edge], now: datetime
) -> list[Verdict]:
    by_base = {edge.base: edge for edge in edges}
    verdicts = []
    for one in evidence:
        edge = by_base.get(one.base)
        if one.state is EvidenceState.DECLARED:
            one = _beyond_reach(catalog, kin, one)
        kept = _with_provenance(kin, one, now)
        verdicts.append(Verdict(kept) if edge is None else Verdict(kept, edge.relation, edge.origins))
    return verdicts


def _beyond_reach(catalog: Catalog, kin: Kin, one: EdgeEvidence) -> EdgeEvidence:
    """An edge that could not be measured: `not_comparable` where no fingerprint is to be had."""
    for name in (one.derivative, one.base):
        reason = None if kin.record(name) is not None else _out_of_reach(catalog, name)
        if reason is not None:
            return replace(one, state=EvidenceState.NOT_COMPARABLE, reason=f"{name} {reason}")
    return one


def unreadable(catalog: Catalog, name: str) -> str | None:
    """Why there are no weights to be read of a model, as far as the catalog knows; `None` where it may be
    tried."""
    brief: ModelBrief | None = catalog.briefs([name]).get(name)
    if brief is None:
        return None
    if brief.source not in (SourceName.HUB, SourceName.LOCAL):
        return "is known from a publication only"
    if brief.removed:
        return "is not there any more"
    snapshot = catalog.snapshot(name)
    if snapshot is not None and snapshot.files is not None and snapshot.files_complete:
        return None if has_weights(snapshot.files) else "has no safetensors or GGUF weights"
    return None


def _out_of_reach(catalog: Catalog, name: str) -> str | None:
    """Why a model without a fingerprint cannot be compared, `None` where reading it would help."""
    brief = catalog.briefs([name]).get(name)
    gated = brief is not None and brief.gated in _GATES
    return unreadable(catalog, name) or ("is gated, and its weights were not read" if gated else None)


def _with_provenance(kin: Kin, one: EdgeEvidence, now: datetime) -> KeptEvidence:
    records = [kin.record(one.derivative), kin.record(one.base)]
    known = [record for record in records if record is not None]
    commits = [None if record is None else record.commit_sha for record in records]
    return KeptEvidence(
        one,
        now,
        commits[0],
        commits[1],
        "".join(record.tier for record in known) or None,
        sum(map(_cost, known)) if known else None,
    )


def _cost(record: FingerprintRecord) -> int:
    return record.bytes_read + record.head_bytes


def _measured(verdicts: Sequence[Verdict]) -> list[KeptEvidence]:
    """What is worth keeping: an edge that was not measured is declared without anybody saying so."""
    return [verdict.kept for verdict in verdicts if verdict.state is not EvidenceState.DECLARED]


def _missing(kin: Kin, catalog: Catalog, name: str, verdicts: Sequence[Verdict]) -> set[str]:
    """The fingerprints that would have told more of a model and can be had."""
    named = {name, *(v.kept.evidence.base for v in verdicts if v.state is EvidenceState.DECLARED)}
    return {one for one in named if kin.record(one) is None and _out_of_reach(catalog, one) is None}
