"""The house keeps its floors: imports are read against the table of `docs/design.md`, files are measured."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("registry", "plugins")

GROUND, CORE, ENGINES, EDGES, WORK, FACES = range(6)

FLOORS = {
    "registry": GROUND,  # the package itself: its version
    "registry.errors": GROUND,
    "registry.model": CORE,
    "registry.settings": CORE,
    "registry.contract": CORE,
    "registry.lineage": ENGINES,
    "registry.licenses": ENGINES,
    "registry.weights": ENGINES,
    "registry.economics": ENGINES,
    "registry.catalog": EDGES,
    "registry.sources": EDGES,
    "registry.exports": EDGES,
    "registry.services": WORK,
    "registry.app": WORK,
    "registry.guests": WORK,
    "registry_plugins": WORK,
    "registry.cli": FACES,
    "registry.web": FACES,
    "registry.demo": FACES,
    "registry.__main__": FACES,
}

STRANGERS = {ENGINES, EDGES}
"""Floors whose rooms do not know each other."""

ONLY = {
    "sqlalchemy": ("registry.catalog",),
    "alembic": ("registry.catalog",),
    "huggingface_hub": ("registry.sources.http",),
    "matplotlib": ("registry.exports.plots",),
    "plotext": ("registry.exports.plots",),
    "click": ("registry.cli", "registry.web", "registry_plugins"),
    "rich": ("registry.cli", "registry.web", "registry_plugins"),
}
"""Libraries, and the only places that may import them."""

GUESTS_MAY_KNOW = ("registry.errors", "registry.model", "registry.contract")
"""What a plugin may import of the house, besides the engines."""

LONGEST_FILE = 400
LONGEST_FUNCTION = 60


@dataclass(frozen=True, slots=True)
class Import:
    """`module` imports `target`, a module or a name in one. typing: under `if TYPE_CHECKING`."""

    module: str
    target: str
    line: int
    typing: bool


def module_name(path: Path, root: Path) -> str:
    parts = path.relative_to(root).with_suffix("").parts
    if parts[0] == "plugins":
        parts = ("registry_plugins", *parts[1:])
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def sources(root: Path) -> Iterator[tuple[str, str]]:
    """Module name and text of every Python file of the house."""
    for room in ROOMS:
        for path in sorted((root / room).rglob("*.py")):
            yield module_name(path, root), path.read_text(encoding="utf-8")


def imports(module: str, text: str) -> Iterator[Import]:
    """Every import in a file, at the top or inside a function."""
    yield from _imports(module, ast.parse(text), typing=False)


def _imports(module: str, node: ast.AST, *, typing: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            for alias in child.names:
                yield Import(module, alias.name, child.lineno, typing)
        elif isinstance(child, ast.ImportFrom):
            if child.level:
                raise AssertionError(f"{module}:{child.lineno}: relative import")
            for alias in child.names:
                yield Import(module, f"{child.module}.{alias.name}", child.lineno, typing)
        elif isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING"):
            yield from _imports(module, child, typing=True)
        else:
            yield from _imports(module, child, typing=typing)


def room_of(module: str) -> str | None:
    """The longest name in the table that `module` lies in; `None` for a foreign module."""
    parts = module.split(".")
    for length in range(len(parts), 0, -1):
        name = ".".join(parts[:length])
        if name in FLOORS:
            return name if name != "registry" or length == len(parts) else _own_name(parts)
    return None


def _own_name(parts: list[str]) -> str | None:
    # `from registry import __version__` is the package itself; any other unknown name is no room at all.
    return "registry" if len(parts) == 2 and parts[1].startswith("__") else None


def violations(files: Mapping[str, str]) -> list[str]:
    """Everything the files (module name to text) do that the table forbids."""
    found: list[str] = []
    for module, text in files.items():
        own = room_of(module)
        if own is None:
            found.append(f"{module} lies in no room of the table")
            continue
        found.extend(
            f"{module}:{line.line} imports {line.target}: {reason}"
            for line in imports(module, text)
            if (reason := _forbidden(own, line))
        )
    return found


def _forbidden(own: str, line: Import) -> str | None:
    library = line.target.partition(".")[0]
    if library in ONLY and not line.module.startswith(ONLY[library]):
        return f"only {', '.join(ONLY[library])} may"
    if library not in ("registry", "registry_plugins"):
        return None
    room = room_of(line.target)
    if room is None:
        return "no room of the table"
    if room == own:
        return None
    if own == "registry_plugins":
        allowed = room.startswith(GUESTS_MAY_KNOW) or FLOORS[room] == ENGINES
        return None if allowed else "a guest knows the contract, the model and the engines"
    if room == "registry_plugins":
        return "the house does not know its guests"
    if FLOORS[room] > FLOORS[own]:
        return "upwards"
    if FLOORS[room] == FLOORS[own] and FLOORS[own] in STRANGERS:
        return "rooms of this floor do not know each other"
    return None


def cycles(files: Mapping[str, str]) -> list[list[str]]:
    """Circles among modules through imports that run when a module is loaded or used."""
    graph: dict[str, set[str]] = {module: set() for module in files}
    for module, text in files.items():
        for line in imports(module, text):
            if line.typing:
                continue
            target = line.target if line.target in files else line.target.rpartition(".")[0]
            if target in files and target != module:
                graph[module].add(target)
    found: list[list[str]] = []
    done: set[str] = set()

    def walk(module: str, trail: list[str]) -> None:
        if module in trail:
            found.append([*trail[trail.index(module) :], module])
            return
        if module in done:
            return
        for target in sorted(graph[module]):
            walk(target, [*trail, module])
        done.add(module)

    for module in sorted(graph):
        walk(module, [])
    return found


def oversized(module: str, text: str) -> list[str]:
    """Files and functions that are too long to be read in one sitting."""
    found = []
    if (lines := len(text.splitlines())) > LONGEST_FILE:
        found.append(f"{module} has {lines} lines")
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > LONGEST_FUNCTION:
                found.append(f"{module}.{node.name} has {length} lines")
    return found


@pytest.fixture(scope="module")
def house() -> dict[str, str]:
    return dict(sources(ROOT))


def test_imports_point_downwards(house: dict[str, str]) -> None:
    assert violations(house) == []


def test_no_circles(house: dict[str, str]) -> None:
    assert cycles(house) == []


def test_files_and_functions_are_seen_whole(house: dict[str, str]) -> None:
    assert [line for module, text in house.items() for line in oversized(module, text)] == []


def test_top_level_is_what_the_design_says() -> None:
    names = {path.name for path in ROOT.iterdir() if not path.name.startswith(".")}
    names -= {"build", "dist", "catalog.db"} | {name for name in names if name.endswith(".egg-info")}
    required = {"pyproject.toml", "registry", "plugins", "tests", "catalog.db.example", "README.md"}
    assert required <= names
    assert names - required <= {"LICENSE", "constraints.txt", "docs"}


@pytest.mark.parametrize(
    ("module", "text", "reason"),
    [
        ("registry.errors", "from registry.model.refs import ModelRef", "upwards"),
        ("registry.model.refs", "def f():\n    import registry.services.ingest", "upwards"),
        ("registry.catalog.read", "from registry.app import App", "upwards"),
        ("registry.services.trace", "from registry.cli.main import run", "upwards"),
        ("registry.model.refs", "if TYPE_CHECKING:\n    from registry.app import App", "upwards"),
        ("registry.lineage.walks", "from registry.weights import parameters", "do not know each other"),
        ("registry.sources.hub", "from registry.catalog.catalog import Catalog", "do not know each other"),
        ("registry.services.trace", "import sqlalchemy.orm", "only registry.catalog"),
        ("registry.sources.documents", "import huggingface_hub", "only registry.sources.http"),
        ("registry.services.trace", "from rich.tree import Tree", "only registry.cli"),
        ("registry.guests", "import registry_plugins.adapter", "does not know its guests"),
        ("registry_plugins.adapter", "from registry.catalog.catalog import Catalog", "a guest knows"),
        ("registry.cli.main", "from registry.attic import thing", "no room"),
        ("registry.attic.thing", "", "no room"),
    ],
)
def test_the_check_sees_a_planted_violation(module: str, text: str, reason: str) -> None:
    (found,) = violations({module: text})
    assert reason in found


@pytest.mark.parametrize(
    ("module", "text"),
    [
        ("registry.catalog.read", "import sqlalchemy\nfrom registry.lineage.resolve import resolve"),
        ("registry.services.trace", "from registry.services.describe import describe\nimport json"),
        ("registry.cli.main", "import click\nfrom registry import __version__\nfrom registry.app import App"),
        ("registry_plugins.adapter", "import click\nfrom registry.contract import PluginHost"),
        ("registry.lineage.walks", "from registry.lineage import graph"),
    ],
)
def test_the_check_lets_the_rest_pass(module: str, text: str) -> None:
    assert violations({module: text}) == []


def test_a_planted_circle_is_found() -> None:
    files = {
        "registry.model.a": "from registry.model.b import x",
        "registry.model.b": "def f():\n    from registry.model import c",
        "registry.model.c": "import registry.model.a",
    }
    (circle,) = cycles(files)
    assert circle[0] == circle[-1]
    assert set(circle) == set(files)
    files["registry.model.c"] = "if TYPE_CHECKING:\n    import registry.model.a"
    assert cycles(files) == []


def test_planted_length_is_found() -> None:
    assert oversized("registry.a", "x = 1\n" * 401) == ["registry.a has 401 lines"]
    assert oversized("registry.a", "def f():\n" + "    x = 1\n" * 60) == ["registry.a.f has 61 lines"]
    assert oversized("registry.a", "def f():\n" + "    x = 1\n" * 59) == []


def test_relative_imports_are_refused() -> None:
    with pytest.raises(AssertionError, match="relative"):
        list(imports("registry.a", "from . import b"))
