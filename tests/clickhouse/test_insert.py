"""Inserts under a token: one copy of every row in every table, whatever fails and however often it is tried."""

import random
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from clickhouse.client import classify
from clickhouse.columns import FAMILIES
from streams.errors import BatchAged, BlockRefused, SchemaDrift
from streams.events import registry
from streams.events.domains import RIDES
from streams.events.sample import sample
from streams.settings import Settings
from tests.support.rows import bodies, decoded, insert, intent


def rides(count: int, days: int = 1) -> list[Any]:
    """Ride events of all types in turn, spread over the last days."""
    source = random.Random(7)
    specs = registry.of(RIDES)
    found = []
    for n in range(count):
        moment = datetime.now(UTC) - timedelta(days=n % days, minutes=1)
        found.append(sample(specs[n % len(specs)], source, moment))
    return decoded(found)


def counts(client: Client) -> dict[str, int]:
    """Rows and distinct rows agree in all tables of rides; their number."""
    found = {}
    for table in ("events_raw", *(family.name for family in FAMILIES if family.domain is RIDES)):
        [(rows, distinct)] = client.query(
            f"SELECT count(), uniqExact(chain, topic, shard, offset) FROM {table}"
        ).result_rows
        assert rows == distinct, table
        found[table] = rows
    return found


def expected(events: list[Any]) -> dict[str, int]:
    found = {"events_raw": len(events)}
    for family in FAMILIES:
        if family.domain is RIDES:
            names = {spec.name for spec in family.specs}
            found[family.name] = sum(event.spec.name in names for event in events)
    return found


def test_a_batch_over_three_days_stands_once_in_every_table(client: Client, store: Settings) -> None:
    events = rides(300, days=3)
    body = bodies(events, intent(seq=4))["events_raw"]

    for _ in range(3):
        insert(client, store, "events_raw", body, "g/1/chain/4/n")

    assert counts(client) == expected(events)
    parts = "SELECT count() FROM system.parts WHERE database = currentDatabase() AND table = 'events_raw' AND active"
    assert client.query(parts).result_rows == [(3,)]


def test_another_token_is_another_batch(client: Client, store: Settings) -> None:
    body = bodies(rides(20), intent())["events_raw"]

    insert(client, store, "events_raw", body, "one")
    insert(client, store, "events_raw", body, "two")

    assert client.query("SELECT count() FROM events_raw").result_rows == [(40,)]


def test_a_view_that_fails_is_completed_under_the_same_token(client: Client, store: Settings) -> None:
    """The source has taken the block by then, and so have some views; each table takes what it lacks."""
    events = rides(190, days=2)
    body = bodies(events, intent())["events_raw"]
    client.command("CREATE TABLE broken (`n` UInt8) ENGINE = MergeTree ORDER BY n")
    client.command(
        "CREATE MATERIALIZED VIEW m_broken_mv TO broken AS "
        "SELECT throwIf(event_type = 'trip.started') AS n FROM events_raw"
    )
    with pytest.raises(ClickHouseError):
        insert(client, store, "events_raw", body, "token")
    client.command("DROP TABLE m_broken_mv SYNC")

    insert(client, store, "events_raw", body, "token")

    assert counts(client) == expected(events)


@pytest.mark.parametrize("known", [False, True], ids=["new", "inserted before"])
def test_r8_an_aged_batch_is_refused_even_if_its_token_is_known(known: bool, client: Client, store: Settings) -> None:
    """R8: the check comes before deduplication, so an aged batch can only be counted."""
    now = int(time.time() * 1000)
    events = rides(10)
    if known:
        insert(client, store, "events_raw", bodies(events, intent(at=now))["events_raw"], "token")

    with pytest.raises(ClickHouseError) as caught:
        insert(client, store, "events_raw", bodies(events, intent(at=now - 301_000))["events_raw"], "token")

    assert isinstance(classify(caught.value), BatchAged)
    assert client.query("SELECT count() FROM events_raw").result_rows == [(10 if known else 0,)]


def test_a_batch_just_within_its_age_is_taken(client: Client, store: Settings) -> None:
    body = bodies(rides(10), intent(at=int(time.time() * 1000) - 290_000))["events_raw"]

    insert(client, store, "events_raw", body, "token")

    assert client.query("SELECT count() FROM events_raw").result_rows == [(10,)]


def test_delivered_keeps_the_highest_record_of_each_shard_and_table(client: Client, store: Settings) -> None:
    for seq in (5, 6):
        for shard in (1, 2):
            record = intent(seq=seq)
            body = bodies(rides(10), record, first=seq * 100, shard=shard)["events_raw"]
            insert(client, store, "events_raw", body, f"{shard}/{seq}")

    client.command("OPTIMIZE TABLE delivered FINAL")

    rows = client.query(
        "SELECT shard, relation, chain, intent, nonce != '', intent_offset FROM delivered ORDER BY shard"
    )
    assert rows.result_rows == [(1, "events_raw", "chain", 6, 1, 7), (2, "events_raw", "chain", 6, 1, 7)]


def test_a_field_that_no_column_takes_is_drift(client: Client, store: Settings) -> None:
    body = bodies(rides(2), intent())["events_raw"].with_column("sauce", ["/s", "/s"], old="source")

    with pytest.raises(ClickHouseError) as caught:
        insert(client, store, "events_raw", body, "token")

    assert isinstance(classify(caught.value), SchemaDrift)


def test_one_bad_row_refuses_the_whole_block_with_all_its_views(client: Client, store: Settings) -> None:
    body = bodies(rides(50), intent())["events_raw"].with_column("shard", ["1"] * 49 + ["one"])

    with pytest.raises(ClickHouseError) as caught:
        insert(client, store, "events_raw", body, "token")

    assert isinstance(classify(caught.value), BlockRefused)
    assert set(counts(client).values()) == {0}
    assert client.query("SELECT count() FROM delivered").result_rows == [(0,)]
