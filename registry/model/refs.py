"""How a model is named.

A reference is `org/name[@revision]` on the Hub, or one of `hub:org/name`, `local:PATH`,
`paper:org/name` (known from a publication only) and `data:org/name` (a dataset). The catalog knows a
model by its `repo_id`: the bare id for Hub models, the prefixed form for all others, so that every
`repo_id` is itself a reference.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from registry.errors import BadReference

MAX_ID_LENGTH = 257  # The longest id seen on the Hub (hub-data, "big documents").

_SEGMENT = r"[A-Za-z0-9_][A-Za-z0-9._-]*"
_HUB_ID = re.compile(rf"(?:{_SEGMENT}/)?{_SEGMENT}")
_REVISION = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._/+-]*")


class SourceName(StrEnum):
    """Where facts about a model come from."""

    HUB = "hub"
    LOCAL = "local"
    PAPER = "paper"
    DATA = "data"


def is_hub_id(text: str) -> bool:
    """Whether `text` has the shape of a Hub id, `name` or `org/name`."""
    return len(text) <= MAX_ID_LENGTH and ".." not in text and _HUB_ID.fullmatch(text) is not None


@dataclass(frozen=True, slots=True, order=True)
class ModelRef:
    """One model, as asked for. `revision` is a branch, tag or commit, `None` for the default branch."""

    name: str
    source: SourceName = SourceName.HUB
    revision: str | None = None

    def __post_init__(self) -> None:
        if self.source is SourceName.LOCAL:
            if not self.name or "\0" in self.name:
                raise BadReference("'local:' needs a path", hint="write local:PATH")
        elif not is_hub_id(self.name):
            raise BadReference(
                f"{_shown(self.name)} is not a model reference",
                hint="write org/name, for example bigscience/bloom",
            )
        if self.revision is not None and (".." in self.revision or not _REVISION.fullmatch(self.revision)):
            raise BadReference(
                f"{_shown(self.revision)} is not a revision", hint="write org/name@main, @tag or @commit"
            )

    @classmethod
    def parse(cls, text: str) -> ModelRef:
        """Read a reference as a user writes it; raises `BadReference`."""
        text = text.strip()
        for host in ("https://huggingface.co/", "https://hf.co/"):
            if text.startswith(host):
                raise BadReference(
                    f"{_shown(text)} is a web address",
                    hint=f"write the id alone: {_shown(text[len(host) :])}",
                )
        prefix, colon, rest = text.partition(":")
        if colon and prefix in SourceName.__members__.values():
            source, body = SourceName(prefix), rest
        else:
            source, body = SourceName.HUB, text
        if source is SourceName.LOCAL:
            return cls(body, source)
        name, at, revision = body.partition("@")
        return cls(name, source, revision if at else None)

    @property
    def repo_id(self) -> str:
        """The name the catalog uses: bare on the Hub, prefixed elsewhere; never with a revision."""
        return self.name if self.source is SourceName.HUB else f"{self.source}:{self.name}"

    def __str__(self) -> str:
        return self.repo_id if self.revision is None else f"{self.repo_id}@{self.revision}"


def _shown(text: str) -> str:
    return repr(text if len(text) <= 80 else text[:77] + "...")
