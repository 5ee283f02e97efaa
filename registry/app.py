"""How the house is wired: each part opened on first touch, closed together."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from registry import __version__
from registry.errors import BadReference, Offline
from registry.model.refs import ModelRef, SourceName
from registry.settings import LoadedSettings, Settings

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from registry.catalog.catalog import Catalog
    from registry.contract import PluginHost, Source
    from registry.guests import PluginState
    from registry.sources.listing import HubList

PAPERS_FILE = "papers.toml"
"""A user's own published-only models, beside `registry.toml`."""

_TRUE = frozenset({"1", "on", "yes", "true"})


class App:
    """Settings in, parts out.

    on_wait(seconds, reason) is told when a source waits for a rate limit. papers: a user's own models known
    from publications. reserved: what the face has itself and no plugin may bring, as (kind, name).
    """

    def __init__(
        self,
        loaded: LoadedSettings,
        environ: Mapping[str, str],
        *,
        on_wait: Callable[[float, str], None] | None = None,
        papers: Path | None = None,
        reserved: Iterable[tuple[str, str]] = (),
    ) -> None:
        self.loaded = loaded
        self.environ = environ
        self._on_wait = on_wait
        self._papers = papers
        self._reserved = tuple(reserved)
        self._closing = ExitStack()
        self._sources: dict[SourceName, Source] = {}
        self._opening = Lock()
        self._catalog: Catalog | None = None
        self._workers: Executor | None = None
        self._guests: tuple[PluginHost, tuple[PluginState, ...]] | None = None

    @property
    def settings(self) -> Settings:
        return self.loaded.settings

    def close(self) -> None:
        """Close whatever was opened."""
        self._closing.close()

    def now(self) -> datetime:
        """The current time, aware and in UTC."""
        return datetime.now(UTC)

    def catalog(self, *, create: bool = False) -> Catalog:
        """The catalog of the settings; with `create` it is made when absent."""
        if self._catalog is None:
            from registry.catalog.catalog import Catalog

            self._catalog = Catalog.open(self.settings.catalog, create=create)
            self._closing.callback(self._catalog.close)
        return self._catalog

    def source_for(self, ref: ModelRef) -> Source:
        """The source that tells about `ref`; called from several threads."""
        with self._opening:
            source = self._sources.get(ref.source)
            if source is None:
                source = self._sources[ref.source] = self._open_source(ref.source)
            return source

    def model_list(self, on_note: Callable[[str], None]) -> HubList:
        """The Hub's list of models. on_note: told what slows a walk down. Raises `Offline`."""
        if self.environ.get("HF_HUB_OFFLINE", "").lower() in _TRUE:
            raise Offline(
                "the list of models was not asked for: HF_HUB_OFFLINE switches the network off",
                hint="unset HF_HUB_OFFLINE, or import a file of models",
            )
        from registry.sources.client import HubClient
        from registry.sources.listing import HubList

        client = HubClient(
            endpoint=self.environ.get("HF_ENDPOINT") or None,
            timeout=self.settings.timeout,
            max_wait=self.settings.max_wait,
            on_wait=self._on_wait,
            version=__version__,
            clock=self.now,
        )
        return HubList(client, clock=self.now, on_note=on_note)

    @property
    def workers(self) -> Executor:
        """What hashes and samples files on this disk: as many threads as there are processors."""
        if self._workers is None:
            from concurrent.futures import ThreadPoolExecutor

            self._workers = pool = ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="hash")
            self._closing.callback(pool.shutdown, wait=False, cancel_futures=True)
        return self._workers

    @property
    def host(self) -> PluginHost:
        """What plugins brought."""
        return self._load_guests()[0]

    def plugins(self) -> tuple[PluginState, ...]:
        """Every installed plugin and what came of loading it."""
        return self._load_guests()[1]

    def _load_guests(self) -> tuple[PluginHost, tuple[PluginState, ...]]:
        if self._guests is None:
            from registry.guests import load_plugins

            self._guests = load_plugins(reserved=self._reserved)
        return self._guests

    def _open_source(self, name: SourceName) -> Source:
        if name is SourceName.PAPER:
            from registry.sources.papers import PaperSource

            return PaperSource([self._papers] if self._papers else [])
        if name is SourceName.LOCAL:
            from registry.sources.hashing import Hasher
            from registry.sources.local import LocalSource

            hasher = Hasher(self.catalog().scans, self.workers)
            self._closing.callback(hasher.stop)
            return LocalSource(hasher)
        if name is not SourceName.HUB:
            raise BadReference(
                f"{name}: references can be named as bases, not read",
                hint="add models of the Hub, local:PATH or paper:",
            )
        if self.environ.get("HF_HUB_OFFLINE", "").lower() in _TRUE:
            from registry.sources.cache import HubCacheSource

            return HubCacheSource(environ=self.environ)
        from registry.sources.hub import HubSource

        hub = HubSource(
            endpoint=self.environ.get("HF_ENDPOINT") or None,
            timeout=self.settings.timeout,
            max_wait=self.settings.max_wait,
            on_wait=self._on_wait,
        )
        self._closing.callback(hub.close)
        return hub
