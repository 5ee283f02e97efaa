"""What the README shows is what happens."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tests import readme

TEXT = readme.README.read_text(encoding="utf-8")
BLOCKS = list(readme.blocks(TEXT))
EXPECTED_PARTIAL = re.compile(r"exit code 3", re.IGNORECASE)


@pytest.mark.parametrize("block", BLOCKS, ids=[block.commands[0].text[:60] for block in BLOCKS])
def test_every_command_shown_does_what_is_shown(block: readme.Block) -> None:
    server = os.environ.get("REGISTRY_TEST_POSTGRES")
    if block.setting == "postgresql" and not server:
        pytest.skip("needs the PostgreSQL server named by REGISTRY_TEST_POSTGRES")
    with readme.stage(block) as environ:
        for command in block.commands:
            code, lines = readme.run(command, environ, team_catalog=server)
            assert command.agrees(lines), "\n".join([f"$ {command.text}", *lines])
            assert code == _expected(command, lines), "\n".join(lines)


def _expected(command: readme.Command, lines: list[str]) -> int:
    """3 where the output says that something could not be read, 1 for what was to fail, else 0."""
    if "--fail-on contradicted" in command.text:
        return 1
    return 3 if any(" failed" in line for line in lines) else 0


def test_the_two_commands_of_the_first_screen() -> None:
    """`.ci/run` runs the first as it stands, and the tests as the second does."""
    first, second = re.findall(r"```sh\n(.*?)\n```", TEXT, re.DOTALL)[:2]
    assert first == "python3 -m venv .venv && .venv/bin/pip install . && .venv/bin/registry demo"
    assert second == "python3 -m venv .venv && .venv/bin/pip install -e '.[dev]' && .venv/bin/pytest"
    assert TEXT.index(second) < 4000
    ci = (readme.ROOT / ".ci/run").read_text(encoding="utf-8")
    assert "README.md" in ci


def test_the_policy_shown_is_one() -> None:
    from registry.licenses.policy import parse_policy

    (text,) = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)
    policy = parse_policy(text, name="README.md")
    assert policy.use == "commercial"
    assert [waiver.owner for waiver in policy.waivers] == ["legal@acme.example"]


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", TEXT):
        if "://" not in target:
            assert (readme.ROOT / target).exists(), target


def test_every_command_is_mentioned() -> None:
    from registry.cli.commands import ENTRIES

    missing = [name for name in ENTRIES if not re.search(rf"\bregistry (?:--\S+ \S+ )?{name}\b", TEXT)]
    assert missing == []


def test_blocks_are_read() -> None:
    page = (
        "x\n<!-- empty catalog -->\n```console\n$ registry a \\\n    b\none\n...\ntwo\n$ registry c\n```\ny"
    )
    (block,) = readme.blocks(page)
    assert block.setting == "empty catalog"
    first, second = block.commands
    assert first.text == "registry a \\\n    b"
    assert first.agrees(["one", "anything", "two"])
    assert first.agrees(["one", "two"])
    assert not first.agrees(["one", "three"])
    assert not first.agrees(["one", "two", "three"])
    assert second.shown == ()
    assert second.agrees(["whatever"])
    assert Path(readme.EXAMPLE).name == "catalog.db.example"
