"""`refresh` against a host whose models changed, vanished, came back, and against what is no Hub at all."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from registry.demo.hub import RecordedHub, Reply
from tests.hubs import by_id, commit_of, recorded

RunCli = Callable[..., Any]
HubFactory = Callable[..., RecordedHub]

FIRST = by_id(
    recorded("lab/origin"),
    recorded("lab/rival"),
    recorded("lab/licensed", license="mit"),
    recorded("lab/based", base="lab/origin"),
    recorded("lab/gate"),
    recorded("lab/commit"),
    recorded("lab/size", files={"README.md": b"", "model.bin": bytes(100)}),
    recorded("lab/gone"),
    recorded("lab/same"),
)
SECOND = by_id(
    recorded("lab/origin"),
    recorded("lab/rival"),
    recorded("lab/licensed", license="gpl-3.0"),
    recorded("lab/based", base="lab/rival"),
    recorded("lab/gate", gated="manual"),
    recorded("lab/commit", commit=commit_of("later")),
    recorded("lab/size", files={"README.md": b"", "model.bin": bytes(300)}, commit=commit_of("bigger")),
    recorded("lab/same", downloads=99),
)


@pytest.fixture
def hub(hub_factory: HubFactory, run_cli: RunCli) -> RecordedHub:
    """A Hub from which everything was added."""
    hub = hub_factory(FIRST)
    result = run_cli("add", *FIRST, hub=hub)
    assert result.code == 0, result.err
    return hub


def refreshed(run_cli: RunCli, hub: RecordedHub, *args: str) -> dict[str, dict[str, Any]]:
    result = run_cli("refresh", *(args or ("--all",)), "--json", hub=hub)
    assert result.code == 0, result.err
    return {model["ref"]: model for model in json.loads(result.out)["models"]}


def changes(model: dict[str, Any]) -> dict[str, tuple[str | None, str | None]]:
    return {change["field"]: (change["before"], change["after"]) for change in model["changes"]}


def test_every_kind_of_change_is_told(run_cli: RunCli, hub: RecordedHub) -> None:
    hub.models = SECOND
    told = refreshed(run_cli, hub)
    assert {name: model["state"] for name, model in told.items()} == {
        name: "unchanged" if name in ("lab/same", "lab/origin", "lab/rival") else "changed" for name in FIRST
    }
    assert changes(told["lab/licensed"])["license"] == ("mit", "gpl-3.0")
    assert changes(told["lab/based"])["bases"] == ("lab/origin", "lab/rival")
    assert changes(told["lab/gate"])["gated"] == ("none", "manual")
    assert changes(told["lab/commit"])["commit"] == (commit_of("lab/commit")[:12], commit_of("later")[:12])
    before, after = changes(told["lab/size"])["size"]
    assert (before, after) == ("100", "300") or ("100" in str(before) and "300" in str(after))
    assert "removed" in changes(told["lab/gone"])


def test_the_history_prints_what_was_seen_when(run_cli: RunCli, hub: RecordedHub) -> None:
    hub.models = SECOND
    refreshed(run_cli, hub)
    for name, field in (
        ("lab/licensed", "license: mit -> gpl-3.0"),
        ("lab/based", "bases: lab/origin -> lab/rival"),
        ("lab/gate", "gated: none -> manual"),
        ("lab/commit", "commit: "),
        ("lab/size", "size: "),
        ("lab/gone", "removed: "),
    ):
        shown = run_cli("show", name, "--history")
        assert len(shown.out.splitlines()) == 3, shown.out
        assert field in shown.out
        history = json.loads(run_cli("show", name, "--history", "--json").out)["history"]
        assert history[0]["changes"] == []
        assert history[0]["first_seen"] <= history[0]["last_seen"] <= history[1]["first_seen"]
    assert len(run_cli("show", "lab/same", "--history").out.splitlines()) == 2


def test_a_removed_model_is_kept_and_may_come_back(run_cli: RunCli, hub: RecordedHub) -> None:
    hub.models = {name: model for name, model in FIRST.items() if name != "lab/origin"}
    refreshed(run_cli, hub)
    gone = json.loads(run_cli("show", "lab/origin", "--json").out)
    assert (gone["removed"], gone["license"]["id"]) == (True, "apache-2.0")
    assert "removed" in run_cli("list").out
    assert "dangling-base" in run_cli("lineage", "lab/based").out
    hub.models = dict(FIRST)
    assert refreshed(run_cli, hub)["lab/origin"]["state"] == "changed"
    assert json.loads(run_cli("show", "lab/origin", "--json").out)["removed"] is False
    assert len(json.loads(run_cli("show", "lab/origin", "--history", "--json").out)["history"]) == 3


PAGE = b"<!doctype html><html><body><h1>404 Not Found</h1></body></html>"
NO_HUBS = {
    "404-page": Reply(404, {"Content-Type": "text/html"}, PAGE),
    "404-empty": Reply(404, {}, b""),
    "404-framework": Reply.json({"detail": "Not Found"}, 404),
    "401-page": Reply(401, {"Content-Type": "text/html", "WWW-Authenticate": "Basic"}, PAGE),
    "403-page": Reply(403, {"Content-Type": "text/html"}, PAGE),
    "410-page": Reply(410, {"Content-Type": "text/html"}, PAGE),
    "451-page": Reply(451, {"Content-Type": "text/html"}, PAGE),
    "login-page": Reply(200, {"Content-Type": "text/html"}, PAGE),
    "elsewhere": Reply(302, {"Location": "http://127.0.0.1:9/login"}, b""),
}


@pytest.mark.parametrize("reply", NO_HUBS.values(), ids=NO_HUBS)
def test_what_is_no_hub_removes_nothing(
    run_cli: RunCli, hub: RecordedHub, hub_factory: HubFactory, reply: Reply
) -> None:
    other = hub_factory({}, fault=lambda request: reply)
    result = run_cli("refresh", "--all", "--json", hub=other, REGISTRY_MAX_WAIT="0")
    assert result.code == 3
    answer = json.loads(result.out)
    assert answer["complete"] is False
    assert {model["state"] for model in answer["models"]} == {"failed"}
    models = json.loads(run_cli("list", "--json").out)["models"]
    assert [model["removed"] for model in models] == [False] * len(FIRST)
    assert all(
        len(json.loads(run_cli("show", name, "--history", "--json").out)["history"]) == 1
        for name in ("lab/origin", "lab/gone")
    )


def test_a_host_that_fails_halfway_keeps_what_was_read(run_cli: RunCli, hub: RecordedHub) -> None:
    hub.models = SECOND
    hub.fault = lambda request: Reply.error(500, "no") if "lab/gate" in request.path else None
    result = run_cli("refresh", "--all", "--json", hub=hub, REGISTRY_MAX_WAIT="0")
    assert result.code == 3
    told = {model["ref"]: model for model in json.loads(result.out)["models"]}
    assert told["lab/gate"]["error"]["code"] == "server-fault"
    assert told["lab/licensed"]["state"] == "changed"
    hub.fault = None
    assert changes(refreshed(run_cli, hub, "lab/gate")["lab/gate"])["gated"] == ("none", "manual")
