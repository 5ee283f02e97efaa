"""What reuse saved: models with their bases put before every strategy the guests brought, and added up."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from registry.catalog.catalog import Catalog
from registry.contract import Economy, ReuseCase, SavingsModel, Subject
from registry.economics.economy import HouseEconomy
from registry.economics.reached import REUSE, reached
from registry.economics.table import TrainingTable
from registry.economics.tally import TRAINING, Tally, Tip, Total
from registry.errors import RegistryError
from registry.model.edges import Relation
from registry.model.estimate import Saving
from registry.model.records import Holding
from registry.services.facts import subject_of
from registry.services.holdings import PAGE, pages

REMEMBERED = 20_000
"""Bases kept between pages, the least lately used forgotten first: about 2 kB each."""

EXAMPLES = 5
"""Models named where nothing is known of many."""

PROMPTING = "prompting"
"""The strategy that rests on nothing but a price of tokens."""

FINETUNE_COST = "finetune_cost"
"""The default that stands for a fine-tune of which nothing is told."""


# --- cases -----------------------------------------------------------------------------------------


def cases(
    catalog: Catalog, names: Sequence[str] | None, economy: Economy, table: TrainingTable
) -> Iterator[ReuseCase]:
    """The models of these present names in the order given, or every tracked one in the order of names.

    Bases are shared between the cases: a strategy may remember what it worked out for one by identity.
    """
    bases = _Bases(catalog, table)
    for page in pages(catalog, names):
        bases.learn(page)
        for holding in page:
            yield bases.case(holding, economy)


@dataclass(frozen=True, slots=True)
class _Base:
    """A base with its own bases, by name, and its direct derivatives."""

    subject: Subject
    bases: tuple[tuple[str, Relation], ...]
    derivatives: Mapping[Relation, int]


_NONE: Mapping[Relation, int] = MappingProxyType({})


class _Bases:
    """The bases of the models at hand and everything those descend from, read once for a page of models."""

    def __init__(self, catalog: Catalog, table: TrainingTable) -> None:
        self._catalog, self._table = catalog, table
        self._known: OrderedDict[str, _Base] = OrderedDict()

    def learn(self, page: Iterable[Holding]) -> None:
        """Have everything these models descend from at hand."""
        wanted = {name for holding in page for name, _ in _models(holding)}
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        seen: set[str] = set()
        while wanted:
            missing = [name for name in wanted if name not in self._known]
            self._read(missing)
            seen |= wanted
            following: set[str] = set()
            for name in wanted:
                found = self._known.get(name)
                if found is not None:
                    self._known.move_to_end(name)
                    following.update(base for base, relation in found.bases if relation in REUSE)
            wanted = following - seen

    def _read(self, names: list[str]) -> None:
        for start in range(0, len(names), PAGE):
            some = names[start : start + PAGE]
            counts = self._catalog.derivative_counts(some)
            for name, holding in self._catalog.holdings(some).items():
                subject = subject_of(holding, self._table)
                self._known[name] = _Base(subject, tuple(_models(holding)), counts.get(name, _NONE))

    def case(self, holding: Holding, economy: Economy) -> ReuseCase:
        """One model with its bases."""
        own = holding.brief.repo_id
        subject = subject_of(holding, self._table)
        direct = [(self._known[name], relation) for name, relation in _models(holding) if name in self._known]
        if not direct:
            return ReuseCase(subject, (), economy)
        counts = {base.subject.brief.repo_id: base.derivatives for base, _ in direct}
        further: list[tuple[Subject, Relation]] = []
        level = [base for base, relation in direct if relation in REUSE]
        while level:
            above: list[_Base] = []
            for base in level:
                for name, relation in base.bases:
                    found = self._known.get(name)
                    if found is None or relation not in REUSE or name in counts or name == own:
                        continue
                    counts[name] = found.derivatives
                    further.append((found.subject, relation))
                    above.append(found)
            level = above
        return ReuseCase(
            model=subject,
            bases=tuple((base.subject, relation) for base, relation in direct),
            economy=economy,
            derivatives=counts,
            further=tuple(further),
        )


def _models(holding: Holding) -> Iterator[tuple[str, Relation]]:
    """The bases that are models, by name."""
    for edge in holding.bases:
        if edge.relation is not Relation.TRAINED_ON:
            yield edge.base, edge.relation


# --- strategies ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Failure:
    """A strategy that broke, on which model, and how; it is left out from there on."""

    strategy: str
    model: str
    reason: str


@dataclass(slots=True)
class Silence:
    """Why nothing can be told of some models. code: `no-base`, `relation-unknown`, `base-untold`,
    `no-token-price` or `not-applicable`; hint: the next step; examples: the first few."""

    code: str
    message: str
    hint: str
    models: int
    examples: list[str]


class Reckoner:
    """Asks every strategy about every case, and keeps account of what came of it."""

    def __init__(self, strategies: Mapping[str, SavingsModel], economy: HouseEconomy) -> None:
        self._strategies = dict(sorted(strategies.items()))
        self._economy = economy
        self._tally = Tally()
        self._silences: dict[tuple[str, str], Silence] = {}
        self._broken: list[Failure] = []
        self.models = 0
        self.savings = 0

    def ask(self, case: ReuseCase) -> tuple[Saving, ...]:
        """The savings of one case, already added up."""
        found: list[Saving] = []
        for name, strategy in list(self._strategies.items()):
            try:
                found += savings_of(strategy, case)
            except Exception as error:  # noqa: BLE001 - a guest may fail in any way; the rest works on
                said = (
                    error.message if isinstance(error, RegistryError) else f"{type(error).__name__}: {error}"
                )
                self._broken.append(Failure(name, case.model.brief.repo_id, said))
                del self._strategies[name]
        for saving in found:
            self._tally.add(saving, case.derivatives)
        self.models += 1
        self.savings += len(found)
        if not found or (TRAINING in self._strategies and not any(saving.adds_up for saving in found)):
            self._keep_silence(case)
        return tuple(found)

    @property
    def failures(self) -> list[Failure]:
        """The strategies that broke, and the cost model where it did."""
        broke = self._economy.broke
        told = [] if broke is None else [Failure(f"cost model {broke.cost_model}", broke.model, broke.reason)]
        return self._broken + told

    @property
    def complete(self) -> bool:
        return not self.failures

    def totals(self) -> list[Total]:
        """The sums so far; what a strategy found that broke later is left out."""
        broken = {failure.strategy for failure in self._broken}
        return [total for total in self._tally.totals() if total.kind not in broken]

    def tips(self) -> list[Tip]:
        """The bases so far, and what a model made from each costs."""
        if any(failure.strategy == TRAINING for failure in self._broken):
            return []
        return self._tally.tips(self._economy.assumed(FINETUNE_COST))

    def silences(self) -> list[Silence]:
        """Why nothing is told of the other models, the most frequent reason first."""
        return sorted(self._silences.values(), key=lambda one: (-one.models, one.code, one.message))

    def _keep_silence(self, case: ReuseCase) -> None:
        model = case.model.brief.repo_id
        code, about, message, hint = _why(case, self._strategies)
        kept = self._silences.get((code, about))
        if kept is None:
            kept = self._silences[code, about] = Silence(code, message, hint, 0, [])
        kept.models += 1
        if len(kept.examples) < EXAMPLES:
            kept.examples.append(model)


def savings_of(strategy: SavingsModel, case: ReuseCase) -> list[Saving]:
    """What one strategy says. Raises `TypeError` or `ValueError` where that is not what the contract asks."""
    found = list(strategy.savings(case))
    for one in found:
        if not isinstance(one, Saving):
            raise TypeError(f"answered with a {type(one).__name__}, not a Saving")
        if one.kind != strategy.name or one.model != case.model.brief.repo_id:
            raise ValueError(f"a saving of kind {one.kind!r} of {one.model!r} is not its own to tell")
    return found


def _why(case: ReuseCase, asked: Collection[str]) -> tuple[str, str, str, str]:
    """A code, what it is about, a sentence and the next step. asked: the strategies."""
    model = case.model.brief.repo_id
    if TRAINING not in asked:
        if set(asked) == {PROMPTING}:
            return (
                "no-token-price",
                "",
                "no price of its tokens is known",
                "--assume token_price=USD gives one",
            )
        hint = f"`registry show {model}` tells what is known"
        return "not-applicable", "", "no strategy asked for applies, or what it needs is not known", hint
    bases = reached(case)
    if not bases and not case.bases:
        return "no-base", "", "no base is known", f"`registry link {model} BASE --relation ...` records one"
    if not bases:
        base = case.bases[0][0].brief.repo_id
        hint = f"`registry link {model} {base} --relation ...` records it"
        return "relation-unknown", "", "how it was made from its base is not known", hint
    base = bases[-1].repo_id
    hint = f"`registry annotate {base} training_tokens=... --source ...` records it"
    return "base-untold", base, f"what training {base} took is not known", hint
