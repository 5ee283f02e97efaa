"""Every example in a command's help is run, in the words it is shown in."""

from __future__ import annotations

import gzip
import json
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from registry.cli.commands import ENTRIES
from registry.cli.main import root
from registry.cli.options import WithExamples
from registry.demo.bundle import load_bundle
from registry.demo.hub import RecordedHub
from tests.hubs import by_id, recorded, safetensors
from tests.zoo import as_recorded, named

OWN = "my-org/my-model"
MADE_UP = (
    as_recorded(named()["A.a"], OWN, base="my-org/my-base"),
    as_recorded(named()["A"], "my-org/my-base", base=()),
    recorded("meta-llama/Llama-2-7b"),
)
"""What the examples name and the recording lacks."""

ADDED = ("bigscience/bloom", "inceptionai/jais-adapted-7b-chat", OWN)


def commands() -> Iterator[WithExamples]:
    """Every command and subcommand."""
    for name in ENTRIES:
        command = root.get_command(click.Context(root), name)
        assert isinstance(command, WithExamples), f"{name} has no examples"
        yield command
        if isinstance(command, click.Group):
            for inner in command.commands.values():
                assert isinstance(inner, WithExamples), f"{name} {inner.name} has no examples"
                yield inner


EXAMPLES = [(command.name, example) for command in commands() for example in command.examples]


@pytest.fixture
def example_hub(hub_factory: Callable[..., RecordedHub]) -> RecordedHub:
    bundle = load_bundle()
    return hub_factory({**bundle.models, **by_id(*MADE_UP)}, moved=bundle.moved)


@pytest.fixture
def surroundings(run_cli: Callable[..., Any], example_hub: RecordedHub) -> None:
    """What the examples speak of: a catalog, a file of documents and a model in the working directory."""
    added = run_cli("add", *ADDED, "linagora/Labess-7b-chat", hub=example_hub)
    assert added.code == 0, added.err
    assert run_cli("verify", "--fingerprint", OWN, hub=example_hub).code == 0
    lines = [json.dumps(load_bundle().models[name].document) for name in ADDED[:2]]
    Path("models.jsonl").write_text("\n".join(lines))
    Path("model").mkdir()
    Path("model/model.safetensors").write_bytes(safetensors({"w": ("F16", [4], bytes(8))}))
    Path("models.jsonl.gz").write_bytes(gzip.compress("\n".join(lines).encode()))


@pytest.mark.usefixtures("surroundings")
@pytest.mark.parametrize(("name", "example"), EXAMPLES, ids=[example for _, example in EXAMPLES])
def test_example(run_cli: Callable[..., Any], example_hub: RecordedHub, name: str, example: str) -> None:
    words = shlex.split(example)
    fed = None
    if "|" in words:
        source, words = words[: words.index("|")], words[words.index("|") + 1 :]
        fed = run_cli(*source[1:], hub=example_hub).out
        assert fed
    assert words[0] == "registry"
    assert name in words or name == "list"
    result = run_cli(*words[1:], hub=example_hub, stdin=fed)
    assert result.code == 0, result.err
    assert result.out or result.err
    if "-o" in words:
        assert Path(words[words.index("-o") + 1]).stat().st_size > 0
    if "--json" in words:
        json.loads(result.out)


@pytest.mark.parametrize("command", list(commands()), ids=lambda command: command.name)
def test_help_ends_with_the_examples(command: WithExamples) -> None:
    shown = command.get_help(click.Context(command, info_name=command.name)).rstrip().splitlines()
    assert 1 <= len(command.examples) <= 4
    assert shown[-len(command.examples) - 1] == "Examples:"
    assert shown[-len(command.examples) :] == [f"  $ {example}" for example in command.examples]
    assert all(len(line) <= 100 for line in shown)
