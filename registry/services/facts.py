"""What is known of how a model was made, put together from everybody who tells.

What people recorded wins over what papers say, that over what the files were found to hold, and all of it
over the shipped table, which is asked here and now. Every value keeps its source.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from types import MappingProxyType

from registry.contract import Subject
from registry.economics.table import TableRow, TrainingTable
from registry.model.edges import Edge, Relation
from registry.model.records import Holding, ModelBrief, Sizes
from registry.model.snapshot import TrainingFact
from registry.model.training import BOUNDS, TrainingInputs, absurdity
from registry.weights.sizes import stored_bytes

HUB_BEGAN = date(2022, 3, 2)
"""The Hub's date of creation for everything older, which therefore says nothing."""

_TEXTS = MappingProxyType(
    {
        "hardware": "hardware",
        "training_country": "country",
        "precision": "precision",
        "published": "published",
    }
)
"""Facts that are texts, and the fields they fill."""

_USED = frozenset({*BOUNDS, *_TEXTS})

_MADE_FROM = (
    Relation.FINETUNE,
    Relation.DISTILLED,
    Relation.ADAPTER,
    Relation.MERGE,
    Relation.QUANTIZED,
    Relation.UNKNOWN,
)
_NOT_TRAINED_WHOLE = frozenset({Relation.ADAPTER, Relation.MERGE, Relation.QUANTIZED})
"""Ways of making a model in which its own size says nothing of the work: only what somebody told does."""

_OF_THE_RUN = frozenset({*BOUNDS, "hardware"} - {"parameters", "active_parameters"})
"""What tells of the work itself. Only beside it does a repository's day of creation date the prices: alone
it would make every upload a run of its year."""

COUNTED_IN_PARAMETERS = ("parameters", "active_parameters")

COUNTED_FROM = frozenset({"parameters", "active_parameters", "training_tokens", "epochs"})
"""What 6ND is worked out from."""

_TASKS = {
    "Language": "text-generation text2text-generation fill-mask text-classification token-classification "
    "translation summarization question-answering zero-shot-classification feature-extraction "
    "sentence-similarity text-ranking conversational",
    "Vision": "image-classification zero-shot-image-classification image-feature-extraction "
    "object-detection image-segmentation depth-estimation",
    "Speech": "automatic-speech-recognition text-to-speech audio-classification",
    "Image generation": "text-to-image unconditional-image-generation",
}
_DOMAINS = {task: domain for domain, tasks in _TASKS.items() for task in tasks.split()}
"""The table's word for what a model of some task is about."""

_NOTHING: Mapping[str, str] = MappingProxyType({})


def inputs_of(holding: Holding, table: TrainingTable) -> TrainingInputs:
    """What is known of the training of a model. Values that cannot be are left out."""
    brief = holding.brief
    row = table.row_of(brief.repo_id)
    base = _base(holding.bases)
    found: dict[str, object] = {}
    told: dict[str, str] = {}
    for fact in _by_strength(holding.facts):
        _take(found, told, fact)
    whole = base is None or base.relation not in _NOT_TRAINED_WHOLE
    if whole and brief.parameters and not absurdity("parameters", brief.parameters):
        found.setdefault("parameters", brief.parameters)
        told.setdefault("parameters", f"{brief.source}: its count of parameters")
    if row is not None:
        _take_row(found, told, row)
    if "published" not in found and not _OF_THE_RUN.isdisjoint(found):
        created = created_on(brief)
        if created is not None:
            found["published"], told["published"] = created, f"created on {brief.source}"
    if _more(found.get("active_parameters"), found.get("parameters")):
        # One of the two is wrong, and nobody can tell which.
        for name in COUNTED_IN_PARAMETERS:
            del found[name], told[name]
    if base is not None and _OF_THE_RUN.isdisjoint(found):
        # What a model of its day took says nothing of a step on top of another.
        found.pop("published", None)
        told.pop("published", None)
    return TrainingInputs(
        model=brief.repo_id,
        domain=_domain(brief, row),
        base_model=base.base if base else row.base_model if row else None,
        told=MappingProxyType(told) if told else _NOTHING,
        **found,  # type: ignore[arg-type]
    )


