"""Two processes adding to one catalog at once, which neither of them found there: nothing is lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from registry.demo.hub import RecordedHub
from tests.acceptance.command import content_of, finish, registry, start
from tests.acceptance.family import family, names

HubFactory = Callable[..., RecordedHub]

ALL = names(60)
OVERLAPPING = (ALL[:45], ALL[:14:-1])


@pytest.mark.parametrize(
    ("catalog_url", "shares"),
    [("sqlite", OVERLAPPING), pytest.param("postgres", OVERLAPPING, marks=pytest.mark.postgres)],
    indirect=["catalog_url"],
    ids=["sqlite", "postgres"],
)
def test_two_adding_at_once_lose_nothing(
    hub_factory: HubFactory, catalog_url: str, tmp_path: Path, shares: tuple[list[str], list[str]]
) -> None:
    hub = hub_factory(family(60), latency=0.005)
    environ = {"HF_ENDPOINT": hub.endpoint, "REGISTRY_CATALOG": catalog_url}
    both = [start("add", "-", stdin="\n".join(share), environ=environ) for share in shares]
    for done in [finish(running) for running in both]:
        assert done.code == 0, done.err
    alone = str(tmp_path / "alone.db")
    registry("add", "-", "--catalog", alone, stdin="\n".join(ALL), HF_ENDPOINT=hub.endpoint)
    assert content_of(catalog_url) == content_of(alone)
