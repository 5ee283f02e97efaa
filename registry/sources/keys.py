"""What is read of cards and configurations in a list of models, which bring a hundred times as much."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple, TypeVar

import msgspec

NONE = msgspec.Raw()
"""A key that is not there."""
_LICENSE = ("license", "license_name", "license_link")
_WORD = re.compile(r'"[a-z0-9.+-]+"')


class Card(msgspec.Struct, gc=False):
    """The keys of a card that are read (`documents.py`), in any form."""

    license: msgspec.Raw = NONE
    license_name: msgspec.Raw = NONE
    license_link: msgspec.Raw = NONE
    base_model: msgspec.Raw = NONE
    base_model_relation: msgspec.Raw = NONE
    finetuned_from: msgspec.Raw = NONE
    datasets: msgspec.Raw = NONE
    new_version: msgspec.Raw = NONE
    tags: msgspec.Raw = NONE
    library_name: msgspec.Raw = NONE
    pipeline_tag: msgspec.Raw = NONE


class Config(msgspec.Struct, gc=False):
    """The keys of a configuration that are read (`documents.py`, `weights/quantization.py`)."""

    model_type: msgspec.Raw = NONE
    architectures: msgspec.Raw = NONE
    quantization_config: msgspec.Raw = NONE
    quantization: msgspec.Raw = NONE
    peft: msgspec.Raw = NONE
    text_config: msgspec.Raw = NONE
    llm_config: msgspec.Raw = NONE
    language_config: msgspec.Raw = NONE
    thinker_config: msgspec.Raw = NONE


Part = TypeVar("Part", Card, Config)

CARD = msgspec.json.Decoder(Card)
CONFIG = msgspec.json.Decoder(Config)
_JSON = msgspec.json.Encoder()


class Words(NamedTuple):
    """What a part says, key by key, as received. license: the license a card states in one plain word and
    nothing beside it; `""` where it states none, `None` where it takes more to tell."""

    texts: Mapping[str, str]
    license: str | None


def words_of(part: Card | Config) -> Words:
    """Raises `UnicodeDecodeError`."""
    values = [(name, getattr(part, name)) for name in part.__struct_fields__]
    texts = {name: str(value, "utf-8") for name, value in values if value is not NONE}
    stated = [texts[name] for name in _LICENSE if name in texts]
    alone = len(stated) == 1 and "license" in texts and _WORD.fullmatch(stated[0]) is not None
    return Words(texts, stated[0][1:-1] if alone else None if stated else "")


def read_part(text: str, decoder: msgspec.json.Decoder[Part]) -> Part | None:
    """Part of a JSON text; `None` where it takes more than that to tell what it says."""
    try:
        return decoder.decode(text)
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        return None


def shortened(text: str, decoder: msgspec.json.Decoder[Part]) -> str:
    """The keys that are read, as they stand; the whole text where that is not told so easily."""
    part = read_part(text, decoder)
    if part is None:
        return text
    values = ((name, getattr(part, name)) for name in part.__struct_fields__)
    return _JSON.encode({name: value for name, value in values if value is not NONE}).decode()
