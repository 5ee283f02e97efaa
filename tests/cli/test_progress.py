"""What a person sees while models are read: one moving line on a terminal, plain words elsewhere."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from registry.demo.hub import RecordedHub
from tests.hubs import chain

HubFactory = Callable[..., RecordedHub]


def on_terminal(*args: str, **environ: str) -> tuple[int, str, str]:
    """Exit code, stdout (a pipe) and stderr (a terminal of 80 columns) of the command."""
    ours, theirs = pty.openpty()
    running = subprocess.Popen(
        [sys.executable, "-m", "registry", *args],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=theirs,
        text=True,
        env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", **environ},
    )
    os.close(theirs)
    seen = b""
    with suppress(OSError):  # Linux tells the end of a terminal by an error.
        while part := os.read(ours, 4096):
            seen += part
    out, _ = running.communicate(timeout=60)
    os.close(ours)
    return running.returncode, out, seen.decode()


def in_window(*args: str, **environ: str) -> str:
    """What a terminal shows of stdout and stderr."""
    ours, theirs = pty.openpty()
    running = subprocess.Popen(
        [sys.executable, "-m", "registry", *args],
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, **environ},
    )
    os.close(theirs)
    seen = b""
    with suppress(OSError):
        while part := os.read(ours, 4096):
            seen += part
    assert running.wait(timeout=60) == 0
    os.close(ours)
    return seen.decode()


def test_a_terminal_shows_progress_and_wipes_it(hub_factory: HubFactory) -> None:
    hub = hub_factory(chain(5), latency=0.15)
    code, out, err = on_terminal("add", "lab/step-4", HF_ENDPOINT=hub.endpoint)
    assert code == 0
    assert "Reading" in err
    assert "lab/step-" in err
    assert "5 models: 5 added." in err
    assert "Reading" not in err[err.rindex("\x1b[2K") :]
    assert "\x1b" not in out
    assert out.splitlines()[1].startswith("lab/step-4")


def test_no_color(hub_factory: HubFactory) -> None:
    hub = hub_factory(chain(2), latency=0.1)
    _, _, err = on_terminal("add", "lab/step-1", HF_ENDPOINT=hub.endpoint, NO_COLOR="1")
    assert "\x1b[3" not in err


def test_a_dumb_terminal_gets_plain_lines(hub_factory: HubFactory) -> None:
    hub = hub_factory(chain(2))
    code, _, err = on_terminal("add", "lab/step-1", HF_ENDPOINT=hub.endpoint, TERM="dumb")
    assert code == 0
    assert "\x1b" not in err


@pytest.mark.parametrize("term", ["dumb", "xterm"])
def test_only_terminals_that_can_get_colour(run_cli: Callable[..., Any], term: str) -> None:
    result = in_window("config", TERM=term)
    assert ("\x1b" in result) is (term == "xterm")
    assert "max_wait" in result


def test_a_narrow_window_is_told_what_it_misses(hub_factory: HubFactory, run_cli: Callable[..., Any]) -> None:
    run_cli("add", "lab/step-1", hub=hub_factory(chain(2)))
    seen = in_window("list", "--sort", "downloads", TERM="dumb", COLUMNS="50")
    assert "DOWNLOADS" in seen
    assert "2 columns left out; -f csv has all." in seen
    assert "left out" not in in_window("list", TERM="dumb", COLUMNS="200")


@pytest.mark.parametrize("terminal", [True, False])
def test_a_wait_is_told(hub_factory: HubFactory, run_cli: Callable[..., Any], terminal: bool) -> None:
    hub = hub_factory(chain(2), rate=(3, 1))
    if terminal:
        code, _, err = on_terminal("add", "lab/step-1", HF_ENDPOINT=hub.endpoint)
    else:
        result = run_cli("add", "lab/step-1", hub=hub)
        code, err = result.code, result.err
    assert code == 0, err
    assert "Waiting " in err
    assert " s: " in err
