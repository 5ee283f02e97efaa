from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from registry.errors import DamagedFile
from registry.model.snapshot import ModelSnapshot
from registry.sources import dumps
from registry.sources.dumps import BadLine, read_documents

NOW = datetime(2026, 11, 23, tzinfo=UTC)


def now() -> datetime:
    return NOW


def read(path: Path) -> list[ModelSnapshot | BadLine]:
    return list(read_documents(path, now=now))


def write(path: Path, *lines: object) -> Path:
    text = "".join(line if isinstance(line, str) else json.dumps(line) + "\n" for line in lines)
    data = text.encode("utf-8", "surrogateescape")
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


@pytest.mark.parametrize("name", ["x.jsonl", "x.jsonl.gz"])
def test_documents_and_wrapped_documents(tmp_path: Path, name: str) -> None:
    card = "---\nlicense: mit\n---\n"
    path = write(
        tmp_path / name,
        {"id": "a/one", "likes": 1},
        "\n",
        {"api": {"id": "a/two"}, "card": card, "snapshot": "20250422", "tree": "a name"},
        {"api": {"id": "a/three"}, "card": None, "snapshot": "2025-04-22"},
        {"api": {"id": "a/four"}, "snapshot": 20250422},
    )
    one, two, three, four = read(path)
    assert isinstance(one, ModelSnapshot)
    assert isinstance(two, ModelSnapshot)
    assert isinstance(three, ModelSnapshot)
    assert isinstance(four, ModelSnapshot)
    assert (one.repo_id, one.observed_at, one.likes) == ("a/one", NOW, 1)
    assert [(answer.kind, answer.data) for answer in one.raw] == [("model", b'{"id": "a/one", "likes": 1}')]
    assert two.observed_at == three.observed_at == four.observed_at == datetime(2025, 4, 22, tzinfo=UTC)
    assert [claim.value for claim in two.licenses] == ["mit"]
    assert [(answer.kind, answer.data) for answer in two.raw] == [
        ("model", b'{"id":"a/two"}'),
        ("card", card.encode()),
    ]
    assert [answer.kind for answer in three.raw] == ["model"]


def test_bad_lines_are_told_by_number_and_the_rest_goes_on(tmp_path: Path) -> None:
    lines: list[Any] = [
        "\ufeff" + json.dumps({"id": "a/first"}) + "\n",
        "{broken\n",
        "[1]\n",
        {"likes": 3},
        {"api": [1]},
        {"api": {"id": "a/b"}, "card": 3},
        {"api": {"id": "a/b"}, "snapshot": "soon"},
        {"api": {"id": "a/b"}, "snapshot": True},
        "\udcff\n",
        "[" * 100_000 + "\n",
        {"id": "a/last"},
    ]
    found = read(write(tmp_path / "x.jsonl", *lines))
    bad = [line for line in found if isinstance(line, BadLine)]
    assert [line.number for line in bad] == [2, 3, 4, 5, 6, 7, 8, 9, 10]
    for line, reason in zip(
        bad,
        [
            "not JSON",
            "not a JSON object",
            "no usable id",
            "api is",
            "card is",
            "'soon'",
            "True",
            "UTF-8",
            "JSON",
        ],
        strict=True,
    ):
        assert reason in line.reason
        assert "\n" not in line.reason
    assert [line.repo_id for line in found if isinstance(line, ModelSnapshot)] == ["a/first", "a/last"]


def test_a_line_of_any_length_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dumps, "MAX_LINE", 50)
    path = write(tmp_path / "x.jsonl", "x" * 51 + "\n", {"id": "a/b"}, "x" * 49 + "\n", "x" * 500)
    kinds = [(type(line).__name__, getattr(line, "number", None)) for line in read(path)]
    assert kinds == [("BadLine", 1), ("ModelSnapshot", None), ("BadLine", 3), ("BadLine", 4)]


def test_nesting_near_what_the_decoder_takes(tmp_path: Path) -> None:
    lines = [
        '{"api": {"id": "a/b", "cardData": {"base_model": %s}}}\n' % ("[" * n + "]" * n)
        for n in range(850, 1000)
    ]
    for line in read(write(tmp_path / "x.jsonl", *lines)):
        assert isinstance(line, ModelSnapshot) or line.reason


def test_compression_is_told_by_content(tmp_path: Path) -> None:
    packed = tmp_path / "x.jsonl"
    packed.write_bytes(gzip.compress(b'{"id": "a/b"}\n'))
    assert len(read(packed)) == 1
    empty = tmp_path / "empty.jsonl"
    empty.write_bytes(b"")
    assert read(empty) == []


def test_broken_compression_ends_it_after_what_was_whole(tmp_path: Path) -> None:
    data = gzip.compress(b"".join(json.dumps({"id": f"a/m{n}"}).encode() + b"\n" for n in range(5000)))
    path = tmp_path / "x.jsonl.gz"
    path.write_bytes(data[: len(data) // 2])
    seen: list[object] = []
    with pytest.raises(DamagedFile, match=r"x\.jsonl\.gz"):
        seen.extend(read_documents(path, now=now))
    assert 0 < len(seen) < 5000
    path.write_bytes(data[:100] + b"\0" * 100 + data[200:])
    with pytest.raises(DamagedFile):
        read(path)


def test_a_file_that_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(DamagedFile, match="No such file"):
        read(tmp_path / "absent.jsonl")
    plain = tmp_path / "x.jsonl.gz"
    plain.write_bytes(b'{"id": "a/b"}\n')
    with pytest.raises(DamagedFile, match="not gzip data"):
        read(plain)


@pytest.mark.shared
def test_the_recorded_documents_stream_in_whole(shared: Path) -> None:
    found = read(shared / "hub" / "api_like.jsonl.gz")
    assert len(found) == 874
    assert not [line for line in found if isinstance(line, BadLine)]
    days = {line.observed_at.date().isoformat() for line in found if isinstance(line, ModelSnapshot)}
    assert min(days) == "2025-04-05"
    assert max(days) == "2025-10-11"
