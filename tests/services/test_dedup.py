"""Duplication put together: certain, inferred and potential never mix, and nothing counts twice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from registry.catalog.catalog import Catalog
from registry.economics.storage import StoragePrice
from registry.model.copies import Descent
from registry.model.edges import Relation
from registry.model.snapshot import ModelFile, ParameterCount
from registry.services.dedup import By, DedupReport, Question, dedup, owner_of
from registry.services.overlap import overlaps
from tests.services.fakes import NOW, snapshot

GB = 10**9
PRICE = StoragePrice(
    id="flat",
    provider="nobody",
    name="flat",
    usd_per_month=1.0,
    unit="GB",
    day="2026-01",
    source="made up",
    how_sure="synthetic",
)
ST, BIN = "model.safetensors", "pytorch_model.bin"


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    with Catalog.open(str(tmp_path / "catalog.db"), create=True) as opened:
        yield opened


def weights(path: str, name: str, size: int = 10 * GB) -> ModelFile:
    return ModelFile(path, size, name.encode().hex().ljust(64, "0"))


def ask(catalog: Catalog, names: list[str] | None = None, **rest: object) -> DedupReport:
    return dedup(catalog, names, PRICE, Question(**rest))  # type: ignore[arg-type]


def test_a_twin_that_is_an_equal_copy_too_counts_once(catalog: Catalog) -> None:
    both = [weights(ST, "s"), weights(BIN, "b")]
    catalog.save_many(
        [
            replace(snapshot("first/model", files=both), created_at=NOW.replace(year=2024)),
            replace(snapshot("second/model", "first/model", files=both), created_at=NOW),
        ]
    )
    found = ask(catalog, by=By.OWNER)
    assert (found.wasted.certain, found.wasted.inferred, found.wasted.total) == (20 * GB, 10 * GB, 30 * GB)
    assert found.contents.logical_bytes - found.wasted.total == 10 * GB, "one copy in one format is left"
    assert [(one.name, one.certain, one.inferred) for one in found.shares] == [
        ("second", 20 * GB, 0),
        ("first", 0, 10 * GB),
    ]
    assert [group.wasted_bytes for group in found.twins] == [10 * GB, 0]
    assert [one.copies[0].repo_id for one in found.shared()] == ["first/model", "first/model"]
    assert found.wasted.yearly.mid == pytest.approx(30 * 12)
    assert (found.wasted.yearly.unit, found.wasted.yearly.priced) == ("USD/year", "2026-01")
    assert found.wasters == ("first/model", "second/model")


def test_a_twin_of_which_another_has_the_original_is_counted_there(catalog: Catalog) -> None:
    catalog.save_many(
        [
            replace(snapshot("old/bin", files=[weights(BIN, "b")]), created_at=NOW.replace(year=2024)),
            replace(snapshot("new/both", files=[weights(ST, "s"), weights(BIN, "b")]), created_at=NOW),
        ]
    )
    found = ask(catalog)
    assert (found.wasted.certain, found.wasted.inferred) == (10 * GB, 0)
    alone = ask(catalog, ["new/both"])
    assert (alone.wasted.certain, alone.wasted.inferred) == (0, 10 * GB)
    assert alone.elsewhere == (1, 10 * GB)
    assert found.elsewhere is None


def test_unsure_twins_are_told_and_not_counted(catalog: Catalog) -> None:
    catalog.save(snapshot("a/m", files=[weights(ST, "s"), weights("flax_model.msgpack", "f", 9_900_000_000)]))
    found = ask(catalog)
    assert (found.twin_groups, found.possible_bytes, found.wasted.total) == (1, 9_900_000_000, 0)
    assert found.twins[0].others[0].wasted_bytes == 0
    assert found.wasters == ()


def test_limits_cut_lists_and_leave_sums(catalog: Catalog) -> None:
    catalog.save_many(
        [
            snapshot(f"o{n}/m", files=[weights(ST, f"s{n}", n * GB), weights(BIN, f"b{n}", n * GB)])
            for n in range(1, 5)
        ]
    )
    found = ask(catalog, limit=2, by=By.MODEL)
    assert [one.repo_id for one in found.twins] == ["o4/m", "o3/m"]
    assert (found.twin_groups, found.wasted.inferred) == (4, 10 * GB)
    assert [one.name for one in found.shares] == ["o4/m", "o3/m"]
    assert found.groups == 4
    large = ask(catalog, least=4 * GB)
    assert [one.repo_id for one in large.twins] == ["o4/m"]
    assert large.wasted == found.wasted


def test_many_findings_are_kept_in_bounds(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("registry.services.dedup.PAGE", 2)
    monkeypatch.setattr("registry.services.dedup.READ", 1)
    monkeypatch.setattr("registry.services.twins.SPARE", 0)
    catalog.save_many(
        [
            snapshot(
                f"o/m{n}",
                files=[
                    weights(ST, f"s{n}", n * GB),
                    weights(BIN, f"b{n}", n * GB),
                    weights("model.onnx", "same", 3),
                    weights("tokenizer.model", "also", 2),
                ],
            )
            for n in range(1, 8)
        ]
    )
    found = ask(catalog, limit=1)
    assert (found.twins[0].repo_id, found.twin_groups, found.derived_sets) == ("o/m7", 7, 7)
    assert [one.repo_id for one in found.derived] == ["o/m1"]
    names = [f"o/m{n}" for n in range(1, 8)]
    assert ask(catalog, names).wasted == found.wasted
    assert [one.size for one in ask(catalog).shared()] == [3, 2]


def test_derived_and_undecided_sets(catalog: Catalog) -> None:
    catalog.save(
        snapshot(
            "a/m",
            files=[
                weights(ST, "s"),
                ModelFile(BIN, None),
                weights("m.Q4_K_M.gguf", "g", 3 * GB),
                weights("fp16/model.safetensors", "h", 5 * GB),
            ],
        )
    )
    found = ask(catalog)
    assert (found.wasted.total, found.undecided_sets, found.derived_sets) == (0, 1, 2)
    assert [(one.weights.path, one.reason) for one in found.derived] == [
        ("fp16/model.safetensors", "half the bytes: another precision"),
        ("m.Q4_K_M.gguf", "converted to gguf"),
    ]
    assert [one.weights.path for one in ask(catalog, least=4 * GB).derived] == ["fp16/model.safetensors"]


def test_waste_by_family(catalog: Catalog) -> None:
    both = [weights(ST, "s"), weights(BIN, "b")]
    catalog.save_many(
        [
            snapshot("root/m", files=[weights(ST, "r")]),
            snapshot("a/tuned", "root/m", files=both),
            snapshot("b/again", "a/tuned", files=both),
            snapshot("c/alone", files=[weights("x.bin", "x"), weights("y.bin", "x")]),
        ]
    )
    found = ask(catalog, by=By.FAMILY)
    assert [(one.name, one.models, one.total) for one in found.shares] == [
        ("root/m", 2, 30 * GB),
        ("c/alone", 1, 10 * GB),
    ]
    assert sum(one.total for one in found.shares) == found.wasted.total


@pytest.mark.parametrize(
    ("repo_id", "owner"),
    [
        ("bigscience/bloom", "bigscience"),
        ("gpt2", None),
        ("paper:openai/gpt-3", "paper:openai"),
        ("local:/home/me/model", None),
    ],
)
def test_owners(repo_id: str, owner: str | None) -> None:
    assert owner_of(repo_id) == owner


def test_nothing_is_nothing(catalog: Catalog) -> None:
    found = ask(catalog, by=By.OWNER)
    assert (found.contents.models, found.contents.sized, found.shares, found.overlap) == (0, False, (), ())
    assert found.wasted.yearly.mid == 0


# --- adapters instead of fine-tunes --------------------------------------------------------------


def test_k_fine_tunes_as_adapters() -> None:
    # The LLaMA-7B example of the literature: 100 copies of 13.48 GB, or one and 100 adapters of 16.8 MB.
    (one,) = overlaps([Descent("l/7b", 13_480_000_000, (13_480_000_000,) * 100, (16_800_000,) * 3)], PRICE)
    assert one.full_bytes == 1_348 * GB
    assert one.as_adapters == 13_480_000_000 + 1_680_000_000
    assert one.potential == one.full_bytes - one.as_adapters
    assert one.yearly is not None
    assert one.yearly.mid == pytest.approx((one.potential or 0) / GB * 12)
    assert (one.adapters, one.base_assumed) == (3, None)
    assert "the median of 3 adapters" in " ".join(one.assumptions)


def test_without_a_known_adapter_the_potential_is_unknown() -> None:
    (one,) = overlaps([Descent("b/x", 100, (100, 100, None), (None,))], PRICE)
    assert (one.finetunes, one.full_bytes, one.unsized) == (2, 200, 1)
    assert (one.adapter_bytes, one.as_adapters, one.potential, one.yearly) == (None, None, None, None)
    (stated,) = overlaps([Descent("b/x", 100, (100, 100, None), (50,))], PRICE, 5)
    assert (stated.adapter_bytes, stated.adapters, stated.potential) == (5, 0, 90)
    assert "as stated" in " ".join(stated.assumptions)


def test_a_base_never_read_is_assumed_and_said_so() -> None:
    (one,) = overlaps([Descent("b/x", None, (90, 100, 110), (1,))], PRICE)
    assert (one.base_bytes, one.base_assumed, one.as_adapters) == (None, 100, 103)
    assert "never read" in " ".join(one.assumptions)
    assert "the one adapter" in " ".join(one.assumptions)


def test_what_cannot_be_a_whole_copy_is_left_out() -> None:
    (one,) = overlaps([Descent("b/x", 1000, (10, 500, 1000), (1,))], PRICE)
    assert (one.finetunes, one.full_bytes, one.smaller) == (2, 1500, 1)
    assert overlaps([Descent("b/small", 1000, (10,), ())], PRICE) == []
    (unsized,) = overlaps([Descent("b/unknown", None, (None,), (5,))], PRICE)
    assert (unsized.finetunes, unsized.unsized, unsized.potential) == (0, 1, None)


def test_a_single_fine_tune_saves_nothing() -> None:
    (one,) = overlaps([Descent("b/x", 100, (100,), (1,))], PRICE)
    assert one.potential == 0


def test_the_largest_potential_comes_first() -> None:
    found = overlaps(
        [
            Descent("b/unknown", 10**6, (10**6,) * 9, ()),
            Descent("b/some", 10, (10, 10), (1,)),
            Descent("a/same", 10, (10, 10), (1,)),
            Descent("b/most", 10, (10,) * 5, (1,)),
        ],
        PRICE,
    )
    assert [one.base for one in found] == ["b/most", "a/same", "b/some", "b/unknown"]


def test_overlap_of_a_catalog(catalog: Catalog) -> None:
    full = [weights(ST, "s", 1000)]
    catalog.save_many(
        [
            snapshot("b/base", files=[weights(ST, "b", 1000)]),
            snapshot("t/1", "b/base", files=full),
            snapshot("t/2", "b/base", parameters=ParameterCount({"F16": 500})),
            snapshot(
                "t/a", "b/base", relation=Relation.ADAPTER, files=[weights("adapter_model.bin", "a", 9)]
            ),
        ]
    )
    found = ask(catalog, limit=1)
    assert found.bases == 1
    assert (found.overlap[0].full_bytes, found.overlap[0].potential) == (2000, 2000 - 1018)
    assert found.wasted.total == 0, "a potential is no waste"
