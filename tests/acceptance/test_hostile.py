"""Text from strangers through every command and format: no terminal escape, no formula, no broken graph."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import unicodedata
from collections.abc import Callable
from pathlib import Path
from shutil import which
from typing import Any

import pytest

from registry.demo.hub import RecordedHub, Reply
from tests.hubs import by_id, commit_of, recorded

HubFactory = Callable[..., RecordedHub]
RunCli = Callable[..., Any]

ESCAPES = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202egnp\u200b\r\x08\x7f"
FORMULA = f'=HYPERLINK("http://evil/","x"){ESCAPES}\n@SUM(A1),+1\t-2'
CARD = {
    "license": FORMULA,
    "license_name": f"@{ESCAPES}",
    "license_link": f"+{ESCAPES}",
    "base_model": ["lab/plain", FORMULA, f"/tmp/{ESCAPES}/models--org--x"],
    "base_model_relation": ESCAPES,
    "datasets": [FORMULA, "=cmd/calc", f"-a/{ESCAPES}"],
    "new_version": FORMULA,
    "language": ESCAPES,
}


def hostile(step: str) -> Any:
    """A model whose every free field is hostile. Synthetic."""
    return recorded(
        "lab/hostile",
        card={**CARD, "license": f"{FORMULA} {step}"},
        tags=[FORMULA, f"license:{FORMULA}", f"base_model:merge:{FORMULA}", f"dataset:{FORMULA}", "+tag"],
        license=None,
        commit=commit_of(step),
        files={f"=1+1{ESCAPES}.bin": b"x", "-2+3.gguf": b"y", "README.md": b""},
        library_name=f"@lib{ESCAPES}",
        pipeline_tag=FORMULA,
        safetensors={"parameters": {f"=F16{ESCAPES}": 7}, "total": 7},
        config={"model_type": FORMULA, "architectures": [FORMULA], "_name_or_path": FORMULA},
        modelId=FORMULA,
        _id=FORMULA,
    )


@pytest.fixture
def told(run_cli: RunCli, hub_factory: HubFactory) -> list[tuple[str, Any]]:
    """Everything every command says about a hostile model, by command line."""
    refused = Reply.error(
        500, FORMULA.replace("\n", " ").replace("\r", " ").encode("ascii", "replace").decode()
    )
    answers = {"lab/refused": refused, "lab/named": Reply.json({"id": FORMULA, "sha": FORMULA})}
    hub = hub_factory(
        by_id(hostile("first"), recorded("lab/plain"), recorded("lab/heir", base="lab/hostile")),
        fault=lambda request: answers.get(request.path.removeprefix("/api/models/")),
    )
    Path("bad.jsonl").write_text(json.dumps({"id": FORMULA}) + f"\n{ESCAPES}\n", encoding="utf-8")
    said: list[tuple[str, Any]] = []

    def tell(*args: str) -> None:
        said.append((" ".join(args), run_cli(*args, hub=hub, REGISTRY_MAX_WAIT="0")))

    for form in ("table", "json", "jsonl", "csv"):
        at = ["--catalog", f"{form}.db", "-f", form]
        tell("add", "lab/heir", "lab/refused", "lab/named", *at)
        hub.models["lab/hostile"] = hostile("second")
        tell("refresh", "--all", *at)
        hub.models["lab/hostile"] = hostile("first")
        tell("list", "--referenced", *at)
        tell("lineage", "lab/heir", *at)
        tell("impact", "lab/plain", *at)
        tell("catalog", "check", *at)
    tell("link", "lab/plain", "lab/far", "--relation", "merge", "--note", FORMULA, "--catalog", "table.db")
    tell("annotate", "lab/plain", f"hardware={FORMULA}", "--source", FORMULA, "--catalog", "table.db")
    for form in ("table", "json"):
        at = ["--catalog", "table.db", "-f", form]
        for args in (
            ["lab/hostile"],
            ["lab/hostile", "--history"],
            ["lab/hostile", "--files"],
            ["lab/plain"],
        ):
            tell("show", *args, *at)
        tell("why", "lab/heir", "lab/plain", *at)
        tell("why", "lab/plain", "lab/far", *at)
        tell("import", "bad.jsonl", *at)
        tell("show", FORMULA, *at)
        tell("list", FORMULA, *at)
        tell("list", "-F", f"license~{FORMULA}", *at)
    for form in ("dot", "mermaid"):
        tell("lineage", "lab/heir", "-f", form, "--catalog", "table.db")
    tell("list", "-q", "--referenced", "--catalog", "table.db")
    tell("show", "lab/hostile", "-o", "sheet.txt", "--catalog", "table.db")
    return said


def test_nothing_hostile_gets_through(told: list[tuple[str, Any]]) -> None:
    written = [("sheet.txt", Path("sheet.txt").read_text(encoding="utf-8"))]
    for command, text in [(name, done.out + done.err) for name, done in told] + written:
        unsafe = {char for char in text if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp")}
        # Rows of CSV end in CR LF, and a terminal does nothing odd with that.
        assert unsafe <= ({"\n", "\r"} if "-f csv" in command else {"\n"}), (command, unsafe)
        assert "Traceback" not in text, command
    codes = {command: done.code for command, done in told}
    assert set(codes.values()) <= {0, 2, 3}, codes
    assert any(done.out and "HYPERLINK" in done.out for _, done in told), "it was there to be shown"


def test_no_cell_is_a_formula(told: list[tuple[str, Any]]) -> None:
    tables = [(command, done.out) for command, done in told if "-f csv" in command and done.out]
    assert len(tables) >= 4
    for command, text in tables:
        rows = list(csv.reader(io.StringIO(text, newline="")))
        assert {len(row) for row in rows} == {len(rows[0])}, command
        formulas = [
            cell for row in rows for cell in row if cell.lstrip().startswith(("=", "+", "-", "@", "\t"))
        ]
        assert formulas == [], command


def test_programs_get_what_was_written(told: list[tuple[str, Any]]) -> None:
    """JSON keeps the words as they were: escaping is how it stays harmless."""
    (shown,) = (
        done
        for command, done in told
        if command.startswith("show lab/hostile --catalog") and "json" in command
    )
    assert FORMULA in json.loads(shown.out)["tags"]
    for command, done in told:
        if "-f jsonl" in command:
            assert all(isinstance(json.loads(line), dict) for line in done.out.splitlines()), command


@pytest.mark.skipif(which("dot") is None, reason="Graphviz is not installed")
def test_graphviz_takes_it(told: list[tuple[str, Any]]) -> None:
    (drawn,) = (done.out for command, done in told if "-f dot" in command)
    done = subprocess.run(["dot", "-Tsvg"], input=drawn, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
