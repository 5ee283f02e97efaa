"""A team's catalog on PostgreSQL: several writers, roles, lost connections, servers that refuse."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import pytest

from registry.catalog.catalog import Catalog
from registry.catalog.schema import MigrationReport
from registry.demo.hub import RecordedHub
from tests.acceptance.command import content_of, finish, registry, start
from tests.acceptance.family import family, name_of, names
from tests.catalog.conftest import SERVER
from tests.catalog.test_schema import newer_program

__all__ = ["newer_program"]

pytestmark = pytest.mark.postgres

HubFactory = Callable[..., RecordedHub]
RunCli = Callable[..., Any]

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "postgresql.md"


@dataclass(frozen=True, slots=True)
class Server:
    """A PostgreSQL of our own: these tests restart it and change who may come in."""

    home: Path
    url: str

    def at(self, user: str | None = None, password: str = "", database: str = "postgres") -> str:
        """A URL to it; without a user that of the superuser."""
        parts = urlsplit(self.url)
        account = "registry" if user is None else f"{user}:{password}" if password else user
        place = f"{account}@{parts.hostname}:{parts.port}"
        return urlunsplit(("postgresql", place, f"/{database}", "", ""))

    def run(self, *statements: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Each statement on its own, as the superuser; the rows of the last."""
        import psycopg

        with psycopg.connect(self.at(database=database), autocommit=True) as connection:
            for statement in statements:
                told = connection.execute(statement)
            return told.fetchall() if told.description else []

    def restart(self) -> None:
        """Stop it at once, ending every connection, and start it again."""
        ((tools,),) = self.run("SELECT setting FROM pg_config WHERE name = 'BINDIR'")
        command = [f"{tools}/pg_ctl", "-D", str(self.home / "data"), "-m", "fast", "-w", "restart"]
        owner = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        done = subprocess.run([*owner, *command], cwd="/", stdout=subprocess.DEVNULL, check=False)
        assert done.returncode == 0

    def ask_passwords_of(self, pattern: str) -> None:
        """Let users whose names match come in with a password only."""
        ((file,),) = self.run("SHOW hba_file")
        rule = f"host all {pattern} 127.0.0.1/32 scram-sha-256"
        lines = [rule, *(line for (line,) in self.run(f"SELECT * FROM pg_read_file('{file}')"))]
        text = "\n".join(lines).replace("'", "''")
        self.run(f"COPY (SELECT unnest(string_to_array('{text}', chr(10)))) TO '{file}'")
        self.run("SELECT pg_reload_conf()")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    if not os.environ.get(SERVER):
        pytest.skip(f"{SERVER} names no server")
    home = Path(tempfile.gettempdir(), f"registry-team-{uuid4().hex[:12]}")
    environ = {**os.environ, "REGISTRY_POSTGRES_DIR": str(home)}
    script = str(ROOT / ".ci" / "postgres")
    told = subprocess.run([script, "start"], env=environ, capture_output=True, text=True, check=True).stdout
    try:
        yield Server(home, told.strip().partition("=")[2])
    finally:
        subprocess.run([script, "stop"], env=environ, check=True)


@pytest.fixture
def place(server: Server) -> Iterator[str]:
    """Where a catalog can be made on that server; nothing is there yet."""
    schema = f"test_{uuid4().hex}"
    server.run(f"CREATE SCHEMA {schema}")
    yield f"{server.at()}?options=-csearch_path%3D{schema}"
    server.run(f"DROP SCHEMA {schema} CASCADE")


def schema_of(url: str) -> str:
    return url.rpartition("%3D")[2]


# --- several at once -----------------------------------------------------------------------------


def documents(path: Path, wanted: Sequence[str], size: int) -> str:
    """A file of the documents of those models."""
    hub = family(size)
    path.write_text("".join(json.dumps(hub[name].document) + "\n" for name in wanted), encoding="utf-8")
    return str(path)


