"""What one command line carries: its environment, its settings, and the app they open.

Nothing is opened before it is touched, and everything opened is closed with the session.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Self

import click

if TYPE_CHECKING:
    from pathlib import Path

    from registry.app import App
    from registry.catalog.catalog import Catalog
    from registry.contract import PluginHost
    from registry.settings import LoadedSettings

USER_FILE = "REGISTRY_CONFIG"
"""Environment variable naming another user settings file than the platform's."""


class Session:
    """One command line. `options` are settings given on it; they are strongest."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ
        self._options: dict[str, object] = {}
        self._app: App | None = None
        self._say: Callable[[str], None] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        if self._app is not None:
            self._app.close()

    def choose(self, **options: object) -> None:
        """Take settings from the command line; `None` leaves what is there."""
        self._options |= {name: value for name, value in options.items() if value is not None}

    @property
    def app(self) -> App:
        if self._app is None:
            from pathlib import Path

            from registry.app import PAPERS_FILE, App
            from registry.cli.commands import RESERVED

            papers = Path(PAPERS_FILE)
            self._app = App(
                self.settings(),
                self.environ,
                on_wait=self._waiting,
                papers=papers if papers.is_file() else None,
                reserved=RESERVED,
            )
        return self._app

    def settings(self) -> LoadedSettings:
        """The settings in force; raises `BadSettings`."""
        from pathlib import Path

        from registry.settings import PROJECT_FILE, load

        return load(
            options=self._options,
            environ=self.environ,
            project_file=Path(PROJECT_FILE),
            user_file=self.user_file,
        )

    @property
    def user_file(self) -> Path:
        """Where the user's own settings file is, whether or not it exists."""
        from pathlib import Path

        named = self.environ.get(USER_FILE)
        if named:
            return Path(named)
        from platformdirs import user_config_path

        return user_config_path("registry", appauthor=False) / "registry.toml"

    def catalog(self) -> Catalog:
        """The catalog, which must exist; an error says what would make it."""
        import shlex

        from registry.errors import NoCatalog

        try:
            return self.app.catalog()
        except NoCatalog as error:
            if error.hint and error.hint.endswith(" catalog init"):
                named = self._options.get("catalog")
                chosen = f" --catalog {shlex.quote(shown_location(str(named)))}" if named else ""
                error.hint = f"`registry{chosen} add REF` creates it"
            raise

    def chosen(self, name: str) -> bool:
        """Whether a setting was given on the command line."""
        return name in self._options

    def catalog_to_add_to(self) -> Catalog:
        """The catalog, made if it is not there yet; says so."""
        from registry.errors import NoCatalog

        try:
            return self.app.catalog()
        except NoCatalog:
            catalog = self.app.catalog(create=True)
            self.note(f"Created the catalog {shown_location(catalog.location)}.")
            return catalog

    def guests(self) -> PluginHost:
        """What plugins brought; those that failed to load are told."""
        for state in self.app.plugins():
            if state.state == "failed":
                self.note(f"Warning: the plugin {state.name} ({state.origin}) is left out: {state.detail}")
        return self.app.host

    def plugin_command(self, name: str) -> click.Command | None:
        """The command of that name some plugin brings."""
        command = self.guests().commands.get(name)
        return command if isinstance(command, click.Command) else None

    def note(self, text: str) -> None:
        """Tell the user something that is not data: one line on stderr."""
        from registry.exports.text import clean

        if self._say is not None:
            self._say(clean(text))
        else:
            click.echo(clean(text), err=True)

    def say_through(self, say: Callable[[str], None] | None) -> None:
        """Let `say` print notes from now on, because it draws on the terminal; `None` ends that."""
        self._say = say

    def colors(self) -> bool | None:
        """`False` where colour is unwanted or cannot be shown, `None` to let the terminal decide."""
        unable = self.environ.get("TERM", "") in ("dumb", "unknown")
        return False if unable or self.environ.get("NO_COLOR") else None

    def _waiting(self, seconds: float, reason: str) -> None:
        self.note(f"Waiting {seconds:.0f} s: {reason}.")


def shown_location(location: str) -> str:
    """A catalog's place as shown: the password of a database URL is nobody's to read."""
    scheme, separator, rest = location.partition("://")
    if not separator:
        return location
    account, at, host = rest.rpartition("@")
    user, colon, _ = account.partition(":")
    return f"{scheme}://{user}:***@{host}" if at and colon else location


def is_terminal(stream: object) -> bool:
    """Whether a person reads this stream."""
    try:
        return bool(stream.isatty())  # type: ignore[attr-defined]
    except (AttributeError, ValueError):
        return False


def terminal_width(environ: Mapping[str, str]) -> int:
    """Columns of the terminal on stdout, or `COLUMNS`; 80 when neither is known."""
    columns = environ.get("COLUMNS", "")
    if columns.isdigit() and int(columns) > 0:
        return max(int(columns), 40)
    try:
        told = os.get_terminal_size(sys.stdout.fileno()).columns
    except (AttributeError, OSError, ValueError):
        told = 0
    # Serial lines and some containers say 0, which means that nobody knows.
    return max(told, 40) if told else 80
