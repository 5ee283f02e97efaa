"""What a model says, read from every signal and never guessed."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.licenses.choice import read_expression
from registry.licenses.facts import AuditModel
from registry.licenses.signals import Declaration, State, claims_at, read_declaration
from registry.licenses.table import load_table
from registry.model.snapshot import LicenseClaim, LicenseField
from tests.licenses.cases import claims, edge, fact
from tests.licenses.worlds import judge, node, world

TABLE = load_table()


def read(model: AuditModel, others: Mapping[str, AuditModel] | None = None) -> Declaration:
    known = {name.casefold(): one for name, one in (others or {}).items()}
    return read_declaration(model, TABLE, lambda name: known.get(name.casefold()), None)


def said(license_: object, name: str | None = None, link: str | None = None, **extra: object) -> Declaration:
    return read(replace(AuditModel("a/m", licenses=claims(license_, name, link)), **extra))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "value", ["???", "unknown", "apache 2.0", "mpl", "my license", "\x1b[31mmit", "0BSD", "gpl or mit"]
)
def test_free_text_means_nothing(value: str) -> None:
    found = said(value)
    assert (found.state, found.declared) == (State.UNKNOWN, ())


@pytest.mark.parametrize(
    ("value", "ids"),
    [
        ("MIT", ("mit",)),
        (["mit", "gemma"], ("gemma", "mit")),
        ("llama-3", ("llama3",)),
        ("Apache-2.0 AND CC-BY-NC-4.0", ("apache-2.0", "cc-by-nc-4.0")),
        ("MIT OR GPL-3.0-only", ("mit",)),
        ("cc", ("cc",)),
    ],
)
def test_what_is_understood(value: object, ids: tuple[str, ...]) -> None:
    found = said(value)
    assert (found.state, found.declared) == (State.KNOWN, ids)


def test_all_of_a_list_or_nothing() -> None:
    assert said(["mit", "???"]).state is State.UNKNOWN
    assert said(["mit", "other"], "gemma-terms").declared == ("gemma", "mit")
    assert said(["mit", "other"]).state is State.UNKNOWN
    assert said(None).state is State.MISSING
    assert said("none").state is State.MISSING


def test_other_by_name_link_file_and_text() -> None:
    assert said("other", "Mistral Research License").declared == ("mrl",)
    assert said("other", None, "https://mistral.ai/licenses/MNPL-0.1.md").declared == ("mnpl",)
    assert said("other", "mine", "https://mistral.ai/licenses/MNPL-0.1.md").declared == ("mnpl",)
    apache = {"LICENSE": "git:261eeb9e9f8b2b4b0d119366dda99c6fd7d35c64"}
    assert said("other", text_digests=apache).declared == ("apache-2.0",)
    assert said("mit", text_digests=apache).conflicts
    assert not said("mit", text_digests={"LICENSE-CODE": apache["LICENSE"]}).conflicts
    text = said("other", annotations=(fact("text_license", "llama1"),))
    assert (text.state, text.known, text.unnamed, text.declared) == (State.KNOWN, True, True, ("llama1",))


def test_a_link_into_another_repository_means_its_license() -> None:
    base = AuditModel("B/r", licenses=claims("other", "mnpl"))
    link = "https://huggingface.co/b/R/blob/main/LICENSE.md"
    found = read(AuditModel("a/m", licenses=claims("mit", None, link)), {"B/r": base})
    assert [signal.licenses for signal in found.conflicts] == [("mnpl",)]
    assert not read(AuditModel("a/m", licenses=claims("mit", None, link)), {}).conflicts
    own = AuditModel("a/m", licenses=claims("mit", None, "https://huggingface.co/a/m/blob/main/LICENSE"))
    assert not read(own, {"a/m": own}).conflicts


def test_one_text_under_two_ids_is_no_contradiction() -> None:
    assert not said("mit", "phi").conflicts
    assert not said("openrail", "bigcode-openrail-m").conflicts
    assert said("mit", "mnpl").conflicts
    tag = LicenseClaim(LicenseField.LICENSE, "mit", "hub")
    assert not read(AuditModel("a/m", licenses=(*claims("mit"), tag))).conflicts
    assert read(AuditModel("a/m", licenses=(*claims("gemma"), tag))).conflicts


def test_modified_mit_is_told_by_its_maker() -> None:
    own = AuditModel("moonshotai/Kimi-K2", licenses=claims("other", "modified-mit"))
    assert read(own).declared == ("kimi-modified-mit",)
    child = AuditModel(
        "a/m", licenses=claims("other", "modified-mit"), bases=(edge("a/m", "MiniMaxAI/x", "quantized"),)
    )
    assert read(child, {"MiniMaxAI/x": AuditModel("MiniMaxAI/x")}).declared == ("minimax-modified-mit",)
    assert read(replace(child, bases=())).state is State.UNKNOWN
    link = "https://github.com/MiniMax-AI/MiniMax-M2/blob/main/LICENSE"
    assert said("other", "modified-mit", link).declared == ("minimax-modified-mit",)


def test_qwen_is_told_by_link_repository_or_date() -> None:
    link = "https://huggingface.co/Qwen/Qwen2.5-72B-Instruct/blob/main/LICENSE"
    assert said("other", "qwen", link).declared == ("qwen",)
    assert read(AuditModel("Qwen/Qwen-72B-Chat", licenses=claims("other", "qwen"))).declared == (
        "tongyi-qianwen",
    )
    for year, id_ in ((2023, "tongyi-qianwen"), (2025, "qwen")):
        assert said("other", "qwen", created_at=datetime(year, 1, 1, tzinfo=UTC)).declared == (id_,)
    assert said("other", "qwen").state is State.UNKNOWN


def test_gemma_is_told_by_the_models_above() -> None:
    """Gemma 4 is under Apache-2.0: the Gemma terms on its derivative are out of place."""
    models = world("google/gemma-4-x apache-2.0", "a/m gemma finetune:google/gemma-4-x")
    assert [one.code for one in judge(models, "a/m").findings if one.severity == "warning"] == [
        "license-foreign"
    ]


def test_extras_from_notices_are_kept_beside() -> None:
    found = said("mit", annotations=(fact("license_file", "NOTICE=gemma"), fact("also_license", "llama3.1")))
    assert (found.declared, found.conflicts) == (("gemma", "llama3.1", "mit"), ())
    assert found.shown == "mit + gemma + llama3.1"


def test_the_license_of_a_day() -> None:
    history = tuple(
        (datetime(year, 1, 1, tzinfo=UTC), claims(id_)) for year, id_ in ((2022, "mit"), (2024, "gemma"))
    )
    model = AuditModel("a/m", licenses=claims("isc"), license_history=history)
    for year, expected in ((2021, "mit"), (2023, "mit"), (2024, "gemma"), (2030, "gemma")):
        assert claims_at(model, datetime(year, 6, 1, tzinfo=UTC))[0].value == expected
    assert claims_at(model, None)[0].value == "isc"


HOSTILE = {
    "huge": "mit " * 2_500_000,
    "controls": "mit\x00\x1b]0;x\x07\n\u202e",
    "terms": " OR ".join(["MIT"] * 10_000),
    "deep": "(" * 100_000 + "MIT" + ")" * 100_000,
    "brackets": "((((((((((((((((((((((((((((((((((((((((((((MIT))))",
    "choices": " AND ".join(["(MIT OR GPL-3.0)"] * 11),
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("place", ["license", "name", "link"])
def test_hostile_statements_cost_little(text: str, place: str) -> None:
    """A finding or an ordinary reading, quickly, with nothing unprintable and nothing huge in it."""
    parts = {"license": (text, None, None), "name": ("other", text, None), "link": ("other", None, text)}[
        place
    ]
    model = AuditModel("a/m", licenses=claims(*parts), annotations=(fact("text_license", text),))
    start = time.process_time()
    result = judge({"a/m": model, "a/c": node("a/c mit finetune:a/m")})
    assert time.process_time() - start < 2
    shown = repr(result.findings)
    assert len(shown) < 40_000
    for one in result.findings:
        assert (one.message + (one.declared or "")).isprintable()


@given(
    st.text(max_size=60)
    | st.lists(st.sampled_from(["mit", "and", "or", "with", "(", ")", "+", "gpl-3.0"])).map(" ".join)
)
def test_any_text_is_read_without_a_fault(text: str) -> None:
    found = read_expression(text, TABLE)
    assert found is None or all(TABLE.get(id_) for id_ in found)
    assert said(text, text, text).shown is None or said(text, text, text).signals
