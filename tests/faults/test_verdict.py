"""The verdict is right about a right run, and red about each way in which one row or window can be wrong."""

import asyncio
import re
import time
from pathlib import Path
from typing import Any

import pytest

from deploy.local.totals import LeftOut
from streams.intent import Intent
from streams.settings import Settings
from streams.world.truth import expected
from tests.faults.chains import disordered, log_of, unlinked
from tests.faults.oracle import Oracle, Wanted
from tests.faults.run import explained
from tests.faults.schedule import draw
from tests.faults.verdict import Verdict, compare, judge, rows, settle_contested
from tests.faults.windows import differing, live_differing
from tests.support.feed import pipeline
from tests.support.found import command, one, wait_for
from tests.support.producers import send
from tests.support.store import Answers
from tests.support.waiting import until

COUNT = 2000
SOON = time.time() - 60
"""Windows that ended before."""
WORDS = ("load", "--rate", "max", "--seed", "5", "--invalid", "0.02", "--duplicate", "0.02", "--late", "0.02")
"""Few enough to be quick, enough of each fault."""


@pytest.fixture
def rollups() -> bool:
    """They are judged too."""
    return True


@pytest.fixture
def windows() -> bool:
    """And so are they."""
    return True


@pytest.fixture
async def run(ready: Settings, ask: Answers) -> tuple[Settings, dict[str, Any]]:
    """A stream that has worked off a load, and what was sent."""
    sent = expected(await asyncio.to_thread(send, ready, *WORDS, "--count", str(COUNT)))
    async with pipeline(ready):
        await asyncio.to_thread(wait_for, ready, sent)
        await asyncio.to_thread(until, "windows to be kept", lambda: not differing(ready, SOON), 30)
        await asyncio.to_thread(until, "windows to be told live", lambda: not asyncio.run(live_differing(ready)), 30)
    return ready, sent


@pytest.mark.long
async def test_each_wrong_row_is_found_and_nothing_else(run: tuple[Settings, dict[str, Any]], tmp_path: Path) -> None:
    await asyncio.to_thread(_walk, *run, tmp_path)


def _walk(settings: Settings, sent: dict[str, Any], logs: Path) -> None:
    """Wrong rows are added one by one; whatever was wrong before stays so."""
    wanted = asyncio.run(Oracle(settings).read())
    left_out = asyncio.run(LeftOut(settings).read())

    def verdict(given: dict[str, Any] = sent) -> Verdict:
        return rows(settings, wanted, left_out, given)

    def sabotage(sql: str) -> None:
        command(settings, sql)

    right = asyncio.run(judge(settings, wanted, left_out, sent))
    assert (right.problems, right.events, right.lost, right.doubled) == ([], COUNT, 0, 0)
    assert min(sent["duplicates"], sent["sampled_out"], sum(sent["dead_letters"].values())) > 5

    assert asyncio.run(disordered(settings)) == []
    assert [entry.why for entry in asyncio.run(log_of(settings, 0)).entries[:3]] == ["", "", ""]

    # What producers say and what the topics hold are held to each other.
    assert "against what producers sent" in verdict(sent | {"duplicates": sent["duplicates"] + 1}).problems[0]

    # A window that is not kept any more.
    assert differing(settings, SOON) == []
    bookings = "window = 'rides.bookings.1m' AND values['created'] > 0"
    at = one(settings, f"SELECT toUnixTimestamp(min(starts_at)) FROM metrics_realtime WHERE {bookings}")
    sabotage(f"ALTER TABLE metrics_realtime DELETE WHERE {bookings} AND starts_at = {at} SETTINGS mutations_sync = 1")
    lines = differing(settings, SOON)
    assert any(f"at {at}: created is 0, " in line for line in lines)
    # Whoever confirmed in that minute too stood in the same row.
    assert all(re.search(rf"rides\.bookings\.1m .* at {at}: (created|confirmed) is 0, ", line) for line in lines)

    # A row that says something else.
    letter = "(topic, shard, offset) = (SELECT min((topic, shard, offset)) FROM dead_letters)"
    sabotage(f"ALTER TABLE dead_letters UPDATE value = 'x' WHERE {letter} SETTINGS mutations_sync = 1")
    assert verdict().problems == ["1 changed in dead_letters"]

    # A dead letter that is gone.
    sabotage(f"ALTER TABLE dead_letters DELETE WHERE {letter} SETTINGS mutations_sync = 1")
    found = verdict()
    assert (found.problems, found.lost, found.doubled) == (["1 lost in dead_letters"], 1, 0)

    # A row that is there twice, and with it what the views made of it.
    booking = "topic = 'rides.booking' AND shard = 1"
    row = f"SELECT min(offset) FROM events_raw WHERE {booking}"
    sabotage(f"INSERT INTO events_raw SELECT * FROM events_raw WHERE {booking} AND offset = ({row})")
    found = verdict()
    assert found.problems == ["1 doubled in booking_events", "1 doubled in events_raw", "1 lost in dead_letters"]
    assert found.doubled == 2

    # A row of a raw table that is gone: its family and its rollups then hold more than the raw rows say.
    gone = one(settings, "SELECT min(offset) FROM events WHERE topic = 'ticketing.pages' AND shard = 0")
    sabotage(
        f"ALTER TABLE events DELETE WHERE topic = 'ticketing.pages' AND shard = 0 AND offset = {gone} "
        "SETTINGS mutations_sync = 1"
    )
    found = asyncio.run(judge(settings, wanted, left_out, sent))
    assert "1 lost in events" in found.problems
    assert any(text.startswith("page_views on ") for text in found.problems)
    [wrong] = [each for each in found.wrong if each.table == "events"]
    assert tuple(wrong) == ("ticketing.pages", 0, gone, "events", "lost")
    # What a failed run prints: the seed, the schedule, the first wrong event, and its whole history.
    found.wrong.insert(0, wrong)
    schedule = draw(11, 2)
    told = "\n".join(explained(settings, schedule, found, logs))
    assert told.startswith("seed 11 FAILED: ")
    assert all(str(fault) in told for fault in schedule.faults)
    first = f"lost in events: topic ticketing.pages, partition 0, offset {gone}"
    for word in (first, "record: appended at", "valid, batch, token", "ingested_at", "by nobody", "row in page_views"):
        assert word in told, word

    # A live window that lacks an event; that of the page view which is gone may have one too many.
    before = asyncio.run(live_differing(settings))
    assert all(re.fullmatch(r"ticketing\.pages\.1m at \d+: views is \d+ live, .*", line) for line in before)
    sabotage(
        "INSERT INTO events_raw SELECT * REPLACE (now64(3) AS occurred_at, now64(3) AS ingested_at) FROM events_raw "
        "WHERE event_type = 'booking.created' LIMIT 1"
    )
    [line] = set(asyncio.run(live_differing(settings))) - set(before)
    assert re.fullmatch(r"rides\.bookings\.1m at \d+: created is (\d+) live, by the raw rows \d+", line)


