"""Small synthetic lineages: `world("a/root gemma", "a/child mit finetune:a/root")`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from registry.licenses.audit import audit
from registry.licenses.facts import AuditModel
from registry.licenses.findings import AuditResult
from registry.licenses.policy import Policy
from registry.licenses.table import load_table
from tests.licenses.cases import claims, edge, fact

__all__ = ["codes", "judge", "node", "world"]


def node(text: str, **extra: Any) -> AuditModel:
    """`NAME LICENSE [RELATION:BASE ...]`; `-` for no license, `other=NAME` for a named one."""
    name, license_, *bases = text.split()
    value, _, custom = license_.partition("=")
    edges = tuple(edge(name, base.partition(":")[2], base.partition(":")[0]) for base in bases)
    licenses = claims(
        None if value == "-" else value.split("+") if "+" in value[:-2] else value, custom or None
    )
    return replace(AuditModel(name, licenses=licenses, bases=edges), **extra)


def world(*rows: str | AuditModel) -> dict[str, AuditModel]:
    nodes = [row if isinstance(row, AuditModel) else node(row) for row in rows]
    return {one.repo_id: one for one in nodes}


def judge(models: Mapping[str, AuditModel], *targets: str, **policy: Any) -> AuditResult:
    """Audit the targets, or everything."""
    names = targets or tuple(models)
    return audit(models, names, policy=Policy(**policy), table=load_table(), as_of=None)


def codes(models: Mapping[str, AuditModel], target: str, **policy: Any) -> dict[str, str]:
    """Code to gravest severity of one model."""
    found: dict[str, str] = {}
    for one in judge(models, target, **policy).findings:
        found.setdefault(one.code, one.severity.value)
    return found


def dataset(name: str, license_: str) -> AuditModel:
    return AuditModel(f"data:{name}", annotations=(fact("license", license_),))
