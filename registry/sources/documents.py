"""One Hub model document, with what else was read of the model, as a snapshot.

The document is raw JSON, because the client's typed objects drop fields and raise on odd cards. Its fields
are taken one by one: a value of the wrong type costs that field only and leaves a note.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from registry.errors import BadAnswer, DamagedFile
from registry.lineage.declared import read_base
from registry.model.refs import SourceName, is_hub_id
from registry.model.snapshot import Gate, ModelSnapshot, ParameterCount, RawAnswer
from registry.sources.cards import read_card
from registry.sources.claims import Material, read_claims
from registry.sources.files import read_files, read_tags
from registry.sources.licenses import read_licenses
from registry.sources.values import (
    Notes,
    clean,
    read_count,
    read_creation,
    read_flag,
    read_json,
    read_mapping,
    read_text,
    read_time,
    shown,
)
from registry.weights.parameters import count_from_headers, count_parameters
from registry.weights.quantization import read_quantization
from registry.weights.safetensors import Header, parse_header, read_header

MAX_ARCHITECTURES = 16
MAX_DTYPES = 64

ShardHeader = bytes | Header | Mapping[str, object]
"""A safetensors header: the first bytes of a shard, parsed, or decoded JSON as the Hub serves it."""


def read_document(
    document: Mapping[str, object],
    *,
    observed_at: datetime,
    requested: str | None = None,
    revision: str | None = None,
    card: str | None = None,
    tree: Sequence[object] | None = None,
    tree_complete: bool = True,
    repo_files: Mapping[str, bytes] | None = None,
    headers: Mapping[str, ShardHeader] | None = None,
    raw: tuple[RawAnswer, ...] = (),
    source: SourceName = SourceName.HUB,
) -> ModelSnapshot:
    """Read everything a document and its companions tell. Raises `BadAnswer` without a usable id.

    requested: the name asked for, an alias where the answer has another id. card: the text of the card, for
    want of `cardData`. tree: entries of the file tree, which beat the document's own list. repo_files:
    contents by path of files with claims. source: whose it is; only names of the Hub are checked.
    """
    notes = Notes()
    repo_id = _repo_id(document, source)
    data = _card_data(document, card, notes)
    tags = read_tags(document.get("tags", data.get("tags")), notes)
    config = _config(document, repo_files or {}, notes)
    library = read_text("library_name", document.get("library_name", data.get("library_name")), notes)
    files, whole = read_files(document.get("siblings"), tree, notes)
    paths = None if files is None else [file.path for file in files]
    told = Material(repo_id, tags, document.get("baseModels"), data, config, library, paths, repo_files or {})
    claims = read_claims(told, notes)
    return ModelSnapshot(
        repo_id=repo_id,
        source=source,
        observed_at=observed_at,
        hub_id=read_text("_id", document.get("_id"), notes, limit=64),
        aliases=_aliases(repo_id, requested, document.get("modelId")),
        revision=revision,
        commit_sha=_commit(document.get("sha"), notes),
        private=read_flag("private", document.get("private"), notes),
        gated=_gate(document.get("gated"), notes),
        disabled=read_flag("disabled", document.get("disabled"), notes),
        created_at=read_creation("createdAt", document.get("createdAt"), notes),
        last_modified=read_time("lastModified", document.get("lastModified"), notes),
        downloads=read_count("downloads", document.get("downloads"), notes),
        likes=read_count("likes", document.get("likes"), notes),
        library=library,
        task=_task(document.get("pipeline_tag", data.get("pipeline_tag")), notes),
        tags=tags,
        used_storage=read_count("usedStorage", document.get("usedStorage"), notes),
        new_version=_new_version(data.get("new_version"), notes),
        config=_config_subset(config, tags),
        parameters=_parameters(document, headers, config, tags, notes),
        licenses=read_licenses(data, tags, paths, notes),
        claims=claims,
        files=files,
        files_complete=whole and (tree is None or tree_complete),
        notes=notes.all(),
        raw=raw,
    )


def _repo_id(document: Mapping[str, object], source: SourceName) -> str:
    """`id`, which answers of 2022 call `modelId`."""
    found = document.get("id", document.get("modelId"))
    if not isinstance(found, str) or (source is SourceName.HUB and not is_hub_id(found)):
        raise BadAnswer(f"the model document has no usable id but {shown(found)}")
    return found


def _aliases(repo_id: str, requested: str | None, model_id: object) -> tuple[str, ...]:
    names = [name for name in (requested, model_id) if isinstance(name, str) and is_hub_id(name)]
    return tuple(dict.fromkeys(name for name in names if name != repo_id))


def _card_data(document: Mapping[str, object], card: str | None, notes: Notes) -> dict[str, object]:
    """The card's metadata: as the Hub read it where the document says so, else read from the card's text."""
    data = document.get("cardData")
    if data is not None:
        found = read_mapping("cardData", data, notes)
        if found or card is None:
            return found
    if card is None:
        return {}
    found, card_notes = read_card(card)
    notes.extend(card_notes)
    return found


def _commit(value: object, notes: Notes) -> str | None:
    text = read_text("sha", value, notes, limit=64)
    if text is None or all(letter in "0123456789abcdef" for letter in text):
        return text
    notes.odd("sha", value)
    return None


def _gate(value: object, notes: Notes) -> Gate | None:
    if value is False:
        return Gate.NONE
    if value is True:
        notes.add("gate-kind-unknown", "gated is true without saying how access is granted; taken as manual")
        return Gate.MANUAL
    if isinstance(value, str) and value in (Gate.AUTO, Gate.MANUAL):
        return Gate(value)
    notes.odd("gated", value)
    return None


def _task(value: object, notes: Notes) -> str | None:
    if isinstance(value, list):
        notes.odd("pipeline_tag", value)
        return None
    return read_text("pipeline_tag", value, notes)


def _new_version(value: object, notes: Notes) -> str | None:
    text = read_text("new_version", value, notes)
    if text is None:
        return None
    read = read_base(text)
    if read.base is None:
        notes.odd("new_version", value)
    return read.base


# --- configuration -------------------------------------------------------------------------------


def _config(
    document: Mapping[str, object], repo_files: Mapping[str, bytes], notes: Notes
) -> dict[str, object]:
    """The Hub's part of the configuration, completed by `config.json` where that was read."""
    served = document.get("config")
    config = {} if served is None else read_mapping("config", served, notes)
    data = repo_files.get("config.json")
    whole = None if data is None else read_json("config.json", data, Notes())
    return {**config, **whole} if isinstance(whole, dict) else config


