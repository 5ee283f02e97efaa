"""Training data: advice by default, because what a dataset's license means for weights is unsettled."""

from __future__ import annotations

from collections.abc import Iterator

from registry.licenses.drafts import Draft, term_of
from registry.licenses.findings import Severity
from registry.licenses.world import Case
from registry.model.edges import Edge, Relation

SERVICE_TERMS = "openai-outputs"


def check(case: Case) -> Iterator[Draft]:
    """Findings about datasets and about services whose outputs were trained on; none when switched off."""
    mode = case.world.policy.data
    if mode == "off":
        return
    for edge in sorted(case.model.bases, key=lambda edge: (edge.base, edge.relation)):
        if edge.relation is Relation.TRAINED_ON:
            yield from _dataset(case, edge, enforce=mode == "enforce")
        elif edge.relation is Relation.DISTILLED and case.world.table.is_service(edge.base):
            teacher = case.world.models.get(edge.base)
            if teacher is None or not teacher.known:
                yield _service(edge, edge.base, enforce=mode == "enforce")


def _dataset(case: Case, edge: Edge, *, enforce: bool) -> Iterator[Draft]:
    if edge.base not in case.world.models:
        return
    declaration = case.world.declaration(edge.base)
    for id_ in declaration.own:
        terms = case.world.terms(id_)
        if terms.family == "terms-of-service":
            yield _service(edge, edge.base, enforce=enforce)
        elif terms.value("commercial") == "no" and not _non_commercial(case):
            unsure = not case.declaration.known
            yield Draft(
                "data-nc",
                f"trained on {edge.base}, which is non-commercial ({id_}), "
                + ("and says nothing about commercial use" if unsure else "and does not say so"),
                "declare a non-commercial license, or train without that dataset",
                (edge,),
                term_of(terms, "commercial"),
                "a license that tells takers about the data's limit",
                terms.sure("commercial"),
                Severity.ERROR if enforce else Severity.NOTE if unsure else None,
            )


def _non_commercial(case: Case) -> bool:
    return any(terms.value("commercial") == "no" for terms in case.declared)


def _service(edge: Edge, name: str, *, enforce: bool) -> Draft:
    return Draft(
        "data-tos",
        f"trained on what {name} produced, whose terms of service bind its users against competing models",
        "check the terms the outputs were made under",
        (edge,),
        expected="outputs made under terms that allow training",
        severity=Severity.WARNING if enforce else None,
        evidence="excerpt",
    )
