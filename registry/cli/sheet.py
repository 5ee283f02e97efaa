"""One model on one page, for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from registry.cli.tables import LAST, Column, table, words
from registry.model.edges import Edge, Relation
from registry.model.facts import NAMES
from registry.model.refs import SourceName
from registry.model.units import format_bytes, format_count

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

    from registry.model.records import HistoryEntry, KeptClaim, ModelBrief
    from registry.model.snapshot import ModelSnapshot, ParameterCount, TrainingFact
    from registry.services.describe import Description, Storage

LABEL = 11
SHOWN_ALIASES = 5
UNTOLD = "only in evidence or facts"
"""What differs in a state whose license, bases, size and the like are those of the one before."""
TABLE = "table"
"""The origin of facts that are looked up in the shipped table, not kept."""
FINE = 10**4
"""From here on nobody reads what stands behind the point."""
HUGE = 10**15
"""From here on a number is told by its exponent."""


def sheet(description: Description) -> RenderableType:
    """The whole page. Lines wrap at the end of a terminal, nothing is cut."""
    from rich.console import Group
    from rich.text import Text

    parts: list[RenderableType] = [_title(description)]
    lines = _identity(description)
    if description.brief.observed_at is None:
        # Nobody has looked: what is known is worth a line, a page of dashes is not.
        lines = [line for line in lines if line[1] is not None]
    parts.append(_grid(lines))
    for heading, lines in _sections(description):
        if lines:
            parts += [Text(), Text(heading, style="bold"), _grid(lines)]
    return Group(*parts)


def _title(description: Description) -> RenderableType:
    title = words(description.brief.repo_id, "bold")
    state = _state(description)
    if state:
        title.append(f"  {state}", style="yellow")
    return title


def _state(description: Description) -> str:
    brief = description.brief
    if brief.removed:
        return "removed: its host does not show it any more"
    if brief.source is SourceName.DATA:
        return "a dataset: known as what models were trained on"
    if brief.tracked:
        return ""
    if brief.observed_at is not None:
        return f"not tracked: taken out of this catalog; last read {brief.observed_at:%Y-%m-%d}"
    return "referenced: only named as a base so far"


Line = tuple[str, str | Sequence[str] | None]
"""A label, and its value in one line or several; `None` is unknown."""


def _grid(lines: Iterable[Line]) -> RenderableType:
    from rich.table import Table

    grid = Table.grid(padding=(0, 2, 0, 0), pad_edge=False)
    grid.add_column(style="dim", no_wrap=True, min_width=LABEL)
    grid.add_column(overflow="fold")
    for label, value in lines:
        grid.add_row(words(f"  {label}"), _value(value))
    return grid


def _value(value: str | Sequence[str] | None) -> Text:
    from rich.text import Text

    if value is None or isinstance(value, str):
        return words(value)
    return Text("\n").join(words(line) for line in value)


def _identity(description: Description) -> list[Line]:
    brief, snapshot = description.brief, description.snapshot
    lines: list[Line] = [
        ("source", _source(description)),
        ("commit", _commit(description)),
        ("task", brief.task),
        ("library", brief.library),
        ("parameters", _counted(description)),
        ("license", _license(description)),
        ("gate", _gate(snapshot)),
        ("storage", _storage(description.storage)),
        ("downloads", _use(description)),
        ("created", f"{brief.created_at:%Y-%m-%d}" if brief.created_at else None),
    ]
    if description.aliases:
        lines.append(("also known", _listed(description.aliases)))
    if snapshot and snapshot.new_version:
        lines.append(("successor", snapshot.new_version))
    return lines


def _source(description: Description) -> str | None:
    seen = description.brief.observed_at
    if seen is None and description.brief.source is SourceName.DATA:
        return None  # Its name says so, and the title.
    return f"{description.brief.source}, read {moment(seen)}" if seen else str(description.brief.source)


def _commit(description: Description) -> str | None:
    commit = description.brief.commit_sha
    if commit is None:
        return None
    snapshot = description.snapshot
    asked = f" ({snapshot.revision})" if snapshot and snapshot.revision else ""
    changed = description.brief.last_modified
    return f"{commit[:12]}{asked}" + (f" of {changed:%Y-%m-%d}" if changed else "")


def _counted(description: Description) -> Sequence[str] | None:
    """The count of parameters, and whoever else tells the same number."""
    snapshot, brief = description.snapshot, description.brief
    lines = _parameters(snapshot.parameters if snapshot else None, brief.parameters)
    alike = [fact for fact in _told(description) if _is_shown(fact, brief)]
    told = [f"as told by {fact.source}" + (f" ({fact.note})" if fact.note else "") for fact in alike]
    return [*(lines or ()), *told] or None


def _is_shown(fact: TrainingFact, brief: ModelBrief) -> bool:
    """Whether a fact only repeats the count of parameters."""
    return fact.name == "parameters" and fact.value == brief.parameters


def _parameters(count: ParameterCount | None, known: int | None) -> Sequence[str] | None:
    """The logical count first; what is stored and served beside it, and the rule that connects them."""
    if count is None:
        return [_exact(known)] if known is not None else None
    first = count.logical if count.logical is not None else count.stored
    lines = [_exact(first) if first is not None else "-"]
    if count.by_dtype:
        stored = ", ".join(f"{dtype} {number:,}" for dtype, number in count.by_dtype.items())
        lines.append(f"stored: {stored} ({count.origin})")
    if count.rule and count.logical != count.stored:
        lines.append(f"worked out: {count.rule}" if count.by_dtype else count.rule)
    if count.served_total is not None and count.served_total not in (count.stored, count.logical):
        lines.append(f"served: {count.served_total:,}")
    if count.contradiction:
        lines.append(f"contradiction: {count.contradiction}")
    return lines


def _exact(count: int) -> str:
    return f"{format_count(count)} ({count:,})"


def _license(description: Description) -> str | None:
    license_ = description.license
    if license_.id is None and license_.expression is None:
        return f"not recognised: {', '.join(map(repr, license_.declared))}" if license_.declared else None
    named = license_.id or license_.expression or ""
    told = [part for part in (license_.expression if license_.expression != named else None,) if part]
    if license_.origin:
        told.append(f"declared by {license_.origin}")
    return f"{named} ({', '.join(told)})" if told else named


def _gate(snapshot: ModelSnapshot | None) -> str | None:
    if snapshot is None or snapshot.gated is None:
        return None
    told = {"none": "open", "auto": "terms to accept", "manual": "terms, access granted by hand"}
    more = [word for word, holds in (("private", snapshot.private), ("disabled", snapshot.disabled)) if holds]
    return ", ".join([told[snapshot.gated.value], *more])


def _storage(storage: Storage | None) -> Sequence[str] | None:
    if storage is None:
        return None
    lines = []
    if storage.files:
        lines.append(_weighed(storage))
    if storage.hub_used_bytes is not None:
        lines.append(f"{format_bytes(storage.hub_used_bytes)} used on the Hub, history included")
    return lines or None


def _weighed(storage: Storage) -> str:
    """The file list in one line. What no source gave a size for makes a sum a lower bound."""
    files = _files(storage.files)
    if storage.unsized_files == storage.files:
        return f"{files} of unknown size"
    unsized = f" and {_files(storage.unsized_files)} of unknown size" if storage.unsized_files else ""
    told = [f"{files}, {format_bytes(storage.logical_bytes)}{unsized}"]
    if storage.unique_bytes != storage.logical_bytes:
        told.append(f"unique {format_bytes(storage.unique_bytes)}")
    return "; ".join([*told, f"weights {format_bytes(storage.weight_bytes)}"])


def _files(count: int) -> str:
    return f"{count:,} file{'' if count == 1 else 's'}"


def _use(description: Description) -> str | None:
    brief = description.brief
    if brief.downloads is None and brief.likes is None:
        return None
    likes = f", {format_count(brief.likes)} likes" if brief.likes is not None else ""
    return f"{format_count(brief.downloads)}{likes}"


def _sections(description: Description) -> list[tuple[str, list[Line]]]:
    models = [edge for edge in description.bases if edge.relation is not Relation.TRAINED_ON]
    datasets = [edge for edge in description.bases if edge.relation is Relation.TRAINED_ON]
    notes = description.snapshot.notes if description.snapshot else ()
    brief = description.brief
    children = dict(description.children)
    trained = children.pop(Relation.TRAINED_ON.value, 0)
    return [
        ("Made from", [(edge.relation.value, _evidence(edge)) for edge in models]),
        ("Base unclear", [(kept.claim.origin.value, _unresolved(kept)) for kept in description.unresolved]),
        ("Trained on", [("dataset", _evidence(edge)) for edge in datasets]),
        ("Made of it", [(name, f"{count:,}") for name, count in sorted(children.items())]),
        ("Trained on it", [("models", f"{trained:,}")] if trained else []),
        ("Facts", [(fact.name, _fact(fact)) for fact in _told(description) if not _is_shown(fact, brief)]),
        ("Facts of the table", _table_facts(description)),
        ("Notes", [(note.code, note.message) for note in notes]),
    ]


def _evidence(edge: Edge) -> str:
    renamed = f", written {edge.resolved_from}" if edge.resolved_from else ""
    return f"{edge.base}  ({', '.join(edge.origins)}{renamed})"


def _unresolved(kept: KeptClaim) -> str:
    reason = f"  ({kept.claim.detail})" if kept.claim.detail else ""
    return f"{kept.claim.declared!r}{reason}"


def _told(description: Description) -> list[TrainingFact]:
    """The facts that were told about this model; the table's are asked for and come on their own."""
    return [fact for _, fact in description.facts if fact.origin != TABLE]


