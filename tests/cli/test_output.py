"""How answers leave: whole files, terminals and pipes."""

from __future__ import annotations

import io
import os
import stat
from pathlib import Path

import pytest
from rich.text import Text

from registry.cli.errors import OutputFailed
from registry.cli.output import draw, write_file
from registry.cli.session import is_terminal, shown_location, terminal_width
from registry.cli.tables import Column, table, words

WIDE = [
    Column("MODEL", least=30),
    Column("LICENSE", least=10),
    Column("TASK", rank=2),
    Column("SIZE", rank=1),
]
ROW = ["some-organisation/some-model-name", "bigscience-bloom-rail-1.0", "text-generation", "705 GB"]


def lines(width: int | None, row: list[object] | None = None) -> list[str]:
    return draw(table(WIDE, [row or ROW], width), width, colors=False).splitlines()


def test_a_pipe_gets_everything() -> None:
    assert lines(None)[1].split() == ROW[:3] + ROW[3].split()


def test_no_line_ends_in_blanks() -> None:
    assert all(line == line.rstrip() for line in lines(None))


def test_columns_leave_a_narrow_terminal_by_rank() -> None:
    assert lines(100)[0].split() == ["MODEL", "LICENSE", "TASK", "SIZE"]
    assert lines(64)[0].split() == ["MODEL", "LICENSE", "SIZE"]
    assert lines(50)[0].split() == ["MODEL", "LICENSE"]


@pytest.mark.parametrize("width", [40, 50, 64, 80, 100])
def test_nothing_is_wider_than_the_terminal(width: int) -> None:
    assert max(Text(line).cell_len for line in lines(width)) <= width


def test_names_are_cut_last() -> None:
    assert lines(50)[1].startswith(ROW[0])


def test_some_columns_go_on_below_instead() -> None:
    columns = [Column("MODEL"), Column("CHANGES", wrap=True, least=10)]
    drawn = draw(
        table(columns, [["a/b", "license: mit -> gpl-3.0; gate: open -> manual"]], 30), 30, colors=False
    )
    assert "".join(drawn.split("a/b")[1].split()) == "license:mit->gpl-3.0;gate:open->manual"
    assert max(len(line) for line in drawn.splitlines()) <= 30


@pytest.mark.parametrize("markup", ["[red]x[/red]", "[link=https://a.b]x[/link]", ":smile:", "[/]"])
def test_markup_in_data_is_printed_as_it_is(markup: str) -> None:
    assert lines(None, [markup, "", "", ""])[1].split()[0] == markup
    assert markup in draw(words(markup), 80, colors=True)


def test_escapes_in_data_do_not_reach_the_terminal() -> None:
    hostile = "a\x1b[31mred\x1b]0;title\x07\x9b2J\rb"
    shown = draw(words(hostile), 80, colors=True) + "".join(lines(None, [hostile, "", "", ""]))
    assert "\x1b" not in shown
    assert not {"\x07", "\x9b", "\r"} & set(shown)


def test_unknown_is_a_dash() -> None:
    assert words(None).plain == "-"
    assert words("").plain == "-"
    assert words(0).plain == "0"


def test_a_file_is_written_whole(tmp_path: Path) -> None:
    target = tmp_path / "answer.json"
    write_file(target, "first\n")
    write_file(target, "second\n")
    assert target.read_text() == "second\n"
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["answer.json"]


def test_a_new_file_has_the_usual_permissions(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_text("")
    write_file(tmp_path / "ours", "x")
    assert (tmp_path / "ours").stat().st_mode == plain.stat().st_mode


def test_an_existing_file_keeps_its_permissions(tmp_path: Path) -> None:
    target = tmp_path / "private"
    target.write_text("old")
    target.chmod(0o600)
    write_file(target, "new")
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to("real")
    write_file(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"


def test_a_device_is_written_to(tmp_path: Path) -> None:
    write_file(Path(os.devnull), "anything")
    assert not Path(os.devnull).is_file()


def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(OutputFailed, match="No such file or directory"):
        write_file(tmp_path / "nowhere" / "answer", "x")


def test_a_full_disk_is_told_and_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, os.strerror(28))

    target = tmp_path / "answer"
    target.write_text("old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputFailed, match="No space left on device"):
        write_file(target, "new")
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["answer"]


@pytest.mark.parametrize(("columns", "width"), [("120", 120), ("10", 40), ("", 80), ("wide", 80), ("0", 80)])
def test_the_width_of_the_terminal(columns: str, width: int) -> None:
    assert terminal_width({"COLUMNS": columns}) == width


def test_what_is_no_stream_is_no_terminal() -> None:
    closed = io.StringIO()
    closed.close()
    assert not is_terminal(closed)
    assert not is_terminal(None)


@pytest.mark.parametrize(
    ("location", "shown"),
    [
        ("catalog.db", "catalog.db"),
        ("postgresql://ann:secret@db:5432/models", "postgresql://ann:***@db:5432/models"),
        ("postgresql://ann:se@cret@db/models", "postgresql://ann:***@db/models"),
        ("postgresql://db/models", "postgresql://db/models"),
        ("postgresql://ann@db/models", "postgresql://ann@db/models"),
    ],
)
def test_a_password_is_not_shown(location: str, shown: str) -> None:
    assert shown_location(location) == shown
