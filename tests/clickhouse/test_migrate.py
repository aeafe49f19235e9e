"""Migrations from many processes, after crashes at every point, and with edited files."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client

from clickhouse import lock, migrate
from clickhouse.client import connect_sync
from streams.errors import ConfigurationError, MigrationChanged, SinkUnavailable
from streams.settings import Settings

FIRST = """
-- Two tables; a column later.
CREATE TABLE IF NOT EXISTS {database}.a (`x` UInt8 COMMENT 'a;b') ENGINE = MergeTree ORDER BY x;
CREATE TABLE IF NOT EXISTS {database}.b (`x` UInt8) ENGINE = MergeTree ORDER BY x;
"""
SECOND = """
ALTER TABLE {database}.a ADD COLUMN IF NOT EXISTS `y` UInt8;
CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.a_mv TO {database}.b AS SELECT x FROM {database}.a;
"""

# Applies a folder in child after child until one lives to the end, or in so many children at once that nobody kills;
# prints how each of them ended. Killed in the middle of a statement, a child has made no progress that is logged, so
# the next one lives longer.
APPLY = """
import os, signal, sys
from pathlib import Path
from clickhouse import lock, migrate
from clickhouse.client import connect_sync
from streams.settings import Settings

folder, url, database, where = sys.argv[1:5]
at_once = int(sys.argv[5])
execute, log = lock.Lock.execute, lock.Lock.log

def die():
    os.kill(os.getpid(), signal.SIGKILL)

def die_before(self, sql):
    die()

def die_after(self, sql):
    execute(self, sql)
    die()

def die_logged(self, *lines):
    log(self, *lines)
    if lines[0].state == "finished":
        die()

def child(where):
    if where == "logged":
        lock.Lock.log = die_logged
    elif where != "never":
        lock.Lock.execute = die_before if where == "before" else die_after
    client = connect_sync(Settings(clickhouse_url=url), database=False)
    lease = 10 if where == "never" else 0.2
    done = migrate.apply(client, database, migrate.load(Path(folder)), lease_seconds=lease)
    sys.stdout.write(f"executed {done} ")
    sys.stdout.flush()
    os._exit(0)

def begun(where):
    pid = os.fork()
    if not pid:
        child(where)
    return pid

def ended(pid):
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

codes = [ended(pid) for pid in [begun(where) for _ in range(at_once)]]
while not at_once and (not codes or codes[-1]):
    codes.append(ended(begun(where if len(codes) % 2 == 0 else "logged")))
    assert len(codes) < 20
print(*codes)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "0001_first.sql").write_text(FIRST)
    (tmp_path / "0002_second.sql").write_text(SECOND)
    return tmp_path


def applied(folder: Path, settings: Settings, where: str, at_once: int = 0) -> list[str]:
    """What a process says whose children apply the folder; they are killed at a certain point of a statement."""
    arguments = [str(folder), str(settings.clickhouse_url), settings.clickhouse_database, where, str(at_once)]
    command = [sys.executable, "-c", APPLY, *arguments]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=200).stdout.split()


def words(client: Client, settings: Settings, folder: Path) -> list[str]:
    return [state.word for state in migrate.status(client, settings.clickhouse_database, migrate.load(folder))]


def test_a_database_without_anything_has_all_pending(empty: Settings, server: Client, folder: Path) -> None:
    steps = migrate.plan(server, empty.clickhouse_database, migrate.load(folder))

    assert words(server, empty, folder) == ["pending", "pending"]
    assert [(step.migration.name, step.number) for step in steps] == [
        ("0001_first", 1),
        ("0001_first", 2),
        ("0002_second", 1),
        ("0002_second", 2),
    ]
    assert f"{empty.clickhouse_database}.a" in steps[0].sql


def test_applying_twice_executes_nothing_the_second_time(empty: Settings, server: Client, folder: Path) -> None:
    assert migrate.apply(server, empty.clickhouse_database, migrate.load(folder)) == 4
    assert migrate.apply(server, empty.clickhouse_database, migrate.load(folder)) == 0
    assert words(server, empty, folder) == ["applied", "applied"]


@pytest.mark.parametrize(
    "where", [pytest.param("before", marks=pytest.mark.faults), pytest.param("after", marks=pytest.mark.long), "logged"]
)
def test_killed_at_every_statement_it_goes_on_where_it_ended(
    where: str, empty: Settings, server: Client, folder: Path
) -> None:
    said = applied(folder, empty, where)

    assert said[:2] == ["executed", "0"]
    assert said[2:] == [str(-signal.SIGKILL)] * (4 if where == "logged" else 8) + ["0"]
    assert words(server, empty, folder) == ["applied", "applied"]
    rows = server.query(
        "SELECT name FROM system.columns WHERE database = {d:String} AND table = 'a'",
        parameters={"d": empty.clickhouse_database},
    )
    assert [name for (name,) in rows.result_rows] == ["x", "y"]


def test_many_processes_execute_every_statement_once(empty: Settings, server: Client, folder: Path) -> None:
    said = applied(folder, empty, "never", at_once=6)

    assert said[-6:] == ["0"] * 6
    assert sorted(said[:-6]) == sorted(["executed", "0"] * 5 + ["executed", "4"])
    count = f"SELECT count() FROM {empty.clickhouse_database}.migrations WHERE state = 'started'"
    assert server.query(count).result_rows == [(4,)]


