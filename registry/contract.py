"""What a guest may add, and the host that takes it in.

A plugin is a package with an entry point in the group `registry.plugins` that names a function
`register(host: PluginHost) -> None`. It adds savings models, exporters and commands through the host;
two guests that bring the same name are an error, one that fails to load is left out and listed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType
from typing import Any, Protocol

from registry.errors import PluginConflict
from registry.model.edges import Edge, Relation
from registry.model.estimate import Estimate, Saving
from registry.model.records import ModelBrief, Problem, Sizes
from registry.model.refs import ModelRef
from registry.model.snapshot import Gate, LicenseClaim, ModelSnapshot
from registry.model.training import TrainingEstimate, TrainingInputs

HOUSE = "registry"
"""The owner of what no guest brought."""


@dataclass(frozen=True, slots=True)
class Want:
    """How much of a model to read. headers: the safetensors headers of every shard; deep: files of the
    repository that carry claims (`config.json` counts as a download on the Hub, so never by default).
    listed: the commit whose file list is known whole already and need not be asked for again. hashes: read
    files on this disk as a whole, for the hashes of their contents; other sources tell theirs."""

    headers: bool = False
    deep: bool = False
    hashes: bool = False
    listed: str | None = None


class Source(Protocol):
    """A place that tells facts about models. All methods may be called from several threads at once."""

    def fetch(self, ref: ModelRef, want: Want) -> ModelSnapshot:
        """Read one model. Raises a `SourceError` when it cannot; never returns a partial guess."""
        ...

    def derivatives(self, ref: ModelRef, relation: Relation, limit: int) -> Sequence[str]:
        """The `repo_id`s of up to `limit` most used direct derivatives, most used first."""
        ...


@dataclass(frozen=True, slots=True)
class Subject:
    """A model as cost and savings models see it. sizes: `None` where no file list was read.

    weight_bytes: of one copy of its weights, `None` where unknown; weights_told: `files` when read from
    their sizes, `dtypes` when worked out from how many numbers of which type it holds.
    """

    brief: ModelBrief
    training: TrainingInputs
    sizes: Sizes | None = None
    weight_bytes: int | None = None
    weights_told: str | None = None


@dataclass(frozen=True, slots=True)
class TokenPrice:
    """What a model behind an API asks, in USD per million tokens, on a day."""

    id: str
    input: float
    output: float
    day: str
    source: str


class Economy(Protocol):
    """What things cost, from dated tables. The house's own, with a cost model of the user's choice."""

    @property
    def today(self) -> date:
        """The day prices are asked for."""
        ...

    def training(self, inputs: TrainingInputs, at: date | None = None) -> TrainingEstimate:
        """What making a model takes, at prices of that day (`None`: of its own time)."""
        ...

    def storage(self, size: int) -> Estimate:
        """What keeping `size` bytes for a year costs, in `USD/year`."""
        ...

    def tokens(self, name: str) -> TokenPrice | None:
        """What an API asked for tokens of that model."""
        ...

    def assumed(self, name: str) -> Estimate:
        """The default of that name, or what the user assumes in its place. Raises `BadSettings` for a name
        that no table of defaults has."""
        ...


class CostModel(Protocol):
    """A way to work out what making a model takes, in place of the house's."""

    name: str
    summary: str

    def training(self, inputs: TrainingInputs, at: date | None = None) -> TrainingEstimate:
        """What cannot be told is `None`; raises nothing for facts that are missing."""
        ...


@dataclass(frozen=True, slots=True)
class ReuseCase:
    """One model with what it was made from, as a savings model sees it.

    bases: what it was made from directly; further: what those were made from in turn, nearest first, each
    once and none that stands among the bases, with the relation of the model on the way that was made from
    it. derivatives: how many models of the catalog were made directly from each base, by its `repo_id` and
    by relation.
    """

    model: Subject
    bases: tuple[tuple[Subject, Relation], ...]
    economy: Economy
    derivatives: Mapping[str, Mapping[Relation, int]] = field(default_factory=lambda: MappingProxyType({}))
    further: tuple[tuple[Subject, Relation], ...] = ()


class SavingsModel(Protocol):
    """A strategy that works out what one reuse saved."""

    name: str
    summary: str

    def savings(self, case: ReuseCase) -> Sequence[Saving]:
        """The savings of this case; empty when the strategy does not apply or facts are missing."""
        ...