def test_four_writers_end_where_one_after_the_other_ends(
    server: Server, place: str, hub_factory: HubFactory, tmp_path: Path
) -> None:
    every, size = names(90), 90
    hub = hub_factory(family(size), latency=0.002)
    known, listed = every[:20], documents(tmp_path / "models.jsonl", every[60:], size)
    work = (
        ("add", *every[10:50]),
        ("add", *every[59:29:-1]),
        ("import", listed),
        ("refresh", *known),
    )
    alone = str(tmp_path / "alone.db")
    for url in (place, alone):
        assert registry("add", *known, HF_ENDPOINT=hub.endpoint, REGISTRY_CATALOG=url).code == 0
    environ = {"HF_ENDPOINT": hub.endpoint, "REGISTRY_CATALOG": place}
    for done in [finish(one) for one in [start(*args, environ=environ) for args in work]]:
        assert done.code == 0, done.err
    for args in reversed(work):
        assert registry(*args, HF_ENDPOINT=hub.endpoint, REGISTRY_CATALOG=alone).code == 0
    assert content_of(place) == content_of(alone)
    assert server.run("SELECT sum(deadlocks) FROM pg_stat_database") == [(0,)]


def test_a_catalog_made_four_times_at_once(place: str) -> None:
    making = [start("catalog", "init", environ={"REGISTRY_CATALOG": place}) for _ in range(4)]
    for done in map(finish, making):
        assert done.code == 0, done.err
    assert registry("catalog", "check", REGISTRY_CATALOG=place).out == "The catalog is whole.\n"


def test_a_catalog_migrated_twice_at_once(
    server: Server, place: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    Catalog.open(place, create=True).close()
    request.getfixturevalue("newer_program")
    reports: list[MigrationReport] = []
    migrating = [Thread(target=lambda: reports.append(Catalog.migrate(place))) for _ in range(2)]
    with holding(server, place, "aliases"):
        for one in migrating:
            one.start()
        waiting(server, 2)
    for one in migrating:
        one.join()
    assert sorted((report.before, report.after) for report in reports) == [("0001", "next"), ("next", "next")]


@contextmanager
def holding(server: Server, url: str, table: str) -> Iterator[None]:
    """Keep everybody else from a table for as long as the block takes."""
    import psycopg

    with psycopg.connect(server.at()) as connection:
        connection.execute(f"LOCK TABLE {schema_of(url)}.{table} IN ACCESS EXCLUSIVE MODE")
        yield
        connection.rollback()


def waiting(server: Server, how_many: int) -> list[int]:
    """The backends of ours that wait for a lock, once there are so many."""
    query = (
        "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name = 'registry'"
    )
    deadline = time.monotonic() + 60
    while len(found := server.run(query)) < how_many:
        assert time.monotonic() < deadline, "nobody waits"
        time.sleep(0.01)
    return [pid for (pid,) in found]


# --- the connection is lost ----------------------------------------------------------------------

MODELS = names(30)
COMMANDS: dict[str, tuple[tuple[str, ...], str]] = {
    "add": (("add", *MODELS), "edges"),
    "import": (("import", "models.jsonl"), "edges"),
    "the end of an import": (("import", "models.jsonl"), "imports"),
    "refresh": (("refresh", "--all"), "snapshots"),
    "link": (("link", name_of(3), name_of(2), "--relation", "finetune", "--note", "seen"), "edge_claims"),
    "remove": (("remove", name_of(9), "--yes"), "edges"),
    "list": (("list", "--json"), "snapshots"),
    "show": (("show", name_of(1), "--json"), "details"),
    "lineage": (("lineage", name_of(1), "--json"), "edge_claims"),
    "why": (("why", name_of(9), name_of(0), "--json"), "edge_claims"),
    "impact": (("impact", name_of(0), "--json"), "edges"),
    "audit": (("audit", "--all", "--json"), "license_claims"),
    "graph": (("graph", "bases", "--json"), "lineage_graphs"),
    "stats": (("catalog", "stats", "--json"), "blobs"),
    "check": (("catalog", "check", "--json"), "files"),
}


WRITING = ("add", "import", "refresh", "link", "remove")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[tuple[str, ...]], dict[str, object]]:
    """What a catalog with ten models holds after a command without trouble."""
    folder = tmp_path_factory.mktemp("undisturbed")

    @cache
    def after(args: tuple[str, ...]) -> dict[str, object]:
        path = str(folder / f"{uuid4().hex}.db")
        with RecordedHub(family(30)) as hub:
            for one in (("add", *names(10)), args):
                registry(*one, HF_ENDPOINT=hub.endpoint, REGISTRY_CATALOG=path)
        return content_of(path)

    return lambda args: after(args if args[0] in WRITING else ("list",))


