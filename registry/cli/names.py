"""Names as people type them, and the models of the catalog they mean."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from registry.errors import NotInCatalog, UsageError
from registry.model.refs import ModelRef, SourceName, absolute

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from registry.catalog.catalog import Catalog

STDIN = "-"


class Completed(click.ParamType[Any]):
    """Something on the command line that is completed with the names of the catalog."""

    name = "ref"

    def shell_complete(
        self,
        ctx: click.Context,
        param: click.Parameter,  # noqa: ARG002 - the base's
        incomplete: str,
    ) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem

        from registry.errors import RegistryError

        try:
            found = ctx.obj.catalog().search(text=incomplete or None, limit=200)
        except RegistryError:
            return []
        return [CompletionItem(brief.repo_id) for brief in found if brief.repo_id.startswith(incomplete)]


class Name(Completed):
    """One model reference."""

    def convert(
        self,
        value: Any,
        param: click.Parameter | None,  # noqa: ARG002 - the base's
        ctx: click.Context | None,  # noqa: ARG002 - the base's
    ) -> ModelRef:
        return value if isinstance(value, ModelRef) else absolute(ModelRef.parse(value))


class NameOrStdin(Completed):
    """A model reference, or `-` for a list of them on stdin; `parse_refs` reads both."""

    def convert(
        self,
        value: Any,
        param: click.Parameter | None,  # noqa: ARG002 - the base's
        ctx: click.Context | None,  # noqa: ARG002 - the base's
    ) -> str:
        return str(value)


def parse_refs(texts: Sequence[str]) -> list[ModelRef]:
    """The references given, each once, in order; `-` stands for a list on stdin, one per line, where
    blank lines and those that start with `#` mean nothing."""
    gathered: list[str] = []
    for text in texts:
        if text == STDIN:
            lines = (line.strip() for line in sys.stdin)
            gathered += [line for line in lines if line and not line.startswith("#")]
        else:
            gathered.append(text)
    return list(dict.fromkeys(absolute(ModelRef.parse(text)) for text in gathered))


def known_model(catalog: Catalog, ref: ModelRef) -> str:
    """The catalog's name for what `ref` means; raises `NotInCatalog` naming the nearest ones."""
    repo_id = catalog.find(ref.repo_id)
    if repo_id is None:
        raise NotInCatalog(f"{ref.repo_id} is not in the catalog", hint=_way_out(catalog, ref))
    if ref.revision is not None:
        _require_revision(catalog, repo_id, ref.revision)
    return repo_id


_ABOUT_ONE = frozenset({"show", "lineage", "impact"})
"""Commands that take one model and nothing else they cannot do without."""


def _way_out(catalog: Catalog, ref: ModelRef) -> str:
    """The one next step: the nearest name where there is one, else how to come by the model."""
    near = catalog.suggest(ref.repo_id)
    if near:
        context = click.get_current_context(silent=True)
        command = context.info_name if context and context.info_name in _ABOUT_ONE else "show"
        return f"did you mean {' or '.join(near)}? `registry {command} {near[0]}`"
    if ref.source is SourceName.DATA:
        return "a dataset is known once a model that was trained on it is added"
    return f"`registry add {shlex.quote(str(ref))}` reads it"


def _require_revision(catalog: Catalog, repo_id: str, revision: str) -> None:
    """The catalog answers for the commit it read, never for another that was asked for."""
    snapshot = catalog.snapshot(repo_id, files=False)
    held = snapshot.commit_sha if snapshot else None
    if snapshot is not None and (revision == snapshot.revision or (held or "").startswith(revision)):
        return
    raise UsageError(
        f"the catalog holds {repo_id} at {held or 'no commit'}, not at {revision}",
        hint=f"`registry add {repo_id}@{revision}` reads that one",
    )
