"""The small zoo (`tests/data/zoo`) as the recorded Hub serves it: files, cards and dates, not the truth."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache

from registry.demo.hub import Recorded
from tests.benchmarks.evidence import declared_by
from tests.hubs import by_id, recorded
from tests.weights.models import ZOO


@cache
def _manifest() -> Mapping[str, Mapping[str, object]]:
    content = json.loads((ZOO / "manifest.json").read_text())
    return {model["id"]: model for model in content["models"]}


def named() -> dict[str, str]:
    """Names by the key of a model in the manifest, such as `A.a` for a child of `A`."""
    return {str(model["key"]): name for name, model in _manifest().items()}


def contents(name: str) -> dict[str, bytes]:
    """The files of one model by path."""
    return {path.name: path.read_bytes() for path in sorted((ZOO / name).iterdir())}


def as_recorded(name: str, repo_id: str | None = None, **more: object) -> Recorded:
    """One model as the Hub would tell of it, under another name if given."""
    base = more.pop("base", declared_by(ZOO / name))
    return recorded(
        repo_id or name,
        base=base,  # type: ignore[arg-type]
        files=contents(name),
        createdAt=f"{str(_manifest()[name]['created_at'])[:19]}.000Z",
        **more,  # type: ignore[arg-type]
    )


def zoo_hub_models() -> dict[str, Recorded]:
    """All of them by name."""
    return by_id(*(as_recorded(name) for name in _manifest()))
