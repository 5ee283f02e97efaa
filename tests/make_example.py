"""Makes `catalog.db.example` from the recording, more recorded documents, and the models known from papers.

    python -m tests.make_example [../shared/hub]

Everything goes in through the code users run: `add` against the recorded Hub, `import` of a file, `add` of
`paper:` models. Times are those of the recordings, so the same input makes the same catalog.
"""

from __future__ import annotations

import gzip
import json
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from registry.catalog.catalog import Catalog
from registry.contract import Source, Want
from registry.demo.bundle import Bundle, Recording, load_bundle
from registry.demo.hub import RecordedHub
from registry.model.refs import ModelRef
from registry.services.ingest import AddOptions, Outcome, add
from registry.services.transfer import import_documents
from registry.sources.hub import HubSource
from registry.sources.papers import PaperSource
from tests.make_bundle import trimmed

TARGET = Path(__file__).parents[1] / "catalog.db.example"

PER_BASE = 40
"""Documents taken per base model: enough for `impact` to be interesting, few enough to stay small."""

LATEST = datetime(2026, 11, 1, tzinfo=UTC)
"""The moment of documents that do not say when they were recorded; every one does."""


class Quiet:
    """A watcher that stops at what could not be read for another reason than that it was not recorded."""

    def done(self, outcome: Outcome, known: int) -> None:
        if outcome.error is not None and outcome.error.code != "not-visible":
            raise SystemExit(f"{outcome.ref}: {outcome.error.message}")


def main(source: Path, target: Path = TARGET) -> None:
    with TemporaryDirectory() as folder:
        built = Path(folder) / "catalog.db"
        with Catalog.open(str(built), create=True) as catalog:
            add_recorded(catalog, load_bundle())
            further = Path(folder) / "documents.jsonl"
            further.write_text(
                "".join(f"{json.dumps(line)}\n" for line in documents(source)), encoding="utf-8"
            )
            report = import_documents(catalog, further, lambda: LATEST, lambda _: None)
            if report.bad:
                raise SystemExit(f"not imported: {report.bad}")
            add_papers(catalog)
            target.unlink(missing_ok=True)
            catalog.backup(target)  # Without the free pages and side files of the one just built.
            counts = ", ".join(f"{count} {name}" for name, count in catalog.stats().items())
    print(f"{target}: {target.stat().st_size:,} bytes; {counts}")  # noqa: T201


def add_recorded(catalog: Catalog, bundle: Bundle) -> None:
    """Add every model of the recording at its own date, bases only as far as they were recorded."""
    with RecordedHub(bundle.models, moved=bundle.moved) as hub:
        for day in sorted({day_of(recording) for recording in bundle.recordings}):
            refs = [ModelRef(r.repo_id) for r in bundle.recordings if day_of(r) == day]
            with HubSource(endpoint=hub.endpoint, token=False, clock=_at(day)) as source:
                _add(catalog, source, refs, Want())
        renamed = [ModelRef(old) for old, new in bundle.moved.items() if new in bundle.models]
        with HubSource(endpoint=hub.endpoint, token=False, clock=_at(day)) as source:
            # The old names too, so that the catalog knows them as aliases.
            _add(catalog, source, renamed, Want())


def add_papers(catalog: Catalog) -> None:
    """Add every model of the data file of published models, by its `paper:` name."""
    source = PaperSource()
    refs = []
    for repo_id in source.ids():
        model = source.model(repo_id)
        names = (repo_id, *(model.snapshot.aliases if model else ()))
        refs.append(ModelRef.parse(next(name for name in names if name.startswith("paper:"))))
    # Asking for more than the default reads what another source has already told of, too.
    _add(catalog, source, refs, Want(deep=True))


def _add(catalog: Catalog, source: Source, refs: list[ModelRef], want: Want) -> None:
    # One at a time: the order of saving is then the order of names.
    add(catalog, lambda _: source, refs, AddOptions(want=want, depth=0, jobs=1), Quiet())


def day_of(recording: Recording) -> datetime:
    """The date of a recording; the first of the month where only that is known."""
    year, month, day = re.match(r"(\d{4})-(\d{2})(?:-(\d{2}))?", recording.date).groups("1")  # type: ignore[union-attr]
    return datetime(int(year), int(month), int(day), tzinfo=UTC)


def _at(moment: datetime) -> Callable[[], datetime]:
    return lambda: moment


def documents(source: Path) -> Iterator[dict[str, Any]]:
    """Recorded documents as `import` takes them, trimmed like the recording, up to `PER_BASE` of a base."""
    shipped = set(load_bundle().models)
    taken: Counter[str] = Counter()
    with gzip.open(source / "api_like.jsonl.gz", "rt", encoding="utf-8") as lines:
        entries = sorted((json.loads(line) for line in lines), key=lambda entry: str(entry["api"]["id"]))
    for entry in entries:
        document = entry["api"]
        if document["id"] in shipped:
            continue
        bases = [tag for tag in document["tags"] if tag.startswith("base_model:") and tag.count(":") == 2]
        family = bases[0] if bases else ""
        taken[family] += 1
        if taken[family] <= PER_BASE:
            yield {"api": trimmed(document), "snapshot": entry["snapshot"]}


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[2] / "shared/hub")
