"""The stack as a whole: beside others, in place of others, and after its owner was killed."""

import fcntl
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pydantic import SecretStr

from deploy.local.stack import PINGS, Stack
from streams.errors import ConfigurationError
from streams.settings import Settings, load, running_stack
from tests.support.processes import alive, nothing_abandoned, on_tmpfs, shared_memory_of, tree

OWNER = """
import json, sys
from pathlib import Path
from deploy.local.stack import Stack
from streams.settings import Settings
stack = Stack(Settings(), Path(sys.argv[1]))
with stack:
    json.dump([[part.server.name, part.pid] for part in stack.parts], sys.stdout)
    print(flush=True)
    sys.stdin.read()
"""


@contextmanager
def owner(home: Path) -> Iterator[tuple[subprocess.Popen[str], dict[str, int]]]:
    """A process that runs a stack in this home, and the process ids of the parts."""
    command = [sys.executable, "-c", OWNER, str(home)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process, dict(json.loads(process.stdout.readline()))
        finally:
            process.kill()


@pytest.mark.long
def test_two_stacks_in_two_homes_do_not_meet(tmp_path: Path) -> None:
    with Stack(Settings(), tmp_path / "one") as one, Stack(Settings(), tmp_path / "two") as two:
        for setting, ping in PINGS.items():
            urls = [getattr(s, setting) for s in (one, two)]
            plain = [u.get_secret_value() if isinstance(u, SecretStr) else u for u in urls]
            assert plain[0] != plain[1]
            for url in plain:
                ping(url)


def test_second_stack_in_the_same_home_is_refused_with_one_clear_error(
    stack_settings: Settings, tmp_path: Path
) -> None:
    given = stack_settings.model_copy(update={"redis_url": None})
    with Stack(given, tmp_path), pytest.raises(ConfigurationError, match=f"in use by process {os.getpid()}"):
        Stack(given, tmp_path).__enter__()
    with Stack(given, tmp_path):
        pass


def test_other_commands_find_a_running_stack_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MILLRACE_HOME", str(tmp_path / "home"))
    for setting in PINGS:
        monkeypatch.delenv(setting.upper(), raising=False)
    assert load().redis_url is None
    with Stack(Settings(), tmp_path / "home") as running:
        assert load().redis_url == running.redis_url
        assert load().database_url == running.database_url
        monkeypatch.setenv("REDIS_URL", "redis://elsewhere:1/0")
        assert load().redis_url == "redis://elsewhere:1/0"
        monkeypatch.delenv("REDIS_URL")
        stale = (tmp_path / "home" / "stack.json").read_text()
        assert (tmp_path / "home" / "stack.json").stat().st_mode & 0o077 == 0
    (tmp_path / "home" / "stack.json").write_text(stale)
    assert load().redis_url is None


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_killed_owner_leaves_nothing_and_its_home_can_be_used_again(tmp_path: Path, number: int) -> None:
    before = on_tmpfs()
    with owner(tmp_path) as (process, parts):
        assert set(parts) == {"postgres", "redis", "clickhouse", "broker"}
        pids = tree(process.pid)[1:]
        assert set(parts.values()) <= set(pids)
        process.send_signal(number)
        process.wait()
        with Stack(Settings(), tmp_path) as settings:
            assert not alive(pids)
            assert settings.database_url is not None
            with psycopg.connect(settings.database_url.get_secret_value()) as connection:
                assert connection.execute("SELECT 1").fetchone() == (1,)
    nothing_abandoned(before)
    assert shared_memory_of(pids) == []
    assert running_stack(tmp_path) == {}


def test_part_that_is_given_is_used_and_not_started(stack_settings: Settings, tmp_path: Path) -> None:
    one = stack_settings
    stack = Stack(one.model_copy(update={"redis_url": None}), tmp_path)
    with stack as two:
        assert [part.server.name for part in stack.parts] == ["redis"]
        assert two.kafka_bootstrap_servers == one.kafka_bootstrap_servers
        assert two.redis_url != one.redis_url
        assert running_stack(tmp_path)["kafka_bootstrap_servers"] == one.kafka_bootstrap_servers


@pytest.mark.parametrize(
    ("setting", "url"),
    [
        ("kafka_bootstrap_servers", "127.0.0.1:1"),
        ("clickhouse_url", "http://me:geheim@127.0.0.1:1"),
        ("redis_url", "redis://:geheim@127.0.0.1:1/0"),
        ("database_url", SecretStr("postgresql://me:geheim@127.0.0.1:1/x")),
    ],
)
def test_given_part_that_does_not_answer_is_named_without_its_password(tmp_path: Path, setting: str, url: Any) -> None:
    with pytest.raises(ConfigurationError, match=f"{setting.upper()}=.*127.0.0.1:1") as caught:
        Stack(Settings().model_copy(update={setting: url}), tmp_path).__enter__()
    assert "geheim" not in str(caught.value)
    with (tmp_path / "lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # raises if the failed stack still has it


def test_a_home_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for home in (tmp_path / "file", Path("/proc/nope")):
        with pytest.raises(ConfigurationError, match=f"MILLRACE_HOME={home} cannot be used"):
            Stack(Settings(), home).__enter__()


def test_one_part_that_fails_takes_the_others_down(tmp_path: Path) -> None:
    (tmp_path / "redis").write_text("a file where the folder should be")
    stack = Stack(Settings(), tmp_path)
    with pytest.raises((ConfigurationError, OSError)):
        stack.__enter__()
    assert alive([part.pid for part in stack.parts if part.pid]) == []


def test_fresh_forgets_what_an_earlier_stack_kept(stack_settings: Settings, tmp_path: Path) -> None:
    given = stack_settings.model_copy(update={"database_url": None})

    def tables(settings: Settings) -> list[tuple[Any, ...]]:
        assert settings.database_url is not None
        with psycopg.connect(settings.database_url.get_secret_value()) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS kept ()")
            return connection.execute("SELECT count(*) FROM pg_tables WHERE tablename LIKE 'kept%'").fetchall()

    with Stack(given, tmp_path) as settings:
        assert tables(settings) == [(1,)]
        assert settings.database_url is not None
        with psycopg.connect(settings.database_url.get_secret_value()) as connection:
            connection.execute("CREATE TABLE kept_too ()")
    with Stack(given, tmp_path) as settings:
        assert tables(settings) == [(2,)]
    with Stack(given, tmp_path, fresh=True) as settings:
        assert tables(settings) == [(1,)]
