"""Add models: read each from its source, keep it, and follow its bases to the roots.

Reading happens on threads, saving on the caller's: one transaction per model, so that whatever was
read before an interruption stays, and running the same request again only reads what is missing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Protocol

from registry.catalog.catalog import Catalog
from registry.contract import Source, Want
from registry.errors import BadReference, BadSettings, RegistryError
from registry.model.edges import Relation
from registry.model.records import SaveReport
from registry.model.refs import ModelRef, SourceName
from registry.model.snapshot import Change, ModelSnapshot

RELATIONS = (Relation.FINETUNE, Relation.ADAPTER, Relation.MERGE, Relation.QUANTIZED)
"""The relations by which a host lists derivatives."""

SourceFor = Callable[[ModelRef], Source]
_Answer = ModelSnapshot | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AddOptions:
    """depth: how many generations of bases to follow, `None` for all. derivatives: how many of the most
    downloaded children per relation to add for each model asked for. jobs: models read at a time."""

    want: Want = field(default_factory=Want)
    depth: int | None = None
    derivatives: int = 0
    jobs: int = 8


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one model.

    state: `added`, `changed`, `unchanged`, `known` (already in the catalog, not read again) or `failed`.
    asked: named by the caller rather than reached by following.
    """

    ref: str
    repo_id: str | None
    state: str
    changes: tuple[Change, ...] = ()
    error: RegistryError | None = None
    asked: bool = False


@dataclass(frozen=True, slots=True)
class IngestReport:
    """Everything that was asked for or reached, those asked for first."""

    outcomes: tuple[Outcome, ...]

    @property
    def failed(self) -> tuple[Outcome, ...]:
        return tuple(outcome for outcome in self.outcomes if outcome.state == "failed")

    @property
    def complete(self) -> bool:
        return not self.failed


class Watcher(Protocol):
    """Is told how far the work is."""

    def done(self, outcome: Outcome, known: int) -> None:
        """One more model is settled; `known` is how many are known to be part of the work so far."""
        ...


@dataclass(frozen=True, slots=True)
class _Task:
    """A model to read, or, with `listing`, its derivatives by that relation to list."""

    ref: ModelRef
    hops: int
    asked: bool
    listing: Relation | None = None


def add(
    catalog: Catalog, source_for: SourceFor, refs: Sequence[ModelRef], options: AddOptions, watch: Watcher
) -> IngestReport:
    """Add `refs` and what they were made from. Failures are reported, not raised; a catalog that cannot be
    written ends the work with its `CatalogError`, a settings file that does not parse with `BadSettings`."""
    run = Ingest(catalog, source_for, options, watch)
    for ref in refs:
        run.enqueue(ref, hops=0, asked=True)
    return run.work()