@pytest.mark.parametrize("verb", COMMANDS)
def test_a_lost_connection_ends_in_one_line_and_is_made_up_for(
    verb: str, server: Server, place: str, hub_factory: HubFactory, run_cli: RunCli, undisturbed: Any
) -> None:
    args, table = COMMANDS[verb]
    hub = hub_factory(family(30))
    documents(Path("models.jsonl"), MODELS[10:], 30)
    environ = {"HF_ENDPOINT": hub.endpoint, "REGISTRY_CATALOG": place}
    assert run_cli("add", *names(10), **environ).code == 0

    running = start(*args, environ=environ)
    with holding(server, place, table):
        (pid,) = waiting(server, 1)
        server.run(f"SELECT pg_terminate_backend({pid})")
        done = finish(running)
    told = done.err.splitlines()
    if "--json" in args:
        error = json.loads(told[-1])["error"]
        assert error["code"] == "catalog-unreachable"
        told = [*told[:-1], f"Error: {error['message']}", f"Hint: {error['hint']}"]
    assert (done.code, done.out) == (3, "")
    assert re.fullmatch(r"Error: postgresql://.* cannot be reached any more: .*", told[-2])
    assert told[-1].startswith("Hint: what was kept stays")
    assert not [line for line in told[:-2] if "rror" in line]

    assert run_cli("catalog", "check", **environ).code == 0
    again, wanted = run_cli(*args, **environ), undisturbed(args)
    assert again.code in (0, 1), again.err
    assert content_of(place) == wanted


def test_a_server_that_is_restarted_in_the_middle(
    server: Server, place: str, hub_factory: HubFactory, run_cli: RunCli, tmp_path: Path
) -> None:
    hub = hub_factory(family(120), latency=0.02)
    environ = {"HF_ENDPOINT": hub.endpoint, "REGISTRY_CATALOG": place}
    with Catalog.open(place, create=True) as catalog:
        assert catalog.tracked_after("", 10_000) == []
        running = start("add", "-", stdin="\n".join(names(120)), environ=environ)
        while len(hub.log) < 90:
            time.sleep(0.005)
        server.restart()
        done = finish(running)
        assert (done.code, done.out) == (3, "")
        assert "cannot be reached" in done.err
        assert 0 < len(catalog.tracked_after("", 10_000)) < 120, "a catalog that stayed open goes on"
    assert run_cli("catalog", "check", **environ).code == 0
    assert run_cli("add", "-", stdin="\n".join(names(120)), **environ).code == 0
    alone = str(tmp_path / "alone.db")
    run_cli("add", "-", "--catalog", alone, stdin="\n".join(names(120)), HF_ENDPOINT=hub.endpoint)
    assert content_of(place) == content_of(alone)


def test_a_server_that_vanished_is_noticed(place: str) -> None:
    """Nobody waits for hours on a network that swallows everything."""
    with Catalog.open(place, create=True) as catalog, catalog._database.raw() as connection:
        line = socket.socket(fileno=os.dup(connection.fileno()))
        with line:
            idle = line.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE)
            each = line.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL)
            times = line.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT)
        assert idle + each * times <= 60


def test_the_url_has_the_last_word(place: str) -> None:
    Catalog.open(place, create=True).close()
    chosen = f"{place}&application_name=nightly&connect_timeout=3&keepalives_idle=7"
    with Catalog.open(chosen) as catalog, catalog._database.raw() as connection:
        known = connection.info.get_parameters()
    assert known["application_name"] == "nightly"
    assert (known["connect_timeout"], known["keepalives_idle"]) == ("3", "7")


def test_plans_are_neither_compiled_nor_kept_from_when_a_table_was_small(place: str) -> None:
    with Catalog.open(place, create=True) as catalog, catalog._database.raw() as connection:
        told = [connection.execute(f"SHOW {name}").fetchone()[0] for name in ("jit", "plan_cache_mode")]
    assert told == ["off", "force_custom_plan"]


# --- the server refuses --------------------------------------------------------------------------

PASSWORD = "s3cr/t w0rd"
QUOTED = "s3cr%2Ft%20w0rd"


