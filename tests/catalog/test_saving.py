from __future__ import annotations

from dataclasses import replace

import pytest

from registry.catalog.catalog import Catalog
from registry.model.edges import Origin, Relation
from registry.model.refs import SourceName
from registry.model.snapshot import (
    Change,
    Gate,
    LicenseClaim,
    LicenseField,
    ModelFile,
    Note,
    ParameterCount,
    RawAnswer,
    TrainingFact,
)
from tests.catalog.makers import (
    ask_sql,
    claim,
    content,
    count,
    day,
    file,
    hub_id,
    license_claim,
    pairs,
    sha,
    snap,
)

FULL = snap(
    "org/model",
    hub_id=hub_id(7),
    aliases=("old/model",),
    revision="main",
    private=False,
    gated=Gate.AUTO,
    disabled=False,
    created_at=day(-100),
    last_modified=day(-1),
    downloads=12,
    likes=3,
    library="transformers",
    task="text-generation",
    tags=("en", "größe", "base_model:org/base"),
    used_storage=12_000_000_000_000,
    new_version="org/model-2",
    config={"model_type": "bloom", "architectures": ["Bloom"], "quantization": {"bits": 4}},
    parameters=ParameterCount({"BF16": 176_247_271_424, "I8": 5}, 176_247_271_429, 99, "rule", "hub", "hm"),
    licenses=(license_claim("mit"), LicenseClaim(LicenseField.LINK, "https://x", "card")),
    claims=(
        claim("org/base", detail="base_model[0]"),
        claim("org/other", Relation.MERGE, declared="https://huggingface.co/org/other", note="n"),
        claim(None, declared="/tmp/models--org--x", detail="local path; looks like org/x"),
        claim("data:squad", Relation.TRAINED_ON, declared="squad", origin=Origin.HUB),
    ),
    files=(
        ModelFile("README.md", 10, None, "ab" * 20),
        ModelFile("model.safetensors", 11_999_999_999_990, content("w"), "cd" * 20, "ef" * 32),
    ),
    notes=(Note("odd", "a field"),),
)


def test_a_snapshot_comes_back_as_it_was(catalog: Catalog) -> None:
    catalog.save(FULL)
    assert catalog.snapshot("org/model") == FULL


def test_files_can_be_left_out(catalog: Catalog) -> None:
    catalog.save(FULL)
    assert catalog.snapshot("org/model", files=False) == replace(FULL, files=None)


def test_the_brief_tells_the_main_facts(catalog: Catalog) -> None:
    report = catalog.save(FULL)
    assert (report.repo_id, report.created, report.changes) == ("org/model", True, ())
    assert report.bases == ("org/base", "org/other"), "datasets are no models to follow"
    brief = catalog.briefs(["org/model", "nobody/knows"])["org/model"]
    assert brief.license == "mit"
    assert brief.parameters == 99, "the logical count wins over the stored one"
    assert brief.logical_bytes == 12_000_000_000_000
    assert (brief.tracked, brief.removed, brief.downloads, brief.observed_at) == (True, False, 12, day(0))


def test_bases_become_referenced_models(catalog: Catalog) -> None:
    catalog.save(FULL)
    found = catalog.briefs(["org/base", "data:squad"])
    assert {name: (brief.tracked, brief.source) for name, brief in found.items()} == {
        "org/base": (False, SourceName.HUB),
        "data:squad": (False, SourceName.DATA),
    }
    assert catalog.snapshot("org/base") is None


def test_saving_twice_changes_nothing(catalog: Catalog, catalog_url: str) -> None:
    catalog.save(FULL)
    before = catalog.stats() | {"bytes": 0}
    report = catalog.save(FULL)
    assert (report.created, report.changes) == (False, ())
    assert catalog.stats() | {"bytes": 0} == before
    assert len(catalog.history("org/model")) == 1


def test_counters_and_tags_follow_without_a_new_snapshot(catalog: Catalog) -> None:
    catalog.save(FULL)
    later = replace(
        FULL, observed_at=day(3), downloads=99, likes=4, tags=("fr",), used_storage=5, last_modified=day(2)
    )
    assert catalog.save(later).changes == ()
    assert catalog.snapshot("org/model") == later
    (entry,) = catalog.history("org/model")
    assert (entry.first_seen, entry.last_seen) == (day(0), day(3))


