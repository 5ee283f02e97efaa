"""Options every command shares, and the command class that ends its help with examples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import Any, Concatenate, TypeVar

import click

from registry.cli.output import Output
from registry.cli.session import Session
from registry.errors import UsageError

ROWS = ("table", "json", "jsonl", "csv")
"""What a command that lists things can print."""

DOCUMENT = ("table", "json")
"""What a command that describes one thing can print."""

UNBOUNDED = 2**31

Answering = Callable[Concatenate[Session, Output, ...], int | None]
AnyFunction = TypeVar("AnyFunction", bound=Callable[..., Any])


class WithExamples(click.Command):
    """A command whose help ends with examples, each of which a test runs."""

    def __init__(self, *args: Any, examples: Sequence[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = tuple(examples)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        super().format_epilog(ctx, formatter)
        with formatter.section("Examples"):
            for example in self.examples:
                formatter.write(f"{'':>{formatter.current_indent}}$ {example}\n")


class GroupWithExamples(WithExamples, click.Group):
    """The same for a command with subcommands."""


def command(name: str, *examples: str) -> Callable[[Callable[..., Any]], WithExamples]:
    """Make a function a command. Its docstring is the help; its first line stands in the table too."""
    return click.command(name, cls=WithExamples, examples=examples)


def group(name: str, *examples: str) -> Callable[[Callable[..., Any]], GroupWithExamples]:
    """Make a function a command with subcommands."""
    return click.group(name, cls=GroupWithExamples, examples=examples)


class Whole(click.ParamType[int]):
    """A whole number between `least` and `most`."""

    name = "number"

    def __init__(self, least: int, most: int = UNBOUNDED) -> None:
        self.least, self.most = least, most

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            number = int(value)
        except ValueError:
            self.fail(f"{str(value)!r} is not a whole number", param, ctx)
        if not self.least <= number <= self.most:
            bounds = f"{self.least} or more" if self.most == UNBOUNDED else f"{self.least} to {self.most}"
            self.fail(f"must be {bounds}, not {number}", param, ctx)
        return number


class Moment(click.ParamType[datetime]):
    """A date or a time; one without a zone is UTC. A date is its first instant, or its last."""

    name = "time"

    def __init__(self, *, last: bool = False) -> None:
        self.last = last

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        text = str(value).strip()
        try:
            moment = datetime.fromisoformat(text)
            if self.last and len(text) <= len("2024-06-30"):
                moment = moment.replace(hour=23, minute=59, second=59, microsecond=999_999)
            return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        except (ValueError, OverflowError):
            self.fail(f"{text[:60]!r} is not a date; write 2024-06-30 or 2024-06-30T12:00Z", param, ctx)


class FormatName(click.ParamType[str]):
    """The name of an output format: one of ours, or of an exporter some plugin brings."""

    name = "format"

    def __init__(self, formats: Sequence[str], *, extensible: bool) -> None:
        self.formats = tuple(formats)
        self.extensible = extensible

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        text = str(value)
        if text in self.formats:
            return text
        known = list(self.formats)
        if self.extensible and ctx is not None:
            known += sorted(ctx.obj.guests().exporters)
        if text in known:
            return text
        raise click.BadParameter(f"{text!r} is not one of {', '.join(known)}", ctx, param)

    def shell_complete(
        self,
        ctx: click.Context,  # noqa: ARG002 - the base's
        param: click.Parameter,  # noqa: ARG002 - the base's
        incomplete: str,
    ) -> list[Any]:
        from click.shell_completion import CompletionItem

        return [CompletionItem(name) for name in self.formats if name.startswith(incomplete)]


def answers(
    *formats: str, extensible: bool = False, quiet: str | None = "Print names only, one per line."
) -> Callable[[Answering], Callable[..., int | None]]:
    """Give a command the shared options and hand it a `Session` and an `Output` made of them."""

    def decorate(function: Answering) -> Callable[..., int | None]:
        @wraps(function)
        @click.pass_obj
        def answer(session: Session, /, **given: Any) -> int | None:
            session.choose(catalog=given.pop("catalog"))
            quiet = given.pop("quiet", False)
            out = Output(
                session,
                format=_format(given.pop("output_format"), given.pop("as_json"), quiet) or formats[0],
                quiet=quiet,
                file=given.pop("output_file"),
            )
            return function(session, out, **given)

        shared = [
            click.option(
                "-f",
                "--format",
                "output_format",
                type=FormatName(formats, extensible=extensible),
                metavar="FORMAT",
                help=f"{', '.join(formats[:-1])} or {formats[-1]}{', or that of a plugin' * extensible}.",
            ),
            click.option("--json", "as_json", is_flag=True, help="The same as -f json."),
            *([click.option("-q", "--quiet", is_flag=True, help=quiet)] if quiet else []),
            click.option(
                "-o",
                "--output",
                "output_file",
                metavar="FILE",
                type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
                help="Write to FILE, whole or not at all.",
            ),
            catalog_option,
        ]
        answering: Callable[..., int | None] = answer
        for option in reversed(shared):
            answering = option(answering)
        return answering

    return decorate


def _format(named: str | None, as_json: bool, quiet: bool) -> str | None:
    """The format asked for, `None` for the usual one. Raises `UsageError` when two things were asked for."""
    said_twice = as_json and named == "json"
    given = {"--json": as_json, f"-f {named}": named is not None and not said_twice, "-q": quiet}
    asked = [option for option, holds in given.items() if holds]
    if len(asked) > 1:
        raise UsageError(f"{' and '.join(asked)} contradict each other", hint="give one of them")
    return "json" if as_json else named


def catalog_option(function: AnyFunction) -> AnyFunction:
    """`--catalog` behind the command, where people look for it first."""
    return click.option("--catalog", metavar="PATH|URL", help="The catalog to use.")(function)


def acts(function: Callable[Concatenate[Session, ...], int | None]) -> Callable[..., int | None]:
    """Give a command that prints no data its `Session` and `--catalog`."""

    @wraps(function)
    @click.pass_obj
    def act(session: Session, /, **given: Any) -> int | None:
        session.choose(catalog=given.pop("catalog"))
        return function(session, **given)

    return catalog_option(act)
