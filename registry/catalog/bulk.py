"""Keeping models by the thousand: what is new is written as rows, what is the same is only seen again.

Everything else goes the general way (`saving.py`), and what is written here is what that would have left
behind. The looks are in short form (`short.py`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import TypeVar
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, update
from sqlalchemy.exc import IntegrityError

from registry.catalog.engine import Database, is_unchecked
from registry.catalog.fresh import Known, NewModels
from registry.catalog.loading import Row, plain_rows, update_all, update_rows
from registry.catalog.recipes import Recipe, recipe_like, recipe_of
from registry.catalog.saving import save
from registry.catalog.sorting import Doubt, Ways, sort_rows
from registry.catalog.tables import SHOWN, models, snapshots
from registry.catalog.types import seconds_of
from registry.catalog.walking import plan_by_index
from registry.model.bulk import Batch, BulkReport, Listed, Pattern
from registry.model.refs import SourceName

T = TypeVar("T")

_CACHE = 65_536
"""KiB of pages SQLite keeps in memory."""
_MOST_NAMES = 100_000
"""Names of bases remembered from batch to batch, with their ids."""


class Hesitation(Exception):
    """The batch must be kept in another way than was tried, in a new transaction; the writer knows which."""


class BulkWriter:
    """Writes batch after batch. Between them it remembers what others are not likely to have changed, and
    looks whether they did.

    It hopes for the best: that no row needs the general way, and that names and ids are unique. Where they
    are not, `keep` raises `Hesitation`, and does better when asked again. unchecked: the next transaction
    need not check references, because every row that is written names rows seen or written before it.
    """

    def __init__(self) -> None:
        self.unchecked = True
        self._careful = False
        self._recipes: WeakKeyDictionary[Pattern, Recipe] = WeakKeyDictionary()
        self._known = Known()
        self._stubs: set[str] | None = None
        self._state: object = None

    def keep(self, connection: Connection, batch: Batch) -> BulkReport:
        """Keep all models of a batch, in one transaction: that of the connection."""
        if connection.dialect.name == "sqlite":
            # Indexes on names are touched all over; pages written and read again cost ten times the rows.
            connection.exec_driver_sql(f"PRAGMA cache_size = -{_CACHE}")
        else:
            plan_by_index(connection)
            # The server looks for every row a row refers to, and may make the plan for that once.
            connection.exec_driver_sql("SELECT set_config('plan_cache_mode', 'auto', true)")
        self._forget_if_changed(connection)
        if self._stubs is None:
            query = "SELECT repo_id FROM models WHERE shown IS NULL"
            self._stubs = {name for (name,) in plain_rows(connection, query)}
        keeping = _Keeping(connection, batch, self._recipes, self._known, self._stubs)
        try:
            general = keeping.sort(careful=self._careful)
            if general and is_unchecked(connection):
                # What it deletes takes other rows along.
                self.unchecked = False
                raise Hesitation
            report = keeping.run()
        except (IntegrityError, Doubt):
            self.forget()
            if self._careful:
                raise
            self._careful = True
            raise Hesitation from None
        except BaseException:
            self.forget()
            raise
        self.unchecked = not general
        return report

    def forget(self) -> None:
        """Take nothing for known any more: the transaction came to nothing."""
        self._known.clear()

    def _forget_if_changed(self, connection: Connection) -> None:
        """SQLite tells whether another connection has written; on a server nothing is remembered."""
        state = None
        if connection.dialect.name == "sqlite":
            version = connection.exec_driver_sql("PRAGMA data_version").scalar_one()
            state = (id(connection.connection.dbapi_connection), version)
        if state is None or state != self._state or len(self._known.ids) > _MOST_NAMES:
            self.forget()
        self._state = state


def keeping(database: Database, writer: BulkWriter, work: Callable[[Connection], T]) -> T:
    """Let a writer write in a transaction. It may hesitate twice: about names and about references."""
    try:
        for _ in range(2):
            with suppress(Hesitation):
                return database.write(work, unchecked=writer.unchecked)
        return database.write(work, unchecked=writer.unchecked)
    except BaseException:
        writer.forget()
        raise


class _Keeping:
    """One batch being kept."""

    def __init__(
        self,
        connection: Connection,
        batch: Batch,
        recipes: WeakKeyDictionary[Pattern, Recipe],
        known: Known,
        stubs: set[str],
    ) -> None:
        self._connection = connection
        self._batch = batch
        self._at = seconds_of(batch.observed_at)
        self._known = known
        self._stubs = stubs
        self._recipes = recipes
        self._has_aliases = bool(
            connection.exec_driver_sql("SELECT EXISTS (SELECT 1 FROM aliases)").scalar_one()
        )
        self._ways = Ways()

    def sort(self, *, careful: bool) -> bool:
        """Decide which way each row goes; whether there are any that go the general way."""
        self._ways = sort_rows(
            self._connection,
            self._batch,
            self._stubs,
            aliased=self._has_aliases,
            careful=careful,
        )
        return bool(self._ways.general)

    def run(self) -> BulkReport:
        ways = self._ways
        if ways.fresh or ways.filled:
            new = NewModels(
                self._connection,
                self._at,
                _all_recipes([*ways.fresh, *(row for row, _ in ways.filled)], self._recipes),
                self._known,
                self._stubs,
                aliased=self._has_aliases,
            )
            new.write(ways.fresh, ways.filled)
        self._see_again(ways.same)
        added = len(ways.fresh) + len(ways.filled) + sum(not known[4] for _, known in ways.same)
        same = sum(bool(known[4]) for _, known in ways.same)
        changed, changes = 0, Counter[str]()
        for number in ways.general:
            report = save(self._connection, self._batch.whole(number))
            self._note_imprint(report.repo_id, self._batch.rows[number])
            added += report.created
            if not report.created:
                changed += bool(report.changes)
                same += not report.changes
                changes.update(change.field for change in report.changes)
        if ways.general:
            self._known.ids.clear()
        return BulkReport(added, changed, same, tuple(sorted(changes.items())))

    # --- what is the same ------------------------------------------------------------------------

    def _see_again(self, same: Sequence[tuple[Listed, Row]]) -> None:
        at = self._at
        looks: list[Row] = []
        seen: list[Row] = []
        same_looks: list[int] = []
        same_models: list[int] = []
        for row, known in same:
            _, _, _, *told, more, liked, used = row[:8]
            _, own, _, _, tracked, _, number, seen_at, downloads, likes, _, _, _, *moving = known
            told.append(used)
            if told != moving:
                told = [old if new is None else new for old, new in zip(moving, told, strict=True)]
            if told != moving or (number and at > seen_at):
                looks.append((at, *told, own, number))
            elif at > seen_at:
                same_looks.append(own)
            if more != downloads or liked != likes or not tracked:
                more = downloads if more is None else more
                liked = likes if liked is None else liked
                seen.append((True, at, more, liked, own))
            elif at > seen_at:
                same_models.append(own)
        again = ("last_seen_at", "created_at", "last_modified", "used_storage")
        update_rows(self._connection, snapshots, again, looks, ("model_id", "number"))
        update_all(self._connection, snapshots, {"last_seen_at": at}, "number = 0 AND model_id", same_looks)
        update_rows(self._connection, models, ("tracked", "seen_at", "downloads", "likes"), seen, ("id",))
        update_all(self._connection, models, {"seen_at": at}, "id", same_models)

    def _note_imprint(self, repo_id: str, row: Listed) -> None:
        """Remember that the row says what the newest look found, if it was the one."""
        which = (
            (models.c.repo_id == repo_id)
            & (snapshots.c.source == SourceName.HUB)
            & (snapshots.c.last_seen_at == self._batch.observed_at)
        )
        self._connection.execute(update(snapshots).where(SHOWN, which).values(imprint=row.imprint))


def _all_recipes(rows: Iterable[Listed], known: WeakKeyDictionary[Pattern, Recipe]) -> dict[int, Recipe]:
    recipes: dict[int, Recipe] = {}
    for pattern in {id(row[11]): row[11] for row in rows}.values():
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
