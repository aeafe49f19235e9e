"""The real rides of January 2022 as they were, through all tiers: a disk, a slower disk, files, and back."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from streams.settings import Settings
from tests.support.command import Done, millrace
from tests.support.found import one, query, wait_for
from tests.support.producers import send
from tests.support.waiting import until
from tests.support.workers import Crew

pytestmark = [pytest.mark.slow, pytest.mark.faults]

EVENTS = 25_000
FAMILIES = ("booking_events", "trip_events", "payment_events")
LONG_AGO = {"metrics_cold_days": 2500}
"""Under which rides of years ago are no dead letters."""


def all_cold(settings: Settings, table: str) -> bool:
    """Whether ClickHouse has moved all of a table to the slower disk."""
    here = f"database = '{settings.clickhouse_database}' AND table = '{table}' AND active"
    return query(settings, f"SELECT DISTINCT disk_name FROM system.parts WHERE {here}") == [["cold"]]


async def call(settings: Settings, *words: str) -> Done:
    """Run a command under the settings' policy."""
    return await millrace(settings, *words, METRICS_COLD_DAYS=str(settings.metrics_cold_days))


async def answer(settings: Settings, *words: str, code: int = 0) -> Any:
    """What a command prints with --json."""
    done = await call(settings, *words, "--json")
    assert done.code == code, (done.out, done.err)
    return done.json


def flip(file: Path) -> None:
    """Turn one bit of a file."""
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


async def test_real_rides_go_through_all_tiers_and_come_back(embedded: Settings, workers: Crew, tmp_path: Path) -> None:
    old = embedded.model_copy(update={"archive_url": str(tmp_path / "archive"), **LONG_AGO})
    assert (await call(old, "retention", "apply")).code == 0
    workers.start(old)
    send(old, "replay", "rides", "--times", "original")
    amounts = {"booking_events": 10_000, "trip_events": 10_000, "payment_events": 5_000}
    wait_for(old, {"rows": {"events_raw": EVENTS, **amounts}, "dead_letters": {}})
    assert workers.stop() == [0]

    for table in ("events_raw", *FAMILIES):
        until("the rows to move", partial(all_cold, old, table), 60)
    fares = "SELECT toString(sum(fare)) FROM events_raw WHERE event_type = 'trip.completed'"
    paid = one(old, fares)

    now = old.model_copy(update={"metrics_cold_days": 730})
    assert (await call(now, "retention", "apply")).code == 0
    due = await answer(now, "archive", "run", "--dry-run")
    assert sum(day["rows"] for day in due) == EVENTS == one(now, "SELECT count() FROM events_raw")
    dropped = await answer(now, "archive", "run")
    assert sum(day["dropped_rows"] for day in dropped) == EVENTS
    assert one(now, "SELECT count() FROM events_raw") == 0

    damaged = max((tmp_path / "archive").rglob("*.parquet"), key=lambda file: file.stat().st_size)
    day = damaged.parts[-3].removeprefix("day=")
    flip(damaged)
    faults = await answer(now, "archive", "verify", code=1)
    assert [line["day"] for line in faults if line["fault"]] == [day]
    refused = await call(now, "archive", "restore", "events_raw", "--day", day)
    assert (refused.code, one(now, "SELECT count() FROM events_raw")) == (1, 0)
    flip(damaged)

    for each in dropped:
        back = await answer(now, "archive", "restore", "events_raw", "--day", each["partition"])
        assert back["hash"] == back["archived_hash"] == each["hash"]
    assert one(now, "SELECT count() FROM events_raw") == EVENTS
    assert one(now, fares) == paid
