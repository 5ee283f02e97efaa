"""What models weigh: one by one, page by page, and together."""

from __future__ import annotations

import pytest

from registry.catalog.catalog import Catalog
from registry.model.records import Weighing
from registry.model.snapshot import ParameterCount
from tests.catalog.makers import claim, content, count, file, snap

HUGE = 2**62


def test_a_model_is_weighed_by_its_current_list(catalog: Catalog) -> None:
    counted = ParameterCount({"BF16": 100}, logical=100)
    files = (file("a.safetensors", 200, "w"), file("copy.safetensors", 200, "w"), file("README.md", 7))
    catalog.save(snap("lab/a", files=files, parameters=counted, used_storage=900))
    (weighed,) = catalog.weighings(["lab/a", "lab/none"]).values()
    assert weighed.repo_id == "lab/a"
    assert weighed.parameters == 100
    assert dict(weighed.by_dtype) == {"BF16": 100}
    assert weighed.hub_used_bytes == 900
    assert weighed.sizes is not None
    assert (weighed.sizes.logical_bytes, weighed.sizes.unique_bytes) == (407, 207)
    assert (weighed.sizes.weight_bytes, weighed.sizes.copy_bytes) == (400, 400)
    assert weighed.complete
    assert weighed.unsized_weights == 0


def test_a_model_only_named_weighs_nothing_known(catalog: Catalog) -> None:
    catalog.save(snap("lab/a", claims=(claim("lab/base"),)))
    found = catalog.weighings(["lab/base", "lab/a"])
    assert found["lab/base"] == Weighing("lab/base")
    assert found["lab/a"].sizes is None
    assert list(catalog.weighings_after("", 10)) == ["lab/a"]


def test_stored_numbers_are_no_parameters(catalog: Catalog) -> None:
    catalog.save(snap("lab/packed", parameters=count(I32=100)))
    (weighed,) = catalog.weighings(["lab/packed"]).values()
    assert weighed.parameters is None
    assert dict(weighed.by_dtype) == {"I32": 100}


def test_files_without_a_size_are_told_by_whether_they_hold_weights(catalog: Catalog) -> None:
    catalog.save(snap("lab/cards", files=(file("a.bin", 10), file("README.md", None))))
    catalog.save(snap("lab/shards", files=(file("a.bin", 10), file("b.bin", None), file("c.bin", None))))
    catalog.save(snap("lab/none", files=(file("a.bin", None),)))
    catalog.save(snap("lab/part", files=(file("a.bin", 10),), files_complete=False))
    found = catalog.weighings_after("", 10)
    assert {name: one.unsized_weights for name, one in found.items()} == {
        "lab/cards": 0,
        "lab/none": 0,
        "lab/part": 0,
        "lab/shards": 2,
    }
    assert [one.repo_id for one in found.values() if not one.complete] == ["lab/part"]
    assert found["lab/none"].sizes is not None
    assert found["lab/none"].sizes.logical_bytes is None


def test_pages_follow_each_other_in_the_order_of_names(catalog: Catalog) -> None:
    catalog.save_many(snap(f"lab/{number:02}", parameters=count(F32=number)) for number in range(25))
    names: list[str] = []
    while page := catalog.weighings_after(names[-1] if names else "", 10):
        assert all(one.by_dtype == {"F32": int(name[-2:])} for name, one in page.items())
        names += page
    assert names == [f"lab/{number:02}" for number in range(25)]


def test_a_content_counts_once_over_all_models(catalog: Catalog) -> None:
    catalog.save(snap("lab/a", files=(file("w.bin", 100, "w"), file("README.md", 5))))
    catalog.save(snap("lab/b", files=(file("other.bin", 100, "w"), file("x.bin", 30, "x"))))
    catalog.save(snap("lab/c", files=(file("README.md", 5), file("y.bin", None, "y"))))
    assert catalog.unique_bytes() == 100 + 30 + 5 + 5
    assert catalog.unique_bytes(["lab/a", "lab/b"]) == 135
    assert catalog.unique_bytes(["lab/a"]) == 105
    assert catalog.unique_bytes(["lab/a"]) == catalog.weighings(["lab/a"])["lab/a"].sizes.unique_bytes  # type: ignore[union-attr]


def test_of_models_without_sizes_nothing_is_known_together(catalog: Catalog) -> None:
    assert catalog.unique_bytes() is None
    catalog.save(snap("lab/a", files=(file("w.bin", None),)))
    assert catalog.unique_bytes() is None
    assert catalog.unique_bytes(["lab/a", "lab/none"]) is None


@pytest.mark.parametrize("name", [None, "same"])
def test_absurd_sizes_do_not_overflow(catalog: Catalog, name: str | None) -> None:
    for number in range(4):
        blob = None if name is None else f"{name}{number}"
        catalog.save(snap(f"lab/{number}", files=(file("w.bin", HUGE + number, blob),)))
    assert catalog.unique_bytes() == 4 * HUGE + 6
    assert catalog.unique_bytes([f"lab/{number}" for number in range(4)]) == 4 * HUGE + 6
    assert content("same0") != content("same1")
