"""Users, roles, row policies, quotas and profiles of deploy/clickhouse, each tried on the engine as that user."""

from collections.abc import Callable
from pathlib import Path

import pytest

from clickhouse import access, cluster, statements
from streams.events.domains import Domain
from tests.support import engine
from tests.support.engine import Said

USERS = Path(__file__).parent.parent.parent.parent / "deploy" / "clickhouse" / "users.d"
FILES = sorted(USERS.glob("*.xml"))
STRUCTURE = access.STRUCTURE.read_text("utf-8")
NODE = "<shard><replica><host>127.0.0.1</host><port>9000</port></replica></shard>"
LOCAL = f"<tcp_port>9000</tcp_port><remote_servers><millrace>{NODE}</millrace></remote_servers>"
WINDOW = "INSERT INTO millrace_all.metrics_realtime (domain, window, starts_at, key) VALUES ('{0}', '{0} w', now(), [])"

As = Callable[..., list[Said]]


@pytest.fixture(scope="module")
def as_user(tmp_path_factory: pytest.TempPathFactory) -> As:
    """Runs statements as a user of the files, over a database with one row of each domain in the shared table."""
    folder = tmp_path_factory.mktemp("engine")
    settings = engine.configured(folder, LOCAL)
    creations = [statements.render(sql, "millrace") for sql in statements.split(STRUCTURE)]
    made = [sql.replace(" ON CLUSTER millrace", "") for sql in cluster.schema(STRUCTURE, "millrace", "millrace")]
    twins = [sql for sql in made if sql.startswith("CREATE OR REPLACE")]
    rows = [WINDOW.format(domain.name) for domain in access.all_domains()]
    databases = ["CREATE DATABASE millrace", "CREATE DATABASE millrace_all"]
    for said in engine.run(folder, settings, [*databases, *creations, *twins, *rows]):
        assert not said.error, said.error

    def run(user: str, *given: str) -> list[Said]:
        engine.as_user(FILES, user, folder / "users.xml")
        own = folder / "as_user.xml"
        users = f"<users_config>{folder / 'users.xml'}</users_config>"
        own.write_text(settings.read_text("utf-8").replace("</clickhouse>", f"{users}</clickhouse>"), "utf-8")
        return engine.run(folder, own, given)

    return run


@pytest.mark.parametrize("domain", access.all_domains(), ids=lambda domain: domain.name)
def test_an_analyst_sees_one_domain(as_user: As, domain: Domain) -> None:
    (other,) = [each for each in access.all_domains() if each is not domain]
    local, whole, view, above, own, foreign, foreign_whole, letters, write, drop, longer, free, quota = as_user(
        f"analyst_{domain.name}",
        "SELECT domain FROM millrace.metrics_realtime",
        "SELECT domain FROM millrace_all.metrics_realtime",
        "SELECT domain FROM millrace.metrics_realtime_latest",
        "SELECT domain FROM millrace_all.metrics_realtime_latest",
        f"SELECT count() FROM millrace_all.{domain.raw_table}",
        f"SELECT count() FROM millrace.{other.raw_table}",
        f"SELECT count() FROM millrace_all.{other.raw_table}",
        "SELECT count() FROM millrace.dead_letters",
        f"INSERT INTO millrace.{domain.raw_table} (event_id) VALUES ('x')",
        f"DROP TABLE millrace.{domain.raw_table}",
        "SELECT 1 SETTINGS max_execution_time = 301",
        "SET readonly = 0",
        "SELECT quota_name FROM system.quota_usage",
    )

    assert local.rows == whole.rows == view.rows == above.rows == [domain.name]
    assert own.rows == ["0"]
    for refused in (foreign, foreign_whole, letters, drop, quota):
        assert "ACCESS_DENIED" in refused.error
    assert "READONLY" in write.error or "ACCESS_DENIED" in write.error
    assert "SETTING_CONSTRAINT_VIOLATION" in longer.error
    assert free.error


def test_the_api_reads_everything_and_writes_nothing(as_user: As) -> None:
    rows, raw, write, costly = as_user(
        "millrace_api",
        "SELECT domain FROM millrace_all.metrics_realtime ORDER BY domain",
        "SELECT count() FROM millrace_all.events_raw",
        "INSERT INTO millrace.holds (name) VALUES ('x')",
        "SELECT 1 SETTINGS max_rows_to_read = 1000000000",
    )

    assert rows.rows == [domain.name for domain in access.all_domains()]
    assert raw.rows == ["0"]
    assert write.error
    assert "SETTING_CONSTRAINT_VIOLATION" in costly.error


