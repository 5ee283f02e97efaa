"""Gathering for an audit, policies where they are found, checks of guests, and models that pass instead."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from registry.catalog.catalog import Catalog
from registry.contract import AuditCase, CheckFinding
from registry.errors import BadSettings
from registry.licenses.findings import Severity
from registry.licenses.policy import Policy
from registry.model.edges import Relation
from registry.model.snapshot import ModelFile, TrainingFact
from registry.services import audit as service
from registry.services.policies import BUILT_IN, MAX_SIZE, LoadedPolicy, load_policy
from registry.services.suggest import with_suggestions
from tests.catalog.makers import claim, day, license_claim, snap

NOW = datetime(2026, 6, 1, tzinfo=UTC)
PLAIN = LoadedPolicy(Policy(), BUILT_IN)
RAIL = "bigscience-bloom-rail-1.0"


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    facts: dict[str, Any] = {"task": "text-generation"}
    with Catalog.open(str(tmp_path / "c.db"), create=True) as opened:
        opened.save(snap("lab/root", licenses=(license_claim(RAIL),), **facts))
        opened.save(
            snap("acme/tuned", licenses=(license_claim("mit"),), claims=(claim("lab/root"),), **facts)
        )
        opened.save(
            snap("acme/honest", licenses=(license_claim(RAIL),), claims=(claim("lab/root"),), **facts)
        )
        yield opened


class Guest:
    """Finds fault with every model of acme."""

    name = "house-style"
    summary = "Names of ours end in -v1."

    def check(self, case: AuditCase) -> Sequence[CheckFinding]:
        if not case.model.startswith("acme/"):
            return ()
        path = (case.model, "lab/root")
        return (CheckFinding("no-version", "error", "has no version", "rename it", RAIL, path),)


class Broken:
    name = "broken"
    summary = "Breaks."

    def check(self, case: AuditCase) -> Sequence[CheckFinding]:
        raise RuntimeError(case.model)


def test_findings_of_a_guest_carry_its_name_and_fall_under_the_policy(catalog: Catalog) -> None:
    report = service.audit(catalog, ["acme/honest"], PLAIN, now=NOW, checks=[Guest()])
    (found,) = [one for one in report.findings if one.check]
    assert (found.code, found.check, found.severity) == ("no-version", "house-style", Severity.ERROR)
    assert [link.model for link in found.chain] == ["acme/honest", "lab/root"]
    assert report.reaches(Severity.ERROR)
    silent = LoadedPolicy(replace(Policy(), severity={"no-version": Severity.NOTE}), "x")
    assert not service.audit(catalog, ["acme/honest"], silent, now=NOW, checks=[Guest()]).reaches(
        Severity.ERROR
    )


def test_a_guest_that_breaks_leaves_the_audit_incomplete(catalog: Catalog) -> None:
    report = service.audit(catalog, ["acme/honest"], PLAIN, now=NOW, checks=[Broken(), Guest()])
    assert not report.complete
    assert "broken" in report.problems[0]
    assert any(one.check == "house-style" for one in report.findings)


def test_pages_change_nothing(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = service.audit(catalog, None, PLAIN, now=NOW)
    monkeypatch.setattr(service, "PAGE", 1)
    assert service.audit(catalog, None, PLAIN, now=NOW) == whole
    assert whole.models == 3
    named = service.audit(catalog, ["lab/root", "acme/tuned", "acme/honest", "acme/tuned"], PLAIN, now=NOW)
    assert named == whole


def test_what_was_never_read_is_missing(catalog: Catalog) -> None:
    bases = (claim("far/away"), claim("data:lab/set", Relation.TRAINED_ON))
    catalog.save(snap("acme/new", licenses=(license_claim("mit"),), claims=bases))
    report = service.audit(catalog, ["acme/new"], PLAIN, now=NOW)
    assert (report.complete, report.missing) == (False, ("far/away",))


def test_of_single_facts_the_newest_word_counts(catalog: Catalog) -> None:
    for number, (name, value) in enumerate(
        [
            ("text_license", "mit"),
            ("text_license", "gemma"),
            ("license_file", "LICENSE=mit"),
            ("license_file", "NOTICE=mit"),
            ("license_file", "LICENSE=gemma"),
            ("also_license", "mit"),
            ("also_license", "gemma"),
            ("hardware", "TPU"),
        ]
    ):
        catalog.add_facts("acme/tuned", [TrainingFact(name, value, "x")], observed_at=day(number))
    model = service.gather(catalog, ["acme/tuned"])["acme/tuned"]
    assert [(fact.name, fact.value) for fact in model.annotations] == [
        ("text_license", "gemma"),
        ("license_file", "LICENSE=gemma"),
        ("license_file", "NOTICE=mit"),
        ("also_license", "mit"),
        ("also_license", "gemma"),
    ]


def test_legal_texts_come_with_their_digests(catalog: Catalog) -> None:
    listed = (
        ModelFile("LICENSE", 1, git_oid="ab" * 20),
        ModelFile("NOTICE", 1, sha256="cd" * 32),
        ModelFile("USE_POLICY.md"),
        ModelFile("model.safetensors", 9, sha256="ef" * 32),
    )
    catalog.save(snap("acme/files", files=listed))
    model = service.gather(catalog, ["acme/files"])["acme/files"]
    assert model.files == ("LICENSE", "NOTICE", "USE_POLICY.md")
    assert model.text_digests == {"LICENSE": f"git:{'ab' * 20}", "NOTICE": f"sha256:{'cd' * 32}"}


def test_relatives_that_pass_are_suggested_with_why(catalog: Catalog) -> None:
    report = service.audit(catalog, ["acme/tuned", "acme/honest"], PLAIN, now=NOW)
    helped = with_suggestions(catalog, report, PLAIN, threshold=None, now=NOW)
    assert set(helped.suggestions) == {"acme/tuned"}
    named = {one.repo_id: one for one in helped.suggestions["acme/tuned"]}
    assert set(named) == {"lab/root", "acme/honest"}
    assert all(one.why and one.license == RAIL for one in named.values())
    refused = with_suggestions(catalog, report, PLAIN, threshold=None, now=NOW, checks=[Guest()])
    assert [one.repo_id for one in refused.suggestions["acme/tuned"]] == ["lab/root"]


def test_equals_of_the_same_task_and_size(catalog: Catalog) -> None:
    from registry.model.snapshot import ParameterCount

    def sized(name: str, count: int, license_: str, task: str = "fill-mask") -> None:
        known = ParameterCount({"BF16": count}, logical=count)
        catalog.save(snap(name, licenses=(license_claim(license_),), parameters=known, task=task))

    sized("o/nc", 100, "cc-by-nc-4.0")
    sized("o/free", 150, "apache-2.0")
    sized("o/huge", 1000, "apache-2.0")
    sized("o/other", 100, "apache-2.0", task="translation")
    loaded = LoadedPolicy(Policy(use="commercial"), "x")
    report = service.audit(catalog, ["o/nc"], loaded, now=NOW)
    helped = with_suggestions(catalog, report, loaded, threshold=Severity.ERROR, now=NOW)
    assert [one.repo_id for one in helped.suggestions["o/nc"]] == ["o/free"]


def test_where_a_policy_is_found(tmp_path: Path) -> None:
    assert load_policy(None, tmp_path) == PLAIN
    project = tmp_path / "registry.toml"
    project.write_text("jobs = 3\n")
    assert load_policy(None, tmp_path).origin == BUILT_IN
    project.write_text("jobs = 3\n[policy]\nuse = 'research'\n")
    assert load_policy(None, tmp_path) == LoadedPolicy(Policy(use="research"), "[policy] of registry.toml")
    (tmp_path / "policy.toml").write_text("use = 'commercial'\n")
    assert load_policy(None, tmp_path) == LoadedPolicy(Policy(use="commercial"), "policy.toml")
    assert load_policy(project.with_name("policy.toml"), Path("/nowhere")).policy.use == "commercial"


def test_files_that_are_no_policy(tmp_path: Path) -> None:
    for content, reason in ((b"use = ", "x.toml"), (b"\xff", "UTF-8"), (b"#" * (MAX_SIZE + 1), "longer")):
        (tmp_path / "x.toml").write_bytes(content)
        with pytest.raises(BadSettings, match=reason):
            load_policy(tmp_path / "x.toml", tmp_path)
    with pytest.raises(BadSettings, match="cannot read"):
        load_policy(tmp_path / "none.toml", tmp_path)
    (tmp_path / "registry.toml").write_text("[policy\n")
    with pytest.raises(BadSettings, match=r"registry\.toml"):
        load_policy(None, tmp_path)
