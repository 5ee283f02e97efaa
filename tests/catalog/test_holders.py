"""Weights that may be there twice, what was made from a base, and families; on both databases."""

from __future__ import annotations

import pytest

from registry.catalog.catalog import Catalog
from registry.model.copies import Descent
from registry.model.edges import Relation
from tests.catalog.makers import claim, content, count, file, sha, snap


def test_lists_that_may_hold_weights_twice(catalog: Catalog) -> None:
    both = (file("README.md", 5), file("model.safetensors", 1000, "s"), file("pytorch_model.bin", 1100, "p"))
    catalog.save_many(
        [
            snap("a/both", files=both, parameters=count(BF16=500)),
            snap("a/one", files=(file("model.safetensors", 1000),), parameters=count(BF16=500)),
            snap("a/untold", files=(file("model.safetensors", 1000),)),
            snap("a/more", files=(file("model.safetensors", 1600),), parameters=count(BF16=500)),
            snap("a/none", files=(file("README.md", 5),)),
            snap("a/unsized", files=(file("model.safetensors", None),)),
            snap("a/unlisted"),
            snap("a/cut", files=both, files_complete=False),
        ]
    )
    found = catalog.weight_files([*catalog.tracked_after("", 10_000), "no/such"])
    assert [one.repo_id for one in found] == ["a/both", "a/cut", "a/more", "a/untold"]
    first = found[0]
    assert (first.commit_sha, first.complete, dict(first.by_dtype)) == (sha("c1"), True, {"BF16": 500})
    assert [(one.path, one.size, one.sha256) for one in first.files] == [
        ("model.safetensors", 1000, content("s")),
        ("pytorch_model.bin", 1100, content("p")),
    ]
    assert not found[1].complete


@pytest.fixture
def family(catalog: Catalog) -> Catalog:
    weights = (file("model.safetensors", 1000), file("pytorch_model.bin", 1100))
    catalog.save_many(
        [
            snap("b/base", files=weights, claims=(claim("b/base"),)),
            snap("t/full", files=weights, claims=(claim("b/base"),)),
            snap("t/told", parameters=count(BF16=450), claims=(claim("b/base"), claim("other/base"))),
            snap("t/unknown", claims=(claim("b/base"),)),
            snap(
                "t/lora", files=(file("adapter_model.bin", 7),), claims=(claim("b/base", Relation.ADAPTER),)
            ),
            snap("t/merge", claims=(claim("a/first", Relation.MERGE), claim("t/full", Relation.MERGE))),
            snap("t/only-lora", claims=(claim("c/alone", Relation.ADAPTER),)),
            snap("t/gone", files=weights, claims=(claim("b/base"),)),
            snap("t/child-of-gone", claims=(claim("t/gone", Relation.QUANTIZED),)),
        ]
    )
    catalog.remove("t/gone")
    return catalog


def test_what_was_made_from_each_base(family: Catalog) -> None:
    assert family.descents() == [
        Descent("b/base", 1000, (900, 1000, None), (7,)),
        Descent("other/base", None, (900,), ()),
    ]


def test_a_name_asks_about_a_base_or_about_the_bases_of_a_model(family: Catalog) -> None:
    everything = family.descents()
    assert family.descents(["other/base"]) == everything[1:]
    assert family.descents(["t/lora"]) == everything[:1]
    assert family.descents(["t/told"]) == everything
    assert family.descents(["t/merge"]) == []
    assert family.descents([]) == []


def test_roots(family: Catalog) -> None:
    names = ["b/base", "t/lora", "t/told", "t/merge", "t/child-of-gone", "t/only-lora", "no/such"]
    assert family.roots(names) == {
        "b/base": "b/base",
        "t/lora": "b/base",
        "t/told": "b/base",
        "t/merge": "a/first",
        "t/child-of-gone": "b/base",
        "t/only-lora": "c/alone",
    }
    assert family.roots([]) == {}


def test_the_closer_relation_leads_to_the_root_and_datasets_never(catalog: Catalog) -> None:
    catalog.save(
        snap(
            "x/model",
            claims=(
                claim("a/merged", Relation.MERGE),
                claim("data:a/text", Relation.TRAINED_ON),
                claim("z/tuned", Relation.FINETUNE),
            ),
        )
    )
    assert catalog.roots(["x/model"]) == {"x/model": "z/tuned"}


def test_a_circle_has_one_root(catalog: Catalog) -> None:
    catalog.save_many(
        [
            snap("c/1", claims=(claim("c/2"),)),
            snap("c/2", claims=(claim("c/3"),)),
            snap("c/3", claims=(claim("c/1"),)),
            snap("d/leaf", claims=(claim("c/3"),)),
        ]
    )
    expected = dict.fromkeys(("c/1", "c/2", "c/3", "d/leaf"), "c/1")
    assert catalog.roots(["d/leaf", "c/3", "c/2", "c/1"]) == expected
    assert catalog.roots(["d/leaf"]) == {"d/leaf": "c/1"}
