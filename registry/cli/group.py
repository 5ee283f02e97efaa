"""The command group: commands are imported when they are called, and never before.

Commands of plugins are looked for only under a name that is not ours: finding them means scanning the
installed packages and importing the plugins, which `registry --help` does not do.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

import click

from registry.cli.commands import ALIASES, ENTRIES, SECTIONS

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from registry.cli.session import Session


class LazyGroup(click.Group):
    """A group over the table of commands, then over what plugins bring."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - the base's
        return list(ENTRIES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = ENTRIES.get(ALIASES.get(cmd_name, cmd_name))
        if entry is not None:
            module, _, attribute = entry.place.partition(":")
            command = getattr(importlib.import_module(f"registry.cli.{module}"), attribute)
            assert isinstance(command, click.Command)
            return command
        if cmd_name.startswith("-") or ctx.resilient_parsing:
            return None
        session: Session = ctx.obj
        return session.plugin_command(cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.NoSuchCommand as error:
            known = (*ENTRIES, *ALIASES)
            raise click.NoSuchCommand(error.command_name, possibilities=known, ctx=ctx) from None

    def format_commands(
        self,
        ctx: click.Context,  # noqa: ARG002 - the base's
        formatter: click.HelpFormatter,
    ) -> None:
        width = max(len(name) for name in ENTRIES)
        for heading, entries in SECTIONS:
            with formatter.section(heading):
                formatter.write_dl([(entry.name.ljust(width), entry.summary) for entry in entries])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem

        items = [
            CompletionItem(entry.name, help=entry.summary)
            for entry in ENTRIES.values()
            if entry.name.startswith(incomplete)
        ]
        # The options of the group itself; its commands are already listed, without importing them.
        return items + click.Command.shell_complete(self, ctx, incomplete)