def test_unknown_counters_do_not_erase_known_ones(catalog: Catalog) -> None:
    catalog.save(FULL)
    catalog.save(replace(FULL, observed_at=day(1), downloads=None, likes=None))
    assert catalog.briefs(["org/model"])["org/model"].downloads == 12


@pytest.mark.parametrize(
    ("before", "after", "change"),
    [
        ({"commit_sha": sha("a")}, {"commit_sha": sha("b")}, ("commit", sha("a")[:12], sha("b")[:12])),
        ({}, {"licenses": (license_claim("mit"),)}, ("license", None, "mit")),
        (
            {"licenses": (license_claim("apache-2.0"),)},
            {"licenses": (license_claim("mit"),)},
            ("license", "apache-2.0", "mit"),
        ),
        ({"claims": (claim("o/a"),)}, {"claims": (claim("o/b"),)}, ("bases", "o/a", "o/b")),
        ({}, {"claims": (claim("o/b"), claim("o/a"))}, ("bases", None, "o/a, o/b")),
        (
            {"claims": (claim("o/a"),)},
            {"claims": (claim("o/a", Relation.QUANTIZED),)},
            ("relations", "o/a (finetune)", "o/a (quantized)"),
        ),
        ({"gated": Gate.NONE}, {"gated": Gate.MANUAL}, ("gated", "none", "manual")),
        ({"private": None}, {"private": True}, ("private", "no", "yes")),
        ({"disabled": True}, {"disabled": False}, ("disabled", "yes", "no")),
        (
            {"parameters": count(F16=7_000)},
            {"parameters": count(F16=9_000)},
            ("parameters", "7.00K", "9.00K"),
        ),
        (
            {"parameters": count(F16=7_000_000_001)},
            {"parameters": count(F16=7_000_000_002)},
            ("parameters", "7,000,000,001", "7,000,000,002"),
        ),
        (
            {"commit_sha": None, "files": (file("a", 1000),)},
            {"commit_sha": None, "files": (file("a", 2000),)},
            ("size", "1.00 kB", "2.00 kB"),
        ),
        ({"task": "x"}, {"task": "y"}, ("task", "x", "y")),
        ({"library": None}, {"library": "peft"}, ("library", None, "peft")),
        ({"new_version": None}, {"new_version": "o/2"}, ("new_version", None, "o/2")),
    ],
)
def test_what_changed_is_told(
    catalog: Catalog, before: dict[str, object], after: dict[str, object], change: tuple[str, str, str]
) -> None:
    catalog.save(snap("o/m", **before))
    expected = (Change(*change),)
    assert catalog.save(snap("o/m", 1, **after)).changes == expected
    assert [entry.changes for entry in catalog.history("o/m")] == [(), expected]
    assert catalog.save(snap("o/m", 2, **after)).changes == ()
    assert catalog.check() == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"claims": (claim("o/a"), claim("o/b"))}, {"claims": (claim("o/b"), claim("o/a"))}),
        ({"private": None, "disabled": None}, {"private": False, "disabled": False}),
        ({"gated": None}, {"gated": Gate.NONE}),
        ({"tags": ("a",)}, {"tags": ("b", "a")}),
        ({"claims": (claim("o/a", detail="[0]"),)}, {"claims": (claim("o/a", detail="[1]"),)}),
        ({"files": (file("a"),)}, {"files": None}),
        ({"files": None}, {"files": (file("a"),)}),
    ],
)
def test_what_is_no_change(catalog: Catalog, before: dict[str, object], after: dict[str, object]) -> None:
    catalog.save(snap("o/m", **before))
    assert catalog.save(snap("o/m", 1, **after)).changes == ()
    assert len(catalog.history("o/m")) == 1


def test_changes_go_back_and_forth(catalog: Catalog) -> None:
    for at, name in enumerate(["mit", "other", "mit"]):
        catalog.save(snap("o/m", at, licenses=(license_claim(name),)))
    assert [[(c.before, c.after) for c in entry.changes] for entry in catalog.history("o/m")] == [
        [],
        [("mit", "other")],
        [("other", "mit")],
    ]


