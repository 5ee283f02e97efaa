"""The command as users run it, in a process of its own, and all that a catalog tells."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from registry.catalog.catalog import Catalog
from registry.exports import shapes
from registry.exports.rows import plain
from registry.services.describe import describe

TIMES = frozenset({"observed_at", "first_seen", "last_seen"})


@dataclass(frozen=True, slots=True)
class Done:
    """What a process left behind."""

    code: int
    out: str
    err: str


def start(*args: str, stdin: str | None = None, environ: Mapping[str, str] | None = None) -> Any:
    """`registry ARGS` under way."""
    running = subprocess.Popen(
        [sys.executable, "-m", "registry", *args],
        stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **(environ or {})},
    )
    if stdin is not None:
        assert running.stdin is not None
        running.stdin.write(stdin)
        running.stdin.close()
        running.stdin = None
    return running


def finish(running: Any, timeout: float = 120) -> Done:
    """Wait for it; nothing of ours may ever show a traceback."""
    out, err = running.communicate(timeout=timeout)
    assert "Traceback" not in err + out
    return Done(running.returncode, out, err)


def registry(*args: str, stdin: str | None = None, **environ: str) -> Done:
    """Run `registry ARGS` to its end; keywords are environment variables."""
    return finish(start(*args, stdin=stdin, environ=environ))


def timeless(value: Any) -> Any:
    """A document without the moments at which things were seen."""
    if isinstance(value, dict):
        return {name: timeless(item) for name, item in value.items() if name not in TIMES}
    return [timeless(item) for item in value] if isinstance(value, list) else value


def content_of(location: str) -> dict[str, object]:
    """All that a catalog tells, apart from when it was seen: by model what `show --history --files` gives,
    every claim and the raw answers; and the counts of `catalog stats`. The catalog must be whole."""
    with Catalog.open(location) as catalog:
        assert catalog.check() == []
        names = [brief.repo_id for brief in catalog.search(include_referenced=True)]
        told: dict[str, object] = {name: timeless(plain(_all_of(catalog, name))) for name in names}
        told["stats"] = {name: count for name, count in catalog.stats().items() if name != "bytes"}
    return told


def _all_of(catalog: Catalog, name: str) -> dict[str, object]:
    description = describe(catalog, name)
    files = description.snapshot.files if description.snapshot else None
    return {
        **shapes.show(description),
        "files": None if files is None else [shapes.file(file) for file in files],
        "history": [shapes.history_entry(entry) for entry in catalog.history(name)],
        "claims": sorted(
            (repr(timeless(plain(shapes.claim(one)))), one.base) for one in catalog.claims(name)
        ),
        "raw": [repr(catalog.raw(name, kind)) for kind in ("model", "tree")],
    }
