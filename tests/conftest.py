"""What every test stands on: a home of its own, no network but loopback, a Hub that plays back."""

from __future__ import annotations

import ipaddress
import os
import socket
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from registry.demo.bundle import load_bundle
from registry.demo.hub import Recorded, RecordedHub

pytest_plugins = ["pytester"]

SHARED = Path(__file__).parents[2] / "shared"
"""The larger recorded data beside the checkout, where there is any."""

NOWHERE = "http://127.0.0.1:9"
"""An address nobody answers at: what the Hub's client talks to unless a test says otherwise."""

_FOREIGN = ("HF_", "HUGGING", "REGISTRY_", "XDG_")
_KEPT = ("REGISTRY_TEST_",)
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


def _foreign_names() -> list[str]:
    """Settings of whoever runs the tests, which no test may see."""
    return [
        name
        for name in os.environ
        if (name.startswith(_FOREIGN) and not name.startswith(_KEPT)) or name.lower() in _PROXIES
    ]


def _environment_of(home: Path) -> dict[str, str]:
    """What a fresh user whose home is `home` has set."""
    return {
        "HOME": str(home),
        "HF_HOME": str(home / "hf"),
        "HF_ENDPOINT": NOWHERE,
        "XDG_CONFIG_HOME": str(home / "config"),
        "XDG_CACHE_HOME": str(home / "cache"),
        "XDG_DATA_HOME": str(home / "data"),
        "XDG_STATE_HOME": str(home / "state"),
        "COLUMNS": "120",
    }


def pytest_configure(config: pytest.Config) -> None:
    # The Hub's client reads its settings when it is imported: they must be ours before any test is.
    home = tempfile.TemporaryDirectory(prefix="registry-tests-")
    config.add_cleanup(home.cleanup)
    for name in _foreign_names():
        del os.environ[name]
    os.environ.update(_environment_of(Path(home.name)))


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh home and working directory; subprocesses inherit both."""
    home, work = tmp_path / "home", tmp_path / "work"
    home.mkdir()
    work.mkdir()
    for name in _foreign_names():
        monkeypatch.delenv(name)
    for name, value in _environment_of(home).items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(work)
    return home


@pytest.fixture(autouse=True)
def only_loopback(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Refuses every address but this machine's, and fails the test that tried one, even where it hid it."""
    tried: list[str] = []
    connect, connect_ex, getaddrinfo = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo

    def check(host: object) -> None:
        if not _is_loopback(host):
            tried.append(str(host))
            raise OSError(f"tests do not leave this machine: {host!r}")

    def guarded(call: Callable[..., Any]) -> Callable[..., Any]:
        def guard(self: socket.socket, address: Any) -> Any:
            if self.family in (socket.AF_INET, socket.AF_INET6):
                check(address[0])
            return call(self, address)

        return guard

    def look_up(host: object, *rest: Any, **named: Any) -> Any:
        check(host)
        return getaddrinfo(host, *rest, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(socket.socket, "connect", guarded(connect))
    monkeypatch.setattr(socket.socket, "connect_ex", guarded(connect_ex))
    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    yield
    assert not tried, f"the test asked for {sorted(set(tried))}"


def _is_loopback(host: object) -> bool:
    if host is None:
        return True
    name = host.decode() if isinstance(host, bytes) else str(host)
    if name in ("", "localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


@pytest.fixture
def shared() -> Path:
    """The larger recorded data; the test is skipped where it is absent. Mark such tests `shared`."""
    if not SHARED.is_dir():
        pytest.skip("the recorded data is not beside the checkout")
    return SHARED


HubFactory = Callable[..., RecordedHub]


@pytest.fixture
def hub_factory() -> Iterator[HubFactory]:
    """Starts recorded Hubs with the arguments of `RecordedHub`, and stops them after the test."""
    with ExitStack() as running:

        def start(models: Mapping[str, Recorded] | None = None, **settings: Any) -> RecordedHub:
            return running.enter_context(RecordedHub(models or {}, **settings))

        yield start


@pytest.fixture
def recorded_hub(hub_factory: HubFactory) -> RecordedHub:
    """A Hub that plays back the bundle the package ships."""
    bundle = load_bundle()
    return hub_factory(bundle.models, moved=bundle.moved)


@dataclass(frozen=True, slots=True)
class CliResult:
    """What a command line left behind."""

    code: int
    out: str
    err: str


RunCli = Callable[..., CliResult]


@pytest.fixture
def run_cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> RunCli:
    """Runs a command line in this process: `run_cli("show", "a/b", hub=hub, stdin="...", NAME="value")`.

    hub: the recorded Hub to talk to. Further keywords are environment variables.
    """

    def run(
        *args: str, hub: RecordedHub | None = None, stdin: str | None = None, **environ: str
    ) -> CliResult:
        from registry.cli import main

        if hub is not None:
            environ["HF_ENDPOINT"] = hub.endpoint
        if stdin is not None:
            import io
            import sys

            monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode()), encoding="utf-8"))
        capsys.readouterr()
        code = main.run(args, environ={**os.environ, **environ})
        out, err = capsys.readouterr()
        return CliResult(code, out, err)

    return run
