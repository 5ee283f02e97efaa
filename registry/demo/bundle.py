"""The recorded answers that ship with the package.

`data/bundle.jsonl.gz`: a first line about the whole, then one line per repository with the document, the
tree where one is known, the card's front matter, and where and when they were recorded.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

from registry.demo.wire import Recorded

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Recording:
    """Where one repository's answers come from. commit: `None` where the source does not tell. date: of the
    recording, as far as it is known. card: the front matter, word for word, which is all that is served as
    the `README.md`."""

    repo_id: str
    commit: str | None
    source: str
    date: str
    card: str | None = None


@dataclass(frozen=True, slots=True)
class Bundle:
    """Repositories by id, old ids that moved, and the origin of each."""

    models: Mapping[str, Recorded]
    moved: Mapping[str, str]
    recordings: tuple[Recording, ...]


def load_bundle() -> Bundle:
    """Read the bundle of this package."""
    packed = files("registry.demo").joinpath("data/bundle.jsonl.gz").read_bytes()
    head, *lines = (json.loads(line) for line in gzip.decompress(packed).splitlines())
    if head["format"] != FORMAT:
        raise ValueError(f"the bundle has format {head['format']}, this reads {FORMAT}")
    models = {
        line["document"]["id"]: Recorded(
            document=line["document"],
            tree=line.get("tree", ()),
            files={"README.md": f"---\n{line['card']}\n---\n".encode()} if "card" in line else {},
            restricted="gated" if line["document"].get("gated") else "",
        )
        for line in lines
    }
    recordings = tuple(
        Recording(
            line["document"]["id"],
            line["document"].get("sha"),
            line["source"],
            line["date"],
            line.get("card"),
        )
        for line in lines
    )
    return Bundle(models, head["moved"], recordings)
