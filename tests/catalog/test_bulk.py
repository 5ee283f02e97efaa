"""Keeping many models at once leaves the catalog that saving each of them would have left."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from registry.catalog.catalog import BulkWriter, Catalog
from registry.model.bulk import Batch, BulkReport, listed
from registry.model.edges import Claim, Origin, Relation
from registry.model.snapshot import (
    Gate,
    LicenseClaim,
    LicenseField,
    ModelSnapshot,
    Note,
    ParameterCount,
    RawAnswer,
)
from registry.sources.documents import read_document
from tests.catalog.makers import ask_sql, claim, count, day, hub_id, license_claim, snap

NAMES = ["o/a", "o/b", "o/c", "O/A", "p/d", "p/e"]
RECORDED = Path(__file__).parents[3] / "shared/hub/api_like.jsonl.gz"


def keep(catalog: Catalog, snapshots: Sequence[ModelSnapshot], size: int = 1000) -> list[BulkReport]:
    """Keep snapshots in batches of equal times, in the order given."""
    writer = BulkWriter()
    reports = []
    for at, same in groupby(snapshots, key=lambda one: one.observed_at):
        some = list(same)
        for start in range(0, len(some), size):
            piece = some[start : start + size]
            batch = Batch(at, [listed(one) for one in piece], piece.__getitem__)
            reports.append(catalog.keep_many(batch, writer))
    return reports


def content(catalog: Catalog) -> dict[str, Any]:
    """All that a catalog tells of every model. Claims as a set: their order is that of their first saying."""
    told: dict[str, Any] = {}
    for brief in catalog.search(include_referenced=True):
        name = brief.repo_id
        shown = catalog.snapshot(name)
        claims = catalog.claims(name)
        told[name] = (
            brief,
            None if shown is None else replace(shown, claims=tuple(sorted(map(repr, shown.claims)))),  # type: ignore[type-var]
            sorted(map(repr, claims)),
            catalog.history(name),
            catalog.edges_up(name, 1),
            catalog.aliases(name),
            [catalog.raw(name, kind) for kind in ("model", "card")],
        )
    told["stats"] = {name: number for name, number in catalog.stats().items() if name != "bytes"}
    assert catalog.check() == []
    return told


def both(folder: Path, empty: Path, snapshots: Sequence[ModelSnapshot], size: int) -> None:
    """Save them one by one, keep them in batches, compare; do it again, compare again."""
    for name in ("saved.db", "kept.db"):
        shutil.copy(empty, folder / name)
    with Catalog.open(str(folder / "saved.db")) as saved, Catalog.open(str(folder / "kept.db")) as kept:
        for _ in range(2):
            reports = [saved.save(one) for one in snapshots]
            told = keep(kept, snapshots, size)
            assert content(kept) == content(saved)
            created = sum(report.created for report in reports)
            assert sum(report.added for report in told) == created
            changed = sum(bool(report.changes) for report in reports if not report.created)
            assert sum(report.changed for report in told) == changed
            assert sum(report.same for report in told) == len(reports) - created - changed


def claims_of() -> st.SearchStrategy[tuple[Claim, ...]]:
    bases = st.sampled_from([*NAMES, "data:d/set", "q/far"])

    def made(base: str, origin: Origin, relation: Relation, where: str | None, word: str) -> Claim:
        if base.startswith("data:"):
            return Claim(origin, base[5:], base, Relation.TRAINED_ON, where)
        declared = {"same": base, "other": base.swapcase(), "none": "../path"}[word]
        return Claim(origin, declared, None if word == "none" else base, relation, where)

    one = st.builds(
        made,
        bases,
        st.sampled_from([Origin.HUB, Origin.CARD, Origin.ADAPTER_CONFIG, Origin.INFERRED]),
        st.sampled_from([Relation.FINETUNE, Relation.QUANTIZED, Relation.UNKNOWN]),
        st.sampled_from([None, "tags", "base_model[1]", "somewhere"]),
        st.sampled_from(["same", "same", "same", "other", "none"]),
    )
    return st.lists(one, max_size=4).map(tuple)


def tags_of(claims: Sequence[Claim]) -> st.SearchStrategy[tuple[str, ...]]:
    known = [f"base_model:{one.declared}" for one in claims]
    known += [f"base_model:{one.relation}:{one.declared}" for one in claims]
    words = ["transformers", "text-generation", "license:mit", "region:us", "ünï", "x" * 300, "dataset:d/set"]
    return st.lists(st.sampled_from(words + known), max_size=6, unique=True).map(tuple)


@st.composite
def snapshots(draw: st.DrawFn) -> ModelSnapshot:
    claims = draw(claims_of())
    licenses = draw(
        st.sampled_from(
            [
                (),
                (license_claim("mit"),),
                (license_claim("mit"), license_claim("mit", "hub")),
                (license_claim("Own words"),),
                (license_claim("other"), LicenseClaim(LicenseField.NAME, "own", "card")),
            ]
        )
    )
    number = draw(st.integers(0, 6))
    return snap(
        draw(st.sampled_from(NAMES)),
        draw(st.sampled_from([0, 0, 0, 1, 2])),
        hub_id=hub_id(number) if number else None,
        commit_sha=draw(st.sampled_from([None, "ab" * 20, "cd" * 20])),
        aliases=draw(st.sampled_from([(), (), (), ("o/once",), ("o/b",)])),
        removed=draw(st.sampled_from([False] * 9 + [True])),
        gated=draw(st.sampled_from([None, Gate.NONE, Gate.MANUAL])),
        downloads=draw(st.sampled_from([None, 0, 5])),
        likes=draw(st.sampled_from([None, 1])),
        created_at=draw(st.sampled_from([None, day(-3)])),
        last_modified=draw(st.sampled_from([None, day(-2), day(-1)])),
        library=draw(st.sampled_from([None, "transformers", "peft"])),
        task=draw(st.sampled_from([None, "text-generation"])),
        used_storage=draw(st.sampled_from([None, 7])),
        parameters=draw(
            st.sampled_from([None, count(BF16=5), count(F32=2, I8=3), ParameterCount({}, 9, origin="gguf")])
        ),
        licenses=licenses,
        claims=claims,
        tags=draw(tags_of(claims)),
        config=draw(st.sampled_from([{}, {"model_type": "bert"}])),
        notes=draw(st.sampled_from([(), (Note("odd-field", "x is 1"),)])),
        raw=draw(st.sampled_from([(), (RawAnswer("model", b"{}"),)])),
    )


@settings(
    max_examples=40,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(snapshots(), max_size=7), st.sampled_from([2, 1000]))
def test_any_snapshots(tmp_path: Path, empty_file: Path, told: list[ModelSnapshot], size: int) -> None:
    once = {(one.observed_at, one.repo_id.lower()): one for one in told}
    told = sorted(once.values(), key=lambda one: one.observed_at)
    both(tmp_path, empty_file, _not_met_later(told), size)


def _not_met_later(told: list[ModelSnapshot]) -> list[ModelSnapshot]:
    """Which of two looks at one instant is the later one says nothing, and is not held to: none are left at
    models that only a look at another time tells to be one."""
    kept: list[ModelSnapshot] = []
    for one in told:
        beside = [other for other in kept if other.observed_at == one.observed_at]
        then = _together(one, [other for other in told if other.observed_at == one.observed_at])
        ever = _together(one, told)
        if all(other in then or other not in ever for other in beside):
            kept.append(one)
    return kept


def _together(start: ModelSnapshot, told: list[ModelSnapshot]) -> list[ModelSnapshot]:
    """The looks that share a name or an id of the Hub with a look, or with one that does."""
    names: set[str] = set()
    found = [start]
    for one in found:
        names |= {one.repo_id.lower(), *one.aliases, one.hub_id or ""} - {""}
        found += [
            other
            for other in told
            if other not in found and names & {other.repo_id.lower(), *other.aliases, other.hub_id or ""}
        ]
    return found


@pytest.mark.shared
@pytest.mark.parametrize("backwards", [False, True])
def test_recorded_documents(tmp_path: Path, empty_file: Path, backwards: bool) -> None:
    if not RECORDED.exists():
        pytest.skip("no recorded documents beside the checkout")
    told = []
    with gzip.open(RECORDED, "rt", encoding="utf-8") as file:
        for number, line in enumerate(file):
            document = json.loads(line)
            document = document.get("api", document)
            if number % 3:
                # As list pages tell it: without files.
                document.pop("siblings", None)
            if number % 4 == 0:
                told.append(read_document(document, observed_at=day(number % 2)))
    told.sort(key=lambda one: one.observed_at)
    both(tmp_path, empty_file, told[::-1] if backwards else told, 100)


def test_both_databases_keep_the_same(catalog: Catalog) -> None:
    def told(at: float, **facts: Any) -> list[ModelSnapshot]:
        return [
            snap("o/a", at, hub_id=hub_id(1), parameters=count(BF16=5), downloads=int(at), **facts),
            snap("o/b", at, hub_id=hub_id(2), claims=(claim("o/a"), claim("o/c", Relation.MERGE))),
            snap("o/c", at, hub_id=hub_id(3), licenses=(license_claim("mit"), license_claim("mit", "hub"))),
        ]

    assert keep(catalog, told(0)) == [BulkReport(3, 0, 0)]
    assert keep(catalog, told(1)) == [BulkReport(0, 0, 3)]
    assert keep(catalog, told(2, library="peft")) == [BulkReport(0, 1, 2, (("library", 1),))]
    assert catalog.check() == []
    assert [(edge.base, str(edge.relation)) for edge in catalog.edges_up("o/b", 1)] == [
        ("o/a", "finetune"),
        ("o/c", "merge"),
    ]
    assert catalog.briefs(["o/a"])["o/a"].downloads == 2
    assert [entry.last_seen for entry in catalog.history("o/b")] == [day(2)]
    # The server numbers on from where rows brought their own numbers.
    catalog.save(snap("o/d", 3, claims=(claim("o/e"),)))
    assert catalog.check() == []
    assert len(catalog.tracked_after("", 10_000)) == 4
    assert catalog.due() == ["o/d"], "lists tell of the others"


def test_a_look_in_short_form_is_spelled_out_when_more_is_learned(catalog: Catalog) -> None:
    keep(catalog, [snap("o/a", 0, claims=(claim("o/b", origin=Origin.HUB),), tags=("base_model:o/b", "x"))])
    shown = catalog.snapshot("o/a")
    assert shown is not None
    assert shown.tags == ("base_model:o/b", "x")
    report = catalog.save(snap("o/a", 1, claims=(claim("o/c", origin=Origin.HUB),)))
    assert [(change.field, change.before, change.after) for change in report.changes] == [
        ("bases", "o/b", "o/c")
    ]
    catalog.save(snap("o/b2", 1, aliases=("o/b",)))
    assert [entry.changes for entry in catalog.history("o/a")] == [(), report.changes]
    assert catalog.check() == []


def test_references_are_looked_after_again_behind_a_batch(catalog: Catalog, catalog_url: str) -> None:
    """A batch is written unchecked; what deletes rows afterwards takes along what belongs to them."""
    counted = count(F32=2, I8=3)
    keep(catalog, [snap("o/a", 0, parameters=counted), snap("o/b", 0, claims=(claim("o/c"),))])
    assert catalog.remove("o/a")
    assert ask_sql(catalog_url, "SELECT count(*) FROM parameter_counts") == [(0,)]
    # One row of this batch is an alias and merges a model, whose looks go with it.
    batch = [
        snap("o/d", 1, parameters=counted),
        snap("o/b2", 1, claims=(claim("o/c"),), aliases=("o/b",)),
        snap("o/e", 1, claims=(claim("o/b2"), claim("o/d"))),
    ]
    (report,) = keep(catalog, batch)
    assert (report.added, report.changed) == (2, 0)
    assert catalog.check() == []
    assert catalog.find("o/b") == "o/b2"


def test_a_batch_that_breaks_off_leaves_nothing(catalog: Catalog) -> None:
    """The last row is to be saved the general way, and cannot be: the others were written by then."""
    some = [snap("o/a", 0), snap("o/b", 0, aliases=("o/x",))]

    def broken(_: int) -> ModelSnapshot:
        raise KeyError

    writer = BulkWriter()
    rows = [listed(one) for one in some]
    with pytest.raises(KeyError):
        catalog.keep_many(Batch(day(0), rows, broken), writer)
    assert catalog.search(include_referenced=True) == []
    assert catalog.keep_many(Batch(day(0), rows, some.__getitem__), writer) == BulkReport(2, 0, 0)
    assert catalog.check() == []


def test_bases_are_found_by_every_claim(catalog: Catalog) -> None:
    """Not every claim makes an edge: past ones, denied ones and inferred ones do not."""
    keep(catalog, [snap("o/past", 0, claims=(claim("o/base"),)), snap("o/base", 0)])
    keep(
        catalog,
        [
            snap("o/past", 1, commit_sha=None),
            snap("o/guess", 1, claims=(claim("o/base", origin=Origin.INFERRED),)),
        ],
    )
    catalog.save(snap("o/said", 1, claims=(claim("o/base"),)))
    denial = replace(claim("o/base", origin=Origin.MANUAL), denied=True, note="no")
    catalog.add_claim("o/said", denial, observed_at=day(1))
    assert catalog.edges_down("o/base") == []
    assert not catalog.remove("o/base")
    catalog.save(snap("o/new-name", 2, aliases=("o/base",)))
    told = {
        kept.derivative: (kept.base, kept.claim.declared)
        for kept in catalog.claims_about(["o/past", "o/guess"])
    }
    assert told == dict.fromkeys(("o/past", "o/guess"), ("o/new-name", "o/base"))
    assert {kept.base for kept in catalog.claims("o/said")} == {"o/new-name"}
    assert catalog.check() == []
