"""Patterns as rows: what a pattern says of all its models, ready to be written for each of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from registry.catalog.claims import edge_row
from registry.catalog.clean import clean_snapshot
from registry.catalog.looks import columns_of, details_of, pack
from registry.catalog.tags import pack_tags
from registry.catalog.types import phrase
from registry.lineage.resolve import resolve
from registry.model.bulk import Pattern
from registry.model.edges import Claim
from registry.model.refs import SourceName

SNAPSHOT = (
    *("id", "model_id", "commit_sha", "created_at", "last_modified", "used_storage", "imprint"),
    *("parameters", "logical_parameters", "served_parameters"),
    *("source", "removed", "revision", "private", "gated", "disabled", "library", "task", "license"),
    *("license_by", "tags", "new_version", "parameters_origin", "parameters_rule"),
    *("parameters_contradiction", "observed_at", "last_seen_at"),
)
"""Columns of `snapshots` as a recipe fills them: ten that differ from model to model, then the rest."""
CLAIM = (
    *("derivative_id", "position", "base_id", "told_by", "origin", "relation", "declared", "named", "detail"),
    *("note", "denied", "current", "revision", "observed_at"),
)
EDGE = ("derivative_id", "base_id", "relation", "origins", "resolved_from", "state")

_CONSTANT = SNAPSHOT[10:-2]
_LICENSE, _LIBRARY, _TASK = (_CONSTANT.index(name) for name in ("license", "library", "task"))


@dataclass(frozen=True, slots=True)
class ClaimPart:
    """A claim: its base by number among the names a row fills in (`None` while unresolved), what stands
    before and behind the columns `declared` and `named`, and these where they are not the base's name."""

    base: int | None
    declared: str | None
    named: str | None
    head: tuple[Any, ...]
    tail: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Recipe:
    """What to write for a model. plain: none of it needs the general way of saving.

    names: bases that are the same for all models, numbered behind those a row fills in. edges: by base,
    relation, origins and what else an edge says, as long as every base goes by its present name.
    """

    plain: bool
    snapshot: tuple[Any, ...] = ()
    counts: tuple[tuple[str, int], ...] = ()
    logical: tuple[int | None, int | None, int | None] = (None, None, None)
    licenses: tuple[tuple[Any, ...], ...] = ()
    details: bytes | None = None
    raw: tuple[tuple[str, bytes], ...] = ()
    claims: tuple[ClaimPart, ...] = ()
    said: tuple[Claim, ...] = ()
    names: tuple[str, ...] = ()
    edges: tuple[tuple[int, str, str, str | None, str], ...] = ()

    def stating(self, license_id: str) -> tuple[Any, ...]:
        """The constant columns of `snapshots` for a model of that license."""
        return (*self.snapshot[:_LICENSE], license_id, *self.snapshot[_LICENSE + 1 :])


def recipe_like(recipe: Recipe, pattern: Pattern) -> Recipe:
    """The recipe of a pattern that differs from that of another in library and task alone."""
    if not recipe.plain:
        return recipe
    told = list(recipe.snapshot)
    told[_LIBRARY], told[_TASK] = pattern.snapshot.library, pattern.snapshot.task
    return replace(recipe, snapshot=tuple(told))


def recipe_of(pattern: Pattern) -> Recipe:
    """What a pattern says, as rows. The same snapshot saved the general way would leave the same catalog."""
    told = pattern.snapshot
    if (
        told.source is not SourceName.HUB
        or told.removed
        or told.aliases
        or told.facts
        or told.files is not None
    ):
        return Recipe(plain=False)
    told = clean_snapshot(told)
    claims = tuple(
        {(c.origin, c.declared, c.base, c.relation, c.denied): c for c in reversed(told.claims)}.values()
    )
    claims = claims[::-1]
    names = list(pattern.bases)
    names += dict.fromkeys(c.base for c in claims if c.base is not None and c.base not in names)
    number = {name: place for place, name in enumerate(names)}
    columns = columns_of(told)
    columns |= {
        "source": str(told.source),
        "removed": False,
        "tags": pack_tags(told, told.claims),
        "parameters_rule": phrase(columns["parameters_rule"]),
    }
    count = told.parameters
    return Recipe(
        plain=True,
        snapshot=tuple(columns[name] for name in _CONSTANT),
        counts=() if count is None else tuple(count.by_dtype.items()),
        logical=(columns["parameters"], columns["logical_parameters"], columns["served_parameters"]),
        licenses=()
        if columns["license_by"] is not None
        else tuple((place, str(one.field), one.value, one.origin) for place, one in enumerate(told.licenses)),
        details=details_of(told),
        raw=tuple((one.kind, pack(one.data)) for one in told.raw),
        claims=tuple(_claim_part(claim, number) for claim in claims),
        said=claims,
        names=tuple(names[len(pattern.bases) :]),
        edges=tuple(
            (number[edge.base], str(edge.relation), ",".join(edge.origins), edge.resolved_from, edge.state)
            for edge in resolve(told.repo_id, claims)
        ),
    )


def claims_with(recipe: Recipe, pattern: Pattern, named: Sequence[str]) -> list[Claim]:
    """The claims of a model that fills in those names."""
    filled = dict(zip((*pattern.bases, *recipe.names), named, strict=True))
    return [
        replace(
            claim,
            base=None if claim.base is None else filled[claim.base],
            declared=filled.get(claim.declared, claim.declared),
        )
        for claim in recipe.said
    ]


def edges_of(
    model_id: int, name: str, claims: Sequence[Claim], meant: dict[str, tuple[int, str]]
) -> list[tuple[Any, ...]]:
    """The rows of edges where a base goes by another name than its present one."""
    present = [claim if claim.base is None else replace(claim, base=meant[claim.base][1]) for claim in claims]
    ids = {present_name: base_id for base_id, present_name in meant.values()}
    rows = (edge_row(edge, model_id, ids[edge.base]) for edge in resolve(name, present))
    return [tuple(row[column] for column in EDGE) for row in rows]


def _claim_part(claim: Claim, number: dict[str, int]) -> ClaimPart:
    plain = claim.declared == claim.base
    return ClaimPart(
        base=None if claim.base is None else number[claim.base],
        declared=None if plain else claim.declared,
        named=None if plain else claim.base,
        head=(str(SourceName.HUB), str(claim.origin), str(claim.relation)),
        tail=(phrase(claim.detail), claim.note, claim.denied, True),
    )
