"""`millrace backup`, as a person calls it: taken, listed, checked, refused where it must be, and brought back."""

import asyncio
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from clickhouse_connect.driver.client import Client

from clickhouse.backup import manifest
from clickhouse.client import connect_sync
from streams.cli import topics
from streams.errors import ConfigurationError
from streams.settings import Settings
from tests.support.aged import aged, put
from tests.support.invoked import answer, call
from tests.support.metadata import fresh_database
from tests.support.tables import migrated
from tests.support.waiting import until
from tests.support.workers import environment

KEY = (
    "INSERT INTO api_keys (id, name, secret_sha256, scopes, domains) "
    "VALUES (%s, 'a \\ name\twith tab', sha256('x'), '{events:write}', '{rides}')"
)


@pytest.fixture
def backups(stack_settings: Settings) -> Iterator[Path]:
    """A folder of this test that the stack's ClickHouse may write to."""
    assert stack_settings.backup_folder is not None
    folder = Path(stack_settings.backup_folder) / secrets.token_hex(4)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def used(
    settings: Settings, rollups: bool, backups: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Settings]:
    """All parts with a few rows; commands find them in the environment, and wait for no stalled worker."""
    with fresh_database(settings) as database:
        own = settings.model_copy(
            update={"backup_folder": str(backups), "database_url": database, "millrace_home": tmp_path}
        )
        asyncio.run(topics.create(migrated(own, rollups=rollups)))
        monkeypatch.chdir(tmp_path)
        ages = {"BATCH_AGE_SECONDS": "0", "BATCH_SETTLE_SECONDS": "0", "DATABASE_URL": database}
        for name, value in (environment(own) | ages).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr("agents.gate.BLIND_SECONDS", 0.2)
        assert call("migrate", "apply").exit_code == 0
        with psycopg.connect(database) as connection:
            connection.execute(KEY, ["first"])
        yield own


@pytest.fixture
def client(used: Settings) -> Iterator[Client]:
    """A client of that database, with rows in it."""
    made = connect_sync(used)
    put(made, used, aged(38, 1), "first")
    yield made
    made.close()


def contents(client: Client, database: str) -> dict[str, int]:
    """Rows by table, without the empty ones and the logs that a command writes itself."""
    sql = (
        "SELECT name, total_rows FROM system.tables WHERE database = {database:String} AND total_rows > 0 "
        "AND name NOT IN ('holds', 'retention_locks', 'chain_repairs', 'delivered')"
    )
    return dict(map(tuple, client.query(sql, parameters={"database": database}).result_rows))


@pytest.mark.long
@pytest.mark.parametrize("rollups", [True])
def test_what_is_backed_up_comes_back(used: Settings, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    name = used.clickhouse_database
    before = contents(client, name)
    assert before["events_raw"] == 38
    made = answer("backup", "create")
    assert [each["id"] for each in answer("backup", "list")] == [made["id"]]
    tables = {each["name"]: each for each in made["clickhouse"]["tables"]}
    assert tables["events_raw"]["rows"] == 38
    assert {"daily_users_mv", "holds", "migrations"} <= tables.keys()
    kept = {t["name"]: t["rows"] for t in made["postgres"]["tables"]}
    assert {name: rows for name, rows in kept.items() if rows} == {"api_keys": 1}
    assert "scheduled_jobs" in kept
    assert "metric_cache" not in kept
    assert not client.query(
        f"SELECT name FROM system.tables WHERE database = '{name}' AND name LIKE 'passing%'"
    ).row_count
    assert answer("backup", "verify", "--restore")["faults"] == []

    put(client, used, aged(38, 0, seed=8), "second", first=100)
    with psycopg.connect(used.database_url) as connection:  # type: ignore[arg-type]  # a plain address here
        connection.execute(KEY, ["second"])
    assert "Nothing was changed" in call("backup", "restore").output
    with pytest.raises(ConfigurationError, match=f"database {name} has .* --replace"):
        call("backup", "restore", "--yes")
    assert contents(client, name) != before
    back = answer("backup", "restore", "--yes", "--replace")
    assert (back["id"], back["postgres_rows"], list(back["shards"])) == (made["id"], 1, ["0", "1"])
    assert contents(client, name) == before
    with psycopg.connect(used.database_url) as connection:  # type: ignore[arg-type]
        keys = connection.execute("SELECT id, name, secret_sha256 = sha256('x') FROM api_keys").fetchall()
    assert keys == [("first", "a \\ name\twith tab", True)]
    assert client.query("SELECT count() FROM holds FINAL WHERE held = 1").result_rows == [(0,)]
    # The views feed what they fed before.
    put(client, used, aged(19, 0, seed=9), "third", first=200)
    assert contents(client, name)["events_raw"] == 57
    assert call("reconcile").exit_code == 0

    monkeypatch.setenv("CLICKHOUSE_DATABASE", f"{name}_other")
    answer("backup", "restore", "--only", "clickhouse", "--yes", "--workers-gone")
    assert contents(client, f"{name}_other") == before
    client.command(f"DROP DATABASE {name}_other SYNC")


@pytest.mark.long
def test_an_incremental_backup_needs_its_base_and_keeps_it(used: Settings, client: Client, backups: Path) -> None:
    with pytest.raises(ConfigurationError, match="no backup of ClickHouse to go on from"):
        call("backup", "create", "--incremental")
    ids = [answer("backup", "create", "--only", "clickhouse")["id"]]
    put(client, used, aged(38, 0, seed=8), "second", first=100)
    for _ in range(2):
        _next_second(ids[-1])
        made = answer("backup", "create", "--incremental", "--keep", "1", "--only", "clickhouse")
        assert (made["base"], made["removed"]) == (ids[-1], [])
        ids.append(made["id"])
    full, first, second = answer("backup", "list")
    assert second["bytes"] < first["bytes"] < full["bytes"]
    assert answer("backup", "verify", "--restore")["read"] == ids[::-1]
    # A full one needs none of them.
    _next_second(ids[-1])
    made = answer("backup", "create", "--keep", "1", "--only", "clickhouse")
    assert made["removed"] == ids
    assert [path.name for path in backups.iterdir()] == [made["id"]]


def test_a_damaged_backup_is_told_and_not_restored(used: Settings, client: Client, backups: Path) -> None:
    made = answer("backup", "create", "--only", "clickhouse")
    chosen = manifest.find(backups, None)
    file = max(chosen.files, key=lambda each: each.bytes)
    path = backups / made["id"] / file.path
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    [fault] = answer("backup", "verify", code=1)["faults"]
    assert file.path in fault
    with pytest.raises(ConfigurationError, match="is damaged"):
        call("backup", "restore", "--yes", "--replace")
    path.unlink()
    assert "is missing" in call("backup", "verify").output
    assert contents(client, used.clickhouse_database)["events_raw"] == 38
    with pytest.raises(ConfigurationError, match="has no backup 20200101T000000Z; the newest there"):
        call("backup", "verify", "20200101T000000Z")


def test_a_folder_that_clickhouse_may_not_write_to(
    used: Settings, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKUP_FOLDER", str(tmp_path / "elsewhere"))
    with pytest.raises(ConfigurationError, match="<backups><allowed_path>"):
        call("backup", "create")
    assert answer("backup", "list") == []
    monkeypatch.delenv("BACKUP_FOLDER")
    with pytest.raises(ConfigurationError, match="BACKUP_FOLDER is not set"):
        call("backup", "list")


def _next_second(last: str) -> None:
    """Backups are named by the second."""
    until("another second", lambda: manifest.now() > last, 3)
