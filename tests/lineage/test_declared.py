from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.lineage.declared import read_base, read_dataset, root_ids
from registry.model.refs import is_hub_id


@pytest.mark.parametrize("text", ["bigscience/bloom", "gpt2", "t5-small", "01-ai/Yi-1.5-34B-32k", "a/b_"])
def test_an_id_is_taken_as_it_stands(text: str) -> None:
    read = read_base(text)
    assert (read.base, read.detail) == (text, None)


def test_there_are_68_root_ids() -> None:
    # The number of models the Hub moved under organisations (hub-data, quirk 4).
    assert len(root_ids()) == 68
    assert {"gpt2", "bert-base-uncased", "xlm-roberta-base"} <= root_ids()


@pytest.mark.parametrize(
    ("text", "base"),
    [
        ("https://huggingface.co/org/name", "org/name"),
        ("https://huggingface.co/org/name/tree/main?x=1", "org/name"),
        ("http://hf.co/org/name#usage", "org/name"),
        ("huggingface.co/org/name", "org/name"),
        ("https://huggingface.co/gpt2/blob/main/README.md", "gpt2"),
        ("hf://org/name", "org/name"),
        ("hf://models/org/name", "org/name"),
        ("  org/name\n", "org/name"),
    ],
)
def test_an_id_in_a_web_address_is_recovered(text: str, base: str) -> None:
    # Synthetic: addresses as base_model exist in the wild but not in the recorded data.
    assert read_base(text).base == base


def test_a_revision_is_told_apart() -> None:
    read = read_base("org/name@v1.0")
    assert (read.base, read.detail) == ("org/name", "at revision v1.0")


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        (r"C:\Models\Apriel-5B-Instruct", None),
        ("/cache/models/Qwen--Qwen3.5-9B", "Qwen/Qwen3.5-9B"),
        ("/dtu/u/cache/hub/models--ppegiosk--vr_all_30hz_30k/snapshots/ea7b", "ppegiosk/vr_all_30hz_30k"),
        ("models--org--name", "org/name"),
        ("outputs/run/checkpoints/last/pretrained_model", None),
        ("/root/model/internlm-chat-7b", None),
        ("./org/name", None),
        ("~/models", None),
        ("org/name/", None),
        ("file:///data/models--org--name", "org/name"),
        (".", None),
    ],
)
def test_a_local_path_names_no_model_and_hints_at_most(text: str, hint: str | None) -> None:
    read = read_base(text)
    assert read.base is None
    assert read.detail == ("local path" if hint is None else f"local path; looks like {hint}")


@pytest.mark.parametrize(
    "text",
    [None, "", " ", "None", "none", "unknown", "ORIGINAL_REPO_NAME", "{base_model}", "{{ base }}", "<id>"],
)
def test_placeholders_name_no_model(text: object) -> None:
    read = read_base(text)
    assert (read.base, read.detail) == (None, "placeholder")


@pytest.mark.parametrize(
    ("value", "detail"),
    [
        ("stable-diffusion-xl-1.0-inpainting-0.1", "without an organisation"),
        ("org/name (Merge)", "not a model id"),
        ("https://github.com/org/name", "outside the Hub"),
        ("https://huggingface.co/datasets/org/name", "not of a model"),
        ("https://huggingface.co/unheard-of", "without a model id"),
        ("org name", "not a model id"),
        ("org/name@", "not a model id"),
        ("x" * 2000, "2000 characters"),
        (True, "true or false"),
        (7, "a number"),
        (1.5, "a number"),
        (["org/name"], "a list"),
        ({"id": "org/name"}, "a mapping"),
    ],
)
def test_everything_else_is_unresolved_with_a_reason(value: object, detail: str) -> None:
    read = read_base(value)
    assert read.base is None
    assert detail in (read.detail or "")


@pytest.mark.parametrize(
    ("text", "base"),
    [
        ("wikipedia", "wikipedia"),
        ("Open-Orca/SlimOrca-Dedup", "Open-Orca/SlimOrca-Dedup"),
        ("https://huggingface.co/datasets/org/name/viewer", "org/name"),
        ("Custom dataset", None),
        ("https://huggingface.co/datasets/", None),
        ("None", None),
        ("/data/train.csv", None),
        (None, None),
        (3, None),
        ("x" * 2000, None),
    ],
)
def test_datasets(text: object, base: str | None) -> None:
    read = read_dataset(text)
    assert read.base == base
    assert base is not None or read.detail


@given(st.one_of(st.text(), st.from_regex(r"(https?://)?(hf\.co/)?[\w./\\@:{}-]{0,30}"), st.floats()))
def test_reading_never_raises_and_a_base_is_an_id(value: object) -> None:
    for read in (read_base(value), read_dataset(value)):
        assert (read.base is not None and is_hub_id(read.base)) or read.detail
