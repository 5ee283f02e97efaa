"""Where a catalog lives, and how that is said without a password."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, quote_plus

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from registry.errors import BadSettings

_POSTGRES = ("postgresql", "postgres", "postgresql+psycopg")


@dataclass(frozen=True, slots=True)
class Location:
    """A file (`path`) or a PostgreSQL database (`url`); never both.

    shown: fit for messages: a path as given, a URL without its password.
    """

    shown: str
    path: Path | None = None
    url: URL | None = field(default=None, repr=False)

    @property
    def on_server(self) -> bool:
        return self.url is not None

    def scrub(self, text: str) -> str:
        """`text`, one line, in which the password cannot be read."""
        line = " ".join(text.split())
        password = self.url.password if self.url is not None else None
        for form in (password, quote(password, safe=""), quote_plus(password)) if password else ():
            line = line.replace(form, "***")
        return line


def parse_location(text: str) -> Location:
    """Read a path or a `postgresql://` URL. Raises `BadSettings`, without repeating a URL's password."""
    scheme, colon, rest = text.partition("://")
    if not colon:
        if not text.strip() or "\0" in text:
            raise BadSettings("the catalog needs a path or a postgresql:// URL")
        return Location(text, path=Path(text))
    if scheme == "sqlite" and len(rest) > 1 and rest.startswith("/"):
        return Location(rest[1:], path=Path(rest[1:]))
    if scheme not in _POSTGRES:
        raise BadSettings(f"a catalog cannot live at {scheme}://", hint="give a path or a postgresql:// URL")
    try:
        url = make_url(text).set(drivername="postgresql+psycopg")
    except (ArgumentError, ValueError):
        # The parser's own message may quote the URL.
        raise BadSettings("the catalog's postgresql:// URL does not parse") from None
    hidden = url.query.get("password")
    if hidden is not None:
        # Moved to where it is hidden; the driver takes it from either place.
        password = hidden if isinstance(hidden, str) else hidden[-1]
        url = url.difference_update_query(["password"]).set(password=password)
    shown = url.set(drivername="postgresql").render_as_string(hide_password=True)
    return Location(shown, url=url)
