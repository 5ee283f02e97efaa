"""The token goes to the Hub and nowhere else, whatever a host does with it."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

from registry.catalog.catalog import Catalog
from registry.demo.hub import RecordedHub, Reply, Request
from tests.acceptance.command import registry
from tests.hubs import by_id, recorded

HubFactory = Callable[..., RecordedHub]

TOKEN = "hf_" + "Zq7Kx9Lm2W" * 3 + "abcd"

GOOD = ("body", "headers", "weights")
MODELS = by_id(
    *(recorded(f"echo/{kind}", files={"README.md": b"", "model.safetensors": b"x" * 4000}) for kind in GOOD)
)


def header_with(said: str) -> bytes:
    """The head of a safetensors file whose metadata repeat what was said."""
    tensor = {"dtype": "F16", "shape": [2], "data_offsets": [0, 4]}
    head = json.dumps({"__metadata__": {"echo": said}, "w": tensor}).encode()
    return struct.pack("<Q", len(head)) + head + bytes(4)


def echo(request: Request) -> Reply | None:
    """Gives the Authorization header back wherever a host can put something."""
    said = request.headers.get("authorization", "none")
    kind = request.path.removeprefix("/api/models/").removeprefix("/").split("/")[1:2]
    match kind:
        case ["weights"] if "/resolve/" in request.path:
            data = header_with(said)
            found = re.fullmatch(r"bytes=(\d+)-(\d+)", request.headers.get("range", ""))
            first, last = (int(found[1]), min(int(found[2]), len(data) - 1)) if found else (0, len(data) - 1)
            headers = {"Content-Range": f"bytes {first}-{last}/{len(data)}"}
            return Reply(206, headers, data[first : last + 1])
        case ["body"] if request.path == "/api/models/echo/body":
            card = {"base_model": f"org/{said.split()[-1]}", "license": said, "license_name": said}
            return Reply.json(
                {**recorded("echo/body").document, "cardData": card, "tags": [said, f"base_model:{said}"]}
            )
        case ["headers"] if request.path == "/api/models/echo/headers":
            limit = {"RateLimit": f'"{said}";r=9;t=9', "Link": f'<http://{said}/>; rel="next"'}
            return Reply.json(recorded("echo/headers").document, headers={"X-HF-Warning": said, **limit})
        case ["redirect"]:
            return Reply(307, {"Location": f"http://127.0.0.1:9/{said}?token={said}"})
        case ["html"]:
            return Reply(200, {"Content-Type": "text/html"}, f"<html>{said}</html>".encode())
        case ["status", *_] | ["s401" | "s403" | "s404" | "s429" | "s500"]:
            return Reply.error(int(kind[0][1:]), f"you sent {said}", f"Echo {said}")
        case ["reason"]:
            return Reply(raw=f"HTTP/1.1 500 {said}\r\nContent-Length: 0\r\n\r\n".encode())
        case ["nonsense"]:
            return Reply(raw=f"{said}\r\n\r\n".encode())
    return None


BAD = ("redirect", "html", "s401", "s403", "s404", "s429", "s500", "reason", "nonsense")


def test_a_host_that_echoes_the_token_gets_it_nowhere(
    hub_factory: HubFactory, run_cli: Callable[..., Any], own_home: Path
) -> None:
    hub = hub_factory(MODELS, fault=echo)
    refs = [f"echo/{kind}" for kind in (*GOOD, *BAD)]
    loud = {"HF_DEBUG": "1", "HF_HUB_VERBOSITY": "debug"}
    environ = {"HF_ENDPOINT": hub.endpoint, "HF_TOKEN": TOKEN, "REGISTRY_MAX_WAIT": "0", **loud}
    told = []
    for args in (
        ["add", "--depth", "0", "--headers", "--deep", *refs],
        ["add", "--depth", "0", "--json", *refs],
        ["refresh", "--all", "--deep", "--headers"],
    ):
        done = registry(*args, **environ)
        assert done.code in (0, 3), done
        told.append(done.out + done.err)
    for args in (
        ["list", "--json", "--referenced"],
        *(["show", f"echo/{kind}", "--json", "--history", "--files"] for kind in GOOD),
        ["lineage", "echo/body", "--json"],
        ["config", "--origin"],
    ):
        done = run_cli(*args)
        assert done.code == 0, done
        told.append(done.out + done.err)
    assert any(line.headers.get("authorization") == f"Bearer {TOKEN}" for line in hub.log), "it was sent"
    assert TOKEN not in "".join(told)
    assert_nowhere(own_home)


def assert_nowhere(home: Path) -> None:
    """Neither in any file we left, nor packed inside the catalog."""
    for path in [*Path().rglob("*"), *home.rglob("*")]:
        assert not path.is_file() or TOKEN.encode() not in path.read_bytes(), path
    with Catalog.open("catalog.db") as catalog:
        names = [brief.repo_id for brief in catalog.search(include_referenced=True)]
        assert {f"echo/{kind}" for kind in GOOD} <= set(names)
        kept = [repr((catalog.snapshot(name), catalog.claims(name), catalog.history(name))) for name in names]
        raw = [
            catalog.raw(name, kind) or b"" for name in names for kind in ("model", "tree", "card", "headers")
        ]
    assert TOKEN not in "".join([*names, *kept])
    assert TOKEN.encode() not in b"".join(raw)


def test_a_saved_token_stays_where_it_is(hub_factory: HubFactory, own_home: Path) -> None:
    (own_home / "hf").mkdir()
    (own_home / "hf/token").write_text(TOKEN, encoding="utf-8")
    hub = hub_factory(by_id(recorded("lab/closed", restricted="private")), tokens=[TOKEN])
    done = registry("add", "lab/closed", "lab/absent", HF_ENDPOINT=hub.endpoint, HF_DEBUG="1")
    assert (done.code, "lab/closed" in done.out) == (3, True)
    assert TOKEN not in done.out + done.err
    assert TOKEN.encode() not in b"".join(path.read_bytes() for path in Path().glob("catalog.db*"))
