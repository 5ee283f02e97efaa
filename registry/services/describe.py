"""Everything the catalog knows about one model, put together for a person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime

from registry.catalog.catalog import Catalog
from registry.economics.table import TrainingTable
from registry.licenses.declared import DeclaredLicense, resolve_declared
from registry.model.edges import Edge
from registry.model.records import KeptClaim, ModelBrief, Sizes
from registry.model.snapshot import ModelSnapshot, TrainingFact
from registry.services.facts import with_table
from registry.weights.sizes import measure


@dataclass(frozen=True, slots=True)
class Storage(Sizes):
    """What the files of one commit weigh. hub_used_bytes: what the Hub says the repository occupies,
    history included."""

    hub_used_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Description:
    """One model as the catalog knows it. `snapshot` is `None` for one that is only named as a base.

    facts: those kept and when they were recorded, oldest first; behind them, without a time, those the
    shipped table holds now.
    """

    brief: ModelBrief
    snapshot: ModelSnapshot | None
    aliases: tuple[str, ...]
    license: DeclaredLicense
    bases: tuple[Edge, ...]
    children: Mapping[str, int]
    storage: Storage | None
    facts: tuple[tuple[datetime | None, TrainingFact], ...]
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
        facts=with_table(repo_id, catalog.facts(repo_id), TrainingTable.load()),
        unresolved=tuple(kept for kept in catalog.claims(repo_id) if kept.base is None and kept.current),
    )


def _storage(snapshot: ModelSnapshot | None) -> Storage | None:
    if snapshot is None or (snapshot.files is None and snapshot.used_storage is None):
        return None
    return Storage(**asdict(measure(snapshot.files or ())), hub_used_bytes=snapshot.used_storage)
