"""Keeping models by the thousand: what is new is written as rows, what is the same is only seen again.

Everything else goes the general way (`saving.py`), and what is written here is what that would have left
behind. The looks are in short form (`short.py`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from operator import attrgetter
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, update
from sqlalchemy.exc import IntegrityError

from registry.catalog.graphs import bump_lineage
from registry.catalog.loading import Row, insert_rows, next_id, plain_rows, rows_of, settle_ids, update_rows
from registry.catalog.names import source_of
from registry.catalog.recipes import (
    CLAIM,
    EDGE,
    SNAPSHOT,
    Recipe,
    claims_with,
    edges_of,
    recipe_like,
    recipe_of,
)
from registry.catalog.saving import save
from registry.catalog.sorting import Doubt, sort_rows
from registry.catalog.tables import (
    details,
    edge_claims,
    edges,
    license_claims,
    models,
    parameter_counts,
    raw_answers,
    snapshots,
)
from registry.catalog.types import packed, seconds_of
from registry.model.bulk import Batch, BulkReport, Listed, Pattern

_MODEL = (
    *("id", "repo_id", "source", "hub_id", "tracked", "removed", "snapshot_id", "seen_at", "downloads"),
    "likes",
)
_SEEN = ("hub_id", "tracked", "snapshot_id", "seen_at", "downloads", "likes")
_AGAIN = ("last_seen_at", "created_at", "last_modified", "used_storage")
_CACHE = 65_536
"""KiB of pages SQLite keeps in memory."""
_MOST_NAMES = 100_000
"""Names of bases remembered from batch to batch, with their ids."""


_NAME = attrgetter("repo_id")


class BulkWriter:
    """Writes batch after batch. Between them it remembers what others are not likely to have changed, and
    looks whether they did."""

    def __init__(self) -> None:
        self._recipes: WeakKeyDictionary[Pattern, Recipe] = WeakKeyDictionary()
        self._ids: dict[str, int] = {}
        self._stubs: set[str] | None = None
        self._state: object = None
        self._careful = False

    def keep(self, connection: Connection, batch: Batch) -> BulkReport:
        """Keep all models of a batch, in one transaction: that of the connection."""
        if connection.dialect.name == "sqlite":
            # Indexes on names are touched all over; pages written and read again cost ten times the rows.
            connection.exec_driver_sql(f"PRAGMA cache_size = -{_CACHE}")
        self._forget_if_changed(connection)
        if self._stubs is None:
            query = "SELECT repo_id FROM models WHERE snapshot_id IS NULL"
            self._stubs = {name for (name,) in plain_rows(connection, query)}
        if not self._careful:
            # Names and ids are nearly always unique; the database says when not. No `begin_nested`: when the
            # disk is full SQLite ends the transaction by itself, and there is nothing to go back to.
            connection.exec_driver_sql("SAVEPOINT batch")
            try:
                report = self._keeping(connection, batch).run()
                connection.exec_driver_sql("RELEASE SAVEPOINT batch")
                return report
            except (IntegrityError, Doubt):
                connection.exec_driver_sql("ROLLBACK TO SAVEPOINT batch")
                self._careful = True
            except BaseException:
                self._ids.clear()
                raise
            self._ids.clear()
        return self._keeping(connection, batch).run()

    def _keeping(self, connection: Connection, batch: Batch) -> _Keeping:
        assert self._stubs is not None
        return _Keeping(connection, batch, self._recipes, self._ids, self._stubs, careful=self._careful)

    def _forget_if_changed(self, connection: Connection) -> None:
        """SQLite tells whether another connection has written; on a server nothing is remembered."""
        state = None
        if connection.dialect.name == "sqlite":
            version = connection.exec_driver_sql("PRAGMA data_version").scalar_one()
            state = (id(connection.connection.dbapi_connection), version)
        if state is None or state != self._state or len(self._ids) > _MOST_NAMES:
            self._ids.clear()
        self._state = state


class _Keeping:
    """One batch being kept."""

    def __init__(
        self,
        connection: Connection,
        batch: Batch,
        recipes: WeakKeyDictionary[Pattern, Recipe],
        ids: dict[str, int],
        stubs: set[str],
        *,
        careful: bool,
    ) -> None:
        self._connection = connection
        self._batch = batch
        self._at = seconds_of(batch.observed_at)
        self._ids = ids
        self._stubs = stubs
        self._recipes = self._all_recipes(batch.rows, recipes)
        self._has_aliases = bool(
            connection.exec_driver_sql("SELECT EXISTS (SELECT 1 FROM aliases)").scalar_one()
        )
        ways = sort_rows(connection, batch, self._recipes, stubs, aliased=self._has_aliases, careful=careful)
        self._fresh, self._filled, self._same, self._general = (
            ways.fresh,
            ways.filled,
            ways.same,
            ways.general,
        )

    def run(self) -> BulkReport:
        self._write_new()
        self._see_again()
        added = len(self._fresh) + len(self._filled) + sum(not known[4] for _, known in self._same)
        same = sum(bool(known[4]) for _, known in self._same)
        changed, changes = 0, Counter[str]()
        for number in self._general:
            report = save(self._connection, self._batch.whole(number))
            self._note_imprint(report.repo_id, self._batch.rows[number])
            added += report.created
            if not report.created:
                changed += bool(report.changes)
                same += not report.changes
                changes.update(change.field for change in report.changes)
        if self._general:
            self._ids.clear()
        return BulkReport(added, changed, same, tuple(sorted(changes.items())))

    # --- what is new -----------------------------------------------------------------------------

    def _write_new(self) -> None:
        if not (self._fresh or self._filled):
            return
        model_id = next_id(self._connection, models)
        snapshot_id = next_id(self._connection, snapshots)
        # By name, so that the index on names is gone through once; looks stay in the order of the list.
        number_of = {name: own for own, name in enumerate(sorted(map(_NAME, self._fresh)), model_id)}
        new = [(row, number_of[row.repo_id]) for row in self._fresh]
        looks = [*new, *self._filled]
        stubs, others = self._name_bases(looks, model_id + len(new))
        at = self._at
        known = [
            (own, row.repo_id, "hub", packed(row.hub_id), True, False, look, at, row.downloads, row.likes)
            for look, (row, own) in enumerate(new, snapshot_id)
        ]
        insert_rows(self._connection, models, _MODEL, sorted(known + stubs))
        update_rows(
            self._connection,
            models,
            _SEEN,
            [
                (packed(row.hub_id), True, number, at, row.downloads, row.likes, own)
                for number, (row, own) in enumerate(self._filled, snapshot_id + len(new))
            ],
        )
        self._write_looks(looks, snapshot_id)
        self._write_claims(looks, others)
        for table in (models, snapshots):
            settle_ids(self._connection, table)

    def _write_looks(self, looks: Sequence[tuple[Listed, int]], first: int) -> None:
        found: list[Row] = []
        counts: list[Row] = []
        licenses: list[Row] = []
        rest: list[Row] = []
        raw: list[Row] = []
        recipes = self._recipes
        tails: dict[tuple[int, str | None], Row] = {}
        at = (self._at, self._at)
        for number, (row, own) in enumerate(looks, first):
            _, _, commit, created, modified, _, _, used, elements, _, stated, pattern, imprint = row
            recipe = recipes[id(pattern)]
            tail = tails.get((id(recipe), stated))
            if tail is None:
                told = recipe.snapshot if stated is None else recipe.stating(stated)
                tail = tails[id(recipe), stated] = told + at
            logical = recipe.logical
            if elements is not None:
                logical = (sum(elements),) * 3
                if recipe.counts:
                    dtypes = recipe.counts
                    counts += [
                        (number, dtype, count) for (dtype, _), count in zip(dtypes, elements, strict=True)
                    ]
            elif recipe.counts:
                counts += [(number, dtype, count) for dtype, count in recipe.counts]
            found.append((number, own, packed(commit), created, modified, used, imprint, *logical, *tail))
            if recipe.licenses:
                licenses += [(number, *one) for one in recipe.licenses]
            if recipe.details is not None:
                rest.append((number, recipe.details))
            if recipe.raw:
                raw += [(number, kind, data) for kind, data in recipe.raw]
        for table, columns, rows in (
            (snapshots, SNAPSHOT, found),
            (parameter_counts, ("snapshot_id", "dtype", "elements"), counts),
            (license_claims, ("snapshot_id", "position", "field", "value", "origin"), licenses),
            (details, ("snapshot_id", "data"), rest),
            (raw_answers, ("snapshot_id", "kind", "data"), raw),
        ):
            insert_rows(self._connection, table, columns, rows)

    def _write_claims(self, looks: Sequence[tuple[Listed, int]], others: dict[str, tuple[int, str]]) -> None:
        claims: list[Row] = []
        between: list[Row] = []
        recipes, ids, at = self._recipes, self._ids, self._at
        for row, own in looks:
            recipe = recipes[id(row.pattern)]
            if not recipe.claims:
                continue
            named = row.bases + recipe.names
            when = (packed(row.commit_sha), at)
            if others and not others.keys().isdisjoint(named):
                meant = {name: others.get(name) or (ids[name], name) for name in named}
                claims += _called_otherwise(own, recipe, named, meant, when)
                between += edges_of(own, row.repo_id, claims_with(recipe, row.pattern, named), meant)
                continue
            based = [ids[name] for name in named]
            for position, part in enumerate(recipe.claims):
                base = None if part.base is None else based[part.base]
                claims.append((own, position, base, *part.head, part.declared, part.named, *part.tail, *when))
            for base_number, relation, origins, resolved_from, state in recipe.edges:
                between.append((own, based[base_number], relation, origins, resolved_from, state))
        claims.sort()
        between.sort()
        insert_rows(self._connection, edge_claims, CLAIM, claims)
        insert_rows(self._connection, edges, EDGE, between)
        if between:
            bump_lineage(self._connection)

    def _name_bases(
        self, looks: Sequence[tuple[Listed, int]], free: int
    ) -> tuple[list[Row], dict[str, tuple[int, str]]]:
        """Learn the ids of all bases named. Returns the rows of models not known before, and for names that
        are aliases the id and present name of what they mean."""
        ids, recipes = self._ids, self._recipes
        missing: set[str] = set()
        for row, _ in looks:
            recipe = recipes[id(row.pattern)]
            if recipe.claims:
                missing.update(name for name in row.bases + recipe.names if name not in ids)
        if missing:
            ids.update((row.repo_id, own) for row, own in looks if row.repo_id in missing)
            missing -= ids.keys()
        others: dict[str, tuple[int, str]] = {}
        if missing:
            query = "SELECT repo_id, id FROM models WHERE repo_id IN (:values)"
            ids.update(rows_of(self._connection, query, missing))
            missing -= ids.keys()
        if missing and self._has_aliases:
            query = (
                "SELECT a.name, m.id, m.repo_id FROM aliases AS a JOIN models AS m ON m.id = a.model_id "
                "WHERE a.name IN (:values)"
            )
            rows = rows_of(self._connection, query, missing)
            others = {name: (model_id, present) for name, model_id, present in rows}
            missing -= others.keys()
        stubs = []
        for number, name in enumerate(sorted(missing), free):
            ids[name] = number
            self._stubs.add(name)
            stubs.append((number, name, str(source_of(name)), None, False, False, None, None, None, None))
        return stubs, others

    # --- what is the same ------------------------------------------------------------------------

    def _see_again(self) -> None:
        at = self._at
        looks: list[Row] = []
        seen: list[Row] = []
        for row, known in self._same:
            _, own, hub_id, _, tracked, _, look, seen_at, downloads, likes, _, _, _, *moving = known
            told = (row.created_at, row.last_modified, row.used_storage)
            now = [old if new is None else new for old, new in zip(moving, told, strict=True)]
            if at > seen_at or now != moving:
                looks.append((at, *now, look))
            more = downloads if row.downloads is None else row.downloads
            liked = likes if row.likes is None else row.likes
            if at > seen_at or not tracked or more != downloads or liked != likes:
                seen.append((hub_id, True, look, at, more, liked, own))
        update_rows(self._connection, snapshots, _AGAIN, looks)
        update_rows(self._connection, models, _SEEN, seen)

    def _note_imprint(self, repo_id: str, row: Listed) -> None:
        """Remember that the row says what the newest look found, if it was the one."""
        shown = snapshots.c.model_id == models.c.id
        which = (
            (models.c.repo_id == repo_id)
            & (models.c.snapshot_id == snapshots.c.id)
            & (snapshots.c.source == "hub")
            & (snapshots.c.last_seen_at == self._batch.observed_at)
        )
        self._connection.execute(update(snapshots).where(shown, which).values(imprint=row.imprint))

    @staticmethod
    def _all_recipes(rows: Iterable[Listed], known: WeakKeyDictionary[Pattern, Recipe]) -> dict[int, Recipe]:
        recipes: dict[int, Recipe] = {}
        for pattern in {id(row.pattern): row.pattern for row in rows}.values():
            recipe = known.get(pattern)
            if recipe is None:
                recipe = known[pattern] = _recipe(pattern, known)
            recipes[id(pattern)] = recipe
        return recipes


def _recipe(pattern: Pattern, known: WeakKeyDictionary[Pattern, Recipe]) -> Recipe:
    if pattern.like is None:
        return recipe_of(pattern)
    like = known.get(pattern.like)
    if like is None:
        like = known[pattern.like] = recipe_of(pattern.like)
    return recipe_like(like, pattern)


def _called_otherwise(
    own: int, recipe: Recipe, named: Sequence[str], meant: dict[str, tuple[int, str]], when: Row
) -> list[Row]:
    """Rows of claims some of which call their base by another name than its present one."""
    rows: list[Row] = []
    for position, part in enumerate(recipe.claims):
        base_id, declared = None, part.declared
        if part.base is not None:
            name = named[part.base]
            base_id, present = meant[name]
            if declared is None and present != name:
                declared = name
        rows.append((own, position, base_id, *part.head, declared, part.named, *part.tail, *when))
    return rows
