"""What a model was made from, according to everybody who says so.

Tags, card, the Hub's own resolution and the configuration files of a repository each make claims; every
claim keeps its origin, its words and the place it stands in. What nobody states, the kind of relation, is
inferred last, and marked as inferred.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from registry.errors import DamagedFile
from registry.lineage.declared import MAX_TEXT, read_base, read_dataset
from registry.model.edges import Claim, Origin, Relation
from registry.sources.cards import CardError, decode_card, read_yaml
from registry.sources.relations import Signs, infer_relation
from registry.sources.values import Notes, as_text, clean, read_json, shown
from registry.weights.gguf import parse_gguf_head

MAX_CLAIMS = 2000
"""Far above anything real: the widest merge seen names 52 parents, the longest dataset list about 400."""

_WORDS: dict[str, Relation] = {
    **dict.fromkeys(("finetune", "finetuned", "fine-tune", "fine-tuned"), Relation.FINETUNE),
    **dict.fromkeys(("adapter", "lora"), Relation.ADAPTER),
    **dict.fromkeys(("merge", "merged"), Relation.MERGE),
    **dict.fromkeys(("quantized", "quantised", "quantization"), Relation.QUANTIZED),
    **dict.fromkeys(("distill", "distilled", "distillation"), Relation.DISTILLED),
}
_MERGEKIT_KEYS = frozenset({"model", "base_model", "source_model", "lora"})
_GGUF_SOURCES = ("general.source.repo_url", "general.source.url", "general.source.huggingface.repository")


@dataclass(frozen=True, slots=True)
class Material:
    """Everything that may carry claims about one model. paths: its files, `None` when no list was seen.
    repo_files: contents of files read from the repository, by path; a GGUF file may be cut after its head."""

    repo_id: str
    tags: Sequence[str] = ()
    base_models: object = None
    card: Mapping[str, object] = field(default_factory=dict)
    config: Mapping[str, object] = field(default_factory=dict)
    library: str | None = None
    paths: Sequence[str] | None = None
    repo_files: Mapping[str, bytes] = field(default_factory=dict)


def read_claims(material: Material, notes: Notes) -> tuple[Claim, ...]:
    """All claims of one model, at most one per origin and base; `UNKNOWN` where an origin states no relation.

    The Hub's tags carry the current name of a base. Where the card fills the same slot with another text
    (an old name, another letter case), the card's claim keeps its words and gets the current name.
    """
    ledger = _Ledger(notes)
    ledger.take(_tag_claims(material.tags))
    ledger.take(_expanded_claims(material.base_models))
    current = {claim.base for claim in ledger.claims() if claim.base is not None}
    stated = _with_current_names(list(_card_claims(material.card, notes)), current)
    ledger.take(stated)
    renamed = {
        read_base(claim.declared).base: claim.base
        for claim in stated
        if claim.base is not None and claim.relation is not Relation.TRAINED_ON
    }
    for claim in _file_claims(material, notes):
        ledger.take([_renamed(claim, renamed, current)])
    ledger.take(_inferred_claims(ledger.claims(), material))
    return ledger.claims()


class _Ledger:
    """Claims in the order they came, one per origin and base (or per origin and text while unresolved)."""

    def __init__(self, notes: Notes) -> None:
        self._claims: dict[tuple[Origin, str, bool], Claim] = {}
        self._notes = notes

    def take(self, claims: Iterable[Claim]) -> None:
        for claim in claims:
            key = (claim.origin, claim.base or claim.declared, claim.base is None)
            known = self._claims.get(key)
            if known is not None:
                self._claims[key] = _joined(known, claim)
            elif len(self._claims) < MAX_CLAIMS:
                self._claims[key] = claim
            else:
                self._notes.add("too-many-claims", f"more than {MAX_CLAIMS} claims; the rest was left out")

    def claims(self) -> tuple[Claim, ...]:
        return tuple(self._claims.values())


def _joined(known: Claim, again: Claim) -> Claim:
    """One origin naming one base twice: a stated relation beats none, and the first beats the rest."""
    if known.relation is Relation.UNKNOWN and again.relation is not Relation.UNKNOWN:
        return replace(known, relation=again.relation, detail=_also(known.detail, again.detail))
    if again.relation not in (Relation.UNKNOWN, known.relation):
        return replace(known, detail=_also(known.detail, f"also as {again.relation}"))
    return known


def _also(first: str | None, second: str | None) -> str | None:
    parts = [part for part in (first, second) if part]
    return "; ".join(dict.fromkeys(parts)) or None


def _claim(origin: Origin, value: object, relation: Relation, where: str) -> Claim:
    """A claim from one value: the words kept, the base read from them."""
    read = read_base(value)
    return Claim(origin, _words(value), read.base, relation, _also(where, read.detail))


def _dataset_claim(origin: Origin, value: object, where: str) -> Claim:
    read = read_dataset(value)
    base = None if read.base is None else f"data:{read.base}"
    return Claim(origin, _words(value), base, Relation.TRAINED_ON, _also(where, read.detail))


def _words(value: object) -> str:
    return as_text(value)[:MAX_TEXT]


# --- the Hub: tags and baseModels ----------------------------------------------------------------


def _tag_claims(tags: Iterable[str]) -> Iterator[Claim]:
    for tag in tags:
        kind, _, value = tag.partition(":")
        if kind == "base_model" and value:
            relation, name = _split_relation(value)
            yield _claim(Origin.HUB, name, relation, "tags")
        elif kind == "dataset" and value:
            yield _dataset_claim(Origin.HUB, value, "tags")


def _split_relation(value: str) -> tuple[Relation, str]:
    """`quantized:org/name` or `org/name`. An id has no colon, a Windows path or an address may."""
    word, colon, name = value.partition(":")
    if not colon:
        return Relation.UNKNOWN, value
    if word in _WORDS:
        return _WORDS[word], name
    # A relation the Hub may add one day: the id is still the rest.
    new_word = word.isalpha() and word.islower() and len(word) > 2 and read_base(name).base == name
    return Relation.UNKNOWN, name if new_word else value


def _expanded_claims(value: object) -> Iterator[Claim]:
    """`baseModels`: `{"relation": ..., "models": [{"id": ...}]}`, or a list of ids."""
    for group in value if isinstance(value, list) else [value]:
        if isinstance(group, str) and group:
            yield _claim(Origin.HUB, group, Relation.UNKNOWN, "baseModels")
        elif isinstance(group, Mapping):
            relation = _WORDS.get(str(group.get("relation")), Relation.UNKNOWN)
            models = group.get("models", [group])
            for model in models if isinstance(models, list) else [models]:
                name = model.get("id") if isinstance(model, Mapping) else model
                if isinstance(name, str) and name:
                    yield _claim(Origin.HUB, name, relation, "baseModels")


# --- the card ------------------------------------------------------------------------------------


def _card_claims(card: Mapping[str, object], notes: Notes) -> Iterator[Claim]:
    relation = Relation.UNKNOWN
    word = card.get("base_model_relation")
    if isinstance(word, list) and len(word) == 1:
        word = word[0]
    if isinstance(word, str) and word.strip().lower() in _WORDS:
        relation = _WORDS[word.strip().lower()]
    else:
        notes.odd("base_model_relation", word)
    for where, value in _named("base_model", card.get("base_model")):
        yield _claim(Origin.CARD, value, relation, where)
    for where, value in _named("finetuned_from", card.get("finetuned_from")):
        yield _claim(Origin.CARD, value, Relation.FINETUNE, where)
    for where, value in _named("datasets", card.get("datasets")):
        yield _dataset_claim(Origin.CARD, value, where)


def _named(where: str, value: object, depth: int = 0) -> Iterator[tuple[str, object]]:
    """Every single value under a card key, with its place; mappings are asked for their name."""
    if value is None or value == "":
        return
    if isinstance(value, list) and depth < 4:
        for index, item in enumerate(value):
            yield from _named(f"{where}[{index}]", item, depth + 1)
    elif isinstance(value, Mapping):
        keys = [key for key in ("id", "repo_id", "model", "name") if isinstance(value.get(key), str)]
        yield (f"{where}.{keys[0]}", value[keys[0]]) if keys else (where, dict(value))
    else:
        yield where, value


def _with_current_names(claims: list[Claim], current: set[str]) -> list[Claim]:
    """Give the card's claims the names the Hub's tags give the same bases."""
    by_case: dict[str, list[str]] = {}
    for name in current:
        by_case.setdefault(name.casefold(), []).append(name)
    result = []
    for claim in claims:
        same = by_case.get((claim.base or "").casefold(), [])
        if claim.base is not None and claim.base not in current and len(same) == 1:
            claim = replace(claim, base=same[0], detail=_also(claim.detail, f"the Hub writes {same[0]}"))
        result.append(claim)
    bases = [index for index, claim in enumerate(result) if claim.relation is not Relation.TRAINED_ON]
    named = {result[index].base or result[index].declared for index in bases}
    tagged = {name for name in current if not name.startswith("data:")}
    unmatched = tagged - named
    # One base left over on either side, and as many on both: the same slot under its current name.
    if len(unmatched) == 1 and len(named - tagged) == 1 and len(named) == len(tagged):
        name = unmatched.pop()
        for index in bases:
            claim = result[index]
            if claim.base not in tagged:
                detail = _also(claim.detail, f"now {name}, by the Hub's tag")
                result[index] = replace(claim, base=name, detail=detail)
    return result


def _renamed(claim: Claim, renamed: Mapping[str | None, str], current: set[str]) -> Claim:
    """A file's claim under the name that tags and card agreed on for the same text."""
    if claim.base is None or claim.base in current:
        return claim
    name = renamed.get(claim.base)
    if name is None:
        same = [known for known in current if known.casefold() == claim.base.casefold()]
        name = same[0] if len(same) == 1 else claim.base
    if name == claim.base:
        return claim
    return replace(claim, base=name, detail=_also(claim.detail, f"now {name}, by the Hub's tag"))


