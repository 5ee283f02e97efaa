from __future__ import annotations

from pathlib import Path

import pytest

from registry.catalog.location import parse_location
from registry.errors import BadSettings


@pytest.mark.parametrize("text", ["catalog.db", "/srv/catalog.db", "a b.db", "C:\\x.db", "odd:name.db"])
def test_paths_are_shown_as_given(text: str) -> None:
    location = parse_location(text)
    assert (location.shown, location.path, location.on_server) == (text, Path(text), False)


def test_an_sqlite_url_is_a_path() -> None:
    assert parse_location("sqlite:///sub/catalog.db").path == Path("sub/catalog.db")
    assert parse_location("sqlite:////srv/catalog.db").path == Path("/srv/catalog.db")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://u:p4ss@h:5432/db", "postgresql://u:***@h:5432/db"),
        ("postgres://u@h/db", "postgresql://u@h/db"),
        ("postgresql+psycopg://u:p%2F4ss@h/db", "postgresql://u:***@h/db"),
        ("postgresql://h/db?user=u&password=p4ss", "postgresql://h/db?user=u"),
        ("postgresql:///db?host=/run/pg", "postgresql:///db?host=%2Frun%2Fpg"),
    ],
)
def test_passwords_are_not_shown(text: str, shown: str) -> None:
    location = parse_location(text)
    assert location.shown == shown
    assert location.on_server
    assert "4ss" not in repr(location)


def test_a_password_in_foreign_words_is_struck_out() -> None:
    location = parse_location("postgresql://u:p%2F4ss@h/db")
    assert location.scrub("no p/4ss\nat p%2F4ss") == "no *** at ***"
    assert parse_location("postgresql://u@h/db").scrub("as is") == "as is"


@pytest.mark.parametrize(
    "text",
    ["", "  ", "a\0b", "mysql://u:p4ss@h/db", "postgresql://u:p4ss@h:port/db", "sqlite://", "sqlite:///"],
)
def test_what_is_no_place_for_a_catalog(text: str) -> None:
    with pytest.raises(BadSettings) as caught:
        parse_location(text)
    assert "4ss" not in caught.value.message
