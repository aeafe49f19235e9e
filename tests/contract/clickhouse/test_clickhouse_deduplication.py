"""Insert tokens, views that deduplicate with their source, and the constraint that refuses a late block."""

from datetime import UTC, datetime, timedelta

import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

SETTINGS = {
    "async_insert": 0,
    "max_partitions_per_insert_block": 0,
    "insert_deduplicate": 1,
    "deduplicate_blocks_in_dependent_materialized_views": 1,
}
WINDOW = "non_replicated_deduplication_window = 1000"


def _insert(client: Client, table: str, rows: list[list[object]], names: list[str], token: str) -> None:
    client.insert(table, rows, column_names=names, settings=SETTINGS | {"insert_deduplication_token": token})


def _count(client: Client, table: str) -> int:
    return int(str(client.command(f"SELECT count() FROM {table}")))


@pytest.fixture
def source(client: Client, table: str) -> str:
    """A table over daily partitions with a window, and two views on it."""
    client.command(
        f"CREATE TABLE {table} (day Date, n UInt64) ENGINE = MergeTree PARTITION BY day ORDER BY n SETTINGS {WINDOW}"
    )
    client.command(
        f"CREATE TABLE {table}_even (day Date, n UInt64) "
        f"ENGINE = MergeTree PARTITION BY day ORDER BY n SETTINGS {WINDOW}"
    )
    client.command(f"CREATE MATERIALIZED VIEW {table}_mv TO {table}_even AS SELECT day, n FROM {table} WHERE n % 2 = 0")
    client.command(
        f"CREATE TABLE {table}_sum (day Date, total SimpleAggregateFunction(sum, UInt64)) "
        f"ENGINE = AggregatingMergeTree ORDER BY day SETTINGS {WINDOW}"
    )
    client.command(
        f"CREATE MATERIALIZED VIEW {table}_sum_mv TO {table}_sum AS "
        f"SELECT day, sum(n) AS total FROM {table} GROUP BY day"
    )
    return table


def _rows() -> list[list[object]]:
    return [[datetime(2026, 1, 1 + n % 3, tzinfo=UTC).date(), n] for n in range(300)]


def test_the_same_token_inserts_once(client: Client, source: str) -> None:
    for _ in range(3):
        _insert(client, source, _rows(), ["day", "n"], "group/0/chain/1/abc")
    assert _count(client, source) == 300
    assert _count(client, f"{source}_even") == 150
    assert client.command(f"SELECT sum(total) FROM {source}_sum") == sum(range(300))


def test_another_token_inserts_again(client: Client, source: str) -> None:
    _insert(client, source, _rows(), ["day", "n"], "one")
    _insert(client, source, _rows(), ["day", "n"], "two")
    assert _count(client, source) == 600
    assert _count(client, f"{source}_even") == 300


def test_the_token_decides_not_the_content(client: Client, source: str) -> None:
    _insert(client, source, _rows(), ["day", "n"], "one")
    _insert(client, source, _rows()[:10], ["day", "n"], "one")
    assert _count(client, source) == 300


def test_tokens_survive_merges(client: Client, source: str) -> None:
    for token in ("one", "two", "three"):
        _insert(client, source, _rows(), ["day", "n"], token)
    client.command(f"OPTIMIZE TABLE {source} FINAL")
    for token in ("one", "two", "three"):
        _insert(client, source, _rows(), ["day", "n"], token)
    assert _count(client, source) == 900


def test_without_a_window_every_insert_counts(client: Client, table: str) -> None:
    client.command(f"CREATE TABLE {table} (n UInt64) ENGINE = MergeTree ORDER BY n")
    for _ in range(2):
        _insert(client, table, [[1]], ["n"], "one")
    assert _count(client, table) == 2


def test_a_retry_completes_what_a_failed_view_has_left(client: Client, source: str) -> None:
    client.command(f"CREATE TABLE {source}_log (n UInt64) ENGINE = MergeTree ORDER BY n SETTINGS {WINDOW}")
    view = f"CREATE MATERIALIZED VIEW {source}_bad_mv TO {source}_log AS SELECT throwIf(n = 299) + n AS n FROM {source}"
    client.command(view)
    with pytest.raises(DatabaseError) as caught:
        _insert(client, source, _rows(), ["day", "n"], "one")
    assert caught.value.code == 395
    client.command(f"DROP TABLE {source}_bad_mv")
    for _ in range(2):
        _insert(client, source, _rows(), ["day", "n"], "one")
    assert _count(client, source) == 300
    assert _count(client, f"{source}_even") == 150
    assert client.command(f"SELECT sum(total) FROM {source}_sum") == sum(range(300))


def test_a_late_block_is_refused_by_the_clock_of_the_insert(client: Client, table: str) -> None:
    client.command(
        f"CREATE TABLE {table} (ingested_at DateTime64(3, 'UTC'), CONSTRAINT fresh CHECK ingested_at BETWEEN "
        "nowInBlock64() - INTERVAL 5 MINUTE AND nowInBlock64() + INTERVAL 1 MINUTE) ENGINE = MergeTree ORDER BY tuple()"
    )
    now = datetime.now(UTC)
    client.insert(table, [[now]], column_names=["ingested_at"])
    for late in (now - timedelta(minutes=6), now + timedelta(minutes=2)):
        with pytest.raises(DatabaseError, match="fresh") as caught:
            client.insert(table, [[now], [late]], column_names=["ingested_at"])
        assert caught.value.code == 469
    assert _count(client, table) == 1
