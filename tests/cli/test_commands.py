"""`add`, `refresh`, `list`, `show`, `remove`: what people see, what programs get, which code it ends with."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from registry.demo.hub import RecordedHub
from tests.hubs import commit_of, recorded

RunCli = Callable[..., Any]

pytestmark = pytest.mark.usefixtures("filled")

ALL = ["guest/merged", "guest/small", "lab/origin", "lab/other", "lab/tuned"]


def document(run_cli: RunCli, *args: str, **more: Any) -> Any:
    """The JSON a command gives."""
    result = run_cli(*args, "--json", **more)
    assert result.code == 0, result.err
    return json.loads(result.out)


def test_the_first_add_makes_the_catalog_and_says_so(run_cli: RunCli, family_hub: RecordedHub) -> None:
    first = run_cli("--catalog", "new.db", "add", "lab/origin", hub=family_hub)
    assert first.code == 0
    assert "Created the catalog new.db." in first.err
    assert Path("new.db").is_file()
    assert "Created" not in run_cli("add", "lab/other", hub=family_hub, REGISTRY_CATALOG="new.db").err


def test_add_follows_bases_and_shows_them(run_cli: RunCli, family_hub: RecordedHub) -> None:
    result = run_cli("add", "guest/small", "--catalog", "new.db", hub=family_hub)
    lines = result.out.splitlines()
    assert lines[0].split() == ["MODEL", "STATE", "PARAMS", "LICENSE", "SIZE", "MADE", "FROM"]
    assert [line.split()[:2] for line in lines[1:]] == [
        ["guest/small", "added"],
        ["lab/origin", "added"],
        ["lab/tuned", "added"],
    ]
    assert lines[2].endswith("1 dataset")
    assert result.err.endswith("3 models: 3 added.\n")


def test_add_again_says_that_nothing_changed(run_cli: RunCli, family_hub: RecordedHub) -> None:
    family_hub.clear_log()
    result = run_cli("add", "guest/merged", hub=family_hub)
    assert result.code == 0
    assert result.err == "4 models: 4 known; `registry refresh` reads again what is known.\n"
    assert family_hub.asked() == []


def test_depth_ends_the_walk(run_cli: RunCli, family_hub: RecordedHub) -> None:
    result = run_cli("add", "guest/small", "--depth", "1", "-q", "--catalog", "new.db", hub=family_hub)
    assert result.out.split() == ["guest/small", "lab/tuned"]
    assert result.err == "Created the catalog new.db.\n"


def test_add_reads_names_from_stdin(run_cli: RunCli, family_hub: RecordedHub) -> None:
    names = "# models of ours\nlab/tuned\n\n  lab/other  \nlab/tuned\n"
    result = run_cli("add", "-", "--depth", "0", "-q", "--catalog", "new.db", hub=family_hub, stdin=names)
    assert sorted(result.out.split()) == ["lab/other", "lab/tuned"]


def test_add_for_programs(run_cli: RunCli, family_hub: RecordedHub) -> None:
    result = run_cli("add", "lab/other", "lab/absent", "--json", "--catalog", "new.db", hub=family_hub)
    assert result.code == 3
    answer = json.loads(result.out)
    assert answer["complete"] is False
    models = {model["ref"]: model for model in answer["models"]}
    assert set(models) == {"lab/other", "lab/absent", "lab/origin"}
    assert models["lab/other"] | {"changes": []} == {
        "ref": "lab/other",
        "repo_id": "lab/other",
        "state": "added",
        "asked": True,
        "license": "mit",
        "parameters": None,
        "logical_bytes": models["lab/other"]["logical_bytes"],
        "unsized_files": 0,
        "bases": ["lab/origin"],
        "changes": [],
        "error": None,
    }
    assert models["lab/absent"]["state"] == "failed"
    assert models["lab/absent"]["error"]["code"] == "not-visible"
    assert models["lab/origin"]["asked"] is False


def test_refresh_tells_what_changed(run_cli: RunCli, family_hub: RecordedHub) -> None:
    family_hub.models["lab/other"] = recorded(
        "lab/other", base="lab/origin", license="gpl-3.0", commit=commit_of("second")
    )
    del family_hub.models["guest/small"]
    result = run_cli("refresh", "--all", hub=family_hub)
    assert result.code == 0
    rows = {line.split()[0]: line for line in result.out.splitlines()}
    assert "license: mit -> gpl-3.0" in rows["lab/other"]
    assert "removed" in rows["guest/small"]
    assert "5 models: 2 changed, 3 unchanged." in result.err
    shown = run_cli("show", "lab/other", "--history").out
    header, first, second = shown.splitlines()
    assert header.split() == ["FIRST", "SEEN", "LAST", "SEEN", "SOURCE", "COMMIT", "CHANGES"]
    assert first.endswith("first read")
    assert "  hub  " in second
    assert "license: mit -> gpl-3.0" in second
    history = document(run_cli, "show", "lab/other", "--history")["history"]
    assert {"field": "license", "before": "mit", "after": "gpl-3.0"} in history[-1]["changes"]


def test_refresh_of_stale_models_only(run_cli: RunCli, family_hub: RecordedHub) -> None:
    family_hub.clear_log()
    result = run_cli("refresh", "--stale", "30d", hub=family_hub)
    assert (result.code, result.out) == (0, "")
    assert result.err == "Nothing to do.\n"
    assert family_hub.asked() == []


def test_refresh_of_a_model_nobody_added(run_cli: RunCli, family_hub: RecordedHub) -> None:
    result = run_cli("refresh", "lab/absent", hub=family_hub)
    assert result.code == 2
    assert "lab/absent is not in the catalog" in result.err


def test_list_in_every_format(run_cli: RunCli) -> None:
    assert run_cli("list", "-q").out.splitlines() == ALL
    table = run_cli("list").out.splitlines()
    assert [line.split()[0] for line in table] == ["MODEL", *ALL]
    assert [model["repo_id"] for model in document(run_cli, "list")["models"]] == ALL
    lines = [json.loads(line) for line in run_cli("list", "-f", "jsonl").out.splitlines()]
    rows = list(csv.DictReader(io.StringIO(run_cli("list", "-f", "csv").out)))
    assert [line["repo_id"] for line in lines] == [row["repo_id"] for row in rows] == ALL
    assert list(lines[0]) == list(rows[0])


def test_ls_is_list(run_cli: RunCli) -> None:
    assert run_cli("ls").out == run_cli("list").out


def test_list_narrows_sorts_and_ends(run_cli: RunCli) -> None:
    assert run_cli("list", "lab", "-F", "license=apache-2.0", "-q").out.split() == ["lab/origin", "lab/tuned"]
    by_downloads = ["lab/origin", "lab/tuned", "lab/other"]
    assert run_cli("list", "--sort", "downloads", "--limit", "3", "-q").out.split() == by_downloads
    assert run_cli("list", "--sort", "name:desc", "--limit", "1", "-q").out.split() == ["lab/tuned"]
    assert "data:corpus/text" in run_cli("list", "--referenced", "-q").out
    nothing = run_cli("list", "nonsense")
    assert (nothing.code, nothing.out, nothing.err) == (0, "", "No model matches.\n")


@pytest.mark.parametrize("args", [["-F", "size"], ["-F", "colour=red"], ["--sort", "colour"]])
def test_a_filter_or_sort_that_is_none(run_cli: RunCli, args: list[str]) -> None:
    result = run_cli("list", *args)
    assert (result.code, result.out) == (2, "")
    assert "Hint: " in result.err


def test_what_is_asked_for_has_a_column(run_cli: RunCli) -> None:
    table = run_cli("list", "--sort", "likes", "-F", "library=transformers", "-F", "created>2000").out
    header = table.splitlines()[0].split()
    assert [title for title in header if title in ("LIBRARY", "LIKES", "CREATED")] == [
        "LIBRARY",
        "LIKES",
        "CREATED",
    ]
    assert "LIKES" not in run_cli("list").out


def test_sizes_say_that_files_are_missing(run_cli: RunCli, monkeypatch: pytest.MonkeyPatch) -> None:
    from registry.catalog.catalog import Catalog

    search = Catalog.search

    def lacking(self: Catalog, *args: Any, **more: Any) -> list[Any]:
        return [replace(brief, unsized_files=8) for brief in search(self, *args, **more)]

    monkeypatch.setattr(Catalog, "search", lacking)
    assert "  13 B+  " in run_cli("list").out
    assert {model["unsized_files"] for model in document(run_cli, "list")["models"]} == {8}


def test_a_pipe_gets_no_escapes(run_cli: RunCli) -> None:
    for args in (["list"], ["show", "guest/merged"], ["lineage", "guest/merged"], ["plugins"]):
        assert "\x1b" not in run_cli(*args).out


def test_show_a_sheet(run_cli: RunCli) -> None:
    result = run_cli("show", "guest/merged")
    assert (result.code, result.err) == (0, "")
    lines = result.out.splitlines()
    assert lines[0] == "guest/merged"
    facts = {line[:12].strip(): line[12:].strip() for line in lines[1:10]}
    assert facts["commit"].startswith(commit_of("guest/merged")[:12])
    assert facts["license"] == "-"
    assert facts["parameters"] == "-"
    assert facts["gate"] == "open"
    assert "2 files" in facts["storage"]
    made = result.out.partition("Made from\n")[2].splitlines()
    assert [line.split()[:2] for line in made[:2]] == [["merge", "lab/other"], ["merge", "lab/tuned"]]


def test_show_derivatives_and_datasets(run_cli: RunCli) -> None:
    shown = run_cli("show", "lab/origin").out
    assert "dataset    data:corpus/text" in shown
    assert "Made of it\n  finetune   2\n" in shown


def test_show_for_programs(run_cli: RunCli) -> None:
    answer = document(run_cli, "show", "lab/tuned")
    assert answer["repo_id"] == "lab/tuned"
    assert answer["license"]["id"] == "apache-2.0"
    assert answer["bases"][0]["repo_id"] == "lab/origin"
    assert answer["derivatives"] == {"merge": 1, "quantized": 1}
    assert answer["observed_at"].endswith("Z")
    assert "files" not in answer
    assert run_cli("show", "lab/tuned", "-q").out == "lab/tuned\n"


def test_show_files(run_cli: RunCli) -> None:
    assert run_cli("show", "lab/tuned", "--files").out.splitlines()[0].split() == ["PATH", "SIZE", "SHA256"]
    assert [file["path"] for file in document(run_cli, "show", "lab/tuned", "--files")["files"]] == [
        "README.md",
        "config.json",
    ]
    assert "no file list" in run_cli("show", "data:corpus/text", "--files").out
    assert run_cli("show", "lab/tuned", "--files", "-q").out.split() == ["README.md", "config.json"]
    rows = list(csv.DictReader(io.StringIO(run_cli("show", "lab/tuned", "--files", "-f", "csv").out)))
    assert [row["path"] for row in rows] == ["README.md", "config.json"]
    lines = run_cli("show", "lab/tuned", "--files", "-f", "jsonl").out.splitlines()
    assert [json.loads(line)["size"] for line in lines] == [int(row["size"]) for row in rows]
    unread = run_cli("show", "data:corpus/text", "--files", "-q")
    assert (unread.code, unread.out, unread.err) == (0, "", "No file list of data:corpus/text was read.\n")


def test_show_in_rows(run_cli: RunCli) -> None:
    (line,) = run_cli("show", "lab/tuned", "-f", "jsonl").out.splitlines()
    assert json.loads(line) == document(run_cli, "show", "lab/tuned")
    (row,) = csv.DictReader(io.StringIO(run_cli("show", "lab/tuned", "--history", "-f", "csv").out))
    assert (row["source"], row["commit_sha"]) == ("hub", commit_of("lab/tuned"))
    both = run_cli("show", "lab/tuned", "--history", "--files")
    assert both.code == 2
    assert "--history and --files" in both.err
    assert {"history", "files"} <= set(document(run_cli, "show", "lab/tuned", "--history", "--files"))


def test_show_a_model_only_named(run_cli: RunCli, family_hub: RecordedHub) -> None:
    run_cli("link", "lab/origin", "far/away", "--relation", "finetune", "--note", "heard")
    result = run_cli("show", "far/away")
    lines = result.out.splitlines()
    assert lines[0] == "far/away  referenced: only named as a base so far"
    assert not [line for line in lines if line.endswith(" -")], "a page of dashes tells nothing"
    assert result.err == "`registry add far/away` reads it.\n"
    history = run_cli("show", "far/away", "--history").out
    assert history == "far/away has not been read: it is only named as a base so far.\n"


def test_show_a_dataset(run_cli: RunCli) -> None:
    result = run_cli("show", "data:corpus/text")
    assert result.out.startswith("data:corpus/text  a dataset")
    assert "Trained on it\n  models     1\n" in result.out
    assert "Made of it" not in result.out
    assert result.err == ""
    assert "is a dataset" in run_cli("show", "data:corpus/text", "--history").out
    unknown = run_cli("show", "data:some/thing")
    assert (unknown.code, "registry add data:" in unknown.err) == (2, False)


def test_a_base_that_was_taken_out_says_so(run_cli: RunCli) -> None:
    run_cli("remove", "lab/origin", "--yes")
    day = document(run_cli, "show", "lab/origin")["observed_at"][:10]
    result = run_cli("show", "lab/origin")
    told = f"lab/origin  not tracked: taken out of this catalog; last read {day}"
    assert result.out.splitlines()[0] == told
    assert "apache-2.0" in result.out
    assert result.err == "`registry add lab/origin` tracks it again.\n"
    (row,) = [line for line in run_cli("list", "--referenced").out.splitlines() if "lab/origin" in line]
    assert row.endswith("not tracked")


def test_an_unknown_name_gets_a_suggestion(run_cli: RunCli) -> None:
    result = run_cli("show", "lab/orgin")
    assert result.code == 2
    assert "lab/orgin is not in the catalog" in result.err
    assert "Hint: did you mean lab/origin or lab/other? `registry show lab/origin`\n" in result.err
    assert "registry add" not in result.err
    assert "`registry impact lab/origin`" in run_cli("impact", "lab/orgin").err
    assert "`registry show lab/origin`" in run_cli("why", "lab/orgin", "lab/tuned").err


def test_a_name_like_no_other_is_to_be_read(run_cli: RunCli) -> None:
    result = run_cli("show", "qqq/zzzzzzzzzzzz")
    assert result.err.endswith("Hint: `registry add qqq/zzzzzzzzzzzz` reads it\n")


def test_a_pasted_address_is_the_model_it_shows(run_cli: RunCli) -> None:
    for address in ("https://huggingface.co/lab/origin", "http://hf.co/lab/origin/tree/main"):
        assert run_cli("show", address, "-q").out == "lab/origin\n"
    (impact,) = run_cli("impact", "https://huggingface.co/datasets/corpus/text", "-q").out.split()[:1]
    assert impact == "lab/origin"


def test_another_letter_case_finds_the_model(run_cli: RunCli) -> None:
    assert run_cli("show", "LAB/Origin", "-q").out == "lab/origin\n"


def test_the_catalog_answers_for_its_commit_only(run_cli: RunCli) -> None:
    sha = commit_of("lab/tuned")
    assert run_cli("show", f"lab/tuned@{sha[:10]}", "-q").code == 0
    result = run_cli("show", "lab/tuned@v2")
    assert result.code == 2
    assert f"holds lab/tuned at {sha}" in result.err
    assert "`registry add lab/tuned@v2`" in result.err


def test_remove(run_cli: RunCli, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = run_cli("remove", "guest/small", stdin="")
    assert refused.code == 2
    assert "--yes" in refused.err
    assert run_cli("rm", "guest/small", "-y").err == "Removed guest/small.\n"
    assert "stays as a base" in run_cli("remove", "lab/origin", "--yes").err
    assert run_cli("list", "-q").out.split() == ["guest/merged", "lab/other", "lab/tuned"]
    monkeypatch.setattr("registry.cli.models.is_terminal", lambda stream: True)
    stopped = run_cli("remove", "lab/tuned", stdin="n\n")
    assert stopped.code == 130
    assert "nothing was changed" in stopped.err
    assert run_cli("remove", "lab/tuned", stdin="y\n").code == 0
