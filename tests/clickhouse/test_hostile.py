"""R7: what validation accepts, ClickHouse takes, views included, and gives back unchanged."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from clickhouse_connect.driver.client import Client
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from clickhouse.columns import FAMILIES, RAW
from clickhouse.retention import rules
from streams.events import EventSpec, registry
from streams.settings import Settings
from tests.strategies import valid_events
from tests.support.rows import bodies, decoded, insert, intent

MILLISECOND = timedelta(milliseconds=1)
# Event times at the edges of what is accepted: 5 minutes ahead, and the end of cold storage.
moments = st.sampled_from([timedelta(minutes=4), timedelta(), timedelta(days=-1), timedelta(days=-729)])


@st.composite
def acceptable(draw: st.DrawFn) -> tuple[EventSpec, dict[str, Any]]:
    """A valid event whose own time is not too old and not in the future."""
    spec, event = draw(valid_events())
    event["time"] = (datetime.now(UTC) + draw(moments)).isoformat()
    return spec, event


def same(sent: object, stored: object) -> bool:
    """Equal, times to the millisecond that ClickHouse keeps."""
    if isinstance(sent, datetime) and isinstance(stored, datetime):
        return abs(sent - stored.replace(tzinfo=UTC)) <= MILLISECOND
    return sent == stored


@given(st.lists(acceptable(), min_size=10, max_size=25))
@hypothesis_settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_every_accepted_event_is_stored_as_it_was_sent(
    client: Client, store: Settings, drawn: list[tuple[EventSpec, dict[str, Any]]]
) -> None:
    events = decoded([event for _, event in drawn])
    record = intent()
    record = msgspec.structs.replace(record, chain=record.nonce)
    for table, body in bodies(events, record).items():
        insert(client, store, table, body, record.nonce)

    _check(client, events, record.nonce)
    _check_views(client, store, events, record.nonce)


def _check(client: Client, events: list[Any], nonce: str) -> None:
    stored: dict[tuple[str, int], dict[str, Any]] = {}
    for raw in RAW:
        found = client.query(f"SELECT * FROM {raw.name} WHERE nonce = {{n:String}}", parameters={"n": nonce})
        stored |= {(row["topic"], row["offset"]): row for row in found.named_results()}
    assert len(stored) == len(events)
    places: dict[str, int] = {}
    for event in events:
        offset = places[event.spec.topic] = places.get(event.spec.topic, -1) + 1
        _check_row(event, stored[event.spec.topic, offset])


def _check_row(event: Any, row: dict[str, Any]) -> None:
    spec = event.spec
    assert (row["event_id"], row["source"], row["event_type"]) == (event.id, event.source, spec.name)
    for column in spec.columns:
        if column.name in spec.fields:
            sent = getattr(event.data, column.name)
            assert same(sent, row[column.name]), (column, sent, row[column.name])
    for name in spec.positions:
        position = getattr(event.data, name)
        if position is not None and position.latitude is not None:
            assert (position.latitude, position.longitude) == (row[f"{name}_latitude"], row[f"{name}_longitude"])


def _check_views(client: Client, store: Settings, events: list[Any], chain: str) -> None:
    now = datetime.now(UTC)
    for family in FAMILIES:
        end = rules.load(store).of(family.name, "MergeTree").end
        assert end is not None
        names = {spec.name for spec in family.specs}
        count = f"SELECT count() FROM {family.name} WHERE chain = {{c:String}}"
        [(rows,)] = client.query(count, parameters={"c": chain}).result_rows
        own = [event for event in events if event.spec.name in names]
        # Locations go long before the raw rows do, and what is too old for a table is not kept in it at all.
        kept = sum(event.time > now - timedelta(days=end) for event in own)
        assert kept <= rows <= len(own), family.name
        if end == store.metrics_cold_days:
            assert rows == len(own), family.name


def test_the_views_see_every_type_of_their_topic_but_check_ins() -> None:
    taken = {spec.name for family in FAMILIES for spec in family.specs}

    assert {raw.name for raw in RAW} == {"events_raw", "events"}
    assert "ticket.checked_in" not in taken
    assert {"ticket.purchased", "ticket.refunded", "page.viewed", "driver.location.updated"} <= taken


def test_no_view_throws_on_a_row_that_lacks_everything(client: Client) -> None:
    """A writer of a later version may know fewer fields; the views must not hold up the raw table."""
    for raw in RAW:
        names = [spec.name for spec in registry.of(raw.domain)]
        client.insert(
            raw.name,
            [[name, datetime.now(UTC), datetime.now(UTC)] for name in names],
            ["event_type", "occurred_at", "ingested_at"],
            column_type_names=["String", "DateTime64(3, 'UTC')", "DateTime64(3, 'UTC')"],
            settings={"async_insert": 0},
        )

    for family in FAMILIES:
        assert client.query(f"SELECT count() FROM {family.name}").result_rows == [(len(family.specs),)], family.name
