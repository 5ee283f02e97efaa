"""Names that several texts go by, told apart by link, organisation, repository or date."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from fnmatch import fnmatchcase

from registry.licenses.facts import AuditModel
from registry.licenses.table import Terms, address_of
from registry.model.edges import Relation

_REPOSITORY = re.compile(r"huggingface\.co/([a-z0-9_][\w.-]*/[a-z0-9_][\w.-]*)(?:/|$)", re.IGNORECASE)
_PLACES = ("spaces/", "datasets/", "docs/", "blog/", "papers/", "collections/")
MAX_ANCESTORS = 1000


def repository_of(link: str) -> str | None:
    """The model a link into the Hub points at, lower case; `None` for anything else."""
    match = _REPOSITORY.match(address_of(link))
    if match is None or match[1].casefold().startswith(_PLACES):
        return None
    return match[1].casefold()


def told_apart(
    candidates: Sequence[Terms],
    model: AuditModel,
    linked: set[str],
    known: Callable[[str], AuditModel | None],
    as_of: datetime | None,
) -> Terms | None:
    """The one text meant by a shared name, `None` when no sign or more than one says which.

    Signs, strongest first: the link; who made the model or one above it; the names of those models; the
    day the model was made.
    """
    family = list(_lineage(model, known))
    signs = (
        [one for one in candidates if one.id in linked],
        _first(candidates, family, lambda one, m: m.organisation in one.orgs) if _differ(candidates) else [],
        _first(candidates, family, lambda one, m: any(fnmatchcase(m.name.casefold(), p) for p in one.names)),
        _by_date(candidates, model.created_at or as_of),
    )
    return next((found[0] for found in signs if len(found) == 1), None)


def _differ(candidates: Sequence[Terms]) -> bool:
    """Whether the organisation can tell them apart at all."""
    return len({one.orgs for one in candidates}) == len(candidates)


def _first(
    candidates: Sequence[Terms], family: Sequence[AuditModel], fits: Callable[[Terms, AuditModel], bool]
) -> list[Terms]:
    """The candidates that fit the nearest model any of them fits."""
    for model in family:
        found = [one for one in candidates if fits(one, model)]
        if found:
            return found
    return []


def _by_date(candidates: Sequence[Terms], day: datetime | None) -> list[Terms]:
    if day is None:
        return []
    made = day.date()
    return [
        one
        for one in candidates
        if (one.since or one.until) and (one.since or made) <= made <= (one.until or made)
    ]


def _lineage(model: AuditModel, known: Callable[[str], AuditModel | None]) -> Iterator[AuditModel]:
    """The model and all above it, nearest first, each once."""
    seen = {model.repo_id}
    level = [model]
    while level and len(seen) <= MAX_ANCESTORS:
        yield from level
        names = sorted(
            {e.base for m in level for e in m.bases if e.relation is not Relation.TRAINED_ON} - seen
        )
        seen.update(names)
        level = [above for name in names if (above := known(name)) is not None]
