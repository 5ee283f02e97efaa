"""The part of the lineage one audit looks at, with everything read and propagated."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from registry.licenses.atoms import Atom, Kind, atoms_of, is_multimodal
from registry.licenses.facts import AuditModel
from registry.licenses.policy import Policy
from registry.licenses.propagate import Held, arriving, effective
from registry.licenses.signals import Declaration, State, read_declaration
from registry.licenses.table import LicenseTable, Terms
from registry.model.edges import Edge, Relation

WEIGHTS = frozenset(set(Relation) - {Relation.DISTILLED, Relation.TRAINED_ON})
"""Relations along which weights themselves are passed on."""


class World:
    """All models an audit needs: the targets and whatever is above them."""

    def __init__(
        self,
        models: Mapping[str, AuditModel],
        targets: Iterable[str],
        *,
        policy: Policy,
        table: LicenseTable,
        as_of: datetime | None,
    ) -> None:
        self.policy, self.table, self.as_of = policy, table, as_of
        self.models = dict(_needed(models, targets))
        self._everything = models
        self._past: dict[tuple[str, datetime | None], Declaration] = {}

    @cached_property
    def _by_lower_name(self) -> Mapping[str, str]:
        return {name.casefold(): name for name in sorted(self.models, reverse=True)}

    def find(self, name: str) -> AuditModel | None:
        """A model by name; in another case too, as links write it."""
        return self.models.get(name) or self.models.get(self._by_lower_name.get(name.casefold(), ""))

    def declaration(self, name: str, at: datetime | None = None) -> Declaration:
        """What a model declared at a time, by default the time of the audit."""
        moment = at or self.as_of
        if (name, moment) not in self._past:
            self._past[name, moment] = read_declaration(self.models[name], self.table, self.find, moment)
        return self._past[name, moment]

    @cached_property
    def edges(self) -> tuple[Edge, ...]:
        """All edges between models, datasets left out."""
        return tuple(
            edge
            for model in self.models.values()
            for edge in model.bases
            if edge.relation is not Relation.TRAINED_ON
        )

    @cached_property
    def held(self) -> Mapping[str, Mapping[Atom, Held]]:
        """Every atom of every model, with the way it came."""
        own = {name: tuple(self._own(model)) for name, model in self.models.items()}
        for edge in self.edges:
            # A base nobody has ever looked at is a model all the same: one that is a gap.
            own.setdefault(edge.base, (Atom(Kind.GAP, "", edge.base),))
        return effective(own, self.edges, self.table)

    def terms(self, id_: str) -> Terms:
        """A license by an id that is known to be in the table."""
        return self.table.terms[id_]

    def shown(self, name: str) -> str | None:
        """What a model declares, as shown in a chain: ids where understood, else its own words."""
        if name not in self.models:
            return None
        declaration = self.declaration(name)
        return " AND ".join(declaration.declared) or declaration.shown

    def _own(self, model: AuditModel) -> Iterator[Atom]:
        declaration = self.declaration(model.repo_id)
        for id_ in declaration.own:
            terms = self.terms(id_)
            yield from atoms_of(terms, multimodal=is_multimodal(model.task, model.name))
            if terms.value("commercial") == "unknown":
                yield Atom(Kind.UNKNOWN, "", model.repo_id)
        if declaration.known:
            return
        if declaration.state is State.UNKNOWN:
            yield Atom(Kind.UNKNOWN, "", model.repo_id)
        else:
            yield Atom(Kind.UNLICENSED if model.known else Kind.GAP, "", model.repo_id)


def _needed(models: Mapping[str, AuditModel], targets: Iterable[str]) -> Iterator[tuple[str, AuditModel]]:
    """The targets and all models above them, datasets included, in alphabetical order."""
    waiting = [name for name in targets if name in models]
    seen = set(waiting)
    while waiting:
        for edge in models[waiting.pop()].bases:
            if edge.base not in seen and edge.base in models:
                seen.add(edge.base)
                waiting.append(edge.base)
    for name in sorted(seen):
        yield name, models[name]


@dataclass(frozen=True, slots=True)
class Case:
    """One model under judgement, in its world. own: atoms of its own; above: what its bases pass on to it."""

    model: AuditModel
    declaration: Declaration
    own: Mapping[Atom, Held]
    above: Mapping[Atom, Held]
    world: World

    @classmethod
    def of(cls, name: str, world: World) -> Case:
        model = world.models[name]
        own = {atom: held for atom, held in world.held[name].items() if held.length == 0}
        return cls(model, world.declaration(name), own, arriving(model.bases, world.held, world.table), world)

    @property
    def declared(self) -> tuple[Terms, ...]:
        """The licenses it is offered under."""
        return tuple(self.world.terms(id_) for id_ in self.declaration.declared)

    def inherited(self, *kinds: Kind) -> list[Held]:
        """Atoms of these kinds that came from above, the most binding way of each license and detail."""
        return _heaviest(self.above.values(), kinds)

    def reaching(self, *kinds: Kind) -> list[Held]:
        """As `inherited`, the model's own atoms included."""
        return _heaviest((*self.own.values(), *self.above.values()), kinds)


def _heaviest(candidates: Iterable[Held], kinds: tuple[Kind, ...]) -> list[Held]:
    best: dict[tuple[Kind, str, str], Held] = {}
    for held in candidates:
        if held.atom.kind not in kinds:
            continue
        key = (held.atom.kind, held.atom.license, held.atom.detail)
        if key not in best or _weight(held) < _weight(best[key]):
            best[key] = held
    return [best[key] for key in sorted(best)]


def _weight(held: Held) -> tuple[bool, int, tuple[str, ...], Atom]:
    return held.atom.adapter, held.length, tuple(step.model for step in held.way()), held.atom
