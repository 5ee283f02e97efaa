from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from registry.catalog.catalog import Catalog
from registry.errors import Disabled, Unreachable
from registry.model.refs import ModelRef, SourceName
from registry.services.ingest import AddOptions, IngestReport, add
from registry.services.refresh import refresh
from tests.services.fakes import NOW, FakeSource, Watch, snapshot


def refreshed(catalog: Catalog, source: FakeSource) -> IngestReport:
    later = NOW + timedelta(days=1)
    return refresh(
        catalog, source.for_ref, catalog.tracked_after("", 10_000), AddOptions(), Watch(), lambda: later
    )


def filled(tmp_path: Path) -> Catalog:
    catalog = Catalog.open(str(tmp_path / "c.db"), create=True)
    source = FakeSource.of(snapshot("a/child", "a/base"), snapshot("a/base"))
    add(catalog, source.for_ref, [ModelRef.parse("a/child")], AddOptions(), Watch())
    return catalog


def test_tells_what_changed_and_keeps_the_history(tmp_path: Path) -> None:
    with filled(tmp_path) as catalog:
        source = FakeSource.of(
            snapshot("a/child", "a/new", license_id="apache-2.0", sha="2" * 40),
            snapshot("a/base"),
            snapshot("a/new"),
        )
        report = refreshed(catalog, source)
        by_ref = {outcome.ref: outcome for outcome in report.outcomes}
        assert {change.field for change in by_ref["a/child"].changes} == {"commit", "license", "bases"}
        assert by_ref["a/base"].state == "unchanged"
        assert by_ref["a/new"].state == "added"
        licenses = [c for c in by_ref["a/child"].changes if c.field == "license"]
        assert (licenses[0].before, licenses[0].after) == ("mit", "apache-2.0")
        assert [edge.base for edge in catalog.edges_up("a/child", 1)] == ["a/new"]
        assert len(catalog.history("a/child")) == 2
        assert {kept.base for kept in catalog.claims("a/child") if not kept.current} == {"a/base"}


def test_a_vanished_model_is_kept_and_marked(tmp_path: Path) -> None:
    with filled(tmp_path) as catalog:
        source = FakeSource.of(snapshot("a/child", "a/base"))
        source.models["a/base"] = Disabled("a/base was disabled by its host")
        report = refreshed(catalog, source)
        assert report.complete
        changes = {o.ref: {c.field for c in o.changes} for o in report.outcomes}
        assert "removed" in changes["a/base"]
        brief = catalog.briefs(["a/base"])["a/base"]
        assert brief.removed
        assert brief.license == "mit"
        assert [edge.base for edge in catalog.edges_up("a/child")] == ["a/base"]


def test_an_unreachable_source_is_a_failure_not_a_removal(tmp_path: Path) -> None:
    with filled(tmp_path) as catalog:
        source = FakeSource({name: Unreachable("no answer") for name in ("a/child", "a/base")})
        report = refreshed(catalog, source)
        assert len(report.failed) == 2
        assert not any(brief.removed for brief in catalog.briefs(["a/child", "a/base"]).values())


def test_a_model_known_from_a_publication_is_read_there_again(tmp_path: Path) -> None:
    paper = replace(snapshot("a/root"), source=SourceName.PAPER, aliases=("paper:x/root",))
    source = FakeSource({"paper:x/root": paper})
    with Catalog.open(str(tmp_path / "c.db"), create=True) as catalog:
        add(catalog, source.for_ref, [ModelRef.parse("paper:x/root")], AddOptions(), Watch())
        assert refreshed(catalog, source).outcomes[0].state == "unchanged"
        assert source.fetched == ["paper:x/root", "paper:x/root"]
        assert not catalog.briefs(["a/root"])["a/root"].removed
