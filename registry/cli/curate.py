"""`link`, `unlink` and `annotate`: what people know better than any source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import click

from registry.cli.names import Name, known_model
from registry.cli.options import ROWS, acts, answers, command
from registry.cli.output import Answer, Output
from registry.cli.session import Session
from registry.cli.tables import Column, table
from registry.errors import UsageError
from registry.model.edges import Relation
from registry.model.refs import ModelRef, SourceName

if TYPE_CHECKING:
    from rich.console import RenderableType

LINKABLE = tuple(relation.value for relation in Relation)


@command(
    "link",
    "registry link my-org/my-model bigscience/bloom --relation finetune --note 'our own run'",
    "registry link my-org/my-model data:my-org/notes --relation trained_on --note 'our own run'",
)
@click.argument("derivative", type=Name())
@click.argument("base", type=Name())
@click.option("--relation", required=True, type=click.Choice(LINKABLE), help="How it was made.")
@click.option("--note", required=True, metavar="TEXT", help="How you know.")
@acts
def link(session: Session, *, derivative: ModelRef, base: ModelRef, relation: str, note: str) -> None:
    """Record by hand what a model was made from.

    What sources claim stays beside it; a claim made by hand is the strongest. BASE need not be in the
    catalog; data:org/name is a dataset.
    """
    from registry.services import curate

    catalog = session.catalog()
    model = known_model(catalog, derivative)
    curate.link(catalog, model, base, Relation(relation), note, session.app.now())
    session.note(f"Recorded: {model} was made from {base.repo_id} ({relation}).")


@command(
    "unlink",
    "registry unlink my-org/my-model bigscience/bloom --note 'the card is wrong'",
)
@click.argument("derivative", type=Name())
@click.argument("base", type=Name())
@click.option("--note", required=True, metavar="TEXT", help="How you know.")
@acts
def unlink(session: Session, *, derivative: ModelRef, base: ModelRef, note: str) -> None:
    """Record by hand that a model was not made from another.

    The claims of sources are kept and shown by `registry why`, but no longer make an edge.
    """
    from registry.services import curate

    catalog = session.catalog()
    model = known_model(catalog, derivative)
    curate.unlink(catalog, model, base, note, session.app.now())
    session.note(f"Recorded: {model} was not made from {base.repo_id}.")


@command(
    "annotate",
    "registry annotate bigscience/bloom training_tokens=366e9 --source arXiv:2211.05100",
    "registry annotate my-org/my-model --trained-on-outputs-of bigscience/bloom --source 'our log'",
    "registry annotate data:my-org/notes --license cc-by-nc-4.0 --source https://example.org/notes",
    "registry annotate --list",
)
@click.argument("ref", required=False, type=Name())
@click.argument("facts", nargs=-1, metavar="[NAME=VALUE...]")
@click.option(
    "--trained-on-outputs-of",
    "outputs_of",
    multiple=True,
    metavar="REF",
    help="A model whose outputs this one was trained on.",
)
@click.option("--text-license", metavar="ID", help="The license whose text the repository really carries.")
@click.option(
    "--license-file", multiple=True, metavar="NAME=ID", help="The license that one of its files holds."
)
@click.option("--card-license", metavar="ID", help="The license the card's prose states.")
@click.option(
    "--also-license", multiple=True, metavar="ID", help="A further license that is kept on purpose."
)
@click.option(
    "--card-text", multiple=True, metavar="TEXT", help="Words of the card that bear on its license."
)
@click.option("--license", "license", metavar="ID", help="The license of a dataset (REF is data:org/name).")
@click.option("--source", metavar="TEXT", help="Where it is said: a URL or citation; mandatory.")
@click.option("--note", metavar="TEXT", help="Anything worth adding.")
@click.option("--list", "kinds", is_flag=True, help="Print the facts there are, with their units.")
@answers(*ROWS, quiet=None)
def annotate(
    session: Session,
    out: Output,
    *,
    ref: ModelRef | None,
    facts: Sequence[str],
    source: str | None,
    note: str | None,
    kinds: bool,
    **told: str | Sequence[str] | None,
) -> None:
    """Record facts that no source tells.

    Training tokens, hardware, cost, as NAME=VALUE; what bears on the license and no card field can carry, by
    options; a dataset's license. Earlier values stay in the history.
    """
    from registry.services import curate

    if kinds:
        _print_kinds(out)
        return
    texts = [*facts, *_as_facts(told)]
    if ref is None or not texts:
        raise UsageError("say which model and which facts", hint="`registry annotate --list` names the facts")
    if source is None:
        raise UsageError("a fact needs its source", hint="add --source with a URL or citation")
    parsed = [curate.parse_fact(text, source, note) for text in texts]
    catalog = session.catalog()
    named_only = ref.source is SourceName.DATA and catalog.find(ref.repo_id) is None
    repo_id = ref.repo_id if named_only else known_model(catalog, ref)
    curate.annotate(catalog, repo_id, parsed, session.app.now())
    session.note(f"Recorded for {repo_id}: {', '.join(f'{fact.name} = {fact.value}' for fact in parsed)}.")
    for name, near in curate.unknown_hardware(parsed):
        known = f"; the nearest known are {', '.join(near)}" if near else ""
        session.note(f"No peak and no price is known of {name!r}, so no cost follows from it{known}.")
    for unknown in curate.unknown_licenses(parsed):
        session.note(f"{unknown!r} is no license the audit knows; `registry licenses` lists them.")


def _as_facts(told: Mapping[str, str | Sequence[str] | None]) -> list[str]:
    """Options as the facts they stand for, one per value, an empty one too: it is refused by name."""
    return [
        f"{name}={value}"
        for name, values in told.items()
        if values is not None
        for value in ([values] if isinstance(values, str) else values)
    ]


def _print_kinds(out: Output) -> None:
    from registry.model.facts import KINDS
    from registry.services.curate import OUTPUTS_OF

    named = [(kind.name, kind.unit, kind.meaning) for kind in KINDS]
    named.append((OUTPUTS_OF, None, "the model whose outputs this one was trained on, as a reference"))

    def drawn(width: int | None) -> RenderableType:
        columns = [Column("FACT", least=18), Column("UNIT"), Column("MEANING", least=20, wrap=True)]
        return table(columns, named, width)

    def records() -> list[dict[str, object]]:
        return [{"name": name, "unit": unit, "meaning": meaning} for name, unit, meaning in named]

    out.give(Answer(table=drawn, document=lambda: {"facts": records()}, rows=records))
