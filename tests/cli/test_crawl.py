"""`crawl` as a command: what it prints, how it ends, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from registry.demo.hub import RecordedHub, Reply
from tests.hubs import by_id, recorded

HubFactory = Callable[..., RecordedHub]
RunCli = Callable[..., Any]

MODELS = by_id(
    recorded("org/old", downloads=9, lastModified="2024-01-01T00:00:00.000Z"),
    recorded("org/new", base="org/old", downloads=5, lastModified="2024-06-01T00:00:00.000Z"),
    recorded("lab/mid", downloads=7, lastModified="2024-03-01T00:00:00.000Z"),
)


def test_all_of_it(run_cli: RunCli, hub_factory: HubFactory) -> None:
    hub = hub_factory(MODELS)
    done = run_cli("crawl", hub=hub)
    assert (done.code, done.out) == (0, "3 models: 3 added, 0 changed, 0 unchanged\n")
    assert run_cli("crawl", hub=hub).out == "3 models: 0 added, 0 changed, 3 unchanged\n"
    assert run_cli("list", "-q", hub=hub).out.split() == ["lab/mid", "org/new", "org/old"]


def test_parts_of_it(run_cli: RunCli, hub_factory: HubFactory) -> None:
    hub = hub_factory(MODELS)
    assert run_cli("crawl", "--top", "2", hub=hub).out.startswith("2 models")
    assert run_cli("list", "-q").out.split() == ["lab/mid", "org/old"]
    assert run_cli("crawl", "--author", "lab", hub=hub).out.startswith("1 model:")
    assert run_cli("crawl", "--filter", "base_model:org/old", hub=hub).out.startswith("1 model: 1 added")
    assert run_cli("crawl", "--since", "2024-02-01", hub=hub).out.startswith("2 models")
    assert run_cli("crawl", "--limit", "1", hub=hub).out.startswith("1 model")


def test_json_says_how_far_it_is(run_cli: RunCli, hub_factory: HubFactory) -> None:
    hub = hub_factory(MODELS)
    told = json.loads(run_cli("crawl", "--json", hub=hub).out)
    assert (told["complete"], told["models"], told["pages"], told["added"]) == (True, 3, 1, 3)
    assert told["finished_at"] is not None
    assert told["walk"] == [hub.endpoint, "by createdAt"]


def test_crawls_are_remembered(run_cli: RunCli, hub_factory: HubFactory) -> None:
    hub = hub_factory(MODELS)
    run_cli("crawl", hub=hub)
    assert run_cli("crawl", "--since", "last", hub=hub).out.startswith("0 models")
    shown = run_cli("crawl", "--list")
    assert shown.code == 0
    assert len(shown.out.splitlines()) == 3
    told = json.loads(run_cli("crawl", "--list", "--json").out)["crawls"]
    assert [one["models"] for one in told] == [0, 3]


def test_what_could_not_be_read(run_cli: RunCli, hub_factory: HubFactory) -> None:
    hub = hub_factory({}, fault=lambda _: Reply.json([{"id": "org/a"}, {"id": "a b"}, 7]))
    done = run_cli("crawl", hub=hub)
    assert done.code == 3
    assert done.out == "1 model: 1 added, 0 changed, 0 unchanged; 2 rows left out\n"
    assert "Left out row 2 of page 1" in done.err


def test_broken_off(run_cli: RunCli, hub_factory: HubFactory) -> None:
    hub = hub_factory(MODELS, page_size=1, fault=lambda one: Reply(501) if one.number >= 2 else None)
    done = run_cli("crawl", hub=hub)
    assert done.code == 3
    assert done.out == "2 models: 2 added, 0 changed, 0 unchanged; not finished\n"
    assert "Stopped: " in done.err
    assert "goes on where it stopped" in done.err
    hub.fault = None
    done = run_cli("crawl", hub=hub)
    assert (done.code, done.out) == (0, "1 model: 1 added, 0 changed, 0 unchanged; 3 in all\n")


def test_offline(run_cli: RunCli) -> None:
    done = run_cli("crawl", HF_HUB_OFFLINE="1")
    assert done.code == 3
    assert "HF_HUB_OFFLINE" in done.err
    assert "Created" not in done.err


def test_nobody_there(run_cli: RunCli) -> None:
    done = run_cli("crawl", HF_ENDPOINT="http://127.0.0.1:9")
    assert done.code == 3
    assert "cannot reach 127.0.0.1:9" in done.err


@pytest.mark.parametrize(
    "args",
    [
        ("--top", "5", "--limit", "3"),
        ("--top", "5", "--since", "2024-01-01"),
        ("--top", "0"),
        ("--since", "whenever"),
        ("--since", "2999-01-01"),
        ("--since", "last"),
        ("--author", "a\nb"),
        ("--filter", "x" * 3000),
    ],
)
def test_what_makes_no_crawl(run_cli: RunCli, hub_factory: HubFactory, args: tuple[str, ...]) -> None:
    assert run_cli("crawl", *args, hub=hub_factory(MODELS)).code == 2
