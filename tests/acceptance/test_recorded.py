"""The recorded documents through `registry import`: what they declare is read back from the catalog.

Expected values are worked out here from the JSON alone.
"""

from __future__ import annotations

import gzip
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from shutil import which
from typing import Any

import pytest
import yaml

from registry.catalog.catalog import Catalog
from registry.model.edges import Relation
from registry.model.snapshot import ModelSnapshot
from tests.acceptance.command import registry

pytestmark = pytest.mark.shared

PARENT = re.compile(r"base_model:(?:(?:finetune|adapter|merge|quantized):)?(.+)")
HUB_ID = re.compile(r"[\w-][\w.-]*/[\w.-]+", re.ASCII)


@pytest.fixture(scope="module")
def documents() -> list[dict[str, Any]]:
    path = Path(__file__).parents[3] / "shared/hub/api_like.jsonl.gz"
    if not path.is_file():
        pytest.skip("the recorded data is not beside the checkout")
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


@pytest.fixture(scope="module")
def location(tmp_path_factory: pytest.TempPathFactory, documents: list[dict[str, Any]]) -> str:
    """A catalog all documents were imported into."""
    path = str(tmp_path_factory.mktemp("recorded") / "catalog.db")
    source = Path(__file__).parents[3] / "shared/hub/api_like.jsonl.gz"
    done = registry("import", str(source), "--catalog", path, "--json")
    assert done.code == 0, done.err
    answer = json.loads(done.out)
    assert (answer["complete"], answer["read"], answer["added"]) == (True, 874, 874)
    assert len(documents) == 874
    return path


@pytest.fixture(scope="module")
def catalog(location: str) -> Iterator[Catalog]:
    with Catalog.open(location) as opened:
        yield opened


@pytest.fixture(scope="module")
def kept(catalog: Catalog, documents: list[dict[str, Any]]) -> dict[str, ModelSnapshot]:
    """What the catalog holds, by model."""
    found = {name: catalog.snapshot(name) for name in (document["api"]["id"] for document in documents)}
    return {name: snapshot for name, snapshot in found.items() if snapshot is not None}


def card_of(document: dict[str, Any]) -> dict[str, Any]:
    """The card's data, from the front matter where the document lacks it."""
    found = document["api"].get("cardData")
    if found is None and (card := document.get("card")):
        try:
            found = yaml.load(card.split("---")[1], yaml.BaseLoader)
        except yaml.YAMLError:
            found = None
    return found if isinstance(found, dict) else {}


def listed(value: object) -> list[str]:
    return [str(one) for one in (value if isinstance(value, list) else [value]) if one is not None]


def test_every_declared_parent_is_kept(catalog: Catalog, documents: list[dict[str, Any]]) -> None:
    lost, parents = [], 0
    for document in documents:
        name, api = document["api"]["id"], document["api"]
        tagged = [match[1] for tag in api.get("tags") or () if (match := PARENT.fullmatch(tag))]
        declared = {*tagged, *listed(card_of(document).get("base_model"))}
        claimed = {one.claim.declared for one in catalog.claims(name) if one.current}
        edges = [edge for edge in catalog.edges_up(name, 1) if edge.relation is not Relation.TRAINED_ON]
        bases = {base for edge in edges for base in (edge.base, edge.resolved_from)}
        for parent in declared:
            parents += 1
            is_model = HUB_ID.fullmatch(parent) is not None
            if parent not in claimed or (is_model and not {parent, catalog.find(parent)} & bases):
                lost.append((name, parent, claimed, bases))
    assert parents > 874
    assert lost == []


def test_every_license_is_kept(documents: list[dict[str, Any]], kept: dict[str, ModelSnapshot]) -> None:
    lost, licenses = [], 0
    for document in documents:
        name, card = document["api"]["id"], card_of(document)
        tagged = [tag[8:] for tag in document["api"].get("tags") or () if tag.startswith("license:")]
        declared = {*tagged, *listed(card.get("license")), *listed(card.get("license_name"))}
        licenses += len(declared)
        told = {claim.value.lower() for claim in kept[name].licenses}
        lost += [(name, one, told) for one in declared if one.lower() not in told]
    assert licenses > 500
    assert lost == []


def test_every_dtype_count_is_kept(documents: list[dict[str, Any]], kept: dict[str, ModelSnapshot]) -> None:
    counted = 0
    for document in documents:
        served = document["api"].get("safetensors")
        if served is None:
            continue
        counted += 1
        parameters = kept[document["api"]["id"]].parameters
        assert parameters is not None
        # A dtype the model does not use is null in this collection.
        by_dtype = {dtype: count for dtype, count in served["parameters"].items() if count is not None}
        assert parameters.by_dtype == by_dtype
        assert parameters.served_total == served["total"]
    assert counted == 326


def test_files_and_commits_are_kept(documents: list[dict[str, Any]], kept: dict[str, ModelSnapshot]) -> None:
    assert len(kept) == 874
    for document in documents:
        api, snapshot = document["api"], kept[document["api"]["id"]]
        assert snapshot.commit_sha == api["sha"]
        assert {file.path for file in snapshot.files or ()} == {one["rfilename"] for one in api["siblings"]}


def test_importing_again_changes_nothing(location: str, shared: Path) -> None:
    done = registry("import", str(shared / "hub/api_like.jsonl.gz"), "--catalog", location)
    assert (done.code, done.out) == (0, "874 documents: 0 added, 0 changed, 874 unchanged\n")
    checked = registry("catalog", "check", "--catalog", location)
    assert (checked.code, checked.out) == (0, "The catalog is whole.\n")


@pytest.mark.skipif(which("dot") is None, reason="Graphviz is not installed")
def test_graphviz_draws_the_largest_family(location: str, catalog: Catalog) -> None:
    heads = sorted(
        {edge.base for brief in catalog.search() for edge in catalog.edges_up(brief.repo_id, 1)},
        key=lambda base: (-sum(catalog.children_counts(base).values()), base),
    )
    for head in heads[:1]:
        drawn = registry("lineage", head, "-f", "dot", "--limit", "40", "--catalog", location)
        assert drawn.code == 0, drawn.err
        done = subprocess.run(["dot", "-Tsvg"], input=drawn.out, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.count('class="node"') > 20
