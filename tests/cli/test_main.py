"""The border: exit codes, errors as people and programs see them, interruptions."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest

from registry import __version__
from registry.cli import main
from registry.cli.errors import report, wants_json
from registry.errors import CatalogLocked, NotVisible, RegistryError

RunCli = Callable[..., Any]


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException], None]:
    """Makes `registry plugins` end with an exception."""

    def install(error: BaseException) -> None:
        def fail(*args: object) -> None:
            raise error

        monkeypatch.setattr("registry.app.App.plugins", fail)

    return install


def test_version(run_cli: RunCli) -> None:
    result = run_cli("--version")
    assert (result.code, result.out) == (0, f"registry {__version__}\n")


def test_help_goes_to_stdout(run_cli: RunCli) -> None:
    for option in ("-h", "--help"):
        result = run_cli(option)
        assert result.code == 0
        assert result.out.startswith("Usage: registry ")
        assert result.err == ""


def test_no_command_is_a_usage_error_with_help(run_cli: RunCli) -> None:
    result = run_cli()
    assert (result.code, result.out) == (2, "")
    assert "Usage: registry " in result.err


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["lineag", "a/b"], "Did you mean one of: 'lineage'"),
        (["list", "--limt", "3"], "'--limit'"),
        (["list", "--limit", "0"], "must be 1 or more, not 0"),
        (["list", "--limit", "few"], "'few' is not a whole number"),
        (["add", "--jobs", "100", "a/b"], "must be 1 to 64, not 100"),
        (["show"], "Missing argument 'REF'"),
        (["list", "-f", "xml"], "'xml' is not one of table, json, jsonl, csv"),
        (["refresh"], "say which models"),
        (["refresh", "--all", "a/b"], "say which models"),
        (["refresh", "--stale", "soon"], "'soon' is not an age"),
        (["annotate", "a/b"], "say which model and which facts"),
        (["annotate", "a/b", "epochs=1"], "a fact needs its source"),
        (["list", "--sort", "params:up"], "'up' is no order"),
        (["add", "https://example.org/a/b"], "is not an address of the Hub"),
        (["list", "--json", "-q"], "--json and -q contradict each other"),
        (["impact", "-q", "-f", "csv", "a/b"], "-f csv and -q contradict each other"),
        (["show", "--json", "-f", "csv", "a/b"], "--json and -f csv contradict each other"),
        (["demo", "--catalog", "x.db"], "a catalog of its own"),
        (["--catalog", "x.db", "demo"], "a catalog of its own"),
        (["add", "a b"], "is not a model reference"),
        (["add", "a/b@../../x"], "is not a revision"),
        (["show", "a/b"], "catalog"),
    ],
)
def test_usage_errors(run_cli: RunCli, args: list[str], message: str) -> None:
    result = run_cli(*args)
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith('{"error": ' if "--json" in args else "Error: ")
    assert message in result.err
    assert "Traceback" not in result.err


@pytest.mark.parametrize("stated", [["--json", "-f", "json"], ["-fjson"], ["--json"]])
def test_json_may_be_asked_for_twice(run_cli: RunCli, stated: list[str]) -> None:
    result = run_cli("config", *stated)
    assert result.code == 0
    assert "settings" in json.loads(result.out)


def test_a_usage_error_names_the_help(run_cli: RunCli) -> None:
    assert "Hint: `registry list --help`" in run_cli("list", "--nonsense").err


def test_an_error_for_programs(run_cli: RunCli) -> None:
    result = run_cli("show", "a b", "--json")
    assert (result.code, result.out) == (2, "")
    error = json.loads(result.err)["error"]
    assert error["code"] == "bad-reference"
    assert set(error) == {"code", "message", "hint"}
    assert json.loads(run_cli("list", "--wrong", "-f", "json").err)["error"]["code"] == "usage"


@pytest.mark.parametrize(
    ("args", "wanted"),
    [
        (["list", "--json"], True),
        (["list", "-f", "json"], True),
        (["list", "-fjsonl"], True),
        (["list", "--format=json"], True),
        (["list", "--format", "jsonl"], True),
        (["list", "-f", "csv"], False),
        (["list", "-f"], False),
        (["list", "json"], False),
        (["list", "--", "--json"], False),
        ([], False),
    ],
)
def test_wants_json(args: list[str], wanted: bool) -> None:
    assert wants_json(args) is wanted


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (NotVisible("a/b is absent"), 3, "Error: a/b is absent\n"),
        (CatalogLocked("locked", hint="wait"), 3, "Error: locked\nHint: wait\n"),
        (OSError(28, "No space left on device", "out"), 3, "Error: out: No space left on device\n"),
        (click.Abort(), 130, "Error: stopped at the prompt"),
        (click.exceptions.Exit(5), 5, ""),
    ],
)
def test_errors_end_with_their_code(
    run_cli: RunCli, failing: Callable[[BaseException], None], error: Exception, code: int, message: str
) -> None:
    failing(error)
    result = run_cli("plugins")
    assert (result.code, result.out) == (code, "")
    assert result.err.startswith(message)


def test_a_bug_is_one_line(run_cli: RunCli, failing: Callable[[BaseException], None]) -> None:
    failing(KeyError("some\x1b[31mthing"))
    result = run_cli("plugins")
    assert result.code == 70
    first, hint = result.err.splitlines()
    assert first.startswith("Error: this is a bug in registry (KeyError: ")
    assert "REGISTRY_DEBUG=1" in hint
    assert "\x1b" not in result.err


def test_debug_shows_the_traceback(run_cli: RunCli, failing: Callable[[BaseException], None]) -> None:
    failing(KeyError("thing"))
    result = run_cli("plugins", REGISTRY_DEBUG="1")
    assert result.code == 70
    assert "Traceback (most recent call last)" in result.err


def test_an_interruption_is_one_line(run_cli: RunCli, failing: Callable[[BaseException], None]) -> None:
    failing(KeyboardInterrupt())
    result = run_cli("plugins")
    assert (result.code, result.out) == (130, "")
    assert result.err.strip().startswith("Interrupted.")


def test_a_closed_pipe_is_quiet(run_cli: RunCli, failing: Callable[[BaseException], None]) -> None:
    failing(BrokenPipeError())
    result = run_cli("plugins")
    assert (result.code, result.out, result.err) == (141, "", "")


def test_escapes_in_an_error_are_taken_out(capsys: pytest.CaptureFixture[str]) -> None:
    report(RegistryError("a\x1b[2Jb\nc", hint="d\x07e"), as_json=False, debug=False)
    shown = capsys.readouterr().err
    assert "\x1b" not in shown
    assert "\x07" not in shown
    assert len(shown.splitlines()) == 2


def test_settings_that_do_not_parse(run_cli: RunCli) -> None:
    result = run_cli("list", REGISTRY_JOBS="many")
    assert (result.code, result.out) == (2, "")
    assert "REGISTRY_JOBS='many' is not a number" in result.err


def script(*args: str, **environ: str) -> subprocess.Popen[str]:
    """The command in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "registry", *args],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environ},
    )


