"""Names around a model, asked of a catalog file without the database library.

Importing that library takes as long as finding a hundred thousand derivatives. Whatever is not plain is
answered with `None`: a server, a file that is absent, older, newer, locked or damaged, a name that is not
exactly a model's. The catalog proper then gives the answer, or the reason why there is none.
"""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path

from registry.catalog.revisions import REVISIONS

# The names of a cross join stay in that order: first the array, then what the index has for each.
_DOWN = "SELECT derivative_id FROM json_each(?) CROSS JOIN edges ON base_id = value"
_UP = "SELECT base_id FROM json_each(?) CROSS JOIN edges ON derivative_id = value"
_NAMES = "SELECT CAST(repo_id AS text) FROM json_each(?) CROSS JOIN models ON models.id = value"


def names_below(place: str, repo_id: str) -> list[str] | None:
    """Everything made from a model, directly or not, nearest first, then by name; the model itself is not
    among it."""
    found = names_around(place, repo_id, up=0)
    return None if found is None else found[1:]


def names_around(
    place: str, repo_id: str, *, up: int | None = None, down: int | None = None, limit: int | None = None
) -> list[str] | None:
    """What a model was made from, farthest first, the model, and what was made of it, nearest first; within
    a generation by name. The rest as in `registry.lineage.graph.view`."""
    path = Path(place)
    if "://" in place or not path.is_file() or not os.access(path.parent, os.W_OK):
        return None
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True)) as connection:
            connection.isolation_level = None
            connection.execute("BEGIN")
            versions = connection.execute("SELECT version_num FROM alembic_version").fetchall()
            known = connection.execute("SELECT id FROM models WHERE repo_id = ?", (repo_id,)).fetchone()
            if versions != [(REVISIONS[-1],)] or known is None:
                return None
            return _around(connection, known[0], up, down, limit)
    except (sqlite3.Error, LookupError):
        return None


def _around(
    connection: sqlite3.Connection, start: int, up: int | None, down: int | None, limit: int | None
) -> list[str]:
    above = _levels(connection, start, _UP, up)
    below = _levels(connection, start, _DOWN, down)
    kept = [name for level in below[1:] for name in level][:limit]
    if len(above) == 1:
        return above[0] + kept
    # A model on both sides (a circle) counts by its nearer one; above where both are as near.
    steps_up = {name: steps for steps, level in enumerate(above) for name in level}
    both = steps_up.keys() & set(kept)
    steps_down = {name: steps for steps, level in enumerate(below) for name in level} if both else {}
    nearer = {name for name in both if steps_down[name] < steps_up[name]}
    upper = [name for level in reversed(above) for name in level if name not in nearer]
    return upper + [name for name in kept if name in nearer or name not in both]


def _levels(connection: sqlite3.Connection, start: int, query: str, depth: int | None) -> list[list[str]]:
    """The names of the model, of its neighbours, of theirs, and so on, each model once."""
    level, seen = {start}, {start}
    levels: list[list[str]] = []
    while level:
        array = json.dumps(sorted(level))
        levels.append(sorted(name for (name,) in connection.execute(_NAMES, (array,))))
        if len(levels[-1]) != len(level):
            raise LookupError("an edge without a model")
        if len(levels) - 1 == depth:
            break
        level = {model for (model,) in connection.execute(query, (array,))} - seen
        seen |= level
    return levels
