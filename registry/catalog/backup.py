"""A copy of a catalog, whole even while others write to it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from registry.catalog.faults import faults
from registry.catalog.location import Location
from registry.errors import CatalogError, UsageError


def backup(location: Location, target: Path) -> None:
    """Copy the catalog to a new file. Raises `UsageError` when `target` exists."""
    if location.path is None:
        raise UsageError(
            f"{location.shown} is a PostgreSQL database, which this command does not copy",
            hint="use pg_dump",
        )
    copy_file(location, location.path, target)


def copy_file(location: Location, source: Path, target: Path) -> None:
    """Copy one SQLite file to a new one by the database's own means, so that no half-written page goes
    along. The target appears whole or not at all."""
    partial = target.with_name(f"{target.name}.partial")
    try:
        # Claims the name against anybody else who wants it.
        target.open("xb").close()
    except FileExistsError:
        raise UsageError(f"{target} exists and is not overwritten", hint="choose another name") from None
    except OSError as error:
        raise CatalogError(f"cannot write {target}: {error.strerror}") from None
    done = False
    try:
        written = Location(str(target), path=target)
        with (
            faults(location),
            closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as old,
        ):
            old.execute("PRAGMA schema_version")
            with faults(written), closing(sqlite3.connect(partial)) as new:
                old.backup(new)
        partial.replace(target)
        done = True
    finally:
        if not done:
            partial.unlink(missing_ok=True)
            target.unlink(missing_ok=True)
