from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from typing import Any

import pytest

from registry.model.edges import Claim, Origin, Relation
from registry.sources.claims import MAX_CLAIMS, Material, read_claims
from registry.sources.values import Notes


def claims(
    *, files: Mapping[str, object] | None = None, notes: Notes | None = None, **material: Any
) -> list[Claim]:
    repo_files = {
        path: content if isinstance(content, bytes) else json.dumps(content).encode()
        for path, content in (files or {}).items()
    }
    known = {"repo_id": "me/mine", "repo_files": repo_files, **material}
    return list(read_claims(Material(**known), notes or Notes()))


def brief(found: list[Claim]) -> list[tuple[str, str, str | None, str]]:
    """Origin, words, base and relation; what was inferred left out."""
    return [
        (str(claim.origin), claim.declared, claim.base, str(claim.relation))
        for claim in found
        if claim.origin is not Origin.INFERRED
    ]


def inferred(found: list[Claim]) -> dict[str | None, tuple[str, str | None]]:
    return {
        claim.base: (str(claim.relation), claim.detail) for claim in found if claim.origin is Origin.INFERRED
    }


# --- tags and baseModels ------------------------------------------------------------------------------


def test_typed_and_bare_tag_of_one_base_are_one_claim() -> None:
    found = claims(tags=["base_model:a/b", "base_model:quantized:a/b", "license:mit", "base_model:"])
    assert brief(found) == [("hub", "a/b", "a/b", "quantized")]
    assert found[0].detail == "tags"


def test_old_answers_have_the_bare_tag_only() -> None:
    found = claims(tags=["base_model:a/b"])
    assert brief(found) == [("hub", "a/b", "a/b", "unknown")]


def test_dataset_tags_point_to_data() -> None:
    found = claims(tags=["dataset:wikipedia", "dataset:a/b", "dataset:Custom dataset", "dataset:"])
    assert brief(found) == [
        ("hub", "wikipedia", "data:wikipedia", "trained_on"),
        ("hub", "a/b", "data:a/b", "trained_on"),
        ("hub", "Custom dataset", None, "trained_on"),
    ]


def test_local_paths_in_tags_stay_unresolved() -> None:
    found = claims(
        tags=[
            r"base_model:C:\Models\Apriel-5B",
            "base_model:finetune:/x/models--a--b/y",
            "base_model:https://x.y/z",
        ]
    )
    assert brief(found) == [
        ("hub", r"C:\Models\Apriel-5B", None, "unknown"),
        ("hub", "/x/models--a--b/y", None, "finetune"),
        ("hub", "https://x.y/z", None, "unknown"),
    ]
    assert found[1].detail == "tags; local path; looks like a/b"


def test_a_relation_the_hub_may_add_does_not_spoil_the_id() -> None:
    assert brief(claims(tags=["base_model:pruned:a/b"])) == [("hub", "a/b", "a/b", "unknown")]
    assert brief(claims(tags=["base_model:distill:a/b"])) == [("hub", "a/b", "a/b", "distilled")]


def test_two_relations_for_one_base_keep_the_first_and_say_so() -> None:
    found = claims(tags=["base_model:adapter:a/b", "base_model:merge:a/b"])
    assert brief(found) == [("hub", "a/b", "a/b", "adapter")]
    assert found[0].detail == "tags; also as merge"


@pytest.mark.parametrize(
    "value",
    [
        {"relation": "quantized", "models": [{"_id": "1", "id": "a/b"}, {"id": "c/d"}]},
        [{"relation": "quantized", "models": ["a/b", "c/d"]}],
        [{"relation": "quantized", "id": "a/b"}, {"relation": "quantized", "models": "c/d"}],
    ],
)
def test_base_models_of_the_hub(value: object) -> None:
    assert brief(claims(base_models=value)) == [
        ("hub", "a/b", "a/b", "quantized"),
        ("hub", "c/d", "c/d", "quantized"),
    ]


def test_base_models_as_plain_ids_and_junk() -> None:
    assert brief(claims(base_models=["a/b", "", 3, None, {"models": [None, {"id": 3}, ""]}])) == [
        ("hub", "a/b", "a/b", "unknown")
    ]
    assert claims(base_models="?") == [
        Claim(Origin.HUB, "?", None, Relation.UNKNOWN, "baseModels; placeholder")
    ]


