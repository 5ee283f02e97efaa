"""Tags in few bytes: most of a model's tags repeat what its snapshot and its claims say already.

A coded tag is one byte: the library, the task, the license, a base the Hub names, or one of the words below.
Any other tag is written out. Long lists are deflated on top. Claims change over time, so only a look in
short form (`short.py`) leaves its bases to them.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator

from registry.model.edges import Claim, Origin, Relation
from registry.model.snapshot import LicenseClaim, LicenseField, ModelSnapshot

WORDS = (
    *("region:us", "region:eu", "safetensors", "pytorch", "transformers", "diffusers", "tf", "jax", "onnx"),
    *("gguf", "peft", "mlx", "endpoints_compatible", "autotrain_compatible", "text-generation-inference"),
    *("text-embeddings-inference", "conversational", "generated_from_trainer", "custom_code", "en", "zh"),
    *("fr", "de", "es", "ja", "ko", "it", "pt", "ru", "ar", "hi", "vi", "multilingual", "llama", "qwen2"),
    *("qwen3", "mistral", "gemma", "gemma2", "gemma3", "phi3", "bert", "roberta", "gpt2", "t5", "whisper"),
    *("vit", "wav2vec2", "text-generation", "text-classification", "text-to-image", "image-to-text"),
    *("image-classification", "token-classification", "question-answering", "fill-mask", "translation"),
    *("text2text-generation", "feature-extraction", "sentence-similarity", "sentence-transformers"),
    *("reinforcement-learning", "deep-reinforcement-learning", "automatic-speech-recognition", "unsloth"),
    *("trl", "sft", "dpo", "lora", "grpo", "merge", "mergekit", "4-bit", "8-bit", "awq"),
    *("gptq", "bitsandbytes", "compressed-tensors", "imatrix", "quantized", "template:sd-lora", "adapter"),
    *("stable-diffusion", "stable-diffusion-diffusers", "stable-diffusion-xl", "flux", "tensorboard"),
    *(
        "model-index",
        "arxiv:1910.09700",
        "autotrain",
        "axolotl",
        "llama-factory",
        "llama-cpp",
        "gguf-my-repo",
    ),
    *(
        "stable-baselines3",
        "keras",
        "timm",
        "spacy",
        "setfit",
        "code",
        "chat",
        "medical",
        "math",
        "reasoning",
    ),
    *("not-for-all-audiences", "image-text-to-text", "image-feature-extraction", "object-detection"),
    *("dataset_size:1K<n<10K", "loss:MultipleNegativesRankingLoss", "text-to-speech", "text-to-video"),
)
"""Tags the Hub's models have most. Their numbers are in catalogs: new ones go to the end."""

_LIBRARY, _TASK, _LICENSE, _SPELLED = 1, 2, 3, 4
_BASE, _TYPED, _DATASET, _WORD = 0x10, 0x20, 0x30, 0x40
_EACH = 16
_SPELL_LONG = 5
_WORD_CODES = {word: bytes([_WORD + number]) for number, word in enumerate(WORDS[: 0x100 - _WORD])}
_WORD_OF = {code[0]: word for word, code in _WORD_CODES.items()}

_PLAIN, _DEFLATED = b"\x01", b"\x02"
_WORTH_DEFLATING = 120


def pack_tags(snapshot: ModelSnapshot, claims: Iterable[Claim] = ()) -> bytes | None:
    """The tags of a snapshot, coded by its other facts and by `claims`; `None` when there are none."""
    if not snapshot.tags:
        return None
    codes = _codes(snapshot.library, snapshot.task, snapshot.licenses, claims)
    coded = b"".join([codes.get(tag) or _WORD_CODES.get(tag) or _spelled(tag) for tag in snapshot.tags])
    if len(coded) > _WORTH_DEFLATING:
        deflated = zlib.compress(coded, 6)
        if len(deflated) < len(coded):
            return _DEFLATED + deflated
    return _PLAIN + coded


def unpack_tags(
    data: bytes | None,
    library: str | None,
    task: str | None,
    licenses: Iterable[LicenseClaim],
    claims: Iterable[Claim],
) -> tuple[str, ...]:
    """The tags coded in `data`, by the same facts and claims. Raises `ValueError` or `zlib.error` when
    it is damaged or the facts are others."""
    if data is None:
        return ()
    meaning = {code[0]: tag for tag, code in _codes(library, task, licenses, claims).items()} | _WORD_OF
    tags = []
    for code, text in _tokens(data):
        if text is None and code not in meaning:
            raise ValueError(f"no tag has the code {code}")
        tags.append(meaning[code] if text is None else text)
    return tuple(tags)


def check_tags(data: bytes) -> None:
    """Raise `ValueError` or `zlib.error` when coded tags are damaged."""
    for _ in _tokens(data):
        pass


def _tokens(data: bytes) -> Iterator[tuple[int, str | None]]:
    """Every tag: its code, or its text where it is written out."""
    if data[:1] not in (_PLAIN, _DEFLATED):
        raise ValueError("no coded tags")
    coded = data[1:] if data[:1] == _PLAIN else zlib.decompress(data[1:])
    place = 0
    while place < len(coded):
        code = coded[place]
        place += 1
        if code not in (_SPELLED, _SPELL_LONG):
            yield code, None
            continue
        start = place + (1 if code == _SPELLED else 4)
        place = start + int.from_bytes(coded[place:start], "big")
        if place > len(coded):
            raise ValueError("coded tags are cut short")
        yield code, coded[start:place].decode()


def _codes(
    library: str | None, task: str | None, licenses: Iterable[LicenseClaim], claims: Iterable[Claim]
) -> dict[str, bytes]:
    """What the facts of a snapshot say in tags, whatever order they are in. A tag may have several codes;
    one of them is known."""
    codes: dict[str, bytes] = {}
    if task is not None:
        codes[task] = bytes([_TASK])
    if library is not None:
        codes[library] = bytes([_LIBRARY])
    stated = sorted(one.value for one in licenses if one.field is LicenseField.LICENSE)
    for value in stated[:1]:
        codes[f"license:{value}"] = bytes([_LICENSE])
    told = sorted({(one.declared, one.relation) for one in claims if one.origin is Origin.HUB})
    bases = [one for one in told if one[1] is not Relation.TRAINED_ON]
    for number, (declared, relation) in enumerate(bases[:_EACH]):
        codes.setdefault(f"base_model:{declared}", bytes([_BASE + number]))
        codes.setdefault(f"base_model:{relation}:{declared}", bytes([_TYPED + number]))
    datasets = [declared for declared, relation in told if relation is Relation.TRAINED_ON]
    for number, declared in enumerate(datasets[:_EACH]):
        codes.setdefault(f"dataset:{declared}", bytes([_DATASET + number]))
    return codes


def _spelled(tag: str) -> bytes:
    text = tag.encode()
    if len(text) < 0x100:
        return bytes([_SPELLED, len(text)]) + text
    return bytes([_SPELL_LONG]) + len(text).to_bytes(4, "big") + text
