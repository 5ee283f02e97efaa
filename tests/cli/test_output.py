"""How answers leave: whole files, terminals and pipes."""

from __future__ import annotations

import io
import os
import stat
import sys
from pathlib import Path

import pytest
from rich.text import Text

from registry.cli.errors import OutputFailed
from registry.cli.output import draw, write_file
from registry.cli.session import Session, is_terminal, shown_location, terminal_width
from registry.cli.tables import LAST, Column, table, words

WIDE = [
    Column("MODEL", least=30),
    Column("LICENSE", least=10),
    Column("TASK", rank=3),
    Column("SIZE", rank=2),
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


def test_the_last_rank_stays_while_cutting_helps() -> None:
    columns = [Column("MODEL", least=20), Column("RELATION", rank=LAST, least=8), Column("VIA", rank=2)]
    row = ["a/" + "m" * 40, "finetune", "b/" + "v" * 40]

    def header(width: int) -> list[str]:
        return draw(table(columns, [row], width), width, colors=False).splitlines()[0].split()

    assert header(100) == ["MODEL", "RELATION", "VIA"]
    assert header(44) == ["MODEL", "RELATION"]
    assert header(30) == ["MODEL", "RELATION"]
    assert header(25) == ["MODEL"]


def test_columns_without_knowledge_leave_first() -> None:
    assert lines(64, [ROW[0], ROW[1], ROW[2], None])[0].split() == ["MODEL", "LICENSE", "TASK"]


def test_how_many_columns_had_no_room_is_counted() -> None:
    assert [table(WIDE, [ROW], width).left_out for width in (None, 100, 64, 50)] == [0, 0, 1, 2]


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


def test_a_terminal_of_no_size_has_eighty_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", sys.__stdout__)
    for told, width in ((0, 80), (20, 40), (132, 132)):
        size = os.terminal_size((told, 24))
        monkeypatch.setattr(os, "get_terminal_size", lambda descriptor, size=size: size)
        assert terminal_width({}) == width


@pytest.mark.parametrize(
    ("environ", "colors"),
    [({}, None), ({"TERM": "xterm"}, None), ({"TERM": "dumb"}, False), ({"NO_COLOR": "1"}, False)],
)
def test_where_colour_is_out_of_place(environ: dict[str, str], colors: bool | None) -> None:
    assert Session(environ).colors() is colors


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


def test_bytes_are_written_as_they_are(tmp_path: Path) -> None:
    target = tmp_path / "picture.png"
    write_file(target, b"\x89PNG\r\n\xff")
    assert target.read_bytes() == b"\x89PNG\r\n\xff"
    write_file(target, ["a\r\n", "b\ud800"])
    assert target.read_bytes() == b"a\r\nb\\ud800"