PLACE = ("rides.booking", 1)


def test_an_offset_at_which_two_records_have_stood_wants_a_row_of_each() -> None:
    wanted = Wanted()
    wanted.rows["events_raw"][PLACE][5] += [(1, ""), (2, "")]

    def words(*hashes: int) -> list[str]:
        found = {PLACE: {5: [(each, "") for each in hashes]}} if hashes else {}
        return [each.what for each in compare("events_raw", wanted.rows["events_raw"], found)]

    assert words(2, 1) == []
    assert words(1) == ["lost"]
    assert words() == ["lost", "lost"]
    assert words(1, 2, 2) == ["doubled"]
    assert words(1, 3) == ["changed"]
    assert [each.what for each in compare("events_raw", {}, {PLACE: {5: [(1, "")]}})] == ["foreign"]


def test_what_versions_judge_differently_is_a_row_or_a_dead_letter() -> None:
    wanted = Wanted()
    wanted.contested[PLACE][7] = (1, 2)
    row, letter, family = [(1, "")], [(2, "invalid")], [(0, "")]

    def wrong(raw: list[tuple[int, str]], dead: list[tuple[int, str]], booking: list[tuple[int, str]]) -> list[str]:
        tables = {"events_raw": raw, "dead_letters": dead, "booking_events": booking}
        found = {table: {PLACE: {7: list(rows)}} if rows else {} for table, rows in tables.items()}
        told = [f"{each.what} in {each.table}" for each in settle_contested(wanted, found)]
        left = [table for table, places in found.items() if any(places.values())]
        return told + left

    assert wrong(row, [], family) == []
    assert wrong([], letter, []) == []
    assert wrong([], [], []) == ["lost in events_raw"]
    assert wrong(row, letter, family) == ["doubled in events_raw"]
    assert wrong(row * 2, [], family) == ["doubled in events_raw", "lost in booking_events"]
    assert wrong(row, [], []) == ["lost in booking_events"]
    # A family's row without its raw row is left over, and so foreign.
    assert wrong([], letter, family) == ["booking_events"]


def test_ranges_that_do_not_follow_one_another_are_told() -> None:
    def record(seq: int, start: int, end: int, *, begins: bool = False) -> Intent:
        return Intent(chain="c", seq=seq, previous="", nonce="n", ranges={"a": (start, end)}, begins=begins)

    right = [record(1, 0, 0, begins=True), record(2, 0, 5), record(3, 0, 5), record(4, 5, 5), record(5, 5, 7)]
    assert list(unlinked(right)) == []
    anew = [*right, record(6, 3, 3, begins=True), record(7, 3, 4)]
    assert list(unlinked(anew)) == []
    assert list(unlinked([*right, record(6, 8, 9)])) == ["record 6 takes a from 8 on, the one before it ended at 7"]
    assert list(unlinked([*right, record(6, 6, 9)])) == ["record 6 takes a from 6 on, the one before it ended at 7"]
