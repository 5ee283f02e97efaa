"""Where a policy is found: the file named, else `policy.toml`, else `[policy]` of `registry.toml`."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from registry.errors import BadSettings
from registry.licenses.policy import Policy, parse_policy
from registry.settings import PROJECT_FILE

POLICY_FILE = "policy.toml"
TABLE = "policy"
BUILT_IN = "default (no policy file)"
MAX_SIZE = 10_000_000
"""Bytes of a policy file; the largest has some thousand waivers."""


@dataclass(frozen=True, slots=True)
class LoadedPolicy:
    """A policy and where it comes from."""

    policy: Policy
    origin: str


def load_policy(named: Path | None, folder: Path) -> LoadedPolicy:
    """The policy in force in `folder`. Raises `BadSettings` naming the file and what is wrong in it."""
    if named is not None:
        return LoadedPolicy(parse_policy(_read(named), name=str(named)), str(named))
    own = folder / POLICY_FILE
    if own.is_file():
        return LoadedPolicy(parse_policy(_read(own), name=POLICY_FILE), POLICY_FILE)
    project = folder / PROJECT_FILE
    if project.is_file():
        text = _read(project)
        if _has_policy(text, project):
            policy = parse_policy(text, name=PROJECT_FILE, table=TABLE)
            return LoadedPolicy(policy, f"[{TABLE}] of {PROJECT_FILE}")
    return LoadedPolicy(Policy(), BUILT_IN)


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_SIZE + 1)
        text = data.decode("utf-8")
    except OSError as error:
        raise BadSettings(f"cannot read {path}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise BadSettings(f"{path} is not UTF-8 text") from None
    if len(data) > MAX_SIZE:
        raise BadSettings(f"{path} is longer than {MAX_SIZE:,} bytes")
    return text


def _has_policy(text: str, path: Path) -> bool:
    try:
        return TABLE in tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadSettings(f"{path.name}: {error}") from None
