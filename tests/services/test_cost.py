"""What is priced, who told it, and what several models cost together."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from registry.catalog.catalog import Catalog
from registry.economics.price_table import load_prices
from registry.economics.storage import StoragePrice, Tier
from registry.model.records import Sizes, Weighing
from registry.model.snapshot import ParameterCount
from registry.services import cost as service
from registry.services.cost import Asked, Cost, Counted, Told, Totals, cost_of, costs
from tests.catalog.makers import claim, count, file, snap

S3 = load_prices().default_storage
FLAT = StoragePrice(
    id="flat",
    provider="own",
    name="Flat",
    usd_per_month=0.01,
    unit="GB",
    day="2026",
    source="test",
    how_sure="made up",
    egress=0.1,
)
GB = 10**9
SIZES = Sizes(5, 0, 9 * GB, 8 * GB, 7 * GB, 3 * GB)


def weighed(**more: object) -> Weighing:
    return Weighing("lab/a", **more)  # type: ignore[arg-type]


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    with Catalog.open(str(tmp_path / "c.db"), create=True) as opened:
        shared = file("w.safetensors", 100 * GB, "w")
        opened.save(snap("lab/a", files=(shared, file("README.md", GB)), claims=(claim("lab/named"),)))
        opened.save(snap("lab/b", files=(shared,), used_storage=300 * GB))
        opened.save(snap("lab/c", files=(file("x.bin", 50 * GB, "x"), file("README.md", None))))
        opened.save(snap("lab/d", parameters=count(BF16=GB)))
        opened.save(snap("lab/e"))
        yield opened


def together(catalog: Catalog, names: list[str] | None, asked: Asked) -> tuple[list[Cost], Totals]:
    totals = Totals(asked)
    return list(costs(catalog, names, asked, totals)), totals


@pytest.mark.parametrize(
    ("counted", "size", "told"),
    [
        (Counted.LOGICAL, 9 * GB, Told.FILES),
        (Counted.UNIQUE, 8 * GB, Told.FILES),
        (Counted.WEIGHTS, 7 * GB, Told.FILES),
        (Counted.COPY, 3 * GB, Told.FILES),
        (Counted.HUB, 20 * GB, Told.HUB),
    ],
)
def test_what_was_asked_for_is_priced(counted: Counted, size: int, told: Told) -> None:
    found = cost_of(weighed(sizes=SIZES, hub_used_bytes=20 * GB), Asked((FLAT,), counted))
    assert (found.priced_bytes, found.told, found.partial) == (size, told, False)
    assert found.quotes[0].monthly == pytest.approx(size / GB * 0.01)
    assert found.quotes[0].yearly == pytest.approx(size / GB * 0.12)
    assert (found.logical_bytes, found.unique_bytes) == (9 * GB, 8 * GB)


def test_copies_multiply_what_is_kept_and_not_what_is_fetched() -> None:
    one = cost_of(weighed(sizes=SIZES), Asked((FLAT,), bits_per_second=8e9))
    three = cost_of(weighed(sizes=SIZES), Asked((FLAT,), copies=3, bits_per_second=8e9))
    assert three.priced_bytes == 27 * GB
    assert three.quotes[0].yearly == pytest.approx(3 * (one.quotes[0].yearly or 0))
    assert three.quotes[0].egress == one.quotes[0].egress == pytest.approx(0.9)
    assert three.transfer_seconds == one.transfer_seconds == pytest.approx(9)


def test_several_prices_are_compared() -> None:
    found = cost_of(weighed(sizes=SIZES), Asked((S3, FLAT)))
    assert [quote.price.id for quote in found.quotes] == ["s3-standard", "flat"]
    assert found.quotes[0].retrieval == 0
    assert found.quotes[1].retrieval is None


class TestUnknown:
    def test_without_any_bytes_nothing_is_priced(self) -> None:
        found = cost_of(weighed(parameters=GB), Asked((S3,)))
        assert found.one_copy is found.priced_bytes is found.told is found.transfer_seconds is None
        assert found.quotes[0].monthly is found.quotes[0].egress is None
        assert not found.partial

    def test_without_a_file_list_the_weights_are_inferred_and_said_so(self) -> None:
        found = cost_of(weighed(by_dtype={"BF16": 10, "F32": 1, "F4": 1}), Asked((S3,)))
        assert (found.priced_bytes, found.told, found.partial) == (25, Told.DTYPES, True)
        assert found.logical_bytes is None
        copy = cost_of(weighed(by_dtype={"BF16": 10}), Asked((S3,), Counted.COPY))
        assert (copy.priced_bytes, copy.partial) == (20, False)

    def test_a_list_without_sizes_is_no_list(self) -> None:
        sizes = Sizes(3, 3, None, None, None, None)
        found = cost_of(weighed(sizes=sizes, by_dtype={"F32": 1}), Asked((S3,)))
        assert (found.priced_bytes, found.told, found.unsized_files) == (4, Told.DTYPES, 3)

    def test_a_type_of_unknown_width_tells_nothing(self) -> None:
        found = cost_of(weighed(by_dtype={"F32": 1, "FANCY7": 1}), Asked((S3,)))
        assert (found.priced_bytes, found.told) == (None, None)

    def test_what_the_host_does_not_say_is_not_inferred(self) -> None:
        assert cost_of(weighed(sizes=SIZES), Asked((S3,), Counted.HUB)).told is None

    def test_a_format_needs_parameters(self) -> None:
        asked = Asked((S3,), weight_format="fp32")
        assert cost_of(weighed(sizes=SIZES), asked).priced_bytes is None
        found = cost_of(weighed(parameters=176_247_271_424), asked)
        assert (found.told, found.partial) == (Told.FORMAT, False)
        assert found.quotes[0].yearly == pytest.approx(181.21, abs=5e-3)


class TestPartial:
    def test_a_file_without_a_size_makes_it_so(self) -> None:
        sizes = Sizes(5, 2, 9 * GB, 8 * GB, 7 * GB, 3 * GB)
        assert cost_of(weighed(sizes=sizes), Asked((S3,))).partial
        assert not cost_of(weighed(sizes=sizes), Asked((S3,), Counted.COPY)).partial
        assert cost_of(weighed(sizes=sizes, unsized_weights=1), Asked((S3,), Counted.WEIGHTS)).partial

    def test_so_does_a_list_that_leaves_out_files(self) -> None:
        assert cost_of(weighed(sizes=SIZES, complete=False), Asked((S3,), Counted.COPY)).partial


class TestTogether:
    def test_a_content_two_models_share_counts_once(self, catalog: Catalog) -> None:
        found, totals = together(catalog, ["lab/b", "lab/a", "lab/a"], Asked((FLAT,), Counted.UNIQUE))
        assert [one.repo_id for one in found] == ["lab/a", "lab/b"]
        assert (totals.logical_bytes, totals.unique_bytes) == (201 * GB, 101 * GB)
        assert totals.priced_bytes == 101 * GB
        assert totals.quotes[0].monthly == pytest.approx(1.01)
        assert totals.whole

    def test_everything_tracked(self, catalog: Catalog) -> None:
        found, totals = together(catalog, None, Asked((FLAT,)))
        assert [one.repo_id for one in found] == ["lab/a", "lab/b", "lab/c", "lab/d", "lab/e"]
        assert (totals.models, totals.unknown, totals.partial, totals.inferred) == (5, 1, 2, 1)
        assert not totals.whole
        assert totals.logical_bytes == 251 * GB
        assert totals.unique_bytes == 151 * GB
        assert totals.hub_used_bytes == 300 * GB
        assert totals.priced_bytes == 253 * GB
        assert totals.transfer_seconds == pytest.approx(253 * 8)

    def test_what_is_inferred_adds_to_unique_bytes(self, catalog: Catalog) -> None:
        _, totals = together(catalog, None, Asked((FLAT,), Counted.UNIQUE))
        assert totals.priced_bytes == 153 * GB

    def test_of_nothing_known_the_sum_is_unknown(self, catalog: Catalog) -> None:
        _, totals = together(catalog, ["lab/e", "lab/named"], Asked((FLAT,)))
        assert totals.priced_bytes is totals.logical_bytes is totals.unique_bytes is None
        assert totals.transfer_seconds is totals.quotes[0].yearly is None
        assert (totals.models, totals.unknown) == (2, 2)

    def test_tiers_are_reached_together(self, catalog: Catalog) -> None:
        tiered = StoragePrice(
            **{name: getattr(FLAT, name) for name in ("id", "provider", "name", "unit", "day", "source")},
            how_sure="made up",
            usd_per_month=0.01,
            tiers=(Tier(150, 0.005),),
        )
        found, totals = together(catalog, ["lab/a", "lab/b"], Asked((tiered,)))
        assert sum(one.quotes[0].monthly or 0 for one in found) == pytest.approx(2.01)
        assert totals.quotes[0].monthly == pytest.approx(1.5 + 51 * 0.005)

    def test_pages_join(self, catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
        whole = together(catalog, None, Asked((FLAT,)))[0]
        monkeypatch.setattr(service, "PAGE", 2)
        assert together(catalog, None, Asked((FLAT,)))[0] == whole
        names = [one.repo_id for one in reversed(whole)]
        assert together(catalog, names, Asked((FLAT,)))[0] == whole


def test_what_cannot_be_asked() -> None:
    with pytest.raises(ValueError, match="price"):
        Asked(())
    with pytest.raises(ValueError, match="copy"):
        Asked((S3,), copies=0)


def test_parameters_are_the_trained_ones(tmp_path: Path) -> None:
    with Catalog.open(str(tmp_path / "c.db"), create=True) as catalog:
        catalog.save(snap("lab/packed", parameters=ParameterCount({"I32": 10}, logical=80)))
        catalog.save(snap("lab/unruled", parameters=ParameterCount({"I32": 10})))
        found, _ = together(catalog, None, Asked((S3,), weight_format="int8"))
    assert [one.priced_bytes for one in found] == [80, None]
