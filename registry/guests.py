"""Let plugins in: find their entry points, register each, and keep account of what came of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points

from registry.contract import PluginHost
from registry.errors import PluginConflict

GROUP = "registry.plugins"


@dataclass(frozen=True, slots=True)
class PluginState:
    """One plugin: `state` is `loaded`, or `failed` with the reason in `detail`; `brings` lists its gifts."""

    name: str
    version: str | None
    origin: str
    state: str
    detail: str | None = None
    brings: tuple[str, ...] = ()


def load_plugins(
    points: Iterable[EntryPoint] | None = None, reserved: Iterable[tuple[str, str]] = ()
) -> tuple[PluginHost, tuple[PluginState, ...]]:
    """Register every installed plugin, by name. One that fails is left out and says why; two that bring
    the same name, or one that brings a `reserved` (kind, name), raise `PluginConflict`, because choosing
    between them is the user's."""
    host = PluginHost(reserved)
    states: list[PluginState] = []
    found = entry_points(group=GROUP) if points is None else points
    for point in sorted(found, key=lambda point: (point.name, point.value)):
        version = point.dist.version if point.dist else None
        origin = point.dist.name if point.dist else point.value
        host.guest = f"{point.name} ({origin})"
        try:
            point.load()(host)
        except PluginConflict:
            raise
        except Exception as error:  # noqa: BLE001 - a guest may fail in any way; the house must not
            reason = f"{type(error).__name__}: {error}"
            states.append(PluginState(point.name, version, origin, "failed", detail=reason))
        else:
            brings = tuple(host.brought_by(host.guest))
            states.append(PluginState(point.name, version, origin, "loaded", brings=brings))
    return host, tuple(states)
