"""An audit to print: synthetic findings of every kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime

from registry.licenses.findings import ChainLink, Finding, Severity, Term, chain_hash, fingerprint
from registry.licenses.waivers import Waiver

CHAIN = (
    ChainLink("acme/bloomz-lora", "adapter", "mit"),
    ChainLink("bigscience/bloomz", "finetune", "bigscience-bloom-rail-1.0"),
    ChainLink("bigscience/bloom", None, "bigscience-bloom-rail-1.0"),
)
NASTY = "evil/<img src=x>`|@team\x1b[31m\u202e"


@dataclass(frozen=True)
class Suggested:
    repo_id: str
    license: str | None
    why: str


@dataclass(frozen=True)
class Rule:
    code: str
    severity: str
    summary: str
    fix: str


@dataclass(frozen=True)
class Audit:
    findings: tuple[Finding, ...] = ()
    models: int = 3
    unjudged: tuple[str, ...] = ()
    complete: bool = True
    problems: tuple[str, ...] = ()
    policy_origin: str = "policy.toml"
    policy_digest: str = "ab" * 32
    as_of: datetime | None = None
    suggestions: Mapping[str, tuple[Suggested, ...]] = field(default_factory=dict)


def finding(model: str = "acme/bloomz-lora", code: str = "restriction-dropped", **facts: object) -> Finding:
    made = Finding(
        model=model,
        code=code,
        severity=Severity.WARNING,
        message="declares mit (card), which passes nothing on",
        declared="mit",
        chain=CHAIN,
        term=Term("bigscience-bloom-rail-1.0", "s4(a)", "pass the use restrictions on"),
        expected="the use restrictions as an enforceable term",
        fix="license: bigscience-bloom-rail-1.0",
        evidence_level="text",
        edge_evidence="card",
        waived=None,
        chain_hash=chain_hash(code, CHAIN),
        check=None,
        fingerprint=fingerprint(model, code, "bigscience-bloom-rail-1.0", "bigscience/bloom", None),
    )
    return replace(made, **facts)  # type: ignore[arg-type]


RULES = {
    "restriction-dropped": Rule("restriction-dropped", "error", "A term was dropped", "Pass it on."),
    "missing-license": Rule("missing-license", "warning", "No license", "Say one."),
}

WAIVER = Waiver(
    "acme/bloomz-lora", "missing-license", "agreed in writing", owner="legal", expiry=date(2027, 1, 31)
)

AUDIT = Audit(
    findings=(
        finding(),
        finding(code="missing-license", waived=WAIVER, chain=CHAIN[:1], term=None, expected=None),
        finding("data:acme/set", "data-nc", severity=Severity.NOTE, chain=(), declared=None),
        finding(NASTY, "house-rule", check="acme-check", severity=Severity.ERROR, message=NASTY),
    ),
    models=4,
    unjudged=("paper:lab/m",),
    complete=False,
    problems=("The check acme-check broke",),
    as_of=datetime(2026, 1, 1, tzinfo=UTC),
    suggestions={"acme/bloomz-lora": (Suggested("lab/open", "apache-2.0", "same task, similar size"),)},
)
