"""ClickHouse behind its log of intents, as after a restore: shards stop, and a repair reads again what is missing."""

from typing import Any

import msgspec
import pytest

from agents.repair.behind import Passed
from clickhouse.client import connect_sync
from streams.intent import Intent
from streams.settings import Settings
from tests.agents.repair.test_repair import repair, stopped
from tests.support.feed import pipeline, produce
from tests.support.found import RIDES, TICKETING
from tests.support.store import Answers, exactly
from tests.support.wire import mixed

ROWS = 100


def record(seq: int, start: int, end: int, rows: int = 0, **more: Any) -> Intent:
    """A record of one topic."""
    made = Intent(chain="c", seq=seq, previous="", nonce=str(seq), ranges={"t": (start, end)}, rows={"events": rows})
    return msgspec.structs.replace(made, **more)


def seqs(anchor: Intent | None, *records: Intent) -> list[int]:
    """Numbers of the records whose rows must be there."""
    passed = Passed(anchor)
    for each in records:
        passed.take(each)
    return [each.seq for each in passed.delivered]


def test_all_but_the_last_record_were_delivered() -> None:
    assert seqs(record(1, 0, 5), record(2, 5, 7, 2)) == []
    assert seqs(record(1, 0, 5), record(2, 5, 7, 2), record(3, 7, 9, 2), record(4, 9, 9)) == [3, 2]


def test_a_superseded_record_says_nothing_any_more() -> None:
    again = record(3, 5, 7, 1, missing={})
    assert seqs(record(1, 0, 5), record(2, 5, 7, 2), again, record(4, 7, 8, 1)) == [3]
    assert seqs(record(2, 5, 7, 2), again, record(4, 7, 8, 1)) == [3]


def test_a_repair_that_goes_on_where_the_rows_end_has_seen_to_all_before_it() -> None:
    before = (record(2, 5, 7, 2), record(3, 7, 9, 2))
    assert seqs(record(1, 0, 5), *before, record(4, 5, 5, begins=True)) == []
    # One that goes on elsewhere was written while ClickHouse held more than it does now.
    assert seqs(record(1, 0, 5), *before, record(4, 9, 9, begins=True)) == [3, 2]
    lost = {"t": {"lost": [5, 4]}}
    assert seqs(record(1, 0, 5), *before, record(4, 9, 9, begins=True, verdict=lost)) == []


async def batches(settings: Settings, ask: Answers, first: int) -> int:
    """Two batches, one after the other; how many rows there are then."""
    for n in range(1, 3):
        await produce(settings, mixed(ROWS // 10, first + (n - 1) * ROWS // 10, partitions=1))
        await exactly(ask, first + n * ROWS // 10)
    return first + ROWS // 5


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.parametrize(
    "losses", [("restored",), *(pytest.param(each, marks=pytest.mark.faults) for each in (("restored",) * 2, ("new",)))]
)
async def test_rows_that_are_lost_are_read_again_and_none_twice(
    ready: Settings, ask: Answers, losses: tuple[str, ...]
) -> None:
    """The tables go back to an earlier state, as a restored backup does; or are empty, as a new server's are."""
    own = ready.model_copy(update={"kafka_forgets": False})
    await produce(own, [*mixed(ROWS, partitions=1), ("rides.trip", 0, b"bad"), ("rides.trip", 0, b"worse")])
    async with pipeline(own, [0]):
        await exactly(ask, ROWS)
    kept = await _state(ask)
    async with pipeline(own, [0]):
        total = await batches(own, ask, ROWS)
    for loss in losses:
        await _back_to(own, ask, kept if loss == "restored" else {})
        async with pipeline(own, [0]) as worker:
            await stopped(worker, "WitnessBehind")
        [plan] = await repair(own, shards=[0])
        assert "restored or lost data" in plan.found
        assert not plan.lost
        async with pipeline(own, [0]):
            await exactly(ask, total)
            total = await batches(own, ask, total)
        assert await ask.count("dead_letters") == 2
        assert await ask.one("SELECT count() - uniqExact(topic, partition, offset) FROM dead_letters") == 0


async def _state(ask: Answers) -> dict[str, int]:
    """Per shard the seq of its newest record."""
    return dict(await ask.rows("SELECT toString(shard), max(intent) FROM delivered GROUP BY shard"))


async def _back_to(settings: Settings, ask: Answers, state: dict[str, int]) -> None:
    """Remove all rows of later records, from every table that the stream feeds."""
    later = " OR ".join(f"(shard = {shard} AND intent > {seq})" for shard, seq in state.items()) or "1"
    client = connect_sync(settings)
    for table in ("events_raw", "events", "dead_letters", "delivered"):
        client.command(f"ALTER TABLE {table} DELETE WHERE {later} SETTINGS mutations_sync = 2")
    raw = "SELECT topic, shard, offset FROM events_raw UNION ALL SELECT topic, shard, offset FROM events"
    for table in (*RIDES, *TICKETING):
        client.command(
            f"ALTER TABLE {table} DELETE WHERE (topic, shard, offset) NOT IN ({raw}) SETTINGS mutations_sync = 2"
        )
    client.close()
