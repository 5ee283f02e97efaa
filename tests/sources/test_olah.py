"""Interoperability with `olah`, a third-party Hub server over local git repositories.

It shows that the source does not only understand our own recording. What olah lacks (tags, paging, `expand`,
ranges, models without a revision) is tolerated, not required. `REGISTRY_TEST_OLAH` names its command, or the
folder of the environment it is installed in; else `olah-cli` is looked for on the path.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from registry.contract import Want
from registry.errors import NotVisible, SourceError
from registry.model.edges import Relation
from registry.model.refs import ModelRef
from registry.sources.hub import HubSource
from tests.hubs import git_oid, safetensors

START = 60.0
"""Seconds the server may take to listen."""

WEIGHTS = safetensors({"w": ("F32", [5, 2], bytes(40))})
CARD = b"---\nlicense: apache-2.0\nbase_model: org/base\nbase_model_relation: finetune\n---\n# Tuned\n"


def olah_command() -> str | None:
    named = os.environ.get("REGISTRY_TEST_OLAH")
    if not named:
        return shutil.which("olah-cli")
    place = Path(named)
    return str(place / "bin" / "olah-cli" if place.is_dir() else place)


COMMAND = olah_command()
pytestmark = pytest.mark.skipif(
    COMMAND is None, reason="olah is not installed (REGISTRY_TEST_OLAH names its environment)"
)


def git(folder: Path, *words: str) -> str:
    who = ["-c", "user.name=Tester", "-c", "user.email=tester@example.org", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", *who, *words], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def repository(mirrors: Path, name: str, files: dict[str, bytes]) -> str:
    """A git repository as olah expects one, weights as LFS objects; the commit."""
    folder = mirrors / "models" / name
    folder.mkdir(parents=True)
    git(folder, "init", "-q", "-b", "main")
    for path, data in files.items():
        if path.endswith(".safetensors"):
            sha256 = hashlib.sha256(data).hexdigest()
            stored = folder / ".git" / "lfs" / "objects" / sha256[:2] / sha256[2:4] / sha256
            stored.parent.mkdir(parents=True)
            stored.write_bytes(data)
            data = b"version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %d\n" % (
                sha256.encode(),
                len(data),
            )
        (folder / path).write_bytes(data)
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "first")
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture(scope="module")
def olah(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """A running olah: its address, and the commit of `org/tuned`."""
    assert COMMAND is not None
    place = tmp_path_factory.mktemp("olah")
    commit = repository(
        place / "mirrors",
        "org/tuned",
        {"README.md": CARD, "config.json": b'{"model_type": "bloom"}', "model.safetensors": WEIGHTS},
    )
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (place / "olah.toml").write_text(
        f'[basic]\nhost = "127.0.0.1"\nport = {port}\nrepos-path = "{place}/repos"\n'
        f'mirrors-path = ["{place}/mirrors"]\n\n[accessibility]\noffline = true\n'
    )
    environ = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    with (place / "output").open("wb") as output:
        server = subprocess.Popen(
            [COMMAND, "--config", str(place / "olah.toml"), "--log-path", str(place / "logs")],
            cwd=place,
            env={**environ, "HOME": str(place), "HF_HOME": str(place / "hf"), "HF_HUB_OFFLINE": "1"},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            _wait_until_it_listens(server, port, place / "output")
            yield f"http://127.0.0.1:{port}", commit
        finally:
            server.terminate()
            try:
                server.wait(10)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def _wait_until_it_listens(server: subprocess.Popen[bytes], port: int, output: Path) -> None:
    deadline = time.monotonic() + START
    while time.monotonic() < deadline and server.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    pytest.fail(f"olah did not start:\n{output.read_text(errors='replace')[-2000:]}")


@pytest.fixture
def source(olah: tuple[str, str]) -> Iterator[HubSource]:
    with HubSource(endpoint=olah[0], token=False, timeout=20, sleep=lambda _: None) as found:
        yield found


def test_a_model_is_read_with_files_card_and_headers(source: HubSource, olah: tuple[str, str]) -> None:
    snapshot = source.fetch(ModelRef("org/tuned", revision="main"), Want(headers=True, deep=True))
    assert (snapshot.repo_id, snapshot.commit_sha, snapshot.revision) == ("org/tuned", olah[1], "main")
    assert snapshot.files is not None
    assert snapshot.files_complete
    files = {file.path: file for file in snapshot.files}
    assert set(files) == {"README.md", "config.json", "model.safetensors"}
    assert files["model.safetensors"].size == len(WEIGHTS)
    assert files["model.safetensors"].sha256 == hashlib.sha256(WEIGHTS).hexdigest()
    assert files["README.md"].git_oid == git_oid(CARD)
    assert {claim.value for claim in snapshot.licenses} == {"apache-2.0"}
    assert ("org/base", Relation.FINETUNE) in {(claim.base, claim.relation) for claim in snapshot.claims}
    assert snapshot.parameters is not None
    assert dict(snapshot.parameters.by_dtype) == {"F32": 10}
    assert snapshot.config["model_type"] == "bloom"


def test_a_commit_is_read_like_a_branch(source: HubSource, olah: tuple[str, str]) -> None:
    snapshot = source.fetch(ModelRef("org/tuned", revision=olah[1]), Want())
    assert snapshot.commit_sha == olah[1]


def test_what_is_not_there_is_not_visible(source: HubSource) -> None:
    with pytest.raises(NotVisible, match="org/none"):
        source.fetch(ModelRef("org/none", revision="main"), Want())


def test_lists_it_does_not_have_are_a_plain_error(source: HubSource) -> None:
    with pytest.raises(SourceError, match="org/base"):
        source.derivatives(ModelRef("org/base"), Relation.FINETUNE, 5)