def edit(old: str, new: str) -> Callable[[Path], object]:
    return lambda file: file.write_text(file.read_text().replace(old, new))


@pytest.mark.parametrize(
    "change",
    [edit("UInt8", "UInt16"), edit("-- Two", "-- Three"), edit("ENGINE", "\nENGINE")],
    ids=["type", "comment", "line"],
)
def test_an_edited_applied_file_is_refused(
    change: Callable[[Path], object], empty: Settings, server: Client, folder: Path
) -> None:
    migrate.apply(server, empty.clickhouse_database, migrate.load(folder))
    change(folder / "0001_first.sql")

    for act in (migrate.status, migrate.plan, migrate.apply):
        with pytest.raises(MigrationChanged, match="0001_first was edited"):
            act(server, empty.clickhouse_database, migrate.load(folder))


def test_a_wrong_statement_can_be_corrected_and_the_done_ones_stay(
    empty: Settings, server: Client, folder: Path
) -> None:
    file = folder / "0002_second.sql"
    file.write_text(SECOND.replace("SELECT x FROM", "SELECT no_such_column FROM"))
    with pytest.raises(ConfigurationError, match=r"0002_second, statement 2: .*no_such_column"):
        migrate.apply(server, empty.clickhouse_database, migrate.load(folder))
    assert words(server, empty, folder) == ["applied", "partial"]

    file.write_text(SECOND.replace("`y` UInt8", "`y` UInt16"))
    with pytest.raises(MigrationChanged, match="statement 1"):
        migrate.apply(server, empty.clickhouse_database, migrate.load(folder))

    file.write_text(SECOND)
    assert migrate.apply(server, empty.clickhouse_database, migrate.load(folder)) == 1
    assert words(server, empty, folder) == ["applied", "applied"]
    assert migrate.apply(server, empty.clickhouse_database, migrate.load(folder)) == 0


def test_a_database_ahead_of_this_version_is_refused(empty: Settings, server: Client, folder: Path) -> None:
    migrate.apply(server, empty.clickhouse_database, migrate.load(folder))
    (folder / "0002_second.sql").unlink()

    with pytest.raises(ConfigurationError, match="0002_second, which this version does not know"):
        migrate.status(server, empty.clickhouse_database, migrate.load(folder))


@pytest.mark.parametrize(
    ("name", "says"), [("1_a.sql", "NNNN_words"), ("0001.sql", "NNNN_words"), ("0001_other.sql", "have one number")]
)
def test_file_names_follow_the_rule(name: str, says: str, folder: Path) -> None:
    (folder / name).write_text("SELECT 1;")

    with pytest.raises(ConfigurationError, match=says):
        migrate.load(folder)


def test_bad_sql_is_refused_with_file_and_line(folder: Path) -> None:
    (folder / "0003_bad.sql").write_text("SELECT 'a;\n")

    with pytest.raises(ConfigurationError, match=r"0003_bad\.sql, line 1"):
        migrate.load(folder)


def held_lock(server: Client, settings: Settings, folder: Path) -> lock.Lock:
    """The lock of a process that has not released it."""
    migrate.apply(server, settings.clickhouse_database, migrate.load(folder)[:1])
    held = lock.claim(server, settings.clickhouse_database, lock.new_owner())
    assert held is not None
    return held


def test_who_waits_too_long_is_told_for_whom(empty: Settings, server: Client, folder: Path) -> None:
    held = held_lock(server, empty, folder)

    with pytest.raises(SinkUnavailable, match=held.owner):
        migrate.apply(server, empty.clickhouse_database, migrate.load(folder), wait_seconds=0.3)


def test_a_stale_lock_is_taken_over_and_its_holder_stops(empty: Settings, server: Client, folder: Path) -> None:
    held = held_lock(server, empty, folder)

    assert migrate.apply(server, empty.clickhouse_database, migrate.load(folder), lease_seconds=0.2) == 2

    with pytest.raises(lock.LockLost, match="another process has taken its turn"):
        held.execute(f"DROP TABLE {empty.clickhouse_database}.a")
    assert words(server, empty, folder) == ["applied", "applied"]


def test_a_lock_is_not_stale_while_its_statement_runs(empty: Settings, server: Client, folder: Path) -> None:
    held = held_lock(server, empty, folder)
    other = connect_sync(empty)
    running = threading.Thread(target=held.execute, args=("SELECT sleep(2) FORMAT Null",))
    running.start()
    deadline = time.monotonic() + 10
    ids = "SELECT count() FROM system.processes WHERE startsWith(query_id, {o:String})"
    while not other.query(ids, parameters={"o": held.owner}).result_rows[0][0]:
        assert time.monotonic() < deadline

    assert lock.claim(other, empty.clickhouse_database, lock.new_owner(), lease_seconds=0) is None

    running.join()
    assert lock.claim(other, empty.clickhouse_database, lock.new_owner(), lease_seconds=0) is not None
    other.close()


def test_only_one_lock_table_is_left(empty: Settings, server: Client, folder: Path) -> None:
    migrate.apply(server, empty.clickhouse_database, migrate.load(folder)[:1])
    migrate.apply(server, empty.clickhouse_database, migrate.load(folder))

    rows = server.query(
        "SELECT name FROM system.tables WHERE database = {d:String} AND startsWith(name, {p:String})",
        parameters={"d": empty.clickhouse_database, "p": lock.PREFIX},
    )
    assert rows.result_rows == [(f"{lock.PREFIX}2",)]
