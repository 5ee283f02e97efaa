"""The whole engine on the small zoo, whose truth the engine never sees."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache

import numpy as np
import pytest

from registry.model.edges import Relation
from registry.model.evidence import EdgeEvidence, EvidenceState
from registry.weights.descent import Kind
from registry.weights.sampling import Tier
from registry.weights.verdicts import METHOD, Study, judge
from tests.benchmarks.evidence import (
    SAME_SAMPLES,
    families_of,
    merges_of,
    parents_of,
    wilson,
    wrong_dates,
)
from tests.weights.models import network, printed, rounded, tuned, zoo

IDENTICAL, CONFIRMED, FOUND = EvidenceState.IDENTICAL, EvidenceState.CONFIRMED, EvidenceState.FOUND


@cache
def study(dated: bool = True) -> Study:
    truth, prints, _ = zoo()
    return Study(prints, truth.dates() if dated else None)


def verdicts(key: str, *declared: str, dated: bool = True) -> dict[str, EdgeEvidence]:
    """Evidence by the key of the base."""
    _, _, names = zoo()
    keys = {name: key for key, name in names.items()}
    return {keys[e.base]: e for e in study(dated).judge(names[key], [names[base] for base in declared])}


def states(key: str, *declared: str, dated: bool = True) -> dict[str, EvidenceState]:
    return {base: e.state for base, e in verdicts(key, *declared, dated=dated).items()}


@pytest.mark.parametrize(
    ("key", "declared", "wanted"),
    [
        ("A.a", "A", {"A": CONFIRMED}),
        ("A.a.b", "A", {"A": EvidenceState.CONFIRMED_FAMILY}),
        ("A.a", "B", {"B": EvidenceState.CONTRADICTED, "A": FOUND}),
        ("B.a", "A", {"A": EvidenceState.CONTRADICTED, "B": FOUND}),
        ("A.d.copy", "A.d", {"A.d": IDENTICAL}),
        ("A.d.copy", "B", {"B": EvidenceState.CONTRADICTED, "A.d": FOUND}),
        ("A.c.f16", "A.c", {"A.c": IDENTICAL}),
        ("A.named", "A", {"A": IDENTICAL}),
        ("A.int8", "A", {"A": CONFIRMED}),
        ("A.int8", "A.a", {"A.a": EvidenceState.CONFIRMED_FAMILY}),
        ("A.d.fp8", "A.d", {"A.d": CONFIRMED}),
        ("A.a.q8", "A.a", {"A.a": CONFIRMED}),
        ("A.half", "A", {"A": CONFIRMED}),
        ("A.d.mixed", "A.d", {"A.d": CONFIRMED}),
        ("A.d.mixed", "A", {"A": EvidenceState.CONFIRMED_FAMILY}),
        ("A.lin", "A.a", {"A.a": CONFIRMED, "A.d": FOUND}),
        ("AB", "B", {"B": EvidenceState.CONFIRMED_FAMILY, "A.c": FOUND, "B.a": FOUND}),
        ("A.a.lora", "A.a", {"A.a": CONFIRMED}),
        ("A.a.lora", "A", {"A": EvidenceState.CONFIRMED_FAMILY, "A.a": FOUND}),
        ("A.a.lora", "B", {"B": EvidenceState.CONTRADICTED, "A.a": FOUND}),
    ],
)
def test_states(key: str, declared: str, wanted: dict[str, EvidenceState]) -> None:
    assert states(key, declared) == wanted


@pytest.mark.parametrize(
    ("key", "wanted"),
    [
        ("A", {}),
        ("A.c", {"A"}),
        ("A.task", {"A.c", "A.d", "A"}),
        ("A.ties", {"A.a", "A.c", "A.d", "A"}),
        ("AB", {"A.c", "B.a"}),
        ("A.a.whole", {"A.a"}),
        ("A.d.mixed", {"A.d"}),
    ],
)
def test_what_was_not_declared_is_found(key: str, wanted: set[str]) -> None:
    found = states(key)
    assert set(found) == set(wanted)
    assert set(found.values()) <= {FOUND}


def test_evidence_carries_its_figures() -> None:
    _, _, names = zoo()
    (merged, other) = verdicts("A.lin", "A.a").values()
    assert (merged.relation, merged.weight) == (Relation.MERGE, pytest.approx(0.6, abs=0.002))
    assert other.weight == pytest.approx(0.4, abs=0.002)
    assert merged.rounding is not None
    assert merged.rounding < 4
    (grandchild,) = verdicts("A.a.b", "A").values()
    assert grandchild.alternatives[0].model == names["A.a"]
    assert names["A.a"] in grandchild.reason
    assert grandchild.blocks >= 8
    assert grandchild.method == METHOD
    assert grandchild.relative_distance is not None
    nearer = grandchild.alternatives[0].relative_distance
    assert nearer is not None
    assert nearer < grandchild.relative_distance
    assert verdicts("A.int8", "A")["A"].relation is Relation.QUANTIZED
    (liar, _) = verdicts("B.a", "A").values()
    assert liar.reason == "no trace in the sampled weights"


def test_families_parents_and_merges_of_the_whole_zoo() -> None:
    truth, _, _ = zoo()
    for studied, least in ((study(), 1.0), (study(dated=False), 0.8)):
        precision, recall, _ = families_of(studied, truth)
        assert (precision.share, recall.share) == (1, 1)
        exact, _ = parents_of(studied, truth)
        assert exact.share >= least
        merges, error = merges_of(studied, truth, ("linear", "task"))
        assert merges.share == 1
        assert error < 0.002
        for name, model in truth.models.items():
            if model["kind"] in SAME_SAMPLES:
                assert studied.same(name, model["parents"][0])


def test_wrong_dates_contradict_nothing() -> None:
    truth, prints, _ = zoo()
    wrong = Study(prints, wrong_dates(truth.dates(), 0.5, 3))
    for name in truth.models:
        for parent in truth.parents(name):
            states = [e.state for e in wrong.judge(name, [parent]) if e.base == parent]
            assert states != [EvidenceState.CONTRADICTED]


def test_what_cannot_be_compared_says_so() -> None:
    truth, prints, names = zoo()
    (missing,) = judge("x/child", ["x/base"], {"x/child": printed(network(1))})
    assert (missing.state, missing.score) == (EvidenceState.DECLARED, None)
    without = {name: p for name, p in prints.items() if truth.kind(name) != "lora_merged"}
    (alone,) = judge(names["A.a.lora"], [names["A.a"]], without)
    assert alone.state is EvidenceState.NOT_COMPARABLE
    (onto,) = judge(names["A"], [names["A.a.lora"]], prints, truth.dates())
    assert onto.state is EvidenceState.NOT_COMPARABLE
    other = {"x/a": printed(network(1)), "x/b": printed(network(1, width=32))}
    assert judge("x/a", ["x/b"], other)[0].state is EvidenceState.NOT_COMPARABLE


def test_few_blocks_never_contradict() -> None:
    few = {name: v for name, v in network(1).items() if "layers.0.mlp" in name}
    others = {name: v for name, v in network(2).items() if "layers.0.mlp" in name}
    (evidence,) = judge("x/a", ["x/b"], {"x/a": printed(few), "x/b": printed(others)})
    assert evidence.state is EvidenceState.INCONCLUSIVE
    assert evidence.blocks < 8


def test_two_models_without_dates_are_undirected() -> None:
    base = {n: v for n, v in network(1).items() if "head" not in n}
    models = {"x/a": printed(base), "x/b": printed(tuned(base, 2))}
    both = [judge("x/a", ["x/b"], models)[0], judge("x/b", ["x/a"], models)[0]]
    assert [e.state for e in both] == [CONFIRMED, CONFIRMED]
    assert not any(e.directed for e in both)


def test_a_stacked_model_names_both_sources() -> None:
    base = network(1, layers=4)
    one, two = tuned(base, 2), tuned(base, 3)
    stacked = {n: v for n, v in one.items() if "layers.3" not in n}
    for layer in range(2, 4):
        moved = {n: v for n, v in two.items() if f"layers.{layer}" in n}
        stacked |= {n.replace(f"layers.{layer}", f"layers.{layer + 1}"): v for n, v in moved.items()}
    weights = {"x/base": base, "x/one": one, "x/two": two, "x/stacked": stacked}
    study = Study({name: printed(w) for name, w in weights.items()})
    assert study.descent("x/stacked").kind is Kind.STACKED
    assert set(study.descent("x/stacked").parents) == {"x/one", "x/two"}


def test_of_equal_sources_a_quantized_file_takes_the_ancestor() -> None:
    """Only what a packed file leaves alone can be compared, and children may have left that alone too."""
    base = network(1)
    parent = tuned(base, 2)
    child = {n: v if "embed" in n or "head" in n else tuned({n: v}, 3)[n] for n, v in parent.items()}
    left = {n: v for n, v in parent.items() if "embed" in n or "head" in n}
    packed = replace(printed(left), quantized=True)
    for names in (("x/a", "x/b", "x/c", "x/q"), ("x/c", "x/b", "x/a", "x/q")):
        prints = (printed(base), printed(parent), printed(child), packed)
        study = Study(dict(zip(names, prints, strict=True)))
        assert study.descent("x/q").parents == (names[1],)


@pytest.mark.parametrize("dated", [False, True])
def test_a_merge_has_children_of_its_own(dated: bool) -> None:
    base = network(1)
    one, two = tuned(base, 2, 0.02), tuned(base, 3, 0.02)
    middle = {n: rounded((one[n] + two[n]) / 2) for n in base}
    child = tuned(middle, 4, 0.005)
    grandchild = tuned(child, 5, 0.005)
    others = {f"x/other{i}": tuned(base, 6 + i, 0.01) for i in range(3)}
    weights = {"x/base": base, "x/one": one, "x/two": two, **others}
    weights |= {"x/middle": middle, "x/child": child, "x/grandchild": grandchild}
    start = datetime(2025, 1, 1, tzinfo=UTC)
    dates = {name: start + timedelta(days=i) for i, name in enumerate(weights)} if dated else None
    study = Study({name: printed(w) for name, w in weights.items()}, dates)
    assert set(study.descent("x/middle").parents) == {"x/one", "x/two"}
    assert study.descent("x/child").parents == ("x/middle",)
    assert study.descent("x/grandchild").parents == ("x/child",)
    assert study.descent("x/one").parents == ("x/base",)


@pytest.mark.parametrize("tier", [Tier.LIGHT, Tier.STANDARD])
def test_a_merge_of_strangers_and_its_child_leave_two_families(tier: Tier) -> None:
    one, two = network(1, layers=4), network(2, layers=4)
    mixed = {n: rounded(np.float32(0.6) * one[n] + np.float32(0.4) * two[n]) for n in one}
    weights = {"x/one": one, "x/two": two, "x/one.a": tuned(one, 3), "x/two.a": tuned(two, 4)}
    weights |= {"x/mixed": mixed, "x/mixed.a": tuned(mixed, 5, 0.005)}
    start = datetime(2025, 1, 1, tzinfo=UTC)
    dates = {name: start + timedelta(days=i) for i, name in enumerate(weights)}
    study = Study({name: printed(w, tier=tier) for name, w in weights.items()}, dates)
    assert study.kinship.joints == {"x/mixed", "x/mixed.a"}
    assert set(study.descent("x/mixed").parents) == {"x/one", "x/two"}
    assert study.descent("x/mixed.a").parents == ("x/mixed",)
    assert not study.kinship.related("x/one.a", "x/two.a")
    assert study.kinship.related("x/mixed.a", "x/two.a")
    (evidence, *_) = study.judge("x/mixed.a", ["x/two"])
    assert evidence.state is EvidenceState.CONFIRMED_FAMILY


def test_what_was_trained_after_pruning_belongs_to_the_pruned_one() -> None:
    base = network(1)
    masks = {
        n: np.abs(v) >= np.median(np.abs(v)) if "proj" in n else np.ones(v.shape, bool)
        for n, v in base.items()
    }
    pruned = {n: np.where(masks[n], v, np.float32(0)) for n, v in base.items()}
    again = tuned(pruned, 2)
    weights = {
        "x/base": base,
        "x/a": tuned(base, 3),
        "x/b": tuned(base, 4),
        "x/pruned": pruned,
        "x/again": again,
    }
    study = Study({name: printed(w) for name, w in weights.items()})
    assert study.descent("x/pruned").parents == ("x/base",)
    assert study.descent("x/again").parents == ("x/pruned",)


def test_the_interval_holds_the_share() -> None:
    assert wilson(0, 0) == (0, 1)
    low, high = wilson(57, 58)
    assert low < 57 / 58 < high <= 1
