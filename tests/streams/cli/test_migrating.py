"""`millrace migrate`: status, plan, apply and dump, as a person calls them."""

import json
import re
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from clickhouse import migrate
from clickhouse.client import connect_sync
from streams.cli.migrate import NO_METADATA, app
from streams.errors import SinkUnavailable
from streams.settings import Settings

STATEMENTS = sum(len(migration.statements) for migration in migrate.load())


@pytest.fixture
def database(stack_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The name of a database that does not exist yet; commands find it in the environment."""
    name = f"test_{secrets.token_hex(6)}"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MILLRACE_HOME", str(tmp_path))
    monkeypatch.setenv("CLICKHOUSE_URL", str(stack_settings.clickhouse_url))
    monkeypatch.setenv("CLICKHOUSE_DATABASE", name)
    yield name
    client = connect_sync(stack_settings, database=False)
    client.command(f"DROP DATABASE IF EXISTS {name} SYNC")
    client.close()


def call(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), catch_exceptions=False)


def test_from_nothing_to_applied(database: str, empty_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert call("status").output.count("pending") == len(migrate.load())
    assert f"CREATE TABLE IF NOT EXISTS {database}.events_raw" in call("plan").output

    done = re.search(r"(\d+) statements executed", call("apply").output)
    assert done is not None
    assert int(done[1]) >= STATEMENTS  # and those that let the tables follow the settings

    assert call("apply").output == f"nothing was pending\n{NO_METADATA}\n"
    assert call("plan").output == "-- nothing is pending\n"
    states = json.loads(call("status", "--json").output)
    assert {state["state"] for state in states} == {"applied"}
    assert sum(state["done"] for state in states) == STATEMENTS
    assert "applied" in call("status").output

    # The metadata database follows.
    monkeypatch.setenv("DATABASE_URL", empty_database)
    assert re.search(r"^metadata 0001 API keys +pending", call("status").output, re.MULTILINE)
    assert re.search(r"^metadata: \d+ migrations applied", call("apply").output, re.MULTILINE)
    assert call("apply").output == "nothing was pending\nmetadata: nothing was pending\n"
    assert json.loads(call("status", "--json").output)[-1]["state"] == "applied"

    shown = call("dump").output

    assert "CREATE TABLE {database}.events_raw" in shown
    assert database not in shown


def test_status_and_plan_change_nothing(database: str, stack_settings: Settings) -> None:
    call("status")
    call("plan")

    client = connect_sync(stack_settings, database=False)
    names = [name for (name,) in client.query("SHOW DATABASES").result_rows]
    client.close()
    assert database not in names


def test_no_server_is_said_in_one_message(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLICKHOUSE_URL", "http://127.0.0.1:1")

    with pytest.raises(SinkUnavailable, match="Is CLICKHOUSE_URL right, is it running"):
        call("status")