@pytest.mark.parametrize("args", ["config", "--help", "annotate --list", "catalog init"])
def test_a_closed_stdout_discards_what_is_told(args: str) -> None:
    done = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m registry {args} <&- >&-"], stderr=subprocess.PIPE, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "bug" not in done.stderr


def test_the_program_is_named_as_invoked(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setattr(sys, "argv", ["/usr/local/bin/hf-registry", "--help"])
    with pytest.raises(SystemExit) as ended:
        main.main()
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("Usage: hf-registry ")


def test_as_a_module() -> None:
    out, err = script("--help").communicate(timeout=60)
    assert out.startswith("Usage: python -m registry ")
    assert err == ""


@pytest.mark.parametrize(
    ("shell", "sign"), [("bash", "complete "), ("zsh", "compdef"), ("fish", "complete ")]
)
def test_completion_scripts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], shell: str, sign: str
) -> None:
    monkeypatch.setattr(sys, "argv", ["hf-registry"])
    monkeypatch.setenv("_HF_REGISTRY_COMPLETE", f"{shell}_source")
    if shell == "bash":
        monkeypatch.setattr("click.shell_completion.BashComplete._check_version", lambda *_: None)
    with pytest.raises(SystemExit) as ended:
        main.main()
    assert ended.value.code == 0
    assert sign in capsys.readouterr().out


def complete(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], line: str, word: int
) -> list[str]:
    """What bash would be offered."""
    monkeypatch.setattr(sys, "argv", ["registry"])
    monkeypatch.setenv("_REGISTRY_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(word))
    with pytest.raises(SystemExit) as ended:
        main.main()
    assert ended.value.code == 0
    return [offer.partition(",")[2] for offer in capsys.readouterr().out.splitlines() if offer]


def test_completion_of_commands_options_and_formats(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert complete(monkeypatch, capsys, "registry li", 1) == ["list", "link", "lineage", "licenses"]
    assert complete(monkeypatch, capsys, "registry list --lim", 2) == ["--limit"]
    assert complete(monkeypatch, capsys, "registry list -f js", 3) == ["json", "jsonl"]
    assert complete(monkeypatch, capsys, "registry list --sort li", 3) == ["library", "license", "likes"]
    assert complete(monkeypatch, capsys, "registry list --sort likes:", 3) == ["likes:asc", "likes:desc"]
    assert complete(monkeypatch, capsys, "registry show big", 2) == []


def test_a_reader_that_leaves_ends_it_quietly() -> None:
    program = (
        "import sys, os; from registry.cli import main; sys.argv = ['registry', 'annotate', '--list'];"
        "os.close(0); main.main()"
    )
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run([sys.executable, "-c", program], stdout=writing, stderr=subprocess.PIPE, text=True)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_behind_stdout_is_told() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "registry", "annotate", "--list"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert done.returncode == 3
    assert done.stderr.splitlines() == ["Error: No space left on device", "Hint: make room and run it again"]


def test_ctrl_c_ends_at_once_though_a_server_hangs(hub_factory: Callable[..., Any]) -> None:
    """SIGINT while a read waits for a silent server: one line, 130, no traceback, no long wait."""
    from registry.demo.hub import Reply

    hub = hub_factory({}, fault=lambda request: Reply(200, {}, b"{}", delay=30.0))
    running = script("add", "a/b", HF_ENDPOINT=hub.endpoint)
    deadline = time.monotonic() + 30
    while not hub_reached(hub) and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.3)
    began = time.monotonic()
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=20)
    assert running.returncode == 130
    assert time.monotonic() - began < 8
    assert out == ""
    assert "Traceback" not in err
    assert "Interrupted." in err


def hub_reached(hub: Any) -> bool:
    """Whether any request has arrived, answered or not."""
    return bool(hub._received)