def test_a_removed_model_keeps_its_last_facts(catalog: Catalog) -> None:
    catalog.save(FULL)
    gone = snap("org/model", 2, commit_sha=None, removed=True)
    assert catalog.save(gone).changes == (Change("removed", "no", "yes"),)
    assert catalog.save(replace(gone, observed_at=day(3))).changes == ()
    brief = catalog.briefs(["org/model"])["org/model"]
    assert (brief.removed, brief.license, brief.parameters, brief.observed_at) == (True, "mit", 99, day(3))
    assert catalog.snapshot("org/model") == replace(FULL, removed=True, observed_at=day(3))
    assert pairs(catalog, "org/model")[1:] == [("org/base", "finetune"), ("org/other", "merge")]
    assert catalog.raw("org/model", "model") is None


def test_a_model_that_comes_back_is_compared_with_its_last_facts(catalog: Catalog) -> None:
    catalog.save(snap("o/m", licenses=(license_claim("mit"),)))
    catalog.save(snap("o/m", 1, commit_sha=None, removed=True))
    report = catalog.save(snap("o/m", 2, licenses=(license_claim("other"),)))
    assert report.changes == (Change("removed", "yes", "no"), Change("license", "mit", "other"))
    assert not catalog.briefs(["o/m"])["o/m"].removed
    assert catalog.check() == []


def test_a_model_first_seen_as_absent_is_not_tracked(catalog: Catalog) -> None:
    catalog.save(snap("o/m", commit_sha=None, removed=True))
    brief = catalog.briefs(["o/m"])["o/m"]
    assert (brief.tracked, brief.removed) == (False, True)
    report = catalog.save(snap("o/m", 1))
    assert (report.created, report.changes) == (True, (Change("removed", "yes", "no"),))


def test_an_older_look_goes_into_the_history_only(catalog: Catalog) -> None:
    catalog.save(snap("o/m", 0, commit_sha=sha("a")))
    catalog.save(snap("o/m", 10, commit_sha=sha("c"), downloads=10, claims=(claim("o/new"),)))
    report = catalog.save(snap("o/m", 5, commit_sha=sha("b"), downloads=5, claims=(claim("o/old"),)))
    assert report.changes == ()
    assert [entry.commit_sha for entry in catalog.history("o/m")] == [sha("a"), sha("b"), sha("c")]
    brief = catalog.briefs(["o/m"])["o/m"]
    assert (brief.commit_sha, brief.downloads) == (sha("c"), 10)
    assert pairs(catalog, "o/m") == [("o/new", "finetune")]
    assert [(kept.base, kept.current) for kept in catalog.claims("o/m")] == [
        ("o/new", True),
        ("o/old", False),
    ]
    for _ in range(2):
        catalog.save(snap("o/m", 4, commit_sha=sha("b"), claims=(claim("o/old"),)))
    assert [entry.first_seen for entry in catalog.history("o/m")] == [day(0), day(4), day(10)]
    assert catalog.check() == []


def test_the_order_of_saving_does_not_matter_to_what_is_shown(catalog: Catalog) -> None:
    looks = [snap("o/m", at, commit_sha=sha(str(at)), downloads=at) for at in range(4)]
    for look in (looks[2], looks[0], looks[3], looks[1]):
        catalog.save(look)
    assert catalog.snapshot("o/m") == looks[3]
    assert [entry.commit_sha for entry in catalog.history("o/m")] == [look.commit_sha for look in looks]


def test_a_paper_does_not_displace_the_hub(catalog: Catalog) -> None:
    paper = snap(
        "o/m",
        9,
        source=SourceName.PAPER,
        commit_sha=None,
        claims=(claim("o/teacher", Relation.DISTILLED, origin=Origin.PAPER),),
        facts=(TrainingFact("training_tokens", 300_000_000_000, "https://paper", "paper"),),
        parameters=ParameterCount(logical=1, origin="paper"),
    )
    catalog.save(paper)
    assert catalog.briefs(["o/m"])["o/m"].source is SourceName.PAPER
    catalog.save(snap("o/m", 1, parameters=count(F16=5)))
    catalog.save(replace(paper, observed_at=day(10)))
    brief = catalog.briefs(["o/m"])["o/m"]
    assert (brief.source, brief.parameters, brief.observed_at) == (SourceName.HUB, 5, day(1))
    assert pairs(catalog, "o/m") == [("o/teacher", "distilled")]
    assert [fact.name for _, fact in catalog.facts("o/m")] == ["training_tokens"]
    assert [entry.source for entry in catalog.history("o/m")] == ["hub", "paper"]
    shown = catalog.snapshot("o/m")
    assert shown is not None
    assert shown.facts == ()


