"""Run as a process of its own: `create URL` makes a catalog, `save URL FIRST STEP` saves the family below,
model by model, saying each; both wait for a line on stdin first, so that several start together."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from registry.catalog.catalog import Catalog
from registry.model.edges import Relation
from registry.model.snapshot import ModelSnapshot
from tests.catalog.makers import claim, count, file, hub_id, license_claim, sha, snap

SIZE = 150


def family() -> Iterator[ModelSnapshot]:
    """Models that share bases, contents and aliases; a second look at every fifth found a change."""
    for look in (0, 1):
        for n in range(0, SIZE, 5 if look else 1):
            yield snap(
                f"org/{n}",
                look,
                hub_id=hub_id(n + 1),
                aliases=(f"old/{n}",) if n % 7 == 0 else (),
                commit_sha=sha(f"{look}"),
                claims=(claim(f"org/{n // 2}"), claim(f"old/{n // 3}", Relation.MERGE), claim("far/base")),
                files=(file("w", 100, f"w{n % 5}"), file("r", n)),
                parameters=count(F16=n + 1),
                licenses=(license_claim("mit"),) if look else (),
            )


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main(verb: str, url: str, first: str = "0", step: str = "1") -> None:
    say("ready")
    sys.stdin.readline()
    if verb == "create":
        Catalog.open(url, create=True).close()
        return
    with Catalog.open(url, busy_timeout=60) as catalog:
        looks = list(family())
        for snapshot in looks[int(first) :: int(step)]:
            say(catalog.save(snapshot).repo_id)


if __name__ == "__main__":
    main(*sys.argv[1:])