def _table_facts(description: Description) -> list[Line]:
    """What the shipped table says, and once who made it."""
    facts = [fact for _, fact in description.facts if fact.origin == TABLE]
    lines: list[Line] = [(fact.name, _measured(fact)) for fact in facts]
    return [*lines, *(("source", source) for source in dict.fromkeys(fact.source for fact in facts))]


def _fact(fact: TrainingFact) -> Sequence[str]:
    return _measured(fact), fact.source


def _measured(fact: TrainingFact) -> str:
    """The value of a fact with its unit, and what was noted about it."""
    kind = NAMES.get(fact.name)
    value = fact.value if isinstance(fact.value, str) else _number(fact.value)
    unit = _unit(kind.unit, fact.value) if kind and kind.unit and kind.unit != fact.name else ""
    note = f", {fact.note}" if fact.note else ""
    return f"{value}{unit}{note}"


def _unit(unit: str, value: float | str) -> str:
    """The unit behind a number: ` tokens`, ` chip`."""
    return f" {unit.removesuffix('s') if value == 1 else unit}"


def _number(value: float) -> str:
    """A quantity to be read: `366,000,000,000`, `3.12e+23`."""
    if abs(value) >= HUGE:
        return f"{value:.4g}"
    return f"{value:,}" if abs(value) < FINE and not float(value).is_integer() else f"{round(value):,}"


