from __future__ import annotations

import os
from pathlib import Path

import pytest

from registry.errors import BadSettings
from registry.settings import LoadedSettings, load


def load_from(
    tmp_path: Path,
    *,
    project: str = "",
    user: str = "",
    environ: dict[str, str] | None = None,
    **options: object,
) -> LoadedSettings:
    project_file, user_file = tmp_path / "registry.toml", tmp_path / "user.toml"
    if project:
        project_file.write_text(project)
    if user:
        user_file.write_text(user)
    return load(options=options, environ=environ or {}, project_file=project_file, user_file=user_file)


def test_the_strongest_place_wins_and_is_named(tmp_path: Path) -> None:
    environ = {"REGISTRY_JOBS": "3", "REGISTRY_TIMEOUT": ""}
    loaded = load_from(
        tmp_path, project="jobs = 4\ntimeout = 5", user="max_wait = 7", environ=environ, catalog="x.db"
    )
    assert loaded.settings.jobs == 3
    assert loaded.settings.timeout == 5
    assert loaded.settings.max_wait == 7
    assert loaded.settings.catalog == "x.db"
    assert loaded.origins == {
        "catalog": "option",
        "jobs": "REGISTRY_JOBS",
        "timeout": "registry.toml",
        "max_wait": str(tmp_path / "user.toml"),
        "prices": "default",
    }


def test_without_anything_said_the_defaults_hold(tmp_path: Path) -> None:
    loaded = load_from(tmp_path)
    assert loaded.settings.catalog == "catalog.db"
    assert set(loaded.origins.values()) == {"default"}


def test_a_catalog_path_in_a_file_lies_beside_that_file(tmp_path: Path) -> None:
    assert load_from(tmp_path, project='catalog = "team.db"').settings.catalog == str(tmp_path / "team.db")
    url = "postgresql://host/db"
    assert load_from(tmp_path, project=f'catalog = "{url}"').settings.catalog == url


def test_files_of_prices_lie_beside_the_file_that_names_them(tmp_path: Path) -> None:
    one = load_from(tmp_path, project='prices = "own.toml"')
    assert one.settings.prices == (str(tmp_path / "own.toml"),)
    both = load_from(tmp_path, project='prices = ["a.toml", "/b.csv"]')
    assert both.settings.prices == (str(tmp_path / "a.toml"), "/b.csv")
    listed = os.pathsep.join(["x.toml", "", "y.csv"])
    told = load_from(tmp_path, project='prices = "own.toml"', environ={"REGISTRY_PRICES": listed})
    assert told.settings.prices == ("x.toml", "y.csv")
    assert told.origins["prices"] == "REGISTRY_PRICES"


@pytest.mark.parametrize(
    ("project", "environ", "words"),
    [
        ("jobs = 'many'", {}, "jobs"),
        ("jobs = true", {}, "jobs"),
        ("prices = 5", {}, "prices"),
        ("prices = [5]", {}, "prices"),
        ("prices = ''", {}, "prices"),
        ("jobs = 0", {}, "between 1 and 64"),
        ("timeout = -1", {}, "timeout"),
        ("max_wait = 1e9", {}, "max_wait"),
        ("job = 3", {}, "unknown setting 'job'"),
        ("jobs = ", {}, "registry.toml"),
        ("", {"REGISTRY_JOBS": "x"}, "REGISTRY_JOBS"),
    ],
)
def test_a_bad_setting_is_named(tmp_path: Path, project: str, environ: dict[str, str], words: str) -> None:
    with pytest.raises(BadSettings, match=words):
        load_from(tmp_path, project=project, environ=environ)


def test_tables_of_other_rooms_are_left_alone(tmp_path: Path) -> None:
    assert load_from(tmp_path, project='jobs = 2\n[policy]\nuse = "commercial"').settings.jobs == 2


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "registry.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadSettings, match="cannot read"):
        load_from(tmp_path)
