"""The knowledge table: complete, unambiguous, sourced, and explained in plain words."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest

from registry.licenses.declared import hub_licenses
from registry.licenses.explain import explain
from registry.licenses.table import EVIDENCE, address_of, key_of, load_table

SHARED = Path(__file__).parents[3] / "shared" / "licenses" / "licenses.json"
TABLE = load_table()
VALUES = {
    "commercial": {"yes", "conditional", "no", "unknown"},
    "derivatives": {"yes", "conditional", "no-share", "unknown"},
    "redistribution": {"yes", "conditional", "no", "unknown"},
    "hosting": {"yes", "conditional", "no", "unknown"},
    "derivative_terms": {"any", "same-license", "any-plus-flowdown", "nc-compatible", "none", "unknown"},
    "share_alike": {"none", "derivative", "network", "file", "library", "data"},
}


def test_every_id_is_there() -> None:
    assert len(TABLE.ids()) == 118
    assert {id_ for id_ in TABLE.ids() if TABLE.terms[id_].hub} == set(hub_licenses())
    assert len(hub_licenses()) == 83


def test_no_two_licenses_share_a_name() -> None:
    names = Counter(
        key for terms in TABLE.terms.values() for key in {key_of(name) for name in (terms.id, *terms.aliases)}
    )
    twice = {key for key, count in names.items() if count > 1}
    assert twice <= set(TABLE.shared_names)
    for ids in TABLE.shared_names.values():
        assert set(ids) <= set(TABLE.ids())


def test_every_fact_is_a_known_value_with_a_source() -> None:
    for terms in TABLE.terms.values():
        assert terms.evidence in EVIDENCE
        assert terms.source
        for name, fact in terms.facts.items():
            assert fact.value != TABLE.terms["mit"].defaults[name] or name == "aimed_at"
            assert fact.value in VALUES.get(name, {fact.value})
            assert fact.evidence in EVIDENCE
            # A fact without a clause is never called read.
            assert fact.clause or fact.evidence != "text" or name == "aimed_at"
        for id_ in terms.accepts:
            assert TABLE.get(id_), id_
        assert bool(terms.accepts) == bool(terms.accepts_clause)
        assert not terms.vendor or terms.orgs
        assert all(org == org.casefold() for org in terms.orgs)


@pytest.mark.parametrize(
    ("text", "id_"),
    [
        ("apache-2.0", "apache-2.0"),
        ("Apache-2.0", "apache-2.0"),
        ("Llama 3.1", "llama3.1"),
        ("FLUX.1-dev Non-Commercial", "flux-1-dev-nc"),
        ("flux 1 dev non commercial license", "flux-1-dev-nc"),
        ("FLUX.1 [dev] Non-Commercial License", "flux-1-dev-nc"),
        ("LLAMA 3 COMMUNITY LICENSE", "llama3"),
        ("LicenseRef-scancode-llama-4-cla-2025", "llama4"),
        ("https://www.apache.org/licenses/LICENSE-2.0.txt", "apache-2.0"),
        ("https://mistral.ai/licences/MNPL-0.1.md", "mnpl"),
        ("http://ai.google.dev/gemma/terms#3.1", "gemma"),
        ("modified-mit", None),
        ("x" * 10**6, None),
    ],
)
def test_look_up(text: str, id_: str | None) -> None:
    found = TABLE.lookup(text)
    assert (found and found.id) == id_


def test_every_license_is_found_by_its_full_name() -> None:
    assert {one.id: TABLE.named(one.name) for one in TABLE.terms.values()} == dict(TABLE.terms)


def test_addresses_are_compared_without_what_varies() -> None:
    assert (
        address_of("https://hf.co/A/B/resolve/main/LICENSE.md?x#y") == "huggingface.co/a/b/blob/main/license"
    )
    assert TABLE.text("git:261EEB9E9F8B2B4B0D119366DDA99C6FD7D35C64") is TABLE.terms["apache-2.0"]
    assert TABLE.text("sha256:00") is None
    assert "gemma" in TABLE.nearest("gema")


def test_every_license_is_explained() -> None:
    for id_ in TABLE.ids():
        found = explain(id_, TABLE)
        assert found is not None
        assert len(found.grants) == 4
        for part in (*found.grants, *found.conditions, *found.limits, *found.outputs, *found.other):
            assert part.text
            assert part.evidence in EVIDENCE
            assert "None" not in part.text
    assert explain("nothing-known", TABLE) is None


def test_an_explanation_reads_well() -> None:
    found = explain("llama3.1", TABLE)
    assert found is not None
    said = {part.fact: (part.text, part.clause) for part in (*found.grants, *found.conditions, *found.limits)}
    assert said["commercial"][0] == "commercial use is allowed under conditions"
    assert said["name_prefix"] == (
        "the name of a model made from it begins with 'Llama'",
        "s1.b.i last sentence",
    )
    assert said["mau_limit"][0].startswith("above 700,000,000 monthly users: separate licen")
    assert found.evidence_meaning == "the operative clauses were read"
    rail = explain("bigscience-bloom-rail-1.0", TABLE)
    assert rail is not None
    assert any("use restrictions as an enforceable term" in part.text for part in rail.conditions)
    assert dict(rail.remarks)["scope"].startswith("s1(4)")


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.exists(), reason="no recorded data beside the checkout")
def test_the_facts_are_those_of_the_shared_table() -> None:
    for entry in json.loads(SHARED.read_text("utf-8"))["licenses"]:
        terms = TABLE.terms[entry["id"]]
        assert terms.evidence == entry["evidence"]
        for name, value in entry["facts"].items():
            expected = tuple(value) if isinstance(value, list) else value
            assert terms.value(name) == expected, (entry["id"], name)
        for name, clause in entry["sources"].items():
            if name in terms.facts:
                assert terms.clause(name) == clause


def test_the_words_are_ours() -> None:
    """One spelling of the house; only required notice lines are quoted."""
    text = json.dumps([explain(id_, TABLE).conditions for id_ in TABLE.ids()], default=str)  # type: ignore[union-attr]
    assert not re.search(r"https?://(?!ai\.google)", text)
