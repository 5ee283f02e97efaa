from __future__ import annotations

import textwrap
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from registry.errors import PluginConflict
from registry.guests import GROUP, load_plugins

THIRD_PARTY = '''
import click


class HalfPrice:
    name = "half-price"
    summary = "everything costs half"

    def savings(self, case):
        return []


@click.command("hello")
def hello():
    """Greet."""
    click.echo("hello from a guest")


def register(host):
    host.add_savings_model(HalfPrice())
    host.add_command(hello)
'''


@pytest.fixture
def point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EntryPoint:
    (tmp_path / "third_party_guest.py").write_text(THIRD_PARTY)
    monkeypatch.syspath_prepend(str(tmp_path))
    return EntryPoint("third", "third_party_guest:register", GROUP)


def test_a_guest_brings_a_command_and_a_savings_model(point: EntryPoint) -> None:
    host, states = load_plugins([point])
    assert set(host.commands) == {"hello"}
    assert set(host.savings_models) == {"half-price"}
    assert [(s.name, s.state, s.brings) for s in states] == [
        ("third", "loaded", ("command hello", "savings model half-price"))
    ]


def test_a_guest_that_fails_is_listed_and_the_rest_works(point: EntryPoint, tmp_path: Path) -> None:
    (tmp_path / "broken_guest.py").write_text(
        textwrap.dedent("""
        def register(host):
            raise RuntimeError("no coffee")
        """)
    )
    broken = EntryPoint("broken", "broken_guest:register", GROUP)
    missing = EntryPoint("missing", "no_such_module_at_all:register", GROUP)
    host, states = load_plugins([broken, point, missing])
    assert {s.name: s.state for s in states} == {"broken": "failed", "missing": "failed", "third": "loaded"}
    assert next(s.detail for s in states if s.name == "broken") == "RuntimeError: no coffee"
    assert "hello" in host.commands


def test_two_guests_with_one_name_are_an_error(point: EntryPoint) -> None:
    with pytest.raises(PluginConflict, match="half-price"):
        load_plugins([point, EntryPoint("twin", point.value, GROUP)])


def test_the_house_guest_comes_through_the_same_door() -> None:
    host, states = load_plugins()
    house = next(state for state in states if state.name == "adapter")
    assert house.state == "loaded"
    assert "savings model adapter" in house.brings
    assert "adapter" in host.savings_models


def test_what_the_house_has_no_guest_can_bring(point: EntryPoint) -> None:
    with pytest.raises(PluginConflict, match=r"'registry' and 'third .*' both offer the command 'hello'"):
        load_plugins([point], reserved=[("command", "hello")])
