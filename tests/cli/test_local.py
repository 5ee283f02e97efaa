"""Models on this disk from the command line: added, shown, hashed, compared tensor by tensor."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from registry.demo.hub import RecordedHub
from tests.hubs import safetensors
from tests.weights.models import ZOO

Run = Callable[..., Any]
CHILD, BASE = "m-a3d41a77", "m-7142f213"
CARD = "---\nlicense: mit\nbase_model: lab/origin\n---\n"


@pytest.fixture
def zoo() -> Path:
    """A model of the zoo and its base in the working directory, written a while ago."""
    folder = Path("models")
    for name in (CHILD, BASE):
        shutil.copytree((ZOO / "zoo" if (ZOO / "zoo").is_dir() else ZOO) / name, folder / name)
        for path in (folder / name).iterdir():
            os.utime(path, ns=(10**18, 10**18))
    return folder.resolve()


@pytest.fixture
def linked(run_cli: Run, zoo: Path) -> Path:
    """Both in the catalog with their hashes, the child made from its base."""
    refs = [f"local:models/{name}" for name in (CHILD, BASE)]
    assert run_cli("add", *refs, "--depth", "0", "--hash").code == 0
    made = run_cli("link", *refs, "--relation", "finetune", "--note", "told by the manifest")
    assert made.code == 0, made.err
    return zoo


def test_a_relative_path_becomes_one_name(run_cli: Run, zoo: Path) -> None:
    for ref in (f"local:models/{CHILD}", f"local:./models/{CHILD}/", f"local:{zoo}/{CHILD}"):
        result = run_cli("add", ref, "--depth", "0", "--json")
        assert result.code == 0
        (model,) = json.loads(result.out)["models"]
        assert model["repo_id"] == f"local:{zoo}/{CHILD}"
        assert model["parameters"] == 78_144
    assert run_cli("list", "-q").out.splitlines() == [f"local:{zoo}/{CHILD}"]


def test_home_is_written_out(run_cli: Run, zoo: Path, own_home: Path) -> None:
    (own_home / "mine").symlink_to(zoo / CHILD)
    assert run_cli("add", "local:~/mine", "--depth", "0").code == 0
    assert run_cli("show", "local:~/mine", "--json").code == 0
    assert run_cli("list", "-q").out == f"local:{own_home}/mine\n"


def test_every_command_knows_local_models(run_cli: Run, linked: Path) -> None:
    ref = f"local:models/{CHILD}"
    shown = json.loads(run_cli("show", ref, "--json").out)
    assert (shown["source"], shown["commit_sha"]) == ("local", None)
    assert shown["parameters"]["origin"] == "headers"
    bases = json.loads(run_cli("lineage", ref, "--json").out)["edges"]
    assert {edge["base"] for edge in bases} == {f"local:{linked}/{BASE}", f"zoo/{BASE}"}
    assert run_cli("cost", ref, "--json").code == 0
    audit = run_cli("audit", f"local:models/{BASE}", "--json")
    assert json.loads(audit.out)["models"] == 1
    assert run_cli("refresh", f"local:models/{BASE}").code == 0
    assert run_cli("remove", ref, "--yes").code == 0


def test_a_base_in_the_card_is_the_model_of_the_hub(run_cli: Run, family_hub: RecordedHub) -> None:
    Path("tuned").mkdir()
    Path("tuned/README.md").write_text(CARD)
    Path("tuned/model.safetensors").write_bytes(safetensors({"w": ("F16", [4], bytes(8))}))
    result = run_cli("add", "local:tuned", hub=family_hub)
    assert result.code == 0, result.err
    assert "lab/origin" in run_cli("list", "-q").out.splitlines()
    children = json.loads(run_cli("lineage", "lab/origin", "--json").out)["edges"]
    assert (f"local:{Path('tuned').resolve()}", "lab/origin") in {
        (edge["derivative"], edge["base"]) for edge in children
    }


def test_looking_again_sees_what_changed(run_cli: Run, zoo: Path) -> None:
    ref = f"local:models/{BASE}"
    assert json.loads(run_cli("add", ref, "--depth", "0", "--json").out)["models"][0]["state"] == "added"
    assert json.loads(run_cli("add", ref, "--depth", "0", "--json").out)["models"][0]["state"] == "unchanged"
    (zoo / BASE / "config.json").write_text("{}")
    assert json.loads(run_cli("add", ref, "--depth", "0", "--json").out)["models"][0]["state"] == "changed"
    shutil.rmtree(zoo / BASE)
    assert run_cli("add", ref, "--depth", "0").code == 3
    assert run_cli("refresh", ref).code == 0
    assert json.loads(run_cli("show", ref, "--json").out)["removed"] is True


def test_hashes_make_copies_certain(run_cli: Run, zoo: Path) -> None:
    shutil.copytree(zoo / BASE, zoo / "copy")
    run_cli("add", f"local:models/{BASE}", "local:models/copy", "--depth", "0")
    assert json.loads(run_cli("dedup", "--json").out)["shared"] == []
    assert run_cli("add", f"local:models/{BASE}", "local:models/copy", "--depth", "0", "--hash").code == 0
    shared = json.loads(run_cli("dedup", "--json").out)["shared"]
    data = (zoo / BASE / "model.safetensors").read_bytes()
    assert hashlib.sha256(data).hexdigest() in {one["sha256"] for one in shared}
    # What is known is told again without being asked for.
    assert run_cli("add", f"local:models/{BASE}", "--depth", "0").code == 0
    assert json.loads(run_cli("dedup", "--json").out)["shared"] == shared


def test_nothing_is_there(run_cli: Run) -> None:
    result = run_cli("add", "local:absent")
    assert result.code == 3
    assert "there is nothing at" in result.err
    assert "write local:./absent" in run_cli("add", "./absent").err
    assert "`registry add local:" in run_cli("show", "local:absent").err


@pytest.mark.usefixtures("linked")
class TestTensors:
    def test_the_table(self, run_cli: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        result = run_cli("dedup", "--tensors")
        assert result.code == 0
        assert "Tensors of weight files that were read as a whole" in result.out
        assert "as deltas" in result.out
        assert "Shared with the base, tensor by tensor: certain" in result.out
        monkeypatch.setattr("registry.cli.output.is_terminal", lambda _: True)
        narrow = run_cli("dedup", "--tensors", COLUMNS="80", NO_COLOR="1").out
        assert max(map(len, narrow.splitlines())) <= 80

    def test_json(self, run_cli: Run) -> None:
        assert json.loads(run_cli("dedup", "--json").out)["tensors"] is None
        told = json.loads(run_cli("dedup", "--tensors", "--json").out)["tensors"]
        assert (told["models"], told["files"], told["unread_models"]) == (2, 2, [])
        assert told["tensor_dedup_ratio"] > told["file_dedup_ratio"] == 1
        (pair,) = told["shared_with_base"]
        assert 0 < pair["equal_bytes"] < pair["bytes"]
        deltas = told["deltas"]
        assert deltas["stored"]["mid"] + deltas["saved"]["mid"] == pytest.approx(deltas["bytes"], abs=2)
        assert [one["with_base_bytes"] > 0 for one in deltas["by_model"]] == [False, True]

    def test_rows(self, run_cli: Run) -> None:
        rows = list(csv.DictReader(io.StringIO(run_cli("dedup", "--tensors", "-f", "csv").out)))
        assert [row["kind"] for row in rows if row["kind"] in ("frozen", "delta")] == [
            "frozen",
            "delta",
            "delta",
        ]


def test_without_hashes_no_tensors_are_known(run_cli: Run, zoo: Path) -> None:
    run_cli("add", f"local:models/{BASE}", "--depth", "0")
    told = json.loads(run_cli("dedup", "--tensors", "--json").out)["tensors"]
    assert (told["models"], told["logical_bytes"], told["deltas"]) == (0, None, None)
    assert told["unread_models"] == [f"local:{zoo}/{BASE}"]
    assert "--hash` reads them" in run_cli("dedup", "--tensors").out
