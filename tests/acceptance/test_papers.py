"""Models known from publications, added with the network switched off, and a user's own beside them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

RunCli = Callable[..., Any]

LISTED = {
    "GPT-2": "paper:openai/gpt-2",
    "GPT-3": "paper:openai/gpt-3",
    "ChatGPT": "paper:openai/chatgpt",
    "PaLM": "paper:google/palm",
    "LLaMA": "paper:meta/llama-7b",
    "Alpaca": "paper:stanford/alpaca-7b",
    "GPT-J": "paper:eleutherai/gpt-j-6b",
    "Dolly 1": "paper:databricks/dolly-v1-6b",
    "Dolly 2": "paper:databricks/dolly-v2-12b",
    "GPT-Neo": "paper:eleutherai/gpt-neo-2.7b",
    "BLOOM": "paper:bigscience/bloom",
    "BloombergGPT": "paper:bloomberg/bloomberggpt",
}


@pytest.fixture
def offline(run_cli: RunCli) -> RunCli:
    """The command without a network."""

    def run(*args: str, **more: Any) -> Any:
        return run_cli(*args, HF_HUB_OFFLINE="1", **more)

    return run


def bases(run: RunCli, name: str) -> dict[str, str]:
    edges = json.loads(run("lineage", name, "--json").out)["edges"]
    root = json.loads(run("show", name, "--json").out)["repo_id"]
    made = [edge for edge in edges if edge["derivative"] == root and edge["relation"] != "trained_on"]
    return {edge["base"]: edge["relation"] for edge in made}


@pytest.mark.parametrize("ref", LISTED.values(), ids=LISTED)
def test_each_is_added_and_shown_offline(offline: RunCli, ref: str) -> None:
    added = offline("add", ref, "--depth", "0", "--json")
    (model,) = json.loads(added.out)["models"]
    assert (added.code, model["state"]) == (0, "added")
    shown = offline("show", ref)
    assert shown.code == 0
    assert "  source      paper, read " in shown.out


def test_all_of_them_and_their_descent(offline: RunCli) -> None:
    added = offline("add", *LISTED.values())
    assert {line.split()[1] for line in added.out.splitlines()[1:]} == {"added"}
    # Bases on the Hub cannot be read without a network: told by name, and the rest is kept.
    assert added.code == (3 if "Failed: " in added.err else 0)
    assert "Traceback" not in added.err
    assert bases(offline, "paper:openai/chatgpt") == {"paper:openai/gpt-3": "finetune"}
    assert bases(offline, "paper:stanford/alpaca-7b") == {
        "paper:meta/llama-7b": "finetune",
        "paper:openai/text-davinci-003": "distilled",
    }
    assert bases(offline, "databricks/dolly-v1-6b") == {"EleutherAI/gpt-j-6b": "finetune"}
    assert bases(offline, "databricks/dolly-v2-12b") == {"EleutherAI/pythia-12b": "finetune"}
    assert offline("show", "gpt2", "-q").out == "openai-community/gpt2\n"
    assert offline("catalog", "check").code == 0


OWN = """
checked = 2026-11-01

[[model]]
id = "acme/secret-sauce"
name = "Secret Sauce 13B"
published = 2026-05-01
license = "other"
license_name = "acme-internal"
source = "Acme technical report 7"

[[model.base]]
ref = "paper:meta/llama-65b"
relation = "finetune"
source = "Acme technical report 7, section 2"

[[model.fact]]
name = "training_tokens"
value = 2_000_000_000
source = "Acme technical report 7, table 1"
"""


def test_a_users_own_models(offline: RunCli) -> None:
    assert offline("add", "paper:acme/secret-sauce").code == 3
    Path("papers.toml").write_text(OWN, encoding="utf-8")
    assert offline("add", "paper:acme/secret-sauce").code == 0
    assert bases(offline, "paper:acme/secret-sauce") == {"paper:meta/llama-65b": "finetune"}
    shown = json.loads(offline("show", "paper:acme/secret-sauce", "--json").out)
    assert shown["license"]["id"] == "acme-internal"
    facts = {fact["name"]: (fact["value"], fact["source"]) for fact in shown["facts"]}
    assert facts["training_tokens"] == (2_000_000_000, "Acme technical report 7, table 1")


def test_a_users_file_that_is_broken(offline: RunCli) -> None:
    Path("papers.toml").write_text('[[model]]\nid = "acme/x"\ncolour = "red"\n', encoding="utf-8")
    done = offline("add", "paper:openai/gpt-3")
    assert (done.code, done.out) == (2, "")
    assert "papers.toml" in done.err
    assert "colour" in done.err
