"""Killed again and again in the middle of adding 150 models, on SQLite and on PostgreSQL: nothing half-kept
stays, and the same command ends at last where an undisturbed run ends."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable

import pytest

from registry.catalog.catalog import Catalog
from registry.demo.hub import RecordedHub
from tests.acceptance.command import content_of, finish, registry, start
from tests.acceptance.family import family, names

HubFactory = Callable[..., RecordedHub]

SIZE = 150
LATENCY = 0.02
"""Seconds per answer: 300 requests, 8 at a time, take most of a second."""


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """What a run without trouble leaves behind."""
    path = str(tmp_path_factory.mktemp("undisturbed") / "catalog.db")
    with RecordedHub(family(SIZE)) as hub:
        done = registry("add", "-", "--catalog", path, stdin="\n".join(names(SIZE)), HF_ENDPOINT=hub.endpoint)
    assert done.code == 0, done.err
    return content_of(path)


@pytest.mark.parametrize(
    ("catalog_url", "seed", "kills"),
    [("sqlite", 0, 4), pytest.param("postgres", 2, 2, marks=pytest.mark.postgres)],
    indirect=["catalog_url"],
)
def test_a_killed_add_is_finished_by_the_next(
    hub_factory: HubFactory, catalog_url: str, undisturbed: dict[str, object], seed: int, kills: int
) -> None:
    chance = random.Random(seed)
    hub = hub_factory(family(SIZE), latency=LATENCY)
    environ = {"HF_ENDPOINT": hub.endpoint, "REGISTRY_CATALOG": catalog_url}
    wanted = "\n".join(names(SIZE))
    kept = 0
    for _ in range(kills):
        hub.clear_log()
        running = start("add", "-", stdin=wanted, environ=environ)
        kill_at, deadline = chance.randrange(30, 70), time.monotonic() + 60
        while len(hub.log) < kill_at and time.monotonic() < deadline:
            time.sleep(0.001)
        time.sleep(chance.random() * LATENCY)
        running.kill()
        running.communicate()
        assert running.returncode == -signal.SIGKILL
        checked = registry("catalog", "check", REGISTRY_CATALOG=catalog_url)
        assert (checked.code, checked.out) == (0, "The catalog is whole.\n"), checked
        before, kept = kept, tracked(catalog_url)
        assert before < kept < SIZE

    hub.clear_log()
    again = finish(start("add", "-", stdin=wanted, environ=environ))
    assert again.code == 0, again.err
    assert len(hub.asked()) == 2 * (SIZE - kept), "only what is missing is read"
    assert content_of(catalog_url) == undisturbed


def tracked(location: str) -> int:
    with Catalog.open(location) as catalog:
        return len(catalog.tracked_after("", 10_000))
