"""Makes `registry/demo/data/bundle.jsonl.gz` from the recorded set beside the checkout.

    python -m tests.make_bundle [../shared/hub]

Keeps metadata, file lists and front matter; leaves out card prose, prompts, chat templates and widgets.
Nothing is invented: what a source does not tell is absent from the document.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from registry.demo.bundle import FORMAT

TARGET = Path(__file__).parents[1] / "registry/demo/data/bundle.jsonl.gz"

BLOOM = "bigscience/bloom"

VERBATIM = {
    "google-bert/bert-base-uncased": "2025-11 or later, by its content",
    "TheBloke/DiscoLM-120b-GPTQ": "2023-12",
}
"""Answers kept as received, with the date of recording as far as it can be told."""

DOCUMENTS = (
    BLOOM,
    # A chain of four, two of them gated, with a license that its root does not give.
    "linagora/Labess-7b-chat",
    "linagora/Labess-7b-chat-16bit",
    "EdBergJr/Jaisadapted7Baha_Arabic",
    "inceptionai/jais-adapted-7b-chat",
    "inceptionai/jais-adapted-7b",
    "ChengsenWang/ChatTime-1-7B-Chat",
    "ChengsenWang/ChatTime-1-7B-Base",
    # Several families on one base model.
    "wandb/gemma-7b-zephyr-dpo",
    "wandb/gemma-7b-zephyr-sft",
    "tanliboy/zephyr-7b-gemma-dpo",
    "tanliboy/zephyr-7b-gemma-sft",
    "AmberYifan/Gemma-7B-sft-dpo-10k",
    "AmberYifan/Gemma-7B-sft-spin-10k",
    "AmberYifan/Gemma-7b-sft-ultrachat-safeRLHF",
    "AmberYifan/Gemma-7b-sft-ultrachat",
    "OpenLLM-Ro/RoGemma-7b-Instruct-DPO-2024-10-09",
    "OpenLLM-Ro/RoGemma-7b-Instruct-2024-10-09",
    "AlekseyKorshuk/ultrachat-phi-2-dpo-chatml",
    "AlekseyKorshuk/ultrachat-evolcode-phi-2-sft-chatml",
    "AlekseyKorshuk/ultrachat-phi-2-sft-chatml",
    "FrancescoPeriti/TRoTR-distiluse-base-multilingual-cased-v1",
    "sentence-transformers/distiluse-base-multilingual-cased-v1",
    # A quantized copy whose card says finetune; two bases; a card with more bases than tags; an adapter and
    # a finetune whose bases were renamed.
    "matrixportal/gemma-7b-it-GGUF",
    "ConicCat/MistralSmallV3R",
    "CarteLorcana/Lorcana",
    "jeffrey03/Pricer-FineTune-OpenSource-2024-10-23_08.48.15",
    "gcuomo/open-source-ai-t5-liar-lens",
)
"""Complete documents of April 2025."""

ROWS = (
    # A merge of a merge and a LoRA that is tagged a finetune, a merge of two, a quantized copy, an adapter.
    "hemlang/Hemlock-Qwen3.8-27B",
    "hemlang/Hemlock-Qwen3.8-27B-LoRA",
    "DragonBophades/WichtelHui-Qwen3.8-27B-SLERP",
    "thlurte/Qwen2.5-CodeMath-1.5B",
    "usermma/Qwen3.8-Queen-27B-mlx-4Bit",
    "aifeifei798/Qwen3.8-Queen-27B",
    "regnant-io/kw5-lite-instruct",
    "regnant-io/kw5-lite-base",
)
"""Models known from one line each of August 2026: no commit, no file list."""

MOVED = {
    "bert-base-uncased": "google-bert/bert-base-uncased",
    "gpt2": "openai-community/gpt2",
    "distilbert-base-uncased": "distilbert/distilbert-base-uncased",
    "roberta-base": "FacebookAI/roberta-base",
    "t5-small": "google-t5/t5-small",
    "meta-llama/Meta-Llama-3.1-8B": "meta-llama/Llama-3.1-8B",
}
"""Renames that recorded cards and tags witness: the old id in the card, the new one in the tag."""

LEFT_OUT = frozenset(
    {"widgetData", "widget", "spaces", "transformersInfo", "model-index", "mask_token", "chat_template"}
)
LONGEST_TEXT = 200
"""Characters; longer texts are prompts, templates and prose."""


def main(source: Path) -> None:
    lines = sorted(
        [*_verbatim(source), *_documents(source), *_rows(source)], key=lambda line: line["document"]["id"]
    )
    found = {line["document"]["id"] for line in lines}
    missing = {*VERBATIM, *DOCUMENTS, *ROWS} - found
    if missing:
        raise SystemExit(f"not in the recorded set: {sorted(missing)}")
    head = {"format": FORMAT, "moved": MOVED}
    text = "".join(
        json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n" for line in [head, *lines]
    )
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    # No time stamp and no name in the archive: the same input gives the same bytes.
    TARGET.write_bytes(gzip.compress(text.encode(), mtime=0))
    print(f"{TARGET}: {len(lines)} models, {TARGET.stat().st_size} bytes")  # noqa: T201


def _verbatim(source: Path) -> Iterator[dict[str, Any]]:
    for repo_id, date in VERBATIM.items():
        path = source / "api_verbatim" / f"{repo_id.replace('/', '__')}.json"
        document = json.loads(path.read_text(encoding="utf-8"))
        yield {
            "document": trimmed(document),
            "source": "answer of GET /api/models/{id} as received, from a public repository",
            "date": date,
        }


def _documents(source: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(source / "api_like.jsonl.gz", "rt", encoding="utf-8") as lines:
        for text in lines:
            entry = json.loads(text)
            document = entry["api"]
            if document["id"] not in DOCUMENTS:
                continue
            day = entry["snapshot"]
            line = {
                "document": trimmed(document),
                "source": "rebuilt from a complete ModelInfo dump in a public repository (trees-2025-04)",
                "date": f"{day[:4]}-{day[4:6]}-{day[6:]}",
            }
            if document["id"] == BLOOM:
                line["tree"] = list(_bloom_tree(source, document))
                line["source"] += "; 261 files from the LFS pointers of a public git copy"
            if front := front_matter(entry["card"]):
                line["card"] = front
            yield line


def _rows(source: Path) -> Iterator[dict[str, Any]]:
    """Documents of models of which one line is known, credited in `registry/demo/data/README.md`."""
    names = {
        "id": "id",
        "author": "author",
        "pipeline_tag": "pipeline_tag",
        "library_name": "library_name",
        "tags": "tags",
        "downloads": "downloads",
        "likes": "likes",
        "created_at": "createdAt",
        "last_modified": "lastModified",
        "used_storage": "usedStorage",
    }
    with gzip.open(source / "models.jsonl.gz", "rt", encoding="utf-8") as lines:
        for text in lines:
            row = json.loads(text)
            if row["id"] not in ROWS:
                continue
            document = {there: row[here] for here, there in names.items() if row.get(here) is not None}
            yield {
                "document": trimmed(document),
                "source": "one line of a public daily record (radar-2026-08), CC-BY-4.0",
                "date": "2026-08",
            }


def _bloom_tree(source: Path, document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Entries of the tree: all that is known of the files with LFS pointers, the bare path of the others."""
    pointers = _pointers(source)
    table: dict[str, tuple[int, str]] = {}
    with gzip.open(source / "files.csv.gz", "rt", encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            if row["repo"] == BLOOM:
                table[row["path"]] = (int(float(row["size"])), row["sha256"])
    if table != {path: (entry["size"], entry["lfs"]["oid"]) for path, entry in pointers.items()}:
        raise SystemExit("the file table and the LFS pointers disagree")
    for sibling in document["siblings"]:
        path = sibling["rfilename"]
        yield {"type": "file", "path": path, **pointers.get(path, {})}


def _pointers(source: Path) -> dict[str, dict[str, Any]]:
    """What the LFS pointers of the git copy tell, by path. The oid is the git name of the pointer itself."""
    found: dict[str, dict[str, Any]] = {}
    with tarfile.open(source / "git_copies.tar.gz") as archive:
        for member in archive:
            folder, _, path = member.name.partition("/")
            content = archive.extractfile(member) if member.isfile() else None
            if folder != "amansingh61+bloom" or content is None:
                continue
            data = content.read()
            if not data.startswith(b"version https://git-lfs.github.com/spec/v1\n"):
                continue
            fields = dict(line.split(" ", 1) for line in data.decode("ascii").splitlines())
            size = int(fields["size"])
            found[path] = {
                "size": size,
                "oid": hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest(),
                "lfs": {"oid": fields["oid"].removeprefix("sha256:"), "size": size, "pointerSize": len(data)},
            }
    return found


def trimmed(value: Any) -> Any:
    """`value` without widgets, long texts and other people's prose; facts stay as they are."""
    if isinstance(value, dict):
        kept = {
            name: trimmed(item)
            for name, item in value.items()
            if name not in LEFT_OUT and not name.startswith("extra_gated") and not _is_prose(item)
        }
        return {name: item for name, item in kept.items() if "prompt" not in name}
    if isinstance(value, list):
        return [trimmed(item) for item in value if not _is_prose(item)]
    return value


def _is_prose(value: object) -> bool:
    return isinstance(value, str) and len(value) > LONGEST_TEXT


def front_matter(card: str | None) -> str | None:
    """The YAML block of a card, word for word, where it holds facts alone."""
    if not card or not card.startswith("---\n"):
        return None
    block, end, _ = card[4:].partition("\n---")
    words = ("widget", "prompt", "extra_gated", "model-index", "example_title")
    if not end or len(block) > 2000 or any(word in block for word in words):
        return None
    return block


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[2] / "shared/hub")