def history(description: Description, entries: Sequence[HistoryEntry], width: int | None) -> RenderableType:
    """What was seen when, oldest first; each source is compared with itself."""
    if not entries:
        brief = description.brief
        if brief.source is SourceName.DATA:
            return words(f"{brief.repo_id} is a dataset; datasets are named, not read.")
        return words(f"{brief.repo_id} has not been read: it is only named as a base so far.")
    columns = [
        Column("FIRST SEEN", least=16),
        Column("LAST SEEN", rank=2, least=16),
        Column("SOURCE", rank=LAST),
        Column("COMMIT", rank=LAST),
        Column("CHANGES", least=20, wrap=True),
    ]
    rows = []
    met: set[str] = set()
    for entry in entries:
        told = "; ".join(f"{c.field}: {c.before or '-'} -> {c.after or '-'}" for c in entry.changes)
        rows.append(
            [
                moment(entry.first_seen),
                moment(entry.last_seen),
                str(entry.source),
                entry.commit_sha[:12] if entry.commit_sha else None,
                told or (UNTOLD if entry.source in met else "first read"),
            ]
        )
        met.add(entry.source)
    return table(columns, rows, width)


def files(description: Description, width: int | None) -> RenderableType | None:
    """The file list of the commit, by path."""
    listed = description.snapshot.files if description.snapshot else None
    if listed is None:
        return words("no file list was read")
    columns = [
        Column("PATH", least=16, wrap=True),
        Column("SIZE", right=True),
        Column("SHA256", least=12),
    ]
    rows = [[file.path, format_bytes(file.size), file.sha256] for file in sorted(listed)]
    return table(columns, rows, width)


def moment(time: datetime) -> str:
    """A time as people read it, in UTC."""
    return f"{time:%Y-%m-%d %H:%M} UTC"


def _joined(*parts: str | None) -> str | None:
    return ", ".join(part for part in parts if part) or None


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:SHOWN_ALIASES])
    more = len(names) - SHOWN_ALIASES
    return f"{shown} and {more} more" if more > 0 else shown
