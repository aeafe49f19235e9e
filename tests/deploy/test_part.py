"""Each embedded part, for real: it answers, keeps or loses what it held as promised, and leaves nothing behind."""

import os
import shutil
import signal
import socket
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import psycopg
import pytest
import redis

from deploy.local import part as part_module
from deploy.local import postgres
from deploy.local.clickhouse_part import ask
from deploy.local.part import Part, Server, State
from deploy.local.postgres import Postgres
from deploy.local.process import free_port
from deploy.local.stack import PINGS, servers
from streams.errors import ConfigurationError
from tests.support.processes import alive, nothing_abandoned, on_tmpfs, shared_memory_of, tree
from tests.support.waiting import until

NAMES = ["postgres", "redis", "clickhouse", "broker"]
Make = Callable[[str], Part]


def server_of(name: str, home: Path) -> Server:
    """One of the stack's servers in a home of its own."""
    home.mkdir(exist_ok=True)
    return next(server for server in servers(home, home / "logs") if server.name == name)


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Makes parts (not started) that are stopped after the test."""
    made: list[Part] = []

    def one(name: str) -> Part:
        server = server_of(name, tmp_path / "home")
        made.append(Part(server, PINGS[server.setting], tmp_path / "home" / "logs", lost.append))
        return made[-1]

    lost: list[str] = []
    yield one
    for part in made:
        part.stop()


@pytest.mark.parametrize("name", NAMES)
def test_part_answers_and_leaves_nothing_behind(make: Make, name: str) -> None:
    before = on_tmpfs()
    part = make(name)
    part.start()
    PINGS[part.server.setting](part.url)
    pids = tree(part.pid)
    part.stop()
    assert part.state is State.STOPPED
    assert alive(pids) == []
    nothing_abandoned(before)
    assert shared_memory_of(pids) == []
    with pytest.raises((OSError, redis.RedisError, psycopg.Error)):
        PINGS[part.server.setting](part.url)


@pytest.mark.parametrize("name", NAMES)
def test_part_tries_another_port_when_its_own_is_taken(make: Make, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ports = iter([taken.getsockname()[1], free_port()])
        monkeypatch.setattr(part_module, "free_port", lambda: next(ports))
        part = make(name)
        part.start()
        assert part.port != taken.getsockname()[1]
        PINGS[part.server.setting](part.url)


@pytest.mark.parametrize("name", NAMES)
def test_killed_part_leaves_nothing_behind(make: Make, name: str) -> None:
    before = on_tmpfs()
    part = make(name)
    part.start()
    pids = tree(part.pid)
    part.hurry()
    until("the part to end", lambda: not alive(pids))
    part.stop()
    nothing_abandoned(before)
    assert shared_memory_of(pids) == []


def test_redis_comes_back_with_its_data(make: Make) -> None:
    part = make("redis")
    part.start()
    with redis.Redis.from_url(part.url) as client:
        for number in range(3):
            client.set("number", number)
            # What the kernel has of the append-only file survives the death of the process.
            os.kill(part.pid, signal.SIGKILL)
            expected = number + 1
            until("the restart", lambda: part.restarts == expected and part.state is State.UP)  # noqa: B023 - used now
            assert client.get("number") == str(number).encode()


def test_postgres_comes_back_with_its_data(make: Make) -> None:
    part = make("postgres")
    part.start()
    with psycopg.connect(part.url) as connection:
        connection.execute("CREATE TABLE kept (number int)")
        connection.execute("INSERT INTO kept VALUES (42)")
    os.kill(part.pid, signal.SIGKILL)
    until("the restart", lambda: part.restarts == 1 and part.state is State.UP)
    with psycopg.connect(part.url) as connection:
        assert connection.execute("SELECT number FROM kept").fetchone() == (42,)


def test_clickhouse_comes_back_with_its_data(make: Make) -> None:
    part = make("clickhouse")
    part.start()
    ask(part.url, "CREATE TABLE default.kept (number UInt8) ENGINE = MergeTree ORDER BY number")
    ask(part.url, "INSERT INTO default.kept VALUES (42)")
    os.kill(part.pid, signal.SIGKILL)
    until("the restart", lambda: part.restarts == 1 and part.state is State.UP)
    assert ask(part.url, "SELECT number FROM default.kept") == "42\n"


def test_death_of_the_broker_is_reported_and_not_repaired(tmp_path: Path) -> None:
    lost: list[str] = []
    part = Part(server_of("broker", tmp_path), PINGS["kafka_bootstrap_servers"], tmp_path, lost.append)
    part.start()
    os.kill(part.pid, signal.SIGKILL)
    until("the report", lambda: lost)
    assert part.state is State.LOST
    assert "held in memory" in lost[0]
    part.stop()
    assert len(lost) == 1


def test_part_that_cannot_start_shows_the_end_of_its_log(tmp_path: Path) -> None:
    server = server_of("redis", tmp_path)

    class Broken:
        name, setting, keeps_state = server.name, server.setting, True
        url = staticmethod(server.url)

        def prepare(self) -> None:
            server.prepare()
            with (tmp_path / "redis" / "redis.conf").open("a") as config:
                config.write("no-such-directive 1\n")

        command = staticmethod(server.command)

    part = Part(Broken(), PINGS[server.setting], tmp_path / "logs", lambda _: None)
    with pytest.raises(ConfigurationError, match="no-such-directive"):
        part.start()


def test_initialisation_that_was_cut_off_is_done_again(make: Make, tmp_path: Path) -> None:
    unfinished = tmp_path / "home" / "postgres" / "unfinished"
    unfinished.mkdir(parents=True)
    (unfinished / "PG_VERSION").write_text("16")
    part = make("postgres")
    part.start()
    PINGS["database_url"](part.url)
    assert not unfinished.exists()
    assert not (tmp_path / "home" / "postgres" / "password").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root needs another identity")
@pytest.mark.parametrize("identity", sorted({"nobody", postgres.identity()} - {"same"}))
def test_postgres_runs_for_root_with_and_without_user_namespaces(identity: Literal["namespace", "nobody"]) -> None:
    home = Path(tempfile.mkdtemp(prefix="millrace-test-"))
    try:
        home.chmod(0o755)
        server = Postgres(home / "postgres", "secret", home / "logs")
        server.identity = identity
        part = Part(server, postgres.ping, home / "logs", lambda _: None)
        part.start()
        owner = (home / "postgres" / "data" / "PG_VERSION").stat().st_uid
        part.stop()
        assert owner == (65534 if identity == "nobody" else 0)
    finally:
        shutil.rmtree(home)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root needs another identity")
def test_folder_that_nobody_cannot_pass_is_named(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    server = Postgres(closed / "postgres", "secret", tmp_path / "logs")
    server.identity = "nobody"
    with pytest.raises(ConfigurationError, match="nobody"):
        server.prepare()
