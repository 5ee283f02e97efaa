"""Equal content across models, paths and commits, on both databases."""

from __future__ import annotations

import random
import shutil
from itertools import count as numbers
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.catalog.catalog import Catalog
from registry.model.copies import Duplication, FileCopy
from registry.model.refs import SourceName
from registry.model.snapshot import ModelFile, ModelSnapshot
from tests.catalog.makers import claim, content, day, file, run_sql, sha, snap

OWN, BASE, COPY = "o/own", "o/base", "a/copy"


@pytest.fixture
def stocked(catalog: Catalog) -> Catalog:
    """The base's weights again in a copy that is younger, and once more under another path there."""
    catalog.save_many(
        [
            snap(BASE, created_at=day(0), files=(file("README.md", 5), file("w.bin", 1000, "w"))),
            snap(
                COPY,
                created_at=day(9),
                files=(file("other.bin", 1000, "w"), file("t.json", 7, "t"), file("w.bin", 1000, "w")),
            ),
            snap(OWN, files=(file("t.json", 7, "t"), file("unsized.bin", None, "u"), file("x"))),
        ]
    )
    return catalog


def test_sums_over_the_whole_catalog(stocked: Catalog) -> None:
    found = stocked.duplication()
    assert (found.models, found.unlisted) == (3, 0)
    assert (found.logical_bytes, found.unique_bytes) == (5 + 1000 + 2007 + 17, 5 + 1000 + 7 + 10)
    assert (found.contents, found.unsized_contents, found.repeated_bytes) == (2, 0, 0)
    assert found.copied_by_model == {COPY: 2000, OWN: 7}, "the oldest as its host tells keeps the content"
    assert found.largest == (content("w"), content("t"))
    assert found.ratio == pytest.approx(found.logical_bytes / found.unique_bytes)
    assert found.sized
    assert not found.complete, "a file has no known size"
    assert found.current.unsized_files == 1


def test_lists_are_cut_and_sums_are_not(stocked: Catalog) -> None:
    whole, cut = stocked.duplication(), stocked.duplication(limit=1)
    assert cut.largest == whole.largest[:1]
    assert (cut.contents, cut.copied_bytes) == (whole.contents, whole.copied_bytes)
    assert stocked.duplication(least=8).largest == (content("w"),)
    assert stocked.duplication(least=8).copied_bytes == whole.copied_bytes


def test_where_a_content_is_kept(stocked: Catalog) -> None:
    found = stocked.shared_contents([content("w"), content("u"), content("nowhere"), content("w")])
    assert list(found) == [content("u"), content("w")] or set(found) == {content("u"), content("w")}
    shared = found[content("w")]
    assert shared.copies == (
        FileCopy(BASE, "w.bin", sha("c1"), True, 1000),
        FileCopy(COPY, "other.bin", sha("c1"), True, 1000),
        FileCopy(COPY, "w.bin", sha("c1"), True, 1000),
    )
    assert (shared.size, shared.copied_bytes, shared.repeated_bytes) == (1000, 2000, 0)
    assert found[content("u")].size is None
    assert found[content("u")].copied_bytes == 0


def test_only_models_that_were_asked_about_count(stocked: Catalog) -> None:
    found = stocked.duplication([COPY, "no/such"])
    assert (found.models, found.logical_bytes, found.copied_by_model) == (1, 2007, {COPY: 1000})
    assert len(stocked.shared_contents([content("w")], [COPY])[content("w")].copies) == 2
    assert stocked.kept_elsewhere([COPY]) == (2, 1007)
    assert stocked.kept_elsewhere([BASE, COPY, OWN]) == (0, 0)
    assert stocked.duplication([]).models == 0


def test_earlier_commits_are_revisions_and_say_which(stocked: Catalog) -> None:
    stocked.save(snap(BASE, 1, commit_sha=sha("c2"), files=(file("README.md", 6), file("w.bin", 1000, "w"))))
    found = stocked.duplication([BASE])
    assert (found.current.lists, found.earlier.lists) == (1, 1)
    assert (found.logical_bytes, found.unique_bytes) == (1006 + 1005, 1006 + 5)
    assert (found.copied_bytes, found.repeated_bytes, dict(found.copied_by_model)) == (0, 1000, {})
    (shared,) = stocked.shared_contents(found.largest, [BASE]).values()
    assert [(one.commit_sha, one.current) for one in shared.copies] == [(sha("c2"), True), (sha("c1"), False)]
    assert (shared.copied_bytes, shared.repeated_bytes) == (0, 1000)


def test_without_commits_only_what_is_there_now_counts(catalog: Catalog) -> None:
    catalog.save(snap("local:/m", 1, source=SourceName.LOCAL, files=(file("w.bin", 1000, "w"),)))
    catalog.save(snap("local:/m", 2, source=SourceName.LOCAL, files=(file("v.bin", 1000, "w"), file("x", 1))))
    found = catalog.duplication(None)
    assert (found.current.lists, found.earlier.lists, found.logical_bytes, found.repeated_bytes) == (
        1,
        0,
        1001,
        0,
    )
    assert catalog.shared_contents([content("w")])[content("w")].repeated_bytes == 0


