"""Distinct values beyond the bound of the sketch: what ClickHouse counts again is what was counted from events."""

import random
from datetime import UTC, datetime
from typing import Any

import msgspec

from clickhouse.partials import Partials
from streams import codec
from streams.events import registry
from streams.events.domains import RIDES
from streams.events.sample import sample
from tables.aggregates import Distinct
from tables.panes import Panes
from tables.rebuild import Bounds, read, statement
from tables.sketch import SIZE
from tables.window import Declared, Measures
from tables.wire import answers, encode_states
from tests.support.columns import columns_of
from tests.support.store import Answers

PEOPLE = 5_000
AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
FILL = f"""
INSERT INTO events_raw (event_id, source, event_type, occurred_at, ingested_at, topic, shard, offset, chain, intent,
    sample_rate, user_id)
SELECT toString(number), 'test', 'booking.created', fromUnixTimestamp64Milli({int(AT.timestamp() * 1000)}), now64(3),
    'rides.booking', 0, number, 'c', 1, 1, concat('rider-', toString(number)) FROM numbers({PEOPLE})
"""


def declared() -> Declared:
    """One window that counts people."""
    made = Declared()
    over = Measures("people", RIDES, ("booking.created",), (Distinct("users", column="user_id"),))
    made.tumbling("people.1m", over, size=60)
    return made


def bookings() -> list[Any]:
    """One of each person, all in the same minute."""
    spec = registry.events["booking.created"]
    event: Any
    (event,) = codec.decode_values([msgspec.json.encode(sample(spec, random.Random(1)))], spec.topic)
    return [
        msgspec.structs.replace(event, time=AT, data=msgspec.structs.replace(event.data, user_id=f"rider-{number}"))
        for number in range(PEOPLE)
    ]


async def test_five_thousand_people_are_rebuilt_as_they_were_counted(ask: Answers) -> None:
    panes = Panes(0, declared(), {})
    everybody = bookings()
    for first in range(0, PEOPLE, 1_700):
        panes.apply(columns_of(everybody[first : first + 1_700]), seq=1, watermark=0, rate=1.0)
    ((slices, start, pane),) = panes

    await ask.client.command(FILL)
    bounds = Bounds(shard=0, chain="c", below={"rides.booking": PEOPLE}, since=0)
    rows = await Partials(ask.client).rows(statement(slices), bounds.parameters())
    ((again, key, states, _),) = read(slices, rows)

    assert (again, key) == (start, ())
    assert len(states[0]) == SIZE
    assert encode_states(slices, states) == encode_states(slices, pane[()].states)
    assert answers(slices, states, 60)["users"] != PEOPLE
    assert abs(answers(slices, states, 60)["users"] / PEOPLE - 1) < 0.1