class Ingest:
    """One piece of work: a queue of references, the threads that read them, and what came of each."""

    def __init__(self, catalog: Catalog, source_for: SourceFor, options: AddOptions, watch: Watcher) -> None:
        self._catalog = catalog
        self._source_for = source_for
        self._options = options
        self._watch = watch
        self._queue: deque[_Task] = deque()
        self._seen: set[str] = set()
        self._asked: list[ModelRef] = []
        self._outcomes: list[Outcome] = []

    def enqueue(self, ref: ModelRef, *, hops: int, asked: bool = False) -> None:
        if str(ref) not in self._seen:
            self._seen.add(str(ref))
            self._queue.append(_Task(ref, hops, asked))
            if asked:
                self._asked.append(ref)
            if asked and self._options.derivatives:
                self._queue.extend(_Task(ref, hops, False, relation) for relation in RELATIONS)

    def work(self) -> IngestReport:
        """Drain the queue and say what came of it."""
        pool = ThreadPoolExecutor(self._options.jobs, thread_name_prefix="read")
        running: dict[Future[_Answer], _Task] = {}
        try:
            while self._queue or running:
                while self._queue and len(running) < self._options.jobs:
                    task = self._queue.popleft()
                    if not self._settle_known(task):
                        running[pool.submit(self._perform, task)] = task
                finished = wait(running, return_when=FIRST_COMPLETED).done if running else ()
                for future in finished:
                    self._settle(running.pop(future), future)
        finally:
            # After an interruption nobody waits for answers that may be a timeout away.
            pool.shutdown(wait=not running, cancel_futures=True)
        # Answers come in any order; a report does not.
        place = {str(ref): number for number, ref in enumerate(self._asked)}
        order = sorted(self._outcomes, key=lambda one: (place.get(one.ref, len(place)), one.ref))
        return IngestReport(tuple(order))

    def read(self, ref: ModelRef) -> ModelSnapshot:
        """Read one model; runs on a thread."""
        return self._source_for(ref).fetch(ref, self._options.want)

    def is_settled(self, ref: ModelRef) -> str | None:
        """The catalog name of a model that need not be read again."""
        # What lies on this disk may have changed since, and a look costs next to nothing.
        if self._options.want != Want() or ref.source is SourceName.LOCAL:
            return None
        repo_id = self._catalog.find(ref.repo_id)
        if repo_id is None:
            return None
        brief = self._catalog.briefs([repo_id])[repo_id]
        # What a publication says of a model does not stand for what its host says.
        if not brief.tracked or (brief.source is SourceName.PAPER and ref.source is SourceName.HUB):
            return None
        if ref.revision is not None:
            kept = self._catalog.snapshot(repo_id, files=False)
            if kept is None or ref.revision not in (kept.revision, kept.commit_sha):
                return None
        return repo_id

    def _settle_known(self, task: _Task) -> bool:
        repo_id = None if task.listing else self.is_settled(task.ref)
        if repo_id is None:
            return False
        self._record(Outcome(str(task.ref), repo_id, "known", asked=task.asked))
        self._follow(task, (edge.base for edge in self._catalog.edges_up(repo_id, 1)))
        return True

    def _perform(self, task: _Task) -> _Answer:
        if task.listing:
            source = self._source_for(task.ref)
            return tuple(source.derivatives(task.ref, task.listing, self._options.derivatives))
        return self.read(task.ref)

    def _settle(self, task: _Task, future: Future[_Answer]) -> None:
        try:
            answer = future.result()
        except BadSettings:
            raise  # Not about this model: no other would fare better.
        except RegistryError as error:
            name = f"{task.listing} derivatives of {task.ref}" if task.listing else str(task.ref)
            self._record(Outcome(name, None, "failed", error=error, asked=task.asked))
            return
        if isinstance(answer, ModelSnapshot):
            report = self._catalog.save(answer)
            self._seen.add(report.repo_id)
            self._record(_outcome(task, report))
            self._follow(task, report.bases)
        else:
            for child in answer:
                self.enqueue(ModelRef.parse(child), hops=0)

    def _follow(self, task: _Task, bases: Iterable[str]) -> None:
        if self._options.depth is not None and task.hops >= self._options.depth:
            return
        for base in sorted(bases):
            ref = _followable(base)
            if ref is not None:
                self.enqueue(ref, hops=task.hops + 1)

    def _record(self, outcome: Outcome) -> None:
        self._outcomes.append(outcome)
        self._watch.done(outcome, len(self._seen))


def _outcome(task: _Task, report: SaveReport) -> Outcome:
    state = "added" if report.created else "changed" if report.changes else "unchanged"
    changes = () if report.created else report.changes
    return Outcome(str(task.ref), report.repo_id, state, changes, asked=task.asked)


def _followable(base: str) -> ModelRef | None:
    """The reference of a base worth reading; datasets are named, not read."""
    try:
        ref = ModelRef.parse(base)
    except BadReference:
        return None
    return None if ref.source in (SourceName.DATA, SourceName.LOCAL) else ref