def test_a_content_of_an_earlier_commit_that_another_keeps_now(stocked: Catalog) -> None:
    stocked.save(snap(BASE, 1, commit_sha=sha("c2"), files=(file("new.bin", 1, "n"),)))
    found = stocked.duplication([BASE, COPY])
    assert (found.copied_bytes, found.repeated_bytes) == (1000, 1000), "the list shown comes first"
    (shared,) = stocked.shared_contents(found.largest, [BASE, COPY]).values()
    assert [(one.repo_id, one.current) for one in shared.copies] == [
        (COPY, True),
        (COPY, True),
        (BASE, False),
    ]


def test_unknown_sizes_are_unknown(catalog: Catalog) -> None:
    catalog.save_many(
        [
            snap("a/1", files=(file("w", None, "w"), file("v", None, "v"))),
            snap("b/1", files=(file("w", None, "w"), file("v", 30, "v"))),
            snap("c/1"),
            snap("d/1", files=(file("cut", 4),), files_complete=False),
        ]
    )
    found = catalog.duplication()
    assert (found.contents, found.unsized_contents, found.copied_bytes) == (2, 1, 0)
    assert found.largest == (content("w"),), "the copy of unknown size wastes nothing that is known"
    assert (found.unlisted, found.current.unsized_files, found.current.partial) == (1, 3, 1)
    assert not found.complete
    assert catalog.shared_contents([content("v")])[content("v")].copies[0].repo_id == "b/1"
    nothing = catalog.duplication(["a/1", "c/1"])
    assert not nothing.sized
    assert nothing.ratio is None


def test_an_empty_list_weighs_nothing_and_no_list_is_unknown(catalog: Catalog) -> None:
    catalog.save_many([snap("a/1", files=()), snap("b/1")])
    assert catalog.duplication(["a/1"]).sized
    assert not catalog.duplication(["b/1"]).sized


def test_sizes_that_contradict_each_other_keep_the_laws(catalog: Catalog) -> None:
    huge = 2**62
    catalog.save_many(
        [snap(f"a/{n}", files=(file("w", size, "w"),)) for n, size in enumerate((1, huge, huge))]
    )
    found = catalog.duplication()
    assert 0 < found.unique_bytes <= found.logical_bytes == 2 * huge + 1


def test_sums_no_column_holds_are_left_out_whole(catalog: Catalog) -> None:
    huge = 2**62
    catalog.save(snap("a/1", files=tuple(file(f"{n}", huge, "w") for n in range(4))))
    catalog.save(snap("b/1", files=(file("w", 10, "w"),)))
    found = catalog.duplication()
    assert (found.logical_bytes, found.unique_bytes, found.copied_bytes) == (10, 10, 0)
    assert found.current.unsized_files == 4


def test_models_that_are_only_referenced_do_not_count(stocked: Catalog) -> None:
    stocked.save(snap("x/child", claims=(claim(BASE),)))
    assert stocked.remove(BASE) is False
    assert BASE not in stocked.duplication().copied_by_model
    assert stocked.duplication().copied_by_model[COPY] == 1000


# --- laws ----------------------------------------------------------------------------------------

_NAMES = st.sampled_from("abcdefgh")
_SIZES = {name: 10**number for number, name in enumerate("abcdefgh")}
_LISTS = st.lists(
    st.dictionaries(_NAMES, st.tuples(_NAMES, st.booleans()), max_size=4), min_size=1, max_size=5
)
_COUNTER = numbers()


def snapshots(lists: list[dict[str, tuple[str, bool]]]) -> list[ModelSnapshot]:
    """A model for each list: path -> content and whether its hash is told."""
    return [
        snap(
            f"owner{number % 2}/m{number}",
            files=tuple(
                ModelFile(path, _SIZES[name], content(name) if hashed else None)
                for path, (name, hashed) in sorted(listed.items())
            ),
        )
        for number, listed in enumerate(lists)
    ]


def measured(folder: Path, empty_file: Path, told: list[ModelSnapshot]) -> Duplication:
    place = folder / f"{next(_COUNTER)}.db"
    shutil.copy(empty_file, place)
    with Catalog.open(str(place)) as catalog:
        catalog.save_many(told)
        return catalog.duplication()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lists=_LISTS, seed=st.integers(0, 9))
def test_laws(lists: list[dict[str, tuple[str, bool]]], seed: int, tmp_path: Path, empty_file: Path) -> None:
    told = snapshots(lists)
    found = measured(tmp_path, empty_file, told)
    assert 0 <= found.unique_bytes <= found.logical_bytes
    assert found.ratio is None or found.ratio >= 1
    assert sum(found.copied_by_model.values()) == found.copied_bytes
    shuffled = list(told)
    random.Random(seed).shuffle(shuffled)
    assert measured(tmp_path, empty_file, shuffled) == found, "the order of input does not matter"
    hashed = tuple(one for one in told[0].files or () if one.sha256)
    more = measured(tmp_path, empty_file, [*told, snap("z/copy", files=hashed)])
    assert more.unique_bytes == found.unique_bytes, "an equal copy adds nothing new"
    assert more.logical_bytes == found.logical_bytes + sum(one.size or 0 for one in hashed)


def test_a_damaged_catalog_raises_ours(catalog: Catalog) -> None:
    from registry.errors import CatalogError

    catalog.save(snap("a/1", files=(file("w", 1, "w"),)))
    run_sql(catalog.location, "DROP TABLE files" + ("" if "://" not in catalog.location else " CASCADE"))
    with pytest.raises(CatalogError):
        catalog.duplication()