def test_facts_follow_their_source_and_those_by_hand_stay(catalog: Catalog) -> None:
    told = TrainingFact("epochs", 1, "https://a", "paper")
    corrected = replace(told, value=2)
    paper = snap("paper:o/m", source=SourceName.PAPER, commit_sha=None, facts=(told,))
    catalog.save(paper)
    catalog.add_facts("paper:o/m", [TrainingFact("hardware", "A100", "mail")], observed_at=day(1))
    catalog.save(replace(paper, observed_at=day(2), facts=(corrected,)))
    assert [fact.value for _, fact in catalog.facts("paper:o/m")] == ["A100", 2]
    assert [fact.value for _, fact in catalog.facts("paper:o/m", past=True)] == [1, "A100", 2]
    catalog.save(replace(paper, observed_at=day(3)))
    assert catalog.facts("paper:o/m")[-1] == (day(3), told)
    types = [type(fact.value) for _, fact in catalog.facts("paper:o/m", past=True)]
    assert types == [str, int, int]


def test_raw_answers_are_kept_as_received(catalog: Catalog) -> None:
    catalog.save(snap("o/m", raw=(RawAnswer("model", b"{1}"), RawAnswer("card", b"\x00\xff"))))
    catalog.save(snap("o/m", 1, raw=(RawAnswer("model", b"{2}"),)))
    assert catalog.raw("o/m", "model") == b"{2}"
    assert catalog.raw("o/m", "card") == b"\x00\xff"
    catalog.save(snap("o/m", 2, commit_sha=sha("c2"), raw=(RawAnswer("model", b"{3}"),)))
    assert catalog.raw("o/m", "model") == b"{3}"
    assert catalog.raw("o/m", "card") == b"\x00\xff", "the newest of its kind"
    assert catalog.raw("o/m", "tree") is None
    assert catalog.raw("o/none", "model") is None


def test_one_commit_has_one_file_list(catalog: Catalog, catalog_url: str) -> None:
    listed = (file("a", 1, "x"), file("b", 2, "y"))
    catalog.save(snap("o/m", files=listed))
    catalog.save(snap("o/m", 1, files=listed, licenses=(license_claim("mit"),)))
    assert ask_sql(catalog_url, "SELECT count(*) FROM files") == [(2,)]
    assert ask_sql(catalog_url, "SELECT count(*) FROM snapshots") == [(2,)]
    shown = catalog.snapshot("o/m")
    assert shown is not None
    assert shown.files == listed


def test_a_file_list_grows_and_never_shrinks_at_one_commit(catalog: Catalog) -> None:
    vague = (file("a", None), file("b", None))
    full = (file("a", 1, "x"), file("b", 2))
    catalog.save(snap("o/m", files=vague))
    assert catalog.briefs(["o/m"])["o/m"].logical_bytes is None
    catalog.save(snap("o/m", 1, files=full))
    assert catalog.briefs(["o/m"])["o/m"].logical_bytes == 3
    catalog.save(snap("o/m", 2, files=vague))
    catalog.save(snap("o/m", 3, files=full[:1], files_complete=False))
    catalog.save(snap("o/m", 4))
    shown = catalog.snapshot("o/m")
    assert shown is not None
    assert (shown.files, shown.files_complete) == (full, True)
    assert catalog.check() == []


def test_an_empty_and_a_partial_list_are_told_from_none(catalog: Catalog) -> None:
    catalog.save(snap("o/empty", files=()))
    catalog.save(snap("o/part", files=(file("a"),), files_complete=False))
    empty, part = catalog.snapshot("o/empty"), catalog.snapshot("o/part")
    assert empty is not None
    assert part is not None
    assert (empty.files, part.files_complete) == ((), False)
    assert catalog.briefs(["o/empty"])["o/empty"].logical_bytes == 0