@pytest.fixture(scope="module")
def guarded(server: Server) -> Server:
    """A server that knows a few people, and asks them for passwords."""
    server.ask_passwords_of("guest,stranded")
    server.run(
        f"CREATE ROLE guest LOGIN PASSWORD '{PASSWORD}'",
        "CREATE ROLE stranded LOGIN PASSWORD 'x' CONNECTION LIMIT 0",
        "CREATE DATABASE closed",
        "REVOKE CONNECT ON DATABASE closed FROM PUBLIC",
    )
    return server


@pytest.mark.parametrize(
    ("user", "password", "database", "code", "said", "hint"),
    [
        (
            "guest",
            "wrong%2Done",
            "postgres",
            3,
            'password authentication failed for user "guest"',
            "PGPASSWORD",
        ),
        ("guest", "", "postgres", 3, "no password supplied", "PGPASSWORD"),
        ("nobody_known", "", "postgres", 3, 'role "nobody_known" does not exist', "check the user"),
        ("guest", QUOTED, "closed", 3, 'permission denied for database "closed"', "docs/postgresql.md"),
        ("stranded", "x", "postgres", 3, "too many connections for role", "wait until"),
        ("guest", QUOTED, "nowhere", 2, "there is no database at", "createdb"),
        ("guest", QUOTED, "postgres?sslmode=require", 3, "does not support SSL", "sslmode"),
        ("guest", QUOTED, "postgres?options=-cnonsense%3D1", 3, "unrecognized", "after|follows"),
    ],
)
def test_a_server_that_lets_nobody_in(
    guarded: Server, run_cli: RunCli, user: str, password: str, database: str, code: int, said: str, hint: str
) -> None:
    url = guarded.at(user, password, database).replace("%3F", "?")
    for args in (("list",), ("add", "a/b"), ("catalog", "init")):
        refused(run_cli(*args, "--catalog", url), code, said, hint)


def test_no_server(run_cli: RunCli) -> None:
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        port = unheard.getsockname()[1]
        for host in ("127.0.0.1", "localhost"):
            done = run_cli("list", "--catalog", f"postgresql://me:{QUOTED}@{host}:{port}/x")
            refused(done, 3, "cannot be reached: Connection refused", "check that the server runs")


def refused(done: Any, code: int, said: str, hint: str) -> None:
    """Two lines, what and what next, and no password in either."""
    assert (done.code, done.out) == (code, "")
    error, following = done.err.splitlines()
    assert error.startswith("Error: ")
    assert said in error
    assert following.startswith("Hint: ")
    assert re.search(hint, following)
    assert not {PASSWORD, QUOTED, "s3cr", "w0rd", "wrong"} & set(re.split(r"[:@/ ]", done.err))
    assert "s3cr" not in done.err


# --- who may do what -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Team:
    """The URLs of those the guide makes roles for."""

    server: Server
    owner: str
    writer: str
    reader: str