# --- files of the repository ---------------------------------------------------------------------


def _file_claims(material: Material, notes: Notes) -> Iterator[Claim]:
    peft = material.config.get("peft")
    if isinstance(peft, Mapping):
        yield from _adapter_claims(peft, "config.peft.base_model_name_or_path")
    for stored, data in sorted(material.repo_files.items()):
        path = clean(stored)
        name = path.rpartition("/")[2].lower()
        if name == "adapter_config.json":
            content = read_json(path, data, notes)
            if isinstance(content, Mapping):
                yield from _adapter_claims(content, f"{path}: base_model_name_or_path")
        elif path == "config.json":
            content = read_json(path, data, notes)
            if isinstance(content, Mapping):
                yield from _config_claims(content, material.repo_id)
        elif name in ("mergekit_config.yml", "mergekit_config.yaml"):
            yield from _mergekit_claims(path, data, notes)
        elif name.endswith(".gguf"):
            yield from _gguf_claims(path, data, material, notes)


def _adapter_claims(content: Mapping[object, object], where: str) -> Iterator[Claim]:
    value = content.get("base_model_name_or_path")
    if isinstance(value, str) and value:
        yield _claim(Origin.ADAPTER_CONFIG, value, Relation.ADAPTER, where)


def _config_claims(content: Mapping[object, object], repo_id: str) -> Iterator[Claim]:
    value = content.get("_name_or_path")
    if isinstance(value, str) and value and value.casefold() != repo_id.casefold():
        yield _claim(Origin.CONFIG, value, Relation.UNKNOWN, "config.json: _name_or_path")


