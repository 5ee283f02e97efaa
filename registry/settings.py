"""What was asked for: option, then `REGISTRY_*`, then `./registry.toml`, then the user file, then default.

The Hub's own settings (`HF_ENDPOINT`, `HF_TOKEN`, `HF_HOME`, `HF_HUB_OFFLINE`, ...) belong to the Hub
client and are read there; the token is never ours to hold.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from registry.errors import BadSettings

PROJECT_FILE = "registry.toml"
FOREIGN_TABLES = frozenset({"policy"})
"""Tables of `registry.toml` that other rooms read."""


@dataclass(frozen=True, slots=True)
class Settings:
    """catalog: a path, or a `postgresql://` URL. jobs: models read at a time. timeout: seconds a server may
    stay silent. max_wait: seconds we are willing to wait for a rate limit before giving up. prices: files
    of prices laid over the shipped ones, the last with the last word."""

    catalog: str = "catalog.db"
    jobs: int = 8
    timeout: float = 20.0
    max_wait: float = 320.0
    prices: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not 1 <= self.jobs <= 64:
            raise BadSettings(f"jobs must be between 1 and 64, not {self.jobs}")
        if not 0 < self.timeout <= 3600:
            raise BadSettings(f"timeout must be between 0 and 3600 seconds, not {self.timeout}")
        if not 0 <= self.max_wait <= 86400:
            raise BadSettings(f"max_wait must be between 0 and 86400 seconds, not {self.max_wait}")


@dataclass(frozen=True, slots=True)
class LoadedSettings:
    """Settings and, for each name, the place its value came from."""

    settings: Settings
    origins: Mapping[str, str]


_READERS: dict[str, Callable[[str], object]] = {
    "catalog": str,
    "jobs": int,
    "timeout": float,
    "max_wait": float,
    "prices": lambda text: tuple(one for one in text.split(os.pathsep) if one),
}
"""How each setting is read from the environment; several files stand there as in `PATH`."""
_TYPES: dict[str, tuple[type, ...]] = {
    "catalog": (str,),
    "jobs": (int,),
    "timeout": (int, float),
    "max_wait": (int, float),
    "prices": (str, list),
}


def load(
    *,
    options: Mapping[str, object],
    environ: Mapping[str, str],
    project_file: Path,
    user_file: Path,
) -> LoadedSettings:
    """Gather every setting from its strongest place. Raises `BadSettings` naming file and key."""
    values: dict[str, object] = {}
    origins: dict[str, str] = {}
    layers = [
        (str(user_file), _from_file(user_file)),
        (project_file.name, _from_file(project_file)),
        ("environment", _from_environ(environ)),
        ("option", {name: value for name, value in options.items() if value is not None}),
    ]
    for field in fields(Settings):
        origins[field.name] = "default"
        for place, layer in layers:
            if field.name in layer:
                values[field.name] = layer[field.name]
                origins[field.name] = f"REGISTRY_{field.name.upper()}" if place == "environment" else place
    return LoadedSettings(Settings(**values), origins)  # type: ignore[arg-type]


def _from_environ(environ: Mapping[str, str]) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, read in _READERS.items():
        variable = f"REGISTRY_{name.upper()}"
        text = environ.get(variable)
        if not text:
            continue
        try:
            found[name] = read(text)
        except ValueError:
            raise BadSettings(f"{variable}={text!r} is not a number") from None
    return found


def _from_file(path: Path) -> dict[str, object]:
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise BadSettings(f"cannot read {path}: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise BadSettings(f"{path}: {error}") from None
    for name, value in table.items():
        if name in FOREIGN_TABLES:
            continue
        if name not in _TYPES:
            raise BadSettings(f"{path}: unknown setting {name!r}", hint=f"known are {', '.join(_TYPES)}")
        if not isinstance(value, _TYPES[name]) or isinstance(value, bool):
            raise BadSettings(f"{path}: {name} = {value!r} has the wrong type")
    catalog = table.get("catalog")
    # A path in a file means: beside that file.
    if isinstance(catalog, str) and "://" not in catalog:
        table["catalog"] = str(path.parent / catalog)
    if "prices" in table:
        told = table["prices"]
        listed = [told] if isinstance(told, str) else told
        if not all(isinstance(one, str) and one for one in listed):
            raise BadSettings(f"{path}: prices = {told!r} is not a file or a list of files")
        table["prices"] = tuple(str(path.parent / one) for one in listed)
    return {name: value for name, value in table.items() if name in _TYPES}
