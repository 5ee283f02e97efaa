"""What is wrong with a piece of lineage, each defect with a stable code and the models it concerns."""

from __future__ import annotations

import shlex
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from registry.lineage.resolve import STRENGTH
from registry.lineage.walks import cycles
from registry.model.edges import Edge, Relation
from registry.model.records import KeptClaim, ModelBrief, Problem
from registry.model.refs import SourceName

SELF_LOOP = "self-loop"
CYCLE = "cycle"
DANGLING_BASE = "dangling-base"
CASE_VARIANT = "case-variant"
UNRESOLVED_BASE = "unresolved-base"
RELATION_CONFLICT = "relation-conflict"
CUT = "cut"

_SHOWN = 6
_MAX_TEXT = 80


def find_problems(
    edges: Iterable[Edge], briefs: Mapping[str, ModelBrief], claims: Iterable[KeptClaim] = ()
) -> tuple[Problem, ...]:
    """All problems, sorted by code and models.

    briefs: what the catalog knows of the models on the edges; one it never heard of may be missing.
    claims: those of the derivatives in question, past ones too, which are ignored.
    """
    kept = list(edges)
    current = [claim for claim in claims if claim.current and not claim.claim.denied]
    found = [
        *_self_loops(kept),
        *_cycles(kept),
        *_dangling(kept, briefs),
        *_case_variants({name for edge in kept for name in (edge.derivative, edge.base)}),
        *_unresolved(current),
        *_conflicts(current),
    ]
    return tuple(sorted(found, key=lambda problem: (problem.code, problem.models, problem.message)))


def _self_loops(edges: Iterable[Edge]) -> Iterator[Problem]:
    for name in {edge.base for edge in edges if edge.base == edge.derivative}:
        yield Problem(
            SELF_LOOP,
            f"{name} names itself as its base",
            (name,),
            mend=shlex.join(["registry", "unlink", name, name, "--note", "not its own base"]),
        )


def _cycles(edges: Sequence[Edge]) -> Iterator[Problem]:
    for group in cycles(edges):
        yield Problem(CYCLE, f"{_listed(group)} descend from one another in a circle", group)


def _dangling(edges: Iterable[Edge], briefs: Mapping[str, ModelBrief]) -> Iterator[Problem]:
    """Bases nobody has read, and bases that are gone. Datasets are named, never read."""
    for base in {edge.base for edge in edges if edge.relation is not Relation.TRAINED_ON}:
        brief = briefs.get(base)
        if base.startswith(f"{SourceName.DATA}:"):
            continue
        if brief is not None and brief.removed:
            yield Problem(
                DANGLING_BASE, f"{base} is a base, and its host says it is absent or not visible", (base,)
            )
        elif brief is None or (brief.observed_at is None and not brief.tracked):
            yield Problem(
                DANGLING_BASE,
                f"{base} is named as a base and has not been read",
                (base,),
                mend=shlex.join(["registry", "add", base]),
            )


def _case_variants(names: Iterable[str]) -> Iterator[Problem]:
    """Different letter case alone proves nothing: both may be live repositories. So it is only said."""
    spellings: defaultdict[str, list[str]] = defaultdict(list)
    for name in sorted(names):
        spellings[name.casefold()].append(name)
    for group in spellings.values():
        if len(group) > 1:
            yield Problem(CASE_VARIANT, f"{_listed(group)} differ in letter case only", tuple(group))


def _unresolved(claims: Iterable[KeptClaim]) -> Iterator[Problem]:
    """Claims about a base that name no model. A claim about the relation alone names none on purpose."""
    texts: defaultdict[tuple[str, str], list[KeptClaim]] = defaultdict(list)
    for claim in claims:
        if claim.base is None and claim.claim.declared:
            texts[claim.derivative, claim.claim.declared].append(claim)
    for (derivative, declared), group in texts.items():
        origins = _named_origins(group)
        reason = next((claim.claim.detail for claim in group if claim.claim.detail), None)
        yield Problem(
            UNRESOLVED_BASE,
            f"{derivative} names the base {_quoted(declared)} ({origins}), which is no model we can tell"
            + (f": {reason}" if reason else ""),
            (derivative,),
            mend=shlex.join(
                ["registry", "link", derivative, "BASE", "--relation", "RELATION", "--note", "WHY"]
            ),
        )


def _conflicts(claims: Iterable[KeptClaim]) -> Iterator[Problem]:
    said: defaultdict[tuple[str, str], defaultdict[Relation, list[KeptClaim]]]
    said = defaultdict(lambda: defaultdict(list))
    for claim in claims:
        if claim.base is not None and claim.claim.relation is not Relation.UNKNOWN:
            said[claim.derivative, claim.base][claim.claim.relation].append(claim)
    for (derivative, base), relations in said.items():
        if len(relations) > 1:
            parts = [f"{relation} ({_named_origins(relations[relation])})" for relation in sorted(relations)]
            yield Problem(
                RELATION_CONFLICT,
                f"{derivative} is said to descend from {base} as {' and '.join(parts)}",
                (derivative, base),
            )


def _named_origins(claims: Iterable[KeptClaim]) -> str:
    made_by = {claim.claim.origin for claim in claims}
    return ", ".join(origin for origin in STRENGTH if origin in made_by)


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _SHOWN
    shown = ", ".join(names[: _SHOWN if more > 0 else len(names)])
    return f"{shown} and {more} more" if more > 0 else shown


def _quoted(text: str) -> str:
    return repr(text if len(text) <= _MAX_TEXT else text[: _MAX_TEXT - 3] + "...")
