"""What holds for every lineage, however tangled."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import pairwise

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.licenses.atoms import Atom, Kind
from registry.licenses.audit import audit
from registry.licenses.facts import AuditModel
from registry.licenses.policy import Policy
from registry.licenses.table import load_table
from registry.licenses.world import World
from tests.licenses.cases import claims, edge

NAMES = [f"o{number % 3}/m{number}" for number in range(7)]
LICENSES = [
    "mit",
    "gemma",
    "llama3.1",
    "cc-by-nc-4.0",
    "cc-by-sa-4.0",
    "cc-by-nd-4.0",
    "gpl-3.0",
    "llama2",
    "???",
    None,
]
RELATIONS = ["finetune", "adapter", "merge", "quantized", "distilled", "unknown"]

licenses = st.lists(st.sampled_from(LICENSES), min_size=len(NAMES), max_size=len(NAMES))
edges = st.lists(
    st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES), st.sampled_from(RELATIONS)), max_size=14
)
quick = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def build(values: Iterable[str | None], links: Iterable[tuple[str, str, str]]) -> dict[str, AuditModel]:
    models = {
        name: AuditModel(name, licenses=claims(value)) for name, value in zip(NAMES, values, strict=True)
    }
    for derivative, base, relation in links:
        models[derivative] = replace(
            models[derivative], bases=(*models[derivative].bases, edge(derivative, base, relation))
        )
    return models


def atoms(models: Mapping[str, AuditModel]) -> dict[str, set[Atom]]:
    world = World(models, models, policy=Policy(), table=load_table(), as_of=None)
    return {name: set(held) for name, held in world.held.items()}


@quick
@given(licenses, edges, st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES), st.sampled_from(RELATIONS)))
def test_an_edge_never_takes_an_atom_away(
    values: list[str | None], links: list[tuple[str, str, str]], more: tuple[str, str, str]
) -> None:
    before, after = atoms(build(values, links)), atoms(build(values, [*links, more]))
    assert all(before[name] <= after[name] for name in NAMES)


@quick
@given(licenses, edges, st.sampled_from(NAMES))
def test_a_quantized_copy_has_the_terms_of_its_base(
    values: list[str | None], links: list[tuple[str, str, str]], base: str
) -> None:
    models = build(values, links)
    models["q/copy"] = AuditModel(
        "q/copy", licenses=models[base].licenses, bases=(edge("q/copy", base, "quantized"),)
    )
    found = atoms(models)
    # What is not known is known of the model itself, so the copy adds its own name and nothing else.
    assert {atom for atom in found["q/copy"] if atom.detail != "q/copy"} == found[base]


@quick
@given(licenses, edges, st.integers())
def test_no_order_matters(values: list[str | None], links: list[tuple[str, str, str]], seed: int) -> None:
    models = build(values, links)
    policy = Policy(use="commercial", territory=("EU",))
    straight = audit(models, NAMES, policy=policy, table=load_table(), as_of=None)
    dice = random.Random(seed)
    names = list(NAMES)
    dice.shuffle(names)
    mixed = {}
    for name in names:
        bases = list(models[name].bases)
        dice.shuffle(bases)
        mixed[name] = replace(models[name], bases=tuple(bases))
    assert audit(mixed, names[::-1], policy=policy, table=load_table(), as_of=None) == straight
    # A model is judged the same alone as among others.
    alone = audit(mixed, names[:1], policy=policy, table=load_table(), as_of=None).findings
    assert alone == tuple(one for one in straight.findings if one.model == names[0])


@quick
@given(licenses, edges)
def test_unknown_is_never_compliant(values: list[str | None], links: list[tuple[str, str, str]]) -> None:
    """Whatever hangs below an unknown is either reported or unjudged, and never vouched for."""
    models = build(values, links)
    result = audit(models, NAMES, policy=Policy(), table=load_table(), as_of=None)
    reported = {one.model for one in result.findings}
    for name, found in atoms(models).items():
        unclear = {atom.kind for atom in found} & {Kind.UNKNOWN, Kind.UNLICENSED, Kind.GAP}
        if unclear:
            assert name in result.unjudged
            assert name in reported


@quick
@given(licenses, edges)
def test_every_way_is_real_and_shortest(values: list[str | None], links: list[tuple[str, str, str]]) -> None:
    models = build(values, links)
    world = World(models, models, policy=Policy(), table=load_table(), as_of=None)
    for name, held in world.held.items():
        for atom, one in held.items():
            way = one.way()
            assert (one.atom, way[0].model, len(way)) == (atom, name, one.length + 1)
            assert len({(step.model, step.atom) for step in way}) == len(way)
            for step, above in pairwise(way):
                assert step.edge is not None
                assert step.edge in models[step.model].bases
                assert step.edge.base == above.model


def test_a_circle_ends() -> None:
    models = build(["gemma", None, "mit", "mit", "mit", "mit", "mit"], [])
    ring = [(NAMES[n], NAMES[(n + 1) % 7], "finetune") for n in range(7)]
    found = atoms(build(["gemma", *["mit"] * 6], [*ring, (NAMES[3], NAMES[3], "merge")]))
    assert all(any(atom.kind is Kind.VENDOR for atom in held) for held in found.values())
    assert len(models) == 7


def test_a_long_chain_is_no_trouble() -> None:
    models = {"o/0": AuditModel("o/0", licenses=claims("gemma"))}
    for number in range(1, 1500):
        name = f"o/{number}"
        models[name] = AuditModel(
            name, licenses=claims("mit"), bases=(edge(name, f"o/{number - 1}", "finetune"),)
        )
    result = audit(models, ["o/1499"], policy=Policy(), table=load_table(), as_of=None)
    (dropped,) = [one for one in result.findings if one.code == "restriction-dropped"]
    assert len(dropped.chain) == 1500
    assert dropped.chain[-1].model == "o/0"
