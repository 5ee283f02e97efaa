from __future__ import annotations

import pytest

from registry.catalog.catalog import Catalog
from registry.errors import UsageError
from registry.model.filters import parse_filter
from registry.model.refs import SourceName
from registry.model.snapshot import Gate
from tests.catalog.makers import claim, count, day, file, license_claim, snap


@pytest.fixture
def stocked(catalog: Catalog) -> Catalog:
    catalog.save_many(
        [
            snap(
                "bigscience/bloom",
                licenses=(license_claim("bigscience-bloom-rail-1.0"),),
                parameters=count(BF16=176_247_271_424),
                task="text-generation",
                library="transformers",
                downloads=5000,
                likes=10,
                files=(file("a", 700_000_000_000),),
                created_at=day(0),
                last_modified=day(30),
                gated=Gate.NONE,
            ),
            snap(
                "meta/llama",
                licenses=(license_claim("llama2"),),
                parameters=count(F16=7_000_000_000),
                task="text-generation",
                downloads=90_000,
                gated=Gate.MANUAL,
                created_at=day(-400),
            ),
            snap("o/100%_real", licenses=(license_claim("mit"), license_claim("apache-2.0")), downloads=1),
            snap("o/plain", claims=(claim("meta/base"),)),
            snap("paper:openai/gpt-3", source=SourceName.PAPER, commit_sha=None),
        ]
    )
    return catalog


def names(catalog: Catalog, *filters: str, **rest: object) -> list[str]:
    found = catalog.search([parse_filter(text) for text in filters], **rest)  # type: ignore[arg-type]
    return [brief.repo_id for brief in found]


def test_find_by_every_kind_of_name(stocked: Catalog) -> None:
    stocked.save(snap("EleutherAI/gpt-j-6B", aliases=("EleutherAI/GPT-J",)))
    assert stocked.find("bigscience/bloom") == "bigscience/bloom"
    assert stocked.find("EleutherAI/GPT-J") == "EleutherAI/gpt-j-6B"
    assert stocked.find("BigScience/BLOOM") == "bigscience/bloom"
    assert stocked.find("eleutherai/gpt-j") == "EleutherAI/gpt-j-6B"
    assert stocked.find("bigscience/blo") is None
    assert stocked.find("bigscience/bloo_") is None
    stocked.save(snap("eleutherai/gpt-J-6b"))
    assert stocked.find("ELEUTHERAI/GPT-J-6B") is None, "two could be meant"


def test_the_names_most_like_are_suggested(stocked: Catalog) -> None:
    assert stocked.suggest("bigscience/blom")[0] == "bigscience/bloom"
    assert stocked.suggest("bloom")[0] == "bigscience/bloom"
    assert stocked.suggest("bigsience/bloom")[0] == "bigscience/bloom"
    assert stocked.suggest("zzz/qqq-nothing") == []
    assert stocked.suggest("%/%%%%%") == []
    assert stocked.suggest("") == []
    assert len(stocked.suggest("meta/lama", limit=1)) == 1


def test_a_suggestion_through_an_alias_is_the_present_name(stocked: Catalog) -> None:
    stocked.save(snap("google-t5/t5-small", aliases=("t5-small",)))
    assert stocked.suggest("t5-smal")[0] == "google-t5/t5-small"


def test_search_lists_tracked_models_by_name(stocked: Catalog) -> None:
    everything = ["bigscience/bloom", "meta/llama", "o/100%_real", "o/plain", "paper:openai/gpt-3"]
    assert names(stocked) == everything
    assert names(stocked, include_referenced=True) == sorted([*everything, "meta/base"])


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        (["params>7B"], ["bigscience/bloom"]),
        (["params>=7B"], ["bigscience/bloom", "meta/llama"]),
        (["params<=7B"], ["meta/llama"]),
        (["params=7B"], ["meta/llama"]),
        (["params!=7B"], ["bigscience/bloom", "o/100%_real", "o/plain", "paper:openai/gpt-3"]),
        (["params="], ["o/100%_real", "o/plain", "paper:openai/gpt-3"]),
        (["params!="], ["bigscience/bloom", "meta/llama"]),
        (["license=MIT"], ["o/100%_real"]),
        (["license=apache-2.0"], ["o/100%_real"]),
        (["license~rail"], ["bigscience/bloom"]),
        (["license=rail"], []),
        (["license!=llama2"], ["bigscience/bloom", "o/100%_real", "o/plain", "paper:openai/gpt-3"]),
        (["task=text-generation", "gated=no"], ["bigscience/bloom"]),
        (["gated=yes"], ["meta/llama"]),
        (["gated=manual"], ["meta/llama"]),
        (["gated!=manual"], ["bigscience/bloom", "o/100%_real", "o/plain", "paper:openai/gpt-3"]),
        (["source=paper"], ["paper:openai/gpt-3"]),
        (["library=transformers"], ["bigscience/bloom"]),
        (["downloads<10k"], ["bigscience/bloom", "o/100%_real"]),
        (["likes>0"], ["bigscience/bloom"]),
        (["size>500GB"], ["bigscience/bloom"]),
        (["created=2026"], ["bigscience/bloom"]),
        (["created!=2026-01-01"], ["meta/llama", "o/100%_real", "o/plain", "paper:openai/gpt-3"]),
        (["created>2026-01-01"], []),
        (["created>=2026-01-01"], ["bigscience/bloom"]),
        (["created<2026-01"], ["meta/llama"]),
        (["created<=2026-01"], ["bigscience/bloom", "meta/llama"]),
        (["modified>2026-01-30"], ["bigscience/bloom"]),
        (["name~%_"], ["o/100%_real"]),
        (["name~BLOOM"], ["bigscience/bloom"]),
        (["name=O/plain"], ["o/plain"]),
    ],
)
def test_filters(stocked: Catalog, conditions: list[str], expected: list[str]) -> None:
    assert names(stocked, *conditions) == expected


def test_text_is_looked_for_in_names(stocked: Catalog) -> None:
    assert names(stocked, text="LLA") == ["meta/llama"]
    assert names(stocked, text="%") == ["o/100%_real"]
    assert names(stocked, text="\\") == []


def test_the_order_is_total_and_unknown_comes_last(stocked: Catalog) -> None:
    rest = ["o/plain", "paper:openai/gpt-3"]
    known = ["o/100%_real", "bigscience/bloom", "meta/llama"]
    assert names(stocked, sort="downloads") == known + rest
    assert names(stocked, sort="downloads", descending=True) == known[::-1] + rest
    assert names(stocked, sort="downloads", limit=1) == known[:1]
    assert names(stocked, sort="repo_id", descending=True)[0] == "paper:openai/gpt-3"
    assert names(stocked, limit=0) == []
    with pytest.raises(UsageError, match="cannot sort by 'color'"):
        stocked.search(sort="color")


def test_unknown_models_have_nothing_to_tell(catalog: Catalog) -> None:
    assert catalog.find("o/m") is None
    assert catalog.briefs(["o/m"]) == {}
    assert catalog.snapshot("o/m") is None
    assert catalog.aliases("o/m") == []
    assert catalog.history("o/m") == []
    assert catalog.facts("o/m") == []
    assert catalog.edges_up("o/m") == catalog.edges_down("o/m") == []
    assert catalog.children_counts("o/m") == {}


def test_many_names_at_once(catalog: Catalog) -> None:
    catalog.save(snap("o/m", claims=tuple(claim(f"o/{n:04}") for n in range(1100))))
    assert len(catalog.edges_up("o/m")) == 1100
    assert len(catalog.briefs(f"o/{n:04}" for n in range(2000))) == 1100
