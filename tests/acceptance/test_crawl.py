"""A crawl killed again and again, on SQLite and on PostgreSQL: nothing half-kept stays, no page is asked for
twice that was kept, and the same command ends at last where an undisturbed run ends."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable

import pytest

from registry.catalog.catalog import Catalog
from registry.demo.hub import Recorded, RecordedHub
from tests.acceptance.command import content_of, finish, registry, start
from tests.hubs import by_id, recorded

HubFactory = Callable[..., RecordedHub]

SIZE, PAGE = 600, 20
LATENCY = 0.02


def listed() -> dict[str, Recorded]:
    """Models with bases earlier and later in the list, some of them nowhere."""
    return by_id(
        *(
            recorded(
                f"org/m{number:03d}",
                base=(f"org/m{number * 7 % SIZE:03d}", f"far/b{number % 9}")[: number % 3],
                license=("mit", "apache-2.0", None)[number % 3],
                downloads=number,
                createdAt=f"2024-01-{1 + number % 28:02d}T00:00:00.000Z",
                safetensors={"parameters": {"BF16": number + 1}, "total": number + 1},
            )
            for number in range(SIZE)
        )
    )


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """What a run without trouble leaves behind."""
    path = str(tmp_path_factory.mktemp("undisturbed") / "catalog.db")
    with RecordedHub(listed(), page_size=PAGE) as hub:
        done = registry("crawl", "--catalog", path, HF_ENDPOINT=hub.endpoint)
    assert done.code == 0, done.err
    return content_of(path)


@pytest.mark.parametrize(
    ("catalog_url", "seed", "kills"),
    [("sqlite", 1, 4), pytest.param("postgres", 3, 2, marks=pytest.mark.postgres)],
    indirect=["catalog_url"],
)
def test_a_killed_crawl_is_finished_by_the_next(
    hub_factory: HubFactory, catalog_url: str, undisturbed: dict[str, object], seed: int, kills: int
) -> None:
    chance = random.Random(seed)
    hub = hub_factory(listed(), page_size=PAGE, latency=LATENCY)
    environ = {"HF_ENDPOINT": hub.endpoint, "REGISTRY_CATALOG": catalog_url}
    for _ in range(kills):
        hub.clear_log()
        running = start("crawl", environ=environ)
        kill_at, deadline = chance.randrange(1, 6), time.monotonic() + 60
        while len(hub.log) < kill_at and time.monotonic() < deadline:
            time.sleep(0.001)
        time.sleep(chance.random() * 2 * LATENCY)
        running.kill()
        running.communicate()
        assert running.returncode == -signal.SIGKILL
        checked = registry("catalog", "check", REGISTRY_CATALOG=catalog_url)
        assert (checked.code, checked.out) == (0, "The catalog is whole.\n"), checked

    pages, models = kept(catalog_url)
    assert models == pages * PAGE < SIZE
    hub.clear_log()
    again = finish(start("crawl", environ=environ))
    assert again.code == 0, again.err
    assert len(hub.asked()) == SIZE // PAGE - pages, "only what is missing is asked for"
    assert content_of(catalog_url) == undisturbed
    assert kept(catalog_url) == (SIZE // PAGE, SIZE)


def kept(location: str) -> tuple[int, int]:
    """Pages and models of the crawl, none when it was killed before it began."""
    with Catalog.open(location) as catalog:
        crawls = catalog.crawls()
        assert len(crawls) <= 1
        assert len(catalog.tracked_after("", 10_000)) == sum(one.models for one in crawls)
        return (crawls[0].pages, crawls[0].models) if crawls else (0, 0)


def test_limits_are_kept_to_and_told(hub_factory: HubFactory, tmp_path: object) -> None:
    hub = hub_factory(listed(), page_size=100, rate=(3, 2))
    done = registry("crawl", "--catalog", f"{tmp_path}/c.db", HF_ENDPOINT=hub.endpoint)
    assert done.code == 0, done.err
    assert "600 models: 600 added" in done.out
    assert "the request limit of" in done.err
    assert {line.status for line in hub.asked()} == {200}


def test_a_limit_longer_than_our_patience_ends_it_and_later_it_goes_on(
    hub_factory: HubFactory, tmp_path: object
) -> None:
    hub = hub_factory(listed(), page_size=100, rate=(3, 600))
    place = f"{tmp_path}/c.db"
    done = registry("crawl", "--catalog", place, "--json", HF_ENDPOINT=hub.endpoint, REGISTRY_MAX_WAIT="1")
    assert done.code == 3
    assert '"code": "rate-limited"' in done.out
    assert '"models": 300' in done.out
    assert "goes on where it stopped" in done.err
    hub._window = None
    done = registry("crawl", "--catalog", place, HF_ENDPOINT=hub.endpoint)
    assert (done.code, done.out.strip()) == (0, "300 models: 300 added, 0 changed, 0 unchanged; 600 in all")
    assert "Going on behind 300 models" in done.err