def test_equal_contents_are_one_blob(catalog: Catalog, catalog_url: str) -> None:
    catalog.save(snap("o/a", files=(file("x", None, "w"),)))
    catalog.save(snap("o/b", files=(ModelFile("y", 10, content("w"), None, "aa" * 32), file("z", 10, "w"))))
    assert ask_sql(catalog_url, "SELECT size FROM blobs") == [(10,)]
    shown = catalog.snapshot("o/a")
    assert shown is not None
    assert shown.files == (ModelFile("x", None, content("w"), None, "aa" * 32),)


def test_what_a_deeper_look_found_at_a_commit_stays(catalog: Catalog) -> None:
    plain = snap("o/m", claims=(claim("o/a"),), parameters=count(F16=4))
    deep = replace(
        plain,
        observed_at=day(1),
        claims=(*plain.claims, claim("o/b", Relation.ADAPTER, origin=Origin.ADAPTER_CONFIG)),
        parameters=ParameterCount({"F16": 3, "U8": 1}, 4, origin="headers"),
    )
    catalog.save(plain)
    catalog.save(deep)
    assert catalog.save(replace(plain, observed_at=day(2))).changes == ()
    assert pairs(catalog, "o/m") == [("o/a", "finetune"), ("o/b", "adapter")]
    shown = catalog.snapshot("o/m")
    assert shown is not None
    assert shown.parameters == deep.parameters
    catalog.save(replace(plain, observed_at=day(3), parameters=None))
    assert len(catalog.history("o/m")) == 2
    catalog.save(replace(plain, observed_at=day(4), commit_sha=sha("c2")))
    assert pairs(catalog, "o/m") == [("o/a", "finetune")], "another commit may have other files"


def test_many_in_one_go(catalog: Catalog) -> None:
    reports = catalog.save_many(snap(f"o/{n}", claims=(claim(f"o/{n - 1}"),)) for n in range(1, 30))
    assert [report.repo_id for report in reports] == [f"o/{n}" for n in range(1, 30)]
    assert len(catalog.edges_up("o/29")) == 29
    assert catalog.save_many([]) == []


def test_one_that_cannot_be_kept_takes_the_batch_with_it(catalog: Catalog) -> None:
    from registry.errors import BadReference

    with pytest.raises(BadReference):
        catalog.save_many([snap("o/good"), snap("o/" + "x" * 5000)])
    assert catalog.tracked_after("", 10_000) == []


def test_looks_at_one_instant_are_kept_once(catalog: Catalog) -> None:
    told = [snap("o/m", 1, library="peft"), snap("o/m", 1, library="timm"), snap("o/m", 3, library="keras")]
    catalog.save_many(told)
    before = catalog.history("o/m")
    catalog.save_many(told)
    assert catalog.history("o/m") == before
    assert len(before) == 3


def test_tracked_and_due(catalog: Catalog) -> None:
    catalog.save(snap("o/b", 1))
    catalog.save(snap("o/a", 5, claims=(claim("o/base"),)))
    assert catalog.tracked_after("", 10_000) == ["o/a", "o/b"]
    assert catalog.due() == ["o/a", "o/b"]
    assert catalog.due(stale_before=day(3)) == ["o/b"]


def test_a_list_that_tells_no_commit_changes_nothing_until_something_was_committed(catalog: Catalog) -> None:
    known = snap(
        "o/m",
        0,
        commit_sha=sha("c1"),
        last_modified=day(-1),
        gated=Gate.MANUAL,
        files=(file("LICENSE"), file("w", 10, "w")),
        licenses=(license_claim("mit"), LicenseClaim(LicenseField.FILE, "LICENSE", "files")),
    )
    catalog.save(known)
    listed = snap("o/m", 1, commit_sha=None, last_modified=day(-1), licenses=(license_claim("mit"),))
    assert catalog.save(listed).changes == ()
    shown = catalog.snapshot("o/m")
    assert shown is not None
    assert (shown.commit_sha, shown.gated, shown.files) == (sha("c1"), Gate.MANUAL, known.files)
    later = replace(listed, observed_at=day(2), last_modified=day(1.5))
    assert "commit" in [change.field for change in catalog.save(later).changes]
    assert catalog.check() == []
