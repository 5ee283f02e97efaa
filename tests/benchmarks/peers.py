"""What keeping models takes, against the usual loop: the Hub client's objects into an ORM.

Run `python tests/benchmarks/peers.py [--models 155000] [--pairs 3] [--folder F] [--arrow PYTHON]`. The first
models of the synthetic Hub are kept by `registry import`, from a dump and from documents as the Hub answers
them, and by a loop that makes a `ModelInfo` of each document and hands SQLAlchemy's ORM fewer facts than we
keep: sixteen columns and the bases named by tags. All are whole processes on SQLite; CPU time, in turns.
There is no bar.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from itertools import islice
from pathlib import Path
from uuid import uuid4

from figures import told
from startup import cpu
from synthetic import EDGES_PER_MODEL, documents

MOST = 50_000
"""Models; more of them change no ratio and take minutes."""

LOOP = """
import json, sys
from datetime import datetime
from huggingface_hub import ModelInfo
from sqlalchemy import ForeignKey, create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship

class Base(DeclarativeBase):
    pass

class Model(Base):
    __tablename__ = "models"
    id: Mapped[int] = mapped_column(primary_key=True)
    repo_id: Mapped[str] = mapped_column(unique=True)
    sha: Mapped[str | None]
    author: Mapped[str | None]
    created_at: Mapped[datetime | None]
    last_modified: Mapped[datetime | None]
    private: Mapped[bool | None]
    disabled: Mapped[bool | None]
    gated: Mapped[str | None]
    downloads: Mapped[int | None]
    likes: Mapped[int | None]
    library: Mapped[str | None]
    task: Mapped[str | None]
    license: Mapped[str | None]
    parameters: Mapped[int | None]
    tags: Mapped[str | None]
    bases: Mapped[list["Edge"]] = relationship()

class Edge(Base):
    __tablename__ = "edges"
    id: Mapped[int] = mapped_column(primary_key=True)
    model_id: Mapped[int] = mapped_column(ForeignKey("models.id"), index=True)
    base: Mapped[str] = mapped_column(index=True)

def model_of(line):
    info = ModelInfo(**json.loads(line))
    tags = info.tags or []
    return Model(
        repo_id=info.id, sha=info.sha, author=info.author, created_at=info.created_at,
        last_modified=info.last_modified, private=info.private, disabled=info.disabled,
        gated=str(info.gated) if info.gated else None, downloads=info.downloads, likes=info.likes,
        library=info.library_name, task=info.pipeline_tag,
        license=next((tag[8:] for tag in tags if tag.startswith("license:")), None),
        parameters=info.safetensors.total if info.safetensors else None, tags=",".join(tags),
        bases=[Edge(base=name) for name in
               {tag.rpartition(":")[2] for tag in tags if tag.startswith("base_model:")}],
    )

engine = create_engine(f"sqlite:///{sys.argv[2]}")
Base.metadata.create_all(engine)
with open(sys.argv[1], "rb") as lines, Session(engine) as session:
    while page := [model_of(line) for _, line in zip(range(1000), lines)]:
        session.add_all(page)
        session.commit()
        session.expunge_all()
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--models", type=int, default=155_000)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--arrow", default=sys.executable, help="an interpreter with pyarrow")
    options = parser.parse_args()
    kept = options.folder or Path(tempfile.gettempdir(), f"hubgraph-{options.models // 1000}k")
    source = documents(kept, options.models, int(options.models * EDGES_PER_MODEL), options.arrow)
    models = min(options.models, MOST)
    environ = dict(os.environ)
    with tempfile.TemporaryDirectory() as folder:
        part, columns = Path(folder, "documents.jsonl"), Path(folder, "dump.parquet")
        with source.open("rb") as lines, part.open("wb") as some:
            some.writelines(islice(lines, models))
        first_rows(kept / "hub_stats.parquet", columns, models)

        def loop() -> float:
            peer = Path(folder, "peer.db")
            peer.unlink(missing_ok=True)
            return cpu([sys.executable, "-c", LOOP, str(part), str(peer)], environ)

        def ours(path: Path) -> float:
            catalog = Path(folder, f"{uuid4().hex}.db")
            command = [sys.executable, "-m", "registry", "--catalog", str(catalog)]
            subprocess.run([*command, "catalog", "init"], check=True, capture_output=True)
            return cpu([*command, "import", str(path)], environ)

        against, count = "a loop of ModelInfo objects into the ORM", f"{models:,} models"
        taken = [(ours(columns), ours(part), loop()) for _ in range(options.pairs)]
        told("import of a dump, CPU", against, [(dump, peer) for dump, _, peer in taken], note=count)
        note = f"{count}; we keep the answers as well"
        told("import of model documents, CPU", against, [(mine, peer) for _, mine, peer in taken], note=note)


def first_rows(path: Path, target: Path, count: int) -> None:
    """Write the first rows of a dump to a file of their own."""
    from pyarrow import parquet

    table = parquet.read_table(path).slice(0, count)
    parquet.write_table(table, target)


if __name__ == "__main__":
    main()
