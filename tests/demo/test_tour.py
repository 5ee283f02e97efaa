"""`registry demo`: every step goes as it should, on a machine with odd settings too."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from registry.demo import tour
from registry.demo.hub import RecordedHub, Reply
from tests.conftest import NOWHERE, RunCli


def test_every_step_is_taken(run_cli: RunCli, tmp_path: Path) -> None:
    began = time.monotonic()
    result = run_cli("demo")
    assert result.code == 0, result.err
    assert [line[2:] for line in result.out.splitlines() if line.startswith("$ ")] == [
        step.command for step in tour.STEPS
    ]
    assert "bigscience-bloom-rail-1.0" in result.out
    assert "meta-llama/Llama-2-7b" in result.out
    assert "The catalog is whole." in result.out
    assert "registry-demo-" not in result.out + result.err, "a path that is gone is no use"
    assert result.out.rstrip().endswith("registry demo --keep my.db")
    captions = [line for line in result.out.splitlines() if line.startswith("# ")]
    assert max(map(len, captions)) <= 80
    assert time.monotonic() - began < 20
    assert os.environ["HF_ENDPOINT"] == NOWHERE
    assert "HF_HUB_DISABLE_IMPLICIT_TOKEN" not in os.environ
    assert list(Path.cwd().iterdir()) == []


def test_the_catalog_can_be_kept_and_used(run_cli: RunCli) -> None:
    assert run_cli("demo", "--keep", "demo.db").code == 0
    kept = run_cli("--catalog", "demo.db", "list", "-q")
    assert "bigscience/bloom" in kept.out.splitlines()
    again = run_cli("demo", "--keep", "demo.db")
    assert again.code == 2
    assert "already there" in again.err


def test_a_step_that_fails_ends_the_tour(run_cli: RunCli, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = (tour.Step("?", "registry show nobody/nothing"), tour.Step("never", "registry list"))
    monkeypatch.setattr(tour, "STEPS", steps)
    result = run_cli("demo")
    assert result.code == 2
    assert "never" not in result.out


def test_surroundings_do_not_matter(tmp_path: Path) -> None:
    """A proxy, a token, offline mode and a catalog of one's own: the tour minds none of them."""
    (tmp_path / "work/registry.toml").write_text('catalog = "mine.db"\n', encoding="utf-8")
    odd = {
        "HF_TOKEN": "hf_secret_token_of_somebody",
        "HF_HUB_OFFLINE": "1",
        "HTTP_PROXY": "http://127.0.0.1:9",
        "http_proxy": "http://127.0.0.1:9",
        "ALL_PROXY": "http://127.0.0.1:9",
        "REGISTRY_CATALOG": "other.db",
        "HF_ENDPOINT": "http://127.0.0.1:9",
    }
    done = subprocess.run(
        [sys.executable, "-m", "registry", "demo"],
        env={**os.environ, **odd},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "hf_secret" not in done.stdout + done.stderr
    assert [path.name for path in Path.cwd().iterdir()] == ["registry.toml"]


def test_no_token_reaches_the_recorded_hub(monkeypatch: pytest.MonkeyPatch, run_cli: RunCli) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret_token_of_somebody")
    shown: list[str | None] = []

    def watching(*args: object, **named: object) -> object:
        def note(request: object) -> Reply | None:
            shown.append(request.token)  # type: ignore[attr-defined]
            return None

        return RecordedHub(*args, fault=note, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(tour, "RecordedHub", watching)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_IMPLICIT_TOKEN", True)
    assert run_cli("demo").code == 0
    assert set(shown) == {None}