def test_base_models_complete_the_tags_without_doubling() -> None:
    found = claims(tags=["base_model:a/b"], base_models={"relation": "merge", "models": [{"id": "a/b"}]})
    assert brief(found) == [("hub", "a/b", "a/b", "merge")]
    assert found[0].detail == "tags; baseModels"


# --- the card -----------------------------------------------------------------------------------------


def test_one_base_or_a_list() -> None:
    assert brief(claims(card={"base_model": "a/b"})) == [("card", "a/b", "a/b", "unknown")]
    found = claims(card={"base_model": ["a/b", None, "", ["c/d"]]})
    assert [(claim.base, claim.detail) for claim in found[:2]] == [
        ("a/b", "base_model[0]"),
        ("c/d", "base_model[3][0]"),
    ]


@pytest.mark.parametrize(
    ("value", "declared", "base"),
    [
        ({"id": "a/b", "revision": "x"}, "a/b", "a/b"),
        ({"odd": [1]}, '{"odd": [1]}', None),
        (7, "7", None),
        (True, "true", None),
        ([[[[["a/b"]]]]], '["a/b"]', None),
        ("unknown", "unknown", None),
        ("ORIGINAL_REPO_NAME", "ORIGINAL_REPO_NAME", None),
        ("stable-diffusion-xl-1.0-inpainting-0.1", "stable-diffusion-xl-1.0-inpainting-0.1", None),
    ],
)
def test_odd_bases_are_kept_word_for_word(value: object, declared: str, base: str | None) -> None:
    (found,) = [claim for claim in claims(card={"base_model": value}) if claim.origin is Origin.CARD]
    assert (found.declared, found.base) == (declared, base)
    assert base is not None or found.detail


def test_text_no_database_can_hold_is_mended() -> None:
    (found,) = claims(card={"base_model": "a\0b \ud800" + "x" * 2000})
    assert found.declared.startswith("a\ufffdb ?xxx")
    assert len(found.declared) == 1000


@pytest.mark.parametrize(
    ("word", "relation"),
    [("quantized", "quantized"), ("Merge", "merge"), (["adapter"], "adapter"), ("finetune", "finetune")],
)
def test_an_explicit_relation_holds_for_every_base_of_the_card(word: object, relation: str) -> None:
    found = claims(card={"base_model": ["a/b", "c/d"], "base_model_relation": word})
    assert [claim.relation for claim in found] == [relation, relation]


def test_an_unheard_of_relation_is_noted() -> None:
    notes = Notes()
    found = claims(card={"base_model": "a/b", "base_model_relation": "sibling"}, notes=notes)
    assert brief(found) == [("card", "a/b", "a/b", "unknown")]
    assert [note.message for note in notes.all()] == ["base_model_relation is 'sibling'"]


def test_the_older_key_finetuned_from() -> None:
    assert brief(claims(card={"finetuned_from": "gpt2"})) == [("card", "gpt2", "gpt2", "finetune")]
    both = claims(card={"base_model": "gpt2", "finetuned_from": "gpt2"})
    assert brief(both) == [("card", "gpt2", "gpt2", "finetune")]
    assert both[0].detail == "base_model; finetuned_from"


def test_datasets_of_the_card() -> None:
    assert brief(claims(card={"datasets": "wikipedia"})) == [
        ("card", "wikipedia", "data:wikipedia", "trained_on")
    ]
    assert brief(claims(card={"datasets": ["a/b", {"name": "c/d"}, 3]})) == [
        ("card", "a/b", "data:a/b", "trained_on"),
        ("card", "c/d", "data:c/d", "trained_on"),
        ("card", "3", None, "trained_on"),
    ]


def test_a_model_naming_itself_is_kept() -> None:
    assert brief(claims(card={"base_model": "me/mine"})) == [("card", "me/mine", "me/mine", "unknown")]


# --- one base under two names -------------------------------------------------------------------------


def test_the_only_base_of_card_and_tags_is_one_base() -> None:
    found = claims(tags=["base_model:adapter:meta/Llama-3.1"], card={"base_model": "meta/Meta-Llama-3.1"})
    assert brief(found) == [
        ("hub", "meta/Llama-3.1", "meta/Llama-3.1", "adapter"),
        ("card", "meta/Meta-Llama-3.1", "meta/Llama-3.1", "unknown"),
    ]
    assert found[1].detail == "base_model; now meta/Llama-3.1, by the Hub's tag"


