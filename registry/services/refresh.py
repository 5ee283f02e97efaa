"""Read tracked models again and tell what changed since the last look."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from registry.catalog.catalog import Catalog
from registry.errors import Disabled, NotVisible
from registry.model.refs import ModelRef, SourceName
from registry.model.snapshot import ModelSnapshot, Note
from registry.services.ingest import AddOptions, Ingest, IngestReport, SourceFor, Watcher


def refresh(
    catalog: Catalog,
    source_for: SourceFor,
    repo_ids: Sequence[str],
    options: AddOptions,
    watch: Watcher,
    now: Callable[[], datetime],
) -> IngestReport:
    """Re-read `repo_ids`, which the catalog tracks; bases that are new to it are followed as in `add`.

    A model its host no longer shows is kept and marked removed: that is a change, not a failure.
    """
    refs = [_last_read_as(catalog, repo_id) for repo_id in repo_ids]
    run = _Refresh(catalog, source_for, options, watch, frozenset(ref.repo_id for ref in refs), now)
    for ref in refs:
        run.enqueue(ref, hops=0, asked=True)
    return run.work()


def _last_read_as(catalog: Catalog, repo_id: str) -> ModelRef:
    """The reference a model was read by: one with a Hub name may be known from a publication alone."""
    ref = ModelRef.parse(repo_id)
    if catalog.briefs([repo_id])[repo_id].source is ref.source:
        return ref
    other = (ModelRef.parse(alias) for alias in catalog.aliases(repo_id))
    return next((alias for alias in other if alias.source is SourceName.PAPER), ref)


class _Refresh(Ingest):
    def __init__(
        self,
        catalog: Catalog,
        source_for: SourceFor,
        options: AddOptions,
        watch: Watcher,
        due: frozenset[str],
        now: Callable[[], datetime],
    ) -> None:
        super().__init__(catalog, source_for, options, watch)
        self._due = due
        self._now = now

    def is_settled(self, ref: ModelRef) -> str | None:
        return None if ref.repo_id in self._due else super().is_settled(ref)

    def read(self, ref: ModelRef) -> ModelSnapshot:
        want = replace(self._options.want, listed=self._listed(ref))
        try:
            return self._source_for(ref).fetch(ref, want)
        except (NotVisible, Disabled) as error:
            if ref.repo_id not in self._due:
                raise
            return ModelSnapshot(
                repo_id=ref.repo_id,
                source=ref.source,
                observed_at=self._now(),
                removed=True,
                disabled=True if isinstance(error, Disabled) else None,
                notes=(Note(error.code, error.message),),
            )

    def _listed(self, ref: ModelRef) -> str | None:
        """The commit of which the catalog has the whole list of files, sizes and hashes included."""
        repo_id = self._catalog.find(ref.repo_id)
        kept = None if repo_id is None else self._catalog.snapshot(repo_id, files=False)
        if repo_id is None or kept is None or kept.source is not ref.source or not kept.files_complete:
            return None
        brief = self._catalog.briefs([repo_id])[repo_id]
        whole = brief.logical_bytes is not None and not brief.unsized_files
        return kept.commit_sha if whole and all(note.code != "tree-unread" for note in kept.notes) else None
