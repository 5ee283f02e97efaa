"""Models trained on the outputs of others."""

from __future__ import annotations

from collections.abc import Iterator

from registry.licenses.atoms import Kind
from registry.licenses.drafts import Draft, along, route, term_of
from registry.licenses.table import Terms
from registry.licenses.world import Case
from registry.model.edges import Relation

_NO_LANGUAGE_MODEL = (
    "text-to-image",
    "image-",
    "automatic-speech",
    "audio-",
    "object-",
    "depth-",
    "text-to-speech",
)


def check(case: Case) -> Iterator[Draft]:
    """A model trained on outputs its teacher's license reserves, unless it stays in the teacher's family."""
    for held in case.inherited(Kind.NONCOMPETE):
        # A copy of such a model was not trained by whoever copied it.
        if held.edge is None or held.edge.relation is not Relation.DISTILLED:
            continue
        source = case.world.terms(held.atom.license)
        if _exempt(case, source) or _other_kind(case, held.atom.detail) or _own(case, source):
            continue
        yield Draft(
            "output-noncompete",
            f"trained on outputs of {route(along(held))}, whose {source.id} forbids that",
            f"train on outputs of a model that allows it, or build on {held.root} itself",
            along(held),
            term_of(source, "output_rule"),
            "no training on these outputs outside the license's own family",
            source.sure("output_rule"),
        )


def _exempt(case: Case, source: Terms) -> bool:
    """Built on that family itself: by its own declaration or by weights from above."""
    allowed = set(source.value("output_exempt"))
    weights = {
        held.atom.license
        for held in case.inherited(Kind.VENDOR)
        if not any(edge.relation is Relation.DISTILLED for edge in held.edges())
    }
    return bool(allowed & (weights | set(case.declaration.declared)))


def _other_kind(case: Case, rule: str) -> bool:
    """Whether only language models are meant and this is known to be none."""
    return rule == "noncompete-llm" and (case.model.task or "").startswith(_NO_LANGUAGE_MODEL)


def _own(case: Case, source: Terms) -> bool:
    return case.model.organisation in source.orgs