def _mergekit_claims(path: str, data: bytes, notes: Notes) -> Iterator[Claim]:
    text, _ = decode_card(data)
    try:
        documents, _ = read_yaml(text)
    except CardError as error:
        notes.add("mergekit-malformed", f"{path} is not readable: {error}")
        return
    for where, value in _mergekit_models(documents, ""):
        parts = value.split("+")
        for part in filter(None, parts):
            whole = f"part of {shown(value)}" if len(parts) > 1 else None
            claim = _claim(Origin.MERGEKIT, part, Relation.MERGE, f"{path}: {where}")
            yield replace(claim, detail=_also(claim.detail, whole))


def _mergekit_models(node: object, where: str) -> Iterator[tuple[str, str]]:
    """Every model a merge recipe names, at any nesting: `models[].model`, `slices[].sources[].model`,
    `base_model`, and the long form `model: {model: {path: ...}}`."""
    if isinstance(node, list):
        for index, item in enumerate(node):
            yield from _mergekit_models(item, f"{where}[{index}]" if where else "")
    elif isinstance(node, dict):
        for key, value in node.items():
            place = f"{where}.{key}" if where else key
            if isinstance(value, str):
                if value and (key in _MERGEKIT_KEYS or (key == "path" and _is_model_place(where))):
                    yield place, value
            else:
                yield from _mergekit_models(value, place)


def _is_model_place(where: str) -> bool:
    return where.rpartition(".")[2].partition("[")[0] in _MERGEKIT_KEYS


def _gguf_claims(path: str, data: bytes, material: Material, notes: Notes) -> Iterator[Claim]:
    """`general.source.*` names what the file was converted from, `general.base_model.N.*` the parents of
    the model inside. Where no source is stated, converters write the converted model as the base model."""
    try:
        head = parse_gguf_head(data)
    except DamagedFile as error:
        notes.add("gguf-malformed", f"{path}: {error.message}")
        return
    made, _ = infer_relation(_signs(material), several=False)
    conversion = made if made is Relation.QUANTIZED else Relation.UNKNOWN
    sources = [key for key in _GGUF_SOURCES if read_base(head.metadata.get(key)).base is not None]
    for key in sources[:1]:
        yield _claim(Origin.GGUF, head.metadata[key], conversion, f"{path}: {key}")
    for named in head.parents("general.base_model"):
        relation = Relation.UNKNOWN if sources else conversion
        where = f"{path}: {named.key}"
        yield _claim(Origin.GGUF, named.url or named.label, relation, where)
    for named in head.parents("general.dataset"):
        yield _dataset_claim(Origin.GGUF, named.url or named.label, f"{path}: {named.key}")


# --- what nobody states --------------------------------------------------------------------------


def _inferred_claims(claims: Sequence[Claim], material: Material) -> Iterator[Claim]:
    stated: dict[str, bool] = {}
    for claim in claims:
        if claim.base is not None and claim.relation is not Relation.TRAINED_ON:
            known = claim.relation is not Relation.UNKNOWN
            stated[claim.base] = stated.get(claim.base, False) or known
    relation, rule = infer_relation(_signs(material), several=len(stated) > 1)
    for base, known in stated.items():
        if not known:
            yield Claim(Origin.INFERRED, "", base, relation, rule)


def _signs(material: Material) -> Signs:
    return Signs(material.tags, material.library, material.config, material.paths)
