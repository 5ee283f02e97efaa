"""The tests keep to themselves: their own home, no network, and so do the processes they start."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.conftest import NOWHERE, _is_loopback


def test_home_is_fresh_and_inherited(own_home: Path, tmp_path: Path) -> None:
    told = subprocess.run(
        [sys.executable, "-c", "import os, pathlib; print(pathlib.Path.home(), os.getcwd())"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.split() == [str(own_home), str(tmp_path / "work")]
    assert os.environ["HF_ENDPOINT"] == NOWHERE
    assert not {"HF_TOKEN", "HTTPS_PROXY", "https_proxy", "REGISTRY_CATALOG"} & set(os.environ)


def test_the_hub_client_has_our_home() -> None:
    from huggingface_hub import constants

    assert Path(constants.HF_HOME).is_relative_to(tempfile.gettempdir())
    assert constants.ENDPOINT == NOWHERE


@pytest.mark.parametrize(
    ("host", "ours"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("localhost", True),
        (b"127.0.0.2", True),
        (None, True),
        ("", True),
        ("192.0.2.1", False),
        ("huggingface.co", False),
    ],
)
def test_loopback_is_told_from_the_rest(host: object, ours: bool) -> None:
    assert _is_loopback(host) is ours


def test_the_guard_refuses_and_reports(pytester: pytest.Pytester) -> None:
    """A test that swallows the refusal fails all the same."""
    pytester.makeconftest(Path(__file__).with_name("conftest.py").read_text(encoding="utf-8"))
    pytester.makepyfile(
        """
        import socket

        def test_swallows():
            try:
                socket.create_connection(("192.0.2.1", 80), timeout=1)
            except OSError:
                pass

        def test_looks_up():
            try:
                socket.getaddrinfo("hub.example", 443)
            except OSError:
                pass

        def test_stays():
            with socket.create_server(("127.0.0.1", 0)) as server:
                socket.create_connection(server.getsockname(), timeout=1).close()
        """
    )
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    result.assert_outcomes(passed=3, errors=2)
    result.stdout.fnmatch_lines(["*the test asked for*192.0.2.1*", "*the test asked for*hub.example*"])


def test_unix_sockets_are_nobody_elses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        server.bind("s")
        server.listen()
        client.connect("s")
