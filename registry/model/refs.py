"""How a model is named.

A reference is `org/name[@revision]` on the Hub, or one of `hub:org/name`, `local:PATH`,
`paper:org/name` (known from a publication only) and `data:org/name` (a dataset). An address of the Hub,
as a browser shows it, means the same. The catalog knows a model by its `repo_id`: the bare id for Hub
models, the prefixed form for all others, so that every `repo_id` is itself a reference.
"""

from __future__ import annotations

import os.path
import re
from dataclasses import dataclass, replace
from enum import StrEnum
from urllib.parse import unquote

from registry.errors import BadReference

MAX_ID_LENGTH = 257  # The longest id seen on the Hub (hub-data, "big documents").
MAX_PATH_LENGTH = 1000
"""Characters of a local path; what is longer fits no index of a database."""

_SEGMENT = r"[A-Za-z0-9_][A-Za-z0-9._-]*"
_HUB_ID = re.compile(rf"(?:{_SEGMENT}/)?{_SEGMENT}")
_REVISION = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._/+-]*")

_NO_TEXT = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_SCHEME = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<rest>.*)", re.DOTALL)
_HOSTS = frozenset({"huggingface.co", "www.huggingface.co", "hf.co"})
_AT_REVISION = frozenset({"tree", "blob", "resolve", "raw", "commit", "commits"})
_NO_MODELS = frozenset(
    {"api", "blog", "collections", "docs", "join", "learn", "login", "models", "organizations", "papers"}
    | {"posts", "pricing", "settings", "spaces", "tasks"}
)
"""What stands in a Hub address where an organisation would."""
_DEFAULT_BRANCH = "main"


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
            if not self.name:
                raise BadReference("'local:' needs a path", hint="write local:PATH")
            if len(self.name) > MAX_PATH_LENGTH or _NO_TEXT.search(self.name):
                raise BadReference(
                    f"{_shown(self.name)} is not a path we can keep: too long, or not plain text"
                )
        elif not is_hub_id(self.name):
            is_path = self.name.startswith(("/", "./", "../", "~"))
            raise BadReference(
                f"{_shown(self.name)} is not a model reference",
                hint=f"write local:{self.name}"
                if is_path and len(self.name) <= 80
                else "write org/name, for example bigscience/bloom",
            )
        if self.revision is not None and (".." in self.revision or not _REVISION.fullmatch(self.revision)):
            raise BadReference(
                f"{_shown(self.revision)} is not a revision", hint="write org/name@main, @tag or @commit"
            )

    @classmethod
    def parse(cls, text: str) -> ModelRef:
        """Read a reference as a user writes it; raises `BadReference`."""
        text = text.strip()
        address = _address(text)
        if address is not None:
            return cls._at(text, *address)
        prefix, colon, rest = text.partition(":")
        if colon and prefix in SourceName.__members__.values():
            source, body = SourceName(prefix), rest
        else:
            source, body = SourceName.HUB, text
        if source is SourceName.LOCAL:
            return cls(body, source)
        name, at, revision = body.partition("@")
        return cls(name, source, revision if at else None)

    @classmethod
    def _at(cls, text: str, host: str, path: str) -> ModelRef:
        """The reference a web address means."""
        if host not in _HOSTS:
            raise BadReference(
                f"{_shown(text)} is not an address of the Hub",
                hint="write org/name, or an address like https://huggingface.co/bigscience/bloom",
            )
        parts = [unquote(part) for part in re.split(r"[?#]", path, maxsplit=1)[0].split("/") if part]
        source = SourceName.HUB
        if parts[:1] == ["datasets"]:
            source, parts = SourceName.DATA, parts[1:]
        if not parts or (source is SourceName.HUB and parts[0] in _NO_MODELS):
            raise BadReference(
                f"{_shown(text)} is not the address of a model",
                hint="write org/name, or the address of its page",
            )
        # Names without an organisation, such as `gpt2`, are as old as the Hub.
        length = 1 if len(parts) > 1 and parts[1] in _AT_REVISION else 2
        return cls("/".join(parts[:length]), source, _revision(parts[length:]))

    @property
    def repo_id(self) -> str:
        """The name the catalog uses: bare on the Hub, prefixed elsewhere; never with a revision."""
        return self.name if self.source is SourceName.HUB else f"{self.source}:{self.name}"

    def __str__(self) -> str:
        return self.repo_id if self.revision is None else f"{self.repo_id}@{self.revision}"


def absolute(ref: ModelRef) -> ModelRef:
    """The reference under the one name the catalog knows a local model by: its path from the root of the
    disk, with `~` and the working directory written out, links left as they are. Others stay the same."""
    if ref.source is not SourceName.LOCAL:
        return ref
    try:
        return replace(ref, name=os.path.abspath(os.path.expanduser(ref.name)))  # noqa: PTH100, PTH111
    except OSError:
        raise BadReference(f"{ref} has no place: the working directory is gone") from None


def _address(text: str) -> tuple[str, str] | None:
    """Host and path of a web address. Without `https://` only what is too long for an id is one."""
    match = _SCHEME.fullmatch(text)
    host, _, path = (match["rest"] if match else text).partition("/")
    if match:
        known = match["scheme"].lower() in ("http", "https")
        return (host.lower() if known else "", path)
    return (host.lower(), path) if host.lower() in _HOSTS and "/" in path.strip("/") else None


def _revision(parts: list[str]) -> str | None:
    """What stands behind the id in an address: `tree/v2`, `blob/refs/pr/1/config.json`, `discussions`."""
    if len(parts) < 2 or parts[0] not in _AT_REVISION:
        return None
    revision = "/".join(parts[1:4]) if parts[1] == "refs" else parts[1]
    return None if revision == _DEFAULT_BRANCH else revision


def _shown(text: str) -> str:
    return repr(text if len(text) <= 80 else text[:77] + "...")