def _more(active: object, every: object) -> bool:
    return isinstance(active, int | float) and isinstance(every, int | float) and active > every


def subject_of(holding: Holding, table: TrainingTable) -> Subject:
    """A model as cost and savings models see it."""
    weight_bytes, told = _weight_bytes(holding.sizes, holding.by_dtype)
    return Subject(
        brief=holding.brief,
        training=inputs_of(holding, table),
        sizes=holding.sizes,
        weight_bytes=weight_bytes,
        weights_told=told,
    )


def created_on(brief: ModelBrief) -> date | None:
    """The day a repository was made, which for older ones the Hub does not know."""
    day = brief.created_at.date() if brief.created_at else None
    return None if day == HUB_BEGAN else day


def with_table(
    repo_id: str, kept: Iterable[tuple[datetime, TrainingFact]], table: TrainingTable
) -> tuple[tuple[datetime | None, TrainingFact], ...]:
    """The facts kept of a model and, behind them, what the table says."""
    return (*kept, *((None, fact) for fact in table.facts_of(repo_id)))


def _by_strength(facts: tuple[TrainingFact, ...]) -> Iterable[TrainingFact]:
    """The facts that bear on training, the strongest first: by hand before papers, the newest word first."""
    if not facts:
        return ()
    used = [fact for fact in reversed(facts) if fact.name in _USED]
    return sorted(used, key=lambda fact: fact.origin != "manual")


def _take(found: dict[str, object], told: dict[str, str], fact: TrainingFact) -> None:
    """Fill the field of a fact that is still empty."""
    name = _TEXTS.get(fact.name, fact.name)
    if name in found:
        return
    value = _read(fact)
    if value is not None:
        found[name] = value
        told[name] = f"{fact.source} ({fact.note})" if fact.note else fact.source


def _read(fact: TrainingFact) -> object:
    """The value of a fact, `None` where it cannot be: what a catalog holds was told by strangers."""
    value = fact.value
    if fact.name in _TEXTS:
        text = str(value)
        return _day(text) if fact.name == "published" else text
    if isinstance(value, str) or absurdity(fact.name, value):
        return None
    return value


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        return None


def _take_row(found: dict[str, object], told: dict[str, str], row: TableRow) -> None:
    """Fill what is still empty from the table.

    Its cost is its own estimate and no report. Where its FLOP are 6ND and somebody else told an N or a D,
    they would speak of other numbers than the rest, and are left out.
    """
    differs = row.counted and not COUNTED_FROM.isdisjoint(
        name for name, value in found.items() if value != row.numbers.get(name) and name != "parameters"
    )
    for fact in row.facts():
        if fact.name == "training_cost" or (fact.name == "training_flop" and differs):
            continue
        _take(found, told, fact)


def _base(bases: tuple[Edge, ...]) -> Edge | None:
    """The model it was made from: of several the one by the relation that took most work."""
    made = [edge for edge in bases if edge.relation in _MADE_FROM]
    return min(made, key=lambda edge: (_MADE_FROM.index(edge.relation), edge.base)) if made else None


def _domain(brief: ModelBrief, row: TableRow | None) -> str | None:
    if row is not None and row.domain:
        return row.domain
    return _DOMAINS.get(brief.task) if brief.task else None


def _weight_bytes(sizes: Sizes | None, by_dtype: Mapping[str, int]) -> tuple[int | None, str | None]:
    """Bytes of one copy of the weights and who told them; a sum that leaves files out tells nothing."""
    if sizes is not None and sizes.copy_bytes is not None and not sizes.unsized_files:
        return sizes.copy_bytes, "files"
    inferred = stored_bytes(by_dtype)
    return (None, None) if inferred is None else (inferred, "dtypes")
