from __future__ import annotations

from pathlib import Path

from registry.catalog.catalog import Catalog
from registry.model.edges import Claim, Origin, Relation
from registry.model.refs import ModelRef
from registry.services.curate import unlink
from registry.services.trace import impact, lineage, why
from tests.services.fakes import NOW, snapshot


def family(tmp_path: Path) -> Catalog:
    """root <- left, right <- merged <- quantized; root is only named."""
    catalog = Catalog.open(str(tmp_path / "c.db"), create=True)
    catalog.save(snapshot("a/left", "a/root"))
    catalog.save(snapshot("a/right", "a/root"))
    catalog.save(snapshot("a/merged", "a/left", "a/right", relation=Relation.MERGE))
    catalog.save(snapshot("a/quantized", "a/merged", relation=Relation.QUANTIZED))
    return catalog


def test_lineage_looks_both_ways(tmp_path: Path) -> None:
    with family(tmp_path) as catalog:
        view = lineage(catalog, "a/merged")
        assert dict(view.depth) == {
            "a/root": -2,
            "a/left": -1,
            "a/right": -1,
            "a/merged": 0,
            "a/quantized": 1,
        }
        assert [(problem.code, problem.models) for problem in view.problems] == [
            ("dangling-base", ("a/root",))
        ]
        assert dict(lineage(catalog, "a/merged", up=1, down=0).depth) == {
            "a/left": -1,
            "a/right": -1,
            "a/merged": 0,
        }


def test_lineage_says_when_it_was_cut_and_what_it_could_not_resolve(tmp_path: Path) -> None:
    with family(tmp_path) as catalog:
        lost = Claim(Origin.CARD, "/cache/models--x--y", None, detail="local path; looks like x/y")
        catalog.save(snapshot("a/lost", "a/root", extra=(lost,)))
        codes = {problem.code for problem in lineage(catalog, "a/root", limit=1).problems}
        assert "cut" in codes
        assert {p.code for p in lineage(catalog, "a/lost").problems} == {"dangling-base", "unresolved-base"}


def test_why_gives_every_path_with_its_evidence(tmp_path: Path) -> None:
    with family(tmp_path) as catalog:
        answer = why(catalog, "a/quantized", "a/root")
        assert [[edge.base for edge in path] for path in answer.paths] == [
            ["a/merged", "a/left", "a/root"],
            ["a/merged", "a/right", "a/root"],
        ]
        assert not answer.cut
        assert set(answer.claims) == {
            ("a/quantized", "a/merged"),
            ("a/merged", "a/left"),
            ("a/merged", "a/right"),
            ("a/left", "a/root"),
            ("a/right", "a/root"),
        }
        kept = answer.claims["a/quantized", "a/merged"][0]
        assert (kept.claim.origin, kept.revision, kept.observed_at) == (Origin.HUB, "1" * 40, NOW)
        assert why(catalog, "a/quantized", "a/root", limit=1).cut
        assert why(catalog, "a/root", "a/quantized").paths == ()


def test_why_tells_what_an_edge_cut_by_hand_was_claimed_by(tmp_path: Path) -> None:
    with family(tmp_path) as catalog:
        unlink(catalog, "a/left", ModelRef.parse("a/root"), "weights differ", NOW)
        answer = why(catalog, "a/left", "a/root")
        assert answer.paths == ()
        said = [(kept.claim.origin, kept.claim.denied) for kept in answer.claims["a/left", "a/root"]]
        assert said == [(Origin.HUB, False), (Origin.MANUAL, True)]


def test_impact_counts_each_derivative_once(tmp_path: Path) -> None:
    with family(tmp_path) as catalog:
        answer = impact(catalog, "a/root")
        assert [(one.repo_id, one.depth, one.via) for one in answer.derivatives] == [
            ("a/left", 1, "a/root"),
            ("a/right", 1, "a/root"),
            ("a/merged", 2, "a/left"),
            ("a/quantized", 3, "a/merged"),
        ]
        assert dict(answer.counts) == {"finetune": 2, "merge": 1, "quantized": 1}