def test_the_slot_holds_for_a_text_that_is_no_id() -> None:
    found = claims(tags=["base_model:a/stable-diffusion"], card={"base_model": "stable-diffusion"})
    assert brief(found)[1] == ("card", "stable-diffusion", "a/stable-diffusion", "unknown")


def test_the_one_slot_left_over_in_equal_lists() -> None:
    tags = ["base_model:a/b", "base_model:new/name"]
    found = claims(tags=tags, card={"base_model": ["old/name", "a/b"]})
    assert brief(found)[2:] == [
        ("card", "old/name", "new/name", "unknown"),
        ("card", "a/b", "a/b", "unknown"),
    ]


@pytest.mark.parametrize(
    ("tags", "card"),
    [
        (["base_model:a/b"], ["c/d", "e/f", "a/b"]),  # CarteLorcana/Lorcana: the tags keep one of three
        (["base_model:x/y"], ["c/d", "e/f"]),
        (["base_model:x/y", "base_model:z/z"], ["c/d", "e/f"]),
    ],
)
def test_lists_that_differ_otherwise_keep_their_own_bases(tags: list[str], card: list[str]) -> None:
    found = claims(tags=tags, card={"base_model": card})
    assert [claim.base for claim in found if claim.origin is Origin.CARD] == card


def test_letter_case_follows_the_tag() -> None:
    tags = ["base_model:Qwen/Qwen2.5-32B", "base_model:a/b", "base_model:c/d", "dataset:Org/Data"]
    found = claims(tags=tags, card={"base_model": ["qwen/qwen2.5-32b", "x/y"], "datasets": "org/data"})
    assert [(claim.declared, claim.base) for claim in found if claim.origin is Origin.CARD] == [
        ("qwen/qwen2.5-32b", "Qwen/Qwen2.5-32B"),
        ("x/y", "x/y"),
        ("org/data", "data:Org/Data"),
    ]


def test_two_ids_that_differ_in_case_only_are_never_merged() -> None:
    tags = ["base_model:E/gpt-j", "base_model:E/GPT-J"]
    found = claims(tags=tags, card={"base_model": ["e/gpt-j"]})
    assert [claim.base for claim in found if claim.origin is Origin.CARD] == ["e/gpt-j"]


# --- files --------------------------------------------------------------------------------------------


def test_adapter_config() -> None:
    found = claims(files={"adapter_config.json": {"base_model_name_or_path": "a/b"}})
    assert brief(found) == [("adapter_config", "a/b", "a/b", "adapter")]
    # The adapter in the recorded git copies names a path on its maker's disk.
    local = claims(
        files={"checkpoint/adapter_config.json": {"base_model_name_or_path": "/root/model/internlm"}}
    )
    assert [(claim.base, claim.relation) for claim in local] == [(None, Relation.ADAPTER)]


def test_the_adapter_configuration_the_hub_serves() -> None:
    config = {"peft": {"base_model_name_or_path": "old/name", "task_type": "CAUSAL_LM"}}
    found = claims(config=config, tags=["base_model:adapter:new/name"], card={"base_model": "old/name"})
    assert brief(found)[2] == ("adapter_config", "old/name", "new/name", "adapter")


def test_config_json() -> None:
    assert brief(claims(files={"config.json": {"_name_or_path": "a/b"}})) == [
        ("config", "a/b", "a/b", "unknown")
    ]
    for value in ("Me/Mine", "", None, 3):
        assert claims(files={"config.json": {"_name_or_path": value}}) == []
    assert brief(claims(files={"config.json": {"_name_or_path": "./out"}})) == [
        ("config", "./out", None, "unknown")
    ]
    # A part of a pipeline names its own origin, not the pipeline's.
    assert claims(files={"unet/config.json": {"_name_or_path": "a/b"}}) == []


def test_a_files_base_follows_the_tags_letter_case() -> None:
    found = claims(files={"config.json": {"_name_or_path": "A/B"}}, tags=["base_model:finetune:a/b"])
    assert brief(found)[1] == ("config", "A/B", "a/b", "unknown")
    other = claims(files={"config.json": {"_name_or_path": "x/y"}}, tags=["base_model:finetune:a/b"])
    assert brief(other)[1] == ("config", "x/y", "x/y", "unknown")


