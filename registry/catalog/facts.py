"""Training facts: what sources and people say of how a model was made, each with its own source."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from registry.catalog.names import find_ids
from registry.catalog.tables import training_facts
from registry.model.refs import SourceName
from registry.model.snapshot import TrainingFact


def keep_facts(
    connection: Connection,
    model_id: int,
    by: SourceName | None,
    facts: Sequence[TrainingFact],
    at: datetime,
    *,
    current: bool = True,
) -> None:
    """Make `facts` all that a source tells of a model now. By hand (`by=None`) they are added to what was
    said before. With `current=False` they are only recorded."""
    told_by = training_facts.c.told_by.is_(None) if by is None else training_facts.c.told_by == by
    kept = {
        fact_of(row): row
        for row in connection.execute(
            select(training_facts)
            .where(training_facts.c.model_id == model_id, told_by)
            .order_by(training_facts.c.observed_at, training_facts.c.id)
        )
    }
    fresh = []
    latest = {row.name: row for row in kept.values()}
    for fact in dict.fromkeys(facts):
        row = kept.get(fact)
        # What people say again after having said something else is their newest word.
        returned = by is None and row is not None and latest[fact.name].id != row.id
        if row is None:
            fresh.append(_row(model_id, by, fact, at, current))
        elif current and (returned or not row.current):
            connection.execute(
                update(training_facts)
                .where(training_facts.c.id == row.id)
                .values(current=True, observed_at=at)
            )
    if fresh:
        connection.execute(insert(training_facts), fresh)
    if current and by is not None:
        told = set(facts)
        gone = [row.id for fact, row in kept.items() if row.current and fact not in told]
        if gone:
            connection.execute(
                update(training_facts).where(training_facts.c.id.in_(gone)).values(current=False)
            )


def load_facts(
    connection: Connection, model_id: int, by: SourceName | None = None, *, past: bool = False
) -> list[tuple[datetime, TrainingFact]]:
    """The facts told of a model, oldest first. by: only those of that source. past: also those its source
    no longer tells."""
    query = (
        select(training_facts)
        .where(training_facts.c.model_id == model_id)
        .order_by(training_facts.c.observed_at, training_facts.c.id)
    )
    if by is not None:
        query = query.where(training_facts.c.told_by == by)
    if not past:
        query = query.where(training_facts.c.current)
    return [(row.observed_at, fact_of(row)) for row in connection.execute(query)]


def facts_of(connection: Connection, name: str, *, past: bool) -> list[tuple[datetime, TrainingFact]]:
    """The facts told of the model that any name means."""
    return [
        told
        for model_id in find_ids(connection, [name]).values()
        for told in load_facts(connection, model_id, past=past)
    ]


def facts_by_model(connection: Connection, ids: Sequence[int]) -> dict[int, tuple[TrainingFact, ...]]:
    """The facts told of several models, oldest first; models without any are missing."""
    found: defaultdict[int, list[TrainingFact]] = defaultdict(list)
    rows = connection.execute(
        select(training_facts)
        .where(training_facts.c.model_id.in_(ids), training_facts.c.current)
        .order_by(training_facts.c.model_id, training_facts.c.observed_at, training_facts.c.id)
    )
    for row in rows:
        found[row.model_id].append(fact_of(row))
    return {model_id: tuple(told) for model_id, told in found.items()}


def fact_of(row: Row[Any]) -> TrainingFact:
    return TrainingFact(row.name, json.loads(row.value), row.source, row.origin, row.note)


def _row(
    model_id: int, by: SourceName | None, fact: TrainingFact, at: datetime, current: bool
) -> dict[str, object]:
    return {
        "model_id": model_id,
        "told_by": by,
        "name": fact.name,
        "value": json.dumps(fact.value, ensure_ascii=False),
        "source": fact.source,
        "origin": fact.origin,
        "note": fact.note,
        "current": current,
        "observed_at": at,
    }
