"""The audit as a whole: the flagship case, waivers, guests, time, suggestions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

import pytest

from registry.contract import AuditCase, CheckFinding, PluginHost
from registry.errors import PluginConflict
from registry.licenses.audit import audit
from registry.licenses.facts import AuditModel
from registry.licenses.findings import AuditResult, Severity
from registry.licenses.policy import Policy
from registry.licenses.suggest import suggest
from registry.licenses.table import load_table
from registry.licenses.waivers import Waiver
from registry.model.edges import Claim, Edge, Origin, Relation
from tests.licenses.cases import claims
from tests.licenses.worlds import judge, node, world

TABLE = load_table()
BLOOM = (
    "bigscience/bloom bigscience-bloom-rail-1.0",
    "bigscience/bloomz bigscience-bloom-rail-1.0 finetune:bigscience/bloom",
)


def test_the_flagship_adapter() -> None:
    result = judge(world(*BLOOM, "acme/bloomz-lora mit adapter:bigscience/bloomz"), "acme/bloomz-lora")
    (one,) = result.findings
    assert (one.code, one.severity) == ("restriction-dropped", Severity.WARNING)
    assert [(link.model, link.relation, link.license) for link in one.chain] == [
        ("acme/bloomz-lora", "adapter", "mit"),
        ("bigscience/bloomz", "finetune", "bigscience-bloom-rail-1.0"),
        ("bigscience/bloom", None, "bigscience-bloom-rail-1.0"),
    ]
    assert one.term is not None
    assert one.term.license == "bigscience-bloom-rail-1.0"
    assert one.term.clause == "s4(a) + s5: Attachment A must be an enforceable term downstream"
    assert one.term.text == "pass on the use restrictions as an enforceable term"
    assert one.fix.startswith("license: bigscience-bloom-rail-1.0; add the text of the license")
    assert (one.evidence_level, one.edge_evidence, one.declared) == ("excerpt", "card", "mit")
    assert (result.counted(Severity.ERROR), result.counted(Severity.WARNING)) == ((), (one,))
    assert (result.complete, result.unjudged, result.models) == (True, (), 1)


def test_the_flagship_merged() -> None:
    for base in ("merge:acme/bloomz-lora", "finetune:bigscience/bloomz"):
        models = world(*BLOOM, "acme/bloomz-lora mit adapter:bigscience/bloomz", f"acme/full mit {base}")
        (one,) = judge(models, "acme/full").findings
        assert (one.code, one.severity) == ("restriction-dropped", Severity.ERROR)
        assert judge(models, "acme/full").counted(Severity.ERROR) == (one,)
        assert judge(models, "acme/full").counted(None) == ()


def test_a_mislabelled_base_passes_on_what_its_own_base_asks() -> None:
    models = world(
        "bigscience/bloom bigscience-bloom-rail-1.0",
        "x/bloomz mit finetune:bigscience/bloom",
        "acme/m mit adapter:x/bloomz",
        "acme/honest bigscience-bloom-rail-1.0 adapter:x/bloomz",
    )
    (one,) = judge(models, "acme/m").findings
    assert [link.model for link in one.chain] == ["acme/m", "x/bloomz", "bigscience/bloom"]
    assert one.message == (
        "mit drops terms of bigscience-bloom-rail-1.0, which comes from bigscience/bloom (over x/bloomz)"
    )
    assert judge(models, "acme/honest").findings == ()


def test_nothing_known_is_nothing_vouched_for() -> None:
    result = judge(world("a/m mit finetune:b/gone"), "a/m", "a/nowhere")
    assert (result.models, result.unjudged, result.complete) == (1, ("a/m",), False)
    assert judge(world("a/m cc"), "a/m").unjudged == ("a/m",)
    assert judge(world("a/m mit distilled:b/gone"), "a/m").unjudged == ("a/m",)


def waived(*waivers: Waiver, today: date | None = None, as_of: datetime | None = None) -> AuditResult:
    models = world("google/g gemma", "a/m mit finetune:google/g")
    policy = Policy(waivers=waivers)
    return audit(models, ["a/m"], policy=policy, table=TABLE, as_of=as_of, today=today)


def test_waivers() -> None:
    (one,) = waived().findings
    pinned = Waiver(
        "a/m", "restriction-dropped", "bought", expiry=date(2026, 1, 1), chain_hash=one.chain_hash
    )
    result = waived(pinned, today=date(2026, 1, 1))
    assert result.findings == (replace(one, waived=pinned),)
    assert (result.counted(Severity.NOTE), result.lapsed) == ((), ())
    for late in (
        waived(pinned, today=date(2026, 1, 2)),
        waived(pinned, as_of=datetime(2026, 1, 2, tzinfo=UTC)),
        waived(replace(pinned, chain_hash="0" * 16), today=date(2025, 1, 1)),
    ):
        assert late.findings == (one,)
        assert len(late.lapsed) == 1


def test_the_chain_hash_follows_the_chain_and_the_fingerprint_does_not() -> None:
    def only(*rows: str) -> tuple[str, str]:
        (one,) = judge(world("google/g gemma", *rows), "a/m").findings
        return one.chain_hash, one.fingerprint

    direct = only("a/m mit finetune:google/g")
    assert only("a/m mit merge:google/g")[0] != direct[0]
    over = only("b/x gemma finetune:google/g", "b/y mit finetune:b/x", "a/m mit quantized:google/g")
    assert over[1] == direct[1] != direct[0]


def test_the_license_of_the_day_is_judged() -> None:
    history = (
        (datetime(2023, 11, 1, tzinfo=UTC), claims("other", "yi-license")),
        (datetime(2024, 6, 11, tzinfo=UTC), claims("apache-2.0")),
    )
    models = world(
        node("01-ai/yi apache-2.0", license_history=history),
        node("a/m mit finetune:01-ai/yi", created_at=datetime(2023, 12, 23, tzinfo=UTC)),
    )

    def on(*day: int) -> list[str]:
        as_of = datetime(*day, tzinfo=UTC) if day else None  # type: ignore[misc,arg-type]
        found = audit(models, ["a/m"], policy=Policy(), table=TABLE, as_of=as_of).findings
        return [one.code for one in found]

    assert on() == ["base-relicensed"]
    assert on(2026, 1, 1) == ["base-relicensed"]
    assert on(2024, 1, 1) == ["restriction-dropped", "base-relicensed"]
    (note,) = audit(models, ["a/m"], policy=Policy(), table=TABLE, as_of=None).findings
    assert note.message == (
        "01-ai/yi was under yi-license when this model was made (2023-12-23) and is under apache-2.0 now"
    )


def test_the_weakest_edge_tells_how_sure_a_chain_is() -> None:
    def link(derivative: str, base: str, *origins: Origin) -> Edge:
        return Edge(derivative, base, Relation.FINETUNE, origins)

    models = world("google/g gemma")
    models["b/x"] = AuditModel(
        "b/x", licenses=claims("gemma"), bases=(link("b/x", "google/g", Origin.INFERRED),)
    )
    models["b/x"] = replace(models["b/x"], licenses=claims("mit"))
    models["a/m"] = AuditModel(
        "a/m", licenses=claims("mit"), bases=(link("a/m", "b/x", Origin.MANUAL, Origin.CARD),)
    )
    assert judge(models, "a/m").findings[0].edge_evidence == "inferred"
    assert Claim(Origin.CARD, "x", None).base is None


@dataclass
class Guest:
    name: str = "papers"
    summary: str = "wants a paper"
    severity: str = "warning"

    def check(self, case: AuditCase) -> Sequence[CheckFinding]:
        assert case.declared == ("mit",)
        kinds = {(term.kind, term.license): term.path for term in case.terms}
        assert kinds["vendor", "gemma"] == ("a/m", "google/g")
        return [
            CheckFinding("papers/none", self.severity, "no paper", "write one", "gemma", ("a/m", "google/g"))
        ]


class Broken(Guest):
    def check(self, case: AuditCase) -> Sequence[CheckFinding]:
        raise KeyError("oops")


def test_guests_check_under_the_same_policy() -> None:
    models = world("google/g gemma", "a/m mit finetune:google/g")

    def run(guest: Guest, policy: Policy) -> AuditResult:
        return audit(models, ["a/m"], policy=policy, table=TABLE, as_of=None, checks=[guest])

    one = next(one for one in run(Guest(), Policy()).findings if one.check)
    assert (one.code, one.check, one.severity, one.fix) == (
        "papers/none",
        "papers",
        Severity.WARNING,
        "write one",
    )
    assert [link.model for link in one.chain] == ["a/m", "google/g"]
    waiver = Waiver("a/m", "papers/none", "none yet")
    policy = Policy(severity={"papers/none": Severity.ERROR}, waivers=(waiver,))
    one = next(one for one in run(Guest(), policy).findings if one.check)
    assert (one.severity, one.waived) == (Severity.ERROR, waiver)
    for guest in (Broken(), Guest(severity="off"), Guest(severity="dire")):
        result = run(guest, Policy())
        assert (result.failed_checks, result.complete) == (("papers",), False)
        assert [one.code for one in result.findings] == ["restriction-dropped"]


def test_the_host_takes_checks_in() -> None:
    host = PluginHost()
    host.guest = "one"
    host.add_check(Guest())
    assert host.brought_by("one") == ["check papers"]
    host.guest = "two"
    with pytest.raises(PluginConflict, match="papers"):
        host.add_check(Guest())


def test_suggestions() -> None:
    rows = world(
        "meta-llama/l llama2",
        "x/kin llama2 finetune:meta-llama/l",
        "a/m cc-by-nc-4.0 finetune:e/e",
        "e/e mit",
    )
    size = {"a/m": 7, "e/e": 7, "o/equal": 8, "o/big": 70, "o/unlicensed": 7, "o/nc": 7, "o/vision": 7}
    for name, license_ in (
        ("equal", "apache-2.0"),
        ("big", "mit"),
        ("unlicensed", "-"),
        ("nc", "cc-by-nc-4.0"),
    ):
        rows |= world(f"o/{name} {license_}")
    rows |= world(node("o/vision mit", task="text-to-image"))
    models = {
        name: replace(one, parameters=size.get(name), task=one.task or "text-generation")
        for name, one in rows.items()
    }
    found = suggest("a/m", models, list(models), policy=Policy(use="commercial"), table=TABLE)
    assert [(one.repo_id, one.license, one.why) for one in found] == [
        ("e/e", "mit", "a base of it, of similar size"),
        ("o/equal", "apache-2.0", "also for text-generation, of similar size"),
    ]
    assert suggest("a/nowhere", models, list(models), policy=Policy(), table=TABLE) == ()
    assert len(suggest("a/m", models, list(models), policy=Policy(), table=TABLE, limit=1)) == 1


def test_an_expired_waiver_suggests_nothing() -> None:
    rows = world("a/m cc-by-nc-4.0 finetune:e/e", "e/e cc-by-nc-4.0")
    ends = Waiver("e/e", "policy-commercial", "bought", expiry=date(2026, 5, 1))

    def found(today: date | None, waiver: Waiver) -> list[str]:
        policy = Policy(use="commercial", waivers=(waiver,))
        return [one.repo_id for one in suggest("a/m", rows, ["e/e"], policy=policy, table=TABLE, today=today)]

    assert found(date(2026, 5, 1), ends) == ["e/e"]
    assert found(date(2026, 5, 2), ends) == []
    assert found(None, ends) == []
    assert found(None, replace(ends, expiry=None)) == ["e/e"]


def test_a_label_that_was_right_once_is_not_foreign() -> None:
    history = (
        (datetime(2023, 11, 1, tzinfo=UTC), claims("other", "yi-license")),
        (datetime(2024, 6, 11, tzinfo=UTC), claims("apache-2.0")),
    )
    child = "a/m other=yi-license finetune:01-ai/yi"
    assert "license-foreign" in {
        one.code for one in judge(world("01-ai/yi apache-2.0", child), "a/m").findings
    }
    models = world(node("01-ai/yi apache-2.0", license_history=history), child)
    assert "license-foreign" not in {one.code for one in judge(models, "a/m").findings}


def test_a_version_that_carries_less_is_one_finding() -> None:
    models = world("google/medgemma other=hai-def", "a/m gemma finetune:google/medgemma")
    assert [one.code for one in judge(models, "a/m").counted(Severity.WARNING)] == ["restriction-dropped"]
