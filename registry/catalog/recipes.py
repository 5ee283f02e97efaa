"""Patterns as rows: what a pattern says of all its models, ready to be written for each of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from registry.catalog.clean import clean_snapshot
from registry.catalog.codes import FIELD, ORIGIN, RELATION, STATE, bits_of
from registry.catalog.looks import details_of, licenses_apart, pack
from registry.catalog.tags import pack_tags
from registry.catalog.traits import (
    SHARED,
    Traits,
    counts_apart,
    parameters_of,
    served_apart,
    traits_of,
    with_traits,
)
from registry.catalog.types import phrase
from registry.lineage.resolve import resolve
from registry.model.bulk import Pattern
from registry.model.edges import Claim, Edge
from registry.model.refs import SourceName

CLAIM = (
    *("derivative_id", "position", "base_id", "origin", "relation", "detail", "revision"),
    *("declared", "named", "note", "denied"),
)
"""Columns of `edge_claims` that differ from claim to claim; the last four do so in few."""
EDGE = ("derivative_id", "base_id", "relation", "origins", "resolved_from", "state")
"""The same of `edges`; the last two."""
PLAIN_CLAIM, PLAIN_EDGE = CLAIM[:7], EDGE[:4]

_LICENSE = [column.name for column in SHARED].index("license")
DECLARED = STATE.number("declared")


@dataclass(frozen=True, slots=True)
class ClaimPart:
    """A claim: its place, its base by number among the names a row fills in (`None` while unresolved), the
    columns from `origin` to `detail`, `declared` and `named` where they are not the base's name, the rest."""

    position: int
    base: int | None
    said: tuple[int, int, str | None]
    declared: str | None
    named: str | None
    rest: tuple[str | None, bool]


@dataclass(frozen=True, slots=True)
class Recipe:
    """What to write for a model of a plain pattern.

    names: bases that are the same for all models, numbered behind those a row fills in. edges: by base, the
    rest of an edge, as long as every base goes by its present name. usual: the claims (place, base, and the
    columns from `origin` to `detail`) and edges (base, relation, origins) where nothing else is to be told of
    any of them.
    """

    traits: Traits
    revision: str | None = None
    tags: bytes | None = None
    parameters: int | None = None
    served: int | None = None
    counts: tuple[tuple[str, int], ...] = ()
    licenses: tuple[tuple[Any, ...], ...] = ()
    details: bytes | None = None
    raw: tuple[tuple[str, bytes], ...] = ()
    claims: tuple[ClaimPart, ...] = ()
    said: tuple[Claim, ...] = ()
    names: tuple[str, ...] = ()
    edges: tuple[tuple[int, int, int, str | None, int], ...] = ()
    usual: tuple[list[tuple[int, int, int, int, str | None]], list[tuple[int, int, int]]] | None = None

    def stating(self, license_id: str | None) -> Traits:
        """The traits of a model of that license, where the pattern leaves it blank."""
        if license_id is None:
            return self.traits
        return (*self.traits[:_LICENSE], license_id, *self.traits[_LICENSE + 1 :])


def recipe_like(recipe: Recipe, pattern: Pattern) -> Recipe:
    """The recipe of a pattern that differs from that of another in library and task alone."""
    told = pattern.snapshot
    return replace(recipe, traits=with_traits(recipe.traits, library=told.library, task=told.task))


def is_plain(pattern: Pattern) -> bool:
    """Whether nothing a pattern says needs the general way of saving."""
    told = pattern.snapshot
    hub = told.source is SourceName.HUB
    return hub and not (told.removed or told.aliases or told.facts or told.files is not None)


def recipe_of(pattern: Pattern) -> Recipe:
    """What a plain pattern says, as rows. The same snapshot saved the general way would leave the same
    catalog."""
    told = clean_snapshot(pattern.snapshot)
    claims = tuple(
        {(c.origin, c.declared, c.base, c.relation, c.denied): c for c in reversed(told.claims)}.values()
    )
    claims = claims[::-1]
    names = list(pattern.bases)
    names += dict.fromkeys(c.base for c in claims if c.base is not None and c.base not in names)
    number = {name: place for place, name in enumerate(names)}
    traits = traits_of(told)
    parts = tuple(_claim_part(place, claim, number) for place, claim in enumerate(claims))
    edges = tuple((number[edge.base], *_edge_part(edge)) for edge in resolve(told.repo_id, claims))
    return Recipe(
        traits=traits,
        revision=told.revision,
        tags=pack_tags(told, told.claims),
        parameters=parameters_of(told.parameters),
        served=served_apart(told.parameters),
        counts=tuple(counts_apart(told.parameters).items()),
        licenses=tuple(
            (place, FIELD.number(field), *rest) for place, field, *rest in licenses_apart(told, traits)
        ),
        details=details_of(told),
        raw=tuple((one.kind, pack(one.data)) for one in told.raw),
        claims=parts,
        said=claims,
        names=tuple(names[len(pattern.bases) :]),
        edges=edges,
        usual=_usual(parts, edges),
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
    return [(model_id, ids[edge.base], *_edge_part(edge)) for edge in resolve(name, present)]


def _edge_part(edge: Edge) -> tuple[int, int, str | None, int]:
    return (
        RELATION.number(edge.relation),
        bits_of(edge.origins),
        edge.resolved_from,
        STATE.number(edge.state),
    )


def _claim_part(position: int, claim: Claim, number: dict[str, int]) -> ClaimPart:
    plain = claim.declared == claim.base
    return ClaimPart(
        position=position,
        base=None if claim.base is None else number[claim.base],
        said=(ORIGIN.number(claim.origin), RELATION.number(claim.relation), phrase(claim.detail)),
        declared=None if plain else claim.declared,
        named=None if plain else claim.base,
        rest=(claim.note, claim.denied),
    )


def _usual(
    parts: Sequence[ClaimPart], edges: Sequence[tuple[int, int, int, str | None, int]]
) -> tuple[list[tuple[int, int, int, int, str | None]], list[tuple[int, int, int]]] | None:
    claims = [
        (part.position, part.base, *part.said)
        for part in parts
        if part.base is not None and part.declared is part.named is None and part.rest == (None, False)
    ]
    links = [edge[:3] for edge in edges if edge[3:] == (None, DECLARED)]
    return (claims, links) if len(claims) == len(parts) and len(links) == len(edges) else None