def _config_subset(config: Mapping[str, object], tags: Sequence[str]) -> dict[str, object]:
    """The few keys worth keeping: `model_type`, `architectures`, `quantization`, `peft`."""
    kept: dict[str, object] = {}
    model_type = config.get("model_type")
    if isinstance(model_type, str) and 0 < len(model_type) <= 200:
        kept["model_type"] = clean(model_type)
    architectures = config.get("architectures")
    if isinstance(architectures, list):
        names = [clean(name) for name in architectures if isinstance(name, str) and len(name) <= 200]
        kept["architectures"] = names[:MAX_ARCHITECTURES]
    quantization = read_quantization(config, tags)
    if quantization is not None:
        kept["quantization"] = {"method": quantization.method, "bits": quantization.bits}
    peft = config.get("peft")
    if isinstance(peft, Mapping):
        named = {key: peft.get(key) for key in ("base_model_name_or_path", "task_type")}
        kept["peft"] = {key: clean(text[:1000]) for key, text in named.items() if isinstance(text, str)}
    return kept


# --- parameters ----------------------------------------------------------------------------------


def _parameters(
    document: Mapping[str, object],
    headers: Mapping[str, ShardHeader] | None,
    config: Mapping[str, object],
    tags: Sequence[str],
    notes: Notes,
) -> ParameterCount | None:
    served = document.get("safetensors")
    served = {} if served is None else read_mapping("safetensors", served, notes)
    total = read_count("safetensors.total", served.get("total"), notes)
    parsed = _headers(headers or {}, notes)
    if parsed:
        return count_from_headers(parsed, total, config, tags)
    by_dtype = _by_dtype(served.get("parameters"), notes)
    if by_dtype or total is not None:
        return count_parameters(by_dtype, total, config, tags)
    gguf = document.get("gguf")
    content = {} if gguf is None else read_mapping("gguf", gguf, notes)
    count = read_count("gguf.total", content.get("total"), notes)
    return None if count is None else count_parameters({}, count, config, tags, origin="gguf")


def _by_dtype(value: object, notes: Notes) -> dict[str, int]:
    """Elements per dtype. Bulk files give a null for every dtype a model does not use."""
    if value is None:
        return {}
    counts: dict[str, int] = {}
    for dtype, elements in list(read_mapping("safetensors.parameters", value, notes).items())[:MAX_DTYPES]:
        count = read_count(f"safetensors.parameters.{dtype[:40]}", elements, notes)
        if count is not None and len(dtype) <= 40:
            counts[clean(dtype)] = count
    return counts


def _headers(headers: Mapping[str, ShardHeader], notes: Notes) -> list[Header]:
    """The readable headers; all of them or none, since a part would count as the whole."""
    parsed = []
    for path, header in headers.items():
        try:
            if isinstance(header, bytes):
                header = parse_header(header)
            parsed.append(header if isinstance(header, Header) else read_header(header))
        except DamagedFile as error:
            notes.add("header-damaged", f"{clean(path)}: {error.message}")
            return []
    return parsed
