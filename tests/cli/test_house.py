"""`import`, `catalog`, `plugins`, `config`, completion: the house around the models."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest

from registry.catalog.catalog import MigrationReport
from registry.cli.catalog import COUNTED
from registry.contract import LineageView, PluginHost
from registry.guests import PluginState
from registry.model.records import Problem
from tests.hubs import recorded

RunCli = Callable[..., Any]

pytestmark = pytest.mark.usefixtures("filled")

ALL = ["guest/merged", "guest/small", "lab/origin", "lab/other", "lab/tuned"]


def document(run_cli: RunCli, *args: str, **more: Any) -> Any:
    """The JSON a command gives."""
    result = run_cli(*args, "--json", **more)
    assert result.code == 0, result.err
    return json.loads(result.out)


def test_import(run_cli: RunCli) -> None:
    lines = [json.dumps(recorded(f"new/model-{number}").document) for number in range(3)]
    Path("models.jsonl").write_text("\n".join([*lines, "{broken", '{"no": "id"}']) + "\n")
    result = run_cli("import", "models.jsonl")
    assert result.code == 3
    assert "3 documents: 3 added, 0 changed, 0 unchanged; 2 lines left out" in result.out
    assert "Left out line 4: " in result.err
    again = run_cli("import", "models.jsonl", "--json")
    answer = json.loads(again.out)
    assert (answer["complete"], answer["read"], answer["added"]) == (False, 3, 0)
    assert [bad["line"] for bad in answer["bad"]] == [4, 5]
    missing = run_cli("import", "nowhere.jsonl")
    assert missing.code in (2, 3)
    assert "nowhere.jsonl" in missing.err


def test_import_tells_a_few_bad_lines_and_counts_the_rest(run_cli: RunCli) -> None:
    Path("bad.jsonl").write_text("nonsense\n" * 9)
    assert "Left out 4 more lines" in run_cli("import", "bad.jsonl").err


def test_catalog_init_backup_migrate_stats(run_cli: RunCli) -> None:
    assert "is already there" in run_cli("catalog", "init").err
    assert run_cli("--catalog", "new.db", "catalog", "init").err == "Created the catalog new.db.\n"
    assert "The catalog is empty" in run_cli("--catalog", "new.db", "list").err
    assert run_cli("catalog", "backup", "copy.db").code == 0
    assert run_cli("--catalog", "copy.db", "list", "-q").out.split() == ALL
    assert "up to date" in run_cli("catalog", "migrate").err
    stats = document(run_cli, "catalog", "stats")
    assert stats["tracked"] == 5
    assert "tracked" in run_cli("catalog", "stats").out
    assert set(stats) == set(COUNTED), "each count is explained"
    rows = [json.loads(line) for line in run_cli("catalog", "stats", "-f", "jsonl").out.splitlines()]
    assert {row["name"]: row["count"] for row in rows} == stats


@pytest.mark.parametrize(
    ("copy", "told"),
    [
        (Path("old.db"), "Migrated the catalog from schema 1 to 2. The copy from before is old.db.\n"),
        (None, "Migrated the catalog from schema 1 to 2.\n"),
    ],
)
def test_catalog_migrate_says_where_the_copy_is(
    run_cli: RunCli, monkeypatch: pytest.MonkeyPatch, copy: Path | None, told: str
) -> None:
    report = MigrationReport("catalog.db", "1", "2", copy)
    monkeypatch.setattr("registry.catalog.catalog.Catalog.migrate", lambda location: report)
    assert run_cli("catalog", "migrate").err == told


def test_catalog_check(run_cli: RunCli, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = run_cli("catalog", "check")
    assert (whole.code, whole.out) == (0, "The catalog is whole.\n")
    assert document(run_cli, "catalog", "check") == {"problems": []}
    problem = Problem("orphan", "an edge hangs in the air", ("a/b",), mend="registry refresh a/b")
    monkeypatch.setattr("registry.catalog.catalog.Catalog.check", lambda self: [problem])
    broken = run_cli("catalog", "check")
    assert broken.code == 1
    assert "registry refresh a/b" in broken.out
    listed = run_cli("catalog", "check", "--json")
    assert listed.code == 1
    assert json.loads(listed.out)["problems"][0]["mend"] == "registry refresh a/b"


def test_output_to_a_file(run_cli: RunCli) -> None:
    result = run_cli("list", "--json", "-o", "models.json")
    assert (result.code, result.out, result.err) == (0, "", "Wrote models.json.\n")
    assert json.loads(Path("models.json").read_text()) == document(run_cli, "list")
    assert run_cli("list", "-q", "-o", "-").out.split() == ALL


def test_config(run_cli: RunCli) -> None:
    Path("registry.toml").write_text("jobs = 3\n")
    rows = [line.split() for line in run_cli("config", "--origin", REGISTRY_TIMEOUT="5").out.splitlines()]
    assert ["jobs", "3", "registry.toml"] in rows
    assert ["timeout", "5", "s", "REGISTRY_TIMEOUT"] in rows
    assert ["catalog", "x.db", "option"] in [
        line.split() for line in run_cli("--catalog", "x.db", "config", "--origin").out.splitlines()
    ]
    secret = document(run_cli, "config", REGISTRY_CATALOG="postgresql://ann:s3cret@db/models")
    assert "s3cret" not in json.dumps(secret)


def test_a_users_own_settings_file(run_cli: RunCli) -> None:
    Path("mine.toml").write_text("jobs = 2\n")
    settings = document(run_cli, "config", REGISTRY_CONFIG="mine.toml")["settings"]
    assert {"name": "jobs", "value": 2, "unit": None, "origin": "mine.toml"} in settings


class Shout:
    """An exporter some plugin brings."""

    name = "shout"

    def export(self, view: LineageView) -> str:
        return f"{view.root.upper()}\n"


@pytest.fixture
def guests(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plugin with a command and an exporter, and one that fails."""

    @click.command("hello")
    def hello() -> None:
        click.echo("hello from a guest")

    def load(reserved: object) -> tuple[PluginHost, tuple[PluginState, ...]]:
        host = PluginHost()
        host.add_command(hello)
        host.add_exporter(Shout())
        return host, (
            PluginState(
                "greeter", "1.0", "greeter-plugin", "loaded", brings=("command hello", "exporter shout")
            ),
            PluginState("broken", None, "broken-plugin", "failed", detail="ImportError: no such thing"),
        )

    monkeypatch.setattr("registry.guests.load_plugins", load)


@pytest.mark.usefixtures("guests")
def test_plugins(run_cli: RunCli) -> None:
    assert run_cli("hello").out == "hello from a guest\n"
    assert run_cli("lineage", "lab/tuned", "-f", "shout").out == "LAB/TUNED\n"
    assert "mermaid, shout" in run_cli("lineage", "lab/tuned", "-f", "whisper").err
    listed = run_cli("plugins").out
    assert "command hello" in listed
    assert "ImportError: no such thing" in listed
    plugins = document(run_cli, "plugins")["plugins"]
    assert [plugin["state"] for plugin in plugins] == ["loaded", "failed"]
    assert run_cli("plugins", "-q").out.split() == ["greeter", "broken"]


def test_names_are_completed_from_the_catalog(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from tests.cli.test_main import complete

    assert complete(monkeypatch, capsys, "registry show lab/t", 2) == ["lab/tuned"]
    assert complete(monkeypatch, capsys, "registry add lab/ot", 2) == ["lab/other"]
