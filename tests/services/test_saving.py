"""Cases from a catalog, strategies that are asked about them, and guests that break."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from registry_plugins import adapter, training

from registry.catalog.catalog import Catalog
from registry.contract import PluginHost, ReuseCase, SavingsModel
from registry.economics.economy import HouseEconomy
from registry.economics.storage import StoragePrice
from registry.economics.table import TrainingTable
from registry.errors import BadSettings
from registry.model.edges import Relation
from registry.model.estimate import Estimate, Saving
from registry.model.snapshot import TrainingFact
from registry.services import saving as service
from registry.services.saving import Reckoner, cases
from tests.catalog.makers import claim, day, file, snap
from tests.plugins.makers import TODAY, FakeEconomy

PRICE = StoragePrice(
    id="shelf",
    provider="me",
    name="Shelf",
    usd_per_month=0.02,
    unit="GB",
    day="2026-01",
    source="my own",
    how_sure="checked",
)
NO_ROWS = TrainingTable([], {})


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    """root <- chat <- tuned, lora; merged of tuned and root; root's training is known, and tuned's own."""
    weights = (file("model.safetensors", 10**9, "w"),)
    small = (file("adapter_model.safetensors", 10**6, "a"),)
    with Catalog.open(str(tmp_path / "c.db"), create=True) as opened:
        opened.save(snap("lab/root", files=weights))
        opened.save(snap("lab/chat", files=weights, claims=(claim("lab/root"),)))
        opened.save(snap("me/tuned", claims=(claim("lab/chat"), claim("data:lab/text", Relation.TRAINED_ON))))
        opened.save(snap("me/lora", files=small, claims=(claim("lab/chat", Relation.ADAPTER),)))
        merge = (claim("me/tuned", Relation.MERGE), claim("lab/root", Relation.MERGE))
        opened.save(snap("me/merged", claims=merge))
        opened.save(snap("me/odd", claims=(claim("lab/chat", Relation.UNKNOWN),)))
        tell(opened, "lab/root", chip_hours=100_000)
        tell(opened, "me/tuned", chip_hours=24)
        yield opened


def tell(catalog: Catalog, repo_id: str, **facts: float) -> None:
    told = [TrainingFact(name, value, "a test") for name, value in facts.items()]
    catalog.add_facts(repo_id, told, observed_at=day(1))


def economy() -> HouseEconomy:
    return HouseEconomy(FakeEconomy(), PRICE, {}, TODAY)


def asked(catalog: Catalog, names: Sequence[str] | None = None) -> dict[str, ReuseCase]:
    found = cases(catalog, names, economy(), NO_ROWS)
    return {one.model.brief.repo_id: one for one in found}


def names(some: Sequence[tuple[object, Relation]]) -> list[tuple[str, str]]:
    return [(one.brief.repo_id, str(relation)) for one, relation in some]  # type: ignore[attr-defined]


class TestCases:
    def test_every_tracked_model_in_the_order_of_names(self, catalog: Catalog) -> None:
        assert list(asked(catalog)) == [
            "lab/chat",
            "lab/root",
            "me/lora",
            "me/merged",
            "me/odd",
            "me/tuned",
        ]

    def test_named_ones_in_the_order_given(self, catalog: Catalog) -> None:
        assert list(asked(catalog, ["me/tuned", "lab/chat"])) == ["me/tuned", "lab/chat"]

    def test_a_model_with_all_it_was_made_from(self, catalog: Catalog) -> None:
        one = asked(catalog)["me/tuned"]
        assert names(one.bases) == [("lab/chat", "finetune")]
        assert names(one.further) == [("lab/root", "finetune")]
        assert one.model.training.chip_hours == 24
        assert one.further[0][0].training.chip_hours == 100_000
        assert one.bases[0][0].weight_bytes == 10**9
        assert one.derivatives["lab/chat"] == {
            Relation.FINETUNE: 1,
            Relation.ADAPTER: 1,
            Relation.UNKNOWN: 1,
        }

    def test_a_base_reached_twice_stands_once(self, catalog: Catalog) -> None:
        one = asked(catalog)["me/merged"]
        assert names(one.bases) == [("lab/root", "merge"), ("me/tuned", "merge")]
        assert names(one.further) == [("lab/chat", "finetune")]

    def test_nothing_is_followed_behind_an_unknown_relation(self, catalog: Catalog) -> None:
        one = asked(catalog)["me/odd"]
        assert names(one.bases) == [("lab/chat", "unknown")]
        assert one.further == ()

    def test_bases_are_the_same_objects_in_all_cases(self, catalog: Catalog) -> None:
        found = asked(catalog)
        assert found["me/tuned"].bases[0][0] is found["me/lora"].bases[0][0]

    def test_pages_and_what_is_forgotten_between_them_change_nothing(
        self, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        whole = {name: (names(one.bases), names(one.further)) for name, one in asked(catalog).items()}
        monkeypatch.setattr("registry.services.holdings.PAGE", 1)
        monkeypatch.setattr(service, "PAGE", 1)
        monkeypatch.setattr(service, "REMEMBERED", 0)
        assert {name: (names(one.bases), names(one.further)) for name, one in asked(catalog).items()} == whole

    def test_a_circle_ends(self, catalog: Catalog) -> None:
        catalog.save(snap("x/a", claims=(claim("x/b"),)))
        catalog.save(snap("x/b", claims=(claim("x/a"),)))
        one = asked(catalog, ["x/a"])["x/a"]
        assert names(one.bases) == [("x/b", "finetune")]
        assert one.further == ()


def strategies(*more: SavingsModel) -> dict[str, SavingsModel]:
    host = PluginHost()
    training.register(host)
    adapter.register(host)
    return {**host.savings_models, **{one.name: one for one in more}}


def reckoned(catalog: Catalog, *more: SavingsModel, only: Sequence[str] | None = None) -> Reckoner:
    shared = economy()
    found = Reckoner(strategies(*more), shared)
    for case in cases(catalog, only, shared, NO_ROWS):
        found.ask(case)
    return found


class TestReckoner:
    def test_sums(self, catalog: Catalog) -> None:
        found = reckoned(catalog)
        totals = {(one.kind, one.saved.unit, one.saved.basis): one for one in found.totals()}
        rental = totals["training", "USD", "rental"]
        # chat, lora, tuned and merged reach the root; merged reaches tuned as well.
        assert (rental.models, rental.savings) == (4, 5)
        assert rental.saved.mid == pytest.approx(1.5 * (4 * 100_000 + 24 - 24))
        assert totals["adapter", "byte", None].saved.mid == 10**9 - 10**6
        assert found.complete
        assert found.models == 6

    def test_the_tipping_view(self, catalog: Catalog) -> None:
        root = next(one for one in reckoned(catalog).tips() if one.base == "lab/root")
        assert (root.reuses, root.cost.basis) == (2, "rental")
        assert root.cost.mid == pytest.approx(150_000)

    def test_why_nothing_is_told(self, catalog: Catalog) -> None:
        catalog.save(snap("me/lonely-child", claims=(claim("lab/unheard-of"),)))
        silences = {one.code: one for one in reckoned(catalog).silences()}
        assert set(silences) == {"no-base", "relation-unknown", "base-untold"}
        assert silences["no-base"].examples == ["lab/root"]
        assert "registry link lab/root BASE" in silences["no-base"].hint
        assert "registry link me/odd lab/chat" in silences["relation-unknown"].hint
        assert "registry annotate lab/unheard-of" in silences["base-untold"].hint

    def test_reasons_are_counted_together(self, catalog: Catalog) -> None:
        for number in range(8):
            catalog.save(snap(f"me/child-{number}", claims=(claim("lab/unheard-of"),)))
        first = reckoned(catalog).silences()[0]
        assert (first.code, first.models, len(first.examples)) == ("base-untold", 8, service.EXAMPLES)

    def test_a_strategy_that_does_not_apply(self, catalog: Catalog) -> None:
        shared = economy()
        found = Reckoner({"adapter": strategies()["adapter"]}, shared)
        for case in cases(catalog, ["me/tuned"], shared, NO_ROWS):
            assert found.ask(case) == ()
        (silence,) = found.silences()
        assert silence.code == "not-applicable"
        assert "registry show me/tuned" in silence.hint


class Guest:
    """Answers with whatever it was made with, or breaks on one model."""

    name = "guest"
    summary = "a guest"

    def __init__(self, *, breaks_on: str = "", with_: Exception | None = None, kind: str = "guest") -> None:
        self.breaks_on, self.error, self.kind = breaks_on, with_, kind

    def savings(self, case: ReuseCase) -> Sequence[Saving]:
        model = case.model.brief.repo_id
        if model == self.breaks_on:
            raise self.error or RuntimeError("no coffee")
        one = Estimate(1, 1, 1, "USD", "a guess")
        return [Saving(model, self.kind, (("nothing", one),), None, one, None)]


class Liar(Guest):
    def savings(self, case: ReuseCase) -> Sequence[Saving]:
        return ["a saving"]  # type: ignore[list-item]


class TestGuests:
    def test_one_that_works_is_added_up(self, catalog: Catalog) -> None:
        (one,) = [one for one in reckoned(catalog, Guest()).totals() if one.kind == "guest"]
        assert one.models == 6

    @pytest.mark.parametrize(
        ("guest", "reason"),
        [
            (Guest(breaks_on="me/lora"), "RuntimeError: no coffee"),
            (
                Guest(breaks_on="me/lora", with_=BadSettings("no default is called 'x'")),
                "no default is called 'x'",
            ),
            (Guest(kind="training"), "not its own to tell"),
            (Liar(), "answered with a str"),
        ],
    )
    def test_one_that_breaks_is_named_and_left_out(
        self, catalog: Catalog, guest: SavingsModel, reason: str
    ) -> None:
        found = reckoned(catalog, guest)
        (failure,) = found.failures
        assert failure.strategy == "guest"
        assert reason in failure.reason
        assert not found.complete
        assert {one.kind for one in found.totals()} == {"training", "adapter"}, "the rest works on"

    def test_when_training_breaks_there_is_no_tipping_view(self, catalog: Catalog) -> None:
        broken = Guest(breaks_on="me/tuned", kind="training")
        broken.name = "training"
        assert reckoned(catalog, broken).tips() == []

    def test_a_cost_model_that_breaks_is_named(self, catalog: Catalog) -> None:
        class Wobbly(FakeEconomy):
            name = "wobbly"

            def training(self, *_: object) -> None:  # type: ignore[override]
                raise RuntimeError("no table")

        shared = HouseEconomy(Wobbly(), PRICE, {}, TODAY)  # type: ignore[arg-type]
        found = Reckoner(strategies(), shared)
        for case in cases(catalog, None, shared, NO_ROWS):
            found.ask(case)
        (failure,) = found.failures
        assert (failure.strategy, failure.reason) == ("cost model wobbly", "RuntimeError: no table")
        assert {one.kind for one in found.totals()} == {"adapter"}