def test_a_dataset_and_a_model_of_one_name_stay_apart() -> None:
    found = claims(card={"datasets": "a/b"}, files={"config.json": {"_name_or_path": "a/b"}})
    assert brief(found) == [("card", "a/b", "data:a/b", "trained_on"), ("config", "a/b", "a/b", "unknown")]


@pytest.mark.parametrize("content", [b"", b"{", b"[" * 100_000, b"\xff\xfe", b"[1]", b'"x"', b"9" * 5000])
@pytest.mark.parametrize("path", ["adapter_config.json", "config.json"])
def test_unreadable_files_cost_their_claims_only(path: str, content: bytes) -> None:
    notes = Notes()
    assert brief(claims(files={path: content}, tags=["base_model:a/b"], notes=notes)) == [
        ("hub", "a/b", "a/b", "unknown")
    ]
    assert all(path in note.message for note in notes.all())


MERGE = """
slices:
  - sources:
      - model: arcee-ai/Llama-3.1-SuperNova-Lite
        layer_range: [0, 32]
      - model: DreadPoor/Heart_Stolen-8B-Model_Stock
      - {model: Dampfinchen/Ultra, parameters: {weight: 0.5}}
merge_method: model_stock
base_model: arcee-ai/Llama-3.1-SuperNova-Lite
dtype: bfloat16
"""  # the recipe of the YouriLalain merge in the recorded git copies, shortened


def test_mergekit_recipes_name_every_parent() -> None:
    found = claims(files={"mergekit_config.yml": MERGE.encode()}, card={"base_model": "Dampfinchen/Ultra"})
    merged = [claim for claim in found if claim.origin is Origin.MERGEKIT]
    assert [claim.base for claim in merged] == [
        "arcee-ai/Llama-3.1-SuperNova-Lite",
        "DreadPoor/Heart_Stolen-8B-Model_Stock",
        "Dampfinchen/Ultra",
    ]
    assert {claim.relation for claim in merged} == {Relation.MERGE}
    assert merged[1].detail == "mergekit_config.yml: slices[0].sources[1].model"
    assert inferred(found) == {}


@pytest.mark.parametrize(
    "recipe",
    [
        "models:\n- model: a/b\n- model: c/d\n",
        "models:\n- model: a/b+c/d\n",
        "base_model: {model: {path: a/b, revision: x}, lora: {path: c/d}}\n",
        "experts:\n- source_model: a/b\n  positive_prompts: [x]\nbase_model: c/d\n",
        "models:\n- model: {model: {path: a/b}}\n---\nname: second\nmodels:\n- model: c/d\n",
        "models:\n  one: {model: a/b}\n  two: {model: c/d@main}\n",
    ],
)
def test_mergekit_forms(recipe: str) -> None:
    found = claims(files={"mergekit_config.yaml": recipe.encode()})
    assert {claim.base for claim in found} == {"a/b", "c/d"}
    assert {claim.origin for claim in found} == {Origin.MERGEKIT}


def test_a_part_of_a_mergekit_name_says_of_what() -> None:
    found = claims(files={"mergekit_config.yml": b"base_model: a/b+\nmodel: {path: /local/x}\npath: c/d\n"})
    assert [(claim.declared, claim.base, claim.detail) for claim in found] == [
        ("a/b", "a/b", "mergekit_config.yml: base_model; part of 'a/b+'"),
        ("/local/x", None, "mergekit_config.yml: model.path; local path"),
    ]


def test_an_unreadable_recipe_is_noted() -> None:
    notes = Notes()
    assert claims(files={"mergekit_config.yml": b"a: [b"}, notes=notes) == []
    assert notes.all()[0].code == "mergekit-malformed"


def gguf(**metadata: str) -> bytes:
    def text(value: str) -> bytes:
        return struct.pack("<Q", len(value)) + value.encode()

    pairs = [
        text(key.replace("__", ".")) + struct.pack("<I", 8) + text(value) for key, value in metadata.items()
    ]
    return b"GGUF" + struct.pack("<IQQ", 3, 0, len(pairs)) + b"".join(pairs)


HUB = "https://huggingface.co/"


