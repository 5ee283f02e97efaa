from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from registry.catalog.catalog import Catalog
from registry.contract import Want
from registry.errors import Gated, NotVisible, Unreachable
from registry.model.edges import Relation
from registry.model.refs import ModelRef, SourceName
from registry.services.ingest import AddOptions, IngestReport, add
from tests.services.fakes import FakeSource, Watch, snapshot


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    with Catalog.open(str(tmp_path / "c.db"), create=True) as opened:
        yield opened


def added(
    catalog: Catalog, source: FakeSource, *refs: str, options: AddOptions | None = None
) -> IngestReport:
    parsed = [ModelRef.parse(ref) for ref in refs]
    return add(catalog, source.for_ref, parsed, options or AddOptions(), Watch())


def states(report: IngestReport) -> dict[str, str]:
    return {outcome.ref: outcome.state for outcome in report.outcomes}


CHAIN = [snapshot("a/leaf", "a/mid"), snapshot("a/mid", "a/root"), snapshot("a/root")]


def test_follows_bases_to_the_roots(catalog: Catalog) -> None:
    report = added(catalog, FakeSource.of(*CHAIN), "a/leaf")
    assert states(report) == {"a/leaf": "added", "a/mid": "added", "a/root": "added"}
    assert [outcome.asked for outcome in report.outcomes] == [True, False, False]
    assert report.complete
    assert catalog.tracked_after("", 10_000) == ["a/leaf", "a/mid", "a/root"]


@pytest.mark.parametrize(("depth", "tracked"), [(0, ["a/leaf"]), (1, ["a/leaf", "a/mid"])])
def test_depth_bounds_how_far_bases_are_followed(catalog: Catalog, depth: int, tracked: list[str]) -> None:
    added(catalog, FakeSource.of(*CHAIN), "a/leaf", options=AddOptions(depth=depth))
    assert catalog.tracked_after("", 10_000) == tracked


def test_what_is_there_is_not_read_again_but_what_is_missing_is(catalog: Catalog) -> None:
    added(catalog, FakeSource.of(*CHAIN), "a/leaf", options=AddOptions(depth=1))
    source = FakeSource.of(*CHAIN)
    report = added(catalog, source, "a/leaf")
    assert source.fetched == ["a/root"]
    assert states(report) == {"a/leaf": "known", "a/mid": "known", "a/root": "added"}
    again = FakeSource.of(*CHAIN)
    assert set(states(added(catalog, again, "a/leaf")).values()) == {"known"}
    assert again.fetched == []


def test_asking_for_more_reads_again_and_finds_nothing_new(catalog: Catalog) -> None:
    added(catalog, FakeSource.of(*CHAIN), "a/leaf")
    report = added(catalog, FakeSource.of(*CHAIN), "a/leaf", options=AddOptions(want=Want(deep=True)))
    assert set(states(report).values()) == {"unchanged"}


def test_keeps_what_succeeded_and_says_what_did_not(catalog: Catalog) -> None:
    source = FakeSource.of(snapshot("a/x", "a/gated", "a/gone"), snapshot("a/y"))
    source.models["a/gated"] = Gated("a/gated is gated")
    report = added(catalog, source, "a/x", "a/y", "a/z")
    assert not report.complete
    assert {o.ref: type(o.error) for o in report.failed} == {
        "a/z": NotVisible,
        "a/gated": Gated,
        "a/gone": NotVisible,
    }
    assert catalog.tracked_after("", 10_000) == ["a/x", "a/y"]
    assert not catalog.briefs(["a/gone"])["a/gone"].tracked


def test_a_circle_of_bases_ends(catalog: Catalog) -> None:
    source = FakeSource.of(snapshot("a/x", "a/y"), snapshot("a/y", "a/x", "a/y"))
    assert states(added(catalog, source, "a/x")) == {"a/x": "added", "a/y": "added"}
    assert sorted(source.fetched) == ["a/x", "a/y"]


