"""Weights that may be there twice in one repository, what was made from a base, and who descends from whom.

All for many models at once, a handful of statements for five hundred of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import Connection, func, or_, select

from registry.catalog.names import chunks, find_ids, names_of
from registry.catalog.reading import numbers_of
from registry.catalog.scope import chosen
from registry.catalog.tables import SHOWN, blobs, edges, files, models, snapshots, trees
from registry.model.copies import Descent, WeightFiles
from registry.model.edges import Relation
from registry.model.snapshot import ModelFile
from registry.weights.formats import FORMATS
from registry.weights.sizes import stored_bytes

_SPARE = 1.5
"""Times the bytes of its numbers that a single copy of some weights never takes."""
_STEPS = {
    relation: step
    for step, relation in enumerate(
        (
            Relation.FINETUNE,
            Relation.ADAPTER,
            Relation.QUANTIZED,
            Relation.DISTILLED,
            Relation.MERGE,
            Relation.UNKNOWN,
        )
    )
}
"""Relations in the order in which one leads to the family: what was tuned before what was merged."""


def weight_files(connection: Connection, names: Iterable[str]) -> list[WeightFiles]:
    """Of the models of those names, the ones whose current list may hold the same weights twice; sorted.

    Left out are those whose weight files are all of one format and take no more bytes than their numbers.
    """
    found: list[WeightFiles] = []
    for piece in chunks(sorted(set(find_ids(connection, names).values()))):
        rows = connection.execute(
            select(models.c.repo_id, models.c.id.label("owner_id"), trees)
            .select_from(models)
            .join(snapshots, SHOWN)
            .join(trees, trees.c.id == snapshots.c.tree_id)
            .where(models.c.id.in_(piece), trees.c.weight_bytes > 0)
        ).all()
        numbers = numbers_of(connection, [row.owner_id for row in rows])
        kept = {
            row.id: row
            for row in rows
            if _may_repeat(row.weight_bytes, row.copy_bytes, numbers.get(row.owner_id, {}))
        }
        listed = _weights_in(connection, sorted(kept))
        found += [
            WeightFiles(
                row.repo_id,
                row.commit_sha,
                row.complete,
                numbers.get(row.owner_id, {}),
                tuple(listed.get(tree_id, ())),
            )
            for tree_id, row in kept.items()
        ]
    return sorted(found, key=lambda one: one.repo_id)


def _may_repeat(weight_bytes: int, copy_bytes: int | None, by_dtype: Mapping[str, int]) -> bool:
    told = stored_bytes(by_dtype)
    return weight_bytes != copy_bytes or told is None or weight_bytes > _SPARE * told


def _weights_in(connection: Connection, tree_ids: Sequence[int]) -> dict[int, list[ModelFile]]:
    found: defaultdict[int, list[ModelFile]] = defaultdict(list)
    named = or_(*(func.lower(files.c.path).like(f"%{suffix}") for suffix in FORMATS))
    for piece in chunks(tree_ids):
        rows = connection.execute(
            select(files.c.tree_id, files.c.path, files.c.size, blobs.c.sha256)
            .join(blobs, blobs.c.id == files.c.blob_id, isouter=True)
            .where(files.c.tree_id.in_(piece), named)
            .order_by(files.c.tree_id, files.c.position)
        )
        for tree_id, path, size, sha256 in rows:
            found[tree_id].append(ModelFile(path, size, sha256))
    return found


# --- descent -------------------------------------------------------------------------------------


def descents(connection: Connection, names: Iterable[str] | None) -> list[Descent]:
    """The bases of which tracked fine-tunes are known, with how large those and tracked adapters are, by
    name. names: only where the base or a derivative is one of them, of which then all derivatives count."""
    listed = None if names is None else list(names)
    derivatives = models.alias("derivatives")
    query = (
        select(edges.c.base_id, edges.c.derivative_id, edges.c.relation)
        .join(derivatives, derivatives.c.id == edges.c.derivative_id)
        .where(
            edges.c.relation.in_([Relation.FINETUNE, Relation.ADAPTER]),
            derivatives.c.tracked,
            edges.c.base_id != edges.c.derivative_id,
        )
        .order_by(edges.c.base_id, edges.c.derivative_id)
    )
    if listed is not None:
        inside = select(models.c.id).where(chosen(connection, listed))
        theirs = select(edges.c.base_id).where(edges.c.derivative_id.in_(inside))
        query = query.where(or_(edges.c.base_id.in_(inside), edges.c.base_id.in_(theirs)))
    made: defaultdict[int, dict[Relation, list[int]]] = defaultdict(lambda: defaultdict(list))
    for base_id, derivative_id, relation in connection.execute(query):
        made[base_id][relation].append(derivative_id)
    made = defaultdict(dict, {base: some for base, some in made.items() if Relation.FINETUNE in some})
    weights = copy_sizes(
        connection, {*made, *(one for some in made.values() for ids in some.values() for one in ids)}
    )
    bases = names_of(connection, made)
    found = [
        Descent(
            bases[base_id],
            weights.get(base_id),
            _sizes(weights, some[Relation.FINETUNE]),
            _sizes(weights, some.get(Relation.ADAPTER, ())),
        )
        for base_id, some in made.items()
    ]
    return sorted(found, key=lambda one: one.base)


def _sizes(weights: Mapping[int, int], ids: Iterable[int]) -> tuple[int | None, ...]:
    return tuple(sorted((weights.get(one) for one in ids), key=lambda size: (size is None, size or 0)))


def copy_sizes(connection: Connection, model_ids: Iterable[int]) -> dict[int, int]:
    """Bytes of one copy of the weights, from files, else from the numbers stored; unknown ones missing."""
    found: dict[int, int] = {}
    for piece in chunks(sorted(model_ids)):
        rows = connection.execute(
            select(models.c.id, trees.c.copy_bytes)
            .join(snapshots, SHOWN)
            .join(trees, trees.c.id == snapshots.c.tree_id, isouter=True)
            .where(models.c.id.in_(piece))
        ).all()
        numbers = numbers_of(connection, [row.id for row in rows if not row.copy_bytes])
        for row in rows:
            size = row.copy_bytes or stored_bytes(numbers.get(row.id, {}))
            if size:
                found[row.id] = size
    return found


# --- families ------------------------------------------------------------------------------------


def roots(connection: Connection, names: Iterable[str]) -> dict[str, str]:
    """The model each of those, by present name, goes back to; one without a base is its own root.

    Of several bases the closest relation counts (what was tuned before what was merged), then the first
    name. Where bases go round in a circle the first name in it is the root. Datasets are no bases.
    """
    asked = find_ids(connection, names)
    above = _bases_above(connection, set(asked.values()))
    named = names_of(connection, {*asked.values(), *above, *above.values()})
    known: dict[int, int] = {}
    return {named[one]: named[_root(one, above, named, known)] for one in sorted(set(asked.values()))}


def _bases_above(connection: Connection, start: set[int]) -> dict[int, int]:
    """The one base that counts, of everything on the way up."""
    found: dict[int, int] = {}
    seen, level = set(start), start
    while level:
        best: dict[int, tuple[int, str, int]] = {}
        for piece in chunks(sorted(level)):
            rows = connection.execute(
                select(edges.c.derivative_id, edges.c.base_id, edges.c.relation, models.c.repo_id)
                .join(models, models.c.id == edges.c.base_id)
                .where(
                    edges.c.derivative_id.in_(piece),
                    edges.c.relation != Relation.TRAINED_ON,
                    edges.c.base_id != edges.c.derivative_id,
                )
            )
            for derivative_id, base_id, relation, name in rows:
                rank = (_STEPS[relation], name, base_id)
                best[derivative_id] = min(rank, best.get(derivative_id, rank))
        found |= {derivative_id: base_id for derivative_id, (_, _, base_id) in best.items()}
        level = {base_id for _, _, base_id in best.values()} - seen
        seen |= level
    return found


def _root(one: int, above: Mapping[int, int], named: Mapping[int, str], known: dict[int, int]) -> int:
    """Follow `above` to its end; `known` remembers the root of everything passed."""
    way: dict[int, None] = {}
    while one in above and one not in known and one not in way:
        way[one] = None
        one = above[one]
    if one in known:
        root = known[one]
    elif one in way:
        passed = list(way)
        root = min(passed[passed.index(one) :], key=named.__getitem__)
    else:
        root = one
    known |= dict.fromkeys(way, root)
    return root
