from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.catalog.catalog import Catalog
from registry.catalog.clean import clean_snapshot, clean_text
from registry.errors import BadReference
from registry.model.edges import Claim, Origin, Relation
from registry.model.filters import Filter, Operator
from registry.model.refs import SourceName
from registry.model.snapshot import (
    LicenseClaim,
    LicenseField,
    ModelFile,
    ModelSnapshot,
    Note,
    ParameterCount,
    RawAnswer,
    TrainingFact,
)
from tests.catalog.makers import claim, content, day, snap

BAD = "a\0b\ud800c\udfff"
GOOD = "a\ufffdb\ufffdc\ufffd"

HOSTILE = snap(
    "o/" + BAD,
    hub_id=BAD,
    aliases=(BAD, "x" * 3000, ""),
    revision=BAD,
    commit_sha=BAD,
    library=BAD,
    task=BAD,
    tags=(BAD, "t" * 100_000),
    downloads=10**30,
    likes=-5,
    used_storage=2**63,
    new_version=BAD,
    config={BAD: [BAD, {"x": BAD}], "f": float("inf"), "o": object, "n": 10**40},  # type: ignore[dict-item]
    parameters=ParameterCount({BAD: 5, "F16": 10**30, "x" * 9999: 1}, -1, 10**30, BAD, BAD, BAD),
    licenses=(LicenseClaim(LicenseField.LICENSE, BAD, BAD),),
    claims=(
        Claim(Origin.CARD, BAD, BAD, Relation.MERGE, BAD, BAD),
        Claim(Origin.CARD, "long", "o/" + "x" * 3000),
        Claim(Origin.CARD, "empty", ""),
    ),
    files=(
        ModelFile(BAD, 10**30, "zz", "g", BAD),
        ModelFile("p" * 9000, 12 * 10**12, content("x")),
        ModelFile("twice", 1),
        ModelFile("twice", 2),
        ModelFile("upper", 1, "AB" * 32, "", "AB"),
    ),
    facts=(
        TrainingFact(BAD, BAD, BAD, BAD, BAD),
        TrainingFact("big", 10**40, "x"),
        TrainingFact("n", 1e308, "x"),
    ),
    notes=(Note(BAD, BAD),),
    raw=(RawAnswer("k" * 999, b"\0\xff"), RawAnswer("k" * 999, b"last")),
    created_at=datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14))),
    last_modified=datetime(2020, 1, 1),  # noqa: DTZ001 - what a broken reader might hand in
)


def test_hostile_texts_and_numbers_are_kept_as_far_as_they_can(catalog: Catalog) -> None:
    report = catalog.save(HOSTILE)
    assert report.repo_id == "o/" + GOOD
    assert catalog.save(HOSTILE).changes == ()
    assert catalog.check() == []
    shown = catalog.snapshot("o/" + GOOD)
    assert shown is not None
    assert (shown.hub_id, shown.commit_sha, shown.revision, shown.aliases) == (GOOD, GOOD, GOOD, (GOOD,))
    assert (shown.downloads, shown.likes, shown.used_storage) == (None, None, None)
    assert (shown.created_at, shown.last_modified) == (None, None)
    assert shown.tags == (GOOD, "t" * 100_000)
    assert shown.config == {GOOD: [GOOD, {"x": GOOD}], "f": float("inf"), "o": str(object), "n": 10**40}
    assert shown.parameters is not None
    assert shown.parameters.by_dtype == {GOOD: 5, "x" * 200: 1}
    assert (shown.parameters.served_total, shown.parameters.logical) == (None, None)
    assert [(one.declared, one.base) for one in shown.claims] == [
        (GOOD, GOOD),
        ("long", None),
        ("empty", None),
    ]
    assert shown.files is not None
    by_path = {file.path: file for file in shown.files}
    assert by_path[GOOD] == ModelFile(GOOD)
    assert by_path["p" * 9000].size == 12 * 10**12
    assert by_path["twice"].size == 2
    assert by_path["upper"] == ModelFile("upper", 1, "ab" * 32)
    assert [fact.value for fact in shown.facts] == [GOOD, 10**40, 1e308]
    assert catalog.raw("o/" + GOOD, "k" * 200) == b"last"