def test_gguf_of_a_conversion_names_what_it_was_made_from() -> None:
    head = gguf(
        general__base_model__0__repo_url=HUB + "a/b", general__dataset__0__repo_url=HUB + "datasets/c/d"
    )
    found = claims(files={"m.gguf": head}, paths=["m.gguf"], tags=["gguf"])
    assert brief(found) == [
        ("gguf", HUB + "a/b", "a/b", "quantized"),
        ("gguf", HUB + "datasets/c/d", "data:c/d", "trained_on"),
    ]


def test_gguf_tells_source_and_parent_apart() -> None:
    head = gguf(general__source__repo_url=HUB + "a/tuned", general__base_model__0__repo_url=HUB + "a/base")
    found = claims(files={"m.gguf": head}, paths=["m.gguf"])
    assert [(claim.base, claim.relation) for claim in found if claim.origin is Origin.GGUF] == [
        ("a/tuned", Relation.QUANTIZED),
        ("a/base", Relation.UNKNOWN),
    ]


def test_a_gguf_copy_beside_full_weights_is_no_conversion() -> None:
    head = gguf(general__base_model__0__name="Llama 3 8B", general__base_model__0__organization="Meta Llama")
    found = claims(files={"m.gguf": head}, paths=["m.gguf", "model.safetensors"])
    assert brief(found) == [("gguf", "Meta Llama / Llama 3 8B", None, "unknown")]


def test_a_damaged_gguf_is_noted() -> None:
    notes = Notes()
    assert claims(files={"m.gguf": b"junk"}, notes=notes) == []
    assert notes.all()[0].code == "gguf-malformed"


# --- what nobody states -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("material", "relation", "sign"),
    [
        ({"library": "peft"}, "adapter", "inferred from the library peft"),
        ({"paths": ["x/adapter_config.json"]}, "adapter", "inferred from the file adapter_config.json"),
        ({"config": {"peft": {}}}, "adapter", "inferred from the adapter configuration"),
        ({"paths": ["m.gguf"]}, "quantized", "inferred from its GGUF files"),
        ({"tags": ["gguf"]}, "quantized", "inferred from the tag gguf"),
        ({"tags": ["4-bit"]}, "quantized", "inferred from the tag 4-bit"),
        ({"tags": ["AWQ"]}, "quantized", "inferred from the tag AWQ"),
        (
            {"config": {"quantization_config": {"bits": 4}}},
            "quantized",
            "inferred from quantization_config in the configuration",
        ),
        ({"tags": ["mergekit"]}, "merge", "inferred from the tag mergekit"),
        ({"paths": ["mergekit_config.yml"]}, "merge", "inferred from the file mergekit_config.yml"),
        ({}, "finetune", "inferred: no sign of an adapter, a quantization or a merge"),
        (
            {"tags": ["gguf"], "paths": ["m.gguf", "model.safetensors"]},
            "finetune",
            "inferred: no sign of an adapter, a quantization or a merge",
        ),
    ],
)
def test_a_relation_nobody_states_is_inferred_and_says_why(
    material: dict[str, Any], relation: str, sign: str
) -> None:
    found = claims(card={"base_model": "a/b"}, **material)
    assert inferred(found) == {"a/b": (relation, sign)}
    assert found[-1].declared == ""


def test_several_bases_of_a_mergekit_repository() -> None:
    found = claims(card={"base_model": ["a/b", "c/d"]}, library="mergekit")
    assert {relation for relation, _ in inferred(found).values()} == {"merge"}
    one = claims(card={"base_model": ["a/b"]}, library="mergekit")
    assert {relation for relation, _ in inferred(one).values()} == {"finetune"}


def test_nothing_is_inferred_where_somebody_says() -> None:
    found = claims(tags=["base_model:finetune:a/b", "4-bit"], card={"base_model": ["a/b", "c/d"]})
    assert inferred(found) == {"c/d": ("quantized", "inferred from the tag 4-bit")}


def test_nothing_is_inferred_for_datasets_and_unresolved_bases() -> None:
    assert inferred(claims(card={"base_model": "/local", "datasets": "a/b"})) == {}


def test_a_flood_of_claims_is_cut() -> None:
    notes = Notes()
    found = claims(tags=[f"base_model:finetune:a/m{index}" for index in range(MAX_CLAIMS + 5)], notes=notes)
    assert len(found) == MAX_CLAIMS
    assert notes.all()[0].code == "too-many-claims"
