"""`Catalog`: the only door to what is kept. Speaks in values of `registry.model`, never in rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from registry.catalog import (
    byhand,
    checking,
    crawling,
    duplicates,
    graphs,
    holders,
    holdings,
    house,
    identity,
    imports,
    licensing,
    reading,
    removal,
    saving,
    schema,
    walking,
    weighing,
)
from registry.catalog.backup import backup
from registry.catalog.bulk import BulkWriter, keeping
from registry.catalog.engine import BUSY_TIMEOUT, Database, connect
from registry.catalog.evidence import EvidenceShelf
from registry.catalog.facts import facts_of
from registry.catalog.location import parse_location
from registry.catalog.scans import ScanStore
from registry.catalog.schema import MigrationReport
from registry.catalog.search import search
from registry.lineage.graph import Derived, Orphan
from registry.model.bulk import Batch, BulkReport, ImportState
from registry.model.copies import Descent, Duplication, SharedContent, WeightFiles
from registry.model.crawl import Crawl, Walk
from registry.model.edges import Claim, Edge, Relation
from registry.model.filters import Filter
from registry.model.records import (
    HistoryEntry,
    Holding,
    KeptClaim,
    LicenseRecord,
    ModelBrief,
    Problem,
    SaveReport,
    Weighing,
)
from registry.model.snapshot import ModelSnapshot, TrainingFact

if TYPE_CHECKING:
    from registry.lineage.csr import LineageGraph

__all__ = ["BulkWriter", "Catalog", "MigrationReport"]


class Catalog:
    """A catalog of models, open for use by several threads. Every method is one transaction; each raises
    a `CatalogError` when the database cannot do what is asked.

    `location` is fit for messages: it never shows a password.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self.location = database.shown
        self._graph: LineageGraph | None = None

    @classmethod
    def open(
        cls,
        location: str,
        *,
        create: bool = False,
        migrate: bool = False,
        busy_timeout: float = BUSY_TIMEOUT,
    ) -> Self:
        """Open the catalog at a path or `postgresql://` URL.

        create: make it when absent. migrate: bring an older one up to date. busy_timeout: seconds to wait
        for another writer. Raises `NoCatalog`, `CatalogTooNew`, `CatalogOutdated`, `CatalogDamaged`,
        `CatalogUnreachable`, ...
        """
        place = parse_location(location)
        if create:
            schema.create(place, busy_timeout=busy_timeout)
        if migrate:
            schema.migrate(place, busy_timeout=busy_timeout)
        database = connect(place, busy_timeout=busy_timeout)
        try:
            schema.require_current(database)
        except BaseException:
            database.close()
            raise
        return cls(database)

    @classmethod
    def migrate(cls, location: str) -> MigrationReport:
        """Bring a catalog to the newest schema, after copying the file; nothing to do is fine."""
        return schema.migrate(parse_location(location))

    def close(self) -> None:
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Catalog({self.location!r})"

    # --- write -----------------------------------------------------------------------------------

    def save(self, snapshot: ModelSnapshot) -> SaveReport:
        """Keep what a source said of a model; saving it again changes nothing."""
        return self._database.write(lambda c: saving.save(c, snapshot))

    def save_many(self, snapshots: Iterable[ModelSnapshot]) -> list[SaveReport]:
        """Keep several, in the order given: all of them or, on an error, none."""
        return self._database.write(lambda c: saving.save_all(c, batch)) if (batch := list(snapshots)) else []

    def keep_many(self, batch: Batch, writer: BulkWriter) -> BulkReport:
        """Keep what a list told of many models, all of them or, on an error, none: the same as saving each,
        many times as fast. writer: one for all batches of a run."""
        return keeping(self._database, writer, lambda c: writer.keep(c, batch))

    def begin_import(self, content: str, at: datetime, *, exactly: bool) -> ImportState:
        """Begin to import a bulk file, or go on where that was broken off. content: tells the file from any
        other. exactly: only an import of that very time is gone on with."""
        return self._database.write(lambda c: imports.begin(c, content, at, exactly=exactly))

    def keep_imported(
        self, batches: Sequence[Batch], writer: BulkWriter, state: ImportState, until: int, sound: bool
    ) -> list[BulkReport]:
        """As `keep_many`, for what stands in a bulk file up to row `until`. sound: nothing was left out."""
        return keeping(
            self._database, writer, lambda c: imports.keep(c, batches, writer, state.number, until, sound)
        )

    def finish_import(self, state: ImportState, *, complete: bool) -> bool:
        """Say that a bulk file is in. complete: it lists all there is, alone or with others of its time;
        returns whether it does, as nothing of it was left out."""
        return self._database.write(lambda c: imports.finish(c, state.number, complete=complete))

    def note_vanished(self, at: datetime, limit: int) -> int:
        """Record up to `limit` models as removed that an earlier complete list had and the one of `at` has
        not; returns how many."""
        return self._database.write(lambda c: imports.note_vanished(c, at, limit))

    def begin_crawl(self, walk: Walk, at: datetime, *, afresh: bool = False) -> Crawl:
        """Where a walk that was begun stands, or the beginning of a new one. afresh: from its beginning."""
        return self._database.write(lambda c: crawling.begin(c, str(walk), at, afresh=afresh))

    def start_over(self, crawl: Crawl, at: datetime) -> Crawl:
        """Put a walk back to its beginning."""
        return self._database.write(lambda c: crawling.start_over(c, crawl, at))

    def keep_page(
        self, crawl: Crawl, batch: Batch, writer: BulkWriter, place: str | None
    ) -> tuple[BulkReport, Crawl]:
        """Keep the models of the next page of a walk and where it goes on, both or, on an error, none;
        without a `place` the walk is finished. Raises `CatalogError` when another process went on with it."""
        return keeping(self._database, writer, lambda c: crawling.keep_page(c, crawl, batch, writer, place))

    def crawls(self, limit: int = 100) -> list[Crawl]:
        """The walks begun last, the newest first."""
        return self._database.read(lambda c: crawling.newest(c, limit))

    def adopt_case_variants(self) -> int:
        """Join names of bases alone to the one observed model they differ from by case; returns how many."""
        return self._database.write(identity.adopt_case_variants)

    def add_claim(self, derivative: str, claim: Claim, *, observed_at: datetime) -> None:
        """Record a claim made by hand in place of an earlier one about the same pair. A base not known yet
        becomes referenced; a derivative not known raises `NotInCatalog`."""
        self._database.write(lambda c: byhand.add_claim(c, derivative, claim, observed_at))

    def add_facts(self, repo_id: str, facts: Sequence[TrainingFact], *, observed_at: datetime) -> None:
        """Record facts told by hand. A dataset not named so far becomes referenced; a model not known
        raises `NotInCatalog`."""
        self._database.write(lambda c: byhand.add_facts(c, repo_id, facts, observed_at))

    def remove(self, repo_id: str) -> bool:
        """Take a model out. True: gone. False: somebody's base, so from now on only referenced. Raises
        `NotInCatalog`."""
        return self._database.write(lambda c: removal.remove(c, repo_id))

    # --- read ------------------------------------------------------------------------------------

    def find(self, name: str) -> str | None:
        """The present name of the model `name` means: exactly, as an alias, or as the only one that
        differs by letter case."""
        return self._database.read(lambda c: reading.find(c, name))

    def suggest(self, name: str, limit: int = 3) -> list[str]:
        """The names most like `name`, the most alike first."""
        return self._database.read(lambda c: reading.suggest(c, name, limit))

    def briefs(self, repo_ids: Iterable[str]) -> dict[str, ModelBrief]:
        """Models in one line each, by present name; unknown names are missing."""
        names = list(repo_ids)
        return self._database.read(lambda c: reading.briefs(c, names))

    def snapshot(self, repo_id: str, *, files: bool = True) -> ModelSnapshot | None:
        """The facts shown of a model, whole but for raw answers; `None` for one never looked at."""
        return self._database.read(lambda c: reading.snapshot(c, repo_id, files=files))

    def raw(self, repo_id: str, kind: str) -> bytes | None:
        """The newest answer of that kind about a model, as received."""
        return self._database.read(lambda c: reading.raw(c, repo_id, kind))

    def aliases(self, repo_id: str) -> list[str]:
        """The other names of a model, sorted."""
        return self._database.read(lambda c: reading.aliases_of(c, repo_id))

    def history(self, repo_id: str) -> list[HistoryEntry]:
        """What was seen when, oldest first, each with what it changed."""
        return self._database.read(lambda c: house.history(c, repo_id))

    def facts(self, repo_id: str, *, past: bool = False) -> list[tuple[datetime, TrainingFact]]:
        """Training facts and when they were recorded, oldest first; `past` adds those their source no
        longer tells."""
        return self._database.read(lambda c: facts_of(c, repo_id, past=past))

    def search(
        self,
        filters: Sequence[Filter] = (),
        *,
        sort: str = "repo_id",
        descending: bool = False,
        limit: int | None = None,
        text: str | None = None,
        include_referenced: bool = False,
    ) -> list[ModelBrief]:
        """The models all filters hold for and whose name contains `text`. The order is total: unknown
        values last, ties by name."""
        return self._database.read(
            lambda c: search(
                c,
                filters,
                sort=sort,
                descending=descending,
                limit=limit,
                text=text,
                include_referenced=include_referenced,
            )
        )

    def edges_up(self, repo_id: str, depth: int | None = None) -> list[Edge]:
        """Every edge that can be reached towards bases and datasets, sorted."""
        return self._database.read(lambda c: walking.edges_up(c, repo_id, depth))

    def edges_down(self, repo_id: str, depth: int | None = None, *, limit: int | None = None) -> list[Edge]:
        """Every edge that can be reached towards derivatives, sorted; with `limit` the nearest so many."""
        return self._database.read(lambda c: walking.edges_down(c, repo_id, depth, limit))

    def descendants(self, repo_id: str) -> list[Derived]:
        """Everything made from a model, directly or not, nearest first, then by name."""
        return self._database.read(lambda c: walking.descendants(c, repo_id))

    def lineage_graph(self) -> LineageGraph:
        """Every edge between models as it is now, in arrays: made anew when edges changed, else as kept."""
        self._graph = graph = graphs.current_graph(self._database, self._graph)
        return graph

    def names(self, model_ids: Iterable[int]) -> dict[int, str]:
        """The present names of models by the ids a lineage graph has; unknown ids are missing."""
        ids = list(model_ids)
        return self._database.read(lambda c: graphs.names_by_id(c, ids))

    def orphans(self) -> list[Orphan]:
        """Derivatives whose base is removed, unread or unknown, sorted by name."""
        return self._database.read(graphs.orphans)

    def children_counts(self, repo_id: str) -> dict[str, int]:
        """Direct derivatives by relation."""
        return self._database.read(lambda c: walking.children_counts(c, repo_id))

    def claims(self, derivative: str, base: str | None = None) -> list[KeptClaim]:
        """Every claim about a model (and, if given, about that base), past and unresolved ones too."""
        return self._database.read(lambda c: reading.claims(c, derivative, base))

    def claims_about(self, repo_ids: Iterable[str]) -> list[KeptClaim]:
        """Every claim about several models, by their names."""
        names = list(repo_ids)
        return self._database.read(lambda c: walking.claims_about(c, names))

    def due(self, *, stale_before: datetime | None = None) -> list[str]:
        """The models that are read one by one, not known from lists alone, sorted; with `stale_before` those
        not looked at since."""
        return self._database.read(lambda c: reading.due(c, stale_before))

    def license_records(self, repo_ids: Iterable[str]) -> dict[str, LicenseRecord]:
        """What bears on the licenses of models and of everything they descend from, by present name;
        unknown names are missing."""
        names = list(repo_ids)
        return self._database.read(lambda c: licensing.license_records(c, names))

    def tracked_after(self, name: str, limit: int) -> list[str]:
        """The next `limit` models somebody added, in the order of their names."""
        return self._database.read(lambda c: licensing.license_page(c, name, limit))

    def holdings(self, repo_ids: Iterable[str]) -> dict[str, Holding]:
        """What models weigh and how they were made, by present name; unknown names are missing."""
        names = list(repo_ids)
        return self._database.read(lambda c: holdings.holdings(c, names))

    def holdings_after(self, name: str, limit: int) -> dict[str, Holding]:
        """The same of the next `limit` models somebody added, in the order of their names."""
        return self._database.read(lambda c: holdings.holdings_after(c, name, limit))

    def weighings(self, repo_ids: Iterable[str]) -> dict[str, Weighing]:
        """What models weigh, by present name; unknown names are missing."""
        names = list(repo_ids)
        return self._database.read(lambda c: weighing.weighings(c, names))

    def weighings_after(self, name: str, limit: int) -> dict[str, Weighing]:
        """The same of the next `limit` models somebody added, in the order of their names."""
        return self._database.read(lambda c: weighing.weighings_after(c, name, limit))

    def unique_bytes(self, repo_ids: Iterable[str] | None = None) -> int | None:
        """Bytes of the current files of models, each content (by sha256) counted once over all of them, as
        far as sizes are known; `None` where none is. Without names: of every model somebody added."""
        names = None if repo_ids is None else list(repo_ids)
        return self._database.read(lambda c: weighing.unique_bytes(c, names))

    def derivative_counts(self, repo_ids: Iterable[str]) -> dict[str, dict[Relation, int]]:
        """How many direct derivatives of each kind models have; those without any are missing."""
        names = list(repo_ids)
        return self._database.read(lambda c: holdings.derivative_counts(c, names))

    def duplication(
        self, repo_ids: Iterable[str] | None = None, *, least: int = 0, limit: int | None = None
    ) -> Duplication:
        """What the models of those names (`None`: every tracked one) keep twice, by sha256, in lists of all
        commits. least, limit: of which contents the hashes are told; sums count all."""
        names = None if repo_ids is None else list(repo_ids)
        return self._database.read(lambda c: duplicates.duplication(c, names, least=least, limit=limit))

    def shared_contents(
        self, hashes: Iterable[str], repo_ids: Iterable[str] | None = None
    ) -> dict[str, SharedContent]:
        """Where those models keep contents, by sha256; those they do not keep are missing."""
        wanted, names = list(hashes), None if repo_ids is None else list(repo_ids)
        return self._database.read(lambda c: duplicates.shared_contents(c, wanted, names))

    def kept_elsewhere(self, repo_ids: Iterable[str]) -> tuple[int, int]:
        """How many contents of those models other tracked ones keep too, and their bytes where known."""
        names = list(repo_ids)
        return self._database.read(lambda c: duplicates.kept_elsewhere(c, names))

    def weight_files(self, repo_ids: Iterable[str]) -> list[WeightFiles]:
        """The weight files of those models that may hold the same weights twice, by name of the model."""
        names = list(repo_ids)
        return self._database.read(lambda c: holders.weight_files(c, names))

    def descents(self, repo_ids: Iterable[str] | None = None) -> list[Descent]:
        """How large the tracked fine-tunes and adapters of each base are, by name of the base; of those
        bases, or of the bases of those models, when names are given."""
        names = None if repo_ids is None else list(repo_ids)
        return self._database.read(lambda c: holders.descents(c, names))

    def roots(self, repo_ids: Iterable[str]) -> dict[str, str]:
        """The model each of those goes back to, by present name; its own where it has no base."""
        names = list(repo_ids)
        return self._database.read(lambda c: holders.roots(c, names))

    @property
    def scans(self) -> ScanStore:
        """What files on this disk hold, as far as they were read as a whole."""
        return ScanStore(self._database)

    @property
    def evidence(self) -> EvidenceShelf:
        """Fingerprints of weights, and what they say of edges."""
        return EvidenceShelf(self._database)

    # --- house -----------------------------------------------------------------------------------

    def check(self) -> list[Problem]:
        """Every broken invariant, with how to mend it; empty when the catalog is whole."""
        return checking.check(self._database)

    def backup(self, target: Path) -> None:
        """Copy the catalog to a new file, whole even while others write."""
        backup(self._database.location, target)

    def stats(self) -> dict[str, int]:
        """How many of each thing the catalog holds."""
        return self._database.read(house.stats)
