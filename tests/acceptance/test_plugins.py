"""A third party's plugin, installed by pip as users install it, and one that is broken beside it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path

import pytest

from tests.acceptance.command import registry

GREETER = '''
    import click

    from registry.contract import PluginHost, ReuseCase
    from registry.model.estimate import Saving


    class HalfPrice:
        name = "half-price"
        summary = "everything costs half"

        def savings(self, case: ReuseCase) -> list[Saving]:
            return []


    @click.command("hello")
    @click.argument("name", default="world")
    def hello(name: str) -> None:
        """Greet."""
        click.echo(f"hello {name}")


    def register(host: PluginHost) -> None:
        host.add_command(hello)
        host.add_savings_model(HalfPrice())
'''
BROKEN = "import a_module_nobody_has\n"
TWIN = """
    import click

    def register(host):
        host.add_command(click.Command("hello"))
"""


def install(target: Path, name: str, source: str, version: str = "1.2") -> None:
    """Have pip install a one-file package from a wheel, without any index."""
    module = name.replace("-", "_")
    info = f"{module}-{version}.dist-info"
    members = {
        f"{module}.py": textwrap.dedent(source),
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: by hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": f"[registry.plugins]\n{name} = {module}:register\n",
    }
    record = "".join(f"{path},,\n" for path in (*members, f"{info}/RECORD"))
    wheel = target.parent / f"{module}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in {**members, f"{info}/RECORD": record}.items():
            archive.writestr(path, text)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-input"]
    done = subprocess.run(
        [*pip, "--disable-pip-version-check", "--target", str(target), str(wheel)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of installed packages that every Python started from here sees."""
    folder = tmp_path / "site"
    folder.mkdir()
    known = os.environ.get("PYTHONPATH")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder), *([known] if known else [])]))
    return folder


def test_twenty_lines_bring_a_command_and_a_savings_model(site: Path) -> None:
    install(site, "greeter", GREETER)
    assert registry("hello") == registry("hello", "world")
    assert registry("hello", "there").out == "hello there\n"
    assert "Greet." in registry("hello", "--help").out
    plugins = {one["name"]: one for one in json.loads(registry("plugins", "--json").out)["plugins"]}
    assert plugins["greeter"] == {
        "name": "greeter",
        "version": "1.2",
        "origin": "greeter",
        "state": "loaded",
        "detail": None,
        "brings": ["command hello", "savings model half-price"],
    }
    assert plugins["adapter"]["state"] == "loaded"


def test_a_broken_one_is_a_warning_and_a_line(site: Path) -> None:
    install(site, "greeter", GREETER)
    install(site, "wobbly", BROKEN)
    hello = registry("hello")
    assert (hello.code, hello.out) == (0, "hello world\n")
    assert "wobbly" in hello.err, "a plugin that fails to load is a warning"
    assert "a_module_nobody_has" in hello.err
    listed = registry("plugins")
    assert listed.code == 0
    lines = {line.split()[0]: line for line in listed.out.splitlines()}
    assert "failed" in lines["wobbly"]
    assert "loaded" in lines["greeter"]
    quiet = registry("catalog", "init")
    assert (quiet.code, quiet.err) == (0, "Created the catalog catalog.db.\n")


def test_two_with_one_name_are_an_error_that_names_both(site: Path) -> None:
    install(site, "greeter", GREETER)
    install(site, "twin", TWIN)
    done = registry("hello")
    assert (done.code, done.out) == (2, "")
    assert "greeter" in done.err
    assert "twin" in done.err
    assert "Hint: uninstall one of the two" in done.err
