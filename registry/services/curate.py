"""What people know better: edges drawn or cut by hand, and facts no source tells."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from registry.catalog.catalog import Catalog
from registry.economics import quantities
from registry.economics.chips import load_chips
from registry.economics.energy import Grid
from registry.errors import BadSettings, UsageError
from registry.model.edges import Claim, Origin, Relation
from registry.model.facts import MAX_TEXT, NAMES
from registry.model.refs import ModelRef, SourceName
from registry.model.snapshot import TrainingFact

OUTPUTS_OF = "outputs_of"
"""The one fact that is a relation: the model whose outputs this one was trained on."""

DATASET_LICENSE = "license"
"""The one fact about a dataset."""

_EXAMPLES = {
    "published": "2022-07-11",
    "precision": "bf16",
    "utilisation": "0.38",
    "epochs": "1.5",
    "training_hours": "2808",
    "hardware_quantity": "384",
    "power": "150e3",
    "training_cost": "4.6e6, in US dollars",
}
"""How the facts are written that are not written like most."""

_OF_DATA = "of a dataset, record its license"
_OF_MODEL = (
    "what a model declares is read from its source; text_license, card_license, also_license add to it"
)


def link(
    catalog: Catalog, derivative: str, base: ModelRef, relation: Relation, note: str, now: datetime
) -> None:
    """Say by hand that `derivative` was made from `base`, or trained on it when it is a dataset. The note
    says who knows and how. Raises `UsageError` for a relation that cannot be."""
    is_dataset = base.source is SourceName.DATA
    if is_dataset != (relation is Relation.TRAINED_ON):
        raise UsageError(
            f"{base.repo_id} is {'a dataset' if is_dataset else 'a model'}, not a base by {relation}",
            hint="--relation trained_on is for data:org/name, and for nothing else",
        )
    _claim(catalog, derivative, base, relation, note, now, denied=False)


def unlink(catalog: Catalog, derivative: str, base: ModelRef, note: str, now: datetime) -> None:
    """Say by hand that `base` is no base of `derivative`, whatever sources claim; their claims stay."""
    _claim(catalog, derivative, base, Relation.UNKNOWN, note, now, denied=True)


def parse_fact(text: str, source: str, note: str | None = None) -> TrainingFact:
    """Read `name=value` as a user writes it. Raises `BadSettings` naming what is wrong."""
    name, equals, value = (part.strip() for part in text.partition("="))
    if not equals or not value:
        raise BadSettings(f"{text!r} is not name=value", hint="for example training_tokens=366e9")
    if not source.strip():
        raise BadSettings(f"{name} needs a source", hint="add --source with a URL or citation")
    if name == OUTPUTS_OF:
        return TrainingFact(name, ModelRef.parse(value).repo_id, source, note=note)
    if name not in NAMES:
        raise BadSettings(f"unknown fact {name!r}", hint=f"known are {', '.join([*NAMES, OUTPUTS_OF])}")
    if len(value) > MAX_TEXT:
        raise BadSettings(
            f"{name} is longer than {MAX_TEXT:,} characters", hint="quote the part that matters"
        )
    if name == "license_file" and not all(part.strip() for part in value.partition("=")):
        raise BadSettings(f"{name} needs a file and its license", hint="for example LICENSE.txt=gemma")
    if NAMES[name].unit is None:
        return TrainingFact(name, _text(name, value), source, note=note)
    return TrainingFact(name, _number(name, value), source, note=note)


def _text(name: str, value: str) -> str:
    """The text of a fact, in the form it is kept in."""
    try:
        if name == "published":
            return quantities.day(name, name, value).isoformat()
        if name == "precision":
            return quantities.precision(name, name, value)
    except ValueError as error:
        raise BadSettings(str(error), hint=f"write {_EXAMPLES[name]}") from None
    if name == "training_country":
        return _country(name, value)
    return value


def _country(name: str, value: str) -> str:
    """A country by its code, as it is written."""
    if not re.fullmatch("[A-Z]{2,3}", value):
        raise BadSettings(f"{name}={value} is not an ISO 3166 code", hint="for example FR or USA")
    grid = Grid.load()
    if grid.find(value) is None:
        near = ", ".join(grid.suggest(value))
        raise BadSettings(
            f"{name}={value}: unknown country", hint=f"did you mean {near}?" if near else "write FR or USA"
        )
    return value


def _number(name: str, value: str) -> int | float:
    """A quantity, `366e9` or `366B`, that can be."""
    try:
        number = quantities.quantity(name, name, value)
    except ValueError as error:
        raise BadSettings(
            str(error), hint=f"{_kind(NAMES[name].unit or '')}; write {_example(name)}"
        ) from None
    return int(number) if number.is_integer() else number


def _kind(unit: str) -> str:
    """`a number of tokens`, `a share of the peak`."""
    return f"a share {unit}" if unit.startswith("of ") else f"a number of {unit}"


def _example(name: str) -> str:
    return _EXAMPLES.get(name, "366e9 or 366B")


def annotate(catalog: Catalog, repo_id: str, facts: Sequence[TrainingFact], now: datetime) -> None:
    """Record facts about `repo_id`, each with its source; earlier values stay in the history.

    A dataset need not be in the catalog, and has a license but no training. Raises `UsageError` for a
    fact that does not fit."""
    is_dataset = ModelRef.parse(repo_id).source is SourceName.DATA
    for fact in facts:
        if (fact.name == DATASET_LICENSE) != is_dataset:
            raise UsageError(
                f"{fact.name} is no fact about {repo_id}", hint=_OF_DATA if is_dataset else _OF_MODEL
            )
    plain = [fact for fact in facts if fact.name != OUTPUTS_OF]
    if plain:
        catalog.add_facts(repo_id, plain, observed_at=now)
    for fact in facts:
        if fact.name == OUTPUTS_OF:
            teacher = ModelRef.parse(str(fact.value))
            note = fact.source if fact.note is None else f"{fact.source}: {fact.note}"
            link(catalog, repo_id, teacher, Relation.DISTILLED, note, now)


def unknown_licenses(facts: Sequence[TrainingFact]) -> list[str]:
    """License ids among the facts that the audit knows nothing about; it takes them as unknown."""
    from registry.licenses.table import load_table

    told = [
        str(fact.value)
        for fact in facts
        if fact.name in ("text_license", "card_license", "also_license", "license")
    ]
    told += [str(fact.value).partition("=")[2].strip() for fact in facts if fact.name == "license_file"]
    table = load_table() if told else None
    return [id_ for id_ in told if table is not None and table.lookup(id_) is None]


def unknown_hardware(facts: Sequence[TrainingFact]) -> list[tuple[str, tuple[str, ...]]]:
    """Chips among the facts of which neither peak nor price is known, each with the nearest that are."""
    chips = load_chips()
    told = [str(fact.value) for fact in facts if fact.name == "hardware"]
    return [(name, chips.suggest(name)) for name in told if chips.find(name) is None]


def _claim(
    catalog: Catalog,
    derivative: str,
    base: ModelRef,
    relation: Relation,
    note: str,
    now: datetime,
    *,
    denied: bool,
) -> None:
    if not note.strip():
        raise UsageError("an edge made by hand needs a note", hint="say with --note how you know")
    target = catalog.find(base.repo_id) or base.repo_id
    if target == derivative and not denied:
        raise UsageError(f"{derivative} cannot be its own base")
    claim = Claim(
        Origin.MANUAL, declared=base.repo_id, base=target, relation=relation, note=note, denied=denied
    )
    catalog.add_claim(derivative, claim, observed_at=now)
