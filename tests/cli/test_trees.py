"""Lineage as people see it: circles end, nothing is drawn twice, nothing is lost in a narrow window."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from rich.text import Text

from registry.cli.output import draw
from registry.cli.trees import lineage_tree
from registry.contract import LineageView
from registry.model.edges import Edge, Origin, Relation
from registry.model.records import ModelBrief, Problem
from registry.model.refs import SourceName

NOW = datetime(2026, 11, 1, tzinfo=UTC)


def view(root: str, *edges: tuple[str, str, Relation], problems: Sequence[Problem] = ()) -> LineageView:
    names = sorted({root}.union(*({derivative, base} for derivative, base, _ in edges)))
    briefs = tuple(
        ModelBrief(name, SourceName.DATA, False)
        if name.startswith("data:")
        else ModelBrief(name, SourceName.HUB, True, license="mit", parameters=7 * 10**9, observed_at=NOW)
        for name in names
    )
    return LineageView(
        root,
        briefs,
        tuple(Edge(derivative, base, relation, (Origin.CARD,)) for derivative, base, relation in edges),
        dict.fromkeys(names, 0),
        tuple(problems),
    )


def drawn(shown: LineageView, width: int | None = None) -> list[str]:
    return draw(lineage_tree(shown, width), width, colors=False).splitlines()


def test_a_model_alone() -> None:
    assert drawn(view("a/root")) == ["a/root  7.00B · mit"]


def test_a_size_with_files_missing_is_a_lower_bound() -> None:
    brief = ModelBrief(
        "a/b", SourceName.HUB, True, logical_bytes=705 * 10**9, unsized_files=8, observed_at=NOW
    )
    assert drawn(LineageView("a/b", (brief,), (), {"a/b": 0})) == ["a/b  705 GB+"]
    nothing = ModelBrief("a/b", SourceName.HUB, True, unsized_files=8, observed_at=NOW)
    assert drawn(LineageView("a/b", (nothing,), (), {"a/b": 0})) == ["a/b"]


def test_up_and_down() -> None:
    shown = view(
        "a/root",
        ("a/root", "b/base", Relation.FINETUNE),
        ("a/root", "data:some/set", Relation.TRAINED_ON),
        ("b/base", "c/origin", Relation.MERGE),
        ("d/child", "a/root", Relation.QUANTIZED),
    )
    assert drawn(shown) == [
        "a/root  7.00B · mit",
        "├── made from",
        "│   ├── finetune b/base  7.00B · mit",
        "│   │   └── merge c/origin  7.00B · mit",
        "│   └── trained_on data:some/set",
        "└── made of it",
        "    └── quantized d/child  7.00B · mit",
    ]


def test_a_diamond_is_unfolded_once() -> None:
    shown = view(
        "a/root",
        ("a/root", "b/left", Relation.MERGE),
        ("a/root", "c/right", Relation.MERGE),
        ("b/left", "d/top", Relation.FINETUNE),
        ("c/right", "d/top", Relation.FINETUNE),
        ("d/top", "e/origin", Relation.FINETUNE),
    )
    lines = drawn(shown)
    assert sum("e/origin" in line for line in lines) == 1
    assert lines[-1].endswith("finetune d/top  (see above)")


def test_circles_end() -> None:
    shown = view(
        "a/root",
        ("a/root", "a/root", Relation.FINETUNE),
        ("a/root", "b/base", Relation.FINETUNE),
        ("b/base", "a/root", Relation.FINETUNE),
    )
    lines = drawn(shown)
    assert len(lines) < 12
    assert lines[2].endswith("a/root  (a circle)")


def test_problems_stand_below_with_their_code() -> None:
    problem = Problem("dangling-base", "b/base was never looked at", ("b/base",), mend="registry add b/base")
    lines = drawn(view("a/root", ("a/root", "b/base", Relation.FINETUNE), problems=[problem]))
    assert lines[-3:] == [
        "Problems",
        "  dangling-base  b/base was never looked at",
        "                 -> registry add b/base",
    ]


def test_removed_and_unread_models_say_so() -> None:
    briefs = (
        ModelBrief("a/root", SourceName.HUB, True, removed=True, observed_at=NOW),
        ModelBrief("b/base", SourceName.HUB, False),
    )
    edge = Edge("a/root", "b/base", Relation.UNKNOWN, (Origin.CARD,))
    lines = drawn(LineageView("a/root", briefs, (edge,), {"a/root": 0, "b/base": -1}))
    assert lines[0].endswith("removed")
    assert lines[-1].endswith("unknown b/base  not read")


def test_a_deep_chain_keeps_every_name_in_a_narrow_window() -> None:
    chain = [(f"a/m{step}", f"a/m{step + 1}", Relation.FINETUNE) for step in range(60)]
    lines = drawn(view("a/m0", *chain), 60)
    assert max(Text(line).cell_len for line in lines) <= 60
    for step in range(61):
        assert any(f"a/m{step}" in line for line in lines)


def test_a_name_cannot_carry_markup_or_escapes() -> None:
    lines = drawn(view("a/root", ("a/root", "b/[red]x\x1b[2J", Relation.FINETUNE)))
    assert "b/[red]x" in lines[-1]
    assert "\x1b" not in "".join(lines)