@dataclass(frozen=True, slots=True)
class LineageView:
    """A part of the lineage graph around `root`; what exporters draw and `lineage` prints.

    depth: signed distance by `repo_id`, negative towards bases, 0 for the root.
    """

    root: str
    nodes: tuple[ModelBrief, ...]
    edges: tuple[Edge, ...]
    depth: Mapping[str, int]
    problems: tuple[Problem, ...] = ()


class Exporter(Protocol):
    """A text format for lineage, offered as one more value of `--format`."""

    name: str

    def export(self, view: LineageView) -> str:
        """The whole document, ending in a line feed."""
        ...


@dataclass(frozen=True, slots=True)
class ReachingTerm:
    """One small fact of a license that reaches a model, by itself or along its lineage.

    kind: `nc`, `nd`, `sa`, `vendor`, `prefix`, `display`, `notice`, `output`, `limit-users` ...; license: an
    id of the knowledge table; detail: the number, place, prefix or rule, `""` where there is none;
    path: `repo_id`s from the model to the one that carries the license, the model alone for its own.
    """

    kind: str
    license: str
    detail: str
    path: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AuditCase:
    """One model as a check sees it. declared: license ids it is offered under, `None` when that cannot be
    told; declarations: the raw statements; terms: everything that reaches it, sorted."""

    model: str
    declared: tuple[str, ...] | None
    declarations: tuple[LicenseClaim, ...]
    terms: tuple[ReachingTerm, ...]
    bases: tuple[Edge, ...]
    files: tuple[str, ...] | None
    gated: Gate | None
    task: str | None


@dataclass(frozen=True, slots=True)
class CheckFinding:
    """What a check found. severity: `note`, `warning` or `error`; path: from the model to the cause."""

    code: str
    severity: str
    message: str
    fix: str
    license: str | None = None
    path: tuple[str, ...] = ()


class Check(Protocol):
    """One more check in every license audit. Its findings carry its name and fall under the same policy."""

    name: str
    summary: str

    def check(self, case: AuditCase) -> Sequence[CheckFinding]:
        """What is wrong with this model; empty when nothing is."""
        ...


class Command(Protocol):
    """A Click command, which only faces and guests import."""

    name: str | None


class PluginHost:
    """Collects what guests bring. `guest` is the plugin being registered, for error messages.

    reserved: what the house has itself, as (kind, name): a guest that offers it conflicts with the house.
    """

    def __init__(self, reserved: Iterable[tuple[str, str]] = ()) -> None:
        self.guest = HOUSE
        self.savings_models: dict[str, SavingsModel] = {}
        self.cost_models: dict[str, CostModel] = {}
        self.exporters: dict[str, Exporter] = {}
        self.checks: dict[str, Check] = {}
        self.commands: dict[str, Command] = {}
        self._owners: dict[tuple[str, str], str] = dict.fromkeys(reserved, HOUSE)

    def add_savings_model(self, model: SavingsModel) -> None:
        self._claim("savings model", model.name, self.savings_models, model)

    def add_cost_model(self, model: CostModel) -> None:
        self._claim("cost model", model.name, self.cost_models, model)

    def add_exporter(self, exporter: Exporter) -> None:
        self._claim("exporter", exporter.name, self.exporters, exporter)

    def add_check(self, check: Check) -> None:
        self._claim("check", check.name, self.checks, check)

    def add_command(self, command: Command) -> None:
        if not command.name:
            raise PluginConflict(f"plugin {self.guest!r} offers a command without a name")
        self._claim("command", command.name, self.commands, command)

    def brought_by(self, guest: str) -> list[str]:
        """What one guest added, as `kind name`, sorted."""
        return sorted(f"{kind} {name}" for (kind, name), owner in self._owners.items() if owner == guest)

    def _claim(self, kind: str, name: str, room: dict[str, Any], thing: Any) -> None:
        owner = self._owners.get((kind, name))
        if owner is not None:
            raise PluginConflict(
                f"{owner!r} and {self.guest!r} both offer the {kind} {name!r}",
                hint="uninstall one of the two" if owner != HOUSE else f"uninstall {self.guest}",
            )
        self._owners[kind, name] = self.guest
        room[name] = thing