def test_the_worker_inserts_and_looks_at_refused_rows_but_changes_no_table(as_user: As) -> None:
    row = "INSERT INTO millrace.events_raw (event_id, ingested_at) VALUES ('x', now64(3))"
    insert, seen, scratch, loosened, gone, drop, other, late = as_user(
        "millrace_ingest",
        row,
        "SELECT count() FROM millrace.delivered",
        "CREATE TABLE millrace.scratch_events_raw_1 AS millrace.events_raw ENGINE = MergeTree ORDER BY tuple()",
        "ALTER TABLE millrace.scratch_events_raw_1 DROP CONSTRAINT fresh",
        "DROP TABLE millrace.scratch_events_raw_1",
        "DROP TABLE millrace.events_raw",
        "ALTER TABLE millrace.events_raw DROP CONSTRAINT fresh",
        f"{row[:-1]} SETTINGS async_insert = 1",
    )

    for fine in (insert, scratch, loosened, gone):
        assert not fine.error, fine.error
    assert seen.rows == ["1"]
    for refused in (drop, other):
        assert "ACCESS_DENIED" in refused.error
    assert late.error


def test_operators_hold_and_replay_but_change_no_event(as_user: As) -> None:
    hold, action, letters, event = as_user(
        "millrace_operator",
        "INSERT INTO millrace.holds (name, reason, held) VALUES ('x', '', 1)",
        "INSERT INTO millrace_all.dead_letter_actions (topic) VALUES ('t')",
        "SELECT count() FROM millrace_all.dead_letters",
        "INSERT INTO millrace.events_raw (event_id) VALUES ('x')",
    )

    assert not hold.error + action.error
    assert letters.rows == ["0"]
    assert "ACCESS_DENIED" in event.error


def test_migrations_may_do_all_to_the_two_databases(as_user: As) -> None:
    add, drop, elsewhere = as_user(
        "millrace_migrate",
        "ALTER TABLE millrace.holds ADD COLUMN IF NOT EXISTS probe UInt8",
        "ALTER TABLE millrace.holds DROP COLUMN probe",
        "CREATE DATABASE other",
    )

    assert not add.error + drop.error
    assert "ACCESS_DENIED" in elsewhere.error


def test_a_new_table_is_closed_to_analysts_until_it_says_whose_it_is() -> None:
    made = """
    CREATE TABLE {database}.events_raw (`x` UInt8) ENGINE = MergeTree ORDER BY x;
    CREATE TABLE {database}.events (`x` UInt8) ENGINE = MergeTree ORDER BY x;
    CREATE TABLE {database}.rollup (`x` UInt8) ENGINE = MergeTree ORDER BY x;
    CREATE TABLE {database}.above (`x` UInt8) ENGINE = MergeTree ORDER BY x;
    CREATE TABLE {database}.both (`x` UInt8) ENGINE = MergeTree ORDER BY x;
    CREATE TABLE {database}.daily
(
    `domain` String
) ENGINE = MergeTree ORDER BY domain;
    CREATE TABLE {database}.audit (`x` UInt8) ENGINE = MergeTree ORDER BY x;
    CREATE MATERIALIZED VIEW {database}.above_mv TO {database}.above AS SELECT x FROM {database}.rollup;
    CREATE MATERIALIZED VIEW {database}.rollup_mv TO {database}.rollup AS SELECT x FROM {database}.events_raw;
    CREATE MATERIALIZED VIEW {database}.one_mv TO {database}.both AS SELECT x FROM {database}.events_raw;
    CREATE MATERIALIZED VIEW {database}.two_mv TO {database}.both AS SELECT x FROM {database}.events;
    CREATE VIEW {database}.newest AS SELECT x FROM {database}.daily;
    """

    assert access.owners(made) == {
        "events_raw": "rides",
        "events": "ticketing",
        "rollup": "rides",
        "above": "rides",
        "both": "operators",
        "daily": "shared",
        "audit": "operators",
        "newest": "shared",
    }
