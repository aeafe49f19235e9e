"""A ClickHouse that the delivery cannot rest on is refused before the first insert, with what to do."""

import pytest
from clickhouse_connect.driver.asyncclient import AsyncClient
from clickhouse_connect.driver.client import Client

from clickhouse import migrate, parts, policy, preflight
from clickhouse.client import connect
from clickhouse.columns import tables
from streams.errors import ConfigurationError, MigrationChanged, SchemaDrift
from streams.settings import Settings

FRESH = "CHECK ingested_at BETWEEN nowInBlock64(3) - INTERVAL {} AND nowInBlock64(3) + INTERVAL 1 MINUTE"

BROKEN = {
    "ALTER TABLE trip_events DROP COLUMN fare": r"trip_events\.fare Decimal\(18, 4\) is missing",
    "ALTER TABLE events MODIFY COLUMN quantity UInt64": r"events\.quantity is UInt64, not UInt\d+",
    "DROP TABLE user_events": r"user_events\.\w+ .* is missing; .* and \d+ more",
    "ALTER TABLE events_raw DROP CONSTRAINT fresh": "events_raw has no constraint `fresh`",
    "ALTER TABLE dead_letters DROP CONSTRAINT fresh": "dead_letters has no constraint `fresh`",
    "ALTER TABLE events_raw DROP CONSTRAINT fresh; ALTER TABLE events_raw ADD CONSTRAINT fresh "
    + FRESH.format("1 HOUR"): "refuses batches older than 3600 s, BATCH_AGE_SECONDS is 300",
    "ALTER TABLE events_raw MODIFY SETTING non_replicated_deduplication_window = 0": "events_raw remembers 0 parts",
    "ALTER TABLE route_events MODIFY SETTING non_replicated_deduplication_window = 100": "route_events remembers 100",
    "CREATE TABLE mine (`n` UInt64) ENGINE = MergeTree ORDER BY n; CREATE MATERIALIZED VIEW mine_mv TO mine AS "
    "SELECT offset AS n FROM events_raw": "table mine remembers 0 parts",
    "ALTER TABLE page_views MODIFY TTL toDate(occurred_at) + INTERVAL 30 DAY": "1 changes are missing before",
    "TRUNCATE TABLE migrations": "migrations are not applied, the first is 0001",
    "INSERT INTO migrations (migration, statement, statements, state) VALUES ('9999_later', 1, 1, 'finished')": "9999",
}


@pytest.fixture
def rollups() -> bool:
    """The delivery rests on the tables that it writes to, and on their families."""
    return False


async def test_a_migrated_database_passes(async_client: AsyncClient, store: Settings) -> None:
    await preflight.check(async_client, store)


@pytest.mark.parametrize("change", BROKEN, ids=lambda change: change[:60])
async def test_what_is_broken_is_named(change: str, client: Client, async_client: AsyncClient, store: Settings) -> None:
    for sql in change.split("; "):
        client.command(sql, settings={"async_insert": 0})

    with pytest.raises(ConfigurationError, match=BROKEN[change]):
        await preflight.check(async_client, store)


async def test_a_column_more_is_no_drift(client: Client, async_client: AsyncClient, store: Settings) -> None:
    client.command("ALTER TABLE events ADD COLUMN `mine` String")

    await preflight.check(async_client, store)


async def test_a_database_without_tables_says_how_to_make_them(empty: Settings, server: Client) -> None:
    server.command(f"CREATE DATABASE {empty.clickhouse_database}")
    client = await connect(empty)

    with pytest.raises(SchemaDrift, match="millrace migrate apply"):
        await preflight.check(client, empty)

    await client.close()


async def test_an_edited_migration_is_found(client: Client, async_client: AsyncClient, store: Settings) -> None:
    client.command("TRUNCATE TABLE migrations")
    for migration in migrate.load():
        for number in range(1, len(migration.statements) + 1):
            client.command(
                "INSERT INTO migrations (migration, statement, statements, file_checksum, state) VALUES "
                f"('{migration.name}', {number}, {len(migration.statements)}, 'another', 'finished')",
                settings={"async_insert": 0},
            )

    with pytest.raises(MigrationChanged, match="0001"):
        await preflight.check(async_client, store)


