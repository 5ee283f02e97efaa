"""What bears on licenses, for many models at once: statements now and before, legal texts, facts, bases."""

from __future__ import annotations

import pytest

from registry.catalog.catalog import Catalog
from registry.errors import NotInCatalog
from registry.model.edges import Relation
from registry.model.refs import SourceName
from registry.model.snapshot import Gate, TrainingFact
from tests.catalog.makers import claim, day, file, license_claim, sha, snap

APACHE = (license_claim("apache-2.0"),)
MIT = (license_claim("mit"),)


def fact(name: str, value: str) -> TrainingFact:
    return TrainingFact(name, value, "told in a test")


def test_a_model_comes_with_everything_it_descends_from(catalog: Catalog) -> None:
    catalog.save(snap("o/root", licenses=APACHE, gated=Gate.AUTO, task="text-generation"))
    catalog.save(snap("o/mid", licenses=MIT, claims=(claim("o/root"), claim("o/gone", Relation.MERGE))))
    catalog.save(snap("o/leaf", claims=(claim("o/mid"), claim("data:o/set", Relation.TRAINED_ON))))
    catalog.save(snap("o/stranger"))
    found = catalog.license_records(["o/leaf"])
    assert set(found) == {"o/leaf", "o/mid", "o/root", "o/gone", "data:o/set"}
    assert found["o/mid"].licenses == MIT
    assert [(edge.base, edge.relation) for edge in found["o/mid"].bases] == [
        ("o/gone", Relation.MERGE),
        ("o/root", Relation.FINETUNE),
    ]
    assert found["o/root"].gated is Gate.AUTO
    assert found["o/root"].task == "text-generation"
    assert [found[name].known for name in ("o/leaf", "o/gone", "data:o/set")] == [True, False, False]
    assert found["o/root"].history == ()


def test_a_circle_ends_and_unknown_names_are_missing(catalog: Catalog) -> None:
    catalog.save(snap("o/a", claims=(claim("o/b"),)))
    catalog.save(snap("o/b", claims=(claim("o/a"),)))
    assert set(catalog.license_records(["o/a", "o/nobody"])) == {"o/a", "o/b"}
    assert catalog.license_records([]) == {}


def test_history_tells_since_when_a_license_stood(catalog: Catalog) -> None:
    catalog.save(snap("o/m", 0, licenses=MIT, last_modified=day(-30)))
    catalog.save(snap("o/m", 5, commit_sha=sha("c2"), licenses=MIT, last_modified=day(4)))
    catalog.save(snap("o/m", 10, commit_sha=sha("c3"), licenses=APACHE, last_modified=day(8)))
    record = catalog.license_records(["o/m"])["o/m"]
    assert record.history == ((day(-30), MIT), (day(8), APACHE))
    assert record.licenses == APACHE


def test_a_commit_made_while_another_was_seen_counts_from_then(catalog: Catalog) -> None:
    catalog.save(snap("o/m", 5, licenses=MIT, last_modified=day(4)))
    catalog.save(snap("o/m", 10, commit_sha=sha("c2"), licenses=APACHE, last_modified=day(1)))
    catalog.save(snap("o/m", 20, commit_sha=sha("c3"), licenses=MIT))
    record = catalog.license_records(["o/m"])["o/m"]
    assert record.history == ((day(4), MIT), (day(5), APACHE), (day(20), MIT))


def test_a_removal_is_no_change_of_license(catalog: Catalog) -> None:
    catalog.save(snap("o/m", 0, licenses=MIT))
    catalog.save(snap("o/m", 5, commit_sha=None, removed=True))
    record = catalog.license_records(["o/m"])["o/m"]
    assert (record.removed, record.licenses, record.history) == (True, MIT, ())


def test_only_legal_texts_of_a_whole_list_are_told(catalog: Catalog) -> None:
    listed = (file("LICENSE", name="a"), file("model.safetensors"), file("sub/NOTICE.txt"))
    catalog.save(snap("o/whole", files=listed))
    catalog.save(snap("o/part", files=listed, files_complete=False))
    catalog.save(snap("o/none"))
    catalog.save(snap("o/bare", files=(file("model.safetensors"),)))
    found = catalog.license_records(["o/whole", "o/part", "o/none", "o/bare"])
    legal = found["o/whole"].files
    assert legal is not None
    assert [one.path for one in legal] == ["LICENSE", "sub/NOTICE.txt"]
    assert legal[0].sha256 == listed[0].sha256
    assert found["o/part"].files is None
    assert found["o/none"].files is None
    assert found["o/bare"].files == ()


def test_facts_come_in_the_order_they_were_told(catalog: Catalog) -> None:
    catalog.save(snap("o/m"))
    for number, value in enumerate(("mit", "gemma", "mit")):
        catalog.add_facts("o/m", [fact("text_license", value)], observed_at=day(number))
    record = catalog.license_records(["o/m"])["o/m"]
    assert [one.value for one in record.facts] == ["gemma", "mit"]


def test_a_dataset_need_not_be_named_before_facts_are_told_of_it(catalog: Catalog) -> None:
    catalog.add_facts("data:o/set", [fact("license", "cc-by-nc-4.0")], observed_at=day(0))
    record = catalog.license_records(["data:o/set"])["data:o/set"]
    assert (record.known, record.tracked, record.facts[0].value) == (False, False, "cc-by-nc-4.0")
    assert catalog.briefs(["data:o/set"])["data:o/set"].source is SourceName.DATA
    assert catalog.check() == []
    with pytest.raises(NotInCatalog):
        catalog.add_facts("o/nobody", [fact("text_license", "mit")], observed_at=day(0))


def test_more_models_than_one_statement_holds(catalog: Catalog) -> None:
    names = [f"o/m{number:04}" for number in range(1200)]
    catalog.save_many([snap("o/root", licenses=APACHE), *(snap(n, claims=(claim("o/root"),)) for n in names)])
    assert len(catalog.license_records(names)) == 1201
    assert catalog.tracked_after("", 2) == names[:2]
    assert catalog.tracked_after(names[-1], 5) == ["o/root"]
    assert catalog.tracked_after("o/root", 5) == []
