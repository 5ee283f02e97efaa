"""The JSON of duplication: its keys, its unknowns, and rows that all have the same columns."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from registry.catalog.catalog import Catalog
from registry.exports.duplicates import document, rows
from registry.exports.rows import json_pieces
from registry.model.snapshot import ModelFile
from registry.services.dedup import By, Question, dedup
from tests.services.fakes import snapshot
from tests.services.test_dedup import BIN, GB, PRICE, ST, weights


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    with Catalog.open(str(tmp_path / "catalog.db"), create=True) as opened:
        opened.save_many(
            [
                snapshot("a/base", files=[weights(ST, "s"), weights(BIN, "b"), weights("m.gguf", "g", 3)]),
                snapshot("b/tuned", "a/base", files=[weights(ST, "s"), ModelFile("u", None, "0" * 64)]),
                snapshot("c/other", files=[ModelFile("u", None, "0" * 64)]),
                snapshot("d/unread"),
            ]
        )
        yield opened


def shaped(catalog: Catalog, names: list[str] | None = None, **rest: Any) -> dict[str, Any]:
    found = dedup(catalog, names, PRICE, Question(**rest))
    return dict(json.loads("".join(json_pieces(document(found)))))


def test_the_document(catalog: Catalog) -> None:
    found = shaped(catalog, by=By.OWNER)
    assert (found["logical_bytes"], found["unique_bytes"]) == (30 * GB + 3, 20 * GB + 3)
    assert found["dedup_ratio"] == pytest.approx(1.5)
    assert found["complete"] is False
    assert (found["models"], found["unlisted_models"], found["current"]["unsized_files"]) == (4, 1, 2)
    assert (found["shared_contents"], found["unsized_contents"]) == (2, 1)
    equal, unsized = found["shared"]
    assert (equal["size"], equal["wasted_bytes"], equal["repeated_bytes"]) == (10 * GB, 10 * GB, 0)
    assert equal["copies"] == [
        {"repo_id": "a/base", "path": ST, "commit_sha": "1" * 40, "revision": "current"},
        {"repo_id": "b/tuned", "path": ST, "commit_sha": "1" * 40, "revision": "current"},
    ]
    assert (unsized["size"], unsized["wasted_bytes"]) == (None, None)
    (twin,) = found["twins"]
    assert (twin["repo_id"], twin["inferred"], twin["wasted_bytes"]) == ("a/base", True, 10 * GB)
    assert twin["kept"] == {"format": "safetensors", "path": ST, "files": 1, "bytes": 10 * GB}
    assert twin["copies"][0]["certainty"] == "likely"
    assert twin["copies"][0]["reasons"]
    assert found["derived"] == [
        {
            "repo_id": "a/base",
            "format": "gguf",
            "path": "m.gguf",
            "files": 1,
            "bytes": 3,
            "source": ST,
            "reason": "converted to gguf",
        }
    ]
    assert found["wasted"] == {
        "bytes": 20 * GB,
        "yearly": {"amount": 240.0, "currency": "USD"},
        "certain_bytes": 10 * GB,
        "inferred_bytes": 10 * GB,
    }
    assert [one["name"] for one in found["by"]] == ["a", "b"]
    assert (found["grouped_by"], found["groups"], found["elsewhere"]) == ("owner", 2, None)
    assert (found["price"]["id"], found["price"]["per"]) == ("flat", "GB-month")


def test_what_is_unknown_is_null(catalog: Catalog) -> None:
    found = shaped(catalog, ["c/other", "d/unread"])
    for key in ("logical_bytes", "unique_bytes", "dedup_ratio"):
        assert found[key] is None
    assert set(found["wasted"].values()) == {None}
    assert found["current"]["logical_bytes"] is None
    assert found["elsewhere"] == {"contents": 1, "bytes": 0}
    (overlap,) = shaped(catalog, ["a/base"])["overlap"]
    assert overlap["potential"] == {"bytes": None, "yearly": None}
    assert (overlap["base"], overlap["full_bytes"]) == ("a/base", 10 * GB)


def test_rows_have_the_same_columns_whatever_they_tell(catalog: Catalog) -> None:
    told = list(rows(dedup(catalog, None, PRICE, Question())))
    assert [one["kind"] for one in told] == ["equal", "equal", "twin", "overlap"]
    assert len({tuple(one) for one in told}) == 1
    assert told[0]["others"] == [f"b/tuned:{ST}"]
    assert told[1]["wasted_bytes"] is None
    assert told[2]["certainty"] == "likely"
    assert told[3]["potential_bytes"] is None


def test_rows_of_groups(catalog: Catalog) -> None:
    told = list(rows(dedup(catalog, None, PRICE, Question(by=By.FAMILY))))
    assert told == [
        {
            "family": "a/base",
            "models": 2,
            "wasted_bytes": 20 * GB,
            "certain_bytes": 10 * GB,
            "inferred_bytes": 10 * GB,
            "yearly": 240.0,
            "currency": "USD",
        }
    ]