def statements(marker: str) -> list[str]:
    """The SQL the guide gives behind that comment, statement by statement."""
    blocks = re.findall(r"```sql\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    (block,) = [block for block in blocks if block.startswith(f"-- {marker}")]
    lines = [line.partition("--")[0] for line in block.splitlines()]
    return [one.strip() for one in " ".join(lines).split(";") if one.strip()]


@pytest.fixture
def team(guarded: Server, run_cli: RunCli, hub_factory: HubFactory) -> Iterator[Team]:
    """A catalog of a few models, made as the guide says."""
    guarded.run(*statements("as a superuser"))
    guarded.run(*statements("in the new database"), database="registry")
    found = Team(guarded, *(guarded.at(user, "", "registry") for user in ("registry_owner", "alice", "bob")))
    try:
        assert run_cli("catalog", "init", "--catalog", found.owner).code == 0
        guarded.run(*statements("after `catalog init`"), database="registry")
        added = run_cli("add", *names(12), "--catalog", found.writer, hub=hub_factory(family(12)))
        assert added.code == 0, added.err
        yield found
    finally:
        roles = ("alice", "bob", "registry_owner", "registry_writer", "registry_reader")
        guarded.run("DROP DATABASE registry WITH (FORCE)", *(f"DROP ROLE {role}" for role in roles))


QUESTIONS = (
    ("list", "--json"),
    ("show", name_of(1), "--json"),
    ("lineage", name_of(1), "--json"),
    ("why", name_of(9), name_of(0), "--json"),
    ("impact", name_of(0), "--json"),
    ("audit", "--all", "--json"),
    ("graph", "families", "--json"),
    ("graph", "bases", "--json"),
    ("catalog", "stats", "--json"),
    ("catalog", "check", "--json"),
)


def test_everybody_may_ask_and_gets_the_same_answers(team: Team, run_cli: RunCli) -> None:
    for args in QUESTIONS:
        answers = [run_cli(*args, "--catalog", url) for url in (team.reader, team.writer, team.owner)]
        assert answers[0].code in (0, 1), answers[0].err
        figures = [re.sub(r'"bytes": \d+', "", answer.out) for answer in answers]
        assert figures[0] == figures[1] == figures[2] != ""


def test_writers_write_and_do_not_migrate(
    team: Team, run_cli: RunCli, hub_factory: HubFactory, request: pytest.FixtureRequest
) -> None:
    hub = hub_factory(family(30))
    documents(Path("models.jsonl"), names(30)[12:], 30)
    for args in (
        ("catalog", "init"),
        ("catalog", "migrate"),
        ("import", "models.jsonl"),
        ("import", "models.jsonl", "--observed-at", "2020-01-01"),
        ("refresh", "--all"),
        ("link", name_of(3), name_of(2), "--relation", "finetune", "--note", "seen"),
        ("annotate", name_of(3), "training_tokens=366e9", "--source", "our log"),
        ("remove", name_of(29), "--yes"),
        ("catalog", "check"),
    ):
        done = run_cli(*args, "--catalog", team.writer, hub=hub)
        assert done.code == 0, (args, done.err)
    request.getfixturevalue("newer_program")
    refused(run_cli("catalog", "migrate", "--catalog", team.writer), 3, "must be owner of", "owner")
    assert run_cli("catalog", "migrate", "--catalog", team.owner).code == 0
    assert run_cli("list", "-q", "--catalog", team.reader).code == 0, "what a migration makes can be read"


def test_readers_are_refused_what_they_may_not(team: Team, run_cli: RunCli, hub_factory: HubFactory) -> None:
    hub = hub_factory(family(14))
    before = content_of(team.owner)
    documents(Path("models.jsonl"), names(14)[12:], 14)
    for args in (
        ("add", name_of(13)),
        ("import", "models.jsonl"),
        ("refresh", name_of(1)),
        ("remove", name_of(11), "--yes"),
        ("link", name_of(3), name_of(2), "--relation", "finetune", "--note", "seen"),
    ):
        done = run_cli(*args, "--catalog", team.reader, hub=hub)
        refused(done, 3, "cannot be written: permission denied for table", "owner of the catalog")
    assert content_of(team.owner) == before


def test_a_reader_with_a_stale_graph_gets_the_right_answer(
    team: Team, run_cli: RunCli, hub_factory: HubFactory
) -> None:
    asked = ("graph", "bases", "--json", "--catalog")
    before = run_cli(*asked, team.writer).out
    assert run_cli("add", *names(30), "--catalog", team.writer, hub=hub_factory(family(30))).code == 0
    read = run_cli(*asked, team.reader)
    assert (read.code, read.err) == (0, "")
    assert read.out == run_cli(*asked, team.writer).out != before


def test_a_role_without_any_rights(team: Team, run_cli: RunCli) -> None:
    team.server.run("CREATE ROLE carol LOGIN", "GRANT CONNECT ON DATABASE registry TO carol")
    url = team.server.at("carol", "", "registry")
    try:
        for args in (("list",), ("add", "a/b"), ("catalog", "init")):
            refused(run_cli(*args, "--catalog", url), 3, "or carol may not use it", "owner of the catalog")
        team.server.run("GRANT USAGE ON SCHEMA registry TO carol", database="registry")
        refused(run_cli("list", "--catalog", url), 3, "cannot be read: permission denied", "owner")
    finally:
        team.server.run("DROP OWNED BY carol", database="registry")
        team.server.run("DROP OWNED BY carol", "DROP ROLE carol")