async def test_r8_more_shards_than_the_window_can_remember(async_client: AsyncClient, store: Settings) -> None:
    with pytest.raises(ConfigurationError, match=r"100 shards .* MODIFY SETTING non_replicated_deduplication_window"):
        await preflight.check(async_client, store.model_copy(update={"kafka_partitions": 100}))

    slower = store.model_copy(update={"kafka_partitions": 100, "batch_seconds": 2.0})
    await preflight.check(async_client, slower)


async def test_tables_follow_the_settings_once_they_are_applied(async_client: AsyncClient, store: Settings) -> None:
    other = store.model_copy(update={"metrics_cold_days": 2000, "clickhouse_fsync": True})
    with pytest.raises(ConfigurationError, match=r"METRICS_COLD_DAYS=2000\) and CLICKHOUSE_FSYNC=True"):
        await preflight.check(async_client, other)

    assert migrate.run(other) > 0
    await preflight.check(async_client, other)

    assert migrate.run(other) == 0
    assert migrate.run(store) > 0
    await preflight.check(async_client, store)


def replicated(sql: str) -> dict[str, preflight.Table]:
    """All tables as a replicated server would show them."""
    existing = {name: preflight.Table("ReplicatedMergeTree", sql) for name in tables()}
    return existing | {"delivered": preflight.Table("ReplicatedReplacingMergeTree", sql)}


def test_replicated_tables_are_asked_for_their_own_window_and_its_seconds() -> None:
    settings = Settings(clickhouse_url="http://h:8123", kafka_partitions=2)

    preflight.check_windows(replicated("SETTINGS index_granularity = 8192"), settings)
    with pytest.raises(ConfigurationError, match="remembers 100 parts"):
        preflight.check_windows(replicated("SETTINGS replicated_deduplication_window = 100"), settings)
    with pytest.raises(ConfigurationError, match="remembers parts for 60 s"):
        preflight.check_windows(replicated("SETTINGS replicated_deduplication_window_seconds = 60"), settings)


async def test_parts_of_the_fullest_partition(client: Client, async_client: AsyncClient) -> None:
    assert await parts.most(async_client) <= 5
    client.command("CREATE TABLE many (`day` UInt8) ENGINE = MergeTree PARTITION BY day ORDER BY day")
    client.command("SYSTEM STOP MERGES many")
    for day in (1, 2, 2, 2, 2, 2, 2, 2):
        client.command(f"INSERT INTO many VALUES ({day})", settings={"async_insert": 0})

    assert await parts.most(async_client) == 7


def test_policy_reads_what_clickhouse_shows() -> None:
    settings = Settings(metrics_retention_days=5, metrics_cold_days=10)
    shown = (
        "CREATE TABLE d.trip_events (`occurred_at` DateTime) ENGINE = MergeTree PARTITION BY toDate(occurred_at) "
        "ORDER BY a TTL toDate(occurred_at) + toIntervalDay(732) SETTINGS non_replicated_deduplication_window = 30000"
    )

    assert policy.alterations({"trip_events": shown, "b": "ENGINE = Null"}, settings, lambda table: False) == [
        "ALTER TABLE {database}.trip_events MODIFY TTL toDate(occurred_at) + toIntervalDay(12)"
    ]


async def test_a_cluster_over_tables_of_a_single_server(async_client: AsyncClient, store: Settings) -> None:
    with pytest.raises(ConfigurationError, match="events_raw is not replicated: the database was made for a single"):
        await preflight.check(async_client, store.model_copy(update={"clickhouse_cluster": "prod"}))


def test_replicated_tables_without_the_name_of_their_cluster() -> None:
    existing = {name: preflight.Table("ReplicatedMergeTree", "") for name in ("events_raw", "events", "dead_letters")}

    with pytest.raises(ConfigurationError, match="CLICKHOUSE_CLUSTER is not set"):
        preflight.check_form(existing, Settings())

    preflight.check_form(existing, Settings(clickhouse_cluster="prod"))


def test_a_view_with_two_uuids_is_refused() -> None:
    preflight.check_views([])

    with pytest.raises(ConfigurationError, match=r"view a_mv has not one uuid on all nodes \(1 on x, 2 on y\)"):
        preflight.check_views([("a_mv", [("2", "y"), ("1", "x")])])
