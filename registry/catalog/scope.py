"""The models a question is about: those of some names, or every tracked one."""

from __future__ import annotations

import json
from collections.abc import Iterable

from sqlalchemy import ARRAY, BigInteger, ColumnElement, Connection, any_, func, literal, select

from registry.catalog.names import find_ids
from registry.catalog.tables import models


def chosen(connection: Connection, names: Iterable[str] | None) -> ColumnElement[bool]:
    """A condition on `models`; however many the names are, it is one parameter. Unknown names mean none."""
    if names is None:
        return models.c.tracked
    ids = sorted(set(find_ids(connection, names).values()))
    if connection.dialect.name == "postgresql":
        return models.c.id == any_(literal(ids, ARRAY(BigInteger)))
    each = func.json_each(json.dumps(ids)).table_valued("value")
    return models.c.id.in_(select(each.c.value))
