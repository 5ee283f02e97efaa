"""What a text written as a base model means: a model, a path on somebody's disk, a placeholder, or nothing.

Cards, tags and configuration files are written by hand and by training scripts, so the text may be the
path the script loaded from, a web address, or a template nobody filled in. Only a model becomes a base;
everything else stays an unresolved claim with the reason.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from registry.model.refs import is_hub_id

MAX_TEXT = 1000
"""Longer texts are no name of anything; ids on the Hub end at 257 characters."""

_HOSTS = frozenset({"huggingface.co", "www.huggingface.co", "hf.co"})
_SECTIONS = frozenset({"datasets", "spaces", "papers", "collections", "blog", "docs", "api"})
_PLACEHOLDERS = frozenset(
    {"", "-", "?", "base_model", "base-model", "custom", "model_id", "n/a", "na", "nan", "nil", "no", "none"}
    | {"null", "original_repo_name", "removed", "repo_name", "tbd", "todo", "undefined"}
    | {"unknown"}
)
_FROM_ADDRESS = "id taken from a web address"
_TEMPLATE = re.compile(r"[{}<>]|\$\(|\[\w+\]")
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")
_WEB = re.compile(r"(?:(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://)?(?P<host>[^/\s]+)/(?P<path>\S*)")
_SEGMENT = r"[A-Za-z0-9_][A-Za-z0-9._-]*"
_CACHE_NAME = re.compile(rf"(?:models--)?(?P<org>{_SEGMENT}?)--(?P<name>{_SEGMENT})")


@dataclass(frozen=True, slots=True)
class DeclaredBase:
    """base: the id the text means, `None` when it names no model. detail: how it was read, or why not."""

    base: str | None
    detail: str | None = None


def read_base(text: object) -> DeclaredBase:
    """Classify one value found where a base model is named. Never raises, whatever the value is.

    `org/name` and the old root ids (`gpt2`) are taken as they stand; an id inside a Hub address or before
    `@revision` is recovered. An id that can be made out in a local path is only mentioned.
    """
    if text is None:
        return DeclaredBase(None, "placeholder")
    if not isinstance(text, str):
        return DeclaredBase(None, f"not a text but {_kind(text)}")
    text = text.strip()
    if len(text) > MAX_TEXT:
        return DeclaredBase(None, f"{len(text)} characters long, no model id")
    if text.casefold() in _PLACEHOLDERS or _TEMPLATE.search(text):
        return DeclaredBase(None, "placeholder")
    addressed = _from_address(text)
    if addressed is not None:
        return addressed
    if is_hub_id(text) and ("/" in text or text in root_ids()):
        return DeclaredBase(text)
    return _from_path(text) or _from_revision(text) or _not_an_id(text)


def read_dataset(text: object) -> DeclaredBase:
    """Classify one value found where a dataset is named; `base` is its bare id, without `data:`.

    Root ids are common among datasets (`wikipedia`), so any single well-formed word is one.
    """
    if text is None:
        return DeclaredBase(None, "placeholder")
    if not isinstance(text, str):
        return DeclaredBase(None, f"not a text but {_kind(text)}")
    text = text.strip()
    if len(text) > MAX_TEXT:
        return DeclaredBase(None, f"{len(text)} characters long, no dataset id")
    if text.casefold() in _PLACEHOLDERS or _TEMPLATE.search(text):
        return DeclaredBase(None, "placeholder")
    if is_hub_id(text):
        return DeclaredBase(text)
    match = _WEB.fullmatch(text)
    if match and match["host"].lower() in _HOSTS and match["path"].startswith("datasets/"):
        name = _id_of(match["path"].removeprefix("datasets/"))
        if name is not None:
            return DeclaredBase(name, _FROM_ADDRESS)
    return _from_path(text) or DeclaredBase(None, "not a dataset id")


@cache
def root_ids() -> frozenset[str]:
    """The Hub ids that have no organisation."""
    lines = files("registry.lineage").joinpath("data/root_ids.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(line for line in lines if line and not line.startswith("#"))


def _from_address(text: str) -> DeclaredBase | None:
    match = _WEB.fullmatch(text)
    if match is None:
        return None
    host, path = match["host"].lower(), match["path"]
    if match["scheme"] == "hf":
        path = f"{match['host']}/{path}"
    elif match["scheme"] == "file":
        return DeclaredBase(None, _path_detail(path))
    elif host not in _HOSTS:
        return DeclaredBase(None, "a web address outside the Hub") if match["scheme"] else None
    section = path.partition("/")[0]
    if section in _SECTIONS:
        return DeclaredBase(None, f"a Hub address of {section}, not of a model")
    name = _id_of(path.removeprefix("models/"))
    if name is None or ("/" not in name and name not in root_ids()):
        return DeclaredBase(None, "a Hub address without a model id")
    return DeclaredBase(name, _FROM_ADDRESS)


def _from_path(text: str) -> DeclaredBase | None:
    absolute = text.startswith(("/", "./", "../", "~", "\\")) or text in (".", "..") or _DRIVE.match(text)
    cached = _CACHE_NAME.fullmatch(text) is not None
    if absolute or cached or "\\" in text or text.count("/") > 1 or text.endswith("/"):
        return DeclaredBase(None, _path_detail(text))
    return None


def _path_detail(path: str) -> str:
    """`local path`, with the id that a Hub cache folder or `org--name` in it spells out."""
    parts = [part for part in re.split(r"[\\/]", path) if part]
    candidates = [part for part in parts if part.startswith("models--")] or parts[-1:]
    for part in candidates:
        match = _CACHE_NAME.fullmatch(part)
        if match and is_hub_id(found := f"{match['org']}/{match['name']}"):
            return f"local path; looks like {found}"
    return "local path"


def _from_revision(text: str) -> DeclaredBase | None:
    name, at, revision = text.partition("@")
    if at and revision and is_hub_id(name) and "/" in name:
        return DeclaredBase(name, f"at revision {revision}")
    return None


def _not_an_id(text: str) -> DeclaredBase:
    if is_hub_id(text):
        return DeclaredBase(None, "a name without an organisation, not one of the Hub's root ids")
    return DeclaredBase(None, "not a model id")


def _id_of(path: str) -> str | None:
    """The `org/name` (or `name`) a Hub address starts with, without `tree/main`, query and fragment."""
    parts = [part for part in re.split(r"[?#]", path, maxsplit=1)[0].split("/") if part][:2]
    if len(parts) == 2 and parts[1] in ("tree", "blob", "resolve", "raw", "commit", "discussions"):
        parts = parts[:1]
    found = "/".join(parts)
    return found if is_hub_id(found) else None


def _kind(value: object) -> str:
    names = {bool: "true or false", int: "a number", float: "a number", list: "a list", dict: "a mapping"}
    return names.get(type(value), type(value).__name__)
