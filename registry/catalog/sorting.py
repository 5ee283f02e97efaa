"""Which way each model of a batch goes: written as new, filled in, seen again, or saved the general way."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field

from sqlalchemy import Connection

from registry.catalog.codes import SOURCE
from registry.catalog.loading import Row, plain_rows, rows_of
from registry.catalog.recipes import is_plain
from registry.catalog.types import all_packed, packed, seconds_of
from registry.model.bulk import Batch, Listed
from registry.model.refs import SourceName

_KNOWN = """
    SELECT m.repo_id, m.id, m.hub_id, m.source, m.tracked, m.removed, m.shown, m.seen_at, m.downloads,
        m.likes, s.source, s.imprint, s.last_seen_at, s.created_at, s.last_modified, s.used_storage
    FROM models AS m LEFT JOIN snapshots AS s ON s.model_id = m.id AND s.number = m.shown
"""
_TRACKED = "SELECT id FROM models WHERE shown IS NOT NULL AND repo_id IN (:values)"
_HUB = SOURCE.number(SourceName.HUB)
_SAMPLE = 40
"""Names asked for to tell whether a batch is new to the catalog."""


class Doubt(Exception):
    """Some model of a batch may be known by another name."""


@dataclass(slots=True)
class Ways:
    """The rows of a batch by the way they go. fresh: new models. filled: models only named so far, with their
    ids. same: what was found before, with what is known of it. general: the numbers of all others, in their
    order."""

    fresh: list[Listed] = field(default_factory=list)
    filled: list[tuple[Listed, int]] = field(default_factory=list)
    same: list[tuple[Listed, Row]] = field(default_factory=list)
    general: list[int] = field(default_factory=list)


def sort_rows(
    connection: Connection,
    batch: Batch,
    stubs: Set[str],
    *,
    aliased: bool,
    careful: bool,
) -> Ways:
    """Decide for all rows of a batch. stubs: models only named so far, and perhaps some that no longer are.
    aliased: the catalog has aliases. careful: ask the database about every name and every id of the Hub;
    otherwise raises `Doubt` where that might matter."""
    return _Sorting(connection, batch, stubs, aliased, careful).run()


class _Sorting:
    """One batch being sorted."""

    def __init__(
        self,
        connection: Connection,
        batch: Batch,
        stubs: Set[str],
        aliased: bool,
        careful: bool,
    ) -> None:
        self._connection = connection
        self._batch = batch
        self._at = seconds_of(batch.observed_at)
        self._stubs = stubs
        self._has_aliases = aliased
        self._careful = careful
        self._ways = Ways()

    def run(self) -> Ways:
        """All rows, sorted."""
        ways = self._ways
        rows = self._batch.rows
        known = self._known([row.repo_id for row in rows])
        entangled = self._entangled(rows, known)
        patterns = {id(row[11]): row[11] for row in rows}
        rich = {key for key, pattern in patterns.items() if not is_plain(pattern)}
        if not known and not entangled and not rich:
            ways.fresh = list(rows)
            return ways
        hub_ids = all_packed([row.hub_id for row in rows])
        for number, (row, hub_id) in enumerate(zip(rows, hub_ids, strict=True)):
            model = known.get(row[0])
            if number in entangled or id(row[11]) in rich:
                if model is None or model[2] != hub_id:
                    self._doubt()
                ways.general.append(number)
            elif model is None:
                ways.fresh.append(row)
            elif model[6] is None and model[3] == _HUB:
                ways.filled.append((row, model[1]))
            elif model[11] == row[12] and _stands(model, hub_id, self._at):
                ways.same.append((row, model))
            else:
                if model[2] != hub_id:
                    self._doubt()
                ways.general.append(number)
        self._leave_what_was_told_by_hand()
        return ways

    def _doubt(self) -> None:
        if not self._careful:
            raise Doubt

    def _entangled(self, rows: Sequence[Listed], known: Mapping[str, Row]) -> set[int]:
        """Rows that may be of one model: by name, by the Hub's id, by an alias told or known. They are saved
        one after the other, as they stand."""
        known_as: defaultdict[str, set[str]] = defaultdict(set)
        if self._has_aliases:
            query = (
                "SELECT a.name, m.repo_id FROM aliases AS a JOIN models AS m ON m.id = a.model_id "
                "WHERE a.name IN (:values)"
            )
            names = {row.repo_id for row in rows}.union(*(row.pattern.snapshot.aliases for row in rows))
            for name, present in rows_of(self._connection, query, names):
                known_as[name].add(present)
        if self._careful:
            unsure = [
                row
                for row in rows
                if row.hub_id is not None
                and (row.repo_id not in known or known[row.repo_id][2] != packed(row.hub_id))
            ]
            for some in _pieces(unsure, 500):
                held = self._holders([packed(row.hub_id) for row in some])
                for row in some:
                    owner = held.get(packed(row.hub_id), row.repo_id)
                    if owner != row.repo_id:
                        known_as[row.repo_id].add(owner)
        ids = [row.hub_id for row in rows if row.hub_id is not None]
        alone = len({row.repo_id for row in rows}) == len(rows) and len(set(ids)) == len(ids)
        told = {id(row.pattern) for row in rows if row.pattern.snapshot.aliases}
        if alone and not told and not known_as:
            return set()
        keys = [
            {row.repo_id, *known_as[row.repo_id], *(() if row.hub_id is None else (f"#{row.hub_id}",))}.union(
                *({name, *known_as[name]} for name in row.pattern.snapshot.aliases)
            )
            for row in rows
        ]
        times = Counter(key for some in keys for key in some)
        return {
            number
            for number, row in enumerate(rows)
            if known_as[row.repo_id] or any(times[key] > 1 for key in keys[number])
        }

    def _known(self, names: Sequence[str]) -> dict[str, Row]:
        """The models that have those names. Lists come in an order that hardly changes, so the ids nearby are
        asked for first."""
        if not names:
            return {}
        ask = self._connection
        step = max(1, len(names) // _SAMPLE)
        sample = sorted(own for (own,) in rows_of(ask, _TRACKED, names[::step]))
        if not sample and not self._careful:
            some = self._stubs & set(names)
            return {row[0]: row for row in rows_of(ask, f"{_KNOWN} WHERE m.repo_id IN (:values)", some)}
        wanted = set(names)
        found: dict[str, Row] = {}
        if sample:
            middle = sample[len(sample) // 2]
            start = max(sample[0], middle - len(names)) - 5 * step
            end = min(sample[-1], middle + len(names)) + 5 * step
            near = f"{_KNOWN} WHERE m.id BETWEEN {start} AND {end}"
            found = {row[0]: row for row in plain_rows(ask, near) if row[0] in wanted}
        rest = wanted - found.keys()
        if rest:
            found |= {row[0]: row for row in rows_of(ask, f"{_KNOWN} WHERE m.repo_id IN (:values)", rest)}
        return found

    def _holders(self, hub_ids: Sequence[bytes | None]) -> dict[bytes | None, str]:
        sqlite = self._connection.dialect.name == "sqlite"
        marks = ", ".join(["?" if sqlite else "%s"] * len(hub_ids))
        query = f"SELECT hub_id, repo_id FROM models WHERE hub_id IN ({marks})"  # noqa: S608
        return {bytes(key): name for key, name in plain_rows(self._connection, query, tuple(hub_ids))}

    def _leave_what_was_told_by_hand(self) -> None:
        """Claims somebody made about a model that was only named so far bear on its edges."""
        if not self._ways.filled:
            return
        query = "SELECT derivative_id FROM edge_claims WHERE derivative_id IN (:values)"
        ids = [model_id for _, model_id in self._ways.filled]
        told = {model_id for (model_id,) in rows_of(self._connection, query, ids)}
        numbers = {row.repo_id: number for number, row in reversed(list(enumerate(self._batch.rows)))}
        by_hand = [row for row, model_id in self._ways.filled if model_id in told]
        self._ways.general = sorted([*self._ways.general, *(numbers[row.repo_id] for row in by_hand)])
        self._ways.filled = [(row, model_id) for row, model_id in self._ways.filled if model_id not in told]


def _stands(known: Row, hub_id: bytes | None, at: int) -> bool:
    """Whether the look shown of a model is its last one, not later than now, and the model the same."""
    _, _, its, source, _, removed, _, seen_at, _, _, told_by, _, last_seen_at, *_ = known
    return (
        (hub_id is None or its == hub_id)
        and source == told_by == _HUB
        and not removed
        and seen_at == last_seen_at <= at
    )


def _pieces(things: Sequence[Listed], size: int) -> Iterable[Sequence[Listed]]:
    return (things[start : start + size] for start in range(0, len(things), size))