def test_questions_may_be_hostile_too(catalog: Catalog) -> None:
    catalog.save(snap("o/m"))
    for text in (BAD, "x" * 100_000, "y/" * 50_000, "", "%", "\\", "'; DROP TABLE models; --"):
        assert catalog.find(text) is None
        assert catalog.suggest(text) == []
        assert catalog.search(text=text) == ([] if text else catalog.search())
        assert catalog.search([Filter("name", Operator.EQUAL, text)]) == []
        assert catalog.search([Filter("license", Operator.EQUAL, text)]) == []
        assert catalog.children_counts(text) == {}
        assert catalog.briefs([text]) == {}
        assert catalog.snapshot(text) is None
        assert catalog.claims(text, text) == []
        assert catalog.edges_up(text) == catalog.edges_down(text, 2) == []
        assert catalog.raw(text, text) is None
    assert catalog.tracked_after("", 10_000) == ["o/m"]


def test_times_at_the_ends_of_the_calendar(catalog: Catalog) -> None:
    first = datetime(1, 1, 1, tzinfo=UTC)
    last = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    catalog.save(replace(snap("o/m"), created_at=first, last_modified=last.replace(microsecond=999_999)))
    shown = catalog.snapshot("o/m")
    assert shown is not None
    assert (shown.created_at, shown.last_modified) == (first, last)


def test_times_come_back_in_utc_to_the_second(catalog: Catalog) -> None:
    local = datetime(2026, 5, 1, 12, 30, 0, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    finer = local.replace(microsecond=123_456)
    catalog.save(replace(snap("o/m"), observed_at=finer, created_at=finer))
    brief = catalog.briefs(["o/m"])["o/m"]
    assert brief.created_at == brief.observed_at == local
    assert brief.created_at is not None
    assert brief.created_at.tzinfo is UTC


def test_a_name_without_end_is_refused(catalog: Catalog) -> None:
    for name in ("", "x" * 2001):
        with pytest.raises(BadReference):
            catalog.save(snap(name))
    name = "o/" + "é" * 999
    assert catalog.save(snap(name, aliases=("a" * 2000,))).repo_id == name
    assert catalog.find("a" * 2000) == name


def test_ordinary_snapshots_pass_unchanged() -> None:
    plain = snap("o/größe", claims=(claim("o/b"),), tags=("日本語", "😀"), created_at=day(1))
    assert clean_snapshot(plain) == plain
    assert clean_text("😀 ok") == "😀 ok"


TEXT = st.text(st.characters(), max_size=12)


@st.composite
def snapshots(draw: st.DrawFn) -> ModelSnapshot:
    names = st.sampled_from(["o/a", "o/b", "O/A", "c", "paper:x", "d\0"])
    return ModelSnapshot(
        repo_id=draw(names),
        source=draw(st.sampled_from(SourceName)),
        observed_at=day(draw(st.integers(0, 5))),
        hub_id=draw(st.none() | st.sampled_from(["01", "02", "odd"])),
        aliases=tuple(draw(st.lists(names, max_size=2))),
        commit_sha=draw(st.none() | st.sampled_from(["aa", "bb", "tag"])),
        removed=draw(st.booleans()),
        task=draw(st.none() | TEXT),
        tags=tuple(draw(st.lists(TEXT, max_size=2))),
        parameters=draw(
            st.none() | st.builds(ParameterCount, st.dictionaries(TEXT, st.integers(-1, 2**64), max_size=2))
        ),
        claims=tuple(
            Claim(
                draw(st.sampled_from(Origin)),
                draw(TEXT),
                draw(st.none() | names | TEXT),
                denied=draw(st.booleans()),
            )
            for _ in range(draw(st.integers(0, 3)))
        ),
        licenses=tuple(
            LicenseClaim(LicenseField.LICENSE, draw(TEXT), "card") for _ in range(draw(st.integers(0, 1)))
        ),
        files=draw(
            st.none()
            | st.lists(
                st.builds(
                    ModelFile,
                    st.sampled_from(["a", "b"]),
                    st.none() | st.just(7),
                    st.none() | st.sampled_from([content("x"), "bad"]),
                ),
                max_size=3,
            ).map(tuple)
        ),
    )


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(snapshots(), min_size=1, max_size=8))
def test_any_order_of_any_snapshots_leaves_a_whole_catalog(
    catalog: Catalog, looks: list[ModelSnapshot]
) -> None:
    catalog.save_many(looks)
    problems = catalog.check()
    assert problems == []
    again = catalog.save(looks[-1])
    assert catalog.find(again.repo_id) == again.repo_id
    catalog.adopt_case_variants()
    assert catalog.check() == []