def test_datasets_are_named_but_not_read(catalog: Catalog) -> None:
    source = FakeSource.of(snapshot("a/x", "data:a/corpus", relation=Relation.TRAINED_ON))
    assert states(added(catalog, source, "a/x")) == {"a/x": "added"}
    assert [edge.base for edge in catalog.edges_up("a/x")] == ["data:a/corpus"]


def test_a_model_asked_twice_is_read_once(catalog: Catalog) -> None:
    source = FakeSource.of(*CHAIN)
    added(catalog, source, "a/leaf", "a/leaf", "a/mid")
    assert sorted(source.fetched) == ["a/leaf", "a/mid", "a/root"]


def test_a_revision_is_read_even_when_another_is_kept(catalog: Catalog) -> None:
    added(catalog, FakeSource.of(*CHAIN), "a/root")
    source = FakeSource.of(snapshot("a/root", sha="2" * 40, revision="v2"))
    report = added(catalog, source, "a/root@v2")
    assert states(report) == {"a/root@v2": "changed"}
    assert [change.field for change in report.outcomes[0].changes] == ["commit"]
    assert states(added(catalog, source, "a/root@v2")) == {"a/root@v2": "known"}


def test_derivatives_come_with_their_own_bases(catalog: Catalog) -> None:
    children = {
        ("a/root", Relation.QUANTIZED): ["a/q1", "a/q2", "a/q3"],
        ("a/root", Relation.MERGE): ["a/merged"],
    }
    source = FakeSource.of(
        snapshot("a/root"),
        snapshot("a/q1", "a/root", relation=Relation.QUANTIZED),
        snapshot("a/q2", "a/root", relation=Relation.QUANTIZED),
        snapshot("a/merged", "a/root", "a/other", relation=Relation.MERGE),
        snapshot("a/other"),
    )
    source.children = children
    added(catalog, source, "a/root", options=AddOptions(derivatives=2))
    assert catalog.tracked_after("", 10_000) == ["a/merged", "a/other", "a/q1", "a/q2", "a/root"]


def test_a_listing_that_fails_is_said_and_the_model_stays(catalog: Catalog) -> None:
    class Mute(FakeSource):
        def derivatives(self, ref: ModelRef, relation: Relation, limit: int) -> list[str]:
            raise Unreachable("no answer")

    report = added(catalog, Mute({"a/root": snapshot("a/root")}), "a/root", options=AddOptions(derivatives=1))
    assert states(report)["a/root"] == "added"
    assert "merge derivatives of a/root" in {outcome.ref for outcome in report.failed}


def test_an_interruption_is_passed_on_and_keeps_what_was_saved(catalog: Catalog) -> None:
    class Interrupting(Watch):
        def done(self, outcome: object, known: int) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        add(
            catalog,
            FakeSource.of(*CHAIN).for_ref,
            [ModelRef.parse("a/leaf")],
            AddOptions(),
            Interrupting(),
        )
    assert catalog.tracked_after("", 10_000) == ["a/leaf"]


def test_a_publication_does_not_stand_for_the_hub(catalog: Catalog) -> None:
    paper = replace(snapshot("a/root"), source=SourceName.PAPER, aliases=("paper:x/root",))
    source = FakeSource({"paper:x/root": paper, "a/root": snapshot("a/root", license_id="apache-2.0")})
    assert states(added(catalog, source, "paper:x/root")) == {"paper:x/root": "added"}
    added(catalog, source, "a/root")
    assert source.fetched == ["paper:x/root", "a/root"]
    assert catalog.briefs(["a/root"])["a/root"].license == "apache-2.0"
    assert set(states(added(catalog, source, "a/root", "paper:x/root")).values()) == {"known"}


def test_a_report_keeps_the_order_of_what_was_asked(catalog: Catalog) -> None:
    names = [f"a/{letter}" for letter in "zyxwvutsrq"]
    source = FakeSource.of(*(snapshot(name, "a/root") for name in names), snapshot("a/root"))
    assert list(states(added(catalog, source, *names))) == [*names, "a/root"]
