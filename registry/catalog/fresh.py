"""Models new to the catalog, by the thousand: every table is written by columns, in the order of its key."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from itertools import chain, compress
from operator import itemgetter
from typing import Any, cast

from sqlalchemy import Connection

from registry.catalog.codes import SOURCE
from registry.catalog.graphs import bump_lineage
from registry.catalog.loading import (
    Row,
    insert_columns,
    insert_rows,
    next_id,
    rows_of,
    settle_ids,
    update_rows,
)
from registry.catalog.names import source_of
from registry.catalog.recipes import (
    CLAIM,
    DECLARED,
    EDGE,
    PLAIN_CLAIM,
    PLAIN_EDGE,
    Recipe,
    claims_with,
    edges_of,
)
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
from registry.catalog.traits import Traits, traits_ids
from registry.catalog.types import all_packed, packed
from registry.model.bulk import Listed
from registry.model.refs import SourceName

HUB = SOURCE.number(SourceName.HUB)
_NAME = itemgetter(0)

Meant = dict[str, tuple[int, str]]
"""What names that are aliases mean: the id and the present name of a model."""


class Known:
    """What is remembered: the ids of models by their names, and of traits."""

    def __init__(self) -> None:
        self.ids: dict[str, int] = {}
        self.traits: dict[Traits, int] = {}

    def clear(self) -> None:
        self.ids.clear()
        self.traits.clear()


class _Columns:
    """Rows whose first looks are to be written, with the models they are of; and the same by columns, which
    are gone through many times as fast."""

    def __init__(self, rows: list[Listed], owners: list[int]) -> None:
        self.rows = rows
        self.owners = owners
        self.told = _columns(rows)
        self.keys = [id(row.pattern) for row in rows]
        self.commits = all_packed(self.told.commit_sha)

    def of(self, keys: Set[int], *columns: Sequence[Any]) -> Iterator[tuple[Any, ...]]:
        """Owner, key of the pattern and those columns, for the rows of some patterns."""
        chosen = [key in keys for key in self.keys] if keys else ()
        return zip(*(compress(column, chosen) for column in (self.owners, self.keys, *columns)), strict=True)


def _columns(rows: Sequence[Listed]) -> Any:
    """A row each of whose fields is that of all rows."""
    return Listed(*cast("Any", zip(*rows, strict=True)))


class NewModels:
    """Writes the first looks at models, at one time through one source.

    recipes: by the `id` of the pattern. known: learns all ids there are to be learned. stubs: learns the
    names that so far only stand for a base.
    """

    def __init__(
        self,
        connection: Connection,
        at: int,
        recipes: Mapping[int, Recipe],
        known: Known,
        stubs: set[str],
        *,
        aliased: bool,
    ) -> None:
        self._connection = connection
        self._at = at
        self._recipes = recipes
        self._known = known
        self._stubs = stubs
        self._has_aliases = aliased

    def write(self, fresh: Sequence[Listed], filled: Sequence[tuple[Listed, int]]) -> None:
        """Write models not known at all, and those known by name, with their ids."""
        first = next_id(self._connection, models)
        free = first + len(fresh)
        # By name, so that the index on names is gone through once, and all tables in the order of their keys.
        fresh = sorted(fresh, key=_NAME)
        new = _Columns(
            [*fresh, *(row for row, _ in filled)], [*range(first, free), *(own for _, own in filled)]
        )
        stubs, others = self._name_bases(new, free)
        if fresh:
            own = {
                "id": range(first, free),
                "repo_id": new.told.repo_id,
                "hub_id": all_packed(new.told.hub_id),
                "downloads": new.told.downloads,
                "likes": new.told.likes,
            }
            fixed = {"source": HUB, "tracked": True, "removed": False, "shown": 0, "seen_at": self._at}
            most = {name: column[: len(fresh)] for name, column in own.items()}
            insert_columns(self._connection, models, most, fixed)
        if stubs:
            columns = ("id", "repo_id", "source")
            insert_rows(self._connection, models, columns, stubs, {"tracked": False, "removed": False})
        seen = ("hub_id", "tracked", "shown", "seen_at", "downloads", "likes")
        rows = [(packed(row.hub_id), True, 0, self._at, row.downloads, row.likes, own) for row, own in filled]
        update_rows(self._connection, models, seen, rows, ("id",))
        self._write_looks(new)
        self._write_claims(new, others)
        settle_ids(self._connection, models)

    def _write_looks(self, new: _Columns) -> None:
        told = new.told
        kinds = list(zip(new.keys, told.license, strict=True))
        traits = {kind: self._recipes[kind[0]].stating(kind[1]) for kind in set(kinds)}
        ids = self._traits(traits.values())
        traits_ids = {kind: ids[one] for kind, one in traits.items()}
        columns = {
            "model_id": new.owners,
            "traits_id": list(map(traits_ids.__getitem__, kinds)),
            "imprint": told.imprint,
            "revision": self._each("revision", new),
            "commit_sha": new.commits,
            "created_at": told.created_at,
            "last_modified": told.last_modified,
            "tags": self._each("tags", new),
            "used_storage": told.used_storage,
            "parameters": [
                known if some is None else sum(some)
                for known, some in zip(self._each("parameters", new), told.elements, strict=True)
            ],
            "served_parameters": self._each("served", new),
        }
        fixed = {"number": 0, "source": HUB, "removed": False}
        at = {"observed_at": self._at, "last_seen_at": self._at}
        insert_columns(self._connection, snapshots, columns, fixed | at)
        self._write_rest(new)

    def _each(self, field: str, new: _Columns) -> list[Any]:
        """What the recipe of each row has there."""
        values = {key: getattr(recipe, field) for key, recipe in self._recipes.items()}
        return list(map(values.__getitem__, new.keys))

    def _write_rest(self, new: _Columns) -> None:
        """What few looks have: counts of several types, several statements of a license, notes, answers."""
        counts: list[Row] = []
        licenses: list[Row] = []
        rest: list[Row] = []
        raw: list[Row] = []
        rich = {
            key for key, one in self._recipes.items() if one.counts or one.licenses or one.details or one.raw
        }
        for own, key, some in new.of(rich, new.told.elements):
            recipe = self._recipes[key]
            if recipe.counts:
                dtypes, known = zip(*recipe.counts, strict=True)
                counts += [(own, *one) for one in zip(dtypes, known if some is None else some, strict=True)]
            if recipe.licenses:
                licenses += [(own, *one) for one in recipe.licenses]
            if recipe.details is not None:
                rest.append((own, recipe.details))
            if recipe.raw:
                raw += [(own, kind, data) for kind, data in recipe.raw]
        for table, columns, rows in (
            (parameter_counts, ("model_id", "dtype", "elements"), counts),
            (license_claims, ("model_id", "position", "field", "value", "origin"), licenses),
            (details, ("model_id", "data"), rest),
            (raw_answers, ("model_id", "kind", "data"), raw),
        ):
            insert_rows(self._connection, table, columns, rows, {"number": 0})

    def _traits(self, wanted: Iterable[Traits]) -> dict[Traits, int]:
        """The ids of traits, known or not."""
        known = self._known.traits
        missing = {told for told in wanted if told not in known}
        if missing:
            known.update(traits_ids(self._connection, missing))
        return known

    def _write_claims(self, new: _Columns, others: Meant) -> None:
        claims: list[Row] = []
        between: list[Row] = []
        odd_claims: list[Row] = []
        odd_edges: list[Row] = []
        claiming = {key: recipe for key, recipe in self._recipes.items() if recipe.claims}
        ids = self._known.ids
        for own, key, row, commit in new.of(claiming.keys(), new.rows, new.commits):
            recipe = claiming[key]
            named = row.bases + recipe.names
            if recipe.usual is None or (others and not others.keys().isdisjoint(named)):
                meant = {name: others.get(name) or (ids[name], name) for name in named}
                odd_claims += _claims_of(own, recipe, named, meant, commit)
                odd_edges += edges_of(own, row.repo_id, claims_with(recipe, row.pattern, named), meant)
                continue
            told, links = recipe.usual
            for position, base, origin, relation, detail in told:
                claims.append((own, position, ids[named[base]], origin, relation, detail, commit))
            for base, relation, origins in links:
                between.append((own, ids[named[base]], relation, origins))
        said = {"told_by": HUB, "current": True, "observed_at": self._at}
        for table, columns, rows, fixed in (
            (edge_claims, PLAIN_CLAIM, claims, {**said, "denied": False}),
            (edge_claims, CLAIM, odd_claims, said),
            (edges, PLAIN_EDGE, between, {"state": DECLARED}),
            (edges, EDGE, odd_edges, {}),
        ):
            insert_rows(self._connection, table, columns, rows, fixed)
        if between or odd_edges:
            bump_lineage(self._connection)

    def _name_bases(self, new: _Columns, free: int) -> tuple[list[Row], Meant]:
        """Learn the ids of all bases named. Returns the rows of models not known before, and for names that
        are aliases the id and present name of what they mean."""
        ids = self._known.ids
        claiming = {key: recipe.names for key, recipe in self._recipes.items() if recipe.claims}
        filled = (bases for _, _, bases in new.of(claiming.keys(), new.told.bases))
        always = (claiming[key] for key in claiming.keys() & set(new.keys))
        missing = set(chain.from_iterable(chain(filled, always))) - ids.keys()
        if missing:
            own = dict(zip(new.told.repo_id, new.owners, strict=True))
            ids.update((name, own[name]) for name in missing & own.keys())
            missing -= ids.keys()
        others: Meant = {}
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
        self._stubs |= missing
        stubs = [
            (own, name, SOURCE.number(source_of(name))) for own, name in enumerate(sorted(missing), free)
        ]
        ids.update((name, own) for own, name, _ in stubs)
        return stubs, others


def _claims_of(
    own: int, recipe: Recipe, named: Sequence[str], meant: Meant, commit: bytes | None
) -> list[Row]:
    """Rows of claims some of which say more than usual, or call their base by another name than its present
    one."""
    rows: list[Row] = []
    for part in recipe.claims:
        base_id, declared = None, part.declared
        if part.base is not None:
            name = named[part.base]
            base_id, present = meant[name]
            if declared is None and present != name:
                declared = name
        rows.append((own, part.position, base_id, *part.said, commit, declared, part.named, *part.rest))
    return rows
