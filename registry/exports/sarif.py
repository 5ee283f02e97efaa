"""SARIF 2.1.0 (OASIS, 2020): one rule per code, results that stay the same thing from run to run.

A finding is about a model, not about a line of a file: its logical location is the model, its physical
one the first line of the card that declares the license.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any
from urllib.parse import quote

from registry.exports.findings import (
    NOTICE,
    AuditLike,
    FindingLike,
    LinkLike,
    RuleLike,
    chain_text,
    term_text,
)
from registry.exports.rows import utc
from registry.exports.text import clean

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
HUB = "https://huggingface.co"
INFORMATION = f"{HUB}/docs/hub/repositories-licenses"
"""What the license ids of findings mean; the program itself has no page on the web."""
FINGERPRINT = "registryFinding/v1"

Node = dict[str, Any]


def sarif(audit: AuditLike, rules: Mapping[str, RuleLike], *, version: str, hub: str = HUB) -> Node:
    """The whole log, whose results come one by one. rules: what codes mean; a guest's code that is not among
    them is its own rule."""
    codes = sorted({finding.code for finding in audit.findings} | rules.keys())
    index = {code: number for number, code in enumerate(codes)}
    checks = {finding.code: finding.check for finding in audit.findings if finding.check}
    run: Node = {
        "tool": {
            "driver": {
                "name": "registry audit",
                "fullName": f"model-reuse-registry {version}",
                "organization": "model-reuse-registry",
                "version": version,
                "semanticVersion": version,
                "informationUri": INFORMATION,
                "rules": [_rule(code, rules.get(code), checks.get(code)) for code in codes],
            }
        },
        "automationDetails": {"id": f"registry-audit/{audit.policy_digest[:16]}/"},
        "columnKind": "unicodeCodePoints",
        "invocations": [_invocation(audit)],
        "results": (_result(finding, index, hub) for finding in audit.findings),
        "properties": {
            "models": audit.models,
            "unjudged": len(audit.unjudged),
            "complete": audit.complete,
            "policy": {"digest": audit.policy_digest, "origin": clean(audit.policy_origin)},
            "asOf": None if audit.as_of is None else utc(audit.as_of),
            "notice": NOTICE,
        },
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(code: str, rule: RuleLike | None, check: str | None) -> Node:
    summary = rule.summary if rule else f"A finding of the check {clean(check or 'of a plugin')}."
    described = f"{_sentence(rule.summary)} {rule.fix}" if rule else summary
    return {
        "id": code,
        "name": "".join(part.capitalize() for part in code.replace("_", "-").split("-")),
        "shortDescription": {"text": _sentence(summary)},
        "fullDescription": {"text": _sentence(described)},
        "help": {"text": f"{_sentence(described)} {NOTICE}"},
        "defaultConfiguration": {"level": rule.severity if rule else "warning"},
        "properties": {"tags": ["license", *(["plugin"] if rule is None else [])]},
    }


def _result(finding: FindingLike, index: Mapping[str, int], hub: str) -> Node:
    node: Node = {
        "ruleId": finding.code,
        "ruleIndex": index[finding.code],
        "level": finding.severity,
        "kind": "fail",
        "message": {"text": _message(finding)},
        "locations": [_location(finding.model, hub)],
        "partialFingerprints": {FINGERPRINT: finding.fingerprint},
        "suppressions": _suppressions(finding),
        "properties": {
            "model": clean(finding.model),
            "declared": finding.declared and clean(finding.declared),
            "evidenceLevel": finding.evidence_level,
            "edgeEvidence": finding.edge_evidence,
            "chainHash": finding.chain_hash,
            "check": finding.check,
        },
    }
    if len(finding.chain) > 1:
        node["relatedLocations"] = _chain(finding.chain, hub)
    return node


def _message(finding: FindingLike) -> str:
    lines = [_sentence(f"'{finding.model}': {finding.message}")]
    if len(finding.chain) > 1:
        lines.append(f"Chain: {chain_text(finding)}.")
    if finding.term is not None:
        lines.append(f"Term: {_sentence(term_text(finding.term))}")
    if finding.expected:
        lines.append(f"Expected: {_sentence(finding.expected)}")
    if finding.fix:
        lines.append(f"Fix: {_sentence(finding.fix)}")
    return "\n".join(clean(line) for line in lines)


def _chain(links: Sequence[LinkLike], hub: str) -> list[Node]:
    """Every model after the first, with how the one before it was made from it."""
    return [
        {
            "id": number,
            "message": {
                "text": clean(f"'{before.model}' is {_made(before)} '{link.model}' ({_license(link)}).")
            },
            **_location(link.model, hub),
        }
        for number, (before, link) in enumerate(pairwise(links), 1)
    ]


def _made(link: LinkLike) -> str:
    return "made in an unknown way from" if link.relation in (None, "unknown") else f"{link.relation} of"


def _license(link: LinkLike) -> str:
    return link.license or "no license known"


def _location(model: str, hub: str) -> Node:
    return {
        "physicalLocation": {
            "artifactLocation": {"uri": page_of(model, hub)},
            "region": {"startLine": 1},
        },
        "logicalLocations": [{"fullyQualifiedName": clean(model), "kind": "module"}],
    }


def page_of(model: str, hub: str = HUB) -> str:
    """Where a person reads what the model declares; a `urn:` for one that has no page."""
    model = clean(model)
    prefix, colon, name = model.partition(":")
    if not colon:
        return f"{hub}/{quote(model)}/blob/main/README.md"
    if prefix == "data":
        return f"{hub}/datasets/{quote(name)}/blob/main/README.md"
    return f"urn:registry:{quote(prefix, safe='')}:{quote(name)}"


def _suppressions(finding: FindingLike) -> list[Node]:
    waived = finding.waived
    if waived is None:
        return []
    by = f" ({waived.owner})" if waived.owner else ""
    return [{"kind": "external", "status": "accepted", "justification": clean(f"{waived.reason}{by}")}]


def _invocation(audit: AuditLike) -> Node:
    notes = [{"level": "error", "message": {"text": _sentence(problem)}} for problem in audit.problems]
    notes += [
        {
            "level": "note",
            "message": {
                "text": f"'{clean(model)}' could not be judged: what it or a base declares is unknown."
            },
        }
        for model in audit.unjudged
    ]
    return {"executionSuccessful": audit.complete, "toolExecutionNotifications": notes}


def _sentence(text: str) -> str:
    text = clean(text).strip()
    return text if text.endswith((".", "!", "?")) else f"{text}."
