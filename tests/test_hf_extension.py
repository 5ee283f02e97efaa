"""`hf registry ...`: the Hub's own command runs us as one of its extensions."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.readme import EXAMPLE

BIN = Path(sys.executable).parent


@pytest.mark.skipif(
    not (BIN / "hf-registry").exists(), reason="the project is not installed in this environment"
)
def test_hf_dispatches_to_the_installed_script(own_home: Path) -> None:
    # What `hf extensions install` leaves behind for a Python extension.
    folder = own_home / ".local/share/hf/extensions/hf-registry"
    folder.mkdir(parents=True)
    manifest = {
        "owner": "somebody",
        "repo": "hf-registry",
        "repo_id": "somebody/hf-registry",
        "short_name": "registry",
        "executable_path": str(BIN / "hf-registry"),
        "type": "python",
        "installed_at": "2026-11-01T00:00:00+00:00",
    }
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    shutil.copyfile(EXAMPLE, "catalog.db")
    done = subprocess.run(
        [str(BIN / "hf"), "registry", "list", "bloom", "-q"],
        env={**os.environ, "HF_HUB_DISABLE_UPDATE_CHECK": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "bigscience/bloom" in done.stdout.splitlines()
