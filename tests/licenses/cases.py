"""Cases as written in `examples.json`, turned into what the engine reads, and the rules that score them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from registry.licenses.audit import audit
from registry.licenses.facts import AuditModel
from registry.licenses.findings import AuditResult, Finding, Severity
from registry.licenses.policy import Policy
from registry.licenses.table import load_table
from registry.model.edges import Edge, Origin, Relation
from registry.model.snapshot import Gate, LicenseClaim, LicenseField, TrainingFact

SOURCE = "the example case"


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def claims(license: object, name: str | None = None, link: str | None = None) -> tuple[LicenseClaim, ...]:  # noqa: A002
    values = license if isinstance(license, list) else [license]
    found = [LicenseClaim(LicenseField.LICENSE, str(value), "card") for value in values if value is not None]
    if name:
        found.append(LicenseClaim(LicenseField.NAME, name, "card"))
    if link:
        found.append(LicenseClaim(LicenseField.LINK, link, "card"))
    return tuple(found)


def edge(derivative: str, base: str, relation: str) -> Edge:
    return Edge(derivative, base, Relation(relation), (Origin.CARD,))


def fact(name: str, value: str) -> TrainingFact:
    return TrainingFact(name, value, SOURCE)


def model(row: Mapping[str, Any]) -> AuditModel:
    """One model of a case."""
    id_ = row["id"]
    current = claims(row.get("license"), row.get("license_name"), row.get("license_link"))
    history = []
    for day, text in row.get("license_history", ()):
        license_, _, name = text.partition(":")
        history.append((moment(day), claims(license_, name or None)))
    facts = [fact("also_license", value) for value in row.get("additional_licenses", ())]
    facts += [
        fact(name, row[name]) for name in ("text_license", "card_license", "card_text") if row.get(name)
    ]
    bases = [edge(id_, base["id"], base["relation"]) for base in row.get("base_models", ())]
    bases += [edge(id_, teacher, "distilled") for teacher in row.get("trained_on_outputs", ())]
    bases += [edge(id_, f"data:{data['id']}", "trained_on") for data in row.get("datasets", ())]
    gate = {None: None, True: Gate.AUTO, False: Gate.NONE}[row.get("gated")]
    return AuditModel(
        id_,
        licenses=current,
        license_history=tuple(history),
        annotations=tuple(facts),
        files=tuple(row["files"]) if row.get("files") is not None else None,
        gated=gate,
        bases=tuple(bases),
        created_at=moment(row["created"]) if row.get("created") else None,
        task=row.get("modality"),
    )


def models(case: Mapping[str, Any]) -> dict[str, AuditModel]:
    """All models and datasets of a case."""
    found = {row["id"]: model(row) for row in case["models"]}
    for row in case["models"]:
        for data in row.get("datasets", ()):
            name = f"data:{data['id']}"
            found[name] = AuditModel(
                name, annotations=(fact("license", data["license"]),) if data.get("license") else ()
            )
    return found


def policy(rules: Mapping[str, Any] | None) -> Policy:
    given = (rules or {}).items()
    values: dict[str, Any] = {key: tuple(one) if isinstance(one, list) else one for key, one in given}
    return Policy(**values)


def run(case: Mapping[str, Any]) -> AuditResult:
    found = models(case)
    as_of = moment(case["as_of"]) if case.get("as_of") else None
    targets = [row["id"] for row in case["models"]]
    return audit(found, targets, policy=policy(case.get("policy")), table=load_table(), as_of=as_of)


@dataclass(frozen=True, slots=True)
class Score:
    """points of total by the rules of the file; the rest says what went wrong."""

    points: float
    total: int
    missed: tuple[str, ...]
    severities: tuple[str, ...]
    forbidden: tuple[str, ...]
    alarms: tuple[str, ...]

    @property
    def passed(self) -> bool:
        return self.points == self.total and not self.forbidden and not self.alarms


def score(case: Mapping[str, Any], findings: Sequence[Finding]) -> Score:
    """Exact (model, code); another severity counts half; a forbidden code fails; extra notes are free."""
    found: dict[tuple[str, str], Severity] = {}
    for one in findings:
        key = one.model, one.code
        found[key] = max(found.get(key, Severity.NOTE), one.severity, key=lambda level: level.rank)
    points = 0.0
    missed, severities = [], []
    expected = {(e["model"], e["code"]): e["severity"] for e in case["expect"]}
    for (name, code), severity in expected.items():
        if (name, code) not in found:
            missed.append(f"{name} {code}")
        elif found[name, code] != severity:
            points += 0.5
            severities.append(f"{name} {code} is {found[name, code]}, not {severity}")
        else:
            points += 1
    forbidden = [f"{name} {code}" for name, code in found if code in case["forbid"]]
    alarms = [
        f"{name} {code} {level}"
        for (name, code), level in found.items()
        if (name, code) not in expected and code not in case["allow"] and level.rank >= Severity.WARNING.rank
    ]
    return Score(points, len(expected), tuple(missed), tuple(severities), tuple(forbidden), tuple(alarms))
