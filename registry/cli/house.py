"""`plugins`, `config` and `demo`: the house itself."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

import click

from registry.cli.options import ROWS, answers, command
from registry.cli.output import Answer, Output
from registry.cli.session import Session, shown_location
from registry.cli.tables import Column, table
from registry.errors import UsageError

if TYPE_CHECKING:
    from rich.console import RenderableType


SECONDS = frozenset({"timeout", "max_wait"})
"""Settings that are lengths of time."""


@command(
    "plugins",
    "registry plugins",
    "registry plugins --json",
)
@answers(*ROWS)
def plugins(session: Session, out: Output) -> None:
    """List plugins and the commands they bring.

    A plugin that failed to load is listed with the reason; everything else works without it.
    """
    states = session.app.plugins()

    def drawn(width: int | None) -> RenderableType:
        columns = [
            Column("PLUGIN"),
            Column("VERSION"),
            Column("FROM", least=10, rank=2),
            Column("STATE"),
            Column("BRINGS", least=24, wrap=True),
        ]
        rows = [
            [state.name, state.version, state.origin, state.state, state.detail or ", ".join(state.brings)]
            for state in states
        ]
        return table(columns, rows, width)

    def records() -> list[dict[str, object]]:
        return [
            {
                "name": state.name,
                "version": state.version,
                "origin": state.origin,
                "state": state.state,
                "detail": state.detail,
                "brings": list(state.brings),
            }
            for state in states
        ]

    out.give(
        Answer(
            table=drawn,
            document=lambda: {"plugins": records()},
            rows=records,
            names=lambda: (state.name for state in states),
        )
    )
    if not states:
        session.note("No plugins are installed.")


@command(
    "config",
    "registry config",
    "registry config --origin",
    "registry config --json",
)
@click.option("--origin", is_flag=True, help="Also where each value comes from.")
@answers(*ROWS, quiet=None)
def config(session: Session, out: Output, *, origin: bool) -> None:
    """Show the settings in force.

    An option is stronger than REGISTRY_* in the environment, that than ./registry.toml, that than the
    user's file, that than the default. Settings of the Hub (HF_ENDPOINT, HF_TOKEN, HF_HUB_OFFLINE, ...)
    are honoured and never shown.
    """
    loaded = session.settings()
    values: dict[str, object] = {
        field.name: getattr(loaded.settings, field.name) for field in fields(loaded.settings)
    }
    values["catalog"] = shown_location(loaded.settings.catalog)

    def told(name: str, value: object) -> object:
        if isinstance(value, tuple):
            return ", ".join(value)
        return f"{value:g} s" if name in SECONDS else value

    def records() -> list[dict[str, object]]:
        return [
            {
                "name": name,
                "value": value,
                "unit": "seconds" if name in SECONDS else None,
                "origin": loaded.origins[name],
            }
            for name, value in values.items()
        ]

    def drawn(width: int | None) -> RenderableType:
        columns = [Column("SETTING"), Column("VALUE", least=20, wrap=True)]
        rows: list[list[object]] = [[name, told(name, value)] for name, value in values.items()]
        if origin:
            columns.append(Column("FROM", least=20, wrap=True))
            for row in rows:
                row.append(loaded.origins[str(row[0])])
        return table(columns, rows, width)

    out.give(Answer(table=drawn, document=lambda: {"settings": records()}, rows=records))
    if out.is_table and origin:
        session.note(f"The user's file is {session.user_file}.")


@command(
    "demo",
    "registry demo",
    "registry demo --keep my.db",
)
@click.option("--keep", type=click.Path(path_type=Path), metavar="PATH", help="Leave the catalog at PATH.")
@click.option("--catalog", hidden=True)
@click.pass_obj
def demo(session: Session, *, keep: Path | None, catalog: str | None) -> int:
    """Take a tour on recorded data, without the internet.

    A small Hub on this machine serves real recorded answers; the real client reads from it, and every
    step is printed as command and output.
    """
    from registry.demo.tour import tour

    if catalog is not None or session.chosen("catalog"):
        raise UsageError("the tour makes a catalog of its own", hint="--keep PATH leaves it at PATH")
    return tour(keep=keep, environ=session.environ)
