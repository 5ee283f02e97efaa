"""The figures the case for reuse rests on, worked out again from their inputs.

`data/claims.toml` has each figure with the function that gives it and what the function is given; what it
comes to is nowhere written down. A figure that does not come out as told stays different, with the reason.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any

from registry.economics.formulas import FORMULAS, Formula

ROUNDING = 1e-9
"""How far apart two figures may be, as a share, and still be the same: what floating point leaves."""


class Label(StrEnum):
    """What a match is worth. model: every input has a source of its own; inferred: an input was chosen so
    that the figure is met, so that a match proves consistency and no more; exact: arithmetic on figures of
    the text; check: a figure of somebody else; fact: the figure against its source."""

    MODEL = "model"
    INFERRED = "inferred"
    EXACT = "exact"
    CHECK = "check"
    FACT = "fact"


class Verdict(StrEnum):
    PASS = "pass"  # noqa: S105
    DIFFERS = "differs"
    NO_SEED = "no seed"


class Place(StrEnum):
    """Where an input is looked up, by the key that names it."""

    VALUE = "value"
    CLAIM = "claim"
    PAPER = "paper"
    ROW = "row"
    STORAGE = "storage"
    TOKENS = "tokens"
    CHIP = "chip"


@dataclass(frozen=True, slots=True)
class Input:
    """One input as the data file has it. key: what `place` is asked for; fact: which fact of it."""

    name: str
    place: Place
    key: Any
    fact: str | None = None
    unit: str | None = None
    source: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """What a place tells: something a formula can work with, how it is shown, and who says so."""

    value: Any
    shown: float | int | str
    unit: str | None
    source: str | None


@dataclass(frozen=True, slots=True)
class Given:
    """An input as it was used."""

    name: str
    shown: float | int | str
    unit: str | None
    source: str
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """One figure. seed: as told, `None` where the text tells none; tolerance: per cent off at which it still
    counts as met. why: what explains a difference."""

    id: str
    text: str
    seed: float | None
    unit: str
    formula: Formula
    label: Label
    tolerance: float
    inputs: tuple[Input, ...]
    source: str
    note: str | None = None
    why: str | None = None

    @property
    def scale(self) -> float:
        """What a formula's answer is multiplied by: they give shares, a claim may be in per cent."""
        return 100 if self.unit.startswith("%") else 1


@dataclass(frozen=True, slots=True)
class Reproduced:
    """A claim worked out again. deviation: in per cent of the figure told."""

    claim: Claim
    value: float
    given: tuple[Given, ...]

    @property
    def deviation(self) -> float | None:
        seed = self.claim.seed
        return None if not seed else 100 * (self.value - seed) / seed

    @property
    def verdict(self) -> Verdict:
        if self.deviation is None:
            return Verdict.NO_SEED
        within = abs(self.deviation) <= self.claim.tolerance + 100 * ROUNDING
        return Verdict.PASS if within else Verdict.DIFFERS


LookUp = Callable[[Input], Found]
"""Finds what is told of an input of another place than `value` and `claim`; raises `LookupError`."""


@cache
def load_claims() -> tuple[Claim, ...]:
    """The claims the package ships."""
    return read_claims(files("registry.economics").joinpath("data/claims.toml").read_text(encoding="utf-8"))


def read_claims(text: str) -> tuple[Claim, ...]:
    """Claims from TOML in the shape of the shipped file. Raises `ValueError` naming the claim at fault."""
    claims = []
    for row in tomllib.loads(text)["claim"]:
        try:
            claims.append(_claim(row))
        except (KeyError, ValueError) as error:
            raise ValueError(f"the claim {row.get('id')!r}: {error}") from None
    if len({claim.id for claim in claims}) != len(claims):
        raise ValueError("two claims have one id")
    return tuple(claims)


def recompute(claims: Sequence[Claim], look_up: LookUp) -> tuple[Reproduced, ...]:
    """Every claim worked out, in the order given. Raises `ValueError` naming a claim whose inputs lead in a
    circle, are not found, or are none its function can work with."""
    by_id = {claim.id: claim for claim in claims}
    done: dict[str, Reproduced] = {}
    under_way: list[str] = []

    def work_out(claim_id: str) -> Reproduced:
        if claim_id in done:
            return done[claim_id]
        if claim_id in under_way:
            raise ValueError(f"the claim {claim_id!r} is worked out from itself")
        under_way.append(claim_id)
        claim = by_id[claim_id]
        found = {one.name: _find(one, work_out, look_up) for one in claim.inputs}
        value = claim.scale * claim.formula.call(**{name: one.value for name, one in found.items()})
        given = tuple(_given(claim, one, found[one.name]) for one in claim.inputs)
        done[claim_id] = Reproduced(claim, value, given)
        under_way.pop()
        return done[claim_id]

    for claim in claims:
        try:
            work_out(claim.id)
        except (LookupError, TypeError, ValueError) as error:
            raise ValueError(f"the claim {claim.id!r} cannot be worked out: {error}") from error
    return tuple(done[claim.id] for claim in claims)


def _find(one: Input, work_out: Callable[[str], Reproduced], look_up: LookUp) -> Found:
    if one.place is Place.CLAIM:
        other = work_out(one.key)
        return Found(other.value, other.value, other.claim.unit, f"{one.key}, worked out here")
    if one.place is Place.VALUE:
        shown = one.key.isoformat() if isinstance(one.key, date) else one.key
        return Found(one.key, shown, None, None)
    return look_up(one)


def _given(claim: Claim, one: Input, found: Found) -> Given:
    source = one.source or found.source or claim.source
    return Given(one.name, found.shown, one.unit or found.unit, source, one.note)


def _claim(row: Mapping[str, Any]) -> Claim:
    formula = FORMULAS.get(row["function"])
    if formula is None:
        raise ValueError(f"no function is named {row['function']!r}")
    return Claim(
        id=row["id"],
        text=row["text"],
        seed=row.get("seed"),
        unit=row["unit"],
        formula=formula,
        label=Label(row["label"]),
        tolerance=row["tolerance"],
        inputs=tuple(_input(name, told) for name, told in row["inputs"].items()),
        source=row["source"],
        note=row.get("note"),
        why=row.get("why"),
    )


def _input(name: str, told: Mapping[str, Any]) -> Input:
    places = [place for place in Place if place in told]
    if len(places) != 1:
        raise ValueError(f"the input {name!r} must be one of {', '.join(Place)}")
    (place,) = places
    return Input(
        name, place, told[place], told.get("fact"), told.get("unit"), told.get("source"), told.get("note")
    )
