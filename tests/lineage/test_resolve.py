"""Claims add up to edges, whatever their order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from registry.lineage.resolve import STRENGTH, resolve, stated_relation
from registry.model.edges import Claim, Origin, Relation

ME = "org/me"
BASES = ("org/a", "org/b", "data:squad", ME)

claims = st.builds(
    Claim,
    origin=st.sampled_from(Origin),
    declared=st.sampled_from(["", "a", "org/a", "squad", "/tmp/x"]),
    base=st.none() | st.sampled_from(BASES),
    relation=st.sampled_from(Relation),
    denied=st.booleans(),
)


def hub(base: str | None, relation: Relation = Relation.UNKNOWN, **more: object) -> Claim:
    return Claim(Origin.HUB, base or "x", base, relation, **more)  # type: ignore[arg-type]


def test_every_origin_has_its_place() -> None:
    assert sorted(STRENGTH) == sorted(Origin)


def test_claims_without_a_base_make_no_edge() -> None:
    assert resolve(ME, [Claim(Origin.CARD, "/root/llama", None, detail="local path")]) == []
    assert resolve(ME, []) == []


def test_one_edge_per_base_with_all_its_origins() -> None:
    edges = resolve(
        ME,
        [
            Claim(Origin.CARD, "gpt2", "openai-community/gpt2"),
            hub("org/b"),
            hub("openai-community/gpt2", Relation.FINETUNE),
            hub("openai-community/gpt2"),
        ],
    )
    assert [edge.base for edge in edges] == ["openai-community/gpt2", "org/b"]
    assert edges[0].derivative == ME
    assert edges[0].relation is Relation.FINETUNE
    assert edges[0].origins == (Origin.HUB, Origin.CARD)
    assert edges[0].resolved_from == "gpt2"
    assert edges[0].state == "declared"
    assert edges[1].relation is Relation.UNKNOWN
    assert edges[1].resolved_from is None


def test_the_strongest_statement_wins_and_silence_never_does() -> None:
    said = [
        Claim(Origin.WEIGHTS, "org/a", "org/a"),
        Claim(Origin.ADAPTER_CONFIG, "org/a", "org/a", Relation.ADAPTER),
        hub("org/a", Relation.FINETUNE),
    ]
    assert resolve(ME, said)[0].relation is Relation.ADAPTER
    said.append(Claim(Origin.MANUAL, "org/a", "org/a", Relation.DISTILLED))
    assert resolve(ME, said)[0].relation is Relation.DISTILLED


def test_one_origin_saying_two_things_is_read_the_same_way_every_time() -> None:
    both = [hub("org/a", Relation.FINETUNE), hub("org/a", Relation.QUANTIZED)]
    assert resolve(ME, both) == resolve(ME, both[::-1])
    assert resolve(ME, both)[0].relation is Relation.QUANTIZED


def test_a_dataset_is_trained_on_whatever_was_said() -> None:
    (edge,) = resolve(ME, [Claim(Origin.HUB, "squad", "data:squad", Relation.FINETUNE)])
    assert edge.relation is Relation.TRAINED_ON
    assert edge.resolved_from is None


def test_a_denial_by_hand_removes_the_pair_until_a_hand_affirms_it() -> None:
    denial = Claim(Origin.MANUAL, "org/a", "org/a", note="wrong card", denied=True)
    assert resolve(ME, [hub("org/a"), denial]) == []
    affirmed = Claim(Origin.MANUAL, "org/a", "org/a", Relation.MERGE)
    (edge,) = resolve(ME, [hub("org/a"), denial, affirmed])
    assert edge.relation is Relation.MERGE
    assert [edge.base for edge in resolve(ME, [hub("org/b"), denial])] == ["org/b"]


def test_only_a_hand_can_deny() -> None:
    (edge,) = resolve(ME, [hub("org/a"), Claim(Origin.CARD, "org/a", "org/a", denied=True)])
    assert edge.origins == (Origin.HUB,)
    assert resolve(ME, [Claim(Origin.CARD, "org/a", "org/a", denied=True)]) == []


def test_an_inference_supports_but_never_makes_an_edge() -> None:
    guess = Claim(Origin.INFERRED, "", "org/a", Relation.QUANTIZED)
    assert resolve(ME, [guess]) == []
    (edge,) = resolve(ME, [guess, hub("org/a")])
    assert edge.relation is Relation.QUANTIZED
    assert edge.origins == (Origin.HUB, Origin.INFERRED)
    assert edge.resolved_from is None


def test_stated_relation_ignores_denials() -> None:
    assert stated_relation("org/a", [hub("org/a", Relation.MERGE, denied=True)]) is Relation.UNKNOWN


@given(st.lists(claims, max_size=12), st.randoms(use_true_random=False))
def test_order_and_repetition_do_not_matter(said: list[Claim], random: object) -> None:
    edges = resolve(ME, said)
    shuffled = list(said)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert resolve(ME, shuffled) == edges
    assert resolve(ME, said + said) == edges


@given(st.lists(claims, max_size=12))
def test_laws(said: list[Claim]) -> None:
    edges = resolve(ME, said)
    assert [edge.base for edge in edges] == sorted({edge.base for edge in edges})
    for edge in edges:
        mine = [claim for claim in said if claim.base == edge.base and not claim.denied]
        assert set(edge.origins) == {claim.origin for claim in mine}
        assert list(edge.origins) == sorted(edge.origins, key=STRENGTH.index)
        assert set(edge.origins) != {Origin.INFERRED}
        stated = {claim.relation for claim in mine} - {Relation.UNKNOWN}
        if not edge.base.startswith("data:"):
            assert edge.relation in (stated or {Relation.UNKNOWN})
