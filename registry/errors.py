"""What can go wrong, by name.

Every error a user can meet is one of these. It carries one sentence naming the thing, an optional hint
with the next step, a stable `code` for programs, and the exit code of the command it ends. Errors of
libraries are translated into these where they cross our border; the face prints them and nothing else.
"""

from __future__ import annotations

from typing import ClassVar


class RegistryError(Exception):
    """Base of all errors shown to a user: `message` in one line, `hint` as the next step."""

    code: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 3

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


# --- what was asked (exit 2) ---------------------------------------------------------------------


class UsageError(RegistryError):
    """The request itself cannot be carried out as written."""

    code = "usage"
    exit_code = 2


class BadReference(UsageError):
    """A text that is no model reference."""

    code = "bad-reference"


class BadSettings(UsageError):
    """A setting, settings file or annotation that does not parse or contradicts itself."""

    code = "bad-settings"


class NotInCatalog(UsageError):
    """A model the catalog has never heard of."""

    code = "not-in-catalog"


class NoCatalog(UsageError):
    """There is no catalog where one was looked for."""

    code = "no-catalog"


class PluginConflict(UsageError):
    """Two plugins offer something under one name."""

    code = "plugin-conflict"


# --- sources (exit 3) ----------------------------------------------------------------------------


class SourceError(RegistryError):
    """A source could not answer."""

    code = "source"


class Unreachable(SourceError):
    """No connection, a connection that broke, or a server that never answered."""

    code = "unreachable"


class Offline(SourceError):
    """The network is switched off and what was asked is not on disk."""

    code = "offline"


class NotVisible(SourceError):
    """Absent, or private and not visible to us: anonymous callers cannot tell which."""

    code = "not-visible"


class Unauthorized(SourceError):
    """The credentials were refused."""

    code = "unauthorized"


class Gated(SourceError):
    """The terms of a gated repository have not been accepted by this account."""

    code = "gated"


class Disabled(SourceError):
    """The repository was disabled by its host."""

    code = "disabled"


class NoSuchRevision(SourceError):
    """The repository exists, the branch, tag or commit does not."""

    code = "no-such-revision"


class NoSuchFile(SourceError):
    """The repository exists, the file does not."""

    code = "no-such-file"


class RateLimited(SourceError):
    """The host asked us to come back later, and waiting did not help."""

    code = "rate-limited"


class ServerFault(SourceError):
    """The host answered with an error that is not ours to mend."""

    code = "server-fault"


class BadAnswer(SourceError):
    """The answer was cut short, is not what its type says, or breaks the format."""

    code = "bad-answer"


class DamagedFile(SourceError):
    """A file (header, card, dump, settings) whose content breaks its format."""

    code = "damaged-file"


# --- catalog (exit 3) ----------------------------------------------------------------------------


class CatalogError(RegistryError):
    """The catalog could not be read or written."""

    code = "catalog"


class CatalogLocked(CatalogError):
    """Another process held the catalog for longer than we were willing to wait."""

    code = "catalog-locked"


class CatalogDamaged(CatalogError):
    """The file is no catalog, or one whose pages are broken."""

    code = "catalog-damaged"


class CatalogTooNew(CatalogError):
    """The catalog was written by a newer version of this program."""

    code = "catalog-too-new"


class CatalogOutdated(CatalogError):
    """The catalog is of an older schema and must be migrated first."""

    code = "catalog-outdated"


class CatalogReadOnly(CatalogError):
    """The catalog cannot be written: permissions, or a read-only file system."""

    code = "catalog-read-only"


class DiskFull(CatalogError):
    """There is no room left where the catalog lives."""

    code = "disk-full"


class CatalogUnreachable(CatalogError):
    """The database server is not there, or went away."""

    code = "catalog-unreachable"


class CrawlOvertaken(CatalogError):
    """Another process went on with the crawl at hand."""

    code = "crawl-overtaken"
